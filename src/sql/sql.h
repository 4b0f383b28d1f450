/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_SQL_H
#define SKEP__SQL_SQL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/db.h>

#include "base/err.h"
#include "crypto/crypto_limits.h"
#include "os/home.h"
#include "sql/cost.h"
#include "sql/sql_limits.h"

/* One SQL connection, whatever engine is behind it, and its statement cache.
 *
 * The front (conn.c, stmt_cache.c) checks arguments, keeps statements and tells the rules of the
 * API; a driver (sqlite.c) is thin and assumes clean input.
 *
 * Threads: a connection is used by one thread at a time, except where a function says otherwise.
 */

typedef struct skep__conn skep__conn;
typedef struct skep_rows skep__stmt; /* a statement that runs is what the API calls rows */

/* What ends the SQL of the call that uses the connection; NULL where nothing does. */
typedef struct skep__limit {
    uint64_t deadline_ns; /* 0: none */
    const skep_cancel *cancel;
    const _Atomic uint32_t *abort; /* set: the database closes */
    /* Since call_begin(), counted from the first look at the clock; 0: as long as it takes. */
    uint64_t budget_ns;
    const char *budget_name;     /* the setting or option that it comes from, for the error text */
    const _Atomic uint32_t *cut; /* a bit of skep__cut is set in it: ended from outside */
    bool (*look)(void *ctx);     /* whenever the rest is looked at; true ends it; may be NULL */
    void *look_ctx;
} skep__limit;

/* Why the SQL of a reader is ended by others. */
typedef enum skep__cut {
    SKEP__CUT_MAX = 1u << 4,  /* a call that is older than db.read_max */
    SKEP__CUT_AGE = 1u << 5,  /* a lease that is older than it may be */
    SKEP__CUT_WAL = 1u << 6,  /* its snapshot is in the way of the WAL */
    SKEP__CUT_LOST = 1u << 7, /* a lease whose snapshot went with a failure */
    SKEP__CUT_ANY = SKEP__CUT_MAX | SKEP__CUT_AGE | SKEP__CUT_WAL | SKEP__CUT_LOST
} skep__cut;
/* The failure that it is. `word` may have other bits. */
int skep__cut_fail(uint32_t word);

/* Who the connection is for. */
typedef enum skep__conn_role {
    SKEP__CONN_WRITER,
    SKEP__CONN_READER,
    SKEP__CONN_CHECKPOINTER
} skep__conn_role;

typedef struct skep__conn_opts {
    const char *path;
    skep__conn_role role;
    bool create;      /* make the file if it is not there */
    bool readonly;    /* the file must not change, not even by closing it */
    bool foreign;     /* keep the journal mode that the file has */
    bool keep_beside; /* readonly: there is a -wal or a -journal, which stays as it is */
    bool tidy_shm;    /* there is no -shm: one that a refused key leaves is taken away again */
    skep_sync synchronous;
    int64_t connect_timeout_ms; /* wait for others while it opens */
    int64_t busy_timeout_ms;    /* and later */
    uint64_t cache_bytes;
    skep__costs *costs;          /* borrowed; NULL: nobody counts */
    bool incremental;            /* a new file gives free pages back in steps */
    _Atomic uint32_t *corrupted; /* set when damage is met; may be NULL */
    struct skep_key *key;        /* borrowed; NULL: the file is not encrypted */
    bool remember;               /* let the key keep what its passphrase comes to on this file */
    /* To try in this order; 0 ends. The first makes new files. */
    int32_t ciphers[SKEP__SQL_CIPHERS];
    const char *sealed;       /* name of the cipher that is recorded for the file; NULL: none is */
    const skep__limit *limit; /* of the call that opens it; may be NULL */
} skep__conn_opts;

/* How far a checkpoint goes. None of them waits. */
typedef enum skep__checkpoint_mode {
    SKEP__CHECKPOINT_LOOK,    /* only count the pages */
    SKEP__CHECKPOINT_PASSIVE, /* as far as readers let it */
    SKEP__CHECKPOINT_TRUNCATE /* all, and cut the -wal: SKEP_EBUSY where somebody is in the way */
} skep__checkpoint_mode;

/* Transaction control, prepared once. */
typedef enum skep__control {
    SKEP__BEGIN_READ, /* the snapshot is that of the first statement */
    SKEP__SNAPSHOT,   /* take it now */
    SKEP__BEGIN_WRITE,
    SKEP__COMMIT,
    SKEP__ROLLBACK,
    SKEP__SAVEPOINT,
    SKEP__RELEASE_SAVEPOINT,
    SKEP__ROLLBACK_TO,
    SKEP__CONTROLS
} skep__control;

