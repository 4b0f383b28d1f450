/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_LIMITS_H
#define SKEP__STORE_LIMITS_H

/* Every ceiling of this room. Reaching one is SKEP_ELIMIT unless it says otherwise. */

/* Signatures (s3_sign.c). */
#define SKEP__SIGN_HEADERS_MAX 48      /* of a request */
#define SKEP__SIGN_PARAMS_MAX 32       /* of its query */
#define SKEP__SIGN_TEXT_MAX (1u << 16) /* bytes of its canonical form */
#define SKEP__S3_SECRET_MAX 256        /* bytes of a secret access key */

#endif
