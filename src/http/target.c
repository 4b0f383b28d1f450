/* SPDX-License-Identifier: MIT */
#include "http/parse.h"

#include <string.h>

#include <skep/sys/store_engine.h>

static const struct {
    const char *path;
    http_place place;
} places[] = {
    {"/v1/objects", HTTP_LIST}, {"/v1/delete", HTTP_DELETE}, {"/v1/copy", HTTP_COPY},
    {"/v1/caps", HTTP_CAPS},    {"/metrics", HTTP_METRICS},  {"/livez", HTTP_LIVE},
    {"/readyz", HTTP_READY},
};
#define OBJECTS "/v1/objects/"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whatever is longer than a key can be is too long here: nothing in a target is longer. */
static int decode(const char *what, const char *text, size_t len, char out[SKEP_STORE_KEY_MAX + 1])
{
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return skep_fail(SKEP_EINVALID, "http",
                                 "%s: a %% is not followed by two hex digits; send it as %%25",
                                 what);
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return skep_fail(SKEP_EINVALID, "http", "%s: it holds a zero byte", what);
        if (used == SKEP_STORE_KEY_MAX)
            return skep_fail(SKEP_ELIMIT, "http", "%s: it is longer than a key can be, %d bytes",
                             what, SKEP_STORE_KEY_MAX);
        out[used++] = c;
    }
    out[used] = '\0';
    return SKEP_OK;
}

/* An object has one path: what a proxy may take for a slash, or not, is not let through. */
static int decode_key(const char *text, size_t len, char out[SKEP_STORE_KEY_MAX + 1])
{
    for (size_t i = 0; i + 2 < len; i++)
        if (text[i] == '%' && text[i + 1] == '2' && (text[i + 2] | 0x20) == 'f')
            return skep_fail(SKEP_EINVALID, "http",
                             "the key holds %%2F; send the slashes between its parts as they are");
    return decode("the key", text, len, out);
}

static int limit_parse(const char *text, size_t len, uint32_t *out)
{
    char number[8];
    uint64_t limit = 0;
    if (len < sizeof(number)) {
        memcpy(number, text, len);
        number[len] = '\0';
        if (http_number(number, &limit) && limit >= 1 && limit <= SKEP__HTTP_PAGE_MAX) {
            *out = (uint32_t)limit;
            return SKEP_OK;
        }
    }
    return skep_fail(SKEP_EINVALID, "http", "limit: not a number from 1 to %d",
                     SKEP__HTTP_PAGE_MAX);
}

static int parameter(const char *name, size_t name_len, const char *value, size_t len,
                     http_target *out)
{
    if (name_len == 6 && memcmp(name, "prefix", 6) == 0)
        return decode("prefix", value, len, out->prefix);
    if (name_len == 5 && memcmp(name, "after", 5) == 0)
        return decode("after", value, len, out->after);
    if (name_len == 5 && memcmp(name, "limit", 5) == 0)
        return limit_parse(value, len, &out->limit);
    return skep_fail(SKEP_EINVALID, "http",
                     "the query has a parameter that is not known; a list "
                     "takes prefix, after and limit");
}

static int query_parse(const char *query, http_target *out)
{
    out->limit = SKEP__HTTP_PAGE_MAX;
    while (*query != '\0') {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - query) : len;
        const char *value = equals != NULL ? equals + 1 : query + len;
        int rc = len == 0 ? SKEP_OK
                          : parameter(query, name_len, value, (size_t)(query + len - value), out);
        if (rc < 0)
            return rc;
        query += len + (query[len] == '&');
    }
    return SKEP_OK;
}

int http_target_parse(const char *target, http_target *out)
{
    size_t path_len = strcspn(target, "?");
    const char *query = target[path_len] == '?' ? target + path_len + 1 : "";
    memset(out, 0, sizeof(*out));
    if (path_len + strlen(query) > SKEP__HTTP_TARGET_MAX)
        return skep_fail(SKEP_ELIMIT, "http", "the path is longer than %d bytes",
                         SKEP__HTTP_TARGET_MAX);
    if (path_len > strlen(OBJECTS) && memcmp(target, OBJECTS, strlen(OBJECTS)) == 0) {
        out->place = HTTP_OBJECT;
        if (*query != '\0')
            return skep_fail(SKEP_EINVALID, "http",
                             "an object takes no query; send a ? that is part of its key as %%3F");
        return decode_key(target + strlen(OBJECTS), path_len - strlen(OBJECTS), out->key);
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (path_len == strlen(places[i].path) && memcmp(target, places[i].path, path_len) == 0)
            out->place = places[i].place;
    return out->place == HTTP_LIST ? query_parse(query, out) : SKEP_OK;
}
