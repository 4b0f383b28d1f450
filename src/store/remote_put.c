/* SPDX-License-Identifier: MIT */
/* Puts. What has up to SKEP__REMOTE_WHOLE bytes, or a condition, is gathered and sent in one piece,
 * and again if that fails. What is larger is streamed, once.
 *
 * A condition makes a repeat unsafe: the first attempt may have been applied although its answer
 * was lost, and then the second is refused by what the first has done. So whenever an attempt may
 * have been applied and the put seems to have failed, the object is looked at: it was ours if its
 * content is. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/remote_private.h"

typedef struct remote_put {
    skep_put base;
    skep__remote *r;
    skep_put_how how;
    skep__buf body;       /* gathered so far */
    skep__net_call *call; /* of a stream that has begun */
    skep__remote_answer answer;
    skep__remote_lines lines;
    skep__remote_ask ask;
    uint64_t sent;
    uint8_t last; /* held back: without it the server has no whole object */
    bool has_last;
    char key[SKEP_STORE_KEY_MAX + 1];
} remote_put;

static remote_put *put_of(skep_put *put)
{
    return (remote_put *)(void *)put;
}

static bool conditional(const skep_put_how *how)
{
    return how->create != 0 || how->if_etag != NULL;
}

void skep__remote_put_lines(const skep_put_how *how, const uint8_t *hash, skep__remote_lines *lines,
                            skep__remote_ask *ask)
{
    size_t n = 0;
    char text[SKEP__HASH_TEXT];
    ask->headers[n++] = "Content-Type: application/octet-stream";
    if (how->create != 0)
        ask->headers[n++] = "If-None-Match: *";
    if (how->if_etag != NULL) {
        (void)snprintf(lines->condition, sizeof(lines->condition), "If-Match: \"%s\"",
                       how->if_etag);
        ask->headers[n++] = lines->condition;
    }
    if (hash != NULL) {
        skep__hash_text(hash, text);
        (void)snprintf(lines->hash, sizeof(lines->hash), "Skep-Hash: %s", text);
        ask->headers[n++] = lines->hash;
    }
}

int skep__remote_settle(skep__remote *r, const char *key, const skep_io *io, const uint8_t *hash,
                        skep_object *out)
{
    skep_err err;
    skep_object there = SKEP_OBJECT_INIT;
    skep__err_save(&err);
    if (skep__remote_head(&r->base, key, io, &there) >= 0 &&
        (there.flags & SKEP_OBJECT_HASHED) != 0 &&
        memcmp(there.hash, hash, sizeof(there.hash)) == 0) {
        *out = there;
        return SKEP_OK;
    }
    (void)skep__err_install(&err);
    skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return err.code;
}

