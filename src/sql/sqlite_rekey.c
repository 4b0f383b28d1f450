/* SPDX-License-Identifier: MIT */
/*
 * Changing the key of a file that nobody else has open.
 *
 * The file leaves WAL mode and stays locked for good (locking_mode=EXCLUSIVE), or somebody could
 * put it back into WAL mode between two of our steps. SQLite3MC then writes each page anew in one
 * transaction with a rollback journal; the cut of the journal, which is synced, is the moment from
 * which the new key counts. Where the ciphers need a different room at the end of each page, that
 * transaction is a VACUUM, which holds the new pages in memory.
 */
#include <stdio.h>
#include <string.h>

#include "sql/sqlite_private.h"

/* One statement of ours; `text` gets its first column, cut to fit. */
static int run(sqlite_conn *conn, const char *sql, char *text, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->handle, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && text != NULL)
        (void)snprintf(text, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
    bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE;
    int failed = ok ? SKEP_OK : skep__sqlite_fail(conn, rc, "changing the key", sql);
    (void)sqlite3_finalize(stmt);
    return failed;
}

/* Leaving WAL mode calls no busy handler. */
static int leave_wal(sqlite_conn *conn)
{
    for (int times = 0;; times++) {
        char mode[16] = "";
        int rc = run(conn, "PRAGMA journal_mode=TRUNCATE", mode, sizeof(mode));
        if (rc >= 0 && strcmp(mode, "truncate") == 0)
            return SKEP_OK;
        if (rc < 0 && rc != SKEP_EBUSY)
            return rc;
        if (skep__sqlite_on_busy(conn, times) == 0)
            return SKEP__FAIL(SKEP_EBUSY, "somebody else has %s open",
                              sqlite3_db_filename(conn->handle, "main"));
    }
}

int skep__sqlite_alone(skep__conn *base, bool *was_wal)
{
    sqlite_conn *conn = sqlite_of(base);
    char mode[16] = "";
    SKEP__TRY(run(conn, "PRAGMA journal_mode", mode, sizeof(mode)));
    *was_wal = strcmp(mode, "wal") == 0;
    SKEP__TRY(run(conn, "PRAGMA locking_mode=EXCLUSIVE", mode, sizeof(mode)));
    SKEP__TRY(leave_wal(conn));
    SKEP__TRY(run(conn, "BEGIN EXCLUSIVE", NULL, 0));
    return run(conn, "COMMIT", NULL, 0);
}

static void dispose_text(skep__key_text *text)
{
    skep__wipe(text, sizeof(*text));
}

int skep__sqlite_rekey(skep__conn *base, const struct skep_key *to, int cipher,
                       const uint8_t salt[SKEP__SALT_BYTES])
{
    SKEP__CLEANUP(dispose_text) skep__key_text text = {0};
    sqlite_conn *conn = sqlite_of(base);
    int rc = SQLITE_OK;
    if (to != NULL) {
        SKEP__TRY(skep__sqlite_key_text(to, cipher, salt, &text));
        SKEP__TRY(skep__sqlite_set_cipher(conn, cipher));
        rc = sqlite3_rekey_v2(conn->handle, "main", text.bytes, (int)sizeof(text.bytes));
    } else {
        rc = sqlite3_rekey_v2(conn->handle, "main", NULL, 0);
    }
    if (rc == SQLITE_OK)
        return SKEP_OK;
    /* No SQL of a caller's is to blame: this is how a VACUUM tells of files that fail. */
    int failed = skep__sqlite_fail(conn, rc, "changing the key", NULL);
    return failed != SKEP_EINVALID
               ? failed
               : SKEP__FAIL(SKEP_EIO, "changing the key: %s", sqlite3_errmsg(conn->handle));
}

int skep__sqlite_together(skep__conn *base, bool wal)
{
    sqlite_conn *conn = sqlite_of(base);
    char mode[16] = "";
    const char *want = wal ? "wal" : "delete";
    SKEP__TRY(run(conn, "PRAGMA locking_mode=NORMAL", mode, sizeof(mode)));
    SKEP__TRY(run(conn, "SELECT count(*) FROM sqlite_schema", NULL, 0)); /* gives the lock up */
    if (!wal) /* on the way from it to DELETE the empty journal that it leaves goes too */
        SKEP__TRY(run(conn, "PRAGMA journal_mode=TRUNCATE", mode, sizeof(mode)));
    SKEP__TRY(run(conn, wal ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE", mode,
                  sizeof(mode)));
    if (strcmp(mode, want) != 0)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "the journal mode stays %s after the change", mode);
    return SKEP_OK;
}
