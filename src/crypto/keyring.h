/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_KEYRING_H
#define SKEP__CRYPTO_KEYRING_H

#include "base/buf.h"
#include "base/hash.h"
#include "crypto/crypto.h"

#define SKEP__KEYRING_VERSION 1

/* Data keys and the ring that keeps them wrapped.
 *
 * What is sealed is sealed with a random data key. A ring holds each data key of one lineage as
 * often as there are secrets that shall open it, wrapped by each: so a secret is changed by
 * wrapping a few bytes anew, and nothing that was sealed is touched.
 *
 * A recipient is the public half of a raw key. Who only knows recipients boxes his data key into
 * each object that he seals (crypto/sealed.h), needs no ring, and cannot read what he wrote once he
 * has forgotten that key. The private half stands in a ring too, once it was rotated: so objects
 * that were sealed for it open with the new secret.
 *
 * Threads: one at a time. A data key is shared once it is made. */

/* On disk: never renumber. */
typedef enum skep__key_use {
    SKEP__USE_DATA = 1,    /* seals objects */
    SKEP__USE_IDENTITY = 2 /* the private half of a recipient */
} skep__key_use;

/* Lies in guarded memory as a whole. */
typedef struct skep__data_key {
    uint8_t use;                    /* skep__key_use */
    uint8_t id[SKEP__KEY_ID_BYTES]; /* public; follows from the key (and its lineage) */
    uint8_t lineage[SKEP__LINEAGE_BYTES];
    uint8_t bytes[SKEP__SECRET_BYTES];
    uint8_t hash_secret[SKEP__HASH_SECRET_BYTES]; /* of content hashes; follows from the key */
} skep__data_key;

int skep__data_key_new(const uint8_t lineage[SKEP__LINEAGE_BYTES], skep__data_key **out) SKEP_CHECK;
void skep__data_key_free(skep__data_key *key); /* wipes; accepts NULL */
void skep__data_key_freep(skep__data_key **key);

/* ---- recipients: an X25519 pair that follows from a raw key ---- */

typedef struct skep__recipient {
    uint8_t bytes[SKEP__SECRET_BYTES]; /* public */
} skep__recipient;

#define SKEP__RECIPIENT_TEXT 56 /* bytes of its text, NUL included */

/* SKEP_EUNSUPPORTED for a passphrase, which would be too easy to guess from what is public. */
int skep__recipient_of(const skep_key *key, skep__recipient *out) SKEP_CHECK;
void skep__recipient_id(const skep__recipient *r, uint8_t out[SKEP__KEY_ID_BYTES]);
void skep__recipient_text(const skep__recipient *r, char out[SKEP__RECIPIENT_TEXT]);
int skep__recipient_parse(const char *text, skep__recipient *out) SKEP_CHECK;

/* ---- wraps ---- */

/* On disk: never renumber. */
typedef enum skep__wrap_kind {
    SKEP__WRAP_RAW = 1,
    SKEP__WRAP_PASSPHRASE = 2,
    SKEP__WRAP_RECIPIENT = 3
} skep__wrap_kind;

#define SKEP__WRAPPED_BYTES 80 /* of a boxed key too */

/* A data key for one recipient. */
typedef struct skep__box {
    skep__recipient recipient;
    uint8_t boxed[SKEP__WRAPPED_BYTES];
} skep__box;

int skep__box_make(const skep__data_key *key, const skep__recipient *recipient, skep__box *out)
    SKEP_CHECK;

/* A data key, wrapped. Nothing in it is secret. */
typedef struct skep__wrap {
    uint8_t kind;       /* skep__wrap_kind */
    uint8_t use;        /* skep__key_use */
    int64_t created_us; /* UTC, by the clock of who wrapped */
    uint8_t id[SKEP__KEY_ID_BYTES];
    uint8_t salt[SKEP__SALT_BYTES];  /* of a passphrase */
    uint32_t passes;                 /* Argon2id, of a passphrase */
    uint32_t memory_kib;             /* likewise */
    uint8_t who[SKEP__SECRET_BYTES]; /* a recipient, or what tells a raw key from others */
    uint8_t wrapped[SKEP__WRAPPED_BYTES];
} skep__wrap;

typedef struct skep__keyring {
    uint8_t lineage[SKEP__LINEAGE_BYTES];
    size_t count;
    skep__wrap wraps[SKEP__KEYRING_WRAPS_MAX]; /* oldest first */
} skep__keyring;

/* A ring is 47 KB: too much for a stack that others chose. NULL: no memory. */
skep__keyring *skep__keyring_new(void);
void skep__keyring_freep(skep__keyring **ring);

/* An empty ring of a new lineage, or of that one. */
int skep__keyring_init(skep__keyring *ring, const uint8_t *lineage) SKEP_CHECK;

/* Add what `secret`, or `recipient`, will open. A ring that is full is SKEP_ELIMIT. */
int skep__keyring_wrap(skep__keyring *ring, const skep__data_key *key, const skep_key *secret)
    SKEP_CHECK;
int skep__keyring_wrap_for(skep__keyring *ring, const skep__data_key *key,
                           const skep__recipient *recipient) SKEP_CHECK;

/* The key `id`, or the newest data key that `secret` opens if that is NULL. The caller owns it.
 * SKEP_ENOTFOUND: no such key here; SKEP_EAUTH: `secret` does not open it. */
int skep__keyring_open(const skep__keyring *ring, const skep_key *secret, const uint8_t *id,
                       skep__data_key **out) SKEP_CHECK;

/* 1: `secret` opens the wrap `index`; 0: it does not. */
int skep__keyring_opens(const skep__keyring *ring, size_t index, const skep_key *secret) SKEP_CHECK;

/* What the head of an object says about the key that it was sealed with. All borrowed. */
typedef struct skep__boxed {
    const uint8_t *lineage;
    const uint8_t *id; /* of the data key */
    const skep__box *boxes;
    size_t count;
} skep__boxed;

/* The data key of an object out of its boxes. The lineage need not be the ring's: who only knows a
 * recipient may have sealed before there was a ring. `ring` may be NULL: there is none. SKEP_EAUTH:
 * no box is for `secret`, nor for an identity that it opens here. */
int skep__keyring_unbox(const skep__keyring *ring, const skep_key *secret, const skep__boxed *boxed,
                        skep__data_key **out) SKEP_CHECK;

/* Let `to` (or else `recipient`) open the data keys that `from` opens, besides. Not its identities:
 * they open what was sealed for `from` elsewhere, too. Returns how many wraps were added: 0 if all
 * were there. The ring is unchanged on failure. */
int skep__keyring_share(skep__keyring *ring, const skep_key *from, const skep_key *to,
                        const skep__recipient *recipient) SKEP_CHECK;
/* Let `to` (or else `recipient`) open all that `from` opens, and `from` nothing any more. Returns
 * 1, or 0 if that was done already: `from` opens nothing, `to` a data key. The ring is unchanged on
 * failure. */
int skep__keyring_rotate(skep__keyring *ring, const skep_key *from, const skep_key *to,
                         const skep__recipient *recipient) SKEP_CHECK;

/* As bytes: docs/format/sealed.md. Decoding trusts nothing. */
int skep__keyring_encode(const skep__keyring *ring, skep__buf *out) SKEP_CHECK;
int skep__keyring_decode(skep_slice bytes, skep__keyring *out) SKEP_CHECK;

#endif
