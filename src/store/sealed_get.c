/* SPDX-License-Identifier: MIT */
/*
 * Getting. The head comes first, with as much behind it as is asked for where that is near: so what
 * is small, or read from its beginning, is one request. What lies further in is a second one, on
 * the ETag of the first. Where length and hash of the content stand in a trailer, a read from the
 * beginning to the end meets it by itself; any other asks for it, because a length that nobody has
 * authenticated is none.
 *
 * No byte leaves before its chunk was authenticated, and the end is told only when the last chunk
 * was there, the length is what the content asks for, and the hash is right.
 */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/sealed_private.h"

typedef struct sealed_get {
    skep_get base;
    sealed_store *store;
    char key[SKEP_STORE_KEY_MAX + 1];
    char etag[SKEP_STORE_ETAG_MAX + 1];
    const char *if_etag; /* of the caller */
    skep_io io;

    skep_get *inner;
    uint8_t head[SKEP__SEALED_HEAD_MAX]; /* and what came behind it */
    size_t head_at;                      /* what of it was used */
    size_t head_len;

    const skep__data_key *data_key;
    skep__data_key *owned;
    skep__sealed *sealed;
    bool unknown; /* length and hash stand in a trailer */
    bool padded;
    uint32_t head_bytes;  /* where the chunks begin */
    uint64_t plain_bytes; /* of the plain run, as the object's length says */
    uint64_t last;        /* number of the last chunk */

    uint64_t at;  /* in the content: the next byte to hand out */
    uint64_t end; /* and the first one not to */
    bool whole;   /* from the beginning to the end */
    int failed;   /* there is nothing behind a failure */

    uint64_t chunk; /* the next one's number */
    uint8_t hash[SKEP__CONTENT_HASH_BYTES];
    uint8_t trailer[SKEP__TRAILER_BYTES];
    size_t from; /* in `plain` */
    size_t have; /* there, still to be handed out */
    uint8_t plain[SKEP__SEALED_CHUNK];
    uint8_t in[SKEP__SEALED_STRIDE];
} sealed_get;

static void get_free(sealed_get *g)
{
    if (g == NULL)
        return;
    skep_get_close(g->inner);
    skep__sealed_free(g->sealed);
    skep__data_key_free(g->owned);
    skep__free(g);
}

static void get_freep(sealed_get **g)
{
    get_free(*g);
}

/* ---- requests ---- */

/* `bytes` from `offset` on in the sealed object; 0: to its end. */
static int request(sealed_get *g, uint64_t offset, uint64_t bytes, skep_object *info)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_get_close(SKEP__TAKE(g->inner));
    opts.offset = offset;
    opts.bytes = bytes;
    opts.if_etag = g->etag[0] != '\0' ? g->etag : g->if_etag;
    opts.io = skep__io_opts(&g->io);
    return skep_get_open(g->store->next, g->key, &opts, &g->inner, info);
}

/* `len` bytes, or fewer at the end. */
static int fill(sealed_get *g, uint8_t *to, size_t len, size_t *got)
{
    size_t rest = g->head_len - g->head_at;
    size_t n = rest < len ? rest : len;
    memcpy(to, g->head + g->head_at, n);
    g->head_at += n;
    for (size_t more = 1; n < len && more > 0; n += more)
        SKEP__TRY(skep_get_read(g->inner, to + n, len - n, &more));
    *got = n;
    return SKEP_OK;
}

static size_t plain_len(const sealed_get *g, uint64_t chunk)
{
    return chunk < g->last ? SKEP__SEALED_CHUNK
                           : (size_t)(g->plain_bytes - g->last * SKEP__SEALED_CHUNK);
}

/* The next chunk, authenticated, at `out`. Its plain length is plain_len(). */
static int take_chunk(sealed_get *g, uint8_t *out)
{
    size_t len = plain_len(g, g->chunk) + SKEP__TAG_BYTES;
    size_t got = 0;
    SKEP__TRY(fill(g, g->in, len, &got));
    if (got < len)
        return SKEP__FAIL(SKEP_ECORRUPT, "a sealed object ends within its chunk %llu",
                          (unsigned long long)g->chunk);
    SKEP__TRY(skep__sealed_unseal(g->sealed, g->chunk, g->chunk == g->last,
                                  skep_slice_of(g->in, len), out));
    g->chunk++;
    return SKEP_OK;
}

/* ---- the head ---- */

