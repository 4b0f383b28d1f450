/* SPDX-License-Identifier: MIT */
#include "cli/show/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show/json.h"
#include "cli/show/text.h"

/* ---- CSV: lines end in CR LF; NULL is nothing at all, empty text is "" ---- */

static void csv_text(cli_out *out, skep_slice text)
{
    const char *at = text.data;
    const char *end = at + text.len;
    bool plain = text.len > 0;
    for (const char *c = at; c < end && plain; c++)
        plain = *c != '"' && *c != ',' && *c != '\r' && *c != '\n';
    if (plain) {
        cli_put(out, at, text.len);
        return;
    }
    cli_putc(out, '"');
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        const char *stop = quote != NULL ? quote + 1 : end;
        cli_put(out, at, (size_t)(stop - at));
        if (quote != NULL)
            cli_putc(out, '"');
        at = stop;
    }
    cli_putc(out, '"');
}

/* As SQL writes a blob: x'00ff'. */
static void csv_blob(cli_out *out, skep_slice blob)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = blob.data;
    cli_puts(out, "x'");
    for (size_t i = 0; i < blob.len; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        cli_put(out, pair, 2);
    }
    cli_puts(out, "'");
}

static void csv_row(cli_rows *w, skep_rows *rows)
{
    for (int i = 0; i < w->columns; i++) {
        skep_value value = skep_column_value(rows, i);
        if (i > 0)
            cli_putc(w->out, ',');
        switch (value.type) {
        case SKEP_INT:
            cli_printf(w->out, "%" PRId64, value.u.i);
            break;
        case SKEP_REAL:
            cli_puts(w->out, cli_real(value.u.r).s);
            break;
        case SKEP_TEXT:
            csv_text(w->out, value.u.s);
            break;
        case SKEP_BLOB:
            csv_blob(w->out, value.u.s);
            break;
        default:
            break;
        }
    }
    cli_puts(w->out, "\r\n");
}

/* ---- JSON ---- */

/* Two columns may have one name, two keys of an object may not: the second becomes "name:1", as
 * SQLite itself names the columns of a subquery. */
static bool distinct_key(cli_rows *w, int column, const char *name)
{
    cli_buf key CLI_CLEANUP(cli_buf_dispose) = {0};
    char suffix[16] = "";
    for (int again = 0; again <= w->columns; again++) {
        bool taken = false;
        key.len = 0;
        cli_buf_puts(&key, name);
        if (again > 0)
            (void)snprintf(suffix, sizeof(suffix), ":%d", again);
        cli_buf_puts(&key, suffix);
        if (key.failed)
            return false;
        json_t *text = cli_json_text(skep_slice_of(key.data, key.len));
        if (json_is_object(text)) { /* no UTF-8: name it by its place */
            json_decref(text);
            text = json_sprintf("column %d%s", column + 1, suffix);
        }
        w->keys[column] = json_dumps(text, JSON_COMPACT | JSON_ENCODE_ANY);
        json_decref(text);
        if (w->keys[column] == NULL)
            return false;
        for (int i = 0; i < column && !taken; i++)
            taken = strcmp(w->keys[i], w->keys[column]) == 0;
        if (!taken)
            return true;
        free(w->keys[column]);
        w->keys[column] = NULL;
    }
    return false;
}

static bool json_row(cli_rows *w, skep_rows *rows)
{
    cli_putc(w->out, '{');
    for (int i = 0; i < w->columns; i++) {
        skep_value value = skep_column_value(rows, i);
        if (i > 0)
            cli_putc(w->out, ',');
        cli_puts(w->out, w->keys[i]);
        cli_putc(w->out, ':');
        json_t *json = cli_json_value(&value);
        bool put = json != NULL && cli_json_put(w->out, json);
        json_decref(json);
        if (!put)
            return false;
    }
    cli_puts(w->out, "}\n");
    return true;
}

/* ---- all three ---- */

static bool json_begin(cli_rows *w, skep_rows *rows)
{
    w->keys = calloc((size_t)w->columns + 1, sizeof(*w->keys));
    if (w->keys == NULL)
        return false;
    for (int i = 0; i < w->columns; i++) {
        const char *name = skep_column_name(rows, i);
        if (!distinct_key(w, i, name != NULL ? name : ""))
            return false;
    }
    return true;
}

bool cli_rows_begin(cli_rows *w, cli_rows_form form, const cli_ui *ui, cli_out *out,
                    skep_rows *rows)
{
    memset(w, 0, sizeof(*w));
    w->form = form;
    w->out = out;
    w->columns = skep_columns(rows);
    if (w->columns <= 0)
        return true;
    switch (form) {
    case CLI_ROWS_JSON:
        return json_begin(w, rows);
    case CLI_ROWS_CSV:
        for (int i = 0; i < w->columns; i++) {
            cli_puts(out, i > 0 ? "," : "");
            csv_text(out, skep_slice_str(skep_column_name(rows, i)));
        }
        cli_puts(out, "\r\n");
        return true;
    case CLI_ROWS_TABLE:
        cli_table_begin(&w->table, ui, out, (size_t)w->columns);
        for (int i = 0; i < w->columns; i++)
            cli_table_text(&w->table, skep_column_name(rows, i));
        return cli_table_end_row(&w->table);
    }
    return false;
}

bool cli_rows_put(cli_rows *w, skep_rows *rows)
{
    switch (w->form) {
    case CLI_ROWS_JSON:
        return json_row(w, rows);
    case CLI_ROWS_CSV:
        csv_row(w, rows);
        return true;
    case CLI_ROWS_TABLE:
        for (int i = 0; i < w->columns; i++) {
            skep_value value = skep_column_value(rows, i);
            cli_table_value(&w->table, &value);
        }
        return cli_table_end_row(&w->table);
    }
    return false;
}

bool cli_rows_end(cli_rows *w)
{
    return w->form != CLI_ROWS_TABLE || w->columns <= 0 || cli_table_end(&w->table);
}

void cli_rows_dispose(cli_rows *w)
{
    for (int i = 0; w->keys != NULL && i < w->columns; i++)
        free(w->keys[i]);
    free(w->keys);
    cli_table_dispose(&w->table);
    memset(w, 0, sizeof(*w));
}
