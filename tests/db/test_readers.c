/* SPDX-License-Identifier: MIT */
/* Reads: snapshots, the limit on connections, the line that waits for one. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "harness/points.h"

#include "support.h"

static skep_db *open_with_readers(uint32_t readers, int64_t read_wait_ms)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = readers;
    opts.read_wait_ms = read_wait_ms;
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(1)");
    return db;
}

static skep_db_stats stats_of(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats;
}

static skep_call_opts with(uint32_t flags, int64_t timeout_ms, skep_cancel *cancel)
{
    return (skep_call_opts){
        .size = sizeof(skep_call_opts), .flags = flags, .timeout_ms = timeout_ms, .cancel = cancel};
}

TEST(writing_in_a_read_is_readonly)
{
    static const char *const writes[] = {
        "INSERT INTO t VALUES(2)",
        "UPDATE t SET a = 2",
        "DELETE FROM t",
        "CREATE TABLE u(a)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN b",
        "PRAGMA user_version=3",
        "ANALYZE",
    };
    skep_db *db = open_with_readers(2, 1000);
    for (size_t i = 0; i < LENGTH(writes); i++) {
        script s = {.sql = {writes[i]}};
        skep_call_opts single = with(SKEP_CALL_SINGLE, 0, NULL);
        assert_fails_with(skep_read(db, script_run, &s), SKEP_EREADONLY, SKEP_OUTCOME_NONE);
        assert_fails(skep_read_with(db, script_run, &s, &single), SKEP_EREADONLY);
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
}

typedef struct two_looks {
    int64_t first;
    int64_t second;
    int64_t third;
    gate *g;
} two_looks;

static int64_t look(skep_tx *tx)
{
    skep_rows *rows = NULL;
    assert_ok(skep_query(tx, &rows, "SELECT sum(a) FROM t"));
    ck_assert_int_eq(skep_next(rows), 1);
    int64_t sum = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return sum;
}

static int look_twice(skep_tx *tx, void *arg)
{
    two_looks *l = arg;
    l->first = look(tx);
    gate_wait(l->g);
    l->second = look(tx);
    l->third = look(tx);
    return 0;
}

TEST(a_read_sees_one_commit_however_often_it_looks)
{
    skep_db *db = open_with_readers(2, 1000);
    gate g = {0};
    two_looks l = {.g = &g};
    call c = {.fn = look_twice, .arg = &l, .reads = true};
    call_start(db, &c);
    gate_came(&g, 1);
    for (int i = 0; i < 20; i++)
        db_must(db, "INSERT INTO t VALUES(1)");
    gate_open(&g);
    call_join(&c);
    ck_assert_int_eq(l.first, 1);
    ck_assert_int_eq(l.second, 1);
    ck_assert_int_eq(l.third, 1);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 21);
    db_close(db);
}

TEST(a_read_that_starts_after_an_answer_sees_its_write)
{
    skep_db *db = open_with_readers(3, 1000);
    for (int i = 0; i < 200; i++) {
        db_must(db, "UPDATE t SET a = a + 1");
        ck_assert_int_eq(db_number(db, "SELECT a FROM t"), i + 2);
    }
    db_close(db);
}

static void short_reads(size_t index, void *ctx)
{
    (void)index;
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(db_number(ctx, "SELECT a FROM t"), 1);
}

TEST(no_more_connections_than_the_limit_are_opened)
{
    skep_db *db = open_with_readers(3, 60000);
    ck_assert_uint_eq(stats_of(db).readers_open, 0); /* as needed */
    harness_threads(24, short_reads, db);
    skep_db_stats stats = stats_of(db);
    ck_assert_uint_le(stats.readers_open, 3);
    ck_assert_uint_ge(stats.readers_open, 1);
    ck_assert_uint_eq(stats.readers_busy, 0);
    ck_assert_uint_eq(stats.reads, 24 * 50);
    db_close(db);
}

TEST(threads_that_come_and_go_use_the_same_connection)
{
    skep_db *db = open_with_readers(8, 1000);
    for (int i = 0; i < 20; i++) {
        script s = {.sql = {"SELECT a FROM t"}};
        call c = READ(s);
        call_start(db, &c);
        call_join(&c);
        ck_assert_int_eq(c.rc, 0);
    }
    ck_assert_uint_eq(stats_of(db).readers_open, 1);
    db_close(db);
}

/* ---- the line ---- */

typedef struct held_read {
    script s;
    call c;
    gate g;
} held_read;

