/* SPDX-License-Identifier: MIT */
/* The care of reading connections: how many stay open, for how long, what becomes of broken ones,
 * who is told of them. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include <skep/event.h>
#include <skep/inspect.h>
#include <skep/time.h>

#include "sql/sqlite_private.h"

#include "harness/alloc.h"
#include "harness/points.h"

#include "support.h"

static skep_db *open_pool(const skep_db_opts *settings)
{
    skep_db_opts opts = *settings;
    opts.size = sizeof(opts);
    opts.flags |= SKEP_DB_UNATTENDED; /* time passes as the tests say */
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(1)");
    return db;
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

#define HELD_MOST 8
typedef struct held {
    script s[HELD_MOST];
    call c[HELD_MOST];
    gate g;
    size_t count;
} held;

/* `count` reads at the same time, so that many connections are open. */
static void hold(skep_db *db, held *h, size_t count)
{
    memset(h, 0, sizeof(*h));
    h->count = count;
    for (size_t i = 0; i < count; i++) {
        h->s[i] = (script){.sql = {"SELECT a FROM t"}, .last = gate_wait, .ctx = &h->g};
        h->c[i] = (call)READ(h->s[i]);
        call_start(db, &h->c[i]);
        gate_came(&h->g, (uint32_t)i + 1);
    }
}

static void let_go(held *h)
{
    gate_open(&h->g);
    for (size_t i = 0; i < h->count; i++)
        call_join(&h->c[i]);
}

/* ---- how many, for how long ---- */

TEST(idle_connections_are_closed_down_to_readers_min)
{
    skep_db *db =
        open_pool(&(skep_db_opts){.readers = 6, .readers_min = 2, .reader_idle_ms = 5000});
    held h;
    hold(db, &h, 6);
    skep__readers_tend(db, later(0));
    let_go(&h);
    ck_assert_uint_eq(stats_of(db).readers_open, 6);
    skep__readers_tend(db, later(10));
    skep__readers_tend(db, later(4900));
    ck_assert_uint_eq(stats_of(db).readers_open, 6);
    skep__readers_tend(db, later(5100));
    ck_assert_uint_eq(stats_of(db).readers_open, 2);
    skep__readers_tend(db, later(50000));
    ck_assert_uint_eq(stats_of(db).readers_open, 2);
    ck_assert_uint_eq(stats_of(db).readers_replaced, 0);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    db_close(db);
}

TEST(a_connection_that_is_used_again_and_again_is_not_idle)
{
    skep_db *db =
        open_pool(&(skep_db_opts){.readers = 2, .readers_min = 1, .reader_idle_ms = 5000});
    held h;
    hold(db, &h, 2);
    let_go(&h);
    for (int64_t at = 0; at < 20000; at += 4000) {
        hold(db, &h, 2);
        let_go(&h);
        skep__readers_tend(db, later(at));
    }
    ck_assert_uint_eq(stats_of(db).readers_open, 2);
    db_close(db);
}

static int64_t created(skep_db *db)
{
    skep_db_connection c[4];
    size_t n = LENGTH(c);
    for (size_t i = 0; i < n; i++)
        c[i].size = sizeof(c[i]);
    assert_ok(skep_db_connections(db, c, &n));
    ck_assert_uint_ge(n, 2);
    ck_assert_int_eq(c[1].role, SKEP_CONN_READER);
    return c[1].created_us;
}

TEST(an_old_connection_is_replaced_while_it_is_idle)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 2, .reader_max_age_ms = 60000});
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    int64_t before = created(db);
    skep__readers_tend(db, later(59000));
    ck_assert_int_eq(created(db), before);
    skep__readers_tend(db, later(60100));
    ck_assert_int_gt(created(db), before);
    ck_assert_uint_eq(stats_of(db).readers_open, 1);
    ck_assert_uint_eq(stats_of(db).readers_replaced, 1);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    db_close(db);
}

