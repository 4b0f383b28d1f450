/* SPDX-License-Identifier: MIT */
#ifndef SKEP_BENCH_PLAIN_H
#define SKEP_BENCH_PLAIN_H

#include "bench.h"

#include <sqlite3.h>

/* Plain SQLite, as every peer in C uses it: a connection with the pragmas that skep sets itself,
 * and the two statements of the small transaction. */

enum {
    BENCH_READER = 1 << 0,        /* query_only, as skep's reading connections are */
    BENCH_NO_CHECKPOINT = 1 << 1, /* wal_autocheckpoint=0: somebody else does it */
    BENCH_SEALED = 1 << 2         /* the file is encrypted with AEGIS under BENCH_KEY */
};

/* `mode`: "full" or "normal". */
sqlite3 *bench_connect(const char *path, const char *mode, int flags);

/* Encrypt a closed file of ours in its place. */
void bench_seal(const char *path, bool passphrase);

/* Prepared for keeps; ends the bench when `sql` is wrong. */
sqlite3_stmt *bench_prepare(sqlite3 *db, const char *sql);

/* Step a statement that returns no row, and reset it. Returns SQLite's code. */
int bench_step(sqlite3_stmt *stmt);
/* The same, where only SQLITE_DONE will do. */
void bench_must(sqlite3 *db, sqlite3_stmt *stmt);

/* One statement of one number. */
int64_t bench_number(sqlite3 *db, const char *sql);

typedef struct bench_small {
    sqlite3 *db;
    sqlite3_stmt *insert;
    sqlite3_stmt *update;
} bench_small;

void bench_small_prepare(bench_small *small, sqlite3 *db);
void bench_small_run(bench_small *small, const bench_tx *tx);
void bench_small_finalize(bench_small *small);

#endif
