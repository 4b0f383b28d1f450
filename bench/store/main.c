/* SPDX-License-Identifier: MIT */

/* skep-bench-store: one run of one side, as a JSON line. bench/store/run takes the sides in turn.
 */

#include "store.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <skep/skep.h>

#include "../db/bench.h"

typedef struct clients {
    const store_job *job;
    const store_side *side;
    void *shared;
    const char *data;
    pthread_barrier_t start;
    _Atomic uint64_t end;
    pthread_mutex_t mutex;
    bench_hist hist;
    uint64_t done;
    uint64_t last; /* when the last call ended */
    int count;
} clients;

static void key_of(int client, uint64_t i, char key[32])
{
    (void)snprintf(key, 32, "c%02d-%d", client, (int)(i % STORE_KEYS));
}

/* All clients read the same objects; each writes its own. */
static void one_call(clients *c, void *self, int client, uint64_t i, char *buffer)
{
    char key[32];
    bool puts = strcmp(c->job->what, "put") == 0;
    key_of(puts ? client : 0, i, key);
    if (puts)
        c->side->put(self, key, c->data + i * 64, c->job->bytes);
    else
        c->side->get(self, key, buffer, c->job->bytes);
}

/* So that its connection is there. */
static void warm_up(clients *c, void *self, int client, char *buffer)
{
    if (strcmp(c->job->what, "put") == 0)
        c->side->put(self, "warm", c->data, 4096 < c->job->bytes ? 4096 : c->job->bytes);
    else
        one_call(c, self, client, 0, buffer);
}

static void *client_main(void *ctx)
{
    clients *c = ctx;
    bench_hist *hist = bench_calloc(1, sizeof(*hist));
    char *buffer = bench_calloc(1, c->job->bytes);
    void *self = c->side->open(c->shared);
    (void)pthread_mutex_lock(&c->mutex);
    int client = c->count++;
    (void)pthread_mutex_unlock(&c->mutex);
    warm_up(c, self, client, buffer);
    (void)pthread_barrier_wait(&c->start);
    uint64_t done = 0;
    uint64_t now = bench_now();
    while (now < atomic_load(&c->end) && done < c->job->most) {
        one_call(c, self, client, ++done % STORE_KEYS, buffer);
        uint64_t then = bench_now();
        bench_hist_add(hist, then - now);
        now = then;
    }
    (void)pthread_mutex_lock(&c->mutex);
    bench_hist_merge(&c->hist, hist);
    c->done += done;
    c->last = now > c->last ? now : c->last;
    (void)pthread_mutex_unlock(&c->mutex);
    c->side->close(self);
    free(buffer);
    free(hist);
    return NULL;
}

/* Something to get, put by skep where it can, so that both sides read the same objects. */
static void prepare(const store_job *job, const char *data)
{
    const store_side *side = strcmp(job->side, "plain") == 0 ? &store_plain : &store_skep;
    void *shared = side->begin(job);
    void *self = side->open(shared);
    for (uint64_t i = 0; i < STORE_KEYS; i++) {
        char key[32];
        key_of(0, i, key);
        side->put(self, key, data + i * 64, job->bytes);
    }
    side->close(self);
    side->end(shared);
}

static void print(const store_job *job, const clients *c, double seconds, double cpu)
{
    bench_result r = {.done = c->done};
    bench_hist_result(&c->hist, &r);
    json_t *line = json_pack("{s:s, s:s, s:I, s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "side",
                             job->side, "what", job->what, "bytes", (json_int_t)job->bytes,
                             "clients", job->clients, "done", (json_int_t)r.done, "per_s",
                             (double)r.done / seconds, "cpu_us", cpu / 1e3 / (double)r.done,
                             "p50_us", r.p50, "p99_us", r.p99, "p999_us", r.p999, "max_us", r.max);
    if (line == NULL || json_dumpf(line, stdout, JSON_COMPACT) != 0)
        bench_die("out of memory");
    (void)putchar('\n');
    json_decref(line);
}

static void run(const store_job *job, const store_side *side)
{
    static clients c;
    pthread_t threads[STORE_CLIENTS_MAX];
    size_t len = job->bytes + 64 * STORE_KEYS;
    char *data = bench_calloc(1, len + 8);
    uint64_t state = 1;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = bench_random(&state);
        memcpy(data + i, &word, 8);
    }
    if (strcmp(job->what, "get") == 0)
        prepare(job, data);
    c.job = job;
    c.side = side;
    c.data = data;
    c.shared = side->begin(job);
    (void)pthread_barrier_init(&c.start, NULL, (unsigned)job->clients + 1);
    (void)pthread_mutex_init(&c.mutex, NULL);
    atomic_store(&c.end, UINT64_MAX);
    for (int i = 0; i < job->clients; i++) {
        if (pthread_create(&threads[i], NULL, client_main, &c) != 0)
            bench_die("no thread");
    }
    (void)pthread_barrier_wait(&c.start);
    uint64_t began = bench_now();
    uint64_t cpu = bench_cpu();
    atomic_store(&c.end, began + (uint64_t)(job->seconds * 1e9));
    for (int i = 0; i < job->clients; i++)
        (void)pthread_join(threads[i], NULL);
    print(job, &c, (double)(c.last - began) / 1e9, (double)(bench_cpu() - cpu));
    side->end(c.shared);
    free(data);
}

static int usage(void)
{
    (void)fputs("usage: skep-bench-store SIDE put|get|seal|bucket --where URI|DIR [--bytes N]\n"
                "                        [--clients N] [--seconds S] [--most N]\n",
                stderr);
    return 2;
}

int main(int argc, char **argv)
{
    store_job job = {.bytes = 4096, .clients = 1, .seconds = 1.0, .most = UINT64_MAX};
    if (argc < 3)
        return usage();
    job.side = argv[1];
    job.what = argv[2];
    for (int i = 3; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--where") == 0)
            job.where = value;
        else if (strcmp(argv[i], "--bytes") == 0)
            job.bytes = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--clients") == 0)
            job.clients = (int)strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            job.seconds = strtod(value, NULL);
        else if (strcmp(argv[i], "--most") == 0)
            job.most = strtoull(value, NULL, 10);
        else
            return usage();
    }
    if (argc % 2 == 0 || job.clients < 1 || job.clients > STORE_CLIENTS_MAX || job.bytes == 0)
        return usage();
    if (strcmp(job.what, "seal") == 0) {
        printf("{\"side\":\"%s\",\"what\":\"seal\",\"bytes\":%zu,\"clients\":1,\"per_s\":%.9g}\n",
               job.side, job.bytes, store_seal(&job));
        return 0;
    }
    if (strcmp(job.what, "bucket") == 0 && job.where != NULL) {
        store_make_bucket(&job);
        return 0;
    }
    const store_side *const sides[] = {&store_skep, &store_curl, &store_plain};
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]) && job.where != NULL; i++) {
        if (strcmp(sides[i]->name, job.side) == 0) {
            run(&job, sides[i]);
            return 0;
        }
    }
    return usage();
}
