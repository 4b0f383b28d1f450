/* SPDX-License-Identifier: MIT */
/* B03: a call takes the whole transaction of its group down. It fails; its siblings are run again,
 * and none of them is acknowledged twice or lost. */
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/alloc.h"
#include "harness/vfs_fault.h"
#include "sql/sqlite_private.h"

#include "support.h"

#define SIBLINGS 5
#define GUILTY 2

static skep_db *open_tables(void)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db_must(db, "CREATE TABLE u(a UNIQUE)");
    db_must(db, "INSERT INTO u VALUES('there')");
    db_must(db, "CREATE TABLE guarded(a)");
    db_must(db, "CREATE TRIGGER guard BEFORE INSERT ON guarded BEGIN"
                "  SELECT RAISE(ROLLBACK, 'not like that'); END");
    return db;
}

/* A group of writers, each with a row of its own, and one of them in the middle with `guilty`. */
static void run_group(skep_db *db, script *guilty, call *result, int lowest, int highest)
{
    static const char *const rows[SIBLINGS] = {
        "INSERT INTO t(a) VALUES(0)", "INSERT INTO t(a) VALUES(1)", NULL,
        "INSERT INTO t(a) VALUES(3)", "INSERT INTO t(a) VALUES(4)",
    };
    script s[SIBLINGS];
    call c[SIBLINGS];
    memset(s, 0, sizeof(s));
    memset(c, 0, sizeof(c));
    for (int i = 0; i < SIBLINGS; i++) {
        s[i].sql[0] = rows[i];
        s[i].ret = i + 10;
        c[i].fn = script_run;
        c[i].arg = i == GUILTY ? guilty : &s[i];
    }
    c[GUILTY].opts = result->opts;
    group_run(db, c, SIBLINGS);
    *result = c[GUILTY];
    if (guilty->runs == 0 && c[GUILTY].opts.timeout_ms != 0)
        return; /* its deadline passed in the queue: the caller tries again with more time */
    ck_assert_int_eq(guilty->runs, 1); /* it is not run again */
    for (int i = 0; i < SIBLINGS; i++) {
        if (i == GUILTY)
            continue;
        ck_assert_msg(c[i].rc == i + 10, "sibling %d: %d: %s", i, c[i].rc, c[i].err.text);
        ck_assert_int_ge(s[i].runs, i < GUILTY ? lowest : 1);
        ck_assert_int_le(s[i].runs, i < GUILTY ? highest : 1);
        ck_assert_int_eq(s[i].attempt, s[i].runs);
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), SIBLINGS - 1);
    ck_assert_int_eq(db_number(db, "SELECT count(DISTINCT a) FROM t"), SIBLINGS - 1);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM u"), 1);
    db_assert_whole(db);
}

static uint64_t reruns_of(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats.reruns;
}

