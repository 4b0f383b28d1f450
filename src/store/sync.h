/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_SYNC_H
#define SKEP__STORE_SYNC_H

#include <skep/mirror.h>

#include "base/cancel.h"
#include "base/thread.h"
#include "store/carry.h"

/* What sync.c, which finds out what there is to look at, and sync_work.c, which does it, share. */

/* A key that is in one of the stores or in both; a zero `size` says that it is not there. */
typedef struct skep__sync_item {
    char tail[SKEP_STORE_KEY_MAX + 1]; /* behind the prefixes */
    skep_object from;
    skep_object to;
} skep__sync_item;

typedef struct skep__sync {
    skep_store *from;
    skep_store *to;
    skep_sync_opts opts; /* complete */
    uint32_t from_caps;
    uint32_t to_caps;
    skep_io io;       /* with `stop` for its cancel */
    skep_cancel stop; /* fires with the caller's */

    skep__mutex mutex;
    skep__cond change;                              /* of all below */
    skep__sync_item *items SKEP__GUARDED_BY(mutex); /* a ring */
    size_t room;
    size_t head SKEP__GUARDED_BY(mutex);
    size_t count SKEP__GUARDED_BY(mutex);
    bool all SKEP__GUARDED_BY(mutex);     /* no more will come */
    bool stopped SKEP__GUARDED_BY(mutex); /* the caller ended it, or a list failed */
    bool calling SKEP__GUARDED_BY(mutex); /* somebody is in one of the caller's functions */
    skep_sync_sum sum SKEP__GUARDED_BY(mutex);
    skep_err first SKEP__GUARDED_BY(mutex);   /* failure; code 0: none */
    uint64_t objects SKEP__GUARDED_BY(mutex); /* done */
    uint64_t bytes SKEP__GUARDED_BY(mutex);   /* done, moved or not */
    uint64_t of_objects SKEP__GUARDED_BY(mutex);
    uint64_t of_bytes SKEP__GUARDED_BY(mutex);
} skep__sync;

/* The body of each thread. */
void skep__sync_work(void *sync);
/* The failure that ends it all, in this thread's detail. */
void skep__sync_stop(skep__sync *s);
/* Tell how far it is. */
void skep__sync_tell(skep__sync *s);

#endif
