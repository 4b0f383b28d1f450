/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CLI_BESIDE_H
#define TESTS_CLI_BESIDE_H

#include "harness/crash.h"
#include "harness/harness.h"

/* Another process that has the database open, as an application would: this test program in a role.
 * It dies with the test. */
typedef enum beside_mode {
    BESIDE_HOLD = 'h',  /* it wrote once and has it open */
    BESIDE_WRITE = 'w', /* it writes all the time */
    BESIDE_PIN = 'p',   /* it holds a snapshot, and wrote after that */
    BESIDE_SHOW = 's'   /* it ran a slow statement, holds a snapshot, and its status file says so */
} beside_mode;

/* Returns when it is at that point. */
crash_child beside_start(const char *path, beside_mode mode);
void beside_end(crash_child *child);

/* The role, for main. */
int beside_role(int argc, char **argv);

#endif
