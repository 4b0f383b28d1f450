/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

/* Its code goes in here, so that neither a library nor its symbols are needed. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t skep__hash64(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}
