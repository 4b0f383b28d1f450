/* SPDX-License-Identifier: MIT */
/* CSV and TSV: the same records wherever the input is cut, and fields that are written come back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
    if (!truth)
        abort();
}

static void check_same(const cli_csv_record *a, const cli_csv_record *b)
{
    check(a->s.used == b->s.used && a->s.bad == b->s.bad && a->s.bad_at == b->s.bad_at);
    check(a->s.bad != NULL || a->count == b->count);
    for (size_t i = 0; a->s.bad == NULL && i < a->count; i++)
        check(a->fields[i].data == b->fields[i].data && a->fields[i].len == b->fields[i].len &&
              a->fields[i].quoted == b->fields[i].quoted);
}

static void check_plain(const cli_csv_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        const cli_csv_field *field = &record->fields[i];
        char *out = malloc(field->len + 1);
        size_t len = 0;
        check(out != NULL);
        check(cli_csv_plain(field, out) <= field->len);
        check(!cli_csv_blob(field->data, field->len, out, &len) || len <= field->len / 2);
        free(out);
    }
}

/* What a part of the input says is what all of it says, unless it asks for more. */
static void check_records(const cli_csv *csv, const char *data, size_t size)
{
    static cli_csv_record whole;
    static cli_csv_record part;
    for (size_t at = 0; at < size; at += whole.s.used) {
        cli_scan got = cli_csv_scan(csv, data + at, size - at, true, &whole);
        check(got != CLI_SCAN_MORE && whole.s.used > 0 && whole.s.used <= size - at);
        check(got != CLI_SCAN_BAD || whole.s.bad_at < size - at);
        if (got == CLI_SCAN_RECORD)
            check_plain(&whole);
        size_t most = size - at < 64 ? size - at : 64;
        for (size_t cut = 1; cut <= most; cut++)
            if (cli_csv_scan(csv, data + at, cut, false, &part) != CLI_SCAN_MORE)
                check_same(&part, &whole);
    }
}

/* The input as two fields of a line. */
static void check_round_trip(const cli_csv *csv, const char *data, size_t size)
{
    static cli_csv_record record;
    size_t half = size / 2;
    char *line = malloc(2 * size + 8);
    char *back = malloc(size + 1);
    check(line != NULL && back != NULL);
    size_t len = 0;
    for (int i = 0; i < 2; i++) {
        const char *text = i == 0 ? data : data + half;
        size_t text_len = i == 0 ? half : size - half;
        if (i > 0)
            line[len++] = csv->delimiter;
        if (cli_csv_needs_quotes(csv, text, text_len)) {
            len += cli_csv_quote(text, text_len, line + len);
        } else {
            memcpy(line + len, text, text_len);
            len += text_len;
        }
    }
    line[len++] = '\n';
    check(cli_csv_scan(csv, line, len, true, &record) == CLI_SCAN_RECORD);
    check(record.count == 2 && record.s.used == len);
    check(cli_csv_plain(&record.fields[0], back) == half && memcmp(back, data, half) == 0);
    check(cli_csv_plain(&record.fields[1], back) == size - half &&
          memcmp(back, data + half, size - half) == 0);
    free(line);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    check(cli_utf8_bad(text, size) <= size);
    check_records(&cli_csv_comma, text, size);
    check_records(&cli_csv_tab, text, size);
    if (size > 0) {
        check_round_trip(&cli_csv_comma, text, size);
        check_round_trip(&cli_csv_tab, text, size);
    }
    return 0;
}
