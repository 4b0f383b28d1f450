/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "harness/harness.h"
#include "sql/sqlite_private.h"

skep__conn_opts sql_opts(skep__conn_role role)
{
    skep__conn_opts opts = {
        .path = harness_path("t.db"),
        .role = role,
        .create = role == SKEP__CONN_WRITER,
        .synchronous = SKEP_SYNC_FULL,
        .busy_timeout_ms = 5000,
        .cache_bytes = 4 << 20,
    };
    return opts;
}

skep__conn *sql_open(skep__conn_role role)
{
    skep__conn_opts opts = sql_opts(role);
    skep__conn *conn = NULL;
    assert_ok(skep__conn_open(&skep__sqlite_driver, &opts, &conn));
    return conn;
}

void sql_close(skep__conn *conn)
{
    assert_ok(skep__conn_close(conn));
}

int sql_run_v(skep__conn *conn, const char *sql, const skep_value *v, size_t n)
{
    skep__stmt *stmt = NULL;
    SKEP__TRY(skep__stmt_borrow(conn, sql, v, n, &stmt));
    int rc = SKEP_OK;
    do
        rc = skep__stmt_step(stmt);
    while (rc > 0);
    skep__stmt_return(stmt);
    return rc;
}

int sql_run(skep__conn *conn, const char *sql)
{
    return sql_run_v(conn, sql, NULL, 0);
}

int64_t sql_number(skep__conn *conn, const char *sql)
{
    skep__stmt *stmt = NULL;
    assert_ok(skep__stmt_borrow(conn, sql, NULL, 0, &stmt));
    ck_assert_int_eq(assert_ok(skep__stmt_step(stmt)), 1);
    int64_t number = conn->driver->column_int(stmt, 0);
    skep__stmt_return(stmt);
    return number;
}

int64_t sql_pragma(skep__conn *conn, const char *sql)
{
    sqlite_of(conn)->own = true;
    int64_t number = sql_number(conn, sql);
    sqlite_of(conn)->own = false;
    return number;
}
