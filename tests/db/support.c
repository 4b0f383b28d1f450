/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"
#include "harness/points.h"
#include "sql/sqlite_private.h"

skep_db *db_open(const skep_db_opts *opts)
{
    skep_db *db = NULL;
    assert_ok(skep_db_open(harness_path("t.db"), opts, &db));
    return db;
}

skep_db *db_open_still(const skep_db_opts *opts)
{
    skep_db *db = db_open(opts);
    skep__db_set_rerun(db, 0);
    db->queue.budget_ns = 0;
    return db;
}

void db_close(skep_db *db)
{
    assert_ok(skep_db_close(db));
}

static int exec_fn(skep_tx *tx, void *arg)
{
    return skep_exec_v(tx, arg, NULL, 0);
}

int db_exec(skep_db *db, const char *sql)
{
    return skep_write(db, exec_fn, (void *)(uintptr_t)sql);
}

void db_must(skep_db *db, const char *sql)
{
    int rc = db_exec(db, sql);
    ck_assert_msg(rc == SKEP_OK, "%s: %s", sql, skep_last_error()->text);
}

typedef struct number {
    const char *sql;
    int64_t value;
} number;

static int number_fn(skep_tx *tx, void *arg)
{
    number *n = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query_v(tx, n->sql, NULL, 0, &rows));
    SKEP__TRY(skep_next(rows));
    n->value = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return SKEP_OK;
}

int64_t db_number(skep_db *db, const char *sql)
{
    number n = {.sql = sql};
    int rc = skep_read(db, number_fn, &n);
    ck_assert_msg(rc == SKEP_OK, "%s: %s", sql, skep_last_error()->text);
    return n.value;
}

