/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DATA_SCAN_H
#define SKEP__CLI_DATA_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/value.h>

/* What the scanners of CSV and NDJSON share. They are pure: a range of bytes in, one record out,
 * nothing allocated and nothing kept. Where the range ends before the record does, they ask for
 * more and are called again from the record's beginning, so that it cannot matter where a file was
 * cut into pieces. */

#define CLI_COLUMNS_MAX 2000 /* of one record, as many as SQLite allows a table */

typedef enum cli_scan {
    CLI_SCAN_RECORD, /* a record; `used` bytes of the range are behind it */
    CLI_SCAN_MORE,   /* it goes on past the range, which is not the last one */
    CLI_SCAN_BAD     /* `bad` says what is wrong, `bad_at` where; `used` is where to go on */
} cli_scan;

/* What is known of any record, good or bad. */
typedef struct cli_scanned {
    size_t used;
    size_t bad_at;
    const char *bad; /* static text */
} cli_scanned;

/* The first byte that is no UTF-8, or `len`. */
size_t cli_utf8_bad(const char *data, size_t len);

/* The end of the line that `at` is in: past its newline, or `len`. */
size_t cli_line_end(const char *data, size_t len, size_t at);
size_t cli_count_lines(const char *data, size_t len);

/* Line and column of a byte, both counted from 1: columns in characters. */
typedef struct cli_place {
    uint64_t line;
    uint64_t column;
} cli_place;
cli_place cli_place_of(const char *data, size_t at, uint64_t first_line);

/* Numbers as JSON writes them: no plus, no leading zeros, no blanks, no hexadecimal. */
typedef enum cli_decimal {
    CLI_DECIMAL_NONE, /* something else */
    CLI_DECIMAL_INT,  /* fits 64 bits */
    CLI_DECIMAL_BIG,  /* an integer beyond that */
    CLI_DECIMAL_REAL
} cli_decimal;

typedef struct cli_parsed {
    cli_decimal kind;
    int64_t i;  /* CLI_DECIMAL_INT */
    double r;   /* CLI_DECIMAL_REAL: correctly rounded; finite */
    int digits; /* CLI_DECIMAL_REAL: that count */
} cli_parsed;

cli_parsed cli_decimal_parse(const char *text, size_t len);

/* The shortest text that reads back as the same number; no NUL is added. */
#define CLI_DECIMAL_MAX 32
size_t cli_int_text(int64_t i, char *out);
size_t cli_real_text(double r, char *out); /* finite */

/* Bytes as base64 and back; decoding returns false for what is none. */
size_t cli_base64(const void *data, size_t len, char *out); /* out: (len + 2) / 3 * 4 */
bool cli_base64_read(const char *text, size_t len, char *out, size_t *out_len);
/* The value of a hexadecimal digit, or -1. */
int cli_hex_digit(char c);

#endif
