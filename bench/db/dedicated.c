/* SPDX-License-Identifier: MIT */

/* The peer that careful programs write: one thread owns the only writing connection. Clients queue
 * their transactions under a mutex and sleep; the thread takes all that queue, runs each inside a
 * savepoint, commits once, and wakes them. It checkpoints off the commit path, as skep does.
 *
 * Waking. All clients of one group sleep on the same futex word, so one system call wakes them all.
 * Two words are enough, used in turn: group n+2 cannot form before group n+1 was taken, which is
 * after the sleepers of group n were woken.
 *
 * Checkpoints. A second thread, woken when the WAL reaches 1000 pages, copies pages back while
 * commits go on. The WAL is recycled only by a commit that finds everything copied, and under load
 * that never happens by itself; so once few pages are left the writer copies the rest between two
 * groups, where nobody can append. */

#include "bench.h"
#include "plain.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CHECKPOINT_PAGES = 1000, /* start copying back at this length */
    CHECKPOINT_REST = 200,   /* the writer copies so many itself */
    CHECKPOINT_PASSES = 5    /* then it must in any case */
};

typedef struct call {
    struct call *next;
    const bench_tx *tx;
    atomic_bool done;
} call;

typedef struct dedicated {
    pthread_mutex_t lock;
    pthread_cond_t work; /* the queue has become non-empty, or close */
    pthread_cond_t copy; /* the WAL is long enough to copy back, or close */
    call *head;          /* this and below: under lock */
    call **tail;
    unsigned forming; /* which word the callers of the next group sleep on */
    bool idle;        /* the writer sleeps */
    bool closing;
    bool long_wal;
    atomic_bool finish; /* the checkpointer asks the writer for the last pages */
    atomic_uint word[2];

    bench_small small; /* this and below: the writer's */
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *savepoint;
    sqlite3_stmt *release;
    int wal_pages;
    atomic_ullong groups;

    sqlite3 *copier; /* the checkpointer's connection */
    pthread_t writer_thread;
    pthread_t copier_thread;
} dedicated;

static void wake_all(atomic_uint *word)
{
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Returns the pages that are still only in the WAL. */
static int copy_back(sqlite3 *db)
{
    int length = 0;
    int copied = 0;
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &length, &copied);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        bench_die("checkpoint: %s", sqlite3_errmsg(db));
    return rc == SQLITE_OK ? length - copied : INT_MAX;
}

