/* SPDX-License-Identifier: MIT */
/* Engine failures become skep's codes, by what a caller can do about them. */
#include "suites.h"

#include <string.h>

#include "base/cancel.h"
#include "base/time.h"
#include "sql/sqlite_private.h"

#include "support.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static skep__conn *open_schema(void)
{
    static const char *const schema[] = {
        "CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE, n NOT NULL DEFAULT 1, c CHECK(c > 0))",
        "CREATE TABLE k(k TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE child(p REFERENCES p(id))",
        "CREATE TABLE strict(i INTEGER) STRICT",
        "CREATE TABLE guarded(a)",
        "CREATE TRIGGER guard BEFORE INSERT ON guarded WHEN new.a < 0 BEGIN"
        "  SELECT RAISE(ABORT, 'no negatives'); END",
        "CREATE TRIGGER guard_fail BEFORE INSERT ON guarded WHEN new.a = 100 BEGIN"
        "  SELECT RAISE(FAIL, 'not a hundred'); END",
        "INSERT INTO p VALUES(1, 'one', 1, 1)",
        "INSERT INTO k VALUES('k')",
    };
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    for (size_t i = 0; i < LENGTH(schema); i++)
        assert_ok(sql_run(conn, schema[i]));
    return conn;
}

typedef struct expectation {
    const char *sql;
    int code;
    int engine;
    const char *text; /* a part of the error text */
} expectation;

static void assert_expectations(skep__conn *conn, const expectation *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_fails(sql_run(conn, table[i].sql), table[i].code);
        const skep_err *err = skep_last_error();
        ck_assert_msg(err->engine_code == table[i].engine, "%s: engine code %d", table[i].sql,
                      err->engine_code);
        ck_assert_msg(strstr(err->text, table[i].text) != NULL, "%s: %s", table[i].sql, err->text);
        ck_assert_str_eq(err->room, "sql");
    }
}

TEST(broken_constraints_are_told_apart_by_what_to_do_about_them)
{
    static const expectation table[] = {
        {"INSERT INTO p(id) VALUES(1)", SKEP_EEXISTS, SQLITE_CONSTRAINT_PRIMARYKEY, "p.id"},
        {"INSERT INTO p(u) VALUES('one')", SKEP_EEXISTS, SQLITE_CONSTRAINT_UNIQUE, "p.u"},
        {"INSERT INTO k VALUES('k')", SKEP_EEXISTS, SQLITE_CONSTRAINT_PRIMARYKEY, "k.k"},
        {"INSERT INTO k VALUES(NULL)", SKEP_ECONSTRAINT, SQLITE_CONSTRAINT_NOTNULL, "k.k"},
        {"INSERT INTO p(n) VALUES(NULL)", SKEP_ECONSTRAINT, SQLITE_CONSTRAINT_NOTNULL, "p.n"},
        {"INSERT INTO p(c) VALUES(0)", SKEP_ECONSTRAINT, SQLITE_CONSTRAINT_CHECK, "c > 0"},
        {"INSERT INTO child VALUES(99)", SKEP_ECONSTRAINT, SQLITE_CONSTRAINT_FOREIGNKEY,
         "FOREIGN KEY"},
        {"INSERT INTO strict VALUES('x')", SKEP_ECONSTRAINT, SQLITE_CONSTRAINT_DATATYPE,
         "strict.i"},
        {"INSERT INTO guarded VALUES(-1)", SKEP_ECONSTRAINT, SQLITE_CONSTRAINT_TRIGGER,
         "no negatives"},
        {"INSERT INTO guarded VALUES(100)", SKEP_ECONSTRAINT, SQLITE_CONSTRAINT_TRIGGER,
         "not a hundred"},
    };
    skep__conn *conn = open_schema();
    assert_expectations(conn, table, LENGTH(table));
    sql_close(conn);
}

TEST(wrong_sql_is_invalid_and_quoted)
{
    static const expectation table[] = {
        {"SELEC 1", SKEP_EINVALID, SQLITE_ERROR, "in: SELEC 1"},
        {"SELECT * FROM absent", SKEP_EINVALID, SQLITE_ERROR, "no such table: absent"},
        {"SELECT absent FROM p", SKEP_EINVALID, SQLITE_ERROR, "no such column: absent"},
        {"SELECT absent()", SKEP_EINVALID, SQLITE_ERROR, "no such function: absent"},
        {"SELECT \"text in the wrong quotes\"", SKEP_EINVALID, SQLITE_ERROR, "no such column"},
        {"INSERT INTO p(id) VALUES('x')", SKEP_EINVALID, SQLITE_MISMATCH, "datatype mismatch"},
        {"SELECT abs(-9223372036854775807-1)", SKEP_EINVALID, SQLITE_ERROR, "integer overflow"},
        {"UPDATE sqlite_schema SET sql='x'", SKEP_EINVALID, SQLITE_ERROR, "may not be modified"},
        {"SELECT load_extension('x')", SKEP_EINVALID, SQLITE_ERROR, "no such function"},
        {"SELECT zeroblob(1000000001)", SKEP_ELIMIT, SQLITE_TOOBIG, "too big"},
    };
    skep__conn *conn = open_schema();
    assert_expectations(conn, table, LENGTH(table));
    sql_close(conn);
}

