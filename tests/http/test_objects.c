/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../store/faulty.h"
#include "support.h"

TEST(what_is_put_is_got_back_with_all_there_is_to_know)
{
    world w = world_start(NULL);
    answer put = ask_with(&w, "PUT", "/v1/objects/a/b", "", "content");
    ck_assert_int_eq(put.status, 200);
    ck_assert_str_eq(answer_member(&put, "key"), "a/b");
    ck_assert_str_eq(answer_member(&put, "bytes"), "7");
    answer got = ask_for(&w, "GET", "/v1/objects/a/b", "");
    ck_assert_int_eq(got.status, 200);
    ck_assert_str_eq(got.body, "content");
    ck_assert_str_eq(answer_header(&got, "ETag"), answer_header(&put, "ETag"));
    ck_assert_int_eq(answer_header(&got, "ETag")[0], '"');
    ck_assert_str_eq(answer_header(&got, "Skep-Hash"), answer_member(&put, "hash"));
    ck_assert_str_eq(answer_header(&got, "Skep-Modified"), answer_member(&put, "modified_us"));
    ck_assert_str_eq(answer_header(&got, "Accept-Ranges"), "bytes");
    ck_assert_str_eq(answer_header(&got, "Content-Type"), "application/octet-stream");
    ck_assert_ptr_nonnull(strstr(answer_header(&got, "Last-Modified"), " GMT"));
    answer head = ask_for(&w, "HEAD", "/v1/objects/a/b", "");
    ck_assert_int_eq(head.status, 200);
    ck_assert_str_eq(answer_header(&head, "Content-Length"), "7");
    ck_assert_str_eq(answer_header(&head, "Skep-Hash"), answer_header(&got, "Skep-Hash"));
    ck_assert_int_eq(ask_for(&w, "DELETE", "/v1/objects/a/b", "").status, 204);
    ck_assert_int_eq(ask_for(&w, "DELETE", "/v1/objects/a/b", "").status, 204);
    answer gone = ask_for(&w, "GET", "/v1/objects/a/b", "");
    answer_fails(&gone, 404, "SKEP_ENOTFOUND");
    world_stop(&w);
}

TEST(bytes_of_any_value_and_keys_of_any_letters_pass)
{
    world w = world_start(NULL);
    static const char bytes[] = "a\0b\r\n\r\n\xff";
    const char *path = "/v1/objects/%C3%A9%20%3F%25%2B+/%2A";
    ck_assert_int_eq(ask(&w, "PUT", path, "", bytes, sizeof(bytes)).status, 200);
    answer got = ask_for(&w, "GET", path, "");
    ck_assert_uint_eq(got.len, sizeof(bytes));
    ck_assert_int_eq(memcmp(got.body, bytes, sizeof(bytes)), 0);
    ck_assert_ptr_nonnull(world_text(&w, "\xc3\xa9 ?%++/*"));
    answer empty = ask(&w, "PUT", "/v1/objects/empty", "", "", 0);
    ck_assert_int_eq(empty.status, 200);
    got = ask_for(&w, "GET", "/v1/objects/empty", "");
    ck_assert_int_eq(got.status, 200);
    ck_assert_uint_eq(got.len, 0);
    world_stop(&w);
}

TEST(a_large_object_streams_both_ways_also_chunked)
{
    world w = world_start(NULL);
    size_t len = (3u << 20) + 17;
    char *data = keep(len + 1);
    rng r = rng_of(harness_seed());
    rng_fill(&r, data, len);
    ck_assert_int_eq(ask(&w, "PUT", "/v1/objects/large", "", data, len).status, 200);
    answer got = ask_for(&w, "GET", "/v1/objects/large", "");
    ck_assert_uint_eq(got.len, len);
    ck_assert_int_eq(memcmp(got.body, data, len), 0);

    int fd = wire_open(&w);
    ck_assert(wire_say(fd, "PUT /v1/objects/chunked HTTP/1.1\r\nHost: localhost\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"));
    for (size_t at = 0; at < len;) {
        char line[32];
        size_t piece = 1 + rng_below(&r, 200000);
        piece = piece < len - at ? piece : len - at;
        (void)snprintf(line, sizeof(line), "%zx\r\n", piece);
        ck_assert(wire_say(fd, line) && wire_send(fd, data + at, piece) && wire_say(fd, "\r\n"));
        at += piece;
    }
    ck_assert(wire_say(fd, "0\r\n\r\n"));
    answer put = wire_answer(fd, false);
    ck_assert_int_eq(put.status, 200);
    wire_close(fd);
    got = ask_for(&w, "GET", "/v1/objects/chunked", "");
    ck_assert_uint_eq(got.len, len);
    ck_assert_int_eq(memcmp(got.body, data, len), 0);
    world_stop(&w);
}

