/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BASE_SUITES_H
#define TESTS_BASE_SUITES_H

#include "harness/harness.h"

extern const harness_suite arena_suite;
extern const harness_suite buf_suite;
extern const harness_suite cancel_suite;
extern const harness_suite codec_suite;
extern const harness_suite err_suite;
extern const harness_suite event_suite;
extern const harness_suite hist_suite;
extern const harness_suite json_in_suite;
extern const harness_suite json_suite;
extern const harness_suite mem_suite;
extern const harness_suite metrics_suite;
extern const harness_suite queue_suite;
extern const harness_suite queue_model_suite;
extern const harness_suite queue_priority_suite;
extern const harness_suite queue_wait_suite;
extern const harness_suite setting_suite;
extern const harness_suite settings_suite;
extern const harness_suite thread_suite;
extern const harness_suite time_suite;

#endif
