/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 1100 /* more than one page, or one delete, of S3 */
#define THREADS 8

void keys_are_listed_in_the_order_of_their_bytes(world *w)
{
    /* `/` is neither the first nor the last: a walk of folders gives another order. */
    static const char *const keys[] = {"0",    "B",   "a",        "a!", "a!/z", "a-b/c",
                                       "a.b",  "a/b", "a/b-c",    "a0", "aa",   "b/a/c",
                                       "b/a-", "b0",  "\xC3\xA9", NULL};
    size_t count = LENGTH(keys) - 1;
    const char *order[LENGTH(keys)];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        /* A key and one below it cannot both be in a tree. */
        if (!world_is(w, TRAIT_TREE) || (strcmp(keys[i], "a") != 0 && strcmp(keys[i], "a!") != 0))
            order[n++] = keys[i];
    }
    order[n] = NULL;
    for (size_t i = 0; i < n; i++)
        put(w, order[i * 7 % n], sample(i, i)); /* 7 divides neither 13 nor 15 */
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0 && strcmp(order[k - 1], order[k]) > 0; k--) {
            const char *later = order[k - 1];
            order[k - 1] = order[k];
            order[k] = later;
        }
    }
    assert_listed(w->store, NULL, NULL, 0, order);
    for (size_t i = 0; i < n; i++)
        assert_listed(w->store, NULL, order[i], 0, &order[i + 1]);
}

void a_list_begins_and_ends_where_it_is_told(world *w)
{
    static const char *const keys[] = {"a/1", "a/2",   "a/20",  "a/3", "ab/1",
                                       "b",   "c d+%", "c/&?#", NULL};
    for (size_t i = 0; keys[i] != NULL; i++)
        put(w, keys[i], sample(i, 10));
#define LISTED(prefix, after, limit, ...)                                                          \
    assert_listed(w->store, prefix, after, limit, (const char *const[]){__VA_ARGS__, NULL})
#define LISTED_NONE(prefix, after, limit)                                                          \
    assert_listed(w->store, prefix, after, limit, (const char *const[]){NULL})
    LISTED("a/", NULL, 0, "a/1", "a/2", "a/20", "a/3");
    LISTED("a/2", NULL, 0, "a/2", "a/20"); /* bytes, not a folder */
    LISTED("a", NULL, 0, "a/1", "a/2", "a/20", "a/3", "ab/1");
    LISTED("a/", "a/2", 0, "a/20", "a/3");
    LISTED("a/", "a/15", 0, "a/2", "a/20", "a/3"); /* it need not be there */
    LISTED("a/", "a", 1, "a/1");
    LISTED("b", "a/9", 0, "b"); /* before the prefix */
    LISTED_NONE("a/", "b", 0);  /* behind all of it */
    LISTED_NONE("a/", "a/3", 0);
    LISTED_NONE("x", NULL, 0);
    LISTED_NONE("a/1/", NULL, 0);
    LISTED("", "", 3, "a/1", "a/2", "a/20");
    LISTED(NULL, "b", 100, "c d+%", "c/&?#");
    LISTED("c d+%", NULL, 0, "c d+%");
    LISTED("c/&?", "c/&", 0, "c/&?#");
    LISTED_NONE(NULL, "\xF4\x8F\xBF\xBF", 0);
    LISTED(NULL, "c d+%", 1, "c/&?#");
    assert_listed(w->store, NULL, NULL, 8, keys);
    assert_listed(w->store, NULL, NULL, 9, keys);
    assert_listed(w->store, NULL, NULL, UINT64_MAX, keys);
}

/* ---- many ---- */

static void many_key(size_t i, char key[32])
{
    (void)snprintf(key, 32, "m/%02zu/%05zu", i % 7, i);
}

static void put_many(size_t index, void *ctx)
{
    world *w = ctx;
    char key[32];
    for (size_t i = index; i < MANY; i += THREADS) {
        many_key(i, key);
        put(w, key, sample(i, 5));
    }
}

