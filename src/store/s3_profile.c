/* SPDX-License-Identifier: MIT */
/* The files that Amazon's tools share: sections, and in them lines `key = value`. A line that is
 * indented deeper than the key before it belongs to that key's value, which none that we read has.
 *
 * Not by the library that reads skep.conf: it cuts lines at 200 bytes, and session tokens have a
 * thousand. */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "store/s3_credentials.h"
#include "store/store_limits.h"

typedef struct scan {
    const char *section;
    const char *key;
    bool inside;      /* the section that is looked for */
    bool has_key;     /* there was one in this section */
    size_t indent;    /* of it */
    skep_slice value; /* the last one found */
} scan;

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static skep_slice trim(const char *text, size_t len)
{
    while (len > 0 && blank(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && blank(text[len - 1]))
        len--;
    return skep_slice_of(text, len);
}

/* `[ profile  "my own" ]` is the section `profile my own`. */
static bool section_is(skep_slice name, const char *want)
{
    const char *p = name.data;
    size_t at = 0;
    size_t len = strlen(want);
    for (size_t i = 0; i < name.len; i++) {
        if (p[i] == '"' || p[i] == '\'' || (blank(p[i]) && i > 0 && blank(p[i - 1])))
            continue;
        char c = blank(p[i]) ? ' ' : p[i];
        if (at == len || want[at++] != c)
            return false;
    }
    return at == len;
}

/* A comment begins at a `#` or `;` behind a blank. */
static skep_slice without_comment(skep_slice value)
{
    const char *p = value.data;
    for (size_t i = 1; i < value.len; i++)
        if ((p[i] == '#' || p[i] == ';') && blank(p[i - 1]))
            return trim(p, i);
    return value;
}

static void scan_key(scan *s, skep_slice line)
{
    const char *p = line.data;
    size_t at = 0;
    while (at < line.len && p[at] != '=' && p[at] != ':')
        at++;
    skep_slice key = trim(p, at);
    s->has_key = true;
    if (!s->inside || at == line.len || key.len != strlen(s->key) ||
        strncasecmp(key.data, s->key, key.len) != 0)
        return;
    s->value = without_comment(trim(p + at + 1, line.len - at - 1));
}

static void scan_line(scan *s, const char *text, size_t len)
{
    size_t indent = 0;
    while (indent < len && blank(text[indent]))
        indent++;
    skep_slice line = trim(text, len);
    const char *p = line.data;
    if (line.len == 0 || p[0] == '#' || p[0] == ';')
        return;
    if (s->has_key && indent > s->indent)
        return;
    s->indent = indent;
    if (p[0] != '[') {
        scan_key(s, line);
        return;
    }
    const char *end = memchr(p, ']', line.len);
    s->inside = end != NULL && section_is(trim(p + 1, (size_t)(end - p - 1)), s->section);
    s->has_key = false;
}

int skep__s3_profile_value(skep_slice text, const char *section, const char *key, char *out,
                           size_t size)
{
    scan s = {.section = section, .key = key};
    const char *at = text.data;
    for (size_t left = text.len; left > 0;) {
        const char *newline = memchr(at, '\n', left);
        size_t len = newline == NULL ? left : (size_t)(newline - at);
        scan_line(&s, at, len);
        len += newline != NULL;
        at += len;
        left -= len;
    }
    if (s.value.len >= size)
        return SKEP__FAIL(SKEP_ELIMIT, "%s of [%s] has %zu bytes, %zu are allowed", key, section,
                          s.value.len, size - 1);
    if (s.value.len > 0)
        memcpy(out, s.value.data, s.value.len);
    out[s.value.len] = '\0';
    return s.value.len > 0;
}
