/* SPDX-License-Identifier: MIT */
/*
 * Putting. What has come as a whole when the first chunk is sealed has its length and hash in the
 * head; what comes in pieces and is longer than a chunk has them in a trailer. Nothing is kept but
 * a chunk, and the next store sends again by itself what has to be sent again: so the sealed bytes
 * of a put are the same however often that is.
 */
#include <string.h>

#include "base/mem.h"
#include "store/sealed_private.h"

typedef struct sealed_put {
    skep_put base;
    sealed_store *store;
    char key[SKEP_STORE_KEY_MAX + 1];
    skep_put_how how;
    const skep__data_key *data_key;

    skep_put *inner;                            /* NULL until the head was sealed */
    skep__sealed *sealed;                       /* likewise */
    bool known;                                 /* what the content is stands in the head */
    uint8_t promised[SKEP__CONTENT_HASH_BYTES]; /* there */

    uint64_t content; /* bytes so far */
    uint8_t hash[SKEP__CONTENT_HASH_BYTES];
    bool folded; /* all of the content is in the hash */

    uint64_t chunk; /* the next one's number */
    size_t len;     /* of it so far */
    uint8_t plain[SKEP__SEALED_CHUNK];
    uint8_t out[SKEP__SEALED_STRIDE];
} sealed_put;

static skep_put_opts inner_opts(const sealed_put *p, uint64_t bytes)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = p->how.create;
    opts.if_etag = p->how.if_etag;
    opts.bytes = bytes;
    opts.io = skep__io_opts(&p->how.io);
    return opts;
}

/* `content` is its length, or SKEP__CONTENT_UNKNOWN. */
static int make_head(sealed_put *p, uint64_t content, const uint8_t *hash, skep__buf *head)
{
    skep__sealed_opts opts = {.key = p->data_key,
                              .recipients = p->store->recipients,
                              .recipients_count = p->store->recipients_count,
                              .name = skep_slice_str(p->key),
                              .padded = p->store->padded,
                              .content_bytes = content,
                              .hash = hash};
    p->known = content != SKEP__CONTENT_UNKNOWN;
    if (p->known)
        memcpy(p->promised, hash, sizeof(p->promised));
    return skep__sealed_make(&opts, head, &p->sealed);
}

static int begin(sealed_put *p, uint64_t content, const uint8_t *hash)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf head = SKEP__BUF_INIT(SKEP__SEALED_HEAD_MAX);
    uint64_t bytes = p->how.bytes;
    SKEP__TRY(make_head(p, content, hash, &head));
    if (bytes != SKEP_BYTES_UNKNOWN)
        bytes = head.len + skep__sealed_body_bytes(
                               skep__sealed_plain_bytes(bytes, p->store->padded, !p->known));
    skep_put_opts opts = inner_opts(p, bytes);
    SKEP__TRY(skep_put_begin(p->store->next, p->key, &opts, &p->inner));
    return skep_put_write(p->inner, head.data, head.len);
}

/* ---- chunks ---- */

static int seal_chunk(sealed_put *p, const uint8_t *plain, size_t len, bool last)
{
    if (p->inner == NULL)
        SKEP__TRY(begin(p, SKEP__CONTENT_UNKNOWN, NULL));
    if (!p->folded)
        skep__content_hash_fold(p->data_key, plain, len, p->hash);
    SKEP__TRY(skep__sealed_seal(p->sealed, p->chunk++, last, skep_slice_of(plain, len), p->out));
    return skep_put_write(p->inner, p->out, len + SKEP__TAG_BYTES);
}

/* Of the plain run; zeros if `data` is NULL. A chunk is sealed when there is more behind it. */
static int append(sealed_put *p, const uint8_t *data, uint64_t len)
{
    while (len > 0) {
        if (p->len == SKEP__SEALED_CHUNK) {
            SKEP__TRY(seal_chunk(p, p->plain, p->len, false));
            p->len = 0;
        }
        if (p->len == 0 && data != NULL && len > SKEP__SEALED_CHUNK) { /* without a copy */
            SKEP__TRY(seal_chunk(p, data, SKEP__SEALED_CHUNK, false));
            data += SKEP__SEALED_CHUNK;
            len -= SKEP__SEALED_CHUNK;
            continue;
        }
        size_t room = SKEP__SEALED_CHUNK - p->len;
        size_t n = len < room ? (size_t)len : room;
        if (data != NULL) {
            memcpy(p->plain + p->len, data, n);
            data += n;
        } else {
            memset(p->plain + p->len, 0, n);
        }
        p->len += n;
        len -= n;
    }
    return SKEP_OK;
}

