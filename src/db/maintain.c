/* SPDX-License-Identifier: MIT */
/*
 * The thread that looks after a database, once a second. What it does in a tick is short and waits
 * for nobody; long work is for a second thread, which is there only while there is any (upkeep.c).
 *
 * The first tick comes a little after the opening: a handle that is closed at once has made no lock
 * file, and nobody waited for one.
 */
#include <limits.h>

#include "base/event.h"
#include "base/point.h"
#include "db/db_private.h"

static const struct {
    const char *name;
    void (*run)(skep_db *db, uint64_t now_ns);
    bool always; /* for handles that maintain nothing too */
} steps[] = {
    {"old reads", skep__readers_watch, true}, {"idle readers", skep__readers_tend, true},
    {"lock", skep__lock_step, false},         {"watchdog", skep__watch_step, false},
    {"readers", skep__pool_step, false},      {"disk", skep__disk_step, false},
    {"wal", skep__wal_step, false},           {"damage", skep__corrupt_step, false},
    {"long work", skep__upkeep_step, false},  {"status", skep__status_step, false},
};

bool skep__attended(const skep_db *db)
{
    return (db->opts.flags & (SKEP_DB_UNATTENDED | SKEP_DB_FOREIGN | SKEP_DB_READONLY)) == 0;
}

void skep__maintain_tick(skep_db *db, uint64_t now_ns)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (steps[i].always || skep__attended(db))
            steps[i].run(db, now_ns);
    atomic_store(&db->maintain.ticked_ns, now_ns);
}

static void thread_main(void *arg)
{
    skep_db *db = arg;
    skep__maintain *m = &db->maintain;
    uint64_t next = skep__now_ns() + SKEP__DB_FIRST_TICK_NS;
    for (;;) {
        uint32_t seen = atomic_load(&m->word);
        if (atomic_load(&m->stop) != 0)
            return;
        uint64_t now = skep__now_ns();
        if (now < next) {
            (void)skep__word_wait(&m->word, seen, next);
            continue;
        }
        SKEP__POINT("db.tick");
        if (atomic_load(&m->stop) != 0)
            return;
        skep__maintain_tick(db, now);
        next = now + SKEP__DB_TICK_NS;
    }
}

int skep__maintain_init(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    SKEP__TRY(skep__mutex_init(&m->mutex));
    return skep_cancel_new(&m->cancel);
}

void skep__maintain_dispose(skep_db *db)
{
    skep_cancel_free(db->maintain.cancel);
    skep__mutex_dispose(&db->maintain.mutex);
}

void skep__maintain_start(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    if (!skep__attended(db))
        return;
    uint64_t now = skep__now_ns();
    const int64_t every_ms[SKEP__JOBS] = {
        [SKEP__JOB_PING] = db->opts.ping_interval_ms,
        [SKEP__JOB_OPTIMIZE] = db->opts.optimize_interval_ms,
        [SKEP__JOB_QUICK_CHECK] = db->opts.quick_check_interval_ms,
        [SKEP__JOB_FULL_CHECK] = db->opts.full_check_interval_ms,
    };
    for (int i = 0; i < SKEP__JOBS; i++)
        m->due_ns[i] = now + (uint64_t)every_ms[i] * SKEP__NS_PER_MS;
    m->due_ns[SKEP__JOB_WAL] = UINT64_MAX; /* when the step sees a reason */
    atomic_store(&m->ticked_ns, now);
    int rc = skep__thread_start(&m->thread, "skep-maintain", thread_main, db);
    skep__noted(db, SKEP__NOTE_THREAD, rc);
    if (rc < 0)
        atomic_store(&m->ticked_ns, 0);
}

/* Who opens a lease may outlast the close, which must find the thread that it joins, or none ever.
 */
void skep__maintain_leases(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    if (skep__attended(db) || (db->opts.flags & SKEP_DB_UNATTENDED) != 0)
        return;
    skep__mutex_lock(&db->hooks_mutex);
    if (!m->thread.started && atomic_load(&m->stop) == 0)
        (void)skep__thread_start(&m->thread, "skep-leases", thread_main, db);
    skep__mutex_unlock(&db->hooks_mutex);
}

void skep__maintain_stop(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    skep__mutex_lock(&db->hooks_mutex);
    atomic_store(&m->stop, 1);
    skep__mutex_unlock(&db->hooks_mutex);
    skep_cancel_fire(m->cancel);
    atomic_fetch_add(&m->word, 1);
    skep__word_wake(&m->word, INT_MAX);
    skep__thread_join(&m->thread);
    skep__upkeep_join(db);
}
