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

/* XXH3's state wants an address that malloc does not give. */
_Static_assert(sizeof(XXH3_state_t) + 63 <= sizeof(skep__hasher), "the state of XXH3 has to fit");

static size_t aligned_at(const skep__hasher *h)
{
    return (64 - (uintptr_t)h->state % 64) % 64;
}

static XXH3_state_t *state_of(skep__hasher *h)
{
    return (XXH3_state_t *)(void *)(h->state + aligned_at(h));
}

void skep__hasher_begin(skep__hasher *h)
{
    (void)XXH3_128bits_reset(state_of(h)); /* fails for NULL only, as does the next */
}

void skep__hasher_add(skep__hasher *h, const void *data, size_t len)
{
    if (len > 0)
        (void)XXH3_128bits_update(state_of(h), data, len);
}

void skep__hasher_end(const skep__hasher *h, uint8_t out[SKEP__HASH128_BYTES])
{
    XXH128_canonical_t canonical;
    const XXH3_state_t *state = (const XXH3_state_t *)(const void *)(h->state + aligned_at(h));
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
    memcpy(out, canonical.digest, SKEP__HASH128_BYTES);
}

void skep__hash128_plain(const void *data, size_t len, uint8_t out[SKEP__HASH128_BYTES])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, len));
    memcpy(out, canonical.digest, SKEP__HASH128_BYTES);
}
