/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_ARENA_H
#define SKEP__BASE_ARENA_H

#include <skep/arena.h>

/* What <skep/arena.h> does not offer: memory that is not zeroed, because all of it is written at
 * once. `align` is a power of two, at most that of max_align_t. */
int skep__arena_take(skep_arena *arena, size_t bytes, size_t align, void **out);
/* A copy of `len` bytes with a NUL behind them. */
int skep__arena_copy(skep_arena *arena, const void *data, size_t len, const char **out);

#endif
