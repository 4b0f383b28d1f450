/* SPDX-License-Identifier: MIT */
/* The databases of the bench, and what is done with them. */
#include "cli/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/show/text.h"
#include "cli/stop.h"

#define BLOCK 4096
#define BLOCKS 1024 /* that are written over and over, as a WAL is */
#define NOTE_BYTES 100
#define HELD_AT_ONCE 1000 /* reads between two looks at the clock */
#define CACHE_BYTES ((uint64_t)64 << 20)

/* One thread of a slice. */
typedef struct worker {
    bench *b;
    const bench_row *row;
    pthread_t thread;
    uint64_t seed;
    uint64_t until_ns;
    uint64_t done;
    uint64_t ended_ns;
    bool failed;
    skep_err err;
    unsigned char block[BLOCK];
} worker;

static uint64_t dice(worker *w)
{
    uint64_t z = (w->seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- databases ---- */

static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE item (id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL,"
                           " name TEXT NOT NULL)");
    if (rc >= 0)
        rc = skep_exec(tx, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    if (rc >= 0)
        rc = skep_exec(tx,
                       "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?)"
                       " INSERT INTO item SELECT i, 0, printf('item number %08d', i) FROM n",
                       SKEP_V(BENCH_ITEMS));
    return rc;
}

static cli_exit open_one(bench *b, bench_file file)
{
    static const char *const names[] = {"full.db", "normal.db", "full-key.db", "normal-key.db"};
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    char path[CLI_TEMPDIR_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/%s", b->dir.path, names[file]);
    bool full = file == BENCH_FULL || file == BENCH_FULL_KEY;
    opts.synchronous = full ? SKEP_SYNC_FULL : SKEP_SYNC_NORMAL;
    opts.key = file >= BENCH_FULL_KEY ? b->key : NULL;
    opts.readers = 1; /* it gets half of the cache: all that is read lies in it */
    opts.cache_bytes = CACHE_BYTES;
    opts.flags = SKEP_DB_UNATTENDED;
    opts.slow_statement_ms = 3600000; /* what fills the tables is no news */
    if (skep_db_open(path, &opts, &b->dbs[file]) >= 0 && skep_write(b->dbs[file], fill, NULL) >= 0)
        return CLI_DONE;
    return cli_fail(b->ui);
}

static cli_exit open_sync_file(bench *b)
{
    char path[CLI_TEMPDIR_MAX + 32];
    static const unsigned char block[BLOCK];
    (void)snprintf(path, sizeof(path), "%s/sync", b->dir.path);
    b->sync_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (off_t i = 0; b->sync_fd >= 0 && i < BLOCKS; i++)
        if (pwrite(b->sync_fd, block, BLOCK, i * BLOCK) != BLOCK)
            return cli_fail_errno(b->ui, errno != 0 ? errno : EIO, "write to", path);
    if (b->sync_fd < 0 || fsync(b->sync_fd) != 0)
        return cli_fail_errno(b->ui, errno, "write to", path);
    return CLI_DONE;
}

cli_exit bench_open(bench *b)
{
    cli_exit status = open_sync_file(b);
    int rc = skep_key_generate(&b->key);
    b->no_key = rc == SKEP_EUNSUPPORTED;
    if (rc < 0 && !b->no_key && status == CLI_DONE)
        return cli_fail(b->ui);
    for (int i = 0; i < BENCH_FILES && status == CLI_DONE && !cli_stopping(); i++)
        if (i < BENCH_FULL_KEY || !b->no_key)
            status = open_one(b, (bench_file)i);
    return status;
}

void bench_close(bench *b)
{
    for (int i = 0; i < BENCH_FILES; i++)
        (void)skep_db_close(b->dbs[i]);
    if (b->sync_fd >= 0)
        (void)close(b->sync_fd);
    skep_key_free(b->key);
}

/* ---- work ---- */

static int write_one(skep_tx *tx, void *arg)
{
    static const char note[] = "A note of a hundred bytes, as it may stand in the journal of some"
                               " program that writes what it did...";
    _Static_assert(sizeof(note) == NOTE_BYTES + 1, "what the manual says");
    const int64_t *id = arg;
    int rc = skep_exec(tx, "INSERT INTO note (text) VALUES (?)", SKEP_V(note));
    if (rc < 0)
        return rc;
    return skep_exec(tx, "UPDATE item SET bytes = bytes + 1 WHERE id = ?", SKEP_V(*id));
}

static int read_item(skep_tx *tx, int64_t id)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT name, bytes FROM item WHERE id = ?", SKEP_V(id));
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    skep_rows_close(rows);
    return rc;
}

static int read_one(skep_tx *tx, void *arg)
{
    const int64_t *id = arg;
    return read_item(tx, *id);
}

static int read_many(skep_tx *tx, void *arg)
{
    worker *w = arg;
    int rc = SKEP_OK;
    while (rc >= 0 && cli_now_ns() < w->until_ns && !cli_stopping())
        for (int i = 0; i < HELD_AT_ONCE && rc >= 0; i++) {
            rc = read_item(tx, (int64_t)(dice(w) % BENCH_ITEMS) + 1);
            w->done++;
        }
    return rc;
}

static int sync_one(worker *w)
{
    memset(w->block, (int)(w->done & 0xff), sizeof(w->block));
    off_t at = (off_t)(w->done % BLOCKS) * BLOCK;
    errno = 0;
    if (pwrite(w->b->sync_fd, w->block, BLOCK, at) == BLOCK && fdatasync(w->b->sync_fd) == 0)
        return SKEP_OK;
    w->err = (skep_err){.code = SKEP_EIO, .sys_errno = errno};
    (void)snprintf(w->err.text, sizeof(w->err.text), "fdatasync of a file: errno %d", errno);
    return SKEP_EIO;
}

static int do_one(worker *w)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    skep_db *db = w->row->file == BENCH_NO_FILE ? NULL : w->b->dbs[w->row->file];
    int64_t id = (int64_t)(dice(w) % BENCH_ITEMS) + 1;
    int rc = SKEP_OK;
    switch (w->row->work) {
    case BENCH_SYNC:
        return sync_one(w);
    case BENCH_WRITE:
        rc = skep_write(db, write_one, &id);
        break;
    case BENCH_READ:
        opts.flags = SKEP_CALL_SINGLE;
        rc = skep_read_with(db, read_one, &id, &opts);
        break;
    case BENCH_READ_HELD:
        return skep_read(db, read_many, w); /* counts by itself, to the end of the slice */
    }
    if (rc < 0)
        w->err = *skep_last_error();
    return rc;
}

static void *run(void *arg)
{
    worker *w = arg;
    bool held = w->row->work == BENCH_READ_HELD;
    while (!w->failed && cli_now_ns() < w->until_ns && !cli_stopping()) {
        w->failed = do_one(w) < 0;
        w->done += !held;
    }
    w->ended_ns = cli_now_ns();
    return NULL;
}

static cli_exit run_workers(bench *b, worker *workers, const bench_row *row, double *rate)
{
    uint64_t begun = cli_now_ns();
    uint64_t done = 0;
    uint64_t ended = begun + 1;
    int started = 0;
    int rc = 0;
    for (; started < row->threads && rc == 0; started += rc == 0) {
        worker *w = &workers[started];
        w->b = b;
        w->row = row;
        w->seed = begun + (uint64_t)started * 7919;
        w->until_ns = begun + b->slice_ns;
        rc = pthread_create(&w->thread, NULL, run, w);
    }
    for (int i = 0; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    if (rc != 0)
        return cli_fail_errno(b->ui, rc, "start", "a thread");
    for (int i = 0; i < started; i++) {
        if (workers[i].failed)
            return cli_fail_err(b->ui, &workers[i].err);
        done += workers[i].done;
        ended = workers[i].ended_ns > ended ? workers[i].ended_ns : ended;
    }
    *rate = (double)done * 1e9 / (double)(ended - begun);
    return CLI_DONE;
}

cli_exit bench_slice(bench *b, size_t row)
{
    bench_figures *figures = &b->figures[row];
    const bench_row *what = &bench_rows[row];
    if (what->file != BENCH_NO_FILE && b->dbs[what->file] == NULL)
        return CLI_DONE; /* it is told why */
    worker *workers = calloc((size_t)what->threads, sizeof(*workers));
    if (workers == NULL)
        return cli_fail_memory(b->ui);
    cli_exit status = run_workers(b, workers, what, &figures->rate[figures->rounds]);
    free(workers);
    figures->rounds += status == CLI_DONE;
    return status;
}
