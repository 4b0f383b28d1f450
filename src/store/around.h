/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_AROUND_H
#define SKEP__STORE_AROUND_H

#include "store/store.h"

/* Filters that pass every call on as it is, and only look at it or let it wait: what they have in
 * common. Each brings a table of hooks. */

typedef enum skep__around_kind {
    SKEP__AROUND_HEAD,
    SKEP__AROUND_DELETE,
    SKEP__AROUND_COPY,
    SKEP__AROUND_PUT,
    SKEP__AROUND_GET,
    SKEP__AROUND_LIST,
    SKEP__AROUND_KINDS
} skep__around_kind;

extern const char *const skep__around_names[SKEP__AROUND_KINDS]; /* "head" … */

/* One call, or one stream from its opening to its end. */
typedef struct skep__around_call {
    skep__around_kind kind;
    const char *key; /* of a list its prefix; of many deleted the first */
    uint64_t count;  /* objects that were deleted or listed; else 1 */
    uint64_t bytes;  /* of content that came through here */
    uint64_t begun_ns;
    int rc; /* how it ended; SKEP_ECANCELLED: a put that was aborted */
} skep__around_call;

typedef struct skep__around skep__around;
typedef struct skep__around_hooks {
    const char *name; /* of the engine */
    /* A call begins: may wait, and fail. */
    int (*enter)(skep__around *around, const skep_io *io);
    /* So many bytes are to be written, or were read: may wait, and fail. */
    int (*move)(skep__around *around, uint64_t bytes, const skep_io *io);
    /* What entered has ended. This thread's error detail is kept around it. */
    void (*leave)(skep__around *around, const skep__around_call *call);
    void (*dispose)(skep__around *around);
} skep__around_hooks;

struct skep__around { /* first in each filter's own structure */
    skep_store base;
    skep_store *next;
    const skep__around_hooks *hooks;
};

/* Adopt `around`, which is zeroed memory but for the filter's own fields, around `next`. Frees it
 * when that fails; `next` stays the caller's then. */
int skep__around_adopt(skep__around *around, const skep__around_hooks *hooks, skep_store *next)
    SKEP_CHECK;
/* The filter that a store is, if it has these hooks; else NULL. */
skep__around *skep__around_of(skep_store *store, const skep__around_hooks *hooks);

#endif
