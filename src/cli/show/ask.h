/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SHOW_ASK_H
#define SKEP__CLI_SHOW_ASK_H

#include "cli/cli.h"

/* What cannot be taken back is done only if --yes was given, or if a person at a terminal says so.
 * CLI_DONE: go on. `what` is a sentence that says what would happen. */
cli_exit cli_confirm(const cli_call *call, const char *what);

#endif
