/* SPDX-License-Identifier: MIT */
#include "harness/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "sqlite3.h"

#include "os/calls.h"

#include "harness/vfs_disk.h"
#include "harness/vfs_fault.h"

static const disk_promises ordinary = DISK_ORDINARY;
static const disk_promises hostile = DISK_HOSTILE;

static const char *survivors(disk *d, uint64_t seed)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "after-%llu", (unsigned long long)seed);
    const char *dir = harness_path(name);
    harness_remove_tree(dir);
    disk_write_survivors(d, seed, dir);
    return dir;
}

static const char *in(const char *dir, const char *name)
{
    char full[4096];
    (void)snprintf(full, sizeof(full), "%s/%s", strrchr(dir, '/') + 1, name);
    return harness_path(full);
}

/* ---- plain files, through the `os` table ---- */

static int open_on(const char *name, int flags)
{
    int fd = skep__os()->open(harness_path(name), flags | O_RDWR | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void put(int fd, char fill, size_t size)
{
    char block[8192];
    ck_assert_uint_le(size, sizeof(block));
    memset(block, fill, size);
    ck_assert_int_eq(skep__os()->write(fd, block, size), (ssize_t)size);
}

static void sync_dir(void)
{
    int fd = skep__os()->open(harness_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(skep__os()->fsync(fd), 0);
    ck_assert_int_eq(skep__os()->close(fd), 0);
}

/* How many bytes of `fill` the surviving file has, sector by sector; -1 if there is no file. */
static long count_fill(const char *dir, const char *name, char fill)
{
    if (!harness_exists(in(dir, name)))
        return -1;
    size_t size = 0;
    const char *data = harness_read_file(in(dir, name), &size);
    long n = 0;
    for (size_t i = 0; i < size; i++)
        n += data[i] == fill;
    return n;
}

TEST(synced_data_under_a_synced_name_survives)
{
    disk *d = disk_new(harness_dir(), &ordinary);
    int fd = open_on("a", O_CREAT);
    put(fd, 'x', 5000);
    ck_assert_int_eq(skep__os()->fsync(fd), 0);
    sync_dir();
    ck_assert_int_eq(skep__os()->close(fd), 0);
    ck_assert_uint_eq(disk_syncs(d), 2);
    disk_cut(d);
    for (uint64_t seed = 0; seed < 20; seed++)
        ck_assert_int_eq(count_fill(survivors(d, seed), "a", 'x'), 5000);
    disk_free(d);
}

TEST(unsynced_data_is_lost_kept_and_garbled)
{
    harness_write_file(harness_path("a"), "", 0);
    disk *d = disk_new(harness_dir(), &ordinary);
    int fd = open_on("a", 0);
    put(fd, 'x', 8192);
    ck_assert_int_eq(skep__os()->close(fd), 0);
    disk_cut(d);
    bool all = false;
    bool less = false;
    bool noise = false;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const char *dir = survivors(d, seed);
        long kept = count_fill(dir, "a", 'x');
        ck_assert_int_ge(kept, 0);
        all = all || kept == 8192;
        less = less || kept < 4096;
        noise = noise || kept % 512 != 0;
    }
    ck_assert(!all);
    ck_assert(less);
    ck_assert(noise);
    disk_free(d);
}

TEST(the_same_seed_gives_the_same_survivors)
{
    disk *d = disk_new(harness_dir(), &ordinary);
    int fd = open_on("a", O_CREAT);
    sync_dir();
    put(fd, 'x', 8192);
    ck_assert_int_eq(skep__os()->close(fd), 0);
    disk_cut(d);
    size_t one_size = 0;
    size_t two_size = 0;
    const void *one = harness_read_file(in(survivors(d, 7), "a"), &one_size);
    const void *two = harness_read_file(in(survivors(d, 7), "a"), &two_size);
    ck_assert_uint_eq(one_size, two_size);
    if (one_size > 0)
        ck_assert_mem_eq(one, two, one_size);
    disk_free(d);
}

TEST(a_new_name_needs_a_sync_of_its_directory)
{
    disk *d = disk_new(harness_dir(), &ordinary);
    int fd = open_on("a", O_CREAT);
    put(fd, 'x', 512);
    ck_assert_int_eq(skep__os()->fsync(fd), 0);
    ck_assert_int_eq(skep__os()->close(fd), 0);
    disk_cut(d);
    int there = 0;
    for (uint64_t seed = 0; seed < 20; seed++)
        there += count_fill(survivors(d, seed), "a", 'x') == 512;
    ck_assert_int_gt(there, 0);
    ck_assert_int_lt(there, 20);
    disk_free(d);
}

TEST(a_rename_or_removal_without_a_directory_sync_may_be_undone)
{
    harness_write_file(harness_path("old"), "o", 1);
    harness_write_file(harness_path("new"), "n", 1);
    harness_write_file(harness_path("gone"), "g", 1);
    disk *d = disk_new(harness_dir(), &ordinary);
    ck_assert_int_eq(skep__os()->rename(harness_path("new"), harness_path("old")), 0);
    ck_assert_int_eq(skep__os()->unlink(harness_path("gone")), 0);
    disk_cut(d);
    int renamed = 0;
    int removed = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        const char *dir = survivors(d, seed);
        bool moved = count_fill(dir, "old", 'n') == 1;
        bool unlinked = !harness_exists(in(dir, "gone"));
        ck_assert_int_eq(count_fill(dir, "old", moved ? 'n' : 'o'), 1);
        ck_assert_int_eq(harness_exists(in(dir, "new")), !moved);
        ck_assert(moved || !unlinked); /* in the order in which they were done */
        renamed += moved;
        removed += unlinked;
    }
    ck_assert(0 < renamed && renamed < 30);
    ck_assert(0 < removed && removed < 30);
    disk_free(d);
}

TEST(after_the_cut_everything_fails)
{
    disk *d = disk_new(harness_dir(), &ordinary);
    int fd = open_on("a", O_CREAT);
    put(fd, 'x', 100);
    disk_crash_at_sync(d, 1);
    ck_assert(!disk_is_cut(d));
    ck_assert_int_eq(skep__os()->fsync(fd), -1);
    ck_assert_int_eq(errno, EIO);
    ck_assert(disk_is_cut(d));
    ck_assert_int_eq(skep__os()->write(fd, "y", 1), -1);
    ck_assert_int_eq(skep__os()->unlink(harness_path("a")), -1);
    ck_assert_int_eq(skep__os()->rename(harness_path("a"), harness_path("b")), -1);
    ck_assert_int_eq(skep__os()->open(harness_path("a"), O_RDONLY, 0), -1);
    ck_assert_int_eq(skep__os()->close(fd), 0);
    disk_free(d);
}

/* A neighbour of what is written is safe with the promise, and not without. */
static int neighbours_hurt(const disk_promises *promises)
{
    char block[4096];
    memset(block, 'o', sizeof(block));
    harness_write_file(harness_path("a"), block, sizeof(block));
    disk *d = disk_new(harness_dir(), promises);
    int fd = open_on("a", 0);
    put(fd, 'n', 100);
    ck_assert_int_eq(skep__os()->close(fd), 0);
    disk_cut(d);
    int hurt = 0;
    for (uint64_t seed = 0; seed < 60; seed++)
        hurt += count_fill(survivors(d, seed), "a", 'o') < 4096 - 100;
    disk_free(d);
    return hurt;
}

TEST(neighbours_of_a_write_are_safe_only_where_the_device_promises_it)
{
    ck_assert_int_eq(neighbours_hurt(&ordinary), 0);
    ck_assert_int_gt(neighbours_hurt(&hostile), 0);
}

TEST(an_atomic_write_is_whole_or_absent)
{
    const disk_promises atomic = {.sector = 512, .atomic = 4096, .powersafe_overwrite = true};
    harness_write_file(harness_path("a"), "", 0);
    disk *d = disk_new(harness_dir(), &atomic);
    int fd = open_on("a", 0);
    put(fd, 'x', 4096);
    ck_assert_int_eq(skep__os()->close(fd), 0);
    disk_cut(d);
    int whole = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        long n = count_fill(survivors(d, seed), "a", 'x');
        ck_assert(n == 0 || n == 4096);
        whole += n == 4096;
    }
    ck_assert(0 < whole && whole < 20);
    disk_free(d);
}

