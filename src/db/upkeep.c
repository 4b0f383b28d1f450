/* SPDX-License-Identifier: MIT */
/*
 * Long work, on a schedule: pings, statistics of the planner, free pages given back, checks, and
 * the WAL that other processes have filled.
 *
 * It has a thread of its own that is there only while there is work. That thread goes through the
 * queue like any caller, but never leads others: what they run may never return, and closing the
 * database waits for this thread. All of it ends when the cancel of the maintainer is fired.
 */
#include "base/event.h"
#include "base/point.h"
#include "db/db_private.h"

#define OPTIMIZE "PRAGMA optimize=0x10002" /* analyze what needs it, of all tables */

static skep_call_opts quiet_call(skep_db *db)
{
    skep_call_opts call = SKEP_CALL_OPTS_INIT;
    call.flags = SKEP_CALL_OWN_THREAD;
    call.priority = SKEP_PRIORITY_LOW;
    call.cancel = db->maintain.cancel;
    return call;
}

/* ---- statistics, and free pages ---- */

static int run_sql(skep_tx *tx, void *sql)
{
    return skep_exec_v(tx, sql, NULL, 0);
}

int skep__upkeep_analyze(skep_db *db, const char *sql, const skep_call_opts *call)
{
    return skep_write_with(db, run_sql, (void *)(uintptr_t)sql, call);
}

typedef struct slice {
    uint64_t keep;
    uint64_t free_pages; /* before it */
    bool incremental;
} slice;

static int free_slice(skep_tx *tx, void *arg)
{
    slice *s = arg;
    skep__conn_info info = {0};
    SKEP__TRY(tx->conn->driver->info(tx->conn, &info));
    s->free_pages = info.free_pages;
    s->incremental = info.incremental;
    if (s->keep == UINT64_MAX) /* is it worth it? */
        s->keep = info.free_pages > SKEP__DB_FREE_PAGES &&
                          info.free_pages > info.pages / SKEP__DB_FREE_SHARE
                      ? info.pages / SKEP__DB_FREE_SHARE
                      : info.free_pages;
    if (!info.incremental || info.free_pages <= s->keep)
        return SKEP_OK;
    _Static_assert(SKEP__DB_FREE_SLICE == 200, "the pragma below says so");
    return skep_exec(tx, "PRAGMA incremental_vacuum(200)");
}

int skep__upkeep_vacuum(skep_db *db, uint64_t keep, const skep_maintain_opts *opts,
                        const skep_call_opts *call)
{
    slice s = {.keep = keep};
    uint64_t before = UINT64_MAX;
    uint64_t all = 0;
    for (;;) {
        SKEP__TRY(skep_write_with(db, free_slice, &s, call));
        all = all == 0 ? s.free_pages : all;
        if (opts != NULL && opts->progress != NULL && s.incremental)
            opts->progress("free pages", all - s.free_pages, all, opts->ctx);
        /* What others free meanwhile is for the next time. */
        if (!s.incremental || s.free_pages <= s.keep || s.free_pages >= before)
            return SKEP_OK;
        before = s.free_pages;
    }
}

static int optimize(skep_db *db)
{
    skep_call_opts call = quiet_call(db);
    uint64_t began = skep__now_ns();
    if (atomic_load(&db->poisoned) != 0)
        return SKEP_OK;
    SKEP__TRY(skep__upkeep_analyze(db, OPTIMIZE, &call));
    SKEP__TRY(skep__upkeep_vacuum(db, UINT64_MAX, NULL, &call));
    SKEP__EVENT(SKEP_DEBUG, "db.optimized", {"path", skep_text(db->path)},
                {"ms", skep_int((int64_t)((skep__now_ns() - began) / SKEP__NS_PER_MS))});
    return SKEP_OK;
}

void skep__upkeep_last(skep_db *db)
{
    if (atomic_load(&db->maintain.holds) == 0 || atomic_load(&db->groups) == 0 ||
        atomic_load(&db->poisoned) != 0)
        return;
    skep_call_opts call = SKEP_CALL_OPTS_INIT;
    call.flags = SKEP_CALL_OWN_THREAD;
    call.timeout_ms = SKEP__DB_LAST_OPTIMIZE_MS;
    (void)skep__upkeep_analyze(db, OPTIMIZE, &call); /* the next one makes up for it */
}

/* ---- the WAL of others ---- */

static int write_back(skep_db *db, void *arg)
{
    (void)arg;
    uint64_t pages = 0;
    uint64_t left = 0;
    return skep__writer_checkpoint(db, SKEP__CHECKPOINT_PASSIVE, &pages, &left);
}

static int write_back_of_others(skep_db *db)
{
    skep__conn *conn = NULL;
    uint64_t pages = 0;
    uint64_t left = 0;
    bool owned = skep__checkpoint_owned(db);
    if (owned || atomic_load(&db->poisoned) != 0)
        return SKEP_OK;
    SKEP__TRY(skep__db_open_conn(db, SKEP__CONN_CHECKPOINTER, NULL, &conn));
    int rc = conn->driver->checkpoint(conn, SKEP__CHECKPOINT_LOOK, &pages, &left);
    (void)skep__conn_close(conn);
    if (rc >= 0 && left >= db->opts.checkpoint_pages)
        rc = skep__writer_exclusive_with(db, write_back, NULL, 0, db->maintain.cancel);
    return rc == SKEP_EBUSY ? SKEP_OK : rc;
}