TEST(b03_on_conflict_rollback)
{
    skep_db *db = open_tables();
    script guilty = {
        .sql = {"INSERT INTO u VALUES('mine')", "INSERT OR ROLLBACK INTO u VALUES('there')"}};
    call result = {0};
    run_group(db, &guilty, &result, 2, 2);
    call_assert_fails(&result, SKEP_EEXISTS, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_uint_eq(reruns_of(db), GUILTY);
    db_close(db);
}

TEST(b03_on_conflict_rollback_that_its_function_swallows)
{
    skep_db *db = open_tables();
    script guilty = {.sql = {"INSERT INTO u VALUES('mine')",
                             "INSERT OR ROLLBACK INTO u VALUES('there')",
                             "INSERT INTO u VALUES('outside')"},
                     .swallow = true,
                     .ret = 1};
    call result = {0};
    run_group(db, &guilty, &result, 2, 2);
    call_assert_fails(&result, SKEP_EEXISTS, SKEP_OUTCOME_ROLLED_BACK);
    db_close(db);
}

TEST(b03_on_conflict_rollback_under_a_code_of_its_own)
{
    skep_db *db = open_tables();
    script guilty = {.sql = {"INSERT OR ROLLBACK INTO u VALUES('there')"},
                     .swallow = true,
                     .ret = SKEP_EUSER - 1};
    call result = {0};
    run_group(db, &guilty, &result, 2, 2);
    call_assert_fails(&result, SKEP_EUSER - 1, SKEP_OUTCOME_ROLLED_BACK);
    db_close(db);
}

TEST(b03_raise_rollback)
{
    skep_db *db = open_tables();
    script guilty = {.sql = {"INSERT INTO u VALUES('mine')", "INSERT INTO guarded VALUES(1)"}};
    call result = {0};
    run_group(db, &guilty, &result, 2, 2);
    call_assert_fails(&result, SKEP_ECONSTRAINT, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_ptr_nonnull(strstr(result.err.text, "not like that"));
    db_close(db);
}

TEST(b03_the_file_may_not_grow)
{
    skep_db *db = open_tables();
    db_writer_pragma(db, "PRAGMA max_page_count=16");
    script guilty = {
        .sql = {"INSERT INTO u VALUES('mine')", "INSERT INTO u VALUES(randomblob(200000))"}};
    call result = {0};
    run_group(db, &guilty, &result, 2, 2);
    call_assert_fails(&result, SKEP_EFULL, SKEP_OUTCOME_ROLLED_BACK);
    db_must(db, "INSERT INTO u VALUES('small')");
    db_close(db);
}

/* ---- faults below ---- */

static skep_db *faulty_db;

static void forget_pages(void)
{
    (void)sqlite3_db_release_memory(sqlite_of(faulty_db->writer)->handle);
}

static void arm_reads(void *ctx)
{
    (void)ctx;
    forget_pages();
    vfs_arm(&(vfs_fault){
        .ops = VFS_OPS(VFS_READ), .files = VFS_DB | VFS_WAL, .nth = 1, .persistent = true});
}

static void disarm_vfs(void *ctx)
{
    (void)ctx;
    uint64_t injected = 0;
    (void)vfs_disarm(&injected);
    ck_assert_uint_gt(injected, 0);
}

TEST(b03_an_input_error)
{
    vfs_install();
    skep_db *db = faulty_db = open_tables();
    db_must(db, "CREATE TABLE many(id INTEGER PRIMARY KEY, a)");
    db_must(db, "INSERT INTO many WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n "
                "WHERE i < 200) SELECT i, randomblob(3000) FROM n");
    script guilty = {.sql = {"UPDATE many SET a = 1 WHERE id > 150"},
                     .swallow = true,
                     .first = arm_reads,
                     .last = disarm_vfs};
    call result = {0};
    run_group(db, &guilty, &result, 1, 2);
    call_assert_fails(&result, SKEP_EIO, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM many WHERE a = 1"), 0);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.poisoned, 0);
    db_close(db);
}

/* The cache is small, so that the transaction's pages go to the WAL before its commit. */
static void arm_writes(void *ctx)
{
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE),
                         .files = VFS_WAL,
                         .nth = 2,
                         .persistent = true,
                         .code = *(int *)ctx});
}

static void spill(int engine, int code)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.cache_bytes = 1 << 20;
    opts.readers = 15;
    vfs_install();
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db_must(db, "CREATE TABLE u(a UNIQUE)");
    db_must(db, "INSERT INTO u VALUES('there')");
    script guilty = {.sql = {"INSERT INTO u SELECT randomblob(3000) FROM "
                             "(WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n "
                             "WHERE i < 200) SELECT i FROM n)"},
                     .swallow = true,
                     .first = arm_writes,
                     .last = disarm_vfs,
                     .ctx = &engine};
    call result = {0};
    run_group(db, &guilty, &result, 1, 2);
    call_assert_fails(&result, code, SKEP_OUTCOME_ROLLED_BACK);
    db_close(db);
}

