/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_PRIVATE_H
#define SKEP__DB_PRIVATE_H

#include <skep/db.h>
#include <skep/sys/db_hooks.h>

#include "base/hist.h"
#include "base/queue.h"
#include "base/settings.h"
#include "base/thread.h"
#include "db/db_limits.h"
#include "db/maintain.h"
#include "db/seal.h"
#include "sql/sql.h"

/* ---- transactions (tx.c) ---- */

struct skep_tx {
    skep_db *db;
    skep__conn *conn;
    bool writing;
    bool single;         /* a second statement is refused */
    bool lost;           /* the engine ended the transaction under us */
    bool unread;         /* memory ran out as a column was read: the function knows nothing of it */
    uint32_t statements; /* begun so far */
    uint32_t attempt;
    uint32_t codes; /* failures that were given to the function, a bit each */
    skep_err lost_err;
    skep_rows *open; /* rows not yet closed */
};

/* What begins every statement of a transaction function, and where all its failures pass. */
int skep__tx_start(skep_tx *tx, const char *sql, const skep_value *v, size_t n, skep_rows **out);
int skep__tx_fail(skep_tx *tx, int rc);
void skep__tx_init(skep_tx *tx, skep_db *db, skep__conn *conn, bool writing);
/* Run `fn` between call_begin and call_end, close what it left open and judge what it returned. */
int skep__tx_run(skep_tx *tx, skep_tx_fn *fn, void *arg);

/* The databases whose transaction functions this thread is inside of, innermost first: calling skep
 * on one of them from there would wait for itself. */
typedef struct skep__frame skep__frame;
struct skep__frame {
    const skep_db *db;
    skep__frame *outer;
};
void skep__frame_push(skep__frame *frame, const skep_db *db);
void skep__frame_pop(skep__frame *frame);
bool skep__frame_inside(const skep_db *db);

/* ---- options of a call (call.c) ---- */

/* Are they whole, and is `at_least` (may be NULL) no commit of the future? */
int skep__call_check(const skep_db *db, const skep_call_opts *opts);
/* The time that the call's SQL may take: its own budget, but no more than the setting allows. */
void skep__call_budget(skep__limit *limit, const skep_call_opts *opts, int64_t most_ms,
                       const char *most_name);

/* ---- readers (readers.c) ---- */

enum { SKEP__READER_NONE, SKEP__READER_FREE, SKEP__READER_BUSY };

typedef struct skep__reader {
    _Alignas(64) _Atomic uint32_t state;
    skep__conn *conn; /* whoever made it BUSY owns it */
    _Atomic uint64_t reads;
} skep__reader;

typedef struct skep__reader_wait skep__reader_wait;
typedef struct skep__readers {
    void *block; /* what `slots` lies in */
    skep__reader *slots;
    uint32_t count;
    _Atomic uint32_t waiting;
    skep__mutex mutex;
    skep__reader_wait *first SKEP__GUARDED_BY(mutex);
    skep__reader_wait *last SKEP__GUARDED_BY(mutex);
    uint32_t turn SKEP__GUARDED_BY(mutex);
    skep__word words[SKEP__DB_READER_WORDS];
} skep__readers;

int skep__readers_init(skep_db *db);
void skep__readers_dispose(skep_db *db);
/* Answer all that wait with SKEP_ECLOSED. */
void skep__readers_refuse(skep_db *db);

/* ---- checkpoints (checkpoint.c) ---- */

typedef struct skep__checkpointer {
    skep__thread thread; /* started by the first commit that needs it */
    skep__mutex mutex;   /* held over a pass: the owner's threads may ask for passes too */
    skep__conn *conn SKEP__GUARDED_BY(mutex);
    skep__word word;
    _Atomic uint64_t wake_at; /* WAL length that wakes it */
    _Atomic uint32_t asleep;  /* waking it costs a system call: only then */
    _Atomic uint32_t stop;
    _Atomic uint64_t passes;
    _Atomic uint64_t blocked; /* of these, which left pages */
} skep__checkpointer;

/* The leader, after a commit: wake or start the thread if the WAL is long enough. */
void skep__checkpoint_notice(skep_db *db, uint64_t wal_pages);
void skep__checkpoint_stop(skep_db *db);
/* One pass in the calling thread, which must be the only user of the connection. */
int skep__checkpoint_last(skep_db *db);

/* ---- the database ---- */

#define SKEP__DB_CLOSING (1u << 31)

struct skep_db {
    char *path; /* absolute */
    skep_db_opts opts;
    bool keep_beside; /* there was a -wal or a -journal */
    bool created;     /* there was no file before */
    uint64_t device;  /* with inode: which file it is; 0 until it is open */
    uint64_t inode;
    uint64_t cache_share; /* page cache of one connection, bytes */
    skep__costs *costs;