static void *copier_main(void *arg)
{
    dedicated *self = arg;
    pthread_mutex_lock(&self->lock);
    while (true) {
        while (!self->long_wal && !self->closing)
            pthread_cond_wait(&self->copy, &self->lock);
        if (self->closing)
            break;
        pthread_mutex_unlock(&self->lock);
        int rest = INT_MAX;
        for (int pass = 0; pass < CHECKPOINT_PASSES && rest > CHECKPOINT_REST; pass++)
            rest = copy_back(self->copier);
        atomic_store(&self->finish, true);
        pthread_mutex_lock(&self->lock);
        self->long_wal = false;
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((dedicated *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static void run_group(dedicated *self, const call *first)
{
    bench_must(self->db, self->begin);
    for (const call *c = first; c != NULL; c = c->next) {
        bench_must(self->db, self->savepoint);
        bench_small_run(&self->small, c->tx);
        bench_must(self->db, self->release);
    }
    bench_must(self->db, self->commit);
    atomic_fetch_add_explicit(&self->groups, 1, memory_order_relaxed);
}

/* A call lives on its caller's stack, which is gone as soon as `done` is seen. */
static void answer(call *first)
{
    for (call *next; first != NULL; first = next) {
        next = first->next;
        atomic_store_explicit(&first->done, true, memory_order_release);
    }
}

static void look_after_wal(dedicated *self)
{
    if (atomic_load(&self->finish)) {
        atomic_store(&self->finish, false);
        copy_back(self->db);
        self->wal_pages = 0;
        return;
    }
    if (self->wal_pages < CHECKPOINT_PAGES)
        return;
    pthread_mutex_lock(&self->lock);
    if (!self->long_wal && !atomic_load(&self->finish)) {
        self->long_wal = true;
        pthread_cond_signal(&self->copy);
    }
    pthread_mutex_unlock(&self->lock);
}

/* The next group, or NULL at the end. Sleeps, never spins: on few cores a spinning writer keeps the
 * clients from queueing and the kernel from finishing the sync. */
static call *take(dedicated *self, unsigned *word)
{
    pthread_mutex_lock(&self->lock);
    while (self->head == NULL && !self->closing) {
        self->idle = true;
        pthread_cond_wait(&self->work, &self->lock);
    }
    self->idle = false;
    call *first = self->head;
    self->head = NULL;
    self->tail = &self->head;
    *word = self->forming;
    self->forming ^= 1u;
    pthread_mutex_unlock(&self->lock);
    return first;
}

static void *writer_main(void *arg)
{
    dedicated *self = arg;
    unsigned word = 0;
    for (call *first = take(self, &word); first != NULL; first = take(self, &word)) {
        run_group(self, first);
        answer(first);
        wake_all(&self->word[word]);
        look_after_wal(self);
    }
    return NULL;
}

static void *dedicated_open(const bench_job *job)
{
    dedicated *self = bench_calloc(1, sizeof(*self));
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->work, NULL);
    pthread_cond_init(&self->copy, NULL);
    self->tail = &self->head;
    self->db = bench_connect(job->path, job->mode, BENCH_NO_CHECKPOINT);
    self->copier = bench_connect(job->path, job->mode, BENCH_NO_CHECKPOINT);
    sqlite3_wal_hook(self->db, on_commit, self);
    bench_small_prepare(&self->small, self->db);
    self->begin = bench_prepare(self->db, "BEGIN IMMEDIATE");
    self->commit = bench_prepare(self->db, "COMMIT");
    self->savepoint = bench_prepare(self->db, "SAVEPOINT one");
    self->release = bench_prepare(self->db, "RELEASE one");
    if (pthread_create(&self->writer_thread, NULL, writer_main, self) != 0 ||
        pthread_create(&self->copier_thread, NULL, copier_main, self) != 0)
        bench_die("no thread");
    return self;
}

static void dedicated_write(void *arg, int client, bench_tx *tx)
{
    (void)client;
    dedicated *self = arg;
    call mine = {.tx = tx};
    pthread_mutex_lock(&self->lock);
    *self->tail = &mine;
    self->tail = &mine.next;
    atomic_uint *word = &self->word[self->forming];
    unsigned seen = atomic_load(word);
    bool wake = self->idle;
    self->idle = false;
    pthread_mutex_unlock(&self->lock);
    if (wake)
        pthread_cond_signal(&self->work);
    while (!atomic_load_explicit(&mine.done, memory_order_acquire))
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static uint64_t dedicated_commits(void *self)
{
    return atomic_load(&((dedicated *)self)->groups);
}

static uint64_t dedicated_busy(void *self)
{
    (void)self;
    return 0;
}

static void dedicated_close(void *arg)
{
    dedicated *self = arg;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_signal(&self->work);
    pthread_cond_signal(&self->copy);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->writer_thread, NULL);
    pthread_join(self->copier_thread, NULL);
    bench_small_finalize(&self->small);
    sqlite3_finalize(self->begin);
    sqlite3_finalize(self->commit);
    sqlite3_finalize(self->savepoint);
    sqlite3_finalize(self->release);
    sqlite3_close(self->copier);
    sqlite3_close(self->db);
    free(self);
}

const bench_writer bench_dedicated = {
    .name = "dedicated",
    .open = dedicated_open,
    .write = dedicated_write,
    .commits = dedicated_commits,
    .busy = dedicated_busy,
    .close = dedicated_close,
};
