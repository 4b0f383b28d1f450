/* SPDX-License-Identifier: MIT */
/* What no client of ours sends. Nothing of it may leave anything in the store, or keep others from
 * being served. */
#include "suites.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

#define HEAD(method, path) method " " path " HTTP/1.1\r\nHost: localhost\r\n"

static bool nothing_left(void *ctx)
{
    return skep_serve_connections(((const world *)ctx)->serve) == 0;
}

/* Still of use for others, and nothing was stored. */
static void check_unharmed(world *w)
{
    await(nothing_left, w);
    ck_assert_uint_eq(world_count(w), 0);
    ck_assert_int_eq(ask_for(w, "GET", "/v1/objects/none", "").status, 404);
}

/* The server closes, and what it may still say before is no success. */
static bool no_more_answers(int fd)
{
    char rest[4096];
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len<sizeof(rest) - 1; len += n> 0 ? (size_t)n : 0)
        n = recv(fd, rest + len, sizeof(rest) - 1 - len, 0);
    rest[len] = '\0';
    return strstr(rest, " 200 ") == NULL && wire_is_closed(fd);
}

TEST(requests_whose_end_is_in_doubt_are_refused)
{
    static const char *const requests[] = {
        HEAD("PUT", "/v1/objects/k") "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        HEAD("PUT", "/v1/objects/k") "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        HEAD("PUT", "/v1/objects/k") "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "0\r\n\r\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
                                     "\r\n0\r\n\r\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: identity\r\n\r\n",
        HEAD("PUT", "/v1/objects/k") "Content-Length: +1\r\n\r\nx",
        HEAD("PUT", "/v1/objects/k") "Content-Length: 0x1\r\n\r\nx",
        HEAD("PUT", "/v1/objects/k") "Content-Length: 1,1\r\n\r\nx",
        HEAD("PUT", "/v1/objects/k") "Content-Length: 99999999999999999999\r\n\r\nx",
        HEAD("PUT", "/v1/objects/k") "Content-Length: -1\r\n\r\nx",
        HEAD("GET", "/v1/objects/k") "Host: other\r\n\r\n",
        "PUT /v1/objects/k HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
        "PUT /v1/objects/k  HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
    };
    world w = world_start(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = wire_open(&w);
        (void)wire_say(fd, requests[i]);
        answer a = wire_answer(fd, false);
        ck_assert_msg(a.status == 400 || a.status == 413 || a.status == 0, "%zu: %d %s", i,
                      a.status, a.body);
        /* Nothing behind it is taken for a request. */
        (void)wire_say(fd, HEAD("PUT", "/v1/objects/smuggled") "Content-Length: 1\r\n\r\nx");
        ck_assert_msg(no_more_answers(fd), "%zu", i);
        wire_close(fd);
    }
    check_unharmed(&w);
    world_stop(&w);
}

TEST(what_is_no_http_is_no_request)
{
    static const char *const requests[] = {
        "\r\n\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /v1/objects\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /v1/objects/k HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "PUT /v1/objects/k HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\nxyz\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    };
    world w = world_start(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = wire_open(&w);
        ck_assert(wire_say(fd, requests[i]));
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        answer a = wire_answer(fd, false);
        ck_assert_msg(a.status == 0 || a.status >= 400, "%zu: %d", i, a.status);
        wire_close(fd);
    }
    check_unharmed(&w);
    world_stop(&w);
}

TEST(a_zero_byte_in_the_path_does_not_shorten_it)
{
    static const char request[] = "PUT /v1/objects/a\0b HTTP/1.1\r\nHost: localhost\r\n"
                                  "Content-Length: 1\r\n\r\nx";
    world w = world_start(NULL);
    int fd = wire_open(&w);
    ck_assert(wire_send(fd, request, sizeof(request) - 1));
    answer a = wire_answer(fd, false);
    ck_assert_msg(a.status == 0 || a.status == 400, "%d", a.status);
    wire_close(fd);
    check_unharmed(&w);
    world_stop(&w);
}

