/* SPDX-License-Identifier: MIT */
#include "cli/data/scan.h"

#include <string.h>

/* ---- UTF-8 ---- */

/* Eight bytes at a time: nearly all there is. */
static size_t skip_ascii(const unsigned char *data, size_t len, size_t at)
{
    while (len - at >= 8) {
        uint64_t word;
        memcpy(&word, data + at, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
        at += 8;
    }
    while (at < len && data[at] < 0x80)
        at++;
    return at;
}

/* Length of the sequence that stands at `s`, 0 if it is none: overlong forms, surrogates and what
 * lies beyond U+10FFFF are not. */
static size_t sequence(const unsigned char *s, size_t left)
{
    unsigned char first = s[0];
    size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && s[1] < 0xa0) || (first == 0xed && s[1] > 0x9f) ||
        (first == 0xf0 && s[1] < 0x90) || (first == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

size_t cli_utf8_bad(const char *data, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t at = 0;
    while ((at = skip_ascii(bytes, len, at)) < len) {
        size_t n = sequence(bytes + at, len - at);
        if (n == 0)
            return at;
        at += n;
    }
    return len;
}

/* ---- places ---- */

size_t cli_line_end(const char *data, size_t len, size_t at)
{
    const char *newline = at < len ? memchr(data + at, '\n', len - at) : NULL;
    return newline != NULL ? (size_t)(newline - data) + 1 : len;
}

size_t cli_count_lines(const char *data, size_t len)
{
    size_t lines = 0;
    for (size_t at = 0; at < len; lines++) {
        const char *newline = memchr(data + at, '\n', len - at);
        if (newline == NULL)
            break;
        at = (size_t)(newline - data) + 1;
    }
    return lines;
}

cli_place cli_place_of(const char *data, size_t at, uint64_t first_line)
{
    cli_place place = {first_line + cli_count_lines(data, at), 1};
    size_t begin = at;
    while (begin > 0 && data[begin - 1] != '\n')
        begin--;
    for (; begin < at; begin++)
        place.column += ((unsigned char)data[begin] & 0xc0) != 0x80;
    return place;
}

/* ---- base64 and hexadecimal ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t cli_base64(const void *data, size_t len, char *out)
{
    const unsigned char *in = data;
    size_t at = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned three = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)in[i + 2] : 0);
        out[at++] = base64_digits[three >> 18];
        out[at++] = base64_digits[three >> 12 & 63];
        out[at++] = left > 1 ? base64_digits[three >> 6 & 63] : '=';
        out[at++] = left > 2 ? base64_digits[three & 63] : '=';
    }
    return at;
}

static int base64_value(char c)
{
    const char *at = c == '\0' ? NULL : memchr(base64_digits, c, sizeof(base64_digits) - 1);
    return at != NULL ? (int)(at - base64_digits) : -1;
}

bool cli_base64_read(const char *text, size_t len, char *out, size_t *out_len)
{
    size_t padding = 0;
    size_t at = 0;
    if (len % 4 != 0)
        return false;
    if (len > 0 && text[len - 1] == '=')
        padding = text[len - 2] == '=' ? 2 : 1;
    for (size_t i = 0; i < len; i += 4) {
        bool end = i + 4 == len;
        size_t digits = end ? 4 - padding : 4;
        unsigned four = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k < digits ? base64_value(text[i + k]) : 0;
            if (value < 0)
                return false;
            four = four << 6 | (unsigned)value;
        }
        if (digits < 4 && (four & (digits == 3 ? 0xffu : 0xffffu)) != 0)
            return false; /* bits that no byte has */
        for (size_t k = 0; k + 1 < digits; k++)
            out[at++] = (char)(unsigned char)(four >> (16 - 8 * k) & 0xff);
    }
    *out_len = at;
    return true;
}

int cli_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
