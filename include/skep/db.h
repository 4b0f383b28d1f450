/* SPDX-License-Identifier: MIT */
#ifndef SKEP_DB_H
#define SKEP_DB_H

#include <skep/cancel.h>
#include <skep/status.h>
#include <skep/value.h>

/** An embedded SQL database that many threads write at once, each in its own durable transaction.
 *
 *  Threads: a skep_db is shared. A skep_tx and its skep_rows are thread-bound:
 *  they belong to the thread that runs the transaction function, and end with it.
 *
 *  The contract of a transaction function `fn(tx, arg)`:
 *    - It may run in any thread and more than once; only its last run counts. skep_tx_attempt()
 *      tells which run this is.
 *    - It touches nothing but `tx` and `arg`, and resets what it writes to `arg` at its start.
 *    - It takes no lock that any caller of skep_write() on this database holds.
 *    - It uses no thread-locals or thread-bound runtime, does not longjmp, throw or exit its
 *      thread, and does not call skep on the same database except through `tx`.
 *    - A child that it forks does not return from it; the child would be aborted before it commits
 *      in its parent's place. SQL in it is SKEP_EMISUSE.
 *    - It returns a negative value to roll back: a code that skep gave it, or one of its own at
 *      SKEP_EUSER or below. Both come out of skep_write() unchanged. Zero or more commits, and
 *      comes out unchanged too.
 *  Once it has begun, its caller waits for it: the deadline then ends its SQL, not the wait. Two
 *  databases whose functions call each other wait for each other, so let only one of them call.
 *
 *  Limits: SQL text 1 MB, one value 1 GB, SKEP_DB_VALUES_MAX values a statement.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_db skep_db;
typedef struct skep_tx skep_tx;
typedef struct skep_rows skep_rows;
typedef struct skep_future skep_future; /**< skep/async.h */
struct skep_key;                        /**< skep/key.h */

#define SKEP_DB_VALUES_MAX 250000 /**< parameters of one statement */
#define SKEP_DB_READERS_MAX 1024  /**< reading connections of one database */
#define SKEP_DB_GROUP_MAX 256     /**< transactions that may share one commit */
#define SKEP_DB_ASYNC_MAX 1000000 /**< asynchronous calls in flight on one database */

/** What an acknowledged write survives. */
typedef enum skep_sync {
    SKEP_SYNC_DEFAULT = 0, /**< FULL */
    SKEP_SYNC_FULL = 1,    /**< a power cut loses no acknowledged commit */
    SKEP_SYNC_NORMAL = 2   /**< a power cut may lose the newest commits, never leave a hole; a
                                killed process loses none */
} skep_sync;

enum {
    SKEP_DB_READONLY = 1u << 0,   /**< reads only; leaves the file and its -wal as they are */
    SKEP_DB_MUST_EXIST = 1u << 1, /**< SKEP_ENOTFOUND instead of creating the file */
    SKEP_DB_FOREIGN = 1u << 2,    /**< the file belongs to another program: its journal mode stays
                                       as it is (writing then needs WAL or has no group commit), and
                                       nothing of ours is put beside it */
    SKEP_DB_UNATTENDED = 1u << 3  /**< no maintenance in the background: no lock file, no status
                                       file, no health checks, no watchdog */
};

/** How closely the cost of statements is watched. */
typedef enum skep_profile {
    SKEP_PROFILE_DEFAULT = 0, /**< SAMPLE */
    SKEP_PROFILE_SAMPLE = 1,  /**< every run is counted, every sixteenth timed, slow ones noticed */
    SKEP_PROFILE_ALL = 2,     /**< every run is timed */
    SKEP_PROFILE_OFF = 3      /**< nothing is counted and nothing slow is noticed */
} skep_profile;

/** What a new database does with pages that become free. */
typedef enum skep_vacuum {
    SKEP_VACUUM_DEFAULT = 0,    /**< NONE */
    SKEP_VACUUM_NONE = 1,       /**< kept for later use; VACUUM gives them back */
    SKEP_VACUUM_INCREMENTAL = 2 /**< given back in the background, a few at a time */
} skep_vacuum;

