/* SPDX-License-Identifier: MIT */
/* Batches: many calls submitted at once, each with its own answer. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include <skep/async.h>

#include "harness/points.h"

#include "support.h"

#define ENDLESS                                                                                    \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

static skep_db *open_table(const skep_db_opts *opts)
{
    skep_db *db = db_open_still(opts);
    db_must(db, "CREATE TABLE t(a UNIQUE)");
    return db;
}

static int insert(skep_tx *tx, void *arg)
{
    return skep_exec(tx, "INSERT INTO t VALUES(?)", SKEP_V((int64_t)(intptr_t)arg));
}

static skep_call *inserts(size_t n)
{
    skep_call *calls = calloc(n, sizeof(*calls));
    ck_assert_ptr_nonnull(calls);
    for (size_t i = 0; i < n; i++)
        calls[i] = (skep_call){.fn = insert, .arg = (void *)(intptr_t)i, .rc = 99};
    return calls;
}

static uint64_t groups(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats.groups;
}

TEST(a_batch_runs_in_order_in_few_commits_and_in_the_thread_of_its_caller)
{
    enum { N = 1000 };
    skep_db *db = open_table(NULL);
    skep_call *calls = inserts(N);
    script s[2];
    memset(s, 0, sizeof(s));
    calls[0] = (skep_call){.fn = script_run, .arg = &s[0]};
    calls[N - 1] = (skep_call){.fn = script_run, .arg = &s[1], .rc = 99};
    uint64_t before = groups(db);
    assert_ok(skep_write_batch(db, calls, N, NULL));
    ck_assert_uint_eq(groups(db) - before, (N + 255) / 256);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(calls[i].rc, 0);
        ck_assert_int_eq(calls[i].outcome, SKEP_OUTCOME_NONE);
    }
    ck_assert(pthread_equal(s[0].ran_in, pthread_self()) != 0);
    ck_assert(pthread_equal(s[1].ran_in, pthread_self()) != 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t WHERE a = rowid"), N - 2);
    free(calls);
    db_close(db);
}

TEST(a_member_that_fails_fails_alone_and_the_batch_says_which)
{
    enum { N = 10 };
    skep_db *db = open_table(NULL);
    for (int async = 0; async < 2; async++) {
        skep_call *calls = inserts(N);
        script lost = {.sql = {"INSERT OR ROLLBACK INTO t VALUES(1)"}};
        script refuses = {.sql = {"INSERT INTO t VALUES(77)"}, .ret = SKEP_EUSER - 3};
        calls[4] = (skep_call){.fn = script_run, .arg = &refuses};
        calls[7] = (skep_call){.fn = script_run, .arg = &lost};
        db_must(db, "DELETE FROM t");
        if (async == 0) {
            assert_fails_with(skep_write_batch(db, calls, N, NULL), SKEP_EUSER - 3,
                              SKEP_OUTCOME_ROLLED_BACK);
        } else {
            skep_future *f = NULL;
            assert_ok(skep_write_batch_async(db, calls, N, NULL, &f));
            assert_fails_with(skep_future_wait(f, -1), SKEP_EUSER - 3, SKEP_OUTCOME_ROLLED_BACK);
            skep_future_free(f);
        }
        for (int i = 0; i < N; i++) {
            int rc = i == 4 ? SKEP_EUSER - 3 : i == 7 ? SKEP_EEXISTS : 0;
            ck_assert_int_eq(calls[i].rc, rc);
            ck_assert_int_eq(calls[i].outcome,
                             rc < 0 ? SKEP_OUTCOME_ROLLED_BACK : SKEP_OUTCOME_NONE);
        }
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), N - 2);
        free(calls);
    }
    db_close(db);
}

static void tell(skep_future *future, void *ctx)
{
    ck_assert_int_eq(skep_future_wait(future, 0), 0);
    atomic_fetch_add((_Atomic uint32_t *)ctx, 1);
}

TEST(an_asynchronous_batch_has_one_future_for_all)
{
    enum { N = 600 };
    skep_db *db = open_table(NULL);
    skep_call *calls = inserts(N);
    _Atomic uint32_t times = 0;
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    skep_receipt receipt = {.size = sizeof(receipt)};
    skep_future *f = NULL;
    opts.done = tell;
    opts.done_ctx = &times;
    opts.receipt = &receipt;
    assert_ok(skep_write_batch_async(db, calls, N, &opts, &f));
    ck_assert_int_eq(skep_future_wait(f, -1), 0);
    skep_future_free(f);
    ck_assert_uint_eq(receipt.number, skep__db_visible_commit(db)); /* of the last commit */
    db_close(db);
    ck_assert_uint_eq(times, 1);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(calls[i].rc, 0);
    free(calls);
}

