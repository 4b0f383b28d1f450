/* SPDX-License-Identifier: MIT */
/* Who goes first when several queue: priorities, and B15, that nobody starves. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"

#include "fake_group.h"

#define LOW .req.priority = SKEP_PRIORITY_LOW
#define HIGH .req.priority = SKEP_PRIORITY_HIGH

/* Post `calls` while the queue is occupied, so that all of them stand in line. */
static void run(fake *f, fake_call *calls, size_t n)
{
    fake_call blocker = {.id = 999999};
    fake_block(f, &blocker);
    fake_post(f, calls, n);
    fake_unblock(f);
    fake_join(&blocker);
    for (size_t i = 0; i < n; i++) {
        fake_wait(&calls[i]);
        ck_assert_int_eq(calls[i].answer, calls[i].id);
    }
}

TEST(high_goes_before_those_that_came_earlier)
{
    fake f;
    fake_call c[5] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 4, HIGH}, {.id = 5, HIGH}};
    fake_init(&f, 2);
    run(&f, c, 5);
    ck_assert_uint_eq(fake_commit_of(&f, 4), 2);
    ck_assert_uint_eq(fake_commit_of(&f, 5), 2);
    ck_assert_uint_eq(fake_commit_of(&f, 1), 3);
    ck_assert_uint_eq(fake_commit_of(&f, 2), 3);
    ck_assert_uint_eq(fake_commit_of(&f, 3), 4);
    fake_dispose(&f);
}

TEST(high_and_normal_share_a_group_and_low_never_does)
{
    fake f;
    fake_call c[6] = {{.id = 1, LOW},  {.id = 2}, {.id = 3, LOW},
                      {.id = 4, HIGH}, {.id = 5}, {.id = 6, LOW}};
    fake_init(&f, 16);
    run(&f, c, 6);
    ck_assert_uint_eq(fake_commit_of(&f, 4), 2);
    ck_assert_uint_eq(fake_commit_of(&f, 2), 2);
    ck_assert_uint_eq(fake_commit_of(&f, 5), 2);
    for (int id = 1; id <= 6; id++)
        if (c[id - 1].req.priority == SKEP_PRIORITY_LOW)
            ck_assert_uint_eq(fake_commit_of(&f, id), 3); /* they share one of their own */
    ck_assert_int_eq(f.ids[1], 4);                        /* first in its group, too */
    fake_dispose(&f);
}

TEST(b15_one_heavy_low_job_among_1000_small_ones_is_passed_eight_times)
{
    enum { N = 1001 };
    fake f;
    fake_call *c = calloc(N, sizeof(*c));
    ck_assert_ptr_nonnull(c);
    for (int i = 0; i < N; i++)
        c[i].id = i + 1;
    c[0].req.priority = SKEP_PRIORITY_LOW;
    fake_init(&f, 16);
    run(&f, c, N);
    ck_assert_uint_eq(fake_commit_of(&f, 1), 1 + SKEP__LINE_PASSES + 1);
    ck_assert_int_eq(c[0].alone, 1);
    /* And nobody waited for it but those that would have come after it anyway. */
    for (int id = 2; id <= 1 + 16 * SKEP__LINE_PASSES; id++)
        ck_assert_uint_lt(fake_commit_of(&f, id), fake_commit_of(&f, 1));
    ck_assert_uint_eq(f.commits, 1 + 1 + (1000 + 15) / 16);
    fake_dispose(&f);
    free(c);
}

TEST(b15_normal_is_passed_eight_times_by_high)
{
    enum { N = 41 };
    fake f;
    fake_call c[N];
    memset(c, 0, sizeof(c));
    for (int i = 0; i < N; i++) {
        c[i].id = i + 1;
        c[i].req.priority = i == 0 ? SKEP_PRIORITY_NORMAL : SKEP_PRIORITY_HIGH;
    }
    fake_init(&f, 2);
    run(&f, c, N);
    ck_assert_uint_eq(fake_commit_of(&f, 1), 1 + SKEP__LINE_PASSES + 1);
    ck_assert_uint_eq(fake_commit_of(&f, 18), fake_commit_of(&f, 1)); /* high goes along */
    fake_dispose(&f);
}

TEST(low_goes_at_once_when_nobody_else_is_there)
{
    fake f;
    fake_call c[2] = {{.id = 1, LOW}, {.id = 2, LOW}};
    fake_init(&f, 16);
    ck_assert_int_eq(fake_submit(&f, &c[0]), 1);
    fake_post(&f, &c[1], 1);
    fake_wait(&c[1]);
    ck_assert_int_eq(c[1].answer, 2);
    fake_dispose(&f);
}

