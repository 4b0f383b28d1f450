/* SPDX-License-Identifier: MIT */
/* Leases: one snapshot over many reads, ended by its age, by the WAL, by its owner. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "harness/points.h"

#include "support.h"

static skep_db *open_table(void)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_UNATTENDED; /* time passes as the tests say */
    opts.readers = 3;
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(1)");
    return db;
}

static skep_lease *lease_of(skep_db *db, const skep_lease_opts *opts)
{
    skep_lease *lease = NULL;
    assert_ok(skep_lease_open(db, opts, &lease));
    return lease;
}

static int sum(skep_tx *tx, void *arg)
{
    int64_t *out = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT sum(a) FROM t"));
    SKEP__TRY(skep_next(rows));
    *out = skep_column_int(rows, 0);
    return SKEP_OK;
}

static int64_t sum_of(skep_lease *lease)
{
    int64_t out = -1;
    assert_ok(skep_lease_read(lease, sum, &out));
    return out;
}

static skep_db_stats stats_of(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats;
}

static uint64_t later(int64_t ms)
{
    return skep__now_ns() + (uint64_t)ms * SKEP__NS_PER_MS;
}

/* Can the WAL start anew? */
static bool unpinned(skep_db *db)
{
    bool clear = false;
    db_must(db, "INSERT INTO t VALUES(0)");
    assert_ok(skep__checkpoint_clear(db, &clear));
    return clear;
}

/* ---- the snapshot ---- */

TEST(all_reads_of_a_lease_see_one_commit_until_it_is_renewed)
{
    skep_db *db = open_table();
    skep_lease *lease = lease_of(db, NULL);
    db_must(db, "INSERT INTO t VALUES(10)"); /* after the lease, before its first read */
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(sum_of(lease), 1);
        db_must(db, "INSERT INTO t VALUES(10)");
    }
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 61);
    assert_ok(skep_lease_renew(lease));
    ck_assert_int_eq(sum_of(lease), 61);
    skep_lease_close(lease);
    db_close(db);
}

TEST(a_lease_cannot_write_and_tells_what_its_function_returned)
{
    skep_db *db = open_table();
    skep_lease *lease = lease_of(db, NULL);
    script w = {.sql = {"INSERT INTO t VALUES(2)"}};
    script r = {.sql = {"SELECT a FROM t"}, .ret = 7};
    script user = {.ret = SKEP_EUSER - 3};
    assert_fails(skep_lease_read(lease, script_run, &w), SKEP_EREADONLY);
    ck_assert_int_eq(assert_ok(skep_lease_read(lease, script_run, &r)), 7);
    assert_fails(skep_lease_read(lease, script_run, &user), SKEP_EUSER - 3);
    ck_assert_int_eq(sum_of(lease), 1);
    ck_assert_uint_eq(stats_of(db).reads, 4);
    skep_lease_close(lease);
    skep_lease_close(NULL);
    db_close(db);
}

TEST(options_of_a_lease_read_are_those_of_a_read)
{
    skep_db *db = open_table();
    skep_lease *lease = lease_of(db, NULL);
    script two = {.sql = {"SELECT 1", "SELECT 2"}};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.flags = SKEP_CALL_SINGLE;
    assert_fails(skep_lease_read_with(lease, script_run, &two, &opts), SKEP_EMISUSE);
    opts.flags = SKEP_CALL_OWN_THREAD;
    assert_fails(skep_lease_read_with(lease, script_run, &two, &opts), SKEP_EINVALID);
    opts.flags = 0;
    opts.timeout_ms = 20;
    script endless = {.sql = {"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) "
                              "SELECT max(i) FROM n"}};
    assert_fails(skep_lease_read_with(lease, script_run, &endless, &opts), SKEP_ETIMEOUT);
    opts.timeout_ms = 0;
    opts.budget_ms = 20;
    assert_fails(skep_lease_read_with(lease, script_run, &endless, &opts), SKEP_ETIMEOUT);
    ck_assert_int_eq(sum_of(lease), 1); /* it goes on */
    skep_lease_close(lease);
    db_close(db);
}

static int insert_ten(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "INSERT INTO t VALUES(10)");
}

