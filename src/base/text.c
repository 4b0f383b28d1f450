/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

size_t skep__text_copy(char *out, size_t size, const char *text)
{
    ASSERT(size > 0);
    size_t len = strnlen(text, size);
    if (len == size) {
        len--;
        while (len > 0 && ((unsigned char)text[len] & 0xc0u) == 0x80u)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return len;
}

size_t skep__utf8_len(const char *text, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* a longer form is wrong */
    if (len == 0)
        return 0;
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80)
        return 1;
    size_t n = (first & 0xe0u) == 0xc0 ? 2 : (first & 0xf0u) == 0xe0 ? 3 : 4;
    if (first < 0xc0 || first >= 0xf8 || n > len)
        return 0;
    uint32_t code = first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)text[i] & 0xc0u) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code >= least[n] && code <= 0x10ffff && !surrogate ? n : 0;
}

/* The C library prints and reads with the locale's decimal point, which may be several bytes. */
static void point_of_locale(const char *text, char out[SKEP__REAL_TEXT_SIZE])
{
    size_t len = 0;
    bool inside = false;
    for (; *text != '\0'; text++) {
        bool plain = strchr("0123456789+-e", *text) != NULL;
        if (plain || !inside)
            out[len++] = plain ? *text : '.';
        inside = !plain;
    }
    out[len] = '\0';
}

void skep__real_text(double v, char out[SKEP__REAL_TEXT_SIZE])
{
    char text[SKEP__REAL_TEXT_SIZE];
    ASSERT(isfinite(v));
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    point_of_locale(text, out);
}