TEST(a_batch_queues_with_other_callers)
{
    skep_db *db = open_table(NULL);
    script s = {.sql = {"INSERT INTO t VALUES(-1)"}};
    call c[2] = {WRITE(s), {0}};
    skep_call *calls = inserts(20);
    group_block(db);
    group_queue(db, c, 1);
    skep_future *f = NULL;
    assert_ok(skep_write_batch_async(db, calls, 20, NULL, &f));
    group_unblock();
    call_join(&c[0]);
    ck_assert_int_eq(c[0].rc, 0);
    ck_assert_int_eq(skep_future_wait(f, -1), 0);
    skep_future_free(f);
    ck_assert_uint_eq(groups(db), 3); /* the table, the blocker, all of these */
    free(calls);
    db_close(db);
}

typedef struct waiter {
    skep_db *db;
    skep_call *calls;
    size_t n;
    skep_call_opts opts;
    int rc;
    int outcome;
    skep__thread thread;
} waiter;

static void waiter_main(void *arg)
{
    waiter *w = arg;
    w->rc = skep_write_batch(w->db, w->calls, w->n, &w->opts);
    w->outcome = skep_last_error()->outcome;
}

TEST(a_batch_that_waits_ends_at_its_deadline_or_cancel)
{
    enum { N = 300 };
    skep_db *db = open_table(NULL);
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        waiter w = {.db = db, .calls = inserts(N), .n = N, .opts = SKEP_CALL_OPTS_INIT};
        if (cancelled != 0)
            assert_ok(skep_cancel_new(&w.opts.cancel));
        else
            w.opts.timeout_ms = 20;
        group_block(db);
        point_watch("queue.posted");
        assert_ok(skep__thread_start(&w.thread, "batch", waiter_main, &w));
        point_reached("queue.posted", 1);
        skep_cancel_fire(w.opts.cancel);
        skep__thread_join(&w.thread);
        group_unblock();
        int code = cancelled != 0 ? SKEP_ECANCELLED : SKEP_ETIMEOUT;
        ck_assert_int_eq(w.rc, code);
        ck_assert_int_eq(w.outcome, SKEP_OUTCOME_NONE);
        for (int i = 0; i < N; i++)
            ck_assert_int_eq(w.calls[i].rc, code);
        free(w.calls);
        skep_cancel_free(w.opts.cancel);
        point_clear();
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

static int fire_and_insert(skep_tx *tx, void *arg)
{
    skep_cancel_fire(arg);
    return insert(tx, NULL);
}

TEST(b08_a_batch_that_is_cancelled_on_its_way_keeps_what_was_done)
{
    enum { N = 600 };
    skep_db *db = open_table(NULL);
    skep_call *calls = inserts(N);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    assert_ok(skep_cancel_new(&opts.cancel));
    calls[300] = (skep_call){.fn = fire_and_insert, .arg = opts.cancel};
    calls[0].fn = insert;
    calls[0].arg = (void *)(intptr_t)100000;
    assert_fails(skep_write_batch(db, calls, N, &opts), SKEP_ECANCELLED);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(calls[i].rc, i <= 300 ? 0 : SKEP_ECANCELLED);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 301);
    skep_cancel_free(opts.cancel);
    free(calls);
    db_close(db);
}