TEST(of_keys_of_skep_itself_only_the_ring_passes_and_stays)
{
    world w = world_start(NULL);
    static const char json[] = "Content-Type: application/json\r\n";
    answer a = ask_with(&w, "PUT", "/v1/objects/.skep/keys", "If-None-Match: *\r\n", "ring");
    ck_assert_int_eq(a.status, 200);
    a = ask_for(&w, "GET", "/v1/objects/.skep/keys", "");
    ck_assert_int_eq(a.status, 200);
    a = ask_for(&w, "DELETE", "/v1/objects/.skep/keys", "");
    ck_assert_int_eq(a.status, 400);
    a = ask_with(&w, "POST", "/v1/delete", json, "{\"keys\":[\"a\",\".skep/keys\"]}");
    ck_assert_int_eq(a.status, 400);
    a = ask_with(&w, "POST", "/v1/copy", json, "{\"from\":\".skep/keys\",\"to\":\"x\"}");
    ck_assert_int_eq(a.status, 400);
    a = ask_with(&w, "POST", "/v1/copy", json, "{\"from\":\"a\",\"to\":\".skep/keys\"}");
    ck_assert_int_eq(a.status, 400);
    a = ask_for(&w, "GET", "/v1/objects/.skep/keys", "");
    ck_assert_int_eq(a.status, 200);
    world_stop(&w);
}

TEST(paths_that_are_no_keys_are_refused)
{
    static const char *const paths[] = {
        "/v1/objects/..",         "/v1/objects/../x",   "/v1/objects/%2e%2e/x", "/v1/objects/a//b",
        "/v1/objects/a/",         "/v1/objects//a",     "/v1/objects/a%2Fb",    "/v1/objects/%00",
        "/v1/objects/%ff%fe",     "/v1/objects/%c0%ae", "/v1/objects/a%0d%0ab", "/v1/objects/.",
        "/v1/objects/.skep/x",    "/v1/objects/%7f",    "/v1/objects/\xff",     "/v1/objects/a/./b",
        "/v1/objects/a%2e%2e/..",
    };
    world w = world_start(NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        answer a = ask_with(&w, "PUT", paths[i], "", "x");
        ck_assert_msg(a.status == 400, "%s: %d", paths[i], a.status);
        a = ask_for(&w, "GET", paths[i], "");
        ck_assert_msg(a.status == 400, "%s: %d", paths[i], a.status);
    }
    check_unharmed(&w);
    world_stop(&w);
}

TEST(a_head_that_is_too_large_is_refused)
{
    static const size_t sizes[] = {17000, 100000, 400000};
    world w = world_start(NULL);
    for (size_t i = 0; i < 3; i++) {
        char *request = keep(sizes[i] + 256);
        int n = snprintf(request, 256, HEAD("GET", "/v1/objects/k") "X: ");
        memset(request + n, 'x', sizes[i]);
        memcpy(request + (size_t)n + sizes[i], "\r\n\r\n", 5);
        int fd = wire_open(&w);
        (void)wire_say(fd, request);
        answer a = wire_answer(fd, false);
        ck_assert_msg(a.status == 431 || (a.status == 0 && sizes[i] > 300000), "%d", a.status);
        wire_close(fd);
    }
    char *path = keep(9000);
    (void)snprintf(path, 9000, "/v1/objects/%08800d", 0);
    answer a = ask_for(&w, "GET", path, "");
    answer_fails(&a, 414, "SKEP_ELIMIT");
    check_unharmed(&w);
    world_stop(&w);
}

