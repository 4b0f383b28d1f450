/* SPDX-License-Identifier: MIT */

/* The small write transaction from one thread that does not wait for each: with futures, of which
 * so many are always in flight, and in batches that are submitted at once. */

#include "bench.h"

#include <skep/skep.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { IN_FLIGHT = 2048, BATCH = 256 };

typedef struct run run;
typedef struct slot {
    run *owner;
    bench_tx tx;
    uint64_t submitted;
    struct slot *next;
} slot;

struct run {
    skep_db *db;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    slot *free;
    int busy;
    uint64_t end;
    uint64_t seed;
    uint64_t done;
    uint64_t in_window;
    int64_t sum;
    bench_hist hist;
};

static void must(int rc, const char *what)
{
    if (rc < 0)
        bench_die("skep: %s: %s: %s", what, skep_code_name(rc), skep_last_error()->text);
}

static int small_tx(skep_tx *tx, void *arg)
{
    const bench_tx *small = &((slot *)arg)->tx;
    int rc = skep_exec(tx, BENCH_SQL_INSERT, SKEP_V(small->account), SKEP_V(small->amount),
                       skep_blob(small->note, BENCH_NOTE_BYTES));
    if (rc < 0)
        return rc;
    return skep_exec(tx, BENCH_SQL_UPDATE, SKEP_V(small->amount), SKEP_V(small->account));
}

static void choose(run *r, slot *s)
{
    s->tx.account = 1 + (int64_t)(bench_random(&r->seed) % BENCH_ACCOUNTS);
    s->tx.amount = 1 + (int64_t)(bench_random(&r->seed) % 100);
    s->submitted = bench_now();
}

static void count(run *r, const slot *s)
{
    uint64_t now = bench_now();
    bench_hist_add(&r->hist, now - s->submitted);
    r->done++;
    r->in_window += now <= r->end;
    r->sum += s->tx.amount;
}

static void answered(skep_future *future, void *ctx)
{
    slot *s = ctx;
    run *r = s->owner;
    must(skep_future_wait(future, 0), "write");
    pthread_mutex_lock(&r->mutex);
    count(r, s);
    s->next = r->free;
    r->free = s;
    r->busy--;
    pthread_cond_signal(&r->freed);
    pthread_mutex_unlock(&r->mutex);
}

static slot *take(run *r)
{
    pthread_mutex_lock(&r->mutex);
    while (r->free == NULL)
        pthread_cond_wait(&r->freed, &r->mutex);
    slot *s = r->free;
    r->free = s->next;
    r->busy++;
    choose(r, s);
    pthread_mutex_unlock(&r->mutex);
    return s;
}

static void run_futures(run *r, slot *slots)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.done = answered;
    for (int i = 0; i < IN_FLIGHT; i++) {
        slots[i].next = r->free;
        r->free = &slots[i];
    }
    while (bench_now() < r->end) {
        slot *s = take(r);
        opts.done_ctx = s;
        must(skep_write_async(r->db, small_tx, s, &opts, NULL), "submit");
    }
    pthread_mutex_lock(&r->mutex);
    while (r->busy > 0)
        pthread_cond_wait(&r->freed, &r->mutex);
    pthread_mutex_unlock(&r->mutex);
}

static void run_batches(run *r, slot *slots)
{
    static skep_call calls[BATCH];
    while (bench_now() < r->end) {
        for (int i = 0; i < BATCH; i++) {
            choose(r, &slots[i]);
            calls[i] = (skep_call){.fn = small_tx, .arg = &slots[i]};
        }
        must(skep_write_batch(r->db, calls, BATCH, NULL), "batch");
        for (int i = 0; i < BATCH; i++)
            count(r, &slots[i]);
    }
}

static uint64_t commits(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    must(skep_db_get_stats(db, &stats), "stats");
    return stats.groups;
}

void bench_run_async(const bench_job *job, bench_result *out)
{
    run *r = bench_calloc(1, sizeof(*r));
    slot *slots = bench_calloc(IN_FLIGHT, sizeof(*slots));
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    must(skep_db_open(job->path, &opts, &r->db), "open");
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->freed, NULL);
    for (int i = 0; i < IN_FLIGHT; i++) {
        slots[i].owner = r;
        memset(slots[i].tx.note, 'n', BENCH_NOTE_BYTES);
    }
    r->seed = (uint64_t)job->round;
    bench_wait_for_go();
    uint64_t before = commits(r->db);
    uint64_t cpu = bench_cpu();
    r->end = bench_now() + (uint64_t)(job->seconds * 1e9);
    if (strcmp(job->side, "skep-batch") == 0)
        run_batches(r, slots);
    else
        run_futures(r, slots);
    out->done = r->done;
    out->sum = r->sum;
    out->per_s = (double)r->in_window / job->seconds;
    out->cpu = (double)(bench_cpu() - cpu) / 1e3 / (double)r->done;
    out->group = (double)r->done / (double)(commits(r->db) - before);
    bench_hist_result(&r->hist, out);
    must(skep_db_close(r->db), "close");
    pthread_cond_destroy(&r->freed);
    pthread_mutex_destroy(&r->mutex);
    free(slots);
    free(r);
}
