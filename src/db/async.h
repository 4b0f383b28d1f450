/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_ASYNC_H
#define SKEP__DB_ASYNC_H

#include <skep/async.h>

#include "base/cancel.h"
#include "base/queue.h"
#include "base/thread.h"
#include "db/db_limits.h"
#include "os/home.h"

/* Asynchronous calls: what stands for one (future.c), how it comes in and who answers it (async.c),
 * who runs the reads (async_read.c), batches (batch.c).
 */

typedef struct skep__write_call skep__write_call;

/* A call; the request in the writer's queue, or in the line of reads, is its first member. */
struct skep__write_call {
    skep__req req;
    skep_tx_fn *fn;
    void *arg;
    uint64_t budget_ns; /* of one run */
    const char *budget_name;
    int (*job)(skep_db *db, void *arg); /* with SKEP__REQ_BARE, instead of fn */
    skep_receipt stamp;                 /* with SKEP__REQ_STAMP, once it is committed */
    skep_future *future;                /* of an asynchronous one */
};

/* Bits of a future's state. The low ones count what woke who sleeps on it. */
enum {
    SKEP__FUTURE_DONE = 1u << 24,
    SKEP__FUTURE_RAISING = 1u << 25, /* whoever answers uses its descriptor */
    SKEP__FUTURE_FREED = 1u << 26    /* its owner is gone */
};

struct skep_future {
    _Atomic uint32_t refs; /* its owner, and the database until all is said */
    skep__word state;      /* SKEP__FUTURE_…, SKEP__WORD_… */
    _Atomic int fd;        /* -1: nobody asked for one */
    int rc;
    const skep_err *err; /* of a call of its own */

    skep_db *db; /* only until it is done */
    skep__home home;
    skep_cancel cancel;
    skep__watcher own_watch;  /* of that */
    skep__watcher user_watch; /* of the caller's */
    skep_cancel *user_cancel;
    _Atomic uint32_t fired;
    skep_future *next_fired;
    skep_future *next_done;
    skep_done_fn *done;
    void *done_ctx;
    skep_receipt *receipt;
    uint64_t began_ns;
    size_t room; /* calls in flight that it counts for */

    bool tended; /* skep-tend has to do with it: for its callback, or to note that it failed */
    bool reads;
    skep_call_opts opts; /* of a read */

    skep_call *calls; /* of a batch, with as many members */
    size_t n;
    _Atomic size_t left; /* without an answer */
    skep__write_call *members;

    skep__write_call call; /* of one that is no batch */
};

/* With `owned` a handle for the caller, besides the reference of the call. */
int skep__future_new(skep_db *db, const skep_call_opts *opts, bool owned, skep_future **out);
void skep__future_unref(skep_future *future);
/* It was not submitted after all. */
void skep__future_drop(skep_future *future, bool owned);
/* Watch the cancels; from now on whoever fires them tells the database. */
void skep__future_watch(skep_future *future);
void skep__future_unwatch(skep_future *future);
/* One call has its answer. True: that was all of it. */
bool skep__future_answer(skep_future *future, const skep__write_call *call);
/* Say so to those who wait. Afterwards it does not need the database any more. */
void skep__future_finish(skep_future *future);

/* A thread that waits for room to submit; on its stack. */
typedef struct skep__room_wait skep__room_wait;

typedef struct skep__async {
    skep__mutex mutex;
    size_t in_flight SKEP__GUARDED_BY(mutex);
    skep__room_wait *first SKEP__GUARDED_BY(mutex); /* in order of arrival */
    skep__room_wait *last SKEP__GUARDED_BY(mutex);
    uint32_t turn SKEP__GUARDED_BY(mutex);
    skep_future *done_first SKEP__GUARDED_BY(mutex); /* whose callbacks are to run */
    skep_future *done_last SKEP__GUARDED_BY(mutex);
    skep__line reads SKEP__GUARDED_BY(mutex);
    uint32_t idle SKEP__GUARDED_BY(mutex); /* threads that wait for one */
    skep__word room_words[SKEP__DB_ROOM_WORDS];
    skep__word read_word;

    /* Who leads for asynchronous writes. */
    skep__deputy deputy;
    skep__word lead_word;

    /* Who runs callbacks, and ends what is cancelled or late. */
    skep__word tend_word;
    _Atomic uint32_t asleep;
    _Atomic uint32_t look;    /* at the deadlines */
    _Atomic uint64_t look_at; /* when it will next do so by itself */
    _Atomic(skep_future *) fired;

    skep__mutex start_mutex; /* held while a thread is started */
    skep__thread lead_thread SKEP__GUARDED_BY(start_mutex);
    skep__thread tend_thread SKEP__GUARDED_BY(start_mutex);
    skep__thread *readers SKEP__GUARDED_BY(start_mutex);
    _Atomic uint32_t reader_count; /* of them, running */
    _Atomic uint32_t ready;        /* SKEP__ASYNC_…: threads that run */
    _Atomic uint32_t stop;
} skep__async;

enum { SKEP__ASYNC_LEAD = 1u << 0, SKEP__ASYNC_TEND = 1u << 1 };

int skep__async_init(skep_db *db);
/* End the threads. No call may be inside any more; one of these threads may be the caller. */
void skep__async_stop(skep_db *db);
void skep__async_dispose(skep_db *db);
/* Is this thread the one that runs the callbacks? */
bool skep__async_tends(const skep_db *db);
/* Nobody gets in any more: those that wait for room are told so. */
void skep__async_close(skep_db *db);
/* Answer the reads that have not begun. */
void skep__async_refuse(skep_db *db);
size_t skep__async_in_flight(skep_db *db);

/* Before a call is submitted: the thread that it needs, and room for `n`. */
int skep__async_prepare(skep_db *db, uint32_t threads);
int skep__async_room(skep_db *db, size_t n, const skep_call_opts *opts);
void skep__async_give_room(skep_db *db, size_t n);
/* After it: what may have to be ended at its deadline. */
void skep__async_deadline(skep_db *db, uint64_t deadline_ns);
/* A future was cancelled. */
void skep__async_fired(skep_future *future);
/* The queue's operations. */
void skep__async_answered(void *ctx, skep__req *first);
void skep__async_again(void *ctx, uint64_t deadline_ns);

/* Reads: the earliest deadline of those that have not begun, after ending the late ones. */
uint64_t skep__async_expire_reads(skep_db *db);
void skep__async_give_up_read(skep_db *db, skep_future *future);

/* Fill in what a write call needs (writer.c). */
int skep__write_check(const skep_db *db, const skep_call_opts *opts, uint32_t flags);
void skep__write_fill(const skep_db *db, skep__write_call *call, const skep_call_opts *opts);

#endif
