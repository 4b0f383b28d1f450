/* SPDX-License-Identifier: MIT */
#include "cli/show/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GAP 2         /* blanks between columns */
#define COLUMN_MIN 6  /* no column is cut below this */
#define BLOB_SHOWN 16 /* bytes of a blob that are shown */

void cli_table_begin(cli_table *table, const cli_ui *ui, cli_out *out, size_t wide)
{
    memset(table, 0, sizeof(*table));
    table->ui = ui;
    table->out = out;
    table->fit = ui->out_tty ? cli_columns(STDOUT_FILENO) : 0;
    table->wide = wide;
    table->columns = calloc(wide, sizeof(*table->columns));
    table->failed = table->columns == NULL;
}

void cli_table_dispose(cli_table *table)
{
    free(table->columns);
    free(table->cells);
    cli_buf_dispose(&table->text);
    memset(table, 0, sizeof(*table));
}

static cli_table_cell *new_cell(cli_table *table)
{
    if (table->failed)
        return NULL;
    if (table->cell_count == table->cell_cap) {
        size_t cap = table->cell_cap == 0 ? 64 : 2 * table->cell_cap;
        cli_table_cell *grown = realloc(table->cells, cap * sizeof(*grown));
        if (grown == NULL) {
            table->failed = true;
            return NULL;
        }
        table->cells = grown;
        table->cell_cap = cap;
    }
    cli_table_cell *cell = &table->cells[table->cell_count++];
    memset(cell, 0, sizeof(*cell));
    cell->at = table->text.len;
    return cell;
}

/* On a terminal no cell can be wider than that, so no more of it is kept. */
static void add_text(cli_table *table, cli_table_cell *cell, skep_slice text)
{
    int most = table->fit > 0 ? table->fit : CLI_NO_LIMIT;
    cell->width = cli_show(&table->text, text, most, table->ui->utf8);
}

static void add_blob(cli_table *table, cli_table_cell *cell, skep_slice blob)
{
    char text[2 * BLOB_SHOWN + 64];
    const unsigned char *bytes = blob.data;
    size_t shown = blob.len < BLOB_SHOWN ? blob.len : BLOB_SHOWN;
    int at = snprintf(text, sizeof(text), "x'");
    for (size_t i = 0; i < shown; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%02x", bytes[i]);
    if (shown < blob.len)
        (void)snprintf(text + at, sizeof(text) - (size_t)at, "'.. %s", cli_bytes(blob.len).s);
    else
        (void)snprintf(text + at, sizeof(text) - (size_t)at, "'");
    add_text(table, cell, skep_slice_str(text));
}

void cli_table_value(cli_table *table, const skep_value *value)
{
    char number[32];
    cli_table_cell *cell = new_cell(table);
    if (cell == NULL)
        return;
    switch (value->type) {
    case SKEP_INT:
        (void)snprintf(number, sizeof(number), "%" PRId64, value->u.i);
        add_text(table, cell, skep_slice_str(number));
        cell->number = true;
        break;
    case SKEP_REAL:
        add_text(table, cell, skep_slice_str(cli_real(value->u.r).s));
        cell->number = true;
        break;
    case SKEP_TEXT:
        add_text(table, cell, value->u.s);
        break;
    case SKEP_BLOB:
        add_blob(table, cell, value->u.s);
        break;
    default:
        add_text(table, cell, skep_slice_str("NULL"));
        cell->null = true;
    }
    cell->len = table->text.len - cell->at;
}

void cli_table_text(cli_table *table, const char *text)
{
    skep_value value = skep_text(text);
    cli_table_value(table, &value);
}

void cli_table_figure(cli_table *table, const char *text)
{
    cli_table_cell *cell = new_cell(table);
    if (cell == NULL)
        return;
    add_text(table, cell, skep_slice_str(text));
    cell->number = true;
    cell->len = table->text.len - cell->at;
}

void cli_table_bar(cli_table *table, double share, int columns)
{
    cli_table_cell *cell = new_cell(table);
    if (cell == NULL)
        return;
    cli_bar(&table->text, share, columns, table->ui->utf8, true);
    cell->width = columns;
    cell->number = true;
    cell->bar = true;
    cell->len = table->text.len - cell->at;
}

/* The widest text columns give first, down to a common width at which all fit. */
static void fit_columns(cli_table *table)
{
    int room = table->fit - GAP * (int)(table->wide - 1);
    int widest = 0;
    int total = 0;
    for (size_t i = 0; i < table->wide; i++) {
        total += table->columns[i].width;
        if (table->columns[i].text && table->columns[i].width > widest)
            widest = table->columns[i].width;
    }
    while (total > room && widest > COLUMN_MIN) {
        widest--;
        for (size_t i = 0; i < table->wide; i++)
            if (table->columns[i].text && table->columns[i].width > widest) {
                table->columns[i].width--;
                total--;
            }
    }
}

static void size_columns(cli_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++) {
        const cli_table_cell *cell = &table->cells[i];
        cli_table_column *column = &table->columns[i % table->wide];
        if (cell->width > column->width)
            column->width = cell->width;
        if (i < table->wide || cell->null)
            continue;
        column->text = column->text || !cell->number;
        column->number = column->number || cell->number;
    }
    for (size_t i = 0; i < table->wide; i++)
        if (!table->columns[i].number)
            table->columns[i].text = true;
    if (table->fit > 0)
        fit_columns(table);
    table->sized = true;
}

