/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <sqlite3.h>

#include "run.h"

#define QUERY(db, sql, ...) SKEP("db", "query", (db), (sql), __VA_ARGS__)

static const char *table_db(void)
{
    return FIXTURE("w.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v UNIQUE)",
                   "INSERT INTO t VALUES (1, 'one'), (2, 'two')");
}

static void assert_count(const char *db, const char *expected)
{
    ran r = QUERY(db, "SELECT count(*) AS n FROM t", "--json");
    ck_assert_int_eq(r.status, 0);
    assert_json(r.out, expected);
}

TEST(a_query_reads_only_unless_told_to_write)
{
    const char *db = table_db();
    ran r = QUERY(db, "DELETE FROM t", "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "--write", "SKEP_EREADONLY");
    assert_count(db, "{\"n\": 2}");
}

TEST(a_write_says_how_many_rows_it_changed)
{
    const char *db = table_db();
    ran r = SKEP("db", "query", db, "DELETE FROM t", "--write");
    ck_assert_int_eq(r.status, 0);
    ck_assert_uint_eq(r.out_len, 0);
    assert_one_line(r.err, "2 rows changed");
    assert_count(db, "{\"n\": 0}");
    r = QUERY(db, "INSERT INTO t VALUES (7, 'x')", "--write", "--json");
    ck_assert_int_eq(r.status, 0);
    assert_json(r.out, "{\"changes\": 1, \"last_rowid\": 7}");
}

/* In a test build a tenth of all transaction functions is run twice: the rows that the first run
 * gave must not be printed. */
TEST(a_write_prints_its_rows_once)
{
    const char *db = table_db();
    for (int i = 10; i < 50; i++) {
        char number[16];
        char expected[64];
        (void)snprintf(number, sizeof(number), "%d", i);
        (void)snprintf(expected, sizeof(expected), "{\"id\": %d}", i);
        ran r = QUERY(db, "INSERT INTO t VALUES (?1, ?1) RETURNING id", "-p", number, "--write",
                      "--json");
        ck_assert_int_eq(r.status, 0);
        assert_json(r.out, expected);
    }
    assert_count(db, "{\"n\": 42}");
}

TEST(a_failed_write_prints_nothing_and_changes_nothing)
{
    const char *db = table_db();
    ran r = QUERY(db, "INSERT INTO t (v) VALUES ('three'), ('one') RETURNING id", "--write");
    ck_assert_int_eq(r.status, 3);
    ck_assert_uint_eq(r.out_len, 0);
    assert_one_line(r.err, "t.v", "SKEP_EEXISTS");
    assert_count(db, "{\"n\": 2}");
}

TEST(statements_about_transactions_are_refused)
{
    const char *db = table_db();
    static const char *const wrong[] = {"BEGIN", "COMMIT", "ATTACH ':memory:' AS m",
                                        "PRAGMA journal_mode = delete"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ran r = QUERY(db, wrong[i], "--write");
        ck_assert_int_eq(r.status, 3);
        assert_one_line(r.err, wrong[i], "that a transaction can hold", "SKEP_EMISUSE");
    }
}

TEST(a_write_creates_no_database)
{
    const char *path = harness_path("absent.db");
    ran r = QUERY(path, "CREATE TABLE t (a)", "--write");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "absent.db", "SKEP_ENOTFOUND");
    ck_assert(!harness_exists(path));
}

/* Made with SQLite itself, as another program would. */
static const char *foreign_db(void)
{
    const char *path = harness_path("foreign.db");
    sqlite3 *handle = NULL;
    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(handle, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", NULL, NULL, NULL),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(handle), SQLITE_OK);
    return path;
}

TEST(a_write_leaves_the_journal_mode_of_a_foreign_file)
{
    const char *db = foreign_db();
    ck_assert_int_eq(QUERY(db, "INSERT INTO t VALUES (1, 2)", "--write").status, 0);
    assert_count(db, "{\"n\": 1}");
    ran r = SKEP("db", "status", db, "--json");
    json_t *have = parse_json(r.out);
    ck_assert_str_eq(json_string_value(json_object_get(have, "journal_mode")), "delete");
    json_decref(have);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_query_reads_only_unless_told_to_write),
    HARNESS_TEST(a_write_says_how_many_rows_it_changed),
    HARNESS_TEST(a_write_prints_its_rows_once),
    HARNESS_TEST(a_failed_write_prints_nothing_and_changes_nothing),
    HARNESS_TEST(statements_about_transactions_are_refused),
    HARNESS_TEST(a_write_creates_no_database),
    HARNESS_TEST(a_write_leaves_the_journal_mode_of_a_foreign_file),
};
const harness_suite write_suite = HARNESS_SUITE("write", tests);
