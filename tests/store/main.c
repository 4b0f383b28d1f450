/* SPDX-License-Identifier: MIT */
#include "suites.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &front_suite, /* one a line */
        &sync_suite,  &s3_credentials_suite, &s3_suite, &s3_sign_suite, &s3_xml_suite, NULL,
    };
    return harness_main(argc, argv, suites, NULL);
}
