/* SPDX-License-Identifier: MIT */
#ifndef SKEP__HTTP_LIMITS_H
#define SKEP__HTTP_LIMITS_H

/* All ceilings of this room that are no option (skep/serve.h). */
#define SKEP__HTTP_TARGET_MAX 8192          /* of path and query as they are sent: 414 */
#define SKEP__HTTP_PAGE_MAX 1000            /* objects of a list, keys of a delete */
#define SKEP__HTTP_JSON_MAX (8u << 20)      /* of a JSON body: a thousand keys, all escaped */
#define SKEP__HTTP_DRAIN_MAX (1u << 20)     /* of a body that is only read to answer behind it */
#define SKEP__HTTP_DRAIN_FAILED (64u << 20) /* the same once the store has failed in the middle */
#define SKEP__HTTP_SMALL_MAX (64u << 10)    /* an object is answered from memory up to here */
#define SKEP__HTTP_BLOCK (128u << 10)       /* of a larger one at a time */
#define SKEP__HTTP_POOL (256u << 10)        /* memory of a connection: head, pieces of bodies */
#define SKEP__HTTP_STACK (512u << 10)       /* of its thread */
#define SKEP__HTTP_SPARE 32                 /* connections beyond the limit, that are told so */
#define SKEP__HTTP_TRIES 3                  /* to read the end of an object that keeps changing */
#define SKEP__HTTP_TAGS_MAX 64              /* ETags of one If-None-Match */
#define SKEP__HTTP_KEYS_MAX 1000            /* lines of the file of API keys */
#define SKEP__HTTP_KEY_FILE_MAX (2u << 20)  /* its bytes */
#define SKEP__HTTP_PEM_MAX (1u << 20)       /* of a certificate or its key */
#define SKEP__HTTP_TOKEN_MIN 16             /* of an API key */
#define SKEP__HTTP_TOKEN_MAX 256
#define SKEP__HTTP_READY_NS UINT64_C(1000000000) /* an answer of the store holds so long */
#define SKEP__HTTP_READY_MS 5000                 /* it has so long to give one */
#define SKEP__HTTP_RETRY_S 1                     /* Retry-After */

#endif
