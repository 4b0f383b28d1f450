/* SPDX-License-Identifier: MIT */
/* Puts: of streams, of memory and of files. The hash of a content is taken as it passes. */
#include <fcntl.h>
#include <string.h>

#include "base/mem.h"
#include "net/net.h"
#include "os/os.h"
#include "store/front_private.h"

typedef struct front_put {
    skep_store *store;
    skep_put_how how;
    skep__progress progress;
    bool hashed; /* the hash of what passes is wanted */
    skep__hasher hasher;
    uint64_t done;
    skep_err failed; /* code SKEP_OK: nothing has */
    char if_etag[SKEP_STORE_ETAG_MAX + 1];
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    char key[SKEP_STORE_KEY_MAX + 1];
} front_put;

static int check_size(uint64_t bytes)
{
    if (bytes != SKEP_BYTES_UNKNOWN && bytes > SKEP_STORE_BYTES_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "an object of %llu bytes; %llu are allowed",
                          (unsigned long long)bytes, (unsigned long long)SKEP_STORE_BYTES_MAX);
    return SKEP_OK;
}

static bool has_own_hash(const skep_store *store)
{
    return (store->engine->flags & SKEP_ENGINE_OWN_HASH) != 0;
}

/* All that is asked of a put, before the engine hears of it. */
static int fill(front_put *f, const char *key, const skep_put_opts *opts, const uint8_t *hash)
{
    skep_store *store = f->store;
    SKEP__TRY(skep__front_writable(store));
    SKEP__TRY(skep__front_key(store, key));
    SKEP__TRY(check_size(opts->bytes));
    SKEP__TRY(skep__front_io(&opts->io, &f->how.io, &f->progress));
    SKEP__TRY(skep__front_condition(store, opts, opts->bytes, &f->how.io));
    memcpy(f->key, key, strlen(key) + 1);
    f->how.bytes = opts->bytes;
    f->how.create = opts->create;
    f->progress.total = opts->bytes;
    if (opts->if_etag != NULL) {
        memcpy(f->if_etag, opts->if_etag, strlen(opts->if_etag) + 1);
        f->how.if_etag = f->if_etag;
    }
    if (hash != NULL) {
        memcpy(f->hash, hash, sizeof(f->hash));
        f->how.hash = f->hash;
    }
    f->hashed = hash != NULL || !has_own_hash(store);
    skep__hasher_begin(&f->hasher);
    return SKEP_OK;
}

static int begin(skep_store *store, const char *key, const skep_put_opts *opts, const uint8_t *hash,
                 const void *content, skep_put **out)
{
    SKEP__CLEANUP(skep__freep) front_put *f = skep__calloc(1, sizeof(*f));
    if (f == NULL)
        return skep__oom();
    f->store = store;
    SKEP__TRY(fill(f, key, opts, hash));
    f->how.content = content;
    f->hashed = f->hashed && (content == NULL || hash == NULL); /* it is known, and stays */
    skep_put *put = NULL;
    SKEP__TRY(store->engine->put_begin(store, f->key, &f->how, &put));
    put->front = SKEP__TAKE(f);
    *out = put;
    return SKEP_OK;
}

int skep__front_put(skep_store *store, const char *key, const skep_put_opts *opts,
                    const uint8_t *hash, skep_put **out)
{
    return begin(store, key, opts, hash, NULL, out);
}

int skep_put_begin(skep_store *store, const char *key, const skep_put_opts *opts, skep_put **out)
{
    skep_put_opts taken = SKEP_PUT_OPTS_INIT;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_put_opts"));
    return skep__front_put(store, key, &taken, NULL, out);
}

static int write_piece(skep_put *put, front_put *f, const void *data, size_t len)
{
    bool conditional = f->how.create != 0 || f->how.if_etag != NULL;
    SKEP__TRY(skep__io_check(&f->how.io));
    SKEP__TRY(check_size(f->done + len));
    if (f->how.bytes != SKEP_BYTES_UNKNOWN && f->done + len > f->how.bytes)
        return SKEP__FAIL(SKEP_EINVALID, "more than the %llu bytes that the put of '%s' announced",
                          (unsigned long long)f->how.bytes, f->key);
    if (conditional && f->done + len > SKEP_STORE_SINGLE_MAX)
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "a put with a condition of more than %llu bytes ('%s')",
                          (unsigned long long)SKEP_STORE_SINGLE_MAX, f->key);
    SKEP__TRY(put->engine->put_write(put, data, len));
    if (f->hashed)
        skep__hasher_add(&f->hasher, data, len);
    f->done += len;
    skep__front_progress(&f->progress, f->done);
    return SKEP_OK;
}

