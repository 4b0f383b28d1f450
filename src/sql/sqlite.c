/* SPDX-License-Identifier: MIT */
/* The SQLite driver. Thin: what the rules of the API are is told in the rooms above. */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sql/sqlite_private.h"

static int conn_close(skep__conn *base)
{
    sqlite_conn *conn = sqlite_of(base);
    for (int i = 0; i < SKEP__CONTROLS; i++)
        (void)sqlite3_finalize(conn->controls[i]);
    /* A second sync would succeed without having written what the first one lost. The WAL stays,
     * and whoever opens the file next reads what of it is whole. */
    if (base->sync_failed && conn->handle != NULL)
        (void)sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int rc = sqlite3_close(conn->handle);
    int failed = rc == SQLITE_OK ? SKEP_OK : skep__sqlite_fail(conn, rc, "closing the file", NULL);
    ASSERT(rc != SQLITE_BUSY); /* a statement was left behind */
    skep__sqlite_leave();
    skep__free(conn);
    return failed;
}

/* ---- statements ---- */

/* Only blanks, semicolons and comments may follow a statement. The engine's own tokenizer decides:
 * a text without a statement compiles to none. */
static int check_tail(sqlite_conn *conn, const char *tail)
{
    sqlite3_stmt *second = NULL;
    while (*tail != '\0') {
        const char *rest = NULL;
        int rc = sqlite3_prepare_v3(conn->handle, tail, -1, 0, &second, &rest);
        bool empty = rc == SQLITE_OK && second == NULL;
        (void)sqlite3_finalize(second);
        if (!empty)
            return SKEP__FAIL(SKEP_EINVALID, "text after the first statement: %.60s", tail);
        if (rest == tail)
            break;
        tail = rest;
    }
    return SKEP_OK;
}

static int stmt_prepare(skep__conn *base, const char *sql, size_t len, skep__stmt **out)
{
    sqlite_conn *conn = sqlite_of(base);
    sqlite_stmt *stmt = skep__calloc(1, sizeof(*stmt));
    if (stmt == NULL)
        return skep__oom();
    stmt->base.conn = base;
    stmt->base.len = len;
    stmt->base.sql = skep__strndup(sql, len);
    if (stmt->base.sql == NULL) {
        skep__free(stmt);
        return skep__oom();
    }
    const char *tail = "";
    conn->refused[0] = '\0';
    int rc = sqlite3_prepare_v3(conn->handle, stmt->base.sql, (int)len + 1,
                                SQLITE_PREPARE_PERSISTENT, &stmt->handle, &tail);
    int failed = SKEP_OK;
    if (rc != SQLITE_OK)
        failed = skep__sqlite_fail(conn, rc, "preparing", sql);
    else if (stmt->handle == NULL)
        failed = SKEP__FAIL(SKEP_EINVALID, "there is no statement in the SQL text");
    else
        failed = check_tail(conn, tail);
    if (failed < 0) {
        (void)sqlite3_finalize(stmt->handle);
        skep__free(stmt->base.sql);
        skep__free(stmt);
        return failed;
    }
    stmt->reads_only = sqlite3_stmt_readonly(stmt->handle) != 0;
    stmt->base.parameters = (size_t)sqlite3_bind_parameter_count(stmt->handle);
    *out = &stmt->base;
    return SKEP_OK;
}

static void stmt_finalize(skep__stmt *base)
{
    sqlite_stmt *stmt = sqlite_stmt_of(base);
    (void)sqlite3_finalize(stmt->handle);
    skep__free(base->sql);
    skep__free(stmt);
}

static int bind_one(sqlite3_stmt *handle, int at, const skep_value *v)
{
    const void *data = v->u.s.data != NULL ? v->u.s.data : "";
    switch ((skep_type)v->type) {
    case SKEP_NULL:
        return sqlite3_bind_null(handle, at);
    case SKEP_INT:
    case SKEP_BOOL:
    case SKEP_TIME:
        return sqlite3_bind_int64(handle, at, v->u.i);
    case SKEP_REAL:
        return sqlite3_bind_double(handle, at, v->u.r);
    case SKEP_TEXT:
        return sqlite3_bind_text64(handle, at, data, v->u.s.len, SQLITE_STATIC, SQLITE_UTF8);
    case SKEP_BLOB:
        return sqlite3_bind_blob64(handle, at, data, v->u.s.len, SQLITE_STATIC);
    case SKEP_OUT_OF_RANGE:
        break;
    }
    return SQLITE_RANGE;
}

