/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include "base/point.h"
#include "base/thread.h"
#include "base/time.h"

typedef struct shared {
    skep__mutex mutex;
    skep__cond cond;
    int value;
    skep__word word;
} shared;

static void shared_init(shared *s)
{
    memset(s, 0, sizeof(*s));
    assert_ok(skep__mutex_init(&s->mutex));
    assert_ok(skep__cond_init(&s->cond));
}

static void shared_dispose(shared *s)
{
    skep__cond_dispose(&s->cond);
    skep__mutex_dispose(&s->mutex);
}

static void count_up(void *arg)
{
    shared *s = arg;
    for (int i = 0; i < 1000; i++) {
        skep__mutex_lock(&s->mutex);
        s->value++;
        skep__cond_signal(&s->cond);
        skep__mutex_unlock(&s->mutex);
    }
}

TEST(a_mutex_keeps_others_out_and_a_condition_wakes)
{
    shared s;
    skep__thread threads[4];
    shared_init(&s);
    memset(threads, 0, sizeof(threads));
    for (size_t i = 0; i < 4; i++)
        assert_ok(skep__thread_start(&threads[i], "count", count_up, &s));
    skep__mutex_lock(&s.mutex);
    while (s.value < 4000)
        skep__cond_wait(&s.cond, &s.mutex);
    skep__mutex_unlock(&s.mutex);
    for (size_t i = 0; i < 4; i++)
        skep__thread_join(&threads[i]);
    ck_assert_int_eq(s.value, 4000);
    shared_dispose(&s);
}

TEST(a_timed_wait_ends_at_its_deadline)
{
    shared s;
    shared_init(&s);
    uint64_t deadline = skep__deadline_ns(5);
    skep__mutex_lock(&s.mutex);
    while (!skep__cond_timedwait(&s.cond, &s.mutex, deadline))
        ck_assert_uint_lt(skep__now_ns(), deadline + 60 * SKEP__NS_PER_S);
    skep__mutex_unlock(&s.mutex);
    ck_assert_uint_ge(skep__now_ns(), deadline);
    shared_dispose(&s);
}

static void set_and_broadcast(void *arg)
{
    shared *s = arg;
    skep__mutex_lock(&s->mutex);
    s->value = 1;
    skep__cond_broadcast(&s->cond);
    skep__mutex_unlock(&s->mutex);
}

TEST(a_wait_without_deadline_is_woken)
{
    shared s;
    skep__thread t = {0};
    shared_init(&s);
    skep__mutex_lock(&s.mutex);
    assert_ok(skep__thread_start(&t, "set", set_and_broadcast, &s));
    while (s.value == 0)
        ck_assert(!skep__cond_timedwait(&s.cond, &s.mutex, 0));
    skep__mutex_unlock(&s.mutex);
    skep__thread_join(&t);
    shared_dispose(&s);
}

static void try_lock(void *arg)
{
    shared *s = arg;
    bool locked = skep__mutex_trylock(&s->mutex);
    s->value = locked ? 1 : 2;
    if (locked)
        skep__mutex_unlock(&s->mutex);
}

TEST(a_held_mutex_cannot_be_tried)
{
    shared s;
    skep__thread t = {0};
    shared_init(&s);
    skep__mutex_lock(&s.mutex);
    assert_ok(skep__thread_start(&t, "try", try_lock, &s));
    skep__thread_join(&t);
    skep__mutex_unlock(&s.mutex);
    ck_assert_int_eq(s.value, 2);
    try_lock(&s);
    ck_assert_int_eq(s.value, 1);
    shared_dispose(&s);
}

static void lock_twice(skep__mutex *m) SKEP__NO_THREAD_SAFETY
{
    skep__mutex_lock(m);
    skep__mutex_lock(m);
}

TEST(locking_twice_ends_a_test_build)
{
    shared s;
    shared_init(&s);
    lock_twice(&s.mutex);
}

static void bump(void *arg)
{
    shared *s = arg;
    s->value = 7;
    atomic_store(&s->word, 1);
    skep__word_wake(&s->word, INT_MAX);
}

TEST(a_word_sleeps_until_it_changes)
{
    shared s;
    skep__thread t = {0};
    shared_init(&s);
    assert_ok(skep__thread_start(&t, "bump", bump, &s));
    while (atomic_load(&s.word) == 0)
        ck_assert(skep__word_wait(&s.word, 0, 0));
    ck_assert_int_eq(s.value, 7);
    skep__thread_join(&t);
    ck_assert(skep__word_wait(&s.word, 0, 0)); /* it is not what was seen: no sleep */
    shared_dispose(&s);
}

