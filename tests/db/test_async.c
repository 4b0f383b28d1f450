/* SPDX-License-Identifier: MIT */
/* Calls that do not wait: futures, callbacks, descriptors, cancels, and the end. */
#include "suites.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <skep/async.h>

#include "harness/points.h"

#include "support.h"

#define ENDLESS                                                                                    \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

static skep_db *open_table(const skep_db_opts *opts)
{
    skep_db *db = db_open_still(opts);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

static int insert(skep_tx *tx, void *arg)
{
    return skep_exec(tx, "INSERT INTO t VALUES(?)", SKEP_V((int64_t)(intptr_t)arg));
}

static int count(skep_tx *tx, void *arg)
{
    int64_t *n = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT count(*) FROM t"));
    SKEP__TRY(skep_next(rows));
    *n = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return SKEP_OK;
}

static skep_future *write_it(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    skep_future *f = NULL;
    assert_ok(skep_write_async(db, fn, arg, opts, &f));
    ck_assert_ptr_nonnull(f);
    return f;
}

/* Wait for the answer, which is `rc`, and free. */
static void finish(skep_future *f, int rc)
{
    int answer = skep_future_wait(f, -1);
    ck_assert_msg(answer == rc, "%s instead of %s: %s", skep_code_name(answer), skep_code_name(rc),
                  answer < 0 ? skep_last_error()->text : "");
    ck_assert_int_eq(skep_future_done(f), 1);
    skep_future_free(f);
}

static size_t thread_count(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        n += e->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

/* ---- futures ---- */

TEST(a_future_gives_the_answer_as_often_as_asked)
{
    skep_db *db = open_table(NULL);
    script good = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = 7};
    script bad = {.sql = {"INSERT INTO nowhere VALUES(1)"}};
    skep_future *f = write_it(db, script_run, &good, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(assert_ok(skep_future_wait(f, -1)), 7);
    skep_future_free(f);
    f = write_it(db, script_run, &bad, NULL);
    for (int i = 0; i < 3; i++)
        assert_fails_with(skep_future_wait(f, 60000), SKEP_EINVALID, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "nowhere"));
    skep_future_free(f);
    skep_future_free(NULL);
    skep_future_cancel(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
}

TEST(waiting_for_a_future_ends_at_its_timeout_and_the_call_goes_on)
{
    skep_db *db = open_table(NULL);
    gate g = {0};
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .last = gate_wait, .ctx = &g};
    skep_future *f = write_it(db, script_run, &s, NULL);
    gate_came(&g, 1);
    assert_fails(skep_future_wait(f, 0), SKEP_ETIMEOUT);
    assert_fails(skep_future_wait(f, 5), SKEP_ETIMEOUT);
    ck_assert_int_eq(skep_future_done(f), 0);
    gate_open(&g);
    finish(f, 0);
    db_close(db);
}

static void wait_in_thread(size_t index, void *ctx)
{
    (void)index;
    ck_assert_int_eq(skep_future_wait(ctx, -1), 3);
}

TEST(many_threads_may_wait_for_one_future)
{
    skep_db *db = open_table(NULL);
    script s = {.ret = 3};
    for (int i = 0; i < 20; i++) {
        skep_future *f = write_it(db, script_run, &s, NULL);
        harness_threads(8, wait_in_thread, f);
        skep_future_free(f);
    }
    db_close(db);
}

TEST(an_asynchronous_read_sees_what_was_committed)
{
    skep_db *db = open_table(NULL);
    int64_t n = -1;
    skep_future *f = NULL;
    finish(write_it(db, insert, NULL, NULL), 0);
    assert_ok(skep_read_async(db, count, &n, NULL, &f));
    finish(f, 0);
    ck_assert_int_eq(n, 1);
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    assert_ok(skep_read_async(db, script_run, &s, NULL, &f));
    finish(f, SKEP_EREADONLY);
    db_close(db);
}

TEST(what_is_posted_while_a_caller_leads_shares_its_commits)
{
    skep_db *db = open_table(NULL);
    script s[2] = {{.sql = {"INSERT INTO t VALUES(1)"}}, {.sql = {"INSERT INTO t VALUES(2)"}}};
    call c = WRITE(s[0]);
    group_block(db);
    group_queue(db, &c, 1);
    skep_future *f = write_it(db, script_run, &s[1], NULL);
    group_unblock();
    call_join(&c);
    finish(f, 0);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.groups, 3); /* the table, the blocker, both */
    ck_assert(pthread_equal(s[1].ran_in, c.caller) != 0);
    ck_assert_uint_eq(stats.async_in_flight, 0);
    db_close(db);
}

