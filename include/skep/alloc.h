/* SPDX-License-Identifier: MIT */
#ifndef SKEP_ALLOC_H
#define SKEP_ALLOC_H

#include <skep/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The memory that skep, and the SQLite inside it, lives on.
 *
 *  Each function must be callable from any thread. `alloc` and `realloc` may return NULL, which
 *  callers of skep then see as SKEP_ENOMEM; blocks are aligned for any type. `usable` returns the
 *  size of a block, at least what was asked for.
 */
typedef struct skep_allocator {
    uint32_t size; /**< sizeof(skep_allocator) */
    void *(*alloc)(size_t bytes, void *ctx);
    void *(*realloc)(void *block, size_t bytes, void *ctx);
    void (*free)(void *block, void *ctx); /**< accepts NULL */
    size_t (*usable)(void *block, void *ctx);
    void *ctx;
} skep_allocator;

/** Use `table` (copied) instead of malloc. Only before the first other call into skep in this
 *  process: afterwards it is SKEP_EMISUSE. Threads: one at a time. */
SKEP_API int skep_set_allocator(const skep_allocator *table) SKEP_CHECK;

/** Give back memory that a skep function documented as "owned, skep_free". Accepts NULL. */
SKEP_API void skep_free(void *block);

#ifdef __cplusplus
}
#endif
#endif