TEST(a_word_gives_up_at_its_deadline)
{
    skep__word word = 3;
    uint64_t deadline = skep__deadline_ns(5);
    while (skep__word_wait(&word, 3, deadline))
        ck_assert_uint_lt(skep__now_ns(), deadline + 60 * SKEP__NS_PER_S);
    ck_assert_uint_ge(skep__now_ns(), deadline);
    ck_assert(!skep__word_wait(&word, 3, 1));
}

static void look_at_self(void *arg)
{
    char *name = arg;
    sigset_t set;
    ck_assert_int_eq(pthread_getname_np(pthread_self(), name, SKEP__THREAD_NAME_MAX), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
    ck_assert_int_eq(sigismember(&set, SIGINT), 1);
    ck_assert_int_eq(sigismember(&set, SIGTERM), 1);
}

TEST(a_thread_has_its_name_cut_to_fit_and_takes_no_signals)
{
    skep__thread t = {0};
    sigset_t set;
    char name[SKEP__THREAD_NAME_MAX] = "";
    assert_ok(skep__thread_start(&t, "a name longer than sixteen", look_at_self, name));
    skep__thread_join(&t);
    ck_assert_str_eq(name, "a name longer t");
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
    ck_assert_int_eq(sigismember(&set, SIGTERM), 0);
    skep__thread_join(&t); /* again: nothing happens */
}

TEST(no_more_threads_is_a_limit)
{
    skep__thread t = {0};
    struct rlimit before;
    harness_drop_root();
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    struct rlimit none = {0, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    int rc = skep__thread_start(&t, "late", look_at_self, NULL);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0); /* LeakSanitizer starts a thread */
    assert_fails(rc, SKEP_ELIMIT);
    skep__thread_join(&t);
}

static void on_point(const char *name, void *ctx)
{
    if (strcmp(name, "base.here") == 0)
        ++*(int *)ctx;
}

TEST(a_point_calls_the_hook_that_is_set)
{
    int hits = 0;
    SKEP__POINT("base.here");
    skep__point_set(on_point, &hits);
    SKEP__POINT("base.here");
    SKEP__POINT("base.elsewhere");
    skep__point_set(NULL, NULL);
    SKEP__POINT("base.here");
    ck_assert_int_eq(hits, 1);
}

typedef struct ender {
    skep__thread thread;
    skep__word started;
    skep__word ended;
} ender;

static void raise_word(skep__word *word)
{
    atomic_store(word, 1);
    skep__word_wake(word, 1);
}

static void await_word(skep__word *word)
{
    while (atomic_load(word) == 0)
        (void)skep__word_wait(word, 0, 0);
}

static void end_itself(void *arg)
{
    ender *e = arg;
    await_word(&e->started);
    skep__thread_release(&e->thread);
    raise_word(&e->ended);
}

TEST(a_thread_that_ends_itself_is_not_waited_for)
{
    static ender e;                  /* its word is touched once more after it is raised */
    skep__thread_release(&e.thread); /* never started */
    assert_ok(skep__thread_start(&e.thread, "ender", end_itself, &e));
    raise_word(&e.started);
    await_word(&e.ended);
    ck_assert(!e.thread.started);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_mutex_keeps_others_out_and_a_condition_wakes),
    HARNESS_TEST(a_timed_wait_ends_at_its_deadline),
    HARNESS_TEST(a_wait_without_deadline_is_woken),
    HARNESS_TEST(a_held_mutex_cannot_be_tried),
    HARNESS_TEST_SIGNAL(locking_twice_ends_a_test_build, SIGABRT),
    HARNESS_TEST(a_word_sleeps_until_it_changes),
    HARNESS_TEST(a_word_gives_up_at_its_deadline),
    HARNESS_TEST(a_thread_has_its_name_cut_to_fit_and_takes_no_signals),
    HARNESS_TEST(no_more_threads_is_a_limit),
    HARNESS_TEST(a_thread_that_ends_itself_is_not_waited_for),
    HARNESS_TEST(a_point_calls_the_hook_that_is_set),
};
const harness_suite thread_suite = HARNESS_SUITE("thread", tests);
