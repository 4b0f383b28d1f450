/* SPDX-License-Identifier: MIT */
/* B06: what reaches into the connection, and so into the calls of others, is refused. */
#include "suites.h"

#include <string.h>

#include "support.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const char *const refused[] = {
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT s",
    "RELEASE skep",
    "ROLLBACK TO skep",
    "ATTACH 'other.db' AS other",
    "DETACH main",
    "CREATE TEMP TABLE x(a)",
    "CREATE TABLE temp.x(a)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE TEMP VIEW v AS SELECT 1",
    "CREATE TEMP TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE VIEW temp.v AS SELECT 1",
    "CREATE TRIGGER temp.tr AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE temp.x USING fts5(a)",
    "PRAGMA journal_mode=DELETE",
    "PRAGMA journal_mode(MEMORY)",
    "PRAGMA synchronous=OFF",
    "PRAGMA foreign_keys=OFF",
    "PRAGMA query_only=ON",
    "PRAGMA wal_checkpoint",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA wal_autocheckpoint=10",
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA writable_schema=ON",
    "PRAGMA schema_version=7",
    "PRAGMA max_page_count=10",
    "PRAGMA cache_size=10",
    "PRAGMA busy_timeout=1",
    "PRAGMA temp_store=FILE",
    "PRAGMA trusted_schema=ON",
    "PRAGMA ignore_check_constraints=ON",
    "PRAGMA recursive_triggers=ON",
    "PRAGMA reverse_unordered_selects=ON",
    "PRAGMA case_sensitive_like=ON",
    "PRAGMA mmap_size=1000000",
    "PRAGMA secure_delete=ON",
    "PRAGMA page_size=1024",
    "PRAGMA auto_vacuum=1",
    "PRAGMA encoding='UTF-16'",
    "PRAGMA data_store_directory='/tmp'",
    "PRAGMA shrink_memory",
    "PRAGMA defer_foreign_keys=OFF",
    "PRAGMA defer_foreign_keys=0",
    "PRAGMA key='secret'",
    "PRAGMA rekey='secret'",
    "PRAGMA cipher='aegis'",
};

static const char *const allowed[] = {
    "PRAGMA user_version",
    "PRAGMA user_version=7",
    "PRAGMA application_id=7",
    "PRAGMA table_info(t)",
    "PRAGMA main.index_list(t)",
    "PRAGMA journal_mode",
    "PRAGMA synchronous",
    "PRAGMA foreign_keys",
    "PRAGMA foreign_key_check",
    "PRAGMA foreign_key_check(t)",
    "PRAGMA integrity_check",
    "PRAGMA quick_check(1)",
    "PRAGMA page_count",
    "PRAGMA compile_options",
    "PRAGMA defer_foreign_keys",
    "PRAGMA defer_foreign_keys=ON",
    "PRAGMA optimize",
    "SELECT * FROM pragma_table_info('t')",
    "ANALYZE",
    "REINDEX t",
    "CREATE TABLE u(a INTEGER PRIMARY KEY, b UNIQUE)",
    "CREATE INDEX ub ON u(b, a)",
    "CREATE VIEW uv AS SELECT a FROM u",
    "CREATE TRIGGER ut AFTER INSERT ON u BEGIN UPDATE t SET a = a + 1; END",
    "INSERT INTO u VALUES(1, 2)",
    "ALTER TABLE u RENAME TO w",
    "ALTER TABLE w ADD COLUMN c",
    "ALTER TABLE w RENAME COLUMN c TO d",
    "ALTER TABLE w DROP COLUMN d",
    "CREATE VIRTUAL TABLE words USING fts5(text)",
    "INSERT INTO words VALUES('the quick brown fox')",
    "SELECT * FROM words WHERE words MATCH 'quick'",
    "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)",
    "INSERT INTO boxes VALUES(1, 0.0, 2.0)",
    "DROP TABLE w",
    "SELECT json_extract('{\"a\":1}', '$.a'), sqrt(2)",
};

static skep__conn *open_table(void)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    assert_ok(sql_run(conn, "CREATE TABLE t(a)"));
    return conn;
}

static void assert_refused(skep__conn *conn)
{
    for (size_t i = 0; i < LENGTH(refused); i++) {
        int rc = sql_run(conn, refused[i]);
        ck_assert_msg(rc == SKEP_EMISUSE, "%s: %s: %s", refused[i], skep_code_name(rc),
                      rc < 0 ? skep_last_error()->text : "");
        assert_fails(rc, SKEP_EMISUSE);
        ck_assert_ptr_nonnull(
            strstr(skep_last_error()->text, "is not allowed inside a transaction function"));
    }
}

