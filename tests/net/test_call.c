/* SPDX-License-Identifier: MIT */
/* Requests that go well, and what a server may say. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

TEST(what_is_put_is_got)
{
    fixture x = fixture_open(0);
    int status = 0;
    assert_ok(fixture_ask(&x, "PUT", "/a", "some bytes", &status));
    ck_assert_int_eq(status, 200);
    assert_ok(fixture_ask(&x, "GET", "/a", NULL, &status));
    ck_assert_int_eq(status, 200);
    ck_assert_str_eq(fixture_said(), "some bytes");
    assert_ok(fixture_ask(&x, "DELETE", "/a", NULL, &status));
    ck_assert_int_eq(status, 204);
    assert_ok(fixture_ask(&x, "GET", "/a", NULL, &status));
    ck_assert_int_eq(status, 404);
    assert_ok(fixture_ask(&x, "POST", "/a", "x", &status));
    ck_assert_int_eq(status, 404);
    ck_assert_uint_eq(front_connections(x.f), 1);
    fixture_close(&x);
}

TEST(a_body_of_nothing_is_sent_as_such)
{
    fixture x = fixture_open(0);
    int status = 0;
    assert_ok(fixture_ask(&x, "PUT", "/a", NULL, &status));
    const front_request *seen = front_seen(x.f, 0);
    ck_assert_str_eq(front_header(seen, "Content-Length"), "0");
    ck_assert_uint_eq(seen->body.len, 0);
    assert_ok(fixture_ask(&x, "GET", "/a", NULL, &status));
    ck_assert_int_eq(status, 200);
    ck_assert_str_eq(fixture_said(), "");
    fixture_close(&x);
}

TEST(a_head_tells_the_length_and_has_no_body)
{
    fixture x = fixture_open(0);
    skep__net_answer answer = {0};
    skep__buf body = SKEP__BUF_INIT(16);
    fixture_put(&x, "/a", (const uint8_t *)"twelve bytes", 12);
    const skep__net_request r = {.method = "HEAD", .url = fixture_url(&x, "/a")};
    assert_ok(skep__net_do(x.net, &r, &answer, &body, NULL, NULL));
    ck_assert_int_eq(answer.status, 200);
    ck_assert_uint_eq(answer.body_bytes, 12);
    ck_assert_uint_eq(body.len, 0);
    ck_assert_uint_eq(front_connections(x.f), 1);
    fixture_close(&x);
}

typedef struct heard {
    char text[1024];
} heard;

static void hear(void *ctx, skep_slice name, skep_slice value)
{
    heard *h = ctx;
    size_t len = strlen(h->text);
    (void)snprintf(h->text + len, sizeof(h->text) - len, "%.*s=%.*s;", (int)name.len,
                   (const char *)name.data, (int)value.len, (const char *)value.data);
}

TEST(headers_go_and_come_as_they_are)
{
    static const char *const sent[] = {"X-One: a value",
                                       "X-Empty:", "X-Blank: ", "Content-Type: text/plain", NULL};
    fixture x = fixture_open(0);
    heard h = {0};
    skep__net_answer answer = {0};
    const front_rule rule = {.fault = FRONT_ANSWER,
                             .status = 200,
                             .headers = "X-Some:  spaced out \t\r\nRetry-After: 7\r\nEmpty:\r\n"};
    front_rule_add(x.f, &rule);
    const skep__net_request r = {.method = "PUT",
                                 .url = fixture_url(&x, "/a"),
                                 .headers = sent,
                                 .body = skep_slice_str("b")};
    assert_ok(skep__net_do(x.net, &r, &answer, NULL, hear, &h));
    const front_request *seen = front_seen(x.f, 0);
    ck_assert_str_eq(front_header(seen, "X-One"), "a value");
    ck_assert_str_eq(front_header(seen, "X-Empty"), "");
    ck_assert_str_eq(front_header(seen, "X-Blank"), "");
    ck_assert_str_eq(front_header(seen, "Content-Type"), "text/plain");
    ck_assert_ptr_null(front_header(seen, "Expect"));
    ck_assert_str_eq(h.text, "X-Some=spaced out;Retry-After=7;Empty=;Content-Length=0;");
    ck_assert_int_eq(answer.retry_after_ms, 7000);
    assert_ok(fixture_ask(&x, "PUT", "/a", "b", &answer.status));
    ck_assert_ptr_null(front_header(front_seen(x.f, 1), "Content-Type"));
    fixture_close(&x);
}

TEST(every_status_is_an_answer)
{
    static const int all[] = {200, 204, 206, 301, 307, 400, 403, 404,
                              409, 412, 416, 429, 500, 501, 503, 599};
    fixture x = fixture_open(0);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const front_rule rule = {.fault = FRONT_ANSWER,
                                 .status = all[i],
                                 .headers = "Location: http://127.0.0.1:1/\r\n"};
        int status = 0;
        front_rules_clear(x.f);
        front_rule_add(x.f, &rule);
        assert_ok(fixture_ask(&x, "GET", "/a", NULL, &status));
        ck_assert_int_eq(status, all[i]);
    }
    ck_assert_uint_eq(front_count(x.f, NULL, NULL), sizeof(all) / sizeof(all[0]));
    fixture_close(&x);
}

/* Write `len` bytes in pieces, then await the answer. */
static void put_pieces(const fixture *x, const uint8_t *data, size_t len, uint64_t told)
{
    skep__net_call *call = NULL;
    skep__net_answer answer = {0};
    const skep__net_request r = {
        .method = "PUT", .url = fixture_url(x, "/big"), .body_bytes = told};
    assert_ok(skep__net_begin(x->net, &r, NULL, NULL, &call));
    for (size_t at = 0; at < len;) {
        size_t n = 1 + (at * 7 + 13) % 200000;
        n = n < len - at ? n : len - at;
        assert_ok(skep__net_write(call, data + at, n));
        at += n;
    }
    assert_ok(skep__net_await(call, &answer));
    ck_assert_int_eq(answer.status, 200);
    skep__net_end(call);
}

