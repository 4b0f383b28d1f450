/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_SUITES_H
#define TESTS_STORE_SUITES_H

#include "harness/harness.h"

extern const harness_suite s3_credentials_suite;
extern const harness_suite disk_suite;
extern const harness_suite filters_suite;
extern const harness_suite front_suite;
extern const harness_suite remote_failure_suite;
extern const harness_suite remote_suite;
extern const harness_suite remote_sweep_suite;
extern const harness_suite s3_sign_suite;
extern const harness_suite s3_suite;
extern const harness_suite s3_get_suite;
extern const harness_suite s3_killed_suite;
extern const harness_suite s3_parts_suite;
extern const harness_suite s3_put_suite;
extern const harness_suite s3_sweep_suite;
extern const harness_suite sealed_store_suite;
extern const harness_suite sealed_proofs_suite;
extern const harness_suite ring_suite;
extern const harness_suite s3_xml_suite;
extern const harness_suite mirror_queue_suite;
extern const harness_suite mirror_suite;
extern const harness_suite mirror_file_suite;
extern const harness_suite mirror_sweep_suite;
int mirror_role(int argc, char **argv);
extern const harness_suite sync_suite;
extern const harness_suite tree_suite;
extern const harness_suite uri_suite;

int s3_writer_role(int argc, char **argv);

#endif
