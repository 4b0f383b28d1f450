/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_S3_PRIVATE_H
#define SKEP__STORE_S3_PRIVATE_H

#include <stdatomic.h>
#include <stdio.h>

#include "base/event.h"
#include "base/point.h"
#include "base/thread.h"
#include "net/net.h"
#include "store/s3_credentials.h"
#include "store/s3_sign.h"
#include "store/s3_xml.h"
#include "store/store.h"

/* The engine `s3`: what its files share. s3.c opens and has the table; s3_request.c makes requests
 * and sends them, s3_answer.c reads what comes back, s3_error.c names what went wrong; the others
 * are one operation each. */

/* What has been learned about the server, bits of skep__s3.learned. */
enum {
    SKEP__S3_BUCKET_SEEN = 1u << 0,  /* it is there: a 404 without a body is about the key */
    SKEP__S3_NO_BATCHES = 1u << 1,   /* DeleteObjects is not to be had */
    SKEP__S3_BARE_MATCH = 1u << 2,   /* If-Match wants the ETag without quotes */
    SKEP__S3_MATCH_BROKEN = 1u << 3, /* If-Match is of no use in either form */
    SKEP__S3_SWEPT = 1u << 4         /* old leftovers have been looked for */
};

typedef struct skep__s3 {
    skep_store base;
    skep__net *net;
    skep__s3_credentials *who;
    bool secure;
    bool amazon;                       /* no endpoint was given: the host follows from the region */
    bool path_style;                   /* the bucket stands in the path */
    char host[SKEP__S3_HOST_MAX];      /* with the port, unless that is the usual one */
    char base_path[SKEP__S3_HOST_MAX]; /* "" or "/storage/v1/s3" */
    char bucket[256];
    char *prefix;                           /* "" or "a/b/" */
    char *name;                             /* "s3://bucket/a/b" */
    char *storage_class, *sse, *sse_key_id; /* "": none */
    uint32_t checksum;                      /* skep_checksum */
    uint32_t parts_in_flight;
    uint64_t part_bytes;
    int64_t retry_ms;
    _Atomic uint32_t learned; /* bits */
    _Atomic int64_t skew_us;  /* of the server's clock against ours */
    skep__mutex mutex;
    char region[SKEP__S3_REGION_MAX + 1] SKEP__GUARDED_BY(mutex);
} skep__s3;

static inline skep__s3 *skep__s3_of(skep_store *store)
{
    return (skep__s3 *)(void *)store;
}

static inline bool skep__s3_has_learned(const skep__s3 *s3, uint32_t bit)
{
    return (atomic_load_explicit(&s3->learned, memory_order_relaxed) & bit) != 0;
}

/* ---- headers of a request ---- */

#define SKEP__S3_HEADERS_MAX 24

typedef struct skep__s3_headers {
    skep__buf text; /* each with its NUL */
    size_t at[SKEP__S3_HEADERS_MAX];
    size_t count;
    const char *list[SKEP__S3_HEADERS_MAX + 1];
} skep__s3_headers;

void skep__s3_headers_init(skep__s3_headers *h);
void skep__s3_headers_dispose(skep__s3_headers *h);
/* Failures are remembered until skep__s3_headers_list(). */
void skep__s3_header(skep__s3_headers *h, const char *name, const char *value);
/* Ends with NULL; good until the next header. */
int skep__s3_headers_list(skep__s3_headers *h, const char *const **out) SKEP_CHECK;

/* ---- requests ---- */

typedef struct skep__s3_ask {
    const char *method;
    const char *key;           /* NULL: the bucket */
    const char *query;         /* encoded, each with `=`; "" */
    skep__s3_headers *headers; /* more of them, names in lower case; NULL */
    skep_slice body;
    const char *sha256; /* hex of `body`, where it is known; NULL */
    const skep_io *io;
} skep__s3_ask;

typedef struct skep__s3_answer {
    int status;     /* 0: none came */
    uint64_t bytes; /* of the body; UINT64_MAX: it does not say */
    int64_t retry_after_ms;
    int64_t date_us;       /* the server's clock; 0: it does not say */
    int64_t modified_us;   /* likewise */
    uint64_t first, total; /* of Content-Range; UINT64_MAX */
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    bool hashed;
    char put_id[SKEP__HASH_TEXT];         /* which put made it; "" */
    char etag[SKEP__S3_ETAG_MAX + 1];     /* without quotes */
    char region[SKEP__S3_REGION_MAX + 1]; /* of the bucket; "" */
    skep__s3_error error;
    bool again;  /* it failed, and may succeed if it is repeated */
    bool unsure; /* it failed, and may have been applied all the same */
} skep__s3_answer;

