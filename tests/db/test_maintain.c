/* SPDX-License-Identifier: MIT */
/* What a database does by itself, by the clock of the test; and the same by hand. */
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "sqlite3.h"

#include "os/calls.h"

#include "harness/points.h"

#include "support.h"

#define HOUR 3600

static uint64_t file_bytes(const char *suffix)
{
    size_t size = 0;
    char name[32];
    (void)snprintf(name, sizeof(name), "t.db%s", suffix);
    if (!harness_exists(harness_path(name)))
        return 0;
    (void)harness_read_file(harness_path(name), &size);
    return size;
}

static void fill(skep_db *db)
{
    db_must(db, "CREATE TABLE t(a INTEGER, b)");
    db_must(db, "CREATE INDEX i ON t(a)");
    db_must(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000) "
                "INSERT INTO t SELECT i, zeroblob(3000) FROM n");
}

static int64_t free_pages(skep_db *db)
{
    return db_number(db, "SELECT freelist_count FROM pragma_freelist_count");
}

static void fire(void *ctx)
{
    skep_cancel_fire(ctx);
}

static void open_gate(void *ctx)
{
    gate_open(ctx);
}

/* ---- by itself ---- */

TEST(statistics_are_kept_up_to_date_on_schedule)
{
    events_listen(SKEP_DEBUG);
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.optimize_interval_ms = 1800 * 1000;
    skep_db *db = db_open_parked(&opts);
    fill(db);
    db_tick(db, 0);
    db_tick(db, 1700);
    ck_assert_int_eq(events_count("db.optimized", NULL), 0);
    db_tick(db, 1900);
    ck_assert_int_eq(events_count("db.optimized", NULL), 1);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM sqlite_stat1"), 1);
    db_tick(db, 2000);
    ck_assert_int_eq(events_count("db.optimized", NULL), 1);
    db_tick(db, 3800);
    ck_assert_int_eq(events_count("db.optimized", NULL), 2);
    db_close_parked(db);
}

TEST(statistics_are_brought_up_to_date_at_close)
{
    skep_db *db = db_open_parked(NULL);
    fill(db);
    db_tick(db, 0);
    db_close_parked(db);
    db = db_open_parked(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM sqlite_stat1"), 1);
    db_close_parked(db);
}

TEST(checks_and_pings_come_on_schedule)
{
    skep_health health = {.size = sizeof(health)};
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.ping_interval_ms = 10 * 1000;
    opts.quick_check_interval_ms = 100 * 1000;
    opts.full_check_interval_ms = 1000 * 1000;
    skep_db *db = db_open_parked(&opts);
    db_tick(db, 0);
    db_tick(db, 11);
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_gt(health.ping_us, 0);
    ck_assert_int_eq(health.quick_check_us, 0);
    db_tick(db, 101);
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_gt(health.quick_check_us, 0);
    ck_assert_int_eq(health.full_check_us, 0);
    db_tick(db, 1001);
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_gt(health.full_check_us, 0);
    ck_assert_int_eq(health.state, SKEP_HEALTHY);
    db_close_parked(db);
}

TEST(only_the_maintainer_does_long_work_on_the_file)
{
    skep_health health = {.size = sizeof(health)};
    skep_db *first = db_open_parked(NULL);
    skep_db *second = db_open_parked(NULL);
    db_tick(first, 0);
    db_tick(second, 0);
    db_tick(second, HOUR);
    db_tick(second, 200 * HOUR);
    assert_ok(skep_db_health(second, &health));
    ck_assert_int_gt(health.ping_us, 0); /* its connections are its own */
    ck_assert_int_eq(health.quick_check_us, 0);
    ck_assert_int_eq(health.full_check_us, 0);
    db_close_parked(second);
    db_close(first);
}

TEST(free_pages_are_given_back_by_steps)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.auto_vacuum = SKEP_VACUUM_INCREMENTAL;
    skep_db *db = db_open_parked(&opts);
    db_tick(db, 0);
    fill(db);
    db_must(db, "DELETE FROM t WHERE a % 2 = 0");
    ck_assert_int_gt(free_pages(db), SKEP__DB_FREE_PAGES);
    db_tick(db, 2 * HOUR);
    ck_assert_int_le(free_pages(db), 3200 / SKEP__DB_FREE_SHARE);
    ck_assert_int_gt(free_pages(db), 0); /* the rest is not worth it */
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1500);
    assert_ok(skep_db_optimize(db, NULL, NULL));
    ck_assert_int_eq(free_pages(db), 0);
    db_assert_whole(db);
    db_close_parked(db);
}

