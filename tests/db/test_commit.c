/* SPDX-License-Identifier: MIT */
/* COMMIT itself fails: who is told what, and what the handle is good for afterwards. */
#include "suites.h"

#include <string.h>

#include "harness/points.h"
#include "harness/vfs_fault.h"
#include "sqlite3.h"

#include "support.h"

enum { CALLS = 4 };

/* The blocker of the group commits first, so the second commit is the group's. */
static vfs_fault next_fault;

static void arm(void *ctx)
{
    (void)ctx;
    vfs_arm(&next_fault);
}

static skep_db *open_table(void)
{
    vfs_install();
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

/* A group of calls whose commit meets the fault. */
static void run_group(skep_db *db, const vfs_fault *fault, call c[CALLS], script s[CALLS])
{
    memset(c, 0, sizeof(call) * CALLS);
    memset(s, 0, sizeof(script) * CALLS);
    for (int i = 0; i < CALLS; i++) {
        s[i].sql[0] = "INSERT INTO t VALUES(1)";
        c[i].fn = script_run;
        c[i].arg = &s[i];
    }
    s[1].ret = SKEP_EUSER; /* this one failed before */
    next_fault = *fault;
    point_run("db.before_commit", 2, arm, NULL);
    group_run(db, c, CALLS);
    uint64_t injected = 0;
    (void)vfs_disarm(&injected);
    point_clear();
    ck_assert_uint_gt(injected, 0);
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(s[i].runs, 1); /* nothing is run again */
    call_assert_fails(&c[1], SKEP_EUSER, SKEP_OUTCOME_ROLLED_BACK);
}

static uint32_t poisoned(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats.poisoned;
}

static void assert_rolled_back(int engine, int code, int outcome)
{
    skep_db *db = open_table();
    call c[CALLS];
    script s[CALLS];
    run_group(db,
              &(vfs_fault){.ops = VFS_OPS(VFS_WRITE),
                           .files = VFS_WAL,
                           .nth = 1,
                           .persistent = true,
                           .code = engine},
              c, s);
    for (int i = 0; i < CALLS; i++)
        if (i != 1)
            call_assert_fails(&c[i], code, outcome);
    ck_assert_uint_eq(poisoned(db), 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_must(db, "INSERT INTO t VALUES(2)"); /* the handle is usable */
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 2);
    db_assert_whole(db);
    db_close(db);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 2);
    db_close(db);
}

TEST(no_space_for_the_commit_rolls_all_of_it_back)
{
    assert_rolled_back(SQLITE_FULL, SKEP_EFULL, SKEP_OUTCOME_ROLLED_BACK);
}

TEST(no_memory_for_the_commit_leaves_the_handle_usable)
{
    /* The pages may stand in the WAL by then, so the outcome is not promised; here they do not. */
    assert_rolled_back(SQLITE_IOERR_NOMEM, SKEP_ENOMEM, SKEP_OUTCOME_UNKNOWN);
}

/* ---- poison ---- */

typedef struct heard {
    _Atomic int events;
    _Atomic int hooks;
    int cause;
} heard;

static void on_event(const skep_event *event, void *ctx)
{
    heard *h = ctx;
    if (strcmp(event->name, "db.poisoned") == 0 && event->level == SKEP_ERROR)
        atomic_fetch_add(&h->events, 1);
}

static void on_poisoned(void *ctx, const skep_err *cause)
{
    heard *h = ctx;
    atomic_fetch_add(&h->hooks, 1);
    h->cause = cause->code;
}

static void assert_poisons(vfs_op op, int cause)
{
    skep_db *db = open_table();
    call c[CALLS];
    script s[CALLS];
    heard h = {0};
    skep_set_event_sink(on_event, &h, SKEP_ERROR);
    skep_db_hooks hooks = {
        .size = sizeof(hooks), .abi = SKEP_DB_HOOKS_ABI, .ctx = &h, .poisoned = on_poisoned};
    assert_ok(skep_db_set_hooks(db, &hooks));
    db_must(db, "INSERT INTO t VALUES(5)");
    run_group(db, &(vfs_fault){.ops = VFS_OPS(op), .files = VFS_WAL, .nth = 1, .persistent = false},
              c, s);
    for (int i = 0; i < CALLS; i++)
        if (i != 1)
            call_assert_fails(&c[i], SKEP_EPOISONED, SKEP_OUTCOME_UNKNOWN);
    ck_assert_int_ne(c[0].err.engine_code, 0);
    ck_assert_uint_eq(poisoned(db), 1);
    /* Writes are refused, with the first cause; reads go on. */
    assert_fails_with(db_exec(db, "INSERT INTO t VALUES(7)"), SKEP_EPOISONED, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(skep_last_error()->engine_code, c[0].err.engine_code);
    assert_fails(db_exec(db, "SELECT 1"), SKEP_EPOISONED);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 5);
    uint64_t left = 0;
    assert_fails(skep_db_checkpoint_pass(db, 0, &left), SKEP_EPOISONED);
    assert_fails(skep_db_checkpoint_pass(db, 1, &left), SKEP_EPOISONED);
    ck_assert_int_eq(atomic_load(&h.events), 1);
    ck_assert_int_eq(atomic_load(&h.hooks), 1);
    ck_assert_int_eq(h.cause, cause);
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
    skep_set_event_sink(NULL, NULL, SKEP_ERROR);
    /* Only opening it again recovers. The group is there as a whole or not at all. */
    db = db_open(NULL);
    ck_assert_uint_eq(poisoned(db), 0);
    int64_t sum = db_number(db, "SELECT sum(a) FROM t");
    ck_assert(sum == 5 || sum == 8);
    db_must(db, "INSERT INTO t VALUES(1)");
    db_assert_whole(db);
    db_close(db);
}

