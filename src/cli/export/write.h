/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_EXPORT_WRITE_H
#define SKEP__CLI_EXPORT_WRITE_H

#include "cli/export/sink.h"
#include "cli/import/feed.h"
#include "cli/show/rows.h"

/* Rows as `skep db import` reads them back: each value comes back as it was. */
typedef struct cli_export {
    cli_format format;
    cli_sink *sink;
    const cli_csv *csv;
    int columns;
    cli_rows names; /* NDJSON: the keys, quoted and distinct */
    int bad_column; /* the column whose text is not UTF-8, which CSV has no form for */
} cli_export;

/* Writes the header. False: memory ran out. */
bool cli_export_begin(cli_export *export, const cli_ui *ui, skep_rows *rows);
/* The present row. False: `bad_column` cannot be written. */
bool cli_export_row(cli_export *export, skep_rows *rows);
void cli_export_dispose(cli_export *export);

#endif
