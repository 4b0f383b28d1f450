/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_MAINTAIN_H
#define SKEP__DB_MAINTAIN_H

#include <skep/health.h>
#include <skep/maintain.h>

#include "base/event.h"
#include "base/thread.h"
#include "base/time.h"
#include "db/db_limits.h"

/* What looks after a database in the background, and what is known of its health. */

/* Things that went well or badly the last time. */
typedef enum skep__note {
    SKEP__NOTE_THREAD,     /* the maintenance thread could be started */
    SKEP__NOTE_LOCK,       /* it could be seen who maintains the file */
    SKEP__NOTE_DISK,       /* the file system told how much is free */
    SKEP__NOTE_PING,       /* the connections answer */
    SKEP__NOTE_CHECK,      /* the last check came to its end and found nothing */
    SKEP__NOTE_CHECKPOINT, /* the last checkpoint went through */
    SKEP__NOTES
} skep__note;

typedef struct skep__failure {
    int64_t at_us; /* 0: there is none */
    uint64_t at_ns;
    int32_t code;
    char text[SKEP_HEALTH_TEXT_MAX];
} skep__failure;

/* Long work; each has its turn. */
typedef enum skep__job {
    SKEP__JOB_PING,
    SKEP__JOB_WAL, /* other processes wrote */
    SKEP__JOB_OPTIMIZE,
    SKEP__JOB_QUICK_CHECK,
    SKEP__JOB_FULL_CHECK,
    SKEP__JOBS
} skep__job;

typedef struct skep__maintain {
    skep__thread thread;
    skep__word word;
    _Atomic uint32_t stop;
    _Atomic uint64_t ticked_ns; /* the last tick; 0: there is no thread */
    skep_cancel *cancel;        /* fired at close: ends long work */

    /* The lock. The descriptor is the maintenance thread's, and after it the closing one's. */
    int lock_fd;
    uint64_t lock_device;
    uint64_t lock_inode;
    _Atomic uint32_t holds; /* this handle maintains the file */
    _Atomic uint32_t other; /* another one does */

    /* The watchdog: the leader says when a transaction function began, and in which thread. */
    _Atomic uint64_t run_ns; /* 0: none runs */
    _Atomic uint32_t run_thread;
    uint64_t named_ns;        /* of the tick: the one that it has named */
    _Atomic uint64_t slow_ns; /* the same for health */

    /* What the steps saw. */
    _Atomic uint64_t disk_free; /* 0: not known */
    _Atomic uint64_t wal_bytes;
    _Atomic uint64_t crowded_ns; /* since when the readers are all but used up; 0: they are not */
    int64_t wal_mtime_ns;        /* of the tick */
    uint64_t wal_groups;

    /* Long work. */
    skep__thread worker;
    _Atomic uint32_t working;
    _Atomic uint32_t wanted; /* jobs, a bit each */
    _Atomic uint32_t failed; /* likewise: to be tried again soon */
    uint64_t due_ns[SKEP__JOBS];
    _Atomic int64_t done_us[SKEP__JOBS]; /* UTC, when it last came to its end */
    _Atomic uint32_t checks;             /* that run */
    _Atomic uint32_t check_cut;          /* they give up their snapshots */

    _Atomic uint64_t errors;
    _Atomic uint64_t findings;      /* of all checks */
    skep__event_limit failed_limit; /* of db.call_failed */
    uint32_t corrupt_told;

    skep__mutex mutex;                                        /* texts only */
    skep__failure notes[SKEP__NOTES] SKEP__GUARDED_BY(mutex); /* code 0: all is well */
    skep__failure ring[SKEP__DB_FAILURES] SKEP__GUARDED_BY(mutex);
    uint64_t ring_count SKEP__GUARDED_BY(mutex);
    skep__failure corrupt SKEP__GUARDED_BY(mutex); /* the first damage that was met */
    char slow[SKEP_HEALTH_TEXT_MAX] SKEP__GUARDED_BY(mutex);
} skep__maintain;

/* ---- the thread (maintain.c) ---- */

int skep__maintain_init(skep_db *db);
void skep__maintain_dispose(skep_db *db);
/* Once the database is open. A thread that cannot be had makes the health degraded, nothing else.
 */
void skep__maintain_start(skep_db *db);
/* For the age of leases: the same thread where nothing else asks for it, to read only or in a file
 * of another program. Where it cannot be had, the age is looked at when a lease is used. */
void skep__maintain_leases(skep_db *db);
/* No tick and no long work after this. */
void skep__maintain_stop(skep_db *db);
bool skep__attended(const skep_db *db);
/* All steps of one tick; one thread at a time. */
void skep__maintain_tick(skep_db *db, uint64_t now_ns);

/* ---- the lock (lock.c) ---- */

void skep__lock_step(skep_db *db, uint64_t now_ns);
/* At the very end of closing. */
void skep__lock_leave(skep_db *db);
/* Should this handle write the WAL back when it has so many pages? */
bool skep__may_checkpoint(skep_db *db, uint64_t wal_pages);

/* ---- the watchdog (watch.c) ---- */

void skep__watch_step(skep_db *db, uint64_t now_ns);
static inline void skep__watch_begin(skep__maintain *m)
{
    atomic_store_explicit(&m->run_thread, skep__thread_id(), memory_order_relaxed);
    atomic_store_explicit(&m->run_ns, skep__coarse_ns(), memory_order_release);
}
static inline void skep__watch_end(skep__maintain *m)
{
    atomic_store_explicit(&m->run_ns, 0, memory_order_release);
}

/* ---- long work (upkeep.c) ---- */

void skep__upkeep_step(skep_db *db, uint64_t now_ns);
/* Start the jobs that are due in a thread of their own, unless one runs; wait for it. */
void skep__upkeep_join(skep_db *db);
/* PRAGMA optimize in a call of its own. */
int skep__upkeep_analyze(skep_db *db, const char *sql, const skep_call_opts *call);
/* Give free pages back, some at a time, down to `keep` of them. */
int skep__upkeep_vacuum(skep_db *db, uint64_t keep, const skep_maintain_opts *opts,
                        const skep_call_opts *call);
/* The planner's statistics, before the database closes, if it wrote anything. */
void skep__upkeep_last(skep_db *db);
/* VACUUM (vacuum.c), as the writer. `deadline_ns` 0: none. */
int skep__vacuum(skep_db *db, const skep_maintain_opts *opts, uint64_t deadline_ns);
int skep__check_run(skep_db *db, const skep_check_opts *opts);
int skep__ping_run(skep_db *db, int64_t timeout_ms, skep_cancel *cancel);

/* ---- what is known (health.c) ---- */

/* Something went well (rc >= 0) or, with this thread's error detail, badly. */
void skep__noted(skep_db *db, skep__note what, int rc);
/* A call of the application failed with this thread's error detail, which stays as it is. */
void skep__note_call(skep_db *db);
/* Damage was met: this thread's error detail says it. */
void skep__note_corrupt(skep_db *db);
void skep__corrupt_step(skep_db *db, uint64_t now_ns);
void skep__pool_step(skep_db *db, uint64_t now_ns);
void skep__disk_step(skep_db *db, uint64_t now_ns);
void skep__wal_step(skep_db *db, uint64_t now_ns);
/* As skep_db_health(), at a time of the caller's. */
void skep__health_at(skep_db *db, uint64_t now_ns, skep_health *out);

#endif
