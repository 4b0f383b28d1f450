/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <skep/event.h>

#include "base/err.h"
#include "base/time.h"
#include "net/net.h"

/* What net.retry said: the waits as they were before they were hastened. */
enum { HASTE = 1000, MOST = 64 };
static int64_t waits[MOST];
static size_t waited;

static void on_event(const skep_event *event, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < event->field_count && waited < MOST; i++) {
        if (strcmp(event->fields[i].key, "wait_us") == 0)
            waits[waited++] = event->fields[i].value.u.i * HASTE;
    }
}

static int failed(void)
{
    int rc = SKEP__FAIL(SKEP_ENET, "the cause");
    skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

static void assert_the_cause_stands(void)
{
    ck_assert_str_eq(skep_last_error()->text, "the cause");
    ck_assert_int_eq(skep_last_error()->outcome, SKEP_OUTCOME_UNKNOWN);
}

TEST(waits_are_random_and_grow_to_their_ceiling)
{
    skep__retry r;
    skep__retry_hasten(HASTE);
    skep_set_event_sink(on_event, NULL, SKEP_INFO);
    skep__retry_init(&r, 3600000, 0, NULL);
    for (size_t i = 0; i < 24; i++) {
        (void)failed();
        assert_ok(skep__retry_again(&r, -1));
    }
    ck_assert_uint_eq(waited, 24);
    ck_assert_uint_eq(r.attempts, 24);
    int64_t sum = 0;
    for (size_t i = 0; i < 24; i++) {
        int64_t most = i < 8 ? INT64_C(100000) << i : 20000000;
        ck_assert_int_le(waits[i], most < 20000000 ? most : 20000000);
        sum += i < 8 ? 0 : waits[i];
    }
    /* The mean of 16 draws from 0 … 20 s; outside of this once in 10^9 runs. */
    ck_assert_int_gt(sum, INT64_C(1000000) * 16);
    ck_assert_int_lt(sum, INT64_C(19000000) * 16);
}

TEST(no_attempt_is_made_without_a_budget)
{
    skep__retry r;
    skep__retry_init(&r, -1, 0, NULL);
    (void)failed();
    assert_fails_with(skep__retry_again(&r, -1), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    assert_the_cause_stands();
    skep__retry_init(&r, 0, 0, NULL);
    (void)failed();
    assert_fails_with(skep__retry_again(&r, -1), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(r.attempts, 0);
}

TEST(a_server_that_asks_for_more_time_than_there_is_gets_no_other_attempt)
{
    skep__retry r;
    skep__retry_hasten(HASTE);
    skep_set_event_sink(on_event, NULL, SKEP_INFO);
    skep__retry_init(&r, 1000, 0, NULL); /* of real time: 1000 s of hastened time */
    (void)failed();
    assert_ok(skep__retry_again(&r, 5000));
    ck_assert_int_ge(waits[0], 5000000);
    assert_fails(skep__retry_again(&r, 86400000), SKEP_ENET);
    assert_the_cause_stands();
}

TEST(trying_again_ends_with_the_budget_and_with_the_deadline)
{
    skep__retry r;
    skep__retry_hasten(HASTE);
    skep__retry_init(&r, 5, 0, NULL);
    (void)failed();
    while (skep__retry_again(&r, -1) == SKEP_OK)
        ck_assert_uint_lt(r.attempts, 1000000);
    assert_the_cause_stands();
    ck_assert_uint_ge(skep__now_ns(), r.until_ns);

    uint64_t deadline = skep__deadline_ns(5);
    skep__retry_init(&r, 3600000, deadline, NULL);
    (void)failed();
    while (skep__retry_again(&r, -1) == SKEP_OK)
        ck_assert_uint_lt(r.attempts, 1000000);
    assert_the_cause_stands();
    ck_assert_uint_ge(skep__now_ns() + 2 * SKEP__NS_PER_MS, deadline);
}

TEST(a_cancel_ends_the_wait_and_keeps_the_outcome)
{
    skep_cancel *cancel = NULL;
    skep__retry r;
    assert_ok(skep_cancel_new(&cancel));
    skep_cancel_fire(cancel);
    skep__retry_init(&r, 3600000, 0, cancel);
    (void)failed();
    assert_fails_with(skep__retry_again(&r, 3000000), SKEP_ECANCELLED, SKEP_OUTCOME_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "the cause"));
    skep_cancel_free(cancel);
}

static void fire(size_t index, void *ctx)
{
    skep_cancel *cancel = ctx;
    skep__retry r;
    if (index == 0) {
        skep__retry_init(&r, 3600000, 0, cancel);
        (void)failed();
        assert_fails(skep__retry_again(&r, 3000000), SKEP_ECANCELLED);
    } else {
        skep_cancel_fire(cancel);
    }
}

TEST(a_cancel_from_another_thread_wakes_the_sleeper)
{
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    harness_threads(2, fire, cancel);
    skep_cancel_free(cancel);
}

TEST(five_answers_are_worth_another_attempt)
{
    static const int again[] = {429, 500, 502, 503, 504};
    int found = 0;
    for (int status = 100; status < 600; status++)
        found += skep__retry_status(status);
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
        ck_assert(skep__retry_status(again[i]));
    ck_assert_int_eq(found, 5);
}

static const harness_test tests[] = {
    HARNESS_TEST(waits_are_random_and_grow_to_their_ceiling),
    HARNESS_TEST(no_attempt_is_made_without_a_budget),
    HARNESS_TEST(a_server_that_asks_for_more_time_than_there_is_gets_no_other_attempt),
    HARNESS_TEST(trying_again_ends_with_the_budget_and_with_the_deadline),
    HARNESS_TEST(a_cancel_ends_the_wait_and_keeps_the_outcome),
    HARNESS_TEST(a_cancel_from_another_thread_wakes_the_sleeper),
    HARNESS_TEST(five_answers_are_worth_another_attempt),
};
const harness_suite retry_suite = HARNESS_SUITE("retry", tests);
