/* SPDX-License-Identifier: MIT */
#include "suites.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &url_suite, &retry_suite, &call_suite, &failure_suite, &pool_suite, &tls_suite, NULL};
    return harness_main(argc, argv, suites, NULL);
}
