/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <string.h>

#include "base/json_in.h"

static skep__json_in in_of(const char *text)
{
    return skep__json_in_of(skep_slice_str(text));
}

static bool is_json(const char *text)
{
    skep__json_in in = in_of(text);
    skep__json_skip(&in);
    return skep__json_over(&in);
}

TEST(what_is_json_is_passed_over_and_nothing_else)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "12",
                                       "1.5",
                                       "-1e9",
                                       "1E+2",
                                       "1.25e-3",
                                       "true",
                                       "false",
                                       "null",
                                       "\"\"",
                                       "{}",
                                       "[]",
                                       " [ 1 , 2 ] ",
                                       "{\"a\":1}",
                                       "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":[]}",
                                       "\"\\u00e9\\n\"",
                                       "\"\\ud83d\\ude00\"",
                                       "[[[[]]]]"};
    static const char *const bad[] = {
        "",           " ",         "-",           "1.",          ".5",
        "1e",         "1e+",       "tru",         "nul",         "\"",
        "\"\\x\"",    "\"\\u12\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"",
        "\"\n\"",     "\"\xff\"",  "{",           "}",           "[",
        "]",          "[1",        "[1,",         "[1,]",        "[,1]",
        "{\"a\"}",    "{\"a\":}",  "{\"a\":1,}",  "{a:1}",       "[1}",
        "{\"a\":1]",  "1 2",       "01",          "-01",         "[] x",
        "\"\\u0000\""};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(is_json(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!is_json(bad[i]), "%s", bad[i]);
}

TEST(depth_has_a_ceiling)
{
    char text[2 * SKEP__JSON_IN_DEPTH_MAX + 3] = {0};
    memset(text, '[', SKEP__JSON_IN_DEPTH_MAX);
    memset(text + SKEP__JSON_IN_DEPTH_MAX, ']', SKEP__JSON_IN_DEPTH_MAX);
    ck_assert(is_json(text));
    memset(text, '[', SKEP__JSON_IN_DEPTH_MAX + 1);
    memset(text + SKEP__JSON_IN_DEPTH_MAX + 1, ']', SKEP__JSON_IN_DEPTH_MAX + 1);
    ck_assert(!is_json(text));
}

TEST(an_object_is_read_member_by_member)
{
    skep__json_in in = in_of("{\"name\": \"a\\u00e9\\\"\", \"n\" : -12, \"other\":[{\"n\":3}],"
                             "\"yes\":true, \"no\":false}");
    char name[8];
    char text[8] = "";
    int64_t n = 0;
    bool yes = false;
    bool no = true;
    skep__json_open(&in, '{');
    while (skep__json_member(&in, name, sizeof(name))) {
        if (strcmp(name, "name") == 0)
            ck_assert_uint_eq(skep__json_read_text(&in, text, sizeof(text)), 4);
        else if (strcmp(name, "n") == 0)
            n = skep__json_read_int(&in);
        else if (strcmp(name, "yes") == 0)
            yes = skep__json_read_bool(&in);
        else if (strcmp(name, "no") == 0)
            no = skep__json_read_bool(&in);
        else
            skep__json_skip(&in);
    }
    ck_assert(skep__json_over(&in));
    ck_assert_str_eq(text, "a\xc3\xa9\"");
    ck_assert_int_eq(n, -12);
    ck_assert(yes && !no);
}

TEST(characters_come_out_as_utf_8)
{
    char text[32];
    skep__json_in in = in_of("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\/\\b\\f\\r\\t\xc3\xa9\"");
    (void)skep__json_read_text(&in, text, sizeof(text));
    ck_assert(skep__json_over(&in));
    ck_assert_str_eq(text, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\b\f\r\t\xc3\xa9");
}

TEST(text_that_does_not_fit_is_bad_but_a_name_is_cut)
{
    char text[4];
    skep__json_in in = in_of("\"abc\"");
    ck_assert_uint_eq(skep__json_read_text(&in, text, sizeof(text)), 3);
    in = in_of("\"abcd\"");
    ck_assert_uint_eq(skep__json_read_text(&in, text, sizeof(text)), 0);
    ck_assert(in.bad);
    ck_assert_str_eq(text, "");
    in = in_of("{\"abcdef\":1}");
    skep__json_open(&in, '{');
    ck_assert(skep__json_member(&in, text, sizeof(text)));
    ck_assert_str_eq(text, "abc");
    ck_assert_int_eq(skep__json_read_int(&in), 1);
    ck_assert(!skep__json_member(&in, text, sizeof(text)));
    ck_assert(skep__json_over(&in));
}

TEST(integers_are_exact_or_bad)
{
    static const char *const bad[] = {
        "9223372036854775808", "-9223372036854775809", "1.0", "1e3", "01", "-", "", "\"1\"",
        "99999999999999999999"};
    skep__json_in in = in_of("9223372036854775807");
    ck_assert_int_eq(skep__json_read_int(&in), INT64_MAX);
    ck_assert(skep__json_over(&in));
    in = in_of("-9223372036854775808");
    ck_assert_int_eq(skep__json_read_int(&in), INT64_MIN);
    ck_assert(skep__json_over(&in));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        in = in_of(bad[i]);
        ck_assert_int_eq(skep__json_read_int(&in), 0);
        ck_assert_msg(in.bad, "%s", bad[i]);
    }
}

TEST(what_is_bad_gives_nothing_any_more)
{
    char text[8];
    skep__json_in in = in_of("[x, 1, \"a\", true]");
    skep__json_open(&in, '[');
    ck_assert(skep__json_element(&in));
    ck_assert_int_eq(skep__json_read_int(&in), 0);
    ck_assert(!skep__json_element(&in));
    ck_assert(!skep__json_read_bool(&in));
    ck_assert_uint_eq(skep__json_read_text(&in, text, sizeof(text)), 0);
    skep__json_open(&in, '[');
    ck_assert(!skep__json_member(&in, text, sizeof(text)));
    ck_assert(!skep__json_over(&in));
    in = skep__json_in_of(skep_slice_of(NULL, 0));
    ck_assert(!skep__json_read_bool(&in));
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_json_is_passed_over_and_nothing_else),
    HARNESS_TEST(depth_has_a_ceiling),
    HARNESS_TEST(an_object_is_read_member_by_member),
    HARNESS_TEST(characters_come_out_as_utf_8),
    HARNESS_TEST(text_that_does_not_fit_is_bad_but_a_name_is_cut),
    HARNESS_TEST(integers_are_exact_or_bad),
    HARNESS_TEST(what_is_bad_gives_nothing_any_more),
};
const harness_suite json_in_suite = HARNESS_SUITE("json_in", tests);
