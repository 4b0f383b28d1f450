/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DATA_CSV_H
#define SKEP__CLI_DATA_CSV_H

#include "cli/data/scan.h"

/* CSV as RFC 4180 has it, and TSV, which is the same with tabs.
 *
 * A line ends in LF or CR LF. A field that begins with a quote ends with the next single one; a
 * doubled quote inside stands for one, and line ends inside belong to it. In CSV a quote anywhere
 * else is an error, because it nearly always is one; in TSV it stands for itself. */

typedef struct cli_csv {
    char delimiter;
    bool stray_quotes; /* a quote within an unquoted field stands for itself */
} cli_csv;

extern const cli_csv cli_csv_comma;
extern const cli_csv cli_csv_tab;

typedef struct cli_csv_field {
    const char *data; /* in the range that was scanned, without the quotes around it */
    size_t len;
    bool quoted;
    bool doubled; /* it contains doubled quotes: cli_csv_plain() makes single ones of them */
} cli_csv_field;

typedef struct cli_csv_record {
    cli_scanned s;
    size_t count;
    bool quoted; /* one of the fields is: it may hold line ends */
    cli_csv_field fields[CLI_COLUMNS_MAX];
} cli_csv_record;

/* Scan the record at the beginning of `data`, which is not empty. `last`: the input ends with it. A
 * record that is bad is passed over up to the end of the line that it is bad in. */
cli_scan cli_csv_scan(const cli_csv *csv, const char *data, size_t len, bool last,
                      cli_csv_record *out);

/* The field as it was meant; `out` has room for `len` bytes. Returns how many it took. */
size_t cli_csv_plain(const cli_csv_field *field, char *out);

/* A field that holds nothing and a line that holds no field look the same. */
bool cli_csv_blank(const cli_csv_record *record);

/* What a field must be written as, so that it is read back as it was: quotes around it? Text that
 * would be taken for a number, a blob or NULL gets them too. */
bool cli_csv_needs_quotes(const cli_csv *csv, const char *text, size_t len);
/* The text within quotes, doubled where need be; `out` has room for 2 * len + 2. */
size_t cli_csv_quote(const char *text, size_t len, char *out);

/* x'00ff', as blobs stand in CSV: true, and the bytes (at most len / 2) in `out`. */
bool cli_csv_blob(const char *text, size_t len, char *out, size_t *out_len);

#endif
