/* SPDX-License-Identifier: MIT */
/*
 * The stores of a mirror compared, one replica after the other, by walking its list and that of the
 * primary side by side. What differs goes the way of a change that was met on its way to a replica,
 * with nothing known of what the replica may hold: so all that is not the same is a conflict.
 */
#include <string.h>

#include "base/mem.h"
#include "store/front_private.h"
#include "store/mirror.h"

typedef struct side {
    skep_list *list;
    skep_object at;
    int more; /* 0: the end */
} side;

typedef struct repair {
    skep__mirror *m;
    size_t i;
    skep_io io;
    side primary;
    side replica;
    skep_sync_sum sum;
    skep_err first; /* failure; code 0: none */
    skep__mq_task task;
} repair;

static void sides_close(repair *r)
{
    skep_list_close(SKEP__TAKE(r->primary.list));
    skep_list_close(SKEP__TAKE(r->replica.list));
}

static int advance(side *s)
{
    s->at = (skep_object)SKEP_OBJECT_INIT;
    s->more = skep_list_next(s->list, &s->at);
    return s->more;
}

static int side_open(const repair *r, size_t i, side *out)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.io = skep__io_opts(&r->io);
    SKEP__TRY(skep_list_open(r->m->stores[i], &opts, &out->list));
    return advance(out);
}

/* As order() of a merge: negative where only the primary has the key. */
static int order(const repair *r)
{
    if (r->replica.more == 0)
        return -1;
    return r->primary.more == 0 ? 1 : strcmp(r->primary.at.key, r->replica.at.key);
}

static bool alike(const repair *r)
{
    return (r->primary.at.flags & r->replica.at.flags & SKEP_OBJECT_HASHED) != 0 &&
           memcmp(r->primary.at.hash, r->replica.at.hash, SKEP_STORE_HASH_BYTES) == 0;
}

/* With the key held, so that no put of this mirror is between its stores. */
static int follow_held(repair *r)
{
    skep__mirror *m = r->m;
    skep__held held;
    SKEP__TRY(skep__mirror_hold(m, &held, r->task.key, &r->io));
    int rc = SKEP_OK;
    if (m->queue == NULL || !skep__mq_behind(m->queue, r->i - 1, r->task.key))
        rc = skep__mirror_follow(m, r->i, r->task.key, &r->task, &r->io);
    skep__mirror_release(m, &held);
    return rc;
}

static void one(repair *r, int which)
{
    const char *key = which <= 0 ? r->primary.at.key : r->replica.at.key;
    r->task = (skep__mq_task){.removed = true, .held = true};
    memcpy(r->task.key, key, strlen(key) + 1);
    if (which == 0 && alike(r)) {
        r->sum.same++;
        return;
    }
    if (follow_held(r) < 0) {
        if (r->first.code >= 0)
            skep__err_save(&r->first);
        r->sum.failed++;
    } else if (!r->task.changed) {
        r->sum.same++;
    } else if (which < 0) {
        r->sum.copied++;
    } else {
        r->sum.replaced++;
    }
}

static int one_replica(repair *r)
{
    SKEP__TRY(side_open(r, 0, &r->primary));
    SKEP__TRY(side_open(r, r->i, &r->replica));
    while (r->primary.more > 0 || r->replica.more > 0) {
        SKEP__TRY(skep__io_check(&r->io));
        int which = order(r);
        one(r, which);
        if (which <= 0)
            SKEP__TRY(advance(&r->primary));
        if (which >= 0)
            SKEP__TRY(advance(&r->replica));
    }
    return SKEP_OK;
}

int skep_mirror_repair(skep_store *store, const skep_io_opts *opts, skep_sync_sum *out)
{
    SKEP__REQUIRE(store != NULL);
    if (store->engine != &skep__mirror_engine)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s is no mirror", skep_store_name(store));
    SKEP__TRY(skep__front_writable(store));
    SKEP__CLEANUP(skep__freep) repair *r = skep__calloc(1, sizeof(*r));
    if (r == NULL)
        return skep__oom();
    r->m = (skep__mirror *)store;
    SKEP__TRY(skep__front_io(opts, &r->io, NULL));
    int rc = SKEP_OK;
    for (r->i = 1; r->i < r->m->n && rc >= 0; r->i++) {
        rc = one_replica(r);
        sides_close(r);
    }
    if (rc < 0 && r->first.code >= 0)
        skep__err_save(&r->first);
    if (out != NULL) {
        r->sum.size = out->size;
        *out = r->sum;
    }
    return r->first.code < 0 ? skep__err_install(&r->first) : SKEP_OK;
}
