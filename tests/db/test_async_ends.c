/* SPDX-License-Identifier: MIT */
/* How asynchronous calls end otherwise: cancelled, late, refused, misused, closed. */
#include "suites.h"

#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/points.h"

#include "futures.h"
#include "support.h"

#define ENDLESS                                                                                    \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

/* ---- cancels and deadlines: B08 ---- */

TEST(b08_a_cancel_of_a_queued_future_means_it_never_ran)
{
    skep_db *db = futures_open(NULL);
    skep_cancel *cancel = NULL;
    script s[3] = {{.sql = {"INSERT INTO t VALUES(1)"}},
                   {.sql = {"INSERT INTO t VALUES(2)"}},
                   {.sql = {"INSERT INTO t VALUES(4)"}}};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    assert_ok(skep_cancel_new(&cancel));
    opts.cancel = cancel;
    group_block(db);
    skep_future *own = futures_write(db, script_run, &s[0], NULL);
    skep_future *user = futures_write(db, script_run, &s[1], &opts);
    skep_future *other = futures_write(db, script_run, &s[2], NULL);
    skep_future_cancel(own);
    assert_fails_with(skep_future_wait(own, -1), SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    skep_cancel_fire(cancel); /* while the leader still stands */
    assert_fails_with(skep_future_wait(user, -1), SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    skep_cancel_free(cancel);
    group_unblock();
    futures_finish(own, SKEP_ECANCELLED);
    futures_finish(user, SKEP_ECANCELLED);
    futures_finish(other, 0);
    ck_assert_int_eq(s[0].runs + s[1].runs, 0);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 4);
    db_close(db);
}

TEST(b08_a_cancel_that_was_fired_before_means_it_never_ran)
{
    skep_db *db = futures_open(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    skep_future *f = NULL;
    assert_ok(skep_cancel_new(&opts.cancel));
    skep_cancel_fire(opts.cancel);
    group_block(db);
    futures_finish(futures_write(db, script_run, &s, &opts), SKEP_ECANCELLED);
    group_unblock();
    assert_ok(skep_read_async(db, script_run, &s, &opts, &f));
    futures_finish(f, SKEP_ECANCELLED);
    ck_assert_int_eq(s.runs, 0);
    skep_cancel_free(opts.cancel);
    db_close(db);
}

TEST(b08_a_cancel_of_a_running_future_rolls_back)
{
    skep_db *db = futures_open(NULL);
    gate g[2] = {{0}, {0}};
    script w = {.sql = {"INSERT INTO t VALUES(1)", ENDLESS}, .first = gate_wait, .ctx = &g[0]};
    script r = {.sql = {ENDLESS}, .first = gate_wait, .ctx = &g[1]};
    skep_future *f[2] = {futures_write(db, script_run, &w, NULL), NULL};
    assert_ok(skep_read_async(db, script_run, &r, NULL, &f[1]));
    for (int i = 0; i < 2; i++) {
        gate_came(&g[i], 1);
        gate_open(&g[i]);
        skep_future_cancel(f[i]);
    }
    assert_fails_with(skep_future_wait(f[0], -1), SKEP_ECANCELLED, SKEP_OUTCOME_ROLLED_BACK);
    assert_fails(skep_future_wait(f[1], -1), SKEP_ECANCELLED);
    skep_future_free(f[0]);
    skep_future_free(f[1]);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

static void cancel_future(void *ctx)
{
    skep_future_cancel(*(skep_future **)ctx);
}

TEST(b08_a_cancel_after_the_commit_is_answered_with_success)
{
    static const char *const points[] = {"db.before_commit", "db.after_commit",
                                         "future.before_done"};
    skep_db *db = futures_open(NULL);
    for (size_t i = 0; i < LENGTH(points); i++) {
        script s = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = 5};
        skep_future *f = NULL;
        group_block(db);
        f = futures_write(db, script_run, &s, NULL);
        /* The blocker passes by the first two as well. */
        point_run(points[i], i < 2 ? 2 : 1, cancel_future, &f);
        group_unblock();
        ck_assert_int_eq(skep_future_wait(f, -1), 5);
        point_clear();
        skep_future_cancel(f); /* nothing left to end */
        futures_finish(f, 5);
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), (int64_t)i + 1);
    }
    db_close(db);
}

