/* SPDX-License-Identifier: MIT */
/* Checkpoints happen by themselves, off the commit path, and keep the WAL short. */
#include "suites.h"

#include <string.h>

#include "harness/points.h"

#include "support.h"

#define PAGES 20 /* checkpoint_pages of these tests */

static skep_db *open_table(void)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.checkpoint_pages = PAGES;
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    return db;
}

static skep_db_stats stats_of(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats;
}

static uint64_t wal_bytes(skep_db *db)
{
    skep_db_info info = {.size = sizeof(info)};
    assert_ok(skep_db_get_info(db, &info));
    return info.wal_bytes;
}

static void wait_for_checkpoints(skep_db *db, uint64_t count)
{
    skep__word pause = 0;
    uint64_t deadline = skep__deadline_ns(60000);
    while (stats_of(db).checkpoints < count) {
        ck_assert_uint_lt(skep__now_ns(), deadline);
        (void)skep__word_wait(&pause, 0, skep__now_ns() + SKEP__NS_PER_MS);
    }
}

enum { WRITERS = 4, ROWS = 300 };

static void write_rows(size_t index, void *ctx)
{
    (void)index;
    for (int i = 0; i < ROWS; i++)
        db_must(ctx, "INSERT INTO t(a) VALUES(randomblob(3000))");
}

TEST(the_wal_stays_short_under_load)
{
    events_listen(SKEP_DEBUG);
    skep_db *db = open_table();
    uint64_t rows = 0;
    /* A row takes a page and the tree above it some more: without checkpoints the WAL would hold
     * them all, however many. On a busy machine the thread that makes them comes late. */
    do {
        ck_assert_uint_lt(rows, 20 * WRITERS * ROWS);
        harness_threads(WRITERS, write_rows, db);
        rows += WRITERS * ROWS;
    } while (wal_bytes(db) >= rows * 4096 / 2);
    wait_for_checkpoints(db, 1);
    ck_assert_uint_eq(stats_of(db).writes, rows + 1);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), (int64_t)rows);
    db_assert_whole(db);
    db_close(db);
    ck_assert_int_gt(events_count("db.checkpoint", "pages="), 0);
}

TEST(the_wal_starts_anew_by_itself)
{
    skep_db *db = open_table();
    uint64_t deadline = skep__deadline_ns(60000);
    uint64_t before = 0;
    int shrunk = 0;
    while (shrunk < 3) {
        db_must(db, "INSERT INTO t(a) VALUES(randomblob(3000))");
        uint64_t now = stats_of(db).wal_pages;
        shrunk += now < before;
        before = now;
        ck_assert_uint_lt(skep__now_ns(), deadline);
    }
    db_close(db);
}

TEST(a_checkpoint_is_done_by_a_thread_of_its_own)
{
    skep_db *db = open_table();
    point_wait("db.before_checkpoint");
    db_must(db, "INSERT INTO t(a) VALUES(zeroblob(200000))");
    point_reached("db.before_checkpoint", 1);
    /* It stands there, and nobody waits for it. */
    for (int i = 0; i < 10; i++)
        db_must(db, "INSERT INTO t(a) VALUES(1)");
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 11);
    ck_assert_uint_eq(stats_of(db).checkpoints, 0);
    point_release("db.before_checkpoint");
    db_close(db);
    point_clear();
}

TEST(after_a_complete_checkpoint_the_wal_starts_anew)
{
    skep_db *db = open_table();
    for (int round = 0; round < 5; round++) {
        uint64_t left = 9;
        db_must(db, "INSERT INTO t(a) VALUES(zeroblob(200000))");
        assert_ok(skep_db_checkpoint_pass(db, 1, &left));
        ck_assert_uint_eq(left, 0);
        db_must(db, "INSERT INTO t(a) VALUES(1)");
        ck_assert_uint_le(stats_of(db).wal_pages, 3); /* not 50 and more */
    }
    db_close(db);
}

TEST(a_long_reader_holds_nobody_up_and_the_wal_shrinks_after_it)
{
    skep_db *db = open_table();
    gate g = {0};
    script r = {.sql = {"SELECT count(*) FROM t"}, .last = gate_wait, .ctx = &g};
    call c = READ(r);
    call_start(db, &c);
    gate_came(&g, 1);
    for (int i = 0; i < 300; i++)
        db_must(db, "INSERT INTO t(a) VALUES(randomblob(2000))");
    uint64_t pinned = stats_of(db).wal_pages;
    ck_assert_uint_gt(pinned, 300);
    wait_for_checkpoints(db, 1); /* it was tried */
    gate_open(&g);
    call_join(&c);
    ck_assert_int_eq(c.rc, 0);
    uint64_t deadline = skep__deadline_ns(60000);
    while (stats_of(db).wal_pages >= pinned) {
        ck_assert_uint_lt(skep__now_ns(), deadline);
        db_must(db, "INSERT INTO t(a) VALUES(randomblob(2000))");
    }
    db_assert_whole(db);
    db_close(db);
}

TEST(a_pass_without_the_writer_can_be_asked_for)
{
    skep_db *db = open_table();
    uint64_t left = 77;
    db_must(db, "INSERT INTO t(a) VALUES(1)");
    assert_ok(skep_db_checkpoint_pass(db, 0, &left));
    ck_assert_uint_eq(left, 0);
    skep__misuse_aborts(false);
    assert_fails(skep_db_checkpoint_pass(NULL, 0, &left), SKEP_EMISUSE);
    assert_fails(skep_db_checkpoint_pass(db, 0, NULL), SKEP_EMISUSE);
    db_close(db);
}

TEST(an_idle_database_has_no_checkpoint_thread)
{
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a)");
    ck_assert(!db->checkpointer.thread.started);
    db_close(db);
}

TEST(closing_writes_the_wal_back)
{
    skep_db *db = open_table();
    db_must(db, "INSERT INTO t(a) VALUES(randomblob(50000))");
    ck_assert_uint_gt(wal_bytes(db), 50000);
    db_close(db);
    ck_assert(!harness_exists(harness_path("t.db-wal")));
    ck_assert(!harness_exists(harness_path("t.db-shm")));
}

static const harness_test tests[] = {
    HARNESS_TEST(the_wal_stays_short_under_load),
    HARNESS_TEST(the_wal_starts_anew_by_itself),
    HARNESS_TEST(a_checkpoint_is_done_by_a_thread_of_its_own),
    HARNESS_TEST(after_a_complete_checkpoint_the_wal_starts_anew),
    HARNESS_TEST(a_long_reader_holds_nobody_up_and_the_wal_shrinks_after_it),
    HARNESS_TEST(a_pass_without_the_writer_can_be_asked_for),
    HARNESS_TEST(an_idle_database_has_no_checkpoint_thread),
    HARNESS_TEST(closing_writes_the_wal_back),
};
const harness_suite checkpoint_suite = HARNESS_SUITE("checkpoint", tests);