/* ---- thousands ---- */

TEST(ten_thousand_calls_in_flight_cost_no_thread_each)
{
    enum { N = 10000 };
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.async_max = N;
    skep_db *db = open_table(&opts);
    skep_future **f = calloc(N, sizeof(skep_future *));
    ck_assert_ptr_nonnull(f);
    size_t before = thread_count();
    group_block(db);
    for (int i = 0; i < N; i++)
        f[i] = write_it(db, insert, (void *)(intptr_t)i, NULL);
    ck_assert_uint_le(thread_count(), before + 3); /* the blocker, skep-write, skep-tend */
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.async_in_flight, N);
    ck_assert_uint_eq(stats.writes_queued, N);
    group_unblock();
    for (int i = 0; i < N; i++)
        finish(f[i], 0);
    ck_assert_int_eq(db_number(db, "SELECT count(DISTINCT a) FROM t"), N);
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_le(stats.groups, 2 + N / 256 + 1);
    free(f);
    db_close(db);
}

TEST(reads_are_run_by_as_many_threads_as_the_setting_says)
{
    enum { N = 1000 };
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.async_threads = 3;
    opts.readers = 8;
    skep_db *db = open_table(&opts);
    gate g = {0};
    script holds[3];
    int64_t n[N];
    skep_future *f[N + 3];
    size_t before = thread_count();
    memset(holds, 0, sizeof(holds));
    for (int i = 0; i < 3; i++) {
        holds[i].first = gate_wait;
        holds[i].ctx = &g;
        assert_ok(skep_read_async(db, script_run, &holds[i], NULL, &f[i]));
        gate_came(&g, (uint32_t)i + 1);
    }
    for (int i = 0; i < N; i++)
        assert_ok(skep_read_async(db, count, &n[i], NULL, &f[3 + i]));
    ck_assert_uint_le(thread_count(), before + 4); /* and skep-tend */
    ck_assert_uint_eq(atomic_load(&g.came), 3);
    gate_open(&g);
    for (int i = 0; i < N + 3; i++)
        finish(f[i], 0);
    db_close(db);
}

typedef struct order {
    _Atomic uint32_t next;
    uint32_t place[4];
} order;

typedef struct order_read {
    order *of;
    int which;
} order_read;

static int note_place(skep_tx *tx, void *arg)
{
    const order_read *r = arg;
    (void)tx;
    r->of->place[r->which] = atomic_fetch_add(&r->of->next, 1);
    return SKEP_OK;
}

TEST(reads_go_by_priority)
{
    static const int32_t priorities[4] = {SKEP_PRIORITY_LOW, SKEP_PRIORITY_NORMAL,
                                          SKEP_PRIORITY_HIGH, SKEP_PRIORITY_NORMAL};
    static const uint32_t places[4] = {3, 1, 0, 2};
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.async_threads = 1;
    skep_db *db = open_table(&opts);
    gate g = {0};
    order o = {0};
    order_read r[4];
    script holds = {.first = gate_wait, .ctx = &g};
    skep_future *f[5];
    assert_ok(skep_read_async(db, script_run, &holds, NULL, &f[4]));
    gate_came(&g, 1);
    for (int i = 0; i < 4; i++) {
        skep_call_opts call_opts = SKEP_CALL_OPTS_INIT;
        call_opts.priority = priorities[i];
        r[i] = (order_read){&o, i};
        assert_ok(skep_read_async(db, note_place, &r[i], &call_opts, &f[i]));
    }
    gate_open(&g);
    for (int i = 0; i < 5; i++)
        finish(f[i], 0);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(o.place[i], places[i]);
    db_close(db);
}