void a_list_of_many_pages_has_each_key_once(world *w)
{
    harness_threads(THREADS, put_many, w);
    names all = list_names(w->store, "m/", NULL, 0);
    ck_assert_uint_eq(all.count, MANY);
    for (size_t i = 1; i < all.count; i++)
        ck_assert_int_lt(strcmp(all.at[i - 1], all.at[i]), 0);
    names most = list_names(w->store, NULL, NULL, 1050);
    ck_assert_uint_eq(most.count, 1050);
    ck_assert_str_eq(most.at[1049], all.at[1049]);
    names rest = list_names(w->store, NULL, most.at[1049], 0);
    ck_assert_uint_eq(rest.count, MANY - 1050);
    ck_assert_str_eq(rest.at[0], all.at[1050]);
    names some = list_names(w->store, "m/03/", "m/03/00500", 0);
    for (size_t i = 0; i < some.count; i++)
        ck_assert(strncmp(some.at[i], "m/03/", 5) == 0 && strcmp(some.at[i], "m/03/00500") > 0);
    ck_assert_uint_eq(some.count, 85); /* 500 < 7 n + 3 < 1100 */
    names_free(&all);
    names_free(&most);
    names_free(&rest);
    names_free(&some);
}

void many_are_deleted_at_once(world *w)
{
    static char text[MANY + 300][32];
    static const char *keys[MANY + 300];
    static int results[MANY + 300];
    harness_threads(THREADS, put_many, w);
    put(w, "stays", sample(1, 5));
    for (size_t i = 0; i < LENGTH(keys); i++) {
        many_key(i, text[i]); /* the last 300 are not there */
        keys[i] = text[i];
        results[i] = -1;
    }
    assert_ok(skep_store_delete_many(w->store, keys, LENGTH(keys), NULL, results));
    for (size_t i = 0; i < LENGTH(keys); i++)
        ck_assert_int_eq(results[i], SKEP_OK);
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"stays", NULL});
    assert_ok(skep_store_delete_many(w->store, keys, 0, NULL, NULL));
    keys[1] = "a//b";
    keys[2] = "stays";
    put(w, keys[0], sample(1, 5));
    assert_fails(skep_store_delete_many(w->store, keys, 3, NULL, results), SKEP_EINVALID);
    ck_assert_int_eq(results[1], SKEP_EINVALID);
}

/* ---- while others come and go ---- */

typedef struct traffic {
    world *world;
    _Atomic bool done;
} traffic;

static void come_and_go(traffic *t)
{
    char key[32];
    for (size_t i = 0; !atomic_load(&t->done); i++) {
        (void)snprintf(key, sizeof(key), "c/%03zux", i * 37 % 200);
        put(t->world, key, sample(i, 5));
        assert_ok(skep_store_delete(t->world->store, key, NULL));
    }
}

static void list_meanwhile(traffic *t)
{
    for (int round = 0; round < 4; round++) {
        names found = list_names(t->world->store, "c/", NULL, 0);
        size_t staying = 0;
        for (size_t i = 0; i < found.count; i++) {
            staying += strlen(found.at[i]) == 5;
            ck_assert(i == 0 || strcmp(found.at[i - 1], found.at[i]) < 0);
        }
        ck_assert_uint_eq(staying, 200);
        names_free(&found);
    }
    atomic_store(&t->done, true);
}

static void list_or_change(size_t index, void *ctx)
{
    if (index == 0)
        list_meanwhile(ctx);
    else
        come_and_go(ctx);
}

static void put_staying(size_t index, void *ctx)
{
    char key[32];
    for (size_t i = index; i < 200; i += THREADS) {
        (void)snprintf(key, sizeof(key), "c/%03zu", i);
        put(ctx, key, sample(i, 5));
    }
}

void a_list_has_all_that_stay_while_others_come_and_go(world *w)
{
    traffic t = {.world = w};
    harness_threads(THREADS, put_staying, w);
    harness_threads(3, list_or_change, &t);
}