static __attribute__((noinline)) int bind_failed(skep__stmt *base, int at, const skep_value *v,
                                                 int rc)
{
    if (v->type == SKEP_OUT_OF_RANGE)
        return SKEP__FAIL(SKEP_EINVALID, "value %d is an unsigned integer above 2^63-1", at);
    if (rc == SQLITE_RANGE)
        return SKEP__FAIL(SKEP_EINVALID, "value %d has the unknown type %d", at, v->type);
    return skep__sqlite_fail(sqlite_of(base->conn), rc, "binding a value", base->sql);
}

static int stmt_bind(skep__stmt *base, int at, const skep_value *v)
{
    sqlite3_stmt *handle = sqlite_stmt_of(base)->handle;
    int rc = v->type == SKEP_INT ? sqlite3_bind_int64(handle, at, v->u.i) : bind_one(handle, at, v);
    return rc == SQLITE_OK ? SKEP_OK : bind_failed(base, at, v, rc);
}

static int stmt_step(skep__stmt *base)
{
    sqlite_stmt *stmt = sqlite_stmt_of(base);
    sqlite_conn *conn = sqlite_of(base->conn);
    if (!stmt->reads_only)
        conn->rows_changed = true;
    int rc = sqlite3_step(stmt->handle);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return skep__sqlite_fail(conn, rc, "running", base->sql);
}

static void stmt_reset(skep__stmt *base)
{
    (void)sqlite3_reset(sqlite_stmt_of(base)->handle);
}

/* ---- columns ---- */

static int stmt_columns(const skep__stmt *base)
{
    return sqlite3_column_count(((const sqlite_stmt *)(const void *)base)->handle);
}

static const char *column_name(skep__stmt *base, int column)
{
    return sqlite3_column_name(sqlite_stmt_of(base)->handle, column);
}

static int column_type(skep__stmt *base, int column)
{
    switch (sqlite3_column_type(sqlite_stmt_of(base)->handle, column)) {
    case SQLITE_INTEGER:
        return SKEP_INT;
    case SQLITE_FLOAT:
        return SKEP_REAL;
    case SQLITE_TEXT:
        return SKEP_TEXT;
    case SQLITE_BLOB:
        return SKEP_BLOB;
    default:
        return SKEP_NULL;
    }
}

static int64_t column_int(skep__stmt *base, int column)
{
    return sqlite3_column_int64(sqlite_stmt_of(base)->handle, column);
}

static double column_real(skep__stmt *base, int column)
{
    return sqlite3_column_double(sqlite_stmt_of(base)->handle, column);
}

/* The value is looked up once, where sqlite3_column_text() and _bytes() would look it up twice.
 * What they do beyond that is to note that memory ran out; SQLITE_THREADSAFE=2 allows the rest.
 *
 * Reading a text adds a NUL behind it, which may move it. So a text that is read as a blob is read
 * as text first: it then lies where it will lie, and its bytes are UTF-8 whatever the file has. */
static skep_slice column_bytes(skep__stmt *base, int column, skep_type as)
{
    sqlite3_stmt *handle = sqlite_stmt_of(base)->handle;
    sqlite3_value *value = sqlite3_column_value(handle, column);
    bool blob = as == SKEP_BLOB && sqlite3_value_type(value) == SQLITE_BLOB;
    const void *data = blob ? sqlite3_value_blob(value) : (const void *)sqlite3_value_text(value);
    if (data == NULL) /* NULL, empty, or no memory */
        data = blob ? sqlite3_column_blob(handle, column)
                    : (const void *)sqlite3_column_text(handle, column);
    return skep_slice_of(data, (size_t)sqlite3_value_bytes(value));
}

/* ---- transactions ---- */

static const char *const control_text[SKEP__CONTROLS] = {
    [SKEP__BEGIN_READ] = "BEGIN",
    /* Nothing is read by it, but reading has begun. */
    [SKEP__SNAPSHOT] = "SELECT 1 FROM sqlite_schema LIMIT 0",
    [SKEP__BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SKEP__COMMIT] = "COMMIT",
    [SKEP__ROLLBACK] = "ROLLBACK",
    [SKEP__SAVEPOINT] = "SAVEPOINT skep",
    [SKEP__RELEASE_SAVEPOINT] = "RELEASE skep",
    [SKEP__ROLLBACK_TO] = "ROLLBACK TO skep",
};

/* All of them as the connection opens: a rollback is needed most when there is no memory left to
 * prepare it. */