TEST(ranges_are_what_they_say)
{
    static const struct {
        const char *range;
        int status;
        const char *body, *is;
    } cases[] = {
        {"bytes=0-3", 206, "0123", "bytes 0-3/10"},
        {"bytes=4-", 206, "456789", "bytes 4-9/10"},
        {"bytes=4-99", 206, "456789", "bytes 4-9/10"},
        {"bytes=9-9", 206, "9", "bytes 9-9/10"},
        {"bytes=-3", 206, "789", "bytes 7-9/10"},
        {"bytes=-30", 206, "0123456789", "bytes 0-9/10"},
        {"bytes=0-18446744073709551615", 206, "0123456789", "bytes 0-9/10"},
        {"bytes=10-", 416, NULL, "bytes */10"},
        {"bytes=11-12", 416, NULL, "bytes */10"},
        {"bytes=-0", 416, NULL, "bytes */10"},
        {"bytes=18446744073709551615-", 416, NULL, "bytes */10"},
        {"bytes=3-2", 200, "0123456789", ""},
        {"bytes=0-1,3-4", 200, "0123456789", ""},
        {"bytes=", 200, "0123456789", ""},
        {"bytes=x-", 200, "0123456789", ""},
        {"lines=1-2", 200, "0123456789", ""},
        {"bytes=99999999999999999999-", 200, "0123456789", ""},
    };
    world w = world_start(NULL);
    world_put(&w, "digits", "0123456789");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char header[96];
        (void)snprintf(header, sizeof(header), "Range: %s\r\n", cases[i].range);
        answer a = ask_for(&w, "GET", "/v1/objects/digits", header);
        ck_assert_msg(a.status == cases[i].status, "%s: %d", cases[i].range, a.status);
        ck_assert_str_eq(answer_header(&a, "Content-Range"), cases[i].is);
        if (cases[i].body != NULL)
            ck_assert_str_eq(a.body, cases[i].body);
    }
    world_put(&w, "empty", "");
    answer a = ask_for(&w, "GET", "/v1/objects/empty", "Range: bytes=0-\r\n");
    answer_fails(&a, 416, "SKEP_EINVALID");
    ck_assert_str_eq(answer_header(&a, "Content-Range"), "bytes */0");
    a = ask_for(&w, "GET", "/v1/objects/none", "Range: bytes=-1\r\n");
    answer_fails(&a, 404, "SKEP_ENOTFOUND");
    a = ask_for(&w, "GET", "/v1/objects/none", "Range: bytes=5-\r\n");
    answer_fails(&a, 404, "SKEP_ENOTFOUND");
    world_stop(&w);
}

static const char *line(const char *name, const char *value)
{
    char *out = keep(256);
    (void)snprintf(out, 256, "%s: %s\r\n", name, value);
    return out;
}

