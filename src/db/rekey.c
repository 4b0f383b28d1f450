/* SPDX-License-Identifier: MIT */
/*
 * Changing the key of a database.
 *
 *   1. open it with the present key, and be the only one who has it open;
 *   2. write X-skep: a change has begun, from which cipher to which, and the first 16 bytes of the
 *      file (its salt; of a plain file, SQLite's magic) before and after it;
 *   3. the change itself, one transaction with a rollback journal;
 *   4. the journal mode as it was;
 *   5. write X-skep as it is from now on, or remove it.
 *
 * After a crash the first 16 bytes tell which key the file has, where a journal that is to be
 * rolled back speaks for the file. So whoever opens it with that key finds it whole, and the same
 * call again finishes: it finds the old key and does it all, or the new one and has only 4 and 5 to
 * do. It may have been cut off after 5 as well, so a file that has the new key and no change under
 * way is one that is done, whatever was given as the present key: to tell a wrong one from the old
 * one, something of the old one would have to be kept.
 */
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "db/db_private.h"
#include "os/os.h"

typedef struct rekey {
    const skep_rekey_opts *opts;
    char path[SKEP__DB_PATH_MAX];
    skep__seal seal;  /* what was beside the file */
    skep__seal begun; /* what is there while it is changed */
    bool strange;     /* X-skep is a file of somebody else's */
    skep__conn *conn;
    char lock_path[SKEP__DB_PATH_MAX + 16]; /* of whoever maintains the file */
    int lock_fd;
    int64_t wait_ms;
    skep__limit waits; /* what ends the waiting for others */

    /* How far it has come: where it is a VACUUM, half of it is reading the pages. */
    uint64_t pages;
    uint32_t page_size;
    uint64_t read_before;
    _Atomic uint64_t pages_read;
    _Atomic uint32_t gathers; /* it is one */
    uint64_t told;
} rekey;

static const uint8_t plain_salt[SKEP__SALT_BYTES] = "SQLite format 3"; /* its first bytes */

static void dispose(rekey *r)
{
    (void)skep__conn_close(SKEP__TAKE(r->conn));
    skep__os_unlock(r->lock_path, &r->lock_fd);
}

static int cancelled(const rekey *r)
{
    return SKEP__FAIL(SKEP_ECANCELLED, "the change of the key of %s was cancelled", r->path);
}

/* In WAL mode the engine sees who else has the file open, however idle; otherwise only who reads or
 * writes right now. The lock of a maintainer tells of the others that are of ours. */
static int lock(rekey *r)
{
    skep__word word = 0;
    for (;;) {
        int taken = skep__os_lock(r->lock_path, &r->lock_fd);
        if (taken != 0)
            return taken;
        uint64_t now = skep__now_ns();
        if (now >= r->waits.deadline_ns || skep__cancel_fired(r->opts->cancel))
            return SKEP__FAIL(SKEP_EBUSY, "somebody else has %s open, and maintains it", r->path);
        SKEP__POINT("db.rekey_waits");
        uint64_t next = now + SKEP__DB_REKEY_PAUSE_NS;
        (void)skep__cancel_wait(r->opts->cancel, &word, atomic_load(&word),
                                next < r->waits.deadline_ns ? next : r->waits.deadline_ns);
    }
}

static size_t add_cipher(int32_t *ciphers, size_t n, int32_t cipher)
{
    for (size_t i = 0; i < n; i++)
        if (ciphers[i] == cipher)
            return n;
    if (cipher != 0 && n < SKEP__SQL_CIPHERS)
        ciphers[n++] = cipher;
    return n;
}

static bool has_shm(const rekey *r)
{
    char path[SKEP__DB_PATH_MAX + 16];
    skep__file_info info;
    (void)snprintf(path, sizeof(path), "%s-shm", r->path);
    return skep__os_stat(path, &info) != SKEP_ENOTFOUND;
}

static int open_with(rekey *r, const skep_key *key)
{
    SKEP__CLEANUP(skep__db_free_key) skep_key *copy = NULL;
    skep__conn_opts opts = {
        .path = r->path,
        .role = SKEP__CONN_CHECKPOINTER,
        .foreign = true,
        .tidy_shm = !has_shm(r),
        .synchronous = SKEP_SYNC_FULL,
        .busy_timeout_ms = r->wait_ms,
        .cache_bytes = SKEP__DB_REKEY_CACHE,
        .sealed = r->seal.there
                      ? skep_cipher_name(r->seal.cipher != 0 ? r->seal.cipher : r->seal.to)
                      : NULL,
        .limit = &r->waits,
    };
    size_t n = 0;
    if (key != NULL)
        SKEP__TRY(skep__key_copy(key, &copy));
    opts.key = copy;
    if (r->seal.there) {
        n = add_cipher(opts.ciphers, n, r->seal.cipher);
        n = add_cipher(opts.ciphers, n, r->seal.to);
    } else {
        n = add_cipher(opts.ciphers, n, skep__cipher_best());
        n = add_cipher(opts.ciphers, n, SKEP_CIPHER_CHACHA20);
        n = add_cipher(opts.ciphers, n, SKEP_CIPHER_AEGIS);
    }
    if (n < SKEP__SQL_CIPHERS)
        (void)add_cipher(opts.ciphers, n, SKEP_CIPHER_SQLCIPHER);
    return skep__conn_open(&skep__sqlite_driver, &opts, &r->conn);
}