TEST(other_files_keep_their_free_pages)
{
    skep_db *db = db_open_parked(NULL);
    db_tick(db, 0);
    fill(db);
    db_must(db, "DELETE FROM t");
    int64_t before = free_pages(db);
    ck_assert_int_gt(before, SKEP__DB_FREE_PAGES);
    db_tick(db, 2 * HOUR);
    assert_ok(skep_db_optimize(db, NULL, NULL));
    ck_assert_int_ge(free_pages(db), before - 2); /* the statistics take some */
    db_close_parked(db);
}

static void spoil_index(void)
{
    sqlite3 *raw = NULL;
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw,
                                  "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = "
                                  "'CREATE INDEX i ON t(b)' WHERE name = 'i'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
}

TEST(what_a_scheduled_check_finds_makes_the_state)
{
    skep_db_opts unattended = SKEP_DB_OPTS_INIT;
    unattended.flags = SKEP_DB_UNATTENDED;
    skep_db *db = db_open(&unattended);
    fill(db);
    db_close(db);
    spoil_index();
    events_listen(SKEP_INFO);
    db = db_open_parked(NULL);
    db_tick(db, 0);
    db_tick(db, (uint64_t)25 * HOUR); /* a quick one, which does not compare */
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_tick(db, (uint64_t)8 * 24 * HOUR);
    ck_assert_int_eq(db_health_state(db), SKEP_CORRUPTED);
    ck_assert_int_eq(events_count("db.check", "kind=full findings=100"), 1);
    db_close_parked(db);
}

static void need_the_wal(void *ctx)
{
    atomic_store(&((skep_db *)ctx)->maintain.check_cut, 1);
}

TEST(a_scheduled_check_that_cannot_run_is_a_reason)
{
    skep_db *db = db_open_parked(NULL);
    db_tick(db, 0);
    fill(db);
    point_run("db.checking", 1, need_the_wal, db);
    db_tick(db, (uint64_t)25 * HOUR);
    const skep_health_reason *reason = db_reason(db, 0, "check");
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(reason->state, SKEP_DEGRADED);
    ck_assert_int_eq(reason->code, SKEP_ELIMIT);
    db_tick(db, (uint64_t)25 * HOUR + 1); /* here the failure is seen */
    db_tick(db, (uint64_t)25 * HOUR + 500);
    ck_assert_ptr_nonnull(db_reason(db, 0, "check"));
    db_tick(db, (uint64_t)25 * HOUR + 700); /* tried again, long before its turn */
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_close_parked(db);
}

/* ---- closing ---- */

static void close_in_thread(size_t index, void *ctx)
{
    (void)index;
    assert_ok(skep_db_close(ctx));
}

TEST(closing_ends_long_work)
{
    skep_db *db = db_open_parked(NULL);
    fill(db);
    db_tick(db, 0);
    point_wait("db.upkeep");
    skep__maintain_tick(db, skep__now_ns() + (uint64_t)200 * HOUR * SKEP__NS_PER_S);
    point_reached("db.upkeep", 1);
    skep_cancel_fire(db->maintain.cancel); /* what closing does first */
    point_release("db.upkeep");
    point_release("db.tick");
    harness_threads(1, close_in_thread, db);
    db = db_open_parked(NULL);
    db_assert_whole(db);
    db_close_parked(db);
}

TEST(long_work_behind_a_function_that_never_returns_does_not_hold_up_closing)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.close_timeout_ms = 50;
    skep_db *db = db_open_parked(&opts);
    db_must(db, "CREATE TABLE t(a)");
    db_tick(db, 0);
    gate g = {0};
    script stuck = {.last = gate_wait, .ctx = &g};
    call c = WRITE(stuck);
    call_start(db, &c);
    gate_came(&g, 1);
    point_watch("queue.queued");
    skep__maintain_tick(db, skep__now_ns() + (uint64_t)2 * HOUR * SKEP__NS_PER_S);
    point_reached("queue.queued", 1); /* the ping */
    point_release("db.tick");
    assert_fails(skep_db_close(db), SKEP_ETIMEOUT);
    gate_open(&g);
    call_join(&c);
}

