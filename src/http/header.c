/* SPDX-License-Identifier: MIT */
#include "http/parse.h"

#include <string.h>
#include <strings.h>

#include <skep/sys/store_engine.h>

bool http_number(const char *text, uint64_t *out)
{
    uint64_t n = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
            return false;
    *out = n;
    return true;
}

/* The number at the front of `*text`, which then stands behind it. */
static bool take_number(const char **text, uint64_t *out)
{
    char digits[21];
    size_t len = strspn(*text, "0123456789");
    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, *text, len);
    digits[len] = '\0';
    *text += len;
    return http_number(digits, out);
}

void http_range_parse(const char *text, http_range *out)
{
    http_range range = {.kind = HTTP_FROM};
    uint64_t last = 0;
    *out = (http_range){.kind = HTTP_WHOLE};
    if (text == NULL || strncasecmp(text, "bytes=", 6) != 0)
        return;
    text += 6;
    if (*text == '-') {
        text++;
        range.kind = HTTP_LAST;
        if (take_number(&text, &range.bytes) && *text == '\0')
            *out = range;
        return;
    }
    if (!take_number(&text, &range.first) || *text++ != '-')
        return;
    if (*text != '\0') {
        if (!take_number(&text, &last) || *text != '\0' || last < range.first)
            return;
        /* One that is as long as numbers go is to the end. */
        range.bytes = last - range.first + 1;
    }
    *out = range;
}

/* ---- tags ---- */

static int bad_tag(void)
{
    return skep_fail(SKEP_EINVALID, "http",
                     "If-Match, If-None-Match or If-Range holds no ETag; one is \"…\" with its "
                     "quotes, of at most %d bytes",
                     SKEP_STORE_ETAG_MAX);
}

/* The tag at the front of `*text`, in its quotes, which then stands behind it and what may follow
 * it. */
static int take_tag(const char **text, bool *weak, skep_slice *tag)
{
    const char *at = *text;
    *weak = at[0] == 'W' && at[1] == '/';
    at += *weak ? 2 : 0;
    size_t len = *at == '"' ? strcspn(at + 1, "\"") : 0;
    if (*at != '"' || at[1 + len] != '"' || len > SKEP_STORE_ETAG_MAX)
        return bad_tag();
    *tag = skep_slice_of(at + 1, len);
    at += len + 2;
    *text = at + strspn(at, " \t");
    return SKEP_OK;
}

int http_tags_match(const char *list, const char *etag, bool weak)
{
    if (strcmp(list, "*") == 0)
        return 1;
    for (int n = 0;; n++) {
        skep_slice tag = {NULL, 0};
        bool is_weak = false;
        if (n == SKEP__HTTP_TAGS_MAX)
            return skep_fail(SKEP_EINVALID, "http", "there are more than %d ETags in a list",
                             SKEP__HTTP_TAGS_MAX);
        if (take_tag(&list, &is_weak, &tag) < 0)
            return SKEP_EINVALID;
        if ((weak || !is_weak) && tag.data != NULL && tag.len == strlen(etag) &&
            memcmp(tag.data, etag, tag.len) == 0)
            return 1;
        if (*list == '\0')
            return 0;
        if (*list++ != ',')
            return bad_tag();
        list += strspn(list, " \t");
    }
}

int http_tag_parse(const char *text, char out[SKEP_STORE_ETAG_MAX + 1])
{
    skep_slice tag = {NULL, 0};
    bool weak = false;
    if (take_tag(&text, &weak, &tag) < 0)
        return SKEP_EINVALID;
    if (weak || *text != '\0' || tag.len == 0)
        return skep_fail(SKEP_EINVALID, "http",
                         "If-Match of a change takes one ETag, which is not weak");
    memcpy(out, tag.data, tag.len);
    out[tag.len] = '\0';
    return SKEP_OK;
}

/* ---- others ---- */

bool http_hash_parse(const char *text, uint8_t out[SKEP_STORE_HASH_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * (size_t)SKEP_STORE_HASH_BYTES)
        return false;
    for (size_t i = 0; i < SKEP_STORE_HASH_BYTES; i++) {
        const char *high = strchr(digits, text[2 * i]);
        const char *low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL)
            return false;
        out[i] = (uint8_t)((high - digits) * 16 + (low - digits));
    }
    return true;
}

void http_hash_text(const uint8_t hash[SKEP_STORE_HASH_BYTES], char out[33])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SKEP_STORE_HASH_BYTES; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[32] = '\0';
}

const char *http_bearer(const char *header)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    const char *token = header + 7 + strspn(header + 7, " ");
    size_t len = strlen(token);
    return len >= SKEP__HTTP_TOKEN_MIN && len <= SKEP__HTTP_TOKEN_MAX &&
                   strspn(token, allowed) == len
               ? token
               : NULL;
}

bool http_host_is_local(const char *host)
{
    size_t len =
        host[0] == '[' ? strcspn(host, "]") + (strchr(host, ']') != NULL) : strcspn(host, ":");
    if (host[len] != '\0' &&
        (host[len] != ':' || strspn(host + len + 1, "0123456789") != strlen(host + len + 1)))
        return false;
    if ((len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
        (len == 5 && memcmp(host, "[::1]", 5) == 0))
        return true;
    return len >= 7 && len <= 15 && memcmp(host, "127.", 4) == 0 &&
           strspn(host, "0123456789.") == len;
}
