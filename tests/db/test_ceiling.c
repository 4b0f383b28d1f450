/* SPDX-License-Identifier: MIT */
/* The ceiling of the WAL: writers are held back, who is in the way is ended or named. */
#include "suites.h"

#include <string.h>

#include <skep/event.h>

#include "harness/points.h"

#include "support.h"

#define MIB 1048576

static skep_db *open_low(skep_sync sync, int64_t busy_timeout_ms)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_UNATTENDED;
    opts.synchronous = sync;
    opts.readers = 3;
    opts.wal_ceiling_bytes = MIB;
    opts.busy_timeout_ms = busy_timeout_ms;
    opts.checkpoint_pages = 1000000; /* nothing else keeps the WAL short */
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

static skep_db_stats stats_of(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats;
}

static void fill(skep_db *db)
{
    while (stats_of(db).wal_pages <= db->ceiling_pages)
        db_must(db, "INSERT INTO t VALUES(zeroblob(100000))");
}

static void check_bounded(skep_db *db)
{
    for (int i = 0; i < 60; i++) {
        db_must(db, "INSERT INTO t VALUES(zeroblob(100000))");
        ck_assert_uint_le(stats_of(db).wal_pages, db->ceiling_pages + 40);
    }
    db_assert_whole(db);
    db_close(db);
}

TEST(above_the_ceiling_the_leader_writes_the_wal_back_itself)
{
    check_bounded(open_low(SKEP_SYNC_FULL, 5000));
}

TEST(with_normal_durability_too)
{
    check_bounded(open_low(SKEP_SYNC_NORMAL, 5000));
}

TEST(a_lease_that_is_in_the_way_loses_its_snapshot)
{
    skep_db *db = open_low(SKEP_SYNC_FULL, 5000);
    skep_lease *lease = NULL;
    script r = {.sql = {"SELECT count(*) FROM t"}};
    assert_ok(skep_lease_open(db, NULL, &lease));
    fill(db);
    assert_ok(skep_lease_read(lease, script_run, &r));
    db_must(db, "INSERT INTO t VALUES(1)");
    ck_assert_uint_lt(stats_of(db).wal_pages, 10);
    ck_assert_uint_eq(stats_of(db).reads_cut, 1);
    assert_fails(skep_lease_read(lease, script_run, &r), SKEP_ELIMIT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "db.wal_ceiling"));
    ck_assert_int_eq(skep_lease_age_ms(lease), SKEP_ELIMIT);
    assert_ok(skep_lease_renew(lease));
    assert_ok(skep_lease_read(lease, script_run, &r));
    skep_lease_close(lease);
    db_close(db);
}

typedef struct standing {
    gate g;
    int first;
    int second;
} standing;

static int stand(skep_tx *tx, void *arg)
{
    standing *s = arg;
    s->first = skep_exec(tx, "SELECT count(*) FROM t");
    gate_wait(&s->g);
    s->second = skep_exec(tx, "SELECT count(*) FROM t");
    return s->second;
}

static void stand_start(skep_db *db, standing *s, call *c)
{
    *c = (call){.fn = stand, .arg = s, .reads = true};
    call_start(db, c);
    gate_came(&s->g, 1);
}

static void wait_for_cut(skep_db *db)
{
    skep__word pause = 0;
    while (stats_of(db).reads_cut == 0)
        (void)skep__word_wait(&pause, 0, skep__now_ns() + SKEP__NS_PER_MS);
}

TEST(a_read_that_is_in_the_way_is_ended_and_the_write_goes_on)
{
    skep_db *db = open_low(SKEP_SYNC_FULL, 60000);
    standing s = {0};
    call reads;
    script w = {.sql = {"INSERT INTO t VALUES(1)"}};
    call writes = WRITE(w);
    stand_start(db, &s, &reads);
    fill(db);
    call_start(db, &writes);
    wait_for_cut(db);
    ck_assert(!atomic_load(&writes.done)); /* the function still runs */
    gate_open(&s.g);
    call_join(&reads);
    call_join(&writes);
    ck_assert_int_eq(s.first, SKEP_OK);
    ck_assert_int_eq(s.second, SKEP_ELIMIT);
    call_assert_fails(&reads, SKEP_ELIMIT, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(writes.rc, 0);
    ck_assert_uint_lt(stats_of(db).wal_pages, 10);
    db_close(db);
}

TEST(a_read_that_does_not_return_makes_writes_fail_with_its_name)
{
    skep_db *db = open_low(SKEP_SYNC_FULL, 30);
    standing s = {0};
    call reads;
    stand_start(db, &s, &reads);
    fill(db);
    assert_fails_with(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_ELIMIT, SKEP_OUTCOME_NONE);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "db.wal_ceiling"));
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "a read of thread"));
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "SELECT count(*) FROM t"));
    ck_assert_uint_ge(stats_of(db).wal_pin_age_ms, 1);
    gate_open(&s.g);
    call_join(&reads);
    db_must(db, "INSERT INTO t VALUES(1)");
    ck_assert_uint_lt(stats_of(db).wal_pages, 10);
    ck_assert_uint_eq(stats_of(db).wal_pin_age_ms, 0);
    db_close(db);
}

