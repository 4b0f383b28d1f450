/* SPDX-License-Identifier: MIT */
/* The figures of the bench, for a person and for a program. */
#include <string.h>
#include <unistd.h>

#include "cli/bench/bench.h"
#include "cli/show/json.h"
#include "cli/show/text.h"

#define NAME_COLUMNS 32
#define RATE_COLUMNS 12
#define SPAN_COLUMNS 20
#define BAR_COLUMNS_MAX 24

static double median(const bench_figures *f)
{
    return f->rounds > 0 ? f->rate[f->rounds / 2] : 0;
}

/* Three digits that count. */
static cli_short rate_text(double rate)
{
    cli_short out;
    const char *unit = "";
    if (rate >= 999500) {
        rate /= 1e6;
        unit = " M";
    } else if (rate >= 999.5) {
        rate /= 1e3;
        unit = " k";
    }
    int decimals = rate >= 99.95 ? 0 : rate >= 9.995 ? 1 : 2;
    (void)snprintf(out.s, sizeof(out.s), "%.*f%s", decimals, rate, unit);
    return out;
}

static double most_of(const bench *b, const char *group)
{
    double most = 0;
    for (size_t i = 0; i < bench_row_count; i++)
        if (strcmp(bench_rows[i].group, group) == 0 && median(&b->figures[i]) > most)
            most = median(&b->figures[i]);
    return most;
}

static void show_row(cli_out *out, const bench *b, size_t i, int bar_columns)
{
    const bench_figures *f = &b->figures[i];
    bool colour = b->ui->out_colour;
    char span[96];
    if (f->rounds == 0) {
        cli_printf(out, "  %-*s  %s\n", NAME_COLUMNS, bench_rows[i].text,
                   "not measured: this build has no encryption");
        return;
    }
    (void)snprintf(span, sizeof(span), "%s .. %s", rate_text(f->rate[0]).s,
                   rate_text(f->rate[f->rounds - 1]).s);
    cli_printf(out, "  %-*s%s%*s/s%s  %s%*s%s", NAME_COLUMNS, bench_rows[i].text,
               cli_sgr(colour, CLI_BOLD), RATE_COLUMNS - 2, rate_text(median(f)).s,
               cli_sgr(colour, CLI_PLAIN), cli_sgr(colour, CLI_DIM), SPAN_COLUMNS, span,
               cli_sgr(colour, CLI_PLAIN));
    double most = most_of(b, bench_rows[i].group);
    if (bar_columns > 0 && most > 0) {
        cli_buf bar CLI_CLEANUP(cli_buf_dispose) = {0};
        cli_bar(&bar, median(f) / most, bar_columns, b->ui->utf8, false);
        cli_printf(out, "  %s%s%s", cli_sgr(colour, CLI_ACCENT), bar.data != NULL ? bar.data : "",
                   cli_sgr(colour, CLI_PLAIN));
    }
    cli_puts(out, "\n");
}

static void show_machine(cli_out *out, const bench *b, const bench_machine *m)
{
    const char *const lines[][2] = {
        {"directory", m->path},
        {"file system", m->file_system},
        {"device", m->device},
        {"processor", m->cpu},
        {"system", m->kernel},
        {"skep", skep_version()},
        {"SQLite", skep_sqlite_version()},
        {"cipher", b->no_key ? "none" : b->cipher},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        cli_buf text CLI_CLEANUP(cli_buf_dispose) = {0};
        (void)cli_show(&text, skep_slice_str(lines[i][1]), CLI_NO_LIMIT, b->ui->utf8);
        cli_printf(out, "  %s%-12s%s  %s\n", cli_sgr(b->ui->out_colour, CLI_DIM), lines[i][0],
                   cli_sgr(b->ui->out_colour, CLI_PLAIN), text.data != NULL ? text.data : "");
    }
}

static cli_exit show_table(const bench *b, const bench_machine *m, uint64_t took_ns)
{
    cli_out out = {stdout, 0};
    int columns = b->ui->out_tty ? cli_columns(STDOUT_FILENO) : 80;
    int bar = columns - (2 + NAME_COLUMNS + RATE_COLUMNS + 2 + SPAN_COLUMNS + 2) - 1;
    bar = bar > BAR_COLUMNS_MAX ? BAR_COLUMNS_MAX : bar;
    bar = b->ui->out_tty && bar >= 4 ? bar : 0;
    const char *group = "";
    for (size_t i = 0; i < bench_row_count; i++) {
        if (strcmp(group, bench_rows[i].group) != 0)
            cli_printf(&out, "%s%s%s%s\n", i > 0 ? "\n" : "", cli_sgr(b->ui->out_colour, CLI_BOLD),
                       bench_rows[i].group, cli_sgr(b->ui->out_colour, CLI_PLAIN));
        group = bench_rows[i].group;
        show_row(&out, b, i, bar);
    }
    cli_printf(&out,
               "\nThe median of %d rounds, and the lowest and highest of them; the rounds took\n"
               "turns for %s. It is what this machine did just now, with all else that\n"
               "ran on it: another disk, or another hour, gives other figures.\n\n",
               BENCH_ROUNDS, cli_duration(took_ns).s);
    show_machine(&out, b, m);
    if (b->dir.in_memory)
        cli_puts(&out, "\nThis directory is in memory: a sync costs nothing there. --dir DIR names"
                       " one on a disk.\n");
    return cli_out_end(&out, b->ui, CLI_DONE);
}

static json_t *json_row(const bench *b, size_t i)
{
    const bench_figures *f = &b->figures[i];
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:i}", "name", bench_rows[i].name, "threads",
                     bench_rows[i].threads, "per_second", cli_json_rounded(median(f), 1), "min",
                     cli_json_rounded(f->rounds > 0 ? f->rate[0] : 0, 1), "max",
                     cli_json_rounded(f->rounds > 0 ? f->rate[f->rounds - 1] : 0, 1), "rounds",
                     f->rounds);
}

static cli_exit show_json(const bench *b, const bench_machine *m, uint64_t took_ns)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < bench_row_count; i++)
        if (b->figures[i].rounds > 0)
            (void)json_array_append_new(rows, json_row(b, i));
    json_t *path = cli_json_text(skep_slice_str(m->path));
    return cli_json_end(
        b->ui,
        json_pack("{s:o, s:o, s:s, s:s, s:s, s:I, s:s, s:b, s:s, s:s, s:s, s:o}", "rows", rows,
                  "directory", path, "file_system", m->file_system, "device", m->device,
                  "processor", m->cpu, "processors", (json_int_t)m->cpus, "system", m->kernel,
                  "in_memory", b->dir.in_memory, "skep_version", skep_version(), "sqlite_version",
                  skep_sqlite_version(), "cipher", b->no_key ? "none" : b->cipher, "seconds",
                  cli_json_rounded((double)took_ns / 1e9, 1)),
        CLI_DONE);
}

cli_exit bench_show(const bench *b, uint64_t took_ns)
{
    bench_machine machine;
    bench_look_at_machine(b, &machine);
    return b->ui->json ? show_json(b, &machine, took_ns) : show_table(b, &machine, took_ns);
}