TEST(an_old_connection_is_replaced_when_it_is_given_back)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 2, .reader_max_age_ms = 60000});
    held h;
    hold(db, &h, 1);
    skep__readers_tend(db, later(60100));
    ck_assert_uint_eq(stats_of(db).readers_replaced, 0);
    let_go(&h);
    ck_assert_uint_eq(stats_of(db).readers_replaced, 1);
    ck_assert_uint_eq(stats_of(db).readers_open, 0);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    db_close(db);
}

TEST(where_no_new_connection_can_be_opened_the_old_one_stays)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 1, .reader_max_age_ms = 60000});
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    ck_assert_int_eq(rename(harness_path("t.db"), harness_path("moved.db")), 0);
    skep__readers_tend(db, later(60100));
    ck_assert_int_eq(rename(harness_path("moved.db"), harness_path("t.db")), 0);
    ck_assert_uint_eq(stats_of(db).readers_replaced, 0);
    ck_assert_uint_eq(stats_of(db).readers_open, 1);
    db_close(db);
}

/* ---- broken ones ---- */

static int leave_open(skep_tx *tx, void *arg)
{
    (void)arg;
    /* No function can do this by SQL; a bug of ours or of the engine might. */
    sqlite_conn *conn = sqlite_of(tx->conn);
    conn->own = true;
    ck_assert_int_eq(sqlite3_exec(conn->handle, "BEGIN; SELECT a FROM t", NULL, NULL, NULL), 0);
    conn->own = false;
    return SKEP_OK;
}

TEST(a_connection_that_comes_back_with_a_transaction_is_replaced)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 1});
    skep_call_opts single = SKEP_CALL_OPTS_INIT;
    single.flags = SKEP_CALL_SINGLE;
    assert_ok(skep_read_with(db, leave_open, NULL, &single));
    ck_assert_uint_eq(stats_of(db).readers_replaced, 1);
    ck_assert_uint_eq(stats_of(db).readers_open, 0);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    db_close(db);
}

static int out_of_memory(skep_tx *tx, void *arg)
{
    alloc_arm(1, true);
    int rc = skep_exec(tx, arg);
    alloc_disarm(NULL);
    ck_assert_int_eq(rc, SKEP_ENOMEM);
    return SKEP_OK; /* it makes nothing of it */
}

TEST(a_connection_that_ran_out_of_memory_is_replaced)
{
    alloc_install();
    skep_db *db = open_pool(&(skep_db_opts){.readers = 1});
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    assert_ok(skep_read(db, out_of_memory, (void *)(uintptr_t) "SELECT a + 17 FROM t"));
    ck_assert_uint_eq(stats_of(db).readers_replaced, 1);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    script wrong = {.sql = {"SELECT nothing FROM t"}}; /* the caller's fault, not its */
    assert_fails(skep_read(db, script_run, &wrong), SKEP_EINVALID);
    ck_assert_uint_eq(stats_of(db).readers_replaced, 1);
    db_close(db);
}

/* ---- slow and too long ones ---- */

typedef struct heard {
    _Atomic int count;
    char holder[16];
    char sql[SKEP_INSPECT_SQL_MAX];
    int64_t thread;
    int64_t age_ms;
} heard;

static void copy_text(char *out, size_t size, const skep_value *v)
{
    (void)snprintf(out, size, "%.*s", (int)v->u.s.len, (const char *)v->u.s.data);
}

static void on_event(const skep_event *event, void *ctx)
{
    heard *h = ctx;
    if (strcmp(event->name, "db.slow_read") != 0)
        return;
    atomic_fetch_add(&h->count, 1);
    for (size_t i = 0; i < event->field_count; i++) {
        const skep_field *f = &event->fields[i];
        if (strcmp(f->key, "holder") == 0)
            copy_text(h->holder, sizeof(h->holder), &f->value);
        else if (strcmp(f->key, "sql") == 0)
            copy_text(h->sql, sizeof(h->sql), &f->value);
        else if (strcmp(f->key, "thread") == 0)
            h->thread = f->value.u.i;
        else if (strcmp(f->key, "age_ms") == 0)
            h->age_ms = f->value.u.i;
    }
}