TEST(a_deadline_of_a_queued_future_means_it_never_ran)
{
    skep_db *db = futures_open(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    skep_future *f[4];
    opts.timeout_ms = 3600000;
    group_block(db);
    f[0] = futures_write(db, script_run, &s, &opts); /* the thread sleeps for an hour */
    opts.timeout_ms = 20;
    f[1] = futures_write(db, script_run, &s, &opts); /* or less */
    assert_fails_with(skep_future_wait(f[1], -1), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    opts.timeout_ms = 30;
    f[2] = futures_write(db, script_run, &s, &opts);
    assert_fails_with(skep_future_wait(f[2], -1), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(skep_future_done(f[0]), 0);
    ck_assert_int_eq(s.runs, 0);
    group_unblock();
    futures_finish(f[0], 0);
    futures_finish(f[1], SKEP_ETIMEOUT);
    futures_finish(f[2], SKEP_ETIMEOUT);
    db_close(db);
}

TEST(a_deadline_covers_the_line_of_asynchronous_reads_and_their_sql)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_threads = 1;
    skep_db *db = futures_open(&settings);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    gate g = {0};
    script holds = {.first = gate_wait, .ctx = &g};
    script s = {0};
    script endless = {.sql = {ENDLESS}};
    skep_future *f[3];
    assert_ok(skep_read_async(db, script_run, &holds, NULL, &f[0]));
    gate_came(&g, 1);
    opts.timeout_ms = 20;
    assert_ok(skep_read_async(db, script_run, &s, &opts, &f[1]));
    futures_finish(f[1], SKEP_ETIMEOUT);
    ck_assert_int_eq(s.runs, 0);
    assert_ok(skep_read_async(db, script_run, &s, NULL, &f[1]));
    skep_future_cancel(f[1]);
    futures_finish(f[1], SKEP_ECANCELLED);
    gate_open(&g);
    futures_finish(f[0], 0);
    assert_ok(skep_read_async(db, script_run, &endless, &opts, &f[2]));
    futures_finish(f[2], SKEP_ETIMEOUT);
    opts.timeout_ms = 0;
    opts.budget_ms = 20;
    assert_ok(skep_read_async(db, script_run, &endless, &opts, &f[2]));
    futures_finish(f[2], SKEP_ETIMEOUT);
    futures_finish(futures_write(db, script_run, &endless, &opts), SKEP_ETIMEOUT);
    db_close(db);
}

/* ---- bounds ---- */

TEST(more_calls_than_the_setting_wait_and_are_then_refused_by_name)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 2;
    settings.read_wait_ms = 20;
    skep_db *db = futures_open(&settings);
    skep_future *f[2];
    skep_future *none = NULL;
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    group_block(db);
    for (int i = 0; i < 2; i++)
        f[i] = futures_write(db, futures_insert, NULL, NULL);
    assert_fails(skep_write_async(db, futures_insert, NULL, NULL, &none), SKEP_ELIMIT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "db.async_max, 2 "));
    opts.timeout_ms = 5;
    assert_fails(skep_read_async(db, futures_insert, NULL, &opts, &none), SKEP_ELIMIT);
    assert_ok(skep_cancel_new(&opts.cancel));
    skep_cancel_fire(opts.cancel);
    opts.timeout_ms = -1;
    assert_fails(skep_write_async(db, futures_insert, NULL, &opts, &none), SKEP_ECANCELLED);
    skep_cancel_free(opts.cancel);
    ck_assert_ptr_null(none);
    group_unblock();
    for (int i = 0; i < 2; i++)
        futures_finish(f[i], 0);
    skep_call calls[3] = {
        {futures_insert, NULL, 0, 0}, {futures_insert, NULL, 0, 0}, {futures_insert, NULL, 0, 0}};
    assert_fails(skep_write_batch_async(db, calls, 3, NULL, &none), SKEP_ELIMIT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "db.async_max is 2"));
    db_close(db);
}

static void submit_and_wait(size_t index, void *ctx)
{
    skep_db *db = ctx;
    for (int i = 0; i < 50; i++) {
        skep_future *f = NULL;
        skep_call_opts opts = SKEP_CALL_OPTS_INIT;
        opts.timeout_ms = -1;
        if ((i + (int)index) % 5 == 0) {
            int64_t n = 0;
            assert_ok(skep_read_async(db, futures_count, &n, &opts, &f));
            futures_finish(f, 0);
            continue;
        }
        assert_ok(skep_write_async(db, futures_insert, NULL, &opts, &f));
        ck_assert_uint_le(skep__async_in_flight(db), 3);
        futures_finish(f, 0);
    }
}

TEST(who_waits_for_room_gets_it_in_turn)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 3;
    skep_db *db = futures_open(&settings);
    harness_threads(16, submit_and_wait, db);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 16 * 40);
    ck_assert_uint_eq(skep__async_in_flight(db), 0);
    db_close(db);
}

/* ---- misuse ---- */

