/* SPDX-License-Identifier: MIT */
/* Waiting in the queue: deadlines and cancels while queued, taken and held; close. */
#include "suites.h"

#include <limits.h>
#include <string.h>

#include "base/time.h"
#include "harness/points.h"

#include "fake_group.h"

static skep_cancel *new_cancel(void)
{
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    return cancel;
}

TEST(a_deadline_that_passes_while_queued_means_it_never_ran)
{
    fake f;
    fake_call blocker = {.id = 9};
    fake_call late = {.id = 1};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    late.req.deadline_ns = skep__deadline_ns(5);
    assert_fails_with(fake_submit(&f, &late), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    ck_assert_uint_ge(skep__now_ns(), late.req.deadline_ns);
    fake_unblock(&f); /* only now does the leader go on */
    fake_join(&blocker);
    ck_assert_int_eq(late.runs, 0);
    ck_assert_uint_eq(f.commits, 1);
    fake_dispose(&f);
}

TEST(a_cancel_while_queued_means_it_never_ran)
{
    fake f;
    fake_call blocker = {.id = 9};
    fake_call c[2] = {{.id = 1}, {.id = 2}};
    fake_init(&f, 16);
    c[0].req.cancel = new_cancel();
    fake_block(&f, &blocker);
    fake_queue(&f, c, 2);
    skep_cancel_fire(c[0].req.cancel);
    fake_join(&c[0]); /* the leader still sits in the blocker */
    ck_assert_int_eq(c[0].answer, SKEP_ECANCELLED);
    ck_assert_int_eq(c[0].runs, 0);
    fake_unblock(&f);
    fake_join(&blocker);
    fake_join(&c[1]);
    ck_assert_int_eq(c[1].answer, 2);
    skep_cancel_free(c[0].req.cancel);
    fake_dispose(&f);
}

TEST(what_is_cancelled_or_late_at_the_start_does_not_run_when_it_leads)
{
    fake f;
    fake_call cancelled = {.id = 1};
    fake_call late = {.id = 2};
    fake_init(&f, 16);
    cancelled.req.cancel = new_cancel();
    skep_cancel_fire(cancelled.req.cancel);
    assert_fails_with(fake_submit(&f, &cancelled), SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    late.req.deadline_ns = 1;
    assert_fails_with(fake_submit(&f, &late), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(cancelled.runs + late.runs, 0);
    ck_assert_uint_eq(f.commits, 0);
    ck_assert_int_eq(f.rollbacks, 2);
    skep_cancel_free(cancelled.req.cancel);
    fake_dispose(&f);
}

/* In the run of a call: its sibling's cancel fires. */
static void fire(fake_call *call)
{
    skep_cancel_fire(call->ctx);
}

TEST(a_cancel_while_taken_keeps_the_caller_until_the_true_answer)
{
    fake f;
    fake_call c[3] = {{.id = 1}, {.id = 2, .in_run = fire}, {.id = 3}};
    fake_init(&f, 16);
    c[0].req.cancel = new_cancel();
    c[2].req.cancel = c[1].ctx = c[0].req.cancel;
    fake_group(&f, c, 3);
    ck_assert_int_eq(c[0].answer, 1); /* it had run already, and stands */
    ck_assert_int_eq(c[1].answer, 2);
    ck_assert_int_eq(c[2].answer, SKEP_ECANCELLED); /* its turn had not come */
    ck_assert_int_eq(c[2].runs, 0);
    ck_assert_uint_eq(fake_times(&f, 1), 1);
    skep_cancel_free(c[0].req.cancel);
    fake_dispose(&f);
}

/* In the run of a call: time passes, to beyond the deadline that `ctx` points to. */
static void linger(fake_call *call)
{
    const uint64_t *deadline_ns = call->ctx;
    skep__word word = 0;
    while (skep__now_ns() < *deadline_ns)
        (void)skep__word_wait(&word, 0, *deadline_ns);
}

/* How long it takes until a group runs depends on the machine. So with little time first, and more
 * if the deadline was over before. */
static void with_time_enough(bool (*attempt)(uint64_t ms))
{
    for (uint64_t ms = 50; !attempt(ms); ms *= 4)
        ck_assert_msg(ms < 60000, "the group never ran before its deadline");
}

static bool passes_while_taken(uint64_t ms)
{
    fake f;
    fake_call c[3] = {{.id = 1}, {.id = 2, .in_run = linger}, {.id = 3}};
    uint64_t deadline_ns = 0;
    fake_call blocker = {.id = 9};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    deadline_ns = skep__deadline_ns((int64_t)ms);
    c[0].req.deadline_ns = c[2].req.deadline_ns = deadline_ns;
    c[1].ctx = &deadline_ns;
    fake_queue(&f, c, 3);
    fake_unblock(&f);
    fake_join(&blocker);
    for (int i = 0; i < 3; i++)
        fake_join(&c[i]);
    fake_dispose(&f);
    if (c[0].runs == 0)
        return false;
    ck_assert_int_eq(c[0].answer, 1);
    ck_assert_int_eq(c[1].answer, 2);
    ck_assert_int_eq(c[2].answer, SKEP_ETIMEOUT);
    ck_assert_int_eq(c[2].runs, 0);
    return true;
}

TEST(a_deadline_that_passes_while_taken_keeps_the_caller_until_the_true_answer)
{
    with_time_enough(passes_while_taken);
}

static bool passes_before_a_second_run(uint64_t ms)
{
    fake f;
    uint64_t deadline_ns = 0;
    fake_call c[2] = {{.id = 1},
                      {.id = 2, .plan = FAKE_LOSE, .in_run = linger, .ctx = &deadline_ns}};
    fake_call blocker = {.id = 9};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    deadline_ns = c[0].req.deadline_ns = skep__deadline_ns((int64_t)ms);
    fake_queue(&f, c, 2);
    fake_unblock(&f);
    fake_join(&blocker);
    fake_join(&c[0]);
    fake_join(&c[1]);
    size_t times = fake_times(&f, 1);
    fake_dispose(&f);
    if (c[0].runs == 0)
        return false;
    ck_assert_int_eq(c[0].runs, 1);
    ck_assert_int_eq(c[0].answer, SKEP_ETIMEOUT);
    ck_assert_int_eq(c[0].err.outcome, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_uint_eq(times, 0);
    return true;
}

TEST(a_deadline_before_a_second_run_says_that_the_first_was_rolled_back)
{
    with_time_enough(passes_before_a_second_run);
}

/* ---- held ---- */

#define HOLD .req.flags = SKEP__REQ_HOLD

static bool answered(fake_call *call)
{
    return atomic_load(&call->req.state) == SKEP__REQ_DONE;
}

TEST(held_requests_are_answered_in_the_order_of_their_commits)
{
    fake f;
    fake_call c[4] = {{.id = 1, HOLD}, {.id = 2}, {.id = 3, HOLD}, {.id = 4, HOLD}};
    fake_call blocker = {.id = 9};
    fake_init(&f, 2); /* commits: the blocker, 1 2, 3 4 */
    fake_block(&f, &blocker);
    fake_queue(&f, c, 4);
    fake_unblock(&f);
    fake_join(&blocker);
    fake_join(&c[1]);
    ck_assert_int_eq(c[1].answer, 2);
    /* A call that comes after them all has its commit; so they have theirs. */
    fake_call after = {.id = 5};
    ck_assert_int_eq(fake_submit(&f, &after), 5);
    ck_assert_uint_eq(f.commits, 4);
    ck_assert_uint_eq(f.held, 3);
    ck_assert(!answered(&c[0]) && !answered(&c[2]) && !answered(&c[3]));

    skep__queue_release(&f.queue, 1, SKEP_OK, NULL);
    ck_assert(!answered(&c[0]));
    skep__queue_release(&f.queue, 2, SKEP_OK, NULL);
    fake_join(&c[0]);
    ck_assert_int_eq(c[0].answer, 1);
    ck_assert(!answered(&c[2]) && !answered(&c[3]));
    skep__queue_release(&f.queue, 3, SKEP_EUNREPLICATED, "the store said no");
    fake_join(&c[2]);
    fake_join(&c[3]);
    ck_assert_int_eq(c[2].answer, SKEP_EUNREPLICATED);
    ck_assert_int_eq(c[3].answer, SKEP_EUNREPLICATED);
    ck_assert_str_eq(c[3].err.text, "the store said no");
    ck_assert_int_eq(c[3].err.outcome, SKEP_OUTCOME_COMMITTED);
    fake_dispose(&f);
}

/* In the run of a call, which leads: it has little time from now on. */
static void hurry(fake_call *call)
{
    call->req.deadline_ns = skep__deadline_ns(1);
}

TEST(a_release_that_comes_before_the_hold_leaves_nothing_to_hold)
{
    fake f;
    fake_call c[2] = {{.id = 1, HOLD}, {.id = 2, .in_run = hurry, HOLD}};
    fake_init(&f, 16);
    skep__queue_release(&f.queue, 1, SKEP_OK, NULL);
    ck_assert_int_eq(fake_submit(&f, &c[0]), 1);
    ck_assert_uint_eq(f.held, 0);
    assert_fails(fake_submit(&f, &c[1]), SKEP_EUNREPLICATED); /* of commit 2 nobody said so */
    fake_dispose(&f);
}

TEST(a_release_that_fails_does_not_vouch_for_later_commits)
{
    fake f;
    fake_call call = {.id = 1, .in_run = hurry, HOLD};
    fake_init(&f, 16);
    skep__queue_release(&f.queue, UINT64_MAX, SKEP_EUNREPLICATED, "detached");
    assert_fails_with(fake_submit(&f, &call), SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    ck_assert_uint_eq(f.held, 1);
    fake_dispose(&f);
}

TEST(a_deadline_while_held_says_committed)
{
    fake f;
    fake_call call = {.id = 1, .in_run = hurry, HOLD};
    fake_init(&f, 16);
    assert_fails_with(fake_submit(&f, &call), SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    ck_assert_uint_eq(fake_times(&f, 1), 1);
    skep__queue_release(&f.queue, 1, SKEP_OK, NULL); /* it has left the list */
    fake_dispose(&f);
}

static bool passes_before_it_is_held(uint64_t ms)
{
    fake f;
    uint64_t deadline_ns = 0;
    fake_call c[3] = {{.id = 1}, {.id = 2, HOLD}, {.id = 3, .in_run = linger, .ctx = &deadline_ns}};
    fake_call blocker = {.id = 9};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    deadline_ns = c[1].req.deadline_ns = skep__deadline_ns((int64_t)ms);
    fake_queue(&f, c, 3);
    fake_unblock(&f);
    fake_join(&blocker);
    for (int i = 0; i < 3; i++)
        fake_join(&c[i]);
    size_t times = fake_times(&f, 2);
    fake_dispose(&f);
    if (c[1].runs == 0)
        return false;
    ck_assert_int_eq(c[1].answer, SKEP_EUNREPLICATED);
    ck_assert_int_eq(c[1].err.outcome, SKEP_OUTCOME_COMMITTED);
    ck_assert_uint_eq(times, 1);
    ck_assert_int_eq(c[2].answer, 3);
    return true;
}

TEST(a_deadline_that_passed_while_taken_ends_the_wait_once_held)
{
    with_time_enough(passes_before_it_is_held);
}

TEST(a_cancel_while_held_says_committed)
{
    fake f;
    fake_call call = {.id = 1, HOLD};
    fake_call after = {.id = 2};
    fake_init(&f, 16);
    call.req.cancel = new_cancel();
    point_watch("queue.before_wake");
    fake_start(&f, &call);
    point_reached("queue.before_wake", 1);
    ck_assert_int_eq(fake_submit(&f, &after), 2);
    skep_cancel_fire(call.req.cancel);
    fake_join(&call);
    ck_assert_int_eq(call.answer, SKEP_EUNREPLICATED);
    ck_assert_int_eq(call.err.outcome, SKEP_OUTCOME_COMMITTED);
    ck_assert_uint_eq(fake_times(&f, 1), 1);
    skep_cancel_free(call.req.cancel);
    fake_dispose(&f);
}

TEST(a_held_leader_hands_the_lead_on)
{
    fake f;
    fake_call c[3] = {
        {.id = 1, .req.flags = SKEP__REQ_HOLD | SKEP__REQ_ALONE}, {.id = 2}, {.id = 3}};
    fake_call blocker = {.id = 9};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    fake_queue(&f, c, 3);
    fake_unblock(&f);
    fake_join(&blocker);
    fake_join(&c[1]);
    fake_join(&c[2]);
    ck_assert(!answered(&c[0]));
    skep__queue_release(&f.queue, 2, SKEP_OK, NULL);
    fake_join(&c[0]);
    ck_assert_int_eq(c[0].answer, 1);
    fake_dispose(&f);
}

/* ---- the end ---- */

TEST(a_closed_queue_refuses_newcomers_and_runs_what_queues)
{
    fake f;
    fake_call blocker = {.id = 9};
    fake_call c[3] = {{.id = 1}, {.id = 2}, {.id = 3}};
    fake_call newcomer = {.id = 4};
    fake_init(&f, 2);
    fake_block(&f, &blocker);
    fake_queue(&f, c, 3);
    skep__queue_close(&f.queue);
    assert_fails(fake_submit(&f, &newcomer), SKEP_ECLOSED);
    ck_assert(!skep__queue_drain(&f.queue, skep__deadline_ns(1)));
    fake_unblock(&f);
    ck_assert(skep__queue_drain(&f.queue, skep__deadline_ns(60000)));
    ck_assert_uint_eq(f.count, 4);
    fake_join(&blocker);
    for (int i = 0; i < 3; i++) {
        fake_join(&c[i]);
        ck_assert_int_eq(c[i].answer, i + 1);
    }
    fake_dispose(&f);
}

TEST(what_still_queues_can_be_refused)
{
    fake f;
    fake_call blocker = {.id = 9};
    fake_call c[40];
    fake_init(&f, 2);
    memset(c, 0, sizeof(c));
    for (int i = 0; i < 40; i++)
        c[i].id = i + 1;
    fake_block(&f, &blocker);
    fake_queue(&f, c, 40); /* on all kinds of words */
    skep__queue_close(&f.queue);
    skep__queue_refuse(&f.queue);
    for (int i = 0; i < 40; i++) {
        fake_join(&c[i]);
        ck_assert_int_eq(c[i].answer, SKEP_ECLOSED);
        ck_assert_int_eq(c[i].runs, 0);
    }
    fake_unblock(&f);
    fake_join(&blocker);
    ck_assert_int_eq(blocker.answer, 9);
    ck_assert(skep__queue_drain(&f.queue, skep__deadline_ns(60000)));
    fake_dispose(&f);
}

TEST(after_the_close_nothing_is_held_for_ever)
{
    fake f;
    fake_call blocker = {.id = 9, HOLD};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    skep__queue_close(&f.queue);
    fake_unblock(&f);
    fake_join(&blocker);
    ck_assert_int_eq(blocker.answer, SKEP_EUNREPLICATED);
    ck_assert_int_eq(blocker.err.outcome, SKEP_OUTCOME_COMMITTED);
    ck_assert_uint_eq(fake_times(&f, 9), 1);
    fake_dispose(&f);
}

TEST(a_group_that_gathers_takes_those_that_come_in_time)
{
    fake f;
    fake_call c[3] = {{.id = 1}, {.id = 2}, {.id = 3}};
    fake_call d[3] = {{.id = 4}, {.id = 5}, {.id = 6}};
    fake_init(&f, 16);
    fake_group(&f, c, 3);
    /* Three came; the next leader waits for as many, here for longer than it ever would. */
    f.queue.gather_max_ns = 60 * SKEP__NS_PER_S;
    f.queue.commit_avg_ns = 120 * SKEP__NS_PER_S;
    ck_assert_uint_eq(f.queue.expected, 3);
    fake_start(&f, &d[0]);
    point_watch("queue.queued");
    fake_start(&f, &d[1]);
    fake_start(&f, &d[2]);
    for (int i = 0; i < 3; i++)
        fake_join(&d[i]);
    ck_assert_uint_eq(f.commits, 3); /* the blocker, c, d */
    fake_dispose(&f);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_deadline_that_passes_while_queued_means_it_never_ran),
    HARNESS_TEST(a_cancel_while_queued_means_it_never_ran),
    HARNESS_TEST(what_is_cancelled_or_late_at_the_start_does_not_run_when_it_leads),
    HARNESS_TEST(a_cancel_while_taken_keeps_the_caller_until_the_true_answer),
    HARNESS_TEST(a_deadline_that_passes_while_taken_keeps_the_caller_until_the_true_answer),
    HARNESS_TEST(a_deadline_before_a_second_run_says_that_the_first_was_rolled_back),
    HARNESS_TEST(held_requests_are_answered_in_the_order_of_their_commits),
    HARNESS_TEST(a_release_that_comes_before_the_hold_leaves_nothing_to_hold),
    HARNESS_TEST(a_release_that_fails_does_not_vouch_for_later_commits),
    HARNESS_TEST(a_deadline_while_held_says_committed),
    HARNESS_TEST(a_deadline_that_passed_while_taken_ends_the_wait_once_held),
    HARNESS_TEST(a_cancel_while_held_says_committed),
    HARNESS_TEST(a_held_leader_hands_the_lead_on),
    HARNESS_TEST(a_closed_queue_refuses_newcomers_and_runs_what_queues),
    HARNESS_TEST(what_still_queues_can_be_refused),
    HARNESS_TEST(after_the_close_nothing_is_held_for_ever),
    HARNESS_TEST(a_group_that_gathers_takes_those_that_come_in_time),
};
const harness_suite queue_wait_suite = HARNESS_SUITE("queue_wait", tests);
