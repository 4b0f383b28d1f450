/* SPDX-License-Identifier: MIT */
/* Gets: what is read in full is compared with the hash that the store keeps of it, and every get
 * has as many bytes as its beginning said. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/front_private.h"

typedef struct front_get {
    skep_get_how how;
    skep__progress progress;
    skep__hasher hasher;
    bool verify; /* all of it is read, and its hash is known */
    bool ended;
    uint64_t want;
    uint64_t done;
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    char if_etag[SKEP_STORE_ETAG_MAX + 1];
    char key[SKEP_STORE_KEY_MAX + 1];
} front_get;

static int fill(front_get *f, const skep_store *store, const char *key, const skep_get_opts *opts)
{
    SKEP__TRY(skep__front_key(store, key));
    if (opts->if_etag != NULL && strnlen(opts->if_etag, sizeof(f->if_etag)) == sizeof(f->if_etag))
        return SKEP__FAIL(SKEP_EINVALID, "if_etag has more than %d bytes", SKEP_STORE_ETAG_MAX);
    SKEP__TRY(skep__front_io(&opts->io, &f->how.io, &f->progress));
    memcpy(f->key, key, strlen(key) + 1);
    f->how.offset = opts->offset;
    f->how.bytes = opts->bytes;
    if (opts->if_etag != NULL) {
        memcpy(f->if_etag, opts->if_etag, strlen(opts->if_etag) + 1);
        f->how.if_etag = f->if_etag;
    }
    skep__hasher_begin(&f->hasher);
    return SKEP_OK;
}

/* Now that the object is known: how much is to come, and what is to come out. */
static int expect(front_get *f, const skep_object *info)
{
    if (f->how.offset > info->bytes)
        return SKEP__FAIL(SKEP_EINVALID, "'%s' has %llu bytes; offset %llu is beyond its end",
                          f->key, (unsigned long long)info->bytes,
                          (unsigned long long)f->how.offset);
    f->want = info->bytes - f->how.offset;
    if (f->how.bytes != 0 && f->how.bytes < f->want)
        f->want = f->how.bytes;
    f->verify = f->want == info->bytes && (info->flags & SKEP_OBJECT_HASHED) != 0 &&
                (info->flags & SKEP_OBJECT_SEALED) == 0; /* whose hash is another one */
    memcpy(f->hash, info->hash, sizeof(f->hash));
    f->progress.total = f->want;
    return SKEP_OK;
}

static int open_get(skep_store *store, const char *key, const skep_get_opts *opts, skep_get **out,
                    skep_object *info)
{
    SKEP__CLEANUP(skep__freep) front_get *f = skep__calloc(1, sizeof(*f));
    skep_get *get = NULL;
    if (f == NULL)
        return skep__oom();
    SKEP__TRY(fill(f, store, key, opts));
    SKEP__TRY(store->engine->get_open(store, f->key, &f->how, &get, info));
    ASSERT(get != NULL);
    int rc = expect(f, info);
    if (rc < 0) {
        store->engine->get_close(get);
        return rc;
    }
    get->front = SKEP__TAKE(f);
    *out = get;
    return SKEP_OK;
}

int skep_get_open(skep_store *store, const char *key, const skep_get_opts *opts, skep_get **out,
                  skep_object *info)
{
    skep_get_opts taken = SKEP_GET_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__front_object_asked(info));
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_get_opts"));
    SKEP__TRY(open_get(store, key, &taken, out, &object));
    skep__front_object(&object, info);
    return SKEP_OK;
}

static int damaged(const front_get *f)
{
    char want[SKEP__HASH_TEXT];
    char have[SKEP__HASH_TEXT];
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    skep__hasher_end(&f->hasher, hash);
    skep__hash_text(f->hash, want);
    skep__hash_text(hash, have);
    if (strcmp(want, have) == 0)
        return SKEP_OK;
    return SKEP__FAIL(SKEP_ECORRUPT, "'%s' is damaged: its hash was %s and is %s now", f->key, want,
                      have);
}

static int ends(front_get *f)
{
    if (f->done < f->want)
        return SKEP__FAIL(SKEP_ECORRUPT, "'%s' ended after %llu of %llu bytes", f->key,
                          (unsigned long long)f->done, (unsigned long long)f->want);
    if (f->verify)
        SKEP__TRY(damaged(f));
    f->ended = true;
    return SKEP_OK;
}

