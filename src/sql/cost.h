/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_COST_H
#define SKEP__SQL_COST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/inspect.h>

#include "base/hist.h"
#include "sql/sql_limits.h"

/* What statements cost, over all connections of a database: one entry for each masked text, until
 * the table goes. A prepared statement counts in memory of its own, so that connections share no
 * cache line; who asks adds up. What it had counted goes to its entry when it is finalized.
 *
 * Threads: a table is shared; the rest belongs to the thread that uses the connection, except what
 * is atomic. */

typedef struct skep__costs skep__costs;
typedef struct skep__cost_entry skep__cost_entry;
typedef struct skep__cost skep__cost;
struct skep__conn;
struct skep_rows;

typedef struct skep__costs_opts {
    skep_profile profile; /* not DEFAULT */
    uint64_t slow_ns;     /* a run that takes so long is remembered */
    const char *path;     /* of the database, for events; borrowed */
} skep__costs_opts;

int skep__costs_new(const skep__costs_opts *opts, skep__costs **out);
void skep__costs_free(skep__costs *costs); /* after the last connection; accepts NULL */
/* In a child process, where statements still point to it but never run. Accepts NULL. What another
 * thread was changing at the fork stays. */
void skep__costs_abandon(skep__costs *costs);

/* Sums of all texts. */
typedef struct skep__costs_sums {
    uint64_t runs;
    uint64_t rows;
    uint64_t failed;
    uint64_t total_ns;
    uint64_t slow;
    uint64_t texts;
    uint64_t busy; /* waits for locks of other processes */
} skep__costs_sums;
void skep__costs_read(skep__costs *costs, skep__costs_sums *out);
/* Times of the runs that were timed. */
const skep__hist *skep__costs_times(const skep__costs *costs);
/* As skep_db_statements() and skep_db_slow_statements(). */
int skep__costs_list(skep__costs *costs, skep_db_statement *list, size_t *n);
void skep__costs_slow(skep__costs *costs, skep_db_slow *list, size_t *n);

/* The engine begins to wait for another process. Accepts NULL. */
void skep__costs_busy(skep__costs *costs);

/* What a value was that a run had bound. */
typedef struct skep__cost_value {
    int32_t type;
    size_t size; /* of text and blobs */
} skep__cost_value;

/* Part of each prepared statement. The counters have one writer. */
struct skep__cost {
    /* What each run touches stands together. The run that is on: */
    bool on;
    bool timed;
    uint64_t began_ns;
    uint64_t run_rows;
    uint64_t timed_next; /* the number of runs before the one that is timed next */
    /* Copied from the table, which is further away. */
    bool watched; /* false with profile OFF: only what runs is told */
    bool all;
    bool fine_clock;
    uint64_t slow_ns;
    skep__cost_entry *entry; /* NULL: there is no table */
    _Atomic uint64_t runs;
    _Atomic uint64_t rows;

    _Atomic uint64_t failed;
    _Atomic uint64_t exact_runs; /* whose time is known because it was slow or all are timed */
    _Atomic uint64_t exact_ns;
    _Atomic uint64_t sampled_runs;
    _Atomic uint64_t sampled_ns;
    _Atomic uint64_t worst_ns;

    skep__cost *next; /* in the entry's list, under the table's mutex */
    skep__cost **back;
    uint64_t step_ns; /* of the run: spent in steps, when it is timed */
    size_t values_count;
    skep__cost_value values[SKEP__SQL_SLOW_VALUES];
};

/* A statement was prepared; it is about to be finalized. */
int skep__cost_attach(struct skep_rows *stmt);
void skep__cost_detach(struct skep_rows *stmt);
/* A run that is on has ended or is given back. */
void skep__cost_end(struct skep_rows *stmt, int rc);

/* The masked text of the statement that runs or ran last on the connection, cut to fit. Any thread
 * may ask as long as the connection is there. */
void skep__running_sql(const struct skep__conn *conn, char *out, size_t size);

#endif
