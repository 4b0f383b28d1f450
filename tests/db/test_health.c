/* SPDX-License-Identifier: MIT */
/* The health: each reason comes within a tick of its cause, and goes with it. */
#include "suites.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "os/calls.h"
#include "sql/sqlite_private.h"

#include "harness/points.h"

#include "support.h"

TEST(a_new_database_is_healthy)
{
    skep_health health = {.size = sizeof(health)};
    skep_db *db = db_open_parked(NULL);
    db_tick(db, 0);
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_eq(health.state, SKEP_HEALTHY);
    ck_assert_uint_eq(health.reasons_count, 0);
    ck_assert_uint_eq(health.maintainer, 1);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.maintainer, 1);
    ck_assert_uint_eq(stats.corrupted, 0);
    ck_assert_uint_gt(health.disk_free_bytes, 0);
    ck_assert_uint_eq(health.errors, 0);
    ck_assert_int_gt(health.at_us, 0);
    ck_assert_int_eq(health.ping_us, 0);
    ck_assert_int_eq(health.quick_check_us, 0);
    ck_assert_int_eq(health.full_check_us, 0);
    skep__misuse_aborts(false);
    health.size = 8;
    assert_fails(skep_db_health(db, &health), SKEP_EMISUSE);
    assert_fails(skep_db_health(NULL, &health), SKEP_EMISUSE);
    db_close_parked(db);
}

TEST(states_have_names)
{
    ck_assert_str_eq(skep_health_name(SKEP_HEALTHY), "healthy");
    ck_assert_str_eq(skep_health_name(SKEP_DEGRADED), "degraded");
    ck_assert_str_eq(skep_health_name(SKEP_CORRUPTED), "corrupted");
    ck_assert_str_eq(skep_health_name(3), "?");
    ck_assert_str_eq(skep_health_name(-1), "?");
}

/* ---- the disk ---- */

static _Atomic int statvfs_errno;
static _Atomic uint64_t statvfs_bytes;

static int fake_statvfs(const char *path, struct statvfs *out)
{
    if (statvfs_errno != 0) {
        errno = statvfs_errno;
        return -1;
    }
    int rc = skep__os_kernel.statvfs(path, out);
    out->f_frsize = 1;
    out->f_bavail = statvfs_bytes;
    return rc;
}

static void fake_disk(skep__os_calls *calls)
{
    *calls = skep__os_kernel;
    calls->statvfs = fake_statvfs;
    skep__os_set_calls(calls);
}

TEST(a_disk_that_is_all_but_full_is_a_reason)
{
    skep__os_calls calls;
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.disk_low_bytes = 1000000;
    fake_disk(&calls);
    statvfs_bytes = 999999;
    skep_db *db = db_open_parked(&opts);
    db_tick(db, 0);
    const skep_health_reason *reason = db_reason(db, 0, "disk");
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(reason->state, SKEP_DEGRADED);
    ck_assert_int_eq(reason->code, SKEP_EFULL);
    statvfs_bytes = 1000000;
    db_tick(db, 1);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    statvfs_errno = EIO;
    db_tick(db, 2);
    reason = db_reason(db, 2, "disk");
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(reason->code, SKEP_EIO);
    statvfs_errno = 0;
    db_tick(db, 3);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_close_parked(db);
    skep__os_set_calls(NULL);
}

/* ---- the WAL ---- */

TEST(a_wal_beyond_half_its_ceiling_is_a_reason)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_maintain_opts cut = SKEP_MAINTAIN_OPTS_INIT;
    cut.flags = SKEP_MAINTAIN_TRUNCATE;
    opts.wal_ceiling_bytes = 1 << 20;
    opts.checkpoint_pages = 100000;
    skep_db *db = db_open_parked(&opts);
    db_must(db, "CREATE TABLE t(a)");
    db_tick(db, 0);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_must(db, "INSERT INTO t VALUES(zeroblob(600000))");
    db_tick(db, 1);
    const skep_health_reason *reason = db_reason(db, 1, "wal");
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(reason->code, SKEP_ELIMIT);
    assert_ok(skep_db_checkpoint(db, &cut, NULL));
    db_tick(db, 2);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_close_parked(db);
}

TEST(an_old_snapshot_that_pins_the_wal_is_a_reason)
{
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    gate g = {0};
    script holds = {.sql = {"SELECT 1 FROM t"}, .last = gate_wait, .ctx = &g};
    call reader = READ(holds);
    call_start(db, &reader);
    gate_came(&g, 1);
    ck_assert_ptr_null(db_reason(db, 0, "pinned"));
    const skep_health_reason *reason = db_reason(db, 40, "pinned"); /* read_slow_ms: 30 s */
    ck_assert_ptr_nonnull(reason);
    ck_assert_ptr_nonnull(strstr(reason->text, "SELECT"));
    gate_open(&g);
    call_join(&reader);
    ck_assert_ptr_null(db_reason(db, 40, "pinned"));
    db_close_parked(db);
}

