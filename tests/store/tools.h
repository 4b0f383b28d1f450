/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_TOOLS_H
#define TESTS_STORE_TOOLS_H

#include <stdbool.h>

#include <skep/store.h>

/* What tests ask of stores again and again; each fails the test where it is not so. */

void store_put(skep_store *store, const char *key, const char *text);
/* `bytes` bytes that follow from `seed`. */
void store_put_bytes(skep_store *store, const char *key, uint64_t bytes, uint64_t seed);
void store_holds(skep_store *store, const char *key, const char *text);
void store_lacks(skep_store *store, const char *key);
bool store_has(skep_store *store, const char *key);
/* Both hold the same under `key`. */
void store_same(skep_store *a, skep_store *b, const char *key);
/* The same keys with the same content. */
void stores_alike(skep_store *a, skep_store *b);
uint64_t store_count(skep_store *store, const char *prefix);
/* The first key with this prefix; lives until the next call. For one thread. */
const char *store_first(skep_store *store, const char *prefix);

#endif