TEST(a_long_text_is_quoted_in_part)
{
    skep__conn *conn = open_schema();
    char sql[1000];
    memset(sql, 'x', sizeof(sql) - 1);
    sql[sizeof(sql) - 1] = '\0';
    memcpy(sql, "SELECT 1 FROM ", 14);
    assert_fails(sql_run(conn, sql), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "..."));
    ck_assert_uint_lt(strlen(skep_last_error()->text), SKEP_ERR_TEXT_MAX);
    sql_close(conn);
}

TEST(each_engine_code_has_its_meaning)
{
    static const struct {
        int engine;
        int code;
    } table[] = {
        {SQLITE_PERM, SKEP_EDENIED},
        {SQLITE_BUSY, SKEP_EBUSY},
        {SQLITE_BUSY_RECOVERY, SKEP_EBUSY},
        {SQLITE_BUSY_SNAPSHOT, SKEP_ECONFLICT},
        {SQLITE_LOCKED, SKEP_EBUSY},
        {SQLITE_PROTOCOL, SKEP_EBUSY},
        {SQLITE_NOMEM, SKEP_ENOMEM},
        {SQLITE_IOERR_NOMEM, SKEP_ENOMEM},
        {SQLITE_READONLY, SKEP_EREADONLY},
        {SQLITE_READONLY_DBMOVED, SKEP_EREADONLY},
        {SQLITE_IOERR, SKEP_EIO},
        {SQLITE_IOERR_FSYNC, SKEP_EIO},
        {SQLITE_IOERR_WRITE, SKEP_EIO},
        {SQLITE_CANTOPEN, SKEP_EIO},
        {SQLITE_CORRUPT, SKEP_ECORRUPT},
        {SQLITE_CORRUPT_VTAB, SKEP_ECORRUPT},
        {SQLITE_NOTADB, SKEP_ECORRUPT},
        {SQLITE_NOTFOUND, SKEP_ENOTFOUND},
        {SQLITE_FULL, SKEP_EFULL},
        {SQLITE_SCHEMA, SKEP_ECONFLICT},
        {SQLITE_TOOBIG, SKEP_ELIMIT},
        {SQLITE_AUTH, SKEP_EMISUSE},
        {SQLITE_NOLFS, SKEP_EUNSUPPORTED},
        {SQLITE_MISUSE, SKEP_EINTERNAL},
        {SQLITE_INTERNAL, SKEP_EINTERNAL},
        {SQLITE_ERROR, SKEP_EINVALID},
        {SQLITE_MISMATCH, SKEP_EINVALID},
        {SQLITE_RANGE, SKEP_EINVALID},
        {SQLITE_CONSTRAINT_UNIQUE, SKEP_EEXISTS},
        {SQLITE_CONSTRAINT_PRIMARYKEY, SKEP_EEXISTS},
        {SQLITE_CONSTRAINT_ROWID, SKEP_EEXISTS},
        {SQLITE_CONSTRAINT_FOREIGNKEY, SKEP_ECONSTRAINT},
        {SQLITE_CONSTRAINT_NOTNULL, SKEP_ECONSTRAINT},
        {SQLITE_CONSTRAINT_CHECK, SKEP_ECONSTRAINT},
        {SQLITE_CONSTRAINT_TRIGGER, SKEP_ECONSTRAINT},
        {SQLITE_CONSTRAINT, SKEP_ECONSTRAINT},
    };
    for (size_t i = 0; i < LENGTH(table); i++)
        ck_assert_msg(skep__sqlite_code(table[i].engine) == table[i].code, "%d is %s",
                      table[i].engine, skep_code_name(skep__sqlite_code(table[i].engine)));
}

/* ---- who ended the statement ---- */

static const char endless[] =
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