typedef struct skep__conn_info {
    uint32_t page_size;
    uint64_t pages;
    uint64_t free_pages;
    bool incremental; /* free pages can be given back in steps */
    char journal_mode[16];
    char synchronous[16];
} skep__conn_info;

typedef int skep__row_fn(void *ctx, const char *const *columns, int n);

struct skep__driver {
    const char *name;
    int (*open)(const skep__conn_opts *opts, skep__conn **out);
    int (*close)(skep__conn *conn); /* always frees */

    /* `out` gets a statement with `sql` copied; text after it is INVALID. */
    int (*prepare)(skep__conn *conn, const char *sql, size_t len, skep__stmt **out);
    void (*finalize)(skep__stmt *stmt);
    int (*bind)(skep__stmt *stmt, int at, const skep_value *v); /* the first is 1 */
    int (*step)(skep__stmt *stmt);                              /* 1 a row, 0 the end */
    void (*reset)(skep__stmt *stmt);

    int (*columns)(const skep__stmt *stmt);
    const char *(*column_name)(skep__stmt *stmt, int column);
    int (*column_type)(skep__stmt *stmt, int column);
    int64_t (*column_int)(skep__stmt *stmt, int column);
    double (*column_real)(skep__stmt *stmt, int column);
    /* A NULL `data` for what is not NULL and not empty: memory ran out. */
    skep_slice (*column_bytes)(skep__stmt *stmt, int column, skep_type as);

    int (*control)(skep__conn *conn, skep__control what);
    bool (*in_tx)(const skep__conn *conn);
    /* Nothing is open on it: neither a transaction nor a statement that holds a snapshot. */
    bool (*quiet)(const skep__conn *conn);
    /* Foreign key violations that wait for the end of the transaction. */
    bool (*fk_pending)(skep__conn *conn);
    /* A new call begins: what the engine remembers of the last one is not its. */
    void (*call_begin)(skep__conn *conn);
    /* It ends: undo settings that it was allowed to make. */
    int (*call_end)(skep__conn *conn);
    int64_t (*changes)(
        skep__conn *conn); /* of the last statement that changed rows, in this call */
    int64_t (*last_rowid)(skep__conn *conn);
    /* One pass: pages in the WAL, and of these not yet in the database. */
    int (*checkpoint)(skep__conn *conn, skep__checkpoint_mode mode, uint64_t *pages,
                      uint64_t *left);
    /* A PASSIVE one that looks whether any snapshot keeps the next commit from starting the WAL
     * anew: if none does, `*clear`. Does not wait. Only for who keeps all of the process from
     * writing. */
    int (*clear)(skep__conn *conn, uint64_t *pages, uint64_t *left, bool *clear);
    /* The salts of the WAL, after a commit; 0: there is none, or it is not ours. */
    uint64_t (*wal_generation)(skep__conn *conn);
    uint64_t (*wal_pages)(const skep__conn *conn); /* after the last commit of this connection */
    int (*info)(skep__conn *conn, skep__conn_info *out);
    /* One statement of ours, past what callers are refused. `row` (may be NULL) gets each row: its
     * columns as text, NULL for NULL; a negative return ends the statement and passes through. */
    int (*execute)(skep__conn *conn, const char *sql, skep__row_fn *row, void *ctx);
    uint64_t (*pages_read)(skep__conn *conn); /* from the file, since it was opened */
    /* Write the file anew. What is built for that goes through a temporary file if the database is
     * plain, else through memory. `*unsure`: it failed half-way, and what was written may count. */
    int (*vacuum)(skep__conn *conn, bool *unsure);
    /* The directory of such files. SKEP_EUNSUPPORTED: there is none that can be written to. */
    int (*temp_dir)(skep__conn *conn, char *out, size_t size);
};
typedef struct skep__driver skep__driver;

extern const skep__driver skep__sqlite_driver;

typedef struct skep__stmt_cache {
    struct {
        const char *address;
        skep__stmt *stmt;
    } by_address[SKEP__SQL_CACHE_BUCKETS];
    skep__stmt *by_text[SKEP__SQL_CACHE_BUCKETS];
    skep__stmt *newest; /* in order of use */
    skep__stmt *oldest;
    size_t count;
} skep__stmt_cache;

