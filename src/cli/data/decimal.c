/* SPDX-License-Identifier: MIT */
/*
 * Numbers, read and written exactly.
 *
 * A decimal number of up to 15 digits is an integer and a power of ten, both of which a double
 * holds exactly as long as the power is at most 10^22: one division or multiplication then rounds
 * correctly. Everything else goes through strtod. Writing tries the same the other way round: if
 * r * 10^k is such an integer for a small k, its digits with a point in them read back as r.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data/scan.h"

#define EXACT_DIGITS 15
#define EXACT_POWER 22
#define DIGITS_MAX 100000
#define TEXT_MAX 64 /* longer numbers are read from the heap */

static const double powers[EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* A number by its parts. */
typedef struct parts {
    bool negative;
    bool real;
    uint64_t mantissa;
    int digits; /* that count: without zeros in front */
    int scale;  /* power of ten of the last digit */
} parts;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* More than 19 digits overflow the mantissa, which is then not used. */
static const char *take_digits(const char *at, const char *end, parts *p)
{
    while (p->digits == 0 && at < end && *at == '0')
        at++;
    const char *begin = at;
    uint64_t mantissa = p->mantissa;
    for (; at < end && is_digit(*at); at++)
        mantissa = mantissa * 10 + (uint64_t)(*at - '0');
    p->mantissa = mantissa;
    p->digits += at - begin < DIGITS_MAX ? (int)(at - begin) : DIGITS_MAX;
    return at;
}

static const char *take_exponent(const char *at, const char *end, parts *p)
{
    int exponent = 0;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (at == end || !is_digit(*at))
        return NULL;
    for (; at < end && is_digit(*at); at++)
        exponent = exponent < 100000 ? exponent * 10 + (*at - '0') : exponent;
    p->scale += negative ? -exponent : exponent;
    return at;
}

static bool take_parts(const char *text, size_t len, parts *p)
{
    const char *at = text;
    const char *end = text + len;
    memset(p, 0, sizeof(*p));
    if (at < end && *at == '-') {
        p->negative = true;
        at++;
    }
    if (at == end || !is_digit(*at) || (*at == '0' && at + 1 < end && is_digit(at[1])))
        return false;
    at = take_digits(at, end, p);
    if (at < end && *at == '.') {
        const char *point = ++at;
        p->real = true;
        at = take_digits(at, end, p);
        if (at == point)
            return false;
        p->scale -= at - point < DIGITS_MAX ? (int)(at - point) : DIGITS_MAX;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        p->real = true;
        at = take_exponent(at + 1, end, p);
    }
    return at == end;
}

static bool slow_real(const char *text, size_t len, double *out)
{
    char room[TEXT_MAX];
    char *copy = len < sizeof(room) ? room : malloc(len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *out = strtod(copy, NULL);
    if (copy != room)
        free(copy);
    return isfinite(*out) != 0;
}

static cli_parsed parse_int(const parts *p)
{
    cli_parsed out = {.kind = CLI_DECIMAL_BIG};
    uint64_t most = (uint64_t)INT64_MAX + (p->negative ? 1 : 0);
    if (p->digits > 19 || p->mantissa > most)
        return out;
    out.kind = CLI_DECIMAL_INT;
    out.i = p->negative ? (int64_t)(0 - p->mantissa) : (int64_t)p->mantissa;
    return out;
}

cli_parsed cli_decimal_parse(const char *text, size_t len)
{
    cli_parsed out = {.kind = CLI_DECIMAL_NONE};
    parts p;
    if (len == 0 || (!is_digit(text[0]) && text[0] != '-') || !take_parts(text, len, &p))
        return out;
    if (!p.real)
        return parse_int(&p);
    out.digits = p.digits;
    if (p.digits <= EXACT_DIGITS && p.scale >= -EXACT_POWER && p.scale <= EXACT_POWER) {
        double m = (double)p.mantissa;
        out.r = p.scale < 0 ? m / powers[-p.scale] : m * powers[p.scale];
        out.r = p.negative ? -out.r : out.r;
    } else if (!slow_real(text, len, &out.r)) {
        return out;
    }
    out.kind = CLI_DECIMAL_REAL;
    return out;
}

/* ---- writing ---- */

static size_t unsigned_text(uint64_t n, char *out)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

size_t cli_int_text(int64_t i, char *out)
{
    if (i >= 0)
        return unsigned_text((uint64_t)i, out);
    out[0] = '-';
    return 1 + unsigned_text(0 - (uint64_t)i, out + 1);
}

/* `n` over 10^k, with a digit on both sides of the point. */
static size_t fixed_text(uint64_t n, size_t k, char *out)
{
    char digits[20];
    size_t len = unsigned_text(n, digits);
    size_t at = 0;
    size_t whole = len > k ? len - k : 0;
    memcpy(out, digits, whole);
    at = whole;
    if (whole == 0)
        out[at++] = '0';
    out[at++] = '.';
    for (size_t zeros = len < k ? k - len : 0; zeros > 0; zeros--)
        out[at++] = '0';
    memcpy(out + at, digits + whole, len - whole);
    return at + len - whole;
}

size_t cli_real_text(double r, char *out)
{
    size_t sign = signbit(r) != 0;
    double a = fabs(r);
    for (size_t k = 1; a < 1e14 && k <= 8; k++) {
        double scaled = a * powers[k];
        if (scaled >= 1e15)
            break;
        uint64_t n = (uint64_t)scaled;
        if ((double)n != scaled || (double)n / powers[k] != a)
            continue;
        out[0] = '-';
        return sign + fixed_text(n, k, out + sign);
    }
    char text[CLI_DECIMAL_MAX];
    int printed = 0;
    for (int digits = 15; digits <= 17; digits++) {
        printed = snprintf(text, sizeof(text), "%.*g", digits, r);
        if (strtod(text, NULL) == r)
            break;
    }
    size_t len = (size_t)printed;
    memcpy(out, text, len);
    if (strpbrk(text, ".e") == NULL) {
        out[len++] = '.';
        out[len++] = '0';
    }
    return len;
}
