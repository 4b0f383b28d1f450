/* SPDX-License-Identifier: MIT */
/* Statements: the cache, what may follow them, their parameters. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static skep__stmt *borrow(skep__conn *conn, const char *sql)
{
    skep__stmt *stmt = NULL;
    assert_ok(skep__stmt_borrow(conn, sql, NULL, 0, &stmt));
    return stmt;
}

TEST(the_same_address_gives_the_same_statement)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    const char *sql = "SELECT 1";
    skep__stmt *first = borrow(conn, sql);
    skep__stmt_return(first);
    skep__stmt *again = borrow(conn, sql);
    ck_assert_ptr_eq(first, again);
    skep__stmt_return(again);
    ck_assert_uint_eq(conn->cache.count, 1);
    sql_close(conn);
}

TEST(the_same_text_elsewhere_gives_the_same_statement)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    char here[] = "SELECT 1";
    char there[] = "SELECT 1";
    skep__stmt *first = borrow(conn, here);
    skep__stmt_return(first);
    skep__stmt *again = borrow(conn, there);
    ck_assert_ptr_eq(first, again);
    skep__stmt_return(again);
    ck_assert_uint_eq(conn->cache.count, 1);
    sql_close(conn);
}

TEST(the_same_address_with_another_text_gives_another_statement)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    char sql[32] = "SELECT 1";
    ck_assert_int_eq(sql_number(conn, sql), 1);
    (void)snprintf(sql, sizeof(sql), "SELECT 2");
    ck_assert_int_eq(sql_number(conn, sql), 2);
    (void)snprintf(sql, sizeof(sql), "SELECT 22");
    ck_assert_int_eq(sql_number(conn, sql), 22);
    (void)snprintf(sql, sizeof(sql), "SELECT 1");
    ck_assert_int_eq(sql_number(conn, sql), 1);
    ck_assert_uint_eq(conn->cache.count, 3);
    sql_close(conn);
}

TEST(a_statement_in_use_is_lent_a_second_time_as_another)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    static const char sql[] = "WITH n(i) AS (VALUES(1),(2),(3)) SELECT i FROM n";
    const skep__driver *d = conn->driver;
    skep__stmt *outer = borrow(conn, sql);
    int64_t sum = 0;
    while (assert_ok(d->step(outer)) > 0) {
        skep__stmt *inner = borrow(conn, sql);
        ck_assert_ptr_ne(inner, outer);
        while (assert_ok(d->step(inner)) > 0)
            sum += 10 * d->column_int(outer, 0) + d->column_int(inner, 0);
        skep__stmt_return(inner);
    }
    skep__stmt_return(outer);
    ck_assert_int_eq(sum, 10 * 3 * 6 + 3 * 6);
    ck_assert_uint_eq(conn->cache.count, 1); /* the second one did not stay */
    sql_close(conn);
}

TEST(the_cache_keeps_what_is_used_and_drops_the_rest)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    static const char favourite[] = "SELECT 'favourite'";
    skep__stmt *first = borrow(conn, favourite);
    skep__stmt_return(first);
    char sql[64];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT %d", i);
        ck_assert_int_eq(sql_number(conn, sql), i);
        skep__stmt *again = borrow(conn, favourite);
        ck_assert(again == first && again->used);
        skep__stmt_return(again);
        ck_assert_uint_le(conn->cache.count, SKEP__SQL_CACHE_STATEMENTS);
    }
    ck_assert_uint_eq(conn->cache.count, SKEP__SQL_CACHE_STATEMENTS);
    sql_close(conn);
}

TEST(statements_in_use_are_never_dropped)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    enum { LENT = SKEP__SQL_CACHE_STATEMENTS + 20 };
    skep__stmt *lent[LENT];
    char sql[64];
    for (int i = 0; i < LENT; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT %d", i);
        lent[i] = borrow(conn, sql);
    }
    for (int i = 0; i < LENT; i++) {
        ck_assert_int_eq(assert_ok(conn->driver->step(lent[i])), 1);
        ck_assert_int_eq(conn->driver->column_int(lent[i], 0), i);
    }
    ck_assert_uint_eq(conn->cache.count, SKEP__SQL_CACHE_STATEMENTS);
    for (int i = 0; i < LENT; i++)
        skep__stmt_return(lent[i]);
    for (int i = 0; i < LENT; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT %d", i);
        ck_assert_int_eq(sql_number(conn, sql), i);
    }
    sql_close(conn);
}