/* ---- the schedule ---- */

static int ping(skep_db *db)
{
    int rc = skep__ping_run(db, db->opts.busy_timeout_ms, db->maintain.cancel);
    return rc == SKEP_ETIMEOUT ? SKEP_OK : rc; /* who works is alive */
}

static int check(skep_db *db, uint32_t flags)
{
    skep_check_opts opts = SKEP_CHECK_OPTS_INIT;
    opts.flags = flags;
    opts.cancel = db->maintain.cancel;
    int rc = skep__check_run(db, &opts);
    if (rc < 0 && rc != SKEP_ECANCELLED)
        skep__noted(db, SKEP__NOTE_CHECK, rc);
    return rc;
}

static int quick_check(skep_db *db)
{
    return check(db, 0);
}

static int full_check(skep_db *db)
{
    return check(db, SKEP_CHECK_FULL);
}

static const struct {
    int (*run)(skep_db *db);
    bool maintainer; /* only who maintains the file does it */
    size_t every;    /* where its interval stands in the settings */
} jobs[SKEP__JOBS] = {
    [SKEP__JOB_PING] = {ping, false, offsetof(skep_db_opts, ping_interval_ms)},
    [SKEP__JOB_WAL] = {write_back_of_others, true, 0},
    [SKEP__JOB_OPTIMIZE] = {optimize, true, offsetof(skep_db_opts, optimize_interval_ms)},
    [SKEP__JOB_QUICK_CHECK] = {quick_check, true, offsetof(skep_db_opts, quick_check_interval_ms)},
    [SKEP__JOB_FULL_CHECK] = {full_check, true, offsetof(skep_db_opts, full_check_interval_ms)},
};

static void worker_main(void *arg)
{
    skep_db *db = arg;
    skep__maintain *m = &db->maintain;
    uint32_t wanted = atomic_load(&m->wanted);
    SKEP__POINT("db.upkeep");
    for (int i = 0; i < SKEP__JOBS && atomic_load(&m->stop) == 0; i++) {
        if ((wanted & (1u << i)) == 0)
            continue;
        int rc = jobs[i].run(db);
        if (rc >= 0)
            atomic_store(&m->done_us[i], skep_now_us());
        else
            atomic_fetch_or(&m->failed, 1u << i);
        if (rc < 0 && atomic_load(&m->stop) == 0)
            SKEP__EVENT(SKEP_WARNING, "db.upkeep_failed", {"path", skep_text(db->path)},
                        {"cause", skep_text(skep_last_error()->text)});
    }
    atomic_store(&m->working, 0);
}

static uint32_t due(skep_db *db, uint64_t now_ns)
{
    skep__maintain *m = &db->maintain;
    uint32_t wanted = 0;
    for (int i = 0; i < SKEP__JOBS; i++) {
        if (now_ns < m->due_ns[i])
            continue;
        int64_t every_ms = 0;
        if (jobs[i].every != 0)
            every_ms = *(const int64_t *)(const void *)((const char *)&db->opts + jobs[i].every);
        m->due_ns[i] = every_ms > 0 ? now_ns + (uint64_t)every_ms * SKEP__NS_PER_MS : UINT64_MAX;
        if (!jobs[i].maintainer || atomic_load(&m->holds) != 0)
            wanted |= 1u << i;
    }
    return wanted;
}

static void retry_failed(skep__maintain *m, uint64_t now_ns)
{
    uint32_t failed = atomic_exchange(&m->failed, 0);
    for (int i = 0; i < SKEP__JOBS; i++)
        if ((failed & (1u << i)) != 0 && m->due_ns[i] > now_ns + SKEP__DB_RETRY_NS)
            m->due_ns[i] = now_ns + SKEP__DB_RETRY_NS;
}

void skep__upkeep_step(skep_db *db, uint64_t now_ns)
{
    skep__maintain *m = &db->maintain;
    if (atomic_load(&m->working) != 0)
        return;
    skep__thread_join(&m->worker);
    retry_failed(m, now_ns);
    uint32_t wanted = due(db, now_ns);
    if (wanted == 0)
        return;
    atomic_store(&m->wanted, wanted);
    atomic_store(&m->working, 1);
    if (skep__thread_start(&m->worker, "skep-upkeep", worker_main, db) < 0) {
        skep__noted(db, SKEP__NOTE_THREAD, skep_last_error()->code);
        atomic_store(&m->working, 0);
        for (int i = 0; i < SKEP__JOBS; i++) /* again at the next tick */
            if ((wanted & (1u << i)) != 0)
                m->due_ns[i] = now_ns;
        return;
    }
    skep__noted(db, SKEP__NOTE_THREAD, SKEP_OK);
}

void skep__upkeep_join(skep_db *db)
{
    skep__thread_join(&db->maintain.worker);
}
