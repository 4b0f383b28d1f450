/* SPDX-License-Identifier: MIT */
/* The queue's groups: who shares a commit, who dies with whom, who runs again. */
#include "suites.h"

#include <pthread.h>
#include <string.h>

#include "base/time.h"

#include "harness/points.h"

#include "fake_group.h"

/* f->ids[0] is the blocker of fake_group(). */
static void assert_committed(const fake *f, const int *ids, size_t n)
{
    ck_assert_uint_eq(f->count, n + 1);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(f->ids[i + 1], ids[i]);
}

TEST(a_request_alone_leads_in_its_own_thread)
{
    fake f;
    fake_call call = {.id = 7};
    fake_init(&f, 16);
    ck_assert_int_eq(fake_submit(&f, &call), 7);
    ck_assert_int_eq(call.runs, 1);
    ck_assert_uint_eq(call.req.attempt, 1);
    ck_assert(call.alone);
    ck_assert(pthread_equal(call.ran_in, pthread_self()));
    ck_assert_uint_eq(f.commits, 1);
    ck_assert_int_eq(f.rollbacks, 0);
    fake_dispose(&f);
}

TEST(requests_that_queue_share_one_commit_in_their_order)
{
    fake f;
    fake_call c[5] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 4}, {.id = 5}};
    fake_init(&f, 16);
    fake_group(&f, c, 5);
    assert_committed(&f, (const int[]){1, 2, 3, 4, 5}, 5);
    ck_assert_uint_eq(f.commits, 2);
    ck_assert_int_eq(f.begins, 2);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(c[i].answer, i + 1);
        ck_assert_int_eq(c[i].runs, 1);
        ck_assert(!c[i].alone);
        ck_assert(pthread_equal(c[i].ran_in, c[0].caller)); /* the first of them led */
    }
    fake_dispose(&f);
}

TEST(a_request_undone_leaves_its_siblings_in_the_commit)
{
    fake f;
    fake_call c[3] = {{.id = 1}, {.id = 2, .plan = FAKE_UNDO}, {.id = 3}};
    fake_init(&f, 16);
    fake_group(&f, c, 3);
    assert_committed(&f, (const int[]){1, 3}, 2);
    ck_assert_uint_eq(f.commits, 2);
    ck_assert_int_eq(c[1].answer, SKEP_ECONSTRAINT);
    ck_assert_str_eq(c[1].err.text, "call 2 failed");
    ck_assert_int_eq(c[0].runs + c[1].runs + c[2].runs, 3);
    fake_dispose(&f);
}

TEST(a_group_in_which_all_are_undone_is_rolled_back)
{
    fake f;
    fake_call c[2] = {{.id = 1, .plan = FAKE_UNDO}, {.id = 2, .plan = FAKE_UNDO}};
    fake_init(&f, 16);
    fake_group(&f, c, 2);
    assert_committed(&f, NULL, 0);
    ck_assert_int_eq(f.rollbacks, 1);
    ck_assert_int_eq(c[0].answer, SKEP_ECONSTRAINT);
    ck_assert_int_eq(c[1].answer, SKEP_ECONSTRAINT);
    fake_dispose(&f);
}

TEST(a_request_alone_that_is_undone_leaves_it_to_the_rollback)
{
    fake f;
    fake_call call = {.id = 1, .plan = FAKE_UNDO};
    fake_call next = {.id = 2};
    fake_init(&f, 16);
    assert_fails(fake_submit(&f, &call), SKEP_ECONSTRAINT);
    ck_assert(call.alone);
    ck_assert_int_eq(f.rollbacks, 1);
    ck_assert_int_eq(fake_submit(&f, &next), 2);
    ck_assert_uint_eq(f.count, 1);
    fake_dispose(&f);
}

