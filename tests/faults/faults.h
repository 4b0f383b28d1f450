/* SPDX-License-Identifier: MIT */
#ifndef FAULTS_FAULTS_H
#define FAULTS_FAULTS_H

#include "harness/harness.h"

extern const harness_suite sweep_suite;
extern const harness_suite poison_suite;
extern const harness_suite power_suite;
extern const harness_suite full_suite;
extern const harness_suite stock_suite;
extern const harness_suite store_suite;
extern const harness_suite damaged_suite;
extern const harness_suite hostile_suite;
extern const harness_suite readonly_suite;
extern const harness_suite neighbour_suite;
extern const harness_suite rekey_suite;
extern const harness_suite gather_suite;
extern const harness_suite secret_suite;
extern const harness_suite sqlcipher_suite;
extern const harness_suite sealed_faults_suite;

/* A process that opens argv[1], writes the calls argv[2] … argv[2] + argv[3] - 1, each acknowledged
 * by its number (int64_t) once it is answered, and then either holds the file open until it is
 * killed, or (argv[4] is "end") closes it. */
int role_peer(int argc, char **argv);
int role_rekey(int argc, char **argv);
int role_secret(int argc, char **argv);
int role_sealed(int argc, char **argv);

#endif