    skep_key *key;                      /* our copy; NULL: not encrypted */
    skep__seal seal;                    /* what was recorded beside the file when it was opened */
    int32_t ciphers[SKEP__SQL_CIPHERS]; /* that it may have; once it is open, the one that it has */

    /* Calls inside, and one for the handle; SKEP__DB_CLOSING in the same word, so that whoever
     * leaves knows without a second look whether somebody waits for it. */
    _Atomic uint32_t refs;
    _Atomic uint32_t closing;   /* new calls are refused */
    _Atomic uint32_t abort;     /* running SQL is ended */
    _Atomic uint32_t corrupted; /* damage was met */

    /* The writer: only whoever leads the queue touches it. */
    skep__queue queue;
    skep__conn *writer;
    uint64_t commits;
    _Atomic uint64_t visible; /* newest commit that a read which begins now will see */
#ifdef SKEP_TEST_BUILD
    uint64_t rerun_state;
    uint32_t rerun_percent;
#endif

    skep__readers readers;
    skep__checkpointer checkpointer;

    /* Hooks: changed by a leader under the mutex, so either is enough to read them. */
    skep__mutex hooks_mutex;
    skep_db_hooks hooks;
    bool hooked;
    uint32_t hook_running SKEP__GUARDED_BY(hooks_mutex); /* a checkpoint hook is */
    skep__word hook_word;
    _Atomic uint32_t gate;

    skep__maintain maintain;

    skep__mutex poison_mutex;
    _Atomic uint32_t poisoned;
    skep_err poison SKEP__GUARDED_BY(poison_mutex); /* the first cause */

    _Atomic uint64_t writes;
    _Atomic uint64_t writes_failed;
    _Atomic uint64_t reads_failed;
    _Atomic uint64_t reruns;
    _Atomic uint64_t groups;
    _Atomic uint64_t wal_pages;
    skep__hist commit_ns;
    skep__hist write_ns;
    skep__hist read_ns; /* of one in sixteen */
    skep__hist pool_wait_ns;
    skep__hist group_calls;
    skep__hist checkpoint_ns;
};

/* Count a call in; SKEP_ECLOSED once the database closes. Leaving may free the database. */
int skep__db_enter(skep_db *db);
void skep__db_leave(skep_db *db);

/* Number of the newest commit that is visible to a BEGIN that starts after this call. */
uint64_t skep__db_visible_commit(const skep_db *db);

/* Resolve the path, and look whether what is there can be a database (files.c). */
int skep__db_find_file(skep_db *db, const char *path);
/* Once it is open: remember which file it is. */
int skep__db_note_file(skep_db *db);
/* Before another connection is opened: two connections on two files of the same name would write
 * one's pages into the other's WAL. */
int skep__db_check_same_file(const skep_db *db);
/* The failure of an open: let its text name the file, and its code the true reason. */
int skep__db_explain_file(const skep_db *db, int rc);

/* Is what lies at `path` a plain file? SKEP_ENOTFOUND if there is nothing (files.c). */
int skep__db_check_database(const char *path);

/* Before the first connection: read X-skep and copy the key. After it: let X-skep say what the file
 * is, if that may be written (seal.c). */
int skep__db_begin_seal(skep_db *db);
int skep__db_settle_seal(skep_db *db, const skep__conn *conn);
/* Name of the recorded cipher, or NULL. */
const char *skep__db_sealed_with(const skep_db *db);

/* Size of the database file with `suffix` ("", "-wal"); -1 if there is none. */
int64_t skep__db_file_bytes(const skep_db *db, const char *suffix);

int skep__db_open_conn(skep_db *db, skep__conn_role role, skep__conn **out);

/* A sync failed: refuse writes from now on. Uses this thread's error detail as the cause, and
 * changes it to SKEP_EPOISONED with outcome unknown. */
int skep__db_poison(skep_db *db);
/* SKEP_OK, or SKEP_EPOISONED with the first cause. */
int skep__db_check_poison(skep_db *db);

extern const skep__group_ops skep__writer_ops;
extern const skep__settings_table skep__db_settings;
/* Run `job` as the only writer, outside any transaction. */
int skep__writer_exclusive(skep_db *db, int (*job)(skep_db *db, void *arg), void *arg);
/* The same, waiting its turn to the deadline (0: none) or until `cancel` (may be NULL) is fired. */
int skep__writer_exclusive_with(skep_db *db, int (*job)(skep_db *db, void *arg), void *arg,
                                uint64_t deadline_ns, skep_cancel *cancel);
/* For such a job: one checkpoint over the writer's connection. */
int skep__writer_checkpoint(skep_db *db, skep__checkpoint_mode mode, uint64_t *pages,
                            uint64_t *left);

#ifdef SKEP_TEST_BUILD
/* Share of transaction functions that are run again for no reason, in percent; 10 by default. */
void skep__db_set_rerun(skep_db *db, uint32_t percent);
#endif

#endif