TEST(a_request_lost_has_its_siblings_run_again_but_not_itself)
{
    fake f;
    fake_call c[4] = {{.id = 1}, {.id = 2}, {.id = 3, .plan = FAKE_LOSE}, {.id = 4}};
    fake_init(&f, 16);
    fake_group(&f, c, 4);
    assert_committed(&f, (const int[]){1, 2, 4}, 3);
    ck_assert_int_eq(c[2].answer, SKEP_ECONSTRAINT);
    ck_assert_int_eq(c[0].runs, 2);
    ck_assert_int_eq(c[1].runs, 2);
    ck_assert_int_eq(c[2].runs, 1);
    ck_assert_int_eq(c[3].runs, 1); /* it had not begun */
    ck_assert_uint_eq(c[0].req.attempt, 2);
    fake_dispose(&f);
}

TEST(a_request_runs_again_at_most_once_for_each_culprit)
{
    fake f;
    fake_call c[8];
    fake_init(&f, 16);
    memset(c, 0, sizeof(c));
    for (int i = 0; i < 8; i++) {
        c[i].id = i + 1;
        c[i].plan = i % 2 == 1 ? FAKE_LOSE : FAKE_KEEP;
    }
    fake_group(&f, c, 8);
    assert_committed(&f, (const int[]){1, 3, 5, 7}, 4);
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(c[i].answer, i % 2 == 1 ? SKEP_ECONSTRAINT : i + 1);
        ck_assert_int_le(c[i].runs, 2);
    }
    fake_dispose(&f);
}

TEST(a_sibling_that_fails_in_its_second_run_is_answered_by_that)
{
    fake f;
    fake_call c[3] = {{.id = 1, .plan = FAKE_LOSE_ONCE}, {.id = 2}, {.id = 3, .plan = FAKE_LOSE}};
    fake_init(&f, 16);
    fake_group(&f, c, 3);
    assert_committed(&f, (const int[]){2}, 1);
    ck_assert_int_eq(c[0].answer, SKEP_ECONSTRAINT);
    ck_assert_int_eq(c[0].runs, 1); /* the guilty is not run again */
    ck_assert_int_eq(c[1].answer, 2);
    ck_assert_int_eq(c[2].answer, SKEP_ECONSTRAINT);
    fake_dispose(&f);
}

TEST(a_commit_that_splits_is_repeated_one_by_one_and_finds_the_guilty)
{
    fake f;
    fake_call c[4] = {{.id = 1}, {.id = 2, .plan = FAKE_BAD_COMMIT}, {.id = 3}, {.id = 4}};
    fake_init(&f, 16);
    fake_group(&f, c, 4);
    assert_committed(&f, (const int[]){1, 3, 4}, 3);
    ck_assert_uint_eq(f.commits, 4); /* the blocker's and one for each */
    ck_assert_int_eq(c[1].answer, SKEP_ECONSTRAINT);
    ck_assert_str_eq(c[1].err.text, "the commit found it");
    ck_assert(c[0].alone); /* nobody to be protected from */
    fake_dispose(&f);
}

TEST(a_lone_request_whose_commit_splits_gets_the_failure)
{
    fake f;
    fake_call call = {.id = 1, .plan = FAKE_BAD_COMMIT};
    fake_init(&f, 16);
    assert_fails(fake_submit(&f, &call), SKEP_ECONSTRAINT);
    ck_assert_int_eq(call.runs, 1);
    fake_dispose(&f);
}

