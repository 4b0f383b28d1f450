/* SPDX-License-Identifier: MIT */
#ifndef FAULTS_KILL_VACUUM_H
#define FAULTS_KILL_VACUUM_H

#include "harness/crash.h"
#include "harness/harness.h"

#include "faults/ledger.h"

int role_packer(int argc, char **argv);
extern const harness_suite kill_vacuum_suite;

#endif
