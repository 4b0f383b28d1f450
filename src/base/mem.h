/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_MEM_H
#define SKEP__BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/alloc.h>

/* GCC then follows our blocks as it follows those of malloc: leaks, double frees, uses after free.
 * Clang has the attribute without its argument. */
#if defined(__clang__)
#define SKEP__FREED_HERE __attribute__((malloc))
#else
#define SKEP__FREED_HERE __attribute__((malloc, malloc(skep__free, 1)))
#endif

/* All memory of the library comes from the one allocator table. Each of these returns NULL when it
 * runs out; the caller then returns skep__oom(). Nothing here sets the error detail. */
void skep__free(void *block);
void *skep__alloc(size_t bytes) SKEP__FREED_HERE;
void *skep__calloc(size_t n, size_t size) SKEP__FREED_HERE;      /* NULL on overflow too */
void *skep__alloc_array(size_t n, size_t size) SKEP__FREED_HERE; /* NULL on overflow too */
void *skep__realloc(void *block, size_t bytes);
char *skep__strdup(const char *text) SKEP__FREED_HERE;
char *skep__strndup(const char *text, size_t len) SKEP__FREED_HERE;
void skep__freep(void *pointer_to_block); /* for SKEP__CLEANUP: frees *(void **)p */

const skep_allocator *skep__allocator(void); /* and no table can be set from now on */

/* Arithmetic on sizes that come from outside: false on overflow. */
static inline bool skep__add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline bool skep__mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

#endif
