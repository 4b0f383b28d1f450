/* SPDX-License-Identifier: MIT */
#ifndef SKEP_SYS_DB_HOOKS_H
#define SKEP_SYS_DB_HOOKS_H

#include <skep/db.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Hooks of a database, for authors of replication and schema tools. A weaker promise than the
 *  rest of the API: fields may change with a minor release, `abi` then changes too.
 *
 *  One set of hooks can be attached at a time. Any function may be NULL. Threads: each says where
 *  it runs; none is called under a lock of the database, and none may call skep_write() or
 *  skep_read() on it.
 */
#define SKEP_DB_HOOKS_ABI 1

/** A commit, as the writer saw it. Commits are counted from 1 since the database was opened. */
typedef struct skep_commit {
    uint64_t number;    /**< of this commit among all of this handle */
    uint64_t wal_pages; /**< pages in the WAL after it */
    uint32_t calls;     /**< write calls that share it; 0: a VACUUM */
    uint32_t remote;    /**< of these, the SKEP_CALL_REMOTE ones that now wait for the gate */
} skep_commit;

typedef struct skep_db_hooks {
    uint32_t size;
    uint32_t abi; /**< SKEP_DB_HOOKS_ABI */
    void *ctx;

    /** Own the checkpoints: called instead of the database's own, in its maintenance thread, when
     *  the WAL has reached checkpoint_pages. `run` does one PASSIVE pass: with `exclusive` the
     *  writer is held meanwhile, so that a complete pass lets the next commit restart the WAL. */
    int (*checkpoint)(void *ctx, skep_db *db, uint64_t wal_pages);

    /** After each COMMIT, in the thread that led it, before its callers are answered. Short: every
     *  writer waits for it. */
    void (*after_commit)(void *ctx, const skep_commit *commit);

    /** The acknowledgement gate is there: SKEP_CALL_REMOTE calls are held after their commit until
     *  skep_db_acknowledge(). Without this flag such calls are SKEP_EUNSUPPORTED. */
    uint32_t gate;
    uint32_t reserved;

    /** Make a point to come back to, named `name`; in the caller's thread. */
    int (*restore_point)(void *ctx, skep_db *db, const char *name);

    /** The handle was poisoned: once, in the thread that met the failure. */
    void (*poisoned)(void *ctx, const skep_err *cause);
} skep_db_hooks;

/** Attach (copied) or, with NULL, detach. Waits for the writer; SKEP_EEXISTS if some are attached.
 *  Detaching answers held calls with SKEP_EUNREPLICATED. */
SKEP_API int skep_db_set_hooks(skep_db *db, const skep_db_hooks *hooks) SKEP_CHECK;

/** Answer, in order, the held calls of commits up to `number`: `code` SKEP_OK or a negative code
 *  such as SKEP_EUNREPLICATED, with `text` as detail; outcome is committed. */
SKEP_API int skep_db_acknowledge(skep_db *db, uint64_t number, int code, const char *text)
    SKEP_CHECK;

/** One checkpoint pass for the owner; `*left` gets the pages not yet written back. */
SKEP_API int skep_db_checkpoint_pass(skep_db *db, int exclusive, uint64_t *left) SKEP_CHECK;

/** Ask whoever is attached for a restore point; SKEP_EUNSUPPORTED if nobody makes one. */
SKEP_API int skep_db_restore_point(skep_db *db, const char *name) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
