/* SPDX-License-Identifier: MIT */
/* What the writer makes, read back by another library. */
#include "suites.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "base/text.h"

static json_t *read_back(const skep__buf *b)
{
    json_error_t error;
    assert_ok(skep__buf_status(b));
    json_t *v = json_loadb(b->data, b->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (v == NULL)
        ck_abort_msg("%s at %d in %s", error.text, error.position, b->data);
    return v;
}

TEST(objects_and_arrays_nest)
{
    skep__buf b = SKEP__BUF_INIT(4096);
    skep__json j = SKEP__JSON_INIT(&b);
    skep__json_object(&j, NULL);
    skep__json_array(&j, "a");
    skep__json_int(&j, NULL, 1);
    skep__json_object(&j, NULL);
    skep__json_end(&j);
    skep__json_array(&j, NULL);
    skep__json_end(&j);
    skep__json_end(&j);
    skep__json_bool(&j, "b", true);
    skep__json_null(&j, "c");
    skep__json_text(&j, "d", "e");
    skep__json_end(&j);
    ck_assert_str_eq(skep__buf_text(&b), "{\"a\":[1,{},[]],\"b\":true,\"c\":null,\"d\":\"e\"}");
    json_decref(read_back(&b));
    skep__buf_dispose(&b);
}

TEST(nesting_goes_as_deep_as_the_limit)
{
    skep__buf b = SKEP__BUF_INIT(4096);
    skep__json j = SKEP__JSON_INIT(&b);
    for (int i = 0; i < SKEP__JSON_DEPTH_MAX; i++) {
        if (i % 2 == 0)
            skep__json_object(&j, NULL);
        else
            skep__json_array(&j, "k");
    }
    for (int i = 0; i < SKEP__JSON_DEPTH_MAX; i++)
        skep__json_end(&j);
    json_decref(read_back(&b));
    skep__buf_dispose(&b);
}

TEST(integers_keep_all_their_digits)
{
    static const int64_t values[] = {INT64_MIN, -1, 0, 1, (INT64_C(1) << 53) + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        skep__buf b = SKEP__BUF_INIT(64);
        skep__json j = SKEP__JSON_INIT(&b);
        skep__json_int(&j, NULL, values[i]);
        json_t *v = read_back(&b);
        ck_assert_int_eq(json_integer_value(v), values[i]);
        json_decref(v);
        skep__buf_dispose(&b);
    }
    skep__buf b = SKEP__BUF_INIT(64);
    skep__json j = SKEP__JSON_INIT(&b);
    skep__json_uint(&j, NULL, UINT64_MAX);
    ck_assert_str_eq(skep__buf_text(&b), "18446744073709551615");
    skep__buf_dispose(&b);
}

static void check_real(double r)
{
    skep__buf b = SKEP__BUF_INIT(64);
    skep__json j = SKEP__JSON_INIT(&b);
    skep__json_real(&j, NULL, r);
    json_t *v = read_back(&b);
    ck_assert_msg(json_number_value(v) == r, "%s", skep__buf_text(&b));
    json_decref(v);
    skep__buf_dispose(&b);
}

TEST(reals_read_back_the_same)
{
    check_real(0.0);
    check_real(0.1);
    check_real(-1.0 / 3.0);
    check_real(DBL_MAX);
    check_real(DBL_MIN);
    check_real(5e-324);
    check_real(1e22);
    rng r = rng_of(harness_seed());
    for (int i = 0; i < 1000; i++) {
        uint64_t bits = rng_next(&r);
        double v = 0;
        memcpy(&v, &bits, sizeof(v));
        if (isfinite(v))
            check_real(v);
    }
}

TEST(reals_are_as_short_as_can_be)
{
    char text[SKEP__REAL_TEXT_SIZE];
    skep__real_text(0.1, text);
    ck_assert_str_eq(text, "0.1");
    skep__real_text(1.0 / 3.0, text);
    ck_assert_str_eq(text, "0.3333333333333333");
}

TEST(a_real_has_a_point_in_every_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (setlocale(LC_NUMERIC, names[i]) == NULL)
            continue;
        char text[SKEP__REAL_TEXT_SIZE];
        skep__real_text(-2.5e-7, text);
        ck_assert_str_eq(text, "-2.5e-07");
    }
}