/* Length and hash as they are known so far. */
static void tell(const sealed_get *g, skep_object *info)
{
    uint64_t content = skep__sealed_content_bytes(g->sealed);
    info->flags = SKEP_OBJECT_SEALED;
    info->bytes = content;
    memset(info->hash, 0, sizeof(info->hash));
    if (content == SKEP__CONTENT_UNKNOWN) {
        info->bytes = g->plain_bytes - SKEP__TRAILER_BYTES;
        return;
    }
    info->flags |= SKEP_OBJECT_HASHED;
    memcpy(info->hash, skep__sealed_content_hash(g->sealed), sizeof(info->hash));
}

/* A mirror keeps the loser of a conflict, with its sealed bytes, as branches/KEY/TIME-HASH, or
 * where that is too long under the hash of KEY: such a one carries the name that it had. */
static bool is_branch_of(const char *key, skep_slice name)
{
    static const char branches[] = "branches/";
    char hash[SKEP__HASH_TEXT];
    uint8_t bytes[SKEP_STORE_HASH_BYTES];
    if (strncmp(key, branches, sizeof(branches) - 1) != 0)
        return false;
    const char *of = key + sizeof(branches) - 1;
    const char *end = strrchr(key, '/');
    if (end < of)
        return false;
    if ((size_t)(end - of) == name.len && memcmp(of, name.data, name.len) == 0)
        return true;
    skep__hash128_plain(name.data, name.len, bytes);
    skep__hash_text(bytes, hash);
    static const char too_long[] = ".long/";
    return (size_t)(end - of) == sizeof(too_long) - 1 + sizeof(hash) - 1 &&
           strncmp(of, too_long, sizeof(too_long) - 1) == 0 &&
           strncmp(of + sizeof(too_long) - 1, hash, sizeof(hash) - 1) == 0;
}

/* The head with as many bytes of the object as `want` says; 0: all. */
static int open_head(sealed_get *g, uint64_t want, skep_object *info)
{
    skep__sealed_head head;
    SKEP__TRY(request(g, 0, want, info));
    SKEP__TRY(fill(g, g->head, sizeof(g->head), &g->head_len));
    memcpy(g->etag, info->etag, sizeof(g->etag));
    int rc = skep__sealed_look(skep_slice_of(g->head, g->head_len), &head);
    if (rc == SKEP_EINVALID)
        return SKEP__FAIL(SKEP_ECORRUPT, "it is not sealed: it was put by somebody else, or the "
                                         "beginning is damaged");
    SKEP__TRY(rc);
    SKEP__TRY(skep__sealed_key_of(g->store, &g->io, &head, &g->data_key, &g->owned));
    SKEP__TRY(skep__sealed_open(
        skep_slice_of(g->head, g->head_len), g->data_key,
        is_branch_of(g->key, head.name) ? head.name : skep_slice_str(g->key), &g->sealed));
    g->head_at = g->head_bytes = head.bytes;
    g->unknown = head.unknown;
    g->padded = head.padded;
    SKEP__TRY(skep__sealed_plain_of(info->bytes < head.bytes ? 0 : info->bytes - head.bytes,
                                    &g->plain_bytes));
    g->last = skep__sealed_chunks(g->plain_bytes) - 1;
    if (!g->unknown || g->plain_bytes < SKEP__TRAILER_BYTES)
        return skep__sealed_end(g->sealed, g->plain_bytes, g->trailer);
    return SKEP_OK;
}

/* Go to a chunk: what is at hand is of no use any more. */
static int seek(sealed_get *g, uint64_t chunk, uint64_t chunks)
{
    skep_object info = SKEP_OBJECT_INIT;
    g->chunk = chunk;
    g->head_at = g->head_len = 0;
    uint64_t bytes = chunk + chunks > g->last ? 0 : chunks * SKEP__SEALED_STRIDE;
    return request(g, g->head_bytes + chunk * SKEP__SEALED_STRIDE, bytes, &info);
}

/* What of the trailer lies in the chunk that was just taken. */
static void see_trailer(sealed_get *g, uint64_t chunk, const uint8_t *plain)
{
    uint64_t begin = g->plain_bytes - SKEP__TRAILER_BYTES; /* of the trailer */
    uint64_t from = chunk * SKEP__SEALED_CHUNK;
    uint64_t to = from + plain_len(g, chunk);
    if (!g->unknown || to <= begin)
        return;
    uint64_t first = from > begin ? from : begin;
    memcpy(g->trailer + (first - begin), plain + (first - from), (size_t)(to - first));
}