TEST(b03_an_output_error_before_the_commit)
{
    spill(SQLITE_IOERR_WRITE, SKEP_EIO);
}

TEST(b03_no_space_before_the_commit)
{
    spill(SQLITE_FULL, SKEP_EFULL);
}

/* The first page that goes into a WAL that starts anew is preceded by its header, and that is
 * synced: in the middle of a function. */
static void arm_header_sync(void *ctx)
{
    (void)ctx;
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC), .files = VFS_WAL, .nth = 1});
}

TEST(b03_a_failed_sync_before_the_commit_poisons_and_nobody_is_acknowledged)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.cache_bytes = 1 << 20;
    opts.readers = 15;
    vfs_install();
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    uint64_t left = 1;
    script s[3] = {
        {.sql = {"INSERT INTO t(a) VALUES(0)"}},
        {.sql = {"INSERT INTO t(a) WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n "
                 "WHERE i < 200) SELECT randomblob(3000) FROM n"},
         .swallow = true,
         .first = arm_header_sync,
         .last = disarm_vfs},
        {.sql = {"INSERT INTO t(a) VALUES(2)"}},
    };
    call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
    group_block(db);
    group_queue(db, c, 3);
    /* The blocker changes nothing, so this leaves the WAL to be started anew by the group. */
    assert_ok(skep_db_checkpoint_pass(db, 0, &left));
    ck_assert_uint_eq(left, 0);
    group_unblock();
    for (int i = 0; i < 3; i++)
        call_join(&c[i]);
    call_assert_fails(&c[1], SKEP_EPOISONED, SKEP_OUTCOME_UNKNOWN);
    ck_assert_int_eq(c[0].rc, SKEP_EPOISONED);
    ck_assert_int_eq(c[2].rc, SKEP_EPOISONED);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_must(db, "INSERT INTO t(a) VALUES(9)");
    db_assert_whole(db);
    db_close(db);
}

static void arm_memory(void *ctx)
{
    (void)ctx;
    alloc_arm(1, true);
}

static void disarm_memory(void *ctx)
{
    (void)ctx;
    uint64_t injected = 0;
    (void)alloc_disarm(&injected);
    ck_assert_uint_gt(injected, 0);
}

TEST(b03_no_memory)
{
    alloc_install();
    skep_db *db = open_tables();
    db_must(db, "INSERT INTO u VALUES('a')"); /* the statement is there already */
    db_must(db, "DELETE FROM u WHERE a = 'a'");
    script guilty = {.sql = {"INSERT INTO u VALUES(randomblob(100000))"},
                     .swallow = true,
                     .first = arm_memory,
                     .last = disarm_memory,
                     .ret = SKEP_EUSER};
    call result = {0};
    run_group(db, &guilty, &result, 1, 2); /* it takes the transaction with it, or only itself */
    ck_assert_int_eq(guilty.failed, SKEP_ENOMEM);
    call_assert_fails(&result, SKEP_EUSER, SKEP_OUTCOME_ROLLED_BACK);
    db_close(db);
}

/* ---- an interrupt ---- */

#define ENDLESS                                                                                    \
    "INSERT INTO u WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) "              \
    "SELECT i FROM n WHERE i < 0"

TEST(b03_a_deadline_that_interrupts_a_write)
{
    script guilty = {.sql = {"INSERT INTO u VALUES('mine')", ENDLESS}};
    for (int64_t ms = 200; guilty.runs == 0; ms *= 4) {
        skep_db *db = open_tables();
        call result = {.opts = {.size = sizeof(skep_call_opts), .timeout_ms = ms}};
        ck_assert_int_lt(ms, 60000);
        run_group(db, &guilty, &result, 2, 2);
        db_close(db);
        ck_assert_int_eq(unlink(harness_path("t.db")), 0);
        call_assert_fails(&result, SKEP_ETIMEOUT,
                          guilty.runs > 0 ? SKEP_OUTCOME_ROLLED_BACK : SKEP_OUTCOME_NONE);
    }
}