/* The server has answered that it stored something: was it that? */
static int stored(const skep__remote *r, const char *key, const uint8_t *hash, skep_slice said,
                  skep_object *out)
{
    SKEP__TRY(skep__remote_object_of(r, key, said, out));
    if ((out->flags & SKEP_OBJECT_HASHED) == 0 || (out->flags & SKEP_OBJECT_SEALED) != 0 ||
        memcmp(out->hash, hash, sizeof(out->hash)) == 0)
        return SKEP_OK;
    int rc = SKEP__FAIL(SKEP_ECORRUPT, "%s: %s: something else has arrived there than was sent",
                        r->name, key);
    skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__remote_put_whole(skep__remote *r, const char *key, const skep_put_how *how,
                           skep_slice body, const uint8_t *hash, skep_object *out)
{
    skep__retry retry;
    skep__remote_lines lines;
    skep__remote_ask ask = {
        .method = "PUT", .route = "objects/", .key = key, .body = body, .io = &how->io};
    bool unsure = false;
    int rc = SKEP_OK;
    SKEP__CLEANUP(skep__buf_dispose) skep__buf said = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
    skep__remote_put_lines(how, hash, &lines, &ask);
    skep__retry_init(&retry, r->retry_ms, how->io.deadline_ns, how->io.cancel);
    do {
        skep__remote_answer answer;
        rc = skep__remote_try(r, &ask, &answer, &said);
        if (rc >= 0)
            rc = stored(r, key, hash, skep__buf_slice(&said), out);
        if (rc >= 0)
            return SKEP_OK;
        unsure |= answer.unsure || skep_last_error()->outcome == SKEP_OUTCOME_UNKNOWN ||
                  answer.status == 200;
        rc = answer.again ? skep__retry_again(&retry, answer.retry_after_ms) : rc;
    } while (rc >= 0);
    return unsure && rc != SKEP_ECORRUPT ? skep__remote_settle(r, key, &how->io, hash, out) : rc;
}

/* ---- streams ---- */

/* The server has refused before all was there; or the connection is gone. Nothing was stored, as
 * the body was not whole. */
static int cut_short(remote_put *p, int rc)
{
    if (rc == SKEP_ECONFLICT) {
        SKEP__CLEANUP(skep__buf_dispose) skep__buf said = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
        rc = skep__remote_finish(p->r, &p->ask, &p->answer, p->call, &said);
        if (rc >= 0)
            rc = SKEP__FAIL(SKEP_ENET, "%s: %s: it has answered before all was sent", p->r->name,
                            p->key);
    } else {
        (void)skep__remote_no_answer(&p->answer, rc);
    }
    skep__err_outcome(SKEP_OUTCOME_NONE);
    skep__net_end(p->call);
    p->call = NULL;
    return rc;
}

static int send(remote_put *p, const uint8_t *data, size_t len)
{
    bool ends = len > 0 && p->how.bytes != SKEP_BYTES_UNKNOWN && p->sent + len == p->how.bytes;
    if (ends) {
        p->last = data[len - 1];
        p->has_last = true;
    }
    int rc = skep__net_write(p->call, data, ends ? len - 1 : len);
    if (rc < 0)
        return cut_short(p, rc);
    p->sent += len;
    return SKEP_OK;
}

/* As long as this is all of it there is, it can be begun again. */
static int begin_with(remote_put *p, const uint8_t *data, size_t len)
{
    skep__retry retry;
    p->ask = (skep__remote_ask){.method = "PUT",
                                .route = "objects/",
                                .key = p->key,
                                .body_bytes = p->how.bytes, /* unknown: SKEP__NET_CHUNKED */
                                .io = &p->how.io};
    skep__remote_put_lines(&p->how, p->how.hash, &p->lines, &p->ask);
    skep__retry_init(&retry, p->r->retry_ms, p->how.io.deadline_ns, p->how.io.cancel);
    for (;;) {
        int rc = skep__remote_begin(p->r, &p->ask, &p->answer, &p->call);
        if (rc >= 0)
            rc = send(p, data, len);
        if (rc >= 0 || !p->answer.again)
            return rc;
        SKEP__TRY(skep__retry_again(&retry, p->answer.retry_after_ms));
    }
}

static void put_free(remote_put *p)
{
    skep__net_end(p->call);
    skep__buf_dispose(&p->body);
    skep__free(p);
}

static void put_freep(remote_put **p)
{
    if (*p != NULL)
        put_free(*p);
}

int skep__remote_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                           skep_put **out)
{
    _Static_assert(SKEP_BYTES_UNKNOWN == SKEP__NET_CHUNKED, "one is given as the other");
    SKEP__CLEANUP(put_freep) remote_put *p = skep__calloc(1, sizeof(*p));
    if (p == NULL)
        return skep__oom();
    p->base.engine = store->engine;
    p->r = skep__remote_of(store);
    p->how = *how;
    skep__buf_init(&p->body, conditional(how) ? SKEP_STORE_SINGLE_MAX : SKEP__REMOTE_WHOLE);
    (void)skep__text_copy(p->key, sizeof(p->key), key);
    *out = (skep_put *)(void *)SKEP__TAKE(p);
    return SKEP_OK;
}

int skep__remote_put_write(skep_put *put, const void *data, size_t len)
{
    remote_put *p = put_of(put);
    bool known = p->how.bytes != SKEP_BYTES_UNKNOWN;
    uint64_t most = known ? p->how.bytes : p->body.len + len;
    if (p->call != NULL)
        return send(p, data, len);
    if (conditional(&p->how) || most <= SKEP__REMOTE_WHOLE)
        return skep__buf_add(&p->body, data, len);
    if (p->body.len == 0)
        return begin_with(p, data, len);
    SKEP__TRY(begin_with(p, (const uint8_t *)p->body.data, p->body.len));
    skep__buf_dispose(&p->body);
    return send(p, data, len);
}

static int commit_stream(remote_put *p, const uint8_t *hash, skep_object *out)
{
    int rc = SKEP_OK;
    SKEP__CLEANUP(skep__buf_dispose) skep__buf said = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
    if (p->has_last && (rc = skep__net_write(p->call, &p->last, 1)) < 0 && rc != SKEP_ECONFLICT)
        (void)skep__remote_no_answer(&p->answer, rc);
    else
        rc = skep__remote_finish(p->r, &p->ask, &p->answer, p->call, &said);
    if (rc >= 0)
        rc = stored(p->r, p->key, hash, skep__buf_slice(&said), out);
    bool unsure = rc < 0 && (p->answer.unsure || p->answer.status == 200);
    skep__net_end(p->call);
    p->call = NULL;
    return unsure && rc != SKEP_ECORRUPT ? skep__remote_settle(p->r, p->key, &p->how.io, hash, out)
                                         : rc;
}

int skep__remote_put_commit(skep_put *put, const uint8_t *hash, skep_object *out)
{
    SKEP__CLEANUP(put_freep) remote_put *p = put_of(put);
    if (p->call != NULL)
        return commit_stream(p, hash, out);
    return skep__remote_put_whole(p->r, p->key, &p->how,
                                  skep_slice_of(skep__buf_text(&p->body), p->body.len), hash, out);
}

void skep__remote_put_abort(skep_put *put)
{
    put_free(put_of(put));
}
