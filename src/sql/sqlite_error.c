/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cancel.h"
#include "base/time.h"
#include "sql/sqlite_private.h"

static int code_of_constraint(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return SKEP_EEXISTS;
    default:
        return SKEP_ECONSTRAINT;
    }
}

static int code_of_primary(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_PERM:
        return SKEP_EDENIED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return SKEP_EBUSY;
    case SQLITE_NOMEM:
        return SKEP_ENOMEM;
    case SQLITE_READONLY:
        return SKEP_EREADONLY;
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
        return SKEP_ECANCELLED;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return SKEP_EIO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SKEP_ECORRUPT;
    case SQLITE_NOTFOUND:
        return SKEP_ENOTFOUND;
    case SQLITE_FULL:
        return SKEP_EFULL;
    case SQLITE_SCHEMA:
        return SKEP_ECONFLICT;
    case SQLITE_TOOBIG:
        return SKEP_ELIMIT;
    case SQLITE_AUTH:
        return SKEP_EMISUSE;
    case SQLITE_NOLFS:
        return SKEP_EUNSUPPORTED;
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL:
        return SKEP_EINTERNAL;
    default:
        return SKEP_EINVALID; /* ERROR, MISMATCH, RANGE, FORMAT: the SQL or a value is wrong */
    }
}

int skep__sqlite_code(int rc)
{
    switch (rc) {
    case SQLITE_BUSY_SNAPSHOT:
    case SQLITE_BUSY_RECOVERY:
        return rc == SQLITE_BUSY_SNAPSHOT ? SKEP_ECONFLICT : SKEP_EBUSY;
    case SQLITE_IOERR_NOMEM:
        return SKEP_ENOMEM;
    default:
        return (rc & 0xff) == SQLITE_CONSTRAINT ? code_of_constraint(rc) : code_of_primary(rc);
    }
}

/* An interrupted statement: whoever asked for it decides what it is called. */
static int fail_interrupted(const sqlite_conn *conn)
{
    const skep__limit *limit = conn->base.limit;
    if (limit != NULL && skep__cancel_fired(limit->cancel))
        return SKEP__FAIL(SKEP_ECANCELLED, "call cancelled while its SQL ran");
    if (limit != NULL && limit->deadline_ns != 0 && skep__now_ns() >= limit->deadline_ns)
        return SKEP__FAIL(SKEP_ETIMEOUT, "deadline passed while the call's SQL ran");
    if (limit != NULL && limit->budget_ns != 0 && conn->sql_since_ns != 0 &&
        skep__now_ns() - conn->sql_since_ns >= limit->budget_ns)
        return SKEP__FAIL(SKEP_ETIMEOUT, "the call's SQL ran longer than %s, %llu ms",
                          limit->budget_name,
                          (unsigned long long)(limit->budget_ns / SKEP__NS_PER_MS));
    if (limit != NULL && limit->cut != NULL && (atomic_load(limit->cut) & SKEP__CUT_ANY) != 0)
        return skep__cut_fail(atomic_load(limit->cut));
    return SKEP__FAIL(SKEP_ECLOSED, "the database is closing: the call's SQL was ended");
}

/* The SQL itself is quoted in part: it is text of the program, while values travel bound. */
static int fail_text(int code, const char *what, const char *why, const char *sql)
{
    if (sql == NULL)
        return SKEP__FAIL(code, "%s: %s", what, why);
    size_t len = strlen(sql);
    return SKEP__FAIL(code, "%s: %s, in: %.*s%s", what, why, len > 120 ? 117 : (int)len, sql,
                      len > 120 ? "..." : "");
}

/* A function that the authorizer refuses is a plain error to SQLite. */
static bool was_refused(const sqlite_conn *conn, int rc)
{
    return conn->refused[0] != '\0' && ((rc & 0xff) == SQLITE_AUTH || (rc & 0xff) == SQLITE_ERROR);
}

int skep__sqlite_fail(sqlite_conn *conn, int rc, const char *what, const char *sql)
{
    int extended = rc;
    const char *why = sqlite3_errstr(rc);
    int sys_errno = 0;
    if (conn->handle != NULL && (sqlite3_errcode(conn->handle) & 0xff) == (rc & 0xff)) {
        extended = sqlite3_extended_errcode(conn->handle);
        why = sqlite3_errmsg(conn->handle);
        sys_errno = sqlite3_system_errno(conn->handle);
    }
    int code = skep__sqlite_code(extended);
    if ((extended & 0xff) == SQLITE_CANTOPEN && sys_errno != 0)
        code = skep__code_of_errno(sys_errno);
    /* Only a write of pages says FULL; -shm that cannot grow, for one, is an I/O error. */
    if ((extended & 0xff) == SQLITE_IOERR && extended != SQLITE_IOERR_SHORT_READ &&
        skep__code_of_errno(sys_errno) == SKEP_EFULL)
        code = SKEP_EFULL;
    if (extended == SQLITE_BUSY)
        why = "another program or handle holds the lock of the file";
    if (code == SKEP_ECORRUPT && conn->base.corrupted != NULL)
        atomic_store(conn->base.corrupted, 1);
    if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC)
        conn->base.sync_failed = true;
    if ((extended & 0xff) == SQLITE_INTERRUPT)
        code = fail_interrupted(conn);
    else if (was_refused(conn, extended))
        code = fail_text(SKEP_EMISUSE, what, conn->refused, sql);
    else if ((extended & 0xff) == SQLITE_NOTADB)
        code = SKEP__FAIL(code, "the file is not a SQLite database, or it is encrypted");
    else
        code = fail_text(code, what, why, sql);
    conn->refused[0] = '\0';
    skep__err_engine(extended);
    if ((extended & 0xff) == SQLITE_CANTOPEN || code == SKEP_EIO || code == SKEP_EFULL)
        skep__err_errno(sys_errno);
    return code;
}
