/* SPDX-License-Identifier: MIT */
/*
 * What SQL may not do inside a transaction function.
 *
 * The functions of many callers share one transaction, so a statement that ends it, nests in it or
 * changes the connection would reach into the others' work. SQLite asks here when it compiles a
 * statement, including those inside triggers.
 */
#include <stdio.h>
#include <string.h>

#include "sql/sqlite_private.h"

/* Pragmas that only tell something, or whose effect is part of the transaction. */
static const char *const pragmas_allowed[] = {
    "analysis_limit",     "application_id",     "auto_vacuum",     "busy_timeout",
    "cache_size",         "collation_list",     "compile_options", "data_version",
    "database_list",      "defer_foreign_keys", "encoding",        "foreign_key_check",
    "foreign_key_list",   "foreign_keys",       "freelist_count",  "function_list",
    "incremental_vacuum", "index_info",         "index_list",      "index_xinfo",
    "integrity_check",    "journal_mode",       "max_page_count",  "module_list",
    "optimize",           "page_count",         "page_size",       "pragma_list",
    "query_only",         "quick_check",        "schema_version",  "synchronous",
    "table_info",         "table_list",         "table_xinfo",     "user_version",
    "wal_autocheckpoint",
};

/* Of these, the ones that may be given a value. */
static const char *const pragmas_settable[] = {
    "application_id",     "defer_foreign_keys", "foreign_key_check", "foreign_key_list",
    "incremental_vacuum", "index_info",         "index_list",        "index_xinfo",
    "integrity_check",    "optimize",           "quick_check",       "table_info",
    "table_list",         "table_xinfo",        "user_version",
};

static const char *const truths[] = {"1", "on", "true", "yes"};

static bool listed(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (sqlite3_stricmp(list[i], name) == 0)
            return true;
    return false;
}
#define LISTED(list, name) listed((list), sizeof(list) / sizeof((list)[0]), (name))

static int refuse(sqlite_conn *conn, const char *what, const char *name)
{
    (void)snprintf(conn->refused, sizeof(conn->refused),
                   "%s%s%.40s is not allowed inside a transaction function", what,
                   name != NULL ? " " : "", name != NULL ? name : "");
    return SQLITE_DENY;
}

static int authorize_pragma(sqlite_conn *conn, const char *name, const char *value)
{
    if (!LISTED(pragmas_allowed, name))
        return refuse(conn, "PRAGMA", name);
    if (value != NULL && !LISTED(pragmas_settable, name))
        return refuse(conn, "setting PRAGMA", name);
    if (value != NULL && sqlite3_stricmp(name, "defer_foreign_keys") == 0) {
        /* Off would make SQLite forget the violations that it has counted. */
        if (!LISTED(truths, value))
            return refuse(conn, "ending PRAGMA", name);
        conn->fk_deferred = true;
    }
    return SQLITE_OK;
}

int skep__sqlite_authorize(void *arg, int action, const char *a, const char *b, const char *schema,
                           const char *trigger)
{
    (void)trigger;
    sqlite_conn *conn = arg;
    if (conn->own)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_TRANSACTION:
        return refuse(conn, a, NULL);
    case SQLITE_SAVEPOINT:
        return refuse(conn, strcmp(a, "BEGIN") == 0 ? "SAVEPOINT" : a, NULL);
    case SQLITE_ATTACH:
        return refuse(conn, "ATTACH", NULL);
    case SQLITE_DETACH:
        return refuse(conn, "DETACH", NULL);
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
        return refuse(conn, "a TEMP object", NULL);
    case SQLITE_INSERT:
        /* "CREATE TRIGGER temp.x ON t" and its like are known by this only. There is no TEMP table
         * to insert into but the one that lists them; ALTER TABLE updates that too, so no more. */
        return schema != NULL && sqlite3_stricmp(schema, "temp") == 0
                   ? refuse(conn, "a TEMP object", NULL)
                   : SQLITE_OK;
    case SQLITE_FUNCTION:
        /* SQLite3MC's own, which change and tell how the connection encrypts. */
        return sqlite3_strnicmp(b, "sqlite3mc_", 10) == 0 ? refuse(conn, "the function", b)
                                                          : SQLITE_OK;
    case SQLITE_PRAGMA:
        return authorize_pragma(conn, a, b);
    default:
        return SQLITE_OK;
    }
}
