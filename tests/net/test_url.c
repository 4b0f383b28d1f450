/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include "net/net.h"

static const char *encoded(const char *text, bool slash)
{
    static char out[256];
    skep__buf b = SKEP__BUF_INIT(255);
    skep__url_encode(&b, skep_slice_str(text), slash);
    assert_ok(skep__buf_status(&b));
    memcpy(out, skep__buf_text(&b), b.len + 1);
    skep__buf_dispose(&b);
    return out;
}

TEST(what_is_not_unreserved_is_encoded)
{
    ck_assert_str_eq(encoded("AZaz09-._~", true), "AZaz09-._~");
    ck_assert_str_eq(encoded("a/b c", true), "a/b%20c");
    ck_assert_str_eq(encoded("a/b c", false), "a%2Fb%20c");
    ck_assert_str_eq(encoded("+%?#&=!*'()", true), "%2B%25%3F%23%26%3D%21%2A%27%28%29");
    ck_assert_str_eq(encoded("\xc3\xa9\x7f", true), "%C3%A9%7F");
}

TEST(every_byte_comes_back_from_its_encoding)
{
    skep__buf coded = SKEP__BUF_INIT(1024);
    skep__buf back = SKEP__BUF_INIT(1024);
    uint8_t all[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)i;
    skep__url_encode(&coded, skep_slice_of(all, sizeof(all)), false);
    assert_ok(skep__url_decode(&back, skep__buf_slice(&coded)));
    ck_assert_uint_eq(back.len, sizeof(all));
    ck_assert_mem_eq(back.data, all, sizeof(all));
    skep__buf_dispose(&coded);
    skep__buf_dispose(&back);
}

TEST(a_percent_without_two_digits_is_refused)
{
    static const char *const bad[] = {"%", "a%", "%4", "%4g", "%g4", "%%41", "% 1", "a%2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        skep__buf b = SKEP__BUF_INIT(64);
        assert_fails(skep__url_decode(&b, skep_slice_str(bad[i])), SKEP_EINVALID);
        skep__buf_dispose(&b);
    }
    skep__buf b = SKEP__BUF_INIT(64);
    assert_ok(skep__url_decode(&b, skep_slice_str("%c3%A9+%00")));
    ck_assert_uint_eq(b.len, 4);
    ck_assert_mem_eq(b.data, "\xc3\xa9+\0", 4);
    skep__buf_dispose(&b);
}

TEST(a_buffer_that_is_full_ends_it)
{
    skep__buf b = SKEP__BUF_INIT(2);
    assert_fails(skep__url_decode(&b, skep_slice_str("abc")), SKEP_ELIMIT);
    skep__url_encode(&b, skep_slice_str("abc"), false);
    assert_fails(skep__buf_status(&b), SKEP_ELIMIT);
    skep__buf_dispose(&b);
}

TEST(this_machine_is_known_by_its_names_only)
{
    static const char *const here[] = {"http://localhost",      "https://LocalHost:80/x",
                                       "http://127.0.0.1:9000", "http://127.1.2.3/",
                                       "http://[::1]",          "https://[::1]:9000/a"};
    static const char *const there[] = {"http://localhost.example.org",
                                        "http://127.example.org",
                                        "http://128.0.0.1",
                                        "http://[::2]",
                                        "http://example.org/127.0.0.1",
                                        "http://127.0.0.1.x.org",
                                        "ftp://localhost",
                                        "localhost",
                                        "http://[::1]x/",
                                        "http://1270.0.0.1/"};
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
        ck_assert_msg(skep__url_loopback(here[i]), "%s", here[i]);
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        ck_assert_msg(!skep__url_loopback(there[i]), "%s", there[i]);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_not_unreserved_is_encoded),
    HARNESS_TEST(every_byte_comes_back_from_its_encoding),
    HARNESS_TEST(a_percent_without_two_digits_is_refused),
    HARNESS_TEST(a_buffer_that_is_full_ends_it),
    HARNESS_TEST(this_machine_is_known_by_its_names_only),
};
const harness_suite url_suite = HARNESS_SUITE("url", tests);
