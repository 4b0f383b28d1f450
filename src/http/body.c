/* SPDX-License-Identifier: MIT */
#include "http/parse.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <skep/sys/store_engine.h>

static void decref(json_t **json)
{
    json_decref(*json);
}
#define JSON_OWNED __attribute__((cleanup(decref))) json_t *

static int load(skep_slice text, json_t **out)
{
    json_error_t error;
    *out = json_loadb(text.data != NULL ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (*out == NULL)
        return skep_fail(SKEP_EINVALID, "http", "the body is not JSON: line %d, column %d: %s",
                         error.line, error.column, error.text);
    if (!json_is_object(*out))
        return skep_fail(SKEP_EINVALID, "http", "the body is JSON, but no object");
    return SKEP_OK;
}

static int too_long(const char *name, size_t max)
{
    return skep_fail(SKEP_ELIMIT, "http", "%s: it is longer than %zu bytes", name, max);
}

/* The text called `name`, which has to be there if `needed`. */
static int member(const json_t *object, const char *name, bool needed, char *out, size_t max)
{
    const json_t *value = json_object_get(object, name);
    out[0] = '\0';
    if (value == NULL && !needed)
        return SKEP_OK;
    if (!json_is_string(value))
        return skep_fail(SKEP_EINVALID, "http", "the body has no text called %s", name);
    if (json_string_length(value) > max)
        return too_long(name, max);
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return SKEP_OK;
}

static int only(const json_t *object, const char *const names[])
{
    const char *name = NULL;
    json_t *value = NULL;
    /* clang-format off */
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], name) != 0)
            i++;
        if (names[i] == NULL)
            return skep_fail(SKEP_EINVALID, "http", "the body has an unknown member: %.64s", name);
    }
    /* clang-format on */
    return SKEP_OK;
}

void http_names_dispose(http_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->keys[i]);
    free(names->keys);
    *names = (http_names){NULL, 0};
}

static int fill(const json_t *keys, http_names *names)
{
    size_t n = json_array_size(keys);
    names->keys = calloc(n, sizeof(*names->keys));
    if (names->keys == NULL)
        return skep_fail(SKEP_ENOMEM, "http", "out of memory");
    for (size_t i = 0; i < n; i++) {
        const json_t *key = json_array_get(keys, i);
        if (!json_is_string(key))
            return skep_fail(SKEP_EINVALID, "http", "keys: number %zu is no text", i + 1);
        if (json_string_length(key) > SKEP_STORE_KEY_MAX)
            return too_long("keys", SKEP_STORE_KEY_MAX);
        names->keys[i] = strdup(json_string_value(key));
        if (names->keys[i] == NULL)
            return skep_fail(SKEP_ENOMEM, "http", "out of memory");
        names->count++;
    }
    return SKEP_OK;
}

int http_delete_parse(skep_slice text, http_names *out)
{
    static const char *const names[] = {"keys", NULL};
    JSON_OWNED json = NULL;
    *out = (http_names){NULL, 0};
    int rc = load(text, &json);
    if (rc >= 0)
        rc = only(json, names);
    if (rc < 0)
        return rc;
    const json_t *keys = json_object_get(json, "keys");
    if (!json_is_array(keys) || json_array_size(keys) == 0 ||
        json_array_size(keys) > SKEP__HTTP_PAGE_MAX)
        return skep_fail(SKEP_EINVALID, "http", "keys: not an array of 1 to %d keys",
                         SKEP__HTTP_PAGE_MAX);
    rc = fill(keys, out);
    if (rc < 0)
        http_names_dispose(out);
    return rc;
}

int http_copy_parse(skep_slice text, http_copy *out)
{
    static const char *const names[] = {"from", "to", "create", "if_etag", NULL};
    JSON_OWNED json = NULL;
    memset(out, 0, sizeof(*out));
    int rc = load(text, &json);
    if (rc >= 0)
        rc = only(json, names);
    if (rc >= 0)
        rc = member(json, "from", true, out->from, SKEP_STORE_KEY_MAX);
    if (rc >= 0)
        rc = member(json, "to", true, out->to, SKEP_STORE_KEY_MAX);
    if (rc >= 0)
        rc = member(json, "if_etag", false, out->if_etag, SKEP_STORE_ETAG_MAX);
    if (rc < 0)
        return rc;
    const json_t *create = json_object_get(json, "create");
    if (create != NULL && !json_is_boolean(create))
        return skep_fail(SKEP_EINVALID, "http", "create: neither true nor false");
    out->create = json_is_true(create);
    if (out->create && out->if_etag[0] != '\0')
        return skep_fail(SKEP_EINVALID, "http", "create and if_etag exclude each other");
    return SKEP_OK;
}
