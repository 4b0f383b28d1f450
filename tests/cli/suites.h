/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CLI_SUITES_H
#define TESTS_CLI_SUITES_H

#include "harness/harness.h"

extern const harness_suite rekey_suite, running_suite, optimize_suite, checkpoint_suite,
    check_suite, secret_suite, complete_suite, conventions_suite, examples_suite, exit_suite,
    query_suite, stats_suite, status_suite, terminal_suite, tour_suite, write_suite;
extern const harness_suite store_suite, store_copy_suite;
extern const harness_suite bench_suite, export_suite, import_suite, scan_suite;
extern const harness_suite key_suite;

#endif
