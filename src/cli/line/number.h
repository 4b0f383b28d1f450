/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_LINE_NUMBER_H
#define SKEP__CLI_LINE_NUMBER_H

#include "cli/cli.h"

/* The number that an option was given; `*out` stays as it is where it was not given. One that is
 * none, or not within the bounds, is a usage error. */
cli_exit cli_number(const cli_call *call, cli_option_id id, uint64_t min, uint64_t max,
                    uint64_t *out);

#endif
