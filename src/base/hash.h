/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_HASH_H
#define SKEP__BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3, 64 bits: for tables in memory and for bytes that nobody forges. Stable over versions. */
uint64_t skep__hash64(const void *data, size_t len, uint64_t seed);

/* XXH3, 128 bits, big-endian, under a secret of SKEP__HASH_SECRET_BYTES random bytes: whoever does
 * not know it, nor ever sees a hash, cannot look for two inputs with the same one. */
#define SKEP__HASH_SECRET_BYTES 192
#define SKEP__HASH128_BYTES 16
void skep__hash128(const void *data, size_t len, const uint8_t secret[SKEP__HASH_SECRET_BYTES],
                   uint8_t out[SKEP__HASH128_BYTES]);

/* The same without a secret, over pieces: what anybody can compute and compare. Stays where it is
 * once begun. */
typedef struct skep__hasher {
    uint8_t state[704];
} skep__hasher;
void skep__hasher_begin(skep__hasher *h);
void skep__hasher_add(skep__hasher *h, const void *data, size_t len);
/* Of what was added so far; more may follow. */
void skep__hasher_end(const skep__hasher *h, uint8_t out[SKEP__HASH128_BYTES]);
void skep__hash128_plain(const void *data, size_t len, uint8_t out[SKEP__HASH128_BYTES]);

#endif
