/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_LIMITS_H
#define SKEP__STORE_LIMITS_H

/* Every ceiling of this room. Reaching one is SKEP_ELIMIT unless it says otherwise. */

/* Lists of directories (walk.c). */
#define SKEP__WALK_NAMES (128 * 1024) /* held at a time; more cost another reading of a folder */
#define SKEP__WALK_LEAST 64           /* of one folder, however deep it lies */

/* Stores on disk. */
#define SKEP__DISK_SLOTS 4096 /* processes, or handles, that write at a time */
#define SKEP__DISK_LOOK                                                                            \
    (32 * 1024 * 1024) /* bytes of a put between two looks at the free space                       \
                        */

/* Signatures (s3_sign.c). */
#define SKEP__SIGN_HEADERS_MAX 48      /* of a request */
#define SKEP__SIGN_PARAMS_MAX 32       /* of its query */
#define SKEP__SIGN_TEXT_MAX (1u << 16) /* bytes of its canonical form */
#define SKEP__S3_SECRET_MAX 256        /* bytes of a secret access key */

/* Credentials (s3_credentials.c): bytes. */
#define SKEP__S3_KEY_ID_MAX 128
#define SKEP__S3_TOKEN_MAX 8192
#define SKEP__S3_REGION_MAX 63
#define SKEP__S3_ENDPOINT_MAX 511
#define SKEP__S3_PROFILE_MAX 127
#define SKEP__S3_PATH_MAX 4095
#define SKEP__S3_FILE_MAX (256 << 10) /* of a shared file */

/* Answers of S3 (s3_xml.c). A page of 1000 keys has up to 4 MiB. */
#define SKEP__XML_BYTES_MAX (16 << 20)
#define SKEP__XML_DEPTH_MAX 16            /* elements in each other */
#define SKEP__XML_PATH_MAX 255            /* bytes of their names */
#define SKEP__XML_TEXT_MAX 8191           /* bytes of text that are kept of one */
#define SKEP__STORE_PIECE (1024 * 1024)   /* bytes that the front hands an engine at a time */
#define SKEP__STORE_TEXTS_MAX (64 * 1024) /* bytes of what the parameters of a URI say */
#define SKEP__STORE_PARAMS_MAX 32         /* parameters of a URI */

/* Copying an object from one store to another: what fits in a block goes in one call; one that
 * changes while it is read is begun anew so often, then SKEP_ECONFLICT. */
#define SKEP__CARRY_BLOCK ((size_t)1 << 20)
#define SKEP__CARRY_TRIES 3

#define SKEP__SYNC_JOBS_MAX 256 /* threads of one sync */
#define SKEP__SYNC_AHEAD 4      /* objects found and not yet begun, for each of them */

/* The engine s3. */
#define SKEP__S3_HOST_MAX 320                 /* bytes of an endpoint's host, and of its path */
#define SKEP__S3_ETAG_MAX 511                 /* bytes of an ETag of a part */
#define SKEP__S3_UPLOAD_ID_MAX 1023           /* bytes of the id of a multipart upload */
#define SKEP__S3_ANSWER_MAX (8u << 20)        /* bytes of an answer in XML */
#define SKEP__S3_ERROR_MAX (64u << 10)        /* bytes of one that tells of an error */
#define SKEP__S3_PARTS_MAX 10000u             /* of a multipart upload */
#define SKEP__S3_PART_MIN (UINT64_C(5) << 20) /* bytes of a part, but for the last */
#define SKEP__S3_PART_MAX (UINT64_C(5) << 30) /* bytes of a part, and of what is copied at once */
#define SKEP__S3_IN_FLIGHT_MAX 64u            /* parts at a time */
#define SKEP__S3_PAGE 1000u                   /* objects of a page of a list */
#define SKEP__S3_STALE_US (INT64_C(86400) * 1000000) /* age at which an upload is a leftover */

/* The engine remote. */
#define SKEP__REMOTE_KEY_MAX 512           /* bytes of an API key */
#define SKEP__REMOTE_WHOLE (16u << 20)     /* bytes that are sent in one piece; above: streamed */
#define SKEP__REMOTE_ERROR_MAX (64u << 10) /* bytes of a small answer */
#define SKEP__REMOTE_STEP (4u << 10)       /* of which so many are read at a time */
#define SKEP__REMOTE_PAGE 1000u            /* objects of a page of a list */
#define SKEP__REMOTE_PAGE_MAX (16u << 20)  /* bytes of one */

/* A mirror: a replica that changes under our hands is looked at so often in a row; between failures
 * its thread waits a time that doubles, up to the highest. */
#define SKEP__MIRROR_TRIES 8
#define SKEP__MIRROR_BACKOFF_MS 100
#define SKEP__MIRROR_BACKOFF_MAX_MS 20000
#define SKEP__MIRROR_FILE_CLOSE_MS 10000 /* a file that does not say how long closing waits */

/* Sealed stores. An object that is replaced between two requests of one get is read anew so often,
 * and a ring that others change meanwhile is changed anew: more often than there will be others, as
 * each time that one of them loses another one has won. Then SKEP_ECONFLICT. */
#define SKEP__SEALED_ROUNDS_MAX 8
#define SKEP__RING_TRIES_MAX 256
#define SKEP__RING_BYTES_MAX ((size_t)64 * 1024) /* of a key ring, which has 43 KB at most */

#endif
