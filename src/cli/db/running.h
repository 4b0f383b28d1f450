/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DB_RUNNING_H
#define SKEP__CLI_DB_RUNNING_H

#include <jansson.h>

#include "cli/cli.h"

/* What runs a database now, told by the file X-skep-status beside it, which the process that
 * maintains the database replaces about once a second while something changes
 * (docs/format/status.md). Reading it opens nothing of the database. */

typedef enum cli_running_state {
    CLI_RUNNING_NOT,   /* there is no such file: nothing runs, or nothing that shows itself */
    CLI_RUNNING_GONE,  /* who wrote it is gone: `why` */
    CLI_RUNNING_BLIND, /* it cannot be read: `why` */
    CLI_RUNNING
} cli_running_state;

typedef struct cli_running {
    cli_running_state state;
    char why[160];
    json_t *shown; /* the file's object, unless there is none that can be read */
    int64_t pid;
    int64_t opened_us; /* UTC, when that process opened the database */
    int64_t age_us;    /* since the file was written */
} cli_running;

/* `path` is the database as it was named: a link is followed, as opening it would. */
void cli_running_read(cli_running *running, const char *path);
void cli_running_dispose(cli_running *running);

/* "pid 4711 for 8 min, told 0.4 s ago"; "not running", with why. */
void cli_running_text(const cli_running *running, char *out, size_t size);
/* What is shown, as rows below those of the file: health and its reasons, the writer, connections.
 * False: memory ran out. */
bool cli_running_rows(const cli_running *running, const cli_ui *ui, cli_out *out);
/* The same for a program: the status file without metrics and statements, and its age; null where
 * nothing runs. NULL: memory ran out. */
json_t *cli_running_json(const cli_running *running);

#endif