TEST(a_slow_read_is_named_once_with_its_thread_and_sql)
{
    static heard h;
    skep_set_event_sink(on_event, &h, SKEP_WARNING);
    skep_db *db = open_pool(&(skep_db_opts){.readers = 2, .read_slow_ms = 5000});
    held r;
    hold(db, &r, 1);
    skep__readers_watch(db, later(4000));
    ck_assert_int_eq(atomic_load(&h.count), 0);
    skep__readers_watch(db, later(5100));
    skep__readers_watch(db, later(6000));
    ck_assert_int_eq(atomic_load(&h.count), 1);
    ck_assert_str_eq(h.holder, "read");
    ck_assert_str_eq(h.sql, "SELECT a FROM t");
    ck_assert_int_gt(h.thread, 0);
    ck_assert_int_ne(h.thread, (int64_t)skep__thread_id());
    ck_assert_int_ge(h.age_ms, 5000);
    skep_health health = {.size = sizeof(health)};
    skep__health_at(db, later(5100), &health);
    ck_assert_int_eq(health.state, SKEP_DEGRADED);
    bool pinned = false;
    for (uint32_t i = 0; i < health.reasons_count; i++)
        pinned |= strcmp(health.reasons[i].what, "pinned") == 0 &&
                  strstr(health.reasons[i].text, "SELECT a FROM t") != NULL;
    ck_assert(pinned);
    let_go(&r);
    ck_assert_int_eq(r.c[0].rc, 0); /* slow, but allowed */
    skep_lease *lease = NULL;
    assert_ok(skep_lease_open(db, NULL, &lease));
    skep__readers_watch(db, later(5100));
    ck_assert_int_eq(atomic_load(&h.count), 2);
    ck_assert_str_eq(h.holder, "lease");
    ck_assert_int_eq(h.thread, (int64_t)skep__thread_id());
    skep_lease_close(lease);
    skep_set_event_sink(NULL, NULL, SKEP_WARNING);
    db_close(db);
}

static int look_again(skep_tx *tx, void *arg)
{
    gate *g = arg;
    skep_rows *rows = NULL;
    assert_ok(skep_query(tx, &rows, "VALUES(1), (2), (3)"));
    ck_assert_int_eq(skep_next(rows), 1);
    gate_wait(g);
    int rc = skep_next(rows);
    assert_fails(skep_exec(tx, "SELECT 2"), SKEP_ETIMEOUT);
    skep_rows_close(rows);
    return rc;
}

TEST(a_read_that_is_older_than_read_max_gets_the_error_from_its_next_step)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 2, .read_max_ms = 7000});
    gate g = {0};
    call c = {.fn = look_again, .arg = &g, .reads = true};
    call_start(db, &c);
    gate_came(&g, 1);
    skep__readers_watch(db, later(6900));
    ck_assert_uint_eq(stats_of(db).reads_cut, 0);
    skep__readers_watch(db, later(7100));
    skep__readers_watch(db, later(7200));
    ck_assert_uint_eq(stats_of(db).reads_cut, 1);
    gate_open(&g);
    call_join(&c);
    call_assert_fails(&c, SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    ck_assert_ptr_nonnull(strstr(c.err.text, "db.read_max"));
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1); /* the next one is not meant */
    db_close(db);
}

static void watch_from_afar(void *ctx)
{
    skep__readers_watch(ctx, later(7100));
}

TEST(sql_that_runs_is_ended_too)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 2, .read_max_ms = 7000});
    script endless = {.sql = {"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) "
                              "SELECT max(i) FROM n"},
                      .first = watch_from_afar,
                      .ctx = db};
    assert_fails(skep_read(db, script_run, &endless), SKEP_ETIMEOUT);
    db_close(db);
}

/* ---- the list ---- */

