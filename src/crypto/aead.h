/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_AEAD_H
#define SKEP__CRYPTO_AEAD_H

#include <stddef.h>
#include <stdint.h>

#include <skep/value.h>

#include "base/err.h"
#include "crypto/crypto_limits.h"

/* Authenticated encryption of many pieces under one key. The nonce of a piece is its counter and a
 * mark, so the caller sees to it that no two pieces under one key have both alike.
 *
 * Threads: one at a time; each thread makes its own from the same key. The expanded key lies in
 * libcrypto's memory while the object lives, and is wiped when it is freed. */

/* On disk: never renumber. */
typedef enum skep__aead_kind {
    SKEP__AEAD_AES256GCM = 1,
    SKEP__AEAD_XCHACHA20 = 2 /* XChaCha20-Poly1305 */
} skep__aead_kind;

#define SKEP__AEAD_COUNTER_MAX ((UINT64_C(1) << 56) - 1)

typedef struct skep__aead skep__aead;

/* SKEP_EUNSUPPORTED for a kind that this skep does not know. */
int skep__aead_new(int kind, const uint8_t key[SKEP__SECRET_BYTES], skep__aead **out) SKEP_CHECK;
void skep__aead_free(skep__aead *a);   /* accepts NULL */
void skep__aead_freep(skep__aead **a); /* for SKEP__CLEANUP */

/* The one that is quicker here. */
int skep__aead_best(void);
const char *skep__aead_name(int kind); /* "aes256gcm", "xchacha20", "none" */

/* `out` takes SKEP__TAG_BYTES more than `in` has; they may not overlap. `bound` is authenticated
 * with it, and not stored. */
int skep__aead_seal(skep__aead *a, uint64_t counter, uint8_t mark, skep_slice bound, skep_slice in,
                    uint8_t *out) SKEP_CHECK;
/* `out` takes SKEP__TAG_BYTES less; it is wiped when the piece is not what was sealed:
 * SKEP_ECORRUPT. */
int skep__aead_open(skep__aead *a, uint64_t counter, uint8_t mark, skep_slice bound, skep_slice in,
                    uint8_t *out) SKEP_CHECK;

#endif