TEST(what_is_no_number_is_null)
{
    skep__buf b = SKEP__BUF_INIT(64);
    skep__json j = SKEP__JSON_INIT(&b);
    skep__json_array(&j, NULL);
    skep__json_real(&j, NULL, (double)NAN);
    skep__json_real(&j, NULL, (double)INFINITY);
    skep__json_end(&j);
    ck_assert_str_eq(skep__buf_text(&b), "[null,null]");
    skep__buf_dispose(&b);
}

TEST(every_character_comes_back)
{
    for (uint32_t c = 0; c < 0x110000; c += c < 0x1000 ? 1 : 0x101) {
        char text[5] = {0};
        size_t n = 0;
        if (c >= 0xd800 && c < 0xe000)
            continue;
        if (c < 0x80) {
            text[n++] = (char)c;
        } else if (c < 0x800) {
            text[n++] = (char)(0xc0 | c >> 6);
        } else if (c < 0x10000) {
            text[n++] = (char)(0xe0 | c >> 12);
            text[n++] = (char)(0x80 | (c >> 6 & 63));
        } else {
            text[n++] = (char)(0xf0 | c >> 18);
            text[n++] = (char)(0x80 | (c >> 12 & 63));
            text[n++] = (char)(0x80 | (c >> 6 & 63));
        }
        if (c >= 0x80)
            text[n++] = (char)(0x80 | (c & 63));
        ck_assert_uint_eq(skep__utf8_len(text, n), n);
        skep__buf b = SKEP__BUF_INIT(64);
        skep__json j = SKEP__JSON_INIT(&b);
        skep__json_slice(&j, NULL, skep_slice_of(text, n));
        json_t *v = read_back(&b);
        ck_assert_uint_eq(json_string_length(v), n);
        ck_assert_int_eq(memcmp(json_string_value(v), text, n), 0);
        json_decref(v);
        skep__buf_dispose(&b);
    }
}

TEST(bytes_that_are_no_text_are_replaced)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"a\x80z", "\"a\xef\xbf\xbdz\""},
        {"\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        skep__buf b = SKEP__BUF_INIT(64);
        skep__json j = SKEP__JSON_INIT(&b);
        skep__json_text(&j, NULL, cases[i].text);
        ck_assert_str_eq(skep__buf_text(&b), cases[i].json);
        json_decref(read_back(&b));
        skep__buf_dispose(&b);
    }
}

TEST(random_bytes_make_json_that_reads)
{
    rng r = rng_of(harness_seed());
    for (int i = 0; i < 500; i++) {
        char bytes[64];
        size_t len = (size_t)rng_below(&r, sizeof(bytes));
        for (size_t k = 0; k < len; k++)
            bytes[k] = (char)rng_next(&r);
        skep__buf b = SKEP__BUF_INIT(1024);
        skep__json j = SKEP__JSON_INIT(&b);
        skep__json_slice(&j, NULL, skep_slice_of(bytes, len));
        json_decref(read_back(&b));
        skep__buf_dispose(&b);
    }
}

TEST(a_buffer_that_is_full_says_so_at_the_end)
{
    skep__buf b = SKEP__BUF_INIT(16);
    skep__json j = SKEP__JSON_INIT(&b);
    skep__json_array(&j, NULL);
    for (int i = 0; i < 100; i++)
        skep__json_text(&j, NULL, "text");
    skep__json_end(&j);
    assert_fails(skep__buf_status(&b), SKEP_ELIMIT);
    skep__buf_dispose(&b);
}

static const harness_test tests[] = {
    HARNESS_TEST(objects_and_arrays_nest),
    HARNESS_TEST(nesting_goes_as_deep_as_the_limit),
    HARNESS_TEST(integers_keep_all_their_digits),
    HARNESS_TEST(reals_read_back_the_same),
    HARNESS_TEST(reals_are_as_short_as_can_be),
    HARNESS_TEST(a_real_has_a_point_in_every_locale),
    HARNESS_TEST(what_is_no_number_is_null),
    HARNESS_TEST(every_character_comes_back),
    HARNESS_TEST(bytes_that_are_no_text_are_replaced),
    HARNESS_TEST(random_bytes_make_json_that_reads),
    HARNESS_TEST(a_buffer_that_is_full_says_so_at_the_end),
};
const harness_suite json_suite = HARNESS_SUITE("json", tests);