TEST(the_list_of_connections_tells_who_uses_them)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 4});
    held h;
    skep_lease *lease = NULL;
    uint64_t left = 0;
    hold(db, &h, 2);
    assert_ok(skep_lease_open(db, NULL, &lease));
    assert_ok(skep_db_checkpoint_pass(db, 0, &left));
    skep_db_connection c[8];
    size_t n = LENGTH(c);
    for (size_t i = 0; i < n; i++)
        c[i].size = sizeof(c[i]);
    assert_ok(skep_db_connections(db, c, &n));
    ck_assert_uint_eq(n, 5);
    static const int roles[] = {SKEP_CONN_WRITER, SKEP_CONN_READER, SKEP_CONN_READER,
                                SKEP_CONN_LEASE, SKEP_CONN_SERVICE};
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(c[i].role, roles[i]);
        bool reads = i >= 1 && i <= 3;
        ck_assert_uint_eq(c[i].in_use, reads);
        ck_assert_uint_eq(c[i].pins_wal, reads);
        ck_assert_uint_eq(c[i].thread != 0, reads);
        ck_assert_int_gt(c[i].created_us, skep_now_us() - 60000000);
        ck_assert_int_gt(c[i].last_used_us, skep_now_us() - 60000000);
    }
    ck_assert_uint_eq(c[0].transactions, 2);
    ck_assert_str_eq(c[1].sql, "SELECT a FROM t");
    ck_assert_uint_eq(c[3].thread, skep__thread_id());
    skep_db_stats stats = stats_of(db);
    ck_assert_uint_eq(stats.total_connections, 5);
    ck_assert_uint_eq(stats.active_connections, 3);
    ck_assert_double_eq(stats.utilisation, 0.75);
    ck_assert_uint_ge(stats.wal_pin_age_ms, 1);
    let_go(&h);
    skep_lease_close(lease);
    n = 0; /* only count */
    assert_ok(skep_db_connections(db, NULL, &n));
    ck_assert_uint_eq(n, 5);
    n = 2;
    c[2].role = 77;
    assert_ok(skep_db_connections(db, c, &n));
    ck_assert_uint_eq(n, 5);
    ck_assert_int_eq(c[2].role, 77);
    ck_assert_uint_eq(c[1].in_use, 0);
    ck_assert_uint_eq(c[1].thread, 0);
    ck_assert_int_eq(c[1].held_ms, 0);
    ck_assert_uint_eq(c[1].transactions, 1);
    db_close(db);
}

