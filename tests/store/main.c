/* SPDX-License-Identifier: MIT */
#include "suites.h"

/* One a line, so that two who add one do not meet. */
/* clang-format off */
static const harness_suite *const suites[] = {
    &disk_suite,
    &filters_suite,
    &front_suite,
    &remote_suite,
    &remote_failure_suite,
    &remote_sweep_suite,
    &s3_credentials_suite,
    &s3_sign_suite,
    &s3_suite, &s3_get_suite, &s3_killed_suite, &s3_parts_suite, &s3_put_suite, &s3_sweep_suite,
    &s3_xml_suite,
    &sealed_store_suite,
    &sealed_proofs_suite,
    &ring_suite,
    &sync_suite,
    &tree_suite,
    &mirror_queue_suite,
    &mirror_suite,
    &mirror_file_suite,
    &mirror_sweep_suite,
    &uri_suite,
    NULL,
};
static const harness_role roles[] = {
    {"mirror", mirror_role},
    {"s3-writer", s3_writer_role},
    {NULL, NULL},
};
/* clang-format on */

int main(int argc, char **argv)
{
    return harness_main(argc, argv, suites, roles);
}