/* From the last chunk, or two where the trailer began in the one before. */
static int fetch_trailer(sealed_get *g)
{
    uint64_t first = (g->plain_bytes - SKEP__TRAILER_BYTES) / SKEP__SEALED_CHUNK;
    SKEP__TRY(seek(g, first, 2));
    while (g->chunk <= g->last) {
        SKEP__TRY(take_chunk(g, g->plain));
        see_trailer(g, g->chunk - 1, g->plain);
    }
    return skep__sealed_end(g->sealed, g->plain_bytes, g->trailer);
}

/* ---- opening ---- */

/* How much to ask for with the head: 0 for all; the head alone where the part is further in. */
static uint64_t first_request(const skep_get_how *how)
{
    if (how->offset >= SKEP__SEALED_CHUNK)
        return SKEP__SEALED_HEAD_MAX;
    if (how->bytes == 0 || how->bytes > SKEP__CONTENT_BYTES_MAX)
        return 0;
    uint64_t chunks = (how->offset + how->bytes - 1) / SKEP__SEALED_CHUNK + 1;
    return SKEP__SEALED_HEAD_MAX + chunks * SKEP__SEALED_STRIDE;
}

static int set_range(sealed_get *g, const skep_get_how *how, const skep_object *info)
{
    if (how->offset > info->bytes)
        return SKEP__FAIL(SKEP_EINVALID, "offset %llu is beyond the %llu bytes of %.200s",
                          (unsigned long long)how->offset, (unsigned long long)info->bytes, g->key);
    uint64_t left = info->bytes - how->offset;
    g->at = how->offset;
    g->end = how->offset + (how->bytes == 0 || how->bytes > left ? left : how->bytes);
    g->whole = how->offset == 0 && how->bytes == 0;
    return SKEP_OK;
}

/* Be where the first byte to hand out is. */
static int go_to_range(sealed_get *g)
{
    uint64_t first = g->at / SKEP__SEALED_CHUNK;
    if (g->at == g->end && !g->whole)
        return SKEP_OK;
    uint64_t behind = (g->end - (g->end > g->at)) / SKEP__SEALED_CHUNK + 1;
    if (first > 0 || g->chunk > 0)
        return seek(g, first, g->whole ? g->last + 1 : behind - first);
    return SKEP_OK;
}

static int open_once(sealed_get *g, const skep_get_how *how, skep_object *info)
{
    bool all = how->offset == 0 && how->bytes == 0;
    SKEP__TRY(open_head(g, first_request(how), info));
    if (g->unknown && (!all || g->padded))
        SKEP__TRY(fetch_trailer(g));
    tell(g, info);
    SKEP__TRY(set_range(g, how, info));
    return go_to_range(g);
}

static int get_new(skep_store *store, const char *key, const char *if_etag, const skep_io *io,
                   sealed_get **out)
{
    sealed_store *s = (sealed_store *)store;
    if (strcmp(key, SKEP__RING_KEY) == 0)
        return SKEP__FAIL(SKEP_ENOTFOUND, "%s is the key ring of the store below", key);
    if (s->key == NULL)
        return SKEP__FAIL(SKEP_EAUTH,
                          "%.200s was opened for writing, with recipients alone: reading it takes "
                          "the key of one of them",
                          s->name);
    sealed_get *g = skep__calloc(1, sizeof(*g));
    if (g == NULL)
        return skep__oom();
    g->base.engine = &skep__sealed_engine;
    g->store = s;
    g->if_etag = if_etag;
    g->io = *io;
    memcpy(g->key, key, strlen(key) + 1); /* the front has measured it */
    *out = g;
    return SKEP_OK;
}

/* Failures that name neither the object nor the store come from sealing itself. */
static int named(sealed_get *g, int rc)
{
    return rc == SKEP_ECORRUPT || rc == SKEP_EAUTH || rc == SKEP_EVERSION
               ? skep__sealed_named(g->store, g->key, rc)
               : rc;
}

typedef int open_fn(sealed_get *g, const skep_get_how *how, skep_object *info);

/* Replaced between two requests: begin anew, unless the caller wants just this one. */
static int open_in_rounds(skep_store *store, const char *key, const skep_get_how *how, open_fn *fn,
                          sealed_get **out, skep_object *info)
{
    for (int round = 1;; round++) {
        SKEP__CLEANUP(get_freep) sealed_get *g = NULL;
        SKEP__TRY(get_new(store, key, how->if_etag, &how->io, &g));
        ASSERT(g != NULL);
        int rc = fn(g, how, info);
        bool again = rc == SKEP_ECONFLICT && g->etag[0] != '\0' && how->if_etag == NULL;
        if (rc < 0 && (!again || round == SKEP__SEALED_ROUNDS_MAX))
            return named(g, rc);
        if (rc >= 0) {
            *out = SKEP__TAKE(g);
            return SKEP_OK;
        }
    }
}

