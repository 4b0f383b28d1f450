/* SPDX-License-Identifier: MIT */
/*
 * A data key, wrapped. A raw key or a passphrase wraps with XChaCha20-Poly1305 under a key that is
 * derived for this use alone, so one secret can serve a database and what is sealed; the wrap's
 * clear part and the lineage are bound to it. A recipient's is a sealed box (X25519,
 * XSalsa20-Poly1305), which binds nothing; there the id of the data key, which follows from the key
 * and its lineage, is what must be right.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/codec.h"
#include "base/num.h"
#include "base/time.h"
#include "crypto/key_private.h"
#include "crypto/keyring_private.h"

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SYMMETRIC_BYTES (NONCE_BYTES + SKEP__SECRET_BYTES + SKEP__TAG_BYTES)
_Static_assert(SYMMETRIC_BYTES <= SKEP__WRAPPED_BYTES, "wraps of both kinds have the same room");
_Static_assert(crypto_box_SEALBYTES + SKEP__SECRET_BYTES == SKEP__WRAPPED_BYTES, "a sealed box");
_Static_assert(crypto_pwhash_SALTBYTES == SKEP__SALT_BYTES, "Argon2's salt");

enum {
    AT_KIND = 0,
    AT_USE = 1,
    AT_ZERO = 2,
    AT_CREATED = 8,
    AT_ID = 16,
    AT_SALT = 32,
    AT_PASSES = 48,
    AT_MEMORY = 52,
    AT_WHO = 56
};

/* ---- bytes ---- */

void skep__wrap_encode(const skep__wrap *wrap, uint8_t out[SKEP__WRAP_BYTES])
{
    memset(out, 0, SKEP__WRAP_BYTES);
    out[AT_KIND] = wrap->kind;
    out[AT_USE] = wrap->use;
    skep__put_le64(out + AT_CREATED, (uint64_t)wrap->created_us);
    memcpy(out + AT_ID, wrap->id, sizeof(wrap->id));
    memcpy(out + AT_SALT, wrap->salt, sizeof(wrap->salt));
    skep__put_le32(out + AT_PASSES, wrap->passes);
    skep__put_le32(out + AT_MEMORY, wrap->memory_kib);
    memcpy(out + AT_WHO, wrap->who, sizeof(wrap->who));
    memcpy(out + SKEP__WRAP_CLEAR, wrap->wrapped, sizeof(wrap->wrapped));
}

static bool is_zero(const uint8_t *at, size_t len)
{
    return sodium_is_zero(at, len) == 1;
}

/* Argon2 is run with what stands in the ring: its numbers are bounded, or a forged ring could ask
 * for all memory or for years. */
static bool costs_are_right(const skep__wrap *wrap)
{
    if (wrap->kind != SKEP__WRAP_PASSPHRASE)
        return wrap->passes == 0 && wrap->memory_kib == 0 && is_zero(wrap->salt, SKEP__SALT_BYTES);
    return wrap->passes >= 1 && wrap->passes <= SKEP__WRAP_PASSES_MAX &&
           wrap->memory_kib >= SKEP__WRAP_MEMORY_KIB_MIN &&
           wrap->memory_kib <= SKEP__WRAP_MEMORY_KIB_MAX;
}

int skep__wrap_decode(const uint8_t in[SKEP__WRAP_BYTES], skep__wrap *out)
{
    skep__wrap w = {.kind = in[AT_KIND],
                    .use = in[AT_USE],
                    .created_us = (int64_t)skep__get_le64(in + AT_CREATED),
                    .passes = skep__get_le32(in + AT_PASSES),
                    .memory_kib = skep__get_le32(in + AT_MEMORY)};
    memcpy(w.id, in + AT_ID, sizeof(w.id));
    memcpy(w.salt, in + AT_SALT, sizeof(w.salt));
    memcpy(w.who, in + AT_WHO, sizeof(w.who));
    memcpy(w.wrapped, in + SKEP__WRAP_CLEAR, sizeof(w.wrapped));
    if (w.kind < SKEP__WRAP_RAW || w.kind > SKEP__WRAP_RECIPIENT || w.use < SKEP__USE_DATA ||
        w.use > SKEP__USE_IDENTITY)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "a wrapped key of kind %u.%u, which this skep lacks",
                          w.kind, w.use);
    bool zeros = is_zero(in + AT_ZERO, AT_CREATED - AT_ZERO) &&
                 (w.kind == SKEP__WRAP_RECIPIENT ||
                  is_zero(w.wrapped + SYMMETRIC_BYTES, sizeof(w.wrapped) - SYMMETRIC_BYTES)) &&
                 (w.kind != SKEP__WRAP_PASSPHRASE || is_zero(w.who, sizeof(w.who))) &&
                 (w.kind != SKEP__WRAP_RAW ||
                  is_zero(w.who + SKEP__KEY_ID_BYTES, sizeof(w.who) - SKEP__KEY_ID_BYTES));
    if (!zeros || !costs_are_right(&w))
        return SKEP__FAIL(SKEP_ECORRUPT, "a wrapped key is damaged");
    *out = w;
    return SKEP_OK;
}

