/* SPDX-License-Identifier: MIT */
#ifndef TESTS_NET_SUITES_H
#define TESTS_NET_SUITES_H

#include "harness/harness.h"

extern const harness_suite call_suite;
extern const harness_suite failure_suite;
extern const harness_suite pool_suite;
extern const harness_suite retry_suite;
extern const harness_suite tls_suite;
extern const harness_suite url_suite;

#endif
