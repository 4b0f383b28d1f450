/* SPDX-License-Identifier: MIT */
#ifndef SKEP_FILTER_H
#define SKEP_FILTER_H

#include <skep/inspect.h>
#include <skep/store.h>

/** Stores that hold another one and add to it: a limit, figures, a log. The next store belongs to
 * the filter from the call on; when that fails it stays the caller's. They can be stacked.
 *
 *  Threads: shared.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** 0: no limit. */
typedef struct skep_limit_opts {
    uint32_t size;             /**< sizeof(skep_limit_opts); SKEP_LIMIT_OPTS_INIT sets it */
    uint32_t in_flight;        /**< calls and streams at a time; others wait */
    uint64_t bytes_per_second; /**< both ways together */
    uint64_t calls_per_second;
} skep_limit_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_LIMIT_OPTS_INIT skep__opts_init<skep_limit_opts>()
#else
#define SKEP_LIMIT_OPTS_INIT {.size = (uint32_t)sizeof(skep_limit_opts)}
#endif
/* clang-format on */

SKEP_API int skep_store_limited(skep_store *next, const skep_limit_opts *opts, skep_store **out)
    SKEP_CHECK;

/** Counts calls, bytes, failures and time, by kind of call. */
SKEP_API int skep_store_counted(skep_store *next, skep_store **out) SKEP_CHECK;
/** The figures of a counted store, in the ways of skep_db_metrics(), labelled with its name.
 *  SKEP_EUNSUPPORTED of a store that does not count. */
SKEP_API int skep_store_metrics(skep_store *store, skep_metrics_format format, char **out,
                                size_t *len) SKEP_CHECK;

/** Sends an event (skep/event.h) for each call: what, which key, how long, how many bytes, its
 * code. */
SKEP_API int skep_store_logged(skep_store *next, skep_store **out) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
