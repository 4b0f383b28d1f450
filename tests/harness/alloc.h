/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_ALLOC_H
#define HARNESS_ALLOC_H

#include "harness/sweep.h"

/* The allocator that skep, and SQLite inside it, lives on in tests: malloc, counted, and failing on
 * demand. Call alloc_install() first in a test (before any other call into skep) or in main(). */
void alloc_install(void);

/* Fail the n-th allocation from now, alone or with all that follow; 0 only counts. */
void alloc_arm(uint64_t nth, bool persistent);
/* Stop. Returns the allocations since alloc_arm(); `injected`, if not NULL, how many failed. */
uint64_t alloc_disarm(uint64_t *injected);

/* What this thread allocates between the two is neither counted nor failed: for what a sweep does
 * under fire but not on behalf of skep. They nest. */
void alloc_benign_begin(void);
void alloc_benign_end(void);

uint64_t alloc_living(void);       /* blocks */
uint64_t alloc_living_bytes(void); /* as malloc gives them */

/* From now on no more than `bytes` live at one time: what would go beyond fails. 0: no ceiling. */
void alloc_ceiling(uint64_t bytes);

/* Accepts SKEP_ENOMEM besides s->codes (which may be NULL). */
sweep_result alloc_sweep(const sweep *s);

#endif