static void print_cell(cli_table *table, const cli_table_cell *cell, size_t index, cli_style style)
{
    const cli_table_column *column = &table->columns[index];
    cli_buf shorter CLI_CLEANUP(cli_buf_dispose) = {0};
    const char *data = table->text.data + cell->at;
    size_t len = cell->len;
    int width = cell->width;
    if (table->fit > 0 && width > column->width && !cell->number) {
        width = cli_show(&shorter, skep_slice_of(data, len), column->width, table->ui->utf8);
        data = shorter.data;
        len = shorter.len;
        table->cut = true;
        table->failed = table->failed || shorter.failed;
    }
    if (!column->text)
        cli_pad(table->out, column->width - width);
    cli_puts(table->out, cli_sgr(style != CLI_PLAIN && table->ui->out_colour, style));
    cli_put(table->out, data, len);
    cli_puts(table->out, cli_sgr(style != CLI_PLAIN && table->ui->out_colour, CLI_PLAIN));
    if (index + 1 < table->wide)
        cli_pad(table->out, GAP + (column->text ? column->width - width : 0));
}

static void print_row(cli_table *table, const cli_table_cell *row, bool header)
{
    for (size_t i = 0; i < table->wide; i++) {
        cli_style style = row[i].null ? CLI_DIM : row[i].bar ? CLI_ACCENT : CLI_PLAIN;
        print_cell(table, &row[i], i, header ? CLI_BOLD : style);
    }
    cli_putc(table->out, '\n');
}

static void print_rule(cli_table *table)
{
    cli_puts(table->out, cli_sgr(table->ui->out_colour, CLI_DIM));
    for (size_t i = 0; i < table->wide; i++) {
        for (int k = 0; k < table->columns[i].width; k++)
            cli_puts(table->out, table->ui->utf8 ? "─" : "-");
        cli_pad(table->out, i + 1 < table->wide ? GAP : 0);
    }
    cli_puts(table->out, cli_sgr(table->ui->out_colour, CLI_PLAIN));
    cli_putc(table->out, '\n');
}

static void print_held(cli_table *table)
{
    bool first = !table->sized;
    if (first)
        size_columns(table);
    for (size_t i = 0; i + table->wide <= table->cell_count && !table->failed; i += table->wide) {
        print_row(table, &table->cells[i], first && i == 0);
        if (first && i == 0 && table->fit > 0)
            print_rule(table);
    }
    table->cell_count = 0;
    table->text.len = 0;
}

bool cli_table_end_row(cli_table *table)
{
    table->failed = table->failed || table->text.failed;
    if (table->failed)
        return false;
    if (table->sized || table->cell_count > CLI_TABLE_SAMPLE * table->wide ||
        table->text.len > CLI_TABLE_SAMPLE_BYTES)
        print_held(table);
    return !table->failed;
}

bool cli_table_end(cli_table *table)
{
    if (!table->failed)
        print_held(table);
    return !table->failed;
}
