/* SPDX-License-Identifier: MIT */
/*
 * Opening a SQLite connection: what is set, in which order, and that it took effect.
 *
 * A pragma that SQLite does not like is ignored without a word, so each is read back.
 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "sql/ddl.h"
#include "sql/sqlite_private.h"

static bool limit_reached(const skep__limit *limit)
{
    if (limit == NULL)
        return false;
    if (limit->look != NULL && limit->look(limit->look_ctx))
        return true;
    return skep__cancel_fired(limit->cancel) ||
           (limit->abort != NULL &&
            atomic_load_explicit(limit->abort, memory_order_relaxed) != 0) ||
           (limit->cut != NULL &&
            (atomic_load_explicit(limit->cut, memory_order_relaxed) & SKEP__CUT_ANY) != 0) ||
           (limit->deadline_ns != 0 && skep__now_ns() >= limit->deadline_ns);
}

/* A short call never gets here, and so never looks at the clock for its budget. */
static bool budget_spent(sqlite_conn *conn)
{
    const skep__limit *limit = conn->base.limit;
    if (limit == NULL || limit->budget_ns == 0)
        return false;
    uint64_t now = skep__now_ns();
    if (conn->sql_since_ns == 0)
        conn->sql_since_ns = now;
    return now - conn->sql_since_ns >= limit->budget_ns;
}

/* SQLite counts the steps of a statement over all its runs, so this comes to transaction control
 * too, sooner or later; but a BEGIN that is done cannot be interrupted. */
static int on_progress(void *arg)
{
    sqlite_conn *conn = arg;
    return (!conn->own || conn->yields) && (limit_reached(conn->base.limit) || budget_spent(conn));
}

/* Only another process can make us wait here. A constant pause: growing ones starve the unlucky. */
int skep__sqlite_on_busy(void *arg, int times)
{
    sqlite_conn *conn = arg;
    uint64_t now = skep__now_ns();
    if (times == 0) {
        conn->busy_since_ns = now;
        skep__costs_busy(conn->base.costs);
    }
    if (now - conn->busy_since_ns >= (uint64_t)conn->busy_timeout_ms * SKEP__NS_PER_MS ||
        limit_reached(conn->base.limit))
        return 0;
    struct timespec pause = {.tv_nsec = 1000 * 1000};
    (void)nanosleep(&pause, NULL);
    return 1;
}

static int on_wal(void *arg, sqlite3 *handle, const char *schema, int pages)
{
    (void)handle;
    (void)schema;
    sqlite_conn *conn = arg;
    conn->wal_pages = (uint64_t)pages;
    return SQLITE_OK;
}

/* changes() and total_changes() of SQLite count over the whole connection, so a call would see what
 * the one before it in its group did. */
static void sql_changes(sqlite3_context *context, int n, sqlite3_value **v)
{
    (void)n;
    (void)v;
    sqlite_conn *conn = sqlite3_user_data(context);
    int64_t total = sqlite3_total_changes64(conn->handle);
    sqlite3_result_int64(context, conn->rows_changed && total != conn->total_before
                                      ? sqlite3_changes64(conn->handle)
                                      : 0);
}
static void sql_total_changes(sqlite3_context *context, int n, sqlite3_value **v)
{
    (void)n;
    (void)v;
    sqlite_conn *conn = sqlite3_user_data(context);
    sqlite3_result_int64(context, sqlite3_total_changes64(conn->handle) - conn->total_before);
}

/* Run one statement of ours; `*number` (may be NULL) gets its first column. */
static int run(sqlite_conn *conn, const char *sql, int64_t *number)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->handle, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && number != NULL)
        *number = sqlite3_column_int64(stmt, 0);
    bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE;
    int failed = ok ? SKEP_OK : skep__sqlite_fail(conn, rc, "opening", sql);
    (void)sqlite3_finalize(stmt);
    return failed;
}

