/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <signal.h>
#include <string.h>

#include "base/base_limits.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "harness/alloc.h"

TEST(all_kinds_of_appends_join)
{
    skep__buf b = SKEP__BUF_INIT(100);
    ck_assert_str_eq(skep__buf_text(&b), "");
    assert_ok(skep__buf_add(&b, "a\0b", 3));
    assert_ok(skep__buf_add_text(&b, "-text-"));
    assert_ok(skep__buf_add_byte(&b, 'x'));
    assert_ok(skep__buf_add_slice(&b, skep_slice_of(NULL, 0)));
    assert_ok(skep__buf_printf(&b, "%d %s", 42, "bees"));
    skep_slice s = skep__buf_slice(&b);
    ck_assert_uint_eq(s.len, 17);
    ck_assert_mem_eq(s.data, "a\0b-text-x42 bees", 18);
    skep__buf_dispose(&b);
    ck_assert_uint_eq(skep__buf_slice(&b).len, 0);
    assert_ok(skep__buf_add_text(&b, "again"));
    skep__buf_clear(&b);
    ck_assert_str_eq(skep__buf_text(&b), "");
    skep__buf_dispose(&b);
}

TEST(the_ceiling_can_be_reached_but_not_passed)
{
    skep__buf b;
    skep__buf_init(&b, 10);
    assert_ok(skep__buf_add(&b, "0123456789", 10));
    ck_assert_str_eq(skep__buf_text(&b), "0123456789");
    assert_fails(skep__buf_add_byte(&b, 'x'), SKEP_ELIMIT);
    ck_assert_uint_eq(skep__buf_slice(&b).len, 0);
    ck_assert_str_eq(skep__buf_text(&b), "");
    skep__buf_dispose(&b);

    skep__buf_init(&b, 10);
    assert_ok(skep__buf_printf(&b, "%s", "0123456789"));
    assert_fails(skep__buf_printf(&b, "%d", 1), SKEP_ELIMIT);
    skep__buf_dispose(&b);
    assert_fails(skep__buf_printf(&b, "%s", "01234567890"), SKEP_ELIMIT);
    skep__buf_dispose(&b);
    assert_fails(skep__buf_add(&b, "", SIZE_MAX), SKEP_ELIMIT);
    skep__buf_dispose(&b);
}

TEST(a_failure_sticks_until_the_buffer_is_cleared)
{
    skep__buf b = SKEP__BUF_INIT(3);
    char *out = NULL;
    void *at = NULL;
    assert_fails(skep__buf_add_text(&b, "long"), SKEP_ELIMIT);
    assert_fails(skep__buf_add_text(&b, "a"), SKEP_ELIMIT);
    assert_fails(skep__buf_printf(&b, "a"), SKEP_ELIMIT);
    assert_fails(skep__buf_reserve(&b, 1, &at), SKEP_ELIMIT);
    skep__buf_commit(&b, 1);
    assert_fails(skep__buf_status(&b), SKEP_ELIMIT);
    assert_fails(skep__buf_take(&b, &out, NULL), SKEP_ELIMIT);
    ck_assert_ptr_null(out);
    skep__buf_clear(&b);
    assert_ok(skep__buf_status(&b));
    assert_ok(skep__buf_add_text(&b, "abc"));
    skep__buf_dispose(&b);
}

TEST(reserved_room_is_counted_when_it_is_committed)
{
    skep__buf b = SKEP__BUF_INIT(1000);
    void *at = NULL;
    assert_ok(skep__buf_add_text(&b, "ab"));
    assert_ok(skep__buf_reserve(&b, 500, &at));
    memcpy(at, "cd", 2);
    ck_assert_uint_eq(skep__buf_slice(&b).len, 2);
    skep__buf_commit(&b, 2);
    ck_assert_str_eq(skep__buf_text(&b), "abcd");
    assert_fails(skep__buf_reserve(&b, 997, &at), SKEP_ELIMIT);
    skep__buf_dispose(&b);
}

