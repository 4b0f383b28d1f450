/* SPDX-License-Identifier: MIT */
#include "harness/selftest.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &selftest_harness_suite,
        &selftest_sweep_suite,
        &selftest_disk_suite,
        &selftest_crash_suite,
        NULL,
    };
    static const harness_role roles[] = {
        {"inner", selftest_inner},
        {"counter", selftest_counter},
        {"loner", selftest_loner},
        {"dier", selftest_dier},
        {NULL, NULL},
    };
    return harness_main(argc, argv, suites, roles);
}