TEST(a_body_that_is_cut_stores_nothing)
{
    static const char *const requests[] = {
        HEAD("PUT", "/v1/objects/k") "Content-Length: 10\r\n\r\n",
        HEAD("PUT", "/v1/objects/k") "Content-Length: 10\r\n\r\n012345678",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        HEAD("POST", "/v1/delete") "Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{",
        HEAD("PUT", "/v1/objects/k") "Content-Le",
    };
    world w = world_start(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        for (int reset = 0; reset < 2; reset++) {
            struct linger now = {1, 0};
            int fd = wire_open(&w);
            ck_assert(wire_say(fd, requests[i]));
            if (reset)
                ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
            else
                ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
            if (!reset)
                (void)wire_answer(fd, false);
            wire_close(fd);
        }
    check_unharmed(&w);
    world_stop(&w);
}

TEST(clients_that_are_too_slow_are_ended)
{
    static const char *const requests[] = {
        "",
        "GET /v1/obj",
        HEAD("GET", "/v1/objects/k") "X: ",
        HEAD("PUT", "/v1/objects/k") "Content-Length: 100000\r\n\r\nx",
        HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.idle_ms = 100;
    opts.min_bytes_per_second = 1000000;
    world w = world_start(&opts);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = wire_open(&w);
        ck_assert(wire_say(fd, requests[i]));
        ck_assert(wire_is_closed(fd));
        wire_close(fd);
    }
    /* A byte now and then does not help. */
    int fd = wire_open(&w);
    ck_assert(wire_say(fd, HEAD("PUT", "/v1/objects/k") "Content-Length: 2000000000\r\n\r\n"));
    while (wire_say(fd, "x"))
        (void)sched_yield();
    wire_close(fd);
    check_unharmed(&w);
    world_stop(&w);
}

TEST(a_reader_that_stops_is_ended)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.idle_ms = 100;
    world w = world_start(&opts);
    size_t len = 64u << 20;
    char *data = keep(len + 1);
    memset(data, 'x', len);
    world_put(&w, "large", data);
    int fd = wire_open(&w);
    ck_assert(wire_say(fd, HEAD("GET", "/v1/objects/large") "\r\n"));
    await(nothing_left, &w);
    wire_close(fd);
    world_stop(&w);
}

TEST(an_object_larger_than_the_limit_is_refused_before_or_in_its_body)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.object_bytes = 1000;
    world w = world_start(&opts);
    char *data = keep(2000);
    memset(data, 'x', 1999);
    answer a = ask(&w, "PUT", "/v1/objects/k", "", data, 1001);
    answer_fails(&a, 413, "SKEP_ELIMIT");
    a = ask(&w, "PUT", "/v1/objects/k", "Expect: 100-continue\r\n", data, 1001);
    answer_fails(&a, 413, "SKEP_ELIMIT");
    int fd = wire_open(&w);
    ck_assert(wire_say(fd, HEAD("PUT", "/v1/objects/k") "Transfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 3; i++)
        ck_assert(wire_say(fd, "190\r\n") && wire_send(fd, data, 400) && wire_say(fd, "\r\n"));
    ck_assert(wire_say(fd, "0\r\n\r\n"));
    a = wire_answer(fd, false);
    answer_fails(&a, 413, "SKEP_ELIMIT");
    wire_close(fd);
    check_unharmed(&w);
    ck_assert_int_eq(ask(&w, "PUT", "/v1/objects/k", "", data, 1000).status, 200);
    world_stop(&w);
}

TEST(expect_is_answered_before_the_body)
{
    world w = world_start(NULL);
    int fd = wire_open(&w);
    ck_assert(wire_say(fd, HEAD("PUT", "/v1/objects/k") "Content-Length: 1\r\n"
                                                        "Expect: 100-continue\r\n\r\n"));
    ck_assert_int_eq(wire_answer(fd, false).status, 100);
    ck_assert(wire_say(fd, "x"));
    ck_assert_int_eq(wire_answer(fd, false).status, 200);
    wire_close(fd);
    world_stop(&w);
}

TEST(connections_beyond_the_limits_are_told_so)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.connections = 3;
    world w = world_start(&opts);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = wire_open(&w);
        ck_assert(wire_say(fds[i], HEAD("GET", "/livez") "\r\n"));
        ck_assert_int_eq(wire_answer(fds[i], false).status, 200);
    }
    answer a = ask_for(&w, "GET", "/v1/objects", "");
    answer_fails(&a, 503, "SKEP_EBUSY");
    ck_assert_str_eq(answer_header(&a, "Retry-After"), "1");
    for (int i = 0; i < 3; i++)
        wire_close(fds[i]);
    await(nothing_left, &w);
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/objects", "").status, 200);
    world_stop(&w);

    opts.connections = 0;
    opts.connections_per_address = 1;
    w = world_start(&opts);
    int fd = wire_open(&w);
    ck_assert(wire_say(fd, HEAD("GET", "/livez") "\r\n"));
    ck_assert_int_eq(wire_answer(fd, false).status, 200);
    a = ask_for(&w, "GET", "/v1/objects", "");
    answer_fails(&a, 429, "SKEP_EBUSY");
    wire_close(fd);
    world_stop(&w);
}

