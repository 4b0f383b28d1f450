/* SPDX-License-Identifier: MIT */
/* NDJSON: the same records wherever the input is cut, strings and numbers that are written come
 * back, and what is made of a value is never longer than the value. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data/ndjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
    if (!truth)
        abort();
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void check_number(const cli_json_span *text)
{
    char out[CLI_DECIMAL_MAX];
    cli_parsed n = cli_decimal_parse(text->data, text->len);
    check(n.kind != CLI_DECIMAL_NONE);
    if (n.kind == CLI_DECIMAL_INT)
        check(cli_decimal_parse(out, cli_int_text(n.i, out)).i == n.i);
    if (n.kind == CLI_DECIMAL_REAL) {
        check(isfinite(n.r));
        cli_parsed back = cli_decimal_parse(out, cli_real_text(n.r, out));
        check(back.kind == CLI_DECIMAL_REAL && bits_of(back.r) == bits_of(n.r));
    }
}

static void check_text(const cli_json_span *text)
{
    char *out = malloc(text->len + 1);
    check(out != NULL);
    size_t len = cli_json_plain(text, out);
    check(len <= text->len);
    check(cli_utf8_bad(text->data, text->len) != text->len || cli_utf8_bad(out, len) == len);
    free(out);
}

static void check_member(const cli_json_member *member)
{
    check_text(&member->key);
    if (member->kind == CLI_JSON_STRING)
        check_text(&member->value);
    if (member->kind == CLI_JSON_NUMBER)
        check_number(&member->value);
    if (member->kind != CLI_JSON_NESTED)
        return;
    char *out = malloc(member->value.len);
    check(out != NULL);
    skep_value special = cli_json_special(member, out);
    if (special.type == SKEP_BLOB || special.type == SKEP_TEXT)
        check(special.u.s.len <= member->value.len);
    free(out);
}

static void check_records(const char *data, size_t size)
{
    static cli_ndjson_record whole;
    static cli_ndjson_record part;
    for (size_t at = 0; at < size; at += whole.s.used) {
        cli_scan got = cli_ndjson_scan(data + at, size - at, true, &whole);
        check(got != CLI_SCAN_MORE && whole.s.used > 0 && whole.s.used <= size - at);
        check(got != CLI_SCAN_BAD || whole.s.bad_at <= whole.s.used);
        for (size_t i = 0; got == CLI_SCAN_RECORD && i < whole.count; i++)
            check_member(&whole.members[i]);
        size_t most = size - at < 64 ? size - at : 64;
        for (size_t cut = 1; cut <= most; cut++) {
            cli_scan early = cli_ndjson_scan(data + at, cut, false, &part);
            check(early == CLI_SCAN_MORE ||
                  (early == got && part.s.used == whole.s.used && part.s.bad == whole.s.bad));
        }
    }
}

/* The input as a string of an object. */
static void check_round_trip(const char *data, size_t size)
{
    static cli_ndjson_record record;
    char *line = malloc(6 * size + 16);
    char *back = malloc(6 * size + 1);
    check(line != NULL && back != NULL);
    size_t len = (size_t)snprintf(line, 6, "{\"k\":");
    len += cli_json_quote(data, size, line + len);
    (void)snprintf(line + len, 3, "}\n");
    check(cli_ndjson_scan(line, len + 2, true, &record) == CLI_SCAN_RECORD && record.count == 1);
    check(cli_json_plain(&record.members[0].value, back) == size);
    check(memcmp(back, data, size) == 0);
    free(line);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    check_records(text, size);
    if (size > 0)
        check_round_trip(text, size);
    return 0;
}