static int submit_inside(skep_tx *tx, void *arg)
{
    skep_future *f = NULL;
    skep_call c = {futures_insert, NULL, 0, 0};
    skep_future *pending = *(skep_future **)arg;
    skep_db *db = tx->db;
    assert_fails(skep_write_async(db, futures_insert, NULL, NULL, &f), SKEP_EMISUSE);
    assert_fails(skep_read_async(db, futures_insert, NULL, NULL, &f), SKEP_EMISUSE);
    assert_fails(skep_write_batch(db, &c, 1, NULL), SKEP_EMISUSE);
    assert_fails(skep_write_batch_async(db, &c, 1, NULL, &f), SKEP_EMISUSE);
    assert_fails(skep_future_wait(pending, 1000), SKEP_EMISUSE);
    assert_fails(skep_future_wait(pending, 0), SKEP_ETIMEOUT);
    return SKEP_OK;
}

TEST(submitting_and_waiting_inside_a_transaction_function_is_misuse)
{
    skep_db *db = futures_open(NULL);
    skep_future *pending = NULL;
    call c = {.fn = submit_inside, .arg = &pending};
    group_block(db);
    group_queue(db, &c, 1);
    pending = futures_write(db, futures_insert, NULL, NULL);
    group_unblock();
    call_join(&c);
    ck_assert_int_eq(c.rc, 0);
    futures_finish(pending, 0);
    db_close(db);
}

TEST(options_that_do_not_belong_are_refused)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    skep_db *db = futures_open(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    skep_future *f = NULL;
    opts.flags = SKEP_CALL_OWN_THREAD;
    assert_fails(skep_write_async(db, futures_insert, NULL, &opts, &f), SKEP_EINVALID);
    assert_fails(skep_read_async(db, futures_insert, NULL, &opts, &f), SKEP_EINVALID);
    opts.flags = SKEP_CALL_SINGLE;
    assert_fails(skep_write_async(db, futures_insert, NULL, &opts, &f), SKEP_EINVALID);
    opts.flags = 0;
    opts.priority = 3;
    assert_fails(skep_write_async(db, futures_insert, NULL, &opts, &f), SKEP_EINVALID);
    assert_fails(skep_read_async(db, futures_insert, NULL, &opts, &f), SKEP_EINVALID);
    opts.priority = 0;
    opts.done = tell;
    assert_fails(skep_write_with(db, futures_insert, NULL, &opts), SKEP_EINVALID);
    skep_call c = {futures_insert, NULL, 0, 0};
    assert_fails(skep_write_batch(db, &c, 1, &opts), SKEP_EINVALID);
    db_close(db);
    settings.flags = SKEP_DB_READONLY;
    db = db_open(&settings);
    assert_fails(skep_write_async(db, futures_insert, NULL, NULL, &f), SKEP_EREADONLY);
    int64_t n = -1;
    assert_ok(skep_read_async(db, futures_count, &n, NULL, &f));
    futures_finish(f, 0);
    ck_assert_int_eq(n, 0);
    db_close(db);
}

/* ---- what fails when submitting ---- */

TEST(a_thread_that_cannot_be_started_fails_the_call_that_needs_it)
{
    harness_drop_root(); /* root has no such limit */
    skep_db *db = futures_open(NULL);
    struct rlimit before;
    skep_future *f = NULL;
    int64_t n = 0;
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    assert_fails(skep_write_async(db, futures_insert, NULL, NULL, &f), SKEP_ELIMIT);
    assert_fails(skep_read_async(db, futures_count, &n, NULL, &f), SKEP_ELIMIT);
    ck_assert_ptr_null(f);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0);
    ck_assert_uint_eq(skep__async_in_flight(db), 0);
    futures_finish(futures_write(db, futures_insert, NULL, NULL), 0);
    assert_ok(skep_read_async(db, futures_count, &n, NULL, &f));
    futures_finish(f, 0);
    ck_assert_int_eq(n, 1);
    db_close(db);
}

/* ---- the end ---- */

TEST(b17_a_thousand_futures_are_all_answered_when_the_database_closes)
{
    enum { N = 1000 };
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.close_timeout_ms = 60000;
    skep_db *db = futures_open(&settings);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {0};
    skep_future *f[N];
    int64_t n[N];
    opts.done = tell;
    opts.done_ctx = &t;
    group_block(db);
    for (int i = 0; i < N; i++) {
        if (i % 4 == 0)
            assert_ok(skep_read_async(db, futures_count, &n[i], &opts, &f[i]));
        else
            f[i] = futures_write(db, futures_insert, (void *)(intptr_t)i, &opts);
    }
    group_unblock();
    db_close(db);
    ck_assert_uint_eq(atomic_load(&t.times), N); /* before the close returned */
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(skep_future_done(f[i]), 1);
        skep_future_cancel(f[i]);
        futures_finish(f[i], 0);
    }
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(DISTINCT a) FROM t"), N * 3 / 4);
    db_close(db);
}

