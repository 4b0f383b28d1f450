/* SPDX-License-Identifier: MIT */
#include "cli/data/csv.h"

#include <string.h>

const cli_csv cli_csv_comma = {',', false};
const cli_csv cli_csv_tab = {'\t', true};

/* One record while it is scanned. */
typedef struct scan {
    const cli_csv *csv;
    const char *data;
    size_t len;
    size_t at;
    bool last;
    cli_csv_record *out;
} scan;

static cli_scan bad(const scan *s, size_t at, const char *what)
{
    size_t end = cli_line_end(s->data, s->len, at);
    if (end == s->len && s->data[end - 1] != '\n' && !s->last)
        return CLI_SCAN_MORE;
    s->out->s = (cli_scanned){end, at, what};
    return CLI_SCAN_BAD;
}

/* At the byte that ends a field: a delimiter, the end of the line or of the input. CLI_SCAN_RECORD
 * says that the record ends too; with `*more` another field follows. */
static cli_scan end_field(scan *s, bool *more)
{
    *more = false;
    if (s->at >= s->len) {
        s->out->s.used = s->len;
        return s->last ? CLI_SCAN_RECORD : CLI_SCAN_MORE;
    }
    char c = s->data[s->at];
    if (c == s->csv->delimiter) {
        s->at++;
        *more = true;
        return CLI_SCAN_RECORD;
    }
    if (c == '\r') {
        if (s->at + 1 >= s->len && !s->last)
            return CLI_SCAN_MORE;
        if (s->at + 1 < s->len && s->data[s->at + 1] != '\n')
            return bad(s, s->at, "a carriage return that ends no line; quote the field");
        s->at++;
    }
    s->out->s.used = s->at + 1 < s->len ? s->at + 1 : s->len;
    return CLI_SCAN_RECORD;
}

static cli_scan scan_quoted(scan *s, cli_csv_field *field)
{
    size_t open = s->at++;
    field->data = s->data + s->at;
    field->quoted = true;
    s->out->quoted = true;
    for (;;) {
        const char *quote = s->at < s->len ? memchr(s->data + s->at, '"', s->len - s->at) : NULL;
        if (quote == NULL)
            return s->last ? bad(s, open, "a quote that is never closed") : CLI_SCAN_MORE;
        s->at = (size_t)(quote - s->data) + 1;
        if (s->at >= s->len && !s->last)
            return CLI_SCAN_MORE;
        if (s->at >= s->len || s->data[s->at] != '"')
            break;
        field->doubled = true;
        s->at++;
    }
    field->len = (size_t)(s->data + s->at - 1 - field->data);
    if (s->at < s->len && s->data[s->at] != s->csv->delimiter && s->data[s->at] != '\n' &&
        s->data[s->at] != '\r')
        return bad(s, s->at, "text after a closing quote; double the quotes inside a field");
    return CLI_SCAN_RECORD;
}

static cli_scan scan_plain(scan *s, cli_csv_field *field)
{
    const char *begin = s->data + s->at;
    const char *end = s->data + s->len;
    const char *at = begin;
    char delimiter = s->csv->delimiter;
    for (; at < end; at++) {
        char c = *at;
        if ((unsigned char)c > '"' && c != delimiter)
            continue;
        if (c == delimiter || c == '\n' || c == '\r')
            break;
        if (c == '"' && !s->csv->stray_quotes)
            return bad(s, (size_t)(at - s->data),
                       "a quote within a field; put the whole field in quotes");
    }
    field->data = begin;
    field->len = (size_t)(at - begin);
    s->at = (size_t)(at - s->data);
    return CLI_SCAN_RECORD;
}

cli_scan cli_csv_scan(const cli_csv *csv, const char *data, size_t len, bool last,
                      cli_csv_record *out)
{
    scan s = {csv, data, len, 0, last, out};
    bool more = true;
    out->count = 0;
    out->quoted = false;
    out->s = (cli_scanned){0};
    while (more) {
        if (out->count >= CLI_COLUMNS_MAX)
            return bad(&s, s.at < len ? s.at : len - 1, "more than 2,000 fields");
        cli_csv_field *field = &out->fields[out->count++];
        field->quoted = false;
        field->doubled = false;
        cli_scan got =
            s.at < len && data[s.at] == '"' ? scan_quoted(&s, field) : scan_plain(&s, field);
        if (got == CLI_SCAN_RECORD)
            got = end_field(&s, &more);
        if (got != CLI_SCAN_RECORD)
            return got;
    }
    return CLI_SCAN_RECORD;
}

size_t cli_csv_plain(const cli_csv_field *field, char *out)
{
    const char *at = field->data;
    const char *end = at + field->len;
    size_t len = 0;
    while (at < end) {
        const char *quote = field->doubled ? memchr(at, '"', (size_t)(end - at)) : NULL;
        size_t piece = quote != NULL ? (size_t)(quote - at) + 1 : (size_t)(end - at);
        memcpy(out + len, at, piece);
        len += piece;
        at += piece + (quote != NULL);
    }
    return len;
}

bool cli_csv_blank(const cli_csv_record *record)
{
    return record->count == 1 && record->fields[0].len == 0 && !record->fields[0].quoted;
}

bool cli_csv_needs_quotes(const cli_csv *csv, const char *text, size_t len)
{
    if (len == 0)
        return true;
    char first = text[0];
    /* What may begin a number, Infinity, a blob, or the mark of a byte order. */
    if ((first >= '0' && first <= '9') || first == '-' || first == 'I' || first == 'x' ||
        first == '\xef')
        return true;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= '"' &&
            (text[i] == '"' || text[i] == '\n' || text[i] == '\r' || text[i] == csv->delimiter))
            return true;
    return csv->delimiter > '"' && memchr(text, csv->delimiter, len) != NULL;
}

size_t cli_csv_quote(const char *text, size_t len, char *out)
{
    const char *end = text + len;
    size_t at = 0;
    out[at++] = '"';
    while (text < end) {
        const char *quote = memchr(text, '"', (size_t)(end - text));
        size_t piece = quote != NULL ? (size_t)(quote - text) + 1 : (size_t)(end - text);
        memcpy(out + at, text, piece);
        at += piece;
        text += piece;
        if (quote != NULL)
            out[at++] = '"';
    }
    out[at++] = '"';
    return at;
}

bool cli_csv_blob(const char *text, size_t len, char *out, size_t *out_len)
{
    if (len < 3 || len % 2 != 1 || (text[0] != 'x' && text[0] != 'X') || text[1] != '\'' ||
        text[len - 1] != '\'')
        return false;
    for (size_t i = 2; i + 1 < len; i += 2) {
        int high = cli_hex_digit(text[i]);
        int low = cli_hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2 - 1] = (char)(high << 4 | low);
    }
    *out_len = (len - 3) / 2;
    return true;
}
