/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void *std_alloc(size_t bytes, void *ctx)
{
    (void)ctx;
    return malloc(bytes);
}

static void *std_realloc(void *block, size_t bytes, void *ctx)
{
    (void)ctx;
    return realloc(block, bytes);
}

static void std_free(void *block, void *ctx)
{
    (void)ctx;
    free(block);
}

static size_t std_usable(void *block, void *ctx)
{
    (void)ctx;
    return malloc_usable_size(block);
}

static skep_allocator table = {
    .size = (uint32_t)sizeof(skep_allocator),
    .alloc = std_alloc,
    .realloc = std_realloc,
    .free = std_free,
    .usable = std_usable,
};

/* Set by the first allocation and never cleared: a block must go back to where it came from. */
static atomic_bool in_use;

const skep_allocator *skep__allocator(void)
{
    if (!atomic_load_explicit(&in_use, memory_order_relaxed))
        atomic_store_explicit(&in_use, true, memory_order_relaxed);
    return &table;
}

int skep_set_allocator(const skep_allocator *given)
{
    SKEP__REQUIRE(given != NULL);
    SKEP__REQUIRE(given->size == sizeof(skep_allocator));
    SKEP__REQUIRE(given->alloc != NULL && given->realloc != NULL);
    SKEP__REQUIRE(given->free != NULL && given->usable != NULL);
    SKEP__REQUIRE(!atomic_load_explicit(&in_use, memory_order_relaxed));
    table = *given;
    return SKEP_OK;
}

/* Nothing is asked for as one byte, so that NULL always means that memory ran out. */
void *skep__alloc(size_t bytes)
{
    const skep_allocator *a = skep__allocator();
    return a->alloc(bytes ? bytes : 1, a->ctx);
}

void *skep__alloc_array(size_t n, size_t size)
{
    size_t bytes = 0;
    return skep__mul(n, size, &bytes) ? skep__alloc(bytes) : NULL;
}

void *skep__calloc(size_t n, size_t size)
{
    void *block = skep__alloc_array(n, size);
    if (block != NULL)
        memset(block, 0, n * size);
    return block;
}

void *skep__realloc(void *block, size_t bytes)
{
    const skep_allocator *a = skep__allocator();
    bytes = bytes ? bytes : 1;
    return block != NULL ? a->realloc(block, bytes, a->ctx) : a->alloc(bytes, a->ctx);
}

char *skep__strdup(const char *text)
{
    return skep__strndup(text, strlen(text));
}

char *skep__strndup(const char *text, size_t len)
{
    size_t bytes = 0;
    len = strnlen(text, len);
    char *copy = skep__add(len, 1, &bytes) ? skep__alloc(bytes) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

void skep__free(void *block)
{
    const skep_allocator *a = skep__allocator();
    a->free(block, a->ctx);
}

void skep__freep(void *pointer_to_block)
{
    void *block = NULL;
    memcpy(&block, pointer_to_block, sizeof(block));
    skep__free(block);
}

void skep_free(void *block)
{
    skep__free(block);
}
