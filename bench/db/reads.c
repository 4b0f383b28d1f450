/* SPDX-License-Identifier: MIT */

/* Point reads and opening: the raw side, and the loops around both sides. */

#include "bench.h"
#include "plain.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 32 }; /* one read in so many is timed: the clock would cost a third of a read */

int64_t bench_item_bytes(int64_t id)
{
    return id * 37 % 10007;
}

int64_t bench_reading_next(bench_reading *r)
{
    if (r->done % SAMPLE == 0) {
        r->started = bench_now();
        if (r->started >= r->end)
            return 0;
    }
    return 1 + (int64_t)(bench_random(&r->seed) % BENCH_ITEMS);
}

void bench_reading_found(bench_reading *r, int64_t id, int64_t bytes)
{
    if (r->done % SAMPLE == 0)
        bench_hist_add(&r->hist, bench_now() - r->started);
    if (bytes != bench_item_bytes(id))
        bench_die("item %lld holds %lld", (long long)id, (long long)bytes);
    r->done++;
}

typedef struct raw {
    sqlite3 *db;
    sqlite3_stmt *point;
} raw;

static void *raw_open(const bench_job *job)
{
    raw *self = bench_calloc(1, sizeof(*self));
    self->db = bench_connect(job->path, "full", BENCH_READER | BENCH_NO_CHECKPOINT);
    self->point = bench_prepare(self->db, BENCH_SQL_POINT);
    bench_number(self->db, "SELECT sum(bytes), sum(length(name)) FROM item");
    return self;
}

static void raw_run(void *arg, bench_reading *reading)
{
    raw *self = arg;
    int64_t id;
    while ((id = bench_reading_next(reading)) != 0) {
        sqlite3_bind_int64(self->point, 1, id);
        int64_t bytes = -1;
        if (sqlite3_step(self->point) == SQLITE_ROW &&
            sqlite3_column_text(self->point, 0) != NULL && sqlite3_column_bytes(self->point, 0) > 0)
            bytes = sqlite3_column_int64(self->point, 1);
        sqlite3_reset(self->point);
        bench_reading_found(reading, id, bytes);
    }
}

static void raw_run_held(void *arg, bench_reading *reading)
{
    raw *self = arg;
    sqlite3_stmt *begin = bench_prepare(self->db, "BEGIN");
    sqlite3_stmt *commit = bench_prepare(self->db, "COMMIT");
    bench_must(self->db, begin);
    raw_run(arg, reading);
    bench_must(self->db, commit);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
}

static void raw_close(void *arg)
{
    raw *self = arg;
    sqlite3_finalize(self->point);
    sqlite3_close(self->db);
    free(self);
}

const bench_reader bench_raw_autocommit = {"raw", raw_open, raw_run, raw_close};
const bench_reader bench_raw_held = {"raw", raw_open, raw_run_held, raw_close};

static const bench_reader *reader_of(const bench_job *job)
{
    bool held = strcmp(job->mode, "held") == 0;
    if (strcmp(job->mode, "lease") == 0)
        return strcmp(job->side, "raw") == 0 ? &bench_raw_held : &bench_skep_lease;
    if (strcmp(job->mode, "scan") == 0)
        return &bench_skep_scan;
    if (strncmp(job->side, "skep", 4) == 0)
        return held ? &bench_skep_held : &bench_skep_single;
    return held ? &bench_raw_held : &bench_raw_autocommit;
}

void bench_run_read(const bench_job *job, bench_result *out)
{
    const bench_reader *reader = reader_of(job);
    void *self = reader->open(job);
    bench_reading *reading = bench_calloc(1, sizeof(*reading));
    bench_wait_for_go();
    uint64_t cpu = bench_cpu();
    uint64_t start = bench_now();
    reading->seed = start;
    reading->end = start + (uint64_t)(job->seconds * 1e9);
    reader->run(self, reading);
    double took = (double)(bench_now() - start);
    out->cpu = (double)(bench_cpu() - cpu) / 1e3 / (double)reading->done;
    out->done = reading->done;
    out->per_s = (double)reading->done * 1e9 / took;
    bench_hist_result(&reading->hist, out);
    reader->close(self);
    free(reading);
}

uint64_t bench_raw_open_once(const char *path)
{
    uint64_t start = bench_now();
    sqlite3 *db = bench_connect(path, "full", 0);
    uint64_t took = bench_now() - start;
    sqlite3_close(db);
    return took;
}

void bench_run_open(const bench_job *job, bench_result *out)
{
    bool skep = strncmp(job->side, "skep", 4) == 0;
    struct skep_key *key = bench_skep_key(job);
    bench_hist *hist = bench_calloc(1, sizeof(*hist));
    bench_wait_for_go();
    uint64_t cpu = bench_cpu();
    uint64_t end = bench_now() + (uint64_t)(job->seconds * 1e9);
    uint64_t sum = 0;
    while (bench_now() < end) {
        uint64_t took =
            skep ? bench_skep_open_once(job->path, key) : bench_raw_open_once(job->path);
        bench_hist_add(hist, took);
        sum += took;
    }
    out->cpu = (double)(bench_cpu() - cpu) / 1e3 / (double)hist->count;
    out->done = hist->count;
    out->per_s = (double)hist->count * 1e9 / (double)sum;
    bench_hist_result(hist, out);
    free(hist);
}
