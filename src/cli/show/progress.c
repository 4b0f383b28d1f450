/* SPDX-License-Identifier: MIT */
#include "cli/show/progress.h"

#include <string.h>
#include <unistd.h>

#include "cli/show/text.h"

#define DRAW_EVERY_NS 100000000u
#define BAR_COLUMNS_MIN 8
#define BAR_COLUMNS_MAX 40

void cli_progress_begin(cli_progress *progress, const cli_ui *ui, const char *label,
                        const char *unit, uint64_t total)
{
    memset(progress, 0, sizeof(*progress));
    progress->ui = ui;
    progress->label = label;
    progress->unit = unit;
    progress->total = total;
    progress->delay_ns = CLI_PROGRESS_SECOND;
    progress->begun_ns = cli_now_ns();
}

/* The rail behind the bar, so that its end can be seen. */
static void draw_bar(const cli_progress *progress, cli_buf *line, double share, int columns)
{
    bool colour = progress->ui->err_colour;
    cli_buf bar CLI_CLEANUP(cli_buf_dispose) = {0};
    cli_bar(&bar, share, columns, progress->ui->utf8, false);
    int width = 0;
    for (size_t i = 0; i < bar.len; i++)
        width += ((unsigned char)bar.data[i] & 0xc0) != 0x80;
    cli_buf_puts(line, cli_sgr(colour, CLI_ACCENT));
    cli_buf_puts(line, bar.data != NULL ? bar.data : "");
    cli_buf_puts(line, cli_sgr(colour, CLI_PLAIN));
    cli_buf_puts(line, cli_sgr(colour, CLI_DIM));
    for (; width < columns; width++)
        cli_buf_puts(line, progress->ui->utf8 ? "░" : ".");
    cli_buf_puts(line, cli_sgr(colour, CLI_PLAIN));
    cli_buf_puts(line, "  ");
}

static void amount(bool bytes, uint64_t n, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", bytes ? cli_bytes(n).s : cli_count(n).s);
}

/* How far it is, how fast, how long still. Bytes are for people, too: 15.4 MB. */
static void tell(const cli_progress *progress, uint64_t done, uint64_t took, char *tail,
                 size_t size)
{
    bool bytes = strcmp(progress->unit, "bytes") == 0;
    char at[48];
    char all[48];
    char each[48];
    double rate = took > 0 ? (double)done * 1e9 / (double)took : 0;
    uint64_t clipped = progress->total > 0 && done > progress->total ? progress->total : done;
    double left = progress->total > 0 && rate > 0 ? (double)(progress->total - clipped) / rate : 0;
    const char *unit = bytes ? "" : progress->unit;
    const char *blank = bytes ? "" : " ";
    amount(bytes, clipped, at, sizeof(at));
    amount(bytes, progress->total, all, sizeof(all));
    amount(bytes, (uint64_t)rate, each, sizeof(each));
    if (progress->total > 0)
        (void)snprintf(tail, size, "%s of %s%s%s  %s/s  %s left", at, all, blank, unit, each,
                       cli_clock((uint64_t)(left * 1e9) + 500000000u).s);
    else if (done == 0) /* nobody knows how far it is: at least that it goes on */
        (void)snprintf(tail, size, "for %s", cli_clock(took).s);
    else
        (void)snprintf(tail, size, "%s%s%s  %s/s", at, blank, unit, each);
}

static void draw(cli_progress *progress, uint64_t done, uint64_t now)
{
    char tail[256];
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    uint64_t clipped = done < progress->total ? done : progress->total;
    tell(progress, done, now - progress->begun_ns, tail, sizeof(tail));
    int room = cli_columns(STDERR_FILENO) - 1;
    int bar = room - 2 - (int)strlen(progress->label) - 1 - (int)strlen(tail) - 2;
    bar = bar > BAR_COLUMNS_MAX ? BAR_COLUMNS_MAX : bar;
    cli_buf_puts(&line, "\r  ");
    cli_buf_puts(&line, progress->label);
    cli_buf_puts(&line, " ");
    if (progress->total > 0 && bar >= BAR_COLUMNS_MIN)
        draw_bar(progress, &line, (double)clipped / (double)progress->total, bar);
    (void)cli_show(&line, skep_slice_str(tail), room - 3 - (int)strlen(progress->label),
                   progress->ui->utf8);
    cli_buf_puts(&line, "\033[K");
    if (!line.failed)
        (void)fwrite(line.data, 1, line.len, stderr);
    (void)fflush(stderr);
    progress->shown = true;
}

void cli_progress_at(cli_progress *progress, uint64_t done)
{
    if (!progress->ui->err_tty || progress->ui->loud < 0)
        return;
    uint64_t now = cli_now_ns();
    if (now - progress->begun_ns < progress->delay_ns || now - progress->drawn_ns < DRAW_EVERY_NS)
        return;
    progress->drawn_ns = now;
    draw(progress, done, now);
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->shown)
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    progress->shown = false;
}
