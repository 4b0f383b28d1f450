/* SPDX-License-Identifier: MIT */
/* The frames of a commit are gathered (src/sql/sqlite_gather.c): what was answered is in the -wal,
 * whatever the pages went through before, and it went there in few writes. */
#include "faults/faults.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include <skep/skep.h>

#include "faults/tools.h"
#include "harness/harness.h"
#include "harness/vfs_fault.h"

#define KEYS 300

typedef struct sums {
    int64_t rows;
    int64_t keys;
    int64_t bytes;
} sums;

static int count(skep_tx *tx, void *arg)
{
    sums *out = arg;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT count(*), sum(k * 7 + n), sum(length(v)) FROM t");
    if (rc >= 0)
        rc = skep_next(rows);
    if (rc > 0)
        *out = (sums){skep_column_int(rows, 0), skep_column_int(rows, 1), skep_column_int(rows, 2)};
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

/* One transaction: pages are changed, spilled, and changed again; some are taken back. */
typedef struct change {
    int64_t from;
    int64_t to;
    int64_t bytes;
    bool fails;
} change;

static int apply(skep_tx *tx, void *arg)
{
    const change *c = arg;
    for (int i = 0; i < 2; i++) {
        int rc = skep_exec(tx,
                           "WITH RECURSIVE n(i) AS (VALUES(?) UNION ALL SELECT i + 1 FROM n "
                           "WHERE i < ?) INSERT INTO t SELECT i, 0, randomblob(?) FROM n WHERE 1 "
                           "ON CONFLICT(k) DO UPDATE SET n = n + 1, v = excluded.v",
                           SKEP_V(c->from), SKEP_V(c->to), SKEP_V(c->bytes));
        if (rc < 0)
            return rc;
    }
    return c->fails ? SKEP_EUSER : SKEP_OK;
}

typedef struct kind {
    int page_size;
    uint32_t synchronous;
    const char *passphrase; /* NULL: plain */
} kind;

static skep_key *key_of(const kind *k)
{
    skep_key *key = NULL;
    uint8_t raw[SKEP_KEY_BYTES] = {1};
    if (k->passphrase != NULL)
        assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    return key;
}

static skep_db *open_kind(const char *path, const kind *k)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_key *key = key_of(k);
    skep_db *db = NULL;
    opts.synchronous = k->synchronous;
    opts.cache_bytes = 1 << 20; /* too little, so that pages are spilled */
    opts.readers = 15;
    opts.flags = SKEP_DB_UNATTENDED;
    opts.key = key;
    assert_ok(skep_db_open(path, &opts, &db));
    skep_key_free(key);
    return db;
}

static int make_table(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "CREATE TABLE t(k INTEGER PRIMARY KEY, n INTEGER, v BLOB)");
}

/* What a crash at this moment would leave. */
static void assert_survives(const char *path, const kind *k, const sums *want)
{
    sums got = {0};
    const char *copy = harness_path("copy.db");
    copy_database(path, copy);
    skep_db *db = open_kind(copy, k);
    assert_ok(skep_read(db, count, &got));
    ck_assert_int_eq(got.rows, want->rows);
    ck_assert_int_eq(got.keys, want->keys);
    ck_assert_int_eq(got.bytes, want->bytes);
    ck_assert_int_eq(skep_db_check(db, NULL), 0);
    assert_ok(skep_db_close(db));
    remove_database(copy);
}

