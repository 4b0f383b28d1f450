/* SPDX-License-Identifier: MIT */
/* Reading. What was opened is pinned by its ETag: a transfer that is cut goes on behind what has
 * arrived, in the same object or not at all. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/remote_private.h"

typedef struct remote_get {
    skep_get base;
    skep__remote *r;
    skep_io io;
    skep__net_call *call; /* NULL: none is open */
    skep__remote_answer answer;
    uint64_t at, end;                   /* in the object; UINT64_MAX: to its end */
    bool moved;                         /* something has come since the connection was opened */
    skep__retry retry;                  /* since something moved */
    char etag[SKEP_STORE_ETAG_MAX + 1]; /* "": any */
    char key[SKEP_STORE_KEY_MAX + 1];
} remote_get;

static remote_get *get_of(skep_get *get)
{
    return (remote_get *)(void *)get;
}

static void fresh_patience(remote_get *g)
{
    skep__retry_init(&g->retry, g->r->retry_ms, g->io.deadline_ns, g->io.cancel);
}

/* Does the answer begin where it was asked to, in an object that can be gone on with? */
static int fits(const remote_get *g)
{
    const skep__remote_answer *a = &g->answer;
    bool begins = a->status == 206 ? a->first == g->at && a->total != UINT64_MAX
                                   : a->status == 200 && g->at == 0 && a->bytes != UINT64_MAX;
    if (begins && a->etag[0] != '\0' && (g->etag[0] == '\0' || strcmp(g->etag, a->etag) == 0))
        return SKEP_OK;
    return SKEP__FAIL(SKEP_ENET, "%s: %s: it sends something else than bytes %llu and on of %s",
                      g->r->name, g->key, (unsigned long long)g->at,
                      g->etag[0] != '\0' ? g->etag : "it");
}

/* Ask for [at, end). */
static int connect_once(remote_get *g)
{
    char range[64];
    char match[SKEP_STORE_ETAG_MAX + 32];
    size_t n = 0;
    skep__remote_ask ask = {.method = "GET", .route = "objects/", .key = g->key, .io = &g->io};
    if (g->end != UINT64_MAX)
        (void)snprintf(range, sizeof(range), "Range: bytes=%llu-%llu", (unsigned long long)g->at,
                       (unsigned long long)g->end - 1);
    else
        (void)snprintf(range, sizeof(range), "Range: bytes=%llu-", (unsigned long long)g->at);
    if (g->at != 0 || g->end != UINT64_MAX)
        ask.headers[n++] = range;
    (void)snprintf(match, sizeof(match), "If-Match: \"%s\"", g->etag);
    if (g->etag[0] != '\0')
        ask.headers[n++] = match;
    g->moved = false;
    SKEP__TRY(skep__remote_head_of(g->r, &ask, &g->answer, &g->call));
    int rc = fits(g);
    if (rc < 0) {
        skep__net_end(g->call);
        g->call = NULL;
    }
    return rc;
}

/* As often as it takes. */
static int connect_again(remote_get *g)
{
    for (;;) {
        int rc = connect_once(g);
        if (rc >= 0 || !g->answer.again)
            return rc;
        SKEP__TRY(skep__retry_again(&g->retry, g->answer.retry_after_ms));
    }
}

/* The connection has broken; what it failed with stands in the error detail. */
static int go_on(remote_get *g)
{
    skep__net_end(g->call);
    g->call = NULL;
    if (g->moved)
        fresh_patience(g);
    else
        SKEP__TRY(skep__retry_again(&g->retry, -1));
    int rc = connect_again(g);
    if (rc < 0 && (g->answer.status == 412 || g->answer.status == 404))
        return SKEP__FAIL(SKEP_ECONFLICT, "%s: %s was %s while it was read", g->r->name, g->key,
                          g->answer.status == 412 ? "replaced" : "deleted");
    return rc;
}