TEST(the_deadline_of_a_call_ends_its_wait_and_not_that_of_its_siblings)
{
    skep_db *db = open_low(SKEP_SYNC_FULL, 60000);
    standing s = {0};
    call reads;
    script w[2] = {{.sql = {"INSERT INTO t VALUES(1)"}}, {.sql = {"INSERT INTO t VALUES(2)"}}};
    call c[2] = {WRITE(w[0]), WRITE(w[1])};
    c[1].opts = (skep_call_opts){.size = sizeof(skep_call_opts), .timeout_ms = 50};
    stand_start(db, &s, &reads);
    fill(db);
    point_watch("db.held_back");
    call_start(db, &c[0]);
    point_reached("db.held_back", 1);
    call_start(db, &c[1]);
    call_join(&c[1]);
    ck_assert(c[1].rc == SKEP_ELIMIT || c[1].rc == SKEP_ETIMEOUT);
    ck_assert_int_eq(w[1].runs, 0);
    ck_assert(!atomic_load(&c[0].done));
    gate_open(&s.g);
    call_join(&reads);
    call_join(&c[0]);
    ck_assert_int_eq(c[0].rc, 0);
    point_clear();
    db_close(db);
}

TEST(a_call_with_a_deadline_is_told_of_the_ceiling)
{
    skep_db *db = open_low(SKEP_SYNC_FULL, 60000);
    standing s = {0};
    call reads;
    script w = {.sql = {"INSERT INTO t VALUES(1)"}};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.timeout_ms = 30;
    stand_start(db, &s, &reads);
    fill(db);
    assert_fails(skep_write_with(db, script_run, &w, &opts), SKEP_ELIMIT);
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    call c = WRITE(w);
    c.opts = (skep_call_opts){.size = sizeof(skep_call_opts), .cancel = cancel};
    point_watch("db.held_back");
    call_start(db, &c);
    point_reached("db.held_back", 1);
    skep_cancel_fire(cancel);
    call_join(&c);
    call_assert_fails(&c, SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    gate_open(&s.g);
    call_join(&reads);
    skep_cancel_free(cancel);
    point_clear();
    db_close(db);
}

/* ---- with an owner of checkpoints ---- */

typedef struct owner {
    _Atomic uint32_t allowed;
    _Atomic uint32_t asked;
} owner;

static int owner_checkpoint(void *ctx, skep_db *db, uint64_t wal_pages)
{
    owner *o = ctx;
    uint64_t left = 0;
    (void)wal_pages;
    atomic_fetch_add(&o->asked, 1);
    return atomic_load(&o->allowed) != 0 ? skep_db_checkpoint_pass(db, 1, &left) : SKEP_OK;
}

TEST(the_owner_of_checkpoints_is_asked_to_make_room)
{
    skep_db *db = open_low(SKEP_SYNC_FULL, 30);
    owner o = {0};
    skep_db_hooks hooks = {
        .size = sizeof(hooks), .abi = SKEP_DB_HOOKS_ABI, .ctx = &o, .checkpoint = owner_checkpoint};
    assert_ok(skep_db_set_hooks(db, &hooks));
    fill(db);
    assert_fails(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_ELIMIT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "owner of checkpoints"));
    ck_assert_uint_eq(stats_of(db).checkpoints, 0); /* nobody did it behind its back */
    ck_assert_uint_ge(atomic_load(&o.asked), 1);
    atomic_store(&o.allowed, 1);
    while (db_exec(db, "INSERT INTO t VALUES(1)") == SKEP_ELIMIT) /* 30 ms may be too short */
        continue;
    ck_assert_uint_lt(stats_of(db).wal_pages, 10);
    assert_ok(skep_db_set_hooks(db, NULL));
    db_close(db);
}

/* ---- events ---- */

static _Atomic uint32_t ceiling_events;
static void on_event(const skep_event *event, void *ctx)
{
    (void)ctx;
    if (strcmp(event->name, "db.wal_ceiling") == 0)
        atomic_fetch_add(&ceiling_events, 1);
}

TEST(holding_writers_back_is_told_once_by_an_event)
{
    skep_set_event_sink(on_event, NULL, SKEP_WARNING);
    skep_db *db = open_low(SKEP_SYNC_FULL, 30);
    standing s = {0};
    call reads;
    stand_start(db, &s, &reads);
    fill(db);
    assert_fails(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_ELIMIT);
    ck_assert_uint_eq(atomic_load(&ceiling_events), 1);
    gate_open(&s.g);
    call_join(&reads);
    skep_set_event_sink(NULL, NULL, SKEP_WARNING);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(above_the_ceiling_the_leader_writes_the_wal_back_itself),
    HARNESS_TEST(with_normal_durability_too),
    HARNESS_TEST(a_lease_that_is_in_the_way_loses_its_snapshot),
    HARNESS_TEST(a_read_that_is_in_the_way_is_ended_and_the_write_goes_on),
    HARNESS_TEST(a_read_that_does_not_return_makes_writes_fail_with_its_name),
    HARNESS_TEST(the_deadline_of_a_call_ends_its_wait_and_not_that_of_its_siblings),
    HARNESS_TEST(a_call_with_a_deadline_is_told_of_the_ceiling),
    HARNESS_TEST(the_owner_of_checkpoints_is_asked_to_make_room),
    HARNESS_TEST(holding_writers_back_is_told_once_by_an_event),
};
const harness_suite ceiling_suite = HARNESS_SUITE("ceiling", tests);
