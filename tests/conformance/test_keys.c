/* SPDX-License-Identifier: MIT */
/* Keys: each that is allowed works everywhere, each other is refused, with the reason. */
#include "conformance.h"

#include <stdio.h>
#include <string.h>

/* In the order of their bytes. */
static const char *const odd_keys[] = {" ",
                                       " a ",
                                       "!",
                                       "\"",
                                       "#",
                                       "%",
                                       "%2F",
                                       "%41",
                                       "&",
                                       "&amp;",
                                       "'",
                                       "(",
                                       ")",
                                       "*",
                                       "+",
                                       "++",
                                       ",",
                                       "-",
                                       "--help",
                                       "-rf",
                                       "...",
                                       "..a",
                                       ".a",
                                       ".skep.not",
                                       ".skepx/y",
                                       "0",
                                       "100%",
                                       ":",
                                       ";",
                                       "<a>&</a>",
                                       "=",
                                       "?",
                                       "?prefix=x",
                                       "@",
                                       "A",
                                       "C:\\x",
                                       "Z",
                                       "[",
                                       "\\",
                                       "]",
                                       "^",
                                       "_",
                                       "`",
                                       "a b",
                                       "a b  c",
                                       "a#b",
                                       "a%20b",
                                       "a&b=c",
                                       "a+b",
                                       "a.",
                                       "a..",
                                       "a?b",
                                       "aux",
                                       "e\xCC\x81",
                                       "f/ g",
                                       "f/ g /h",
                                       "f/...",
                                       "f/.g",
                                       "f/.skep/h",
                                       "f/\xF0\x9F\x98\x80",
                                       "nul.txt",
                                       "skep",
                                       "{}",
                                       "|",
                                       "~",
                                       "\xC2\x80",
                                       "\xC2\x85",
                                       "\xC2\xA0",
                                       "\xC3\xA9",
                                       "\xC3\xBCn\xC3\xAF",
                                       "\xE6\x97\xA5\xE6\x9C\xAC/\xE8\xAA\x9E",
                                       "\xEF\xBB\xBF",
                                       "\xEF\xBF\xBD",
                                       "\xF0\x9F\x98\x80",
                                       "\xF4\x8F\xBF\xBF",
                                       NULL};

void odd_keys_come_back(world *w)
{
    const char *const *key = odd_keys;
    for (size_t i = 0; key[i] != NULL; i++) {
        skep_object told = SKEP_OBJECT_INIT;
        assert_ok(skep_store_put(w->store, key[i], sample(i, 20 + i), NULL, &told));
        ck_assert_str_eq(told.key, key[i]);
    }
    assert_listed(w->store, NULL, NULL, 0, odd_keys);
    for (size_t i = 0; key[i] != NULL; i++) {
        skep_object head = SKEP_OBJECT_INIT;
        assert_ok(skep_store_head(w->store, key[i], NULL, &head));
        ck_assert_str_eq(head.key, key[i]);
        assert_holds(w->store, key[i], sample(i, 20 + i));
        if (i % 7 == 0) {
            assert_listed(w->store, NULL, key[i], 2,
                          (const char *const[]){key[i + 1], key[i + 2], NULL});
        }
    }
    assert_ok(skep_store_delete(w->store, odd_keys[0], NULL));
    assert_ok(skep_store_delete_many(w->store, &odd_keys[1], LENGTH(odd_keys) - 2, NULL, NULL));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){NULL});
}

void each_printable_character_is_a_key(world *w)
{
    char key[8] = "x?y";
    size_t n = 0;
    for (int c = 0x20; c < 0x7F; c++) {
        if (c == '/')
            continue;
        key[1] = (char)c;
        put(w, key, skep_slice_of(key, 3));
        n++;
    }
    names found = list_names(w->store, "x", NULL, 0);
    ck_assert_uint_eq(found.count, n);
    for (size_t i = 0; i < n; i++)
        assert_holds(w->store, found.at[i], skep_slice_str(found.at[i]));
    names_free(&found);
}

/* Parts of `part` bytes, the last one shorter, of the character `c`. */
static void long_key(char *key, size_t len, size_t part, const char *c)
{
    size_t width = strlen(c);
    size_t at = 0;
    for (size_t in_part = 0; at < len;) {
        if (in_part + width > part && at + 1 < len) {
            key[at++] = '/';
            in_part = 0;
        } else if (width <= len - at && in_part + width <= part) {
            memcpy(key + at, c, width);
            at += width;
            in_part += width;
        } else {
            key[at++] = 'z';
            in_part++;
        }
    }
    ck_assert_uint_gt(at, 0);
    key[at] = '\0';
    if (key[at - 1] == '/')
        key[at - 1] = 'z';
}

static void comes_and_goes(world *w, const char *key)
{
    put(w, key, sample(1, 30));
    assert_holds(w->store, key, sample(1, 30));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){key, NULL});
    assert_ok(skep_store_delete(w->store, key, NULL));
    assert_none(w->store, key);
}