TEST(a_body_in_pieces_arrives_whole)
{
    size_t len = 3000017;
    fixture x = fixture_open(0);
    uint8_t *data = fixture_bytes(len);
    put_pieces(&x, data, len, len);
    put_pieces(&x, data, len, SKEP__NET_CHUNKED);
    put_pieces(&x, data, 1, 1);
    put_pieces(&x, data, 0, SKEP__NET_CHUNKED);
    for (uint64_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(front_seen(x.f, i)->body.len, len);
        ck_assert_uint_eq(front_seen(x.f, i)->body_hash, skep__hash64(data, len, 0));
        ck_assert_str_eq(front_header(front_seen(x.f, i), "Expect"), "100-continue");
    }
    ck_assert_ptr_null(front_header(front_seen(x.f, 2), "Expect"));
    ck_assert_uint_eq(front_seen(x.f, 3)->body.len, 0);
    ck_assert_uint_eq(front_connections(x.f), 1);
    free(data);
    fixture_close(&x);
}

/* Read all of `path` in pieces of `piece`; returns how much there was. */
static size_t read_pieces(const fixture *x, const char *path, size_t piece, uint8_t *out)
{
    skep__net_call *call = NULL;
    skep__net_answer answer = {0};
    size_t len = 0;
    size_t got = 0;
    const skep__net_request r = {.method = "GET", .url = fixture_url(x, path)};
    assert_ok(skep__net_begin(x->net, &r, NULL, NULL, &call));
    assert_ok(skep__net_await(call, &answer));
    ck_assert_int_eq(answer.status, 200);
    do {
        assert_ok(skep__net_read(call, out + len, piece, &got));
        ck_assert_uint_le(got, piece);
        len += got;
    } while (got > 0);
    assert_ok(skep__net_read(call, out, piece, &got));
    ck_assert_uint_eq(got, 0);
    skep__net_end(call);
    return len;
}

