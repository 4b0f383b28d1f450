/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_SIZES_H
#define HARNESS_SIZES_H

#include <stdint.h>

/* How much of each proof a run does, in one table: quick in `make test` and CI, full in
 * `make torture` and `make crash`, nightly over night. SKEP_TEST_SIZE chooses. 0 means all.
 *
 *    id                     quick   full     nightly    what is counted */
/* clang-format off */
#define HARNESS_SIZES(X)                                                                           \
    X(SIZE_TIMEOUT_S,        300,    3600,    43200)  /* seconds that one test may take */         \
    X(SIZE_SWEEP_STEPS,      25,     0,       0)      /* failing steps of a sweep, each kind */    \
    X(SIZE_POWER_CUTS,       24,     0,       0)      /* syncs of a workload to lose power at */   \
    X(SIZE_POWER_SEEDS,      1,      4,       32)     /* different losses at each of them */       \
    X(SIZE_KILLS,            25,     1000,    10000)  /* rounds of kill -9 */                      \
    X(SIZE_B01_STEPS,        40,     400,     4000)   /* read-then-write calls of each thread */   \
    X(SIZE_B03_ROUNDS,       10,     100,     1000)   /* groups with a call that kills them */     \
    X(SIZE_B08_CANCELS,      100,    2000,    50000)  /* calls cancelled at a random time */       \
    X(SIZE_B11_KILLS,        25,     1000,    10000)  /* kills between commit and answer */        \
    X(SIZE_B17_QUEUED,       1000,   1000,    10000)  /* calls queued at close */                  \
    X(SIZE_GATHER_ROUNDS,    12,     300,     3000)   /* commits copied as by a crash */           \
    X(SIZE_MIX_STEPS,        100,    2000,    20000)  /* calls of each of the 64 threads */        \
    X(SIZE_HOSTILE_FILES,    60,     2000,    50000)  /* damaged files opened */                   \
    X(SIZE_MODEL_STEPS,      2000,   50000,   500000) /* random operations against a model */      \
    X(SIZE_STORE_STEPS,      150,    5000,    50000)  /* of them on a store */                     \
    X(SIZE_STORE_STEPS_SLOW, 40,     400,     4000)   /* on one behind a network */

typedef enum harness_size_id {
#define HARNESS_SIZE_ID(id, quick, full, nightly) id,
    HARNESS_SIZES(HARNESS_SIZE_ID)
#undef HARNESS_SIZE_ID
    SIZE_COUNT
} harness_size_id;
/* clang-format on */

/* The count for this run. Where the table says 0, that is UINT64_MAX. */
uint64_t harness_size(harness_size_id id);
const char *harness_size_name(void); /* "quick", "full" or "nightly" */

#endif
