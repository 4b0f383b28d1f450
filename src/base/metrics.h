/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_METRICS_H
#define SKEP__BASE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hist.h"

/* Figures about a running thing. What there is stands in a const table, indexed by an enum of the
 * room that owns it; each instance has its own values.
 *
 *   enum { DB_COMMITS, DB_COMMIT_TIME };
 *   static const skep__metric rows[] = {
 *       [DB_COMMITS] = {.name = "skep_db_commits_total", .help = "Commits.",
 *                       .kind = SKEP__METRIC_COUNTER},
 *       [DB_COMMIT_TIME] = {.name = "skep_db_commit_seconds", .help = "Time of one COMMIT.",
 *                           .unit = "s", .scale = 1e-9, .kind = SKEP__METRIC_HISTOGRAM},
 *   };
 *
 * Threads: init and dispose one at a time, everything else shared and lock-free.
 */

typedef enum skep__metric_kind {
    SKEP__METRIC_COUNTER,
    SKEP__METRIC_GAUGE,
    SKEP__METRIC_HISTOGRAM
} skep__metric_kind;

typedef struct skep__metric {
    const char *name; /* as Prometheus wants it: [a-z_][a-z0-9_]* with its unit at the end */
    const char *help; /* one sentence */
    const char *unit; /* of what is shown: "s", "bytes"; NULL for plain counts */
    double scale;     /* shown = kept * scale; 0 means 1 */
    skep__metric_kind kind;
} skep__metric;

typedef struct skep__metrics {
    const skep__metric *table;
    size_t count;
    _Atomic int64_t *numbers; /* one a row; histograms leave theirs unused */
    skep__hist **hists;       /* NULL for counters and gauges */
} skep__metrics;

/* `table` is borrowed for good. At most SKEP__METRICS_MAX rows. */
int skep__metrics_init(skep__metrics *m, const skep__metric *table, size_t count);
void skep__metrics_dispose(skep__metrics *m);

void skep__metrics_add(skep__metrics *m, size_t row, int64_t by);     /* counters only grow */
void skep__metrics_set(skep__metrics *m, size_t row, int64_t to);     /* gauges */
void skep__metrics_observe(skep__metrics *m, size_t row, uint64_t v); /* histograms */
skep__hist *skep__metrics_hist(skep__metrics *m, size_t row);

/* One row as it stands, for `for (row = 0; row < m->count; row++)`. */
typedef struct skep__sample {
    const skep__metric *metric;
    int64_t number; /* counters and gauges */
    uint64_t count; /* histograms: this and the rest, unscaled */
    uint64_t sum;
    uint64_t max;
    uint64_t p50;
    uint64_t p99;
    uint64_t p999;
} skep__sample;
void skep__metrics_read(const skep__metrics *m, size_t row, skep__sample *out);

/* All rows in Prometheus' text format 0.0.4. */
int skep__metrics_text(const skep__metrics *m, skep__buf *out);

#endif
