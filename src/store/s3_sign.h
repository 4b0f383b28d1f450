/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_S3_SIGN_H
#define SKEP__STORE_S3_SIGN_H

#include "base/buf.h"

/* AWS Signature Version 4 in a header of the request. Pure: the time comes from the caller, so the
 * published vectors run. */

#define SKEP__SHA256_HEX 65 /* with NUL */
#define SKEP__SIGN_TIME 17  /* "20130524T000000Z" and NUL */

typedef struct skep__sign_key { /* borrowed */
    const char *access_key_id;
    skep_slice secret;
    const char *region;
    const char *service; /* "s3" */
} skep__sign_key;

typedef struct skep__sign_request {
    const char *method;
    const char *path;           /* as it is sent: encoded */
    const char *query;          /* as it is sent, without `?`: encoded, in any order; "" */
    const char *const *headers; /* "Name: value" of all that are signed, host and x-amz-date with
                                   them; NULL at the end, in any order */
    const char *payload;        /* hex of its SHA-256, or UNSIGNED-PAYLOAD */
    int64_t now_us;             /* UTC */
} skep__sign_request;

/* Append the value of the Authorization header. */
int skep__sign(const skep__sign_key *key, const skep__sign_request *request, skep__buf *out)
    SKEP_CHECK;

void skep__sign_time(int64_t now_us, char out[SKEP__SIGN_TIME]);
/* SHA-256 by libcrypto, three times as fast as libsodium's. */
void skep__sha256_hex(skep_slice data, char out[SKEP__SHA256_HEX]);

#endif
