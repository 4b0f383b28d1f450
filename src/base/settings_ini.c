/* SPDX-License-Identifier: MIT */
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/settings.h"

/* libinih cuts the text into sections, keys and values. Three of its habits are undone here, by
 * handing it the lines ourselves: it splits lines that do not fit its buffer, takes an indented
 * line for more of the value above, and does not say in which line a key stands. */
typedef struct source {
    skep__settings *settings;
    const char *file;
    const char *at;
    const char *end;
    unsigned line; /* of the line that libinih has now */
    int rc;        /* the first failure; then no more lines are handed out */
    unsigned failed_line;
} source;

static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

static int check_line(const source *s, const char *line, size_t len, size_t room)
{
    if (memchr(line, 0, len) != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "%s:%u: there is a zero byte in it", s->file, s->line);
    if (len > SKEP__SETTINGS_LINE_MAX || len >= room)
        return SKEP__FAIL(SKEP_ELIMIT, "%s:%u: a line has at most %d bytes", s->file, s->line,
                          SKEP__SETTINGS_LINE_MAX);
    return SKEP_OK;
}

/* fgets() for libinih. */
static char *next_line(char *to, int size, void *stream)
{
    source *s = stream;
    if (s->rc < 0 || s->at == s->end)
        return NULL;
    s->line++;
    const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
    const char *next = newline != NULL ? newline + 1 : s->end;
    const char *line = s->at;
    while (line < next && blank(*line))
        line++;
    size_t len = (size_t)(next - line);
    s->at = next;
    s->rc = check_line(s, line, len - (newline != NULL ? 1 : 0), (size_t)size - 1);
    if (s->rc < 0) {
        s->failed_line = s->line;
        return NULL;
    }
    memcpy(to, line, len);
    to[len] = '\0';
    return to;
}

static int on_value(void *user, const char *section, const char *key, const char *value)
{
    source *s = user;
    char name[128];
    skep__origin from = {.kind = SKEP__FROM_FILE, .name = s->file, .line = s->line};
    (void)snprintf(name, sizeof(name), "%s%s%s", section, section[0] != '\0' ? "." : "", key);
    if (s->rc < 0)
        return 0;
    s->rc = skep__settings_set(s->settings, name, skep_slice_str(value), &from);
    if (s->rc < 0)
        s->failed_line = s->line;
    return s->rc >= 0;
}

int skep__settings_load_ini(skep__settings *s, skep_slice text, const char *file)
{
    const char *bytes = text.len ? text.data : "";
    source src = {.settings = s, .file = file, .at = bytes, .end = bytes + text.len};
    if (text.len > SKEP__SETTINGS_FILE_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s: %zu bytes; allowed: at most %d", file, text.len,
                          SKEP__SETTINGS_FILE_MAX);
    /* One handler for both: the reader's stream and the values' user are the same. */
    int line = ini_parse_stream(next_line, &src, on_value, &src);
    if (line > 0 && (src.rc == SKEP_OK || (unsigned)line < src.failed_line))
        return SKEP__FAIL(SKEP_EINVALID,
                          "%s:%d: this is neither [section] nor key = value nor ; comment", file,
                          line);
    return src.rc;
}
