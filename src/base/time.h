/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_TIME_H
#define SKEP__BASE_TIME_H

#include <stdint.h>

#include <skep/value.h>

#define SKEP__NS_PER_US UINT64_C(1000)
#define SKEP__NS_PER_MS UINT64_C(1000000)
#define SKEP__NS_PER_S UINT64_C(1000000000)

/* For waiting and measuring: CLOCK_MONOTONIC, never 0. */
uint64_t skep__now_ns(void);

/* The monotonic time `timeout_ms` from now, for the waits of base/thread.h. Negative means no
 * deadline and gives 0; what does not fit gives the end of time. */
uint64_t skep__deadline_ns(int64_t timeout_ms);

/* For people: microseconds since 1970, UTC. It may jump. */
int64_t skep__utc_us(void);

/* RFC 3339. Years 0000 to 9999, else SKEP_EINVALID. */
#define SKEP__TIME_TEXT_SIZE 28 /* "2026-11-21T10:27:18.123456Z" and its NUL */
#define SKEP__TIME_MIN_US INT64_C(-62167219200000000) /* 0000-01-01T00:00:00Z */
#define SKEP__TIME_MAX_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */

/* Always in UTC, always with six digits: as text these sort as they do in time. */
int skep__time_text(int64_t utc_us, char out[SKEP__TIME_TEXT_SIZE]);

/* Any offset, any number of fractional digits (cut to six), 'T', 't' or one blank in the middle.
 * A leap second is the second that follows it. */
int skep__time_parse(skep_slice text, int64_t *utc_us);

#endif
