/* SPDX-License-Identifier: MIT */
#include <skep/version.h>

const char *skep_version(void)
{
    return SKEP_VERSION;
}
