/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SERVE_LOG_H
#define SKEP__CLI_SERVE_LOG_H

#include <skep/serve.h>

#include "cli/cli.h"

/* The access log: a line for each request, written with one call, so that lines of many threads and
 * of a program that moves the file away never mix. */
typedef struct cli_log {
    const char *path; /* NULL: stderr */
    int fd;
    bool json;
    bool failures_only;
} cli_log;

/* Begin, or go on in a new file where the one of before was moved away. */
cli_exit cli_log_open(const cli_ui *ui, cli_log *log);
void cli_log_close(cli_log *log);
/* A skep_serve_access_fn; `ctx` is the log. */
void cli_log_request(const skep_serve_access *access, void *ctx);

#endif
