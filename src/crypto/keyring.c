/* SPDX-License-Identifier: MIT */
/* The ring: which data keys there are, and who opens them. */
#include "crypto/keyring.h"

#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/keyring_private.h"

static const uint8_t magic[8] = {'S', 'K', 'E', 'P', 'K', 'E', 'Y', 'S'};

enum { AT_VERSION = 8, AT_COUNT = 12, AT_LINEAGE = 16, AT_WRAPS = 32, CHECK_BYTES = 8 };

skep__keyring *skep__keyring_new(void)
{
    return skep__calloc(1, sizeof(skep__keyring));
}

void skep__keyring_freep(skep__keyring **ring)
{
    skep__free(*ring); /* nothing in it is secret */
}

int skep__keyring_init(skep__keyring *ring, const uint8_t *lineage)
{
    memset(ring, 0, sizeof(*ring));
    if (lineage == NULL)
        return skep__random(ring->lineage, sizeof(ring->lineage));
    memcpy(ring->lineage, lineage, sizeof(ring->lineage));
    return SKEP_OK;
}

/* ---- bytes ---- */

int skep__keyring_encode(const skep__keyring *ring, skep__buf *out)
{
    uint8_t head[AT_WRAPS];
    uint8_t check[CHECK_BYTES];
    ASSERT(out->len == 0); /* the check is over all that is there */
    memcpy(head, magic, sizeof(magic));
    skep__put_le32(head + AT_VERSION, SKEP__KEYRING_VERSION);
    skep__put_le32(head + AT_COUNT, skep__u32(ring->count));
    memcpy(head + AT_LINEAGE, ring->lineage, sizeof(ring->lineage));
    (void)skep__buf_add(out, head, sizeof(head));
    for (size_t i = 0; i < ring->count; i++) {
        uint8_t wrap[SKEP__WRAP_BYTES];
        skep__wrap_encode(&ring->wraps[i], wrap);
        (void)skep__buf_add(out, wrap, sizeof(wrap));
    }
    SKEP__TRY(skep__buf_status(out));
    skep__put_le64(check, skep__hash64(out->data, out->len, 0));
    return skep__buf_add(out, check, sizeof(check));
}

int skep__keyring_decode(skep_slice bytes, skep__keyring *out)
{
    const uint8_t *at = bytes.data;
    if (bytes.len < AT_COUNT || memcmp(at, magic, sizeof(magic)) != 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "no key ring of skep's");
    uint32_t version = skep__get_le32(at + AT_VERSION);
    if (version > SKEP__KEYRING_VERSION)
        return SKEP__FAIL(SKEP_EVERSION, "a key ring of format %u, this skep knows up to %d",
                          version, SKEP__KEYRING_VERSION);
    uint32_t count = bytes.len < AT_WRAPS ? 0 : skep__get_le32(at + AT_COUNT);
    if (version == 0 || count > SKEP__KEYRING_WRAPS_MAX ||
        bytes.len != AT_WRAPS + (size_t)count * SKEP__WRAP_BYTES + CHECK_BYTES ||
        skep__get_le64(at + bytes.len - CHECK_BYTES) !=
            skep__hash64(at, bytes.len - CHECK_BYTES, 0))
        return SKEP__FAIL(SKEP_ECORRUPT, "a key ring is damaged");
    SKEP__TRY(skep__keyring_init(out, at + AT_LINEAGE));
    for (out->count = 0; out->count < count; out->count++)
        SKEP__TRY(skep__wrap_decode(at + AT_WRAPS + out->count * SKEP__WRAP_BYTES,
                                    &out->wraps[out->count]));
    return SKEP_OK;
}

/* ---- wraps ---- */

static int add(skep__keyring *ring, const skep__data_key *key, const skep_key *secret,
               const skep__recipient *recipient)
{
    ASSERT(memcmp(key->lineage, ring->lineage, sizeof(ring->lineage)) == 0);
    if (ring->count == SKEP__KEYRING_WRAPS_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "the key ring holds %d wrapped keys, which is all it can",
                          SKEP__KEYRING_WRAPS_MAX);
    skep__wrap *to = &ring->wraps[ring->count];
    SKEP__TRY(secret != NULL ? skep__wrap_make(key, secret, to)
                             : skep__wrap_make_for(key, recipient, to));
    ring->count++;
    return SKEP_OK;
}