TEST(a_body_is_read_in_pieces_of_any_size)
{
    static const size_t pieces[] = {100, 1000, 16384, 16385, 65536, 1000000, 4000000};
    size_t len = 3000017;
    fixture x = fixture_open(0);
    uint8_t *data = fixture_bytes(len);
    uint8_t *back = malloc(len + 4000000);
    fixture_put(&x, "/big", data, len);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        ck_assert_uint_eq(read_pieces(&x, "/big", pieces[i], back), len);
        ck_assert_mem_eq(back, data, len);
    }
    ck_assert_uint_eq(front_connections(x.f), 1);
    const front_rule rule = {.fault = FRONT_TRICKLE, .at = 3};
    front_rule_add(x.f, &rule);
    fixture_put(&x, "/small", data, 5000);
    ck_assert_uint_eq(read_pieces(&x, "/small", 100, back), 5000);
    ck_assert_mem_eq(back, data, 5000);
    free(back);
    free(data);
    fixture_close(&x);
}

TEST(a_call_that_is_ended_early_costs_its_connection_only)
{
    fixture x = fixture_open(1);
    uint8_t *data = fixture_bytes(3000000);
    skep__net_call *call = NULL;
    skep__net_answer answer = {0};
    int status = 0;
    uint8_t some[10];
    size_t got = 0;
    fixture_put(&x, "/big", data, 3000000);
    const skep__net_request r = {.method = "GET", .url = fixture_url(&x, "/big")};
    assert_ok(skep__net_begin(x.net, &r, NULL, NULL, &call));
    assert_ok(skep__net_await(call, &answer));
    ck_assert_uint_eq(answer.body_bytes, 3000000);
    assert_ok(skep__net_read(call, some, sizeof(some), &got));
    skep__net_end(call);
    skep__net_end(NULL);
    assert_ok(fixture_ask(&x, "PUT", "/a", "b", &status));
    ck_assert_uint_eq(front_connections(x.f), 2);
    free(data);
    fixture_close(&x);
}

TEST(an_answer_before_all_was_sent_is_heard)
{
    fixture x = fixture_open(0);
    uint8_t *data = fixture_bytes(1000000);
    skep__net_call *call = NULL;
    skep__net_answer answer = {0};
    const front_rule rule = {.fault = FRONT_ANSWER_EARLY, .status = 403, .body = "no"};
    front_rule_add(x.f, &rule);
    const skep__net_request r = {
        .method = "PUT", .url = fixture_url(&x, "/a"), .body_bytes = UINT64_C(1) << 40};
    assert_ok(skep__net_begin(x.net, &r, NULL, NULL, &call));
    int rc = SKEP_OK;
    for (int i = 0; i < 1000 && rc == SKEP_OK; i++)
        rc = skep__net_write(call, data, 1000000);
    ck_assert_int_eq(rc, SKEP_ECONFLICT);
    assert_fails(skep__net_write(call, data, 1), SKEP_ECONFLICT);
    assert_ok(skep__net_await(call, &answer));
    ck_assert_int_eq(answer.status, 403);
    char said[8] = {0};
    size_t got = 0;
    assert_ok(skep__net_read(call, said, sizeof(said), &got));
    ck_assert_str_eq(said, "no");
    assert_ok(skep__net_read(call, said, sizeof(said), &got));
    ck_assert_uint_eq(got, 0);
    skep__net_end(call);
    free(data);
    fixture_close(&x);
}

