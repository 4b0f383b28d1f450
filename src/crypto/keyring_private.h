/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_KEYRING_PRIVATE_H
#define SKEP__CRYPTO_KEYRING_PRIVATE_H

#include "crypto/keyring.h"

/* `len` bytes (16 to 64) that follow from a key and `of`, for one use (at most 16 characters) only:
 * BLAKE2b, keyed, with the use as its personalisation. */
void skep__derive(const uint8_t key[SKEP__SECRET_BYTES], const char *use, skep_slice of,
                  uint8_t *out, size_t len);

/* All that follows from key->use and key->bytes. */
void skep__data_key_finish(skep__data_key *key, const uint8_t lineage[SKEP__LINEAGE_BYTES]);

/* The private half of the recipient that follows from `key`. */
int skep__identity_of(const skep_key *key, const uint8_t lineage[SKEP__LINEAGE_BYTES],
                      skep__data_key **out) SKEP_CHECK;
/* 1: `*out` is the data key; 0: it is boxed for somebody else. */
int skep__box_open(const uint8_t boxed[SKEP__WRAPPED_BYTES], const skep__data_key *identity,
                   uint8_t use, skep__data_key **out) SKEP_CHECK;

/* One wrap of a ring. The others of the ring do not matter. */
int skep__wrap_make(const skep__data_key *key, const skep_key *secret, skep__wrap *out) SKEP_CHECK;
int skep__wrap_make_for(const skep__data_key *key, const skep__recipient *recipient,
                        skep__wrap *out) SKEP_CHECK;
/* 1: `*out` is the data key; 0: another secret wrapped it. */
int skep__wrap_open(const skep__wrap *wrap, const uint8_t lineage[SKEP__LINEAGE_BYTES],
                    const skep_key *secret, skep__data_key **out) SKEP_CHECK;

/* The clear part of a wrap, which is bound to what it wraps. */
#define SKEP__WRAP_CLEAR 88
#define SKEP__WRAP_BYTES (SKEP__WRAP_CLEAR + SKEP__WRAPPED_BYTES)
void skep__wrap_encode(const skep__wrap *wrap, uint8_t out[SKEP__WRAP_BYTES]);
int skep__wrap_decode(const uint8_t in[SKEP__WRAP_BYTES], skep__wrap *out) SKEP_CHECK;

#endif