/* ---- cancels and deadlines: B08 ---- */

TEST(b08_a_cancel_of_a_queued_future_means_it_never_ran)
{
    skep_db *db = open_table(NULL);
    skep_cancel *cancel = NULL;
    script s[3] = {{.sql = {"INSERT INTO t VALUES(1)"}},
                   {.sql = {"INSERT INTO t VALUES(2)"}},
                   {.sql = {"INSERT INTO t VALUES(4)"}}};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    assert_ok(skep_cancel_new(&cancel));
    opts.cancel = cancel;
    group_block(db);
    skep_future *own = write_it(db, script_run, &s[0], NULL);
    skep_future *user = write_it(db, script_run, &s[1], &opts);
    skep_future *other = write_it(db, script_run, &s[2], NULL);
    skep_future_cancel(own);
    assert_fails_with(skep_future_wait(own, -1), SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    skep_cancel_fire(cancel); /* while the leader still stands */
    assert_fails_with(skep_future_wait(user, -1), SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    skep_cancel_free(cancel);
    group_unblock();
    finish(own, SKEP_ECANCELLED);
    finish(user, SKEP_ECANCELLED);
    finish(other, 0);
    ck_assert_int_eq(s[0].runs + s[1].runs, 0);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 4);
    db_close(db);
}

TEST(b08_a_cancel_that_was_fired_before_means_it_never_ran)
{
    skep_db *db = open_table(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    skep_future *f = NULL;
    assert_ok(skep_cancel_new(&opts.cancel));
    skep_cancel_fire(opts.cancel);
    group_block(db);
    finish(write_it(db, script_run, &s, &opts), SKEP_ECANCELLED);
    group_unblock();
    assert_ok(skep_read_async(db, script_run, &s, &opts, &f));
    finish(f, SKEP_ECANCELLED);
    ck_assert_int_eq(s.runs, 0);
    skep_cancel_free(opts.cancel);
    db_close(db);
}

TEST(b08_a_cancel_of_a_running_future_rolls_back)
{
    skep_db *db = open_table(NULL);
    gate g[2] = {{0}, {0}};
    script w = {.sql = {"INSERT INTO t VALUES(1)", ENDLESS}, .first = gate_wait, .ctx = &g[0]};
    script r = {.sql = {ENDLESS}, .first = gate_wait, .ctx = &g[1]};
    skep_future *f[2] = {write_it(db, script_run, &w, NULL), NULL};
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
    skep_db *db = open_table(NULL);
    for (size_t i = 0; i < LENGTH(points); i++) {
        script s = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = 5};
        skep_future *f = NULL;
        group_block(db);
        f = write_it(db, script_run, &s, NULL);
        /* The blocker passes by the first two as well. */
        point_run(points[i], i < 2 ? 2 : 1, cancel_future, &f);
        group_unblock();
        ck_assert_int_eq(skep_future_wait(f, -1), 5);
        point_clear();
        skep_future_cancel(f); /* nothing left to end */
        finish(f, 5);
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), (int64_t)i + 1);
    }
    db_close(db);
}

