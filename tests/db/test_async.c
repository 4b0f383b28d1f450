/* SPDX-License-Identifier: MIT */
/* Calls that do not wait: futures, callbacks, descriptors, cancels, and the end. */
#include "suites.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <skep/async.h>

#include "harness/points.h"

#include "futures.h"
#include "support.h"

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
    skep_db *db = futures_open(NULL);
    script good = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = 7};
    script bad = {.sql = {"INSERT INTO nowhere VALUES(1)"}};
    skep_future *f = futures_write(db, script_run, &good, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(assert_ok(skep_future_wait(f, -1)), 7);
    skep_future_free(f);
    f = futures_write(db, script_run, &bad, NULL);
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
    skep_db *db = futures_open(NULL);
    gate g = {0};
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .last = gate_wait, .ctx = &g};
    skep_future *f = futures_write(db, script_run, &s, NULL);
    gate_came(&g, 1);
    assert_fails(skep_future_wait(f, 0), SKEP_ETIMEOUT);
    assert_fails(skep_future_wait(f, 5), SKEP_ETIMEOUT);
    ck_assert_int_eq(skep_future_done(f), 0);
    gate_open(&g);
    futures_finish(f, 0);
    db_close(db);
}

static void wait_in_thread(size_t index, void *ctx)
{
    (void)index;
    ck_assert_int_eq(skep_future_wait(ctx, -1), 3);
}

TEST(many_threads_may_wait_for_one_future)
{
    skep_db *db = futures_open(NULL);
    script s = {.ret = 3};
    for (int i = 0; i < 20; i++) {
        skep_future *f = futures_write(db, script_run, &s, NULL);
        harness_threads(8, wait_in_thread, f);
        skep_future_free(f);
    }
    db_close(db);
}

TEST(an_asynchronous_read_sees_what_was_committed)
{
    skep_db *db = futures_open(NULL);
    int64_t n = -1;
    skep_future *f = NULL;
    futures_finish(futures_write(db, futures_insert, NULL, NULL), 0);
    assert_ok(skep_read_async(db, futures_count, &n, NULL, &f));
    futures_finish(f, 0);
    ck_assert_int_eq(n, 1);
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    assert_ok(skep_read_async(db, script_run, &s, NULL, &f));
    futures_finish(f, SKEP_EREADONLY);
    db_close(db);
}

TEST(what_is_posted_while_a_caller_leads_shares_its_commits)
{
    skep_db *db = futures_open(NULL);
    script s[2] = {{.sql = {"INSERT INTO t VALUES(1)"}}, {.sql = {"INSERT INTO t VALUES(2)"}}};
    call c = WRITE(s[0]);
    group_block(db);
    group_queue(db, &c, 1);
    skep_future *f = futures_write(db, script_run, &s[1], NULL);
    group_unblock();
    call_join(&c);
    futures_finish(f, 0);
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
    skep_db *db = futures_open(&opts);
    skep_future **f = calloc(N, sizeof(skep_future *));
    ck_assert_ptr_nonnull(f);
    size_t before = thread_count();
    group_block(db);
    for (int i = 0; i < N; i++)
        f[i] = futures_write(db, futures_insert, (void *)(intptr_t)i, NULL);
    ck_assert_uint_le(thread_count(), before + 3); /* the blocker, skep-write, skep-tend */
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.async_in_flight, N);
    ck_assert_uint_eq(stats.writes_queued, N);
    group_unblock();
    for (int i = 0; i < N; i++)
        futures_finish(f[i], 0);
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
    skep_db *db = futures_open(&opts);
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
        assert_ok(skep_read_async(db, futures_count, &n[i], NULL, &f[3 + i]));
    ck_assert_uint_le(thread_count(), before + 4); /* and skep-tend */
    ck_assert_uint_eq(atomic_load(&g.came), 3);
    gate_open(&g);
    for (int i = 0; i < N + 3; i++)
        futures_finish(f[i], 0);
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
    skep_db *db = futures_open(&opts);
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
        futures_finish(f[i], 0);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(o.place[i], places[i]);
    db_close(db);
}

