/* SPDX-License-Identifier: MIT */
#include "suites.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {&key_suite,     &stretch_suite, &aead_suite,
                                                  &keyring_suite, &sealed_suite,  NULL};
    return harness_main(argc, argv, suites, NULL);
}
