/* SPDX-License-Identifier: MIT */
/* One setting: its text, its bounds, and the error that names what, where and what is allowed. */
#include "base/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

#define SHOWN_MAX 40      /* bytes of a wrong value that an error text quotes */
#define PATH_SHOWN_MAX 80 /* bytes of a file's path */

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

#define KIB INT64_C(1024)
#define KB INT64_C(1000)

/* The first of equal factors is the one that is shown. */
static const unit byte_units[] = {
    {"B", 1},
    {"KiB", KIB},
    {"MiB", KIB *KIB},
    {"GiB", KIB *KIB *KIB},
    {"TiB", KIB *KIB *KIB *KIB},
    {"K", KIB},
    {"M", KIB *KIB},
    {"G", KIB *KIB *KIB},
    {"T", KIB *KIB *KIB *KIB},
    {"KB", KB},
    {"MB", KB *KB},
    {"GB", KB *KB *KB},
    {"TB", KB *KB *KB *KB},
    {NULL, 0},
};

/* In nanoseconds. */
static const unit time_units[] = {
    {"ns", 1},
    {"us", KB},
    {"ms", KB *KB},
    {"s", KB *KB *KB},
    {"min", 60 * KB *KB *KB},
    {"h", 3600 * KB *KB *KB},
    {"d", 86400 * KB *KB *KB},
    {"m", 60 * KB *KB *KB},
    {NULL, 0},
};

static const struct {
    const char *name;
    int64_t value;
} truths[] = {
    {"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {"on", 1}, {"off", 0}, {"1", 1}, {"0", 0},
};

static bool same(skep_slice text, const char *name)
{
    return strlen(name) == text.len && strncasecmp(text.data, name, text.len) == 0;
}

/* The factor of a unit, 0 if there is none of that name. */
static int64_t factor_of(const unit *units, skep_slice name)
{
    for (; units->name != NULL; units++) {
        if (same(name, units->name))
            return units->factor;
    }
    return 0;
}

/* Nanoseconds of the unit that a DURATION is kept in. */
static int64_t kept_in(const skep__setting *row)
{
    int64_t factor = factor_of(time_units, skep_slice_str(row->unit));
    ASSERT(factor != 0);
    return factor;
}

typedef struct bounds {
    int64_t min;
    int64_t max;
} bounds;

static bounds bounds_of(const skep__setting *row)
{
    bounds b = {row->min, row->max};
    if (row->min != 0 || row->max != 0)
        return b;
    b.min = row->type == SKEP__SETTING_INT && row->width != 4 ? INT64_MIN : 0;
    b.max = row->width == 4 ? (int64_t)UINT32_MAX : INT64_MAX;
    return b;
}

/* With the largest unit that loses nothing. */
static void show_number(const skep__setting *row, int64_t v, char *buf, size_t size)
{
    const unit *units = NULL;
    int64_t one = 1;
    if (row->type == SKEP__SETTING_BYTES)
        units = byte_units;
    if (row->type == SKEP__SETTING_DURATION) {
        units = time_units;
        one = kept_in(row);
    }
    const unit *best = NULL;
    int64_t small = 0;
    if (units != NULL && v > 0 && !__builtin_mul_overflow(v, one, &small)) {
        for (; units->name != NULL; units++) {
            bool fits = small % units->factor == 0;
            if (fits && (best == NULL || units->factor > best->factor))
                best = units;
        }
    }
    const char *plain = row->unit != NULL && row->type != SKEP__SETTING_BYTES ? row->unit : "";
    if (best != NULL)
        (void)snprintf(buf, size, "%" PRId64 " %s", small / best->factor, best->name);
    else
        (void)snprintf(buf, size, "%" PRId64 "%s%s", v, plain[0] != '\0' ? " " : "", plain);
}

static void show_choices(const skep__choice *choices, bool numbers, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (const skep__choice *c = choices; c->name != NULL && at < size; c++) {
        const char *comma = c == choices ? "" : ", ";
        int n = numbers
                    ? snprintf(buf + at, size - at, "%s%" PRId64 " (%s)", comma, c->value, c->name)
                    : snprintf(buf + at, size - at, "%s%s", comma, c->name);
        at += n > 0 ? (size_t)n : 0;
    }
}

/* What an error text says is allowed. */
static void show_allowed(const skep__setting *row, const skep__origin *from, char *buf, size_t size)
{
    static const char *const likes[] = {
        [SKEP__SETTING_INT] = "",
        [SKEP__SETTING_BYTES] = ", like 65536, 64 KiB or 2 GiB",
        [SKEP__SETTING_DURATION] = ", like 500 ms, 5 s or 2 min",
    };
    if (row->type == SKEP__SETTING_BOOL) {
        (void)snprintf(buf, size, "yes or no");
        return;
    }
    if (row->type == SKEP__SETTING_ENUM) {
        show_choices(row->choices, from->kind == SKEP__FROM_CODE, buf, size);
        return;
    }
    char least[48];
    char most[48];
    bounds b = bounds_of(row);
    if (row->type == SKEP__SETTING_INT) /* its unit once: "1 to 1024 pages" */
        (void)snprintf(least, sizeof(least), "%" PRId64, b.min);
    else
        show_number(row, b.min, least, sizeof(least));
    show_number(row, b.max, most, sizeof(most));
    (void)snprintf(buf, size, "%s to %s%s", least, most,
                   from->kind == SKEP__FROM_CODE ? "" : likes[row->type]);
}

/* Of a long path the end says more than the beginning, and the key after it must fit too. */
static const char *end_of_path(const char *path)
{
    size_t len = strlen(path);
    return len > PATH_SHOWN_MAX ? path + len - PATH_SHOWN_MAX : path;
}

const char *skep__setting_subject(const skep__setting *row, const skep__origin *from, char *buf,
                                  size_t size)
{
    switch (from->kind) {
    case SKEP__FROM_FILE:
        (void)snprintf(buf, size, "%s:%u: %s", end_of_path(from->name), from->line, row->name);
        break;
    case SKEP__FROM_ENV:
    case SKEP__FROM_OPTION:
        (void)snprintf(buf, size, "%s", from->name);
        break;
    case SKEP__FROM_CODE:
        (void)snprintf(buf, size, "%s.%s", from->name, row->field ? row->field : row->name);
        break;
    case SKEP__FROM_DEFAULT:
        (void)snprintf(buf, size, "default of %s", row->name);
        break;
    }
    return buf;
}

static int refuse(const skep__setting *row, const char *shown, const skep__origin *from)
{
    char subject[160];
    char allowed[192];
    show_allowed(row, from, allowed, sizeof(allowed));
    return SKEP__FAIL(SKEP_EINVALID, "%s is %s; allowed: %s",
                      skep__setting_subject(row, from, subject, sizeof(subject)), shown, allowed);
}

static bool allowed_value(const skep__setting *row, int64_t value)
{
    if (row->type == SKEP__SETTING_BOOL)
        return value == 0 || value == 1;
    if (row->type == SKEP__SETTING_ENUM) {
        for (const skep__choice *c = row->choices; c->name != NULL; c++) {
            if (c->value == value)
                return true;
        }
        return false;
    }
    bounds b = bounds_of(row);
    return value >= b.min && value <= b.max;
}

int skep__setting_check(const skep__setting *row, int64_t value, const skep__origin *from)
{
    char shown[48];
    ASSERT(row->type != SKEP__SETTING_TEXT);
    if (allowed_value(row, value))
        return SKEP_OK;
    if (row->type == SKEP__SETTING_BYTES && value < 0) /* an unsigned field's upper half */
        (void)snprintf(shown, sizeof(shown), "%" PRIu64, (uint64_t)value);
    else
        show_number(row, value, shown, sizeof(shown));
    return refuse(row, shown, from);
}

static skep_slice trimmed(skep_slice s)
{
    const char *at = s.len ? s.data : "";
    while (s.len > 0 && (*at == ' ' || *at == '\t')) {
        at++;
        s.len--;
    }
    while (s.len > 0 && (at[s.len - 1] == ' ' || at[s.len - 1] == '\t'))
        s.len--;
    return skep_slice_of(at, s.len);
}

/* Digits with an optional sign at the start of `*s`, which moves past them and past blanks. */
static bool take_number(skep_slice *s, int64_t *out)
{
    const char *at = s->data;
    size_t i = 0;
    int64_t v = 0;
    bool minus = s->len > 0 && at[0] == '-';
    i += minus || (s->len > 0 && at[0] == '+') ? 1 : 0;
    size_t first = i;
    for (; i < s->len && at[i] >= '0' && at[i] <= '9'; i++) {
        /* Downwards, because the lowest number has no positive twin. */
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, at[i] - '0', &v))
            return false;
    }
    if (i == first || (!minus && v == INT64_MIN))
        return false;
    *out = minus ? v : -v;
    *s = trimmed(skep_slice_of(at + i, s->len - i));
    return true;
}

