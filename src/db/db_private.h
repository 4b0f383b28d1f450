/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_PRIVATE_H
#define SKEP__DB_PRIVATE_H

#include <skep/db.h>
#include <skep/inspect.h>
#include <skep/lease.h>
#include <skep/sys/db_hooks.h>

#include "base/hist.h"
#include "base/queue.h"
#include "base/settings.h"
#include "base/thread.h"
#include "db/async.h"
#include "db/db_limits.h"
#include "db/maintain.h"
#include "db/seal.h"
#include "db/show.h"
#include "os/home.h"
#include "sql/sql.h"

/* ---- transactions (tx.c) ---- */

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

struct skep_tx {
    skep_db *db;
    skep__conn *conn;
    bool writing;
    bool single; /* a second statement is refused */
    bool lost;   /* the engine ended the transaction under us */
    bool unread; /* memory ran out as a column was read: the function knows nothing of it */
    const _Atomic uint32_t *cut; /* a bit of skep__cut in it ends the call */
    uint32_t statements;         /* begun so far */
    uint32_t attempt;
    uint32_t codes; /* failures that were given to the function, a bit each */
    skep_err lost_err;
    skep_rows *open;   /* rows not yet closed */
    skep__frame frame; /* while its function runs */
};

/* Was this reader told to end? */
static inline bool skep__tx_cut(const skep_tx *tx)
{
    return (atomic_load_explicit(tx->cut, memory_order_relaxed) & SKEP__CUT_ANY) != 0;
}
/* Where all failures pass that a transaction function gets to see. */
int skep__tx_fail(skep_tx *tx, int rc);
/* For any number of runs. `cut`: of a reader; NULL: nobody cuts it. */
void skep__tx_init(skep_tx *tx, skep_db *db, skep__conn *conn, const _Atomic uint32_t *cut);
/* Run `fn` between call_begin and call_end, close what it left open and judge what it returned. */
int skep__tx_run(skep_tx *tx, skep_tx_fn *fn, void *arg);

/* ---- options of a call (call.c) ---- */

/* Are they whole, and is `at_least` (may be NULL) no commit of the future? */
int skep__call_check(const skep_db *db, const skep_call_opts *opts);
/* The time that the call's SQL may take: its own budget, but no more than the setting allows. */
void skep__call_budget(skep__limit *limit, const skep_call_opts *opts, int64_t most_ms,
                       const char *most_name);
/* ---- who uses a connection (connections.c) ---- */

/* What `hold` says of a connection, with bits of skep__cut and, above them, a number that changes
 * with each use: who has decided by what it saw changes the word only if that is still true. */
typedef enum skep__hold {
    SKEP__HOLD_NONE = 0,
    SKEP__HOLD_CALL = 1,
    SKEP__HOLD_LEASE = 2,       /* a lease has it, with a snapshot, and nothing runs */
    SKEP__HOLD_LEASE_READ = 3,  /* its owner reads */
    SKEP__HOLD_LEASE_TAKEN = 4, /* somebody ends or renews its snapshot */
    SKEP__HOLD_LEASE_ENDED = 5, /* its snapshot was given up; the bits of skep__cut say why */
    SKEP__HOLD_KINDS = 15
} skep__hold;
#define SKEP__HOLD_NEXT (1u << 8)

/* Facts about a connection for onlookers; its user writes them. */
typedef struct skep__use {
    skep__word hold;
    _Atomic uint32_t thread;       /* of the present or last use */
    _Atomic uint64_t since_ns;     /* when that began, by the coarse clock; 0: never used */
    _Atomic uint64_t snapshot_ns;  /* of a lease: when its snapshot was taken */
    _Atomic uint64_t lease_max_ns; /* and how old that may become */
    _Atomic uint64_t transactions; /* done here, so that sums never go down */
    _Atomic uint64_t before;       /* of these, by connections before this one */
    _Atomic uint64_t created_ns;   /* monotonic */
    _Atomic int64_t created_us;    /* UTC; 0: there is no connection */
} skep__use;

static inline uint32_t skep__hold_kind(uint32_t word)
{
    return word & SKEP__HOLD_KINDS;
}
/* The word of the use that follows. */
static inline uint32_t skep__hold_next(uint32_t word, skep__hold kind)
{
    return ((word & ~(SKEP__HOLD_NEXT - 1)) + SKEP__HOLD_NEXT) | (uint32_t)kind;
}

