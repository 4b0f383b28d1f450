/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_HIST_H
#define SKEP__BASE_HIST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How often each size of a number was seen: latencies, group sizes. Values below 16 are kept
 * exactly, others in one of 16 steps per power of two, so that a quantile is at most 6 % off.
 *
 * Threads: shared, lock-free. What is read while others add may miss their newest values. */

#define SKEP__HIST_STEPS 16
#define SKEP__HIST_BUCKETS (SKEP__HIST_STEPS * (64 - 4 + 1))

typedef struct skep__hist {
    _Atomic uint64_t sum; /* wraps */
    _Atomic uint64_t max;
    _Atomic uint64_t buckets[SKEP__HIST_BUCKETS];
} skep__hist;

void skep__hist_reset(skep__hist *h); /* zeroed memory is an empty histogram already */
void skep__hist_add(skep__hist *h, uint64_t v);
uint64_t skep__hist_count(const skep__hist *h);
uint64_t skep__hist_sum(const skep__hist *h);
uint64_t skep__hist_max(const skep__hist *h);
/* The value that a share `q` (0..1) of all are not above; 1 is the maximum. 0 when empty. */
uint64_t skep__hist_quantile(const skep__hist *h, double q);
/* How many values were below `power_of_two`; exact. */
uint64_t skep__hist_below(const skep__hist *h, uint64_t power_of_two);
void skep__hist_merge(skep__hist *into, const skep__hist *from);

#endif
