/* SPDX-License-Identifier: MIT */
/* B17: closing while calls queue and run. Each gets an answer, and the answer is true. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/points.h"

#include "support.h"

#define ENDLESS                                                                                    \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

static skep_db *open_table(int64_t close_timeout_ms)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.close_timeout_ms = close_timeout_ms;
    opts.readers = 1;
    opts.read_wait_ms = 3600000; /* nobody waits that long */
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

typedef struct closer {
    skep_db *db;
    int rc;
    skep_err err;
    skep__thread thread;
} closer;

static void close_main(void *arg)
{
    closer *c = arg;
    c->rc = skep_db_close(c->db);
    c->err = *skep_last_error();
}

/* Close in a thread of its own; on return new calls are refused. */
static void close_start(skep_db *db, closer *c)
{
    *c = (closer){.db = db};
    assert_ok(skep__thread_start(&c->thread, "closer", close_main, c));
    script s = {0};
    while (skep_read(db, script_run, &s) != SKEP_ECLOSED)
        ;
}

TEST(b17_calls_that_queue_at_close_are_all_answered)
{
    size_t n = (size_t)harness_size(SIZE_B17_QUEUED);
    skep_db *db = open_table(60000);
    script *s = calloc(n, sizeof(*s));
    call *c = calloc(n, sizeof(*c));
    ck_assert(s != NULL && c != NULL);
    char(*sql)[48] = calloc(n, sizeof(*sql));
    ck_assert_ptr_nonnull(sql);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(sql[i], sizeof(sql[i]), "INSERT INTO t VALUES(%zu)", i);
        s[i].sql[0] = sql[i];
        c[i].fn = script_run;
        c[i].arg = &s[i];
    }
    group_block(db);
    group_queue(db, c, n);
    closer k;
    close_start(db, &k);
    group_unblock();
    for (size_t i = 0; i < n; i++)
        call_join(&c[i]);
    skep__thread_join(&k.thread);
    ck_assert_int_eq(k.rc, 0);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(c[i].rc, 0); /* there was time for all */
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(DISTINCT a) FROM t"), (int64_t)n);
    db_close(db);
    free(sql);
    free(c);
    free(s);
}

TEST(b17_calls_that_queue_past_the_close_timeout_are_refused)
{
    enum { N = 100 };
    skep_db *db = open_table(50);
    script s[N];
    call c[N];
    gate g = {0};
    script holds = {.sql = {"INSERT INTO t VALUES(-1)"}, .last = gate_wait, .ctx = &g};
    call holder = WRITE(holds);
    memset(s, 0, sizeof(s));
    memset(c, 0, sizeof(c));
    for (int i = 0; i < N; i++) {
        s[i].sql[0] = "INSERT INTO t VALUES(1)";
        c[i].fn = script_run;
        c[i].arg = &s[i];
    }
    call_start(db, &holder);
    gate_came(&g, 1);
    point_watch("queue.queued");
    group_queue(db, c, N);
    closer k;
    close_start(db, &k);
    for (int i = 0; i < N; i++) {
        call_join(&c[i]);
        call_assert_fails(&c[i], SKEP_ECLOSED, SKEP_OUTCOME_NONE);
        ck_assert_int_eq(s[i].runs, 0);
    }
    /* The function sits outside SQL: nothing can end it, and the close does not wait for ever. */
    skep__thread_join(&k.thread);
    ck_assert_int_eq(k.rc, SKEP_ETIMEOUT);
    ck_assert_int_eq(k.err.code, SKEP_ETIMEOUT);
    gate_open(&g);
    call_join(&holder); /* and takes the memory with it */
    ck_assert_int_eq(holder.rc, 0);
    point_clear();
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), -1);
    db_close(db);
}

