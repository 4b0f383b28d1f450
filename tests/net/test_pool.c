/* SPDX-License-Identifier: MIT */
/* Many threads on few connections. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

enum { THREADS = 64, ROUNDS = 12, CONNECTIONS = 5 };

static void put_and_get(size_t index, void *ctx)
{
    const fixture *x = ctx;
    char path[32];
    char body[64];
    for (int i = 0; i < ROUNDS; i++) {
        int status = 0;
        (void)snprintf(path, sizeof(path), "/%zu", index);
        (void)snprintf(body, sizeof(body), "round %d of thread %zu", i, index);
        assert_ok(fixture_ask(x, "PUT", path, body, &status));
        ck_assert_int_eq(status, 200);
        assert_ok(fixture_ask(x, "GET", path, NULL, &status));
        ck_assert_str_eq(fixture_said(), body);
    }
}

TEST(sixty_four_threads_share_a_few_connections)
{
    fixture x = fixture_open(CONNECTIONS);
    harness_threads(THREADS, put_and_get, &x);
    ck_assert_uint_eq(front_count(x.f, NULL, NULL), 2 * THREADS * ROUNDS);
    ck_assert_uint_le(front_connections(x.f), CONNECTIONS);
    fixture_close(&x);
}

/* A few are cancelled while they wait in line, some come too late, the others get their turn. */
static void some_leave_the_line(size_t index, void *ctx)
{
    const fixture *x = ctx;
    skep_cancel *cancel = NULL;
    skep__net_answer answer = {0};
    assert_ok(skep_cancel_new(&cancel));
    for (uint64_t i = 0; i < ROUNDS; i++) {
        skep__net_request r = {
            .method = "PUT", .url = fixture_url(x, "/a"), .body = skep_slice_str("body")};
        if (index % 3 == 0)
            r.deadline_ns = skep__now_ns() + (index * ROUNDS + i) * 10000;
        if (index % 3 == 1)
            r.cancel = cancel;
        if (index % 3 == 1 && i == ROUNDS / 2)
            skep_cancel_fire(cancel);
        int rc = skep__net_do(x->net, &r, &answer, NULL, NULL, NULL);
        ck_assert(rc == SKEP_OK || (index % 3 == 0 && rc == SKEP_ETIMEOUT) ||
                  (index % 3 == 1 && rc == SKEP_ECANCELLED && i >= ROUNDS / 2));
        ck_assert(rc == SKEP_OK || skep_last_error()->code == rc);
    }
    skep_cancel_free(cancel);
}

TEST(whoever_leaves_the_line_takes_no_turn_from_others)
{
    fixture x = fixture_open(2);
    harness_threads(THREADS / 2, some_leave_the_line, &x);
    put_and_get(0, &x);
    fixture_close(&x);
}

typedef struct line {
    fixture x;
    skep_cancel *cancel;
} line;

static void one_waits(size_t index, void *ctx)
{
    line *l = ctx;
    skep__net_answer answer = {0};
    skep__net_request r = {.method = "GET", .url = fixture_url(&l->x, "/a")};
    if (index == 0) {
        assert_ok(skep__net_do(l->x.net, &r, &answer, NULL, NULL, NULL));
        return;
    }
    front_held(l->x.f, 1);
    if (index == 1) { /* it is the last that may go */
        r.deadline_ns = skep__deadline_ns(20);
        assert_fails_with(skep__net_do(l->x.net, &r, &answer, NULL, NULL, NULL), SKEP_ETIMEOUT,
                          SKEP_OUTCOME_NONE);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "in use"));
        skep_cancel_fire(l->cancel);
    } else {
        r.cancel = l->cancel;
        assert_fails_with(skep__net_do(l->x.net, &r, &answer, NULL, NULL, NULL), SKEP_ECANCELLED,
                          SKEP_OUTCOME_NONE);
        front_release(l->x.f);
    }
}

TEST(who_waits_for_a_connection_can_be_cancelled_and_timed)
{
    line l = {.x = fixture_open(1)};
    const front_rule hold = {.fault = FRONT_HOLD};
    front_rule_add(l.x.f, &hold);
    assert_ok(skep_cancel_new(&l.cancel));
    harness_threads(3, one_waits, &l);
    ck_assert_uint_eq(front_count(l.x.f, NULL, NULL), 1);
    skep_cancel_free(l.cancel);
    fixture_close(&l.x);
}

static const harness_test tests[] = {
    HARNESS_TEST(sixty_four_threads_share_a_few_connections),
    HARNESS_TEST(whoever_leaves_the_line_takes_no_turn_from_others),
    HARNESS_TEST(who_waits_for_a_connection_can_be_cancelled_and_timed),
};
const harness_suite pool_suite = HARNESS_SUITE("pool", tests);