TEST(a_receipt_that_is_newer_than_the_snapshot_renews_the_lease)
{
    skep_db *db = open_table();
    skep_lease *lease = lease_of(db, NULL);
    skep_receipt old = {.size = sizeof(old), .number = skep__db_visible_commit(db)};
    int64_t seen = 0;
    assert_ok(skep_write(db, insert_ten, NULL));
    skep_receipt new = {.size = sizeof(new), .number = skep__db_visible_commit(db)};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.at_least = &old;
    assert_ok(skep_lease_read_with(lease, sum, &seen, &opts));
    ck_assert_int_eq(seen, 1);
    opts.at_least = &new;
    assert_ok(skep_lease_read_with(lease, sum, &seen, &opts));
    ck_assert_int_eq(seen, 11);
    new.number += 5; /* not of this handle */
    assert_fails(skep_lease_read_with(lease, sum, &seen, &opts), SKEP_EINVALID);
    skep_lease_opts later_than = SKEP_LEASE_OPTS_INIT;
    later_than.at_least = &new;
    skep_lease *second = NULL;
    assert_fails(skep_lease_open(db, &later_than, &second), SKEP_EINVALID);
    ck_assert_ptr_null(second);
    skep_lease_close(lease);
    db_close(db);
}

/* ---- its age ---- */

TEST(an_idle_lease_that_is_too_old_is_ended_and_the_wal_unpinned)
{
    skep_db *db = open_table();
    skep_lease_opts opts = SKEP_LEASE_OPTS_INIT;
    opts.max_age_ms = 5000;
    skep_lease *lease = lease_of(db, &opts);
    ck_assert(!unpinned(db));
    skep__readers_watch(db, later(4000));
    ck_assert_int_eq(sum_of(lease), 1);
    ck_assert_int_ge(skep_lease_age_ms(lease), 0);
    skep__readers_watch(db, later(5100));
    ck_assert(unpinned(db));
    ck_assert_uint_eq(stats_of(db).reads_cut, 1);
    script r = {.sql = {"SELECT a FROM t"}};
    assert_fails(skep_lease_read(lease, script_run, &r), SKEP_ETIMEOUT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "db.lease_max"));
    ck_assert_int_eq(skep_lease_age_ms(lease), SKEP_ETIMEOUT);
    ck_assert_int_eq(r.runs, 0);
    assert_ok(skep_lease_renew(lease));
    ck_assert_int_eq(sum_of(lease), 1);
    skep_lease_close(lease);
    ck_assert_uint_eq(stats_of(db).readers_busy, 0);
    db_close(db);
}

TEST(the_setting_caps_the_age_that_a_lease_asks_for)
{
    skep_db_opts db_opts = SKEP_DB_OPTS_INIT;
    db_opts.flags = SKEP_DB_UNATTENDED;
    db_opts.lease_max_ms = 2000;
    skep_db *db = db_open_still(&db_opts);
    skep_lease_opts opts = SKEP_LEASE_OPTS_INIT;
    opts.max_age_ms = 3600000;
    skep_lease *lease = lease_of(db, &opts);
    skep__readers_watch(db, later(2100));
    ck_assert_int_eq(skep_lease_age_ms(lease), SKEP_ETIMEOUT);
    skep_lease_close(lease);
    opts.max_age_ms = -1;
    assert_fails(skep_lease_open(db, &opts, &lease), SKEP_EINVALID);
    db_close(db);
}

static void wait_for_age(const skep_lease *lease)
{
    skep__word pause = 0;
    while (skep_lease_age_ms(lease) >= 0)
        (void)skep__word_wait(&pause, 0, later(1));
}

TEST(without_maintenance_whoever_uses_a_lease_looks_at_its_age)
{
    skep_db *db = open_table();
    skep_lease_opts opts = SKEP_LEASE_OPTS_INIT;
    opts.max_age_ms = 1;
    skep_lease *lease = lease_of(db, &opts);
    wait_for_age(lease);
    int64_t out = 0;
    assert_fails(skep_lease_read(lease, sum, &out), SKEP_ETIMEOUT);
    ck_assert(unpinned(db));
    skep_lease_close(lease);
    db_close(db);
}

/* B07: the thread that had it is gone, and has told nobody. */
static skep_lease *forgotten;
static void open_and_exit(size_t index, void *ctx)
{
    (void)index;
    forgotten = lease_of(ctx, NULL);
    ck_assert_int_eq(sum_of(forgotten), 1);
}

TEST(a_lease_whose_thread_has_exited_is_ended_by_its_age)
{
    skep_db *db = open_table();
    harness_threads(1, open_and_exit, db);
    ck_assert(!unpinned(db));
    skep__readers_watch(db, later(60100));
    ck_assert(unpinned(db));
    skep_lease_close(forgotten); /* any thread may */
    db_close(db);
}

