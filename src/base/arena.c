/* SPDX-License-Identifier: MIT */
/*
 * Memory that is given back all at once.
 *
 * Each chunk is as large as all before it together, so there are few however much is taken, and
 * asking each of them for room is cheap.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/base_limits.h"
#include "base/err.h"
#include "base/mem.h"

#define FIRST_BYTES 4096

typedef struct chunk {
    char *data;
    size_t size;
    size_t used;
} chunk;

struct skep_arena {
    size_t max;
    size_t taken; /* by all chunks */
    size_t count;
    size_t last; /* the chunk that had room last time */
    chunk chunks[SKEP__ARENA_CHUNKS];
};

int skep_arena_new(size_t max_bytes, skep_arena **out)
{
    SKEP__REQUIRE(out != NULL);
    skep_arena *arena = skep__calloc(1, sizeof(*arena));
    if (arena == NULL)
        return skep__oom();
    arena->max = max_bytes != 0 ? max_bytes : SKEP__ARENA_MAX;
    *out = arena;
    return SKEP_OK;
}

void skep_arena_free(skep_arena *arena)
{
    if (arena == NULL)
        return;
    for (size_t i = 0; i < arena->count; i++)
        skep__free(arena->chunks[i].data);
    skep__free(arena);
}

void skep_arena_reset(skep_arena *arena)
{
    if (arena == NULL)
        return;
    for (size_t i = 0; i < arena->count; i++)
        arena->chunks[i].used = 0;
    arena->last = 0;
}

static void *take_from(chunk *c, size_t bytes, size_t align)
{
    size_t at = (c->used + align - 1) / align * align;
    if (at > c->size || bytes > c->size - at)
        return NULL;
    c->used = at + bytes;
    return c->data + at;
}

/* As large as what there is already, as far as the maximum allows; larger if it must be. */
static int add_chunk(skep_arena *arena, size_t need)
{
    size_t left = arena->max - arena->taken;
    size_t size = arena->taken > FIRST_BYTES ? arena->taken : FIRST_BYTES;
    size = size > left ? left : size;
    size = size < need ? need : size;
    if (need > left || arena->count == SKEP__ARENA_CHUNKS)
        return SKEP__FAIL(SKEP_ELIMIT,
                          "an arena of at most %zu bytes has %zu in use; %zu more do not fit",
                          arena->max, arena->taken, need);
    char *data = skep__alloc(size);
    if (data == NULL)
        return skep__oom();
    arena->chunks[arena->count] = (chunk){.data = data, .size = size};
    arena->last = arena->count++;
    arena->taken += size;
    return SKEP_OK;
}

int skep__arena_take(skep_arena *arena, size_t bytes, size_t align, void **out)
{
    ASSERT(align != 0 && align <= alignof(max_align_t));
    void *found = NULL;
    if (arena->count > 0)
        found = take_from(&arena->chunks[arena->last], bytes, align);
    for (size_t i = 0; found == NULL && i < arena->count; i++) {
        found = take_from(&arena->chunks[i], bytes, align);
        if (found != NULL)
            arena->last = i;
    }
    if (found == NULL) {
        SKEP__TRY(add_chunk(arena, bytes > 0 ? bytes : 1));
        found = take_from(&arena->chunks[arena->last], bytes, align);
    }
    *out = found;
    return SKEP_OK;
}

int skep__arena_copy(skep_arena *arena, const void *data, size_t len, const char **out)
{
    void *copy = NULL;
    ASSERT(len < SIZE_MAX);
    SKEP__TRY(skep__arena_take(arena, len + 1, 1, &copy));
    if (len > 0)
        memcpy(copy, data, len);
    ((char *)copy)[len] = '\0';
    *out = copy;
    return SKEP_OK;
}

int skep_arena_alloc(skep_arena *arena, size_t bytes, void **out)
{
    SKEP__REQUIRE(arena != NULL);
    SKEP__REQUIRE(out != NULL);
    void *found = NULL;
    SKEP__TRY(skep__arena_take(arena, bytes, alignof(max_align_t), &found));
    memset(found, 0, bytes);
    *out = found;
    return SKEP_OK;
}
