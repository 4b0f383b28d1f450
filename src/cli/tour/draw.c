/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Nothing is drawn with --json: there only the figures count. */

#define COLUMNS_LEAST 60
#define COLUMNS_MOST 100
#define LINE_MAX_LEN 1024
#define LABEL_COLUMNS 22

int tour_columns(const tour *t)
{
    int columns = t->ui->out_tty ? cli_columns(STDOUT_FILENO) : 80;
    return columns < COLUMNS_LEAST  ? COLUMNS_LEAST
           : columns > COLUMNS_MOST ? COLUMNS_MOST
                                    : columns;
}

void tour_style(tour *t, cli_style style)
{
    if (!t->ui->json)
        cli_puts(&t->out, cli_sgr(t->ui->out_colour, style));
}

void tour_print(tour *t, const char *fmt, ...)
{
    char text[LINE_MAX_LEN];
    va_list args;
    if (t->ui->json)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    cli_puts(&t->out, text);
}

void tour_heading(tour *t, const char *number, const char *text)
{
    tour_print(t, "\n");
    tour_style(t, CLI_ACCENT);
    tour_print(t, "%s%s", number, number[0] != '\0' ? "  " : "");
    tour_style(t, CLI_PLAIN);
    tour_style(t, CLI_BOLD);
    tour_print(t, "%s", text);
    tour_style(t, CLI_PLAIN);
    tour_print(t, "\n\n");
}

void tour_bar(tour *t, double share, int columns, cli_style style)
{
    cli_buf bar CLI_CLEANUP(cli_buf_dispose) = {0};
    cli_bar(&bar, share, columns, t->ui->utf8, true);
    tour_style(t, style);
    tour_print(t, "%s", bar.data != NULL ? bar.data : "");
    tour_style(t, CLI_PLAIN);
}

void tour_cell(tour *t, const char *text, int columns, bool path)
{
    cli_buf cell CLI_CLEANUP(cli_buf_dispose) = {0};
    skep_slice slice = skep_slice_str(text);
    int width = path ? cli_show_tail(&cell, slice, columns, t->ui->utf8)
                     : cli_show(&cell, slice, columns, t->ui->utf8);
    if (t->ui->json)
        return;
    cli_puts(&t->out, cell.data != NULL ? cell.data : "");
    cli_pad(&t->out, columns - width);
}

void tour_rate_bar(tour *t, const char *name, double rate, double most, cli_style style)
{
    int columns = tour_columns(t) - LABEL_COLUMNS - 16;
    tour_print(t, "  ");
    tour_cell(t, name, LABEL_COLUMNS, false);
    tour_bar(t, most > 0 ? rate / most : 0, columns, style);
    tour_print(t, " %8s/s\n", cli_count((uint64_t)rate).s);
}

static const char *mark(const tour *t, bool good)
{
    if (!t->ui->utf8)
        return good ? "ok" : "NO";
    return good ? "✓" : "✗";
}

void tour_fact(tour *t, const char *name, const char *value, const char *remark)
{
    tour_print(t, "  %-40s%10s", name, value);
    if (remark[0] != '\0') {
        tour_style(t, CLI_DIM);
        tour_print(t, "  %s", remark);
        tour_style(t, CLI_PLAIN);
    }
    tour_print(t, "\n");
}

void tour_verdict(tour *t, bool good, const char *text)
{
    tour_print(t, "  ");
    tour_style(t, good ? CLI_GOOD : CLI_BAD);
    tour_print(t, "%s", mark(t, good));
    tour_style(t, CLI_PLAIN);
    tour_print(t, " %s\n", text);
}

void tour_flush(tour *t)
{
    if (t->out.error == 0 && fflush(t->out.file) != 0)
        t->out.error = EOF;
}