typedef struct closer {
    skep_db *db;
    int rc;
    skep__thread thread;
} closer;

static void close_main(void *arg)
{
    closer *c = arg;
    c->rc = skep_db_close(c->db);
}

TEST(b17_what_queues_past_the_close_timeout_is_refused)
{
    enum { N = 100 };
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.close_timeout_ms = 50;
    settings.async_threads = 1;
    skep_db *db = futures_open(&settings);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {0};
    gate g[2] = {{0}, {0}};
    script holds[2] = {{.sql = {"INSERT INTO t VALUES(-1)"}, .last = gate_wait, .ctx = &g[0]},
                       {.last = gate_wait, .ctx = &g[1]}};
    skep_future *f[N];
    skep_future *held[2];
    int64_t n = 0;
    opts.done = tell;
    opts.done_ctx = &t;
    held[0] = futures_write(db, script_run, &holds[0], NULL);
    assert_ok(skep_read_async(db, script_run, &holds[1], NULL, &held[1]));
    gate_came(&g[0], 1);
    gate_came(&g[1], 1);
    for (int i = 0; i < N; i++) {
        if (i % 2 == 0)
            assert_ok(skep_read_async(db, futures_count, &n, &opts, &f[i]));
        else
            f[i] = futures_write(db, futures_insert, NULL, &opts);
    }
    closer k = {.db = db};
    assert_ok(skep__thread_start(&k.thread, "closer", close_main, &k));
    for (int i = 0; i < N; i++) {
        assert_fails_with(skep_future_wait(f[i], -1), SKEP_ECLOSED, SKEP_OUTCOME_NONE);
        skep_future_free(f[i]);
    }
    skep__thread_join(&k.thread);
    ck_assert_int_eq(k.rc, SKEP_ETIMEOUT); /* the functions sit outside SQL */
    ck_assert_uint_eq(atomic_load(&t.times), N);
    gate_open(&g[1]);
    futures_finish(held[1], 0);
    gate_open(&g[0]);
    futures_finish(held[0], 0); /* and its thread takes the memory with it */
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), -1);
    db_close(db);
}

TEST(who_waits_for_room_at_the_close_is_told_so)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 1;
    settings.close_timeout_ms = 60000;
    skep_db *db = futures_open(&settings);
    gate g = {0};
    script holds = {.last = gate_wait, .ctx = &g};
    skep_future *f = futures_write(db, script_run, &holds, NULL);
    gate_came(&g, 1);
    point_watch("async.no_room");
    closer k = {.db = db};
    assert_ok(skep__db_enter(db)); /* for the submission below */
    assert_ok(skep__thread_start(&k.thread, "closer", close_main, &k));
    while (atomic_load(&db->closing) == 0)
        (void)sched_yield();
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.timeout_ms = -1;
    assert_fails(skep__async_room(db, 1, &opts), SKEP_ECLOSED);
    ck_assert_uint_eq(point_count("async.no_room"), 1);
    gate_open(&g);
    skep__db_leave(db);
    skep__thread_join(&k.thread);
    ck_assert_int_eq(k.rc, 0);
    futures_finish(f, 0);
    point_clear();
}

static const harness_test tests[] = {
    HARNESS_TEST(b08_a_cancel_of_a_queued_future_means_it_never_ran),
    HARNESS_TEST(b08_a_cancel_that_was_fired_before_means_it_never_ran),
    HARNESS_TEST(b08_a_cancel_of_a_running_future_rolls_back),
    HARNESS_TEST(b08_a_cancel_after_the_commit_is_answered_with_success),
    HARNESS_TEST(a_deadline_of_a_queued_future_means_it_never_ran),
    HARNESS_TEST(a_deadline_covers_the_line_of_asynchronous_reads_and_their_sql),
    HARNESS_TEST(more_calls_than_the_setting_wait_and_are_then_refused_by_name),
    HARNESS_TEST(who_waits_for_room_gets_it_in_turn),
    HARNESS_TEST(submitting_and_waiting_inside_a_transaction_function_is_misuse),
    HARNESS_TEST(options_that_do_not_belong_are_refused),
    HARNESS_TEST(a_thread_that_cannot_be_started_fails_the_call_that_needs_it),
    HARNESS_TEST(b17_a_thousand_futures_are_all_answered_when_the_database_closes),
    HARNESS_TEST(b17_what_queues_past_the_close_timeout_is_refused),
    HARNESS_TEST(who_waits_for_room_at_the_close_is_told_so),
};
const harness_suite async_ends_suite = HARNESS_SUITE("async_ends", tests);
