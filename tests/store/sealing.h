/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_SEALING_H
#define TESTS_STORE_SEALING_H

#include <skep/arena.h>
#include <skep/seal.h>

#include "store/faulty.h"

/* What the tests of sealed stores share. Each fails the test where something fails. */

skep_key *sealing_key(uint8_t byte); /* a raw one, of so many equal bytes */
skep_key *sealing_phrase(const char *text);

/* A sealed store over `next`, which is lent: several can be open over one. `key` or `recipient` may
 * be NULL. */
skep_store *sealing_open(skep_store *next, const skep_key *key, const char *recipient,
                         uint32_t padded);
/* The filter between the two. */
skep_store *sealing_between(skep_store *sealed);

/* `len` random bytes of this seed; the caller frees them. */
uint8_t *sealing_content(uint64_t seed, size_t len);

/* The object's bytes as `store` gives them; the caller frees them. */
uint8_t *sealing_bytes(skep_store *store, const char *key, size_t *len);
/* Put some. */
void sealing_put(skep_store *store, const char *key, const void *bytes, size_t len);
/* `store` gives back exactly these. */
void sealing_assert(skep_store *store, const char *key, const void *bytes, size_t len);
/* The code of reading it to its end; what came is in `into` (`len` bytes of room), if it came. */
int sealing_try(skep_store *store, const char *key, const skep_get_opts *opts, uint8_t *into,
                size_t len, size_t *got);

#endif