/** Zero means the default for each field. */
typedef struct skep_db_opts {
    uint32_t size;             /**< sizeof(skep_db_opts); SKEP_DB_OPTS_INIT sets it */
    uint32_t flags;            /**< SKEP_DB_… */
    uint32_t synchronous;      /**< skep_sync */
    uint32_t readers;          /**< most reading connections; 10 */
    int64_t read_wait_ms;      /**< wait for a free reading connection; 5000 */
    int64_t busy_timeout_ms;   /**< wait for another process's write lock; 5000 */
    int64_t close_timeout_ms;  /**< skep_db_close() waits so long for running calls; 10000 */
    uint64_t cache_bytes;      /**< page cache, shared out over all connections; 64 MiB */
    uint32_t checkpoint_pages; /**< WAL length in pages that starts a checkpoint; 1000 */
    uint32_t group_max;        /**< transactions that may share a commit; 256 */

    const struct skep_key *key; /**< copied; NULL: not encrypted */
    int32_t cipher;             /**< skep_cipher, where the file is new or records none */

    uint32_t readers_min;         /**< reading connections that are kept open when idle; 1 */
    int64_t reader_idle_ms;       /**< others are closed when idle for so long; 300000 */
    int64_t reader_max_age_ms;    /**< a reading connection is replaced when so old; 3600000 */
    int64_t connect_timeout_ms;   /**< wait for others while a connection is opened; 10000 */
    int64_t lease_max_ms;         /**< greatest age of a lease's snapshot; 60000 */
    int64_t read_slow_ms;         /**< a read that holds its snapshot for so long is named by an
                                       event and in the health; 30000 */
    int64_t read_max_ms;          /**< its SQL is ended after so long; 86400000 */
    int64_t group_budget_ms;      /**< a group commits after so long and leaves the rest to the
                                       next; 5 */
    int64_t write_slow_ms;        /**< a transaction function that runs for so long is named by an
                                       event, with what it waits for; 1000 */
    int64_t write_max_ms;         /**< the SQL of a write call is ended after so long, queueing not
                                       counted; 86400000 */
    int64_t slow_statement_ms;    /**< statements that take so long are remembered; 100 */
    uint32_t profile;             /**< skep_profile */
    uint32_t auto_vacuum;         /**< skep_vacuum, of a new file */
    uint32_t async_max;           /**< asynchronous calls in flight; 4096 */
    uint32_t async_threads;       /**< threads that run asynchronous reads; 4 */
    uint64_t wal_ceiling_bytes;   /**< writes wait while the WAL is larger; 256 MiB */
    uint64_t disk_low_bytes;      /**< less free space than this is a degraded health; 256 MiB */
    int64_t optimize_interval_ms; /**< PRAGMA optimize, and free pages given back; 3600000 */
    int64_t ping_interval_ms;     /**< idle connections are asked whether they live; 60000 */
    int64_t quick_check_interval_ms; /**< quick check of the whole file; 86400000, a day */
    int64_t full_check_interval_ms;  /**< full check of the whole file; 604800000, a week */
} skep_db_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_DB_OPTS_INIT skep__opts_init<skep_db_opts>()
#else
#define SKEP_DB_OPTS_INIT {.size = (uint32_t)sizeof(skep_db_opts)}
#endif
/* clang-format on */

/** Open or create the SQLite database at `path`; `opts` may be NULL. The caller owns `*out`.
 *  Sets WAL mode, foreign keys, durability and limits, and reads each back. A file that is no
 *  database is SKEP_ECORRUPT, a directory or device SKEP_EINVALID, no permission SKEP_EDENIED. In a
 *  child by fork() of a process that had any database open it is SKEP_EMISUSE, for every file. */
SKEP_API int skep_db_open(const char *path, const skep_db_opts *opts, skep_db **out) SKEP_CHECK;

/** Refuse new calls, wait for those that run (close_timeout_ms), answer those that queue, write
 *  the WAL back, close. Always consumes `db`, also when it fails: SKEP_ETIMEOUT says that a
 *  transaction function is still running, and the memory goes when that returns; SKEP_EPOISONED,
 *  that the WAL was left to be read by the next open. Accepts NULL. In a child by fork(), where all
 *  other calls on `db` are SKEP_EMISUSE, it wipes the key and frees memory, and touches neither the
 *  files nor the parent's locks. */
