/* SPDX-License-Identifier: MIT */
/* Opening and closing, and what concerns whole objects without their content. */
#include "store/store.h"

#include <string.h>

#include "base/mem.h"
#include "store/front_private.h"

static int not_here(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
{
    (void)opts;
    (void)out;
    return SKEP__FAIL(SKEP_EUNSUPPORTED, "this build has no store for %s:", uri->scheme);
}

typedef int open_fn(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out);
/* clang-format off */
static const struct {
    const char *scheme;
    open_fn *open;
} engines[] = {
    {"file", skep__disk_open},
    {"tree", skep__tree_open},
    {"s3", skep__s3_open},
    {"http", skep__remote_open},
    {"https", skep__remote_open},
    {"mirror", skep__mirror_open},
};
/* clang-format on */

static open_fn *engine_of(const char *scheme)
{
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
        if (strcmp(engines[i].scheme, scheme) == 0)
            return engines[i].open;
    return not_here;
}

int skep_store_open(const char *uri, const skep_store_opts *opts, skep_store **out)
{
    SKEP__REQUIRE(uri != NULL);
    SKEP__REQUIRE(out != NULL);
    skep_store_opts complete;
    SKEP__TRY(skep__settings_take(&skep__store_settings, opts, &complete));
    SKEP__CLEANUP(skep__freep) skep__store_uri *parsed = skep__calloc(1, sizeof(*parsed));
    SKEP__CLEANUP(skep__buf_dispose) skep__buf texts = SKEP__BUF_INIT(SKEP__STORE_TEXTS_MAX);
    if (parsed == NULL)
        return skep__oom();
    SKEP__TRY(skep__store_uri_parse(uri, parsed, &complete, &texts));
    skep_store *store = NULL;
    SKEP__TRY(engine_of(parsed->scheme)(parsed, &complete, &store));
    SKEP__TRY(skep__front_adopt(store, &complete));
    *out = store;
    return SKEP_OK;
}

int skep_store_close(skep_store *store)
{
    if (store == NULL)
        return SKEP_OK;
    skep__front *front = store->front;
    int rc = store->engine->close(store);
    skep__free(front);
    return rc;
}

const char *skep_store_name(const skep_store *store)
{
    return store != NULL ? store->engine->describe(store) : "";
}

/* ---- head, delete ---- */

int skep_store_head(skep_store *store, const char *key, const skep_io_opts *opts, skep_object *out)
{
    skep_io io;
    skep_object object = SKEP_OBJECT_INIT;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__front_object_asked(out));
    SKEP__TRY(skep__front_key(store, key));
    SKEP__TRY(skep__front_io(opts, &io, NULL));
    SKEP__TRY(store->engine->head(store, key, &io, &object));
    skep__front_object(&object, out);
    return SKEP_OK;
}

int skep_store_delete(skep_store *store, const char *key, const skep_io_opts *opts)
{
    return skep_store_delete_many(store, &key, 1, opts, NULL);
}

/* What happened to a batch that fills `results` or fails as a whole. Negative: nothing of the rest
 * needs to be tried. */
static int remove_batch(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                        int *results)
{
    size_t failed = 0;
    for (size_t i = 0; i < n; i++)
        results[i] = SKEP_OK;
    int rc = store->engine->remove(store, keys, n, io, results);
    for (size_t i = 0; i < n; i++)
        failed += results[i] < 0;
    for (size_t i = 0; i < n && rc < 0 && failed == 0; i++)
        results[i] = rc;
    return rc < 0 && (failed == 0 || failed == n) ? rc : SKEP_OK;
}

/* The detail is that of what failed first, or of what an engine said last. */
static void note(const int *results, size_t n, skep_err *first)
{
    for (size_t i = 0; i < n && first->code == SKEP_OK; i++) {
        if (results[i] < 0) {
            skep__err_save(first);
            first->code = results[i];
        }
    }
}

/* All that can be refused before anything is done. */
static int check_remove(const skep_store *store, const char *const *keys, size_t n,
                        const skep_io_opts *opts, skep_io *io)
{
    SKEP__TRY(skep__front_writable(store));
    for (size_t i = 0; i < n; i++) {
        SKEP__REQUIRE(keys[i] != NULL);
        SKEP__TRY(skep__front_key(store, keys[i]));
    }
    return skep__front_io(opts, io, NULL);
}

