/* SPDX-License-Identifier: MIT */
/* One handle maintains a file, of all handles in all processes; any of them writes (B18). */
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/crash.h"

#include "support.h"

#define LOCK "t.db-skep-lock"

static bool maintains(skep_db *db)
{
    skep_health health = {.size = sizeof(health)};
    assert_ok(skep_db_health(db, &health));
    return health.maintainer != 0;
}

static void wait_until_it_maintains(skep_db *db)
{
    skep__word pause = 0;
    uint64_t deadline = skep__deadline_ns(60000);
    while (!maintains(db)) {
        ck_assert_uint_lt(skep__now_ns(), deadline);
        (void)skep__word_wait(&pause, 0, skep__now_ns() + SKEP__NS_PER_MS);
    }
}

TEST(of_two_handles_one_maintains_and_the_other_takes_over)
{
    events_listen(SKEP_INFO);
    mode_t before = umask(0777);
    skep_db *first = db_open_parked(NULL);
    skep_db *second = db_open_parked(NULL);
    db_tick(first, 0);
    (void)umask(before);
    db_tick(second, 0);
    db_tick(first, 1);
    ck_assert(maintains(first));
    ck_assert(!maintains(second));
    ck_assert_int_eq(db_health_state(second), SKEP_HEALTHY); /* that is how it should be */
    ck_assert_int_eq(events_count("db.maintainer", "state=taken"), 1);
    struct stat st;
    ck_assert_int_eq(stat(harness_path(LOCK), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(st.st_size, 0);
    db_must(first, "CREATE TABLE t(a)");
    db_must(second, "INSERT INTO t VALUES(1)");
    db_close_parked(first);
    wait_until_it_maintains(second);
    db_must(second, "INSERT INTO t VALUES(2)");
    db_close(second);
    ck_assert(!harness_exists(harness_path(LOCK)));
    ck_assert(!harness_exists(harness_path("t.db-wal")));
}

TEST(a_handle_that_is_closed_at_once_leaves_nothing)
{
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    ck_assert(!harness_exists(harness_path(LOCK)));
    db_close_parked(db);
    ck_assert(!harness_exists(harness_path(LOCK)));
}

TEST(handles_that_nobody_attends_have_no_lock_and_no_thread)
{
    static const uint32_t flags[] = {SKEP_DB_UNATTENDED, SKEP_DB_FOREIGN, SKEP_DB_READONLY};
    db_close(db_open(NULL));
    for (size_t i = 0; i < LENGTH(flags); i++) {
        skep_db_opts opts = SKEP_DB_OPTS_INIT;
        opts.flags = flags[i];
        skep_db *db = db_open(&opts);
        ck_assert(!db->maintain.thread.started);
        skep__lock_step(db, skep__now_ns());
        ck_assert(!harness_exists(harness_path(LOCK)));
        ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
        skep_health health = {.size = sizeof(health)};
        assert_ok(skep_db_health(db, &health)); /* it looks by itself */
        ck_assert_uint_gt(health.disk_free_bytes, 0);
        db_close(db);
    }
}

TEST(without_a_lock_file_the_database_works_and_says_so)
{
    ck_assert_int_eq(mkdir(harness_path(LOCK), 0700), 0);
    skep_db *db = db_open_parked(NULL);
    db_tick(db, 0);
    db_must(db, "CREATE TABLE t(a)");
    ck_assert(!maintains(db));
    const skep_health_reason *reason = db_reason(db, 0, "maintainer");
    ck_assert_ptr_nonnull(reason);
    ck_assert_ptr_nonnull(strstr(reason->text, LOCK));
    ck_assert_int_eq(db_health_state(db), SKEP_DEGRADED);
    ck_assert(skep__may_checkpoint(db, 1));
    ck_assert_int_eq(rmdir(harness_path(LOCK)), 0);
    db_tick(db, 1);
    ck_assert(maintains(db));
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_close_parked(db);
}

TEST(a_lock_file_that_was_removed_is_a_lock_that_was_lost)
{
    events_listen(SKEP_INFO);
    skep_db *db = db_open_parked(NULL);
    db_tick(db, 0);
    ck_assert_int_eq(unlink(harness_path(LOCK)), 0);
    harness_write_file(harness_path(LOCK), "", 0); /* another's */
    db_tick(db, 1);
    ck_assert_int_eq(events_count("db.maintainer", "state=lost"), 1);
    ck_assert_int_eq(events_count("db.maintainer", "state=taken"), 2);
    ck_assert(maintains(db));
    db_close_parked(db);
    ck_assert(!harness_exists(harness_path(LOCK)));
}

TEST(a_file_that_was_replaced_has_another_maintainer)
{
    skep_db *db = db_open_parked(NULL);
    ck_assert_int_eq(rename(harness_path("t.db"), harness_path("moved.db")), 0);
    db_tick(db, 0);
    ck_assert(!maintains(db));
    ck_assert_ptr_nonnull(db_reason(db, 0, "maintainer"));
    ck_assert(!harness_exists(harness_path(LOCK)));
    ck_assert_int_eq(rename(harness_path("moved.db"), harness_path("t.db")), 0);
    db_tick(db, 1);
    ck_assert(maintains(db));
    db_close_parked(db);
}

/* ---- the WAL of who does not maintain ---- */

static skep_db *open_small(void)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.checkpoint_pages = 20;
    return db_open_parked(&opts);
}

TEST(who_does_not_maintain_leaves_the_wal_to_who_does)
{
    skep_db *first = open_small();
    skep_db *second = open_small();
    db_tick(first, 0);
    db_tick(second, 0);
    db_must(second, "CREATE TABLE t(a)");
    db_tick(first, 1);
    for (int i = 0; i < 30; i++)
        db_must(second, "INSERT INTO t VALUES(zeroblob(4000))");
    ck_assert(!skep__may_checkpoint(second, 60));
    ck_assert(skep__may_checkpoint(first, 60));
    ck_assert_uint_eq(atomic_load(&second->checkpointer.passes), 0);
    /* The maintainer has written nothing itself, and sees it all the same. */
    ck_assert_uint_eq(atomic_load(&first->checkpointer.passes), 0);
    db_tick(first, 2);
    ck_assert_uint_eq(atomic_load(&first->checkpointer.passes), 1);
    uint64_t left = 9;
    assert_ok(skep_db_checkpoint_pass(second, 0, &left));
    ck_assert_uint_eq(left, 0);
    db_tick(first, 3); /* nothing new */
    ck_assert_uint_eq(atomic_load(&first->checkpointer.passes), 1);
    /* Where the maintainer does not come after it, somebody has to. */
    ck_assert(skep__may_checkpoint(second, 20 * SKEP__DB_CHECKPOINT_CEILING));
    db_close_parked(second);
    db_close(first);
}

/* ---- two processes ---- */

/* The other process: "keeper PATH". It says when it maintains the file, then what it wrote. */
int keeper(int argc, char **argv)
{
    skep_db *db = NULL;
    if (argc < 2 || skep_db_open(argv[1], NULL, &db) < 0)
        return 1;
    wait_until_it_maintains(db);
    crash_ack("m", 1);
    for (;;) {
        if (db_exec(db, "INSERT INTO t VALUES(1)") < 0)
            return 2;
        crash_ack("w", 1);
    }
}

TEST(b18_a_killed_maintainer_is_followed_by_another_process)
{
    char what = 0;
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    crash_child child = crash_start("keeper", (const char *[]){harness_path("t.db"), NULL});
    ck_assert(crash_next_ack(&child, &what, 1));
    ck_assert_int_eq(what, 'm');
    db_tick(db, 0);
    ck_assert(!maintains(db));
    ck_assert(harness_exists(harness_path(LOCK)));
    /* Both write. */
    int64_t theirs = 0;
    for (int i = 0; i < 50; i++) {
        ck_assert(crash_next_ack(&child, &what, 1));
        theirs++;
        db_must(db, "INSERT INTO t VALUES(2)");
    }
    db_tick(db, 1);
    ck_assert(!maintains(db));
    crash_kill(&child);
    ck_assert_int_eq(crash_wait(&child), 128 + 9);
    db_tick(db, 2);
    ck_assert(maintains(db));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t WHERE a = 2"), 50);
    ck_assert_int_ge(db_number(db, "SELECT count(*) FROM t WHERE a = 1"), theirs);
    db_assert_whole(db);
    db_close_parked(db);
    ck_assert(!harness_exists(harness_path(LOCK)));
}

static const harness_test tests[] = {
    HARNESS_TEST(of_two_handles_one_maintains_and_the_other_takes_over),
    HARNESS_TEST(a_handle_that_is_closed_at_once_leaves_nothing),
    HARNESS_TEST(handles_that_nobody_attends_have_no_lock_and_no_thread),
    HARNESS_TEST(without_a_lock_file_the_database_works_and_says_so),
    HARNESS_TEST(a_lock_file_that_was_removed_is_a_lock_that_was_lost),
    HARNESS_TEST(a_file_that_was_replaced_has_another_maintainer),
    HARNESS_TEST(who_does_not_maintain_leaves_the_wal_to_who_does),
    HARNESS_TEST(b18_a_killed_maintainer_is_followed_by_another_process),
};
const harness_suite lock_suite = HARNESS_SUITE("lock", tests);