/* First member of every driver's connection. */
struct skep__conn {
    const skep__driver *driver;
    const skep__limit *limit; /* of the present call; set by its user, read by the engine */
    skep__stmt_cache cache;
    skep__conn_role role;
    skep__costs *costs;
    _Atomic(const skep__cost_entry *) running; /* what ran last; NULL: nothing yet */
    int32_t cipher;                            /* what the file is encrypted with; 0: it is plain */
    uint8_t salt[SKEP__SALT_BYTES];            /* and the first bytes of the file then */
    uint32_t page_size;                        /* bytes */
    /* The last failure was of a sync: what it was to make durable may or may not be. */
    bool sync_failed;
    /* The last COMMIT failed, but its pages may stand in the WAL: a crash before the next commit,
     * which overwrites them, would bring it back. */
    bool commit_unsure;
    bool recovered;              /* opening it found a WAL or a journal to recover from */
    _Atomic uint32_t *corrupted; /* of its options */
};

/* First member of every driver's statement. */
struct skep_rows {
    skep__conn *conn;
    char *sql;
    size_t len;
    uint64_t hash;
    size_t parameters;
    bool cached;
    bool busy;       /* lent out */
    bool used;       /* since the cache last looked for something to drop */
    int row_columns; /* of the present row; 0: there is none */
    bool ended;      /* stepping it again would start it anew */
    bool asked;      /* `by_name` holds answers about the present run */
    skep__stmt *next_text;
    skep__stmt *newer;
    skep__stmt *older;
    /* For the room that runs transactions: what it belongs to, and its place in the list of open
     * ones. */
    void *owner;
    skep__stmt *open_next;
    skep__stmt **open_back;
    skep__cost cost;
    /* Columns that were asked for by name, by the address of the name. */
    struct {
        const char *name;
        int column;
    } by_name[SKEP__SQL_NAMES];
};

int skep__conn_open(const skep__driver *driver, const skep__conn_opts *opts, skep__conn **out);
int skep__conn_close(skep__conn *conn); /* accepts NULL; always frees */
static inline int skep__conn_control(skep__conn *conn, skep__control what)
{
    return conn->driver->control(conn, what);
}

/* What can be told about a SQLite file without its key. */
typedef struct skep__look {
    bool empty;
    bool plain;                     /* not encrypted */
    bool noise;                     /* its first page looks random, as an encrypted one does */
    uint8_t salt[SKEP__SALT_BYTES]; /* its first bytes, once a journal beside it is rolled back */
} skep__look;
int skep__sqlite_look(const char *path, skep__look *out) SKEP_CHECK;

/* Changing a key (sqlite_rekey.c), in this order. The connection is the only one on the file after
 * the first step, until the last. SKEP_EBUSY: others have the file open. */
int skep__sqlite_alone(skep__conn *conn, bool *was_wal) SKEP_CHECK;
/* `to` NULL: the file is plain afterwards. */
int skep__sqlite_rekey(skep__conn *conn, const struct skep_key *to, int cipher,
                       const uint8_t salt[SKEP__SALT_BYTES]) SKEP_CHECK;
int skep__sqlite_together(skep__conn *conn, bool wal) SKEP_CHECK;

/* Lend a statement: from the cache by the address of `sql`, then by its text, else prepared. A
 * statement that is lent already is prepared a second time. All its values are bound; their array
 * is not needed afterwards, what text and blobs point to is. */
int skep__stmt_borrow(skep__conn *conn, const char *sql, const skep_value *v, size_t n,
                      skep__stmt **out);
/* The next row: 1, or 0 at the end. Not after the end or a failure. */
int skep__stmt_step(skep__stmt *stmt);
/* Reset and give back. */
void skep__stmt_return(skep__stmt *stmt);
/* Finalize what is cached; nothing may be lent. */
void skep__stmt_cache_clear(skep__conn *conn);

/* Let SQLite live on our allocator: once in a process, before anything else starts it. Opening does
 * this by itself; a test that registers a VFS first has to ask for it. */
void skep__sqlite_configure(void);
/* This process, as far as SQLite is concerned: in a child by fork() it is another one. */
skep__home skep__sqlite_home(void);
/* SKEP_EMISUSE in a child of a process that had connections. Opening one asks by itself; this is
 * for who has other things to do before. */
int skep__sqlite_allowed(const char *path) SKEP_CHECK;

/* Versions, for skep_sqlite_version() and its like. */
const char *skep__sqlite_version(void);
const char *skep__sqlite_mc_version(void);

#endif
