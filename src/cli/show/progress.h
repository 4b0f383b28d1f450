/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SHOW_PROGRESS_H
#define SKEP__CLI_SHOW_PROGRESS_H

#include "cli/cli.h"

/* One line on the terminal behind stderr that tells how far work is: bar, count, rate, time left.
 * Nothing is drawn where stderr is no terminal, with -q, nor before `delay_ns` has passed. */
typedef struct cli_progress {
    const cli_ui *ui;
    const char *label; /* "recording" */
    const char *unit;  /* "files" */
    uint64_t total;    /* 0: unknown; then there is no bar and no time left */
    uint64_t delay_ns;
    uint64_t begun_ns;
    uint64_t drawn_ns;
    bool shown;
} cli_progress;

#define CLI_PROGRESS_SECOND 1000000000u

void cli_progress_begin(cli_progress *progress, const cli_ui *ui, const char *label,
                        const char *unit, uint64_t total);
/* Cheap enough to be called often: it draws ten times a second at most. */
void cli_progress_at(cli_progress *progress, uint64_t done);
/* Take the line away. */
void cli_progress_end(cli_progress *progress);

#endif
