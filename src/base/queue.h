/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_QUEUE_H
#define SKEP__BASE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/line.h"
#include "base/thread.h"

/* Group commit by leader and followers, for anything that begins, runs, commits and rolls back.
 *
 * Many threads submit requests; one of them, the leader, runs a group of them in its own thread
 * between one begin and one commit, wakes their owners, and hands the lead to the first of those
 * that queued meanwhile. queue.c has the algorithm and why it is so.
 *
 * Threads: shared. The operations run in whichever thread leads, one group at a time; the queue's
 * lock is not held then.
 *
 * A request that is asynchronous has no thread that sleeps for it. It queues with the others and
 * shares their groups; whoever leads answers it, and where it is its turn to lead a deputy does.
 */

#define SKEP__QUEUE_GROUP_MAX 256 /* requests that may share one commit */
#define SKEP__QUEUE_GATHER_MOST 4 /* larger groups form by themselves: waiting only delays them */
#define SKEP__QUEUE_WORDS 16      /* groups ahead whose members sleep apart */

/* What became of one request's work. */
typedef enum skep__verdict {
    SKEP__KEPT,   /* it stands, and becomes durable with the group's commit */
    SKEP__UNDONE, /* it failed alone: rc and err are set, its siblings' work still stands */
    SKEP__LOST    /* it failed and took the group's transaction with it: siblings are run again */
} skep__verdict;

/* What `commit` may return besides SKEP_OK and a failure: nothing stands, and one request is to
 * blame that only a commit of each alone can find. The thread's error detail is set. */
#define SKEP__COMMIT_SPLIT 1

typedef struct skep__group_ops {
    /* Open the group's transaction; wait for it no longer than to `deadline_ns` (0: as long as the
     * operation itself likes) or until `cancel` (may be NULL) is fired. A failure is the answer of
     * each request, except that SKEP_EBUSY and SKEP_ELIMIT are tried again for those whose time has
     * not come, where some have had theirs. */
    int (*begin)(void *ctx, uint64_t deadline_ns, const skep_cancel *cancel);
    /* Run one request; `alone` says that it needs no protection from siblings: when it fails then,
     * UNDONE may leave its work to `rollback`. Failing sets req->rc and req->err. */
    skep__verdict (*run)(void *ctx, skep__req *req, bool alone);
    /* Make `kept` requests durable and number the commit. A failure is the answer of each. */
    int (*commit)(void *ctx, size_t kept, uint64_t *number);
    /* Nothing was kept, or a commit was not tried: end the transaction. */
    void (*rollback)(void *ctx);
    /* After a commit, before its callers are answered; `held` of them wait for a release. NULL. */
    void (*committed)(void *ctx, size_t kept, size_t held, uint64_t number);
    /* `req`, one with SKEP__REQ_STAMP, stands in commit `number`, the newest. NULL if there is no
     * such request. */
    void (*stamp)(void *ctx, skep__req *req, uint64_t number);
    /* Asynchronous requests, chained by `next`, have their answer, and the queue has forgotten
     * them. In any thread that comes into the queue. NULL if there is no such request. */
    void (*answered)(void *ctx, skep__req *first);
    /* An asynchronous request that had been taken waits again, to that deadline. NULL likewise. */
    void (*again)(void *ctx, uint64_t deadline_ns);
} skep__group_ops;

enum {
    SKEP__REQ_ALONE = 1u << 0, /* leads a group of one, in its own thread */
    SKEP__REQ_BARE = 1u << 1,  /* with ALONE: run it without begin and commit */
    SKEP__REQ_HOLD = 1u << 2,  /* answer only after skep__queue_release() of its commit */
    SKEP__REQ_STAMP = 1u << 3, /* it wants to know its commit */
    SKEP__REQ_ASYNC = 1u << 4  /* submitted by skep__queue_post() */
};

/* Bits of a word that a deputy sleeps on. */
#define SKEP__WORD_LEAD (1u << 30)   /* it is to lead */
#define SKEP__WORD_ASLEEP (1u << 31) /* it sleeps: waking it takes a system call */

/* A thread that leads for asynchronous requests. */
typedef struct skep__deputy {
    skep__word *word;
    skep__req *lead; /* what it is to lead, under the queue's lock */
} skep__deputy;

typedef enum skep__req_state {
    SKEP__REQ_QUEUED,
    SKEP__REQ_TAKEN, /* a leader has it: its owner waits for the true answer */
    SKEP__REQ_LEAD,  /* its owner is to lead */
    SKEP__REQ_HELD,  /* committed, not yet released */
    SKEP__REQ_DONE
} skep__req_state;