/* ---- failures ---- */

TEST(poison_is_a_reason_until_it_is_reopened)
{
    skep_db *db = db_open_parked(NULL);
    db_tick(db, 0);
    (void)SKEP__FAIL(SKEP_EIO, "the sync of the day");
    assert_fails(skep__db_poison(db), SKEP_EPOISONED);
    const skep_health_reason *reason = db_reason(db, 0, "poisoned");
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(reason->code, SKEP_EPOISONED);
    ck_assert_ptr_nonnull(strstr(reason->text, "the sync of the day"));
    ck_assert_ptr_nonnull(db_reason(db, 100000, "poisoned"));
    point_release("db.tick");
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
    db = db_open_parked(NULL);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    db_close_parked(db);
}

TEST(failures_of_the_device_are_remembered_for_a_while)
{
    events_listen(SKEP_DEBUG);
    skep_db *db = db_open_parked(NULL);
    skep_health health = {.size = sizeof(health)};
    db_tick(db, 0);
    db_must(db, "CREATE TABLE t(a UNIQUE)");
    db_must(db, "INSERT INTO t VALUES(1)");
    assert_fails(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_EEXISTS); /* not its fault */
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    ck_assert_int_eq(events_count("db.call_failed", "UNIQUE"), 1);
    db_writer_pragma(db, "PRAGMA max_page_count=4");
    for (int i = 0; i < SKEP__DB_FAILURES + 1; i++)
        assert_fails(db_exec(db, "INSERT INTO t VALUES(zeroblob(100000))"), SKEP_EFULL);
    const skep_health_reason *reason = db_reason(db, 0, "errors");
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(reason->code, SKEP_EFULL);
    ck_assert_ptr_nonnull(strstr(reason->text, "8 or more"));
    ck_assert_ptr_nonnull(strstr(reason->text, "9 in all"));
    assert_ok(skep_db_health(db, &health));
    ck_assert_uint_eq(health.errors, SKEP__DB_FAILURES + 1);
    ck_assert_ptr_null(db_reason(db, 61, "errors"));
    db_close_parked(db);
}

TEST(g08_a_flood_of_failures_is_told_in_short)
{
    enum { CALLS = 5000 };
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a UNIQUE)");
    db_must(db, "INSERT INTO t VALUES(1)");
    events_listen(SKEP_DEBUG);
    uint64_t began = skep__now_ns();
    for (int i = 0; i < CALLS; i++)
        assert_fails(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_EEXISTS);
    uint64_t seconds = (skep__now_ns() - began) / SKEP__NS_PER_S + 2;
    int told = events_count("db.call_failed", NULL);
    ck_assert_int_gt(told, 0);
    if (seconds * SKEP__DB_FAILED_EVENTS < HEARD_MAX) /* else it was a very slow machine */
        ck_assert_uint_le((uint64_t)told, seconds * SKEP__DB_FAILED_EVENTS);
    ck_assert_int_ge(events_count("db.call_failed", "dropped=0"), 1);
    db_close_parked(db);
}

/* ---- things that went badly the last time ---- */

TEST(what_went_badly_is_a_reason_until_it_goes_well)
{
    static const struct {
        skep__note note;
        const char *what;
    } notes[] = {
        {SKEP__NOTE_PING, "ping"},       {SKEP__NOTE_CHECKPOINT, "checkpoint"},
        {SKEP__NOTE_CHECK, "check"},     {SKEP__NOTE_THREAD, "maintainer"},
        {SKEP__NOTE_LOCK, "maintainer"},
    };
    skep_db *db = db_open_parked(NULL);
    for (size_t i = 0; i < LENGTH(notes); i++) {
        skep__noted(db, notes[i].note, SKEP__FAIL(SKEP_EIO, "trouble number %zu", i));
        skep__noted(db, notes[i].note, SKEP__FAIL(SKEP_EIO, "what followed from it"));
        const skep_health_reason *reason = db_reason(db, 0, notes[i].what);
        ck_assert_ptr_nonnull(reason);
        ck_assert_int_eq(reason->code, SKEP_EIO);
        ck_assert_int_eq(reason->state, SKEP_DEGRADED);
        ck_assert_ptr_nonnull(strstr(reason->text, "trouble number"));
        skep__noted(db, notes[i].note, SKEP_OK);
        ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    }
    db_close_parked(db);
}

TEST(a_maintenance_thread_that_hangs_is_a_reason)
{
    skep_db *db = db_open_parked(NULL);
    db_tick(db, 0);
    ck_assert_ptr_null(db_reason(db, 5, "maintainer"));
    ck_assert_ptr_nonnull(db_reason(db, 60, "maintainer"));
    db_tick(db, 60);
    ck_assert_ptr_null(db_reason(db, 60, "maintainer"));
    db_close_parked(db);
}

