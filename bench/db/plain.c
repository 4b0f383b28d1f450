/* SPDX-License-Identifier: MIT */

#include "plain.h"

#include <string.h>

#define FLAGS (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX)

static void run(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = bench_prepare(db, sql);
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        bench_die("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
}

static void give_key(sqlite3 *db, const char *key,
                     int (*give)(sqlite3 *db, const void *key, int length))
{
    if (sqlite3mc_config(db, "cipher", sqlite3mc_cipher_index("aegis")) < 0 ||
        give(db, key, (int)strlen(key)) != SQLITE_OK)
        bench_die("the key: %s", sqlite3_errmsg(db));
}

void bench_seal(const char *path, bool passphrase)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, FLAGS, NULL) != SQLITE_OK)
        bench_die("%s: %s", path, sqlite3_errmsg(db));
    run(db, "PRAGMA journal_mode = DELETE");
    give_key(db, passphrase ? BENCH_PASSPHRASE : "raw:" BENCH_KEY, sqlite3_rekey);
    run(db, "PRAGMA journal_mode = WAL");
    if (sqlite3_close(db) != SQLITE_OK)
        bench_die("%s: it does not close", path);
}

/* The list of skep's own pragmas and flags. What only one of the two sides had would be measured
 * as if it were the doing of the pool. */
sqlite3 *bench_connect(const char *path, const char *mode, int flags)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, FLAGS, NULL) != SQLITE_OK)
        bench_die("%s: %s", path, sqlite3_errmsg(db));
    if ((flags & BENCH_SEALED) != 0)
        give_key(db, "raw:" BENCH_KEY, sqlite3_key);
    sqlite3_busy_timeout(db, 5000);
    run(db, "PRAGMA journal_mode = WAL");
    run(db,
        strcmp(mode, "normal") == 0 ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
    run(db, "PRAGMA foreign_keys = ON");
    run(db, "PRAGMA journal_size_limit = 67108864");
    run(db, "PRAGMA mmap_size = 0");
    run(db, "PRAGMA trusted_schema = OFF");
    run(db, "PRAGMA cell_size_check = ON");
    run(db, "PRAGMA cache_size = -262144");
    run(db, (flags & BENCH_NO_CHECKPOINT) != 0 ? "PRAGMA wal_autocheckpoint = 0"
                                               : "PRAGMA wal_autocheckpoint = 1000");
    if ((flags & BENCH_READER) != 0)
        run(db, "PRAGMA query_only = ON");
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_STMT_SCANSTATUS, 0, (int *)NULL);
    return db;
}

sqlite3_stmt *bench_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        bench_die("%s: %s", sql, sqlite3_errmsg(db));
    return stmt;
}

int bench_step(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    int after = sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_DONE : after;
}

void bench_must(sqlite3 *db, sqlite3_stmt *stmt)
{
    if (bench_step(stmt) != SQLITE_DONE)
        bench_die("%s: %s", sqlite3_sql(stmt), sqlite3_errmsg(db));
}

int64_t bench_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = bench_prepare(db, sql);
    if (sqlite3_step(stmt) != SQLITE_ROW)
        bench_die("%s: %s", sql, sqlite3_errmsg(db));
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

void bench_small_prepare(bench_small *small, sqlite3 *db)
{
    small->db = db;
    small->insert = bench_prepare(db, BENCH_SQL_INSERT);
    small->update = bench_prepare(db, BENCH_SQL_UPDATE);
}

void bench_small_run(bench_small *small, const bench_tx *tx)
{
    sqlite3_bind_int64(small->insert, 1, tx->account);
    sqlite3_bind_int64(small->insert, 2, tx->amount);
    sqlite3_bind_blob(small->insert, 3, tx->note, BENCH_NOTE_BYTES, SQLITE_STATIC);
    bench_must(small->db, small->insert);
    sqlite3_bind_int64(small->update, 1, tx->amount);
    sqlite3_bind_int64(small->update, 2, tx->account);
    bench_must(small->db, small->update);
}

void bench_small_finalize(bench_small *small)
{
    sqlite3_finalize(small->insert);
    sqlite3_finalize(small->update);
}
