/* SPDX-License-Identifier: MIT */
/*
 * Changes. The primary is changed first and decides: conditions hold there, and of two writers, in
 * two processes as well, the one that it took last is right. The replicas are then made to follow.
 *
 * Synchronous: the bytes go to all stores at once, and up to the commit a failure of any of them
 * ends the put with nothing changed. Then the primary commits, then the replicas. One that fails
 * now leaves a put that is there but not everywhere, and is told as such: SKEP_EUNREPLICATED, with
 * the outcome `committed`. The other order would leave replicas with what was reported as failed
 * and what no reader saw. At last the primary is looked at again: if it holds something else by
 * now, another process came in between, whose bytes the replicas may have lost to ours.
 *
 * Asynchronous: the intent is durable before the primary commits; the rest is mirror_follow.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "base/point.h"
#include "store/front_private.h"
#include "store/mirror.h"

typedef struct mirror_put {
    skep_put base;
    skep__mirror *m;
    skep_put_how how;
    uint64_t written;
    skep_put *puts[SKEP_MIRROR_STORES_MAX];
    char key[SKEP_STORE_KEY_MAX + 1];
} mirror_put;

static skep__mirror *mirror_of(skep_store *store)
{
    return (skep__mirror *)store;
}

/* ---- shared ---- */

int skep__mirror_intend(skep__mirror *m, const char *key, const skep_io *io,
                        skep__mq_intent *intent)
{
    skep_object now = SKEP_OBJECT_INIT;
    int there = skep__carry_head(m->stores[0], key, io, &now);
    if (there == SKEP_ECORRUPT) /* nothing that a replica could hold */
        there = 0;
    SKEP__TRY(there);
    intent->key = key;
    if (there == 0)
        return SKEP_OK;
    int rc = skep__carry_hash(m->stores[0], key, io, &now);
    if (rc == SKEP_ENOTFOUND || rc == SKEP_ECORRUPT)
        return SKEP_OK;
    SKEP__TRY(rc);
    intent->has_base = true;
    memcpy(intent->base, now.hash, sizeof(intent->base));
    return SKEP_OK;
}

int skep__mirror_unreplicated(const skep__mirror *m, size_t store)
{
    skep_err err;
    skep__err_save(&err);
    (void)SKEP__FAIL(SKEP_EUNREPLICATED, "done in %s, not in %s: %s; skep store sync repairs it",
                     skep_store_name(m->stores[0]), skep_store_name(m->stores[store]), err.text);
    skep__err_outcome(SKEP_OUTCOME_COMMITTED);
    return SKEP_EUNREPLICATED;
}

/* After a change in all stores: does the primary still hold what we made of it? `etag`: "" where
 * that is nothing. */
static int check_order(skep__mirror *m, const char *key, const char *etag, const skep_io *io)
{
    skep_object now = SKEP_OBJECT_INIT;
    int there = skep__carry_head(m->stores[0], key, io, &now);
    if (there < 0 || (there > 0 ? strcmp(now.etag, etag) == 0 : etag[0] == '\0'))
        return SKEP_OK; /* one that cannot be asked has what it was told last, as far as we know */
    for (size_t i = 1; i < m->n; i++) {
        if (skep__mirror_follow(m, i, key, NULL, io) < 0)
            return skep__mirror_unreplicated(m, i);
    }
    return SKEP_OK;
}

/* ---- put ---- */

static skep_put_opts opts_of(const mirror_put *p, size_t store)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    if (store == 0) {
        opts.create = p->how.create;
        opts.if_etag = p->how.if_etag;
    }
    opts.bytes = p->how.bytes;
    opts.io = skep__io_opts(&p->how.io);
    return opts;
}

static void put_freep(mirror_put **put)
{
    mirror_put *p = *put;
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->m->n; i++)
        skep_put_abort(p->puts[i]);
    skep__free(p);
}

void skep__mirror_put_abort(skep_put *put)
{
    mirror_put *p = (mirror_put *)put;
    put_freep(&p);
}

/* How many stores a put writes to by itself. */
static size_t writes_to(const skep__mirror *m)
{
    return m->queue != NULL ? 1 : m->n;
}

