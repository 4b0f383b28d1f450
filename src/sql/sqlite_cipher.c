/* SPDX-License-Identifier: MIT */
/*
 * Giving a connection its key.
 *
 * Never by SQL or in a file name, where it would be seen; always as 32 raw bytes (crypto makes them
 * of a passphrase), and always together with the salt that was read from the file: left to itself,
 * SQLite3MC takes a file that could not be read for a new one and chooses another salt, which its
 * next write of the first page would put in the place of the one that the passphrase needs.
 */
#include <string.h>

#include "base/mem.h"
#include "sql/sqlite_private.h"

static int type_of(int cipher)
{
    switch (cipher) {
    case SKEP_CIPHER_CHACHA20:
        return CODEC_TYPE_CHACHA20;
    case SKEP_CIPHER_SQLCIPHER:
        return CODEC_TYPE_SQLCIPHER;
    default:
        ASSERT(cipher == SKEP_CIPHER_AEGIS);
        return CODEC_TYPE_AEGIS;
    }
}

int skep__sqlite_set_cipher(sqlite_conn *conn, int cipher)
{
    int type = type_of(cipher);
    bool set = sqlite3mc_config(conn->handle, "cipher", type) == type;
    if (set && cipher == SKEP_CIPHER_SQLCIPHER)
        set = sqlite3mc_config_cipher(conn->handle, "sqlcipher", "legacy", 4) == 4;
    return set ? SKEP_OK : skep__oom(); /* its only reason: its tables were not made */
}

static void hex_of(const uint8_t salt[SKEP__SALT_BYTES], char out[2 * SKEP__SALT_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SKEP__SALT_BYTES; i++) {
        out[2 * i] = digits[salt[i] >> 4];
        out[2 * i + 1] = digits[salt[i] & 15];
    }
    out[2 * SKEP__SALT_BYTES] = '\0';
}

static void dispose_text(skep__key_text *text)
{
    skep__wipe(text, sizeof(*text));
}

int skep__sqlite_key_text(const struct skep_key *key, int cipher,
                          const uint8_t salt[SKEP__SALT_BYTES], skep__key_text *out)
{
    SKEP__CLEANUP(skep__cipher_key_dispose) skep__cipher_key raw = {0};
    SKEP__TRY(skep__key_stretch(key, cipher, salt, &raw));
    memcpy(out->bytes, "raw:", 4);
    memcpy(out->bytes + 4, raw.bytes, SKEP_KEY_BYTES);
    memcpy(out->bytes + 4 + SKEP_KEY_BYTES, salt, SKEP__SALT_BYTES);
    return SKEP_OK;
}