TEST(priorities_hold_for_callers_that_sleep)
{
    enum { N = 40 };
    fake f;
    fake_call c[N];
    fake_call blocker = {.id = 999999};
    memset(c, 0, sizeof(c));
    fake_init(&f, 4);
    fake_block(&f, &blocker);
    for (int i = 0; i < N; i++) {
        c[i].id = i + 1;
        c[i].req.priority = i % SKEP__LINE_CLASSES;
    }
    fake_queue(&f, c, N);
    fake_unblock(&f);
    fake_join(&blocker);
    for (int i = 0; i < N; i++) {
        fake_join(&c[i]);
        ck_assert_int_eq(c[i].answer, i + 1);
    }
    ck_assert_uint_eq(fake_commit_of(&f, 2), 2); /* the first of those with HIGH */
    fake_dispose(&f);
}

/* ---- the line against a naive one ---- */

typedef struct stander {
    skep__req req;
    bool there;
    unsigned passes;
} stander;

#define STANDERS 400

/* Take somebody and up to three mates, and count whom they passed. */
static void take_some(skep__line *line, stander *s, rng *r)
{
    skep__req *req = skep__line_first(line);
    int32_t priority = req->priority;
    uint64_t latest = 0;
    for (uint64_t n = rng_below(r, 4) + 1; req != NULL && n > 0; n--) {
        ck_assert((req->priority == SKEP_PRIORITY_LOW) == (priority == SKEP_PRIORITY_LOW));
        skep__line_leave(line, req);
        ((stander *)(void *)req)->there = false;
        latest = req->arrival > latest ? req->arrival : latest;
        req = skep__line_mate(line, priority);
    }
    skep__line_took(line, latest);
    for (size_t i = 0; i < STANDERS; i++)
        s[i].passes += s[i].there && s[i].req.arrival < latest;
}

TEST(b15_whoever_was_passed_eight_times_goes_next)
{
    rng r = rng_of(harness_seed());
    stander *s = calloc(STANDERS, sizeof(*s));
    ck_assert_ptr_nonnull(s);
    skep__line line;
    memset(&line, 0, sizeof(line));
    for (size_t steps = 0; steps < 20000; steps++) {
        stander *one = &s[rng_below(&r, STANDERS)];
        if (!one->there && rng_below(&r, 8) < 5) {
            *one = (stander){.there = true};
            one->req.priority = (int32_t)rng_below(&r, 10) % SKEP__LINE_CLASSES;
            skep__line_join(&line, &one->req);
        }
        bool due = false;
        for (size_t i = 0; i < STANDERS; i++) {
            due |= s[i].there && s[i].passes >= SKEP__LINE_PASSES;
            /* Several may be due at once, in two classes, and then the elder goes first. */
            ck_assert_uint_le(s[i].passes, 2 * SKEP__LINE_PASSES);
        }
        const skep__req *first = skep__line_first(&line);
        ck_assert((first == NULL) == (line.count == 0));
        if (due)
            ck_assert_uint_ge(((const stander *)(const void *)first)->passes, SKEP__LINE_PASSES);
        if (first != NULL && rng_below(&r, 8) < 3)
            take_some(&line, s, &r);
    }
    free(s);
}

/* ---- asynchronous ---- */

TEST(what_is_posted_shares_groups_with_callers_that_sleep)
{
    fake f;
    fake_call blocker = {.id = 9};
    fake_call posted[2] = {{.id = 1}, {.id = 2}};
    fake_call sleeps[2] = {{.id = 3}, {.id = 4}};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    fake_queue(&f, &sleeps[0], 1);
    fake_post(&f, posted, 2);
    fake_queue(&f, &sleeps[1], 1);
    fake_unblock(&f);
    fake_join(&blocker);
    for (int i = 0; i < 2; i++) {
        fake_wait(&posted[i]);
        fake_join(&sleeps[i]);
        ck_assert_uint_eq(fake_commit_of(&f, i + 1), 2);
        ck_assert_uint_eq(fake_commit_of(&f, i + 3), 2);
        ck_assert(pthread_equal(posted[i].ran_in, sleeps[0].caller) != 0);
    }
    fake_dispose(&f);
}

TEST(a_deputy_leads_where_the_first_in_line_has_no_thread)
{
    fake f;
    fake_call blocker = {.id = 9};
    fake_call posted = {.id = 1};
    fake_call sleeps = {.id = 2};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    fake_post(&f, &posted, 1);
    fake_queue(&f, &sleeps, 1);
    fake_unblock(&f);
    fake_join(&blocker);
    fake_wait(&posted);
    fake_join(&sleeps);
    ck_assert_uint_eq(fake_commit_of(&f, 1), fake_commit_of(&f, 2));
    ck_assert(pthread_equal(sleeps.ran_in, f.thread.os) != 0);
    fake_dispose(&f);
}