TEST(requests_beyond_the_rate_are_told_so)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.requests_per_second = 2;
    world w = world_start(&opts);
    answer a = {0};
    for (int i = 0; i < 100 && a.status != 429; i++)
        a = ask_for(&w, "GET", "/v1/caps", "");
    answer_fails(&a, 429, "SKEP_EBUSY");
    ck_assert_str_eq(answer_header(&a, "Retry-After"), "1");
    world_stop(&w);
}

TEST(methods_that_a_path_does_not_take_are_named)
{
    world w = world_start(NULL);
    answer a = ask_with(&w, "PATCH", "/v1/objects/k", "", "x");
    answer_fails(&a, 405, "SKEP_EINVALID");
    ck_assert_str_eq(answer_header(&a, "Allow"), "GET, HEAD, PUT, DELETE");
    a = ask_for(&w, "DELETE", "/v1/caps", "");
    answer_fails(&a, 405, "SKEP_EINVALID");
    ck_assert_str_eq(answer_header(&a, "Allow"), "GET");
    a = ask_for(&w, "GET", "/v1/nowhere", "");
    answer_fails(&a, 404, "SKEP_ENOTFOUND");
    a = ask_for(&w, "PUT", "/v1/objects/k", "");
    answer_fails(&a, 411, "SKEP_EINVALID");
    check_unharmed(&w);
    world_stop(&w);
}

TEST(requests_follow_each_other_on_a_connection_also_behind_a_refusal)
{
    world w = world_start(NULL);
    int fd = wire_open(&w);
    ck_assert(wire_say(fd, HEAD("PUT", "/v1/objects/k") "Content-Length: 3\r\n\r\nabc" HEAD(
                               "GET", "/v1/objects/k") "\r\n"));
    ck_assert_int_eq(wire_answer(fd, false).status, 200);
    ck_assert_str_eq(wire_answer(fd, false).body, "abc");
    ck_assert(wire_say(
        fd, HEAD("PUT", "/v1/objects/k") "If-None-Match: *\r\nContent-Length: 3\r\n\r\nxyz"));
    ck_assert_int_eq(wire_answer(fd, false).status, 412);
    ck_assert(wire_say(fd, HEAD("GET", "/v1/objects/k") "\r\n"));
    ck_assert_str_eq(wire_answer(fd, false).body, "abc");
    wire_close(fd);
    world_stop(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(requests_whose_end_is_in_doubt_are_refused),
    HARNESS_TEST(what_is_no_http_is_no_request),
    HARNESS_TEST(a_zero_byte_in_the_path_does_not_shorten_it),
    HARNESS_TEST(paths_that_are_no_keys_are_refused),
    HARNESS_TEST(of_keys_of_skep_itself_only_the_ring_passes_and_stays),
    HARNESS_TEST(a_head_that_is_too_large_is_refused),
    HARNESS_TEST(a_body_that_is_cut_stores_nothing),
    HARNESS_TEST(clients_that_are_too_slow_are_ended),
    HARNESS_TEST(a_reader_that_stops_is_ended),
    HARNESS_TEST(an_object_larger_than_the_limit_is_refused_before_or_in_its_body),
    HARNESS_TEST(expect_is_answered_before_the_body),
    HARNESS_TEST(connections_beyond_the_limits_are_told_so),
    HARNESS_TEST(requests_beyond_the_rate_are_told_so),
    HARNESS_TEST(methods_that_a_path_does_not_take_are_named),
    HARNESS_TEST(requests_follow_each_other_on_a_connection_also_behind_a_refusal),
};
const harness_suite abuse_suite = HARNESS_SUITE("abuse", tests);
