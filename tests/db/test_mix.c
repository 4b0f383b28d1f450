/* SPDX-License-Identifier: MIT */
/* Many threads, and two processes: B01, and a mix of everything for ThreadSanitizer. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/crash.h"

#include "support.h"

#define THREADS 64

/* ---- B01: read, then write, in 64 threads of two processes ---- */

typedef struct counters {
    skep_db *db;
    uint64_t each;
} counters;

static int64_t column(skep_tx *tx, const char *sql, int64_t id)
{
    skep_rows *rows = NULL;
    assert_ok(skep_query(tx, &rows, sql, SKEP_V(id)));
    ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    int64_t value = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return value;
}

static int read_then_write(skep_tx *tx, void *arg)
{
    const int64_t *id = arg;
    int64_t mine = column(tx, "SELECT n FROM counter WHERE id = ?", *id);
    int64_t total = column(tx, "SELECT n FROM counter WHERE id = ?", 999);
    SKEP__TRY(
        skep_exec(tx, "UPDATE counter SET n = ? WHERE id = ?", SKEP_V(mine + 1), SKEP_V(*id)));
    return skep_exec(tx, "UPDATE counter SET n = ? WHERE id = 999", SKEP_V(total + 1));
}

static void count_up(size_t index, void *ctx)
{
    const counters *c = ctx;
    int64_t id = (int64_t)index % 7;
    for (uint64_t i = 0; i < c->each; i++)
        assert_ok(skep_write(c->db, read_then_write, &id));
}

/* The other process: "contender PATH STEPS". It acknowledges that it began, then works. */
int contender(int argc, char **argv)
{
    skep_db *db = NULL;
    if (argc < 3 || skep_db_open(argv[1], NULL, &db) < 0)
        return 1;
    counters c = {.db = db, .each = strtoull(argv[2], NULL, 10)};
    crash_ack("began", 5);
    harness_threads(THREADS, count_up, &c);
    return skep_db_close(db) < 0;
}

TEST(b01_read_then_write_in_64_threads_of_two_processes_never_conflicts)
{
    char steps[24];
    char began[5];
    skep_db *db = db_open(NULL);
    uint64_t each = harness_size(SIZE_B01_STEPS);
    db_must(db, "CREATE TABLE counter(id INTEGER PRIMARY KEY, n)");
    db_must(db, "INSERT INTO counter VALUES(0,0),(1,0),(2,0),(3,0),(4,0),(5,0),(6,0),(999,0)");
    (void)snprintf(steps, sizeof(steps), "%llu", (unsigned long long)each);
    const char *const args[] = {harness_path("t.db"), steps, NULL};
    crash_child child = crash_start("contender", args);
    ck_assert(crash_next_ack(&child, began, sizeof(began)));
    counters c = {.db = db, .each = each};
    harness_threads(THREADS, count_up, &c);
    ck_assert_int_eq(crash_wait(&child), 0);
    int64_t expected = (int64_t)(2 * THREADS * each);
    ck_assert_int_eq(db_number(db, "SELECT n FROM counter WHERE id = 999"), expected);
    ck_assert_int_eq(db_number(db, "SELECT sum(n) FROM counter WHERE id < 999"), expected);
    db_assert_whole(db);
    db_close(db);
}

/* ---- everything at once ---- */

typedef struct mix {
    skep_db *db;
    uint64_t steps;
    uint64_t seed;
    skep_cancel *cancels[8];
    _Atomic uint64_t kept;      /* rows that acknowledged calls added */
    _Atomic uint64_t submitted; /* futures with a callback */
    _Atomic uint64_t callbacks;
} mix;

typedef struct mix_call {
    int64_t id;
    int64_t rows;
    bool fails;
    bool lost;
} mix_call;

static int mix_write(skep_tx *tx, void *arg)
{
    const mix_call *m = arg;
    for (int64_t i = 0; i < m->rows; i++)
        SKEP__TRY(skep_exec(tx, "INSERT INTO t(owner, a) VALUES(?, ?)", SKEP_V(m->id), SKEP_V(i)));
    if (m->lost)
        SKEP__TRY(skep_exec(tx, "INSERT OR ROLLBACK INTO t(owner, a) VALUES(-1, -1)"));
    ck_assert_int_ne(skep_tx_last_rowid(tx), 0);
    ck_assert_int_eq(skep_tx_changes(tx), 1);
    return m->fails ? SKEP_EUSER - 7 : 0;
}

/* Each owner's rows are whole, however many commits go by meanwhile. */
static int mix_read(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    (void)arg;
    SKEP__TRY(skep_query(tx, &rows,
                         "SELECT count(*), max(a) + 1, owner FROM t WHERE owner >= 0 "
                         "GROUP BY owner ORDER BY owner DESC LIMIT 20"));
    int rc = skep_next(rows);
    for (; rc > 0; rc = skep_next(rows))
        ck_assert_int_eq(skep_column_int(rows, 0), skep_column_int(rows, 1));
    skep_rows_close(rows);
    return rc;
}