/* ---- what was found at opening ---- */

TEST(a_recovery_is_told)
{
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    harness_copy_dir(harness_dir(), harness_path("crashed"));
    db_close_parked(db);
    events_listen(SKEP_INFO);
    (void)remove(harness_path("crashed/t.db-shm"));
    skep_db *again = NULL;
    assert_ok(skep_db_open(harness_path("crashed/t.db"), NULL, &again));
    ck_assert_int_eq(events_count("db.recovered", "crashed/t.db"), 1);
    db_close(again);
    assert_ok(skep_db_open(harness_path("crashed/t.db"), NULL, &again));
    ck_assert_int_eq(events_count("db.recovered", NULL), 1);
    db_close(again);
}

/* ---- by hand: checkpoints ---- */

typedef struct told {
    char steps[256];
    uint64_t done;
    uint64_t total;
} told;

static void tell(const char *step, uint64_t done, uint64_t total, void *ctx)
{
    told *t = ctx;
    size_t at = strlen(t->steps);
    if (strstr(t->steps, step) == NULL)
        (void)snprintf(t->steps + at, sizeof(t->steps) - at, "%s;", step);
    t->done = done;
    t->total = total;
}

TEST(a_checkpoint_by_hand_writes_all_back)
{
    told t = {.done = 0};
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep_maintain_result result = {.size = sizeof(result)};
    opts.progress = tell;
    opts.ctx = &t;
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(zeroblob(50000))");
    assert_ok(skep_db_checkpoint(db, &opts, &result));
    ck_assert_uint_gt(result.wal_pages, 12);
    ck_assert_uint_eq(result.pages_left, 0);
    ck_assert_uint_gt(result.took_ns, 0);
    ck_assert_uint_gt(result.bytes_before, 50000);
    ck_assert_str_eq(t.steps, "checkpoint;");
    ck_assert_uint_eq(t.done, t.total);
    ck_assert_uint_gt(file_bytes("-wal"), 50000);
    opts.flags = SKEP_MAINTAIN_TRUNCATE;
    assert_ok(skep_db_checkpoint(db, &opts, &result));
    ck_assert_uint_eq(file_bytes("-wal"), 0);
    ck_assert_uint_eq(result.bytes_after, file_bytes(""));
    assert_ok(skep_db_checkpoint(db, NULL, NULL));
    opts.flags = SKEP_MAINTAIN_VACUUM;
    assert_fails(skep_db_checkpoint(db, &opts, NULL), SKEP_EINVALID);
    skep__misuse_aborts(false);
    result.size = 4;
    assert_fails(skep_db_checkpoint(db, NULL, &result), SKEP_EMISUSE);
    assert_fails(skep_db_optimize(db, NULL, &result), SKEP_EMISUSE);
    db_close_parked(db);
}

TEST(a_checkpoint_by_hand_waits_for_readers_and_says_so)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    gate g = {0};
    script holds = {.sql = {"SELECT count(*) FROM t"}, .last = gate_wait, .ctx = &g};
    call reader = READ(holds);
    call_start(db, &reader);
    gate_came(&g, 1);
    db_must(db, "INSERT INTO t VALUES(zeroblob(50000))");
    opts.timeout_ms = 20;
    assert_fails(skep_db_checkpoint(db, &opts, NULL), SKEP_EBUSY);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "snapshot"));
    assert_ok(skep_cancel_new(&opts.cancel));
    opts.timeout_ms = 60000;
    point_run("db.checkpoint_waits", 1, fire, opts.cancel);
    assert_fails(skep_db_checkpoint(db, &opts, NULL), SKEP_ECANCELLED);
    skep_cancel_free(SKEP__TAKE(opts.cancel));
    point_run("db.checkpoint_waits", 1, open_gate, &g);
    assert_ok(skep_db_checkpoint(db, &opts, NULL));
    call_join(&reader);
    db_close_parked(db);
}

