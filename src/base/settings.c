/* SPDX-License-Identifier: MIT */
#include "base/settings.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define SUBJECT_SIZE 160

static uint64_t get_field(const skep__setting *row, const void *opts, size_t known)
{
    uint32_t v4 = 0;
    uint64_t v8 = 0;
    const char *base = opts;
    ASSERT(row->width == sizeof(v4) || row->width == sizeof(v8));
    if (row->offset + row->width > known)
        return 0;
    if (row->width == sizeof(v8))
        memcpy(&v8, base + row->offset, sizeof(v8));
    else
        memcpy(&v4, base + row->offset, sizeof(v4));
    return row->width == sizeof(v8) ? v8 : v4;
}

static void put_field(const skep__setting *row, void *opts, uint64_t v)
{
    char *base = opts;
    uint32_t v4 = (uint32_t)v;
    if (row->width == sizeof(v4))
        memcpy(base + row->offset, &v4, sizeof(v4));
    else
        memcpy(base + row->offset, &v, sizeof(v));
}

/* Bits that no row of the table explains. */
static uint32_t unknown_flags(const skep__settings_table *table, const skep__setting *row,
                              uint64_t flags)
{
    uint32_t known = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].width != 0 && table->rows[i].offset == row->offset)
            known |= table->rows[i].bit;
    }
    return (uint32_t)flags & ~known;
}

static int check_text(const skep__setting *row, skep_slice text, const skep__origin *from);

/* A pointer goes through the same 8 bytes as a number. */
static const char *as_text(uint64_t v)
{
    return (const char *)(uintptr_t)v; /* NOLINT(performance-no-int-to-ptr) */
}

static int check_field(const skep__settings_table *table, const skep__setting *row, uint64_t v)
{
    skep__origin from = {.kind = SKEP__FROM_CODE, .name = table->what};
    if (row->type == SKEP__SETTING_TEXT)
        return v == 0 ? SKEP_OK : check_text(row, skep_slice_str(as_text(v)), &from);
    if (row->bit == 0)
        return v == 0 ? SKEP_OK : skep__setting_check(row, (int64_t)v, &from);
    uint32_t unknown = unknown_flags(table, row, v);
    if (unknown != 0)
        return SKEP__FAIL(SKEP_EINVALID, "%s.%s has the unknown flag 0x%" PRIx32, table->what,
                          row->field, unknown & (~unknown + 1));
    return SKEP_OK;
}

/* A struct from a newer header: fine as long as nothing is asked of us that we do not know. */
static int check_rest(const skep__settings_table *table, const void *given, size_t size)
{
    const char *bytes = given;
    for (size_t i = table->size; i < size; i++) {
        if (bytes[i] != 0)
            return SKEP__FAIL(SKEP_EUNSUPPORTED,
                              "%s sets a field that this version of skep does not have",
                              table->what);
    }
    return SKEP_OK;
}

static uint64_t initial_of(const skep__setting *row)
{
    bool text = row->type == SKEP__SETTING_TEXT;
    return text ? (uint64_t)(uintptr_t)row->initial_text : (uint64_t)row->initial;
}

int skep__settings_take(const skep__settings_table *table, const void *given, void *out)
{
    uint32_t size = 0;
    DEBUG_ASSERT(table->size >= sizeof(size));
    if (given != NULL) {
        memcpy(&size, given, sizeof(size));
        if (size < sizeof(size))
            return skep__misuse(table->what, "size, as the _INIT macro sets it,");
        SKEP__TRY(check_rest(table, given, size));
    }
    size_t known = size < table->size ? size : table->size;
    for (size_t i = 0; i < table->count; i++) {
        const skep__setting *row = &table->rows[i];
        if (row->width != 0)
            SKEP__TRY(check_field(table, row, get_field(row, given, known)));
    }

    memset(out, 0, table->size);
    if (given != NULL)
        memcpy(out, given, known);
    size = (uint32_t)table->size;
    memcpy(out, &size, sizeof(size));
    for (size_t i = 0; i < table->count; i++) {
        const skep__setting *row = &table->rows[i];
        if (row->width != 0 && row->bit == 0 && get_field(row, out, table->size) == 0)
            put_field(row, out, initial_of(row));
    }
    return SKEP_OK;
}

/* A broken table is a bug of the room that wrote it. */
static void assert_table(const skep__settings_table *table)
{
    static const skep__origin from = {.kind = SKEP__FROM_DEFAULT};
    ASSERT(table->count > 0);
    ASSERT(table->count <= SKEP__SETTINGS_ROWS_MAX);
    for (size_t i = 0; i < table->count; i++) {
        const skep__setting *row = &table->rows[i];
        ASSERT(strlen(row->name) <= SKEP__SETTING_NAME_MAX);
        ASSERT(row->bit == 0 || (row->type == SKEP__SETTING_BOOL && row->initial == 0));
        if (row->type == SKEP__SETTING_TEXT)
            ASSERT(row->width == 0 || row->width == sizeof(const char *));
        else if (row->type != SKEP__SETTING_ENUM || row->initial != 0) /* 0: decided elsewhere */
            ASSERT(skep__setting_check(row, row->initial, &from) == SKEP_OK);
    }
}