static int set_pragma(sqlite_conn *conn, const char *set, const char *get, int64_t want)
{
    int64_t have = INT64_MIN;
    SKEP__TRY(run(conn, set, NULL));
    SKEP__TRY(run(conn, get, &have));
    if (have != want)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s had no effect: it reads %lld", set,
                          (long long)have);
    return SKEP_OK;
}

static int set_flag(sqlite_conn *conn, int flag, int value)
{
    int have = -1;
    int rc = sqlite3_db_config(conn->handle, flag, value, &have);
    if (rc != SQLITE_OK)
        return skep__sqlite_fail(conn, rc, "setting a connection flag", NULL);
    if (have != value)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "connection flag %d stays %d", flag, have);
    return SKEP_OK;
}

static int set_cache(sqlite_conn *conn, uint64_t bytes)
{
    skep__buf sql = SKEP__BUF_INIT(256);
    int64_t kib = (int64_t)(bytes / 1024);
    int rc = skep__ddl_pragma(&sql, "cache_size", -(kib < 64 ? 64 : kib));
    if (rc == SKEP_OK)
        rc = run(conn, skep__buf_text(&sql), NULL);
    skep__buf_dispose(&sql);
    return rc;
}

/* "wal" for files of ours; others keep what they have. */
static int set_journal(sqlite_conn *conn)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->handle, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    bool ok = rc == SQLITE_ROW;
    const char *mode = ok ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    int failed = SKEP_OK;
    if (!ok)
        failed = skep__sqlite_fail(conn, rc, "switching to WAL", NULL);
    else if (mode == NULL || strcmp(mode, "wal") != 0)
        failed = SKEP__FAIL(SKEP_EUNSUPPORTED,
                            "the file cannot be switched to WAL: its journal "
                            "mode stays %s",
                            mode != NULL ? mode : "unknown");
    (void)sqlite3_finalize(stmt);
    return failed;
}

/* Whether closing the connection leaves the -wal as it is: for one that only looks, and for any as
 * long as no read has succeeded. With a wrong key or none, the last connection to close would take
 * what it cannot read for nothing and delete it, and with it commits that are nowhere else. */
static int keep_wal(sqlite_conn *conn, bool keep)
{
    int on = keep;
    SKEP__TRY(set_flag(conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep));
    (void)sqlite3_file_control(conn->handle, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    return SKEP_OK;
}

static int set_up_flags(sqlite_conn *conn)
{
    SKEP__TRY(set_flag(conn, SQLITE_DBCONFIG_DEFENSIVE, 1));
    SKEP__TRY(set_flag(conn, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0));
    SKEP__TRY(set_flag(conn, SQLITE_DBCONFIG_ENABLE_FKEY, 1));
    /* Compiled in for explaining queries; counting costs every other query a little. */
    (void)sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_STMT_SCANSTATUS, 0, NULL);
    (void)sqlite3_limit(conn->handle, SQLITE_LIMIT_SQL_LENGTH, SKEP__SQL_TEXT_MAX);
    return SKEP_OK;
}

/* First of all a read: it finds out whether the file is a database at all. */
static int read_first(sqlite_conn *conn, const skep__conn_opts *opts)
{
    int rc = run(conn, "SELECT count(*) FROM sqlite_schema", NULL);
    if (rc < 0)
        rc = skep__sqlite_explain_unread(conn, opts, rc);
    if (rc >= 0 || conn->plain) {
        skep_err err;
        skep__err_save(&err);
        int released = keep_wal(conn, opts->readonly && opts->keep_beside);
        return rc < 0 ? skep__err_install(&err) : released;
    }
    return rc;
}

