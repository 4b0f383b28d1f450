/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/inspect.h>

#include "sql/cost.h"
#include "sql/mask.h"
#include "support.h"

static const char *masked(const char *sql)
{
    static char out[4096];
    ck_assert_uint_le(SKEP__SQL_MASK_SIZE(strlen(sql)), sizeof(out));
    size_t len = skep__sql_mask(sql, strlen(sql), out);
    ck_assert_uint_eq(len, strlen(out));
    return out;
}

TEST(strings_blobs_and_numbers_are_masked)
{
    ck_assert_str_eq(masked("SELECT 'a''b', x'00ff', X'AB', 12, 1.5e+3, .5, 0x1F, 1_000"),
                     "SELECT ?, ...");
    ck_assert_str_eq(masked("SELECT * FROM t WHERE a = 'secret' AND b<-5 AND c=?"),
                     "SELECT * FROM t WHERE a = ? AND b<-? AND c=?");
}

TEST(names_and_parameters_stay)
{
    ck_assert_str_eq(masked("SELECT \"a 'b'\", [c 'd'], `e` FROM t1 WHERE x = :n AND y=@m AND z=$k "
                            "AND u=?17 AND v = NULL"),
                     "SELECT \"a 'b'\", [c 'd'], `e` FROM t1 WHERE x = :n AND y=@m AND z=$k "
                     "AND u=?17 AND v = NULL");
}

TEST(blanks_and_comments_become_one_blank)
{
    ck_assert_str_eq(masked("  SELECT\n\t1 -- 'one'\n /* 'two' */ FROM t ; ; -- end"),
                     "SELECT ? FROM t");
}

TEST(lists_of_any_length_are_one_text)
{
    ck_assert_str_eq(masked("SELECT a FROM t WHERE b IN (1, 2,3 , ?)"),
                     "SELECT a FROM t WHERE b IN (?, ...)");
    ck_assert_str_eq(masked("SELECT a FROM t WHERE b IN (7,8)"),
                     "SELECT a FROM t WHERE b IN (?, ...)");
    ck_assert_str_eq(masked("INSERT INTO t VALUES (1, a, 2, 3)"),
                     "INSERT INTO t VALUES (?, a, ?, ...)");
}

TEST(words_given_to_a_pragma_are_masked)
{
    ck_assert_str_eq(masked("PRAGMA key = hunter2"), "PRAGMA key = ?");
    ck_assert_str_eq(masked("/*x*/ pragma main.rekey(hunter2)"), "pragma main.rekey(?)");
    ck_assert_str_eq(masked("EXPLAIN QUERY PLAN PRAGMA key=\"hunter2\""),
                     "EXPLAIN QUERY PLAN PRAGMA key=?");
}

TEST(what_does_not_end_is_masked_to_the_end)
{
    ck_assert_str_eq(masked("SELECT 'abc FROM t"), "SELECT ?");
    ck_assert_str_eq(masked("SELECT \"abc FROM t"), "SELECT ?");
    ck_assert_str_eq(masked("SELECT [abc FROM t"), "SELECT ?");
    ck_assert_str_eq(masked("SELECT x'abc FROM t"), "SELECT ?");
    ck_assert_str_eq(masked("SELECT a /* FROM t"), "SELECT a");
}

/* ---- counting ---- */

typedef struct watched {
    skep__costs *costs;
    skep__conn *conn;
} watched;

static watched watch(skep_profile profile, uint64_t slow_ns)
{
    watched w = {NULL, NULL};
    skep__costs_opts opts = {profile, slow_ns, "t.db"};
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

static skep_db_statement cost_of(skep__costs *costs, const char *sql)
{
    static skep_db_statement list[SKEP_DB_STATEMENTS_MAX + 1];
    size_t n = SKEP_DB_STATEMENTS_MAX + 1;
    for (size_t i = 0; i < n; i++)
        list[i].size = sizeof(list[i]);
    assert_ok(skep__costs_list(costs, list, &n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].sql, sql) == 0)
            return list[i];
    return (skep_db_statement){0};
}

