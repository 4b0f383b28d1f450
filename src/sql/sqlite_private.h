/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_SQLITE_PRIVATE_H
#define SKEP__SQL_SQLITE_PRIVATE_H

#include "sqlite3.h"

#include "crypto/crypto.h"
#include "sql/sql.h"

typedef struct sqlite_conn {
    skep__conn base;
    sqlite3 *handle;
    bool readonly;
    bool own;             /* our own control statement runs: the authorizer lets it pass */
    bool yields;          /* and its limit may end it all the same */
    bool keyed;           /* a key is set */
    bool was_empty;       /* there was no page yet that could prove the key */
    bool plain;           /* what cannot be read is not for want of a key */
    bool fk_deferred;     /* this call set PRAGMA defer_foreign_keys */
    bool rows_changed;    /* this call ran a statement that can change rows */
    char refused[96];     /* what the authorizer refused last, for the error text */
    int64_t total_before; /* rows changed before this call began */
    int64_t busy_timeout_ms;
    uint64_t busy_since_ns;
    uint64_t sql_since_ns; /* this call's SQL runs at least since; 0: nobody looked yet */
    uint64_t wal_pages;
    sqlite3_stmt *controls[SKEP__CONTROLS];
} sqlite_conn;

typedef struct sqlite_stmt {
    skep__stmt base;
    sqlite3_stmt *handle;
    bool reads_only;
} sqlite_stmt;

static inline sqlite_conn *sqlite_of(skep__conn *conn)
{
    return (sqlite_conn *)(void *)conn;
}
static inline const sqlite_conn *sqlite_of_const(const skep__conn *conn)
{
    return (const sqlite_conn *)(const void *)conn;
}
static inline sqlite_stmt *sqlite_stmt_of(skep__stmt *stmt)
{
    return (sqlite_stmt *)(void *)stmt;
}

/* Put an engine failure into the thread's error detail and return our code. `what` says what was
 * being done: "prepare", "step"; `sql` may be NULL. */
int skep__sqlite_fail(sqlite_conn *conn, int rc, const char *what, const char *sql);
/* The same without a connection to ask. */
int skep__sqlite_code(int rc);

int skep__sqlite_authorize(void *conn, int action, const char *a, const char *b, const char *schema,
                           const char *trigger);
/* A new handle on the file, in the place of the one that there may be. Until a read has proven that
 * the pages can be read, closing it leaves the -wal as it is. */
int skep__sqlite_open_handle(sqlite_conn *conn, const skep__conn_opts *opts);
/* The VFS for connections that write: it gathers the frames of a commit. NULL: the usual one. */
const char *skep__sqlite_gather(void);
int skep__sqlite_on_busy(void *conn, int times);

/* The first page as it will be once a journal is rolled back (sqlite_first.c). */
typedef struct skep__first {
    uint8_t page[4096]; /* its beginning, not decrypted */
    size_t len;         /* 0: the file is empty */
    int64_t record;     /* where it is in the journal; -1: it is the one in the file */
    uint32_t page_size; /* of the journal */
    bool emptied;       /* rolling the journal back leaves an empty file */
} skep__first;
int skep__sqlite_first(sqlite_conn *conn, skep__first *out);
bool skep__first_is_plain(const skep__first *first);
bool skep__first_is_noise(const skep__first *first);
/* 1: the key that is set reads it; 0: it does not. */
int skep__sqlite_prove(sqlite_conn *conn, const skep__first *first);
int skep__sqlite_has_journal(sqlite_conn *conn, bool *out);
int skep__sqlite_has_wal(sqlite_conn *conn, bool *out);
/* Remove the -shm that nobody uses. One in use, or that cannot be removed, stays. */
void skep__sqlite_tidy_shm(const skep__conn_opts *opts);

/* SQLite3MC's form of a key and a salt that are not to be derived. */
typedef struct skep__key_text {
    uint8_t bytes[4 + SKEP_KEY_BYTES + SKEP__SALT_BYTES];
} skep__key_text;
int skep__sqlite_key_text(const struct skep_key *key, int cipher,
                          const uint8_t salt[SKEP__SALT_BYTES], skep__key_text *out);
int skep__sqlite_set_cipher(sqlite_conn *conn, int cipher);
/* Give the connection its key and prove it, or find that none is needed (sqlite_cipher.c). */
int skep__sqlite_unlock(sqlite_conn *conn, const skep__conn_opts *opts);
/* The first read failed with `rc`: is it for want of a key? */
int skep__sqlite_explain_unread(sqlite_conn *conn, const skep__conn_opts *opts, int rc);

/* Count a connection in before SQLite is asked for it, and out when it is closed
 * (sqlite_process.c). SKEP_EMISUSE in a child of a process that had some. */
int skep__sqlite_enter(const char *path);
void skep__sqlite_leave(void);
/* WALs and journals that SQLite recovered from in this thread. */
uint32_t skep__sqlite_recoveries(void);

int skep__sqlite_open(const skep__conn_opts *opts, skep__conn **out);
int skep__sqlite_prepare_controls(sqlite_conn *conn);

#endif