/* ---- readers ---- */

TEST(readers_that_are_all_in_use_are_a_reason)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = 1;
    skep_db *db = db_open_parked(&opts);
    gate g = {0};
    script holds = {.sql = {"SELECT 1"}, .last = gate_wait, .ctx = &g};
    script waits = {.sql = {"SELECT 1"}};
    call first = READ(holds);
    call second = READ(waits);
    call_start(db, &first);
    gate_came(&g, 1);
    db_tick(db, 0);
    ck_assert_ptr_null(db_reason(db, 0, "pool")); /* nobody waits, and not for long */
    db_tick(db, 5);
    ck_assert_ptr_null(db_reason(db, 5, "pool"));
    db_tick(db, 12);
    ck_assert_ptr_nonnull(db_reason(db, 12, "pool"));
    call_start(db, &second);
    while (atomic_load(&db->readers.waiting) == 0)
        (void)sched_yield();
    const skep_health_reason *reason = db_reason(db, 0, "pool");
    ck_assert_ptr_nonnull(reason);
    ck_assert_ptr_nonnull(strstr(reason->text, "1 calls wait"));
    gate_open(&g);
    call_join(&first);
    call_join(&second);
    db_tick(db, 13);
    ck_assert_ptr_null(db_reason(db, 13, "pool"));
    db_close_parked(db);
}

TEST(the_worst_reason_comes_first_and_makes_the_state)
{
    skep_health health = {.size = sizeof(health)};
    skep_db *db = db_open_parked(NULL);
    skep__noted(db, SKEP__NOTE_PING, SKEP__FAIL(SKEP_EIO, "no answer"));
    (void)SKEP__FAIL(SKEP_ECORRUPT, "page 7");
    skep__note_corrupt(db);
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_eq(health.state, SKEP_CORRUPTED);
    ck_assert_uint_eq(health.reasons_count, 2);
    ck_assert_str_eq(health.reasons[0].what, "corrupt");
    ck_assert_str_eq(health.reasons[1].what, "ping");
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.corrupted, 1);
    ck_assert_uint_eq(stats.maintainer, 0);
    db_tick(db, 0);
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.maintainer, 1);
    db_close_parked(db);
}

/* ---- ping ---- */

TEST(a_ping_asks_the_connections)
{
    skep_health health = {.size = sizeof(health)};
    skep_db *db = db_open_parked(NULL);
    ck_assert_int_eq(db_number(db, "SELECT 1"), 1);
    assert_ok(skep_db_ping(db));
    assert_ok(skep_db_health(db, &health));
    ck_assert_int_gt(health.ping_us, 0);
    (void)SKEP__FAIL(SKEP_EIO, "a sync");
    (void)skep__db_poison(db);
    assert_fails(skep_db_ping(db), SKEP_EPOISONED);
    skep__misuse_aborts(false);
    assert_fails(skep_db_ping(NULL), SKEP_EMISUSE);
    point_release("db.tick");
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
}

static int refuse_all(void *ctx)
{
    (void)ctx;
    return 1;
}

TEST(a_reader_that_does_not_answer_is_replaced)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    skep_db *db = db_open_parked(NULL);
    ck_assert_int_eq(db_number(db, "SELECT 1"), 1);
    sqlite3 *handle = sqlite_of(db->readers.slots[0].conn)->handle;
    sqlite3_progress_handler(handle, 1, refuse_all, NULL);
    assert_ok(skep_db_ping(db));
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.readers_replaced, 1);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    ck_assert_int_eq(db_number(db, "SELECT 1"), 1);
    db_close_parked(db);
}

static int break_writer(skep_db *db, void *arg)
{
    (void)arg;
    sqlite3_progress_handler(sqlite_of(db->writer)->handle, 1, refuse_all, NULL);
    return SKEP_OK;
}

TEST(a_writer_that_does_not_answer_is_replaced_between_groups)
{
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    events_listen(SKEP_WARNING);
    assert_ok(skep__writer_exclusive(db, break_writer, NULL));
    ck_assert_int_lt(db_exec(db, "INSERT INTO t VALUES(1)"), 0);
    assert_ok(skep_db_ping(db));
    ck_assert_int_eq(events_count("db.writer_replaced", "cause="), 1);
    db_must(db, "INSERT INTO t VALUES(2)");
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 2);
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    assert_ok(skep_db_checkpoint(db, NULL, NULL));
    db_assert_whole(db);
    db_close_parked(db);
}