/* A range that begins at or behind the end: which of the two only the length tells. */
static int at_the_end(remote_get *g, const skep_get_how *how, skep_object *info)
{
    skep_object there = SKEP_OBJECT_INIT;
    SKEP__TRY(skep__remote_head(&g->r->base, g->key, &g->io, &there));
    if (how->if_etag != NULL && strcmp(how->if_etag, there.etag) != 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s: %s is another object by now", g->r->name, g->key);
    if (how->offset < there.bytes)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s: %s was replaced while it was opened", g->r->name,
                          g->key);
    if (how->offset > there.bytes)
        return SKEP__FAIL(SKEP_EINVALID, "%s: %s has %llu bytes, none at %llu", g->r->name, g->key,
                          (unsigned long long)there.bytes, (unsigned long long)how->offset);
    g->end = g->at;
    *info = there;
    return SKEP_OK;
}

static int open_at(remote_get *g, const skep_get_how *how, skep_object *info)
{
    const skep__remote_answer *a = &g->answer;
    int rc = connect_again(g);
    if (rc < 0 && a->status == 416)
        return at_the_end(g, how, info);
    if (rc < 0 && a->status == 412)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s: %s is another object by now", g->r->name, g->key);
    SKEP__TRY(rc);
    info->flags = (a->hashed ? SKEP_OBJECT_HASHED : 0) | (a->sealed ? SKEP_OBJECT_SEALED : 0);
    info->bytes = a->status == 206 ? a->total : a->bytes;
    info->modified_us = a->modified_us;
    memcpy(info->hash, a->hash, sizeof(info->hash));
    (void)skep__text_copy(info->etag, sizeof(info->etag), a->etag);
    (void)skep__text_copy(info->key, sizeof(info->key), g->key);
    (void)skep__text_copy(g->etag, sizeof(g->etag), a->etag);
    if (g->end > info->bytes)
        g->end = info->bytes;
    return SKEP_OK;
}

static void get_freep(remote_get **g)
{
    if (*g != NULL)
        skep__remote_get_close(&(*g)->base);
}

int skep__remote_get_open(skep_store *store, const char *key, const skep_get_how *how,
                          skep_get **out, skep_object *info)
{
    SKEP__CLEANUP(get_freep) remote_get *g = skep__calloc(1, sizeof(*g));
    if (g == NULL)
        return skep__oom();
    g->base.engine = store->engine;
    g->r = skep__remote_of(store);
    g->io = how->io;
    g->at = how->offset;
    if (how->bytes == 0 || __builtin_add_overflow(how->offset, how->bytes, &g->end))
        g->end = UINT64_MAX;
    (void)skep__text_copy(g->key, sizeof(g->key), key);
    if (how->if_etag != NULL)
        (void)skep__text_copy(g->etag, sizeof(g->etag), how->if_etag);
    fresh_patience(g);
    SKEP__TRY(open_at(g, how, info));
    *out = &SKEP__TAKE(g)->base;
    return SKEP_OK;
}

int skep__remote_get_read(skep_get *get, void *data, size_t len, size_t *got)
{
    remote_get *g = get_of(get);
    *got = 0;
    if (len > g->end - g->at)
        len = (size_t)(g->end - g->at);
    while (len > 0) {
        size_t n = 0;
        int rc = g->call != NULL
                     ? skep__net_read(g->call, data, len, &n)
                     : SKEP__FAIL(SKEP_ENET, "%s: %s: no connection", g->r->name, g->key);
        g->at += n;
        g->moved |= n > 0;
        *got = n;
        if (n > 0)
            return SKEP_OK;
        if (rc >= 0) /* a body that ends before the object does was cut somewhere */
            rc = SKEP__FAIL(SKEP_ENET, "%s: %s: it has sent %llu bytes less than it said",
                            g->r->name, g->key, (unsigned long long)(g->end - g->at));
        if (rc != SKEP_ENET && rc != SKEP_ETIMEOUT)
            return rc;
        SKEP__TRY(skep__io_check(&g->io));
        SKEP__TRY(go_on(g));
    }
    return SKEP_OK;
}

void skep__remote_get_close(skep_get *get)
{
    remote_get *g = get_of(get);
    skep__net_end(g->call);
    skep__free(g);
}