int skep_put_write(skep_put *put, const void *data, size_t len)
{
    SKEP__REQUIRE(put != NULL);
    SKEP__REQUIRE(data != NULL || len == 0);
    front_put *f = put->front;
    const uint8_t *at = data;
    if (f->failed.code != SKEP_OK)
        return skep__err_install(&f->failed);
    while (len > 0) {
        size_t n = len < SKEP__STORE_PIECE ? len : SKEP__STORE_PIECE;
        int rc = write_piece(put, f, at, n);
        if (rc < 0) {
            skep__err_save(&f->failed);
            return rc;
        }
        at += n;
        len -= n;
    }
    return SKEP_OK;
}

/* Is all there that was announced, and what was announced? */
static int check_whole(const front_put *f, const uint8_t hash[SKEP_STORE_HASH_BYTES])
{
    if (f->failed.code != SKEP_OK)
        return skep__err_install(&f->failed);
    SKEP__TRY(skep__io_check(&f->how.io));
    if (f->how.bytes != SKEP_BYTES_UNKNOWN && f->done != f->how.bytes)
        return SKEP__FAIL(SKEP_EINVALID, "%llu of the %llu bytes that the put of '%s' announced",
                          (unsigned long long)f->done, (unsigned long long)f->how.bytes, f->key);
    if (f->how.hash != NULL && memcmp(f->how.hash, hash, SKEP_STORE_HASH_BYTES) != 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "the content of '%s' changed while it was read", f->key);
    return SKEP_OK;
}

int skep_put_commit(skep_put *put, skep_object *out)
{
    SKEP__REQUIRE(put != NULL);
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    skep_object object = SKEP_OBJECT_INIT;
    SKEP__CLEANUP(skep__freep) front_put *f = put->front;
    if (f->how.content != NULL && f->how.hash != NULL)
        memcpy(hash, f->how.hash, sizeof(hash));
    else
        skep__hasher_end(&f->hasher, hash);
    int rc = skep__front_object_asked(out);
    if (rc >= 0)
        rc = check_whole(f, hash);
    if (rc < 0) {
        put->engine->put_abort(put);
        return rc;
    }
    SKEP__TRY(put->engine->put_commit(put, hash, &object));
    skep__front_object(&object, out);
    return SKEP_OK;
}

void skep_put_abort(skep_put *put)
{
    if (put == NULL)
        return;
    skep__free(SKEP__TAKE(put->front));
    put->engine->put_abort(put);
}

/* ---- what can be sent once more ---- */

typedef struct sending {
    skep_put_opts opts; /* of the next attempt */
    skep_io io;
    skep__retry retry;
    skep__progress told;
    uint64_t most; /* bytes that were told of; those sent again are not */
} sending;

static void tell_once(uint64_t done, uint64_t total, void *ctx)
{
    sending *s = ctx;
    if (done <= s->most)
        return;
    s->most = done;
    s->told.fn(done, total, s->told.ctx);
}

/* Stays where it is until it was sent. */
static int begin_sending(const skep_store *store, const skep_put_opts *opts, uint64_t bytes,
                         sending *s)
{
    *s = (sending){.opts = *opts};
    SKEP__TRY(skep__front_io(&opts->io, &s->io, &s->told));
    skep__retry_init(&s->retry, skep__front_of(store)->retry_ms, s->io.deadline_ns, s->io.cancel);
    s->opts.bytes = bytes;
    s->opts.io.progress = s->told.fn != NULL ? tell_once : NULL;
    s->opts.io.ctx = s;
    return SKEP_OK;
}

/* The network failed, and nothing was changed: an engine that could not repeat its request had no
 * content any more, and here it still is. SKEP_OK: try again. */
static int send_again(sending *s, int rc)
{
    if (rc != SKEP_ENET || skep_last_error()->outcome != SKEP_OUTCOME_NONE)
        return rc;
    SKEP__TRY(skep__retry_again(&s->retry, -1));
    s->opts.io.timeout_ms = skep__io_opts(&s->io).timeout_ms; /* what is left of it */
    return SKEP_OK;
}

/* ---- memory ---- */

/* Write it all and commit, or abort. */
static int put_memory(skep_store *store, const char *key, skep_slice data,
                      const skep_put_opts *opts, skep_object *out)
{
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    const uint8_t *known = NULL;
    skep_put *put = NULL;
    if (!has_own_hash(store)) {
        skep__hash128_plain(data.data, data.len, hash);
        known = hash;
    }
    SKEP__TRY(begin(store, key, opts, known, data.data, &put));
    int rc = skep_put_write(put, data.data, data.len);
    if (rc >= 0)
        return skep_put_commit(put, out);
    skep_put_abort(put);
    return rc;
}