int skep__settings_init(skep__settings *s, const skep__settings_table *table)
{
    assert_table(table);
    skep__setting_value *values = skep__calloc(table->count, sizeof(*values));
    if (values == NULL)
        return skep__oom();
    for (size_t i = 0; i < table->count; i++)
        values[i].number = table->rows[i].initial;
    s->table = table;
    s->values = values;
    return SKEP_OK;
}

void skep__settings_dispose(skep__settings *s)
{
    for (size_t i = 0; s->values != NULL && i < s->table->count; i++)
        skep__free(s->values[i].text);
    skep__free(s->values);
    memset(s, 0, sizeof(*s));
}

/* Edits that turn one name into another: inserted, removed or changed letters. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[SKEP__SETTING_NAME_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
            size_t one_more = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = change < one_more ? change : one_more;
        }
    }
    return row[b_len];
}

/* NULL if nothing is near: a wrong hint is worse than none. */
static const char *nearest(const skep__settings_table *table, const char *name)
{
    const char *best = NULL;
    size_t len = strlen(name);
    size_t best_distance = len / 3 + 2;
    if (len > SKEP__SETTING_NAME_MAX)
        return NULL;
    for (size_t i = 0; i < table->count; i++) {
        const char *candidate = table->rows[i].name;
        size_t d = distance(name, len, candidate, strlen(candidate));
        if (d < best_distance) {
            best_distance = d;
            best = candidate;
        }
    }
    return best;
}

