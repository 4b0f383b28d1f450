/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <string.h>

#include <sqlite3.h>

#include "crypto/crypto.h"
#include "sql/sql.h"

static const int ciphers[] = {SKEP_CIPHER_AEGIS, SKEP_CIPHER_CHACHA20, SKEP_CIPHER_SQLCIPHER};

static int of_engine(int cipher)
{
    return cipher == SKEP_CIPHER_AEGIS      ? CODEC_TYPE_AEGIS
           : cipher == SKEP_CIPHER_CHACHA20 ? CODEC_TYPE_CHACHA20
                                            : CODEC_TYPE_SQLCIPHER;
}

static sqlite3 *open_with(const char *path, int cipher, const void *key, size_t len)
{
    sqlite3 *handle = NULL;
    skep__sqlite_configure();
    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    (void)sqlite3mc_config(handle, "cipher", of_engine(cipher));
    if (cipher == SKEP_CIPHER_SQLCIPHER)
        (void)sqlite3mc_config_cipher(handle, "sqlcipher", "legacy", 4);
    ck_assert_int_eq(sqlite3_key_v2(handle, "main", key, (int)len), SQLITE_OK);
    return handle;
}

/* A file that SQLite3MC made with a passphrase opens with what we make of that passphrase. */
TEST(stretching_gives_the_key_that_sqlite3mc_makes_of_a_passphrase)
{
    static const char *const texts[] = {"p", "correct horse battery staple", "gr\xc3\xbc\xc3\x9f"};
    for (size_t c = 0; c < 3; c++)
        for (size_t t = 0; t < 3; t++) {
            const char *path = harness_path(t == 0 ? "a" : t == 1 ? "b" : "c");
            uint8_t raw[4 + SKEP_KEY_BYTES] = "raw:";
            skep__cipher_key key;
            sqlite3 *db = open_with(path, ciphers[c], texts[t], strlen(texts[t]));
            ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS t(a)", 0, 0, 0), 0);
            ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);

            const uint8_t *file = harness_read_file(path, NULL);
            assert_ok(skep__stretch(skep_slice_str(texts[t]), ciphers[c], file, &key));
            memcpy(raw + 4, key.bytes, sizeof(key.bytes));
            db = open_with(path, ciphers[c], raw, sizeof(raw));
            ck_assert_int_eq(sqlite3_exec(db, "SELECT * FROM t", 0, 0, 0), SQLITE_OK);
            ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
            harness_remove_tree(path);
        }
}

TEST(a_stretched_passphrase_is_remembered_for_its_file_only)
{
    uint8_t salt[SKEP__SALT_BYTES] = {1};
    skep__cipher_key stretched;
    skep__cipher_key marked;
    skep__cipher_key out;
    skep_key *key = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str("secret"), &key));
    assert_ok(skep__key_stretch(key, SKEP_CIPHER_AEGIS, salt, &stretched));
    memset(&marked, 0x5a, sizeof(marked)); /* so that it shows where a key comes from */
    skep__key_remember(key, SKEP_CIPHER_AEGIS, salt, &marked);
    assert_ok(skep__key_stretch(key, SKEP_CIPHER_AEGIS, salt, &out));
    ck_assert_mem_eq(&out, &marked, sizeof(out));
    assert_ok(skep__key_stretch(key, SKEP_CIPHER_CHACHA20, salt, &out));
    ck_assert_mem_ne(&out, &marked, sizeof(out));
    salt[0] = 2;
    assert_ok(skep__key_stretch(key, SKEP_CIPHER_AEGIS, salt, &out));
    ck_assert_mem_ne(&out, &marked, sizeof(out));
    ck_assert_mem_ne(&out, &stretched, sizeof(out));
    skep_key_free(key);
}

static const harness_test tests[] = {
    HARNESS_TEST(stretching_gives_the_key_that_sqlite3mc_makes_of_a_passphrase),
    HARNESS_TEST(a_stretched_passphrase_is_remembered_for_its_file_only),
};
const harness_suite stretch_suite = HARNESS_SUITE("stretch", tests);
