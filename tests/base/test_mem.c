/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

typedef struct counts {
    int allocs;
    int reallocs;
    int frees;
    size_t asked; /* by the last alloc */
    bool empty;   /* no more memory */
} counts;

static void *my_alloc(size_t bytes, void *ctx)
{
    counts *c = ctx;
    c->allocs++;
    c->asked = bytes;
    return c->empty ? NULL : malloc(bytes);
}

static void *my_realloc(void *block, size_t bytes, void *ctx)
{
    counts *c = ctx;
    c->reallocs++;
    return c->empty ? NULL : realloc(block, bytes);
}

static void my_free(void *block, void *ctx)
{
    counts *c = ctx;
    c->frees += block != NULL ? 1 : 0;
    free(block);
}

static size_t my_usable(void *block, void *ctx)
{
    (void)ctx;
    return block != NULL ? 1 : 0;
}

static skep_allocator table_of(counts *c)
{
    skep_allocator t = {
        .size = (uint32_t)sizeof(t),
        .alloc = my_alloc,
        .realloc = my_realloc,
        .free = my_free,
        .usable = my_usable,
        .ctx = c,
    };
    return t;
}

TEST(all_memory_comes_from_the_table)
{
    counts c = {0};
    skep_allocator t = table_of(&c);
    assert_ok(skep_set_allocator(&t));
    memset(&t, 0, sizeof(t)); /* it was copied */

    char *block = skep__alloc(10);
    ck_assert_ptr_nonnull(block);
    block = skep__realloc(block, 20);
    ck_assert_ptr_nonnull(block);
    skep_free(block);
    ck_assert_int_eq(c.allocs, 1);
    ck_assert_int_eq(c.reallocs, 1);
    ck_assert_int_eq(c.frees, 1);
    ck_assert_ptr_eq(skep__allocator()->ctx, &c);
    ck_assert_uint_eq(skep__allocator()->usable(&c, &c), 1);
}

TEST(running_out_gives_null_everywhere)
{
    counts c = {.empty = true};
    skep_allocator t = table_of(&c);
    assert_ok(skep_set_allocator(&t));
    ck_assert_ptr_null(skep__alloc(1));
    ck_assert_ptr_null(skep__calloc(1, 1));
    ck_assert_ptr_null(skep__alloc_array(1, 1));
    ck_assert_ptr_null(skep__realloc(NULL, 1));
    ck_assert_ptr_null(skep__strdup("x"));
    ck_assert_ptr_null(skep__strndup("x", 1));
}

TEST(a_table_is_refused_after_the_first_allocation)
{
    counts c = {0};
    skep_allocator t = table_of(&c);
    skep__misuse_aborts(false);
    skep_free(NULL);
    assert_fails(skep_set_allocator(&t), SKEP_EMISUSE);
    char *text = skep__strdup("from malloc");
    skep_free(text);
    ck_assert_int_eq(c.frees, 0);
}

TEST(an_incomplete_table_is_refused)
{
    counts c = {0};
    skep__misuse_aborts(false);
    assert_fails(skep_set_allocator(NULL), SKEP_EMISUSE);
    skep_allocator t = table_of(&c);
    t.size = 8;
    assert_fails(skep_set_allocator(&t), SKEP_EMISUSE);
    t = table_of(&c);
    t.realloc = NULL;
    assert_fails(skep_set_allocator(&t), SKEP_EMISUSE);
    t = table_of(&c);
    t.usable = NULL;
    assert_fails(skep_set_allocator(&t), SKEP_EMISUSE);
    t = table_of(&c);
    assert_ok(skep_set_allocator(&t));
}

TEST(no_bytes_are_one_byte)
{
    counts c = {0};
    skep_allocator t = table_of(&c);
    assert_ok(skep_set_allocator(&t));
    void *block = skep__alloc(0);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(c.asked, 1);
    block = skep__realloc(block, 0);
    ck_assert_ptr_nonnull(block);
    skep__free(block);
}

TEST(sizes_that_overflow_give_null)
{
    size_t out = 7;
    ck_assert_ptr_null(skep__alloc_array(SIZE_MAX / 2, 3));
    ck_assert_ptr_null(skep__calloc(SIZE_MAX, SIZE_MAX));
    ck_assert(!skep__add(SIZE_MAX, 1, &out));
    ck_assert(!skep__mul(SIZE_MAX, 2, &out));
    ck_assert(skep__add(2, 3, &out));
    ck_assert_uint_eq(out, 5);
    ck_assert(skep__mul(2, 3, &out));
    ck_assert_uint_eq(out, 6);
}

TEST(copies_of_text_end_with_nul)
{
    SKEP__CLEANUP(skep__freep) char *whole = skep__strdup("hive");
    SKEP__CLEANUP(skep__freep) char *part = skep__strndup("hive", 2);
    SKEP__CLEANUP(skep__freep) char *more = skep__strndup("hive", 100);
    ck_assert_str_eq(whole, "hive");
    ck_assert_str_eq(part, "hi");
    ck_assert_str_eq(more, "hive");
    SKEP__CLEANUP(skep__freep) int *zeros = skep__calloc(3, sizeof(int));
    ck_assert_ptr_nonnull(zeros);
    ck_assert_int_eq(zeros[0] + zeros[1] + zeros[2], 0);
}

TEST(take_moves_a_pointer_out)
{
    char *a = skep__strdup("x");
    char *b = SKEP__TAKE(a);
    ck_assert_ptr_null(a);
    ck_assert_str_eq(b, "x");
    skep__freep(&b);
}

static const harness_test tests[] = {
    HARNESS_TEST(all_memory_comes_from_the_table),
    HARNESS_TEST(running_out_gives_null_everywhere),
    HARNESS_TEST(a_table_is_refused_after_the_first_allocation),
    HARNESS_TEST(an_incomplete_table_is_refused),
    HARNESS_TEST(no_bytes_are_one_byte),
    HARNESS_TEST(sizes_that_overflow_give_null),
    HARNESS_TEST(copies_of_text_end_with_nul),
    HARNESS_TEST(take_moves_a_pointer_out),
};
const harness_suite mem_suite = HARNESS_SUITE("mem", tests);