/* The server's name of an object: prefix and key. SKEP_ELIMIT if it is too long for S3. */
int skep__s3_object_name(const skep__s3 *s3, const char *key, skep__buf *out) SKEP_CHECK;

/* One attempt, signed anew, after which what can be put right at once (the clock, the region) is,
 * and tried again. SKEP_OK: a status below 300. `body` may be NULL: what comes is not wanted. */
int skep__s3_try(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer, skep__buf *body)
    SKEP_CHECK;
/* The same as often as it takes: for what may be repeated. */
int skep__s3_do(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer, skep__buf *body)
    SKEP_CHECK;
/* The same for a large answer: `*call` is at its body. */
int skep__s3_begin(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer,
                   skep__net_call **call) SKEP_CHECK;

/* ---- answers ---- */

void skep__s3_answer_init(skep__s3_answer *answer);
skep__net_header_fn skep__s3_answer_header;       /* its ctx is the answer */
bool skep__s3_date(skep_slice text, int64_t *us); /* "Sun, 06 Nov 1994 08:49:37 GMT" */
/* What an answer says about an object. */
int skep__s3_object(const skep__s3 *s3, const char *key, const skep__s3_answer *answer,
                    skep_object *out) SKEP_CHECK;

/* Name the failure that `answer` tells of; also sets its `again` and `unsure`. */
int skep__s3_fail(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer);
/* Does this code of an error mean that another attempt may succeed? */
bool skep__s3_passing(const char *code);

/* ---- operations that others build upon ---- */

int skep__s3_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
    SKEP_CHECK;
int skep__s3_head_answer(skep__s3 *s3, const char *key, const skep_io *io, skep__s3_answer *answer)
    SKEP_CHECK;
int skep__s3_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                    int *results) SKEP_CHECK;
int skep__s3_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                  skep_object *out) SKEP_CHECK;

int skep__s3_put_begin(skep_store *store, const char *key, const skep_put_how *how, skep_put **out)
    SKEP_CHECK;
int skep__s3_put_write(skep_put *put, const void *data, size_t len) SKEP_CHECK;
int skep__s3_put_commit(skep_put *put, const uint8_t *hash, skep_object *out) SKEP_CHECK;
void skep__s3_put_abort(skep_put *put);

int skep__s3_get_open(skep_store *store, const char *key, const skep_get_how *how, skep_get **out,
                      skep_object *info) SKEP_CHECK;
int skep__s3_get_read(skep_get *get, void *data, size_t len, size_t *got) SKEP_CHECK;
void skep__s3_get_close(skep_get *get);

int skep__s3_list_open(skep_store *store, const skep_list_how *how, skep_list **out) SKEP_CHECK;
int skep__s3_list_next(skep_list *list, skep_object *out) SKEP_CHECK;
void skep__s3_list_close(skep_list *list);

/* What a new object gets along: storage class, encryption, the hash (may be NULL), the put's id
 * (may be NULL). */
void skep__s3_object_headers(const skep__s3 *s3, const uint8_t *hash, const char *put_id,
                             skep__s3_headers *h);
/* 128 random bits in hex: it tells whose put an object is. */
int skep__s3_put_id(char out[SKEP__HASH_TEXT]) SKEP_CHECK;

/* One PUT of `body`, with the condition of `how`; `hash` is that of the body. */
int skep__s3_put_whole(skep__s3 *s3, const char *key, const skep_put_how *how, skep_slice body,
                       const uint8_t *hash, skep_object *out) SKEP_CHECK;

/* Abort multipart uploads under the prefix that began more than `older_us` ago. */
int skep__s3_sweep(skep__s3 *s3, int64_t older_us, const skep_io *io, size_t *aborted) SKEP_CHECK;

/* ---- digests as S3 wants them ---- */

#define SKEP__S3_DIGEST_TEXT 48 /* base64 of 32 bytes, with NUL */
int skep__s3_md5(skep_slice data, char out[SKEP__S3_DIGEST_TEXT]) SKEP_CHECK;
uint32_t skep__crc32c(const void *data, size_t len);
/* The value of the checksum header, and of the element of a part, for this kind of checksum;
 * `sha256` is the hex of the data's. */
void skep__s3_checksum(uint32_t kind, skep_slice data, const char *sha256,
                       char out[SKEP__S3_DIGEST_TEXT]);
const char *skep__s3_checksum_name(uint32_t kind); /* "CRC32C"; NULL: none */

#endif
