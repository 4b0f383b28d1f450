/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SHOW_STEPS_H
#define SKEP__CLI_SHOW_STEPS_H

#include "cli/show/progress.h"

/* Progress of work that has several steps, each of its own length: each draws its own bar. */
typedef struct cli_steps {
    cli_progress progress;
    const cli_ui *ui;
    uint64_t begun_ns;
    char label[32];
} cli_steps;

void cli_steps_begin(cli_steps *steps, const cli_ui *ui);
/* `arg` is a cli_steps: this is the callback that skep_maintain_opts wants. */
void cli_steps_at(const char *step, uint64_t done, uint64_t total, void *arg);
void cli_steps_end(cli_steps *steps);

#endif
