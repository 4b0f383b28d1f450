/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_EVENT_H
#define SKEP__BASE_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/event.h>

#include "base/err.h"

/* One relaxed load: false for all levels while no sink is set. */
bool skep__event_wanted(skep_level level);
void skep__event_send(skep_level level, const char *room, const char *name,
                      const skep_field *fields, size_t count);

/* Keeps a flood short: true for the first `most` of a second. The next one that passes gets in
 * `*dropped` how many did not. Shared; zeroed memory is a new one. */
typedef struct skep__event_limit {
    _Atomic uint64_t second;
    _Atomic uint64_t passed; /* in that second */
    _Atomic uint64_t dropped;
} skep__event_limit;
bool skep__event_pass(skep__event_limit *limit, uint64_t most, uint64_t *dropped);

/* SKEP__EVENT(SKEP_ERROR, "db.poisoned", {"path", skep_text(path)}, {"engine", skep_int(rc)});
 * The fields are evaluated only if the sink wants them. Never under a lock. */
#define SKEP__EVENT(level, name, ...)                                                              \
    do {                                                                                           \
        if (__builtin_expect(skep__event_wanted(level), 0)) {                                      \
            const skep_field skep__fields_[] = {__VA_ARGS__};                                      \
            skep__event_send((level), SKEP__ROOM, (name), skep__fields_,                           \
                             sizeof(skep__fields_) / sizeof(skep_field));                          \
        }                                                                                          \
    } while (0)

#endif
