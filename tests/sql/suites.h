/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SQL_SUITES_H
#define TESTS_SQL_SUITES_H

#include "harness/harness.h"

extern const harness_suite auth_suite;
extern const harness_suite conn_suite;
extern const harness_suite cost_suite;
extern const harness_suite ddl_suite;
extern const harness_suite error_suite;
extern const harness_suite slow_suite;
extern const harness_suite stmt_suite;
extern const harness_suite value_suite;

#endif
