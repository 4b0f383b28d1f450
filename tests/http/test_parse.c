/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <string.h>

#include "http/keys.h"
#include "http/parse.h"
#include "support.h"

TEST(targets_are_routes_and_keys)
{
    static const struct {
        const char *target;
        http_place place;
        const char *key;
    } cases[] = {
        {"/v1/objects/a", HTTP_OBJECT, "a"},
        {"/v1/objects/a/b%20c", HTTP_OBJECT, "a/b c"},
        {"/v1/objects/%41%4a%4A", HTTP_OBJECT, "AJJ"},
        {"/v1/objects/a+b", HTTP_OBJECT, "a+b"},
        {"/v1/objects/a?", HTTP_OBJECT, "a"},
        {"/v1/objects", HTTP_LIST, ""},
        {"/v1/objects?prefix=", HTTP_LIST, ""},
        {"/v1/delete", HTTP_DELETE, ""},
        {"/v1/copy", HTTP_COPY, ""},
        {"/v1/caps?x", HTTP_CAPS, ""},
        {"/metrics", HTTP_METRICS, ""},
        {"/livez", HTTP_LIVE, ""},
        {"/readyz", HTTP_READY, ""},
        {"/v1/objects/", HTTP_NOWHERE, ""},
        {"/", HTTP_NOWHERE, ""},
        {"", HTTP_NOWHERE, ""},
        {"*", HTTP_NOWHERE, ""},
        {"//v1/objects/a", HTTP_NOWHERE, ""},
        {"/V1/objects/a", HTTP_NOWHERE, ""},
        {"/v1/%6fbjects/a", HTTP_NOWHERE, ""},
        {"/v1/../v1/objects/a", HTTP_NOWHERE, ""},
        {"http://localhost/v1/objects/a", HTTP_NOWHERE, ""},
        {"/livez/", HTTP_NOWHERE, ""},
        {"/v2/objects/a", HTTP_NOWHERE, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        http_target t;
        assert_ok(http_target_parse(cases[i].target, &t));
        ck_assert_msg(t.place == cases[i].place, "%s", cases[i].target);
        ck_assert_str_eq(t.key, cases[i].key);
    }
}

TEST(targets_that_could_be_read_in_two_ways_are_refused)
{
    static const char *const bad[] = {
        "/v1/objects/a%2fb", "/v1/objects/a%2Fb", "/v1/objects/a%00b",
        "/v1/objects/a%",    "/v1/objects/a%4",   "/v1/objects/%g0",
        "/v1/objects/a?b",   "/v1/objects?key=1", "/v1/objects?prefix=%2",
    };
    http_target t;
    char *longest = keep(SKEP__HTTP_TARGET_MAX + 64);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(http_target_parse(bad[i], &t), SKEP_EINVALID);
    memset(longest, 'a', SKEP__HTTP_TARGET_MAX + 32);
    memcpy(longest, "/v1/objects/", 12);
    assert_fails(http_target_parse(longest, &t), SKEP_ELIMIT);
    longest[12 + SKEP_STORE_KEY_MAX + 1] = '\0';
    assert_fails(http_target_parse(longest, &t), SKEP_ELIMIT);
    longest[12 + SKEP_STORE_KEY_MAX] = '\0';
    assert_ok(http_target_parse(longest, &t));
    ck_assert_uint_eq(strlen(t.key), SKEP_STORE_KEY_MAX);
}

TEST(queries_of_lists_are_taken_apart)
{
    http_target t;
    assert_ok(http_target_parse("/v1/objects?prefix=a%2Fb%26&limit=7&&after=c%3D", &t));
    ck_assert_str_eq(t.prefix, "a/b&");
    ck_assert_str_eq(t.after, "c=");
    ck_assert_uint_eq(t.limit, 7);
    assert_ok(http_target_parse("/v1/objects", &t));
    ck_assert_uint_eq(t.limit, SKEP__HTTP_PAGE_MAX);
}

TEST(keys_of_the_api_come_as_bearer)
{
    ck_assert_str_eq(http_bearer("Bearer 0123456789abcdef"), "0123456789abcdef");
    ck_assert_str_eq(http_bearer("bearer   0123456789abcdef"), "0123456789abcdef");
    ck_assert_ptr_null(http_bearer(NULL));
    ck_assert_ptr_null(http_bearer(""));
    ck_assert_ptr_null(http_bearer("Bearer"));
    ck_assert_ptr_null(http_bearer("Bearer short"));
    ck_assert_ptr_null(http_bearer("Basic 0123456789abcdef"));
    ck_assert_ptr_null(http_bearer("Bearer 0123456789abcdef with more"));
    ck_assert_ptr_null(http_bearer("Bearer 0123456789abcdef\x01"));
}

TEST(names_of_this_machine_are_known)
{
    static const char *const local[] = {"localhost",      "LOCALHOST:80", "127.0.0.1",
                                        "127.8.9.1:7420", "[::1]:7420",   "[::1]"};
    static const char *const other[] = {
        "",         "localhost.example.org", "example.org", "127.example.org", "127.0.0.1.example",
        "[::2]",    "localhost:80x",         "localhost@x", "[::1]x",          "[",
        "192.0.2.1"};
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        ck_assert_msg(http_host_is_local(local[i]), "%s", local[i]);
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        ck_assert_msg(!http_host_is_local(other[i]), "%s", other[i]);
}

#define H1 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" /* of "test" */
#define H2 "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752" /* of "test2" */

TEST(a_file_of_api_keys_is_read)
{
    const char *text = "# who\n\na rw " H1 "\nb.c-d_9\tro\t" H2 "  my things/\r\n";
    http_keys *keys = NULL;
    assert_ok(http_keys_parse("f", skep_slice_str(text), &keys));
    ck_assert_uint_eq(keys->count, 2);
    const http_key *a = http_keys_find(keys, "test");
    const http_key *b = http_keys_find(keys, "test2");
    ck_assert_str_eq(a->name, "a");
    ck_assert(a->write && !b->write);
    ck_assert_str_eq(b->name, "b.c-d_9");
    ck_assert_str_eq(b->prefix, "my things/");
    ck_assert_ptr_null(http_keys_find(keys, "test3"));
    ck_assert(http_key_covers(a, "x") && http_key_covers(NULL, "x"));
    ck_assert(http_key_covers(b, "my things/x") && !http_key_covers(b, "my thing"));
    ck_assert(!http_key_covers(b, "x/my things/"));
    http_keys_unref(keys);
}

TEST(a_file_of_api_keys_with_a_bad_line_is_refused_with_its_number)
{
    static const char *const bad[] = {
        "a rw\n",
        "a xx " H1 "\n",
        "a rw " H1 "0\n",
        "a rw 00\n",
        "a/b rw " H1 "\n",
        "a rw zz86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
        "ok rw " H2 "\nok rw " H1 "\n",
        "ok rw " H1 "\nother rw " H1 "\n",
        "a rw " H1 " pre\x01\n",
        " a rw " H1 "\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa rw " H1 "\n",
    };
    http_keys *keys = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_fails(http_keys_parse("f", skep_slice_str(bad[i]), &keys), SKEP_EINVALID);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "f, line "));
        ck_assert_ptr_null(strstr(skep_last_error()->text, "9f86"));
    }
    assert_fails(http_keys_parse("f", skep_slice_of("a rw " H1 "\0", 71), &keys), SKEP_EINVALID);
}

static const harness_test tests[] = {
    HARNESS_TEST(targets_are_routes_and_keys),
    HARNESS_TEST(targets_that_could_be_read_in_two_ways_are_refused),
    HARNESS_TEST(queries_of_lists_are_taken_apart),
    HARNESS_TEST(keys_of_the_api_come_as_bearer),
    HARNESS_TEST(names_of_this_machine_are_known),
    HARNESS_TEST(a_file_of_api_keys_is_read),
    HARNESS_TEST(a_file_of_api_keys_with_a_bad_line_is_refused_with_its_number),
};
const harness_suite parse_suite = HARNESS_SUITE("parse", tests);
