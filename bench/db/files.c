/* SPDX-License-Identifier: MIT */

/* The databases, from the parent's side: it makes them, brings the WAL of each writing run to the
 * same start line, and checks afterwards what the run claims to have written.
 *
 * The start line is a WAL of 4000 pages that is copied back completely: the next commit, whoever
 * makes it, starts at its beginning and overwrites. A run that had to grow its WAL first would be
 * up to 1.7 times slower than the one after it. The parent keeps its connection open, so the WAL
 * outlives the child's own last close and is not deleted inside a measured time. */

#include "bench.h"
#include "plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bench_files {
    char accounts[4096];
    char items[2][4096]; /* plain, encrypted */
    char scratch[4096];
    bool items_made[2];
    bool sealed;    /* the accounts are encrypted */
    sqlite3 *watch; /* on the accounts while a writing run lasts */
};

static void path_to(char out[4096], const char *dir, const char *name)
{
    if (snprintf(out, 4096, "%s/%s", dir, name) >= 4096)
        bench_die("%s: the path is too long", dir);
}

static void remove_database(const char *path)
{
    static const char *const suffix[] = {"",      "-wal",       "-shm",        "-journal",
                                         "-skep", "-skep-lock", "-skep-status"};
    char name[4200];
    for (size_t i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, suffix[i]);
        if (unlink(name) != 0 && errno != ENOENT)
            bench_die("%s: %m", name);
    }
}

static void script(sqlite3 *db, const char *const *sql)
{
    for (; *sql != NULL; sql++) {
        sqlite3_stmt *stmt = bench_prepare(db, *sql);
        bench_must(db, stmt);
        sqlite3_finalize(stmt);
    }
}

bool bench_sealed(const bench_job *job)
{
    return strstr(job->side, BENCH_SEALED_SUFFIX) != NULL;
}

bench_files *bench_files_new(const char *dir)
{
    bench_files *files = bench_calloc(1, sizeof(*files));
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        bench_die("%s: %m", dir);
    path_to(files->accounts, dir, "accounts.db");
    path_to(files->items[0], dir, "items.db");
    path_to(files->items[1], dir, "items-aegis.db");
    path_to(files->scratch, dir, "scratch");
    return files;
}

const char *bench_files_scratch(bench_files *files)
{
    return files->scratch;
}

const char *bench_files_accounts(bench_files *files, const bench_job *job)
{
    static const char *const schema[] = {
        "BEGIN",
        "CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)",
        "CREATE TABLE log(id INTEGER PRIMARY KEY, account INTEGER NOT NULL,"
        " amount INTEGER NOT NULL, note BLOB NOT NULL)",
        "CREATE TABLE filler(bytes BLOB NOT NULL)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        " INSERT INTO account SELECT i, 0 FROM n",
        "INSERT INTO filler VALUES (zeroblob(1))",
        "COMMIT",
        NULL,
    };
    remove_database(files->accounts);
    sqlite3 *db = bench_connect(files->accounts, "normal", 0);
    script(db, schema);
    sqlite3_close(db);
    files->sealed = bench_sealed(job);
    if (files->sealed)
        bench_seal(files->accounts, strcmp(job->mode, "passphrase") == 0);
    return files->accounts;
}

void bench_files_prepare(void *ctx)
{
    bench_files *files = ctx;
    files->watch = bench_connect(files->accounts, "full",
                                 BENCH_NO_CHECKPOINT | (files->sealed ? BENCH_SEALED : 0));
    sqlite3_stmt *fill = bench_prepare(files->watch, "UPDATE filler SET bytes = zeroblob(?)");
    sqlite3_bind_int64(fill, 1, (int64_t)BENCH_WAL_PAGES * 4096);
    bench_must(files->watch, fill);
    sqlite3_finalize(fill);
    int length = 0;
    int copied = 0;
    int rc =
        sqlite3_wal_checkpoint_v2(files->watch, NULL, SQLITE_CHECKPOINT_PASSIVE, &length, &copied);
    if (rc != SQLITE_OK || length != copied || length < BENCH_WAL_PAGES)
        bench_die("the WAL is not at the start line: %d of %d pages copied back", copied, length);
}

void bench_files_verify(bench_files *files, const bench_result *result, const bench_job *job)
{
    int64_t rows = bench_number(files->watch, "SELECT count(*) FROM log");
    int64_t logged = bench_number(files->watch, "SELECT coalesce(sum(amount), 0) FROM log");
    int64_t balance = bench_number(files->watch, "SELECT sum(balance) FROM account");
    sqlite3_close(files->watch);
    files->watch = NULL;
    if (rows != (int64_t)result->done || balance != result->sum || logged != result->sum)
        bench_die("%s, %s, %d clients: %llu transactions of %lld were acknowledged; the file holds "
                  "%lld of %lld, accounts %lld",
                  job->side, job->mode, job->clients, (unsigned long long)result->done,
                  (long long)result->sum, (long long)rows, (long long)logged, (long long)balance);
}

static void make_items(const char *path)
{
    remove_database(path);
    sqlite3 *db = bench_connect(path, "normal", 0);
    static const char *const schema[] = {
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, bytes INTEGER NOT NULL)",
        "BEGIN",
        NULL,
    };
    script(db, schema);
    sqlite3_stmt *insert = bench_prepare(db, "INSERT INTO item VALUES (?, ?, ?)");
    for (int64_t id = 1; id <= BENCH_ITEMS; id++) {
        char name[64];
        int length =
            snprintf(name, sizeof(name), "item-%08lld-of-a-catalog-of-many", (long long)id);
        sqlite3_bind_int64(insert, 1, id);
        sqlite3_bind_text(insert, 2, name, length, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 3, bench_item_bytes(id));
        bench_must(db, insert);
    }
    sqlite3_finalize(insert);
    static const char *const finish[] = {"COMMIT", NULL};
    script(db, finish);
    sqlite3_close(db);
}

const char *bench_files_items(bench_files *files, const bench_job *job)
{
    int sealed = bench_sealed(job);
    const char *path = files->items[sealed];
    if (!files->items_made[sealed]) {
        make_items(path);
        if (sealed)
            bench_seal(path, false);
        files->items_made[sealed] = true;
    }
    return path;
}

void bench_files_free(bench_files *files)
{
    remove_database(files->accounts);
    remove_database(files->items[0]);
    remove_database(files->items[1]);
    free(files);
}