TEST(a_cancelled_future_of_a_batch_ends_what_has_not_begun)
{
    enum { N = 300 };
    skep_db *db = open_table(NULL);
    skep_call *calls = inserts(N);
    skep_future *f = NULL;
    group_block(db);
    assert_ok(skep_write_batch_async(db, calls, N, NULL, &f));
    skep_future_cancel(f);
    assert_fails_with(skep_future_wait(f, -1), SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    group_unblock();
    skep_future_free(f);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(calls[i].rc, SKEP_ECANCELLED);
    free(calls);
    db_close(db);
}

TEST(a_batch_of_own_threads_gives_each_call_its_commit)
{
    skep_db *db = open_table(NULL);
    skep_call *calls = inserts(5);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    uint64_t before = groups(db);
    opts.flags = SKEP_CALL_OWN_THREAD;
    assert_ok(skep_write_batch(db, calls, 5, &opts));
    ck_assert_uint_eq(groups(db) - before, 5);
    free(calls);
    db_close(db);
}

TEST(the_size_of_a_batch_has_its_bounds)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = SKEP_BATCH_MAX;
    settings.synchronous = SKEP_SYNC_NORMAL;
    skep_db *db = open_table(&settings);
    skep_call *calls = inserts(SKEP_BATCH_MAX + 1);
    skep_future *f = NULL;
    assert_fails(skep_write_batch(db, calls, 0, NULL), SKEP_EINVALID);
    assert_fails(skep_write_batch(db, calls, SKEP_BATCH_MAX + 1, NULL), SKEP_ELIMIT);
    assert_fails(skep_write_batch_async(db, calls, SKEP_BATCH_MAX + 1, NULL, &f), SKEP_ELIMIT);
    assert_ok(skep_write_batch_async(db, calls, SKEP_BATCH_MAX, NULL, &f));
    ck_assert_int_eq(skep_future_wait(f, -1), 0);
    skep_future_free(f);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), SKEP_BATCH_MAX);
    calls[1].fn = NULL;
    assert_fails(skep_write_batch(db, calls, 2, NULL), SKEP_EINVALID);
    free(calls);
    db_close(db);
}

typedef struct storm {
    skep_db *db;
    uint64_t each;
} storm;

static void storm_main(size_t index, void *ctx)
{
    const storm *m = ctx;
    for (uint64_t i = 0; i < m->each; i++) {
        skep_call calls[30];
        for (size_t k = 0; k < LENGTH(calls); k++) {
            intptr_t value = (intptr_t)((index * m->each + i) * LENGTH(calls) + k);
            calls[k] = (skep_call){.fn = insert, .arg = (void *)value};
        }
        assert_ok(skep_write_batch(m->db, calls, LENGTH(calls), NULL));
    }
}

TEST(batches_of_many_threads_lead_and_follow_in_turn)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.group_max = 50;
    storm m = {.db = open_table(&settings), .each = 20};
    harness_threads(16, storm_main, &m);
    ck_assert_int_eq(db_number(m.db, "SELECT count(*) FROM t"), 16 * 20 * 30);
    db_close(m.db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_batch_runs_in_order_in_few_commits_and_in_the_thread_of_its_caller),
    HARNESS_TEST(a_member_that_fails_fails_alone_and_the_batch_says_which),
    HARNESS_TEST(an_asynchronous_batch_has_one_future_for_all),
    HARNESS_TEST(a_batch_queues_with_other_callers),
    HARNESS_TEST(a_batch_that_waits_ends_at_its_deadline_or_cancel),
    HARNESS_TEST(b08_a_batch_that_is_cancelled_on_its_way_keeps_what_was_done),
    HARNESS_TEST(a_cancelled_future_of_a_batch_ends_what_has_not_begun),
    HARNESS_TEST(a_batch_of_own_threads_gives_each_call_its_commit),
    HARNESS_TEST(the_size_of_a_batch_has_its_bounds),
    HARNESS_TEST(batches_of_many_threads_lead_and_follow_in_turn),
};
const harness_suite batch_suite = HARNESS_SUITE("batch", tests);
