/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DB_FUTURES_H
#define TESTS_DB_FUTURES_H

#include <pthread.h>
#include <stdatomic.h>

#include <skep/async.h>

/* A database with a table t(a), and calls on it that do not wait. */
skep_db *futures_open(const skep_db_opts *opts);
int futures_insert(skep_tx *tx, void *arg); /* `arg` itself is the number */
int futures_count(skep_tx *tx, void *arg);  /* `arg` is an int64_t */
skep_future *futures_write(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts);
/* Wait for the answer, which is `rc`, and free. */
void futures_finish(skep_future *f, int rc);

typedef struct told {
    _Atomic uint32_t times;
    int rc;
    skep_future *future;
    pthread_t thread;
    skep_db *db;
    _Atomic uint32_t more; /* to submit from inside the callback */
} told;

/* A callback that writes to a `told`. */
void tell(skep_future *future, void *ctx);
void told_wait(told *t, uint32_t times);

#endif