/* ---- SQLite ---- */

typedef struct workload {
    const char *key; /* NULL: plain */
    const char *pragmas;
    int commits;
} workload;

static sqlite3 *open_db(const char *path, const workload *w)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK ||
        (w->key != NULL && sqlite3_key(db, w->key, (int)strlen(w->key)) != SQLITE_OK)) {
        (void)sqlite3_close(db);
        return NULL;
    }
    return db;
}

static int run_sql(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* Commit 1, 2, 3 …, with checkpoints; returns how many were acknowledged before the power went. */
static int commit_rows(const char *path, const workload *w)
{
    int acked = 0;
    sqlite3 *db = open_db(path, w);
    if (db == NULL)
        return 0;
    int rc = run_sql(db, w->pragmas);
    if (rc == SQLITE_OK)
        rc = run_sql(db, "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, b)");
    while (rc == SQLITE_OK && acked < w->commits) {
        rc = run_sql(db, "INSERT INTO t(b) VALUES(randomblob(3000))");
        acked += rc == SQLITE_OK;
        if (rc == SQLITE_OK && acked % 4 == 0)
            rc = run_sql(db, "PRAGMA wal_checkpoint(PASSIVE)");
    }
    (void)sqlite3_close(db);
    return acked;
}

static long ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    long n = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        n = (long)sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return n;
}