static int set_up_pragmas(sqlite_conn *conn, const skep__conn_opts *opts)
{
    int64_t page_size = 0;
    if (opts->incremental) /* only an empty file takes it in */
        SKEP__TRY(run(conn, "PRAGMA auto_vacuum=INCREMENTAL", NULL));
    SKEP__TRY(read_first(conn, opts));
    SKEP__TRY(run(conn, "PRAGMA page_size", &page_size));
    conn->base.page_size = (uint32_t)page_size;
    if (!opts->readonly && !opts->foreign && opts->role == SKEP__CONN_WRITER)
        SKEP__TRY(set_journal(conn));
    if (opts->synchronous == SKEP_SYNC_NORMAL)
        SKEP__TRY(set_pragma(conn, "PRAGMA synchronous=NORMAL", "PRAGMA synchronous", 1));
    else if (opts->foreign) /* a rollback journal whose removal is not synced can come back */
        SKEP__TRY(set_pragma(conn, "PRAGMA synchronous=EXTRA", "PRAGMA synchronous", 3));
    else
        SKEP__TRY(set_pragma(conn, "PRAGMA synchronous=FULL", "PRAGMA synchronous", 2));
    SKEP__TRY(set_pragma(conn, "PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", 1));
    SKEP__TRY(run(conn, "PRAGMA mmap_size=0", NULL));
    _Static_assert(SKEP__SQL_WAL_KEEP == 67108864, "the pragma below says so");
    SKEP__TRY(set_pragma(conn, "PRAGMA journal_size_limit=67108864", "PRAGMA journal_size_limit",
                         SKEP__SQL_WAL_KEEP));
    _Static_assert(SKEP__SQL_ANALYSIS_LIMIT == 400, "the pragma below says so");
    if (opts->role == SKEP__CONN_WRITER)
        SKEP__TRY(set_pragma(conn, "PRAGMA analysis_limit=400", "PRAGMA analysis_limit",
                             SKEP__SQL_ANALYSIS_LIMIT));
    if (opts->role == SKEP__CONN_READER)
        SKEP__TRY(set_pragma(conn, "PRAGMA query_only=ON", "PRAGMA query_only", 1));
    return set_cache(conn, opts->cache_bytes);
}

