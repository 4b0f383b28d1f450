/* SPDX-License-Identifier: MIT */
/* Checks find damage, hold nobody up, and give way to the WAL. */
#include "suites.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sqlite3.h"

#include "harness/points.h"

#include "support.h"

static void make(void)
{
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE p(id INTEGER PRIMARY KEY)");
    db_must(db, "CREATE TABLE t(a, b REFERENCES p(id))");
    db_must(db, "CREATE INDEX i ON t(a)");
    db_must(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5000) "
                "INSERT INTO t SELECT i, NULL FROM n");
    db_close(db);
}

/* By another program that does not care: the index without some of the rows, rows without their
 * parents. */
static void spoil(const char *sql)
{
    sqlite3 *raw = NULL;
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    int rc = sqlite3_exec(raw, sql, NULL, NULL, NULL);
    ck_assert_msg(rc == SQLITE_OK, "%s", sqlite3_errmsg(raw));
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
}

static void spoil_index(void)
{
    spoil("PRAGMA writable_schema=ON;"
          "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(b)' WHERE name = 'i';");
}

static void spoil_page(int page)
{
    int fd = open(harness_path("t.db"), O_WRONLY);
    ck_assert_int_ge(fd, 0);
    char waste[512];
    memset(waste, 0xa5, sizeof(waste));
    ck_assert_int_eq(pwrite(fd, waste, sizeof(waste), (off_t)(page - 1) * 4096), sizeof(waste));
    ck_assert_int_eq(close(fd), 0);
}

typedef struct findings {
    int count;
    char first[256];
    uint64_t done;
    uint64_t total;
} findings;

static void finding(const char *text, void *ctx)
{
    findings *f = ctx;
    if (f->count++ == 0)
        (void)snprintf(f->first, sizeof(f->first), "%s", text);
}

static void progress(uint64_t done, uint64_t total, void *ctx)
{
    findings *f = ctx;
    ck_assert_uint_le(done, total);
    f->done = done;
    f->total = total;
}

static skep_check_opts opts_of(findings *f, uint32_t flags)
{
    skep_check_opts opts = SKEP_CHECK_OPTS_INIT;
    opts.flags = flags;
    opts.finding = finding;
    opts.progress = progress;
    opts.ctx = f;
    return opts;
}

TEST(a_sound_file_has_no_findings)
{
    make();
    events_listen(SKEP_INFO);
    skep_db *db = db_open_parked(NULL);
    findings f = {0};
    skep_check_opts opts = opts_of(&f, 0);
    skep_health health = {.size = sizeof(health)};
    ck_assert_int_eq(assert_ok(skep_db_check(db, NULL)), 0);
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_gt(health.quick_check_us, 0);
    ck_assert_int_eq(health.full_check_us, 0);
    opts.flags = SKEP_CHECK_FULL;
    ck_assert_int_eq(assert_ok(skep_db_check(db, &opts)), 0);
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_gt(health.full_check_us, 0);
    ck_assert_int_eq(health.state, SKEP_HEALTHY);
    ck_assert_int_eq(f.count, 0);
    ck_assert_uint_gt(f.total, 10);
    ck_assert_uint_eq(f.done, f.total);
    ck_assert_int_eq(events_count("db.check", "kind=quick findings=0"), 1);
    ck_assert_int_eq(events_count("db.check", "kind=full findings=0"), 1);
    opts.flags = 1u << 9;
    assert_fails(skep_db_check(db, &opts), SKEP_EINVALID);
    skep__misuse_aborts(false);
    opts.size = 8;
    assert_fails(skep_db_check(db, &opts), SKEP_EMISUSE);
    assert_fails(skep_db_check(NULL, NULL), SKEP_EMISUSE);
    db_close_parked(db);
}

TEST(an_index_that_does_not_fit_is_found_by_a_full_check)
{
    make();
    spoil_index();
    events_listen(SKEP_INFO);
    skep_db *db = db_open_parked(NULL);
    findings f = {0};
    skep_check_opts opts = opts_of(&f, SKEP_CHECK_FULL);
    ck_assert_int_eq(assert_ok(skep_db_check(db, NULL)), 0); /* quick: it does not compare */
    opts.max_findings = 7;
    int found = assert_ok(skep_db_check(db, &opts));
    ck_assert_int_eq(found, 7);
    ck_assert_int_eq(f.count, 7);
    ck_assert_ptr_nonnull(strstr(f.first, "index i"));
    ck_assert_int_eq(db_health_state(db), SKEP_CORRUPTED);
    const skep_health_reason *reason = db_reason(db, 0, "check");
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(reason->state, SKEP_CORRUPTED);
    ck_assert_int_eq(reason->code, SKEP_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(reason->text, "7 findings"));
    ck_assert_ptr_nonnull(db_reason(db, 0, "corrupt"));
    ck_assert_int_eq(events_count("db.check", "kind=full findings=7"), 1);
    db_tick(db, 0);
    db_tick(db, 1);
    ck_assert_int_eq(events_count("db.corrupt", NULL), 1); /* once */
    db_must(db, "INSERT INTO t VALUES(1, NULL)");
    db_close_parked(db);
}

