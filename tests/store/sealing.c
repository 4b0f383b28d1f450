/* SPDX-License-Identifier: MIT */
#include "store/sealing.h"

#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"

#include "store/sealed_private.h"

skep_key *sealing_key(uint8_t byte)
{
    uint8_t bytes[SKEP_KEY_BYTES];
    skep_key *key = NULL;
    memset(bytes, byte, sizeof(bytes));
    assert_ok(skep_key_raw(bytes, sizeof(bytes), &key));
    return key;
}

skep_key *sealing_phrase(const char *text)
{
    skep_key *key = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str(text), &key));
    return key;
}

skep_store *sealing_open(skep_store *next, const skep_key *key, const char *recipient,
                         uint32_t padded)
{
    const char *const recipients[] = {recipient, NULL};
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    skep_store *store = NULL;
    opts.key = key;
    opts.recipients = recipients;
    opts.padded = padded;
    assert_ok(skep_store_sealed(faulty_store_lend(next), &opts, &store));
    return store;
}

skep_store *sealing_between(skep_store *sealed)
{
    return ((sealed_store *)sealed)->next;
}

uint8_t *sealing_content(uint64_t seed, size_t len)
{
    rng r = rng_of(seed);
    uint8_t *content = malloc(len + 1);
    ck_assert_ptr_nonnull(content);
    rng_fill(&r, content, len);
    return content;
}

uint8_t *sealing_bytes(skep_store *store, const char *key, size_t *len)
{
    skep_arena *arena = NULL;
    skep_slice got;
    assert_ok(skep_arena_new(0, &arena));
    assert_ok(skep_store_get(store, key, NULL, arena, &got, NULL));
    uint8_t *bytes = malloc(got.len + 1);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, got.data, got.len);
    *len = got.len;
    skep_arena_free(arena);
    return bytes;
}

void sealing_put(skep_store *store, const char *key, const void *bytes, size_t len)
{
    assert_ok(skep_store_put(store, key, skep_slice_of(bytes, len), NULL, NULL));
}

void sealing_assert(skep_store *store, const char *key, const void *bytes, size_t len)
{
    size_t got = 0;
    uint8_t *have = sealing_bytes(store, key, &got);
    ck_assert_uint_eq(got, len);
    ck_assert(memcmp(have, bytes, len) == 0);
    free(have);
}

int sealing_try(skep_store *store, const char *key, const skep_get_opts *opts, uint8_t *into,
                size_t len, size_t *got)
{
    skep_get *get = NULL;
    *got = 0;
    int rc = skep_get_open(store, key, opts, &get, NULL);
    for (size_t n = 1; rc >= 0 && n > 0; *got += n) {
        ck_assert_uint_le(*got, len);
        n = 0;
        /* A byte more than there is: the end must be told, not guessed. */
        rc = skep_get_read(get, into + *got, len + 1 - *got, &n);
    }
    skep_get_close(get);
    return rc;
}
