/* SPDX-License-Identifier: MIT */

/* Our side, through the public API only. */

#include "bench.h"

#include <skep/skep.h>

#include <stdlib.h>
#include <string.h>

static const char insert_sql[] = BENCH_SQL_INSERT;
static const char update_sql[] = BENCH_SQL_UPDATE;
static const char point_sql[] = BENCH_SQL_POINT;

static void must(int rc, const char *what)
{
    if (rc < 0)
        bench_die("skep: %s: %s: %s", what, skep_code_name(rc), skep_last_error()->text);
}

static int small_tx(skep_tx *tx, void *arg)
{
    const bench_tx *small = arg;
    int rc = skep_exec(tx, insert_sql, SKEP_V(small->account), SKEP_V(small->amount),
                       skep_blob(small->note, BENCH_NOTE_BYTES));
    if (rc < 0)
        return rc;
    return skep_exec(tx, update_sql, SKEP_V(small->amount), SKEP_V(small->account));
}

skep_key *bench_skep_key(const bench_job *job)
{
    skep_key *key = NULL;
    if (strcmp(job->mode, "passphrase") == 0)
        must(skep_key_passphrase(skep_slice_str(BENCH_PASSPHRASE), &key), "key");
    else if (bench_sealed(job))
        must(skep_key_raw(BENCH_KEY, SKEP_KEY_BYTES, &key), "key");
    return key;
}

static void *open_as(const bench_job *job, skep_db_opts *opts)
{
    skep_db *db = NULL;
    skep_key *key = bench_skep_key(job);
    opts->key = key;
    opts->cipher = key != NULL ? SKEP_CIPHER_AEGIS : 0;
    must(skep_db_open(job->path, opts, &db), "open");
    skep_key_free(key);
    return db;
}

static void *writer_open(const bench_job *job)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.synchronous = strcmp(job->mode, "normal") == 0 ? SKEP_SYNC_NORMAL : SKEP_SYNC_FULL;
    return open_as(job, &opts);
}

static void writer_write(void *self, int client, bench_tx *tx)
{
    (void)client;
    must(skep_write(self, small_tx, tx), "write");
}

static uint64_t writer_commits(void *self)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    must(skep_db_get_stats(self, &stats), "stats");
    return stats.groups;
}

static uint64_t writer_busy(void *self)
{
    (void)self;
    return 0;
}

static void db_close(void *self)
{
    must(skep_db_close(self), "close");
}

const bench_writer bench_skep = {
    .name = "skep",
    .open = writer_open,
    .write = writer_write,
    .commits = writer_commits,
    .busy = writer_busy,
    .close = db_close,
};

static int load(skep_tx *tx, void *arg)
{
    (void)arg;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT sum(bytes), sum(length(name)) FROM item");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    skep_rows_close(rows);
    return rc < 0 ? rc : 0;
}

/* One thread reads, so one reading connection, and memory for it to hold the table. */
static void *reader_open(const bench_job *job)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = 1;
    opts.cache_bytes = (uint64_t)1 << 30;
    skep_db *db = open_as(job, &opts);
    must(skep_read(db, load, NULL), "read");
    return db;
}

typedef struct point {
    int64_t id;
    int64_t bytes;
} point;

static int read_point(skep_tx *tx, void *arg)
{
    point *p = arg;
    p->bytes = -1;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, point_sql, SKEP_V(p->id));
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0 && skep_column_text(rows, 0).len > 0)
        p->bytes = skep_column_int(rows, 1);
    skep_rows_close(rows);
    return rc < 0 ? rc : 0;
}

static void read_single(void *self, bench_reading *reading)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.flags = SKEP_CALL_SINGLE;
    point p = {0};
    while ((p.id = bench_reading_next(reading)) != 0) {
        must(skep_read_with(self, read_point, &p, &opts), "read");
        bench_reading_found(reading, p.id, p.bytes);
    }
}

static int read_many(skep_tx *tx, void *arg)
{
    bench_reading *reading = arg;
    point p = {0};
    while ((p.id = bench_reading_next(reading)) != 0) {
        int rc = read_point(tx, &p);
        if (rc < 0)
            return rc;
        bench_reading_found(reading, p.id, p.bytes);
    }
    return 0;
}

static void read_held(void *self, bench_reading *reading)
{
    must(skep_read(self, read_many, reading), "read");
}

/* Each read by itself, on a snapshot that a lease holds. */
static void read_lease(void *self, bench_reading *reading)
{
    skep_lease *lease = NULL;
    must(skep_lease_open(self, NULL, &lease), "lease");
    point p = {0};
    while ((p.id = bench_reading_next(reading)) != 0) {
        must(skep_lease_read(lease, read_point, &p), "read");
        bench_reading_found(reading, p.id, p.bytes);
    }
    skep_lease_close(lease);
}

/* A cache that holds a hundredth of the table: every page comes from the file, and is decrypted. */
static void *scan_open(const bench_job *job)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = 1;
    opts.cache_bytes = 1 << 20;
    return open_as(job, &opts);
}

/* Rows are what is counted: the table is read again and again. */
static void read_scan(void *self, bench_reading *reading)
{
    do {
        uint64_t started = bench_now();
        must(skep_read(self, load, NULL), "read");
        bench_hist_add(&reading->hist, bench_now() - started);
        reading->done += BENCH_ITEMS;
    } while (bench_now() < reading->end);
}

const bench_reader bench_skep_lease = {"skep", reader_open, read_lease, db_close};
const bench_reader bench_skep_scan = {"skep", scan_open, read_scan, db_close};
const bench_reader bench_skep_single = {"skep", reader_open, read_single, db_close};
const bench_reader bench_skep_held = {"skep", reader_open, read_held, db_close};

uint64_t bench_skep_open_once(const char *path, const skep_key *key)
{
    skep_db *db = NULL;
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = key;
    opts.cipher = key != NULL ? SKEP_CIPHER_AEGIS : 0;
    uint64_t start = bench_now();
    must(skep_db_open(path, &opts, &db), "open");
    uint64_t took = bench_now() - start;
    db_close(db);
    return took;
}
