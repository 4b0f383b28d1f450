/* SPDX-License-Identifier: MIT */

/* The peer that most programs are: a pool with a connection for every client, opened and its
 * statements prepared beforehand, so nobody ever waits for a connection. Writers meet at SQLite's
 * own lock: BEGIN IMMEDIATE with a busy timeout of 5 s, and the committer who finds 1000 pages in
 * the WAL checkpoints them. With one client this is a plain connection. */

#include "bench.h"
#include "plain.h"

#include <stdlib.h>

typedef struct pooled {
    bench_small small;
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    uint64_t busy;
    char apart[64]; /* so that two clients' counters never share a cache line */
} pooled;

typedef struct pool {
    int clients;
    pooled client[BENCH_CLIENTS_MAX];
} pool;

static void *pool_open(const bench_job *job)
{
    pool *self = bench_calloc(1, sizeof(*self));
    self->clients = job->clients;
    for (int i = 0; i < self->clients; i++) {
        pooled *c = &self->client[i];
        c->db = bench_connect(job->path, job->mode, 0);
        bench_small_prepare(&c->small, c->db);
        c->begin = bench_prepare(c->db, "BEGIN IMMEDIATE");
        c->commit = bench_prepare(c->db, "COMMIT");
    }
    return self;
}

static void pool_write(void *self, int client, bench_tx *tx)
{
    pooled *c = &((pool *)self)->client[client];
    int rc = bench_step(c->begin);
    while (rc == SQLITE_BUSY) {
        /* The busy timeout ran out; a program would try again, and its caller waits on. */
        c->busy++;
        rc = bench_step(c->begin);
    }
    if (rc != SQLITE_DONE)
        bench_die("BEGIN IMMEDIATE: %s", sqlite3_errmsg(c->db));
    bench_small_run(&c->small, tx);
    bench_must(c->db, c->commit);
}

static uint64_t pool_commits(void *self)
{
    (void)self;
    return 0;
}

static uint64_t pool_busy(void *self)
{
    const pool *p = self;
    uint64_t busy = 0;
    for (int i = 0; i < p->clients; i++)
        busy += p->client[i].busy;
    return busy;
}

static void pool_close(void *self)
{
    pool *p = self;
    for (int i = 0; i < p->clients; i++) {
        bench_small_finalize(&p->client[i].small);
        sqlite3_finalize(p->client[i].begin);
        sqlite3_finalize(p->client[i].commit);
        sqlite3_close(p->client[i].db);
    }
    free(p);
}

const bench_writer bench_pool = {
    .name = "pool",
    .open = pool_open,
    .write = pool_write,
    .commits = pool_commits,
    .busy = pool_busy,
    .close = pool_close,
};
