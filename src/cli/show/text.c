/* SPDX-License-Identifier: MIT */
#include "cli/show/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utf8proc.h>

#define BUF_MAX ((size_t)1 << 31)
#define WORD_MAX_LEN 32

static bool buf_reserve(cli_buf *buf, size_t more)
{
    if (buf->failed || more >= BUF_MAX - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap == 0 ? 128 : buf->cap;
    while (cap < need)
        cap *= 2;
    char *grown = realloc(buf->data, cap);
    if (grown == NULL) {
        buf->failed = true;
        buf->len = 0;
        return false;
    }
    buf->data = grown;
    buf->cap = cap;
    return true;
}

void cli_buf_add(cli_buf *buf, const void *data, size_t len)
{
    if (!buf_reserve(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void cli_buf_puts(cli_buf *buf, const char *text)
{
    cli_buf_add(buf, text, strlen(text));
}

void cli_buf_dispose(cli_buf *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof(*buf));
}

void *cli_resize(void *old, size_t bytes)
{
    return realloc(old, bytes);
}

char *cli_copy(const void *data, size_t len)
{
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

/* What one code point looks like on the screen. */
typedef struct glyph {
    char bytes[12];
    size_t len;
    int width;
    size_t used; /* bytes of the text that it stands for */
} glyph;

/* The code point before the present one: what joins it (a skin tone, an accent) takes no columns.
 */
typedef struct cluster {
    utf8proc_int32_t before;
    utf8proc_int32_t state;
} cluster;

/* Marks that reorder what stands beside them: a file name must not be able to lie with them. */
static bool reorders(utf8proc_int32_t point)
{
    return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           point == 0x200e || point == 0x200f || point == 0x061c;
}

static glyph glyph_of(cluster *c, const unsigned char *at, size_t left)
{
    static const char letters[] = "abtnvfr"; /* of 0x07 to 0x0d */
    glyph g = {.used = 1};
    if (*at >= 0x20 && *at < 0x7f) { /* nearly all there is */
        g.bytes[0] = (char)*at;
        g.len = 1;
        g.width = 1;
        c->before = *at;
        return g;
    }
    utf8proc_int32_t point = -1;
    utf8proc_ssize_t used = utf8proc_iterate(at, (utf8proc_ssize_t)(left < 4 ? left : 4), &point);
    if (used <= 0) {
        memcpy(g.bytes, "\xef\xbf\xbd", 4);
        g.len = 3;
        g.width = 1;
        c->before = 0;
        return g;
    }
    bool joins = c->before != 0 && !utf8proc_grapheme_break_stateful(c->before, point, &c->state);
    c->before = point;
    g.used = (size_t)used;
    utf8proc_category_t category = utf8proc_category(point);
    int written = 0;
    if (point >= 0x07 && point <= 0x0d)
        written = snprintf(g.bytes, sizeof(g.bytes), "\\%c", letters[point - 0x07]);
    else if (category == UTF8PROC_CATEGORY_CC)
        written = snprintf(g.bytes, sizeof(g.bytes), "\\x%02x", (unsigned)point);
    else if (reorders(point) || category == UTF8PROC_CATEGORY_ZL ||
             category == UTF8PROC_CATEGORY_ZP)
        written = snprintf(g.bytes, sizeof(g.bytes), "\\u%04x", (unsigned)point);
    if (written > 0) {
        g.len = (size_t)written;
        g.width = written;
        return g;
    }
    memcpy(g.bytes, at, g.used);
    g.len = g.used;
    g.width = joins ? 0 : utf8proc_charwidth(point);
    return g;
}

static int ellipsis(cli_buf *buf, int columns, bool utf8)
{
    if (columns <= 0)
        return 0;
    cli_buf_puts(buf, utf8 ? "…" : "~");
    return 1;
}

int cli_show(cli_buf *buf, skep_slice text, int columns, bool utf8)
{
    const unsigned char *at = text.data;
    size_t left = text.len;
    cluster joined = {0, 0};
    int width = 0;
    size_t fit_len = buf->len; /* where to cut if the ellipsis needs the last column */
    int fit_width = 0;
    while (left > 0) {
        glyph g = glyph_of(&joined, at, left);
        if (columns >= 0 && width + g.width > columns) {
            if (buf->data != NULL && !buf->failed)
                buf->data[buf->len = fit_len] = '\0';
            return fit_width + ellipsis(buf, columns - fit_width, utf8);
        }
        cli_buf_add(buf, g.bytes, g.len);
        width += g.width;
        if (columns >= 0 && width <= columns - 1) {
            fit_len = buf->len;
            fit_width = width;
        }
        at += g.used;
        left -= g.used;
    }
    return width;
}

int cli_show_tail(cli_buf *buf, skep_slice text, int columns, bool utf8)
{
    const unsigned char *at = text.data;
    size_t left = text.len;
    cluster joined = {0, 0};
    int width = 0;
    for (size_t i = 0; i < left;) {
        glyph g = glyph_of(&joined, at + i, left - i);
        width += g.width;
        i += g.used;
    }
    if (width <= columns)
        return cli_show(buf, text, CLI_NO_LIMIT, utf8);
    int shown = ellipsis(buf, columns, utf8);
    joined = (cluster){0, 0};
    while (left > 0 && width > columns - shown) {
        glyph g = glyph_of(&joined, at, left);
        width -= g.width;
        at += g.used;
        left -= g.used;
    }
    return shown + cli_show(buf, skep_slice_of(at, left), CLI_NO_LIMIT, utf8);
}

bool cli_is_utf8(skep_slice text)
{
    const unsigned char *at = text.data;
    for (size_t i = 0; i < text.len;) {
        utf8proc_int32_t point;
        size_t left = text.len - i;
        utf8proc_ssize_t used =
            utf8proc_iterate(at + i, (utf8proc_ssize_t)(left < 4 ? left : 4), &point);
        if (used <= 0)
            return false;
        i += (size_t)used;
    }
    return true;
}

cli_short cli_count(uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    cli_short out = {{0}};
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out.s[at++] = ',';
        out.s[at++] = digits[i];
    }
    return out;
}

/* Three digits that count: 1.23, 12.3, 123. */
static int decimals(double x)
{
    if (x >= 99.95)
        return 0;
    return x >= 9.995 ? 1 : 2;
}

cli_short cli_bytes(uint64_t n)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    cli_short out;
    if (n < 1000) {
        (void)snprintf(out.s, sizeof(out.s), "%llu B", (unsigned long long)n);
        return out;
    }
    double x = (double)n / 1000.0;
    size_t unit = 0;
    while (x >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        x /= 1000.0;
        unit++;
    }
    (void)snprintf(out.s, sizeof(out.s), "%.*f %s", x >= 99.95 ? 0 : 1, x, units[unit]);
    return out;
}

cli_short cli_duration(uint64_t ns)
{
    cli_short out;
    double x = (double)ns;
    const char *unit = "ns";
    if (x >= 999.5e6) {
        x /= 1e9;
        unit = "s";
    } else if (x >= 100e3) {
        x /= 1e6;
        unit = "ms";
    } else if (x >= 1000) {
        x /= 1e3;
        unit = "us";
    }
    (void)snprintf(out.s, sizeof(out.s), "%.*f %s", decimals(x), x, unit);
    return out;
}

cli_short cli_clock(uint64_t ns)
{
    unsigned long long s = ns / 1000000000u;
    cli_short out;
    if (s >= 3600)
        (void)snprintf(out.s, sizeof(out.s), "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(out.s, sizeof(out.s), "%llu:%02llu", s / 60, s % 60);
    return out;
}

cli_short cli_age(int64_t us)
{
    cli_short out;
    uint64_t s = us > 0 ? (uint64_t)us / 1000000 : 0;
    if (s < 60)
        return cli_duration(us > 0 ? (uint64_t)us * 1000 : 0);
    if (s < 3600)
        (void)snprintf(out.s, sizeof(out.s), "%llu min", (unsigned long long)s / 60);
    else if (s < 48 * 3600)
        (void)snprintf(out.s, sizeof(out.s), "%llu h", (unsigned long long)s / 3600);
    else
        (void)snprintf(out.s, sizeof(out.s), "%llu days", (unsigned long long)s / 86400);
    return out;
}

cli_short cli_real(double r)
{
    cli_short out;
    if (isinf(r)) {
        (void)snprintf(out.s, sizeof(out.s), "%s", r > 0 ? "Infinity" : "-Infinity");
        return out;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out.s, sizeof(out.s), "%.*g", digits, r);
        if (strtod(out.s, NULL) == r)
            break;
    }
    if (strpbrk(out.s, ".eEn") == NULL)
        strncat(out.s, ".0", sizeof(out.s) - strlen(out.s) - 1);
    return out;
}

cli_short cli_date(int64_t seconds)
{
    cli_short out = {"?"};
    time_t at = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&at, &parts) != NULL &&
        strftime(out.s, sizeof(out.s), "%Y-%m-%d %H:%M", &parts) == 0)
        (void)snprintf(out.s, sizeof(out.s), "?");
    return out;
}

void cli_bar(cli_buf *buf, double share, int columns, bool utf8, bool pad)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double clean = share > 0 ? (share < 1 ? share : 1) : 0;
    int eighths = (int)lround(clean * columns * 8);
    if (!utf8)
        eighths = (eighths + 4) / 8 * 8;
    if (eighths == 0 && clean > 0)
        eighths = utf8 ? 1 : 8;
    int drawn = 0;
    for (; drawn < eighths / 8; drawn++)
        cli_buf_puts(buf, utf8 ? "█" : "#");
    if (eighths % 8 != 0) {
        cli_buf_puts(buf, parts[eighths % 8]);
        drawn++;
    }
    for (; pad && drawn < columns; drawn++)
        cli_buf_puts(buf, " ");
}

unsigned cli_distance(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    if (n > WORD_MAX_LEN || m > WORD_MAX_LEN)
        return WORD_MAX_LEN;
    unsigned rows[3][WORD_MAX_LEN + 1] = {{0}}; /* the last two rows and the present one */
    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *last = rows[(i + 2) % 3];
        const unsigned *before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

uint64_t cli_now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