void skep__use_opened(skep__use *use);
void skep__use_closed(skep__use *use);
static inline void skep__use_begin(skep__use *use, uint64_t now_ns)
{
    uint32_t word = atomic_load_explicit(&use->hold, memory_order_relaxed);
    atomic_store_explicit(&use->thread, skep__thread_id(), memory_order_relaxed);
    atomic_store_explicit(&use->since_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&use->hold, skep__hold_next(word, SKEP__HOLD_CALL), memory_order_release);
}
static inline void skep__use_count(skep__use *use)
{
    uint64_t done = atomic_load_explicit(&use->transactions, memory_order_relaxed);
    atomic_store_explicit(&use->transactions, done + 1, memory_order_relaxed);
}
static inline void skep__use_end(skep__use *use)
{
    uint32_t word = atomic_load_explicit(&use->hold, memory_order_relaxed);
    skep__use_count(use);
    atomic_store_explicit(&use->hold, skep__hold_next(word, SKEP__HOLD_NONE), memory_order_release);
}
/* Since when has it held a snapshot? 0: it holds none. `*word` gets what `hold` was. */
uint64_t skep__use_snapshot(skep__use *use, uint32_t *word);

/* A snapshot that keeps the WAL from starting anew. */
typedef struct skep__pin {
    uint64_t age_ms;
    uint32_t thread;
    bool lease;
    char sql[SKEP_INSPECT_SQL_MAX];
} skep__pin;
/* The oldest; false: there is none in this process. */
bool skep__wal_pin(skep_db *db, uint64_t now_ns, skep__pin *out);
/* "a lease of thread 7 has held its snapshot for 12 ms: SELECT …" */
void skep__pin_text(const skep__pin *pin, char *out, size_t size);
/* What of skep_db_stats is about connections. */
void skep__connection_stats(skep_db *db, skep_db_stats *out);
/* As skep_db_connections(), also while the database closes. */
void skep__connections_list(skep_db *db, skep_db_connection *list, size_t *n);

/* ---- readers (readers.c) ---- */

enum { SKEP__READER_NONE, SKEP__READER_FREE, SKEP__READER_BUSY };

typedef struct skep__reader {
    _Alignas(64) _Atomic uint32_t state;
    _Atomic uint32_t retire; /* it is old: replace it when it is given back */
    skep__conn *conn; /* whoever made it BUSY owns it; changed under the mutex, for onlookers */
    skep__use use;
    /* Of the maintenance thread alone. */
    uint64_t seen;     /* transactions at its last look */
    uint64_t idle_ns;  /* since when they are so many; 0: it has not looked yet */
    uint64_t named_ns; /* when the snapshot began that was reported as slow */
    bool named_lease;  /* and whose it was: a tick of the coarse clock may see two begin */
} skep__reader;

typedef struct skep__reader_wait skep__reader_wait;
typedef struct skep__readers {
    void *block; /* what `slots` lies in */
    skep__reader *slots;
    uint32_t count;
    _Atomic uint32_t waiting;
    _Atomic uint64_t replaced;
    _Atomic uint64_t cut;
    skep__mutex mutex;
    skep__reader_wait *first SKEP__GUARDED_BY(mutex);
    skep__reader_wait *last SKEP__GUARDED_BY(mutex);
    uint32_t turn SKEP__GUARDED_BY(mutex);
    skep__word words[SKEP__DB_READER_WORDS];
} skep__readers;

#define SKEP__NO_SLOT UINT32_MAX

/* A read in this thread, by a call that is inside. */
int skep__read_inside(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts);

int skep__readers_init(skep_db *db);
void skep__readers_dispose(skep_db *db);
/* Answer all that wait with SKEP_ECLOSED. */
void skep__readers_refuse(skep_db *db);
/* Take a slot with a connection in it. `deadline_ns` 0: the wait for a free one is bounded by
 * read_wait_ms, unless the call is patient. */
int skep__reader_acquire(skep_db *db, const skep_call_opts *opts, uint64_t deadline_ns,
                         uint32_t *slot);
