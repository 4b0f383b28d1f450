/* SPDX-License-Identifier: MIT */
#ifndef SKEP_SYS_STORE_ENGINE_H
#define SKEP_SYS_STORE_ENGINE_H

#include <skep/store.h>

/** For authors of object stores and of filters, which are stores that hold the next one. A weaker
 *  promise than the rest of the API: `abi` changes when this does.
 *
 *  An engine is a const table. Its structures begin with those below, which skep fills in after the
 *  engine has made them. skep checks all arguments before it calls: keys are valid, options
 *  complete (never NULL, all text NUL or valid), conditions within what `caps` said, writes within
 *  SKEP_STORE_BYTES_MAX and at the commit as many as `bytes` said, `io` not over yet (an engine
 *  that waits goes on looking at it). Text is borrowed for the call, unless it says until when. An
 *  object to be filled in is never NULL and zero but for its `size`; the engine sets all the rest,
 *  `key` too. Every failure is a code of skep/status.h with its detail set by skep_fail(). An
 *  engine promises what skep/store.h says about stores.
 *
 *  Threads: what takes a skep_store may be called by many at once; a skep_put, skep_get and
 * skep_list by one at a time, not always the same.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_STORE_ENGINE_ABI 1

/** How long a call may take and what ends it. */
typedef struct skep_io {
    uint64_t deadline_ns; /**< CLOCK_MONOTONIC; 0: none */
    skep_cancel *cancel;  /**< may be NULL; skep_cancel_fired() */
} skep_io;

/** The condition and the size of a put. */
typedef struct skep_put_how {
    uint32_t create;
    uint32_t reserved;
    const char *if_etag; /**< NULL: none. At most one of the two; borrowed until the put ends */
    uint64_t bytes;      /**< SKEP_BYTES_UNKNOWN, or what must have been written at the commit */
    const uint8_t *hash; /**< of the content, if it is known beforehand; or NULL */
    const void *content; /**< all `bytes` of it, where it lies in memory until the put ends; or
                            NULL. It is written piece by piece all the same */
    skep_io io;
} skep_put_how;

typedef struct skep_get_how {
    uint64_t offset;
    uint64_t bytes;      /**< 0: to the end */
    const char *if_etag; /**< NULL: any; borrowed until the get ends */
    skep_io io;
} skep_get_how;

typedef struct skep_list_how {
    const char *prefix; /**< ""; borrowed until the list ends, as `after` */
    const char *after;  /**< "" */
    uint64_t limit;     /**< 0: none. A hint: skep stops by itself */
    skep_io io;
} skep_list_how;

enum {
    SKEP_ENGINE_OWN_HASH = 1u << 0 /**< it takes a hash of its own of what is put, so skep takes
                                        none: that of put_commit means nothing */
};

typedef struct skep_store_engine {
    uint32_t abi;     /**< SKEP_STORE_ENGINE_ABI */
    uint32_t flags;   /**< SKEP_ENGINE_… */
    const char *name; /**< "s3": static */

    int (*close)(skep_store *store);                  /**< frees */
    const char *(*describe)(const skep_store *store); /**< without secrets; borrowed */
    /** What there is to say without trying. `*probe`: the bits of SKEP_STORE_CAN_CREATE and
     *  SKEP_STORE_CAN_SWAP that skep must try first; they are then also in `*caps`. A filter asks
     *  the store that it holds (skep_store_caps()), which may need a server, and probes nothing. */
    int (*caps)(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe);

    int (*head)(skep_store *store, const char *key, const skep_io *io, skep_object *out);
    /** `results` is never NULL; `n` at most SKEP_STORE_DELETE_MAX. */
    int (*remove)(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                  int *results);
    /** Only called with SKEP_STORE_CAN_COPY. SKEP_EUNSUPPORTED: skep does it by get and put. */
    int (*copy)(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                skep_object *out);

    int (*put_begin)(skep_store *store, const char *key, const skep_put_how *how, skep_put **out);
    int (*put_write)(skep_put *put, const void *data, size_t len);
    /** `hash` is that of what was written. Frees, also when it fails. */
    int (*put_commit)(skep_put *put, const uint8_t *hash, skep_object *out);
    void (*put_abort)(skep_put *put); /**< frees */

    /** Fills in `*info` as head does. skep compares what is read in full with `info->hash`. */
    int (*get_open)(skep_store *store, const char *key, const skep_get_how *how, skep_get **out,
                    skep_object *info);
    int (*get_read)(skep_get *get, void *data, size_t len, size_t *got);
    void (*get_close)(skep_get *get);

    int (*list_open)(skep_store *store, const skep_list_how *how, skep_list **out);
    int (*list_next)(skep_list *list, skep_object *out); /**< 1, 0 at the end */
    void (*list_close)(skep_list *list);
} skep_store_engine;

#define SKEP_STORE_DELETE_MAX 1000

/* The first member of an engine's own structures. The engine sets `engine`, skep the rest. */
struct skep_store {
    const skep_store_engine *engine;
    void *front; /**< skep's own; NULL until skep_store_adopt() */
};
struct skep_put {
    const skep_store_engine *engine;
    void *front;
};
struct skep_get {
    const skep_store_engine *engine;
    void *front;
};
struct skep_list {
    const skep_store_engine *engine;
    void *front;
};

/** Make a store that an engine has opened one that skep_store_…() can be called on; consumes it
 * when it fails. A filter calls the public functions on the store that it holds. */
SKEP_API int skep_store_adopt(skep_store *store) SKEP_CHECK;

/** Let keys under `.skep/` pass on this store: for a filter that keeps something there, and for a
 *  server of such a filter. Not for applications. */
SKEP_API void skep_store_allow_own(skep_store *store);

/** Fill this thread's error detail (skep_last_error()) and return `code`: `room` names who speaks,
 *  the text says what, which, why, in one line without secrets. */
SKEP_API int skep_fail(int code, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Set the outcome of the failure that is being passed up. */
SKEP_API void skep_fail_outcome(skep_outcome outcome);

#ifdef __cplusplus
}
#endif
#endif
