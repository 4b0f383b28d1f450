/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <string.h>

/* Its code goes in here, so that neither a library nor its symbols are needed. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t skep__hash64(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}

void skep__hash128(const void *data, size_t len, const uint8_t secret[SKEP__HASH_SECRET_BYTES],
                   uint8_t out[SKEP__HASH128_BYTES])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical,
                             XXH3_128bits_withSecret(data, len, secret, SKEP__HASH_SECRET_BYTES));
    memcpy(out, canonical.digest, SKEP__HASH128_BYTES);
}
