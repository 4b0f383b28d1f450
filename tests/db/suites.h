/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DB_SUITES_H
#define TESTS_DB_SUITES_H

#include "harness/harness.h"

extern const harness_suite open_suite;
extern const harness_suite tx_suite;
extern const harness_suite group_suite;
extern const harness_suite lost_suite;
extern const harness_suite commit_suite;
extern const harness_suite deadline_suite;
extern const harness_suite readers_suite;
extern const harness_suite close_suite;
extern const harness_suite async_suite;
extern const harness_suite async_ends_suite;
extern const harness_suite batch_suite;
extern const harness_suite receipt_suite;
extern const harness_suite checkpoint_suite;
extern const harness_suite hooks_suite;
extern const harness_suite stats_suite;
extern const harness_suite costs_suite;
extern const harness_suite metrics_suite;
extern const harness_suite status_suite;
extern const harness_suite mix_suite;
extern const harness_suite rows_suite;
extern const harness_suite collect_suite;
extern const harness_suite scale_suite;
extern const harness_suite bitcraps_pool_suite;
extern const harness_suite rekey_suite;
extern const harness_suite seal_suite;
extern const harness_suite lease_suite;
extern const harness_suite ceiling_suite;
extern const harness_suite turn_suite;
extern const harness_suite pool_suite;
extern const harness_suite fork_suite;

extern const harness_suite maintain_suite;
extern const harness_suite vacuum_suite;
extern const harness_suite lock_suite;
extern const harness_suite watch_suite;
extern const harness_suite health_suite;
extern const harness_suite check_suite;

/* A child process of mix_suite. */
int contender(int argc, char **argv);
/* One of lock_suite. */
int keeper(int argc, char **argv);

#endif
