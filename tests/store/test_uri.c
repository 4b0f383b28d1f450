/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <string.h>

#include "store/store.h"
#include "support.h"

static skep__store_uri uri;
static skep_store_opts opts;
static skep__buf texts;

static int parse(const char *text)
{
    skep__buf_dispose(&texts);
    skep__buf_init(&texts, 65536);
    opts = (skep_store_opts)SKEP_STORE_OPTS_INIT;
    opts.region = "of the caller";
    return skep__store_uri_parse(text, &uri, &opts, &texts);
}

TEST(a_uri_says_where_a_store_is)
{
    static const struct {
        const char *uri;
        const char *scheme;
        const char *host;
        const char *path;
    } right[] = {
        {"file:/a/b", "file", "", "/a/b"},
        {"file:a", "file", "", "a"},
        {"file:///a%20b", "file", "", "/a b"},
        {"FILE:/a", "file", "", "/a"},
        {"tree:./x?readonly=yes", "tree", "", "./x"},
        {"/a?b#c%", "tree", "", "/a?b#c%"},
        {"a/b:c", "tree", "", "a/b:c"},
        {"./a:b", "tree", "", "./a:b"},
        {"s3://bucket", "s3", "bucket", ""},
        {"s3://bucket/", "s3", "bucket", ""},
        {"s3://bucket/a/b%2Bc/", "s3", "bucket", "a/b+c"},
        {"http://127.0.0.1:80/x/", "http", "127.0.0.1:80", "/x"},
        {"https://[::1]:9", "https", "[::1]:9", ""},
        {"mirror:m.conf", "mirror", "", "m.conf"},
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        assert_ok(parse(right[i].uri));
        ck_assert_str_eq(uri.scheme, right[i].scheme);
        ck_assert_str_eq(uri.host, right[i].host);
        ck_assert_str_eq(uri.path, right[i].path);
    }
    skep__buf_dispose(&texts);
}

TEST(parameters_win_over_options)
{
    assert_ok(parse("s3://b/p?region=eu%2D1&part_bytes=16M&path_style=path&checksum=crc32c&"
                    "endpoint=http://h:1&insecure=yes&retry=-1&stall=5s&readonly=1"));
    ck_assert_str_eq(opts.region, "eu-1");
    ck_assert_str_eq(opts.endpoint, "http://h:1");
    ck_assert_uint_eq(opts.part_bytes, 16 << 20);
    ck_assert_uint_eq(opts.path_style, SKEP_PATH_STYLE_PATH);
    ck_assert_uint_eq(opts.checksum, SKEP_CHECKSUM_CRC32C);
    ck_assert_uint_eq(opts.insecure, 1);
    ck_assert_int_eq(opts.retry_ms, -1);
    ck_assert_int_eq(opts.stall_ms, 5000);
    ck_assert_uint_eq(opts.flags, SKEP_STORE_READONLY);
    assert_ok(parse("s3://b?sse=AES256"));
    ck_assert_str_eq(opts.region, "of the caller");
    ck_assert_str_eq(opts.sse, "AES256");
    skep__buf_dispose(&texts);
}

TEST(what_a_uri_cannot_say_is_told)
{
    static const struct {
        const char *uri;
        int code;
        const char *why;
    } wrong[] = {
        {"", SKEP_EINVALID, "empty"},
        {"ftp://h/", SKEP_EINVALID, "ftp:"},
        {"file:", SKEP_EINVALID, "no path"},
        {"file://host/a", SKEP_EINVALID, "file:DIR"},
        {"file:a#b", SKEP_EINVALID, "#"},
        {"file:a%2", SKEP_EINVALID, "%25"},
        {"file:a%00b", SKEP_EINVALID, "%25"},
        {"file:a?region=x", SKEP_EINVALID, "region"},
        {"file:a?readonly", SKEP_EINVALID, "no value"},
        {"file:a?readonly=maybe", SKEP_EINVALID, "readonly in the URI"},
        {"file:a?readonly=1&readonly=1", SKEP_EINVALID, "twice"},
        {"s3:bucket", SKEP_EINVALID, "s3://BUCKET"},
        {"s3:///x", SKEP_EINVALID, "bucket"},
        {"s3://b/a//b", SKEP_EINVALID, "slashes"},
        {"s3://b/../b", SKEP_EINVALID, "no part"},
        {"s3://b?part_bytes=1", SKEP_EINVALID, "5 MiB"},
        {"s3://b?region=", SKEP_EINVALID, "0 bytes"},
        {"https://", SKEP_EINVALID, "host"},
        {"https://h ost/", SKEP_EINVALID, "no host"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_fails(parse(wrong[i].uri), wrong[i].code);
        ck_assert_msg(detail_says(wrong[i].why), "%s: %s", wrong[i].uri, skep_last_error()->text);
    }
    char longest[SKEP_STORE_URI_MAX + 2];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_fails(parse(longest), SKEP_ELIMIT);
    skep__buf_dispose(&texts);
}

TEST(a_secret_in_a_uri_is_refused_and_not_repeated)
{
    static const char *const wrong[] = {
        "https://user:hunter2@host/",       "s3://AKIA:hunter2@bucket/x",
        "s3://b?secret_access_key=hunter2", "https://h/?api_key=hunter2",
        "s3://b?SESSION_TOKEN=hunter2",     "file:a?password=hunter2"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_fails(parse(wrong[i]), SKEP_EINVALID);
        ck_assert_msg(detail_says("no secret"), "%s", wrong[i]);
        ck_assert(!detail_says("hunter2"));
    }
    skep__buf_dispose(&texts);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_uri_says_where_a_store_is),
    HARNESS_TEST(parameters_win_over_options),
    HARNESS_TEST(what_a_uri_cannot_say_is_told),
    HARNESS_TEST(a_secret_in_a_uri_is_refused_and_not_repeated),
};
const harness_suite uri_suite = HARNESS_SUITE("uri", tests);