TEST(a_handle_that_only_reads_ends_old_leases_too)
{
    db_close(open_table());
    skep_db *db = db_open(&(skep_db_opts){.size = sizeof(skep_db_opts), .flags = SKEP_DB_READONLY});
    ck_assert(!db->maintain.thread.started);
    skep_lease_opts opts = SKEP_LEASE_OPTS_INIT;
    opts.max_age_ms = 1;
    skep_lease *lease = lease_of(db, &opts);
    ck_assert(db->maintain.thread.started);
    skep__word pause = 0;
    uint64_t deadline = skep__deadline_ns(60000);
    while (stats_of(db).reads_cut == 0) { /* nobody uses it */
        ck_assert_uint_lt(skep__now_ns(), deadline);
        (void)skep__word_wait(&pause, 0, later(1));
    }
    skep_lease_close(lease);
    db_close(db);
}

/* ---- in the middle of a read ---- */

typedef struct two_steps {
    gate g;
    int first;
    int second;
} two_steps;

static int read_twice(skep_tx *tx, void *arg)
{
    two_steps *s = arg;
    int64_t out = 0;
    s->first = sum(tx, &out);
    gate_wait(&s->g);
    s->second = sum(tx, &out);
    return s->second;
}

typedef struct lease_call {
    skep_lease *lease;
    two_steps steps;
    int rc;
    skep_err err;
    skep__thread thread;
} lease_call;

static void lease_main(void *arg)
{
    lease_call *c = arg;
    c->rc = skep_lease_read(c->lease, read_twice, &c->steps);
    c->err = *skep_last_error();
}

static void stand_in_read(lease_call *c, skep_lease *lease)
{
    memset(c, 0, sizeof(*c));
    c->lease = lease;
    assert_ok(skep__thread_start(&c->thread, "lease", lease_main, c));
    gate_came(&c->steps.g, 1);
}

static void finish_read(lease_call *c)
{
    gate_open(&c->steps.g);
    skep__thread_join(&c->thread);
}

TEST(a_lease_that_is_too_old_gets_the_error_from_its_next_statement)
{
    skep_db *db = open_table();
    skep_lease *lease = lease_of(db, NULL);
    lease_call c;
    stand_in_read(&c, lease);
    skep__readers_watch(db, later(60100));
    skep__readers_watch(db, later(60200)); /* it is told once */
    ck_assert_uint_eq(stats_of(db).reads_cut, 1);
    ck_assert(!unpinned(db)); /* it has still its snapshot */
    finish_read(&c);
    ck_assert_int_eq(c.steps.first, SKEP_OK);
    ck_assert_int_eq(c.steps.second, SKEP_ETIMEOUT);
    ck_assert_int_eq(c.rc, SKEP_ETIMEOUT);
    ck_assert(unpinned(db));
    ck_assert_int_eq(skep_lease_age_ms(lease), SKEP_ETIMEOUT);
    assert_ok(skep_lease_renew(lease));
    ck_assert_int_eq(sum_of(lease), 1);
    skep_lease_close(lease);
    db_close(db);
}

TEST(a_lease_has_one_user_at_a_time)
{
    skep_db *db = open_table();
    skep_lease *lease = lease_of(db, NULL);
    lease_call c;
    int64_t out = 0;
    stand_in_read(&c, lease);
    assert_fails(skep_lease_read(lease, sum, &out), SKEP_EMISUSE);
    assert_fails(skep_lease_renew(lease), SKEP_EMISUSE);
    ck_assert_int_ge(skep_lease_age_ms(lease), 0);
    finish_read(&c);
    ck_assert_int_eq(c.rc, 0);
    ck_assert_int_eq(sum_of(lease), 1);
    skep_lease_close(lease);
    db_close(db);
}

typedef struct inside {
    skep_db *db;
    skep_lease *lease;
    int read;
    int renew;
    int open;
} inside;

static int use_lease_inside(skep_tx *tx, void *arg)
{
    inside *in = arg;
    int64_t out = 0;
    skep_lease *another = NULL;
    (void)tx;
    in->read = skep_lease_read(in->lease, sum, &out);
    in->renew = skep_lease_renew(in->lease);
    in->open = skep_lease_open(in->db, NULL, &another);
    return SKEP_OK;
}

TEST(a_lease_in_a_transaction_function_of_its_database_is_misuse)
{
    skep_db *db = open_table();
    inside in = {.db = db, .lease = lease_of(db, NULL)};
    for (int i = 0; i < 3; i++) {
        assert_ok(i == 0   ? skep_write(db, use_lease_inside, &in)
                  : i == 1 ? skep_read(db, use_lease_inside, &in)
                           : skep_lease_read(in.lease, use_lease_inside, &in));
        ck_assert_int_eq(in.read, SKEP_EMISUSE);
        ck_assert_int_eq(in.renew, SKEP_EMISUSE);
        ck_assert_int_eq(in.open, SKEP_EMISUSE);
    }
    skep_lease_close(in.lease);
    db_close(db);
}

/* ---- its connection ---- */

