/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "../store/faulty.h"
#include "support.h"

#define PUT "PUT /v1/objects/k HTTP/1.1\r\nHost: localhost\r\n"

static bool put_has_begun(void *ctx)
{
    return faulty_count(((const world *)ctx)->store, FAULTY_PUT_WRITE) > 0;
}

static int half_a_put(world *w)
{
    int fd = wire_open(w);
    ck_assert(wire_say(fd, PUT "Content-Length: 6\r\n\r\nabc"));
    await(put_has_begun, w);
    return fd;
}

TEST(a_put_that_streams_ends_well_and_nothing_new_begins)
{
    world w = world_start(NULL);
    int idle = wire_open(&w), late = wire_open(&w);
    ck_assert(wire_say(idle, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    ck_assert_int_eq(wire_answer(idle, false).status, 200);
    int fd = half_a_put(&w);
    skep_serve_drain(w.serve);
    ck_assert(wire_is_closed(idle));
    ck_assert(wire_is_closed(late));
    ck_assert(wire_say(fd, "def"));
    answer a = wire_answer(fd, false);
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(answer_header(&a, "Connection"), "close");
    ck_assert(wire_is_closed(fd));
    wire_close(fd);
    wire_close(idle);
    wire_close(late);
    assert_ok(skep_serve_close(w.serve, 30000));
    ck_assert_str_eq(world_text(&w, "k"), "abcdef");
    assert_ok(skep_store_close(w.store));
}

TEST(what_does_not_end_in_time_is_cut_and_leaves_nothing)
{
    world w = world_start(NULL);
    int fd = half_a_put(&w);
    assert_fails(skep_serve_close(w.serve, 10), SKEP_ETIMEOUT);
    ck_assert(wire_is_closed(fd));
    wire_close(fd);
    ck_assert_uint_eq(world_count(&w), 0);
    assert_ok(skep_store_close(w.store));
}

TEST(a_request_on_a_connection_of_before_is_told_that_the_server_ends)
{
    world w = world_start(NULL);
    int fd = half_a_put(&w);
    skep_serve_drain(w.serve);
    ck_assert(wire_say(fd, "def" PUT "Content-Length: 1\r\n\r\nx"));
    ck_assert_int_eq(wire_answer(fd, false).status, 200);
    answer second = wire_answer(fd, false);
    ck_assert_msg(second.status == 503 || second.status == 0, "%d", second.status);
    wire_close(fd);
    assert_ok(skep_serve_close(w.serve, 30000));
    ck_assert_str_eq(world_text(&w, "k"), "abcdef");
    assert_ok(skep_store_close(w.store));
}

/* ---- the log ---- */

typedef struct logged {
    _Atomic int count;
    char lines[16][512];
} logged;

static void log_it(const skep_serve_access *a, void *ctx)
{
    logged *log = ctx;
    int n = log->count;
    if (n < 16)
        (void)snprintf(log->lines[n], 512, "%s %s %s %d in=%llu out=%llu key=%s cut=%u why=%.80s",
                       a->address, a->method, a->path, a->status, (unsigned long long)a->bytes_in,
                       (unsigned long long)a->bytes_out, a->key, a->cut, a->why);
    log->count = n + 1;
}

static bool all_logged(void *ctx)
{
    return ((logged *)ctx)->count == 4;
}

TEST(every_request_is_told_of_once_without_its_key)
{
    logged *log = keep(sizeof(*log));
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.access = log_it;
    opts.ctx = log;
    opts.flags = SKEP_SERVE_BEHIND_PROXY;
    opts.api_key_file = KEY_FILE("keys", "all rw %s");
    world w = world_start(&opts);
#define KEY "Authorization: Bearer all-secret-of-this-test\r\n"
    (void)ask_with(&w, "PUT", "/v1/objects/k", KEY, "abc");
    (void)ask_for(&w, "GET", "/v1/objects?prefix=x", KEY "X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n");
    (void)ask_for(&w, "GET", "/v1/objects/k",
                  "Authorization: Bearer wrong-secret-of-this-test\r\n");
    faulty_step fail = {.call = FAULTY_HEAD, .what = FAULTY_BEFORE, .nth = 1, .code = SKEP_EIO};
    faulty_add(w.store, &fail);
    (void)ask_for(&w, "HEAD", "/v1/objects/k", KEY);
    await(all_logged, log);
    ck_assert_ptr_nonnull(strstr(log->lines[0], "127.0.0.1 PUT /v1/objects/k 200 in=3 "));
    ck_assert_ptr_nonnull(strstr(log->lines[0], " key=all cut=0 why="));
    ck_assert_ptr_nonnull(strstr(log->lines[1], "10.2.2.2 GET /v1/objects 200 "));
    ck_assert_ptr_nonnull(strstr(log->lines[2], "127.0.0.1 GET /v1/objects/k 401 "));
    ck_assert_ptr_nonnull(strstr(log->lines[3], " 500 in=0 out=0 key=all cut=0 why=SKEP_EIO: "));
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_null(strstr(log->lines[i], "secret"));
    world_stop(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_put_that_streams_ends_well_and_nothing_new_begins),
    HARNESS_TEST(what_does_not_end_in_time_is_cut_and_leaves_nothing),
    HARNESS_TEST(a_request_on_a_connection_of_before_is_told_that_the_server_ends),
    HARNESS_TEST(every_request_is_told_of_once_without_its_key),
};
const harness_suite end_suite = HARNESS_SUITE("end", tests);