TEST(a_deadline_of_a_queued_future_means_it_never_ran)
{
    skep_db *db = open_table(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    skep_future *f[4];
    opts.timeout_ms = 3600000;
    group_block(db);
    f[0] = write_it(db, script_run, &s, &opts); /* the thread sleeps for an hour */
    opts.timeout_ms = 20;
    f[1] = write_it(db, script_run, &s, &opts); /* or less */
    assert_fails_with(skep_future_wait(f[1], -1), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    opts.timeout_ms = 30;
    f[2] = write_it(db, script_run, &s, &opts);
    assert_fails_with(skep_future_wait(f[2], -1), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(skep_future_done(f[0]), 0);
    ck_assert_int_eq(s.runs, 0);
    group_unblock();
    finish(f[0], 0);
    finish(f[1], SKEP_ETIMEOUT);
    finish(f[2], SKEP_ETIMEOUT);
    db_close(db);
}

TEST(a_deadline_covers_the_line_of_asynchronous_reads_and_their_sql)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_threads = 1;
    skep_db *db = open_table(&settings);
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
    finish(f[1], SKEP_ETIMEOUT);
    ck_assert_int_eq(s.runs, 0);
    assert_ok(skep_read_async(db, script_run, &s, NULL, &f[1]));
    skep_future_cancel(f[1]);
    finish(f[1], SKEP_ECANCELLED);
    gate_open(&g);
    finish(f[0], 0);
    assert_ok(skep_read_async(db, script_run, &endless, &opts, &f[2]));
    finish(f[2], SKEP_ETIMEOUT);
    opts.timeout_ms = 0;
    opts.budget_ms = 20;
    assert_ok(skep_read_async(db, script_run, &endless, &opts, &f[2]));
    finish(f[2], SKEP_ETIMEOUT);
    finish(write_it(db, script_run, &endless, &opts), SKEP_ETIMEOUT);
    db_close(db);
}

/* ---- callbacks and descriptors ---- */

typedef struct told {
    _Atomic uint32_t times;
    int rc;
    skep_future *future;
    pthread_t thread;
    skep_db *db;
    _Atomic uint32_t more; /* to submit from inside the callback */
} told;

static void tell(skep_future *future, void *ctx)
{
    told *t = ctx;
    t->rc = skep_future_wait(future, 0);
    t->future = future;
    t->thread = pthread_self();
    atomic_fetch_add(&t->times, 1);
    skep__word_wake(&t->times, INT_MAX);
}

static void told_wait(told *t, uint32_t times)
{
    for (uint32_t seen = 0; (seen = atomic_load(&t->times)) < times;)
        (void)skep__word_wait(&t->times, seen, 0);
}

TEST(a_callback_runs_once_in_a_thread_of_the_database)
{
    skep_db *db = open_table(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {0};
    script s = {.ret = 4};
    opts.done = tell;
    opts.done_ctx = &t;
    skep_future *f = write_it(db, script_run, &s, &opts);
    told_wait(&t, 1);
    ck_assert_ptr_eq(t.future, f);
    ck_assert_int_eq(t.rc, 4);
    ck_assert(pthread_equal(t.thread, pthread_self()) == 0);
    finish(f, 4);
    /* Without a handle, and for reads and failures. */
    assert_ok(skep_read_async(db, script_run, &s, &opts, NULL));
    told_wait(&t, 2);
    ck_assert_int_eq(t.rc, 4);
    s.ret = SKEP_EUSER - 2;
    assert_ok(skep_write_async(db, script_run, &s, &opts, NULL));
    told_wait(&t, 3);
    ck_assert_int_eq(t.rc, SKEP_EUSER - 2);
    db_close(db);
    ck_assert_uint_eq(atomic_load(&t.times), 3);
}

static void submit_more(skep_future *future, void *ctx)
{
    told *t = ctx;
    (void)future;
    if (atomic_fetch_add(&t->times, 1) + 1 < t->more) {
        skep_call_opts opts = SKEP_CALL_OPTS_INIT;
        opts.done = submit_more;
        opts.done_ctx = t;
        assert_ok(skep_write_async(t->db, insert, NULL, &opts, NULL));
    }
    skep__word_wake(&t->times, INT_MAX);
}

TEST(a_callback_may_submit_the_next_call)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 1;
    skep_db *db = open_table(&settings);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {.db = db, .more = 200};
    opts.done = submit_more;
    opts.done_ctx = &t;
    assert_ok(skep_write_async(db, insert, NULL, &opts, NULL));
    told_wait(&t, t.more);
    db_close(db);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), (int64_t)t.more);
    db_close(db);
}

static void close_inside(skep_future *future, void *ctx)
{
    told *t = ctx;
    (void)future;
    t->rc = skep_db_close(t->db);
    atomic_fetch_add(&t->times, 1);
}

