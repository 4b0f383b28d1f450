/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

static void put_string(skep__buf *out, const char *text, size_t len)
{
    static const char escapes[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    (void)skep__buf_add_byte(out, '"');
    for (size_t at = 0; at < len;) {
        size_t n = skep__utf8_len(text + at, len - at);
        unsigned char c = (unsigned char)text[at];
        const char *escape = c != '\0' ? strchr(escapes, c) : NULL;
        if (n == 0)
            (void)skep__buf_add_text(out, "\xef\xbf\xbd");
        else if (escape != NULL)
            (void)skep__buf_printf(out, "\\%c", letters[escape - escapes]);
        else if (c < 0x20)
            (void)skep__buf_printf(out, "\\u%04x", c);
        else
            (void)skep__buf_add(out, text + at, n);
        at += n > 0 ? n : 1;
    }
    (void)skep__buf_add_byte(out, '"');
}

static bool in_object(const skep__json *j)
{
    return (j->objects >> j->depth & 1) != 0;
}

/* What stands before a value. */
static void lead(skep__json *j, const char *key)
{
    ASSERT(in_object(j) == (key != NULL));
    if (j->comma)
        (void)skep__buf_add_byte(j->out, ',');
    j->comma = true;
    if (key == NULL)
        return;
    put_string(j->out, key, strlen(key));
    (void)skep__buf_add_byte(j->out, ':');
}

static void begin(skep__json *j, const char *key, bool object)
{
    lead(j, key);
    ASSERT(j->depth < SKEP__JSON_DEPTH_MAX);
    j->depth++;
    uint64_t bit = UINT64_C(1) << j->depth;
    j->objects = object ? j->objects | bit : j->objects & ~bit;
    j->comma = false;
    (void)skep__buf_add_byte(j->out, object ? '{' : '[');
}

void skep__json_object(skep__json *j, const char *key)
{
    begin(j, key, true);
}

void skep__json_array(skep__json *j, const char *key)
{
    begin(j, key, false);
}

void skep__json_end(skep__json *j)
{
    ASSERT(j->depth > 0);
    (void)skep__buf_add_byte(j->out, in_object(j) ? '}' : ']');
    j->depth--;
    j->comma = true;
}

void skep__json_slice(skep__json *j, const char *key, skep_slice text)
{
    lead(j, key);
    put_string(j->out, text.len > 0 ? text.data : "", text.len);
}

void skep__json_text(skep__json *j, const char *key, const char *text)
{
    skep__json_slice(j, key, skep_slice_str(text));
}

void skep__json_int(skep__json *j, const char *key, int64_t v)
{
    lead(j, key);
    (void)skep__buf_printf(j->out, "%lld", (long long)v);
}

void skep__json_uint(skep__json *j, const char *key, uint64_t v)
{
    lead(j, key);
    (void)skep__buf_printf(j->out, "%llu", (unsigned long long)v);
}

void skep__json_real(skep__json *j, const char *key, double v)
{
    if (!isfinite(v)) {
        skep__json_null(j, key);
        return;
    }
    char text[SKEP__REAL_TEXT_SIZE];
    skep__real_text(v, text);
    lead(j, key);
    (void)skep__buf_add_text(j->out, text);
}

void skep__json_bool(skep__json *j, const char *key, bool v)
{
    lead(j, key);
    (void)skep__buf_add_text(j->out, v ? "true" : "false");
}

void skep__json_null(skep__json *j, const char *key)
{
    lead(j, key);
    (void)skep__buf_add_text(j->out, "null");
}
