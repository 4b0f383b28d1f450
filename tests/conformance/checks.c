/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define POOL (SAMPLE_MAX + (1u << 20))
#define PIECE 65536

skep_slice sample(size_t which, size_t len)
{
    static char *pool;
    if (pool == NULL) {
        rng r = rng_of(20);
        pool = malloc(POOL);
        ck_assert_ptr_nonnull(pool);
        rng_fill(&r, pool, POOL);
    }
    ck_assert_uint_le(len, SAMPLE_MAX);
    return skep_slice_of(pool + which * 7919 % (1u << 20), len);
}

void put(world *w, const char *key, skep_slice data)
{
    assert_ok(skep_store_put(w->store, key, data, NULL, NULL));
}

void assert_rest(skep_get *get, skep_slice data)
{
    char piece[PIECE];
    size_t at = 0;
    for (size_t got = 1; got > 0; at += got) {
        assert_ok(skep_get_read(get, piece, sizeof(piece), &got));
        ck_assert_uint_le(at + got, data.len);
        ck_assert(got == 0 || memcmp(piece, (const char *)data.data + at, got) == 0);
    }
    ck_assert_uint_eq(at, data.len);
}

void assert_holds(skep_store *store, const char *key, skep_slice data)
{
    skep_get *get = NULL;
    assert_ok(skep_get_open(store, key, NULL, &get, NULL));
    assert_rest(get, data);
    skep_get_close(get);
}

void assert_none(skep_store *store, const char *key)
{
    skep_object info = SKEP_OBJECT_INIT;
    assert_fails(skep_store_head(store, key, NULL, &info), SKEP_ENOTFOUND);
}

void assert_hash(const skep_object *object, skep_slice data)
{
    XXH128_canonical_t canonical;
    ck_assert(object->flags & SKEP_OBJECT_HASHED);
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data.data, data.len));
    if (!(object->flags & SKEP_OBJECT_SEALED))
        ck_assert(memcmp(canonical.digest, object->hash, sizeof(object->hash)) == 0);
}

/* ---- lists ---- */

names list_names(skep_store *store, const char *prefix, const char *after, uint64_t limit)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    names found = {0};
    size_t room = 0;
    opts.prefix = prefix;
    opts.after = after;
    opts.limit = limit;
    assert_ok(skep_list_open(store, &opts, &list));
    while (assert_ok(skep_list_next(list, &object)) == 1) {
        if (found.count == room) {
            room = room * 2 + 64;
            found.at = realloc(found.at, room * sizeof(char *));
            ck_assert_ptr_nonnull(found.at);
        }
        found.at[found.count] = strdup(object.key);
        ck_assert_ptr_nonnull(found.at[found.count]);
        found.count++;
    }
    ck_assert_int_eq(assert_ok(skep_list_next(list, &object)), 0); /* and it stays at the end */
    skep_list_close(list);
    return found;
}

void names_free(names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->at[i]);
    free(n->at);
    *n = (names){0};
}

void assert_listed(skep_store *store, const char *prefix, const char *after, uint64_t limit,
                   const char *const *keys)
{
    names found = list_names(store, prefix, after, limit);
    for (size_t i = 0; i < found.count; i++) {
        ck_assert_msg(keys[i] != NULL, "%s is listed too many", found.at[i]);
        ck_assert_str_eq(found.at[i], keys[i]);
    }
    ck_assert_msg(keys[found.count] == NULL, "%s is not listed", keys[found.count]);
    names_free(&found);
}
