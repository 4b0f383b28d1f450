/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/time.h"

static int64_t parsed(const char *text)
{
    int64_t us = -1;
    assert_ok(skep_time_parse(skep_slice_str(text), &us));
    return us;
}

TEST(known_times_have_their_known_text)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(951782400123456), "2000-02-29T00:00:00.123456Z"},
        {INT64_C(1795256838000000), "2026-11-21T10:27:18.000000Z"},
        {SKEP__TIME_MIN_US, "0000-01-01T00:00:00.000000Z"},
        {SKEP__TIME_MAX_US, "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[SKEP_TIME_TEXT_SIZE];
        assert_ok(skep_time_text(rows[i].us, text));
        ck_assert_str_eq(text, rows[i].text);
        ck_assert_int_eq(parsed(text), rows[i].us);
    }
}

TEST(random_times_agree_with_the_c_library_and_come_back)
{
    rng r = rng_of(harness_seed());
    for (int i = 0; i < 20000; i++) {
        char text[SKEP_TIME_TEXT_SIZE];
        char theirs[SKEP_TIME_TEXT_SIZE];
        uint64_t span = (uint64_t)(SKEP__TIME_MAX_US - SKEP__TIME_MIN_US);
        int64_t us = SKEP__TIME_MIN_US + (int64_t)rng_below(&r, span);
        int64_t s = us >= 0 ? us / 1000000 : -((-us + 999999) / 1000000);
        struct tm tm;
        time_t t = (time_t)s;
        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        ck_assert_uint_gt(strftime(theirs, sizeof(theirs), "%m-%dT%H:%M:%S.", &tm), 0);
        assert_ok(skep_time_text(us, text));
        ck_assert_int_eq(strncmp(text + 5, theirs, strlen(theirs)), 0);
        ck_assert_int_eq(parsed(text), us);
    }
}

TEST(text_of_a_year_beyond_four_digits_is_refused)
{
    char text[SKEP_TIME_TEXT_SIZE] = "untouched";
    assert_fails(skep_time_text(SKEP__TIME_MAX_US + 1, text), SKEP_EINVALID);
    assert_fails(skep_time_text(SKEP__TIME_MIN_US - 1, text), SKEP_EINVALID);
    assert_fails(skep_time_text(INT64_MIN, text), SKEP_EINVALID);
    assert_fails(skep_time_text(INT64_MAX, text), SKEP_EINVALID);
    ck_assert_str_eq(text, "untouched");
}

TEST(every_form_of_the_standard_is_read)
{
    int64_t base = parsed("2026-11-21T10:27:18Z");
    ck_assert_int_eq(parsed("2026-11-21t10:27:18z"), base);
    ck_assert_int_eq(parsed("2026-11-21 10:27:18Z"), base);
    ck_assert_int_eq(parsed("2026-11-21T11:27:18+01:00"), base);
    ck_assert_int_eq(parsed("2026-11-20T22:57:18-11:30"), base);
    ck_assert_int_eq(parsed("2026-11-21T10:27:18-00:00"), base);
    ck_assert_int_eq(parsed("2026-11-21T10:27:18.5Z"), base + 500000);
    ck_assert_int_eq(parsed("2026-11-21T10:27:18.123456999999Z"), base + 123456);
    ck_assert_int_eq(parsed("2024-02-29T12:00:00Z"), parsed("2024-02-28T12:00:00Z") + 86400000000);
}

TEST(a_leap_second_is_the_midnight_after_it)
{
    int64_t midnight = parsed("2017-01-01T00:00:00Z");
    ck_assert_int_eq(parsed("2016-12-31T23:59:60Z"), midnight);
    ck_assert_int_eq(parsed("2016-12-31T23:59:60.75Z"), midnight);
    ck_assert_int_eq(parsed("2017-01-01T00:59:60+01:00"), midnight);
}

TEST(what_is_no_time_is_refused)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T10:27Z",
        "2026-11-21T10:27:18",
        "2026-11-21T10:27:18ZZ",
        " 2026-11-21T10:27:18Z",
        "2026-11-21T10:27:18.Z",
        "2026-11-21T10:27:18+0100",
        "2026-11-21T10:27:18+24:00",
        "2026-11-21T10:27:18+01:60",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T12:00:60Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "+026-11-21T10:27:18Z",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t us = 42;
        assert_fails(skep_time_parse(skep_slice_str(texts[i]), &us), SKEP_EINVALID);
        ck_assert_int_eq(us, 42);
    }
    int64_t us = 42;
    assert_fails(skep_time_parse(skep_slice_of("2026-11-21T10:27:18Z\0", 21), &us), SKEP_EINVALID);
    assert_fails(skep_time_parse(skep_slice_of(NULL, 0), &us), SKEP_EINVALID);
}

TEST(clocks_move_forward_and_deadlines_saturate)
{
    uint64_t a = skep__now_ns();
    uint64_t b = skep__now_ns();
    ck_assert_uint_ge(b, a);
    ck_assert_uint_gt(a, 0);
    ck_assert_uint_eq(skep__deadline_ns(-1), 0);
    ck_assert_uint_eq(skep__deadline_ns(INT64_MAX), UINT64_MAX);
    uint64_t soon = skep__deadline_ns(1000);
    ck_assert_uint_ge(soon, b + SKEP__NS_PER_S);
    ck_assert_int_gt(skep_now_us(), parsed("2026-01-01T00:00:00Z"));
}

TEST(a_text_that_need_be_no_time_leaves_the_error_detail_alone)
{
    int64_t us = 42;
    assert_fails(skep_time_parse(skep_slice_str("noon"), &us), SKEP_EINVALID);
    uint32_t serial = skep__err_serial();
    ck_assert(!skep__time_read(skep_slice_str("noon"), &us));
    ck_assert_int_eq(us, 42);
    ck_assert(skep__time_read(skep_slice_str("1970-01-01T00:00:00.000007Z"), &us));
    ck_assert_int_eq(us, 7);
    ck_assert_uint_eq(skep__err_serial(), serial);
}

static const harness_test tests[] = {
    HARNESS_TEST(known_times_have_their_known_text),
    HARNESS_TEST(random_times_agree_with_the_c_library_and_come_back),
    HARNESS_TEST(text_of_a_year_beyond_four_digits_is_refused),
    HARNESS_TEST(every_form_of_the_standard_is_read),
    HARNESS_TEST(a_leap_second_is_the_midnight_after_it),
    HARNESS_TEST(what_is_no_time_is_refused),
    HARNESS_TEST(a_text_that_need_be_no_time_leaves_the_error_detail_alone),
    HARNESS_TEST(clocks_move_forward_and_deadlines_saturate),
};
const harness_suite time_suite = HARNESS_SUITE("time", tests);
