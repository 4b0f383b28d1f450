/* SPDX-License-Identifier: MIT */
#include "cli/show/steps.h"

#include <string.h>

#include "cli/show/text.h"

void cli_steps_begin(cli_steps *steps, const cli_ui *ui)
{
    memset(steps, 0, sizeof(*steps));
    steps->ui = ui;
    steps->begun_ns = cli_now_ns();
    cli_progress_begin(&steps->progress, ui, steps->label, "pages", 0);
}

void cli_steps_at(const char *step, uint64_t done, uint64_t total, void *arg)
{
    cli_steps *steps = arg;
    if (strncmp(steps->label, step, sizeof(steps->label) - 1) != 0) {
        bool long_since = cli_now_ns() - steps->begun_ns >= CLI_PROGRESS_SECOND;
        (void)snprintf(steps->label, sizeof(steps->label), "%s", step);
        cli_progress_end(&steps->progress);
        cli_progress_begin(&steps->progress, steps->ui, steps->label, "pages", total);
        if (long_since)
            steps->progress.delay_ns = CLI_PROGRESS_SECOND / 10; /* before that it has no rate */
    }
    steps->progress.total = total;
    cli_progress_at(&steps->progress, done);
}

void cli_steps_end(cli_steps *steps)
{
    cli_progress_end(&steps->progress);
}
