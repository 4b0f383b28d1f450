/* SPDX-License-Identifier: MIT */
/* Data keys and recipients: what follows from 32 random bytes. */
#include <sodium.h>
#include <string.h>

#include <skep/seal.h>

#include "crypto/key_private.h"
#include "crypto/keyring_private.h"

#define PREFIX "x25519:"

void skep__derive(const uint8_t key[SKEP__SECRET_BYTES], const char *use, skep_slice of,
                  uint8_t *out, size_t len)
{
    uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = {0};
    ASSERT(strlen(use) <= sizeof(personal));
    for (size_t i = 0; use[i] != '\0'; i++)
        personal[i] = (uint8_t)use[i];
    (void)crypto_generichash_blake2b_salt_personal(out, len, of.data, of.len, key,
                                                   SKEP__SECRET_BYTES, NULL, personal);
}

void skep__data_key_finish(skep__data_key *key, const uint8_t lineage[SKEP__LINEAGE_BYTES])
{
    enum { PART = SKEP__HASH_SECRET_BYTES / 3 };
    memcpy(key->lineage, lineage, SKEP__LINEAGE_BYTES);
    if (key->use == SKEP__USE_IDENTITY) {
        skep__recipient public;
        (void)crypto_scalarmult_base(public.bytes, key->bytes);
        skep__recipient_id(&public, key->id);
        memset(key->hash_secret, 0, sizeof(key->hash_secret));
        return;
    }
    skep__derive(key->bytes, "skep data key id", skep_slice_of(lineage, SKEP__LINEAGE_BYTES),
                 key->id, sizeof(key->id));
    for (uint8_t i = 0; i < 3; i++)
        skep__derive(key->bytes, "skep content", skep_slice_of(&i, 1),
                     key->hash_secret + (size_t)i * PART, PART);
}

int skep__data_key_new(const uint8_t lineage[SKEP__LINEAGE_BYTES], skep__data_key **out)
{
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = skep__secret_new(sizeof(*key));
    if (key == NULL)
        return SKEP_ENOMEM;
    SKEP__TRY(skep__random(key->bytes, sizeof(key->bytes)));
    key->use = SKEP__USE_DATA;
    skep__data_key_finish(key, lineage);
    *out = SKEP__TAKE(key);
    return SKEP_OK;
}

void skep__data_key_free(skep__data_key *key)
{
    sodium_free(key);
}

void skep__data_key_freep(skep__data_key **key)
{
    skep__data_key_free(*key);
}

/* ---- recipients ---- */

int skep__identity_of(const skep_key *key, const uint8_t lineage[SKEP__LINEAGE_BYTES],
                      skep__data_key **out)
{
    _Static_assert(crypto_box_SECRETKEYBYTES == SKEP__SECRET_BYTES, "X25519");
    if (!key->raw)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "a recipient is made of a raw key, not of a "
                                             "passphrase: whoever sees it could guess that");
    skep__data_key *identity = skep__secret_new(sizeof(*identity));
    if (identity == NULL)
        return SKEP_ENOMEM;
    identity->use = SKEP__USE_IDENTITY;
    skep__derive(key->bytes, "skep recipient", skep_slice_of("", 0), identity->bytes,
                 sizeof(identity->bytes));
    skep__data_key_finish(identity, lineage);
    *out = identity;
    return SKEP_OK;
}

int skep__recipient_of(const skep_key *key, skep__recipient *out)
{
    const uint8_t none[SKEP__LINEAGE_BYTES] = {0};
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *identity = NULL;
    SKEP__TRY(skep__identity_of(key, none, &identity));
    ASSERT(identity != NULL);
    (void)crypto_scalarmult_base(out->bytes, identity->bytes);
    return SKEP_OK;
}

void skep__recipient_id(const skep__recipient *r, uint8_t out[SKEP__KEY_ID_BYTES])
{
    (void)crypto_generichash(out, SKEP__KEY_ID_BYTES, r->bytes, sizeof(r->bytes), NULL, 0);
}

void skep__recipient_text(const skep__recipient *r, char out[SKEP__RECIPIENT_TEXT])
{
    memcpy(out, PREFIX, sizeof(PREFIX));
    (void)sodium_bin2base64(out + sizeof(PREFIX) - 1, SKEP__RECIPIENT_TEXT - sizeof(PREFIX) + 1,
                            r->bytes, sizeof(r->bytes), sodium_base64_VARIANT_ORIGINAL);
}

/* Some 32 bytes are no public key: whatever is sent to them anybody can read. */
static bool is_weak(const skep__recipient *r)
{
    uint8_t any[SKEP__SECRET_BYTES] = {1};
    uint8_t shared[SKEP__SECRET_BYTES];
    return crypto_scalarmult(shared, any, r->bytes) != 0;
}

int skep__recipient_parse(const char *text, skep__recipient *out)
{
    char again[SKEP__RECIPIENT_TEXT];
    size_t len = 0;
    skep__recipient r;
    if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) == 0 &&
        sodium_base642bin(r.bytes, sizeof(r.bytes), text + sizeof(PREFIX) - 1,
                          strlen(text) - sizeof(PREFIX) + 1, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        len == sizeof(r.bytes)) {
        skep__recipient_text(&r, again); /* each recipient has one text */
        if (strcmp(again, text) == 0 && !is_weak(&r)) {
            *out = r;
            return SKEP_OK;
        }
    }
    return SKEP__FAIL(SKEP_EINVALID, "a recipient is written " PREFIX
                                     " and 44 characters, as `skep key show` prints it");
}

int skep_key_recipient(const skep_key *key, char *out, size_t size)
{
    _Static_assert(SKEP__RECIPIENT_TEXT <= SKEP_RECIPIENT_TEXT_MAX + 1, "room for each");
    skep__recipient r;
    SKEP__REQUIRE(key != NULL);
    SKEP__REQUIRE(out != NULL);
    if (size < SKEP__RECIPIENT_TEXT)
        return SKEP__FAIL(SKEP_ELIMIT, "room for %zu bytes, a recipient needs %d", size,
                          SKEP__RECIPIENT_TEXT);
    SKEP__TRY(skep__recipient_of(key, &r));
    skep__recipient_text(&r, out);
    return SKEP_OK;
}
