/* SPDX-License-Identifier: MIT */
/* What statements cost and which were slow, as an application asks for it. */
#include "suites.h"

#include <string.h>

#include <skep/inspect.h>

#include "support.h"

/* Some milliseconds of work, on any machine. */
#define LONG_SQL                                                                                   \
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<200000) "                \
    "SELECT max(i) FROM c"
#define LONG_MASKED                                                                                \
    "WITH RECURSIVE c(i) AS (SELECT ? UNION ALL SELECT i+? FROM c WHERE i<?) SELECT max(i) FROM c"

static size_t list_costs(skep_db *db, skep_db_statement *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        list[i].size = sizeof(list[i]);
    assert_ok(skep_db_statements(db, list, &n));
    return n;
}

static skep_db_statement cost_of(skep_db *db, const char *sql)
{
    static skep_db_statement list[64];
    size_t n = list_costs(db, list, 64);
    for (size_t i = 0; i < n && i < 64; i++)
        if (strcmp(list[i].sql, sql) == 0)
            return list[i];
    return (skep_db_statement){0};
}

TEST(statements_of_all_connections_are_added_up)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a)");
    for (int i = 0; i < 5; i++)
        db_must(db, "INSERT INTO t VALUES('canary')");
    script again = {.sql = {"SELECT a FROM t"}};
    assert_ok(skep_write(db, script_run, &again));
    assert_ok(skep_read(db, script_run, &again));
    skep_db_statement insert = cost_of(db, "INSERT INTO t VALUES(?)");
    ck_assert_uint_eq(insert.runs, 5);
    ck_assert_uint_eq(insert.failed, 0);
    skep_db_statement select = cost_of(db, "SELECT a FROM t");
    ck_assert_uint_eq(select.runs, 2);
    ck_assert_uint_eq(select.rows, 10);
    db_close(db);
}

TEST(the_most_expensive_come_first_and_the_list_may_be_short)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.profile = SKEP_PROFILE_ALL;
    skep_db *db = db_open_still(&opts);
    ck_assert_int_eq(db_number(db, "SELECT 1"), 1);
    ck_assert_int_eq(db_number(db, LONG_SQL), 200000);
    ck_assert_int_eq(db_number(db, "SELECT 2 AS a"), 2);
    skep_db_statement list[3] = {0};
    ck_assert_uint_eq(list_costs(db, list, 1), 3);
    ck_assert_str_eq(list[0].sql, LONG_MASKED);
    ck_assert_uint_eq(list[1].runs, 0);
    ck_assert_uint_eq(list_costs(db, list, 3), 3);
    ck_assert_uint_ge(list[0].total_ns, list[1].total_ns);
    ck_assert_uint_ge(list[1].total_ns, list[2].total_ns);
    ck_assert_uint_eq(list_costs(db, NULL, 0), 3);
    db_close(db);
}

TEST(an_entry_of_another_size_is_misuse)
{
    skep_db *db = db_open(NULL);
    skep_db_statement statement = {.size = 8};
    skep_db_slow slow = {.size = 8};
    size_t n = 1;
    skep__misuse_aborts(false);
    assert_fails(skep_db_statements(db, &statement, &n), SKEP_EMISUSE);
    assert_fails(skep_db_slow_statements(db, &slow, &n), SKEP_EMISUSE);
    db_close(db);
}

TEST(with_profile_off_nothing_is_counted)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.profile = SKEP_PROFILE_OFF;
    opts.slow_statement_ms = 1;
    skep_db *db = db_open_still(&opts);
    ck_assert_int_eq(db_number(db, LONG_SQL), 200000);
    size_t n = 0;
    ck_assert_uint_eq(list_costs(db, NULL, 0), 0);
    assert_ok(skep_db_slow_statements(db, NULL, &n));
    ck_assert_uint_eq(n, 0);
    db_close(db);
}

TEST(a_statement_that_takes_slow_statement_ms_is_remembered)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.slow_statement_ms = 1;
    skep_db *db = db_open_still(&opts);
    script reading = {.sql = {LONG_SQL}};
    script writing = {.sql = {"CREATE TABLE t AS " LONG_SQL}};
    assert_ok(skep_write(db, script_run, &writing));
    assert_ok(skep_read(db, script_run, &reading));
    skep_db_slow list[8] = {{0}};
    size_t n = 8;
    for (size_t i = 0; i < n; i++)
        list[i].size = sizeof(list[i]);
    assert_ok(skep_db_slow_statements(db, list, &n));
    ck_assert_uint_ge(n, 2);
    ck_assert_str_eq(list[0].sql, LONG_MASKED);
    ck_assert_uint_eq(list[0].writing, 0);
    ck_assert_uint_eq(list[0].rows, 1);
    ck_assert_uint_ge(list[0].took_ns, SKEP__NS_PER_MS);
    ck_assert_str_eq(list[1].sql, "CREATE TABLE t AS " LONG_MASKED);
    ck_assert_uint_eq(list[1].writing, 1);
    ck_assert_int_ge(list[0].at_us, list[1].at_us);
    db_close(db);
}

TEST(a_statement_cut_by_its_deadline_is_slow_and_tells_so)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.slow_statement_ms = 1;
    skep_db *db = db_open_still(&opts);
    script endless = {.sql = {"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c) "
                              "SELECT max(i) FROM c"}};
    skep_call_opts limit = SKEP_CALL_OPTS_INIT;
    skep_db_slow slow = {.size = sizeof(slow)};
    size_t n = 0;
    for (limit.timeout_ms = 20; n == 0; limit.timeout_ms *= 4) { /* it may be over before it ran */
        ck_assert_int_lt(limit.timeout_ms, 60000);
        assert_fails(skep_read_with(db, script_run, &endless, &limit), SKEP_ETIMEOUT);
        n = 1;
        assert_ok(skep_db_slow_statements(db, &slow, &n));
    }
    ck_assert_int_eq(slow.rc, SKEP_ETIMEOUT);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(statements_of_all_connections_are_added_up),
    HARNESS_TEST(the_most_expensive_come_first_and_the_list_may_be_short),
    HARNESS_TEST(an_entry_of_another_size_is_misuse),
    HARNESS_TEST(with_profile_off_nothing_is_counted),
    HARNESS_TEST(a_statement_that_takes_slow_statement_ms_is_remembered),
    HARNESS_TEST(a_statement_cut_by_its_deadline_is_slow_and_tells_so),
};
const harness_suite costs_suite = HARNESS_SUITE("costs", tests);
