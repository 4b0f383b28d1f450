/* SPDX-License-Identifier: MIT */
/*
 * Reading. The primary is asked first, and what it says counts, also that there is no such object:
 * one that was deleted must not come back, and lists, which are the primary's, must agree. Where it
 * cannot be reached or what it holds is damaged, a replica is read that is not behind with this
 * key, as the queue tells. What was damaged is then put right in the primary.
 *
 * What fits in a block is read and verified before the first byte is given out, so that a damaged
 * object is passed over in silence. A longer one is given out as it comes: a transfer that is cut
 * goes on from a replica that holds the same; if the end does not verify the read fails, and the
 * next one finds it mended.
 */
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "store/mirror.h"

typedef struct mirror_get {
    skep_get base;
    skep__mirror *m;
    skep_get_how how;
    skep_get *next; /* NULL: all is in `block` */
    size_t store;   /* that it comes from */
    skep_object info;
    char *block;
    size_t len;  /* in it */
    uint64_t at; /* bytes that were given out */
    char key[SKEP_STORE_KEY_MAX + 1];
} mirror_get;

typedef struct mirror_list {
    skep_list base;
    skep__mirror *m;
    skep_list_how how;
    skep_list *next;
    size_t store;
    char last[SKEP_STORE_KEY_MAX + 1];
} mirror_list;

static skep__mirror *mirror_of(skep_store *store)
{
    return (skep__mirror *)store;
}

/* A failure of the store, not of the question. */
static bool is_outage(int rc)
{
    return rc == SKEP_ENET || rc == SKEP_EIO || rc == SKEP_ECORRUPT || rc == SKEP_ETIMEOUT;
}

/* May stores[i] answer for `key` (NULL: for all)? */
static bool is_current(skep__mirror *m, size_t i, const char *key)
{
    if (m->queue == NULL) /* a reader of an asynchronous one cannot know */
        return m->opts.mode == SKEP_MIRROR_SYNC;
    return !skep__mq_behind(m->queue, i - 1, key);
}

/* ---- putting the primary right ---- */

static int repair_held(skep__mirror *m, size_t i, const char *key, const skep_io *io)
{
    skep_object now = SKEP_OBJECT_INIT;
    uint32_t caps = 0;
    skep_io_opts opts = skep__io_opts(io);
    skep__carry c = {
        .from = m->stores[i], .from_key = key, .to = m->stores[0], .to_key = key, .io = *io};
    int there = skep__carry_head(m->stores[0], key, io, &now);
    if (there == 0 || !is_current(m, i, key))
        return SKEP_OK; /* it was deleted or replaced meanwhile */
    if (there < 0 && there != SKEP_ECORRUPT)
        return there;
    if (there > 0) { /* is it damaged, or is it a new one? */
        int rc = skep__carry_verify(m->stores[0], key, io);
        if (rc != SKEP_ECORRUPT)
            return rc;
        SKEP__TRY(skep_store_caps(m->stores[0], &opts, &caps));
        if ((caps & SKEP_STORE_CAN_SWAP) != 0 && now.bytes <= SKEP_STORE_SINGLE_MAX)
            c.if_etag = now.etag;
    }
    SKEP__TRY(skep__carry_object(&c, NULL, NULL, NULL));
    SKEP__EVENT(SKEP_WARNING, "store.mirror_repaired", {"store", skep_text(m->name)},
                {"key", skep_text(key)}, {"from", skep_text(skep_store_name(m->stores[i]))});
    return SKEP_OK;
}

/* Its failure is no failure of the read. */
static void repair(skep__mirror *m, size_t i, const char *key, const skep_io *io)
{
    skep__held held;
    if (m->reader)
        return;
    int rc = skep__mirror_hold(m, &held, key, io);
    if (rc >= 0) {
        rc = repair_held(m, i, key, io);
        skep__mirror_release(m, &held);
    }
    if (rc < 0)
        SKEP__EVENT(SKEP_WARNING, "store.mirror_repair_failed", {"store", skep_text(m->name)},
                    {"key", skep_text(key)}, {"error", skep_text(skep_last_error()->text)});
}