static void fire(void *ctx)
{
    skep_cancel_fire(ctx);
}

TEST(b03_a_cancel_that_interrupts_a_write)
{
    skep_db *db = open_tables();
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    script guilty = {.sql = {ENDLESS}, .first = fire, .ctx = cancel};
    call result = {.opts = {.size = sizeof(skep_call_opts), .cancel = cancel}};
    run_group(db, &guilty, &result, 2, 2);
    call_assert_fails(&result, SKEP_ECANCELLED, SKEP_OUTCOME_ROLLED_BACK);
    skep_cancel_free(cancel);
    db_close(db);
}

/* ---- many at once ---- */

enum { CALLS = 24 };

typedef struct random_call {
    script s;
    char sql[80];
    int kind;
} random_call;

static void choose(random_call *r, rng *chance, int64_t id)
{
    memset(r, 0, sizeof(*r));
    r->kind = (int)rng_below(chance, 8);
    (void)snprintf(r->sql, sizeof(r->sql), "INSERT INTO t(a) VALUES(%lld)", (long long)id);
    r->s.sql[0] = r->sql;
    switch (r->kind) {
    case 0:
        r->s.sql[1] = "INSERT OR ROLLBACK INTO u VALUES('there')";
        break;
    case 1:
        r->s.sql[1] = "INSERT INTO guarded VALUES(1)";
        break;
    case 2:
        r->s.sql[1] = "INSERT INTO u VALUES('there')";
        break;
    case 3:
        r->s.ret = SKEP_EUSER;
        break;
    default:
        r->kind = 4;
        r->s.ret = 77;
    }
}

static void random_round(skep_db *db, rng *chance, int64_t first)
{
    random_call r[CALLS];
    call c[CALLS];
    memset(c, 0, sizeof(c));
    for (int i = 0; i < CALLS; i++) {
        choose(&r[i], chance, first + i);
        c[i].fn = script_run;
        c[i].arg = &r[i].s;
    }
    group_run(db, c, CALLS);
    for (int i = 0; i < CALLS; i++) {
        static const int codes[] = {SKEP_EEXISTS, SKEP_ECONSTRAINT, SKEP_EEXISTS, SKEP_EUSER, 77};
        char sql[80];
        ck_assert_int_eq(c[i].rc, codes[r[i].kind]);
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM t WHERE a = %lld",
                       (long long)(first + i));
        ck_assert_int_eq(db_number(db, sql), r[i].kind == 4 ? 1 : 0);
    }
}

TEST(b03_random_groups_with_many_culprits)
{
    skep_db *db = open_tables();
    skep__db_set_rerun(db, 10);
    rng chance = rng_of(harness_seed());
    uint64_t rounds = harness_size(SIZE_B03_ROUNDS);
    for (uint64_t i = 0; i < rounds; i++)
        random_round(db, &chance, (int64_t)i * CALLS);
    db_assert_whole(db);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(b03_on_conflict_rollback),
    HARNESS_TEST(b03_on_conflict_rollback_that_its_function_swallows),
    HARNESS_TEST(b03_on_conflict_rollback_under_a_code_of_its_own),
    HARNESS_TEST(b03_raise_rollback),
    HARNESS_TEST(b03_the_file_may_not_grow),
    HARNESS_TEST(b03_an_input_error),
    HARNESS_TEST(b03_an_output_error_before_the_commit),
    HARNESS_TEST(b03_no_space_before_the_commit),
    HARNESS_TEST(b03_a_failed_sync_before_the_commit_poisons_and_nobody_is_acknowledged),
    HARNESS_TEST(b03_no_memory),
    HARNESS_TEST(b03_a_deadline_that_interrupts_a_write),
    HARNESS_TEST(b03_a_cancel_that_interrupts_a_write),
    HARNESS_TEST(b03_random_groups_with_many_culprits),
};
const harness_suite lost_suite = HARNESS_SUITE("lost", tests);