int skep__sqlite_prepare_controls(sqlite_conn *conn)
{
    int rc = SQLITE_OK;
    conn->own = true;
    for (int i = 0; i < SKEP__CONTROLS && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(conn->handle, control_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &conn->controls[i], NULL);
    conn->own = false;
    return rc == SQLITE_OK ? SKEP_OK
                           : skep__sqlite_fail(conn, rc, "preparing transaction control", NULL);
}

static int control(skep__conn *base, skep__control what)
{
    sqlite_conn *conn = sqlite_of(base);
    conn->own = true;
    int failed = SKEP_OK;
    int rc = sqlite3_step(conn->controls[what]);
    if (rc != SQLITE_DONE)
        failed = skep__sqlite_fail(conn, rc, control_text[what], NULL);
    /* The wal-index is brought up to date after the pages are in the WAL, and that can fail for
     * want of memory or of space for -shm. */
    if (failed < 0 && what == SKEP__COMMIT)
        base->commit_unsure = (rc & 0xff) == SQLITE_NOMEM || (rc & 0xff) == SQLITE_IOERR;
    (void)sqlite3_reset(conn->controls[what]);
    conn->own = false;
    return failed;
}

static bool in_tx(const skep__conn *base)
{
    return sqlite3_get_autocommit(sqlite_of_const(base)->handle) == 0;
}

static bool quiet(const skep__conn *base)
{
    sqlite3 *handle = sqlite_of_const(base)->handle;
    return sqlite3_get_autocommit(handle) != 0 &&
           sqlite3_txn_state(handle, NULL) == SQLITE_TXN_NONE;
}

static bool fk_pending(skep__conn *base)
{
    int now = 0;
    int most = 0;
    (void)sqlite3_db_status(sqlite_of(base)->handle, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &most, 0);
    return now != 0;
}

static void call_begin(skep__conn *base)
{
    sqlite_conn *conn = sqlite_of(base);
    conn->rows_changed = false;
    conn->sql_since_ns = 0;
    if (conn->base.role == SKEP__CONN_READER) /* nothing ever changes by it */
        return;
    conn->total_before = sqlite3_total_changes64(conn->handle);
    sqlite3_set_last_insert_rowid(conn->handle, 0);
}

static int call_end(skep__conn *base)
{
    sqlite_conn *conn = sqlite_of(base);
    if (!conn->fk_deferred)
        return SKEP_OK;
    conn->fk_deferred = false;
    conn->own = true;
    int rc = sqlite3_exec(conn->handle, "PRAGMA defer_foreign_keys=OFF", NULL, NULL, NULL);
    conn->own = false;
    return rc == SQLITE_OK ? SKEP_OK
                           : skep__sqlite_fail(conn, rc, "ending deferred foreign keys", NULL);
}

static int64_t changes(skep__conn *base)
{
    sqlite_conn *conn = sqlite_of(base);
    bool any = sqlite3_total_changes64(conn->handle) != conn->total_before;
    return conn->rows_changed && any ? sqlite3_changes64(conn->handle) : 0;
}

static int64_t last_rowid(skep__conn *base)
{
    return sqlite3_last_insert_rowid(sqlite_of(base)->handle);
}

/* ---- files ---- */

static int checkpoint(skep__conn *base, skep__checkpoint_mode mode, uint64_t *pages, uint64_t *left)
{
    static const int modes[] = {[SKEP__CHECKPOINT_LOOK] = SQLITE_CHECKPOINT_NOOP,
                                [SKEP__CHECKPOINT_PASSIVE] = SQLITE_CHECKPOINT_PASSIVE,
                                [SKEP__CHECKPOINT_TRUNCATE] = SQLITE_CHECKPOINT_TRUNCATE};
    sqlite_conn *conn = sqlite_of(base);
    /* Who is in the way is not waited for here: the writer may be held meanwhile, so the caller
     * lets go of it and comes back. The busy handler goes by this. */
    const skep__limit at_once = {.deadline_ns = 1};
    const skep__limit *limit = base->limit;
    int log = 0;
    int done = 0;
    int rc = SQLITE_BUSY;
    base->limit = &at_once;
    /* A look at the wal-index in the very moment in which a commit changes it is called busy too.
     */
    for (int i = 0; i < SKEP__SQL_CHECKPOINT_TRIES && (rc & 0xff) == SQLITE_BUSY; i++) {
        if (i > 0)
            (void)sched_yield();
        rc = sqlite3_wal_checkpoint_v2(conn->handle, "main", modes[mode], &log, &done);
    }
    base->limit = limit;
    if (rc != SQLITE_OK)
        return skep__sqlite_fail(conn, rc, "checkpoint", NULL);
    *pages = log > 0 ? (uint64_t)log : 0;
    *left = log > done ? (uint64_t)(log - done) : 0;
    return SKEP_OK;
}

static int clear(skep__conn *base, uint64_t *pages, uint64_t *left, bool *is_clear)
{
    sqlite_conn *conn = sqlite_of(base);
    const skep__limit at_once = {.deadline_ns = 1};
    const skep__limit *limit = base->limit;
    int log = 0;
    int done = 0;
    base->limit = &at_once; /* the busy handler goes by it */
    int rc =
        sqlite3_wal_checkpoint_v2(conn->handle, "main", SQLITE_CHECKPOINT_RESTART, &log, &done);
    base->limit = limit;
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return skep__sqlite_fail(conn, rc, "checkpoint", NULL);
    *pages = log > 0 ? (uint64_t)log : 0;
    *left = log > done ? (uint64_t)(log - done) : 0;
    *is_clear = rc == SQLITE_OK;
    return SKEP_OK;
}

static uint64_t wal_pages(const skep__conn *base)
{
    return sqlite_of_const(base)->wal_pages;
}

/* Bytes 16 to 23 of its header, read through the file that SQLite has open: another descriptor
 * would take its locks away when it is closed. */
static uint64_t wal_generation(skep__conn *base)
{
    sqlite_conn *conn = sqlite_of(base);
    sqlite3_file *wal = NULL;
    uint8_t salts[8];
    uint64_t generation = 0;
    if (conn->wal_pages == 0 ||
        sqlite3_file_control(conn->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) !=
            SQLITE_OK ||
        wal == NULL || wal->pMethods == NULL ||
        wal->pMethods->xRead(wal, salts, sizeof(salts), 16) != SQLITE_OK)
        return 0;
    for (size_t i = 0; i < sizeof(salts); i++)
        generation = generation << 8 | salts[i];
    return generation;
}

/* One value of a pragma as text. */
static int ask(sqlite_conn *conn, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->handle, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    int failed = SKEP_OK;
    if (rc == SQLITE_ROW)
        (void)snprintf(out, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
    else
        failed = skep__sqlite_fail(conn, rc, "asking", sql);
    (void)sqlite3_finalize(stmt);
    return failed;
}

static int ask_number(sqlite_conn *conn, const char *sql, uint64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->handle, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    int failed = SKEP_OK;
    if (rc == SQLITE_ROW)
        *out = (uint64_t)sqlite3_column_int64(stmt, 0);
    else
        failed = skep__sqlite_fail(conn, rc, "asking", sql);
    (void)sqlite3_finalize(stmt);
    return failed;
}

static int info(skep__conn *base, skep__conn_info *out)
{
    static const char *const levels[] = {"off", "normal", "full", "extra"};
    sqlite_conn *conn = sqlite_of(base);
    uint64_t page_size = 0;
    uint64_t level = 0;
    uint64_t vacuum = 0;
    SKEP__TRY(ask_number(conn, "PRAGMA page_size", &page_size));
    SKEP__TRY(ask_number(conn, "PRAGMA page_count", &out->pages));
    SKEP__TRY(ask_number(conn, "PRAGMA freelist_count", &out->free_pages));
    SKEP__TRY(ask(conn, "PRAGMA journal_mode", out->journal_mode, sizeof(out->journal_mode)));
    SKEP__TRY(ask_number(conn, "PRAGMA synchronous", &level));
    SKEP__TRY(ask_number(conn, "PRAGMA auto_vacuum", &vacuum));
    out->page_size = (uint32_t)page_size;
    out->incremental = vacuum == 2;
    (void)snprintf(out->synchronous, sizeof(out->synchronous), "%s", levels[level & 3]);
    return SKEP_OK;
}

static int give_rows(sqlite_conn *conn, sqlite3_stmt *stmt, skep__row_fn *row, void *ctx)
{
    const char *columns[SKEP__SQL_ROW_COLUMNS];
    int n = sqlite3_column_count(stmt);
    if (n > SKEP__SQL_ROW_COLUMNS)
        n = SKEP__SQL_ROW_COLUMNS;
    for (;;) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            return SKEP_OK;
        if (rc != SQLITE_ROW)
            return skep__sqlite_fail(conn, rc, "running", sqlite3_sql(stmt));
        for (int i = 0; i < n; i++)
            columns[i] = (const char *)sqlite3_column_text(stmt, i);
        if (row != NULL)
            SKEP__TRY(row(ctx, columns, n));
    }
}

static int execute(skep__conn *base, const char *sql, skep__row_fn *row, void *ctx)
{
    sqlite_conn *conn = sqlite_of(base);
    sqlite3_stmt *stmt = NULL;
    conn->own = true;
    conn->yields = true;
    int rc = sqlite3_prepare_v2(conn->handle, sql, -1, &stmt, NULL);
    int failed = rc == SQLITE_OK ? give_rows(conn, stmt, row, ctx)
                                 : skep__sqlite_fail(conn, rc, "preparing", sql);
    (void)sqlite3_finalize(stmt);
    conn->own = false;
    conn->yields = false;
    return failed;
}

/* Its pages are gathered in a temporary database, and SQLite3MC encrypts no temporary file. Where
 * the way back to memory fails, what is temporary of this plain file stays in files: no secret is
 * told by it. */
static int vacuum(skep__conn *base, bool *unsure)
{
    bool through_file = base->cipher == 0;
    skep_err err = {0};
    if (through_file)
        SKEP__TRY(execute(base, "PRAGMA temp_store=FILE", NULL, NULL));
    int rc = execute(base, "VACUUM", NULL, NULL);
    if (rc < 0)
        skep__err_save(&err);
    int back = through_file ? execute(base, "PRAGMA temp_store=DEFAULT", NULL, NULL) : SKEP_OK;
    (void)back;
    if (rc >= 0)
        return SKEP_OK;
    /* A file that could not even be opened, the temporary one say, has done no harm. */
    *unsure = base->sync_failed || (rc == SKEP_EIO && (err.engine_code & 0xff) == SQLITE_IOERR &&
                                    err.engine_code != SQLITE_IOERR_GETTEMPPATH);
    return skep__err_install(&err);
}

/* SQLite chooses it, so SQLite is asked: for the name that its next temporary file would have. */
static int temp_dir(skep__conn *base, char *out, size_t size)
{
    char *name = NULL;
    int rc =
        sqlite3_file_control(sqlite_of(base)->handle, "main", SQLITE_FCNTL_TEMPFILENAME, &name);
    if (rc == SQLITE_OK && name == NULL)
        return skep__oom();
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    size_t len = slash != NULL ? (size_t)(slash - name) : 0;
    bool fits = len > 0 && len < size;
    if (fits) {
        memcpy(out, name, len);
        out[len] = '\0';
    }
    sqlite3_free(name);
    return fits ? SKEP_OK
                : SKEP__FAIL(SKEP_EUNSUPPORTED,
                             "there is no directory for temporary files: SQLITE_TMPDIR, TMPDIR, "
                             "/var/tmp, /usr/tmp and /tmp cannot be written to");
}

static uint64_t pages_read(skep__conn *base)
{
    int now = 0;
    int most = 0;
    (void)sqlite3_db_status(sqlite_of(base)->handle, SQLITE_DBSTATUS_CACHE_MISS, &now, &most, 0);
    return now > 0 ? (uint64_t)now : 0;
}

const char *skep__sqlite_version(void)
{
    return sqlite3_libversion();
}

const char *skep__sqlite_mc_version(void)
{
    return sqlite3mc_version();
}

const skep__driver skep__sqlite_driver = {
    .name = "sqlite",
    .open = skep__sqlite_open,
    .close = conn_close,
    .prepare = stmt_prepare,
    .finalize = stmt_finalize,
    .bind = stmt_bind,
    .step = stmt_step,
    .reset = stmt_reset,
    .columns = stmt_columns,
    .column_name = column_name,
    .column_type = column_type,
    .column_int = column_int,
    .column_real = column_real,
    .column_bytes = column_bytes,
    .control = control,
    .in_tx = in_tx,
    .quiet = quiet,
    .fk_pending = fk_pending,
    .call_begin = call_begin,
    .call_end = call_end,
    .changes = changes,
    .last_rowid = last_rowid,
    .checkpoint = checkpoint,
    .clear = clear,
    .wal_generation = wal_generation,
    .wal_pages = wal_pages,
    .info = info,
    .execute = execute,
    .pages_read = pages_read,
    .vacuum = vacuum,
    .temp_dir = temp_dir,
};