/* Give it back; what is not fit for the next user is closed. `codes`: failures that its user met, a
 * bit each. */
void skep__reader_release(skep_db *db, uint32_t slot, uint32_t codes);
/* Open or close the connection of a slot that is BUSY by the caller. */
int skep__reader_connect(skep_db *db, skep__reader *reader, const skep__limit *limit);
void skep__reader_adopt(skep_db *db, skep__reader *reader, skep__conn *conn);
void skep__reader_disconnect(skep_db *db, skep__reader *reader);
/* Take an idle slot as it is; give one back as it is. */
bool skep__reader_take_idle(skep_db *db, uint32_t slot);
void skep__reader_give(skep_db *db, uint32_t slot);
/* The SQL that it runs or ran last. */
void skep__reader_sql(skep_db *db, skep__reader *reader, char *out, size_t size);
static inline bool skep__codes_dirty(uint32_t codes)
{
    return (codes & (1u << -SKEP_EIO | 1u << -SKEP_ECORRUPT | 1u << -SKEP_ENOMEM)) != 0;
}

/* ---- their care (tend.c): for the maintenance thread, one thread at a time ---- */

/* Close what has been idle for reader_idle_ms, replace what is older than reader_max_age_ms. */
void skep__readers_tend(skep_db *db, uint64_t now_ns);
/* Report reads and leases that are slow, end those that are too old. */
void skep__readers_watch(skep_db *db, uint64_t now_ns);

/* ---- leases (lease.c) ---- */

/* End what holds the snapshot of `reader`, whose word was `seen`: a read is told to end, an idle
 * lease is ended at once. False: it is no longer so, or was told before. Any thread. */
bool skep__reader_cut(skep_db *db, skep__reader *reader, uint32_t seen, skep__cut why);
/* End the lease if it is too old. */
void skep__lease_expire(skep_db *db, skep__reader *reader, uint64_t now_ns);

/* ---- the ceiling of the WAL (ceiling.c) ---- */

/* The leader, before BEGIN: hold the group back while the WAL is larger than its ceiling. */
int skep__ceiling_hold(skep_db *db, uint64_t deadline_ns, const skep_cancel *cancel);

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
    _Atomic uint64_t left;    /* pages that the last pass left */
    skep__use use;
} skep__checkpointer;

/* The leader, after a commit: wake or start the thread if the WAL is long enough. */
void skep__checkpoint_notice(skep_db *db, uint64_t wal_pages);
void skep__checkpoint_stop(skep_db *db);
/* Do checkpoints belong to what is attached (skep/sys/db_hooks.h)? */
bool skep__checkpoint_owned(skep_db *db);
/* Only for the leader, outside of a transaction. Copy what can be copied, unless somebody else owns
 * the checkpoints, who is asked to; `*clear`: the next commit starts the WAL anew. */
int skep__checkpoint_clear(skep_db *db, bool *clear);
/* Before the first of these: what earlier passes left is of no interest. */
void skep__checkpoint_forget(skep_db *db);
/* One pass in the calling thread, which must be the only user of the connection. */
int skep__checkpoint_last(skep_db *db);

/* ---- the database ---- */

#define SKEP__DB_CLOSING (1u << 31)

struct skep_db {
    char *path; /* absolute */
    skep_db_opts opts;
    bool keep_beside; /* there was a -wal or a -journal */
    bool had_shm;     /* there was a -shm */
    bool created;     /* there was no file before */
    uint64_t device;  /* with inode: which file it is; 0 until it is open */
    uint64_t inode;
    uint64_t cache_share; /* page cache of one connection, bytes */
    skep__costs *costs;
    bool in_turn;        /* a rollback journal: reads and writes take turns */
    skep__home home;     /* the process that opened it */
    skep__status status; /* of whoever ticks, and at last of who closes */

    skep_key *key;                      /* our copy; NULL: not encrypted */
    skep__seal seal;                    /* what was recorded beside the file when it was opened */
    int32_t ciphers[SKEP__SQL_CIPHERS]; /* that it may have; once it is open, the one that it has */