static void mix_one_write(mix *m, rng *r, int64_t id)
{
    uint64_t kind = rng_below(r, 10);
    mix_call c = {
        .id = id, .rows = (int64_t)rng_below(r, 3) + 1, .fails = kind == 0, .lost = kind == 1};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    if (kind == 2)
        opts.flags = SKEP_CALL_OWN_THREAD;
    if (kind == 3)
        opts.timeout_ms = 1;
    if (kind == 4)
        opts.cancel = m->cancels[rng_below(r, LENGTH(m->cancels))];
    int rc = skep_write_with(m->db, mix_write, &c, &opts);
    bool may_end = (kind == 3 && rc == SKEP_ETIMEOUT) || (kind == 4 && rc == SKEP_ECANCELLED);
    int expected = c.fails ? SKEP_EUSER - 7 : c.lost ? SKEP_EEXISTS : 0;
    ck_assert_msg(rc == expected || may_end, "kind %d: %s: %s", (int)kind, skep_code_name(rc),
                  rc < 0 ? skep_last_error()->text : "");
    if (rc == 0)
        atomic_fetch_add(&m->kept, (uint64_t)c.rows);
    else
        ck_assert_int_eq(skep_last_error()->code, rc);
}

static void mix_one_read(mix *m, rng *r)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    uint64_t kind = rng_below(r, 4);
    if (kind == 0)
        opts.flags = SKEP_CALL_SINGLE;
    if (kind == 1)
        opts.timeout_ms = 1;
    if (kind == 2)
        opts.cancel = m->cancels[rng_below(r, LENGTH(m->cancels))];
    int rc = skep_read_with(m->db, mix_read, NULL, &opts);
    ck_assert_msg(rc == 0 || (kind == 1 && rc == SKEP_ETIMEOUT) ||
                      (kind == 2 && rc == SKEP_ECANCELLED),
                  "kind %d: %s", (int)kind, skep_code_name(rc));
}

static void mix_one_checkpoint(mix *m, int exclusive)
{
    uint64_t left = 0;
    int rc = skep_db_checkpoint_pass(m->db, exclusive, &left);
    /* Beside a writer that is stopped in the middle of a commit it may find no way. */
    ck_assert_msg(rc == 0 || (rc == SKEP_EBUSY && exclusive == 0), "%s", skep_last_error()->text);
}

static void mix_main(size_t index, void *ctx)
{
    mix *m = ctx;
    rng r = rng_of(m->seed + index);
    for (uint64_t i = 0; i < m->steps; i++) {
        uint64_t what = rng_below(&r, 20);
        skep_db_stats stats = {.size = sizeof(stats)};
        if (what < 10)
            mix_one_write(m, &r, (int64_t)(index * 1000000 + i));
        else if (what < 18)
            mix_one_read(m, &r);
        else if (what == 18)
            assert_ok(skep_db_get_stats(m->db, &stats));
        else if (index % 8 == 0)
            mix_one_checkpoint(m, (int)(i & 1));
        /* In the second half the cancels fire, one after the other. */
        if (index < LENGTH(m->cancels) && i == m->steps / 2 + index)
            skep_cancel_fire(m->cancels[index]);
    }
}

/* All threads run `thread_main` to its end; what they kept is there. */
static void mix_run(mix *m, uint32_t async_max, void (*thread_main)(size_t index, void *ctx))
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.checkpoint_pages = 50;
    opts.readers = 6;
    opts.read_wait_ms = 60000;
    opts.group_max = 40;
    opts.async_max = async_max;
    memset(m, 0, sizeof(*m));
    m->db = db_open(&opts);
    m->steps = harness_size(SIZE_MIX_STEPS);
    m->seed = harness_seed();
    db_must(m->db, "CREATE TABLE t(id INTEGER PRIMARY KEY, owner, a, UNIQUE(owner, a))");
    db_must(m->db, "INSERT INTO t(owner, a) VALUES(-1, -1)");
    for (size_t i = 0; i < LENGTH(m->cancels); i++)
        assert_ok(skep_cancel_new(&m->cancels[i]));
    harness_threads(THREADS, thread_main, m);
    ck_assert_int_eq(db_number(m->db, "SELECT count(*) FROM t"),
                     (int64_t)atomic_load(&m->kept) + 1);
}

static void mix_end(mix *m)
{
    db_assert_whole(m->db);
    for (size_t i = 0; i < LENGTH(m->cancels); i++)
        skep_cancel_free(m->cancels[i]);
    db_close(m->db);
}

