/* SPDX-License-Identifier: MIT */
#include "suites.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {&parse_suite, &objects_suite,  &keys_suite,
                                                  &abuse_suite, &document_suite, &races_suite,
                                                  &end_suite,   &process_suite,  NULL};
    return harness_main(argc, argv, suites, NULL);
}