int skep__keyring_wrap(skep__keyring *ring, const skep__data_key *key, const skep_key *secret)
{
    return add(ring, key, secret, NULL);
}

int skep__keyring_wrap_for(skep__keyring *ring, const skep__data_key *key,
                           const skep__recipient *recipient)
{
    return add(ring, key, NULL, recipient);
}

int skep__keyring_open(const skep__keyring *ring, const skep_key *secret, const uint8_t *id,
                       skep__data_key **out)
{
    bool there = false;
    for (size_t i = ring->count; i > 0; i--) {
        const skep__wrap *wrap = &ring->wraps[i - 1];
        if (id != NULL ? memcmp(wrap->id, id, sizeof(wrap->id)) != 0 : wrap->use != SKEP__USE_DATA)
            continue;
        there = true;
        int rc = skep__wrap_open(wrap, ring->lineage, secret, out);
        if (rc != 0)
            return rc < 0 ? rc : SKEP_OK;
    }
    if (there)
        return SKEP__FAIL(SKEP_EAUTH, "the key given opens none of the wrapped keys that would do");
    return id != NULL ? SKEP__FAIL(SKEP_ENOTFOUND, "the key ring does not know the data key")
                      : SKEP__FAIL(SKEP_ENOTFOUND, "the key ring is empty");
}

int skep__keyring_opens(const skep__keyring *ring, size_t index, const skep_key *secret)
{
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
    ASSERT(index < ring->count);
    return skep__wrap_open(&ring->wraps[index], ring->lineage, secret, &key);
}

/* Out of one box: by the secret itself, or by an identity that it opens. 0: neither. */
static int unbox(const skep__keyring *ring, const skep_key *secret, const skep__boxed *boxed,
                 const skep__box *box, skep__data_key **out)
{
    skep__recipient own;
    uint8_t id[SKEP__KEY_ID_BYTES];
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *identity = NULL;
    if (skep__key_is_raw(secret)) {
        SKEP__TRY(skep__recipient_of(secret, &own));
        if (memcmp(own.bytes, box->recipient.bytes, sizeof(own.bytes)) == 0)
            SKEP__TRY(skep__identity_of(secret, boxed->lineage, &identity));
    }
    if (identity == NULL && ring != NULL) {
        skep__recipient_id(&box->recipient, id);
        int rc = skep__keyring_open(ring, secret, id, &identity);
        if (rc == SKEP_ENOTFOUND || rc == SKEP_EAUTH)
            return 0;
        SKEP__TRY(rc);
        ASSERT(identity != NULL);
        memcpy(identity->lineage, boxed->lineage, sizeof(identity->lineage));
    }
    return identity == NULL ? 0 : skep__box_open(box->boxed, identity, SKEP__USE_DATA, out);
}

int skep__keyring_unbox(const skep__keyring *ring, const skep_key *secret, const skep__boxed *boxed,
                        skep__data_key **out)
{
    for (size_t i = 0; i < boxed->count; i++) {
        SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
        int rc = unbox(ring, secret, boxed, &boxed->boxes[i], &key);
        SKEP__TRY(rc);
        if (rc > 0 && memcmp(key->id, boxed->id, SKEP__KEY_ID_BYTES) != 0)
            return SKEP__FAIL(SKEP_ECORRUPT, "a boxed key is not the one that the object was "
                                             "sealed with, or comes from another lineage");
        if (rc > 0) {
            *out = SKEP__TAKE(key);
            return SKEP_OK;
        }
    }
    return SKEP__FAIL(SKEP_EAUTH,
                      "the object was sealed for %zu recipient%s, and the key given is "
                      "of none of them",
                      boxed->count, boxed->count == 1 ? "" : "s");
}

/* ---- sharing and rotation ---- */

/* 1: that wrap is one of `to`, or of `recipient`. */
static int is_for(const skep__wrap *wrap, const uint8_t lineage[SKEP__LINEAGE_BYTES],
                  const skep_key *to, const skep__recipient *recipient)
{
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
    if (to != NULL)
        return skep__wrap_open(wrap, lineage, to, &key);
    return wrap->kind == SKEP__WRAP_RECIPIENT &&
           memcmp(wrap->who, recipient->bytes, sizeof(recipient->bytes)) == 0;
}

