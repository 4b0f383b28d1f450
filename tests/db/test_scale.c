/* SPDX-License-Identifier: MIT */
/* What must hold with very many connections, and from inside a stream of commits. */
#include "suites.h"

#include <string.h>

#include "sqlite3.h"

#include "harness/alloc.h"

#include "support.h"

/* ---- B19: the page cache is one budget, however many connections share it ---- */

#define MANY 100
#define CACHE_BYTES (16u << 20)
#define TABLE_BYTES (24 << 20)
/* Besides its pages, what a connection of SQLite and its statements take. */
#define CONNECTION_BYTES (400u << 10)

typedef struct crowd {
    skep_db *db;
    gate in; /* all stand in their functions, each on a connection of its own */
} crowd;

static int scan(skep_tx *tx, void *arg)
{
    crowd *c = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT sum(length(a)) FROM t"));
    SKEP__TRY(skep_next(rows));
    ck_assert_int_eq(skep_column_int(rows, 0), TABLE_BYTES);
    skep_rows_close(rows);
    gate_wait(&c->in);
    return 0;
}

static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    SKEP__TRY(skep_exec(tx, "DELETE FROM t"));
    return skep_exec(tx,
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
                     "INSERT INTO t SELECT zeroblob(1024) FROM n",
                     SKEP_V(TABLE_BYTES / 1024));
}

TEST(b19_a_hundred_connections_share_one_page_cache)
{
    alloc_install();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = MANY;
    opts.cache_bytes = CACHE_BYTES;
    crowd c = {.db = db_open_still(&opts)};
    db_must(c.db, "CREATE TABLE t(a)");
    assert_ok(skep_write(c.db, fill, NULL));
    uint64_t before = alloc_living_bytes();
    call calls[MANY];
    for (size_t i = 0; i < MANY; i++) {
        calls[i] = (call){.fn = scan, .arg = &c, .reads = true};
        call_start(c.db, &calls[i]);
    }
    gate_came(&c.in, MANY);
    uint64_t most = alloc_living_bytes();
    gate_open(&c.in);
    for (size_t i = 0; i < MANY; i++) {
        call_join(&calls[i]);
        ck_assert_int_eq(calls[i].rc, 0);
    }
    ck_assert_uint_ge(most, before);
    ck_assert_msg(most - before <= CACHE_BYTES + MANY * CONNECTION_BYTES,
                  "%llu KiB for %d connections and a cache of %u KiB",
                  (unsigned long long)(most - before) / 1024, MANY, CACHE_BYTES / 1024);
    db_close(c.db);
}

/* ---- B21: a snapshot taken in the commit hook ---- */

typedef struct handoff {
    sqlite3 *reader;
    sqlite3_stmt *count;
    int64_t rows; /* that the commits so far have added */
    uint64_t commits;
    uint64_t shared;
} handoff;

/* The leader has not begun anew: who reads now must see this commit and none after it. */
static void look_at_the_commit(void *ctx, const skep_commit *commit)
{
    handoff *h = ctx;
    h->rows += commit->calls;
    h->commits++;
    h->shared += commit->calls > 1;
    ck_assert_int_eq(sqlite3_step(h->count), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int64(h->count, 0), h->rows);
    ck_assert_int_eq(sqlite3_reset(h->count), SQLITE_OK);
}

static void add_rows(size_t index, void *ctx)
{
    (void)index;
    for (int i = 0; i < 40; i++)
        db_must(ctx, "INSERT INTO t VALUES(1)");
}

TEST(b21_a_snapshot_taken_in_the_commit_hook_is_that_commit)
{
    handoff h = {0};
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a)");
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &h.reader), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(h.reader, "SELECT count(*) FROM t", -1, &h.count, NULL),
                     SQLITE_OK);
    skep_db_hooks hooks = {.size = sizeof(hooks),
                           .abi = SKEP_DB_HOOKS_ABI,
                           .ctx = &h,
                           .after_commit = look_at_the_commit};
    assert_ok(skep_db_set_hooks(db, &hooks));
    harness_threads(16, add_rows, db);
    assert_ok(skep_db_set_hooks(db, NULL));
    ck_assert_int_eq(h.rows, 16 * 40);
    ck_assert_uint_gt(h.shared, 0);
    ck_assert_int_eq(sqlite3_finalize(h.count), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(h.reader), SQLITE_OK);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(b19_a_hundred_connections_share_one_page_cache),
    HARNESS_TEST(b21_a_snapshot_taken_in_the_commit_hook_is_that_commit),
};
const harness_suite scale_suite = HARNESS_SUITE("scale", tests);
