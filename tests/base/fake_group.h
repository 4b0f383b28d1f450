/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BASE_FAKE_GROUP_H
#define TESTS_BASE_FAKE_GROUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/queue.h"

/* Something that begins, runs, commits and rolls back, for the queue to lead: a list of numbers. It
 * checks the order of what it is asked for, and keeps what was committed. */

#define FAKE_KEPT_MAX 4096

typedef enum fake_plan {
    FAKE_KEEP,
    FAKE_UNDO,      /* fails alone, each time */
    FAKE_LOSE,      /* takes the transaction with it, each time */
    FAKE_LOSE_ONCE, /* the first time only */
    FAKE_BAD_COMMIT /* a commit that has it in fails */
} fake_plan;

typedef struct fake_call fake_call;
struct fake_call {
    skep__req req;
    int id; /* its answer, when it is kept: more than 0 */
    fake_plan plan;
    void (*in_run)(fake_call *call); /* may be NULL */
    void *ctx;

    int runs;
    bool alone; /* what the last run was told */
    pthread_t ran_in;
    pthread_t caller;
    int answer;
    skep_err err; /* the caller's detail, when the answer is negative */
    skep__thread thread;
    struct fake *fake;
    uint64_t stamp;      /* number of its commit, with SKEP__REQ_STAMP */
    skep__word answered; /* 1: it was asynchronous, and has its answer */
};

typedef struct fake {
    skep__queue queue;
    int begin_rc; /* negative: the next begin fails so, once */
    int commit_rc;

    bool open;  /* a transaction is */
    bool dirty; /* work of an undone call is still in it */
    int tx[SKEP__QUEUE_GROUP_MAX];
    bool tx_bad[SKEP__QUEUE_GROUP_MAX];
    size_t tx_count;

    int begins;
    int rollbacks;
    uint64_t commits;
    int ids[FAKE_KEPT_MAX];     /* all that is committed, in order */
    uint64_t of[FAKE_KEPT_MAX]; /* and in which commit */
    size_t count;
    size_t held; /* as told to `committed` */

    skep__thread thread; /* leads for what was posted */
    skep__deputy deputy;
    skep__word deputy_word;
    atomic_bool stop;
    _Atomic uint64_t again; /* how often something waited again */
    atomic_bool go;
} fake;

extern const skep__group_ops fake_ops;

void fake_init(fake *f, size_t group_max);
void fake_dispose(fake *f);

/* Start `call` in a thread of its own; the answer is there after fake_join(). */
void fake_start(fake *f, fake_call *call);
void fake_join(fake_call *call);
int fake_submit(fake *f, fake_call *call); /* in this thread */

/* Start the thread that leads for what is posted; needed only where several threads post. */
void fake_deputize(fake *f);
/* Submit `n` calls without waiting; a thread leads for them. fake_wait() waits for the answer. */
void fake_post(fake *f, fake_call *calls, size_t n);
void fake_wait(fake_call *call);

/* Occupy the queue: `blocker` leads, and its run waits for fake_unblock(). Calls that are started
 * with fake_queue() meanwhile queue in that order. */
void fake_block(fake *f, fake_call *blocker);
void fake_queue(fake *f, fake_call *calls, size_t n);
void fake_unblock(fake *f);
/* All of it: block, queue, unblock, wait for all. The blocker is the first commit. */
void fake_group(fake *f, fake_call *calls, size_t n);

/* In which commit is it, counted from 1? 0: in none. */
uint64_t fake_commit_of(const fake *f, int id);
/* How often was `id` committed? */
size_t fake_times(const fake *f, int id);

#endif