int skep__sealed_get_open(skep_store *store, const char *key, const skep_get_how *how,
                          skep_get **out, skep_object *info)
{
    sealed_get *g = NULL;
    SKEP__TRY(open_in_rounds(store, key, how, open_once, &g, info));
    *out = &g->base;
    return SKEP_OK;
}

static int head_once(sealed_get *g, const skep_get_how *how, skep_object *info)
{
    (void)how;
    SKEP__TRY(open_head(g, SKEP__SEALED_HEAD_MAX, info));
    if (g->unknown)
        SKEP__TRY(fetch_trailer(g));
    tell(g, info);
    return SKEP_OK;
}

int skep__sealed_get_info(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    SKEP__CLEANUP(get_freep) sealed_get *g = NULL;
    const skep_get_how how = {.io = *io};
    return open_in_rounds(store, key, &how, head_once, &g, out);
}

/* ---- reading ---- */

/* What of the chunk that was just taken is content, into the hash. */
static void fold(sealed_get *g, uint64_t chunk, const uint8_t *plain)
{
    uint64_t from = chunk * SKEP__SEALED_CHUNK;
    if (!g->whole || (from >= g->end && chunk > 0))
        return;
    uint64_t left = g->end - from;
    skep__content_hash_fold(g->data_key, plain,
                            left < SKEP__SEALED_CHUNK ? (size_t)left : SKEP__SEALED_CHUNK, g->hash);
}

/* All of it was handed out: is that the end? */
static int see_end(sealed_get *g)
{
    while (g->chunk <= g->last) {
        uint64_t chunk = g->chunk;
        SKEP__TRY(take_chunk(g, g->plain));
        see_trailer(g, chunk, g->plain);
        fold(g, chunk, g->plain);
    }
    SKEP__TRY(skep__sealed_end(g->sealed, g->plain_bytes, g->trailer));
    if (memcmp(g->hash, skep__sealed_content_hash(g->sealed), sizeof(g->hash)) != 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "its content is not what its hash says");
    g->whole = false; /* seen */
    return SKEP_OK;
}

/* The next chunk: straight to the caller where all of it is his, else to be handed out. */
static int next_chunk(sealed_get *g, uint8_t *data, size_t len, size_t *got)
{
    const uint64_t chunk = g->chunk;
    const uint64_t from = chunk * SKEP__SEALED_CHUNK;
    const size_t plain = plain_len(g, chunk);
    uint64_t to = from + plain < g->end ? from + plain : g->end;
    bool direct = g->at == from && to == from + plain && len >= plain;
    uint8_t *out = direct ? data : g->plain;
    SKEP__TRY(take_chunk(g, out));
    see_trailer(g, chunk, out);
    fold(g, chunk, out);
    *got = direct ? plain : 0;
    g->from = (size_t)(g->at - from);
    g->have = direct ? 0 : (size_t)(to - g->at);
    g->at = to;
    return SKEP_OK;
}

static int read_some(sealed_get *g, uint8_t *data, size_t len, size_t *got)
{
    *got = 0;
    SKEP__TRY(skep__io_check(&g->io));
    if (g->have == 0 && g->at < g->end)
        SKEP__TRY(next_chunk(g, data, len, got));
    if (*got > 0)
        return SKEP_OK;
    if (g->have == 0)
        return g->whole ? see_end(g) : SKEP_OK;
    *got = g->have < len ? g->have : len;
    memcpy(data, g->plain + g->from, *got);
    g->from += *got;
    g->have -= *got;
    return SKEP_OK;
}

int skep__sealed_get_read(skep_get *get, void *data, size_t len, size_t *got)
{
    sealed_get *g = (sealed_get *)get;
    if (g->failed != SKEP_OK)
        return SKEP__FAIL(g->failed, "%.200s could not be read further before", g->key);
    int rc = read_some(g, data, len, got);
    if (rc < 0) {
        g->failed = rc;
        return named(g, rc);
    }
    return SKEP_OK;
}

void skep__sealed_get_close(skep_get *get)
{
    get_free((sealed_get *)get);
}
