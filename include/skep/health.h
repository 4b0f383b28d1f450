/* SPDX-License-Identifier: MIT */
#ifndef SKEP_HEALTH_H
#define SKEP_HEALTH_H

#include <skep/db.h>

/** Is the database well, and if not, why?
 *
 *  Threads: shared.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum skep_health_state {
    SKEP_HEALTHY = 0,
    SKEP_DEGRADED = 1, /**< it works, but something wants attention, or writes are refused */
    SKEP_CORRUPTED = 2 /**< stored bytes are damaged: restore a backup */
} skep_health_state;

#define SKEP_HEALTH_REASONS_MAX 16
#define SKEP_HEALTH_TEXT_MAX 240

/** One reason why a database is not healthy. */
typedef struct skep_health_reason {
    int32_t state; /**< how bad: skep_health_state */
    int32_t code;  /**< SKEP_E…, or 0 */
    char what[24]; /**< stable: "poisoned" "disk" "wal" "pinned" "slow" "check" "ping"
                        "pool" "checkpoint" "maintainer" "errors" "corrupt" */
    char text[SKEP_HEALTH_TEXT_MAX]; /**< what, since when, what to do; for people */
} skep_health_reason;

typedef struct skep_health {
    uint32_t size;            /**< set by the caller: sizeof(skep_health) */
    int32_t state;            /**< the worst of all reasons: skep_health_state */
    int64_t at_us;            /**< UTC, when this was found */
    int64_t ping_us;          /**< the last ping of the connections; 0: none yet */
    int64_t quick_check_us;   /**< the last quick check that came to its end; 0: none yet. Like
                                   the intervals, these count from the opening and are kept nowhere:
                                   what is opened anew more often is to be checked by hand */
    int64_t full_check_us;    /**< the last full check that came to its end; 0: none yet */
    uint64_t disk_free_bytes; /**< that this process may fill */
    uint64_t wal_bytes;       /**< of the -wal file */
    uint64_t errors;          /**< calls that failed for the database's sake (I/O, corruption, disk
                                   full, no memory) since it was opened */
    uint32_t maintainer;      /**< 1: this process maintains the file */
    uint32_t reasons_count;
    skep_health_reason reasons[SKEP_HEALTH_REASONS_MAX]; /**< worst first */
} skep_health;

/** What is known at this moment; nothing is waited for. */
SKEP_API int skep_db_health(skep_db *db, skep_health *out) SKEP_CHECK;
/** "healthy", "degraded", "corrupted". Static storage. */
SKEP_API const char *skep_health_name(int state);

/** Ask every idle connection and the writer a trivial question; those that do not answer are
 *  replaced, the writer between two groups, unless a sync has failed (SKEP_EPOISONED). The first
 *  failure that could not be mended that way is returned. */
SKEP_API int skep_db_ping(skep_db *db) SKEP_CHECK;

enum {
    SKEP_CHECK_FULL = 1u << 0 /**< PRAGMA integrity_check, which also compares indexes with their
                                   tables, and foreign keys; else PRAGMA quick_check */
};

/** Zero means the default for each field. */
typedef struct skep_check_opts {
    uint32_t size;         /**< sizeof(skep_check_opts); SKEP_CHECK_OPTS_INIT sets it */
    uint32_t flags;        /**< SKEP_CHECK_… */
    uint32_t max_findings; /**< stop after so many; 100 */
    uint32_t reserved;
    int64_t timeout_ms;  /**< none */
    skep_cancel *cancel; /**< may be NULL */
    /** Called for each finding, in the caller's thread; may be NULL. */
    void (*finding)(const char *text, void *ctx);
    /** Called now and then with the work done and all there is; may be NULL. */
    void (*progress)(uint64_t done, uint64_t total, void *ctx);
    void *ctx;
} skep_check_opts;

#ifdef __cplusplus
#define SKEP_CHECK_OPTS_INIT skep__opts_init<skep_check_opts>()
#else
#define SKEP_CHECK_OPTS_INIT                                                                       \
    {                                                                                              \
        .size = (uint32_t)sizeof(skep_check_opts)                                                  \
    }
#endif

/** Check the file on a snapshot, over a connection of its own: neither readers nor writers wait.
 *  Returns the number of findings, 0 when all is well; a finding makes the state SKEP_CORRUPTED.
 *  When the WAL reaches db.wal_ceiling the check gives up its snapshot: SKEP_ELIMIT, and nothing is
 *  known. */
SKEP_API int skep_db_check(skep_db *db, const skep_check_opts *opts) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
