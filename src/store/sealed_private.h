/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_SEALED_PRIVATE_H
#define SKEP__STORE_SEALED_PRIVATE_H

#include <stdatomic.h>

#include "base/thread.h"
#include "crypto/sealed.h"
#include "store/ring.h"

/* The sealed store: what its files share. */

/* A data key that was opened. Lives as long as the store. */
typedef struct sealed_key {
    struct sealed_key *next;
    skep__data_key *key;
} sealed_key;

/* A ring as it was read once, for whoever is looking at it. */
typedef struct sealed_ring {
    _Atomic uint32_t refs;
    skep__ring ring;
} sealed_ring;

typedef struct sealed_store {
    skep_store base;
    skep_store *next;
    skep_key *key;         /* NULL: writes what it cannot read */
    skep__data_key *boxed; /* without `key`: of this handle alone */
    bool padded;
    size_t recipients_count;
    skep__recipient recipients[SKEP__SEALED_BOXES_MAX];
    char name[SKEP_STORE_URI_MAX + 16];

    skep__mutex mutex;
    skep__cond read; /* somebody has come back from reading the ring */
    bool reading SKEP__GUARDED_BY(mutex);
    uint64_t readings SKEP__GUARDED_BY(mutex);
    sealed_ring *ring SKEP__GUARDED_BY(mutex); /* NULL: not read, or there is none */
    sealed_key *keys SKEP__GUARDED_BY(mutex);
    const skep__data_key *newest SKEP__GUARDED_BY(mutex); /* to seal with */
} sealed_store;

extern const skep_store_engine skep__sealed_engine;

/* The key to seal with: the ring is read, or made. Borrowed as long as the store. */
int skep__sealed_key_to_put(sealed_store *s, const skep_io *io, const skep__data_key **out)
    SKEP_CHECK;
/* The key that an object was sealed with. `*owned` is set where it belongs to that object alone;
 * the caller frees it. SKEP_EAUTH: there is none that the store's key opens. */
int skep__sealed_key_of(sealed_store *s, const skep_io *io, const skep__sealed_head *head,
                        const skep__data_key **out, skep__data_key **owned) SKEP_CHECK;
void skep__sealed_keys_dispose(sealed_store *s);

/* The failure that is being passed up, with the name of the object before it. */
int skep__sealed_named(const sealed_store *s, const char *key, int rc) SKEP_CHECK;

/* The engine's functions. */
int skep__sealed_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                           skep_put **out) SKEP_CHECK;
int skep__sealed_put_write(skep_put *put, const void *data, size_t len) SKEP_CHECK;
int skep__sealed_put_commit(skep_put *put, const uint8_t *hash, skep_object *out) SKEP_CHECK;
void skep__sealed_put_abort(skep_put *put);
int skep__sealed_get_info(skep_store *store, const char *key, const skep_io *io, skep_object *out)
    SKEP_CHECK;
int skep__sealed_get_open(skep_store *store, const char *key, const skep_get_how *how,
                          skep_get **out, skep_object *info) SKEP_CHECK;
int skep__sealed_get_read(skep_get *get, void *data, size_t len, size_t *got) SKEP_CHECK;
void skep__sealed_get_close(skep_get *get);

#endif
