/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_SQLITE_PRIVATE_H
#define SKEP__SQL_SQLITE_PRIVATE_H

#include "sqlite3.h"

#include "sql/sql.h"

typedef struct sqlite_conn {
    skep__conn base;
    sqlite3 *handle;
    bool readonly;
    bool own;             /* our own control statement runs: the authorizer lets it pass */
    bool yields;          /* and its limit may end it all the same */
    bool fk_deferred;     /* this call set PRAGMA defer_foreign_keys */
    bool rows_changed;    /* this call ran a statement that can change rows */
    char refused[96];     /* what the authorizer refused last, for the error text */
    int64_t total_before; /* rows changed before this call began */
    int64_t busy_timeout_ms;
    uint64_t busy_since_ns;
    uint64_t sql_since_ns; /* this call's SQL runs at least since; 0: nobody looked yet */
    uint64_t wal_pages;
    sqlite3_stmt *controls[SKEP__CONTROLS];
} sqlite_conn;

typedef struct sqlite_stmt {
    skep__stmt base;
    sqlite3_stmt *handle;
    int parameters;
    bool reads_only;
} sqlite_stmt;

static inline sqlite_conn *sqlite_of(skep__conn *conn)
{
    return (sqlite_conn *)(void *)conn;
}
static inline const sqlite_conn *sqlite_of_const(const skep__conn *conn)
{
    return (const sqlite_conn *)(const void *)conn;
}
static inline sqlite_stmt *sqlite_stmt_of(skep__stmt *stmt)
{
    return (sqlite_stmt *)(void *)stmt;
}

/* Put an engine failure into the thread's error detail and return our code. `what` says what was
 * being done: "prepare", "step"; `sql` may be NULL. */
int skep__sqlite_fail(sqlite_conn *conn, int rc, const char *what, const char *sql);
/* The same without a connection to ask. */
int skep__sqlite_code(int rc);

int skep__sqlite_authorize(void *conn, int action, const char *a, const char *b, const char *schema,
                           const char *trigger);
int skep__sqlite_open(const skep__conn_opts *opts, skep__conn **out);
int skep__sqlite_prepare_controls(sqlite_conn *conn);

#endif
