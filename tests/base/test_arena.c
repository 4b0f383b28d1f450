/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/base_limits.h"
#include "base/err.h"

#include "harness/alloc.h"

static bool zeroed(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

TEST(blocks_are_zeroed_aligned_and_apart)
{
    skep_arena *arena = NULL;
    char *blocks[500];
    rng r = rng_of(harness_seed());
    assert_ok(skep_arena_new(0, &arena));
    for (int round = 0; round < 3; round++) {
        size_t sizes[500];
        for (size_t i = 0; i < 500; i++) {
            void *block = NULL;
            sizes[i] = (size_t)rng_below(&r, 3000);
            assert_ok(skep_arena_alloc(arena, sizes[i], &block));
            ck_assert_uint_eq((uintptr_t)block % alignof(max_align_t), 0);
            blocks[i] = block;
            ck_assert(zeroed(blocks[i], sizes[i]));
            memset(blocks[i], (int)(i % 255) + 1, sizes[i]);
        }
        for (size_t i = 0; i < 500; i++)
            for (size_t k = 0; k < sizes[i]; k++)
                ck_assert_int_eq(blocks[i][k], (char)((i % 255) + 1));
        skep_arena_reset(arena);
    }
    skep_arena_free(arena);
}

TEST(no_bytes_at_all_are_a_block_too)
{
    skep_arena *arena = NULL;
    void *block = NULL;
    assert_ok(skep_arena_new(0, &arena));
    assert_ok(skep_arena_alloc(arena, 0, &block));
    ck_assert_ptr_nonnull(block);
    skep_arena_free(arena);
    skep_arena_reset(NULL);
    skep_arena_free(NULL);
}

static void fill(skep_arena *arena)
{
    void *block = NULL;
    for (size_t bytes = 1; bytes < (1 << 20); bytes = bytes * 3 + 1)
        assert_ok(skep_arena_alloc(arena, bytes, &block));
}

TEST(a_reset_keeps_the_memory_for_the_next_round)
{
    skep_arena *arena = NULL;
    alloc_install();
    uint64_t before = alloc_living();
    assert_ok(skep_arena_new(0, &arena));
    fill(arena);
    uint64_t living = alloc_living();
    for (int i = 0; i < 5; i++) {
        skep_arena_reset(arena);
        fill(arena);
        ck_assert_uint_eq(alloc_living(), living);
    }
    skep_arena_free(arena);
    ck_assert_uint_eq(alloc_living(), before);
}

TEST(many_bytes_are_few_chunks)
{
    skep_arena *arena = NULL;
    alloc_install();
    uint64_t before = alloc_living();
    assert_ok(skep_arena_new(0, &arena));
    void *block = NULL;
    for (int i = 0; i < 100000; i++)
        assert_ok(skep_arena_alloc(arena, 160, &block));
    ck_assert_uint_le(alloc_living() - before, 1 + 14); /* 16 MB from 4 KiB by doubling */
    skep_arena_free(arena);
}

TEST(the_maximum_is_kept_to_the_byte)
{
    skep_arena *arena = NULL;
    void *block = NULL;
    static const size_t most[] = {1, 16, 4095, 4096, 4097, 100000};
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
        assert_ok(skep_arena_new(most[i], &arena));
        assert_fails(skep_arena_alloc(arena, most[i] + 1, &block), SKEP_ELIMIT);
        assert_ok(skep_arena_alloc(arena, most[i], &block));
        memset(block, 1, most[i]);
        assert_fails(skep_arena_alloc(arena, 1, &block), SKEP_ELIMIT);
        assert_fails(skep_arena_alloc(arena, SIZE_MAX, &block), SKEP_ELIMIT);
        skep_arena_reset(arena);
        assert_ok(skep_arena_alloc(arena, most[i], &block));
        skep_arena_free(arena);
    }
    assert_ok(skep_arena_new(0, &arena));
    assert_fails(skep_arena_alloc(arena, SKEP__ARENA_MAX + 1, &block), SKEP_ELIMIT);
    skep_arena_free(arena);
}

TEST(small_blocks_share_what_the_maximum_leaves)
{
    skep_arena *arena = NULL;
    void *block = NULL;
    size_t count = 0;
    assert_ok(skep_arena_new(10000, &arena));
    while (skep_arena_alloc(arena, 16, &block) >= 0)
        count++;
    ck_assert_int_eq(skep_last_error()->code, SKEP_ELIMIT);
    ck_assert_uint_ge(count, 10000 / 16 - 2);
    ck_assert_uint_le(count, 10000 / 16);
    skep_arena_free(arena);
}

TEST(a_block_that_finds_no_room_changes_nothing)
{
    skep_arena *arena = NULL;
    void *block = &arena;
    assert_ok(skep_arena_new(5000, &arena));
    assert_fails(skep_arena_alloc(arena, 6000, &block), SKEP_ELIMIT);
    ck_assert_ptr_eq(block, &arena);
    assert_ok(skep_arena_alloc(arena, 5000, &block));
    skep_arena_free(arena);
}

TEST(a_copy_ends_with_a_nul)
{
    skep_arena *arena = NULL;
    const char *copy = NULL;
    assert_ok(skep_arena_new(0, &arena));
    assert_ok(skep__arena_copy(arena, "a\0b", 3, &copy));
    ck_assert_int_eq(memcmp(copy, "a\0b\0", 4), 0);
    assert_ok(skep__arena_copy(arena, NULL, 0, &copy));
    ck_assert_str_eq(copy, "");
    skep_arena_free(arena);
}

static int run_out(void *ctx)
{
    skep_arena *arena = NULL;
    void *block = NULL;
    (void)ctx;
    int rc = skep_arena_new(0, &arena);
    for (int i = 0; i < 5 && rc >= 0; i++)
        rc = skep_arena_alloc(arena, 20000, &block);
    skep_arena_free(arena);
    return rc;
}

TEST(every_failed_allocation_is_told)
{
    alloc_install();
    sweep s = {.run = run_out};
    ck_assert_uint_ge(alloc_sweep(&s).hit, 4);
}

static const harness_test tests[] = {
    HARNESS_TEST(blocks_are_zeroed_aligned_and_apart),
    HARNESS_TEST(no_bytes_at_all_are_a_block_too),
    HARNESS_TEST(a_reset_keeps_the_memory_for_the_next_round),
    HARNESS_TEST(many_bytes_are_few_chunks),
    HARNESS_TEST(the_maximum_is_kept_to_the_byte),
    HARNESS_TEST(small_blocks_share_what_the_maximum_leaves),
    HARNESS_TEST(a_block_that_finds_no_room_changes_nothing),
    HARNESS_TEST(a_copy_ends_with_a_nul),
    HARNESS_TEST(every_failed_allocation_is_told),
};
const harness_suite arena_suite = HARNESS_SUITE("arena", tests);
