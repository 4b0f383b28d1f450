/* SPDX-License-Identifier: MIT */
#include "sql/ddl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "sql/sql_limits.h"

static bool utf8_valid(const char *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = skep__utf8_len(p + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

static void add_quoted(skep__buf *out, skep_slice text, uint8_t quote)
{
    const uint8_t *p = text.data;
    (void)skep__buf_add_byte(out, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (p[i] == quote)
            (void)skep__buf_add_byte(out, quote);
        (void)skep__buf_add_byte(out, p[i]);
    }
    (void)skep__buf_add_byte(out, quote);
}

int skep__ddl_name(skep__buf *out, skep_slice name)
{
    if (name.len == 0)
        return SKEP__FAIL(SKEP_EINVALID, "a name in SQL is empty");
    if (memchr(name.data, 0, name.len) != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "a name in SQL holds a zero byte");
    if (!utf8_valid(name.data, name.len))
        return SKEP__FAIL(SKEP_EINVALID, "a name in SQL is not UTF-8");
    add_quoted(out, name, '"');
    return skep__buf_status(out);
}

static void add_hex(skep__buf *out, skep_slice bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *p = bytes.data;
    (void)skep__buf_add_text(out, "X'");
    for (size_t i = 0; i < bytes.len; i++) {
        (void)skep__buf_add_byte(out, (uint8_t)digits[p[i] >> 4]);
        (void)skep__buf_add_byte(out, (uint8_t)digits[p[i] & 15]);
    }
    (void)skep__buf_add_byte(out, '\'');
}

static int add_real(skep__buf *out, double r)
{
    if (isnan(r))
        return skep__buf_add_text(out, "NULL"); /* what SQLite stores for it */
    if (isinf(r))
        return skep__buf_add_text(out, r > 0 ? "9e999" : "-9e999");
    char text[SKEP__REAL_TEXT_SIZE];
    skep__real_text(r, text);
    bool looks_whole = strpbrk(text, ".e") == NULL;
    (void)skep__buf_add_text(out, text);
    return looks_whole ? skep__buf_add_text(out, ".0") : skep__buf_status(out);
}

int skep__ddl_literal(skep__buf *out, const skep_value *value)
{
    switch ((skep_type)value->type) {
    case SKEP_NULL:
        return skep__buf_add_text(out, "NULL");
    case SKEP_INT:
    case SKEP_BOOL:
    case SKEP_TIME:
        /* The smallest integer has no literal: its digits alone are one too large. */
        if (value->u.i == INT64_MIN)
            return skep__buf_add_text(out, "(-9223372036854775807-1)");
        return skep__buf_printf(out, "%" PRId64, value->u.i);
    case SKEP_REAL:
        return add_real(out, value->u.r);
    case SKEP_TEXT:
        /* A zero byte would end a quoted text early; as a cast blob it is whole. */
        if (value->u.s.len > 0 && memchr(value->u.s.data, 0, value->u.s.len) != NULL) {
            (void)skep__buf_add_text(out, "CAST(");
            add_hex(out, value->u.s);
            return skep__buf_add_text(out, " AS TEXT)");
        }
        add_quoted(out, value->u.s, '\'');
        return skep__buf_status(out);
    case SKEP_BLOB:
        add_hex(out, value->u.s);
        return skep__buf_status(out);
    case SKEP_OUT_OF_RANGE:
        return SKEP__FAIL(SKEP_EINVALID, "an unsigned value is above 2^63-1");
    }
    return SKEP__FAIL(SKEP_EINVALID, "a value has the unknown type %d", (int)value->type);
}

int skep__ddl_names(skep__buf *out, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            (void)skep__buf_add_text(out, ", ");
        SKEP__TRY(skep__ddl_name(out, skep_slice_str(names[i])));
    }
    return skep__buf_status(out);
}

int skep__ddl_parameters(skep__buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)skep__buf_add_text(out, i > 0 ? ", ?" : "?");
    return skep__buf_status(out);
}

static bool type_known(const char *type)
{
    static const char *const known[] = {"INTEGER", "REAL", "TEXT", "BLOB", "ANY"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(type, known[i]) == 0)
            return true;
    return false;
}

static int add_column(skep__buf *out, const skep__column *column)
{
    SKEP__TRY(skep__ddl_name(out, skep_slice_str(column->name)));
    if (column->type != NULL) {
        if (!type_known(column->type))
            return SKEP__FAIL(SKEP_EINVALID, "column %s has the unknown type %s", column->name,
                              column->type);
        (void)skep__buf_printf(out, " %s", column->type);
    }
    if (column->not_null)
        (void)skep__buf_add_text(out, " NOT NULL");
    return skep__buf_status(out);
}

int skep__ddl_create_table(skep__buf *out, const char *table, const skep__column *columns, size_t n)
{
    if (n == 0)
        return SKEP__FAIL(SKEP_EINVALID, "table %s has no column", table);
    (void)skep__buf_add_text(out, "CREATE TABLE ");
    SKEP__TRY(skep__ddl_name(out, skep_slice_str(table)));
    size_t keys = 0;
    for (size_t i = 0; i < n; i++) {
        (void)skep__buf_add_text(out, i > 0 ? ", " : "(");
        SKEP__TRY(add_column(out, &columns[i]));
        keys += columns[i].primary_key;
    }
    for (size_t i = 0, k = 0; i < n && keys > 0; i++) {
        if (!columns[i].primary_key)
            continue;
        (void)skep__buf_add_text(out, k == 0 ? ", PRIMARY KEY(" : ", ");
        SKEP__TRY(skep__ddl_name(out, skep_slice_str(columns[i].name)));
        k++;
        if (k == keys)
            (void)skep__buf_add_byte(out, ')');
    }
    return skep__buf_add_byte(out, ')');
}

int skep__ddl_pragma(skep__buf *out, const char *name, int64_t value)
{
    return skep__buf_printf(out, "PRAGMA %s=%" PRId64, name, value);
}
