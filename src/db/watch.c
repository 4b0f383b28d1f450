/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: names a transaction function that runs for too long, and what it waits for.
 *
 * A function that waits for a lock whose owner sleeps in the queue waits for ever, and the whole
 * database with it. The kernel knows in which system call a thread sleeps, so it can be told apart
 * from one that works.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "base/event.h"
#include "db/db_private.h"
#include "os/os.h"

typedef enum doing { UNKNOWN, RUNS, WAITS, IN_CALL } doing;

/* "running", "NUMBER arguments", or "-1 …" for one that the kernel stopped elsewhere. */
static doing what_it_does(uint32_t thread, long *call)
{
    char path[64];
    skep__buf text = SKEP__BUF_INIT(4096);
    (void)snprintf(path, sizeof(path), "/proc/self/task/%u/syscall", thread);
    doing result = UNKNOWN;
    if (skep__os_read_file(path, &text) >= 0) {
        *call = strtol(skep__buf_text(&text), NULL, 10);
        if (strncmp(skep__buf_text(&text), "running", 7) == 0 || *call < 0)
            result = RUNS;
        else
            result = *call == SYS_futex ? WAITS : IN_CALL;
    }
    skep__buf_dispose(&text);
    return result;
}

static size_t queued(skep_db *db)
{
    skep__mutex_lock(&db->queue.mutex);
    size_t count = db->queue.queued.count;
    skep__mutex_unlock(&db->queue.mutex);
    return count;
}

static void describe(uint32_t thread, size_t others, char *out, size_t size)
{
    long call = 0;
    switch (what_it_does(thread, &call)) {
    case RUNS:
        (void)snprintf(out, size, "it runs");
        return;
    case WAITS:
        (void)snprintf(out, size, "it waits for a lock%s",
                       others > 0 ? ": likely one that a caller of skep_write() holds while it "
                                    "queues, and then neither goes on"
                                  : "");
        return;
    case IN_CALL:
        (void)snprintf(out, size, "it sleeps in system call %ld", call);
        return;
    case UNKNOWN:
        break;
    }
    (void)snprintf(out, size, "what it does the system does not tell");
}

static void name(skep_db *db, uint32_t thread, uint64_t ms)
{
    skep__maintain *m = &db->maintain;
    char does[160];
    char sql[SKEP_INSPECT_SQL_MAX];
    char text[SKEP_HEALTH_TEXT_MAX];
    size_t others = queued(db);
    describe(thread, others, does, sizeof(does));
    skep__writer_sql(db, sql, sizeof(sql));
    (void)snprintf(text, sizeof(text),
                   "a write function in thread %u runs for %llu ms, %zu calls queue; %s", thread,
                   (unsigned long long)ms, others, does);
    skep__mutex_lock(&m->mutex);
    memcpy(m->slow, text, sizeof(text));
    skep__mutex_unlock(&m->mutex);
    SKEP__EVENT(SKEP_WARNING, "db.slow_call", {"path", skep_text(db->path)},
                {"thread", skep_int(thread)}, {"ms", skep_int((int64_t)ms)},
                {"queued", skep_int((int64_t)others)}, {"does", skep_text(does)},
                {"sql", skep_text(sql)}, {"text", skep_text(text)});
}

void skep__watch_step(skep_db *db, uint64_t now_ns)
{
    skep__maintain *m = &db->maintain;
    uint64_t began = atomic_load_explicit(&m->run_ns, memory_order_acquire);
    uint32_t thread = atomic_load_explicit(&m->run_thread, memory_order_relaxed);
    if (began == 0 || began == m->named_ns || began >= now_ns ||
        now_ns - began < (uint64_t)db->opts.write_slow_ms * SKEP__NS_PER_MS)
        return;
    m->named_ns = began;
    name(db, thread, (now_ns - began) / SKEP__NS_PER_MS);
    atomic_store(&m->slow_ns, began);
}