int skep__mirror_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                           skep_put **out)
{
    skep__mirror *m = mirror_of(store);
    if (m->queue != NULL)
        SKEP__TRY(skep__mq_room(m->queue, key, how->bytes == SKEP_BYTES_UNKNOWN ? 0 : how->bytes));
    SKEP__CLEANUP(put_freep) mirror_put *p = skep__calloc(1, sizeof(*p));
    if (p == NULL)
        return skep__oom();
    p->base.engine = &skep__mirror_engine;
    p->m = m;
    p->how = *how;
    memcpy(p->key, key, strlen(key) + 1);
    for (size_t i = 0; i < writes_to(m); i++) {
        skep_put_opts opts = opts_of(p, i);
        SKEP__TRY(skep__front_put(m->stores[i], p->key, &opts, how->hash, &p->puts[i]));
    }
    *out = &SKEP__TAKE(p)->base;
    return SKEP_OK;
}

int skep__mirror_put_write(skep_put *put, const void *data, size_t len)
{
    mirror_put *p = (mirror_put *)put;
    for (size_t i = 0; i < writes_to(p->m); i++)
        SKEP__TRY(skep_put_write(p->puts[i], data, len));
    p->written += len;
    return SKEP_OK;
}

static int commit_one(mirror_put *p, size_t store, skep_object *out)
{
    return skep_put_commit(SKEP__TAKE(p->puts[store]), out);
}

static int commit_sync(mirror_put *p, skep_object *out)
{
    skep__mirror *m = p->m;
    int rc = SKEP_OK;
    SKEP__POINT("mirror.before_primary");
    SKEP__TRY(commit_one(p, 0, out));
    SKEP__POINT("mirror.after_primary");
    for (size_t i = 1; i < m->n; i++) {
        skep_object there = SKEP_OBJECT_INIT;
        if (commit_one(p, i, &there) < 0 && rc >= 0)
            rc = skep__mirror_unreplicated(m, i);
    }
    return rc < 0 ? rc : check_order(m, p->key, out->etag, &p->how.io);
}

static int commit_async(mirror_put *p, skep_object *out)
{
    skep__mirror *m = p->m;
    skep__mq_intent intent = {.bytes = p->written};
    SKEP__TRY(skep__mirror_intend(m, p->key, &p->how.io, &intent));
    SKEP__POINT("mirror.before_intent");
    SKEP__TRY(skep__mq_intents(m->queue, &intent, 1));
    SKEP__POINT("mirror.before_primary");
    int rc = commit_one(p, 0, out);
    SKEP__POINT("mirror.after_primary");
    skep__mq_settle(m->queue, p->key);
    return rc;
}

int skep__mirror_put_commit(skep_put *put, const uint8_t *hash, skep_object *out)
{
    mirror_put *p = (mirror_put *)put;
    skep__held held;
    skep_object made = SKEP_OBJECT_INIT;
    (void)hash; /* each store has made its own */
    int rc = skep__mirror_hold(p->m, &held, p->key, &p->how.io);
    if (rc >= 0) {
        rc = p->m->queue != NULL ? commit_async(p, &made) : commit_sync(p, &made);
        skep__mirror_release(p->m, &held);
    }
    skep__mirror_put_abort(put); /* what is left of it */
    if (rc >= 0)
        *out = made;
    return rc;
}

/* ---- delete ---- */

typedef struct removal {
    skep__mirror *m;
    const char *const *keys;
    size_t n;
    const skep_io *io;
    int *results;
    const char **order; /* of the keys, each once: all who hold several take them so */
    skep__held *held;
    size_t held_count;
    skep__mq_intent *intents;
} removal;

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void removal_end(removal *r)
{
    for (size_t i = 0; i < r->held_count; i++)
        skep__mirror_release(r->m, &r->held[i]);
    skep__free(r->order);
    skep__free(r->held);
    skep__free(r->intents);
}

static int hold_all(removal *r)
{
    for (size_t i = 0; i < r->n; i++)
        r->order[i] = r->keys[i];
    qsort(r->order, r->n, sizeof(r->order[0]), by_bytes);
    for (size_t i = 0; i < r->n; i++) {
        if (i > 0 && strcmp(r->order[i], r->order[i - 1]) == 0)
            continue;
        SKEP__TRY(skep__mirror_hold(r->m, &r->held[r->held_count], r->order[i], r->io));
        r->held_count++;
    }
    return SKEP_OK;
}

