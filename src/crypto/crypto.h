/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_CRYPTO_H
#define SKEP__CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/key.h>

#include "base/err.h"
#include "crypto/crypto_limits.h"

/* Keys and what is made of them. Key bytes lie in memory that is fenced by guard pages, locked
 * where the system allows it, left out of core dumps and wiped when freed; what must leave it for a
 * moment is wiped by whoever took it.
 *
 * Threads: a key is shared once made; skep__key_remember() is for whoever makes it. */

/* The key that a cipher works with. Dispose of it as soon as it was handed over. */
typedef struct skep__cipher_key {
    uint8_t bytes[SKEP_KEY_BYTES];
} skep__cipher_key;

void skep__wipe(void *at, size_t len);
/* Guarded memory for `len` bytes of a secret, wiped when it goes; NULL and SKEP_ENOMEM's detail. */
void *skep__secret_new(size_t len);
void skep__secret_freep(void *pointer_to_secret);
void skep__cipher_key_dispose(skep__cipher_key *key); /* for SKEP__CLEANUP */

int skep__key_copy(const skep_key *key, skep_key **out) SKEP_CHECK;
bool skep__key_is_raw(const skep_key *key);
/* What `cipher` works with on a file whose first bytes are `salt`: a raw key as it stands, a
 * passphrase stretched, which takes tens of milliseconds unless it is remembered. */
int skep__key_stretch(const skep_key *key, int cipher, const uint8_t salt[SKEP__SALT_BYTES],
                      skep__cipher_key *out) SKEP_CHECK;
/* Let `key` keep what that came to, for the other connections to the file. */
void skep__key_remember(skep_key *key, int cipher, const uint8_t salt[SKEP__SALT_BYTES],
                        const skep__cipher_key *stretched);

int skep__random(void *out, size_t len) SKEP_CHECK;
bool skep__has_aes(void); /* the processor, instructions for it */
/* AEGIS where the processor has AES instructions, else CHACHA20. */
int skep__cipher_best(void);

/* How skep__key_stretch() does it, without a key object. */
int skep__stretch(skep_slice passphrase, int cipher, const uint8_t salt[SKEP__SALT_BYTES],
                  skep__cipher_key *out) SKEP_CHECK;

#endif
