/* SPDX-License-Identifier: MIT */
#ifndef SKEP_MIRROR_H
#define SKEP_MIRROR_H

#include <skep/store.h>

/** A mirror: a primary store and one or more replicas of it, as one store. And how two stores are
 *  compared and made alike.
 *
 *  For loose objects; the history of a database goes through its replica.
 *
 *  Threads: shared.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_MIRROR_STORES_MAX 8

typedef enum skep_mirror_mode {
    SKEP_MIRROR_SYNC = 0, /**< a put succeeds when it is durable in all of them */
    SKEP_MIRROR_ASYNC = 1 /**< when it is durable in the primary and in a queue on disk */
} skep_mirror_mode;

/** Which one counts where they hold different objects under one key. The other is kept under a
 * branch name, never overwritten. */
typedef enum skep_conflict {
    SKEP_CONFLICT_LATEST = 0, /**< the one modified last */
    SKEP_CONFLICT_PRIMARY = 1,
    SKEP_CONFLICT_REPLICA = 2
} skep_conflict;

typedef struct skep_mirror_opts {
    uint32_t size;     /**< sizeof(skep_mirror_opts); SKEP_MIRROR_OPTS_INIT sets it */
    uint32_t mode;     /**< skep_mirror_mode */
    uint32_t conflict; /**< skep_conflict */
    uint32_t reserved;
    const char *queue;        /**< ASYNC: the directory of the queue, which one process may use at a
                                   time (SKEP_EBUSY) */
    uint64_t queue_objects;   /**< puts are SKEP_ELIMIT while so many wait; 1000000 */
    uint64_t queue_bytes;     /**< or so many bytes; 64 GiB */
    int64_t close_timeout_ms; /**< closing waits so long for the queue to be empty; 0: not at all */
} skep_mirror_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_MIRROR_OPTS_INIT skep__opts_init<skep_mirror_opts>()
#define SKEP_SYNC_OPTS_INIT skep__opts_init<skep_sync_opts>()
#else
#define SKEP_MIRROR_OPTS_INIT {.size = (uint32_t)sizeof(skep_mirror_opts)}
#define SKEP_SYNC_OPTS_INIT {.size = (uint32_t)sizeof(skep_sync_opts)}
#endif
/* clang-format on */

/** `stores[0]` is the primary. They belong to the mirror from here on; when this fails they stay
 * the caller's. */
SKEP_API int skep_store_mirror(skep_store *const *stores, size_t n, const skep_mirror_opts *opts,
                               skep_store **out) SKEP_CHECK;

/** How far the replicas are behind. */
typedef struct skep_mirror_lag {
    uint32_t size;    /**< set by the caller */
    uint32_t failing; /**< 1: the last try to empty the queue failed; `error` says why */
    uint64_t objects;
    uint64_t bytes;
    int64_t seconds; /**< age of the oldest; 0: none */
    skep_err error;
} skep_mirror_lag;

/** SKEP_EUNSUPPORTED of a store that is no mirror. */
SKEP_API int skep_mirror_lag_of(skep_store *store, skep_mirror_lag *out) SKEP_CHECK;
/** Wait until what was put before is in all replicas. */
SKEP_API int skep_mirror_flush(skep_store *store, const skep_io_opts *io) SKEP_CHECK;

/* ---- making two stores alike ---- */

typedef enum skep_sync_what {
    SKEP_SYNC_SAME = 0,    /**< nothing to do */
    SKEP_SYNC_COPY = 1,    /**< it is missing there */
    SKEP_SYNC_REPLACE = 2, /**< it differs there */
    SKEP_SYNC_DELETE = 3,  /**< it is only there */
    SKEP_SYNC_FAILED = 4   /**< it could not be done: `error` */
} skep_sync_what;

typedef struct skep_sync_step {
    uint32_t size;
    int32_t what; /**< skep_sync_what */
    const char *key;
    uint64_t bytes;
    const char *why;       /**< "size differs": static */
    const skep_err *error; /**< of FAILED */
} skep_sync_step;

typedef enum skep_compare {
    SKEP_COMPARE_DEFAULT = 0, /**< size, then hash; where one has no hash, size and time, and it is
                                   read for its hash if that says newer and the other has one */
    SKEP_COMPARE_SIZE = 1,
    SKEP_COMPARE_BYTES = 2, /**< read both */
    SKEP_COMPARE_NEVER = 3  /**< copy all */
} skep_compare;

typedef struct skep_sync_opts {
    uint32_t size;    /**< sizeof(skep_sync_opts); SKEP_SYNC_OPTS_INIT sets it */
    uint32_t dry_run; /**< 1: change nothing */
    uint32_t remove;  /**< 1: delete what is only there */
    uint32_t compare; /**< skep_compare */
    uint32_t jobs;    /**< objects at a time; 8 */
    uint32_t reserved;
    const char *from_prefix; /**< only keys below; "" or with a `/` at its end */
    const char *to_prefix;   /**< takes its place there */
    /** Called for each key that is not the same, one at a time, from any thread. Negative ends it.
     *  May be NULL. */
    int (*step)(const skep_sync_step *step, void *ctx);
    /** Called now and then, likewise: objects and bytes done, of those found so far; `all` once
     *  there are no more. May be NULL. */
    void (*progress)(uint64_t objects, uint64_t bytes, uint64_t of_objects, uint64_t of_bytes,
                     int all, void *ctx);
    void *ctx;
    skep_io_opts io;
} skep_sync_opts;

typedef struct skep_sync_sum {
    uint32_t size; /**< set by the caller */
    uint32_t reserved;
    uint64_t same;
    uint64_t copied;
    uint64_t replaced;
    uint64_t removed;
    uint64_t failed;
    uint64_t bytes; /**< moved */
} skep_sync_sum;

/** Make `to` hold what `from` holds. An object that cannot be copied does not end it: SKEP_OK only
 * if each succeeded, else the first failure. With dry_run the sum is what would be done. `out` (may
 * be NULL) is filled in also when it fails. What was done before it ended is done: the next one
 * goes on from there. Without prefixes the key ring of sealed objects (skep/seal.h) goes before
 * them; SKEP_EEXISTS: `to` has another one. */
SKEP_API int skep_store_sync(skep_store *from, skep_store *to, const skep_sync_opts *opts,
                             skep_sync_sum *out) SKEP_CHECK;

/** Compare the stores of a mirror and make them alike, after its rule: what loses is kept under a
 *  branch name. What only a replica holds was lost in the primary, or deleted while the replica
 *  could not be asked, which nobody knows: SKEP_CONFLICT_PRIMARY takes it away there and keeps it
 *  as a branch, the others give it back to the primary. What waits in the queue is left to it.
 *  `out` (may be NULL) is filled in also when this fails. SKEP_EUNSUPPORTED of a store that is no
 *  mirror. */
SKEP_API int skep_mirror_repair(skep_store *store, const skep_io_opts *io, skep_sync_sum *out)
    SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
