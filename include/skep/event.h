/* SPDX-License-Identifier: MIT */
#ifndef SKEP_EVENT_H
#define SKEP_EVENT_H

#include <skep/status.h>
#include <skep/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Events: what no return value can carry, such as recovery, poison or a background failure.
 *  Library calls report their own failure by code and detail, never by event. */
typedef enum skep_level {
    SKEP_DEBUG = 0,
    SKEP_INFO = 1,
    SKEP_WARNING = 2,
    SKEP_ERROR = 3
} skep_level;

typedef struct skep_field {
    const char *key;
    skep_value value;
} skep_field;

typedef struct skep_event {
    uint32_t size;
    int32_t level;    /**< skep_level */
    int64_t at_us;    /**< UTC, microseconds since 1970 */
    const char *room; /**< the part of skep that speaks */
    const char *name; /**< "db.poisoned"; stable */
    const skep_field *fields;
    size_t field_count;
} skep_event;

/** `event` and all in it are borrowed until the function returns. It may be called from any thread,
 *  several at a time, never under a lock of skep; it must not call skep. */
typedef void skep_event_fn(const skep_event *event, void *ctx);

/** Send events of `least` and above to `fn`; NULL sends none (the default). Process-wide.
 *  Threads: one at a time, best before the first database is opened. */
SKEP_API void skep_set_event_sink(skep_event_fn *fn, void *ctx, skep_level least);

#ifdef __cplusplus
}
#endif
#endif
