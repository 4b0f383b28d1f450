/* SPDX-License-Identifier: MIT */
#include "suites.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &open_suite,
        &tx_suite,
        &group_suite,
        &lost_suite,
        &commit_suite,
        &deadline_suite,
        &readers_suite,
        &close_suite,
        &async_suite,
        &async_ends_suite,
        &batch_suite,
        &receipt_suite,
        &checkpoint_suite,
        &hooks_suite,
        &stats_suite,
        &mix_suite,
        &rows_suite,
        &collect_suite,
        &scale_suite,
        &bitcraps_pool_suite,
        &seal_suite,
        &maintain_suite,
        &lock_suite,
        &watch_suite,
        &health_suite,
        &check_suite,
        &costs_suite,
        &metrics_suite,
        &lease_suite,
        &ceiling_suite,
        &turn_suite,
        &pool_suite,
        &fork_suite,
        &status_suite,
        &rekey_suite,
        &vacuum_suite,
        NULL,
    };
    static const harness_role roles[] = {
        {"contender", contender}, {"keeper", keeper}, {NULL, NULL}};
    return harness_main(argc, argv, suites, roles);
}
