/* SPDX-License-Identifier: MIT */
#ifndef SKEP_ASYNC_H
#define SKEP_ASYNC_H

#include <skep/db.h>

/** Calls that do not wait: a future stands for the answer of each.
 *
 *  A call in flight costs memory, not a thread: writes queue where the blocking ones do and share
 *  their commits, reads are run by db.async_threads threads. At most db.async_max calls are in
 *  flight; beyond that submitting waits to the deadline of the call (db.read_wait if it has none)
 *  and then is SKEP_ELIMIT. A transaction function runs in a thread of the database and keeps the
 *  contract in skep/db.h. `arg`, and what the options point to, must stay until the call is done.
 *  Submitting inside a transaction function of the same database, or waiting there for a call that
 *  is not done, is SKEP_EMISUSE.
 *
 *  In a child by fork() the futures of the parent are refused (SKEP_EMISUSE), also those that are
 *  done: nothing waits there for an answer that cannot come, and cancelling does nothing. They can
 *  be freed there.
 *
 *  Threads: a skep_future is shared; free it once, when nobody else uses it.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** The write or read that the blocking call of that name does. `*out` is owned by the caller; it
 *  may be NULL if opts->done tells of the answer. When submitting fails, nothing runs and `done` is
 *  not called. */
SKEP_API int skep_write_async(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts,
                              skep_future **out) SKEP_CHECK;
SKEP_API int skep_read_async(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts,
                             skep_future **out) SKEP_CHECK;

#define SKEP_BATCH_MAX 65536 /**< calls of one batch */

/** One call of a batch: a transaction of its own, all-or-nothing, with an answer of its own. */
typedef struct skep_call {
    skep_tx_fn *fn;
    void *arg;
    int32_t rc;      /**< out: what skep_write() would have returned */
    int32_t outcome; /**< out: skep_outcome, where rc is negative */
} skep_call;

/** Submit `n` writes (1 to SKEP_BATCH_MAX) at once and wait for all. SKEP_OK when each succeeded,
 * else the answer of the first that failed, with its detail; `calls` tells of each. `opts` holds
 * for all of them. They run in the order given, most of them in the same commit. */
SKEP_API int skep_write_batch(skep_db *db, skep_call *calls, size_t n, const skep_call_opts *opts)
    SKEP_CHECK;
/** The same without waiting: one future for all. `calls` must stay until it is done. A batch larger
 *  than db.async_max is SKEP_ELIMIT. */
SKEP_API int skep_write_batch_async(skep_db *db, skep_call *calls, size_t n,
                                    const skep_call_opts *opts, skep_future **out) SKEP_CHECK;

/** Wait at most `timeout_ms` (0: do not wait; negative: no limit) and return the answer with its
 *  detail, as often as asked. SKEP_ETIMEOUT while it is not done: skep_future_done() tells that
 *  from a call whose own deadline passed. */
SKEP_API int skep_future_wait(skep_future *future, int64_t timeout_ms) SKEP_CHECK;
/** 1: there is an answer; 0: not yet. */
SKEP_API int skep_future_done(const skep_future *future);
/** End the call with SKEP_ECANCELLED unless it has its answer already; see skep_cancel_fire(). */
SKEP_API void skep_future_cancel(skep_future *future);
/** A descriptor for poll, epoll or libuv that becomes readable when the call is done. It belongs to
 *  the future and is closed with it; made by the first call of this function. */
SKEP_API int skep_future_fd(skep_future *future, int *fd) SKEP_CHECK;
/** Accepts NULL. A call that is not done goes on; its answer is then dropped. */
SKEP_API void skep_future_free(skep_future *future);

#ifdef __cplusplus
}
#endif
#endif