/* One request, on its owner's stack. Set the first part, zero the rest. */
struct skep__req {
    uint32_t flags;
    int32_t priority;     /* skep_priority */
    uint64_t deadline_ns; /* monotonic; 0: none */
    skep_cancel *cancel;  /* may be NULL */

    int rc;           /* the answer; negative: err is set */
    skep_err err;     /* only meaningful when rc is negative */
    uint32_t attempt; /* runs so far; `run` counts */

    _Atomic uint32_t state; /* skep__req_state */
    uint8_t progress;       /* the leader's: pending, kept or final */
    uint8_t word;           /* index of the word that its owner sleeps on */
    uint64_t number;        /* of its commit, while HELD */
    uint64_t arrival;       /* its place in the line's order; 0: it led at once */
    skep__deputy *deputy;   /* leads for it, if it is asynchronous */
    skep__req *next;
    skep__req *prev;
};

typedef struct skep__queue {
    const skep__group_ops *ops;
    void *ctx;
    size_t group_max;
    uint64_t budget_ns;     /* a group that has run for so long takes no further request */
    uint64_t gather_max_ns; /* longest wait for a full group; 0: never */

    skep__mutex mutex;
    skep__line queued SKEP__GUARDED_BY(mutex);
    skep__req_list held SKEP__GUARDED_BY(mutex);
    bool busy SKEP__GUARDED_BY(mutex);          /* somebody leads */
    bool closed SKEP__GUARDED_BY(mutex);        /* new requests are refused */
    uint32_t group SKEP__GUARDED_BY(mutex);     /* number of the newest group taken */
    size_t expected SKEP__GUARDED_BY(mutex);    /* requests that the next group will likely have */
    size_t gather_need SKEP__GUARDED_BY(mutex); /* queue length that ends a gather; 0: none on */
    uint64_t released SKEP__GUARDED_BY(mutex);  /* newest commit released with success */
    uint64_t commit_avg_ns;                     /* only whoever leads touches it */

    /* Words to sleep on: followers of a group share one, its leader-to-be has its own. */
    skep__word words[2 * SKEP__QUEUE_WORDS];
    skep__word held_word;
    skep__word gather_word;
    skep__word idle_word; /* bumped when the lead is given up with an empty queue */
} skep__queue;

typedef struct skep__queue_opts {
    size_t group_max;       /* 1..SKEP__QUEUE_GROUP_MAX */
    uint64_t budget_ns;     /* 0: none */
    uint64_t gather_max_ns; /* 0: do not gather */
} skep__queue_opts;

int skep__queue_init(skep__queue *q, const skep__group_ops *ops, void *ctx,
                     const skep__queue_opts *opts);
/* No thread may be inside any more. */
void skep__queue_dispose(skep__queue *q);

/* Submit, wait, and return the answer with its detail installed. TIMEOUT and CANCELLED before the
 * request began mean that it never ran; afterwards they come from `run` itself. */
int skep__queue_submit(skep__queue *q, skep__req *req);

/* Submit asynchronous requests, chained by `next`, in this order and with one wake-up. When nobody
 * leads `deputy` is to. The answers go to `answered`; the one failure is SKEP_ECLOSED. */
int skep__queue_post(skep__queue *q, skep__req *first, skep__deputy *deputy);
/* Lead, in the deputy's thread, what was handed to it; false: there was nothing. */
bool skep__queue_lead(skep__queue *q, skep__deputy *deputy);
/* Its cancel was fired or its time is up: answer an asynchronous request now, if it has not begun
 * or is held. It must not be answered yet, or be kept alive by the caller until this returns. */
void skep__queue_give_up(skep__queue *q, skep__req *req);
/* Do that for all whose time is up. Returns the earliest deadline that is still to come, or 0. */
uint64_t skep__queue_expire(skep__queue *q);

/* The failure of a request that is not run, or not again: cancelled, or too late. */
int skep__req_refused(const skep__req *req);

/* For whoever leads, in `begin`: run one queued request that needs no transaction (SKEP__REQ_BARE)
 * in this thread. False: there is none. */
bool skep__queue_serve(skep__queue *q);

/* Answer held requests of commits up to `number`: SKEP_OK keeps their own result, a negative code
 * replaces it with `text` as detail and outcome committed. */
void skep__queue_release(skep__queue *q, uint64_t number, int code, const char *text);

/* Refuse new requests; what queues still runs. */
void skep__queue_close(skep__queue *q);
/* Wait until nothing runs or queues; false at the deadline. */
bool skep__queue_drain(skep__queue *q, uint64_t deadline_ns);
/* Answer what still queues with SKEP_ECLOSED. */
void skep__queue_refuse(skep__queue *q);

#endif