/* Room for the journal, which holds every page, and for pages that grow at their end. */
static int check_space(rekey *r)
{
    skep__conn_info info;
    uint64_t bytes_free = 0;
    SKEP__TRY(r->conn->driver->info(r->conn, &info));
    if (r->opts->cipher == SKEP_CIPHER_SQLCIPHER && info.page_size != 4096)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s has pages of %u bytes, SQLCipher's have 4096",
                          r->path, info.page_size);
    r->pages = info.pages;
    r->page_size = info.page_size;
    uint64_t needed = info.pages * ((uint64_t)info.page_size + 8);
    needed += needed / 16 + SKEP__DB_REKEY_SPARE;
    SKEP__TRY(skep__os_free_bytes(r->path, &bytes_free));
    if (bytes_free < needed)
        return SKEP__FAIL(SKEP_EFULL,
                          "changing the key of %s needs %llu bytes on the disk, %llu are free",
                          r->path, (unsigned long long)needed, (unsigned long long)bytes_free);
    return SKEP_OK;
}

/* ---- progress ---- */

static void tell(rekey *r, uint64_t done)
{
    r->told = done;
    if (r->opts->progress != NULL)
        r->opts->progress(done, r->pages, r->opts->ctx);
}

/* In the thread that works, and only where that is a VACUUM: nothing else runs statements. */
static bool read_more(void *ctx)
{
    rekey *r = ctx;
    uint64_t read = r->conn->driver->pages_read(r->conn);
    atomic_store_explicit(&r->pages_read, read - r->read_before, memory_order_relaxed);
    atomic_store(&r->gathers, 1);
    return false;
}

/* In the thread that asked: each page is in the journal before it is changed. */
static void look(void *arg)
{
    rekey *r = arg;
    char journal[SKEP__DB_PATH_MAX + 16];
    skep__file_info info = {0};
    (void)snprintf(journal, sizeof(journal), "%s-journal", r->path);
    if (skep__os_stat(journal, &info) < 0)
        info.size = 0;
    uint64_t done = info.size / (r->page_size + 8);
    done = done < r->pages ? done : r->pages;
    if (atomic_load(&r->gathers) != 0) {
        uint64_t read = atomic_load_explicit(&r->pages_read, memory_order_relaxed);
        done = (done + (read < r->pages ? read : r->pages)) / 2;
    }
    if (done > r->told)
        tell(r, done);
}

/* ---- the change ---- */

static int settle(const rekey *r, int32_t cipher)
{
    const skep__seal want = {.there = true, .cipher = cipher};
    if (r->strange)
        return SKEP_OK;
    return cipher != 0 ? skep__seal_store(r->path, &want) : skep__seal_remove(r->path);
}

static int32_t cipher_after(const rekey *r)
{
    if (r->opts->to == NULL)
        return 0;
    if (r->opts->cipher != 0)
        return r->opts->cipher;
    return r->conn->cipher != 0 ? r->conn->cipher : skep__cipher_best();
}

static int describe(rekey *r, bool wal)
{
    skep__seal *begun = &r->begun;
    *begun = (skep__seal){.there = true,
                          .rekeying = true,
                          .wal = wal,
                          .cipher = r->conn->cipher,
                          .to = cipher_after(r)};
    memcpy(begun->old_salt, begun->cipher != 0 ? r->conn->salt : plain_salt, SKEP__SALT_BYTES);
    memcpy(begun->new_salt, plain_salt, SKEP__SALT_BYTES);
    return begun->to != 0 ? skep__random(begun->new_salt, SKEP__SALT_BYTES) : SKEP_OK;
}

/* Nobody else has the file open from here on, so there is nothing more to wait for. */
static int be_alone(rekey *r, bool *wal)
{
    SKEP__POINT("db.rekey_opened");
    r->conn->limit = &r->waits;
    int rc = skep__sqlite_alone(r->conn, wal);
    r->conn->limit = NULL;
    return rc;
}

/* Nothing has been changed yet: the file goes back to what it was. */
static int give_up(const rekey *r, bool wal)
{
    skep_err err;
    skep__err_save(&err);
    int back = skep__sqlite_together(r->conn, wal); /* if not: skep_db_open() does it */
    (void)back;
    return skep__err_install(&err);
}

