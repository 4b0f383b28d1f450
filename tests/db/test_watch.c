/* SPDX-License-Identifier: MIT */
/* A write function that runs for too long is named, with what it waits for. */
#include "suites.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/points.h"

#include "support.h"

#define SLOW_SECONDS 2

/* Until the kernel says of the thread what `how` begins with. */
static void wait_until_it(skep_db *db, const char *how)
{
    char path[64];
    uint64_t deadline = skep__deadline_ns(60000);
    (void)snprintf(path, sizeof(path), "/proc/self/task/%u/syscall",
                   atomic_load(&db->maintain.run_thread));
    for (;;) {
        char text[32] = "";
        FILE *file = fopen(path, "r");
        if (file == NULL)
            harness_skip_test(SKIP_FILE_SYSTEM, "no /proc/self/task/N/syscall");
        bool there = fgets(text, sizeof(text), file) != NULL;
        (void)fclose(file);
        if (there && strncmp(text, how, strlen(how)) == 0)
            return;
        ck_assert_uint_lt(skep__now_ns(), deadline);
        (void)sched_yield();
    }
}

#if defined(__x86_64__)
static const char futex[] = "202 ";
static const char reading[] = "0 ";
#else
static const char futex[] = "98 ";
static const char reading[] = "63 ";
#endif

TEST(a_function_that_waits_for_a_lock_of_a_queued_caller_is_named)
{
    events_listen(SKEP_WARNING);
    skep_db *db = db_open_parked(NULL);
    gate lock = {0}; /* the lock: it opens when its owner's call is answered */
    script waits = {.sql = {"SELECT 4711"}, .last = gate_wait, .ctx = &lock};
    script blocked = {0};
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    call leader = WRITE(waits);
    call owner = WRITE(blocked);
    owner.opts = (skep_call_opts)SKEP_CALL_OPTS_INIT;
    owner.opts.cancel = cancel;
    call_start(db, &leader);
    gate_came(&lock, 1);
    wait_until_it(db, futex);
    point_watch("queue.queued");
    group_queue(db, &owner, 1);
    db_tick(db, 0);
    ck_assert_int_eq(events_count("db.slow_call", NULL), 0); /* not yet */
    ck_assert_ptr_null(db_reason(db, 0, "slow"));
    db_tick(db, SLOW_SECONDS);
    ck_assert_int_eq(events_count("db.slow_call", "does=it waits for a lock: likely one"), 1);
    ck_assert_int_eq(events_count("db.slow_call", "queued=1"), 1);
    ck_assert_int_eq(events_count("db.slow_call", "sql=SELECT"), 1);
    db_tick(db, SLOW_SECONDS + 5);
    ck_assert_int_eq(events_count("db.slow_call", NULL), 1); /* once a call */
    const skep_health_reason *reason = db_reason(db, SLOW_SECONDS, "slow");
    ck_assert_ptr_nonnull(reason);
    ck_assert_ptr_nonnull(strstr(reason->text, "waits for a lock"));
    skep_cancel_fire(cancel);
    call_join(&owner);
    ck_assert_int_eq(owner.rc, SKEP_ECANCELLED);
    gate_open(&lock);
    call_join(&leader);
    ck_assert_int_eq(leader.rc, 0);
    ck_assert_ptr_null(db_reason(db, SLOW_SECONDS, "slow"));
    skep_cancel_free(cancel);
    db_close_parked(db);
}

typedef struct spin {
    _Atomic uint32_t came;
    _Atomic uint32_t end;
} spin;

static void spin_on(void *ctx)
{
    spin *s = ctx;
    atomic_store(&s->came, 1);
    while (atomic_load(&s->end) == 0)
        (void)0;
}

TEST(a_function_that_works_is_named_as_one_that_runs)
{
    events_listen(SKEP_WARNING);
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.write_slow_ms = 60000;
    skep_db *db = db_open_parked(&opts);
    spin s = {0};
    script busy = {.first = spin_on, .ctx = &s};
    call c = WRITE(busy);
    call_start(db, &c);
    while (atomic_load(&s.came) == 0)
        (void)sched_yield();
    db_tick(db, 30);
    ck_assert_int_eq(events_count("db.slow_call", NULL), 0);
    db_tick(db, 90);
    ck_assert_int_eq(events_count("db.slow_call", "does=it runs"), 1);
    atomic_store(&s.end, 1);
    call_join(&c);
    db_close_parked(db);
}

static void read_pipe(void *ctx)
{
    char byte;
    ck_assert_int_eq(read(*(int *)ctx, &byte, 1), 1);
}

TEST(a_function_that_sleeps_elsewhere_is_named_with_its_system_call)
{
    events_listen(SKEP_WARNING);
    skep_db *db = db_open_parked(NULL);
    skep__db_set_rerun(db, 0);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    script sleeps = {.first = read_pipe, .ctx = &ends[0]};
    call c = WRITE(sleeps);
    call_start(db, &c);
    while (atomic_load(&db->maintain.run_ns) == 0)
        (void)sched_yield();
    wait_until_it(db, reading);
    db_tick(db, SLOW_SECONDS);
    ck_assert_int_eq(events_count("db.slow_call", "does=it sleeps in system call"), 1);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    call_join(&c);
    db_close_parked(db);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

TEST(functions_that_are_quick_are_not_named)
{
    events_listen(SKEP_WARNING);
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    for (int i = 0; i < 20; i++) {
        db_must(db, "INSERT INTO t VALUES(1)");
        db_tick(db, 10);
    }
    ck_assert_int_eq(events_count("db.slow_call", NULL), 0);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_close_parked(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_function_that_waits_for_a_lock_of_a_queued_caller_is_named),
    HARNESS_TEST(a_function_that_works_is_named_as_one_that_runs),
    HARNESS_TEST(a_function_that_sleeps_elsewhere_is_named_with_its_system_call),
    HARNESS_TEST(functions_that_are_quick_are_not_named),
};
const harness_suite watch_suite = HARNESS_SUITE("watch", tests);