static int unknown(const skep__settings_table *table, const char *name, const skep__origin *from)
{
    char subject[SUBJECT_SIZE];
    const skep__setting as_row = {.name = name};
    const char *near = nearest(table, name);
    return SKEP__FAIL(SKEP_EINVALID, "%s is no setting%s%s%s",
                      skep__setting_subject(&as_row, from, subject, sizeof(subject)),
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int twice(const skep__setting *row, const skep__setting_value *v, const skep__origin *from)
{
    char subject[SUBJECT_SIZE];
    (void)skep__setting_subject(row, from, subject, sizeof(subject));
    if (from->kind == SKEP__FROM_FILE)
        return SKEP__FAIL(SKEP_EINVALID, "%s was set in line %u already", subject, v->line);
    return SKEP__FAIL(SKEP_EINVALID, "%s is given twice", subject);
}

/* Its bytes are not quoted in errors: a text may be a secret. */
static int check_text(const skep__setting *row, skep_slice text, const skep__origin *from)
{
    char subject[SUBJECT_SIZE];
    uint64_t most = SKEP__SETTING_TEXT_MAX;
    (void)skep__setting_subject(row, from, subject, sizeof(subject));
    if (row->max > 0 && (uint64_t)row->max < most)
        most = (uint64_t)row->max;
    if (text.len > 0 && memchr(text.data, 0, text.len) != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "%s has a zero byte in it", subject);
    if (text.len > SKEP__SETTING_TEXT_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s has %zu bytes; allowed: at most %d", subject, text.len,
                          SKEP__SETTING_TEXT_MAX);
    if (text.len > most || text.len < (uint64_t)row->min)
        return SKEP__FAIL(SKEP_EINVALID, "%s has %zu bytes; allowed: %" PRId64 " to %" PRIu64,
                          subject, text.len, row->min, most);
    return SKEP_OK;
}

static int put_text(const skep__setting *row, skep__setting_value *v, skep_slice text,
                    const skep__origin *from)
{
    SKEP__TRY(check_text(row, text, from));
    if (from->kind < v->kind)
        return SKEP_OK;
    char *copy = skep__strndup(text.len ? text.data : "", text.len);
    if (copy == NULL)
        return skep__oom();
    skep__free(v->text);
    v->text = copy;
    return SKEP_OK;
}

static int put_number(const skep__setting *row, skep__setting_value *v, skep_slice text,
                      const skep__origin *from)
{
    int64_t number = 0;
    SKEP__TRY(skep__setting_parse(row, text, from, &number));
    if (from->kind >= v->kind)
        v->number = number;
    return SKEP_OK;
}

static int set_row(skep__settings *s, size_t i, skep_slice text, const skep__origin *from)
{
    const skep__setting *row = &s->table->rows[i];
    skep__setting_value *v = &s->values[i];
    unsigned bit = 1u << (unsigned)from->kind;
    if ((v->seen & bit) != 0)
        return twice(row, v, from);
    if (row->type == SKEP__SETTING_TEXT)
        SKEP__TRY(put_text(row, v, text, from));
    else
        SKEP__TRY(put_number(row, v, text, from));
    v->seen |= bit;
    if (from->kind == SKEP__FROM_FILE)
        v->line = from->line;
    if (from->kind > v->kind)
        v->kind = from->kind;
    return SKEP_OK;
}

int skep__settings_set(skep__settings *s, const char *name, skep_slice text,
                       const skep__origin *from)
{
    for (size_t i = 0; i < s->table->count; i++) {
        if (strcmp(s->table->rows[i].name, name) == 0)
            return set_row(s, i, text, from);
    }
    return unknown(s->table, name, from);
}

/* "SKEP_DB_READERS" for "db.readers". */
static void env_name(const char *name, char out[SKEP__SETTING_NAME_MAX + 8])
{
    int n = snprintf(out, SKEP__SETTING_NAME_MAX + 8, "SKEP_%s", name);
    for (int i = 0; i < n; i++) {
        bool letter = (out[i] >= 'a' && out[i] <= 'z') || (out[i] >= 'A' && out[i] <= 'Z');
        bool digit = out[i] >= '0' && out[i] <= '9';
        out[i] = (char)(letter ? toupper((unsigned char)out[i]) : digit ? out[i] : '_');
    }
}

int skep__settings_load_env(skep__settings *s, char *const *env)
{
    for (size_t i = 0; i < s->table->count; i++) {
        char name[SKEP__SETTING_NAME_MAX + 8];
        env_name(s->table->rows[i].name, name);
        size_t len = strlen(name);
        skep__origin from = {.kind = SKEP__FROM_ENV, .name = name};
        for (char *const *e = env; *e != NULL; e++) {
            if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
                SKEP__TRY(set_row(s, i, skep_slice_str(*e + len + 1), &from));
        }
    }
    return SKEP_OK;
}

int64_t skep__settings_number(const skep__settings *s, size_t row)
{
    ASSERT(row < s->table->count);
    return s->values[row].number;
}

const char *skep__settings_text(const skep__settings *s, size_t row)
{
    ASSERT(row < s->table->count);
    const char *text = s->values[row].text;
    return text != NULL ? text : s->table->rows[row].initial_text;
}

skep__origin_kind skep__settings_origin(const skep__settings *s, size_t row)
{
    ASSERT(row < s->table->count);
    return s->values[row].kind;
}

void skep__settings_fill(const skep__settings *s, void *opts)
{
    uint32_t size = (uint32_t)s->table->size;
    ASSERT(size >= sizeof(size));
    memset(opts, 0, s->table->size);
    memcpy(opts, &size, sizeof(size));
    for (size_t i = 0; i < s->table->count; i++) {
        const skep__setting *row = &s->table->rows[i];
        uint64_t v = (uint64_t)s->values[i].number;
        if (row->width == 0)
            continue;
        if (row->type == SKEP__SETTING_TEXT)
            v = (uint64_t)(uintptr_t)skep__settings_text(s, i);
        if (row->bit != 0)
            v = get_field(row, opts, s->table->size) | (v != 0 ? row->bit : 0);
        put_field(row, opts, v);
    }
}

/* The text of a row that was set, moved to where it stays; it has a NUL at its end. */
static uint64_t kept_text(const skep__settings *s, size_t row, char **at)
{
    const char *text = skep__settings_text(s, row);
    char *kept = *at;
    size_t len = strlen(text) + 1;
    memcpy(kept, text, len);
    *at += len;
    return (uint64_t)(uintptr_t)kept;
}

int skep__settings_lay_over(const skep__settings *s, void *opts, skep__buf *texts)
{
    void *at = NULL;
    size_t bytes = 0;
    ASSERT(texts->len == 0);
    for (size_t i = 0; i < s->table->count; i++)
        if (s->values[i].text != NULL)
            bytes += strlen(s->values[i].text) + 1;
    SKEP__TRY(skep__buf_reserve(texts, bytes, &at));
    char *next = at;
    for (size_t i = 0; i < s->table->count; i++) {
        const skep__setting *row = &s->table->rows[i];
        uint64_t v = (uint64_t)s->values[i].number;
        if (row->width == 0 || s->values[i].kind == SKEP__FROM_DEFAULT)
            continue;
        if (row->type == SKEP__SETTING_TEXT)
            v = kept_text(s, i, &next);
        if (row->bit != 0 && v != 0)
            v = get_field(row, opts, s->table->size) | row->bit;
        else if (row->bit != 0)
            v = get_field(row, opts, s->table->size) & ~(uint64_t)row->bit;
        put_field(row, opts, v);
    }
    skep__buf_commit(texts, bytes);
    return SKEP_OK;
}