int skep_get_read(skep_get *get, void *data, size_t len, size_t *got)
{
    SKEP__REQUIRE(get != NULL);
    SKEP__REQUIRE(data != NULL || len == 0);
    SKEP__REQUIRE(got != NULL);
    front_get *f = get->front;
    size_t n = 0;
    if (f->ended || (len == 0 && f->done < f->want)) {
        *got = 0;
        return SKEP_OK;
    }
    /* At the end one more read of a byte tells whether the engine is there too. */
    uint8_t beyond;
    uint64_t left = f->want - f->done;
    size_t most = len < left ? len : (size_t)left;
    SKEP__TRY(skep__io_check(&f->how.io));
    SKEP__TRY(get->engine->get_read(get, left > 0 ? data : &beyond, left > 0 ? most : 1, &n));
    if (n > most)
        return SKEP__FAIL(SKEP_ECORRUPT, "'%s' goes on after its %llu bytes", f->key,
                          (unsigned long long)f->want);
    if (n == 0)
        SKEP__TRY(ends(f));
    if (f->verify)
        skep__hasher_add(&f->hasher, data, n);
    f->done += n;
    if (n > 0)
        skep__front_progress(&f->progress, f->done);
    *got = n;
    return SKEP_OK;
}

void skep_get_close(skep_get *get)
{
    if (get == NULL)
        return;
    skep__free(SKEP__TAKE(get->front));
    get->engine->get_close(get);
}

/* ---- into memory ---- */

static void close_get(skep_get **get)
{
    skep_get_close(*get);
}

/* All that is to come, and its end. */
static int read_all(skep_get *get, skep_arena *arena, skep_slice *out)
{
    ASSERT(get != NULL);
    const front_get *f = get->front;
    uint64_t want = f->want;
    size_t got = 0;
    size_t done = 0;
    void *at = NULL;
    if (want >= SIZE_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "'%s' does not fit memory", f->key);
    SKEP__TRY(skep__arena_take(arena, (size_t)want + 1, 1, &at));
    do {
        size_t left = (size_t)want - done;
        size_t piece = left < SKEP__STORE_PIECE ? left : SKEP__STORE_PIECE;
        SKEP__TRY(skep_get_read(get, (char *)at + done, piece, &got));
        done += got;
    } while (got > 0);
    ((char *)at)[done] = '\0'; /* for text, as with skep_collect() */
    *out = skep_slice_of(at, done);
    return SKEP_OK;
}

int skep_store_get(skep_store *store, const char *key, const skep_get_opts *opts, skep_arena *arena,
                   skep_slice *out, skep_object *info)
{
    skep_get_opts taken = SKEP_GET_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep_slice bytes;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(arena != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__front_object_asked(info));
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_get_opts"));
    SKEP__CLEANUP(close_get) skep_get *get = NULL;
    SKEP__TRY(open_get(store, key, &taken, &get, &object));
    SKEP__TRY(read_all(get, arena, &bytes));
    skep__front_object(&object, info);
    *out = bytes;
    return SKEP_OK;
}

/* ---- into a file ---- */

static int read_into(skep_get *get, const skep__os_new *file)
{
    size_t got = 0;
    SKEP__CLEANUP(skep__freep) void *piece = skep__alloc(SKEP__STORE_PIECE);
    if (piece == NULL)
        return skep__oom();
    do {
        SKEP__TRY(skep_get_read(get, piece, SKEP__STORE_PIECE, &got));
        SKEP__TRY(skep__os_write(file->fd, file->temp, piece, got));
    } while (got > 0);
    return SKEP_OK;
}

int skep_store_get_file(skep_store *store, const char *key, const char *path,
                        const skep_get_opts *opts, skep_object *info)
{
    skep_get_opts taken = SKEP_GET_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep__os_new file;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(path != NULL);
    SKEP__TRY(skep__front_object_asked(info));
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_get_opts"));
    SKEP__CLEANUP(close_get) skep_get *get = NULL;
    SKEP__TRY(open_get(store, key, &taken, &get, &object));
    SKEP__TRY(skep__os_new_begin(path, &file));
    int rc = read_into(get, &file);
    if (rc < 0) {
        skep__os_new_abort(&file);
        return rc;
    }
    SKEP__TRY(skep__os_new_commit(&file));
    skep__front_object(&object, info);
    return SKEP_OK;
}