TEST(conditions_of_reading_follow_the_etag)
{
    world w = world_start(NULL);
    answer put = ask_with(&w, "PUT", "/v1/objects/k", "", "0123456789");
    const char *etag = answer_header(&put, "ETag");
    char weak[160], list[320];
    (void)snprintf(weak, sizeof(weak), "W/%s", etag);
    (void)snprintf(list, sizeof(list), "\"other\", W/\"x\" ,%s", etag);
    const struct {
        const char *name, *value;
        int status;
    } cases[] = {
        {"If-None-Match", etag, 304},     {"If-None-Match", weak, 304},
        {"If-None-Match", list, 304},     {"If-None-Match", "*", 304},
        {"If-None-Match", "\"no\"", 200}, {"If-Match", etag, 200},
        {"If-Match", list, 200},          {"If-Match", "*", 200},
        {"If-Match", weak, 412},          {"If-Match", "\"no\"", 412},
        {"If-Match", "bare", 400},        {"If-None-Match", "\"open", 400},
        {"If-None-Match", "\"a\"b", 400}, {"If-Match", "", 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int head = 0; head < 2; head++) {
            answer a = ask_for(&w, head ? "HEAD" : "GET", "/v1/objects/k",
                               line(cases[i].name, cases[i].value));
            ck_assert_msg(a.status == cases[i].status, "%s: %s: %d", cases[i].name, cases[i].value,
                          a.status);
            if (a.status == 304)
                ck_assert_str_eq(answer_header(&a, "ETag"), etag);
        }
    char range[320];
    (void)snprintf(range, sizeof(range), "Range: bytes=2-3\r\nIf-Range: %s\r\n", etag);
    answer a = ask_for(&w, "GET", "/v1/objects/k", range);
    ck_assert_int_eq(a.status, 206);
    ck_assert_str_eq(a.body, "23");
    a = ask_for(&w, "GET", "/v1/objects/k", "Range: bytes=2-3\r\nIf-Range: \"no\"\r\n");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(a.body, "0123456789");
    world_stop(&w);
}

TEST(conditions_of_a_put_are_kept_and_say_which_failed)
{
    world w = world_start(NULL);
    answer a = ask_with(&w, "PUT", "/v1/objects/k", "If-Match: \"none\"\r\n", "x");
    answer_fails(&a, 412, "SKEP_ECONFLICT");
    a = ask_with(&w, "PUT", "/v1/objects/k", "If-None-Match: *\r\n", "first");
    ck_assert_int_eq(a.status, 200);
    const char *etag = answer_header(&a, "ETag");
    a = ask_with(&w, "PUT", "/v1/objects/k", "If-None-Match: *\r\n", "second");
    answer_fails(&a, 412, "SKEP_EEXISTS");
    ck_assert_str_eq(world_text(&w, "k"), "first");
    a = ask_with(&w, "PUT", "/v1/objects/k", line("If-Match", etag), "third");
    ck_assert_int_eq(a.status, 200);
    a = ask_with(&w, "PUT", "/v1/objects/k", line("If-Match", etag), "fourth");
    answer_fails(&a, 412, "SKEP_ECONFLICT");
    ck_assert_str_eq(world_text(&w, "k"), "third");
    static const char *const bad[] = {"If-None-Match: \"x\"\r\n",
                                      "If-Match: *\r\n",
                                      "If-Match: W/\"x\"\r\n",
                                      "If-Match: \"a\", \"b\"\r\n",
                                      "If-Match: \"a\"\r\nIf-None-Match: *\r\n",
                                      "If-Match: \"\"\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        a = ask_with(&w, "PUT", "/v1/objects/k", bad[i], "x");
        answer_fails(&a, 400, "SKEP_EINVALID");
    }
    ck_assert_str_eq(world_text(&w, "k"), "third");
    world_stop(&w);
}

TEST(a_body_that_is_not_what_its_hash_says_is_not_stored)
{
    world w = world_start(NULL);
    answer a = ask_with(&w, "PUT", "/v1/objects/k", "", "content");
    const char *hash = answer_member(&a, "hash");
    ck_assert_uint_eq(strlen(hash), 32);
    a = ask_with(&w, "PUT", "/v1/objects/n", line("Skep-Hash", hash), "content");
    ck_assert_int_eq(a.status, 200);
    a = ask_with(&w, "PUT", "/v1/objects/n", line("Skep-Hash", hash), "Content");
    answer_fails(&a, 400, "SKEP_ECORRUPT");
    ck_assert_str_eq(world_text(&w, "n"), "content");
    a = ask_with(&w, "PUT", "/v1/objects/n", "Skep-Hash: xyz\r\n", "content");
    answer_fails(&a, 400, "SKEP_EINVALID");
    world_stop(&w);
}

TEST(a_list_comes_in_pages_in_the_order_of_keys)
{
    world w = world_start(NULL);
    for (int i = 0; i < 25; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "p/%02d", i);
        world_put(&w, key, "x");
    }
    world_put(&w, "q", "x");
    char after[64] = "", path[160];
    int seen = 0;
    for (bool more = true; more;) {
        (void)snprintf(path, sizeof(path), "/v1/objects?prefix=p%%2F&limit=10&after=%s", after);
        answer a = ask_for(&w, "GET", path, "");
        ck_assert_int_eq(a.status, 200);
        json_t *page = json_loads(a.body, 0, NULL);
        const json_t *objects = json_object_get(page, "objects");
        for (size_t i = 0; i < json_array_size(objects); i++) {
            const char *key = json_string_value(json_object_get(json_array_get(objects, i), "key"));
            ck_assert_int_eq(strcmp(key, after) > 0, 1);
            (void)snprintf(after, sizeof(after), "%s", key);
            seen++;
        }
        more = json_is_true(json_object_get(page, "more"));
        json_decref(page);
    }
    ck_assert_int_eq(seen, 25);
    static const char *const bad[] = {"?limit=0", "?limit=1001", "?limit=x", "?prefix=%zz",
                                      "?what=1",  "?after=%00",  "?limit=",  "?limit=10000000000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(path, sizeof(path), "/v1/objects%s", bad[i]);
        answer a = ask_for(&w, "GET", path, "");
        answer_fails(&a, 400, "SKEP_EINVALID");
    }
    world_stop(&w);
}