SKEP_API int skep_db_close(skep_db *db);

typedef int skep_tx_fn(skep_tx *tx, void *arg);

/** Run `fn` in its own durable write transaction and return what it returned. Concurrent calls
 *  share a commit; a call that fails rolls back alone. */
SKEP_API int skep_write(skep_db *db, skep_tx_fn *fn, void *arg) SKEP_CHECK;

/** Run `fn` on a snapshot of the database: all its queries see the same commit. It cannot write
 *  (SKEP_EREADONLY). Reads never wait for writes. */
SKEP_API int skep_read(skep_db *db, skep_tx_fn *fn, void *arg) SKEP_CHECK;

enum {
    SKEP_CALL_OWN_THREAD = 1u << 0, /**< write: run `fn` in the calling thread, in a group of one */
    SKEP_CALL_SINGLE = 1u << 1,     /**< read: `fn` runs one statement; saves BEGIN and COMMIT. A
                                         second statement is SKEP_EMISUSE */
    SKEP_CALL_REMOTE = 1u << 2 /**< write: answer when the commit is durable elsewhere too; needs
                                    an acknowledgement gate (skep/sys/db_hooks.h) */
};

/** Which calls go first when several queue. None starves: one that others have passed eight times
 *  goes next. */
typedef enum skep_priority {
    SKEP_PRIORITY_NORMAL = 0,
    SKEP_PRIORITY_HIGH = 1, /**< before the others that queue */
    SKEP_PRIORITY_LOW = 2   /**< after them, and never in one group with them: for batch work */
} skep_priority;

/** Where a commit stands: proof for a later read that it sees it. Plain data, may be kept and
 *  copied. */
typedef struct skep_receipt {
    uint32_t size; /**< set by the caller: sizeof(skep_receipt) */
    uint32_t reserved;
    uint64_t number; /**< of the commit, counted from 1 since the database was opened */
    uint64_t
        generation; /**< of the WAL: its salts; 0 where there is none of ours (SKEP_DB_FOREIGN) */
    uint64_t frame; /**< of the WAL: the commit's last; 0 likewise */
} skep_receipt;

typedef void skep_done_fn(skep_future *future, void *ctx);

/** Zero means the default for each field. */
typedef struct skep_call_opts {
    uint32_t size;      /**< sizeof(skep_call_opts); SKEP_CALL_OPTS_INIT sets it */
    uint32_t flags;     /**< SKEP_CALL_… */
    int64_t timeout_ms; /**< deadline of queueing and SQL together; 0: none for writes, read_wait_ms
                             for a reader's wait; negative: none */
    skep_cancel *cancel; /**< borrowed until the call returns; may be NULL */

    int32_t priority; /**< skep_priority, of a write or an asynchronous read */
    uint32_t reserved;
    int64_t budget_ms;     /**< the call's own SQL is ended after so long, queueing not counted;
                                write_max_ms or read_max_ms, which it cannot exceed */
    skep_receipt *receipt; /**< write: filled when the call succeeds; may be NULL */
    const skep_receipt *at_least; /**< read: see at least this commit of this database (for a lease:
                                       renew it if need be); may be NULL */
    skep_done_fn *done; /**< asynchronous: called once, in a thread of the database, when the call
                             has its answer; it must not block, nor wait for calls. May be NULL */
    void *done_ctx;
} skep_call_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_CALL_OPTS_INIT skep__opts_init<skep_call_opts>()
#else
#define SKEP_CALL_OPTS_INIT {.size = (uint32_t)sizeof(skep_call_opts)}
#endif
/* clang-format on */