    /* Calls inside, and one for the handle; SKEP__DB_CLOSING in the same word, so that whoever
     * leaves knows without a second look whether somebody waits for it. */
    _Atomic uint32_t refs;
    _Atomic uint32_t closing;   /* new calls are refused */
    _Atomic uint32_t abort;     /* running SQL is ended */
    _Atomic uint32_t corrupted; /* damage was met */

    /* The writer: only whoever leads the queue touches it. NULL: the handle only reads. */
    skep__queue queue;
    skep__conn *writer; /* changed by the leader under the readers' mutex, for onlookers */
    skep__use writer_use;
    uint64_t commits;
    uint64_t stamped;         /* newest commit of which a receipt was asked for */
    uint64_t generation;      /* of the WAL, then */
    _Atomic uint64_t visible; /* newest commit that a read which begins now will see */
    uint64_t ceiling_pages;   /* wal_ceiling_bytes, in pages of the WAL */
    uint64_t frame_bytes;     /* of one of them, with its header */
#ifdef SKEP_TEST_BUILD
    uint64_t rerun_state;
    uint32_t rerun_percent;
#endif

    skep__async async;
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

/* SKEP_EMISUSE in a child process of the one that opened the database. */
int skep__db_here(const skep_db *db);
/* Count a call in; SKEP_ECLOSED once the database closes. Leaving may free the database. */
int skep__db_enter(skep_db *db);
void skep__db_leave(skep_db *db);
/* For threads of the database's own. Count `n` in, from inside; that, or false where nobody is
 * inside any more; and out. True: that was the last one, and the database is gone. */
void skep__db_pin_n(skep_db *db, uint32_t n);
bool skep__db_pin(skep_db *db);
bool skep__db_leave_n(skep_db *db, uint32_t n);

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
/* The failure of an open: say so if a change of the key was interrupted. */
int skep__db_explain_seal(const skep_db *db, int rc);
void skep__db_free_key(skep_key **key); /* for SKEP__CLEANUP */
/* Name of the recorded cipher, or NULL. */
const char *skep__db_sealed_with(const skep_db *db);

/* Size of the database file with `suffix` ("", "-wal"); -1 if there is none. */
/* Run `work` in a thread of its own, and `look` in this one until that has ended (aside.c). */
int skep__aside(int (*work)(void *arg), void (*look)(void *arg), void *arg);
int64_t skep__db_file_bytes(const skep_db *db, const char *suffix);

/* `limit` (may be NULL) ends the wait for others. */
int skep__db_open_conn(skep_db *db, skep__conn_role role, const skep__limit *limit,
                       skep__conn **out);

/* A sync failed: refuse writes from now on. Uses this thread's error detail as the cause, and
 * changes it to SKEP_EPOISONED with outcome unknown. */
int skep__db_poison(skep_db *db);
/* SKEP_OK, or SKEP_EPOISONED with the first cause. */
int skep__db_check_poison(skep_db *db);

static inline bool skep__db_writes(const skep_db *db)
{
    return (db->opts.flags & SKEP_DB_READONLY) == 0;
}
/* Only for the leader, between groups: `conn` writes from now on. */
void skep__writer_replace(skep_db *db, skep__conn *conn);
/* The SQL that it runs or ran last. */
void skep__writer_sql(skep_db *db, char *out, size_t size);

extern const skep__group_ops skep__writer_ops;
extern const skep__settings_table skep__db_settings;
/* Run `job` as the only writer, outside any transaction. */
int skep__writer_exclusive(skep_db *db, int (*job)(skep_db *db, void *arg), void *arg);
/* The same, waiting its turn to the deadline (0: none) or until `cancel` (may be NULL) is fired. */
int skep__writer_exclusive_with(skep_db *db, int (*job)(skep_db *db, void *arg), void *arg,
                                uint64_t deadline_ns, skep_cancel *cancel);
/* For such a job: one checkpoint over the writer's connection. */
/* The owner of the role has committed something that was no group. */
void skep__writer_committed(skep_db *db);
int skep__writer_checkpoint(skep_db *db, skep__checkpoint_mode mode, uint64_t *pages,
                            uint64_t *left);

#ifdef SKEP_TEST_BUILD
/* Share of transaction functions that are run again for no reason, in percent; 10 by default. */
void skep__db_set_rerun(skep_db *db, uint32_t percent);
#endif

#endif
