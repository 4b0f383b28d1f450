/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_SELFTEST_H
#define HARNESS_SELFTEST_H

#include "harness/harness.h"

/* The harness, tried on itself: a proof that cannot fail proves nothing. */

extern const harness_suite selftest_harness_suite;
extern const harness_suite selftest_sweep_suite;
extern const harness_suite selftest_disk_suite;
extern const harness_suite selftest_crash_suite;

/* Suites with tests that fail, run in a child whose output is looked at. */
extern const harness_suite inner_suite;
extern const harness_suite inner_sweep_suite;
int selftest_inner(int argc, char **argv);
/* Run the inner tests that match `pattern` with one more setting NAME=VALUE in the environment (or
 * NULL); returns their whole output, which lives until the test ends. */
const char *selftest_run_inner(const char *pattern, const char *setting, int *status);

int selftest_counter(int argc, char **argv);
int selftest_loner(int argc, char **argv);
int selftest_dier(int argc, char **argv);

#endif
