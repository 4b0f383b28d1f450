/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_RING_H
#define SKEP__STORE_RING_H

#include <skep/seal.h>

#include "crypto/keyring.h"
#include "store/store.h"

/* The key ring that lies in a store, as one object. It is replaced only by who has seen what it
 * was: a change that another one came before is done again on what is there then.
 *
 * A store without compare-and-swap cannot promise that. There the ring is put, and read back until
 * it is what was put: of two changes at the same time one can be lost, never a ring be torn. */

#define SKEP__RING_KEY ".skep/keys"

typedef struct skep__ring {
    skep__keyring keys;
    char etag[SKEP_STORE_ETAG_MAX + 1]; /* "": it is not there yet */
} skep__ring;

skep__ring *skep__ring_new(void); /* NULL: no memory */
void skep__ring_freep(skep__ring **ring);

/* SKEP_ENOTFOUND: there is none. */
int skep__ring_read(skep_store *store, const skep_io *io, skep__ring *out) SKEP_CHECK;

/* What is to become of it. `ring` is as it was read; where there is none it is empty, of a new
 * lineage, and `there` is false. 1: it was changed; 0: it need not be. May be called many times. */
typedef int skep__ring_fn(skep__keyring *ring, bool there, void *ctx);

/* Change it, or make it. `*out` (may be NULL) is what it then is. Returns what `fn` did. */
int skep__ring_change(skep_store *store, const skep_io *io, skep__ring_fn *fn, void *ctx,
                      skep__ring *out) SKEP_CHECK;

/* Where `from` has a ring let `to` have it too, or what is sealed there and copied as it is opens
 * for nobody. SKEP_EEXISTS: it has another one. */
int skep__ring_carry(skep_store *from, skep_store *to, const skep_io *io) SKEP_CHECK;

#endif
