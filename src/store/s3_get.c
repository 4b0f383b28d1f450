/* SPDX-License-Identifier: MIT */
/* Reading. What was opened is pinned by its ETag; a transfer that is cut goes on behind what has
 * arrived, and only in the same object. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/s3_private.h"

/* A connection that has moved less than this before it was cut is not tried again at once. */
#define WORTH_A_CONNECTION 4096u

typedef struct s3_get {
    skep_get base;
    skep__s3 *s3;
    skep_io io;
    skep__net_call *call; /* NULL: none is open */
    uint64_t at, end;     /* in the object */
    uint64_t since;       /* `at` when the connection was opened */
    bool pinned;          /* `etag` is one */
    bool whole;           /* the server has been asked for all of it */
    skep__retry retry;    /* since bytes have moved */
    char etag[SKEP_STORE_ETAG_MAX + 1];
    char key[SKEP_STORE_KEY_MAX + 1];
} s3_get;

static s3_get *get_of(skep_get *get)
{
    return (s3_get *)(void *)get;
}

static void disconnect(s3_get *g)
{
    skep__net_end(SKEP__TAKE(g->call));
}

static void fresh_patience(s3_get *g)
{
    skep__retry_init(&g->retry, g->s3->retry_ms, g->io.deadline_ns, g->io.cancel);
}

/* Ask for [at, end), of the pinned object; `end` UINT64_MAX: all there is. */
static int connect_once(s3_get *g, skep__s3_answer *answer)
{
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    char text[SKEP_STORE_ETAG_MAX + 64];
    skep__s3_headers_init(&headers);
    g->whole = g->at == 0 && g->end == UINT64_MAX;
    if (g->end == UINT64_MAX)
        (void)snprintf(text, sizeof(text), "bytes=%llu-", (unsigned long long)g->at);
    else
        (void)snprintf(text, sizeof(text), "bytes=%llu-%llu", (unsigned long long)g->at,
                       (unsigned long long)g->end - 1);
    if (!g->whole)
        skep__s3_header(&headers, "range", text);
    if (g->pinned) {
        (void)snprintf(text, sizeof(text), "\"%s\"", g->etag);
        skep__s3_header(&headers, "if-match", text);
    }
    const skep__s3_ask ask = {
        .method = "GET", .key = g->key, .query = "", .headers = &headers, .io = &g->io};
    g->since = g->at;
    return skep__s3_begin(g->s3, &ask, answer, &g->call);
}

/* Is what the server is about to send what was asked for? */
static int fits(s3_get *g, const skep__s3_answer *answer, uint64_t *total)
{
    if (answer->status == 206 && answer->first == g->at && answer->total != UINT64_MAX) {
        *total = answer->total;
        return SKEP_OK;
    }
    if (answer->status == 200 && g->at == 0 && answer->bytes != UINT64_MAX) {
        *total = answer->bytes; /* to some servers all of it is as good as the range */
        return SKEP_OK;
    }
    disconnect(g);
    return SKEP__FAIL(SKEP_ENET, "%s/%s: the server sends something else than bytes %llu and on",
                      g->s3->name, g->key, (unsigned long long)g->at);
}

/* The first connection: as often as it takes. */
static int connect_first(s3_get *g, skep__s3_answer *answer)
{
    fresh_patience(g);
    for (;;) {
        int rc = connect_once(g, answer);
        if (rc == SKEP_OK || !answer->again)
            return rc;
        SKEP__TRY(skep__retry_again(&g->retry, answer->retry_after_ms));
    }
}

/* The connection has broken; what it failed with stands in the error detail. */
static int go_on(s3_get *g)
{
    skep__s3_answer answer;
    uint64_t total;
    bool moved = g->at - g->since >= WORTH_A_CONNECTION;
    int64_t after_ms = -1;
    disconnect(g);
    if (!g->pinned)
        return skep_last_error()->code;
    if (moved)
        fresh_patience(g);
    for (;; moved = false) {
        SKEP__TRY(skep__io_check(&g->io));
        if (!moved)
            SKEP__TRY(skep__retry_again(&g->retry, after_ms));
        int rc = connect_once(g, &answer);
        if (rc == SKEP_OK)
            return fits(g, &answer, &total);
        after_ms = answer.retry_after_ms;
        if (answer.status == 412 || answer.status == 404)
            return SKEP__FAIL(SKEP_ECONFLICT, "%s/%s was %s while it was read", g->s3->name, g->key,
                              answer.status == 412 ? "replaced" : "deleted");
        if (answer.status == 416)
            return SKEP__FAIL(SKEP_ENET, "%s/%s has %llu bytes, fewer than the server has said",
                              g->s3->name, g->key, (unsigned long long)g->at);
        if (!answer.again)
            return rc;
    }
}