/* 1: one of the wraps of the key `id` (NULL: of any data key) is. */
static int has_for(const skep__keyring *ring, const uint8_t *id, const skep_key *to,
                   const skep__recipient *recipient)
{
    for (size_t i = 0; i < ring->count; i++) {
        const skep__wrap *wrap = &ring->wraps[i];
        if (id != NULL ? memcmp(wrap->id, id, sizeof(wrap->id)) != 0 : wrap->use != SKEP__USE_DATA)
            continue;
        int rc = is_for(wrap, ring->lineage, to, recipient);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int opens_nothing(const skep__keyring *ring)
{
    return SKEP__FAIL(SKEP_EAUTH, "the present key opens none of the %zu wrapped keys",
                      ring->count);
}

int skep__keyring_share(skep__keyring *ring, const skep_key *from, const skep_key *to,
                        const skep__recipient *recipient)
{
    const size_t before = ring->count;
    size_t opened = 0;
    SKEP__CLEANUP(skep__keyring_freep) skep__keyring *next = skep__keyring_new();
    if (next == NULL)
        return skep__oom();
    *next = *ring;
    for (size_t i = 0; i < before; i++) {
        SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
        if (ring->wraps[i].use != SKEP__USE_DATA)
            continue;
        int rc = skep__wrap_open(&ring->wraps[i], ring->lineage, from, &key);
        SKEP__TRY(rc);
        opened += (size_t)rc;
        if (rc == 0)
            continue;
        rc = has_for(next, key->id, to, recipient);
        SKEP__TRY(rc);
        if (rc == 0)
            SKEP__TRY(add(next, key, to, recipient));
    }
    if (opened == 0)
        return opens_nothing(ring);
    *ring = *next;
    return (int)(ring->count - before);
}

/* Objects that were sealed for `from` as a recipient shall open with the new secret, too. */
static int keep_identity(skep__keyring *ring, const skep_key *from, const skep_key *to,
                         const skep__recipient *recipient)
{
    if (!skep__key_is_raw(from))
        return SKEP_OK;
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *identity = NULL;
    SKEP__TRY(skep__identity_of(from, ring->lineage, &identity));
    ASSERT(identity != NULL);
    int rc = has_for(ring, identity->id, to, recipient);
    return rc != 0 ? rc : add(ring, identity, to, recipient);
}

/* 1: `to` (or `recipient`) opens the key `id` by a wrap that `from` does not open, and so keeps. */
static int keeps(const skep__keyring *ring, const uint8_t *id, const skep_key *from,
                 const skep_key *to, const skep__recipient *recipient)
{
    for (size_t i = 0; i < ring->count; i++) {
        SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
        const skep__wrap *wrap = &ring->wraps[i];
        if (memcmp(wrap->id, id, sizeof(wrap->id)) != 0)
            continue;
        int rc = is_for(wrap, ring->lineage, to, recipient);
        SKEP__TRY(rc);
        int opened = rc == 0 ? 0 : skep__wrap_open(wrap, ring->lineage, from, &key);
        SKEP__TRY(opened);
        if (rc > 0 && opened == 0)
            return 1;
    }
    return 0;
}

int skep__keyring_rotate(skep__keyring *ring, const skep_key *from, const skep_key *to,
                         const skep__recipient *recipient)
{
    size_t opened = 0;
    SKEP__CLEANUP(skep__keyring_freep) skep__keyring *next = skep__keyring_new();
    if (next == NULL)
        return skep__oom();
    SKEP__TRY(skep__keyring_init(next, ring->lineage));
    for (size_t i = 0; i < ring->count; i++) {
        SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
        int rc = skep__wrap_open(&ring->wraps[i], ring->lineage, from, &key);
        SKEP__TRY(rc);
        opened += (size_t)rc;
        if (rc == 0) {
            next->wraps[next->count++] = ring->wraps[i];
            continue;
        }
        rc = keeps(ring, key->id, from, to, recipient);
        SKEP__TRY(rc);
        if (rc == 0)
            SKEP__TRY(add(next, key, to, recipient));
    }
    if (opened == 0) {
        int rc = has_for(ring, NULL, to, recipient);
        SKEP__TRY(rc);
        return rc > 0 ? 0 : opens_nothing(ring);
    }
    SKEP__TRY(keep_identity(next, from, to, recipient));
    *ring = *next;
    return 1;
}
