/* SPDX-License-Identifier: MIT */
#include "http/keys.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <skep/sys/store_engine.h>

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

void http_keys_unref(http_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->refs, 1) != 1)
        return;
    free(keys->keys);
    free(keys);
}

static int bad(const char *file, size_t line, const char *why)
{
    return skep_fail(SKEP_EINVALID, "http",
                     "%s, line %zu: %s; a line is NAME rw|ro SHA-256 [PREFIX]", file, line, why);
}

/* The word at the front of `*rest`, which then stands at the next. */
static skep_slice word(skep_slice *rest)
{
    const char *text = rest->data;
    size_t len = 0, next = 0;
    while (len < rest->len && text[len] != ' ' && text[len] != '\t')
        len++;
    for (next = len; next < rest->len && (text[next] == ' ' || text[next] == '\t');)
        next++;
    *rest = skep_slice_of(text + next, rest->len - next);
    return skep_slice_of(text, len);
}

static bool is(skep_slice text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

static bool copy(skep_slice text, char *out, size_t max)
{
    if (text.len > max)
        return false;
    if (text.data != NULL)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool has_control(skep_slice text)
{
    const uint8_t *bytes = text.data;
    for (size_t i = 0; i < text.len; i++)
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            return true;
    return false;
}

static int parse_line(const char *file, size_t n, skep_slice line, http_key *key)
{
    skep_slice name = word(&line), access = word(&line), hash = word(&line);
    size_t len = 0;
    if (name.len == 0 || !copy(name, key->name, SKEP_SERVE_NAME_MAX) ||
        strspn(key->name, NAME_CHARS) != name.len)
        return bad(file, n, "the name is not 1 to 64 letters, digits, '.', '_' or '-'");
    if (!is(access, "rw") && !is(access, "ro"))
        return bad(file, n, "behind the name stands neither rw nor ro");
    key->write = is(access, "rw");
    if (hash.len != 2 * (size_t)HTTP_KEY_HASH ||
        sodium_hex2bin(key->hash, sizeof(key->hash), hash.data, hash.len, NULL, &len, NULL) != 0 ||
        len != HTTP_KEY_HASH)
        return bad(file, n, "the hash is not 64 hex digits");
    if (has_control(line) || !copy(line, key->prefix, SKEP_STORE_KEY_MAX))
        return bad(file, n, "the prefix is too long or holds control characters");
    return SKEP_OK;
}

static int check_new(const char *file, size_t n, const http_keys *keys, const http_key *key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].name, key->name) == 0)
            return bad(file, n, "the name stands in a line above too");
        if (memcmp(keys->keys[i].hash, key->hash, HTTP_KEY_HASH) == 0)
            return bad(file, n, "the key stands in a line above too");
    }
    return SKEP_OK;
}

static int take_line(const char *file, size_t n, skep_slice line, http_keys *keys)
{
    const char *text = line.data;
    while (line.len > 0 && (text[line.len - 1] == '\r' || text[line.len - 1] == ' '))
        line.len--;
    if (line.len == 0 || text[0] == '#')
        return SKEP_OK;
    if (keys->count == SKEP__HTTP_KEYS_MAX)
        return skep_fail(SKEP_ELIMIT, "http", "%s, line %zu: there are more than %d keys", file, n,
                         SKEP__HTTP_KEYS_MAX);
    http_key *key = &keys->keys[keys->count];
    int rc = parse_line(file, n, line, key);
    if (rc >= 0)
        rc = check_new(file, n, keys, key);
    if (rc >= 0)
        keys->count++;
    return rc;
}

static size_t count_lines(skep_slice text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++)
        n += ((const char *)text.data)[i] == '\n';
    return n < SKEP__HTTP_KEYS_MAX ? n : SKEP__HTTP_KEYS_MAX;
}

int http_keys_parse(const char *file, skep_slice text, http_keys **out)
{
    http_keys *keys = calloc(1, sizeof(*keys));
    int rc = SKEP_OK;
    if (keys == NULL)
        return skep_fail(SKEP_ENOMEM, "http", "out of memory");
    atomic_init(&keys->refs, 1);
    /* One more, which the line that is one too many is not written to. */
    keys->keys = calloc(count_lines(text) + 1, sizeof(*keys->keys));
    if (keys->keys == NULL) {
        http_keys_unref(keys);
        return skep_fail(SKEP_ENOMEM, "http", "out of memory");
    }
    const char *at = text.data, *end = text.len > 0 ? at + text.len : at;
    for (size_t n = 1; rc >= 0 && at != end; n++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        rc = take_line(file, n, skep_slice_of(at, (size_t)(stop - at)), keys);
        at = newline != NULL ? newline + 1 : end;
    }
    if (rc < 0) {
        http_keys_unref(keys);
        return rc;
    }
    *out = keys;
    return SKEP_OK;
}

int http_keys_read(const char *file, http_keys **out)
{
    char *text = NULL;
    size_t len = 0;
    int rc = http_read_secret(file, 077, SKEP__HTTP_KEY_FILE_MAX, &text, &len);
    if (rc < 0)
        return rc;
    rc = http_keys_parse(file, skep_slice_of(text, len), out);
    free(text);
    return rc;
}

http_key *http_keys_find(const http_keys *keys, const char *token)
{
    uint8_t hash[HTTP_KEY_HASH];
    http_key *found = NULL;
    (void)crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
    for (size_t i = 0; i < keys->count; i++)
        if (sodium_memcmp(keys->keys[i].hash, hash, sizeof(hash)) == 0)
            found = &keys->keys[i];
    sodium_memzero(hash, sizeof(hash));
    return found;
}

bool http_key_is_own(const char *key)
{
    static const char own[] = ".skep/";
    if (strncmp(key, own, sizeof(own) - 1) != 0)
        return false;
    (void)skep_fail(SKEP_EINVALID, "http", "the key: what begins with %s is for skep itself", own);
    return true;
}

bool http_key_covers(const http_key *who, const char *key)
{
    return who == NULL || strncmp(key, who->prefix, strlen(who->prefix)) == 0;
}