/* A range that begins at or behind the end: which of the two only the length tells. */
static int at_the_end(s3_get *g, const skep_get_how *how, skep_object *info)
{
    SKEP__TRY(skep__s3_head(&g->s3->base, g->key, &g->io, info));
    if (how->if_etag != NULL && strcmp(how->if_etag, info->etag) != 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s/%s is another object by now", g->s3->name, g->key);
    if (how->offset > info->bytes)
        return SKEP__FAIL(SKEP_EINVALID, "%s/%s has %llu bytes, none at %llu", g->s3->name, g->key,
                          (unsigned long long)info->bytes, (unsigned long long)how->offset);
    if (how->offset < info->bytes)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s/%s was replaced while it was opened", g->s3->name,
                          g->key);
    g->end = g->at;
    return SKEP_OK;
}

static int open_at(s3_get *g, const skep_get_how *how, skep_object *info)
{
    skep__s3_answer answer;
    uint64_t total = 0;
    int rc = connect_first(g, &answer);
    if (rc < 0 && answer.status == 416)
        return at_the_end(g, how, info);
    SKEP__TRY(rc);
    SKEP__TRY(fits(g, &answer, &total));
    SKEP__TRY(skep__s3_object(g->s3, g->key, &answer, info));
    info->bytes = total;
    g->pinned = info->etag[0] != '\0';
    (void)skep__text_copy(g->etag, sizeof(g->etag), info->etag);
    if (g->end > total)
        g->end = total;
    return SKEP_OK;
}

int skep__s3_get_open(skep_store *store, const char *key, const skep_get_how *how, skep_get **out,
                      skep_object *info)
{
    SKEP__CLEANUP(skep__freep) s3_get *g = skep__calloc(1, sizeof(*g));
    if (g == NULL)
        return skep__oom();
    g->base.engine = store->engine;
    g->s3 = skep__s3_of(store);
    g->io = how->io;
    g->at = how->offset;
    g->end = UINT64_MAX;
    if (how->bytes != 0 && __builtin_add_overflow(how->offset, how->bytes, &g->end))
        g->end = UINT64_MAX;
    (void)skep__text_copy(g->key, sizeof(g->key), key);
    if (how->if_etag != NULL) {
        g->pinned = true;
        (void)skep__text_copy(g->etag, sizeof(g->etag), how->if_etag);
    }
    int rc = open_at(g, how, info);
    if (rc < 0) {
        disconnect(g);
        return rc;
    }
    *out = &SKEP__TAKE(g)->base;
    return SKEP_OK;
}

int skep__s3_get_read(skep_get *get, void *data, size_t len, size_t *got)
{
    s3_get *g = get_of(get);
    *got = 0;
    if (len > g->end - g->at)
        len = (size_t)(g->end - g->at);
    while (len > 0) {
        size_t n = 0;
        int rc = g->call != NULL
                     ? skep__net_read(g->call, data, len, &n)
                     : SKEP__FAIL(SKEP_ENET, "%s/%s: no connection", g->s3->name, g->key);
        g->at += n;
        *got = n;
        if (n > 0)
            return SKEP_OK;
        if (rc == SKEP_OK) /* a body that ends before the object does was cut somewhere */
            rc = SKEP__FAIL(SKEP_ENET, "%s/%s: the server has sent %llu bytes less than it said",
                            g->s3->name, g->key, (unsigned long long)(g->end - g->at));
        if (rc != SKEP_ENET && rc != SKEP_ETIMEOUT)
            return rc;
        skep__err_outcome(SKEP_OUTCOME_NONE);
        SKEP__TRY(go_on(g));
    }
    return SKEP_OK;
}

void skep__s3_get_close(skep_get *get)
{
    s3_get *g = get_of(get);
    skep__net_end(g->call);
    skep__free(g);
}