TEST(a_handle_that_only_reads_lists_its_connections)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 1});
    db_close(db);
    db = db_open(&(skep_db_opts){.size = sizeof(skep_db_opts), .flags = SKEP_DB_READONLY});
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 1);
    skep_db_connection c = {.size = sizeof(c)};
    size_t n = 1;
    assert_ok(skep_db_connections(db, &c, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(c.role, SKEP_CONN_READER);
    ck_assert_uint_eq(c.transactions, 1);
    db_close(db);
}

static void list_or_read(size_t index, void *ctx)
{
    for (int i = 0; i < 100; i++) {
        skep_db_connection c[6];
        size_t n = LENGTH(c);
        for (size_t k = 0; k < n; k++)
            c[k].size = sizeof(c[k]);
        if (index == 0) {
            assert_ok(skep_db_connections(ctx, c, &n));
            ck_assert_uint_ge(n, 1);
        } else if (index == 1) {
            skep__readers_tend(ctx, later(i * 1000));
        } else {
            ck_assert_int_eq(db_number(ctx, "SELECT a FROM t"), 1);
        }
    }
}

TEST(connections_are_listed_and_replaced_while_others_use_them)
{
    skep_db *db = open_pool(&(skep_db_opts){
        .readers = 3, .reader_idle_ms = 1, .reader_max_age_ms = 1, .readers_min = 1});
    harness_threads(5, list_or_read, db);
    ck_assert_uint_eq(stats_of(db).readers_busy, 0);
    db_close(db);
}

/* ---- a schema that changes: B16 ---- */

static int count_columns(skep_tx *tx, void *arg)
{
    int *out = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT * FROM t"));
    SKEP__TRY(skep_next(rows));
    out[0] = skep_columns(rows);
    out[1] = sqlite3_stmt_status(sqlite_stmt_of(rows)->handle, SQLITE_STMTSTATUS_REPREPARE, 0);
    return SKEP_OK;
}

TEST(a_connection_that_knew_the_old_schema_sees_the_new_one_once)
{
    skep_db *db = open_pool(&(skep_db_opts){.readers = 1});
    int out[2] = {0, 0};
    assert_ok(skep_read(db, count_columns, out));
    ck_assert_int_eq(out[0], 1);
    db_must(db, "ALTER TABLE t ADD COLUMN b");
    for (int i = 0; i < 3; i++) {
        assert_ok(skep_read(db, count_columns, out));
        ck_assert_int_eq(out[0], 2);
        ck_assert_int_eq(out[1], 1); /* compiled anew once, without anybody's doing */
    }
    skep_lease *lease = NULL;
    assert_ok(skep_lease_open(db, NULL, &lease));
    db_must(db, "ALTER TABLE t ADD COLUMN c");
    assert_ok(skep_lease_read(lease, count_columns, out));
    ck_assert_int_eq(out[0], 2); /* as its snapshot has it */
    assert_ok(skep_lease_renew(lease));
    assert_ok(skep_lease_read(lease, count_columns, out));
    ck_assert_int_eq(out[0], 3);
    skep_lease_close(lease);
    db_close(db);
}

/* ---- opening one ---- */

TEST(the_wait_to_open_is_bounded_by_connect_timeout)
{
    /* A rollback journal that another handle writes: opening has to read the file. */
    skep_db_opts foreign = {.size = sizeof(foreign), .flags = SKEP_DB_FOREIGN, .readers = 1};
    skep_db *db = db_open_still(&foreign);
    db_must(db, "CREATE TABLE t(a)");
    db_writer_pragma(db, "PRAGMA locking_mode=EXCLUSIVE");
    db_must(db, "INSERT INTO t VALUES(1)"); /* from now on it keeps the lock */
    skep_db_opts opts = foreign;
    opts.connect_timeout_ms = 30;
    opts.busy_timeout_ms = 60000;
    skep_db *second = NULL;
    assert_fails(skep_db_open(harness_path("t.db"), &opts, &second), SKEP_EBUSY);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(idle_connections_are_closed_down_to_readers_min),
    HARNESS_TEST(a_connection_that_is_used_again_and_again_is_not_idle),
    HARNESS_TEST(an_old_connection_is_replaced_while_it_is_idle),
    HARNESS_TEST(an_old_connection_is_replaced_when_it_is_given_back),
    HARNESS_TEST(where_no_new_connection_can_be_opened_the_old_one_stays),
    HARNESS_TEST(a_connection_that_comes_back_with_a_transaction_is_replaced),
    HARNESS_TEST(a_connection_that_ran_out_of_memory_is_replaced),
    HARNESS_TEST(a_slow_read_is_named_once_with_its_thread_and_sql),
    HARNESS_TEST(a_read_that_is_older_than_read_max_gets_the_error_from_its_next_step),
    HARNESS_TEST(sql_that_runs_is_ended_too),
    HARNESS_TEST(the_list_of_connections_tells_who_uses_them),
    HARNESS_TEST(a_handle_that_only_reads_lists_its_connections),
    HARNESS_TEST(connections_are_listed_and_replaced_while_others_use_them),
    HARNESS_TEST(a_connection_that_knew_the_old_schema_sees_the_new_one_once),
    HARNESS_TEST(the_wait_to_open_is_bounded_by_connect_timeout),
};
const harness_suite pool_suite = HARNESS_SUITE("pool", tests);
