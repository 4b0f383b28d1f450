/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_KEY_PRIVATE_H
#define SKEP__CRYPTO_KEY_PRIVATE_H

#include "crypto/crypto.h"

/* Lies in guarded memory as a whole. */
struct skep_key {
    bool raw;
    size_t len;
    uint8_t bytes[SKEP_KEY_TEXT_MAX];

    /* What a passphrase came to on one file, so that ten connections stretch it once. */
    bool remembered;
    int cipher;
    uint8_t salt[SKEP__SALT_BYTES];
    skep__cipher_key stretched;
};

/* An empty key; SKEP_ENOMEM. */
int skep__key_new(skep_key **out);
/* For SKEP__CLEANUP. */
void skep__key_freep(skep_key **key);

#endif