/* All that will be written has come at once: its hash can stand in the head. */
static int begin_known(sealed_put *p, const uint8_t *data, size_t len)
{
    uint8_t hash[SKEP__CONTENT_HASH_BYTES] = {0};
    for (size_t at = 0; at < len; at += SKEP__SEALED_CHUNK)
        skep__content_hash_fold(p->data_key, data + at,
                                len - at < SKEP__SEALED_CHUNK ? len - at : SKEP__SEALED_CHUNK,
                                hash);
    return begin(p, len, hash);
}

int skep__sealed_put_write(skep_put *put, const void *data, size_t len)
{
    sealed_put *p = (sealed_put *)put;
    SKEP__TRY(skep__io_check(&p->how.io));
    if (p->content == 0 && len > SKEP__SEALED_CHUNK && len == p->how.bytes)
        SKEP__TRY(begin_known(p, data, len));
    p->content += len;
    return append(p, data, len);
}

/* ---- the end ---- */

/* A small one goes as one piece. */
static int put_at_once(sealed_put *p, skep_object *info)
{
    SKEP__CLEANUP(skep__buf_dispose)
    skep__buf all = SKEP__BUF_INIT(SKEP__SEALED_HEAD_MAX + SKEP__SEALED_STRIDE);
    uint64_t plain = skep__sealed_plain_bytes(p->content, p->store->padded, false);
    ASSERT(plain <= SKEP__SEALED_CHUNK);
    SKEP__TRY(make_head(p, p->content, p->hash, &all));
    SKEP__TRY(append(p, NULL, plain - p->content));
    SKEP__TRY(skep__sealed_seal(p->sealed, 0, true, skep_slice_of(p->plain, p->len), p->out));
    SKEP__TRY(skep__buf_add(&all, p->out, p->len + SKEP__TAG_BYTES));
    skep_put_opts opts = inner_opts(p, all.len);
    return skep_store_put(p->store->next, p->key, skep__buf_slice(&all), &opts, info);
}

/* Zeros, trailer, last chunk. */
static int put_rest(sealed_put *p, skep_object *info)
{
    uint8_t trailer[SKEP__TRAILER_BYTES];
    const size_t trailer_bytes = p->known ? 0 : sizeof(trailer);
    uint64_t plain = skep__sealed_plain_bytes(p->content, p->store->padded, !p->known);
    if (p->known && memcmp(p->hash, p->promised, sizeof(p->hash)) != 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "%.200s changed while it was being stored", p->key);
    skep__sealed_put_trailer(p->content, p->hash, trailer);
    SKEP__TRY(append(p, NULL, plain - p->content - trailer_bytes));
    SKEP__TRY(append(p, trailer, trailer_bytes));
    SKEP__TRY(seal_chunk(p, p->plain, p->len, true));
    return skep_put_commit(SKEP__TAKE(p->inner), info);
}

static int finish(sealed_put *p, skep_object *out)
{
    skep_object info = SKEP_OBJECT_INIT;
    if (p->len > 0 || p->content == 0)
        skep__content_hash_fold(p->data_key, p->plain, p->len, p->hash);
    p->folded = true;
    bool small = p->inner == NULL && p->content <= SKEP__SEALED_CHUNK;
    SKEP__TRY(small ? put_at_once(p, &info) : put_rest(p, &info));
    *out = info;
    out->flags = SKEP_OBJECT_HASHED | SKEP_OBJECT_SEALED;
    out->bytes = p->content;
    memcpy(out->hash, p->hash, sizeof(out->hash));
    return SKEP_OK;
}

int skep__sealed_put_commit(skep_put *put, const uint8_t *hash, skep_object *out)
{
    (void)hash; /* of the content, for anybody to compare: it must not leave */
    int rc = finish((sealed_put *)put, out);
    skep__sealed_put_abort(put);
    return rc;
}

static void put_freep(sealed_put **put)
{
    sealed_put *p = *put;
    if (p == NULL)
        return;
    skep_put_abort(p->inner);
    skep__sealed_free(p->sealed);
    skep__free(p);
}

void skep__sealed_put_abort(skep_put *put)
{
    sealed_put *p = (sealed_put *)put;
    put_freep(&p);
}

int skep__sealed_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                           skep_put **out)
{
    SKEP__CLEANUP(put_freep) sealed_put *p = skep__calloc(1, sizeof(*p));
    if (p == NULL)
        return skep__oom();
    p->base.engine = &skep__sealed_engine;
    p->store = (sealed_store *)store;
    p->how = *how;
    memcpy(p->key, key, strlen(key) + 1); /* the front has measured it */
    SKEP__TRY(skep__sealed_key_to_put(p->store, &how->io, &p->data_key));
    *out = &SKEP__TAKE(p)->base;
    return SKEP_OK;
}