int skep_store_delete_many(skep_store *store, const char *const *keys, size_t n,
                           const skep_io_opts *opts, int *results)
{
    skep_io io;
    int spare[SKEP_STORE_DELETE_MAX];
    skep_err first = {.code = SKEP_OK};
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(keys != NULL || n == 0);
    int over = check_remove(store, keys, n, opts, &io);
    for (size_t i = 0; i < n && over < 0 && results != NULL; i++)
        results[i] = over;
    SKEP__TRY(over);
    for (size_t done = 0; done < n;) {
        size_t batch = n - done < SKEP_STORE_DELETE_MAX ? n - done : SKEP_STORE_DELETE_MAX;
        int *into = results != NULL ? results + done : spare;
        if (over >= 0)
            over = skep__io_check(&io);
        if (over >= 0)
            over = remove_batch(store, keys + done, batch, &io, into);
        else
            for (size_t i = 0; i < batch; i++)
                into[i] = over;
        note(into, batch, &first);
        done += batch;
    }
    return first.code == SKEP_OK ? SKEP_OK : skep__err_install(&first);
}

/* ---- copy ---- */

/* Through this process: what is read is verified at its end, before the commit. */
static int move_bytes(skep_get *from, skep_put *to)
{
    size_t got = 0;
    SKEP__CLEANUP(skep__freep) void *piece = skep__alloc(SKEP__STORE_PIECE);
    if (piece == NULL)
        return skep__oom();
    do {
        SKEP__TRY(skep_get_read(from, piece, SKEP__STORE_PIECE, &got));
        SKEP__TRY(skep_put_write(to, piece, got));
    } while (got > 0);
    return SKEP_OK;
}

static int copy_bytes(skep_store *store, const char *from, const char *to, skep_put_opts *opts,
                      skep_object *out)
{
    skep_object info = SKEP_OBJECT_INIT;
    skep_get_opts get_opts = SKEP_GET_OPTS_INIT;
    skep_get *get = NULL;
    skep_put *put = NULL;
    get_opts.io = opts->io;
    get_opts.io.progress = NULL; /* the put tells */
    SKEP__TRY(skep_get_open(store, from, &get_opts, &get, &info));
    bool plain = (info.flags & SKEP_OBJECT_HASHED) != 0 && (info.flags & SKEP_OBJECT_SEALED) == 0;
    opts->bytes = info.bytes;
    int rc = skep__front_put(store, to, opts, plain ? info.hash : NULL, &put);
    if (rc >= 0)
        rc = move_bytes(get, put);
    if (rc >= 0)
        rc = skep_put_commit(put, out);
    else
        skep_put_abort(put);
    skep_get_close(get);
    return rc;
}

/* By the engine. SKEP_EUNSUPPORTED: it cannot. */
static int copy_inside(skep_store *store, const char *from, const char *to,
                       const skep_put_opts *opts, skep_object *out)
{
    skep_io io;
    uint32_t caps = 0;
    skep_object object = SKEP_OBJECT_INIT;
    SKEP__TRY(skep__front_io(&opts->io, &io, NULL));
    SKEP__TRY(skep__front_caps(store, &io, &caps));
    if ((caps & SKEP_STORE_CAN_COPY) == 0 && !atomic_load(&skep__front_of(store)->hands_copies))
        return SKEP_EUNSUPPORTED;
    if (opts->create != 0 || opts->if_etag != NULL) {
        skep_object source = SKEP_OBJECT_INIT;
        SKEP__TRY(store->engine->head(store, from, &io, &source));
        SKEP__TRY(skep__front_condition(store, opts, source.bytes, &io));
    }
    const skep_put_how how = {
        .create = opts->create, .if_etag = opts->if_etag, .bytes = SKEP_BYTES_UNKNOWN, .io = io};
    SKEP__TRY(store->engine->copy(store, from, to, &how, &object));
    skep__front_object(&object, out);
    return SKEP_OK;
}

int skep_store_copy(skep_store *store, const char *from, const char *to, const skep_put_opts *opts,
                    skep_object *out)
{
    skep_put_opts taken = SKEP_PUT_OPTS_INIT;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(from != NULL);
    SKEP__REQUIRE(to != NULL);
    SKEP__TRY(skep__front_object_asked(out));
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_put_opts"));
    SKEP__TRY(skep__front_writable(store));
    SKEP__TRY(skep__front_key(store, from));
    SKEP__TRY(skep__front_key(store, to));
    if (strcmp(from, to) == 0)
        return SKEP__FAIL(SKEP_EINVALID, "a copy of '%s' onto itself", from);
    int rc = copy_inside(store, from, to, &taken, out);
    return rc == SKEP_EUNSUPPORTED ? copy_bytes(store, from, to, &taken, out) : rc;
}
