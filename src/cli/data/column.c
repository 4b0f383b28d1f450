/* SPDX-License-Identifier: MIT */
#include "cli/data/column.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/show/text.h"

#define EXACT_INT (INT64_C(1) << 53) /* a double holds all integers up to here */
#define REAL_DIGITS 17               /* more than these no double gives back */

/* ---- names ---- */

bool cli_fields_add(cli_fields *columns, const char *name, size_t len)
{
    if (columns->count == columns->cap) {
        size_t cap = columns->cap == 0 ? 16 : 2 * columns->cap;
        cli_column *grown = realloc(columns->list, cap * sizeof(*grown));
        if (grown == NULL)
            return false;
        columns->list = grown;
        columns->cap = cap;
    }
    cli_column *column = &columns->list[columns->count];
    memset(column, 0, sizeof(*column));
    column->name = cli_copy(name, len);
    if (column->name == NULL)
        return false;
    column->name_len = len;
    columns->count++;
    return true;
}

void cli_fields_dispose(cli_fields *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        free(columns->list[i].name);
    free(columns->list);
    memset(columns, 0, sizeof(*columns));
}

long cli_fields_find(cli_fields *columns, const char *name, size_t len)
{
    for (size_t n = 0, i = columns->next; n < columns->count; n++, i++) {
        i = i < columns->count ? i : 0;
        if (columns->list[i].name_len == len && memcmp(columns->list[i].name, name, len) == 0) {
            columns->next = i + 1;
            return (long)i;
        }
    }
    for (size_t i = 0; i < columns->count; i++)
        if (columns->list[i].name_len == len && strncasecmp(columns->list[i].name, name, len) == 0)
            return (long)i;
    return -1;
}

/* ---- types ---- */

cli_affinity cli_affinity_of(const char *type)
{
    if (strcasestr(type, "INT") != NULL)
        return CLI_AFFINITY_NUMERIC;
    if (strcasestr(type, "CHAR") != NULL || strcasestr(type, "CLOB") != NULL ||
        strcasestr(type, "TEXT") != NULL)
        return CLI_AFFINITY_TEXT;
    if (type[0] == '\0' || strcasestr(type, "BLOB") != NULL || strcasecmp(type, "ANY") == 0)
        return CLI_AFFINITY_NONE;
    if (strcasestr(type, "REAL") != NULL || strcasestr(type, "FLOA") != NULL ||
        strcasestr(type, "DOUB") != NULL)
        return CLI_AFFINITY_REAL;
    return CLI_AFFINITY_NUMERIC;
}

cli_type cli_column_type(const cli_column *column, bool quotes)
{
    unsigned seen = column->seen;
    if (!quotes)
        seen |= column->seen_quoted;
    else if (column->seen_quoted != 0)
        seen |= CLI_SEEN_TEXT;
    if ((seen & CLI_SEEN_BLOB) != 0)
        return CLI_TYPE_BLOB;
    if ((seen & CLI_SEEN_TEXT) != 0 ||
        (seen & (CLI_SEEN_WIDE | CLI_SEEN_REAL)) == (CLI_SEEN_WIDE | CLI_SEEN_REAL))
        return CLI_TYPE_TEXT;
    if ((seen & CLI_SEEN_REAL) != 0)
        return CLI_TYPE_REAL;
    return seen != 0 ? CLI_TYPE_INTEGER : CLI_TYPE_NOTHING;
}

const char *cli_type_name(cli_type type)
{
    static const char *const names[] = {"TEXT", "INTEGER", "REAL", "TEXT", "BLOB"};
    return names[type];
}

static bool is_wide(int64_t i)
{
    return i > EXACT_INT || i < -EXACT_INT;
}

/* The value that was made of `len` bytes of text. */
static bool fits(cli_type type, const skep_value *value, const char *text, size_t len)
{
    switch (type) {
    case CLI_TYPE_NOTHING:
        return false;
    case CLI_TYPE_INTEGER:
        return value->type == SKEP_INT;
    case CLI_TYPE_REAL:
        if (value->type == SKEP_INT)
            return !is_wide(value->u.i);
        return value->type == SKEP_REAL &&
               (len <= REAL_DIGITS || cli_decimal_parse(text, len).digits <= REAL_DIGITS);
    case CLI_TYPE_TEXT:
        return value->type != SKEP_BLOB;
    case CLI_TYPE_BLOB:
        break;
    }
    return true;
}

bool cli_csv_fits(const cli_column *column, const cli_csv_field *field, const skep_value *value,
                  bool quotes)
{
    if (value->type == SKEP_NULL || field->len == 0)
        return true;
    if (quotes && field->quoted && column->type < CLI_TYPE_TEXT)
        return false;
    return (quotes || field->quoted) && fits(column->type, value, field->data, field->len);
}

bool cli_json_fits(const cli_column *column, const cli_json_member *member, const skep_value *value)
{
    return value->type == SKEP_NULL ||
           fits(column->type, value, member->value.data, member->value.len);
}

static unsigned see_number(const char *text, size_t len)
{
    cli_parsed number = cli_decimal_parse(text, len);
    switch (number.kind) {
    case CLI_DECIMAL_INT:
        return is_wide(number.i) ? CLI_SEEN_INT | CLI_SEEN_WIDE : CLI_SEEN_INT;
    case CLI_DECIMAL_REAL:
        return number.digits <= REAL_DIGITS ? CLI_SEEN_REAL : CLI_SEEN_TEXT;
    case CLI_DECIMAL_BIG:
    case CLI_DECIMAL_NONE:
        break;
    }
    return CLI_SEEN_TEXT;
}

/* ---- CSV ---- */