TEST(a_lease_takes_a_reading_connection_and_gives_it_back)
{
    skep_db *db = open_table();
    skep_lease *lease[3];
    skep_lease_opts opts = SKEP_LEASE_OPTS_INIT;
    for (int i = 0; i < 3; i++)
        lease[i] = lease_of(db, &opts);
    opts.timeout_ms = 20;
    skep_lease *fourth = NULL;
    ck_assert_uint_eq(stats_of(db).leases, 3);
    ck_assert_double_eq(stats_of(db).utilisation, 1.0);
    assert_fails(skep_lease_open(db, &opts, &fourth), SKEP_ETIMEOUT);
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    skep_cancel_fire(cancel);
    opts.cancel = cancel;
    opts.timeout_ms = 0;
    assert_fails(skep_lease_open(db, &opts, &fourth), SKEP_ECANCELLED);
    for (int i = 0; i < 3; i++)
        skep_lease_close(lease[i]);
    ck_assert_uint_eq(stats_of(db).leases, 0);
    ck_assert_uint_eq(stats_of(db).readers_busy, 0);
    skep_cancel_free(cancel);
    db_close(db);
}

TEST(closing_waits_for_leases_and_then_says_that_one_is_left)
{
    skep_db_opts db_opts = SKEP_DB_OPTS_INIT;
    db_opts.close_timeout_ms = 1;
    skep_db *db = db_open_still(&db_opts);
    db_must(db, "CREATE TABLE t(a)");
    skep_lease *lease = lease_of(db, NULL);
    int64_t out = 0;
    assert_fails(skep_db_close(db), SKEP_ETIMEOUT);
    assert_fails(skep_lease_read(lease, sum, &out), SKEP_ECLOSED);
    assert_fails(skep_lease_renew(lease), SKEP_ECLOSED);
    skep_lease_close(lease); /* now the database goes */
    ck_assert(!harness_exists(harness_path("t.db-wal")));
}

/* ---- ended while it is used ---- */

enum { USERS = 4 };

typedef struct hunt {
    skep_db *db;
    _Atomic uint32_t users;
    _Atomic uint64_t cut;
} hunt;

static void use_or_end(size_t index, void *ctx)
{
    hunt *h = ctx;
    if (index == USERS) {
        while (atomic_load(&h->users) > 0)
            skep__readers_watch(h->db, later(60100));
        return;
    }
    skep_lease *lease = lease_of(h->db, NULL);
    for (int i = 0; i < 500; i++) {
        int64_t out = 0;
        int rc = skep_lease_read(lease, sum, &out);
        ck_assert(rc == SKEP_OK || rc == SKEP_ETIMEOUT);
        if (rc == SKEP_OK) {
            ck_assert_int_eq(out, 1);
        } else {
            atomic_fetch_add(&h->cut, 1);
            assert_ok(skep_lease_renew(lease));
        }
    }
    skep_lease_close(lease);
    atomic_fetch_sub(&h->users, 1);
}

TEST(leases_are_ended_by_others_while_their_threads_use_them)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = USERS;
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(1)");
    hunt h = {.db = db, .users = USERS};
    harness_threads(USERS + 1, use_or_end, &h);
    ck_assert_uint_eq(stats_of(db).leases, 0);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(all_reads_of_a_lease_see_one_commit_until_it_is_renewed),
    HARNESS_TEST(a_lease_cannot_write_and_tells_what_its_function_returned),
    HARNESS_TEST(options_of_a_lease_read_are_those_of_a_read),
    HARNESS_TEST(a_receipt_that_is_newer_than_the_snapshot_renews_the_lease),
    HARNESS_TEST(an_idle_lease_that_is_too_old_is_ended_and_the_wal_unpinned),
    HARNESS_TEST(the_setting_caps_the_age_that_a_lease_asks_for),
    HARNESS_TEST(without_maintenance_whoever_uses_a_lease_looks_at_its_age),
    HARNESS_TEST(a_lease_whose_thread_has_exited_is_ended_by_its_age),
    HARNESS_TEST(a_handle_that_only_reads_ends_old_leases_too),
    HARNESS_TEST(a_lease_that_is_too_old_gets_the_error_from_its_next_statement),
    HARNESS_TEST(a_lease_has_one_user_at_a_time),
    HARNESS_TEST(a_lease_in_a_transaction_function_of_its_database_is_misuse),
    HARNESS_TEST(a_lease_takes_a_reading_connection_and_gives_it_back),
    HARNESS_TEST(closing_waits_for_leases_and_then_says_that_one_is_left),
    HARNESS_TEST(leases_are_ended_by_others_while_their_threads_use_them),
};
const harness_suite lease_suite = HARNESS_SUITE("lease", tests);
