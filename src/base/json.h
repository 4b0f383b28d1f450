/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_JSON_H
#define SKEP__BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* JSON (RFC 8259) as it is made, onto a buffer whose failures are sticky: look once, at the end,
 * with skep__buf_status(). `key` is NULL inside of an array and at the top, else not.
 *
 *   skep__json j = SKEP__JSON_INIT(&buf);
 *   skep__json_object(&j, NULL);
 *   skep__json_text(&j, "path", db->path);
 *   skep__json_end(&j);
 *
 * Threads: one at a time. */
typedef struct skep__json {
    skep__buf *out;
    unsigned depth;
    uint64_t objects; /* a bit each level: an object, not an array */
    bool comma;       /* something stands before the next value */
} skep__json;

#define SKEP__JSON_INIT(buf) ((skep__json){.out = (buf)})
#define SKEP__JSON_DEPTH_MAX 63

void skep__json_object(skep__json *j, const char *key);
void skep__json_array(skep__json *j, const char *key);
void skep__json_end(skep__json *j); /* of the object or array begun last */

/* Bytes that are no UTF-8 become U+FFFD, one each. */
void skep__json_text(skep__json *j, const char *key, const char *text);
void skep__json_slice(skep__json *j, const char *key, skep_slice text);
void skep__json_int(skep__json *j, const char *key, int64_t v);
void skep__json_uint(skep__json *j, const char *key, uint64_t v);
void skep__json_real(skep__json *j, const char *key, double v); /* null where it is not finite */
void skep__json_bool(skep__json *j, const char *key, bool v);
void skep__json_null(skep__json *j, const char *key);

#endif
