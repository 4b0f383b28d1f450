/* SPDX-License-Identifier: MIT */
/*
 * Objects that are sealed chunk by chunk.
 *
 * Each object has a key of its own, which follows from the data key and the object's random salt.
 * So the nonces need only be unique within one object: the number of the chunk, and a mark that
 * tells an ordinary chunk, the last one and the head apart. A chunk therefore opens only where it
 * stands; an object that was cut has no last chunk; and since the head is bound to its clear part,
 * name and lineage included, it opens only as what it was sealed as.
 */
#include "crypto/sealed.h"

#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "crypto/keyring_private.h"
#include "crypto/sealed_private.h"

enum { MARK_CHUNK = 0, MARK_LAST = 1, MARK_HEAD = 2 };

struct skep__sealed {
    skep__aead *aead;
    uint64_t content_bytes;
    uint8_t hash[SKEP__CONTENT_HASH_BYTES];
    bool padded;
    bool unknown;
};

/* ---- content hashes ---- */

void skep__content_hash_fold(const skep__data_key *key, const void *chunk, size_t len,
                             uint8_t hash[SKEP__CONTENT_HASH_BYTES])
{
    _Static_assert(SKEP__CONTENT_HASH_BYTES == SKEP__HASH128_BYTES, "one hash");
    uint8_t both[2 * SKEP__CONTENT_HASH_BYTES];
    memcpy(both, hash, SKEP__CONTENT_HASH_BYTES);
    skep__hash128(chunk, len, key->hash_secret, both + SKEP__CONTENT_HASH_BYTES);
    skep__hash128(both, sizeof(both), key->hash_secret, hash);
}

/* ---- beginning ---- */

void skep__sealed_free(skep__sealed *s)
{
    if (s != NULL)
        skep__aead_free(s->aead);
    skep__free(s);
}

void skep__sealed_freep(skep__sealed **s)
{
    skep__sealed_free(*s);
}

/* With the key that is this object's own. */
static int begin(const skep__data_key *key, const skep__sealed_head *h, skep__sealed **out)
{
    uint8_t own[SKEP__SECRET_BYTES];
    SKEP__CLEANUP(skep__sealed_freep) skep__sealed *s = skep__calloc(1, sizeof(*s));
    if (s == NULL)
        return skep__oom();
    skep__derive(key->bytes, "skep object", skep_slice_of(h->salt, sizeof(h->salt)), own,
                 sizeof(own));
    int rc = skep__aead_new(h->kind, own, &s->aead);
    skep__wipe(own, sizeof(own));
    SKEP__TRY(rc);
    s->padded = h->padded;
    s->unknown = h->unknown;
    *out = SKEP__TAKE(s);
    return SKEP_OK;
}

static int head_of(const skep__sealed_opts *opts, skep__sealed_head *h)
{
    ASSERT(opts->name.len > 0);
    ASSERT(opts->recipients_count <= SKEP__SEALED_BOXES_MAX);
    if (opts->name.len > SKEP__SEALED_NAME_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "a name of %zu bytes, %d are allowed", opts->name.len,
                          SKEP__SEALED_NAME_MAX);
    h->kind = (uint8_t)(opts->kind != 0 ? opts->kind : skep__aead_best());
    h->padded = opts->padded;
    h->unknown = opts->content_bytes == SKEP__CONTENT_UNKNOWN;
    h->name = opts->name;
    memcpy(h->lineage, opts->key->lineage, sizeof(h->lineage));
    memcpy(h->key_id, opts->key->id, sizeof(h->key_id));
    for (; h->boxes_count < opts->recipients_count; h->boxes_count++)
        SKEP__TRY(skep__box_make(opts->key, &opts->recipients[h->boxes_count],
                                 &h->boxes[h->boxes_count]));
    if (opts->salt == NULL)
        return skep__random(h->salt, sizeof(h->salt));
    memcpy(h->salt, opts->salt, sizeof(h->salt));
    return SKEP_OK;
}

