/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HTTP_SUITES_H
#define TESTS_HTTP_SUITES_H

#include "harness/harness.h"

extern const harness_suite abuse_suite;
extern const harness_suite document_suite;
extern const harness_suite end_suite;
extern const harness_suite keys_suite;
extern const harness_suite objects_suite;
extern const harness_suite parse_suite;
extern const harness_suite process_suite;
extern const harness_suite races_suite;

#endif
