/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SHOW_TABLE_H
#define SKEP__CLI_SHOW_TABLE_H

#include "cli/cli.h"
#include "cli/show/text.h"

/* Rows as an aligned table. The first rows are held back to learn how wide the columns are, up to
 * CLI_TABLE_SAMPLE rows or CLI_TABLE_SAMPLE_BYTES; from then on each row is printed as it comes, so
 * that memory does not grow with the result. On a terminal the table is fitted to its width: text
 * is cut with an ellipsis, numbers never. Elsewhere nothing is cut and there are no colours. */

#define CLI_TABLE_SAMPLE 200
#define CLI_TABLE_SAMPLE_BYTES ((size_t)1 << 20)

typedef struct cli_table_cell {
    size_t at; /* in `text` */
    size_t len;
    int width;
    bool number; /* aligned right, and never cut */
    bool null;
    bool bar;
} cli_table_cell;

typedef struct cli_table_column {
    int width;
    bool text;   /* something that is no number was seen: aligned left */
    bool number; /* a number was seen */
} cli_table_column;

typedef struct cli_table {
    const cli_ui *ui;
    cli_out *out;
    int fit;     /* columns of the terminal; 0: no limit */
    size_t wide; /* columns of the table */
    cli_table_column *columns;
    cli_buf text;
    cli_table_cell *cells; /* of the rows held back, the header's first */
    size_t cell_count;
    size_t cell_cap;
    bool sized;  /* the widths are settled */
    bool cut;    /* something was shortened */
    bool failed; /* memory ran out */
} cli_table;

/* `wide` cells with the names of the columns follow, then the rows. */
void cli_table_begin(cli_table *table, const cli_ui *ui, cli_out *out, size_t wide);
void cli_table_value(cli_table *table, const skep_value *value);
void cli_table_text(cli_table *table, const char *text);
/* A number in the form that a person reads: 46,410 or 7.1 MB. */
void cli_table_figure(cli_table *table, const char *text);
/* A bar of `share` (0 to 1) of `columns`. */
void cli_table_bar(cli_table *table, double share, int columns);
/* False: memory ran out. A failed write stays in `out`. */
bool cli_table_end_row(cli_table *table);
bool cli_table_end(cli_table *table);
void cli_table_dispose(cli_table *table);

#endif
