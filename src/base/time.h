/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_TIME_H
#define SKEP__BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include <skep/time.h>

#define SKEP__NS_PER_US UINT64_C(1000)
#define SKEP__NS_PER_MS UINT64_C(1000000)
#define SKEP__NS_PER_S UINT64_C(1000000000)

/* For waiting and measuring: CLOCK_MONOTONIC, never 0. */
uint64_t skep__now_ns(void);

/* The same clock as it stood at the kernel's last tick, up to 10 ms ago: several times cheaper. */
uint64_t skep__coarse_ns(void);

/* The monotonic time `timeout_ms` from now, for the waits of base/thread.h. Negative means no
 * deadline and gives 0; what does not fit gives the end of time. */
uint64_t skep__deadline_ns(int64_t timeout_ms);

/* RFC 3339 and the clock that people read are public: <skep/time.h>. */
#define SKEP__TIME_MIN_US INT64_C(-62167219200000000) /* 0000-01-01T00:00:00Z */
#define SKEP__TIME_MAX_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */

/* skep_time_parse() for where a text that is no time is no failure: false, and no error detail. */
bool skep__time_read(skep_slice text, int64_t *us);

#endif
