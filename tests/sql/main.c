/* SPDX-License-Identifier: MIT */
#include "suites.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &conn_suite, &stmt_suite, &value_suite, &error_suite, &auth_suite,
        &ddl_suite,  &cost_suite, &slow_suite,  NULL,
    };
    return harness_main(argc, argv, suites, NULL);
}
