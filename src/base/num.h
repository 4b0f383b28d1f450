/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_NUM_H
#define SKEP__BASE_NUM_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Narrowing that must not lose anything. For values that the caller has bounded: one out of range
 * is a bug and ends the process. */
static inline uint32_t skep__u32(uint64_t v)
{
    ASSERT(v <= UINT32_MAX);
    return (uint32_t)v;
}
static inline int skep__int(uint64_t v)
{
    ASSERT(v <= INT_MAX);
    return (int)v;
}
static inline int64_t skep__i64(uint64_t v)
{
    ASSERT(v <= INT64_MAX);
    return (int64_t)v;
}

#endif