static int refuse_checkpoint(void *ctx, skep_db *db, uint64_t pages)
{
    (void)ctx;
    (void)db;
    (void)pages;
    return SKEP_OK;
}

TEST(checkpoints_that_belong_to_somebody_are_left_alone)
{
    skep_db_hooks hooks = {.size = sizeof(hooks), .abi = SKEP_DB_HOOKS_ABI};
    hooks.checkpoint = refuse_checkpoint;
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    assert_ok(skep_db_set_hooks(db, &hooks));
    assert_fails(skep_db_checkpoint(db, NULL, NULL), SKEP_EUNSUPPORTED);
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    assert_ok(skep_db_optimize(db, &opts, NULL));
    assert_ok(skep_db_set_hooks(db, NULL));
    db_close_parked(db);
}

/* ---- by hand: optimize and VACUUM ---- */

TEST(optimize_by_hand_brings_statistics_of_every_table)
{
    told t = {.done = 0};
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_ANALYZE;
    opts.progress = tell;
    opts.ctx = &t;
    skep_db *db = db_open_parked(NULL);
    fill(db);
    db_must(db, "CREATE TABLE u(a)");
    db_must(db, "INSERT INTO u VALUES(1)");
    assert_ok(skep_db_optimize(db, &opts, NULL));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM sqlite_stat1"), 2);
    ck_assert_str_eq(t.steps, "analyze;");
    opts.flags = SKEP_MAINTAIN_TRUNCATE;
    assert_fails(skep_db_optimize(db, &opts, NULL), SKEP_EINVALID);
    db_close_parked(db);
}

TEST(vacuum_gives_the_space_back_while_reads_go_on)
{
    told t = {.done = 0};
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep_maintain_result result = {.size = sizeof(result)};
    opts.flags = SKEP_MAINTAIN_VACUUM;
    opts.progress = tell;
    opts.ctx = &t;
    skep_db *db = db_open_parked(NULL);
    fill(db);
    db_must(db, "DELETE FROM t WHERE a > 100");
    assert_ok(skep_db_checkpoint(db, NULL, NULL));
    uint64_t before = file_bytes("");
    gate g = {0};
    script holds = {.sql = {"SELECT count(*) FROM t"}, .last = gate_wait, .ctx = &g};
    call reader = READ(holds);
    call_start(db, &reader);
    gate_came(&g, 1);
    point_run("db.before_vacuum", 1, open_gate, &g);
    assert_ok(skep_db_optimize(db, &opts, &result));
    call_join(&reader);
    ck_assert_int_eq(reader.rc, 0);
    ck_assert_uint_lt(file_bytes(""), before / 4);
    ck_assert_uint_lt(result.bytes_after, result.bytes_before);
    ck_assert_ptr_nonnull(strstr(t.steps, "checkpoint;"));
    ck_assert_int_eq(free_pages(db), 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 100);
    db_must(db, "INSERT INTO t VALUES(1, 2)");
    db_assert_whole(db);
    db_close_parked(db);
}

static int small_statvfs(const char *path, struct statvfs *out)
{
    int rc = skep__os_kernel.statvfs(path, out);
    out->f_frsize = 1;
    out->f_bavail = 1000000;
    return rc;
}

TEST(vacuum_without_room_is_not_begun)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep__os_calls calls = skep__os_kernel;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    skep_db *db = db_open_parked(NULL);
    fill(db);
    calls.statvfs = small_statvfs;
    skep__os_set_calls(&calls);
    point_watch("db.before_vacuum");
    assert_fails(skep_db_optimize(db, &opts, NULL), SKEP_EFULL);
    ck_assert_uint_eq(point_count("db.before_vacuum"), 0);
    skep__os_set_calls(NULL);
    assert_ok(skep_db_optimize(db, &opts, NULL));
    db_close_parked(db);
}