SKEP_API int skep_write_with(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
    SKEP_CHECK;
SKEP_API int skep_read_with(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
    SKEP_CHECK;

/** Run one statement; rows that it returns are passed over. `n` values are bound to its
 *  parameters in order: fewer or more than it has is SKEP_EINVALID, so is text after the statement.
 *  `sql` is NUL-terminated; statements are cached, by its address first. */
SKEP_API int skep_exec_v(skep_tx *tx, const char *sql, const skep_value *v, size_t n) SKEP_CHECK;

/** Start one statement that returns rows. `*out` is borrowed from `tx`: close it when done; what is
 *  left open is closed when the transaction function returns. Values are bound by copy of the
 *  pointers: text and blobs must stay unchanged until the rows are closed. */
SKEP_API int skep_query_v(skep_tx *tx, const char *sql, const skep_value *v, size_t n,
                          skep_rows **out) SKEP_CHECK;

/** Step to the next row: 1 a row, 0 the end, negative an error (then the rows are closed). */
SKEP_API int skep_next(skep_rows *rows) SKEP_CHECK;

/** Accepts NULL. `rows` is not to be used afterwards. */
SKEP_API void skep_rows_close(skep_rows *rows);

/** Columns of the present row, counted from 0. Where there is no such column, or NULL in it, they
 *  answer 0, 0.0 or an empty slice; other types convert as SQLite's CAST does. Text is UTF-8 and
 *  also NUL-terminated, whatever zero bytes are in it. Slices are borrowed until the next
 *  skep_next() or skep_rows_close() and are no copies: asked for again, a column gives the same
 *  bytes at the same place. (A blob that is read as text may move: read it as one of the two.)
 *  Where memory for a conversion runs out, the answer is empty and the call fails with SKEP_ENOMEM
 *  whatever its function returns. */
SKEP_API int skep_columns(const skep_rows *rows);
/** As the query names it (`AS`). Borrowed likewise. */
SKEP_API const char *skep_column_name(skep_rows *rows, int column);
/** skep_type of what is stored: SKEP_INT, SKEP_REAL, SKEP_TEXT, SKEP_BLOB or SKEP_NULL; a boolean
 *  or a time is an integer there. */
SKEP_API int skep_column_type(skep_rows *rows, int column);
SKEP_API int64_t skep_column_int(skep_rows *rows, int column);
SKEP_API double skep_column_real(skep_rows *rows, int column);
SKEP_API skep_slice skep_column_text(skep_rows *rows, int column);
SKEP_API skep_slice skep_column_blob(skep_rows *rows, int column);
SKEP_API skep_value skep_column_value(skep_rows *rows, int column);
SKEP_API int skep_column_null(skep_rows *rows, int column); /**< 1: NULL, or no such column */
SKEP_API int skep_column_bool(skep_rows *rows, int column); /**< 1: a number that is not 0 */
/** Microseconds since 1970, UTC: an integer as it stands, text as RFC 3339; else INT64_MIN. */
SKEP_API int64_t skep_column_time(skep_rows *rows, int column);
/** The column of that name (the first, if several have it; case counts), or -1, which is a column
 *  that is not there. Cheap enough to be asked in each row. */
SKEP_API int skep_column(skep_rows *rows, const char *name);

/** 1 in the first run of this transaction function, 2 when it is run again, and so on. */
SKEP_API int skep_tx_attempt(const skep_tx *tx);
/** Rows changed by the last INSERT, UPDATE or DELETE of this call; 0 before the first. */
SKEP_API int64_t skep_tx_changes(const skep_tx *tx);
/** Rowid of the last row inserted by this call; 0 before the first. */
SKEP_API int64_t skep_tx_last_rowid(const skep_tx *tx);

/** What the database has done since it was opened, and how it stands. */
typedef struct skep_db_stats {
    uint32_t size;           /**< set by the caller: sizeof(skep_db_stats) */
    uint32_t poisoned;       /**< 1: writes are refused with SKEP_EPOISONED until reopened */
    uint64_t writes;         /**< write calls committed */
    uint64_t writes_failed;  /**< write calls rolled back or refused */
    uint64_t groups;         /**< commits that those calls shared */
    uint64_t reruns;         /**< functions run again because of a sibling */
    uint64_t reads;          /**< read calls done */
    uint64_t readers_open;   /**< reading connections open now */
    uint64_t readers_busy;   /**< of these, lent out now */
    uint64_t checkpoints;    /**< checkpoint passes done */
    uint64_t wal_pages;      /**< pages in the WAL after the last commit */
    uint64_t commit_p50_ns;  /**< time of COMMIT, fsync included: median */
    uint64_t commit_p999_ns; /**< 99.9th percentile */
    uint64_t write_p50_ns;   /**< time of a write call, queueing included: median */
    uint64_t write_p999_ns;  /**< 99.9th percentile */
    uint64_t write_max_ns;   /**< worst */

    uint64_t active_connections;  /**< in use now, the writer's too */
    uint64_t total_connections;   /**< open now */
    uint64_t total_transactions;  /**< reads and writes done */
    uint64_t failed_transactions; /**< of both */
    uint32_t corrupted;           /**< 1: damage was found */
    uint32_t maintainer;          /**< 1: this process maintains the file */
    double utilisation;           /**< share of the reading connections that may be open and are in
                                       use: 0 to 1 */
    uint64_t readers_waiting;     /**< calls that wait for a reading connection */
    uint64_t writes_queued;       /**< calls that wait for the writer */
    uint64_t async_in_flight;     /**< asynchronous calls that have no answer yet */
    uint64_t leases;              /**< open now */
    uint64_t readers_replaced;    /**< connections that were found broken, too old or dirty */
    uint64_t reads_cut;       /**< reads and leases that were ended because they were too old or in
                                   the way of the WAL */
    uint64_t wal_bytes;       /**< of the -wal file */
    uint64_t wal_pin_age_ms;  /**< for how long the oldest snapshot has been held; 0: none */
    uint64_t disk_free_bytes; /**< 0: not known yet */
} skep_db_stats;

SKEP_API int skep_db_get_stats(skep_db *db, skep_db_stats *out) SKEP_CHECK;

/** What the file is. Text fields are NUL-terminated and cut to fit. */
typedef struct skep_db_info {
    uint32_t size;       /**< set by the caller: sizeof(skep_db_info) */
    uint32_t page_size;  /**< bytes */
    uint64_t pages;      /**< of the database, as the present snapshot sees it */
    uint64_t free_pages; /**< of these, on the freelist */
    uint64_t bytes;      /**< of the database file */
    uint64_t wal_bytes;  /**< of the -wal file, 0 if there is none */
    uint32_t encrypted;  /**< 1: opened with a key */
    uint32_t reserved;
    char journal_mode[16];   /**< "wal", "delete", … */
    char synchronous[16];    /**< of this handle's writer: "full", … */
    char sqlite_version[32]; /**< of the SQLite inside skep */
    char path[4096];         /**< absolute */
} skep_db_info;

SKEP_API int skep_db_get_info(skep_db *db, skep_db_info *out) SKEP_CHECK;

#ifdef __cplusplus
}
#endif

/** skep_exec(tx, "UPDATE t SET a=? WHERE id=?", SKEP_V(a), SKEP_V(id));
 *  skep_query(tx, &rows, "SELECT a FROM t WHERE id=?", SKEP_V(id));  zero values are fine too.
 *  In C++ plain values do as well: skep_exec(tx, "UPDATE t SET a=?", 1). */
#ifdef __cplusplus
template <class... Values> int skep_exec(skep_tx *tx, const char *sql, const Values &...values)
{
    const skep_value v[sizeof...(values) + 1] = {SKEP_V(values)..., skep_null()};
    return skep_exec_v(tx, sql, v, sizeof...(values));
}
template <class... Values>
int skep_query(skep_tx *tx, skep_rows **out, const char *sql, const Values &...values)
{
    const skep_value v[sizeof...(values) + 1] = {SKEP_V(values)..., skep_null()};
    return skep_query_v(tx, sql, v, sizeof...(values), out);
}
#else
#define SKEP__VALUES(...) ((const skep_value[]){__VA_ARGS__})
#define SKEP__COUNT(...) (sizeof(SKEP__VALUES(__VA_ARGS__)) / sizeof(skep_value) - 1)
#define SKEP__EXEC(tx, sql, ...)                                                                   \
    skep_exec_v((tx), (sql), SKEP__VALUES(__VA_ARGS__), SKEP__COUNT(__VA_ARGS__))
#define SKEP__QUERY(tx, out, sql, ...)                                                             \
    skep_query_v((tx), (sql), SKEP__VALUES(__VA_ARGS__), SKEP__COUNT(__VA_ARGS__), (out))
#define skep_exec(...) SKEP__EXEC(__VA_ARGS__, skep_null())
#define skep_query(...) SKEP__QUERY(__VA_ARGS__, skep_null())
#endif

#endif