TEST(what_is_posted_can_be_given_up_expire_and_be_refused)
{
    fake f;
    fake_call blocker = {.id = 9};
    fake_call c[4] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 4}};
    fake_init(&f, 16);
    assert_ok(skep_cancel_new(&c[0].req.cancel));
    skep_cancel_fire(c[0].req.cancel);
    c[1].req.deadline_ns = 1;
    c[2].req.deadline_ns = UINT64_MAX;
    fake_block(&f, &blocker);
    fake_post(&f, c, 4);
    skep__queue_give_up(&f.queue, &c[0].req);
    fake_wait(&c[0]);
    ck_assert_int_eq(c[0].answer, SKEP_ECANCELLED);
    ck_assert_uint_eq(skep__queue_expire(&f.queue), UINT64_MAX);
    fake_wait(&c[1]);
    ck_assert_int_eq(c[1].answer, SKEP_ETIMEOUT);
    ck_assert_int_eq(c[1].err.outcome, SKEP_OUTCOME_NONE);
    skep__queue_close(&f.queue);
    skep__queue_refuse(&f.queue);
    fake_call newcomer = {.id = 5};
    fake_post(&f, &newcomer, 1);
    ck_assert_int_eq(newcomer.answer, SKEP_ECLOSED);
    for (int i = 2; i < 4; i++) {
        fake_wait(&c[i]);
        ck_assert_int_eq(c[i].answer, SKEP_ECLOSED);
    }
    fake_unblock(&f);
    fake_join(&blocker);
    ck_assert_uint_eq(f.commits, 1);
    skep_cancel_free(c[0].req.cancel);
    fake_dispose(&f);
}

TEST(what_is_posted_can_be_held_and_released)
{
    fake f;
    fake_call c[3] = {{.id = 1, .req.flags = SKEP__REQ_HOLD | SKEP__REQ_STAMP},
                      {.id = 2, .req.flags = SKEP__REQ_HOLD},
                      {.id = 3}};
    fake_init(&f, 16);
    c[1].req.deadline_ns = skep__deadline_ns(3600000);
    run(&f, &c[2], 1);
    fake_post(&f, c, 2);
    fake_call after = {.id = 4};
    while (atomic_load(&c[1].req.state) != SKEP__REQ_HELD) /* the deputy is at it */
        ck_assert_int_eq(fake_submit(&f, &after), 4);
    skep__mutex_lock(&f.queue.mutex);
    c[1].req.deadline_ns = 1;
    skep__mutex_unlock(&f.queue.mutex);
    (void)skep__queue_expire(&f.queue);
    fake_wait(&c[1]);
    ck_assert_int_eq(c[1].answer, SKEP_EUNREPLICATED);
    ck_assert_int_eq(c[1].err.outcome, SKEP_OUTCOME_COMMITTED);
    skep__queue_release(&f.queue, f.commits, SKEP_OK, NULL);
    fake_wait(&c[0]);
    ck_assert_int_eq(c[0].answer, 1);
    ck_assert_uint_eq(c[0].stamp, fake_commit_of(&f, 1));
    fake_dispose(&f);
}

/* A batch: its caller leads for its calls. */
TEST(the_caller_of_a_batch_can_be_its_deputy)
{
    enum { N = 40 };
    fake f;
    fake_call c[N];
    memset(c, 0, sizeof(c));
    fake_init(&f, 16);
    for (int i = 0; i < N; i++) {
        c[i].id = i + 1;
        c[i].fake = &f;
        c[i].req.next = i + 1 < N ? &c[i + 1].req : NULL;
    }
    skep__word word = 0;
    skep__deputy self = {.word = &word};
    assert_ok(skep__queue_post(&f.queue, &c[0].req, &self));
    while (skep__queue_lead(&f.queue, &self))
        ;
    for (int i = 0; i < N; i++) {
        fake_wait(&c[i]);
        ck_assert_int_eq(c[i].answer, i + 1);
        ck_assert(pthread_equal(c[i].ran_in, pthread_self()) != 0);
    }
    ck_assert_uint_eq(f.commits, 3);
    fake_dispose(&f);
}

static const harness_test tests[] = {
    HARNESS_TEST(high_goes_before_those_that_came_earlier),
    HARNESS_TEST(high_and_normal_share_a_group_and_low_never_does),
    HARNESS_TEST(b15_one_heavy_low_job_among_1000_small_ones_is_passed_eight_times),
    HARNESS_TEST(b15_normal_is_passed_eight_times_by_high),
    HARNESS_TEST(low_goes_at_once_when_nobody_else_is_there),
    HARNESS_TEST(priorities_hold_for_callers_that_sleep),
    HARNESS_TEST(b15_whoever_was_passed_eight_times_goes_next),
    HARNESS_TEST(what_is_posted_shares_groups_with_callers_that_sleep),
    HARNESS_TEST(a_deputy_leads_where_the_first_in_line_has_no_thread),
    HARNESS_TEST(what_is_posted_can_be_given_up_expire_and_be_refused),
    HARNESS_TEST(what_is_posted_can_be_held_and_released),
    HARNESS_TEST(the_caller_of_a_batch_can_be_its_deputy),
};
const harness_suite queue_priority_suite = HARNESS_SUITE("queue_priority", tests);