TEST(b06_statements_that_reach_into_the_connection_are_refused)
{
    skep__conn *conn = open_table();
    assert_refused(conn);
    assert_ok(skep__conn_control(conn, SKEP__BEGIN_WRITE));
    assert_refused(conn);
    ck_assert(conn->driver->in_tx(conn));
    assert_ok(skep__conn_control(conn, SKEP__COMMIT));
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA synchronous"), 2);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA foreign_keys"), 1);
    sql_close(conn);
}

TEST(b06_they_are_refused_to_readers_too)
{
    skep__conn *writer = open_table();
    skep__conn *conn = sql_open(SKEP__CONN_READER);
    assert_refused(conn);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA query_only"), 1);
    sql_close(conn);
    sql_close(writer);
}

TEST(b06_vacuum_cannot_run_in_a_transaction_nor_write_elsewhere)
{
    skep__conn *writer = open_table();
    skep__conn *reader = sql_open(SKEP__CONN_READER);
    assert_ok(skep__conn_control(writer, SKEP__BEGIN_WRITE));
    assert_fails(sql_run(writer, "VACUUM"), SKEP_EINVALID);
    assert_fails(sql_run(writer, "VACUUM INTO 'copy.db'"), SKEP_EINVALID);
    ck_assert(writer->driver->in_tx(writer));
    assert_ok(skep__conn_control(writer, SKEP__ROLLBACK));
    /* A single read has no transaction around it. */
    ck_assert_int_lt(sql_run(reader, "VACUUM"), 0);
    ck_assert_int_lt(sql_run(reader, "VACUUM INTO 'copy.db'"), 0);
    ck_assert(!harness_exists("copy.db"));
    sql_close(reader);
    sql_close(writer);
}

TEST(what_belongs_to_the_transaction_is_allowed)
{
    skep__conn *conn = open_table();
    assert_ok(skep__conn_control(conn, SKEP__BEGIN_WRITE));
    for (size_t i = 0; i < LENGTH(allowed); i++)
        ck_assert_msg(sql_run(conn, allowed[i]) >= 0, "%s: %s", allowed[i],
                      skep_last_error()->text);
    assert_ok(conn->driver->call_end(conn));
    assert_ok(skep__conn_control(conn, SKEP__COMMIT));
    ck_assert_int_eq(sql_number(conn, "PRAGMA user_version"), 7);
    sql_close(conn);
}

TEST(a_defensive_connection_cannot_write_pages)
{
    skep__conn *conn = open_table();
    ck_assert_int_lt(sql_run(conn, "UPDATE sqlite_dbpage SET data=zeroblob(4096) WHERE pgno=1"), 0);
    ck_assert_int_eq(sql_number(conn, "SELECT count(*) FROM sqlite_dbpage WHERE pgno=1"), 1);
    sql_close(conn);
}

TEST(deferred_foreign_keys_end_with_the_call_that_asked_for_them)
{
    skep__conn *conn = open_table();
    assert_ok(sql_run(conn, "CREATE TABLE p(id INTEGER PRIMARY KEY)"));
    assert_ok(sql_run(conn, "CREATE TABLE c(p REFERENCES p)"));
    assert_ok(skep__conn_control(conn, SKEP__BEGIN_WRITE));
    for (int round = 0; round < 2; round++) { /* the second time the statement is cached */
        conn->driver->call_begin(conn);
        assert_fails(sql_run(conn, "INSERT INTO c VALUES(1)"), SKEP_ECONSTRAINT);
        assert_ok(sql_run(conn, "PRAGMA defer_foreign_keys=ON"));
        assert_ok(sql_run(conn, "INSERT INTO c VALUES(1)"));
        ck_assert(conn->driver->fk_pending(conn));
        assert_ok(sql_run(conn, "DELETE FROM c"));
        ck_assert(!conn->driver->fk_pending(conn));
        assert_ok(conn->driver->call_end(conn));
        ck_assert_int_eq(sql_number(conn, "PRAGMA defer_foreign_keys"), 0);
    }
    assert_ok(skep__conn_control(conn, SKEP__COMMIT));
    sql_close(conn);
}

static const harness_test tests[] = {
    HARNESS_TEST(b06_statements_that_reach_into_the_connection_are_refused),
    HARNESS_TEST(b06_they_are_refused_to_readers_too),
    HARNESS_TEST(b06_vacuum_cannot_run_in_a_transaction_nor_write_elsewhere),
    HARNESS_TEST(what_belongs_to_the_transaction_is_allowed),
    HARNESS_TEST(a_defensive_connection_cannot_write_pages),
    HARNESS_TEST(deferred_foreign_keys_end_with_the_call_that_asked_for_them),
};
const harness_suite auth_suite = HARNESS_SUITE("auth", tests);
