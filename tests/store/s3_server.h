/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_S3_SERVER_H
#define TESTS_STORE_S3_SERVER_H

#include "harness/front.h"
#include "store/s3_private.h"

/* The S3 server that S3_ENDPOINT names (tests/services), and stores in it. Each test has a prefix
 * of its own in a bucket of the tests, which is emptied at the end of the test's process. */

/* The endpoint; skips the test where there is none. */
const char *s3_endpoint(void);

/* A store below this test's prefix, by way of `endpoint` (NULL: the server itself), with these
 * further parameters ("&part_bytes=5MiB"; NULL: none). */
skep_store *s3_store(const char *endpoint, const char *params);
/* The same below another prefix. */
skep_store *s3_store_at(const char *prefix, const char *endpoint, const char *params);
/* Its engine. */
skep__s3 *s3_of(skep_store *store);
/* The URI of such a store, for another process; lives until the next call. */
const char *s3_uri(const char *endpoint, const char *params);

/* Delete everything under this test's prefix, and close. */
void s3_end(skep_store *store);
void s3_empty(skep_store *store); /* delete all that is in it */

/* Uploads under this test's prefix that were begun and not ended. */
size_t s3_uploads(skep_store *store);

/* A front that passes on to the server. */
front *s3_front(void);

/* Bytes that compress badly and are the same each time. */
void *s3_bytes(size_t size);
void s3_put(skep_store *store, const char *key, const void *data, size_t len);
void s3_assert_content(skep_store *store, const char *key, const void *data, size_t len);

#endif
