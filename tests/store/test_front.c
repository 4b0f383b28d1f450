/* SPDX-License-Identifier: MIT */
/* What the front does for every store, seen over the one in memory. */
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skep/arena.h>

#include "store/memory.h"
#include "store/store.h"
#include "support.h"

static skep_store *open_memory(void)
{
    skep_store *store = NULL;
    assert_ok(memory_store_open(MEMORY_CAPS, &store));
    return store;
}

TEST(what_is_put_is_got_with_its_hash)
{
    char hash[SKEP__HASH_TEXT];
    skep_object object = SKEP_OBJECT_INIT;
    skep_store *store = open_memory();
    assert_ok(skep_store_put(store, "a/b", skep_slice_str(""), NULL, &object));
    ck_assert_str_eq(object.key, "a/b");
    ck_assert_uint_eq(object.bytes, 0);
    skep__hash_text(object.hash, hash);
    ck_assert_str_eq(hash, "99aa06d3014798d86001c324468d497f"); /* XXH3-128 of nothing */
    put_text(store, "a/b", "hello");
    assert_content(store, "a/b", "hello");
    assert_ok(skep_store_close(store));
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_is_got_with_its_hash),
};
const harness_suite front_suite = HARNESS_SUITE("front", tests);
