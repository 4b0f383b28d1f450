/* SPDX-License-Identifier: MIT */
/* A host with a SQLite of its own beside skep: who is who? Both are asked by name and by SQL, and
 * both work on files. Prints "skep VERSION VERSION host VERSION VERSION". Usage: two FOLDER */
#include <skep/skep.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static int ask_skep(skep_tx *tx, void *arg)
{
    skep_rows *rows;
    int rc = skep_exec(tx, "CREATE TABLE t(a)");
    if (rc >= 0)
        rc = skep_query(tx, &rows, "SELECT sqlite_version()");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0)
        snprintf(arg, 32, "%s", (const char *)skep_column_text(rows, 0).data);
    skep_rows_close(rows);
    return rc;
}

static int ask_host(const char *path, char *out)
{
    sqlite3 *db;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_open(path, &db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "SELECT sqlite_version()", -1, &stmt, NULL);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        snprintf(out, 32, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return rc;
}

int main(int argc, char **argv)
{
    char skep_path[512], host_path[512], skep_says[32] = "?", host_says[32] = "?";
    skep_db *db;
    if (argc != 2)
        return 2;
    snprintf(skep_path, sizeof(skep_path), "%s/skep.db", argv[1]);
    snprintf(host_path, sizeof(host_path), "%s/host.db", argv[1]);
    if (skep_db_open(skep_path, NULL, &db) < 0 || skep_write(db, ask_skep, skep_says) < 0) {
        fprintf(stderr, "skep: %s\n", skep_last_error()->text);
        return 1;
    }
    if (ask_host(host_path, host_says) != SQLITE_OK) {
        fprintf(stderr, "host's sqlite failed\n");
        return 1;
    }
    if (skep_db_close(db) < 0)
        return 1;
    printf("skep %s %s host %s %s\n", skep_sqlite_version(), skep_says, sqlite3_libversion(),
           host_says);
    return 0;
}