/* ---- the key that wraps ---- */

/* Of a raw key by derivation, of a passphrase by stretching. The caller wipes it. */
static int wrapping_key(const skep__wrap *wrap, const skep_key *secret,
                        uint8_t out[SKEP__SECRET_BYTES])
{
    uint8_t stretched[SKEP__SECRET_BYTES];
    if (secret->raw) {
        skep__derive(secret->bytes, "skep wrap", skep_slice_of("", 0), out, SKEP__SECRET_BYTES);
        return SKEP_OK;
    }
    if (crypto_pwhash(stretched, sizeof(stretched), (const char *)secret->bytes, secret->len,
                      wrap->salt, wrap->passes, (size_t)wrap->memory_kib * 1024,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return errno == ENOMEM ? skep__oom()
                               : SKEP__FAIL(SKEP_EINVALID, "the passphrase cannot be stretched");
    skep__derive(stretched, "skep wrap", skep_slice_of("", 0), out, SKEP__SECRET_BYTES);
    sodium_memzero(stretched, sizeof(stretched));
    return SKEP_OK;
}

/* What tells the wraps of one raw key from those of others. It says nothing of the key. */
static void name_raw_key(const skep_key *secret, uint8_t who[SKEP__SECRET_BYTES])
{
    memset(who, 0, SKEP__SECRET_BYTES);
    skep__derive(secret->bytes, "skep raw key id", skep_slice_of("", 0), who, SKEP__KEY_ID_BYTES);
}

/* Clear part and lineage. */
typedef struct bound {
    uint8_t bytes[SKEP__WRAP_CLEAR + SKEP__LINEAGE_BYTES];
} bound;

static bound bind(const skep__wrap *wrap, const uint8_t lineage[SKEP__LINEAGE_BYTES])
{
    bound b;
    uint8_t all[SKEP__WRAP_BYTES];
    skep__wrap_encode(wrap, all);
    memcpy(b.bytes, all, SKEP__WRAP_CLEAR);
    memcpy(b.bytes + SKEP__WRAP_CLEAR, lineage, SKEP__LINEAGE_BYTES);
    return b;
}

/* ---- making ---- */

static skep__wrap begin(int kind, const skep__data_key *key)
{
    skep__wrap w = {.kind = (uint8_t)kind, .use = key->use, .created_us = skep_now_us()};
    memcpy(w.id, key->id, sizeof(w.id));
    return w;
}

int skep__wrap_make(const skep__data_key *key, const skep_key *secret, skep__wrap *out)
{
    uint8_t wrapping[SKEP__SECRET_BYTES];
    skep__wrap w = begin(secret->raw ? SKEP__WRAP_RAW : SKEP__WRAP_PASSPHRASE, key);
    if (secret->raw) {
        name_raw_key(secret, w.who);
    } else {
        w.passes = SKEP__WRAP_PASSES;
        w.memory_kib = SKEP__WRAP_MEMORY_KIB;
        SKEP__TRY(skep__random(w.salt, sizeof(w.salt)));
    }
    SKEP__TRY(skep__random(w.wrapped, NONCE_BYTES));
    SKEP__TRY(wrapping_key(&w, secret, wrapping));
    bound b = bind(&w, key->lineage);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(w.wrapped + NONCE_BYTES, NULL, key->bytes,
                                                     sizeof(key->bytes), b.bytes, sizeof(b.bytes),
                                                     NULL, w.wrapped, wrapping);
    sodium_memzero(wrapping, sizeof(wrapping));
    *out = w;
    return SKEP_OK;
}

int skep__box_make(const skep__data_key *key, const skep__recipient *recipient, skep__box *out)
{
    out->recipient = *recipient;
    if (crypto_box_seal(out->boxed, key->bytes, sizeof(key->bytes), recipient->bytes) != 0)
        return SKEP__FAIL(SKEP_EINVALID, "the recipient is no public key");
    return SKEP_OK;
}

int skep__wrap_make_for(const skep__data_key *key, const skep__recipient *recipient,
                        skep__wrap *out)
{
    skep__box box;
    skep__wrap w = begin(SKEP__WRAP_RECIPIENT, key);
    SKEP__TRY(skep__box_make(key, recipient, &box));
    memcpy(w.who, box.recipient.bytes, sizeof(w.who));
    memcpy(w.wrapped, box.boxed, sizeof(w.wrapped));
    *out = w;
    return SKEP_OK;
}

/* ---- opening ---- */

static int open_symmetric(const skep__wrap *wrap, const uint8_t lineage[SKEP__LINEAGE_BYTES],
                          const skep_key *secret, skep__data_key **out)
{
    uint8_t who[SKEP__SECRET_BYTES];
    uint8_t wrapping[SKEP__SECRET_BYTES];
    if (secret->raw != (wrap->kind == SKEP__WRAP_RAW))
        return 0;
    if (secret->raw) {
        name_raw_key(secret, who);
        if (memcmp(who, wrap->who, sizeof(who)) != 0)
            return 0;
    }
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = skep__secret_new(sizeof(*key));
    if (key == NULL)
        return SKEP_ENOMEM;
    SKEP__TRY(wrapping_key(wrap, secret, wrapping));
    bound b = bind(wrap, lineage);
    int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
        key->bytes, NULL, NULL, wrap->wrapped + NONCE_BYTES, SKEP__SECRET_BYTES + SKEP__TAG_BYTES,
        b.bytes, sizeof(b.bytes), wrap->wrapped, wrapping);
    sodium_memzero(wrapping, sizeof(wrapping));
    if (opened != 0)
        return 0;
    key->use = wrap->use;
    skep__data_key_finish(key, lineage);
    *out = SKEP__TAKE(key);
    return 1;
}

int skep__box_open(const uint8_t boxed[SKEP__WRAPPED_BYTES], const skep__data_key *identity,
                   uint8_t use, skep__data_key **out)
{
    skep__recipient public;
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = skep__secret_new(sizeof(*key));
    if (key == NULL)
        return SKEP_ENOMEM;
    (void)crypto_scalarmult_base(public.bytes, identity->bytes);
    if (crypto_box_seal_open(key->bytes, boxed, SKEP__WRAPPED_BYTES, public.bytes,
                             identity->bytes) != 0)
        return 0;
    key->use = use;
    skep__data_key_finish(key, identity->lineage);
    *out = SKEP__TAKE(key);
    return 1;
}

static int open_recipient(const skep__wrap *wrap, const uint8_t lineage[SKEP__LINEAGE_BYTES],
                          const skep_key *secret, skep__data_key **out)
{
    skep__recipient r;
    if (!secret->raw)
        return 0;
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *identity = NULL;
    SKEP__TRY(skep__identity_of(secret, lineage, &identity));
    (void)crypto_scalarmult_base(r.bytes, identity->bytes);
    if (memcmp(r.bytes, wrap->who, sizeof(r.bytes)) != 0)
        return 0;
    return skep__box_open(wrap->wrapped, identity, wrap->use, out);
}

int skep__wrap_open(const skep__wrap *wrap, const uint8_t lineage[SKEP__LINEAGE_BYTES],
                    const skep_key *secret, skep__data_key **out)
{
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
    int rc = wrap->kind == SKEP__WRAP_RECIPIENT ? open_recipient(wrap, lineage, secret, &key)
                                                : open_symmetric(wrap, lineage, secret, &key);
    if (rc <= 0)
        return rc;
    if (memcmp(key->id, wrap->id, sizeof(wrap->id)) != 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "a wrapped key is not the one that it says it is, or "
                                         "comes from another lineage");
    *out = SKEP__TAKE(key);
    return 1;
}