static void changes(const kind *k)
{
    enum { CALLS = 6 };
    rng r = rng_of(harness_seed());
    const char *path = harness_path("t.db");
    if (k->page_size != 4096) {
        sqlite3 *raw = NULL;
        char sql[64];
        (void)snprintf(sql, sizeof(sql), "PRAGMA page_size=%d; VACUUM", k->page_size);
        ck_assert_int_eq(sqlite3_open(path, &raw), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    }
    skep_db *db = open_kind(path, k);
    assert_ok(skep_write(db, make_table, NULL));
    for (uint64_t round = harness_size(SIZE_GATHER_ROUNDS); round > 0; round--) {
        change made[CALLS];
        skep_call calls[CALLS];
        sums now = {0};
        for (int i = 0; i < CALLS; i++) {
            made[i] = (change){.from = (int64_t)rng_below(&r, KEYS),
                               .bytes = (int64_t)rng_below(&r, 3000),
                               .fails = rng_below(&r, 3) == 0};
            made[i].to = made[i].from + (int64_t)rng_below(&r, 60);
            calls[i] = (skep_call){.fn = apply, .arg = &made[i]};
        }
        int rc = skep_write_batch(db, calls, CALLS, NULL);
        ck_assert(rc == SKEP_OK || rc == SKEP_EUSER);
        for (int i = 0; i < CALLS; i++)
            ck_assert_int_eq(calls[i].rc, made[i].fails ? SKEP_EUSER : SKEP_OK);
        assert_ok(skep_read(db, count, &now));
        assert_survives(path, k, &now);
    }
    assert_ok(skep_db_close(db));
}

TEST(a_commit_is_in_the_wal_at_full)
{
    changes(&(kind){4096, SKEP_SYNC_FULL, NULL});
}
TEST(a_commit_is_in_the_wal_at_normal)
{
    changes(&(kind){4096, SKEP_SYNC_NORMAL, NULL});
}
TEST(a_commit_is_in_the_wal_with_small_pages)
{
    changes(&(kind){512, SKEP_SYNC_NORMAL, NULL});
}
/* Two of them do not fit what is gathered. */
TEST(a_commit_is_in_the_wal_with_large_pages)
{
    changes(&(kind){65536, SKEP_SYNC_FULL, NULL});
}
TEST(a_commit_is_in_the_wal_encrypted)
{
    changes(&(kind){4096, SKEP_SYNC_NORMAL, "p"});
}

TEST(a_commit_of_many_pages_is_few_writes)
{
    const char *path = harness_path("t.db");
    const change many = {.from = 1, .to = 200, .bytes = 3000};
    vfs_install();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_UNATTENDED;
    skep_db *db = NULL;
    assert_ok(skep_db_open(path, &opts, &db));
    assert_ok(skep_write(db, make_table, NULL));
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE), .files = VFS_WAL});
    change arg = many;
    assert_ok(skep_write(db, apply, &arg));
    uint64_t writes = vfs_disarm(NULL);
    ck_assert_uint_gt(writes, 0);
    ck_assert_uint_lt(writes, 20); /* of some 200 frames, with header and page 400 */
    assert_ok(skep_db_close(db));
}

/* What was gathered goes with the transaction that could not be written. */
TEST(a_commit_that_finds_no_room_is_gone_and_the_next_one_stands)
{
    const kind k = {4096, SKEP_SYNC_FULL, NULL};
    const char *path = harness_path("t.db");
    change c = {.from = 1, .to = 50, .bytes = 1000};
    sums before = {0};
    sums after = {0};
    vfs_install();
    skep_db *db = open_kind(path, &k);
    assert_ok(skep_write(db, make_table, NULL));
    assert_ok(skep_write(db, apply, &c));
    for (uint64_t nth = 1; nth < 4; nth++) {
        uint64_t failed = 0;
        assert_ok(skep_read(db, count, &before));
        vfs_arm(&(vfs_fault){
            .ops = VFS_OPS(VFS_WRITE), .files = VFS_WAL, .nth = nth, .code = SQLITE_FULL});
        int rc = skep_write(db, apply, &c);
        (void)vfs_disarm(&failed);
        ck_assert_int_eq(rc, failed > 0 ? SKEP_EFULL : SKEP_OK);
        assert_ok(skep_read(db, count, &after));
        if (failed > 0) {
            ck_assert_mem_eq(&after, &before, sizeof(after));
            assert_survives(path, &k, &before);
        }
        assert_ok(skep_write(db, apply, &c));
        assert_ok(skep_read(db, count, &after));
        ck_assert_int_ne(after.keys, before.keys);
        assert_survives(path, &k, &after);
    }
    assert_ok(skep_db_close(db));
}

static const harness_test tests[] = {
    HARNESS_TEST(a_commit_is_in_the_wal_at_full),
    HARNESS_TEST(a_commit_is_in_the_wal_at_normal),
    HARNESS_TEST(a_commit_is_in_the_wal_with_small_pages),
    HARNESS_TEST(a_commit_is_in_the_wal_with_large_pages),
    HARNESS_TEST(a_commit_is_in_the_wal_encrypted),
    HARNESS_TEST(a_commit_of_many_pages_is_few_writes),
    HARNESS_TEST(a_commit_that_finds_no_room_is_gone_and_the_next_one_stands),
};
const harness_suite gather_suite = HARNESS_SUITE("gather", tests);
