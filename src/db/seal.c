/* SPDX-License-Identifier: MIT */
/* The file X-skep beside an encrypted database. */
#include "db/seal.h"

#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/event.h"
#include "base/hash.h"
#include "crypto/crypto.h"
#include "db/db_private.h"
#include "os/os.h"

enum { STATE_SEALED = 1, STATE_REKEYING = 2 };
static const uint8_t magic[8] = {'S', 'K', 'E', 'P', 'S', 'E', 'A', 'L'};
#define STRETCHING 1 /* how passphrases become keys: src/crypto */

/* Where the fields lie. */
enum {
    AT_VERSION = 8,
    AT_STATE = 12,
    AT_CIPHER = 13,
    AT_TO = 14,
    AT_STRETCHING = 15,
    AT_OLD_SALT = 16,
    AT_NEW_SALT = 32,
    AT_WAL = 48,
    AT_ZERO = 49,
    AT_CHECK = 56
};

void skep__seal_encode(const skep__seal *seal, uint8_t out[SKEP__SEAL_BYTES])
{
    memset(out, 0, SKEP__SEAL_BYTES);
    memcpy(out, magic, sizeof(magic));
    skep__put_le32(out + AT_VERSION, SKEP__SEAL_VERSION);
    out[AT_STATE] = seal->rekeying ? STATE_REKEYING : STATE_SEALED;
    out[AT_CIPHER] = (uint8_t)seal->cipher;
    out[AT_STRETCHING] = STRETCHING;
    if (seal->rekeying) {
        out[AT_TO] = (uint8_t)seal->to;
        out[AT_WAL] = seal->wal;
        memcpy(out + AT_OLD_SALT, seal->old_salt, SKEP__SALT_BYTES);
        memcpy(out + AT_NEW_SALT, seal->new_salt, SKEP__SALT_BYTES);
    }
    skep__put_le64(out + AT_CHECK, skep__hash64(out, AT_CHECK, 0));
}

static bool is_cipher(uint8_t cipher)
{
    return cipher <= SKEP_CIPHER_SQLCIPHER;
}

static bool fields_are_right(const uint8_t *at)
{
    uint8_t zero[AT_CHECK - AT_OLD_SALT] = {0};
    if (!is_cipher(at[AT_CIPHER]) || !is_cipher(at[AT_TO]) || at[AT_STRETCHING] != STRETCHING ||
        at[AT_WAL] > 1 || memcmp(at + AT_ZERO, zero, AT_CHECK - AT_ZERO) != 0)
        return false;
    if (at[AT_STATE] == STATE_SEALED)
        return at[AT_CIPHER] != 0 && at[AT_TO] == 0 && memcmp(at + AT_OLD_SALT, zero, 33) == 0;
    return at[AT_STATE] == STATE_REKEYING && (at[AT_CIPHER] != 0 || at[AT_TO] != 0);
}

int skep__seal_decode(const void *data, size_t len, skep__seal *out)
{
    const uint8_t *at = data;
    memset(out, 0, sizeof(*out));
    out->strange = len < AT_STATE || memcmp(at, magic, sizeof(magic)) != 0;
    if (out->strange)
        return SKEP__FAIL(SKEP_ECORRUPT, "not a file of skep's");
    uint32_t version = skep__get_le32(at + AT_VERSION);
    if (version > SKEP__SEAL_VERSION)
        return SKEP__FAIL(SKEP_EVERSION, "format %u, this skep knows up to %d", version,
                          SKEP__SEAL_VERSION);
    if (version == 0 || len != SKEP__SEAL_BYTES ||
        skep__get_le64(at + AT_CHECK) != skep__hash64(at, AT_CHECK, 0) || !fields_are_right(at))
        return SKEP__FAIL(SKEP_ECORRUPT, "damaged");
    out->there = true;
    out->rekeying = at[AT_STATE] == STATE_REKEYING;
    out->cipher = at[AT_CIPHER];
    out->to = at[AT_TO];
    out->wal = at[AT_WAL] != 0;
    memcpy(out->old_salt, at + AT_OLD_SALT, SKEP__SALT_BYTES);
    memcpy(out->new_salt, at + AT_NEW_SALT, SKEP__SALT_BYTES);
    return SKEP_OK;
}

typedef char seal_path[SKEP__DB_PATH_MAX + 16];

static const char *beside(const char *path, seal_path out)
{
    int n = snprintf(out, sizeof(seal_path), "%s-skep", path);
    ASSERT(n > 0);
    ASSERT((size_t)n < sizeof(seal_path));
    return out;
}

int skep__seal_load(const char *path, skep__seal *out)
{
    seal_path name;
    uint8_t data[SKEP__SEAL_BYTES + 1];
    size_t len = 0;
    uint32_t mode = 0;
    memset(out, 0, sizeof(*out));
    int rc = skep__os_read_secret(beside(path, name), data, sizeof(data), &len, &mode);
    if (rc == SKEP_ENOTFOUND)
        return SKEP_OK;
    if (rc == SKEP_EINVALID) { /* a directory, say */
        out->strange = true;
        return SKEP_OK;
    }
    SKEP__TRY(rc);
    rc = skep__seal_decode(data, len, out);
    if (rc == SKEP_EVERSION) {
        skep_err err;
        skep__err_save(&err);
        return SKEP__FAIL(SKEP_EVERSION, "%s: %s", name, err.text);
    }
    if (rc == SKEP_ECORRUPT)
        SKEP__EVENT(SKEP_WARNING, "db.seal_unreadable", {"path", skep_text(name)});
    return SKEP_OK;
}

