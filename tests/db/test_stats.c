/* SPDX-License-Identifier: MIT */
/* What a database tells about itself: figures, facts, events. */
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "support.h"

static skep_db_stats stats_of(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats;
}

TEST(figures_count_what_was_done)
{
    skep_db *db = db_open_still(NULL);
    skep_db_stats s = stats_of(db);
    ck_assert_uint_eq(s.size, sizeof(s));
    ck_assert_uint_eq(s.writes + s.writes_failed + s.groups + s.reads + s.reruns + s.checkpoints,
                      0);
    db_must(db, "CREATE TABLE t(a)");
    for (int i = 0; i < 9; i++)
        db_must(db, "INSERT INTO t VALUES(1)");
    script bad = {.ret = SKEP_EUSER};
    assert_fails(skep_write(db, script_run, &bad), SKEP_EUSER);
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 9);
    s = stats_of(db);
    ck_assert_uint_eq(s.writes, 10);
    ck_assert_uint_eq(s.writes_failed, 1);
    ck_assert_uint_eq(s.groups, 10);
    ck_assert_uint_eq(s.reads, 7);
    ck_assert_uint_eq(s.readers_open, 1);
    ck_assert_uint_eq(s.readers_busy, 0);
    ck_assert_uint_eq(s.poisoned, 0);
    ck_assert_uint_gt(s.wal_pages, 0);
    ck_assert_uint_gt(s.commit_p50_ns, 0);
    ck_assert_uint_ge(s.commit_p999_ns, s.commit_p50_ns);
    ck_assert_uint_ge(s.write_p999_ns, s.write_p50_ns);
    ck_assert_uint_gt(s.write_max_ns, 0);
    ck_assert_uint_lt(s.write_max_ns, 120 * SKEP__NS_PER_S);
    db_close(db);
}

TEST(a_busy_reader_is_counted_as_such)
{
    skep_db *db = db_open_still(NULL);
    gate g = {0};
    script s = {.first = gate_wait, .ctx = &g};
    call c = READ(s);
    call_start(db, &c);
    gate_came(&g, 1);
    ck_assert_uint_eq(stats_of(db).readers_busy, 1);
    gate_open(&g);
    call_join(&c);
    ck_assert_uint_eq(stats_of(db).readers_busy, 0);
    db_close(db);
}

TEST(facts_are_those_of_the_file)
{
    skep_db *db = db_open(NULL);
    skep_db_info info = {.size = sizeof(info)};
    struct stat st;
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(zeroblob(100000))");
    db_must(db, "DELETE FROM t");
    assert_ok(skep_db_get_info(db, &info));
    ck_assert_uint_eq(info.page_size, 4096);
    ck_assert_uint_ge(info.pages, 26);
    ck_assert_uint_ge(info.free_pages, 24);
    ck_assert_int_eq(stat(harness_path("t.db"), &st), 0);
    ck_assert_uint_eq(info.bytes, (uint64_t)st.st_size);
    ck_assert_int_eq(stat(harness_path("t.db-wal"), &st), 0);
    ck_assert_uint_eq(info.wal_bytes, (uint64_t)st.st_size);
    ck_assert_uint_eq(info.encrypted, 0);
    ck_assert_str_eq(info.journal_mode, "wal");
    ck_assert_str_eq(info.synchronous, "full");
    ck_assert_str_eq(info.sqlite_version, skep_sqlite_version());
    ck_assert_str_eq(info.path, harness_path("t.db"));
    db_close(db);
}

TEST(normal_durability_is_told)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.synchronous = SKEP_SYNC_NORMAL;
    skep_db *db = db_open(&opts);
    skep_db_info info = {.size = sizeof(info)};
    assert_ok(skep_db_get_info(db, &info));
    ck_assert_str_eq(info.synchronous, "normal");
    db_close(db);
}

TEST(a_struct_that_is_too_small_is_misuse)
{
    skep_db *db = db_open(NULL);
    skep_db_stats stats = {.size = 4};
    skep_db_info info = {.size = 4};
    skep__misuse_aborts(false);
    assert_fails(skep_db_get_stats(db, &stats), SKEP_EMISUSE);
    assert_fails(skep_db_get_info(db, &info), SKEP_EMISUSE);
    script s = {0};
    skep_call_opts opts = {.size = 4};
    assert_fails(skep_write_with(db, script_run, &s, &opts), SKEP_EMISUSE);
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_EMISUSE);
    db_close(db);
}

static int info_from_inside(skep_tx *tx, void *arg)
{
    skep_db_info info = {.size = sizeof(info)};
    (void)tx;
    int rc = skep_db_get_info(arg, &info);
    ck_assert_int_eq(rc, SKEP_EMISUSE);
    return 0;
}

TEST(facts_are_not_to_be_had_from_inside_a_transaction_function)
{
    skep_db *db = db_open(NULL);
    assert_ok(skep_write(db, info_from_inside, db));
    db_close(db);
}

typedef struct heard {
    _Atomic int opened;
    _Atomic int closed;
    _Atomic int other;
} heard;

static void hear(const skep_event *event, void *ctx)
{
    heard *h = ctx;
    ck_assert_str_eq(event->room, "db");
    if (strcmp(event->name, "db.opened") == 0)
        atomic_fetch_add(&h->opened, 1);
    else if (strcmp(event->name, "db.closed") == 0)
        atomic_fetch_add(&h->closed, 1);
    else if (strcmp(event->name, "db.maintainer") != 0)
        atomic_fetch_add(&h->other, 1);
}

TEST(what_goes_well_and_what_a_call_can_tell_makes_no_event)
{
    heard h = {0};
    skep_set_event_sink(hear, &h, SKEP_INFO);
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a UNIQUE)");
    db_must(db, "INSERT INTO t VALUES(1)");
    assert_fails(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_EEXISTS);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
    assert_fails(skep_db_open(harness_dir(), NULL, &db), SKEP_EINVALID);
    ck_assert_int_eq(atomic_load(&h.other), 0);
    ck_assert_int_eq(atomic_load(&h.opened), 1);
    ck_assert_int_eq(atomic_load(&h.closed), 1);
    skep_set_event_sink(NULL, NULL, SKEP_DEBUG);
}

static const harness_test tests[] = {
    HARNESS_TEST(figures_count_what_was_done),
    HARNESS_TEST(a_busy_reader_is_counted_as_such),
    HARNESS_TEST(facts_are_those_of_the_file),
    HARNESS_TEST(normal_durability_is_told),
    HARNESS_TEST(a_struct_that_is_too_small_is_misuse),
    HARNESS_TEST(facts_are_not_to_be_had_from_inside_a_transaction_function),
    HARNESS_TEST(what_goes_well_and_what_a_call_can_tell_makes_no_event),
};
const harness_suite stats_suite = HARNESS_SUITE("stats", tests);
