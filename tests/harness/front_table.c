/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "harness/front_http.h"
#include "harness/harness.h"

typedef struct object object;
struct object {
    object *next;
    char *path;
    bytes content;
    bytes headers;
    char etag[24];
};

struct front_table {
    object *first;
};

front_table *front_table_new(void)
{
    front_table *table = calloc(1, sizeof(*table));
    ck_assert_ptr_nonnull(table);
    return table;
}

static void object_free(object *o)
{
    bytes_free(&o->content);
    bytes_free(&o->headers);
    free(o->path);
    free(o);
}

void front_table_free(front_table *table)
{
    while (table->first != NULL) {
        object *o = table->first;
        table->first = o->next;
        object_free(o);
    }
    free(table);
}

static object **find(front_table *table, const char *path)
{
    object **at = &table->first;
    while (*at != NULL && strcmp((*at)->path, path) != 0)
        at = &(*at)->next;
    return at;
}

static void no(front_answer *answer, int status)
{
    front_status(answer, status);
}

/* Is it the one of that header, with quotes or without? */
static bool same_etag(const object *o, const char *text)
{
    size_t quote = text[0] == '"';
    size_t len = strlen(o->etag);
    return strncmp(text + quote, o->etag, len) == 0 && strlen(text) == len + 2 * quote;
}

static void keep_headers(const char *headers, bytes *out)
{
    for (const char *line = headers; *line != '\0';) {
        const char *end = strstr(line, "\r\n") + 2;
        if (strncasecmp(line, "skep-", 5) == 0 || strncasecmp(line, "x-amz-meta-", 11) == 0)
            bytes_add(out, line, (size_t)(end - line));
        line = end;
    }
}

static void put(front_table *table, const front_request *r, front_answer *answer)
{
    const char *create = front_header(r, "If-None-Match");
    const char *swap = front_header(r, "If-Match");
    object **at = find(table, r->target);
    if ((create != NULL && *at != NULL) || (swap != NULL && *at != NULL && !same_etag(*at, swap)))
        return no(answer, 412);
    if (swap != NULL && *at == NULL)
        return no(answer, 404);
    object *o = *at;
    if (o == NULL) {
        o = calloc(1, sizeof(*o));
        ck_assert_ptr_nonnull(o);
        o->path = strdup(r->target);
        *at = o;
    }
    o->content.len = o->headers.len = 0;
    bytes_add(&o->content, r->body.data, r->body.len);
    bytes_add(&o->headers, "", 0);
    keep_headers(r->headers, &o->headers);
    (void)snprintf(o->etag, sizeof(o->etag), "%016" PRIx64, r->body_hash);
    front_say(answer, "ETag: \"%s\"", o->etag);
}

/* "bytes=A-B" or "bytes=A-". False: it begins behind the end. */
static bool take_range(const char *text, size_t len, size_t *from, size_t *end)
{
    char *rest = NULL;
    if (strncmp(text, "bytes=", 6) != 0)
        return true;
    *from = strtoul(text + 6, &rest, 10);
    if (*rest == '-' && rest[1] != '\0')
        *end = strtoul(rest + 1, NULL, 10) + 1;
    *end = *end < len ? *end : len;
    return *from < len;
}

static void get(front_table *table, const front_request *r, front_answer *answer)
{
    const object *o = *find(table, r->target);
    const char *match = front_header(r, "If-Match");
    const char *range = front_header(r, "Range");
    if (o == NULL)
        return no(answer, 404);
    if (match != NULL && !same_etag(o, match))
        return no(answer, 412);
    size_t from = 0;
    size_t end = o->content.len;
    if (range != NULL && !take_range(range, o->content.len, &from, &end))
        return no(answer, 416);
    front_say(answer, "ETag: \"%s\"", o->etag);
    front_say(answer, "Last-Modified: Sat, 21 Nov 2026 20:00:00 GMT");
    bytes_add(&answer->headers, o->headers.data, o->headers.len);
    if (range != NULL) {
        front_status(answer, 206);
        front_say(answer, "Content-Range: bytes %zu-%zu/%zu", from, end - 1, o->content.len);
    }
    if (strcmp(r->method, "GET") == 0) {
        front_body(answer, o->content.data + from, end - from);
        return;
    }
    bytes length = {0};
    bytes_print(&length, "%zu", end - from);
    answer->length = length.data;
}

void front_objects(void *ctx, const front_request *r, front_answer *answer)
{
    front_table *table = ctx;
    if (strcmp(r->method, "PUT") == 0) {
        put(table, r, answer);
    } else if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0) {
        get(table, r, answer);
    } else if (strcmp(r->method, "DELETE") == 0) {
        object **at = find(table, r->target);
        object *o = *at;
        front_status(answer, 204);
        if (o != NULL) {
            *at = o->next;
            object_free(o);
        }
    } else {
        no(answer, 404);
    }
}