TEST(a_callback_that_closes_its_database_is_told_not_to)
{
    skep_db *db = open_table(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {.db = db};
    opts.done = close_inside;
    opts.done_ctx = &t;
    assert_ok(skep_write_async(db, insert, NULL, &opts, NULL));
    db_close(db);
    ck_assert_int_eq(t.rc, SKEP_EMISUSE);
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN) != 0;
}

TEST(a_descriptor_becomes_readable_when_the_call_is_done)
{
    skep_db *db = open_table(NULL);
    gate g = {0};
    int fd = -1;
    int again = -1;
    script s = {.first = gate_wait, .ctx = &g};
    skep_future *f = write_it(db, script_run, &s, NULL);
    gate_came(&g, 1);
    assert_ok(skep_future_fd(f, &fd));
    assert_ok(skep_future_fd(f, &again));
    ck_assert_int_eq(fd, again);
    ck_assert(!readable(fd, 0));
    gate_open(&g);
    ck_assert(readable(fd, 60000));
    ck_assert_int_eq(skep_future_done(f), 1);
    finish(f, 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* it went with the future */
    /* Asked for when all is done already; given up before it is done. */
    f = write_it(db, insert, NULL, NULL);
    ck_assert_int_eq(skep_future_wait(f, -1), 0);
    assert_ok(skep_future_fd(f, &fd));
    ck_assert(readable(fd, 0));
    skep_future_free(f);
    g.open = g.came = 0;
    f = write_it(db, script_run, &s, NULL);
    gate_came(&g, 1);
    assert_ok(skep_future_fd(f, &fd));
    skep_future_free(f);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    gate_open(&g);
    db_close(db);
}

TEST(what_is_freed_before_it_is_done_goes_on)
{
    skep_db *db = open_table(NULL);
    group_block(db);
    for (int i = 0; i < 10; i++)
        skep_future_free(write_it(db, insert, NULL, NULL));
    group_unblock();
    db_close(db);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 10);
    db_close(db);
}

/* ---- bounds ---- */

TEST(more_calls_than_the_setting_wait_and_are_then_refused_by_name)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 2;
    settings.read_wait_ms = 20;
    skep_db *db = open_table(&settings);
    skep_future *f[2];
    skep_future *none = NULL;
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    group_block(db);
    for (int i = 0; i < 2; i++)
        f[i] = write_it(db, insert, NULL, NULL);
    assert_fails(skep_write_async(db, insert, NULL, NULL, &none), SKEP_ELIMIT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "db.async_max, 2 "));
    opts.timeout_ms = 5;
    assert_fails(skep_read_async(db, insert, NULL, &opts, &none), SKEP_ELIMIT);
    assert_ok(skep_cancel_new(&opts.cancel));
    skep_cancel_fire(opts.cancel);
    opts.timeout_ms = -1;
    assert_fails(skep_write_async(db, insert, NULL, &opts, &none), SKEP_ECANCELLED);
    skep_cancel_free(opts.cancel);
    ck_assert_ptr_null(none);
    group_unblock();
    for (int i = 0; i < 2; i++)
        finish(f[i], 0);
    skep_call calls[3] = {{insert, NULL, 0, 0}, {insert, NULL, 0, 0}, {insert, NULL, 0, 0}};
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
            assert_ok(skep_read_async(db, count, &n, &opts, &f));
            finish(f, 0);
            continue;
        }
        assert_ok(skep_write_async(db, insert, NULL, &opts, &f));
        ck_assert_uint_le(skep__async_in_flight(db), 3);
        finish(f, 0);
    }
}

TEST(who_waits_for_room_gets_it_in_turn)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 3;
    skep_db *db = open_table(&settings);
    harness_threads(16, submit_and_wait, db);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 16 * 40);
    ck_assert_uint_eq(skep__async_in_flight(db), 0);
    db_close(db);
}

/* ---- misuse ---- */

