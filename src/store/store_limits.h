/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_LIMITS_H
#define SKEP__STORE_LIMITS_H

/* Every ceiling of this room. Reaching one is SKEP_ELIMIT unless it says otherwise. */

/* Signatures (s3_sign.c). */
#define SKEP__SIGN_HEADERS_MAX 48      /* of a request */
#define SKEP__SIGN_PARAMS_MAX 32       /* of its query */
#define SKEP__SIGN_TEXT_MAX (1u << 16) /* bytes of its canonical form */
#define SKEP__S3_SECRET_MAX 256        /* bytes of a secret access key */

/* Answers of S3 (s3_xml.c). A page of 1000 keys has up to 4 MiB. */
#define SKEP__XML_BYTES_MAX (16 << 20)
#define SKEP__XML_DEPTH_MAX 16  /* elements in each other */
#define SKEP__XML_PATH_MAX 255  /* bytes of their names */
#define SKEP__XML_TEXT_MAX 8191 /* bytes of text that are kept of one */

#endif
