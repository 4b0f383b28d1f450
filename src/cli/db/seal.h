/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DB_SEAL_H
#define SKEP__CLI_DB_SEAL_H

#include "cli/cli.h"

/* How a file is encrypted, in words. */

/* For programs: "plain", "encrypted", "rekey_old", "rekey_new". */
const char *cli_seal_word(int32_t state);
/* For people. */
const char *cli_seal_text(int32_t state);

#endif