static bool is_word(const cli_csv_field *field, const char *word)
{
    return field->len == strlen(word) && memcmp(field->data, word, field->len) == 0;
}

/* Infinity has no decimal form; skep writes it as a word. */
static skep_value infinity_of(const cli_csv_field *field)
{
    if (is_word(field, "Infinity"))
        return skep_real(HUGE_VAL);
    return is_word(field, "-Infinity") ? skep_real(-HUGE_VAL) : skep_null();
}

static bool is_null(const cli_csv_field *field, const cli_csv_rule *rule)
{
    if (field->quoted)
        return false;
    return rule->null_text == NULL ? field->len == 0 : is_word(field, rule->null_text);
}

void cli_csv_see(cli_column *column, const cli_csv_field *field, const cli_csv_rule *rule,
                 char *scratch)
{
    size_t len = 0;
    if (field->len == 0 || is_null(field, rule))
        return;
    if (field->quoted)
        column->seen_quoted |= see_number(field->data, field->len);
    else if (cli_csv_blob(field->data, field->len, scratch, &len))
        column->seen |= CLI_SEEN_BLOB;
    else if (infinity_of(field).type == SKEP_REAL)
        column->seen |= CLI_SEEN_REAL;
    else
        column->seen |= see_number(field->data, field->len);
}

static skep_value text_of(const cli_csv_field *field, char **side)
{
    if (!field->doubled)
        return skep_text_slice(skep_slice_of(field->data, field->len));
    char *text = *side;
    size_t len = cli_csv_plain(field, text);
    *side += len;
    return skep_text_slice(skep_slice_of(text, len));
}

/* What stands without quotes and is no number: a blob, an infinity, or else text. */
static skep_value bare_of(const cli_csv_field *field, bool numbers, char **side)
{
    char *bytes = *side;
    size_t len = 0;
    if (cli_csv_blob(field->data, field->len, bytes, &len)) {
        *side += len;
        return skep_blob(bytes, len);
    }
    skep_value infinity = numbers ? infinity_of(field) : skep_null();
    return infinity.type == SKEP_REAL ? infinity : text_of(field, side);
}

skep_value cli_csv_value(const cli_column *column, const cli_csv_field *field,
                         const cli_csv_rule *rule, char **side)
{
    bool numeric =
        column->affinity == CLI_AFFINITY_NUMERIC || column->affinity == CLI_AFFINITY_REAL;
    if (is_null(field, rule)) {
        bool empty_text = column->not_null && column->affinity == CLI_AFFINITY_TEXT;
        return empty_text && field->len == 0 ? skep_text("") : skep_null();
    }
    if (field->len == 0)
        return numeric ? skep_null() : skep_text("");
    if (numeric || (column->affinity == CLI_AFFINITY_NONE && !field->quoted)) {
        cli_parsed number = cli_decimal_parse(field->data, field->len);
        if (number.kind == CLI_DECIMAL_INT)
            return skep_int(number.i);
        if (number.kind == CLI_DECIMAL_REAL)
            return skep_real(number.r);
    }
    if (field->quoted)
        return text_of(field, side);
    return bare_of(field, column->affinity != CLI_AFFINITY_TEXT, side);
}

/* ---- NDJSON ---- */

void cli_json_see(cli_column *column, const cli_json_member *member, char *scratch)
{
    switch (member->kind) {
    case CLI_JSON_NULL:
        break;
    case CLI_JSON_FALSE:
    case CLI_JSON_TRUE:
        column->seen |= CLI_SEEN_INT;
        break;
    case CLI_JSON_NUMBER:
        column->seen |= see_number(member->value.data, member->value.len);
        break;
    case CLI_JSON_STRING:
        column->seen |= CLI_SEEN_TEXT;
        break;
    case CLI_JSON_NESTED:
        switch (cli_json_special(member, scratch).type) {
        case SKEP_BLOB:
            column->seen |= CLI_SEEN_BLOB;
            break;
        case SKEP_REAL:
            column->seen |= CLI_SEEN_REAL;
            break;
        default:
            column->seen |= CLI_SEEN_TEXT;
        }
    }
}

static skep_value number_of(const cli_column *column, const cli_json_span *text)
{
    cli_parsed number = cli_decimal_parse(text->data, text->len);
    if (column->affinity != CLI_AFFINITY_TEXT && number.kind == CLI_DECIMAL_INT)
        return skep_int(number.i);
    if (column->affinity != CLI_AFFINITY_TEXT && number.kind == CLI_DECIMAL_REAL)
        return skep_real(number.r);
    return skep_text_slice(skep_slice_of(text->data, text->len));
}

static skep_value string_of(const cli_json_span *text, char **side)
{
    if (!text->escaped)
        return skep_text_slice(skep_slice_of(text->data, text->len));
    char *plain = *side;
    size_t len = cli_json_plain(text, plain);
    *side += len;
    return skep_text_slice(skep_slice_of(plain, len));
}

skep_value cli_json_value_of(const cli_column *column, const cli_json_member *member, char **side)
{
    switch (member->kind) {
    case CLI_JSON_NULL:
        return skep_null();
    case CLI_JSON_FALSE:
    case CLI_JSON_TRUE:
        return skep_int(member->kind == CLI_JSON_TRUE);
    case CLI_JSON_NUMBER:
        return number_of(column, &member->value);
    case CLI_JSON_STRING:
        return string_of(&member->value, side);
    case CLI_JSON_NESTED:
        break;
    }
    skep_value special = cli_json_special(member, *side);
    if (special.type == SKEP_NULL)
        return skep_text_slice(skep_slice_of(member->value.data, member->value.len));
    if (special.type == SKEP_TEXT || special.type == SKEP_BLOB)
        *side += special.u.s.len;
    return special;
}
