/* SPDX-License-Identifier: MIT */
#include "store/tools.h"

#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"

void store_put(skep_store *store, const char *key, const char *text)
{
    assert_ok(skep_store_put(store, key, skep_slice_str(text), NULL, NULL));
}

void store_put_bytes(skep_store *store, const char *key, uint64_t bytes, uint64_t seed)
{
    rng r = rng_of(seed);
    char *data = malloc(bytes + 1);
    ck_assert_ptr_nonnull(data);
    rng_fill(&r, data, bytes);
    assert_ok(skep_store_put(store, key, skep_slice_of(data, bytes), NULL, NULL));
    free(data);
}

static skep_slice read_all(skep_store *store, const char *key, skep_arena **arena)
{
    skep_slice out = {0};
    assert_ok(skep_arena_new(0, arena));
    assert_ok(skep_store_get(store, key, NULL, *arena, &out, NULL));
    return out;
}

void store_holds(skep_store *store, const char *key, const char *text)
{
    skep_arena *arena = NULL;
    skep_slice got = read_all(store, key, &arena);
    ck_assert_msg(got.len == strlen(text) && memcmp(got.data, text, got.len) == 0,
                  "%s holds \"%.*s\" under %s, not \"%s\"", skep_store_name(store), (int)got.len,
                  (const char *)got.data, key, text);
    skep_arena_free(arena);
}

bool store_has(skep_store *store, const char *key)
{
    skep_object info = SKEP_OBJECT_INIT;
    int rc = skep_store_head(store, key, NULL, &info);
    ck_assert_msg(rc == SKEP_OK || rc == SKEP_ENOTFOUND, "%s", skep_last_error()->text);
    return rc == SKEP_OK;
}

void store_lacks(skep_store *store, const char *key)
{
    ck_assert_msg(!store_has(store, key), "%s holds something under %s", skep_store_name(store),
                  key);
}

void store_same(skep_store *a, skep_store *b, const char *key)
{
    skep_arena *arena_a = NULL;
    skep_arena *arena_b = NULL;
    skep_slice in_a = read_all(a, key, &arena_a);
    skep_slice in_b = read_all(b, key, &arena_b);
    ck_assert_msg(in_a.len == in_b.len && memcmp(in_a.data, in_b.data, in_a.len) == 0,
                  "%s and %s differ under %s", skep_store_name(a), skep_store_name(b), key);
    skep_arena_free(arena_a);
    skep_arena_free(arena_b);
}

void stores_alike(skep_store *a, skep_store *b)
{
    skep_list *list_a = NULL;
    skep_list *list_b = NULL;
    skep_object in_a = SKEP_OBJECT_INIT;
    skep_object in_b = SKEP_OBJECT_INIT;
    assert_ok(skep_list_open(a, NULL, &list_a));
    assert_ok(skep_list_open(b, NULL, &list_b));
    for (;;) {
        int more = assert_ok(skep_list_next(list_a, &in_a));
        int more_b = assert_ok(skep_list_next(list_b, &in_b));
        ck_assert_msg(more == more_b && (more == 0 || strcmp(in_a.key, in_b.key) == 0),
                      "one holds %s where the other holds %s", more > 0 ? in_a.key : "(no more)",
                      more_b > 0 ? in_b.key : "(no more)");
        if (more == 0)
            break;
        store_same(a, b, in_a.key);
    }
    skep_list_close(list_a);
    skep_list_close(list_b);
}

uint64_t store_count(skep_store *store, const char *prefix)
{
    uint64_t count = 0;
    skep_list *list = NULL;
    skep_object info = SKEP_OBJECT_INIT;
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = prefix;
    assert_ok(skep_list_open(store, &opts, &list));
    while (assert_ok(skep_list_next(list, &info)) > 0)
        count++;
    skep_list_close(list);
    return count;
}

const char *store_first(skep_store *store, const char *prefix)
{
    skep_list *list = NULL;
    skep_object info = SKEP_OBJECT_INIT;
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = prefix;
    assert_ok(skep_list_open(store, &opts, &list));
    ck_assert_int_eq(assert_ok(skep_list_next(list, &info)), 1);
    skep_list_close(list);
    static char key[SKEP_STORE_KEY_MAX + 1];
    memcpy(key, info.key, sizeof(key));
    return key;
}