int skep__sealed_make(const skep__sealed_opts *opts, skep__buf *head, skep__sealed **out)
{
    skep__sealed_head h = {0};
    uint8_t part[SKEP__TRAILER_BYTES] = {0};
    uint8_t sealed[SKEP__SEALED_PART_BYTES];
    SKEP__CLEANUP(skep__sealed_freep) skep__sealed *s = NULL;
    SKEP__TRY(head_of(opts, &h));
    SKEP__TRY(begin(opts->key, &h, &s));
    ASSERT(s != NULL);
    s->content_bytes = opts->content_bytes;
    if (!h.unknown) {
        if (s->content_bytes > SKEP__CONTENT_BYTES_MAX)
            return SKEP__FAIL(SKEP_ELIMIT, "a content of %llu bytes is too long to be sealed",
                              (unsigned long long)s->content_bytes);
        memcpy(s->hash, opts->hash, sizeof(s->hash));
        skep__sealed_put_trailer(s->content_bytes, s->hash, part);
    }
    size_t from = head->len;
    skep__sealed_head_encode(&h, head);
    SKEP__TRY(skep__buf_status(head));
    SKEP__TRY(skep__aead_seal(s->aead, 0, MARK_HEAD,
                              skep_slice_of(head->data + from, head->len - from),
                              skep_slice_of(part, sizeof(part)), sealed));
    SKEP__TRY(skep__buf_add(head, sealed, sizeof(sealed)));
    *out = SKEP__TAKE(s);
    return SKEP_OK;
}

/* Is it the object that was asked for? */
static int compare(const skep__sealed_head *h, const skep__data_key *key, skep_slice name)
{
    if (memcmp(h->lineage, key->lineage, sizeof(h->lineage)) != 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "a sealed object of another lineage: swapped or replayed");
    if (memcmp(h->key_id, key->id, sizeof(h->key_id)) != 0)
        return SKEP__FAIL(SKEP_EAUTH, "sealed with another data key");
    if (name.data != NULL &&
        (name.len != h->name.len || memcmp(name.data, h->name.data, name.len) != 0))
        return SKEP__FAIL(SKEP_ECORRUPT, "sealed as %.*s, found as %.*s: renamed or swapped",
                          (int)(h->name.len < 200 ? h->name.len : 200), (const char *)h->name.data,
                          (int)(name.len < 200 ? name.len : 200), (const char *)name.data);
    return SKEP_OK;
}

int skep__sealed_open(skep_slice head, const skep__data_key *key, skep_slice name,
                      skep__sealed **out)
{
    skep__sealed_head h;
    uint8_t part[SKEP__TRAILER_BYTES];
    SKEP__CLEANUP(skep__sealed_freep) skep__sealed *s = NULL;
    SKEP__TRY(skep__sealed_look(head, &h));
    SKEP__TRY(compare(&h, key, name));
    SKEP__TRY(begin(key, &h, &s));
    ASSERT(s != NULL);
    size_t clear = h.bytes - SKEP__SEALED_PART_BYTES;
    int rc = skep__aead_open(
        s->aead, 0, MARK_HEAD, skep_slice_of(head.data, clear),
        skep_slice_of((const char *)head.data + clear, SKEP__SEALED_PART_BYTES), part);
    if (rc == SKEP_ECORRUPT)
        return SKEP__FAIL(SKEP_ECORRUPT, "the head of a sealed object is not what was sealed");
    SKEP__TRY(rc);
    s->content_bytes = h.unknown ? SKEP__CONTENT_UNKNOWN : skep__get_le64(part);
    memcpy(s->hash, part + 8, sizeof(s->hash));
    *out = SKEP__TAKE(s);
    return SKEP_OK;
}

/* ---- chunks ---- */

int skep__sealed_seal(skep__sealed *s, uint64_t index, bool last, skep_slice in, uint8_t *out)
{
    ASSERT(last ? in.len <= SKEP__SEALED_CHUNK : in.len == SKEP__SEALED_CHUNK);
    return skep__aead_seal(s->aead, index, last ? MARK_LAST : MARK_CHUNK, skep_slice_of(NULL, 0),
                           in, out);
}