static void hold(skep_db *db, held_read *h)
{
    memset(h, 0, sizeof(*h));
    h->s.first = gate_wait;
    h->s.ctx = &h->g;
    h->c = (call)READ(h->s);
    call_start(db, &h->c);
    gate_came(&h->g, 1);
}

static void let_go(held_read *h)
{
    gate_open(&h->g);
    call_join(&h->c);
    ck_assert_int_eq(h->c.rc, 0);
}

typedef struct numbered {
    int id;
    struct order *order;
} numbered;
typedef struct order {
    _Atomic int count;
    int id[32];
} order;

static int note_order(skep_tx *tx, void *arg)
{
    const numbered *n = arg;
    (void)tx;
    n->order->id[atomic_fetch_add(&n->order->count, 1)] = n->id;
    return 0;
}

TEST(waiting_reads_are_served_in_the_order_in_which_they_came)
{
    enum { WAITING = 16 };
    skep_db *db = open_with_readers(1, 60000);
    held_read h;
    order o = {0};
    numbered n[WAITING];
    call c[WAITING];
    memset(c, 0, sizeof(c));
    hold(db, &h);
    point_watch("db.reader_waits");
    for (int i = 0; i < WAITING; i++) {
        n[i] = (numbered){.id = i, .order = &o};
        c[i] = (call){.fn = note_order, .arg = &n[i], .reads = true};
        call_start(db, &c[i]);
        point_reached("db.reader_waits", (uint64_t)i + 1);
    }
    let_go(&h);
    for (int i = 0; i < WAITING; i++)
        call_join(&c[i]);
    for (int i = 0; i < WAITING; i++)
        ck_assert_int_eq(o.id[i], i);
    point_clear();
    db_close(db);
}

TEST(the_wait_for_a_reader_ends_at_read_wait)
{
    skep_db *db = open_with_readers(1, 20);
    held_read h;
    script s = {0};
    hold(db, &h);
    assert_fails_with(skep_read(db, script_run, &s), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "1 readers"));
    let_go(&h);
    assert_ok(skep_read(db, script_run, &s));
    db_close(db);
}

TEST(the_wait_for_a_reader_ends_at_the_deadline_of_the_call)
{
    skep_db *db = open_with_readers(1, 60000);
    held_read h;
    script s = {0};
    skep_call_opts opts = with(0, 20, NULL);
    hold(db, &h);
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_ETIMEOUT);
    let_go(&h);
    assert_ok(skep_read_with(db, script_run, &s, &opts));
    db_close(db);
}

TEST(a_patient_read_waits_longer_than_read_wait)
{
    skep_db *db = open_with_readers(1, 1);
    held_read h;
    script s = {.ret = 3};
    call c = READ(s);
    c.opts = with(0, -1, NULL);
    hold(db, &h);
    point_watch("db.reader_waits");
    call_start(db, &c);
    point_reached("db.reader_waits", 1);
    for (int i = 0; i < 3; i++) /* each of these waits out its time */
        assert_fails(skep_read(db, script_run, &(script){0}), SKEP_ETIMEOUT);
    ck_assert(!atomic_load(&c.done));
    let_go(&h);
    call_join(&c);
    ck_assert_int_eq(c.rc, 3);
    point_clear();
    db_close(db);
}

