/* SPDX-License-Identifier: MIT */
#include "base/json_in.h"

#include <string.h>

#include "base/text.h"

skep__json_in skep__json_in_of(skep_slice text)
{
    const char *at = text.len == 0 ? "" : text.data;
    return (skep__json_in){.at = at, .end = at + text.len};
}

static bool fail(skep__json_in *in)
{
    in->bad = true;
    return false;
}

/* What stands next, behind blanks; 0: nothing does. */
static char peek(skep__json_in *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r'))
        in->at++;
    return in->bad || in->at == in->end ? '\0' : *in->at;
}

static bool take(skep__json_in *in, char c)
{
    if (c == '\0' || peek(in) != c)
        return fail(in);
    in->at++;
    return true;
}

void skep__json_open(skep__json_in *in, char bracket)
{
    in->first = take(in, bracket);
}

/* Is there another one before `bracket`? */
static bool next(skep__json_in *in, char bracket)
{
    bool first = in->first;
    in->first = false;
    if (peek(in) == bracket) {
        in->at++;
        return false;
    }
    return in->bad ? false : first || take(in, ',');
}

bool skep__json_element(skep__json_in *in)
{
    return next(in, ']');
}

/* ---- text ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX. */
static uint32_t unit(skep__json_in *in)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int d = in->at < in->end ? digit(*in->at) : -1;
        if (d < 0)
            return fail(in);
        v = v << 4 | (uint32_t)d;
        in->at++;
    }
    return v;
}

/* The character that \u stands for, with its other half where it needs one; 0: none. */
static uint32_t character(skep__json_in *in)
{
    uint32_t c = unit(in);
    if (c < 0xd800 || c > 0xdfff)
        return c;
    if (c > 0xdbff || in->end - in->at < 2 || in->at[0] != '\\' || in->at[1] != 'u')
        return fail(in);
    in->at += 2;
    uint32_t low = unit(in);
    if (low < 0xdc00 || low > 0xdfff)
        return fail(in);
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static size_t utf8(uint32_t c, char out[4])
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

static size_t escaped(skep__json_in *in, char out[4])
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    char c = in->at < in->end ? *in->at++ : '\0';
    const char *found = c == '\0' ? NULL : strchr(names, c);
    if (found != NULL) {
        out[0] = values[found - names];
        return 1;
    }
    uint32_t code = c == 'u' ? character(in) : 0;
    if (code == 0)
        return fail(in);
    return utf8(code, out);
}

/* One character, as UTF-8; 0: the text is over, or bad. */
static size_t one(skep__json_in *in, char out[4])
{
    unsigned char c = in->at < in->end ? (unsigned char)*in->at : 0;
    if (c < 0x20 || in->bad)
        return fail(in);
    if (c == '"')
        return 0;
    if (c == '\\') {
        in->at++;
        return escaped(in, out);
    }
    size_t n = skep__utf8_len(in->at, (size_t)(in->end - in->at));
    if (n == 0)
        return fail(in);
    memcpy(out, in->at, n);
    in->at += n;
    return n;
}

/* Up to `size` - 1 bytes; what goes beyond is left out. Returns the length that it would have. */
static size_t read_text(skep__json_in *in, char *out, size_t size)
{
    char c[4];
    size_t len = 0;
    size_t kept = 0;
    (void)take(in, '"');
    for (size_t n; (n = one(in, c)) > 0; len += n) {
        if (kept == len && len + n < size) {
            memcpy(out + len, c, n);
            kept += n;
        }
    }
    (void)take(in, '"');
    out[in->bad ? 0 : kept] = '\0';
    return in->bad ? 0 : len;
}

size_t skep__json_read_text(skep__json_in *in, char *out, size_t size)
{
    size_t len = read_text(in, out, size);
    if (len < size)
        return len;
    out[0] = '\0';
    return fail(in);
}

bool skep__json_member(skep__json_in *in, char *name, size_t size)
{
    if (!next(in, '}'))
        return false;
    (void)read_text(in, name, size);
    return take(in, ':');
}

/* ---- other values ---- */

int64_t skep__json_read_int(skep__json_in *in)
{
    int64_t v = 0;
    bool minus = peek(in) == '-';
    if (minus)
        in->at++;
    const char *from = in->at;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
        int64_t d = *in->at - '0';
        if (__builtin_mul_overflow(v, INT64_C(10), &v) ||
            __builtin_sub_overflow(v, d, &v)) /* downwards: there is one more below zero */
            return fail(in);
    }
    bool led_by_zero = in->at - from > 1 && *from == '0';
    bool more = in->at < in->end && strchr(".eE", *in->at) != NULL;
    if (in->bad || in->at == from || led_by_zero || more || (!minus && v == INT64_MIN))
        return fail(in);
    return minus ? v : -v;
}

static bool word(skep__json_in *in, const char *text)
{
    size_t len = strlen(text);
    (void)peek(in);
    if (in->bad || (size_t)(in->end - in->at) < len || memcmp(in->at, text, len) != 0)
        return fail(in);
    in->at += len;
    return true;
}

bool skep__json_read_bool(skep__json_in *in)
{
    bool yes = peek(in) == 't';
    return word(in, yes ? "true" : "false") && yes;
}

static void skip_digits(skep__json_in *in)
{
    const char *from = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    if (in->at == from)
        (void)fail(in);
}

static void skip_number(skep__json_in *in)
{
    if (*in->at == '-')
        in->at++;
    if (in->at < in->end && *in->at == '0')
        in->at++; /* no digit follows it */
    else
        skip_digits(in);
    if (in->at < in->end && *in->at == '.') {
        in->at++;
        skip_digits(in);
    }
    if (in->at < in->end && (*in->at | 0x20) == 'e') {
        in->at++;
        if (in->at < in->end && (*in->at == '+' || *in->at == '-'))
            in->at++;
        skip_digits(in);
    }
}

static void skip_scalar(skep__json_in *in, char c)
{
    char name[1];
    if (c == '"')
        (void)read_text(in, name, sizeof(name));
    else if (c == 't' || c == 'f')
        (void)skep__json_read_bool(in);
    else if (c == 'n')
        (void)word(in, "null");
    else if (c == '-' || (c >= '0' && c <= '9'))
        skip_number(in);
    else
        (void)fail(in);
}

void skep__json_skip(skep__json_in *in)
{
    char name[1];
    uint32_t objects = 0; /* a bit each level */
    unsigned depth = 0;
    do {
        char c = peek(in);
        if (c == '{' || c == '[') {
            if (depth++ == SKEP__JSON_IN_DEPTH_MAX) {
                (void)fail(in);
                return;
            }
            objects = objects << 1 | (c == '{');
            skep__json_open(in, c);
        } else {
            skip_scalar(in, c);
        }
        /* Leave what is over; stop before the next value. */
        while (depth > 0 && !((objects & 1) != 0 ? skep__json_member(in, name, sizeof(name))
                                                 : skep__json_element(in))) {
            objects >>= 1;
            depth--;
        }
    } while (depth > 0 && !in->bad);
}

bool skep__json_over(skep__json_in *in)
{
    return peek(in) == '\0' && !in->bad && in->at == in->end;
}
