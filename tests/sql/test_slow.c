/* SPDX-License-Identifier: MIT */
/* With a limit of one nanosecond every run is slow. What is told of it has no values (G03). */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include <skep/event.h>
#include <skep/inspect.h>

#include "base/event.h"
#include "sql/cost.h"
#include "support.h"

typedef struct watched {
    skep__costs *costs;
    skep__conn *conn;
} watched;

static watched watch_all(void)
{
    watched w = {NULL, NULL};
    skep__costs_opts opts = {SKEP_PROFILE_SAMPLE, 1, "t.db"};
    assert_ok(skep__costs_new(&opts, &w.costs));
    skep__conn_opts conn = sql_opts(SKEP__CONN_WRITER);
    conn.costs = w.costs;
    assert_ok(skep__conn_open(&skep__sqlite_driver, &conn, &w.conn));
    return w;
}

static void unwatch(watched *w)
{
    sql_close(w->conn);
    skep__costs_free(w->costs);
}

static skep_db_slow newest(const watched *w)
{
    skep_db_slow slow = {.size = sizeof(slow)};
    size_t n = 1;
    skep__costs_slow(w->costs, &slow, &n);
    ck_assert_uint_ge(n, 1);
    ck_assert_uint_eq(slow.size, sizeof(slow));
    return slow;
}

TEST(a_slow_run_is_remembered_with_what_it_did)
{
    watched w = watch_all();
    assert_ok(sql_run(w.conn, "SELECT 'canary' UNION ALL SELECT 2"));
    skep_db_slow slow = newest(&w);
    ck_assert_str_eq(slow.sql, "SELECT ? UNION ALL SELECT ?");
    ck_assert_uint_eq(slow.rows, 2);
    ck_assert_int_eq(slow.rc, 0);
    ck_assert_uint_eq(slow.writing, 1);
    ck_assert_uint_gt(slow.took_ns, 0);
    ck_assert_uint_gt(slow.thread, 0);
    ck_assert_int_gt(slow.at_us, 0);
    unwatch(&w);
}

TEST(a_slow_run_that_fails_tells_its_code)
{
    watched w = watch_all();
    assert_ok(sql_run(w.conn, "CREATE TABLE t(a PRIMARY KEY)"));
    assert_ok(sql_run(w.conn, "INSERT INTO t VALUES (1)"));
    assert_fails(sql_run(w.conn, "INSERT INTO t VALUES (1)"), SKEP_EEXISTS);
    ck_assert_int_eq(newest(&w).rc, SKEP_EEXISTS);
    unwatch(&w);
}

TEST(values_are_told_by_type_and_size)
{
    watched w = watch_all();
    const skep_value v[] = {skep_int(77), skep_text("canary"),    skep_null(),
                            skep_real(1), skep_blob("canary", 6), skep_bool(1)};
    assert_ok(sql_run_v(w.conn, "SELECT ?,?,?,?,?,?", v, 6));
    skep_db_slow slow = newest(&w);
    ck_assert_str_eq(slow.values, "int,text(6),null,real,blob(6),bool");
    ck_assert_uint_eq(slow.values_count, 6);
    ck_assert_str_eq(slow.sql, "SELECT ?, ...");
    unwatch(&w);
}

TEST(the_values_of_the_run_before_are_not_told)
{
    watched w = watch_all();
    const skep_value v[] = {skep_text("canary")};
    assert_ok(sql_run_v(w.conn, "SELECT ?", v, 1));
    const skep_value other[] = {skep_int(1)};
    assert_ok(sql_run_v(w.conn, "SELECT ?", other, 1));
    ck_assert_str_eq(newest(&w).values, "int");
    assert_ok(sql_run(w.conn, "SELECT 1"));
    ck_assert_str_eq(newest(&w).values, "");
    unwatch(&w);
}

TEST(many_values_are_cut)
{
    watched w = watch_all();
    char sql[200] = "SELECT ?";
    skep_value v[SKEP__SQL_SLOW_VALUES + 1];
    for (size_t i = 0; i < SKEP__SQL_SLOW_VALUES; i++)
        (void)snprintf(sql + 8 + 2 * i, sizeof(sql) - 8 - 2 * i, ",?");
    for (size_t i = 0; i <= SKEP__SQL_SLOW_VALUES; i++)
        v[i] = skep_int(1);
    assert_ok(sql_run_v(w.conn, sql, v, SKEP__SQL_SLOW_VALUES + 1));
    skep_db_slow slow = newest(&w);
    ck_assert_uint_eq(slow.values_count, SKEP__SQL_SLOW_VALUES + 1);
    ck_assert_str_eq(slow.values + strlen(slow.values) - 8, ",int,...");
    for (size_t i = 0; i <= SKEP__SQL_SLOW_VALUES; i++)
        v[i] = skep_text_slice(skep_slice_of("aaaaaaaaaaaaaaa", 12));
    assert_ok(sql_run_v(w.conn, sql, v, SKEP__SQL_SLOW_VALUES + 1));
    slow = newest(&w);
    ck_assert_uint_lt(strlen(slow.values), sizeof(slow.values));
    ck_assert_str_eq(slow.values + strlen(slow.values) - 13, ",text(12),...");
    unwatch(&w);
}