TEST(what_cannot_be_a_request_is_refused)
{
    fixture x = fixture_open(0);
    int status = 0;
    static const char *const none[] = {"no colon", NULL};
    static const char *const empty[] = {": value", NULL};
    static const char *const broken[] = {"A: b\r\nC: d", NULL};
    static char line[SKEP__NET_HEADER_MAX + 2];
    static char url[SKEP__NET_URL_MAX + 2] = "http://127.0.0.1:1/";
    memset(line, 'a', sizeof(line) - 1);
    memset(url + 19, 'a', sizeof(url) - 20);
    line[1] = ':';
    const char *const longer[] = {line, NULL};
    const char *many[SKEP__NET_HEADERS_MAX + 2] = {0};
    for (size_t i = 0; i <= SKEP__NET_HEADERS_MAX; i++)
        many[i] = "A: b";
    assert_fails(fixture_ask_with(&x, "GET", "/", none, &status), SKEP_EINVALID);
    assert_fails(fixture_ask_with(&x, "GET", "/", empty, &status), SKEP_EINVALID);
    assert_fails(fixture_ask_with(&x, "GET", "/", broken, &status), SKEP_EINVALID);
    assert_fails(fixture_ask_with(&x, "GET", "/", longer, &status), SKEP_ELIMIT);
    assert_fails(fixture_ask_with(&x, "GET", "/", many, &status), SKEP_ELIMIT);
    assert_fails(fixture_ask(&x, "GET", "/\r\nA: b", NULL, &status), SKEP_EINVALID);
    static const char *const urls[] = {"",          "x",       "ftp://a/",
                                       "http:///x", "http://", "http://u:xyzzy@127.0.0.1:1/"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        skep__net_answer answer = {0};
        const skep__net_request r = {.method = "GET", .url = urls[i]};
        assert_fails(skep__net_do(x.net, &r, &answer, NULL, NULL, NULL), SKEP_EINVALID);
        ck_assert_ptr_null(strstr(skep_last_error()->text, "xyzzy"));
    }
    skep__net_answer answer = {0};
    const skep__net_request r = {.method = "GET", .url = url};
    assert_fails(skep__net_do(x.net, &r, &answer, NULL, NULL, NULL), SKEP_ELIMIT);
    ck_assert_uint_eq(front_count(x.f, NULL, NULL), 0);
    const skep__net_opts opts = {.connections = SKEP__NET_CONNECTIONS_MAX + 1};
    skep__net *none_such = NULL;
    assert_fails(skep__net_new(&opts, &none_such), SKEP_ELIMIT);
    fixture_close(&x);
}

TEST(no_proxy_is_asked_for_this_machine_but_for_others)
{
    fixture x = fixture_open(0);
    skep__net_answer answer = {0};
    int status = 0;
    ck_assert_int_eq(setenv("http_proxy", front_url(x.f), 1), 0);
    assert_ok(fixture_ask(&x, "PUT", "/a", "b", &status));
    ck_assert_str_eq(front_seen(x.f, 0)->target, "/a");
    const skep__net_request r = {.method = "GET", .url = "http://store.example.org/a"};
    assert_ok(skep__net_do(x.net, &r, &answer, NULL, NULL, NULL));
    ck_assert_str_eq(front_seen(x.f, 1)->target, "http://store.example.org/a");
    fixture_close(&x);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_is_got),
    HARNESS_TEST(a_body_of_nothing_is_sent_as_such),
    HARNESS_TEST(a_head_tells_the_length_and_has_no_body),
    HARNESS_TEST(headers_go_and_come_as_they_are),
    HARNESS_TEST(every_status_is_an_answer),
    HARNESS_TEST(a_body_in_pieces_arrives_whole),
    HARNESS_TEST(a_body_is_read_in_pieces_of_any_size),
    HARNESS_TEST(a_call_that_is_ended_early_costs_its_connection_only),
    HARNESS_TEST(an_answer_before_all_was_sent_is_heard),
    HARNESS_TEST(what_cannot_be_a_request_is_refused),
    HARNESS_TEST(no_proxy_is_asked_for_this_machine_but_for_others),
};
const harness_suite call_suite = HARNESS_SUITE("call", tests);