static int set_key(sqlite_conn *conn, const skep__conn_opts *opts, int cipher,
                   const uint8_t salt[SKEP__SALT_BYTES])
{
    SKEP__CLEANUP(dispose_text) skep__key_text text = {0};
    char hex[2 * SKEP__SALT_BYTES + 1];
    hex_of(salt, hex);
    SKEP__TRY(skep__sqlite_set_cipher(conn, cipher));
    SKEP__TRY(skep__sqlite_key_text(opts->key, cipher, salt, &text));
    int rc = sqlite3_set_clientdata(conn->handle, "sqlite3mc_cipher_salt", hex, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_key_v2(conn->handle, "main", text.bytes, 4 + SKEP_KEY_BYTES);
    (void)sqlite3_set_clientdata(conn->handle, "sqlite3mc_cipher_salt", NULL, NULL);
    if (rc != SQLITE_OK)
        return skep__sqlite_fail(conn, rc, "setting the key", NULL);
    conn->keyed = true;
    conn->base.cipher = cipher;
    memcpy(conn->base.salt, salt, SKEP__SALT_BYTES);
    return SKEP_OK;
}

/* The first page in the file may be torn while the whole one is in the WAL. SQLite knows how to get
 * at that; the WAL is safe from a wrong key because this connection leaves it as it is. */
static int prove_through_wal(sqlite_conn *conn)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        sqlite3_prepare_v2(conn->handle, "SELECT count(*) FROM sqlite_schema", -1, &stmt, NULL);
    if (rc == SQLITE_OK && sqlite3_step(stmt) != SQLITE_ROW)
        rc = sqlite3_reset(stmt);
    (void)sqlite3_finalize(stmt);
    if ((rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT)
        return 0;
    return rc == SQLITE_OK ? 1 : skep__sqlite_fail(conn, rc, "reading the file", NULL);
}

/* A connection whose key was wrong is of no further use: its pager is in an error state. */
static int try_ciphers(sqlite_conn *conn, const skep__conn_opts *opts, const skep__first *first,
                       bool through_wal)
{
    for (size_t i = 0; i < SKEP__SQL_CIPHERS && opts->ciphers[i] != 0; i++) {
        if (conn->keyed)
            SKEP__TRY(skep__sqlite_open_handle(conn, opts));
        SKEP__TRY(set_key(conn, opts, opts->ciphers[i], first->page));
        int rc = through_wal ? prove_through_wal(conn) : skep__sqlite_prove(conn, first);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int refuse_key(const skep__conn_opts *opts)
{
    const char *more = opts->ciphers[1] != 0 ? " and " : "";
    bool shared = opts->ciphers[0] == SKEP_CIPHER_SQLCIPHER;
    return SKEP__FAIL(SKEP_EAUTH,
                      "this key does not open %s (tried as %s%s%s): it is another file's, or the "
                      "file is damaged%s",
                      opts->path, skep_cipher_name(opts->ciphers[0]), more,
                      opts->ciphers[1] != 0 ? skep_cipher_name(opts->ciphers[1]) : "",
                      shared ? ", or of a SQLCipher before 4" : "");
}

static int remember(const sqlite_conn *conn, const skep__conn_opts *opts)
{
    SKEP__CLEANUP(skep__cipher_key_dispose) skep__cipher_key raw = {0};
    if (!opts->remember || skep__key_is_raw(opts->key))
        return SKEP_OK;
    SKEP__TRY(skep__key_stretch(opts->key, conn->base.cipher, conn->base.salt, &raw));
    skep__key_remember(opts->key, conn->base.cipher, conn->base.salt, &raw);
    return SKEP_OK;
}

static int begin_encrypted(sqlite_conn *conn, const skep__conn_opts *opts)
{
    uint8_t salt[SKEP__SALT_BYTES];
    SKEP__TRY(skep__random(salt, sizeof(salt)));
    conn->was_empty = true;
    return set_key(conn, opts, opts->ciphers[0], salt);
}

static int unlock_keyed(sqlite_conn *conn, const skep__conn_opts *opts)
{
    skep__first first;
    bool wal = false;
    ASSERT(opts->ciphers[0] != 0);
    SKEP__TRY(skep__sqlite_first(conn, &first));
    if (first.len == 0)
        return begin_encrypted(conn, opts);
    if (skep__first_is_plain(&first))
        return SKEP__FAIL(SKEP_EAUTH,
                          "%s is not encrypted: open it without a key, or encrypt it with "
                          "skep db rekey",
                          opts->path);
    int rc = try_ciphers(conn, opts, &first, false);
    if (rc == 0 && first.record < 0) {
        SKEP__TRY(skep__sqlite_has_wal(conn, &wal));
        rc = wal ? try_ciphers(conn, opts, &first, true) : 0;
    }
    return rc == 0 ? refuse_key(opts) : rc;
}

/* What is there cannot be read without a key. */
static int refuse_without_key(const skep__conn_opts *opts, const skep__first *first)
{
    if (opts->sealed != NULL)
        return SKEP__FAIL(SKEP_EAUTH, "%s is encrypted with %s: it opens with its key only",
                          opts->path, opts->sealed);
    if (skep__first_is_noise(first))
        return SKEP__FAIL(SKEP_EAUTH, "%s is encrypted, or not a database: give its key",
                          opts->path);
    return SKEP__FAIL(SKEP_ECORRUPT, "%s is not a SQLite database", opts->path);
}

static int unlock_plain(sqlite_conn *conn, const skep__conn_opts *opts)
{
    skep__first first;
    bool journal = false;
    /* Without a journal SQLite finds out by itself, before it changes anything. */
    SKEP__TRY(skep__sqlite_has_journal(conn, &journal));
    if (!journal)
        return SKEP_OK;
    SKEP__TRY(skep__sqlite_first(conn, &first));
    return first.len == 0 || skep__first_is_plain(&first) ? SKEP_OK
                                                          : refuse_without_key(opts, &first);
}

int skep__sqlite_unlock(sqlite_conn *conn, const skep__conn_opts *opts)
{
    if (opts->key == NULL)
        return unlock_plain(conn, opts);
    SKEP__TRY(unlock_keyed(conn, opts));
    return remember(conn, opts);
}

int skep__sqlite_explain_unread(sqlite_conn *conn, const skep__conn_opts *opts, int rc)
{
    skep_err err;
    skep__first first;
    skep__err_save(&err);
    if (err.engine_code != SQLITE_NOTADB || conn->keyed)
        return rc;
    if (skep__sqlite_first(conn, &first) < 0)
        return skep__err_install(&err);
    if (skep__first_is_plain(&first)) {
        conn->plain = true;
        return skep__err_install(&err);
    }
    rc = refuse_without_key(opts, &first);
    skep__err_engine(err.engine_code);
    return rc;
}

int skep__sqlite_look(const char *path, skep__look *out)
{
    const skep__conn_opts opts = {
        .path = path, .readonly = true, .keep_beside = true, .busy_timeout_ms = 1000};
    sqlite_conn conn = {.busy_timeout_ms = opts.busy_timeout_ms};
    skep__first first;
    SKEP__TRY(skep__sqlite_enter(path));
    int rc = skep__sqlite_open_handle(&conn, &opts);
    if (rc >= 0)
        rc = skep__sqlite_first(&conn, &first);
    (void)sqlite3_close(conn.handle);
    skep__sqlite_leave();
    SKEP__TRY(rc);
    *out = (skep__look){.empty = first.len == 0,
                        .plain = skep__first_is_plain(&first),
                        .noise = skep__first_is_noise(&first)};
    memcpy(out->salt, first.page, SKEP__SALT_BYTES);
    return SKEP_OK;
}