static bool parse_scaled(const skep__setting *row, skep_slice text, int64_t *out)
{
    int64_t v = 0;
    if (!take_number(&text, &v))
        return false;
    if (text.len == 0) {
        *out = v;
        return true;
    }
    bool time = row->type == SKEP__SETTING_DURATION;
    int64_t factor = factor_of(time ? time_units : byte_units, text);
    int64_t one = time ? kept_in(row) : 1;
    if (factor == 0 || __builtin_mul_overflow(v, factor, &v) || v % one != 0)
        return false;
    *out = v / one;
    return true;
}

static bool parse_int(skep_slice text, int64_t *out)
{
    return take_number(&text, out) && text.len == 0;
}

static bool parse_bool(skep_slice text, int64_t *out)
{
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        if (same(text, truths[i].name)) {
            *out = truths[i].value;
            return true;
        }
    }
    return false;
}

static bool parse_enum(const skep__choice *choices, skep_slice text, int64_t *out)
{
    for (; choices->name != NULL; choices++) {
        if (same(text, choices->name)) {
            *out = choices->value;
            return true;
        }
    }
    return false;
}

static bool parse_any(const skep__setting *row, skep_slice text, int64_t *out)
{
    switch (row->type) {
    case SKEP__SETTING_INT:
        return parse_int(text, out);
    case SKEP__SETTING_BOOL:
        return parse_bool(text, out);
    case SKEP__SETTING_BYTES:
    case SKEP__SETTING_DURATION:
        return parse_scaled(row, text, out);
    case SKEP__SETTING_ENUM:
        return parse_enum(row->choices, text, out);
    case SKEP__SETTING_TEXT:
        break;
    }
    return false;
}

int skep__setting_parse(const skep__setting *row, skep_slice text, const skep__origin *from,
                        int64_t *out)
{
    int64_t v = 0;
    ASSERT(row->type != SKEP__SETTING_TEXT);
    skep_slice t = trimmed(text);
    if (!parse_any(row, t, &v)) {
        char shown[SHOWN_MAX + 8];
        bool whole = t.len <= SHOWN_MAX;
        (void)snprintf(shown, sizeof(shown), "'%.*s%s'", (int)(whole ? t.len : SHOWN_MAX),
                       (const char *)t.data, whole ? "" : "...");
        return refuse(row, shown, from);
    }
    SKEP__TRY(skep__setting_check(row, v, from));
    *out = v;
    return SKEP_OK;
}
