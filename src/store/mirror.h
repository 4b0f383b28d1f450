/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_MIRROR_H
#define SKEP__STORE_MIRROR_H

#include <skep/mirror.h>

#include "base/cancel.h"
#include "base/thread.h"
#include "store/carry.h"
#include "store/mirror_queue.h"

/* What the files of the mirror share. The primary decides: a change is made there first, and the
 * replicas are made to follow. */

typedef struct skep__mirror skep__mirror;
typedef struct skep__held skep__held;

typedef struct skep__mirror_worker {
    skep__mirror *m;
    size_t replica; /* stores[replica + 1] */
    skep__thread thread;
} skep__mirror_worker;

struct skep__mirror {
    skep_store base;
    skep_mirror_opts opts; /* complete */
    char *name;
    size_t n;
    skep_store *stores[SKEP_MIRROR_STORES_MAX];
    skep__mq *queue; /* NULL: synchronous, or opened for reading */
    bool reader;     /* opened for reading: nothing is repaired, */
    char
        *queue_dir; /* … and what the queue of an asynchronous one holds is looked up in its file */
    skep_cancel stop; /* of what the workers do */
    skep__mirror_worker workers[SKEP__MQ_REPLICAS_MAX];

    skep__mutex mutex;
    skep__cond change;
    skep__held *held SKEP__GUARDED_BY(mutex); /* keys that somebody changes */
};

extern const skep_store_engine skep__mirror_engine;

/* The engine's calls, by file. */
int skep__mirror_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                           skep_put **out);
int skep__mirror_put_write(skep_put *put, const void *data, size_t len);
int skep__mirror_put_commit(skep_put *put, const uint8_t *hash, skep_object *out);
void skep__mirror_put_abort(skep_put *put);
int skep__mirror_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                        int *results);
int skep__mirror_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                      skep_object *out);
int skep__mirror_head(skep_store *store, const char *key, const skep_io *io, skep_object *out);
int skep__mirror_get_open(skep_store *store, const char *key, const skep_get_how *how,
                          skep_get **out, skep_object *info);
int skep__mirror_get_read(skep_get *get, void *data, size_t len, size_t *got);
void skep__mirror_get_close(skep_get *get);
int skep__mirror_list_open(skep_store *store, const skep_list_how *how, skep_list **out);
int skep__mirror_list_next(skep_list *list, skep_object *out);
void skep__mirror_list_close(skep_list *list);

/* ---- one at a time for each key (mirror_hold.c) ---- */

/* In this process, changes of a key are made one after the other, so that all stores see them in
 * the same order. The caller's storage; `key` is borrowed. */
struct skep__held {
    skep__held *next;
    const char *key;
};
int skep__mirror_hold(skep__mirror *m, skep__held *held, const char *key, const skep_io *io)
    SKEP_CHECK;
void skep__mirror_release(skep__mirror *m, skep__held *held);

/* ---- changing the primary (mirror_put.c) ---- */

/* What the primary holds under `key`, as a base for the queue. Nothing without one. */
int skep__mirror_intend(skep__mirror *m, const char *key, const skep_io *io,
                        skep__mq_intent *intent) SKEP_CHECK;
/* The failure of a replica after the primary was changed. */
int skep__mirror_unreplicated(const skep__mirror *m, size_t store);

/* ---- making a replica follow (mirror_follow.c) ---- */

/* Make stores[i] hold under `key` what the primary holds. `task`: look whether somebody else has
 * written there, and keep what loses; NULL: the primary is right. */
int skep__mirror_follow(skep__mirror *m, size_t i, const char *key, skep__mq_task *task,
                        const skep_io *io) SKEP_CHECK;
void skep__mirror_work(void *worker); /* the thread of a replica */

/* Decide between what two stores hold (`has_primary`: 0 where it was deleted at `deleted_us`). */
bool skep__mirror_primary_wins(skep_conflict rule, const skep_object *primary, int64_t deleted_us,
                               const skep_object *replica);
/* branches/KEY/TIME-HASH; `digits` of the hash. */
int skep__mirror_branch_key(const char *key, const skep_object *object, int digits,
                            char out[SKEP_STORE_KEY_MAX + 1]) SKEP_CHECK;
/* Keep what stores[i] holds under `key` as a branch, in the primary and for all replicas. */
int skep__mirror_keep(skep__mirror *m, size_t i, const char *key, const skep_object *object,
                      const skep_io *io) SKEP_CHECK;

#endif