TEST(vacuum_waits_for_other_programs_and_says_who_was_in_the_way)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep_db_opts db_opts = SKEP_DB_OPTS_INIT;
    sqlite3 *raw = NULL;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    db_opts.busy_timeout_ms = 30;
    skep_db *db = db_open_parked(&db_opts);
    db_must(db, "CREATE TABLE t(a)");
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_fails(skep_db_optimize(db, &opts, NULL), SKEP_EBUSY);
    ck_assert_int_eq(sqlite3_exec(raw, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(skep_db_optimize(db, &opts, NULL));
    ck_assert_int_eq(sqlite3_exec(raw, "BEGIN; SELECT * FROM t", NULL, NULL, NULL), SQLITE_OK);
    db_must(db, "INSERT INTO t VALUES(1)");
    assert_fails(skep_db_checkpoint(db, NULL, NULL), SKEP_EBUSY);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "another process"));
    ck_assert_int_eq(sqlite3_exec(raw, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(skep_db_checkpoint(db, NULL, NULL));
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    db_close_parked(db);
}

TEST(vacuum_can_be_cancelled)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    skep_db *db = db_open_parked(NULL);
    fill(db);
    assert_ok(skep_cancel_new(&opts.cancel));
    point_run("db.before_vacuum", 1, fire, opts.cancel);
    assert_fails(skep_db_optimize(db, &opts, NULL), SKEP_ECANCELLED);
    skep_cancel_free(opts.cancel);
    db_must(db, "INSERT INTO t VALUES(1, 2)");
    db_assert_whole(db);
    db_close_parked(db);
}

TEST(files_of_other_programs_are_maintained_by_hand)
{
    static const char *const modes[] = {"PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=WAL"};
    for (size_t i = 0; i < LENGTH(modes); i++) {
        sqlite3 *raw = NULL;
        ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(raw, modes[i], NULL, NULL, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
        skep_db_opts opts = SKEP_DB_OPTS_INIT;
        skep_maintain_opts by_hand = SKEP_MAINTAIN_OPTS_INIT;
        skep_maintain_result result = {.size = sizeof(result)};
        opts.flags = SKEP_DB_FOREIGN;
        skep_db *db = db_open(&opts);
        if (i == 0)
            fill(db);
        db_must(db, "DELETE FROM t WHERE a > 100");
        by_hand.flags = SKEP_MAINTAIN_VACUUM | SKEP_MAINTAIN_ANALYZE;
        assert_ok(skep_db_optimize(db, &by_hand, &result));
        ck_assert_int_eq(free_pages(db), 0);
        by_hand.flags = SKEP_MAINTAIN_TRUNCATE;
        assert_ok(skep_db_checkpoint(db, &by_hand, &result));
        ck_assert_uint_eq(result.pages_left, 0);
        ck_assert_int_eq(assert_ok(skep_db_check(db, NULL)), 0);
        assert_ok(skep_db_ping(db));
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 100);
        ck_assert(!harness_exists(harness_path("t.db-skep-lock")));
        db_close(db);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(statistics_are_kept_up_to_date_on_schedule),
    HARNESS_TEST(statistics_are_brought_up_to_date_at_close),
    HARNESS_TEST(checks_and_pings_come_on_schedule),
    HARNESS_TEST(only_the_maintainer_does_long_work_on_the_file),
    HARNESS_TEST(free_pages_are_given_back_by_steps),
    HARNESS_TEST(other_files_keep_their_free_pages),
    HARNESS_TEST(what_a_scheduled_check_finds_makes_the_state),
    HARNESS_TEST(a_scheduled_check_that_cannot_run_is_a_reason),
    HARNESS_TEST(closing_ends_long_work),
    HARNESS_TEST(long_work_behind_a_function_that_never_returns_does_not_hold_up_closing),
    HARNESS_TEST(a_recovery_is_told),
    HARNESS_TEST(a_checkpoint_by_hand_writes_all_back),
    HARNESS_TEST(a_checkpoint_by_hand_waits_for_readers_and_says_so),
    HARNESS_TEST(checkpoints_that_belong_to_somebody_are_left_alone),
    HARNESS_TEST(optimize_by_hand_brings_statistics_of_every_table),
    HARNESS_TEST(vacuum_gives_the_space_back_while_reads_go_on),
    HARNESS_TEST(vacuum_without_room_is_not_begun),
    HARNESS_TEST(vacuum_waits_for_other_programs_and_says_who_was_in_the_way),
    HARNESS_TEST(vacuum_can_be_cancelled),
    HARNESS_TEST(files_of_other_programs_are_maintained_by_hand),
};
const harness_suite maintain_suite = HARNESS_SUITE("maintain", tests);
