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

#endif