TEST(the_newest_runs_are_kept_and_come_first)
{
    watched w = watch_all();
    static skep_db_slow list[SKEP_DB_SLOW_MAX];
    char sql[64];
    for (int i = 0; i < SKEP_DB_SLOW_MAX + 3; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT 1 AS a%d", i);
        assert_ok(sql_run(w.conn, sql));
    }
    size_t n = SKEP_DB_SLOW_MAX;
    skep__costs_slow(w.costs, list, &n);
    ck_assert_uint_eq(n, SKEP_DB_SLOW_MAX);
    for (int i = 0; i < SKEP_DB_SLOW_MAX; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT ? AS a%d", SKEP_DB_SLOW_MAX + 2 - i);
        ck_assert_str_eq(list[i].sql, sql);
    }
    skep__costs_sums sums;
    skep__costs_read(w.costs, &sums);
    ck_assert_uint_eq(sums.slow, SKEP_DB_SLOW_MAX + 3);
    unwatch(&w);
}

TEST(slow_runs_are_known_exactly)
{
    watched w = watch_all();
    for (int i = 0; i < 50; i++)
        assert_ok(sql_run(w.conn, "SELECT 1"));
    static skep_db_slow list[SKEP_DB_SLOW_MAX];
    size_t n = SKEP_DB_SLOW_MAX;
    skep__costs_slow(w.costs, list, &n);
    uint64_t worst = 0;
    for (size_t i = 0; i < n; i++)
        worst = list[i].took_ns > worst ? list[i].took_ns : worst;
    skep_db_statement cost = {.size = sizeof(cost)};
    size_t one = 1;
    assert_ok(skep__costs_list(w.costs, &cost, &one));
    ck_assert_uint_eq(cost.runs, 50);
    ck_assert_uint_le(cost.worst_ns, worst); /* of a timed run only the steps count */
    ck_assert_uint_gt(cost.worst_ns, 0);
    unwatch(&w);
}

/* ---- events ---- */

typedef struct heard {
    uint64_t events;
    int64_t not_told;
    bool canary;
} heard;

static void hear(const skep_event *event, void *ctx)
{
    heard *h = ctx;
    ck_assert_str_eq(event->name, "db.slow_statement");
    h->events++;
    for (size_t i = 0; i < event->field_count; i++) {
        const skep_value *v = &event->fields[i].value;
        if (strcmp(event->fields[i].key, "not_told") == 0)
            h->not_told += v->u.i;
        if (v->type == SKEP_TEXT)
            h->canary |= memmem(v->u.s.data, v->u.s.len, "canary", 6) != NULL;
    }
}

TEST(an_event_tells_of_slow_runs_and_a_flood_is_cut) /* G08 */
{
    heard h = {0};
    watched w = watch_all();
    skep_set_event_sink(hear, &h, SKEP_WARNING);
    const skep_value v[] = {skep_text("canary")};
    enum { RUNS = 2000 };
    for (int i = 0; i < RUNS; i++)
        assert_ok(sql_run_v(w.conn, "SELECT ?, 'canary'", v, 1));
    skep_set_event_sink(NULL, NULL, SKEP_WARNING);
    ck_assert_uint_ge(h.events, SKEP__SQL_SLOW_EVENTS);
    ck_assert(!h.canary);
    /* However long that took, most were cut unless it took minutes. */
    skep__costs_sums sums;
    skep__costs_read(w.costs, &sums);
    ck_assert_uint_eq(sums.slow, RUNS);
    ck_assert_uint_le(h.events + (uint64_t)h.not_told, RUNS);
    unwatch(&w);
}

TEST(a_limit_lets_so_many_pass_and_counts_the_rest)
{
    skep__event_limit limit = {.second = 1}; /* long ago */
    uint64_t dropped = 0;
    uint64_t passed = 0;
    uint64_t told = 0;
    for (int i = 0; i < 1000; i++) {
        if (!skep__event_pass(&limit, 3, &dropped))
            continue;
        passed++;
        told += dropped;
    }
    ck_assert_uint_ge(passed, 3);
    ck_assert_uint_eq(passed + told + limit.dropped, 1000);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_slow_run_is_remembered_with_what_it_did),
    HARNESS_TEST(a_slow_run_that_fails_tells_its_code),
    HARNESS_TEST(values_are_told_by_type_and_size),
    HARNESS_TEST(the_values_of_the_run_before_are_not_told),
    HARNESS_TEST(many_values_are_cut),
    HARNESS_TEST(the_newest_runs_are_kept_and_come_first),
    HARNESS_TEST(slow_runs_are_known_exactly),
    HARNESS_TEST(an_event_tells_of_slow_runs_and_a_flood_is_cut),
    HARNESS_TEST(a_limit_lets_so_many_pass_and_counts_the_rest),
};
const harness_suite slow_suite = HARNESS_SUITE("slow", tests);
