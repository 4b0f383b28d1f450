/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_LINE_PARAM_H
#define SKEP__CLI_LINE_PARAM_H

#include "cli/cli.h"

/* The values of --param. Text is borrowed from argv, blobs from `bytes`. */
typedef struct cli_params {
    skep_value *values;
    size_t count;
    unsigned char *bytes;
    size_t bytes_len;
} cli_params;

/* Read all --param of `call`; a value that contradicts its own prefix is a usage error. */
cli_exit cli_params_read(cli_params *params, const cli_call *call);
void cli_params_dispose(cli_params *params);

#endif