/* ---- callbacks and descriptors ---- */

TEST(a_callback_runs_once_in_a_thread_of_the_database)
{
    skep_db *db = futures_open(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {0};
    script s = {.ret = 4};
    opts.done = tell;
    opts.done_ctx = &t;
    skep_future *f = futures_write(db, script_run, &s, &opts);
    told_wait(&t, 1);
    ck_assert_ptr_eq(t.future, f);
    ck_assert_int_eq(t.rc, 4);
    ck_assert(pthread_equal(t.thread, pthread_self()) == 0);
    futures_finish(f, 4);
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
        assert_ok(skep_write_async(t->db, futures_insert, NULL, &opts, NULL));
    }
    skep__word_wake(&t->times, INT_MAX);
}

TEST(a_callback_may_submit_the_next_call)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.async_max = 1;
    skep_db *db = futures_open(&settings);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {.db = db, .more = 200};
    opts.done = submit_more;
    opts.done_ctx = &t;
    assert_ok(skep_write_async(db, futures_insert, NULL, &opts, NULL));
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
    skep_db *db = futures_open(NULL);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    told t = {.db = db};
    opts.done = close_inside;
    opts.done_ctx = &t;
    assert_ok(skep_write_async(db, futures_insert, NULL, &opts, NULL));
    db_close(db);
    ck_assert_int_eq(t.rc, SKEP_EMISUSE);
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN) != 0;
}

/* Another thread of the database may have taken its number for a file since. */
static bool is_eventfd(int fd)
{
    char name[32];
    char target[64] = "";
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    return readlink(name, target, sizeof(target) - 1) > 0 && strstr(target, "eventfd") != NULL;
}

TEST(a_descriptor_becomes_readable_when_the_call_is_done)
{
    skep_db *db = futures_open(NULL);
    gate g = {0};
    int fd = -1;
    int again = -1;
    script s = {.first = gate_wait, .ctx = &g};
    skep_future *f = futures_write(db, script_run, &s, NULL);
    gate_came(&g, 1);
    assert_ok(skep_future_fd(f, &fd));
    assert_ok(skep_future_fd(f, &again));
    ck_assert_int_eq(fd, again);
    ck_assert(is_eventfd(fd));
    ck_assert(!readable(fd, 0));
    gate_open(&g);
    ck_assert(readable(fd, 60000));
    ck_assert_int_eq(skep_future_done(f), 1);
    futures_finish(f, 0);
    ck_assert(!is_eventfd(fd)); /* it went with the future */
    /* Asked for when all is done already; given up before it is done. */
    f = futures_write(db, futures_insert, NULL, NULL);
    ck_assert_int_eq(skep_future_wait(f, -1), 0);
    assert_ok(skep_future_fd(f, &fd));
    ck_assert(readable(fd, 0));
    skep_future_free(f);
    g.open = g.came = 0;
    f = futures_write(db, script_run, &s, NULL);
    gate_came(&g, 1);
    assert_ok(skep_future_fd(f, &fd));
    skep_future_free(f);
    ck_assert(!is_eventfd(fd));
    gate_open(&g);
    db_close(db);
}

TEST(what_is_freed_before_it_is_done_goes_on)
{
    skep_db *db = futures_open(NULL);
    group_block(db);
    for (int i = 0; i < 10; i++)
        skep_future_free(futures_write(db, futures_insert, NULL, NULL));
    group_unblock();
    db_close(db);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 10);
    db_close(db);
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
    HARNESS_TEST(a_callback_runs_once_in_a_thread_of_the_database),
    HARNESS_TEST(a_callback_may_submit_the_next_call),
    HARNESS_TEST(a_callback_that_closes_its_database_is_told_not_to),
    HARNESS_TEST(a_descriptor_becomes_readable_when_the_call_is_done),
    HARNESS_TEST(what_is_freed_before_it_is_done_goes_on),
};
const harness_suite async_suite = HARNESS_SUITE("async", tests);
