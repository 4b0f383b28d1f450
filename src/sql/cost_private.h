/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_COST_PRIVATE_H
#define SKEP__SQL_COST_PRIVATE_H

#include "base/event.h"
#include "base/thread.h"
#include "sql/cost.h"
#include "sql/sql.h"

/* Counters of statements that are no more, and sums. */
typedef struct skep__cost_sum {
    uint64_t runs;
    uint64_t rows;
    uint64_t failed;
    uint64_t exact_runs;
    uint64_t exact_ns;
    uint64_t sampled_runs;
    uint64_t sampled_ns;
    uint64_t worst_ns;
} skep__cost_sum;

/* One masked text; it stays until the table goes. The list and the sum are under the table's mutex,
 * the rest never changes. */
struct skep__cost_entry {
    skep__costs *costs;
    skep__cost_entry *next; /* in its bucket */
    uint64_t hash;          /* of all of the text, of which the beginning is kept */
    skep__cost *live;
    skep__cost_sum past;
    char sql[SKEP_INSPECT_SQL_MAX];
};

struct skep__costs {
    skep__costs_opts opts;

    skep__mutex mutex;
    skep__cost_entry *buckets[SKEP__SQL_COST_BUCKETS] SKEP__GUARDED_BY(mutex);
    size_t texts SKEP__GUARDED_BY(mutex);
    skep__cost_entry other; /* for all texts that came too late */

    skep__hist times;
    _Atomic uint64_t slow_runs;
    _Atomic uint64_t busy;
    skep__event_limit slow_events;
    skep__mutex slow_mutex;
    skep_db_slow slow[SKEP_DB_SLOW_MAX] SKEP__GUARDED_BY(slow_mutex);
    size_t slow_count
        SKEP__GUARDED_BY(slow_mutex); /* ever; the next goes to its place modulo MAX */
};

/* A run was slow: remember it, tell of it. */
void skep__cost_slow(const skep__stmt *stmt, uint64_t took_ns, int rc);

#endif
