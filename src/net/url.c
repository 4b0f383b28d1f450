/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "net/net_private.h"

static bool unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void skep__url_encode(skep__buf *out, skep_slice text, bool slash)
{
    static const char digits[] = "0123456789ABCDEF";
    const unsigned char *c = text.data;
    for (size_t i = 0; i < text.len; i++) {
        if (unreserved(c[i]) || (slash && c[i] == '/')) {
            (void)skep__buf_add_byte(out, c[i]);
            continue;
        }
        const char coded[3] = {'%', digits[c[i] >> 4], digits[c[i] & 15]};
        (void)skep__buf_add(out, coded, sizeof(coded));
    }
}

static int digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int skep__url_decode(skep__buf *out, skep_slice text)
{
    const unsigned char *c = text.data;
    for (size_t i = 0; i < text.len; i++) {
        if (c[i] != '%') {
            SKEP__TRY(skep__buf_add_byte(out, c[i]));
            continue;
        }
        int high = i + 2 < text.len ? digit(c[i + 1]) : -1;
        int low = i + 2 < text.len ? digit(c[i + 2]) : -1;
        if (high < 0 || low < 0)
            return SKEP__FAIL(SKEP_EINVALID, "a %% without two hexadecimal digits behind it");
        SKEP__TRY(skep__buf_add_byte(out, (uint8_t)(high << 4 | low)));
        i += 2;
    }
    return SKEP_OK;
}

skep_slice skep__url_host(const char *url)
{
    size_t at = strncasecmp(url, "http://", 7) == 0    ? 7
                : strncasecmp(url, "https://", 8) == 0 ? 8
                                                       : 0;
    return skep_slice_of(url + at, at == 0 ? 0 : strcspn(url + at, "/?#"));
}

/* 127.0.0.0/8 as four numbers: not "127.example.org", which may be anywhere. */
static bool is_127(const char *host, size_t len)
{
    size_t dots = 0;
    for (size_t i = 0; i < len; i++) {
        if (host[i] == '.')
            dots++;
        else if (host[i] < '0' || host[i] > '9')
            return false;
    }
    return dots == 3 && strncmp(host, "127.", 4) == 0;
}

bool skep__url_loopback(const char *url)
{
    skep_slice host = skep__url_host(url);
    const char *text = host.data;
    size_t len = host.len;
    if (len >= 5 && strncmp(text, "[::1]", 5) == 0)
        return len == 5 || text[5] == ':';
    const char *colon = memchr(text, ':', len);
    len = colon == NULL ? len : (size_t)(colon - text);
    return is_127(text, len) || (len == 9 && strncasecmp(text, "localhost", 9) == 0);
}