TEST(runs_rows_and_failures_are_counted_by_masked_text)
{
    watched w = watch(SKEP_PROFILE_SAMPLE, UINT64_MAX);
    assert_ok(sql_run(w.conn, "CREATE TABLE t(a INTEGER PRIMARY KEY)"));
    assert_ok(sql_run(w.conn, "INSERT INTO t VALUES (1)"));
    assert_ok(sql_run(w.conn, "INSERT INTO t VALUES (2)"));
    assert_fails(sql_run(w.conn, "INSERT INTO t VALUES (2)"), SKEP_EEXISTS);
    assert_ok(sql_run(w.conn, "SELECT a FROM t"));
    skep_db_statement insert = cost_of(w.costs, "INSERT INTO t VALUES (?)");
    ck_assert_uint_eq(insert.runs, 3);
    ck_assert_uint_eq(insert.failed, 1);
    ck_assert_uint_eq(insert.rows, 0);
    ck_assert_uint_gt(insert.total_ns, 0);
    ck_assert_uint_le(insert.worst_ns, insert.total_ns);
    ck_assert_uint_eq(cost_of(w.costs, "SELECT a FROM t").rows, 2);
    unwatch(&w);
}

TEST(every_sixteenth_run_is_timed)
{
    watched w = watch(SKEP_PROFILE_SAMPLE, UINT64_MAX);
    for (int i = 0; i < 64; i++)
        assert_ok(sql_run(w.conn, "SELECT 1"));
    /* The first, and one of each sixteen. */
    ck_assert_uint_eq(skep__hist_count(skep__costs_times(w.costs)), 5);
    unwatch(&w);
}

TEST(every_run_is_timed_with_profile_all)
{
    watched w = watch(SKEP_PROFILE_ALL, UINT64_MAX);
    for (int i = 0; i < 64; i++)
        assert_ok(sql_run(w.conn, "SELECT 1"));
    ck_assert_uint_eq(skep__hist_count(skep__costs_times(w.costs)), 64);
    ck_assert_uint_eq(cost_of(w.costs, "SELECT ?").total_ns,
                      skep__hist_sum(skep__costs_times(w.costs)));
    unwatch(&w);
}

TEST(nothing_is_counted_with_profile_off_but_what_runs_is_told)
{
    watched w = watch(SKEP_PROFILE_OFF, 1);
    char sql[SKEP_INSPECT_SQL_MAX];
    skep__running_sql(w.conn, sql, sizeof(sql));
    ck_assert_str_eq(sql, "");
    assert_ok(sql_run(w.conn, "SELECT 'secret'"));
    skep__running_sql(w.conn, sql, sizeof(sql));
    ck_assert_str_eq(sql, "SELECT ?");
    ck_assert_uint_eq(cost_of(w.costs, "SELECT ?").runs, 0);
    size_t n = 0;
    skep__costs_slow(w.costs, NULL, &n);
    ck_assert_uint_eq(n, 0);
    unwatch(&w);
}

TEST(what_a_dropped_statement_counted_stays)
{
    watched w = watch(SKEP_PROFILE_SAMPLE, UINT64_MAX);
    assert_ok(sql_run(w.conn, "SELECT 1"));
    skep__stmt_cache_clear(w.conn);
    assert_ok(sql_run(w.conn, "SELECT 1"));
    ck_assert_uint_eq(cost_of(w.costs, "SELECT ?").runs, 2);
    unwatch(&w);
}