static int remove_async(removal *r)
{
    skep__mirror *m = r->m;
    skep_io_opts io = skep__io_opts(r->io);
    r->intents = skep__calloc(r->held_count, sizeof(*r->intents));
    if (r->intents == NULL)
        return skep__oom();
    for (size_t i = 0; i < r->held_count; i++) {
        r->intents[i].removes = true;
        SKEP__TRY(skep__mirror_intend(m, r->held[i].key, r->io, &r->intents[i]));
    }
    SKEP__TRY(skep__mq_intents(m->queue, r->intents, r->held_count));
    SKEP__POINT("mirror.before_primary");
    int rc = skep_store_delete_many(m->stores[0], r->keys, r->n, &io, r->results);
    for (size_t i = 0; i < r->held_count; i++)
        skep__mq_settle(m->queue, r->held[i].key);
    return rc;
}

/* What the primary kept, its replicas keep. */
static int remove_sync(removal *r)
{
    skep__mirror *m = r->m;
    skep_io_opts io = skep__io_opts(r->io);
    int rc = skep_store_delete_many(m->stores[0], r->keys, r->n, &io, r->results);
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->results[i] >= 0)
            r->order[n++] = r->keys[i];
    }
    for (size_t i = 1; i < m->n && n > 0; i++) {
        if (skep_store_delete_many(m->stores[i], r->order, n, &io, NULL) >= 0)
            continue;
        rc = skep__mirror_unreplicated(m, i);
        for (size_t k = 0; k < r->n; k++)
            r->results[k] = r->results[k] >= 0 ? rc : r->results[k];
    }
    return rc < 0 || r->n != 1 ? rc : check_order(m, r->keys[0], "", r->io);
}

int skep__mirror_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                        int *results)
{
    SKEP__CLEANUP(removal_end)
    removal r = {.m = mirror_of(store), .keys = keys, .n = n, .io = io, .results = results};
    r.order = skep__alloc_array(n, sizeof(r.order[0]));
    r.held = skep__alloc_array(n, sizeof(r.held[0]));
    if (r.order == NULL || r.held == NULL)
        return skep__oom();
    SKEP__TRY(hold_all(&r));
    return r.m->queue != NULL ? remove_async(&r) : remove_sync(&r);
}

/* ---- copy ---- */

static int copy_primary(skep__mirror *m, const char *from, const char *to, const skep_put_how *how,
                        skep_object *out)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = how->create;
    opts.if_etag = how->if_etag;
    opts.io = skep__io_opts(&how->io);
    return skep_store_copy(m->stores[0], from, to, &opts, out);
}

static int copy_async(skep__mirror *m, const char *from, const char *to, const skep_put_how *how,
                      skep_object *out)
{
    skep__mq_intent intent = {.key = to};
    skep_object source = SKEP_OBJECT_INIT;
    skep_io_opts io = skep__io_opts(&how->io);
    SKEP__TRY(skep_store_head(m->stores[0], from, &io, &source));
    intent.bytes = source.bytes;
    SKEP__TRY(skep__mirror_intend(m, to, &how->io, &intent));
    SKEP__TRY(skep__mq_intents(m->queue, &intent, 1));
    int rc = copy_primary(m, from, to, how, out);
    skep__mq_settle(m->queue, to);
    return rc;
}

static int copy_sync(skep__mirror *m, const char *from, const char *to, const skep_put_how *how,
                     skep_object *out)
{
    SKEP__TRY(copy_primary(m, from, to, how, out));
    for (size_t i = 1; i < m->n; i++) {
        if (skep__mirror_follow(m, i, to, NULL, &how->io) < 0)
            return skep__mirror_unreplicated(m, i);
    }
    return SKEP_OK;
}

int skep__mirror_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                      skep_object *out)
{
    skep__mirror *m = mirror_of(store);
    skep__held held;
    SKEP__TRY(skep__mirror_hold(m, &held, to, &how->io));
    int rc =
        m->queue != NULL ? copy_async(m, from, to, how, out) : copy_sync(m, from, to, how, out);
    skep__mirror_release(m, &held);
    return rc;
}
