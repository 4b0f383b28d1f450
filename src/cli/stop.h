/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_STOP_H
#define SKEP__CLI_STOP_H

#include <stdbool.h>

/* Ctrl-C and its like: a flag that every loop of a long command looks at, so that the command ends
 * as it would otherwise, and then dies of the signal. */

/* Watch for SIGINT, SIGTERM and SIGHUP, but not for those that were ignored already. */
bool cli_stop_watch(void);
bool cli_stopping(void);
/* Die of the signal that asked to stop, so that a shell sees what happened. Returns if none did. */
void cli_stop_die(void);

#endif
