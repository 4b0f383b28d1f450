/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SHOW_ROWS_H
#define SKEP__CLI_SHOW_ROWS_H

#include "cli/cli.h"
#include "cli/show/table.h"

/* Rows of a query in one of three forms: an aligned table, CSV (RFC 4180), JSON with one object a
 * line. Memory does not grow with the number of rows. */

typedef enum cli_rows_form { CLI_ROWS_TABLE, CLI_ROWS_CSV, CLI_ROWS_JSON } cli_rows_form;

typedef struct cli_rows {
    cli_rows_form form;
    cli_out *out;
    int columns;
    cli_table table;
    char **keys; /* JSON: the name of each column, quoted, distinct */
} cli_rows;

/* All three: false means that memory ran out; a failed write stays in `out`. Writes the header. */
bool cli_rows_begin(cli_rows *w, cli_rows_form form, const cli_ui *ui, cli_out *out,
                    skep_rows *rows);
/* The present row of `rows`. */
bool cli_rows_put(cli_rows *w, skep_rows *rows);
bool cli_rows_end(cli_rows *w);
void cli_rows_dispose(cli_rows *w);

#endif