void db_assert_whole(skep_db *db)
{
    ck_assert_int_eq(db_number(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

static int pragma_job(skep_db *db, void *arg)
{
    sqlite_conn *conn = sqlite_of(db->writer);
    skep__stmt *stmt = NULL;
    conn->own = true;
    int rc = skep__stmt_borrow(db->writer, arg, NULL, 0, &stmt);
    if (rc >= 0) {
        rc = db->writer->driver->step(stmt);
        skep__stmt_return(stmt);
    }
    conn->own = false;
    return rc < 0 ? rc : SKEP_OK;
}

void db_writer_pragma(skep_db *db, const char *sql)
{
    assert_ok(skep__writer_exclusive(db, pragma_job, (void *)(uintptr_t)sql));
}

int script_run(skep_tx *tx, void *arg)
{
    script *s = arg;
    s->runs++;
    s->attempt = skep_tx_attempt(tx);
    s->ran_in = pthread_self();
    s->failed = SKEP_OK;
    if (s->first != NULL)
        s->first(s->ctx);
    for (size_t i = 0; i < SCRIPT_MAX && s->sql[i] != NULL; i++) {
        int rc = skep_exec_v(tx, s->sql[i], NULL, 0);
        if (rc < 0)
            s->failed = rc;
        if (rc < 0 && !s->swallow)
            return rc;
    }
    s->changes = skep_tx_changes(tx);
    s->rowid = skep_tx_last_rowid(tx);
    if (s->last != NULL)
        s->last(s->ctx);
    return s->ret;
}

/* ---- calls ---- */

static void call_main(void *arg)
{
    call *c = arg;
    const skep_call_opts *opts = c->opts.size != 0 ? &c->opts : NULL;
    c->caller = pthread_self();
    c->rc = c->reads ? skep_read_with(c->db, c->fn, c->arg, opts)
                     : skep_write_with(c->db, c->fn, c->arg, opts);
    c->err = *skep_last_error();
    if (c->rc < 0)
        ck_assert_int_eq(c->err.code, c->rc);
    atomic_store(&c->done, true);
}

void call_start(skep_db *db, call *c)
{
    c->db = db;
    assert_ok(skep__thread_start(&c->thread, "call", call_main, c));
}

void call_join(call *c)
{
    skep__thread_join(&c->thread);
}

void call_assert_fails(const call *c, int code, int outcome)
{
    ck_assert_msg(c->rc == code, "%s instead of %s: %s", skep_code_name(c->rc),
                  skep_code_name(code), c->rc < 0 ? c->err.text : "");
    ck_assert_msg(c->err.outcome == outcome, "%s: outcome %s", c->err.text,
                  skep_outcome_name(c->err.outcome));
    ck_assert_int_ne(c->err.text[0], '\0');
}

static script empty_script;
static call blocker;

void group_block(skep_db *db)
{
    point_watch("queue.queued");
    point_wait("db.before_begin");
    memset(&blocker, 0, sizeof(blocker));
    blocker.fn = script_run;
    blocker.arg = &empty_script;
    call_start(db, &blocker);
    point_reached("db.before_begin", 1);
}

void group_queue(skep_db *db, call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t before = point_count("queue.queued");
        call_start(db, &calls[i]);
        point_reached("queue.queued", before + 1);
    }
}

void group_unblock(void)
{
    point_release("db.before_begin");
    call_join(&blocker);
    ck_assert_int_eq(blocker.rc, 0);
}

void group_run(skep_db *db, call *calls, size_t n)
{
    group_block(db);
    group_queue(db, calls, n);
    group_unblock();
    for (size_t i = 0; i < n; i++)
        call_join(&calls[i]);
}

/* ---- gates ---- */

void gate_wait(void *ctx)
{
    gate *g = ctx;
    atomic_fetch_add(&g->came, 1);
    while (atomic_load(&g->open) == 0)
        (void)skep__word_wait(&g->open, 0, 0);
}

void gate_open(gate *g)
{
    atomic_store(&g->open, 1);
    skep__word_wake(&g->open, INT_MAX);
}

void gate_came(gate *g, uint32_t count)
{
    uint64_t deadline = skep__deadline_ns(60000);
    while (atomic_load(&g->came) < count) {
        ck_assert_uint_lt(skep__now_ns(), deadline);
        (void)sched_yield();
    }
}

/* ---- maintenance ---- */

skep_db *db_open_parked(const skep_db_opts *opts)
{
    static uint64_t parked; /* each test has a process of its own */
    if (parked == 0)
        point_wait("db.tick");
    skep_db *db = db_open(opts);
    point_reached("db.tick", ++parked);
    return db;
}

void db_close_parked(skep_db *db)
{
    point_release("db.tick");
    db_close(db);
}

void db_tick(skep_db *db, uint64_t seconds)
{
    skep__maintain_tick(db, skep__now_ns() + seconds * SKEP__NS_PER_S);
    skep__upkeep_join(db);
}

static skep_health health;

const skep_health_reason *db_reason(skep_db *db, uint64_t seconds, const char *what)
{
    skep__health_at(db, skep__now_ns() + seconds * SKEP__NS_PER_S, &health);
    for (uint32_t i = 0; i < health.reasons_count; i++)
        if (strcmp(health.reasons[i].what, what) == 0) {
            ck_assert_int_ne(health.state, SKEP_HEALTHY);
            ck_assert_int_ne(health.reasons[i].text[0], '\0');
            return &health.reasons[i];
        }
    return NULL;
}

int db_health_state(skep_db *db)
{
    skep_health now = {.size = sizeof(now)};
    assert_ok(skep_db_health(db, &now));
    return now.state;
}

/* ---- events ---- */

static struct {
    pthread_mutex_t mutex;
    size_t count;
    heard_event list[HEARD_MAX];
} heard = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void hear(const skep_event *event, void *ctx)
{
    (void)ctx;
    (void)pthread_mutex_lock(&heard.mutex);
    heard_event *e = &heard.list[heard.count++ % HEARD_MAX];
    size_t at = 0;
    (void)snprintf(e->name, sizeof(e->name), "%s", event->name);
    for (size_t i = 0; i < event->field_count && at < sizeof(e->text); i++) {
        const skep_field *f = &event->fields[i];
        int n = f->value.type == SKEP_TEXT
                    ? snprintf(e->text + at, sizeof(e->text) - at, "%s=%.*s ", f->key,
                               (int)f->value.u.s.len, (const char *)f->value.u.s.data)
                    : snprintf(e->text + at, sizeof(e->text) - at, "%s=%lld ", f->key,
                               (long long)f->value.u.i);
        at += n > 0 ? (size_t)n : 0;
    }
    (void)pthread_mutex_unlock(&heard.mutex);
}

void events_listen(skep_level least)
{
    skep_set_event_sink(hear, NULL, least);
}

int events_count(const char *name, const char *text)
{
    int count = 0;
    (void)pthread_mutex_lock(&heard.mutex);
    for (size_t i = 0; i < heard.count && i < HEARD_MAX; i++)
        count += strcmp(heard.list[i].name, name) == 0 &&
                 (text == NULL || strstr(heard.list[i].text, text) != NULL);
    (void)pthread_mutex_unlock(&heard.mutex);
    return count;
}

void events_forget(void)
{
    (void)pthread_mutex_lock(&heard.mutex);
    heard.count = 0;
    (void)pthread_mutex_unlock(&heard.mutex);
}
