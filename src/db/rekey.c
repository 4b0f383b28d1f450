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
 * do.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "db/db_private.h"
#include "os/os.h"

typedef struct rekey {
    const skep_rekey_opts *opts;
    char path[SKEP__DB_PATH_MAX];
    skep__seal seal; /* what was beside the file */
    bool strange;    /* X-skep is a file of somebody else's */
    skep__conn *conn;
    uint64_t pages;
    char lock_path[SKEP__DB_PATH_MAX + 16]; /* of whoever maintains the file */
    int lock_fd;
    int64_t wait_ms;
} rekey;

static const uint8_t plain_salt[SKEP__SALT_BYTES] = "SQLite format 3"; /* its first bytes */

static void dispose(rekey *r)
{
    (void)skep__conn_close(SKEP__TAKE(r->conn));
    skep__os_unlock(r->lock_path, &r->lock_fd);
}

/* In WAL mode the engine sees who else has the file open, however idle; otherwise only who reads or
 * writes right now. The lock of a maintainer tells of the others that are of ours. */
static int lock(rekey *r)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    const uint64_t deadline_ns = skep__deadline_ns(r->wait_ms);
    for (;;) {
        int taken = skep__os_lock(r->lock_path, &r->lock_fd);
        if (taken != 0)
            return taken;
        if (skep__now_ns() >= deadline_ns)
            return SKEP__FAIL(SKEP_EBUSY, "somebody else has %s open, and maintains it", r->path);
        (void)nanosleep(&pause, NULL);
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
    uint64_t needed = info.pages * ((uint64_t)info.page_size + 8);
    needed += needed / 16 + SKEP__DB_REKEY_SPARE;
    SKEP__TRY(skep__os_free_bytes(r->path, &bytes_free));
    if (bytes_free < needed)
        return SKEP__FAIL(SKEP_EFULL,
                          "changing the key of %s needs %llu bytes on the disk, %llu are free",
                          r->path, (unsigned long long)needed, (unsigned long long)bytes_free);
    return SKEP_OK;
}

static void tell(const rekey *r, uint64_t done)
{
    if (r->opts->progress != NULL)
        r->opts->progress(done, r->pages, r->opts->ctx);
}

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

static int describe(const rekey *r, bool wal, skep__seal *begun)
{
    *begun = (skep__seal){.there = true,
                          .rekeying = true,
                          .wal = wal,
                          .cipher = r->conn->cipher,
                          .to = cipher_after(r)};
    memcpy(begun->old_salt, begun->cipher != 0 ? r->conn->salt : plain_salt, SKEP__SALT_BYTES);
    memcpy(begun->new_salt, plain_salt, SKEP__SALT_BYTES);
    return begun->to != 0 ? skep__random(begun->new_salt, SKEP__SALT_BYTES) : SKEP_OK;
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

/* Steps 2 to 5, with the file open under its present key. */
static int change(rekey *r)
{
    skep__seal begun;
    bool wal = false;
    SKEP__TRY(skep__sqlite_alone(r->conn, &wal));
    int rc = check_space(r);
    if (rc >= 0)
        rc = describe(r, wal, &begun);
    if (rc >= 0 && !r->strange)
        rc = skep__seal_store(r->path, &begun);
    if (rc < 0)
        return give_up(r, wal);
    tell(r, 0);
    SKEP__POINT("db.rekey_begun");
    SKEP__TRY(skep__sqlite_rekey(r->conn, r->opts->to, begun.to, begun.new_salt));
    SKEP__POINT("db.rekey_done");
    /* A connection of its own from here on: where memory ran out at the very end, SQLite3MC's old
     * one has no cipher to read with, and would crash. */
    r->seal = begun;
    (void)skep__conn_close(SKEP__TAKE(r->conn));
    SKEP__TRY(open_with(r, r->opts->to));
    SKEP__TRY(skep__sqlite_together(r->conn, wal));
    SKEP__POINT("db.rekey_together");
    SKEP__TRY(settle(r, begun.to));
    tell(r, r->pages);
    return SKEP_OK;
}

/* The file has the new key already: an earlier call came so far, at least. */
static int finish(rekey *r)
{
    bool wal = false;
    SKEP__TRY(skep__sqlite_alone(r->conn, &wal));
    SKEP__TRY(check_space(r));
    tell(r, 0);
    SKEP__TRY(skep__sqlite_together(r->conn, wal || r->seal.wal));
    SKEP__TRY(settle(r, r->conn->cipher));
    tell(r, r->pages);
    return SKEP_OK;
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
    if (rc == SKEP_EAUTH)
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
    int rc = lock(&r);
    if (rc >= 0)
        rc = skep__seal_load(r.path, &r.seal);
    r.strange = r.seal.strange;
    if (rc >= 0)
        rc = run(&r);
    skep_err err;
    if (rc < 0)
        skep__err_save(&err);
    dispose(&r);
    return rc < 0 ? skep__err_install(&err) : SKEP_OK;
}