TEST(rows_without_their_parents_are_found_by_a_full_check)
{
    make();
    spoil("INSERT INTO t VALUES(0, 4711)");
    skep_db *db = db_open_parked(NULL);
    findings f = {0};
    skep_check_opts opts = opts_of(&f, SKEP_CHECK_FULL);
    ck_assert_int_eq(assert_ok(skep_db_check(db, &opts)), 1);
    ck_assert_str_eq(f.first, "row 5001 of table t refers to a row that is not in table p");
    db_close_parked(db);
}

TEST(damaged_pages_are_found_by_checks_and_by_statements)
{
    make();
    spoil_page(9);
    skep_db *db = db_open_parked(NULL);
    findings f = {0};
    skep_check_opts opts = opts_of(&f, 0);
    script reads = {.sql = {"SELECT sum(length(a)) + sum(b) FROM t NOT INDEXED"}, .swallow = true};
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    assert_fails(skep_read(db, script_run, &reads), SKEP_ECORRUPT);
    ck_assert_int_eq(reads.failed, SKEP_ECORRUPT);
    ck_assert_int_eq(db_health_state(db), SKEP_CORRUPTED);
    ck_assert_ptr_nonnull(db_reason(db, 0, "corrupt"));
    ck_assert_int_gt(assert_ok(skep_db_check(db, &opts)), 0);
    ck_assert_int_gt(f.count, 0);
    db_close_parked(db);
}

/* ---- in the way of nobody ---- */

static void others_work(void *ctx)
{
    skep_db *db = ctx;
    db_must(db, "INSERT INTO t VALUES(1, NULL)");
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 5001);
}

TEST(readers_and_writers_go_on_during_a_check)
{
    make();
    skep_db *db = db_open_parked(NULL);
    point_run("db.checking", 1, others_work, db);
    ck_assert_int_eq(assert_ok(skep_db_check(db, NULL)), 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 5001);
    db_close_parked(db);
}

static call held_back;
static script one_more = {.sql = {"INSERT INTO t VALUES(1, NULL)"}};

/* The next call is held back then, until nothing is in the way of the WAL any more. */
static void fill_the_wal(void *ctx)
{
    skep_db *db = ctx;
    db_must(db, "INSERT INTO t VALUES(zeroblob(1200000), NULL)");
    held_back = (call)WRITE(one_more);
    call_start(db, &held_back);
    while (atomic_load(&db->maintain.check_cut) == 0)
        (void)sched_yield();
}

TEST(a_check_gives_way_to_the_wal)
{
    make();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.wal_ceiling_bytes = 1 << 20;
    opts.checkpoint_pages = 100000;
    skep_db *db = db_open_parked(&opts);
    point_run("db.checking", 1, fill_the_wal, db);
    assert_fails(skep_db_check(db, NULL), SKEP_ELIMIT);
    call_join(&held_back);
    ck_assert_int_eq(held_back.rc, 0);
    ck_assert_ptr_null(db_reason(db, 0, "check")); /* who asked was told */
    assert_ok(skep_db_checkpoint(db, NULL, NULL));
    ck_assert_int_eq(assert_ok(skep_db_check(db, NULL)), 0);
    db_close_parked(db);
}

TEST(a_check_ends_at_its_deadline_and_by_its_cancel)
{
    make();
    skep_db *db = db_open_parked(NULL);
    skep_check_opts opts = SKEP_CHECK_OPTS_INIT;
    assert_ok(skep_cancel_new(&opts.cancel));
    skep_cancel_fire(opts.cancel);
    assert_fails(skep_db_check(db, &opts), SKEP_ECANCELLED);
    skep_cancel_free(SKEP__TAKE(opts.cancel));
    opts.timeout_ms = 1;
    /* The deadline passes before the first step: opening alone takes its time. */
    int rc = skep_db_check(db, &opts);
    ck_assert(rc == 0 || rc == SKEP_ETIMEOUT);
    db_close_parked(db);
}

TEST(a_database_that_is_only_read_is_checked_too)
{
    make();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_READONLY;
    skep_db *db = db_open(&opts);
    ck_assert_int_eq(assert_ok(skep_db_check(db, NULL)), 0);
    assert_fails(skep_db_optimize(db, NULL, NULL), SKEP_EREADONLY);
    assert_fails(skep_db_checkpoint(db, NULL, NULL), SKEP_EREADONLY);
    assert_ok(skep_db_ping(db));
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_sound_file_has_no_findings),
    HARNESS_TEST(an_index_that_does_not_fit_is_found_by_a_full_check),
    HARNESS_TEST(rows_without_their_parents_are_found_by_a_full_check),
    HARNESS_TEST(damaged_pages_are_found_by_checks_and_by_statements),
    HARNESS_TEST(readers_and_writers_go_on_during_a_check),
    HARNESS_TEST(a_check_gives_way_to_the_wal),
    HARNESS_TEST(a_check_ends_at_its_deadline_and_by_its_cancel),
    HARNESS_TEST(a_database_that_is_only_read_is_checked_too),
};
const harness_suite check_suite = HARNESS_SUITE("check", tests);
