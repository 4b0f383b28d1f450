/* SPDX-License-Identifier: MIT */
/*
 * A passphrase becomes a key here, and not inside SQLite: there each connection would pay for it
 * again, and a passphrase that looks like SQLite3MC's way of writing raw keys ("raw:…", "x'…'")
 * would be taken for one.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/codec.h"
#include "crypto/crypto.h"

void skep__wipe(void *at, size_t len)
{
    sodium_memzero(at, len);
}

void skep__cipher_key_dispose(skep__cipher_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

static int argon2(skep_slice text, const uint8_t *salt, skep__cipher_key *out)
{
    _Static_assert(crypto_pwhash_SALTBYTES == SKEP__SALT_BYTES, "the salt of a file is Argon2's");
    if (crypto_pwhash(out->bytes, sizeof(out->bytes), text.data, text.len, salt,
                      SKEP__ARGON2_PASSES, SKEP__ARGON2_MEMORY, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return SKEP_OK;
    return errno == ENOMEM ? skep__oom()
                           : SKEP__FAIL(SKEP_EINVALID, "the passphrase cannot be stretched");
}

/* The first block of PBKDF2 (RFC 8018), which is all that 32 bytes of SHA-256 or SHA-512 need. The
 * state after the key went in is the same in every round, so it is made once. */
static void pbkdf2_sha256(skep_slice text, const uint8_t *salt, skep__cipher_key *out)
{
    crypto_auth_hmacsha256_state keyed;
    crypto_auth_hmacsha256_state state;
    uint8_t number[4];
    uint8_t u[crypto_auth_hmacsha256_BYTES];
    (void)crypto_auth_hmacsha256_init(&keyed, text.data, text.len);
    skep__put_be32(number, 1);
    state = keyed;
    (void)crypto_auth_hmacsha256_update(&state, salt, SKEP__SALT_BYTES);
    (void)crypto_auth_hmacsha256_update(&state, number, sizeof(number));
    (void)crypto_auth_hmacsha256_final(&state, u);
    memcpy(out->bytes, u, sizeof(out->bytes));
    for (unsigned round = 1; round < SKEP__CHACHA20_ROUNDS; round++) {
        state = keyed;
        (void)crypto_auth_hmacsha256_update(&state, u, sizeof(u));
        (void)crypto_auth_hmacsha256_final(&state, u);
        for (size_t i = 0; i < sizeof(out->bytes); i++)
            out->bytes[i] ^= u[i];
    }
    sodium_memzero(&keyed, sizeof(keyed));
    sodium_memzero(&state, sizeof(state));
    sodium_memzero(u, sizeof(u));
}

static void pbkdf2_sha512(skep_slice text, const uint8_t *salt, skep__cipher_key *out)
{
    crypto_auth_hmacsha512_state keyed;
    crypto_auth_hmacsha512_state state;
    uint8_t number[4];
    uint8_t u[crypto_auth_hmacsha512_BYTES];
    (void)crypto_auth_hmacsha512_init(&keyed, text.data, text.len);
    skep__put_be32(number, 1);
    state = keyed;
    (void)crypto_auth_hmacsha512_update(&state, salt, SKEP__SALT_BYTES);
    (void)crypto_auth_hmacsha512_update(&state, number, sizeof(number));
    (void)crypto_auth_hmacsha512_final(&state, u);
    memcpy(out->bytes, u, sizeof(out->bytes));
    for (unsigned round = 1; round < SKEP__SQLCIPHER_ROUNDS; round++) {
        state = keyed;
        (void)crypto_auth_hmacsha512_update(&state, u, sizeof(u));
        (void)crypto_auth_hmacsha512_final(&state, u);
        for (size_t i = 0; i < sizeof(out->bytes); i++)
            out->bytes[i] ^= u[i];
    }
    sodium_memzero(&keyed, sizeof(keyed));
    sodium_memzero(&state, sizeof(state));
    sodium_memzero(u, sizeof(u));
}

int skep__stretch(skep_slice passphrase, int cipher, const uint8_t salt[SKEP__SALT_BYTES],
                  skep__cipher_key *out)
{
    switch (cipher) {
    case SKEP_CIPHER_CHACHA20:
        pbkdf2_sha256(passphrase, salt, out);
        return SKEP_OK;
    case SKEP_CIPHER_SQLCIPHER:
        pbkdf2_sha512(passphrase, salt, out);
        return SKEP_OK;
    default:
        ASSERT(cipher == SKEP_CIPHER_AEGIS);
        return argon2(passphrase, salt, out);
    }
}