/* The rows that are there: 1 … n without a hole, in a sound database. */
static long rows_without_hole(const char *path, const workload *w)
{
    if (!harness_exists(path))
        return 0;
    sqlite3 *db = open_db(path, w);
    ck_assert_ptr_nonnull(db);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL);
    ck_assert_msg(rc == SQLITE_OK, "%s", sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), "ok");
    (void)sqlite3_finalize(stmt);
    long rows = 0;
    if (ask(db, "SELECT count(*) FROM sqlite_schema WHERE name='t'") == 1) {
        rows = ask(db, "SELECT count(*) FROM t");
        ck_assert_int_eq(ask(db, "SELECT coalesce(max(n), 0) FROM t"), rows);
    }
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    return rows;
}

/* Cut the power at each sync in turn. `durable`: what was acknowledged must be there. Returns the
 * number of acknowledged commits that were lost over all cuts. */
static long cut_at_each_sync(const workload *w, const disk_promises *promises, bool durable)
{
    long lost = 0;
    bool cut = true;
    for (uint64_t k = 1; cut; k++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "disk-%llu", (unsigned long long)k);
        const char *dir = harness_path(name);
        harness_copy_dir(harness_path("empty"), dir);
        disk *d = disk_new(dir, promises);
        disk_crash_at_sync(d, k);
        long acked = commit_rows(in(dir, "a.db"), w);
        cut = disk_is_cut(d);
        disk_cut(d);
        for (uint64_t seed = 0; seed < 3; seed++) {
            const char *after = survivors(d, seed * 1000 + k);
            long rows = rows_without_hole(in(after, "a.db"), w);
            ck_assert_int_le(rows, acked + 1); /* the one in flight may be there */
            if (durable)
                ck_assert_msg(rows >= acked, "sync %llu: %ld of %ld acknowledged rows are there",
                              (unsigned long long)k, rows, acked);
            lost += rows < acked ? acked - rows : 0;
            harness_remove_tree(after);
        }
        disk_free(d);
        harness_remove_tree(dir);
    }
    return lost;
}

static void prepare(void)
{
    vfs_install();
    harness_copy_dir(harness_dir(), harness_path("empty"));
}

