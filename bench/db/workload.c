/* SPDX-License-Identifier: MIT */

/* The small write transaction in a closed loop: every client waits for its answer before it asks
 * again. */

#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct client {
    const bench_writer *writer;
    void *self;
    pthread_barrier_t *start;
    const uint64_t *end; /* set by the main thread before the barrier opens */
    int number;
    uint64_t seed;
    uint64_t done;
    uint64_t in_window;
    int64_t sum;
    bench_hist hist;
    pthread_t thread;
} client;

static const bench_writer *writer_of(const char *side)
{
    if (strncmp(side, "skep", 4) == 0)
        return &bench_skep;
    if (strcmp(side, "dedicated") == 0)
        return &bench_dedicated;
    return &bench_pool;
}

static void *client_main(void *arg)
{
    client *c = arg;
    bench_tx tx;
    memset(&tx, 'n', sizeof(tx));
    pthread_barrier_wait(c->start);
    uint64_t end = *c->end;
    uint64_t before = bench_now();
    while (before < end) {
        tx.account = 1 + (int64_t)(bench_random(&c->seed) % BENCH_ACCOUNTS);
        tx.amount = 1 + (int64_t)(bench_random(&c->seed) % 100);
        c->writer->write(c->self, c->number, &tx);
        uint64_t after = bench_now();
        bench_hist_add(&c->hist, after - before);
        c->done++;
        c->in_window += after <= end;
        c->sum += tx.amount;
        before = after;
    }
    return NULL;
}

/* What finishes after the window counts for the totals and the latencies, not for the rate: a
 * client that was starved until the end must not lengthen the window for the others. */
static void add_up(const bench_job *job, const client *clients, bench_result *out)
{
    bench_hist *all = bench_calloc(1, sizeof(*all));
    uint64_t in_window = 0;
    for (int i = 0; i < job->clients; i++) {
        bench_hist_merge(all, &clients[i].hist);
        in_window += clients[i].in_window;
        out->done += clients[i].done;
        out->sum += clients[i].sum;
    }
    out->per_s = (double)in_window / job->seconds;
    bench_hist_result(all, out);
    free(all);
}

void bench_run_write(const bench_job *job, bench_result *out)
{
    const bench_writer *writer = writer_of(job->side);
    client *clients = bench_calloc((size_t)job->clients, sizeof(*clients));
    void *self = writer->open(job);
    uint64_t end = 0;
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)job->clients + 1);
    for (int i = 0; i < job->clients; i++) {
        client *c = &clients[i];
        c->writer = writer;
        c->self = self;
        c->start = &start;
        c->end = &end;
        c->number = i;
        c->seed = (uint64_t)job->round * 1000u + (uint64_t)i;
        if (pthread_create(&c->thread, NULL, client_main, c) != 0)
            bench_die("no thread for client %d", i);
    }
    bench_wait_for_go();
    uint64_t commits = writer->commits(self);
    uint64_t cpu = bench_cpu();
    end = bench_now() + (uint64_t)(job->seconds * 1e9);
    pthread_barrier_wait(&start);
    for (int i = 0; i < job->clients; i++)
        pthread_join(clients[i].thread, NULL);
    cpu = bench_cpu() - cpu;
    commits = writer->commits(self) - commits;
    add_up(job, clients, out);
    out->cpu = (double)cpu / 1e3 / (double)out->done;
    out->group = commits == 0 ? 1.0 : (double)out->done / (double)commits;
    out->busy = writer->busy(self);
    writer->close(self);
    pthread_barrier_destroy(&start);
    free(clients);
}