/* ---- head ---- */

int skep__mirror_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    skep__mirror *m = mirror_of(store);
    skep_err first;
    skep_io_opts opts = skep__io_opts(io);
    int rc = skep_store_head(m->stores[0], key, &opts, out);
    if (!is_outage(rc))
        return rc;
    skep__err_save(&first);
    for (size_t i = 1; i < m->n && skep__io_check(io) >= 0; i++) {
        opts = skep__io_opts(io);
        if (!is_current(m, i, key) || skep_store_head(m->stores[i], key, &opts, out) < 0)
            continue;
        if (rc == SKEP_ECORRUPT)
            repair(m, i, key, io);
        return SKEP_OK;
    }
    return skep__err_install(&first);
}

/* ---- get ---- */

static bool is_whole(const skep_get_how *how)
{
    return how->offset == 0 && how->bytes == 0;
}

/* Read what fits into a block, to its verified end. */
static int fill_block(mirror_get *g)
{
    size_t got = 0;
    g->block = skep__alloc(SKEP__CARRY_BLOCK);
    if (g->block == NULL)
        return skep__oom();
    do {
        SKEP__TRY(skep_get_read(g->next, g->block + g->len, SKEP__CARRY_BLOCK - g->len, &got));
        g->len += got;
    } while (got > 0 && g->len < SKEP__CARRY_BLOCK);
    if (got > 0) /* more than it said: its end says whether that is so */
        return SKEP_OK;
    skep_get_close(SKEP__TAKE(g->next));
    return SKEP_OK;
}

static int open_at(mirror_get *g, size_t i, uint64_t offset, uint64_t bytes)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.offset = offset;
    opts.bytes = bytes;
    opts.if_etag = g->how.if_etag;
    opts.io = skep__io_opts(&g->how.io);
    g->info = (skep_object)SKEP_OBJECT_INIT;
    return skep_get_open(g->m->stores[i], g->key, &opts, &g->next, &g->info);
}

/* Forget what came of a store that failed. */
static void let_go(mirror_get *g)
{
    skep_get_close(SKEP__TAKE(g->next));
    skep__free(SKEP__TAKE(g->block));
    g->len = 0;
}

static int open_one(mirror_get *g, size_t i)
{
    SKEP__TRY(open_at(g, i, g->how.offset, g->how.bytes));
    g->store = i;
    if (is_whole(&g->how) && g->info.bytes < SKEP__CARRY_BLOCK)
        return fill_block(g);
    return SKEP_OK;
}

static int open_any(mirror_get *g)
{
    skep_err first;
    skep__mirror *m = g->m;
    int rc = open_one(g, 0);
    if (!is_outage(rc))
        return rc;
    skep__err_save(&first);
    for (size_t i = 1; i < m->n && skep__io_check(&g->how.io) >= 0; i++) {
        let_go(g);
        if (!is_current(m, i, g->key) || open_one(g, i) < 0)
            continue;
        if (rc == SKEP_ECORRUPT)
            repair(m, i, g->key, &g->how.io);
        return SKEP_OK;
    }
    return skep__err_install(&first);
}

void skep__mirror_get_close(skep_get *get)
{
    mirror_get *g = (mirror_get *)get;
    let_go(g);
    skep__free(g);
}

int skep__mirror_get_open(skep_store *store, const char *key, const skep_get_how *how,
                          skep_get **out, skep_object *info)
{
    mirror_get *g = skep__calloc(1, sizeof(*g));
    if (g == NULL)
        return skep__oom();
    g->base.engine = &skep__mirror_engine;
    g->m = mirror_of(store);
    g->how = *how;
    memcpy(g->key, key, strlen(key) + 1);
    int rc = open_any(g);
    if (rc < 0) {
        skep__mirror_get_close(&g->base);
        return rc;
    }
    *info = g->info;
    *out = &g->base;
    return SKEP_OK;
}

