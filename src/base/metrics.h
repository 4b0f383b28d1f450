/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_METRICS_H
#define SKEP__BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hist.h"
#include "base/json.h"

/* Figures about a running thing, as Prometheus and as JSON. What there is stands in a const table
 * of the room that owns it; the room gathers the values and hands them over row by row.
 *
 *   static const skep__metric rows[] = {
 *       [COMMITS] = {.name = "skep_commits_total", .help = "Commits.",
 *                    .kind = SKEP__METRIC_COUNTER},
 *       [COMMIT_TIME] = {.name = "skep_commit_seconds", .help = "Time of one COMMIT.",
 *                        .divisor = 1e9, .kind = SKEP__METRIC_HISTOGRAM},
 *   };
 *
 * Threads: a histogram may be added to meanwhile.
 */

typedef enum skep__metric_kind {
    SKEP__METRIC_COUNTER,
    SKEP__METRIC_GAUGE,
    SKEP__METRIC_HISTOGRAM
} skep__metric_kind;

typedef struct skep__metric {
    const char *name; /* as Prometheus wants it: [a-z_][a-z0-9_]* with its unit at the end */
    const char *help; /* one sentence */
    double divisor;   /* shown = kept / divisor, which is rounded best; 0 means 1 */
    skep__metric_kind kind;
} skep__metric;

/* "counter", "gauge", "histogram" */
const char *skep__metric_kind_name(skep__metric_kind kind);

/* Prometheus' text format 0.0.4: HELP, TYPE and the samples. `labels` stands between the braces of
 * each sample and is made with skep__metric_label(); NULL: none. */
void skep__metric_text(skep__buf *out, const skep__metric *metric, const char *labels,
                       int64_t number);
void skep__metric_text_hist(skep__buf *out, const skep__metric *metric, const char *labels,
                            const skep__hist *h);
/* name="value", with a comma before it if it is not the first. */
void skep__metric_label(skep__buf *labels, const char *name, const char *value);

/* "name": {"type": …, "help": …, "value": …}; of a histogram its count, sum, max and quantiles. */
void skep__metric_json(skep__json *out, const skep__metric *metric, int64_t number);
void skep__metric_json_hist(skep__json *out, const skep__metric *metric, const skep__hist *h);

#endif