#define JSON "Content-Type: application/json\r\n"

TEST(many_are_deleted_at_once_and_copies_are_made)
{
    world w = world_start(NULL);
    world_put(&w, "a", "A");
    world_put(&w, "b", "B");
    answer a = ask_with(&w, "POST", "/v1/copy", JSON, "{\"from\":\"a\",\"to\":\"c\"}");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(answer_member(&a, "key"), "c");
    ck_assert_str_eq(world_text(&w, "c"), "A");
    a = ask_with(&w, "POST", "/v1/copy", JSON, "{\"from\":\"b\",\"to\":\"c\",\"create\":true}");
    answer_fails(&a, 412, "SKEP_EEXISTS");
    a = ask_with(&w, "POST", "/v1/copy", JSON, "{\"from\":\"b\",\"to\":\"c\",\"if_etag\":\"no\"}");
    answer_fails(&a, 412, "SKEP_ECONFLICT");
    a = ask_with(&w, "POST", "/v1/copy", JSON, "{\"from\":\"none\",\"to\":\"c\"}");
    answer_fails(&a, 404, "SKEP_ENOTFOUND");
    ck_assert_str_eq(world_text(&w, "c"), "A");
    a = ask_with(&w, "POST", "/v1/delete", JSON, "{\"keys\":[\"a\",\"none\",\"c\"]}");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(a.body, "{\"results\":[{\"key\":\"a\",\"code\":\"SKEP_OK\"},{\"key\":\"none\","
                             "\"code\":\"SKEP_OK\"},{\"key\":\"c\",\"code\":\"SKEP_OK\"}]}");
    ck_assert_uint_eq(world_count(&w), 1);
    world_stop(&w);
}

TEST(json_that_makes_no_sense_changes_nothing)
{
    static const char *const bad[][2] = {
        {"/v1/delete", ""},
        {"/v1/delete", "[]"},
        {"/v1/delete", "{}"},
        {"/v1/delete", "{\"keys\":[]}"},
        {"/v1/delete", "{\"keys\":\"k\"}"},
        {"/v1/delete", "{\"keys\":[1]}"},
        {"/v1/delete", "{\"keys\":[\"k\"],\"keys\":[\"k\"]}"},
        {"/v1/delete", "{\"keys\":[\"k\"],\"all\":true}"},
        {"/v1/delete", "{\"keys\":[\"k\"]"},
        {"/v1/delete", "{\"keys\":[\"k\\u0000x\"]}"},
        {"/v1/delete", "{\"keys\":[\"k\",\"../k\"]}"},
        {"/v1/copy", "{\"from\":\"k\"}"},
        {"/v1/copy", "{\"from\":\"k\",\"to\":1}"},
        {"/v1/copy", "{\"from\":\"k\",\"to\":\"n\",\"create\":1}"},
        {"/v1/copy", "{\"from\":\"k\",\"to\":\"n\",\"create\":true,\"if_etag\":\"x\"}"},
        {"/v1/copy", "{\"from\":\"k\",\"to\":\"n/\"}"},
    };
    world w = world_start(NULL);
    world_put(&w, "k", "x");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        answer a = ask_with(&w, "POST", bad[i][0], JSON, bad[i][1]);
        ck_assert_msg(a.status == 400, "%s: %d %s", bad[i][1], a.status, a.body);
    }
    answer a =
        ask_with(&w, "POST", "/v1/delete", "Content-Type: text/plain\r\n", "{\"keys\":[\"k\"]}");
    answer_fails(&a, 415, "SKEP_EINVALID");
    ck_assert_uint_eq(world_count(&w), 1);
    ck_assert_str_eq(world_text(&w, "k"), "x");
    world_stop(&w);
}

