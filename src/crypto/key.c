/* SPDX-License-Identifier: MIT */
/* Key objects: made, copied, wiped. */
#include <sodium.h>
#include <string.h>

#include "crypto/key_private.h"

void *skep__secret_new(size_t len)
{
    /* Not from skep's allocator: its blocks have no guard pages, are in core dumps and on swap. */
    void *secret = sodium_init() < 0 ? NULL : sodium_malloc(len);
    if (secret == NULL)
        (void)skep__oom();
    return secret;
}

void skep__secret_freep(void *pointer_to_secret)
{
    void *secret = NULL;
    memcpy(&secret, pointer_to_secret, sizeof(secret));
    sodium_free(secret); /* wipes; accepts NULL */
}

int skep__key_new(skep_key **out)
{
    skep_key *key = skep__secret_new(sizeof(*key));
    if (key == NULL)
        return SKEP_ENOMEM;
    memset(key, 0, sizeof(*key));
    *out = key;
    return SKEP_OK;
}

void skep_key_free(skep_key *key)
{
    sodium_free(key);
}

void skep__key_freep(skep_key **key)
{
    skep_key_free(*key);
}

static int key_of(bool raw, const void *bytes, size_t len, skep_key **out)
{
    SKEP__TRY(skep__key_new(out));
    (*out)->raw = raw;
    (*out)->len = len;
    memcpy((*out)->bytes, bytes, len);
    return SKEP_OK;
}

int skep_key_raw(const void *bytes, size_t len, skep_key **out)
{
    SKEP__REQUIRE(bytes != NULL);
    SKEP__REQUIRE(out != NULL);
    if (len != SKEP_KEY_BYTES)
        return SKEP__FAIL(SKEP_EINVALID, "a raw key has %d bytes, not %zu", SKEP_KEY_BYTES, len);
    return key_of(true, bytes, len, out);
}

int skep_key_passphrase(skep_slice text, skep_key **out)
{
    SKEP__REQUIRE(out != NULL);
    SKEP__REQUIRE(text.data != NULL || text.len == 0);
    if (text.len == 0)
        return SKEP__FAIL(SKEP_EINVALID, "the passphrase is empty");
    if (text.len > SKEP_KEY_TEXT_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "a passphrase of %zu bytes, %d are allowed", text.len,
                          SKEP_KEY_TEXT_MAX);
    return key_of(false, text.data, text.len, out);
}

int skep_key_generate(skep_key **out)
{
    SKEP__REQUIRE(out != NULL);
    SKEP__CLEANUP(skep__key_freep) skep_key *key = NULL;
    SKEP__TRY(skep__key_new(&key));
    key->raw = true;
    key->len = SKEP_KEY_BYTES;
    SKEP__TRY(skep__random(key->bytes, SKEP_KEY_BYTES));
    *out = SKEP__TAKE(key);
    return SKEP_OK;
}

int skep_key_export(const skep_key *key, char *out, size_t size)
{
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(out != NULL);
    if (!key->raw)
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "a passphrase is not exported: whoever gave it has it");
    if (size < SKEP__KEY_BASE64_LEN + 1)
        return SKEP__FAIL(SKEP_ELIMIT, "room for %zu bytes, %d are needed", size,
                          SKEP__KEY_BASE64_LEN + 1);
    (void)sodium_bin2base64(out, size, key->bytes, SKEP_KEY_BYTES, sodium_base64_VARIANT_ORIGINAL);
    return SKEP_OK;
}

int skep__key_copy(const skep_key *key, skep_key **out)
{
    return key_of(key->raw, key->bytes, key->len, out);
}

bool skep__key_is_raw(const skep_key *key)
{
    return key->raw;
}

int skep__key_stretch(const skep_key *key, int cipher, const uint8_t salt[SKEP__SALT_BYTES],
                      skep__cipher_key *out)
{
    if (key->raw) {
        memcpy(out->bytes, key->bytes, SKEP_KEY_BYTES);
        return SKEP_OK;
    }
    if (key->remembered && key->cipher == cipher &&
        memcmp(key->salt, salt, SKEP__SALT_BYTES) == 0) {
        *out = key->stretched;
        return SKEP_OK;
    }
    return skep__stretch((skep_slice){(const char *)key->bytes, key->len}, cipher, salt, out);
}

void skep__key_remember(skep_key *key, int cipher, const uint8_t salt[SKEP__SALT_BYTES],
                        const skep__cipher_key *stretched)
{
    key->cipher = cipher;
    memcpy(key->salt, salt, SKEP__SALT_BYTES);
    key->stretched = *stretched;
    key->remembered = !key->raw;
}