TEST(a_failed_commit_is_the_answer_of_each_and_nothing_runs_again)
{
    fake f;
    fake_call c[3] = {{.id = 1}, {.id = 2, .plan = FAKE_UNDO}, {.id = 3}};
    fake_call blocker = {.id = 99};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    fake_queue(&f, c, 3);
    f.commit_rc = SKEP_EFULL; /* the blocker's own: its run has not ended */
    fake_unblock(&f);
    fake_join(&blocker);
    for (int i = 0; i < 3; i++)
        fake_join(&c[i]);
    ck_assert_int_eq(blocker.answer, SKEP_EFULL);
    ck_assert_int_eq(c[0].answer, 1);
    ck_assert_uint_eq(f.commits, 1);

    fake_call d[3] = {{.id = 4, .plan = FAKE_UNDO}, {.id = 5}, {.id = 6}};
    fake_call second = {.id = 98};
    fake_block(&f, &second);
    fake_queue(&f, d, 3);
    second.plan = FAKE_UNDO; /* no commit of its own takes the failure away */
    f.commit_rc = SKEP_EIO;
    fake_unblock(&f);
    fake_join(&second);
    for (int i = 0; i < 3; i++)
        fake_join(&d[i]);
    ck_assert_int_eq(d[0].answer, SKEP_ECONSTRAINT);
    ck_assert_int_eq(d[1].answer, SKEP_EIO);
    ck_assert_int_eq(d[2].answer, SKEP_EIO);
    ck_assert_str_eq(d[2].err.text, "commit failed");
    ck_assert_int_eq(d[1].runs, 1);
    fake_dispose(&f);
}

TEST(a_failed_begin_is_the_answer_of_each_and_nothing_runs)
{
    fake f;
    fake_call c[2] = {{.id = 1}, {.id = 2}};
    fake_call blocker = {.id = 99};
    fake_init(&f, 16);
    fake_block(&f, &blocker);
    fake_queue(&f, c, 2);
    f.begin_rc = SKEP_EPOISONED;
    fake_unblock(&f);
    fake_join(&blocker);
    fake_join(&c[0]);
    fake_join(&c[1]);
    ck_assert_int_eq(c[0].answer, SKEP_EPOISONED);
    ck_assert_int_eq(c[1].answer, SKEP_EPOISONED);
    ck_assert_int_eq(c[0].runs + c[1].runs, 0);
    ck_assert_uint_eq(f.commits, 1);
    fake_dispose(&f);
}