static int submit_inside(skep_tx *tx, void *arg)
{
    skep_future *f = NULL;
    skep_call c = {insert, NULL, 0, 0};
    skep_future *pending = *(skep_future **)arg;
    skep_db *db = tx->db;
    assert_fails(skep_write_async(db, insert, NULL, NULL, &f), SKEP_EMISUSE);
    assert_fails(skep_read_async(db, insert, NULL, NULL, &f), SKEP_EMISUSE);
    assert_fails(skep_write_batch(db, &c, 1, NULL), SKEP_EMISUSE);
    assert_fails(skep_write_batch_async(db, &c, 1, NULL, &f), SKEP_EMISUSE);
    assert_fails(skep_future_wait(pending, 1000), SKEP_EMISUSE);
    assert_fails(skep_future_wait(pending, 0), SKEP_ETIMEOUT);
    return SKEP_OK;
}

TEST(submitting_and_waiting_inside_a_transaction_function_is_misuse)
{
    skep_db *db = open_table(NULL);
    skep_future *pending = NULL;
    call c = {.fn = submit_inside, .arg = &pending};
    group_block(db);
    group_queue(db, &c, 1);
    pending = write_it(db, insert, NULL, NULL);
    group_unblock();
    call_join(&c);
    ck_assert_int_eq(c.rc, 0);
    finish(pending, 0);
    db_close(db);
}

TEST(options_that_do_not_belong_are_refused)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    skep_db *db = open_table(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    skep_future *f = NULL;
    opts.flags = SKEP_CALL_OWN_THREAD;
    assert_fails(skep_write_async(db, insert, NULL, &opts, &f), SKEP_EINVALID);
    assert_fails(skep_read_async(db, insert, NULL, &opts, &f), SKEP_EINVALID);
    opts.flags = SKEP_CALL_SINGLE;
    assert_fails(skep_write_async(db, insert, NULL, &opts, &f), SKEP_EINVALID);
    opts.flags = 0;
    opts.priority = 3;
    assert_fails(skep_write_async(db, insert, NULL, &opts, &f), SKEP_EINVALID);
    assert_fails(skep_read_async(db, insert, NULL, &opts, &f), SKEP_EINVALID);
    opts.priority = 0;
    opts.done = tell;
    assert_fails(skep_write_with(db, insert, NULL, &opts), SKEP_EINVALID);
    skep_call c = {insert, NULL, 0, 0};
    assert_fails(skep_write_batch(db, &c, 1, &opts), SKEP_EINVALID);
    db_close(db);
    settings.flags = SKEP_DB_READONLY;
    db = db_open(&settings);
    assert_fails(skep_write_async(db, insert, NULL, NULL, &f), SKEP_EREADONLY);
    int64_t n = -1;
    assert_ok(skep_read_async(db, count, &n, NULL, &f));
    finish(f, 0);
    ck_assert_int_eq(n, 0);
    db_close(db);
}

/* ---- what fails when submitting ---- */

TEST(a_thread_that_cannot_be_started_fails_the_call_that_needs_it)
{
    harness_drop_root(); /* root has no such limit */
    skep_db *db = open_table(NULL);
    struct rlimit before;
    skep_future *f = NULL;
    int64_t n = 0;
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    assert_fails(skep_write_async(db, insert, NULL, NULL, &f), SKEP_ELIMIT);
    assert_fails(skep_read_async(db, count, &n, NULL, &f), SKEP_ELIMIT);
    ck_assert_ptr_null(f);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0);
    ck_assert_uint_eq(skep__async_in_flight(db), 0);
    finish(write_it(db, insert, NULL, NULL), 0);
    assert_ok(skep_read_async(db, count, &n, NULL, &f));
    finish(f, 0);
    ck_assert_int_eq(n, 1);
    db_close(db);
}

/* ---- the end ---- */