TEST(a_failed_sync_in_commit_poisons_with_outcome_unknown)
{
    assert_poisons(VFS_SYNC, SKEP_EIO);
}

TEST(a_failed_write_in_commit_poisons_with_outcome_unknown)
{
    assert_poisons(VFS_WRITE, SKEP_EIO);
}

TEST(a_poisoned_handle_does_not_write_the_wal_back_as_it_closes)
{
    skep_db *db = open_table();
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    db_must(db, "INSERT INTO t VALUES(5)");
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC), .files = VFS_WAL, .nth = 1});
    assert_fails_with(skep_write(db, script_run, &s), SKEP_EPOISONED, SKEP_OUTCOME_UNKNOWN);
    (void)vfs_disarm(NULL);
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC) | VFS_OPS(VFS_WRITE), .files = VFS_DB | VFS_WAL});
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
    ck_assert_uint_eq(vfs_disarm(NULL), 0);
    ck_assert(harness_exists(harness_path("t.db-wal")));
    db = db_open(NULL);
    ck_assert_int_ge(db_number(db, "SELECT sum(a) FROM t"), 5);
    db_close(db);
}

TEST(a_failed_sync_in_a_checkpoint_poisons_too)
{
    skep_db *db = open_table();
    uint64_t left = 0;
    db_must(db, "INSERT INTO t VALUES(5)");
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC), .files = VFS_DB, .nth = 1});
    assert_fails(skep_db_checkpoint_pass(db, 1, &left), SKEP_EPOISONED);
    (void)vfs_disarm(NULL);
    assert_fails(db_exec(db, "INSERT INTO t VALUES(7)"), SKEP_EPOISONED);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 5);
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 5);
    db_close(db);
}

TEST(a_failed_write_in_a_checkpoint_is_no_poison)
{
    skep_db *db = open_table();
    uint64_t left = 77;
    db_must(db, "INSERT INTO t VALUES(5)");
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE), .files = VFS_DB, .nth = 1});
    assert_fails(skep_db_checkpoint_pass(db, 1, &left), SKEP_EIO);
    ck_assert_uint_eq(left, 77);
    (void)vfs_disarm(NULL);
    db_must(db, "INSERT INTO t VALUES(6)");
    assert_ok(skep_db_checkpoint_pass(db, 1, &left));
    ck_assert_uint_eq(left, 0);
    db_close(db);
}

/* A sync of the checkpoint fails while a group runs: the group's own commit is not tried. */
static skep_db *poisoned_meanwhile;

static void fail_checkpoint(void *ctx)
{
    uint64_t left = 0;
    (void)ctx;
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC), .files = VFS_DB, .nth = 1});
    assert_fails(skep_db_checkpoint_pass(poisoned_meanwhile, 0, &left), SKEP_EPOISONED);
    (void)vfs_disarm(NULL);
}

TEST(a_group_that_is_overtaken_by_poison_is_rolled_back)
{
    skep_db *db = poisoned_meanwhile = open_table();
    db_must(db, "INSERT INTO t VALUES(5)");
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .last = fail_checkpoint};
    assert_fails_with(skep_write(db, script_run, &s), SKEP_EPOISONED, SKEP_OUTCOME_ROLLED_BACK);
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 5);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(no_space_for_the_commit_rolls_all_of_it_back),
    HARNESS_TEST(no_memory_for_the_commit_leaves_the_handle_usable),
    HARNESS_TEST(a_failed_sync_in_commit_poisons_with_outcome_unknown),
    HARNESS_TEST(a_failed_write_in_commit_poisons_with_outcome_unknown),
    HARNESS_TEST(a_poisoned_handle_does_not_write_the_wal_back_as_it_closes),
    HARNESS_TEST(a_failed_sync_in_a_checkpoint_poisons_too),
    HARNESS_TEST(a_failed_write_in_a_checkpoint_is_no_poison),
    HARNESS_TEST(a_group_that_is_overtaken_by_poison_is_rolled_back),
};
const harness_suite commit_suite = HARNESS_SUITE("commit", tests);