static int write_pages(void *arg)
{
    rekey *r = arg;
    const skep__limit limit = {.look = read_more, .look_ctx = r};
    r->read_before = r->conn->driver->pages_read(r->conn);
    r->conn->limit = &limit;
    int rc = skep__sqlite_rekey(r->conn, r->opts->to, r->begun.to, r->begun.new_salt);
    r->conn->limit = NULL;
    return rc;
}

/* Steps 2 to 5, with the file open under its present key. */
static int change(rekey *r)
{
    bool wal = false;
    SKEP__TRY(be_alone(r, &wal));
    int rc = skep__cancel_fired(r->opts->cancel) ? cancelled(r) : check_space(r);
    if (rc >= 0)
        rc = describe(r, wal);
    if (rc >= 0 && !r->strange)
        rc = skep__seal_store(r->path, &r->begun);
    if (rc < 0)
        return give_up(r, wal);
    tell(r, 0);
    SKEP__POINT("db.rekey_begun");
    SKEP__TRY(r->opts->progress != NULL ? skep__aside(write_pages, look, r) : write_pages(r));
    SKEP__POINT("db.rekey_done");
    /* A connection of its own from here on: where memory ran out at the very end, SQLite3MC's old
     * one has no cipher to read with, and would crash. */
    r->seal = r->begun;
    r->waits = (skep__limit){0}; /* it is changed: nothing of the caller's ends the rest */
    (void)skep__conn_close(SKEP__TAKE(r->conn));
    SKEP__TRY(open_with(r, r->opts->to));
    SKEP__TRY(skep__sqlite_together(r->conn, wal));
    SKEP__POINT("db.rekey_together");
    SKEP__TRY(settle(r, r->begun.to));
    tell(r, r->pages);
    return SKEP_OK;
}

/* The file has the new key already: an earlier call came so far, at least. No page is written. */
static int finish(rekey *r)
{
    bool wal = false;
    SKEP__TRY(be_alone(r, &wal));
    SKEP__TRY(skep__sqlite_together(r->conn, wal || r->seal.wal));
    SKEP__TRY(settle(r, r->conn->cipher));
    tell(r, 0);
    return SKEP_OK;
}

/* A file with another cipher than the one that is asked for was not made by an earlier call. */
static bool as_asked(const rekey *r)
{
    return r->opts->cipher == 0 || r->opts->to == NULL || r->opts->cipher == r->conn->cipher;
}

static int run(rekey *r)
{
    int rc = open_with(r, r->opts->key);
    if (rc >= 0)
        return change(r);
    if (rc != SKEP_EAUTH)
        return rc;
    skep_err err;
    skep__err_save(&err);
    rc = open_with(r, r->opts->to);
    if (rc == SKEP_EAUTH || (rc >= 0 && !as_asked(r)))
        return skep__err_install(&err);
    return rc < 0 ? rc : finish(r);
}

static int check_opts(const skep_rekey_opts *opts)
{
    if (opts->cipher < 0 || opts->cipher > SKEP_CIPHER_SQLCIPHER)
        return SKEP__FAIL(SKEP_EINVALID, "skep_rekey_opts.cipher: %d is no cipher", opts->cipher);
    if (opts->timeout_ms < 0)
        return SKEP__FAIL(SKEP_EINVALID, "skep_rekey_opts.timeout_ms: %lld is negative",
                          (long long)opts->timeout_ms);
    if (opts->key == NULL && opts->to == NULL)
        return SKEP__FAIL(SKEP_EINVALID, "neither a present key nor a new one is given");
    return SKEP_OK;
}

int skep_db_rekey(const char *path, const skep_rekey_opts *opts)
{
    SKEP__REQUIRE(path != NULL);
    SKEP__REQUIRE(opts != NULL);
    SKEP__REQUIRE(opts->size >= sizeof(*opts));
    rekey r = {.opts = opts, .lock_fd = -1};
    SKEP__TRY(check_opts(opts));
    SKEP__TRY(skep__sqlite_allowed(path));
    SKEP__TRY(skep__os_full_path(path, r.path, sizeof(r.path)));
    SKEP__TRY(skep__db_check_database(r.path));
    (void)snprintf(r.lock_path, sizeof(r.lock_path), "%s" SKEP__DB_LOCK_SUFFIX, r.path);
    r.wait_ms = opts->timeout_ms > 0 ? opts->timeout_ms : SKEP__DB_REKEY_WAIT_MS;
    r.waits = (skep__limit){.deadline_ns = skep__deadline_ns(r.wait_ms), .cancel = opts->cancel};
    int rc = lock(&r);
    if (rc >= 0)
        rc = skep__seal_load(r.path, &r.seal);
    r.strange = r.seal.strange;
    if (rc >= 0)
        rc = run(&r);
    if (rc == SKEP_EBUSY && skep__cancel_fired(opts->cancel))
        rc = cancelled(&r);
    skep_err err;
    if (rc < 0)
        skep__err_save(&err);
    dispose(&r);
    return rc < 0 ? skep__err_install(&err) : SKEP_OK;
}