int skep_store_put(skep_store *store, const char *key, skep_slice data, const skep_put_opts *opts,
                   skep_object *out)
{
    skep_put_opts taken = SKEP_PUT_OPTS_INIT;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(data.data != NULL || data.len == 0);
    SKEP__TRY(skep__front_object_asked(out));
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_put_opts"));
    sending sent;
    SKEP__TRY(begin_sending(store, &taken, data.len, &sent));
    int rc = put_memory(store, key, data, &sent.opts, out);
    while (rc < 0) {
        SKEP__TRY(send_again(&sent, rc));
        rc = put_memory(store, key, data, &sent.opts, out);
    }
    return rc;
}

/* ---- files ---- */

typedef struct source {
    const char *path;
    int fd;
    skep__file_info info; /* as it was in the beginning */
    char *piece;
} source;

static void close_source(source *from)
{
    skep__os_drop(&from->fd);
    skep__free(from->piece);
}

static int open_source(const char *path, source *out)
{
    out->path = path;
    SKEP__TRY(skep__os_open(path, O_RDONLY | O_NONBLOCK, 0, &out->fd)); /* a FIFO must not hang */
    SKEP__TRY(skep__os_info(out->fd, path, &out->info));
    if (out->info.type != SKEP__FILE_REGULAR)
        return SKEP__FAIL(SKEP_EINVALID, "%s is not a plain file", path);
    out->piece = skep__alloc(SKEP__STORE_PIECE);
    return out->piece != NULL ? SKEP_OK : skep__oom();
}

/* Its size and times are what they were; the time of the inode also tells of a write that left the
 * others as they were. */
static int unchanged(const source *from)
{
    skep__file_info now;
    SKEP__TRY(skep__os_info(from->fd, from->path, &now));
    if (now.size != from->info.size || now.mtime_ns != from->info.mtime_ns ||
        now.ctime_ns != from->info.ctime_ns)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s changed while it was read", from->path);
    return SKEP_OK;
}

/* Once through the file: to `put`, or (NULL) only its hash. */
static int read_through(const source *from, skep_put *put, const skep_io *io, skep__hasher *hasher)
{
    uint64_t done = 0;
    for (;;) {
        size_t got = 0;
        SKEP__TRY(skep__io_check(io));
        SKEP__TRY(skep__os_read(from->fd, from->path, from->piece, SKEP__STORE_PIECE, &got));
        done += got;
        if (got == 0 || done > from->info.size)
            break;
        if (put != NULL)
            SKEP__TRY(skep_put_write(put, from->piece, got));
        else
            skep__hasher_add(hasher, from->piece, got);
    }
    if (done != from->info.size)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s changed its size while it was read", from->path);
    return unchanged(from);
}

/* The hash of the file, for a store that keeps it only if it knows it beforehand. */
static int hash_first(skep_store *store, const source *from, const skep_io *io,
                      uint8_t hash[SKEP_STORE_HASH_BYTES], const uint8_t **known)
{
    uint32_t caps = 0;
    uint32_t probe = 0;
    SKEP__TRY(store->engine->caps(store, io, &caps, &probe));
    if ((caps & SKEP_STORE_HASH_FIRST) == 0)
        return SKEP_OK;
    skep__hasher hasher;
    skep__hasher_begin(&hasher);
    SKEP__TRY(read_through(from, NULL, io, &hasher));
    skep__hasher_end(&hasher, hash);
    *known = hash;
    return skep__os_rewind(from->fd, from->path);
}

static int put_source(skep_store *store, const char *key, const source *from,
                      const skep_put_opts *opts, skep_object *out)
{
    skep_io io;
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    const uint8_t *known = NULL;
    skep_put *put = NULL;
    SKEP__TRY(skep__front_io(&opts->io, &io, NULL));
    SKEP__TRY(hash_first(store, from, &io, hash, &known));
    SKEP__TRY(skep__front_put(store, key, opts, known, &put));
    int rc = read_through(from, put, &io, NULL);
    if (rc >= 0)
        return skep_put_commit(put, out);
    skep_put_abort(put);
    return rc;
}

int skep_store_put_file(skep_store *store, const char *key, const char *path,
                        const skep_put_opts *opts, skep_object *out)
{
    skep_put_opts taken = SKEP_PUT_OPTS_INIT;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(path != NULL);
    SKEP__TRY(skep__front_object_asked(out));
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_put_opts"));
    SKEP__TRY(skep__front_writable(store));
    SKEP__TRY(skep__front_key(store, key));
    SKEP__CLEANUP(close_source) source from = {.fd = -1};
    SKEP__TRY(open_source(path, &from));
    sending sent;
    SKEP__TRY(begin_sending(store, &taken, from.info.size, &sent));
    int rc = put_source(store, key, &from, &sent.opts, out);
    while (rc < 0) {
        SKEP__TRY(send_again(&sent, rc));
        SKEP__TRY(skep__os_rewind(from.fd, path));
        rc = put_source(store, key, &from, &sent.opts, out);
    }
    return rc;
}
