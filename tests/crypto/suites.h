/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CRYPTO_SUITES_H
#define TESTS_CRYPTO_SUITES_H

#include "harness/harness.h"

extern const harness_suite aead_suite;
extern const harness_suite key_suite;
extern const harness_suite keyring_suite;
extern const harness_suite sealed_suite;
extern const harness_suite stretch_suite;

#endif