TEST(more_than_a_group_takes_is_left_to_the_next_groups)
{
    fake f;
    fake_call c[10];
    fake_init(&f, 3);
    memset(c, 0, sizeof(c));
    for (int i = 0; i < 10; i++)
        c[i].id = i + 1;
    fake_group(&f, c, 10);
    assert_committed(&f, (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 10);
    ck_assert_uint_eq(f.commits, 5); /* the blocker, 3, 3, 3, 1 */
    for (size_t i = 0; i < 10; i++)
        ck_assert_uint_eq(f.of[i + 1], 2 + i / 3);
    fake_dispose(&f);
}

TEST(requests_over_the_budget_go_back_to_the_head_in_their_order)
{
    fake f;
    fake_call c[4] = {{.id = 1}, {.id = 2}, {.id = 3, .plan = FAKE_LOSE}, {.id = 4}};
    fake_init(&f, 16);
    f.queue.budget_ns = 1;
    fake_group(&f, c, 4);
    assert_committed(&f, (const int[]){1, 2, 4}, 3);
    ck_assert_uint_eq(f.commits, 4); /* each by itself */
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(c[i].runs, 1);
    ck_assert_int_eq(c[2].answer, SKEP_ECONSTRAINT);
    fake_dispose(&f);
}

TEST(an_alone_request_shares_with_nobody_and_runs_in_its_own_thread)
{
    fake f;
    fake_call c[5] = {
        {.id = 1}, {.id = 2}, {.id = 3, .req.flags = SKEP__REQ_ALONE}, {.id = 4}, {.id = 5}};
    fake_init(&f, 16);
    fake_group(&f, c, 5);
    assert_committed(&f, (const int[]){1, 2, 3, 4, 5}, 5);
    ck_assert_uint_eq(f.commits, 4); /* the blocker, 1 2, 3, 4 5 */
    ck_assert(pthread_equal(c[2].ran_in, c[2].caller));
    ck_assert(c[2].alone);
    ck_assert(pthread_equal(c[1].ran_in, c[0].caller));
    ck_assert(pthread_equal(c[4].ran_in, c[3].caller));
    fake_dispose(&f);
}

TEST(a_bare_request_runs_between_groups_without_begin_and_commit)
{
    fake f;
    fake_call c[3] = {
        {.id = 1}, {.id = 2, .req.flags = SKEP__REQ_ALONE | SKEP__REQ_BARE}, {.id = 3}};
    fake_init(&f, 16);
    fake_group(&f, c, 3);
    assert_committed(&f, (const int[]){1, 3}, 2);
    ck_assert_int_eq(c[1].answer, 2);
    ck_assert_int_eq(c[1].runs, 1);
    ck_assert_int_eq(f.begins, 3);
    fake_call bad = {.id = 4, .plan = FAKE_UNDO, .req.flags = SKEP__REQ_ALONE | SKEP__REQ_BARE};
    assert_fails(fake_submit(&f, &bad), SKEP_ECONSTRAINT);
    fake_dispose(&f);
}

/* The leader itself runs what queues behind it, as long as that needs no transaction. */
static void serve_the_others(fake_call *leader)
{
    fake *f = leader->fake;
    fake_call *others = leader->ctx;
    ck_assert(!skep__queue_serve(&f->queue));
    point_watch("queue.queued");
    fake_queue(f, others, 2);
    ck_assert(skep__queue_serve(&f->queue));
    ck_assert(!skep__queue_serve(&f->queue)); /* the other one needs a transaction */
}

TEST(a_leader_that_waits_serves_bare_requests)
{
    fake f;
    fake_call others[2] = {{.id = 2}, {.id = 3, .req.flags = SKEP__REQ_ALONE | SKEP__REQ_BARE}};
    fake_call leader = {.id = 1,
                        .in_run = serve_the_others,
                        .ctx = others,
                        .req.flags = SKEP__REQ_ALONE | SKEP__REQ_BARE};
    fake_init(&f, 16);
    ck_assert_int_eq(fake_submit(&f, &leader), 1);
    fake_join(&others[0]);
    fake_join(&others[1]);
    ck_assert_int_eq(others[0].answer, 2);
    ck_assert_int_eq(others[1].answer, 3);
    ck_assert(pthread_equal(others[1].ran_in, pthread_self()));
    ck_assert_int_eq(others[1].runs, 1);
    ck_assert_uint_eq(f.commits, 1);
    point_clear();
    fake_dispose(&f);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_leader_that_waits_serves_bare_requests),
    HARNESS_TEST(a_request_alone_leads_in_its_own_thread),
    HARNESS_TEST(requests_that_queue_share_one_commit_in_their_order),
    HARNESS_TEST(a_request_undone_leaves_its_siblings_in_the_commit),
    HARNESS_TEST(a_group_in_which_all_are_undone_is_rolled_back),
    HARNESS_TEST(a_request_alone_that_is_undone_leaves_it_to_the_rollback),
    HARNESS_TEST(a_request_lost_has_its_siblings_run_again_but_not_itself),
    HARNESS_TEST(a_request_runs_again_at_most_once_for_each_culprit),
    HARNESS_TEST(a_sibling_that_fails_in_its_second_run_is_answered_by_that),
    HARNESS_TEST(a_commit_that_splits_is_repeated_one_by_one_and_finds_the_guilty),
    HARNESS_TEST(a_lone_request_whose_commit_splits_gets_the_failure),
    HARNESS_TEST(a_failed_commit_is_the_answer_of_each_and_nothing_runs_again),
    HARNESS_TEST(a_failed_begin_is_the_answer_of_each_and_nothing_runs),
    HARNESS_TEST(more_than_a_group_takes_is_left_to_the_next_groups),
    HARNESS_TEST(requests_over_the_budget_go_back_to_the_head_in_their_order),
    HARNESS_TEST(an_alone_request_shares_with_nobody_and_runs_in_its_own_thread),
    HARNESS_TEST(a_bare_request_runs_between_groups_without_begin_and_commit),
};
const harness_suite queue_suite = HARNESS_SUITE("queue", tests);