/* Go on from a store that holds the same, behind what was given out. */
static bool go_on(mirror_get *g)
{
    const skep_object was = g->info;
    if ((was.flags & SKEP_OBJECT_HASHED) == 0)
        return false;
    for (size_t i = 0; i < g->m->n && skep__io_check(&g->how.io) >= 0; i++) {
        if (i == g->store)
            continue;
        skep_get_close(SKEP__TAKE(g->next));
        int rc = open_at(g, i, g->how.offset + g->at, g->how.bytes == 0 ? 0 : g->how.bytes - g->at);
        bool same = rc >= 0 && (g->info.flags & SKEP_OBJECT_HASHED) != 0 &&
                    memcmp(g->info.hash, was.hash, sizeof(was.hash)) == 0;
        g->info = was;
        g->store = i;
        if (same)
            return true;
    }
    return false;
}

static void repair_from_any(mirror_get *g)
{
    for (size_t i = 1; i < g->m->n; i++) {
        if (is_current(g->m, i, g->key)) {
            repair(g->m, i, g->key, &g->how.io);
            return;
        }
    }
}

static int read_next(mirror_get *g, void *data, size_t len, size_t *got)
{
    skep_err err;
    const size_t store = g->store;
    int rc = skep_get_read(g->next, data, len, got);
    if (!is_outage(rc))
        return rc;
    skep__err_save(&err);
    if (rc == SKEP_ECORRUPT) {
        if (store == 0)
            repair_from_any(g);
        return skep__err_install(&err);
    }
    if (g->how.bytes == 0 || g->at < g->how.bytes) {
        if (go_on(g))
            return skep_get_read(g->next, data, len, got);
    }
    return skep__err_install(&err);
}

int skep__mirror_get_read(skep_get *get, void *data, size_t len, size_t *got)
{
    mirror_get *g = (mirror_get *)get;
    if (g->at < g->len) {
        size_t left = g->len - (size_t)g->at;
        *got = len < left ? len : left;
        memcpy(data, g->block + g->at, *got);
    } else if (g->next == NULL) {
        *got = 0;
    } else {
        SKEP__TRY(read_next(g, data, len, got));
    }
    g->at += *got;
    return SKEP_OK;
}

/* ---- list ---- */

static int list_at(mirror_list *l, size_t i)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = l->how.prefix;
    opts.after = l->last;
    opts.limit = 0;
    opts.io = skep__io_opts(&l->how.io);
    l->store = i;
    return skep_list_open(l->m->stores[i], &opts, &l->next);
}

/* From the first store that has all there is, behind the last key. */
static int list_any(mirror_list *l)
{
    skep_err first;
    skep__err_save(&first);
    for (size_t i = l->store + 1; i < l->m->n && skep__io_check(&l->how.io) >= 0; i++) {
        skep_list_close(SKEP__TAKE(l->next));
        if (is_current(l->m, i, NULL) && list_at(l, i) >= 0)
            return SKEP_OK;
    }
    return skep__err_install(&first);
}

int skep__mirror_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    mirror_list *l = skep__calloc(1, sizeof(*l));
    if (l == NULL)
        return skep__oom();
    l->base.engine = &skep__mirror_engine;
    l->m = mirror_of(store);
    l->how = *how;
    memcpy(l->last, how->after, strlen(how->after) + 1);
    int rc = list_at(l, 0);
    if (is_outage(rc))
        rc = list_any(l);
    if (rc < 0) {
        skep__free(l);
        return rc;
    }
    *out = &l->base;
    return SKEP_OK;
}

int skep__mirror_list_next(skep_list *list, skep_object *out)
{
    mirror_list *l = (mirror_list *)list;
    int rc = skep_list_next(l->next, out);
    while (is_outage(rc)) {
        SKEP__TRY(list_any(l));
        rc = skep_list_next(l->next, out);
    }
    if (rc > 0)
        memcpy(l->last, out->key, strlen(out->key) + 1);
    return rc;
}

void skep__mirror_list_close(skep_list *list)
{
    mirror_list *l = (mirror_list *)list;
    skep_list_close(l->next);
    skep__free(l);
}