TEST(what_the_store_can_do_and_how_it_is_are_told)
{
    world w = world_start(NULL);
    answer a = ask_for(&w, "GET", "/v1/caps", "");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(answer_member(&a, "create"), "true");
    ck_assert_str_eq(answer_member(&a, "swap"), "true");
    ck_assert_str_eq(answer_member(&a, "hash_first"), "false");
    ck_assert_str_eq(answer_member(&a, "single_max"), "67108864");
    ck_assert_int_eq(ask_for(&w, "GET", "/livez", "").status, 200);
    ck_assert_int_eq(ask_for(&w, "GET", "/readyz", "").status, 200);
    a = ask_for(&w, "GET", "/metrics", "");
    ck_assert_int_eq(a.status, 200);
    ck_assert_ptr_nonnull(
        strstr(a.body, "\nskep_serve_requests_total{method=\"GET\",status=\"2xx\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(a.body, "\nskep_serve_request_seconds_count 3\n"));
    world_stop(&w);
}

TEST(a_store_that_fails_in_the_middle_of_an_answer_cuts_it)
{
    world w = world_start(NULL);
    size_t len = 1u << 20;
    char *data = keep(len + 1);
    memset(data, 'x', len);
    world_put(&w, "large", data);
    faulty_step cut = {
        .call = FAULTY_GET_READ, .what = FAULTY_CUT, .nth = 1, .at = len / 2, .code = SKEP_EIO};
    faulty_add(w.store, &cut);
    answer a = ask_for(&w, "GET", "/v1/objects/large", "");
    ck_assert_int_eq(a.status, 200);
    ck_assert(a.cut);
    faulty_clear(w.store);
    faulty_step flip = {.call = FAULTY_GET_READ, .what = FAULTY_FLIP, .nth = 1, .at = 10};
    faulty_add(w.store, &flip);
    world_stop(&w);
}

TEST(a_failing_store_tells_its_code_and_not_what_lies_behind)
{
    static const struct {
        int code, status;
        const char *name;
    } cases[] = {
        {SKEP_EIO, 500, "SKEP_EIO"},
        {SKEP_ECORRUPT, 500, "SKEP_ECORRUPT"},
        {SKEP_EAUTH, 500, "SKEP_EAUTH"},
        {SKEP_EDENIED, 500, "SKEP_EDENIED"},
        {SKEP_ENET, 503, "SKEP_ENET"},
        {SKEP_ETIMEOUT, 503, "SKEP_ETIMEOUT"},
        {SKEP_EBUSY, 503, "SKEP_EBUSY"},
        {SKEP_EFULL, 507, "SKEP_EFULL"},
        {SKEP_EUNSUPPORTED, 501, "SKEP_EUNSUPPORTED"},
        {SKEP_EREADONLY, 403, "SKEP_EREADONLY"},
    };
    static const faulty_call calls[] = {FAULTY_PUT_BEGIN, FAULTY_PUT_WRITE, FAULTY_PUT_COMMIT};
    world w = world_start(NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t c = 0; c < 3; c++) {
            faulty_step step = {
                .call = calls[c], .what = FAULTY_BEFORE, .nth = 1, .code = cases[i].code};
            faulty_add(w.store, &step);
            answer a = ask_with(&w, "PUT", "/v1/objects/k", "", "x");
            answer_fails(&a, cases[i].status, cases[i].name);
            ck_assert_ptr_null(strstr(a.body, "faulty"));
            ck_assert_str_eq(answer_header(&a, "Retry-After"), a.status == 503 ? "1" : "");
            faulty_clear(w.store);
        }
    ck_assert_uint_eq(world_count(&w), 0);
    faulty_step lost = {.call = FAULTY_PUT_COMMIT, .what = FAULTY_AFTER, .nth = 1};
    faulty_add(w.store, &lost);
    answer a = ask_with(&w, "PUT", "/v1/objects/k", "", "x");
    answer_fails(&a, 503, "SKEP_ENET");
    ck_assert_str_eq(answer_member(&a, "outcome"), "unknown");
    world_stop(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_is_got_back_with_all_there_is_to_know),
    HARNESS_TEST(bytes_of_any_value_and_keys_of_any_letters_pass),
    HARNESS_TEST(a_large_object_streams_both_ways_also_chunked),
    HARNESS_TEST(ranges_are_what_they_say),
    HARNESS_TEST(conditions_of_reading_follow_the_etag),
    HARNESS_TEST(conditions_of_a_put_are_kept_and_say_which_failed),
    HARNESS_TEST(a_body_that_is_not_what_its_hash_says_is_not_stored),
    HARNESS_TEST(a_list_comes_in_pages_in_the_order_of_keys),
    HARNESS_TEST(many_are_deleted_at_once_and_copies_are_made),
    HARNESS_TEST(json_that_makes_no_sense_changes_nothing),
    HARNESS_TEST(what_the_store_can_do_and_how_it_is_are_told),
    HARNESS_TEST(a_store_that_fails_in_the_middle_of_an_answer_cuts_it),
    HARNESS_TEST(a_failing_store_tells_its_code_and_not_what_lies_behind),
};
const harness_suite objects_suite = HARNESS_SUITE("objects", tests);