TEST(b17_a_thousand_futures_are_all_answered_when_the_database_closes)
{
    enum { N = 1000 };
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.close_timeout_ms = 60000;
    skep_db *db = open_table(&settings);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {0};
    skep_future *f[N];
    int64_t n[N];
    opts.done = tell;
    opts.done_ctx = &t;
    group_block(db);
    for (int i = 0; i < N; i++) {
        if (i % 4 == 0)
            assert_ok(skep_read_async(db, count, &n[i], &opts, &f[i]));
        else
            f[i] = write_it(db, insert, (void *)(intptr_t)i, &opts);
    }
    group_unblock();
    db_close(db);
    ck_assert_uint_eq(atomic_load(&t.times), N); /* before the close returned */
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(skep_future_done(f[i]), 1);
        skep_future_cancel(f[i]);
        finish(f[i], 0);
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
    skep_db *db = open_table(&settings);
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
    held[0] = write_it(db, script_run, &holds[0], NULL);
    assert_ok(skep_read_async(db, script_run, &holds[1], NULL, &held[1]));
    gate_came(&g[0], 1);
    gate_came(&g[1], 1);
    for (int i = 0; i < N; i++) {
        if (i % 2 == 0)
            assert_ok(skep_read_async(db, count, &n, &opts, &f[i]));
        else
            f[i] = write_it(db, insert, NULL, &opts);
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
    finish(held[1], 0);
    gate_open(&g[0]);
    finish(held[0], 0); /* and its thread takes the memory with it */
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), -1);
    db_close(db);
}

TEST(who_waits_for_room_at_the_close_is_told_so)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 1;
    settings.close_timeout_ms = 60000;
    skep_db *db = open_table(&settings);
    gate g = {0};
    script holds = {.last = gate_wait, .ctx = &g};
    skep_future *f = write_it(db, script_run, &holds, NULL);
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
    finish(f, 0);
    point_clear();
}

static const harness_test tests[] = {
    HARNESS_TEST(a_future_gives_the_answer_as_often_as_asked),
    HARNESS_TEST(waiting_for_a_future_ends_at_its_timeout_and_the_call_goes_on),
    HARNESS_TEST(many_threads_may_wait_for_one_future),
    HARNESS_TEST(an_asynchronous_read_sees_what_was_committed),
    HARNESS_TEST(what_is_posted_while_a_caller_leads_shares_its_commits),
    HARNESS_TEST(ten_thousand_calls_in_flight_cost_no_thread_each),
    HARNESS_TEST(reads_are_run_by_as_many_threads_as_the_setting_says),
    HARNESS_TEST(reads_go_by_priority),
    HARNESS_TEST(b08_a_cancel_of_a_queued_future_means_it_never_ran),
    HARNESS_TEST(b08_a_cancel_that_was_fired_before_means_it_never_ran),
    HARNESS_TEST(b08_a_cancel_of_a_running_future_rolls_back),
    HARNESS_TEST(b08_a_cancel_after_the_commit_is_answered_with_success),
    HARNESS_TEST(a_deadline_of_a_queued_future_means_it_never_ran),
    HARNESS_TEST(a_deadline_covers_the_line_of_asynchronous_reads_and_their_sql),
    HARNESS_TEST(a_callback_runs_once_in_a_thread_of_the_database),
    HARNESS_TEST(a_callback_may_submit_the_next_call),
    HARNESS_TEST(a_callback_that_closes_its_database_is_told_not_to),
    HARNESS_TEST(a_descriptor_becomes_readable_when_the_call_is_done),
    HARNESS_TEST(what_is_freed_before_it_is_done_goes_on),
    HARNESS_TEST(more_calls_than_the_setting_wait_and_are_then_refused_by_name),
    HARNESS_TEST(who_waits_for_room_gets_it_in_turn),
    HARNESS_TEST(submitting_and_waiting_inside_a_transaction_function_is_misuse),
    HARNESS_TEST(options_that_do_not_belong_are_refused),
    HARNESS_TEST(a_thread_that_cannot_be_started_fails_the_call_that_needs_it),
    HARNESS_TEST(b17_a_thousand_futures_are_all_answered_when_the_database_closes),
    HARNESS_TEST(b17_what_queues_past_the_close_timeout_is_refused),
    HARNESS_TEST(who_waits_for_room_at_the_close_is_told_so),
};
const harness_suite async_suite = HARNESS_SUITE("async", tests);
