/* SPDX-License-Identifier: MIT */
#ifndef SKEP_INSPECT_H
#define SKEP_INSPECT_H

#include <skep/db.h>

/** What goes on inside a database: its connections, what statements cost, which were slow, metrics.
 *
 *  Lists: `*n` is how many entries fit in `list` (of which each has its `size` set) and becomes how
 *  many there are; at most the former are filled.
 *
 *  Threads: shared. None of these takes a snapshot, so none pins the WAL.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_INSPECT_SQL_MAX 512 /**< bytes of SQL text that are shown, NUL included */

typedef enum skep_conn_role {
    SKEP_CONN_WRITER = 0,
    SKEP_CONN_READER = 1,
    SKEP_CONN_LEASE = 2,  /**< a reader that a lease holds */
    SKEP_CONN_SERVICE = 3 /**< checkpoints and checks */
} skep_conn_role;

typedef struct skep_db_connection {
    uint32_t size;                  /**< set by the caller */
    int32_t role;                   /**< skep_conn_role */
    uint32_t in_use;                /**< 1: a call or a lease has it */
    uint32_t pins_wal;              /**< 1: its snapshot keeps the WAL from starting anew */
    int64_t created_us;             /**< UTC */
    int64_t last_used_us;           /**< UTC, when its last use began; 0: never */
    uint64_t transactions;          /**< that it has run */
    int64_t held_ms;                /**< for how long it has been in use; 0 when idle */
    uint64_t thread;                /**< Linux thread id of who uses it; 0 when idle */
    char sql[SKEP_INSPECT_SQL_MAX]; /**< what runs or ran last, literals masked */
} skep_db_connection;

SKEP_API int skep_db_connections(skep_db *db, skep_db_connection *list, size_t *n) SKEP_CHECK;

/** The cost of one statement text since the database was opened. */
typedef struct skep_db_statement {
    uint32_t size; /**< set by the caller */
    uint32_t reserved;
    uint64_t runs;
    uint64_t rows;     /**< returned */
    uint64_t failed;   /**< of the runs */
    uint64_t total_ns; /**< with db.profile=sample an estimate from every sixteenth run */
    uint64_t worst_ns; /**< of the runs that were timed, and of all slow ones */
    char sql[SKEP_INSPECT_SQL_MAX]; /**< literals masked */
} skep_db_statement;

/** The most expensive first. Texts beyond SKEP_DB_STATEMENTS_MAX are counted together: "(other)".
 */
#define SKEP_DB_STATEMENTS_MAX 1000
SKEP_API int skep_db_statements(skep_db *db, skep_db_statement *list, size_t *n) SKEP_CHECK;

#define SKEP_DB_SLOW_MAX 128 /**< slow runs that are remembered */
/** One run that took longer than db.slow_statement. */
typedef struct skep_db_slow {
    uint32_t size;    /**< set by the caller */
    uint32_t writing; /**< 1: in a write call */
    int64_t at_us;    /**< UTC, when it ended */
    uint64_t took_ns;
    uint64_t rows;
    uint64_t thread; /**< Linux thread id */
    int32_t rc;      /**< 0, or the code of its failure */
    uint32_t values_count;
    char values[128]; /**< what was bound, by type and size only: "int,text(12),null" */
    char sql[SKEP_INSPECT_SQL_MAX]; /**< literals masked */
} skep_db_slow;

/** The newest first. */
SKEP_API int skep_db_slow_statements(skep_db *db, skep_db_slow *list, size_t *n) SKEP_CHECK;

typedef enum skep_metrics_format {
    SKEP_METRICS_PROMETHEUS = 0, /**< text format 0.0.4, each sample with the label db="path" */
    SKEP_METRICS_JSON = 1        /**< one object */
} skep_metrics_format;

/** All metrics of the database, as text. `*out` is owned, skep_free(); `len` may be NULL. Their
 *  list is in docs/guide/metrics.md. */
SKEP_API int skep_db_metrics(skep_db *db, skep_metrics_format format, char **out, size_t *len)
    SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
