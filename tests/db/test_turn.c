/* SPDX-License-Identifier: MIT */
/* Files with a rollback journal, where who reads keeps others from writing: reads and writes of one
 * process take turns, and none is ever told SKEP_EBUSY. */
#include "suites.h"

#include <string.h>

#include <skep/health.h>
#include <skep/maintain.h>

#include "harness/points.h"

#include "support.h"

static skep_db *open_foreign(uint32_t readers)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_FOREIGN;
    opts.readers = readers;
    opts.busy_timeout_ms = 1; /* nobody waits for a lock, or it would show */
    opts.read_wait_ms = 60000;
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE IF NOT EXISTS t(a)");
    return db;
}

TEST(a_write_waits_until_the_read_of_a_foreign_file_has_ended)
{
    skep_db *db = open_foreign(0);
    gate g = {0};
    script r = {.sql = {"SELECT count(*) FROM t"}, .last = gate_wait, .ctx = &g};
    script w = {.sql = {"INSERT INTO t VALUES(1)"}};
    call reads = READ(r);
    call writes = WRITE(w);
    call_start(db, &reads);
    gate_came(&g, 1);
    point_watch("queue.queued");
    call_start(db, &writes);
    point_reached("queue.queued", 1);
    ck_assert(!atomic_load(&writes.done));
    gate_open(&g);
    call_join(&reads);
    call_join(&writes);
    ck_assert_int_eq(reads.rc, 0);
    ck_assert_int_eq(writes.rc, 0);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 1);
    skep_db_info info = {.size = sizeof(info)};
    assert_ok(skep_db_get_info(db, &info));
    ck_assert_str_eq(info.journal_mode, "delete");
    point_clear();
    db_close(db);
}

static void both(size_t index, void *ctx)
{
    for (int i = 0; i < 25; i++) {
        if (index % 2 == 0)
            db_must(ctx, "INSERT INTO t VALUES(1)");
        else
            ck_assert_int_ge(db_number(ctx, "SELECT count(*) FROM t"), 0);
    }
}

TEST(readers_and_writers_of_a_foreign_file_are_never_busy)
{
    skep_db *db = open_foreign(0);
    harness_threads(8, both, db);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 100);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.readers_open, 1);
    db_close(db);
}

static void look_after(size_t index, void *ctx)
{
    for (int i = 0; i < 25; i++) {
        if (index == 0) {
            assert_ok(skep_db_check(ctx, NULL));
        } else if (index == 1) {
            int rc = skep_db_ping(ctx); /* its patience is busy_timeout_ms */
            ck_assert(rc == SKEP_OK || rc == SKEP_ETIMEOUT);
        } else {
            db_must(ctx, "INSERT INTO t VALUES(1)");
        }
    }
}

TEST(checks_and_pings_of_a_foreign_file_take_their_turn_too)
{
    skep_db *db = open_foreign(0);
    harness_threads(6, look_after, db);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 100);
    db_close(db);
}

TEST(several_readers_of_a_rollback_journal_are_refused_with_the_reason)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *db = open_foreign(1);
    db_close(db);
    opts.flags = SKEP_DB_FOREIGN;
    opts.readers = 2;
    assert_fails(skep_db_open(harness_path("t.db"), &opts, &db), SKEP_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "delete"));
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "one reader"));
    opts.flags = SKEP_DB_READONLY; /* readers alone are not in each other's way */
    assert_ok(skep_db_open(harness_path("t.db"), &opts, &db));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(writing_in_a_read_of_a_foreign_file_is_readonly)
{
    skep_db *db = open_foreign(0);
    script w = {.sql = {"INSERT INTO t VALUES(1)"}};
    assert_fails(skep_read(db, script_run, &w), SKEP_EREADONLY);
    db_close(db);
}

TEST(a_read_of_a_foreign_file_waits_for_its_turn_until_its_deadline)
{
    skep_db *db = open_foreign(0);
    gate g = {0};
    script w = {.sql = {"INSERT INTO t VALUES(1)"}, .last = gate_wait, .ctx = &g};
    script r = {.sql = {"SELECT count(*) FROM t"}};
    call writes = WRITE(w);
    call_start(db, &writes);
    gate_came(&g, 1);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.timeout_ms = 20;
    assert_fails(skep_read_with(db, script_run, &r, &opts), SKEP_ETIMEOUT);
    ck_assert_int_eq(r.runs, 0);
    gate_open(&g);
    call_join(&writes);
    assert_ok(skep_read_with(db, script_run, &r, &opts));
    db_close(db);
}

TEST(a_lease_on_a_rollback_journal_is_unsupported)
{
    skep_db *db = open_foreign(0);
    skep_lease *lease = NULL;
    assert_fails(skep_lease_open(db, NULL, &lease), SKEP_EUNSUPPORTED);
    db_must(db, "INSERT INTO t VALUES(1)");
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_write_waits_until_the_read_of_a_foreign_file_has_ended),
    HARNESS_TEST(readers_and_writers_of_a_foreign_file_are_never_busy),
    HARNESS_TEST(checks_and_pings_of_a_foreign_file_take_their_turn_too),
    HARNESS_TEST(several_readers_of_a_rollback_journal_are_refused_with_the_reason),
    HARNESS_TEST(writing_in_a_read_of_a_foreign_file_is_readonly),
    HARNESS_TEST(a_read_of_a_foreign_file_waits_for_its_turn_until_its_deadline),
    HARNESS_TEST(a_lease_on_a_rollback_journal_is_unsupported),
};
const harness_suite turn_suite = HARNESS_SUITE("turn", tests);
