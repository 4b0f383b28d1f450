/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_FRONT_PRIVATE_H
#define SKEP__STORE_FRONT_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/hash.h"
#include "base/settings.h"
#include "store/store.h"

/* The front: what hangs on the `front` of an engine's structures. */

typedef struct skep__front {
    bool readonly;
    int64_t retry_ms;
    atomic_bool hands_copies; /* to an engine that cannot copy inside, too */
    atomic_bool own;          /* keys under `.skep/` pass */
    _Atomic uint32_t caps;    /* as tried; SKEP__CAPS_KNOWN with it */
} skep__front;

#define SKEP__CAPS_KNOWN (1u << 31)

/* What moves, told to the caller. */
typedef struct skep__progress {
    void (*fn)(uint64_t done, uint64_t total, void *ctx);
    void *ctx;
    uint64_t total;
} skep__progress;

extern const skep__settings_table skep__store_settings;

/* Adopt a store with options that skep__settings_take() has completed. */
int skep__front_adopt(skep_store *store, const skep_store_opts *opts) SKEP_CHECK;
/* From now on copies are the engine's: for filters, which pass them on. */
void skep__front_hand_copies(skep_store *store);
const skep__front *skep__front_of(const skep_store *store);

/* Copy a caller's options to `out` (`size` bytes, its default already in it): a shorter one comes
 * from an older header, a longer one is SKEP_EUNSUPPORTED unless its rest is zero. */
int skep__front_opts(void *out, size_t size, const void *given, const char *what) SKEP_CHECK;

/* Start a call: its deadline counts from here. `progress` may be NULL. */
int skep__front_io(const skep_io_opts *opts, skep_io *io, skep__progress *progress) SKEP_CHECK;
void skep__front_progress(const skep__progress *progress, uint64_t done);

int skep__front_key(const skep_store *store, const char *key) SKEP_CHECK;
/* May this store be changed? */
int skep__front_writable(const skep_store *store) SKEP_CHECK;
/* The bits of `skep_store_caps()`, tried where they are to be. */
int skep__front_caps(skep_store *store, const skep_io *io, uint32_t *caps) SKEP_CHECK;
/* Can the store keep the condition of a put, on so many bytes (SKEP_BYTES_UNKNOWN)? */
int skep__front_condition(skep_store *store, const skep_put_opts *opts, uint64_t bytes,
                          const skep_io *io) SKEP_CHECK;

/* Give an object to a caller whose structure may be older. NULL: it did not ask. */
int skep__front_object_asked(const skep_object *out) SKEP_CHECK;
void skep__front_object(const skep_object *object, skep_object *out);

/* A put whose content is known beforehand or not: skep_put_begin() with what else the front knows.
 * `hash` may be NULL. */
int skep__front_put(skep_store *store, const char *key, const skep_put_opts *opts,
                    const uint8_t *hash, skep_put **out) SKEP_CHECK;

#endif
