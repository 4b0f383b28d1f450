/* SPDX-License-Identifier: MIT */
#ifndef SKEP__HTTP_PARSE_H
#define SKEP__HTTP_PARSE_H

#include <stdbool.h>

#include <skep/store.h>

#include "http/http_limits.h"

/* What a client sends, understood: functions of bytes alone. What makes no sense is SKEP_EINVALID,
 * with a text for the client. */

/* ---- the target of a request ---- */

typedef enum http_place {
    HTTP_NOWHERE = 0,
    HTTP_OBJECT, /* /v1/objects/KEY */
    HTTP_LIST,   /* /v1/objects */
    HTTP_DELETE, /* /v1/delete */
    HTTP_COPY,   /* /v1/copy */
    HTTP_CAPS,   /* /v1/caps */
    HTTP_METRICS,
    HTTP_LIVE,
    HTTP_READY
} http_place;

typedef struct http_target {
    http_place place;
    char key[SKEP_STORE_KEY_MAX + 1]; /* of HTTP_OBJECT, decoded; not checked any further */
    char prefix[SKEP_STORE_KEY_MAX + 1];
    char after[SKEP_STORE_KEY_MAX + 1]; /* of HTTP_LIST, as `prefix` and `limit` */
    uint32_t limit;
} http_target;

/* `target` is path and query as they were sent. SKEP_ELIMIT: it is too long for any key. */
int http_target_parse(const char *target, http_target *out) SKEP_CHECK;

/* ---- headers ---- */

typedef struct http_range {
    enum { HTTP_WHOLE, HTTP_FROM, HTTP_LAST } kind;
    uint64_t first; /* HTTP_FROM: where it begins */
    uint64_t bytes; /* how many; of HTTP_FROM 0: to the end */
} http_range;

/* What is no single range of bytes is none: the whole is answered then, as RFC 9110 has it. */
void http_range_parse(const char *text, http_range *out);

/* Is `etag` (without quotes) in the list of If-Match or If-None-Match? `*` is any. `weak`: W/ is
 * passed over, else such a one is never equal. SKEP_EINVALID, 0 or 1. */
int http_tags_match(const char *list, const char *etag, bool weak) SKEP_CHECK;
/* The only tag of If-Match, as a condition of a change. */
int http_tag_parse(const char *text, char out[SKEP_STORE_ETAG_MAX + 1]) SKEP_CHECK;

/* 32 hex digits. */
bool http_hash_parse(const char *text, uint8_t out[SKEP_STORE_HASH_BYTES]);
void http_hash_text(const uint8_t hash[SKEP_STORE_HASH_BYTES], char out[33]);

/* The key of `Bearer KEY`: NULL if there is none, or it cannot be one. */
const char *http_bearer(const char *header);

/* Is that the name of this machine, with or without a port? What a browser sends that was tricked
 * into asking it under another name is not. */
bool http_host_is_local(const char *host);

/* Decimal, nothing around it. */
bool http_number(const char *text, uint64_t *out);

/* ---- bodies ---- */

typedef struct http_names {
    char **keys; /* malloc */
    size_t count;
} http_names;

/* {"keys": […]} */
int http_delete_parse(skep_slice json, http_names *out) SKEP_CHECK;
void http_names_dispose(http_names *names);

typedef struct http_copy {
    char from[SKEP_STORE_KEY_MAX + 1];
    char to[SKEP_STORE_KEY_MAX + 1];
    char if_etag[SKEP_STORE_ETAG_MAX + 1]; /* "": none */
    bool create;
} http_copy;

int http_copy_parse(skep_slice json, http_copy *out) SKEP_CHECK;

#endif