TEST(a_statement_that_is_open_twice_counts_for_one_text)
{
    watched w = watch(SKEP_PROFILE_SAMPLE, UINT64_MAX);
    skep__stmt *a = NULL;
    skep__stmt *b = NULL;
    assert_ok(skep__stmt_borrow(w.conn, "SELECT 1", NULL, 0, &a));
    assert_ok(skep__stmt_borrow(w.conn, "SELECT 1", NULL, 0, &b));
    ck_assert_int_eq(skep__stmt_step(a), 1);
    ck_assert_int_eq(skep__stmt_step(b), 1);
    skep__stmt_return(a);
    skep__stmt_return(b);
    ck_assert_uint_eq(cost_of(w.costs, "SELECT ?").runs, 2);
    ck_assert_uint_eq(cost_of(w.costs, "SELECT ?").rows, 2);
    unwatch(&w);
}

TEST(a_run_that_is_never_stepped_is_no_run)
{
    watched w = watch(SKEP_PROFILE_SAMPLE, UINT64_MAX);
    skep__stmt *stmt = NULL;
    assert_ok(skep__stmt_borrow(w.conn, "SELECT 1", NULL, 0, &stmt));
    skep__stmt_return(stmt);
    ck_assert_uint_eq(cost_of(w.costs, "SELECT ?").runs, 0);
    unwatch(&w);
}

TEST(texts_beyond_the_limit_are_counted_together)
{
    watched w = watch(SKEP_PROFILE_SAMPLE, UINT64_MAX);
    char sql[64];
    for (int i = 0; i < SKEP_DB_STATEMENTS_MAX + 5; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT 1 AS a%d", i);
        assert_ok(sql_run(w.conn, sql));
    }
    ck_assert_uint_eq(cost_of(w.costs, "(other)").runs, 5);
    ck_assert_uint_eq(cost_of(w.costs, "SELECT ? AS a0").runs, 1);
    skep__costs_sums sums;
    skep__costs_read(w.costs, &sums);
    ck_assert_uint_eq(sums.texts, SKEP_DB_STATEMENTS_MAX);
    ck_assert_uint_eq(sums.runs, SKEP_DB_STATEMENTS_MAX + 5);
    unwatch(&w);
}

TEST(a_long_text_is_cut_between_characters)
{
    watched w = watch(SKEP_PROFILE_SAMPLE, UINT64_MAX);
    char sql[4 * SKEP_INSPECT_SQL_MAX] = "SELECT 1 AS a"; /* 13 bytes, then two for each */
    for (size_t i = 0; i < SKEP_INSPECT_SQL_MAX; i++)
        (void)snprintf(sql + 13 + 2 * i, 3, "\xc3\xa4");
    assert_ok(sql_run(w.conn, sql));
    char shown[SKEP_INSPECT_SQL_MAX];
    skep__running_sql(w.conn, shown, sizeof(shown));
    ck_assert_uint_eq(strlen(shown), SKEP_INSPECT_SQL_MAX - 1);
    skep__running_sql(w.conn, shown, sizeof(shown) - 1);
    ck_assert_uint_eq(strlen(shown), SKEP_INSPECT_SQL_MAX - 3);
    unwatch(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(strings_blobs_and_numbers_are_masked),
    HARNESS_TEST(names_and_parameters_stay),
    HARNESS_TEST(blanks_and_comments_become_one_blank),
    HARNESS_TEST(lists_of_any_length_are_one_text),
    HARNESS_TEST(words_given_to_a_pragma_are_masked),
    HARNESS_TEST(what_does_not_end_is_masked_to_the_end),
    HARNESS_TEST(runs_rows_and_failures_are_counted_by_masked_text),
    HARNESS_TEST(every_sixteenth_run_is_timed),
    HARNESS_TEST(every_run_is_timed_with_profile_all),
    HARNESS_TEST(nothing_is_counted_with_profile_off_but_what_runs_is_told),
    HARNESS_TEST(what_a_dropped_statement_counted_stays),
    HARNESS_TEST(a_statement_that_is_open_twice_counts_for_one_text),
    HARNESS_TEST(a_run_that_is_never_stepped_is_no_run),
    HARNESS_TEST(texts_beyond_the_limit_are_counted_together),
    HARNESS_TEST(a_long_text_is_cut_between_characters),
};
const harness_suite cost_suite = HARNESS_SUITE("cost", tests);
