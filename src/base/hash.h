/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_HASH_H
#define SKEP__BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3, 64 bits: for tables in memory and for bytes that nobody forges. Stable over versions. */
uint64_t skep__hash64(const void *data, size_t len, uint64_t seed);

#endif