TEST(committing_more_than_was_reserved_ends_the_process)
{
    skep__buf b = SKEP__BUF_INIT(1000);
    void *at = NULL;
    assert_ok(skep__buf_reserve(&b, 10, &at));
    skep__buf_commit(&b, 999);
}

TEST(a_ceiling_above_all_ceilings_ends_the_process)
{
    skep__buf b;
    skep__buf_init(&b, SKEP__BUF_CEILING);
    skep__buf_init(&b, SKEP__BUF_CEILING + 1);
}

TEST(taking_moves_the_bytes_out)
{
    skep__buf b = SKEP__BUF_INIT(100);
    char *out = NULL;
    size_t len = 99;
    assert_ok(skep__buf_take(&b, &out, &len));
    ck_assert_str_eq(out, "");
    ck_assert_uint_eq(len, 0);
    skep__free(out);
    assert_ok(skep__buf_add_text(&b, "mine"));
    assert_ok(skep__buf_take(&b, &out, &len));
    ck_assert_str_eq(out, "mine");
    ck_assert_uint_eq(len, 4);
    ck_assert_uint_eq(skep__buf_slice(&b).len, 0);
    skep__free(out);
    skep__buf_dispose(&b);
}

TEST(random_appends_match_a_plain_array)
{
    static char model[100000];
    size_t len = 0;
    rng r = rng_of(harness_seed());
    skep__buf b = SKEP__BUF_INIT(sizeof(model));
    for (int i = 0; i < 400; i++) {
        char piece[200];
        size_t n = rng_below(&r, sizeof(piece));
        memset(piece, 'a' + (int)rng_below(&r, 26), sizeof(piece));
        memcpy(model + len, piece, n);
        len += n;
        if (rng_below(&r, 2) == 0)
            assert_ok(skep__buf_add(&b, piece, n));
        else
            assert_ok(skep__buf_printf(&b, "%.*s", (int)n, piece));
    }
    ck_assert_uint_eq(skep__buf_slice(&b).len, len);
    ck_assert_mem_eq(skep__buf_text(&b), model, len);
    skep__buf_dispose(&b);
}

static int build(void *ctx)
{
    (void)ctx;
    SKEP__CLEANUP(skep__freep) char *out = NULL;
    skep__buf b = SKEP__BUF_INIT(10000);
    for (int i = 0; i < 200; i++)
        (void)skep__buf_printf(&b, "%d,", i);
    (void)skep__buf_add_text(&b, "end");
    int rc = skep__buf_take(&b, &out, NULL);
    ck_assert(rc < 0 || strlen(out) == 693);
    skep__buf_dispose(&b);
    return rc;
}

TEST(running_out_of_memory_never_leaves_a_hole)
{
    static const sweep s = {.run = build};
    alloc_install();
    sweep_result r = alloc_sweep(&s);
    ck_assert_uint_gt(r.points, 2);
    ck_assert_uint_eq(r.failed, r.hit);
}

static const harness_test tests[] = {
    HARNESS_TEST(all_kinds_of_appends_join),
    HARNESS_TEST(the_ceiling_can_be_reached_but_not_passed),
    HARNESS_TEST(a_failure_sticks_until_the_buffer_is_cleared),
    HARNESS_TEST(reserved_room_is_counted_when_it_is_committed),
    HARNESS_TEST_SIGNAL(committing_more_than_was_reserved_ends_the_process, SIGABRT),
    HARNESS_TEST_SIGNAL(a_ceiling_above_all_ceilings_ends_the_process, SIGABRT),
    HARNESS_TEST(taking_moves_the_bytes_out),
    HARNESS_TEST(random_appends_match_a_plain_array),
    HARNESS_TEST(running_out_of_memory_never_leaves_a_hole),
};
const harness_suite buf_suite = HARNESS_SUITE("buf", tests);