TEST(sqlite_with_full_loses_nothing_acknowledged)
{
    prepare();
    const workload w = {.pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
                        .commits = 10};
    ck_assert_int_eq(cut_at_each_sync(&w, &ordinary, true), 0);
}

TEST(sqlite_with_full_stands_a_hostile_device)
{
    prepare();
    const workload w = {.pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
                        .commits = 10};
    ck_assert_int_eq(cut_at_each_sync(&w, &hostile, true), 0);
}

TEST(an_encrypted_database_goes_through_the_same_disk)
{
    prepare();
    const workload w = {.key = "correct horse",
                        .pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
                        .commits = 5};
    ck_assert_int_eq(cut_at_each_sync(&w, &ordinary, true), 0);
}

TEST(sqlite_with_normal_loses_the_newest_commits_but_leaves_no_hole)
{
    prepare();
    const workload w = {.pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                        .commits = 30};
    ck_assert_int_gt(cut_at_each_sync(&w, &ordinary, false), 0);
}

TEST(a_rollback_journal_works_too)
{
    prepare();
    const workload w = {.pragmas = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA",
                        .commits = 4};
    ck_assert_int_eq(cut_at_each_sync(&w, &ordinary, true), 0);
}

TEST(without_any_sync_the_disk_breaks_the_database)
{
    prepare();
    const workload w = {.pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",
                        .commits = 20};
    disk *d = disk_new(harness_path("empty"), &ordinary);
    ck_assert_int_eq(commit_rows(in(harness_path("empty"), "a.db"), &w), 20);
    disk_cut(d);
    int harmed = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        const char *path = in(survivors(d, seed), "a.db");
        sqlite3 *db = open_db(path, &w);
        harmed += db == NULL || ask(db, "SELECT count(*) FROM t") != 20;
        (void)sqlite3_close(db);
    }
    ck_assert_int_eq(harmed, 10);
    disk_free(d);
}

TEST(a_cut_between_two_syncs_takes_the_running_transaction)
{
    prepare();
    const workload w = {.pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
                        .commits = 10};
    for (uint64_t k = 1; k < 60; k += 7) {
        harness_remove_tree(harness_path("disk"));
        harness_copy_dir(harness_path("empty"), harness_path("disk"));
        disk *d = disk_new(harness_path("disk"), &ordinary);
        disk_crash_at_write(d, k);
        long acked = commit_rows(harness_path("disk/a.db"), &w);
        ck_assert(disk_is_cut(d));
        ck_assert_uint_eq(disk_writes(d), k + 1);
        long rows = rows_without_hole(in(survivors(d, k), "a.db"), &w);
        ck_assert(acked <= rows && rows <= acked + 1);
        disk_free(d);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(synced_data_under_a_synced_name_survives),
    HARNESS_TEST(unsynced_data_is_lost_kept_and_garbled),
    HARNESS_TEST(the_same_seed_gives_the_same_survivors),
    HARNESS_TEST(a_new_name_needs_a_sync_of_its_directory),
    HARNESS_TEST(a_rename_or_removal_without_a_directory_sync_may_be_undone),
    HARNESS_TEST(after_the_cut_everything_fails),
    HARNESS_TEST(neighbours_of_a_write_are_safe_only_where_the_device_promises_it),
    HARNESS_TEST(an_atomic_write_is_whole_or_absent),
    HARNESS_TEST(sqlite_with_full_loses_nothing_acknowledged),
    HARNESS_TEST(sqlite_with_full_stands_a_hostile_device),
    HARNESS_TEST(an_encrypted_database_goes_through_the_same_disk),
    HARNESS_TEST(sqlite_with_normal_loses_the_newest_commits_but_leaves_no_hole),
    HARNESS_TEST(a_rollback_journal_works_too),
    HARNESS_TEST(without_any_sync_the_disk_breaks_the_database),
    HARNESS_TEST(a_cut_between_two_syncs_takes_the_running_transaction),
};
const harness_suite selftest_disk_suite = HARNESS_SUITE("disk", tests);