TEST(a_writer_that_cannot_be_replaced_is_a_reason_until_it_can)
{
    const char *path = harness_path("t.db");
    const char *away = harness_path("away.db");
    skep_db *db = db_open_parked(NULL);
    db_must(db, "CREATE TABLE t(a)");
    assert_ok(skep__writer_exclusive(db, break_writer, NULL));
    ck_assert_int_eq(rename(path, away), 0);
    assert_fails(skep_db_ping(db), SKEP_ENOTFOUND);
    ck_assert_ptr_nonnull(db_reason(db, 0, "ping"));
    ck_assert_int_eq(rename(away, path), 0);
    assert_ok(skep_db_ping(db));
    ck_assert_int_eq(db_health_state(db), SKEP_HEALTHY);
    /* What a failed sync has left is not mended by a new connection. */
    assert_ok(skep__writer_exclusive(db, break_writer, NULL));
    (void)SKEP__FAIL(SKEP_EIO, "a sync");
    (void)skep__db_poison(db);
    const skep__conn *writer = db->writer;
    assert_fails(skep_db_ping(db), SKEP_EPOISONED);
    ck_assert_ptr_eq(db->writer, writer);
    point_release("db.tick");
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
}

typedef struct inserter {
    skep_db *db;
    pthread_t thread;
    int64_t done;
} inserter;

static void *insert_some(void *arg)
{
    inserter *self = arg;
    for (int i = 0; i < 100; i++)
        self->done += db_exec(self->db, "INSERT INTO t VALUES(1)") == SKEP_OK;
    return NULL;
}

/* Calls that share no group with it notice nothing; those that met the broken one fail alone. */
TEST(writing_goes_on_while_the_writers_connection_is_replaced)
{
    enum { THREADS = 3 };
    skep_db *db = db_open_parked(NULL);
    skep_db_connection list[8];
    inserter work[THREADS];
    int64_t done = 0;
    db_must(db, "CREATE TABLE t(a)");
    for (int i = 0; i < THREADS; i++) {
        work[i] = (inserter){.db = db};
        ck_assert_int_eq(pthread_create(&work[i].thread, NULL, insert_some, &work[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        size_t n = LENGTH(list);
        for (size_t k = 0; k < n; k++)
            list[k].size = sizeof(list[k]);
        assert_ok(skep__writer_exclusive(db, break_writer, NULL));
        assert_ok(skep_db_ping(db));
        assert_ok(skep_db_connections(db, list, &n));
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(work[i].thread, NULL), 0);
        done += work[i].done;
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), done);
    db_assert_whole(db);
    db_close_parked(db);
}

static int ping_inside(skep_tx *tx, void *arg)
{
    (void)tx;
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    ck_assert_int_eq(skep_db_check(arg, NULL), SKEP_EMISUSE);
    ck_assert_int_eq(skep_db_checkpoint(arg, &opts, NULL), SKEP_EMISUSE);
    ck_assert_int_eq(skep_db_optimize(arg, &opts, NULL), SKEP_EMISUSE);
    int rc = skep_db_ping(arg);
    ck_assert_int_eq(rc, SKEP_EMISUSE);
    return 0;
}

TEST(none_of_this_is_for_the_inside_of_a_transaction_function)
{
    skep_db *db = db_open_parked(NULL);
    assert_ok(skep_write(db, ping_inside, db));
    assert_ok(skep_read(db, ping_inside, db));
    db_close_parked(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_new_database_is_healthy),
    HARNESS_TEST(states_have_names),
    HARNESS_TEST(a_disk_that_is_all_but_full_is_a_reason),
    HARNESS_TEST(a_wal_beyond_half_its_ceiling_is_a_reason),
    HARNESS_TEST(an_old_snapshot_that_pins_the_wal_is_a_reason),
    HARNESS_TEST(poison_is_a_reason_until_it_is_reopened),
    HARNESS_TEST(failures_of_the_device_are_remembered_for_a_while),
    HARNESS_TEST(g08_a_flood_of_failures_is_told_in_short),
    HARNESS_TEST(what_went_badly_is_a_reason_until_it_goes_well),
    HARNESS_TEST(a_maintenance_thread_that_hangs_is_a_reason),
    HARNESS_TEST(readers_that_are_all_in_use_are_a_reason),
    HARNESS_TEST(the_worst_reason_comes_first_and_makes_the_state),
    HARNESS_TEST(a_ping_asks_the_connections),
    HARNESS_TEST(a_reader_that_does_not_answer_is_replaced),
    HARNESS_TEST(a_writer_that_does_not_answer_is_replaced_between_groups),
    HARNESS_TEST(a_writer_that_cannot_be_replaced_is_a_reason_until_it_can),
    HARNESS_TEST(writing_goes_on_while_the_writers_connection_is_replaced),
    HARNESS_TEST(none_of_this_is_for_the_inside_of_a_transaction_function),
};
const harness_suite health_suite = HARNESS_SUITE("health", tests);
