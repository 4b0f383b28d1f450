/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_REMOTE_PRIVATE_H
#define SKEP__STORE_REMOTE_PRIVATE_H

#include <stdatomic.h>
#include <stdio.h>

#include "base/json_in.h"
#include "net/net.h"
#include "store/store.h"

/* The engine `remote`: the API of `skep serve` (docs/openapi.yaml). remote.c opens and has the
 * table, remote_request.c asks, remote_answer.c reads what is said, the others are one operation
 * each. */

typedef struct skep__remote {
    skep_store base;
    skep__net *net;
    char *name;   /* "https://host:port/path" */
    char *root;   /* the same, encoded, and "/v1/" */
    char *bearer; /* "Authorization: Bearer …", in guarded memory; NULL: no key */
    int64_t retry_ms;
    _Atomic uint32_t caps; /* with SKEP__REMOTE_CAPS_KNOWN */
} skep__remote;

#define SKEP__REMOTE_CAPS_KNOWN (1u << 31)

static inline skep__remote *skep__remote_of(skep_store *store)
{
    return (skep__remote *)(void *)store;
}

/* ---- requests ---- */

typedef struct skep__remote_ask {
    const char *method;
    const char *route; /* behind "/v1/", with its query; encoded */
    const char *key;   /* whose name goes behind that; NULL: none */
    const char *headers[3];
    skep_slice body;
    uint64_t body_bytes; /* of one that is written in pieces */
    const skep_io *io;
} skep__remote_ask;

typedef struct skep__remote_answer {
    int status; /* 0: none came */
    uint64_t bytes;
    int64_t retry_after_ms;
    int64_t modified_us;
    uint64_t first, total; /* of Content-Range; UINT64_MAX */
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    bool hashed;
    bool sealed;
    int code;                           /* of Skep-Code; SKEP_OK: it does not say */
    char etag[SKEP_STORE_ETAG_MAX + 1]; /* without quotes */
    bool again;                         /* it failed, and may succeed if it is repeated */
    bool unsure;                        /* it failed, and may have been applied all the same */
} skep__remote_answer;

/* One attempt. SKEP_OK: a status below 300, and `body` is its body. */
int skep__remote_try(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                     skep__buf *body) SKEP_CHECK;
/* As often as it takes: for what may be repeated. */
int skep__remote_do(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                    skep__buf *body) SKEP_CHECK;
/* One attempt in steps: begin; write the body; and then the rest, for a small answer, or up to its
 * body, for a large one, whose failure ends `*call`. */
int skep__remote_begin(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                       skep__net_call **call) SKEP_CHECK;
int skep__remote_finish(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                        skep__net_call *call, skep__buf *body) SKEP_CHECK;
int skep__remote_head_of(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                         skep__net_call **call) SKEP_CHECK;

/* ---- answers ---- */

void skep__remote_answer_init(skep__remote_answer *answer);
skep__net_header_fn skep__remote_header; /* its ctx is the answer */
/* Name the failure that an answer tells of; also sets its `again` and `unsure`. */
int skep__remote_fail(const skep__remote *r, const skep__remote_ask *ask,
                      skep__remote_answer *answer, skep_slice body);
/* The same where none came: `rc` is what room net said. */
int skep__remote_no_answer(skep__remote_answer *answer, int rc);
/* "SKEP_ENOTFOUND"; SKEP_OK: it is none. */
int skep__remote_code(const char *name);
/* Read an object in JSON. False: it is none. */
bool skep__remote_object(skep__json_in *in, skep_object *out);
/* The one that is all of `body`. */
int skep__remote_object_of(const skep__remote *r, const char *key, skep_slice body,
                           skep_object *out) SKEP_CHECK;

/* ---- operations ---- */

int skep__remote_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
    SKEP_CHECK;
int skep__remote_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                        int *results) SKEP_CHECK;
int skep__remote_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                      skep_object *out) SKEP_CHECK;

int skep__remote_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                           skep_put **out) SKEP_CHECK;
int skep__remote_put_write(skep_put *put, const void *data, size_t len) SKEP_CHECK;
int skep__remote_put_commit(skep_put *put, const uint8_t *hash, skep_object *out) SKEP_CHECK;
void skep__remote_put_abort(skep_put *put);

/* One PUT of `body`, whose hash is `hash`, on the condition of `how`, as often as it takes. */
int skep__remote_put_whole(skep__remote *r, const char *key, const skep_put_how *how,
                           skep_slice body, const uint8_t *hash, skep_object *out) SKEP_CHECK;
/* The answer to a put was lost; its failure stands in the error detail. Is what lies there now what
 * was put? Then it succeeded. */
int skep__remote_settle(skep__remote *r, const char *key, const skep_io *io, const uint8_t *hash,
                        skep_object *out) SKEP_CHECK;
/* Lines of a condition, and of the hash (NULL: it is not known), into `text`. */
typedef struct skep__remote_lines {
    char condition[SKEP_STORE_ETAG_MAX + 32];
    char hash[SKEP__HASH_TEXT + 16];
} skep__remote_lines;
void skep__remote_put_lines(const skep_put_how *how, const uint8_t *hash, skep__remote_lines *lines,
                            skep__remote_ask *ask);

int skep__remote_get_open(skep_store *store, const char *key, const skep_get_how *how,
                          skep_get **out, skep_object *info) SKEP_CHECK;
int skep__remote_get_read(skep_get *get, void *data, size_t len, size_t *got) SKEP_CHECK;
void skep__remote_get_close(skep_get *get);

int skep__remote_list_open(skep_store *store, const skep_list_how *how, skep_list **out) SKEP_CHECK;
int skep__remote_list_next(skep_list *list, skep_object *out) SKEP_CHECK;
void skep__remote_list_close(skep_list *list);

#endif
