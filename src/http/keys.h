/* SPDX-License-Identifier: MIT */
#ifndef SKEP__HTTP_KEYS_H
#define SKEP__HTTP_KEYS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <skep/serve.h>

#include "http/http_limits.h"

/* Who may do what: the file of API keys (docs/format/api-keys.md). It holds hashes alone. */

#define HTTP_KEY_HASH 32

typedef struct http_key {
    char name[SKEP_SERVE_NAME_MAX + 1];
    bool write;
    uint8_t hash[HTTP_KEY_HASH]; /* SHA-256 */
    char prefix[SKEP_STORE_KEY_MAX + 1];
    uint64_t spent_ns; /* until when its requests of late use its rate up; the server's lock */
} http_key;

typedef struct http_keys {
    atomic_uint refs; /* requests that run go on with the keys that they came in with */
    size_t count;
    http_key *keys;
} http_keys;

/* `file` is for messages. The caller owns one reference. */
int http_keys_parse(const char *file, skep_slice text, http_keys **out) SKEP_CHECK;
int http_keys_read(const char *file, http_keys **out) SKEP_CHECK;
void http_keys_unref(http_keys *keys); /* accepts NULL */

/* The line that `token` belongs to, or NULL. Takes the same time wherever it stands. */
http_key *http_keys_find(const http_keys *keys, const char *token);

/* May `who` (NULL: everybody may) touch this key? */
bool http_key_covers(const http_key *who, const char *key);
/* Is it one of skep's own, under `.skep/`? Of those only the key ring of sealed stores can be read
 * and put; SKEP_EINVALID stands in the error detail then. */
bool http_key_is_own(const char *key);
#define HTTP_KEY_RING ".skep/keys"

/* Read a file of secrets: `forbidden` are the bits that its mode may not have. The caller wipes and
 * frees `*out`, which a NUL follows. */
int http_read_secret(const char *path, unsigned forbidden, size_t max, char **out, size_t *len)
    SKEP_CHECK;

#endif
