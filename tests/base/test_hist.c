/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "base/hist.h"

static skep__hist h; /* too large for a comfortable stack; each test has its own process */

TEST(an_empty_histogram_is_all_zero)
{
    ck_assert_uint_eq(skep__hist_count(&h), 0);
    ck_assert_uint_eq(skep__hist_sum(&h), 0);
    ck_assert_uint_eq(skep__hist_max(&h), 0);
    ck_assert_uint_eq(skep__hist_quantile(&h, 0.5), 0);
    ck_assert_uint_eq(skep__hist_below(&h, 1024), 0);
}

TEST(small_values_are_exact)
{
    for (uint64_t v = 0; v < 16; v++)
        skep__hist_add(&h, v);
    ck_assert_uint_eq(skep__hist_count(&h), 16);
    ck_assert_uint_eq(skep__hist_sum(&h), 120);
    ck_assert_uint_eq(skep__hist_quantile(&h, 0.0), 0);
    ck_assert_uint_eq(skep__hist_quantile(&h, 0.5), 7);
    ck_assert_uint_eq(skep__hist_quantile(&h, 15.0 / 16.0), 14);
    ck_assert_uint_eq(skep__hist_quantile(&h, 1.0), 15);
    ck_assert_uint_eq(skep__hist_below(&h, 1), 1);
    ck_assert_uint_eq(skep__hist_below(&h, 8), 8);
    ck_assert_uint_eq(skep__hist_below(&h, 16), 16);
}

TEST(the_ends_of_the_range_are_kept)
{
    skep__hist_add(&h, UINT64_MAX);
    ck_assert_uint_eq(skep__hist_max(&h), UINT64_MAX);
    ck_assert_uint_eq(skep__hist_quantile(&h, 0.5), UINT64_MAX);
    skep__hist_add(&h, UINT64_C(1) << 63);
    ck_assert_uint_ge(skep__hist_quantile(&h, 0.5), UINT64_C(1) << 63);
    ck_assert_uint_eq(skep__hist_below(&h, UINT64_C(1) << 63), 0);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

TEST(quantiles_are_at_most_six_percent_off)
{
    enum { COUNT = 10000 };
    static uint64_t values[COUNT];
    static const double qs[] = {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0};
    rng r = rng_of(harness_seed());
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = rng_next(&r) >> (16 + rng_below(&r, 48));
        sum += values[i];
        skep__hist_add(&h, values[i]);
    }
    qsort(values, COUNT, sizeof(values[0]), by_size);
    ck_assert_uint_eq(skep__hist_sum(&h), sum);
    for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
        size_t rank = (size_t)(qs[i] * COUNT);
        uint64_t exact = values[rank == 0 ? 0 : rank - 1];
        uint64_t got = skep__hist_quantile(&h, qs[i]);
        uint64_t off = got > exact ? got - exact : exact - got;
        ck_assert_msg((double)off <= 0.06 * (double)exact, "q %g: %llu for %llu", qs[i],
                      (unsigned long long)got, (unsigned long long)exact);
    }
}

static void add_some(size_t index, void *ctx)
{
    for (uint64_t i = 0; i < 10000; i++)
        skep__hist_add(ctx, i * (index + 1));
}

TEST(threads_lose_no_value)
{
    harness_threads(4, add_some, &h);
    ck_assert_uint_eq(skep__hist_count(&h), 40000);
    ck_assert_uint_eq(skep__hist_max(&h), 39996);
    ck_assert_uint_eq(skep__hist_sum(&h), UINT64_C(49995000) * 10);
}

TEST(merging_adds_everything)
{
    static skep__hist other;
    skep__hist_add(&h, 5);
    skep__hist_add(&other, 5);
    skep__hist_add(&other, 100000);
    skep__hist_merge(&h, &other);
    ck_assert_uint_eq(skep__hist_count(&h), 3);
    ck_assert_uint_eq(skep__hist_sum(&h), 100010);
    ck_assert_uint_eq(skep__hist_max(&h), 100000);
    skep__hist_reset(&h);
    ck_assert_uint_eq(skep__hist_count(&h), 0);
    ck_assert_uint_eq(skep__hist_max(&h), 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(an_empty_histogram_is_all_zero),
    HARNESS_TEST(small_values_are_exact),
    HARNESS_TEST(the_ends_of_the_range_are_kept),
    HARNESS_TEST(quantiles_are_at_most_six_percent_off),
    HARNESS_TEST(threads_lose_no_value),
    HARNESS_TEST(merging_adds_everything),
};
const harness_suite hist_suite = HARNESS_SUITE("hist", tests);