int skep__sealed_unseal(skep__sealed *s, uint64_t index, bool last, skep_slice in, uint8_t *out)
{
    ASSERT(in.len <= SKEP__SEALED_STRIDE);
    int rc = skep__aead_open(s->aead, index, last ? MARK_LAST : MARK_CHUNK, skep_slice_of(NULL, 0),
                             in, out);
    if (rc == SKEP_ECORRUPT)
        return SKEP__FAIL(SKEP_ECORRUPT,
                          "chunk %llu%s of a sealed object is not what was sealed: "
                          "damaged, cut or swapped",
                          (unsigned long long)index, last ? ", the last," : "");
    return rc;
}

/* ---- contents ---- */

void skep__sealed_put_trailer(uint64_t content_bytes, const uint8_t hash[SKEP__CONTENT_HASH_BYTES],
                              uint8_t out[SKEP__TRAILER_BYTES])
{
    skep__put_le64(out, content_bytes);
    memcpy(out + 8, hash, SKEP__CONTENT_HASH_BYTES);
}

int skep__sealed_end(skep__sealed *s, uint64_t plain_bytes,
                     const uint8_t trailer[SKEP__TRAILER_BYTES])
{
    uint64_t content_bytes = s->content_bytes;
    if (s->unknown && plain_bytes >= SKEP__TRAILER_BYTES)
        content_bytes = skep__get_le64(trailer);
    if (content_bytes > SKEP__CONTENT_BYTES_MAX ||
        skep__sealed_plain_bytes(content_bytes, s->padded, s->unknown) != plain_bytes)
        return SKEP__FAIL(SKEP_ECORRUPT,
                          "a sealed object is %llu bytes long without its head, "
                          "which its content does not ask for: it was cut",
                          (unsigned long long)skep__sealed_body_bytes(plain_bytes));
    if (s->unknown)
        memcpy(s->hash, trailer + 8, sizeof(s->hash));
    s->content_bytes = content_bytes;
    return SKEP_OK;
}

uint64_t skep__sealed_content_bytes(const skep__sealed *s)
{
    return s->content_bytes;
}

const uint8_t *skep__sealed_content_hash(const skep__sealed *s)
{
    return s->hash;
}

/* ---- lengths ---- */

/* Lengths keep their first few bits only (PADMÉ): what is told of a length of n bytes is of the
 * order of log log n bits, at the cost of 12 % at most. */
static uint64_t pad(uint64_t len)
{
    if (len < 2)
        return len;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(len);
    unsigned kept = 32 - (unsigned)__builtin_clz(exponent | 1); /* bits that tell the exponent */
    uint64_t mask = exponent > kept ? (UINT64_C(1) << (exponent - kept)) - 1 : 0;
    return (len + mask) & ~mask;
}

uint64_t skep__sealed_plain_bytes(uint64_t content_bytes, bool padded, bool unknown)
{
    uint64_t bytes = content_bytes + (unknown ? SKEP__TRAILER_BYTES : 0);
    return padded ? pad(bytes) : bytes;
}

uint64_t skep__sealed_chunks(uint64_t plain_bytes)
{
    return plain_bytes == 0 ? 1 : (plain_bytes - 1) / SKEP__SEALED_CHUNK + 1;
}

uint64_t skep__sealed_body_bytes(uint64_t plain_bytes)
{
    return plain_bytes + skep__sealed_chunks(plain_bytes) * SKEP__TAG_BYTES;
}

int skep__sealed_plain_of(uint64_t body_bytes, uint64_t *plain_bytes)
{
    uint64_t chunks = body_bytes == 0 ? 0 : (body_bytes - 1) / SKEP__SEALED_STRIDE + 1;
    if (chunks > 0 && body_bytes >= chunks * SKEP__TAG_BYTES) {
        *plain_bytes = body_bytes - chunks * SKEP__TAG_BYTES;
        if (skep__sealed_chunks(*plain_bytes) == chunks)
            return SKEP_OK;
    }
    return SKEP__FAIL(SKEP_ECORRUPT, "no sealed object has a body of %llu bytes: it was cut",
                      (unsigned long long)body_bytes);
}
