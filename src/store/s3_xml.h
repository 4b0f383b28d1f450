/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_S3_XML_H
#define SKEP__STORE_S3_XML_H

#include <stdbool.h>

#include <skep/store.h>

#include "base/buf.h"

/* What S3 answers in XML, read by expat. It comes from outside: nothing is trusted, entities and
 * document types are refused, depth and sizes are bounded. */

typedef struct skep__s3_error {
    char code[64];      /* "NoSuchKey"; "" */
    char message[256];  /* cut */
    char region[64];    /* of AuthorizationHeaderMalformed, PermanentRedirect; "" */
    char endpoint[256]; /* of PermanentRedirect; "" */
    char server_time[32];
} skep__s3_error;

/* What cannot be read leaves `out` empty: servers answer errors with anything. */
void skep__s3_xml_error(skep_slice xml, skep__s3_error *out);

/* A page of ListObjectsV2, asked for with encoding-type=url. `object` is called in the order of the
 * page; what it returns negative ends it. */
typedef int skep__s3_object_fn(void *ctx, const skep_object *object);
typedef struct skep__s3_page {
    bool more;
    char token[2048]; /* for the next page */
} skep__s3_page;
int skep__s3_xml_list(skep_slice xml, skep__s3_object_fn *object, void *ctx, skep__s3_page *out)
    SKEP_CHECK;

/* What DeleteObjects could not delete: called for each. */
typedef int skep__s3_undeleted_fn(void *ctx, const char *key, const skep__s3_error *error);
int skep__s3_xml_deleted(skep_slice xml, skep__s3_undeleted_fn *undeleted, void *ctx) SKEP_CHECK;

/* A page of ListMultipartUploads: uploads that began and never ended. */
typedef int skep__s3_upload_fn(void *ctx, const char *key, const char *upload_id,
                               int64_t initiated_us);
typedef struct skep__s3_uploads_page {
    bool more;
    char key[SKEP_STORE_KEY_MAX + 1]; /* markers of the next page */
    char upload_id[512];
} skep__s3_uploads_page;
int skep__s3_xml_uploads(skep_slice xml, skep__s3_upload_fn *upload, void *ctx,
                         skep__s3_uploads_page *out) SKEP_CHECK;

/* The text of one element right below the root: "UploadId", "ETag". SKEP_ENOTFOUND. */
int skep__s3_xml_text(skep_slice xml, const char *name, char *out, size_t size) SKEP_CHECK;

/* Append `text` with what XML does not take escaped. */
void skep__xml_escape(skep__buf *out, skep_slice text);

#endif