TEST(a_cancel_ends_the_wait_for_a_reader)
{
    skep_db *db = open_with_readers(1, 60000);
    held_read h;
    skep_cancel *cancel = NULL;
    script s[3] = {{.ret = 0}, {.ret = 1}, {.ret = 2}};
    call c[3] = {READ(s[0]), READ(s[1]), READ(s[2])};
    assert_ok(skep_cancel_new(&cancel));
    c[1].opts = with(0, 0, cancel); /* in the middle of the line */
    hold(db, &h);
    point_watch("db.reader_waits");
    for (int i = 0; i < 3; i++) {
        call_start(db, &c[i]);
        point_reached("db.reader_waits", (uint64_t)i + 1);
    }
    skep_cancel_fire(cancel);
    call_join(&c[1]);
    call_assert_fails(&c[1], SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(s[1].runs, 0);
    let_go(&h);
    call_join(&c[0]);
    call_join(&c[2]);
    ck_assert_int_eq(c[0].rc, 0);
    ck_assert_int_eq(c[2].rc, 2);
    skep_cancel_free(cancel);
    point_clear();
    db_close(db);
}

TEST(a_file_that_was_replaced_is_noticed_before_another_connection_opens)
{
    skep_db *db = open_with_readers(2, 1000);
    held_read h;
    script s = {.sql = {"SELECT a FROM t"}};
    hold(db, &h); /* it has the file that was there at the start */
    ck_assert_int_eq(rename(harness_path("t.db"), harness_path("moved.db")), 0);
    harness_write_file(harness_path("t.db"), "", 0);
    for (int i = 0; i < 5; i++) { /* the failure gives its place back */
        assert_fails(skep_read(db, script_run, &s), SKEP_ECORRUPT);
        ck_assert_uint_eq(stats_of(db).readers_open, 1);
    }
    ck_assert_int_eq(rename(harness_path("moved.db"), harness_path("t.db")), 0);
    assert_ok(skep_read(db, script_run, &s));
    ck_assert_uint_eq(stats_of(db).readers_open, 2);
    let_go(&h);
    db_close(db);
}

/* ---- the end of a read's SQL ---- */

#define ENDLESS                                                                                    \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

static void fire(void *ctx)
{
    skep_cancel_fire(ctx);
}

TEST(a_deadline_or_a_cancel_ends_the_sql_of_a_read)
{
    skep_db *db = open_with_readers(1, 1000);
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    script late = {.sql = {ENDLESS}};
    skep_call_opts opts = with(0, 20, NULL);
    assert_fails(skep_read_with(db, script_run, &late, &opts), SKEP_ETIMEOUT);
    script cancelled = {.sql = {ENDLESS}, .first = fire, .ctx = cancel};
    opts = with(SKEP_CALL_SINGLE, 0, cancel);
    assert_fails(skep_read_with(db, script_run, &cancelled, &opts), SKEP_ECANCELLED);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1); /* the connection is as good as before */
    ck_assert_uint_eq(stats_of(db).readers_open, 1);
    skep_cancel_free(cancel);
    db_close(db);
}

/* ---- single ---- */

static int two_statements(skep_tx *tx, void *arg)
{
    int *second = arg;
    SKEP__TRY(skep_exec(tx, "SELECT 1"));
    *second = skep_exec(tx, "SELECT 2");
    return *second;
}

TEST(a_second_statement_in_a_single_read_is_misuse)
{
    skep_db *db = open_with_readers(1, 1000);
    skep_call_opts opts = with(SKEP_CALL_SINGLE, 0, NULL);
    int second = 0;
    assert_fails(skep_read_with(db, two_statements, &second, &opts), SKEP_EMISUSE);
    ck_assert_int_eq(second, SKEP_EMISUSE);
    assert_ok(skep_read(db, two_statements, &second));
    script one = {.sql = {"SELECT a FROM t"}, .ret = 6};
    ck_assert_int_eq(assert_ok(skep_read_with(db, script_run, &one, &opts)), 6);
    db_close(db);
}

TEST(a_single_read_leaves_no_snapshot_behind)
{
    skep_db *db = open_with_readers(1, 1000);
    skep_call_opts opts = with(SKEP_CALL_SINGLE, 0, NULL);
    script one = {.sql = {"SELECT a FROM t"}};
    uint64_t left = 99;
    assert_ok(skep_read_with(db, script_run, &one, &opts));
    db_must(db, "INSERT INTO t VALUES(1)");
    assert_ok(skep_db_checkpoint_pass(db, 1, &left));
    ck_assert_uint_eq(left, 0);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(writing_in_a_read_is_readonly),
    HARNESS_TEST(a_read_sees_one_commit_however_often_it_looks),
    HARNESS_TEST(a_read_that_starts_after_an_answer_sees_its_write),
    HARNESS_TEST(no_more_connections_than_the_limit_are_opened),
    HARNESS_TEST(threads_that_come_and_go_use_the_same_connection),
    HARNESS_TEST(waiting_reads_are_served_in_the_order_in_which_they_came),
    HARNESS_TEST(the_wait_for_a_reader_ends_at_read_wait),
    HARNESS_TEST(the_wait_for_a_reader_ends_at_the_deadline_of_the_call),
    HARNESS_TEST(a_patient_read_waits_longer_than_read_wait),
    HARNESS_TEST(a_cancel_ends_the_wait_for_a_reader),
    HARNESS_TEST(a_file_that_was_replaced_is_noticed_before_another_connection_opens),
    HARNESS_TEST(a_deadline_or_a_cancel_ends_the_sql_of_a_read),
    HARNESS_TEST(a_second_statement_in_a_single_read_is_misuse),
    HARNESS_TEST(a_single_read_leaves_no_snapshot_behind),
};
const harness_suite readers_suite = HARNESS_SUITE("readers", tests);