static int set_up_functions(sqlite_conn *conn)
{
    int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    int rc = sqlite3_create_function_v2(conn->handle, "changes", 0, flags, conn, sql_changes, NULL,
                                        NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(conn->handle, "total_changes", 0, flags, conn,
                                        sql_total_changes, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SKEP_OK : skep__sqlite_fail(conn, rc, "registering functions", NULL);
}

/* Where the WAL cannot be opened for writing, SQLite opens it for reading without a word. Whether
 * it can be written shows when somebody begins to. */
static int check_writable(sqlite_conn *conn)
{
    (void)sqlite3_busy_handler(conn->handle, NULL, NULL);
    int rc = conn->base.driver->control(&conn->base, SKEP__BEGIN_WRITE);
    (void)sqlite3_busy_handler(conn->handle, skep__sqlite_on_busy, conn);
    if (rc < 0) /* another process that writes right now is a good sign */
        return rc == SKEP_EBUSY ? SKEP_OK : rc;
    return conn->base.driver->control(&conn->base, SKEP__ROLLBACK);
}

static int set_up(sqlite_conn *conn, const skep__conn_opts *opts)
{
    if (!opts->readonly && sqlite3_db_readonly(conn->handle, "main") == 1)
        return SKEP__FAIL(SKEP_EDENIED,
                          "%s cannot be written: its permissions or its file system "
                          "are read-only",
                          opts->path);
    SKEP__TRY(set_up_flags(conn));
    SKEP__TRY(set_up_pragmas(conn, opts));
    SKEP__TRY(set_up_functions(conn));
    /* Nobody checkpoints by the way: in the middle of a commit is the wrong time. The hook and the
     * setting replace each other, so the hook comes second. */
    if (!opts->foreign || opts->readonly) {
        (void)sqlite3_wal_autocheckpoint(conn->handle, 0);
        if (opts->role == SKEP__CONN_WRITER)
            (void)sqlite3_wal_hook(conn->handle, on_wal, conn);
    }
    sqlite3_progress_handler(conn->handle, SKEP__SQL_PROGRESS_OPS, on_progress, conn);
    if (opts->role == SKEP__CONN_CHECKPOINTER)
        return SKEP_OK;
    (void)sqlite3_set_authorizer(conn->handle, skep__sqlite_authorize, conn);
    SKEP__TRY(skep__sqlite_prepare_controls(conn));
    return opts->role == SKEP__CONN_WRITER && !opts->foreign ? check_writable(conn) : SKEP_OK;
}

int skep__sqlite_open_handle(sqlite_conn *conn, const skep__conn_opts *opts)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    /* A WAL file that was closed cleanly gets a -wal and a -shm even for reading, and only who may
     * write takes them away again. So with nothing beside the file there is nothing to spare, and
     * `query_only` is enough; SQLite falls back to reading where it may not write. */
    flags |= opts->readonly && opts->keep_beside ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    flags |= opts->create ? SQLITE_OPEN_CREATE : 0;
    (void)sqlite3_close(SKEP__TAKE(conn->handle));
    conn->keyed = false;
    const char *vfs = opts->role == SKEP__CONN_WRITER ? skep__sqlite_gather() : NULL;
    int rc = sqlite3_open_v2(opts->path, &conn->handle, flags, vfs);
    if (rc != SQLITE_OK)
        return skep__sqlite_fail(conn, rc, "opening the file", NULL);
    (void)sqlite3_extended_result_codes(conn->handle, 1);
    (void)sqlite3_busy_handler(conn->handle, skep__sqlite_on_busy, conn);
    return keep_wal(conn, true);
}

static int open_and_set_up(sqlite_conn *conn, const skep__conn_opts *opts)
{
    conn->was_empty = false;
    SKEP__TRY(skep__sqlite_open_handle(conn, opts));
    SKEP__TRY(skep__sqlite_unlock(conn, opts));
    return set_up(conn, opts);
}

int skep__sqlite_open(const skep__conn_opts *opts, skep__conn **out)
{
    SKEP__TRY(skep__sqlite_enter(opts->path));
    sqlite_conn *conn = skep__calloc(1, sizeof(*conn));
    if (conn == NULL) {
        skep__sqlite_leave();
        return skep__oom();
    }
    conn->base.driver = &skep__sqlite_driver;
    conn->base.role = opts->role;
    conn->readonly = opts->readonly;
    conn->busy_timeout_ms = opts->connect_timeout_ms;
    conn->base.limit = opts->limit;
    conn->base.corrupted = opts->corrupted;
    uint32_t recovered = skep__sqlite_recoveries();
    const sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (vfs != NULL && strlen(opts->path) + SKEP__SQL_SUFFIX_MAX > (size_t)vfs->mxPathname) {
        skep__free(conn);
        skep__sqlite_leave();
        return SKEP__FAIL(SKEP_ELIMIT, "path of %zu bytes, SQLite takes %d", strlen(opts->path),
                          vfs->mxPathname - SKEP__SQL_SUFFIX_MAX);
    }
    SKEP__POINT("sql.opening");
    int failed = open_and_set_up(conn, opts);
    /* Somebody else made the file while we did: what we took for a new one has a salt now. */
    if (failed == SKEP_ECORRUPT && conn->was_empty && conn->controls[0] == NULL)
        failed = open_and_set_up(conn, opts);
    if (failed < 0) {
        skep_err err;
        skep__err_save(&err);
        (void)skep__sqlite_driver.close(&conn->base);
        if (failed == SKEP_EAUTH && opts->tidy_shm)
            skep__sqlite_tidy_shm(opts);
        return skep__err_install(&err);
    }
    conn->base.recovered = skep__sqlite_recoveries() != recovered;
    conn->busy_timeout_ms = opts->busy_timeout_ms;
    conn->base.limit = NULL;
    *out = &conn->base;
    return SKEP_OK;
}
