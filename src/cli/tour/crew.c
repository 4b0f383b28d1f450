/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS 20000000L

/* What the threads of one run share. Everything but the atomics is set before they start. */
typedef struct crew {
    const tour_job *job;
    uint64_t begun_ns;
    uint32_t *us;        /* of each file: from the call to the answer */
    _Atomic size_t next; /* the file to take */
    _Atomic size_t done;
    _Atomic int running;
    _Atomic bool failed;
    pthread_mutex_t lock; /* of what follows */
    skep_err err;
} crew;

typedef struct member {
    crew *crew;
    skep_db *db;
    pthread_t thread;
    uint64_t ended_ns;
} member;

static int create_table(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx,
                     "CREATE TABLE IF NOT EXISTS file (id INTEGER PRIMARY KEY, path TEXT NOT NULL,"
                     " ext TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,"
                     " mode INTEGER NOT NULL)");
}

skep_db_opts tour_opts(void)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.slow_statement_ms = 3600000; /* a question that takes long is timed and shown, no news */
    return opts;
}

int tour_create_table(skep_db *db)
{
    return skep_write(db, create_table, NULL);
}

typedef struct entry {
    int64_t id;
    const tour_file *file;
} entry;

static int record(skep_tx *tx, void *arg)
{
    const entry *e = arg;
    return skep_exec(tx,
                     "INSERT INTO file (id, path, ext, size, mtime, mode)"
                     " VALUES (?, ?, ?, ?, ?, ?)",
                     SKEP_V(e->id), SKEP_V(e->file->path), SKEP_V(tour_extension(e->file->path)),
                     SKEP_V(e->file->size), SKEP_V(e->file->mtime), SKEP_V(e->file->mode));
}

static void fail(crew *c, const skep_err *err)
{
    (void)pthread_mutex_lock(&c->lock);
    if (!atomic_load(&c->failed))
        c->err = *err;
    atomic_store(&c->failed, true);
    (void)pthread_mutex_unlock(&c->lock);
}

/* A whole number at a time: so short a write to a pipe is never split. */
static bool acknowledge(int fd, uint32_t number)
{
    if (fd < 0)
        return true;
    for (;;) {
        ssize_t wrote = write(fd, &number, sizeof(number));
        if (wrote == (ssize_t)sizeof(number))
            return true;
        if (wrote >= 0 || errno != EINTR)
            return false;
    }
}

static void *work(void *arg)
{
    member *m = arg;
    crew *c = m->crew;
    const tour_job *job = c->job;
    while (!atomic_load(&c->failed) && !tour_stopping() &&
           cli_now_ns() - c->begun_ns < job->take_ns) {
        size_t i = atomic_fetch_add(&c->next, 1);
        if (i >= job->limit)
            break;
        entry e = {(int64_t)i + 1, &job->files->list[i]};
        uint64_t asked = cli_now_ns();
        if (skep_write(m->db, record, &e) < 0) {
            fail(c, skep_last_error());
            break;
        }
        c->us[i] = (uint32_t)((cli_now_ns() - asked) / 1000);
        atomic_fetch_add(&c->done, 1);
        if (!acknowledge(job->ack_fd, (uint32_t)i))
            break;
    }
    m->ended_ns = cli_now_ns();
    atomic_fetch_sub(&c->running, 1);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* A file that was taken was also answered, so the answered ones are the first `done`: a member
 * leaves a gap only when it fails, and then there are no figures. */
static void sum_up(crew *c, const member *members, int count, tour_figures *out)
{
    size_t n = atomic_load(&c->done);
    memset(out, 0, sizeof(*out));
    out->done = n;
    for (int i = 0; i < count; i++)
        if (members[i].ended_ns - c->begun_ns > out->took_ns)
            out->took_ns = members[i].ended_ns - c->begun_ns;
    if (n == 0)
        return;
    qsort(c->us, n, sizeof(*c->us), by_value);
    out->p50_ns = (uint64_t)c->us[n / 2] * 1000;
    out->p999_ns = (uint64_t)c->us[(size_t)((double)(n - 1) * 0.999)] * 1000;
    out->max_ns = (uint64_t)c->us[n - 1] * 1000;
}

static void watch(const cli_ui *ui, crew *c)
{
    cli_progress progress;
    cli_progress_begin(&progress, ui, c->job->label, "files", c->job->limit);
    progress.delay_ns = 0;
    while (atomic_load(&c->running) > 0) {
        struct timespec pause = {0, LOOK_EVERY_NS};
        (void)nanosleep(&pause, NULL);
        cli_progress_at(&progress, atomic_load(&c->done));
    }
    cli_progress_end(&progress);
}

/* Commits that the handles have done since they were opened. */
static uint64_t commits(const tour_job *job)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < job->db_count; i++) {
        skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
        if (skep_db_get_stats(job->dbs[i], &stats) >= 0)
            sum += stats.groups;
    }
    return sum;
}

static cli_exit run_members(const cli_ui *ui, crew *c, tour_figures *out)
{
    member members[TOUR_THREADS] = {{0}};
    int started = 0;
    int rc = 0;
    c->begun_ns = cli_now_ns();
    for (; started < TOUR_THREADS && rc == 0; started++) {
        members[started].crew = c;
        members[started].db = c->job->dbs[(size_t)started % c->job->db_count];
        atomic_fetch_add(&c->running, 1);
        rc = pthread_create(&members[started].thread, NULL, work, &members[started]);
        if (rc != 0) {
            atomic_fetch_sub(&c->running, 1);
            atomic_store(&c->failed, true);
            break;
        }
    }
    watch(ui, c);
    for (int i = 0; i < started; i++)
        (void)pthread_join(members[i].thread, NULL);
    if (rc != 0)
        return cli_fail_errno(ui, rc, "start", "a thread");
    if (atomic_load(&c->failed))
        return cli_fail_err(ui, &c->err);
    sum_up(c, members, started, out);
    return CLI_DONE;
}

cli_exit tour_crew(const cli_ui *ui, const tour_job *job, tour_figures *out)
{
    crew c = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
    uint64_t before = commits(job);
    c.us = calloc(job->limit + 1, sizeof(*c.us));
    if (c.us == NULL)
        return cli_fail_memory(ui);
    cli_exit status = run_members(ui, &c, out);
    if (status == CLI_DONE)
        out->commits = commits(job) - before;
    free(c.us);
    return status;
}

double tour_rate(const tour_figures *figures)
{
    return figures->took_ns > 0 ? (double)figures->done * 1e9 / (double)figures->took_ns : 0;
}

double tour_group(const tour_figures *figures)
{
    return figures->commits > 0 ? (double)figures->done / (double)figures->commits : 0;
}