TEST(a_random_use_of_the_cache_always_gives_the_right_statement)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    static char texts[300][32];
    rng r = rng_of(harness_seed());
    uint64_t steps = harness_size(SIZE_MODEL_STEPS);
    int64_t content[300] = {0};
    for (int i = 0; i < 300; i++)
        (void)snprintf(texts[i], sizeof(texts[i]), "SELECT %d", 0);
    for (uint64_t s = 0; s < steps; s++) {
        size_t i = (size_t)rng_below(&r, rng_below(&r, 2) == 0 ? 300 : 20);
        if (rng_below(&r, 8) == 0) {
            content[i] = (int64_t)rng_below(&r, 400);
            (void)snprintf(texts[i], sizeof(texts[i]), "SELECT %d", (int)content[i]);
        }
        ck_assert_int_eq(sql_number(conn, texts[i]), content[i]);
    }
    sql_close(conn);
}

TEST(a_cached_statement_survives_a_change_of_the_schema)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    skep__conn *other = sql_open(SKEP__CONN_WRITER);
    static const char sql[] = "SELECT * FROM t";
    assert_ok(sql_run(conn, "CREATE TABLE t(a)"));
    assert_ok(sql_run(conn, "INSERT INTO t VALUES(1)"));
    ck_assert_int_eq(sql_number(conn, sql), 1);
    assert_ok(sql_run(other, "ALTER TABLE t ADD COLUMN b DEFAULT 2"));
    skep__stmt *stmt = borrow(conn, sql);
    ck_assert_int_eq(assert_ok(conn->driver->step(stmt)), 1);
    ck_assert_int_eq(conn->driver->columns(stmt), 2);
    ck_assert_str_eq(conn->driver->column_name(stmt, 1), "b");
    skep__stmt_return(stmt);
    sql_close(other);
    sql_close(conn);
}

/* ---- what may follow a statement ---- */

TEST(blanks_semicolons_and_comments_may_follow_a_statement)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    static const char *const fine[] = {
        "SELECT 7;",
        "SELECT 7 ; ;; ",
        "SELECT 7 -- that is all",
        "SELECT 7; -- all\n",
        "SELECT 7; /* all; SELECT 8 */ ;\n",
        "  \n-- first\nSELECT 7",
        "/* first */ SELECT 7 /* open",
    };
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        ck_assert_int_eq(sql_number(conn, fine[i]), 7);
    sql_close(conn);
}

TEST(a_second_statement_or_any_other_text_is_refused)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    static const char *const bad[] = {
        "SELECT 7; SELECT 8",
        "SELECT 7; rubbish",
        "CREATE TABLE t(a); DROP TABLE t",
        "SELECT 7; -- comment\n SELECT 8;",
        "SELECT 7;;;x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_fails(sql_run(conn, bad[i]), SKEP_EINVALID);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "after the first statement"));
    }
    ck_assert_int_eq(sql_number(conn, "SELECT count(*) FROM sqlite_schema"), 0);
    sql_close(conn);
}

TEST(a_text_without_a_statement_is_refused)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    static const char *const bad[] = {"", "   ", ";", "-- nothing", "/* nothing */", ";;"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(sql_run(conn, bad[i]), SKEP_EINVALID);
    ck_assert_uint_eq(conn->cache.count, 0);
    sql_close(conn);
}

TEST(text_up_to_the_limit_runs_and_longer_is_refused)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    char *sql = malloc(SKEP__SQL_TEXT_MAX + 2);
    ck_assert_ptr_nonnull(sql);
    memset(sql, ' ', SKEP__SQL_TEXT_MAX + 1);
    memcpy(sql, "SELECT 3", 8);
    sql[SKEP__SQL_TEXT_MAX] = '\0';
    ck_assert_int_eq(sql_number(conn, sql), 3);
    sql[SKEP__SQL_TEXT_MAX] = ' ';
    sql[SKEP__SQL_TEXT_MAX + 1] = '\0';
    assert_fails(sql_run(conn, sql), SKEP_ELIMIT);
    free(sql);
    sql_close(conn);
}