void the_longest_keys_work(world *w)
{
    static const char *const characters[] = {"a", "%", "\xE6\x97\xA5", " ", "."};
    char key[SKEP_STORE_KEY_MAX + 2];
    size_t max = w->subject->key_max;
    for (size_t i = 0; i < LENGTH(characters); i++) {
        long_key(key, max, 250, characters[i]);
        comes_and_goes(w, key);
        long_key(key, 3 * SKEP_STORE_PART_MAX + 2, SKEP_STORE_PART_MAX, characters[i]);
        comes_and_goes(w, key);
    }
    if (max < SKEP_STORE_KEY_MAX) {
        long_key(key, max + 1, 200, "c");
        ck_assert_int_lt(skep_store_put(w->store, key, sample(1, 30), NULL, NULL), 0);
    }
}

void a_key_may_be_as_deep_as_it_is_long(world *w)
{
    char key[SKEP_STORE_KEY_MAX + 2];
    long_key(key, w->subject->key_max, 2, "b");
    put(w, key, sample(1, 30));
    assert_holds(w->store, key, sample(1, 30));
    assert_listed(w->store, "bb/bb/", NULL, 0, (const char *const[]){key, NULL});
    assert_ok(skep_store_delete(w->store, key, NULL));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){NULL});
}

void a_key_may_lie_below_another(world *w)
{
    put(w, "a", sample(1, 10));
    if (world_is(w, TRAIT_TREE)) {
        ck_assert_int_lt(skep_store_put(w->store, "a/b", sample(2, 10), NULL, NULL), 0);
        assert_none(w->store, "a/b");
        put(w, "d/e", sample(3, 10));
        ck_assert_int_lt(skep_store_put(w->store, "d", sample(4, 10), NULL, NULL), 0);
        assert_none(w->store, "d");
        assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"a", "d/e", NULL});
        return;
    }
    put(w, "a/b", sample(2, 10));
    put(w, "a/b/c", sample(3, 10));
    assert_none(w->store, "a/b/c/d");
    assert_holds(w->store, "a", sample(1, 10));
    assert_holds(w->store, "a/b", sample(2, 10));
    assert_holds(w->store, "a/b/c", sample(3, 10));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"a", "a/b", "a/b/c", NULL});
    assert_ok(skep_store_delete(w->store, "a/b", NULL));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"a", "a/b/c", NULL});
    assert_ok(skep_store_delete(w->store, "a", NULL));
    assert_holds(w->store, "a/b/c", sample(3, 10));
}

static void refused_by_each(world *w, const char *key)
{
    skep_object info = SKEP_OBJECT_INIT;
    skep_slice data = sample(1, 10);
    skep_put *stream = NULL;
    skep_get *get = NULL;
    int result = 0;
    assert_fails(skep_store_put(w->store, key, data, NULL, NULL), SKEP_EINVALID);
    ck_assert_uint_gt(strlen(skep_last_error()->text), 10);
    assert_fails(skep_put_begin(w->store, key, NULL, &stream), SKEP_EINVALID);
    assert_fails(skep_get_open(w->store, key, NULL, &get, NULL), SKEP_EINVALID);
    assert_fails(skep_store_head(w->store, key, NULL, &info), SKEP_EINVALID);
    assert_fails(skep_store_delete(w->store, key, NULL), SKEP_EINVALID);
    assert_fails(skep_store_delete_many(w->store, &key, 1, NULL, &result), SKEP_EINVALID);
    assert_fails(skep_store_copy(w->store, key, "to", NULL, NULL), SKEP_EINVALID);
    assert_fails(skep_store_copy(w->store, "there", key, NULL, NULL), SKEP_EINVALID);
}

void bad_keys_are_refused_by_each_call(world *w)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "//",
                                      "/a",
                                      "a/",
                                      "a//b",
                                      ".",
                                      "..",
                                      "./a",
                                      "../a",
                                      "a/.",
                                      "a/..",
                                      "a/./b",
                                      "a/../b",
                                      "../../etc/passwd",
                                      "a\nb",
                                      "a\tb",
                                      "\x01",
                                      "a\x1F",
                                      "a\x7F",
                                      "\xFF",
                                      "a\xC3",
                                      "\xC0\xAF",
                                      "\xC1\x81",
                                      "\xE0\x80\xAF",
                                      "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF8\x88\x80"};
    char key[SKEP_STORE_KEY_MAX + 2];
    put(w, "there", sample(2, 10));
    for (size_t i = 0; i < LENGTH(bad); i++)
        refused_by_each(w, bad[i]);
    memset(key, 'p', SKEP_STORE_PART_MAX + 1);
    key[SKEP_STORE_PART_MAX + 1] = '\0';
    refused_by_each(w, key);
    long_key(key, SKEP_STORE_KEY_MAX + 1, 100, "k");
    refused_by_each(w, key);
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"there", NULL});
}

void own_keys_are_refused_and_not_listed(world *w)
{
    uint32_t caps = 0;
    put(w, "there", sample(2, 10));
    assert_ok(skep_store_caps(w->store, NULL, &caps)); /* a probe, or a ring, may lie there now */
    refused_by_each(w, ".skep/x");
    refused_by_each(w, ".skep/x/y");
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"there", NULL});
    assert_listed(w->store, ".skep", NULL, 0, (const char *const[]){NULL});
    assert_listed(w->store, ".skep/", NULL, 0, (const char *const[]){NULL});
}
