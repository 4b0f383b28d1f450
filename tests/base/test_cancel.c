/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/time.h"

typedef struct sleeper {
    skep_cancel *cancel;
    skep__word *word;
    skep__thread thread;
} sleeper;

static void sleep_until_fired(void *arg)
{
    const sleeper *s = arg;
    while (!skep__cancel_fired(s->cancel)) {
        uint32_t seen = atomic_load(s->word);
        ck_assert(skep__cancel_wait(s->cancel, s->word, seen, 0));
    }
}

TEST(a_fired_cancel_stays_fired_and_wakes_all_its_sleepers)
{
    skep_cancel *cancel = NULL;
    skep__word words[2] = {0, 0};
    sleeper s[8];
    memset(s, 0, sizeof(s));
    assert_ok(skep_cancel_new(&cancel));
    ck_assert(!skep__cancel_fired(cancel));
    for (size_t i = 0; i < 8; i++) {
        s[i].cancel = cancel;
        s[i].word = &words[i % 2];
        assert_ok(skep__thread_start(&s[i].thread, "sleeper", sleep_until_fired, &s[i]));
    }
    skep_cancel_fire(cancel);
    for (size_t i = 0; i < 8; i++)
        skep__thread_join(&s[i].thread);
    skep_cancel_fire(cancel);
    ck_assert(skep__cancel_fired(cancel));
    ck_assert(skep__cancel_wait(cancel, &words[0], atomic_load(&words[0]), 0)); /* does not sleep */
    skep_cancel_free(cancel);
}

TEST(a_wait_with_a_cancel_ends_at_its_deadline_too)
{
    skep_cancel *cancel = NULL;
    skep__word word = 5;
    assert_ok(skep_cancel_new(&cancel));
    uint64_t deadline = skep__deadline_ns(5);
    while (skep__cancel_wait(cancel, &word, 5, deadline))
        ck_assert_uint_lt(skep__now_ns(), deadline + 60 * SKEP__NS_PER_S);
    ck_assert_uint_ge(skep__now_ns(), deadline);
    ck_assert(!skep__cancel_wait(NULL, &word, 5, 1));
    skep_cancel_free(cancel);
}

TEST(no_cancel_is_never_fired)
{
    ck_assert(!skep__cancel_fired(NULL));
    skep_cancel_fire(NULL);
    skep_cancel_free(NULL);
}

TEST(a_cancel_without_a_place_to_put_it_is_misuse)
{
    skep__misuse_aborts(false);
    assert_fails(skep_cancel_new(NULL), SKEP_EMISUSE);
}

TEST(a_fired_parent_counts_and_wakes_who_sleeps_on_its_child)
{
    skep_cancel *parent = NULL;
    skep_cancel child;
    skep__word word = 0;
    assert_ok(skep_cancel_new(&parent));
    assert_ok(skep__cancel_init(&child, parent));
    sleeper s = {.cancel = &child, .word = &word};
    assert_ok(skep__thread_start(&s.thread, "sleeper", sleep_until_fired, &s));
    skep_cancel_fire(parent);
    skep__thread_join(&s.thread);
    ck_assert(skep__cancel_fired(&child));
    skep__cancel_dispose(&child);
    /* Not the reverse. */
    skep_cancel_free(parent);
    assert_ok(skep_cancel_new(&parent));
    assert_ok(skep__cancel_init(&child, parent));
    skep_cancel_fire(&child);
    ck_assert(!skep__cancel_fired(parent));
    skep__cancel_dispose(&child);
    skep_cancel_free(parent);
}

typedef struct watcher {
    skep__watcher base;
    int told;
} watcher;

static void told(skep__watcher *base)
{
    ((watcher *)(void *)base)->told++;
}

TEST(a_watcher_is_told_until_it_leaves)
{
    skep_cancel *cancel = NULL;
    watcher w[3] = {{.base.fired = told}, {.base.fired = told}, {.base.fired = told}};
    assert_ok(skep_cancel_new(&cancel));
    for (int i = 0; i < 3; i++)
        ck_assert(!skep__cancel_watch(cancel, &w[i].base));
    skep__cancel_unwatch(cancel, &w[1].base);
    skep__cancel_unwatch(cancel, &w[1].base); /* it had left */
    skep_cancel_fire(cancel);
    ck_assert_int_eq(w[0].told, 1);
    ck_assert_int_eq(w[1].told, 0);
    ck_assert_int_eq(w[2].told, 1);
    ck_assert(skep__cancel_watch(cancel, &w[1].base)); /* too late to be told */
    for (int i = 0; i < 3; i++)
        skep__cancel_unwatch(cancel, &w[i].base);
    skep_cancel_free(cancel);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_fired_cancel_stays_fired_and_wakes_all_its_sleepers),
    HARNESS_TEST(a_wait_with_a_cancel_ends_at_its_deadline_too),
    HARNESS_TEST(no_cancel_is_never_fired),
    HARNESS_TEST(a_cancel_without_a_place_to_put_it_is_misuse),
    HARNESS_TEST(a_fired_parent_counts_and_wakes_who_sleeps_on_its_child),
    HARNESS_TEST(a_watcher_is_told_until_it_leaves),
};
const harness_suite cancel_suite = HARNESS_SUITE("cancel", tests);