int skep__seal_store(const char *path, const skep__seal *seal)
{
    seal_path name;
    uint8_t data[SKEP__SEAL_BYTES];
    skep__seal_encode(seal, data);
    return skep__os_write_file(beside(path, name), skep_slice_of(data, sizeof(data)));
}

int skep__seal_remove(const char *path)
{
    seal_path name;
    return skep__os_remove_file(beside(path, name));
}

/* ---- a database that is opened ---- */

static void set_ciphers(skep_db *db)
{
    const skep__seal *seal = &db->seal;
    int32_t best = skep__cipher_best();
    size_t n = 0;
    if (seal->there && !db->created) {
        if (seal->cipher != 0)
            db->ciphers[n++] = seal->cipher;
        if (seal->rekeying && seal->to != 0 && seal->to != seal->cipher)
            db->ciphers[n++] = seal->to;
    } else if (db->opts.cipher != 0) {
        db->ciphers[n++] = db->opts.cipher;
    } else {
        db->ciphers[n++] = best;
        db->ciphers[n++] = best == SKEP_CIPHER_AEGIS ? SKEP_CIPHER_CHACHA20 : SKEP_CIPHER_AEGIS;
    }
}

int skep__db_begin_seal(skep_db *db)
{
    SKEP__TRY(skep__seal_load(db->path, &db->seal));
    if (db->opts.key != NULL)
        SKEP__TRY(skep__key_copy(db->opts.key, &db->key));
    db->opts.key = db->key;
    set_ciphers(db);
    return SKEP_OK;
}

void skep__db_free_key(skep_key **key)
{
    skep_key_free(*key);
}

const char *skep__db_sealed_with(const skep_db *db)
{
    const skep__seal *seal = &db->seal;
    return seal->there ? skep_cipher_name(seal->cipher != 0 ? seal->cipher : seal->to) : NULL;
}

int skep__db_explain_seal(const skep_db *db, int rc)
{
    skep_err err;
    if (rc != SKEP_EAUTH || !db->seal.rekeying)
        return rc;
    skep__err_save(&err);
    rc = SKEP__FAIL(SKEP_EAUTH,
                    "%s; a change of its key was interrupted, and skep_db_seal() tells whether the "
                    "old or the new key counts",
                    err.text);
    skep__err_engine(err.engine_code);
    return rc;
}

/* What stands in the record may be left alone where it cannot be written; the file opens without
 * it. Not so for a file that we have just made. */
static int may_go_unrecorded(const skep_db *db, int rc)
{
    if (db->created || (rc != SKEP_EDENIED && rc != SKEP_EREADONLY))
        return rc;
    SKEP__EVENT(SKEP_WARNING, "db.seal_unwritten", {"path", skep_text(db->path)});
    return SKEP_OK;
}

int skep__db_settle_seal(skep_db *db, const skep__conn *conn)
{
    const skep__seal *seal = &db->seal;
    const skep__seal want = {.there = conn->cipher != 0, .cipher = conn->cipher};
    db->ciphers[0] = conn->cipher; /* for the connections to come */
    db->ciphers[1] = 0;
    if ((db->opts.flags & (SKEP_DB_READONLY | SKEP_DB_FOREIGN)) != 0 || seal->strange ||
        (seal->there == want.there && !seal->rekeying && seal->cipher == want.cipher))
        return SKEP_OK;
    if (!want.there)
        return may_go_unrecorded(db, skep__seal_remove(db->path));
    /* A file that SQLCipher made is shared with it: nothing of ours beside it. */
    if (want.cipher == SKEP_CIPHER_SQLCIPHER && !seal->there && !db->created)
        return SKEP_OK;
    SKEP__TRY(may_go_unrecorded(db, skep__seal_store(db->path, &want)));
    db->seal = want;
    return SKEP_OK;
}

/* ---- a database that is looked at ---- */

int skep_db_seal(const char *path, skep_seal *out)
{
    SKEP__REQUIRE(path != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__REQUIRE(out->size >= sizeof(*out));
    char full[SKEP__DB_PATH_MAX];
    skep__seal seal;
    skep__look look;
    skep_seal result = {.size = out->size};
    SKEP__TRY(skep__os_full_path(path, full, sizeof(full)));
    SKEP__TRY(skep__db_check_database(full));
    SKEP__TRY(skep__seal_load(full, &seal));
    SKEP__TRY(skep__sqlite_look(full, &look));
    bool old = memcmp(look.salt, seal.old_salt, SKEP__SALT_BYTES) == 0;
    result.recorded = seal.there;
    if (seal.there && seal.rekeying) {
        result.state = old ? SKEP_SEAL_REKEY_OLD : SKEP_SEAL_REKEY_NEW;
        result.cipher = old ? seal.cipher : seal.to;
    } else if (!look.empty && !look.plain) {
        if (!seal.there && !look.noise)
            return SKEP__FAIL(SKEP_ECORRUPT, "%s is not a SQLite database", full);
        result.state = SKEP_SEAL_ENCRYPTED;
        result.cipher = seal.cipher;
    }
    *out = result;
    return SKEP_OK;
}
