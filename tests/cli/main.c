/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include "beside.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &rekey_suite,      &secret_suite, &running_suite,    &optimize_suite,
        &checkpoint_suite, &check_suite,  &complete_suite,   &conventions_suite,
        &examples_suite,   &exit_suite,   &query_suite,      &stats_suite,
        &status_suite,     &store_suite,  &store_copy_suite, &terminal_suite,
        &tour_suite,       &key_suite,    &bench_suite,      &export_suite,
        &import_suite,     &scan_suite,   &write_suite,      NULL,
    };
    static const harness_role roles[] = {{"beside", beside_role}, {NULL, NULL}};
    return harness_main(argc, argv, suites, roles);
}
