/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_CARRY_H
#define SKEP__STORE_CARRY_H

#include "store/store.h"

/* One object from a store to another, verified on the way: what is damaged there does not arrive
 * here. One that is replaced while it is read is read again from its beginning. */

typedef struct skep__carry {
    skep_store *from;
    const char *from_key;
    skep_store *to;
    const char *to_key;
    bool create;         /* the conditions of the put; at most one */
    const char *if_etag; /* or NULL */
    skep_io io;
    void (*moved)(void *ctx, uint64_t bytes); /* as they come; may be NULL */
    void *ctx;
} skep__carry;

/* `read` is what was copied, also where putting it failed, `written` what it became; both may be
 * NULL. Which side failed is in `*reading` (may be NULL). */
int skep__carry_object(const skep__carry *carry, skep_object *read, skep_object *written,
                       bool *reading) SKEP_CHECK;

/* The hash of an object as `info` or, where the store keeps none, all of its bytes tell it. */
int skep__carry_hash(skep_store *store, const char *key, const skep_io *io, skep_object *info)
    SKEP_CHECK;

/* Read all of it: is it what it should be? */
int skep__carry_verify(skep_store *store, const char *key, const skep_io *io) SKEP_CHECK;

/* Are they the same, byte by byte? 1, 0. */
int skep__carry_equal(const skep__carry *carry) SKEP_CHECK;

/* As head, but 0 where there is none, and 1 where there is. */
int skep__carry_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
    SKEP_CHECK;

#endif