/* ---- parameters ---- */

TEST(as_many_values_as_parameters_no_more_and_no_fewer)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    const skep_value v[3] = {skep_int(1), skep_int(2), skep_int(3)};
    assert_ok(sql_run_v(conn, "SELECT ?, ?", v, 2));
    assert_fails(sql_run_v(conn, "SELECT ?, ?", v, 1), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "2 parameters, 1 values"));
    assert_fails(sql_run_v(conn, "SELECT ?, ?", v, 3), SKEP_EINVALID);
    assert_fails(sql_run_v(conn, "SELECT ?, ?", NULL, 0), SKEP_EINVALID);
    assert_fails(sql_run_v(conn, "SELECT 1", v, 1), SKEP_EINVALID);
    assert_ok(sql_run_v(conn, "SELECT ?2, ?1, ?2", v, 2)); /* by number: two of them */
    assert_ok(sql_run_v(conn, "SELECT :a, @b, $c", v, 3));
    sql_close(conn);
}

TEST(a_statement_has_as_many_parameters_as_the_limit_says)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    skep_value *v = calloc(SKEP_DB_VALUES_MAX, sizeof(*v));
    ck_assert_ptr_nonnull(v);
    assert_ok(sql_run_v(conn, "SELECT ?250000", v, SKEP_DB_VALUES_MAX));
    assert_fails(sql_run_v(conn, "SELECT ?250001", v, SKEP_DB_VALUES_MAX), SKEP_EINVALID);
    free(v);
    sql_close(conn);
}

TEST(a_statement_given_back_in_the_middle_starts_anew)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    static const char sql[] = "WITH n(i) AS (VALUES(1),(2),(3)) SELECT i FROM n WHERE i >= ?";
    const skep__driver *d = conn->driver;
    const skep_value two = skep_int(2);
    for (int round = 0; round < 3; round++) {
        skep__stmt *stmt = NULL;
        assert_ok(skep__stmt_borrow(conn, sql, &two, 1, &stmt));
        ck_assert_int_eq(assert_ok(d->step(stmt)), 1);
        ck_assert_int_eq(d->column_int(stmt, 0), 2);
        skep__stmt_return(stmt);
    }
    assert_ok(sql_run(conn, "CREATE TABLE t(a)")); /* no reader is left open */
    sql_close(conn);
}

static const harness_test tests[] = {
    HARNESS_TEST(the_same_address_gives_the_same_statement),
    HARNESS_TEST(the_same_text_elsewhere_gives_the_same_statement),
    HARNESS_TEST(the_same_address_with_another_text_gives_another_statement),
    HARNESS_TEST(a_statement_in_use_is_lent_a_second_time_as_another),
    HARNESS_TEST(the_cache_keeps_what_is_used_and_drops_the_rest),
    HARNESS_TEST(statements_in_use_are_never_dropped),
    HARNESS_TEST(a_random_use_of_the_cache_always_gives_the_right_statement),
    HARNESS_TEST(a_cached_statement_survives_a_change_of_the_schema),
    HARNESS_TEST(blanks_semicolons_and_comments_may_follow_a_statement),
    HARNESS_TEST(a_second_statement_or_any_other_text_is_refused),
    HARNESS_TEST(a_text_without_a_statement_is_refused),
    HARNESS_TEST(text_up_to_the_limit_runs_and_longer_is_refused),
    HARNESS_TEST(as_many_values_as_parameters_no_more_and_no_fewer),
    HARNESS_TEST(a_statement_has_as_many_parameters_as_the_limit_says),
    HARNESS_TEST(a_statement_given_back_in_the_middle_starts_anew),
};
const harness_suite stmt_suite = HARNESS_SUITE("stmt", tests);
