/* SPDX-License-Identifier: MIT */
#include "cli/db/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/db/open.h"
#include "cli/db/running.h"
#include "cli/line/number.h"
#include "cli/show/json.h"
#include "cli/show/table.h"

/* What the process that runs a database tells of itself: its metrics, what statements cost, which
 * were slow. It is read from its status file, so that asking never touches the database. */

/* ---- metrics ---- */

/* As Prometheus wants it between the quotes of a label. */
static void escape(cli_buf *buf, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            cli_buf_puts(buf, "\\n");
            continue;
        }
        if (*text == '\\' || *text == '"')
            cli_buf_puts(buf, "\\");
        cli_buf_add(buf, text, 1);
    }
}

typedef struct sample {
    const char *name;
    const char *help;
    uint64_t value;
} sample;
#define SAMPLES 4

static json_t *samples_json(const sample *samples)
{
    json_t *object = json_object();
    for (size_t i = 0; i < SAMPLES; i++)
        if (json_object_set_new(object, samples[i].name,
                                json_pack("{s:s, s:s, s:I}", "type", "gauge", "help",
                                          samples[i].help, "value",
                                          (json_int_t)samples[i].value)) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

static cli_exit samples_text(const cli_call *call, const sample *samples, const char *path,
                             const char *why)
{
    cli_out out = {stdout, 0};
    cli_buf label CLI_CLEANUP(cli_buf_dispose) = {0};
    escape(&label, path);
    if (label.failed)
        return cli_fail_memory(call->ui);
    cli_printf(&out, "# %s: these are of the file itself\n", why);
    for (size_t i = 0; i < SAMPLES; i++)
        cli_printf(&out, "# HELP %s %s\n# TYPE %s gauge\n%s{db=\"%s\"} %llu\n", samples[i].name,
                   samples[i].help, samples[i].name, samples[i].name, label.data,
                   (unsigned long long)samples[i].value);
    return cli_out_end(&out, call->ui, CLI_WRONG);
}

/* Nothing runs: what the file itself says. */
static cli_exit metrics_of_file(const cli_call *call, const char *why)
{
    skep_db *db = NULL;
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    cli_exit status = cli_open_reading(call, call->args[0], &db);
    if (status != CLI_DONE)
        return status;
    int rc = skep_db_get_info(db, &info);
    status = cli_close(call, db, rc < 0 ? cli_fail(call->ui) : CLI_DONE);
    if (status != CLI_DONE)
        return status;
    const sample samples[SAMPLES] = {
        {"skep_db_bytes", "Size of the database file.", info.bytes},
        {"skep_wal_bytes", "Size of the -wal file.", info.wal_bytes},
        {"skep_db_pages", "Pages of the database.", info.pages},
        {"skep_db_free_pages", "Pages of the database that are not in use.", info.free_pages},
    };
    if (!call->ui->json)
        return samples_text(call, samples, info.path, why);
    return cli_json_end(call->ui,
                        json_pack("{s:o, s:b, s:s, s:o}", "path",
                                  cli_json_text(skep_slice_str(info.path)), "running", 0, "why",
                                  why, "metrics", samples_json(samples)),
                        CLI_WRONG);
}

static cli_exit metrics(const cli_call *call, const cli_running *running)
{
    char told[256];
    cli_out out = {stdout, 0};
    const char *text = json_string_value(json_object_get(running->shown, "prometheus"));
    cli_running_text(running, told, sizeof(told));
    if (running->state != CLI_RUNNING || text == NULL)
        return metrics_of_file(call, told);
    if (call->ui->json)
        return cli_json_end(call->ui,
                            json_pack("{s:O, s:b, s:I, s:I, s:O}", "path",
                                      json_object_get(running->shown, "path"), "running", 1, "pid",
                                      (json_int_t)running->pid, "age_ms",
                                      (json_int_t)(running->age_us / 1000), "metrics",
                                      json_object_get(running->shown, "metrics")),
                            CLI_DONE);
    cli_printf(&out, "# %s\n", told);
    cli_puts(&out, text);
    return cli_out_end(&out, call->ui, CLI_DONE);
}

/* ---- statements ---- */

static int64_t number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static void text_cell(cli_table *table, const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    cli_table_text(table, text != NULL ? text : "");
}

static void time_cell(cli_table *table, uint64_t ns)
{
    cli_table_figure(table, cli_duration(ns).s);
}

static void statement_names(cli_table *table)
{
    static const char *const names[] = {"total",  "mean", "worst",    "runs",
                                        "failed", "rows", "statement"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cli_table_text(table, names[i]);
}

static void statement_row(cli_table *table, const json_t *row)
{
    uint64_t runs = (uint64_t)number_of(row, "runs");
    uint64_t total = (uint64_t)number_of(row, "total_ns");
    time_cell(table, total);
    time_cell(table, runs > 0 ? total / runs : 0);
    time_cell(table, (uint64_t)number_of(row, "worst_ns"));
    cli_table_figure(table, cli_count(runs).s);
    cli_table_figure(table, cli_count((uint64_t)number_of(row, "failed")).s);
    cli_table_figure(table, cli_count((uint64_t)number_of(row, "rows")).s);
    text_cell(table, row, "sql");
}

static void slow_names(cli_table *table)
{
    static const char *const names[] = {"at", "took", "rows", "code", "values", "statement"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cli_table_text(table, names[i]);
}

static void slow_row(cli_table *table, const json_t *row)
{
    text_cell(table, row, "at");
    time_cell(table, (uint64_t)number_of(row, "took_ns"));
    cli_table_figure(table, cli_count((uint64_t)number_of(row, "rows")).s);
    const char *code = json_string_value(json_object_get(row, "code"));
    cli_table_text(table, code != NULL && strcmp(code, "SKEP_OK") != 0 ? code : "");
    text_cell(table, row, "values");
    text_cell(table, row, "sql");
}

typedef struct shown_list {
    const char *key; /* in the status file */
    size_t wide;
    void (*names)(cli_table *table);
    void (*row)(cli_table *table, const json_t *row);
} shown_list;

static const shown_list statements = {"statements", 7, statement_names, statement_row};
static const shown_list slow = {"slow_statements", 6, slow_names, slow_row};

static cli_exit list_json(const cli_call *call, const json_t *rows, size_t most)
{
    cli_out out = {stdout, 0};
    for (size_t i = 0; i < most; i++) {
        if (!cli_json_put(&out, json_array_get(rows, i)))
            return cli_fail_memory(call->ui);
        cli_putc(&out, '\n');
    }
    return cli_out_end(&out, call->ui, CLI_DONE);
}

static cli_exit list_table(const cli_call *call, const shown_list *list, const json_t *rows,
                           size_t most)
{
    cli_out out = {stdout, 0};
    cli_table table;
    cli_table_begin(&table, call->ui, &out, list->wide);
    list->names(&table);
    bool fits = cli_table_end_row(&table);
    for (size_t i = 0; fits && i < most; i++) {
        list->row(&table, json_array_get(rows, i));
        fits = cli_table_end_row(&table);
    }
    fits = fits && cli_table_end(&table);
    cli_table_dispose(&table);
    return fits ? cli_out_end(&out, call->ui, CLI_DONE) : cli_fail_memory(call->ui);
}

static cli_exit show_list(const cli_call *call, const cli_running *running, const shown_list *list)
{
    char text[256];
    uint64_t limit = SIZE_MAX;
    cli_exit status = cli_number(call, CLI_OPT_LIMIT, 1, SIZE_MAX, &limit);
    if (status != CLI_DONE)
        return status;
    cli_running_text(running, text, sizeof(text));
    if (call->ui->loud >= 0)
        cli_say(call->ui, "%s", text);
    if (running->state != CLI_RUNNING)
        return CLI_WRONG;
    const json_t *rows = json_object_get(running->shown, list->key);
    size_t most = json_array_size(rows) < limit ? json_array_size(rows) : (size_t)limit;
    return call->ui->json ? list_json(call, rows, most) : list_table(call, list, rows, most);
}

cli_exit cli_stats_running(const cli_call *call)
{
    struct stat st;
    cli_running running;
    cli_exit status;
    if (stat(call->args[0], &st) != 0)
        return cli_fail_errno(call->ui, errno, "read", call->args[0]);
    cli_running_read(&running, call->args[0]);
    if (cli_has(call, CLI_OPT_METRICS))
        status = metrics(call, &running);
    else
        status = show_list(call, &running, cli_has(call, CLI_OPT_SLOW) ? &slow : &statements);
    cli_running_dispose(&running);
    return status;
}