TEST(sql_ends_at_its_deadline)
{
    skep__conn *conn = open_schema();
    const skep__limit limit = {.deadline_ns = skep__deadline_ns(20)};
    conn->limit = &limit;
    assert_fails(sql_run(conn, endless), SKEP_ETIMEOUT);
    ck_assert_uint_ge(skep__now_ns(), limit.deadline_ns);
    conn->limit = NULL;
    ck_assert_int_eq(sql_number(conn, "SELECT 1"), 1);
    sql_close(conn);
}

TEST(sql_ends_when_its_cancel_is_fired)
{
    skep__conn *conn = open_schema();
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    skep_cancel_fire(cancel);
    const skep__limit limit = {.cancel = cancel};
    conn->limit = &limit;
    assert_fails(sql_run(conn, endless), SKEP_ECANCELLED);
    conn->limit = NULL;
    skep_cancel_free(cancel);
    sql_close(conn);
}

TEST(sql_ends_when_the_database_closes)
{
    skep__conn *conn = open_schema();
    const _Atomic uint32_t abort_flag = 1;
    const skep__limit limit = {.abort = &abort_flag};
    conn->limit = &limit;
    assert_fails(sql_run(conn, endless), SKEP_ECLOSED);
    conn->limit = NULL;
    sql_close(conn);
}

TEST(a_deadline_that_has_passed_does_not_interrupt_transaction_control)
{
    skep__conn *conn = open_schema();
    const skep__limit limit = {.deadline_ns = 1};
    conn->limit = &limit;
    /* SQLite looks at its progress after so many steps, whatever the statement is and over all its
     * runs. */
    for (int i = 0; i < 3000; i++) {
        assert_ok(skep__conn_control(conn, SKEP__BEGIN_WRITE));
        assert_ok(skep__conn_control(conn, SKEP__SAVEPOINT));
        assert_ok(skep__conn_control(conn, SKEP__ROLLBACK_TO));
        assert_ok(skep__conn_control(conn, SKEP__RELEASE_SAVEPOINT));
        assert_ok(skep__conn_control(conn, i % 2 == 0 ? SKEP__COMMIT : SKEP__ROLLBACK));
    }
    conn->limit = NULL;
    sql_close(conn);
}

TEST(the_wait_for_another_process_ends_at_the_deadline)
{
    skep__conn *holder = open_schema();
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    opts.busy_timeout_ms = 3600000; /* longer than the test may take */
    assert_ok(skep__conn_open(&skep__sqlite_driver, &opts, &conn));
    assert_ok(skep__conn_control(holder, SKEP__BEGIN_WRITE));
    const skep__limit limit = {.deadline_ns = skep__deadline_ns(20)};
    conn->limit = &limit;
    assert_fails(skep__conn_control(conn, SKEP__BEGIN_WRITE), SKEP_EBUSY);
    ck_assert_uint_ge(skep__now_ns(), limit.deadline_ns);
    conn->limit = NULL;
    assert_ok(skep__conn_control(holder, SKEP__ROLLBACK));
    assert_ok(skep__conn_control(conn, SKEP__BEGIN_WRITE));
    assert_ok(skep__conn_control(conn, SKEP__ROLLBACK));
    sql_close(conn);
    sql_close(holder);
}

TEST(the_wait_for_another_process_ends_by_itself_too)
{
    skep__conn *holder = open_schema();
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    opts.busy_timeout_ms = 20;
    assert_ok(skep__conn_open(&skep__sqlite_driver, &opts, &conn));
    assert_ok(skep__conn_control(holder, SKEP__BEGIN_WRITE));
    assert_fails(skep__conn_control(conn, SKEP__BEGIN_WRITE), SKEP_EBUSY);
    ck_assert_int_eq(skep_last_error()->engine_code, SQLITE_BUSY);
    assert_ok(skep__conn_control(holder, SKEP__ROLLBACK));
    sql_close(conn);
    sql_close(holder);
}

static const harness_test tests[] = {
    HARNESS_TEST(broken_constraints_are_told_apart_by_what_to_do_about_them),
    HARNESS_TEST(wrong_sql_is_invalid_and_quoted),
    HARNESS_TEST(a_long_text_is_quoted_in_part),
    HARNESS_TEST(each_engine_code_has_its_meaning),
    HARNESS_TEST(sql_ends_at_its_deadline),
    HARNESS_TEST(sql_ends_when_its_cancel_is_fired),
    HARNESS_TEST(sql_ends_when_the_database_closes),
    HARNESS_TEST(a_deadline_that_has_passed_does_not_interrupt_transaction_control),
    HARNESS_TEST(the_wait_for_another_process_ends_at_the_deadline),
    HARNESS_TEST(the_wait_for_another_process_ends_by_itself_too),
};
const harness_suite error_suite = HARNESS_SUITE("error", tests);
