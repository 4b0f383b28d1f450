/* SPDX-License-Identifier: MIT */
#ifndef SKEP_MAINTAIN_H
#define SKEP_MAINTAIN_H

#include <skep/db.h>

/** Maintenance by hand. A database does all of it by itself as well (settings db.optimize_interval,
 *  db.checkpoint_pages), except VACUUM.
 *
 *  Threads: shared. Other calls on the database go on; writes wait for the steps that need the
 *  writer.
 */

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SKEP_MAINTAIN_ANALYZE = 1u << 0, /**< skep_db_optimize(): statistics of every table, not only of
                                          those that seem to need it */
    SKEP_MAINTAIN_VACUUM = 1u << 1,  /**< skep_db_optimize(): write the file anew without free
                                          pages. Writers wait. Needs twice its size on disk, and
                                          once more for a temporary file, or, where the file is
                                          encrypted, in memory */
    SKEP_MAINTAIN_TRUNCATE = 1u << 2 /**< skep_db_checkpoint(): also cut the -wal to nothing */
};

/** Zero means the default for each field. */
typedef struct skep_maintain_opts {
    uint32_t size;       /**< sizeof(skep_maintain_opts); SKEP_MAINTAIN_OPTS_INIT sets it */
    uint32_t flags;      /**< SKEP_MAINTAIN_… */
    int64_t timeout_ms;  /**< 0: db.busy_timeout for the waits, no limit for the work */
    skep_cancel *cancel; /**< may be NULL */
    /** Called now and then, in the thread of the call, with the work done and all there is (0:
     *  unknown); may be NULL. */
    void (*progress)(const char *step, uint64_t done, uint64_t total, void *ctx);
    void *ctx;
} skep_maintain_opts;

#ifdef __cplusplus
#define SKEP_MAINTAIN_OPTS_INIT skep__opts_init<skep_maintain_opts>()
#else
#define SKEP_MAINTAIN_OPTS_INIT                                                                    \
    {                                                                                              \
        .size = (uint32_t)sizeof(skep_maintain_opts)                                               \
    }
#endif

typedef struct skep_maintain_result {
    uint32_t size; /**< set by the caller */
    uint32_t reserved;
    uint64_t bytes_before; /**< of the file and its -wal */
    uint64_t bytes_after;
    uint64_t wal_pages;  /**< pages that the WAL had */
    uint64_t pages_left; /**< of these, not yet written back: a reader still needs them */
    uint64_t took_ns;
} skep_maintain_result;

/** Write the WAL back into the database as far as readers let it. `result` may be NULL. Where
 *  readers are in the way it waits for them, and is then SKEP_EBUSY with who it was. */
SKEP_API int skep_db_checkpoint(skep_db *db, const skep_maintain_opts *opts,
                                skep_maintain_result *result) SKEP_CHECK;

/** Bring the query planner's statistics up to date (PRAGMA optimize) and give free pages back where
 *  the file can do that in steps (auto_vacuum=INCREMENTAL); see the flags for more. SKEP_EFULL,
 *  before anything is begun, where a disk has no room for a VACUUM. `result` may be NULL. */
SKEP_API int skep_db_optimize(skep_db *db, const skep_maintain_opts *opts,
                              skep_maintain_result *result) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
