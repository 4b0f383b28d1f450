/* SPDX-License-Identifier: MIT */
#include "cli/db/running.h"

#include <inttypes.h>
#include <string.h>

#include "cli/show/json.h"
#include "cli/show/table.h"
#include "cli/show/text.h"

/* What a running process tells of itself, below what its file is. */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static int64_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void row(const cli_ui *ui, cli_out *out, const char *name, const char *text)
{
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    (void)cli_show(&line, skep_slice_str(text), CLI_NO_LIMIT, ui->utf8);
    cli_printf(out, "%s%-14s%s  %s\n", cli_sgr(ui->out_colour, CLI_DIM), name,
               cli_sgr(ui->out_colour, CLI_PLAIN), line.data != NULL ? line.data : "");
}

static void health_rows(const cli_ui *ui, cli_out *out, const json_t *health)
{
    const json_t *reasons = json_object_get(health, "reasons");
    const char *state = text_of(health, "state");
    cli_style style = strcmp(state, "healthy") == 0 ? CLI_GOOD : CLI_BAD;
    cli_printf(out, "%s%-14s%s  %s%s%s\n", cli_sgr(ui->out_colour, CLI_DIM), "health",
               cli_sgr(ui->out_colour, CLI_PLAIN), cli_sgr(ui->out_colour, style),
               state[0] != '\0' ? state : "unknown", cli_sgr(ui->out_colour, CLI_PLAIN));
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const json_t *reason = json_array_get(reasons, i);
        char text[512];
        (void)snprintf(text, sizeof(text), "%s: %s", text_of(reason, "what"),
                       text_of(reason, "text"));
        row(ui, out, "", text);
    }
}

/* When it was last found sound. */
static void check_row(const cli_ui *ui, cli_out *out, const json_t *health)
{
    const char *quick = text_of(health, "quick_check_at");
    const char *full = text_of(health, "full_check_at");
    char text[128];
    (void)snprintf(text, sizeof(text), "quick %s, full %s", quick[0] != '\0' ? quick : "not yet",
                   full[0] != '\0' ? full : "not yet");
    row(ui, out, "checked", text);
}

static void writer_row(const cli_ui *ui, cli_out *out, const json_t *writer)
{
    char text[128];
    if (!json_is_object(writer))
        return;
    (void)snprintf(text, sizeof(text), "thread %" PRId64 " has run its function for %s",
                   number_of(writer, "thread"), cli_age(number_of(writer, "running_ms") * 1000).s);
    row(ui, out, "writer", text);
}

static bool truth_of(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void connection_row(cli_table *table, const json_t *c)
{
    bool used = truth_of(c, "in_use");
    char thread[24] = "";
    if (used)
        (void)snprintf(thread, sizeof(thread), "%" PRId64, number_of(c, "thread"));
    cli_table_text(table, text_of(c, "role"));
    cli_table_text(table, !used ? "idle" : truth_of(c, "pins_wal") ? "in use, pins WAL" : "in use");
    cli_table_figure(table, used ? cli_age(number_of(c, "held_ms") * 1000).s : "");
    cli_table_figure(table, thread);
    cli_table_figure(table, cli_count((uint64_t)number_of(c, "transactions")).s);
    cli_table_text(table, text_of(c, "sql"));
}

static bool connection_rows(const cli_ui *ui, cli_out *out, const json_t *list)
{
    static const char *const names[] = {"connection", "state",        "held",
                                        "thread",     "transactions", "statement"};
    cli_table table;
    if (json_array_size(list) == 0)
        return true;
    cli_puts(out, "\n");
    cli_table_begin(&table, ui, out, sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cli_table_text(&table, names[i]);
    bool fits = cli_table_end_row(&table);
    for (size_t i = 0; fits && i < json_array_size(list); i++) {
        connection_row(&table, json_array_get(list, i));
        fits = cli_table_end_row(&table);
    }
    fits = fits && cli_table_end(&table);
    cli_table_dispose(&table);
    return fits;
}

bool cli_running_rows(const cli_running *running, const cli_ui *ui, cli_out *out)
{
    char text[256];
    cli_running_text(running, text, sizeof(text));
    row(ui, out, "running", text);
    if (running->state != CLI_RUNNING)
        return true;
    const json_t *health = json_object_get(running->shown, "health");
    health_rows(ui, out, health);
    check_row(ui, out, health);
    writer_row(ui, out, json_object_get(running->shown, "writer"));
    return connection_rows(ui, out, json_object_get(running->shown, "connections"));
}

json_t *cli_running_json(const cli_running *running)
{
    static const char *const left_out[] = {"prometheus", "metrics", "statements", "slow_statements",
                                           "path"};
    if (running->state != CLI_RUNNING)
        return json_null();
    json_t *object = json_copy(running->shown);
    if (object == NULL ||
        json_object_set_new(object, "age_ms", json_integer(running->age_us / 1000)) != 0) {
        json_decref(object);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        (void)json_object_del(object, left_out[i]);
    return object;
}
