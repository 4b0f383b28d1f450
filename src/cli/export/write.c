/* SPDX-License-Identifier: MIT */
#include "cli/export/write.h"

#include <math.h>
#include <string.h>

#define PIECE                                                                                      \
    ((size_t)8192) /* of a long value; a multiple of three, so that base64 has no seams            \
                    */
#define PIECE3 (PIECE / 3 * 3)

static void put_number(cli_export *e, const skep_value *value)
{
    char *room = cli_sink_room(e->sink, CLI_DECIMAL_MAX);
    cli_sink_took(e->sink, value->type == SKEP_INT ? cli_int_text(value->u.i, room)
                                                   : cli_real_text(value->u.r, room));
}

static void put_word(cli_export *e, const char *word)
{
    cli_sink_put(e->sink, word, strlen(word));
}

/* ---- CSV ---- */

static void csv_quoted(cli_export *e, const char *text, size_t len)
{
    char quoted[2 * PIECE + 2];
    put_word(e, "\"");
    for (size_t at = 0; at < len; at += PIECE) {
        size_t piece = len - at < PIECE ? len - at : PIECE;
        cli_sink_put(e->sink, quoted + 1, cli_csv_quote(text + at, piece, quoted) - 2);
    }
    put_word(e, "\"");
}

static bool csv_text(cli_export *e, skep_slice text)
{
    if (cli_utf8_bad(text.data, text.len) != text.len)
        return false;
    if (cli_csv_needs_quotes(e->csv, text.data, text.len))
        csv_quoted(e, text.data, text.len);
    else
        cli_sink_put(e->sink, text.data, text.len);
    return true;
}

static void csv_blob(cli_export *e, skep_slice blob)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = blob.data;
    put_word(e, "x'");
    for (size_t at = 0; at < blob.len; at += PIECE) {
        size_t piece = blob.len - at < PIECE ? blob.len - at : PIECE;
        char *room = cli_sink_room(e->sink, 2 * piece);
        for (size_t i = 0; i < piece; i++) {
            room[2 * i] = digits[bytes[at + i] >> 4];
            room[2 * i + 1] = digits[bytes[at + i] & 15];
        }
        cli_sink_took(e->sink, 2 * piece);
    }
    put_word(e, "'");
}

static bool csv_value(cli_export *e, const skep_value *value)
{
    switch (value->type) {
    case SKEP_INT:
        put_number(e, value);
        return true;
    case SKEP_REAL:
        if (isinf(value->u.r))
            put_word(e, value->u.r > 0 ? "Infinity" : "-Infinity");
        else
            put_number(e, value);
        return true;
    case SKEP_TEXT:
        return csv_text(e, value->u.s);
    case SKEP_BLOB:
        csv_blob(e, value->u.s);
        return true;
    default:
        return true;
    }
}

static void csv_end_line(cli_export *e)
{
    put_word(e, e->format == CLI_FORMAT_CSV ? "\r\n" : "\n");
}

static bool csv_row(cli_export *e, skep_rows *rows)
{
    for (int i = 0; i < e->columns; i++) {
        skep_value value = skep_column_value(rows, i);
        if (i > 0)
            cli_sink_put(e->sink, &e->csv->delimiter, 1);
        if (!csv_value(e, &value)) {
            e->bad_column = i;
            return false;
        }
    }
    csv_end_line(e);
    return true;
}

/* ---- NDJSON ---- */

static void json_base64(cli_export *e, const char *begin, skep_slice bytes)
{
    const char *data = bytes.data;
    put_word(e, begin);
    for (size_t at = 0; at < bytes.len; at += PIECE3) {
        size_t piece = bytes.len - at < PIECE3 ? bytes.len - at : PIECE3;
        char *room = cli_sink_room(e->sink, 2 * PIECE);
        cli_sink_took(e->sink, cli_base64(data + at, piece, room));
    }
    put_word(e, "\"}");
}

static void json_text(cli_export *e, skep_slice text)
{
    const char *data = text.data;
    char quoted[6 * PIECE + 2];
    if (cli_utf8_bad(data, text.len) != text.len) {
        json_base64(e, "{\"text_base64\":\"", text);
        return;
    }
    put_word(e, "\"");
    for (size_t at = 0; at < text.len; at += PIECE) {
        size_t piece = text.len - at < PIECE ? text.len - at : PIECE;
        cli_sink_put(e->sink, quoted + 1, cli_json_quote(data + at, piece, quoted) - 2);
    }
    put_word(e, "\"");
}

static void json_value(cli_export *e, const skep_value *value)
{
    switch (value->type) {
    case SKEP_INT:
        put_number(e, value);
        break;
    case SKEP_REAL:
        if (isinf(value->u.r))
            put_word(e, value->u.r > 0 ? "{\"real\":\"Infinity\"}" : "{\"real\":\"-Infinity\"}");
        else
            put_number(e, value);
        break;
    case SKEP_TEXT:
        json_text(e, value->u.s);
        break;
    case SKEP_BLOB:
        json_base64(e, "{\"base64\":\"", value->u.s);
        break;
    default:
        put_word(e, "null");
    }
}

static void json_row(cli_export *e, skep_rows *rows)
{
    for (int i = 0; i < e->columns; i++) {
        skep_value value = skep_column_value(rows, i);
        put_word(e, i > 0 ? "," : "{");
        put_word(e, e->names.keys[i]);
        put_word(e, ":");
        json_value(e, &value);
    }
    put_word(e, "}\n");
}

/* ---- both ---- */

bool cli_export_begin(cli_export *e, const cli_ui *ui, skep_rows *rows)
{
    e->columns = skep_columns(rows);
    e->csv = e->format == CLI_FORMAT_TSV ? &cli_csv_tab : &cli_csv_comma;
    e->bad_column = -1;
    if (e->format == CLI_FORMAT_NDJSON) {
        cli_rows_dispose(&e->names);
        return cli_rows_begin(&e->names, CLI_ROWS_JSON, ui, NULL, rows);
    }
    for (int i = 0; i < e->columns; i++) {
        skep_slice name = skep_slice_str(skep_column_name(rows, i));
        if (i > 0)
            cli_sink_put(e->sink, &e->csv->delimiter, 1);
        if (!csv_text(e, name))
            e->bad_column = i;
    }
    csv_end_line(e);
    return true;
}

bool cli_export_row(cli_export *e, skep_rows *rows)
{
    if (e->format != CLI_FORMAT_NDJSON)
        return e->bad_column < 0 && csv_row(e, rows);
    json_row(e, rows);
    return true;
}

void cli_export_dispose(cli_export *e)
{
    cli_rows_dispose(&e->names);
}
