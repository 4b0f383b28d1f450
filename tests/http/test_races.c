/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "support.h"

enum { THREADS = 64 };

typedef struct race {
    const world *w;
    const char *header;
    int status[THREADS];
} race;

static void put_once(size_t index, void *ctx)
{
    race *r = ctx;
    char body[16];
    (void)snprintf(body, sizeof(body), "%zu", index);
    r->status[index] = ask_with(r->w, "PUT", "/v1/objects/k", r->header, body).status;
}

static size_t winner_of(const race *r)
{
    size_t winner = THREADS;
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_msg(r->status[i] == 200 || r->status[i] == 412, "%d", r->status[i]);
        ck_assert(r->status[i] != 200 || winner == THREADS);
        winner = r->status[i] == 200 ? i : winner;
    }
    ck_assert_uint_ne(winner, THREADS);
    return winner;
}

static void check_winner(const world *w, const race *r)
{
    char body[16];
    (void)snprintf(body, sizeof(body), "%zu", winner_of(r));
    ck_assert_str_eq(world_text(w, "k"), body);
}

TEST(of_many_conditional_puts_exactly_one_wins)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.connections_per_address = 4 * THREADS;
    world w = world_start(&opts);
    race r = {&w, "If-None-Match: *\r\n", {0}};
    harness_threads(THREADS, put_once, &r);
    check_winner(&w, &r);
    for (int round = 0; round < 3; round++) {
        char header[200];
        answer a = ask_for(&w, "HEAD", "/v1/objects/k", "");
        (void)snprintf(header, sizeof(header), "If-Match: %s\r\n", answer_header(&a, "ETag"));
        r.header = header;
        harness_threads(THREADS, put_once, &r);
        check_winner(&w, &r);
    }
    world_stop(&w);
}

static void mix(size_t index, void *ctx)
{
    const world *w = ctx;
    char path[64], want[64];
    rng r = rng_of(harness_seed() + index);
    int fd = wire_open(w);
    (void)snprintf(path, sizeof(path), "/v1/objects/%zu", index);
    for (int i = 0; i < 20; i++) {
        char request[256];
        uint64_t what = rng_below(&r, 4);
        (void)snprintf(want, sizeof(want), "%zu-%d", index, i);
        (void)snprintf(request, sizeof(request),
                       "PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", path,
                       strlen(want), want);
        ck_assert(wire_say(fd, request));
        ck_assert_int_eq(wire_answer(fd, false).status, 200);
        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                       what == 0   ? "/v1/objects?limit=5"
                       : what == 1 ? "/metrics"
                                   : path);
        ck_assert(wire_say(fd, request));
        answer a = wire_answer(fd, false);
        ck_assert_int_eq(a.status, 200);
        if (what > 1)
            ck_assert_str_eq(a.body, want);
    }
    wire_close(fd);
}

static void reload(size_t index, void *ctx)
{
    if (index > 0)
        mix(index, ctx);
    for (int i = 0; index == 0 && i < 50; i++)
        assert_ok(skep_serve_reload(((world *)ctx)->serve));
}

TEST(many_clients_read_what_they_wrote_while_keys_are_read_again)
{
    world w = world_start(NULL);
    harness_threads(THREADS / 2, reload, &w);
    world_stop(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(of_many_conditional_puts_exactly_one_wins),
    HARNESS_TEST(many_clients_read_what_they_wrote_while_keys_are_read_again),
};
const harness_suite races_suite = HARNESS_SUITE("races", tests);