TEST(a_close_ends_sql_that_runs_past_its_timeout)
{
    skep_db *db = open_table(30);
    script w = {.sql = {"INSERT INTO t VALUES(1)", ENDLESS}};
    script r = {.sql = {ENDLESS}};
    gate g[2] = {{0}, {0}};
    w.first = r.first = gate_wait;
    w.ctx = &g[0];
    r.ctx = &g[1];
    call c[2] = {WRITE(w), READ(r)};
    for (int i = 0; i < 2; i++) {
        call_start(db, &c[i]);
        gate_came(&g[i], 1);
        gate_open(&g[i]);
    }
    db_close(db); /* it succeeds: all of it ended */
    call_join(&c[0]);
    call_join(&c[1]);
    call_assert_fails(&c[0], SKEP_ECLOSED, SKEP_OUTCOME_ROLLED_BACK);
    call_assert_fails(&c[1], SKEP_ECLOSED, SKEP_OUTCOME_NONE);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(a_close_waits_for_what_ends_in_time)
{
    skep_db *db = open_table(60000);
    gate g = {0};
    script w = {.sql = {"INSERT INTO t VALUES(1)"}, .last = gate_wait, .ctx = &g, .ret = 8};
    call c = WRITE(w);
    call_start(db, &c);
    gate_came(&g, 1);
    closer k;
    close_start(db, &k);
    gate_open(&g);
    call_join(&c);
    skep__thread_join(&k.thread);
    ck_assert_int_eq(k.rc, 0);
    ck_assert_int_eq(c.rc, 8);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
}

TEST(reads_that_wait_for_a_connection_are_refused_at_close)
{
    skep_db *db = open_table(60000);
    gate g = {0};
    script r = {.sql = {"SELECT count(*) FROM t"}, .first = gate_wait, .ctx = &g};
    script waits[5];
    call c[6] = {READ(r)};
    memset(waits, 0, sizeof(waits));
    call_start(db, &c[0]);
    gate_came(&g, 1);
    point_watch("db.reader_waits");
    for (int i = 1; i < 6; i++) {
        c[i] = (call)READ(waits[i - 1]);
        call_start(db, &c[i]);
        point_reached("db.reader_waits", (uint64_t)i);
    }
    closer k;
    close_start(db, &k);
    for (int i = 1; i < 6; i++) {
        call_join(&c[i]);
        call_assert_fails(&c[i], SKEP_ECLOSED, SKEP_OUTCOME_NONE);
    }
    gate_open(&g);
    call_join(&c[0]);
    ck_assert_int_eq(c[0].rc, 0);
    skep__thread_join(&k.thread);
    ck_assert_int_eq(k.rc, 0);
    point_clear();
}

typedef struct storm {
    skep_db *db;
    _Atomic uint64_t kept;
    _Atomic uint32_t workers;
} storm;

static void storm_main(size_t index, void *ctx)
{
    storm *m = ctx;
    skep__word pause = 0;
    if (index == 0) {
        while (atomic_load(&m->kept) < 50)
            (void)skep__word_wait(&pause, 0, skep__now_ns() + SKEP__NS_PER_MS);
        assert_ok(skep_db_close(m->db));
        return;
    }
    for (;;) {
        int rc = index % 3 == 0 ? SKEP_OK : db_exec(m->db, "INSERT INTO t VALUES(1)");
        script s = {.sql = {"SELECT count(*) FROM t"}};
        if (index % 3 == 0)
            rc = skep_read(m->db, script_run, &s);
        if (rc == SKEP_ECLOSED)
            break;
        ck_assert_int_eq(rc, 0);
        if (index % 3 != 0)
            atomic_fetch_add(&m->kept, 1);
    }
    if (atomic_fetch_sub(&m->workers, 1) == 1)
        skep__db_leave(m->db);
}

TEST(a_close_in_the_middle_of_traffic_loses_nothing)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = 2;
    opts.close_timeout_ms = 60000;
    storm m = {.workers = 12};
    m.db = db_open(&opts);
    db_must(m.db, "CREATE TABLE t(a)");
    /* These threads call until they are refused. So that the handle is still there for it, one call
     * more is inside until the last of them has been. */
    assert_ok(skep__db_enter(m.db));
    harness_threads(13, storm_main, &m);
    skep_db *db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), (int64_t)atomic_load(&m.kept));
    db_close(db);
}

TEST(opening_and_closing_many_times_leaves_nothing_behind)
{
    for (int i = 0; i < 50; i++) {
        skep_db *db = db_open(NULL);
        if (i == 0)
            db_must(db, "CREATE TABLE t(a)");
        db_must(db, "INSERT INTO t VALUES(1)");
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), i + 1);
        db_close(db);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(b17_calls_that_queue_at_close_are_all_answered),
    HARNESS_TEST(b17_calls_that_queue_past_the_close_timeout_are_refused),
    HARNESS_TEST(a_close_ends_sql_that_runs_past_its_timeout),
    HARNESS_TEST(a_close_waits_for_what_ends_in_time),
    HARNESS_TEST(reads_that_wait_for_a_connection_are_refused_at_close),
    HARNESS_TEST(a_close_in_the_middle_of_traffic_loses_nothing),
    HARNESS_TEST(opening_and_closing_many_times_leaves_nothing_behind),
};
const harness_suite close_suite = HARNESS_SUITE("close", tests);
