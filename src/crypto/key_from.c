/* SPDX-License-Identifier: MIT */
/* Keys from texts, files and the environment. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key_private.h"
#include "os/os.h"

/* Each key has one base64 text: others that a decoder would let pass (white space, stray bits in
 * the last character) are not it. */
static bool decode(skep_slice text, skep_key *key)
{
    char again[SKEP__KEY_BASE64_LEN + 1];
    size_t len = 0;
    if (text.len != SKEP__KEY_BASE64_LEN ||
        sodium_base642bin(key->bytes, sizeof(key->bytes), text.data, text.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len != SKEP_KEY_BYTES)
        return false;
    (void)sodium_bin2base64(again, sizeof(again), key->bytes, len, sodium_base64_VARIANT_ORIGINAL);
    bool same = memcmp(again, text.data, SKEP__KEY_BASE64_LEN) == 0;
    sodium_memzero(again, sizeof(again));
    key->raw = true;
    key->len = len;
    return same;
}

int skep_key_base64(const char *text, skep_key **out)
{
    SKEP__REQUIRE(text != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__CLEANUP(skep__key_freep) skep_key *key = NULL;
    SKEP__TRY(skep__key_new(&key));
    if (!decode(skep_slice_str(text), key))
        return SKEP__FAIL(SKEP_EINVALID, "a key in base64 is %d characters that make %d bytes",
                          SKEP__KEY_BASE64_LEN, SKEP_KEY_BYTES);
    *out = SKEP__TAKE(key);
    return SKEP_OK;
}

int skep_key_text(skep_slice text, skep_key **out)
{
    SKEP__REQUIRE(text.data != NULL || text.len == 0);
    SKEP__REQUIRE(out != NULL);
    if (text.len == SKEP__KEY_BASE64_LEN) {
        SKEP__CLEANUP(skep__key_freep) skep_key *key = NULL;
        SKEP__TRY(skep__key_new(&key));
        if (decode(text, key)) {
            *out = SKEP__TAKE(key);
            return SKEP_OK;
        }
    }
    return skep_key_passphrase(text, out);
}

int skep_key_file(const char *path, skep_key **out)
{
    SKEP__REQUIRE(path != NULL);
    SKEP__REQUIRE(out != NULL);
    /* Room for a newline after the longest text, and one byte more to see that it is longer. */
    enum { ROOM = SKEP_KEY_TEXT_MAX + 2 };
    SKEP__CLEANUP(skep__secret_freep) char *text = skep__secret_new(ROOM);
    size_t len = 0;
    uint32_t mode = 0;
    if (text == NULL)
        return SKEP_ENOMEM;
    SKEP__TRY(skep__os_read_secret(path, text, ROOM, &len, &mode));
    if ((mode & 066) != 0)
        return SKEP__FAIL(SKEP_EDENIED, "%s can be read or changed by others: chmod 600 it", path);
    if (len == SKEP_KEY_BYTES)
        return skep_key_raw(text, len, out);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len == 0)
        return SKEP__FAIL(SKEP_EINVALID, "%s holds no key: it is empty", path);
    if (len > SKEP_KEY_TEXT_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s is too long for a key: %d bytes are allowed", path,
                          SKEP_KEY_TEXT_MAX);
    return skep_key_text((skep_slice){text, len}, out);
}

int skep_key_env(const char *name, skep_key **out)
{
    SKEP__REQUIRE(name != NULL);
    SKEP__REQUIRE(out != NULL);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the header says when this may be called */
    char *value = getenv(name);
    if (value == NULL)
        return SKEP__FAIL(SKEP_ENOTFOUND, "the environment variable %s is not set", name);
    int rc = skep_key_text(skep_slice_str(value), out);
    /* The kernel shows the environment that the process began with, in /proc and in core dumps. */
    sodium_memzero(value, strlen(value));
    (void)unsetenv(name); /* NOLINT(concurrency-mt-unsafe): as above */
    return rc;
}