TEST(a_mix_of_64_threads_keeps_every_promise)
{
    mix m;
    mix_run(&m, 0, mix_main);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(m.db, &stats));
    ck_assert_uint_gt(stats.checkpoints, 0);
    ck_assert_uint_lt(stats.groups, stats.writes); /* they did share */
    ck_assert_uint_le(stats.readers_open, 6);
    mix_end(&m);
}

/* ---- B22: writers, readers, futures, batches and cancels ---- */

#define PENDING 6

typedef struct flight {
    skep_future *future;
    mix_call call;
    bool reads;
} flight;

static void count_done(skep_future *future, void *ctx)
{
    ck_assert_int_eq(skep_future_done(future), 1);
    atomic_fetch_add((_Atomic uint64_t *)ctx, 1);
}

static void flight_start(mix *m, rng *r, flight *f, int64_t id)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    uint64_t kind = rng_below(r, 12);
    *f = (flight){.call = {.id = id, .rows = 1, .fails = kind == 0, .lost = kind == 1}};
    f->reads = kind > 8;
    opts.priority = (int32_t)rng_below(r, 3);
    opts.timeout_ms = kind == 2 ? 1 : -1;
    if (kind == 3)
        opts.cancel = m->cancels[rng_below(r, LENGTH(m->cancels))];
    if (kind == 4)
        opts.done = count_done;
    opts.done_ctx = &m->callbacks;
    int rc = f->reads ? skep_read_async(m->db, mix_read, NULL, &opts, &f->future)
                      : skep_write_async(m->db, mix_write, &f->call, &opts, &f->future);
    if (rc < 0) {
        ck_assert(rc == SKEP_ELIMIT || rc == SKEP_ECANCELLED);
        f->future = NULL;
        return;
    }
    if (kind == 4)
        atomic_fetch_add(&m->submitted, 1);
    if (rng_below(r, 5) == 0)
        skep_future_cancel(f->future);
}

static void flight_end(mix *m, flight *f)
{
    if (f->future == NULL)
        return;
    int rc = skep_future_wait(f->future, -1);
    bool ended = rc == SKEP_ECANCELLED || rc == SKEP_ETIMEOUT;
    int expected = f->reads ? 0 : f->call.fails ? SKEP_EUSER - 7 : f->call.lost ? SKEP_EEXISTS : 0;
    ck_assert_msg(rc == expected || ended, "%s: %s", skep_code_name(rc), skep_last_error()->text);
    if (rc == 0 && !f->reads)
        atomic_fetch_add(&m->kept, (uint64_t)f->call.rows);
    skep_future_free(SKEP__TAKE(f->future));
}

static void mix_one_batch(mix *m, int64_t id)
{
    mix_call calls[5];
    skep_call batch[LENGTH(calls)];
    for (size_t i = 0; i < LENGTH(calls); i++) {
        calls[i] = (mix_call){.id = id + 1 + (int64_t)i, .rows = 2, .fails = i == 3};
        batch[i] = (skep_call){.fn = mix_write, .arg = &calls[i]};
    }
    assert_fails(skep_write_batch(m->db, batch, LENGTH(calls), NULL), SKEP_EUSER - 7);
    atomic_fetch_add(&m->kept, 2 * (LENGTH(calls) - 1));
}

static void storm_main(size_t index, void *ctx)
{
    mix *m = ctx;
    rng r = rng_of(m->seed + index);
    flight pending[PENDING];
    memset(pending, 0, sizeof(pending));
    for (uint64_t i = 0; i < m->steps; i++) {
        int64_t id = (int64_t)(index * m->steps + i + 1) * 100;
        uint64_t kind = rng_below(&r, 16);
        flight *f = &pending[rng_below(&r, PENDING)];
        if (kind < 4)
            mix_one_write(m, &r, id);
        else if (kind < 6)
            mix_one_read(m, &r);
        else if (kind == 6)
            mix_one_batch(m, id);
        else {
            flight_end(m, f);
            flight_start(m, &r, f, id);
        }
        if (index < LENGTH(m->cancels) && i == m->steps / 2 + index)
            skep_cancel_fire(m->cancels[index]);
    }
    for (size_t i = 0; i < PENDING; i++)
        flight_end(m, &pending[i]);
}

TEST(b22_writers_readers_futures_and_cancels_of_64_threads_get_true_answers)
{
    mix m;
    mix_run(&m, 200, storm_main); /* some wait for room */
    ck_assert_uint_eq(skep__async_in_flight(m.db), 0);
    mix_end(&m);
    ck_assert_uint_eq(atomic_load(&m.callbacks), atomic_load(&m.submitted));
}

static const harness_test tests[] = {
    HARNESS_TEST(b01_read_then_write_in_64_threads_of_two_processes_never_conflicts),
    HARNESS_TEST(a_mix_of_64_threads_keeps_every_promise),
    HARNESS_TEST(b22_writers_readers_futures_and_cancels_of_64_threads_get_true_answers),
};
const harness_suite mix_suite = HARNESS_SUITE("mix", tests);
