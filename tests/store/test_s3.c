/* SPDX-License-Identifier: MIT */
/* The engine s3 against a real server. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_server.h"

TEST(what_is_put_in_s3_is_got_listed_and_deleted)
{
    skep_store *store = s3_store(NULL, NULL);
    skep_object put = SKEP_OBJECT_INIT;
    skep_object seen = SKEP_OBJECT_INIT;
    assert_ok(skep_store_put(store, "a/b c+d&é", skep_slice_str("hello"), NULL, &put));
    assert_ok(skep_store_head(store, "a/b c+d&é", NULL, &seen));
    ck_assert_str_eq(seen.key, "a/b c+d&é");
    ck_assert_uint_eq(seen.bytes, 5);
    ck_assert_str_eq(seen.etag, put.etag);
    ck_assert_uint_eq(seen.flags, SKEP_OBJECT_HASHED);
    ck_assert_mem_eq(seen.hash, put.hash, sizeof(put.hash));
    ck_assert(seen.modified_us - put.modified_us <= 2000000);
    s3_assert_content(store, "a/b c+d&é", "hello", 5);
    skep_list *list = NULL;
    assert_ok(skep_list_open(store, NULL, &list));
    ck_assert_int_eq(assert_ok(skep_list_next(list, &seen)), 1);
    ck_assert_str_eq(seen.key, "a/b c+d&é");
    ck_assert_uint_eq(seen.bytes, 5);
    ck_assert_str_eq(seen.etag, put.etag);
    ck_assert_int_eq(assert_ok(skep_list_next(list, &seen)), 0);
    skep_list_close(list);
    assert_ok(skep_store_delete(store, "a/b c+d&é", NULL));
    assert_ok(skep_store_delete(store, "a/b c+d&é", NULL));
    assert_fails(skep_store_head(store, "a/b c+d&é", NULL, &seen), SKEP_ENOTFOUND);
    s3_end(store);
}

TEST(an_empty_object_is_an_object_in_s3)
{
    skep_store *store = s3_store(NULL, NULL);
    skep_object seen = SKEP_OBJECT_INIT;
    s3_put(store, "empty", "", 0);
    assert_ok(skep_store_head(store, "empty", NULL, &seen));
    ck_assert_uint_eq(seen.bytes, 0);
    s3_assert_content(store, "empty", "", 0);
    s3_end(store);
}

static void assert_range(skep_store *store, const char *key, uint64_t offset, uint64_t bytes,
                         const char *whole)
{
    char got[256];
    size_t n = 0;
    size_t total = 0;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    skep_get *get = NULL;
    opts.offset = offset;
    opts.bytes = bytes;
    assert_ok(skep_get_open(store, key, &opts, &get, &info));
    ck_assert_uint_eq(info.bytes, strlen(whole));
    do {
        assert_ok(skep_get_read(get, got + total, sizeof(got) - total, &n));
        total += n;
    } while (n > 0);
    skep_get_close(get);
    size_t left = strlen(whole) - (size_t)offset;
    ck_assert_uint_eq(total, bytes == 0 || bytes > left ? left : bytes);
    ck_assert(memcmp(got, whole + offset, total) == 0);
}

TEST(ranges_of_an_object_are_read_from_s3)
{
    static const char text[] = "0123456789";
    skep_store *store = s3_store(NULL, NULL);
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_get *get = NULL;
    s3_put(store, "k", text, 10);
    s3_put(store, "empty", "", 0);
    assert_range(store, "k", 0, 0, text);
    assert_range(store, "k", 0, 3, text);
    assert_range(store, "k", 4, 0, text);
    assert_range(store, "k", 9, 1, text);
    assert_range(store, "k", 5, 100, text);
    assert_range(store, "k", 10, 0, text);
    assert_range(store, "k", 10, 7, text);
    assert_range(store, "empty", 0, 5, "");
    opts.offset = 11;
    assert_fails(skep_get_open(store, "k", &opts, &get, NULL), SKEP_EINVALID);
    opts.offset = 2;
    opts.if_etag = "somethingelse";
    assert_fails(skep_get_open(store, "k", &opts, &get, NULL), SKEP_ECONFLICT);
    opts.if_etag = NULL;
    assert_fails(skep_get_open(store, "none", &opts, &get, NULL), SKEP_ENOTFOUND);
    s3_end(store);
}

TEST(a_large_object_goes_up_in_parts_and_leaves_no_upload_behind)
{
    size_t size = (12u << 20) + 12345;
    void *bytes = s3_bytes(size);
    skep_store *store = s3_store(NULL, "&part_bytes=5MiB&parts_in_flight=2");
    skep_object put = SKEP_OBJECT_INIT;
    skep_object seen = SKEP_OBJECT_INIT;
    assert_ok(skep_store_put(store, "large", skep_slice_of(bytes, size), NULL, &put));
    assert_ok(skep_store_head(store, "large", NULL, &seen));
    ck_assert_uint_eq(seen.bytes, size);
    ck_assert_str_eq(seen.etag, put.etag);
    ck_assert_ptr_nonnull(strstr(seen.etag, "-3"));
    ck_assert_uint_eq(seen.flags, SKEP_OBJECT_HASHED);
    s3_assert_content(store, "large", bytes, size);
    ck_assert_uint_eq(s3_uploads(store), 0);
    s3_end(store);
    free(bytes);
}

TEST(a_stream_of_unknown_length_is_seen_only_once_it_is_committed)
{
    size_t size = (11u << 20) + 1;
    char *bytes = s3_bytes(size);
    skep_store *store = s3_store(NULL, "&part_bytes=5MiB");
    skep_object seen = SKEP_OBJECT_INIT;
    skep_put *put = NULL;
    assert_ok(skep_put_begin(store, "stream", NULL, &put));
    for (size_t at = 0; at < size; at += 1000003)
        assert_ok(skep_put_write(put, bytes + at, size - at < 1000003 ? size - at : 1000003));
    assert_fails(skep_store_head(store, "stream", NULL, &seen), SKEP_ENOTFOUND);
    ck_assert_uint_eq(s3_uploads(store), 1);
    assert_ok(skep_put_commit(put, &seen));
    ck_assert_uint_eq(seen.bytes, size);
    s3_assert_content(store, "stream", bytes, size);
    assert_ok(skep_put_begin(store, "aborted", NULL, &put));
    assert_ok(skep_put_write(put, bytes, size));
    skep_put_abort(put);
    assert_fails(skep_store_head(store, "aborted", NULL, &seen), SKEP_ENOTFOUND);
    ck_assert_uint_eq(s3_uploads(store), 0);
    s3_end(store);
    free(bytes);
}

TEST(conditions_are_found_to_hold_and_hold)
{
    skep_store *store = s3_store(NULL, NULL);
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    skep_put_opts swap = SKEP_PUT_OPTS_INIT;
    skep_object one = SKEP_OBJECT_INIT;
    skep_object two = SKEP_OBJECT_INIT;
    uint32_t caps = 0;
    assert_ok(skep_store_caps(store, NULL, &caps));
    ck_assert_uint_eq(caps & SKEP_STORE_CAN_CREATE, SKEP_STORE_CAN_CREATE);
    ck_assert_uint_eq(caps & SKEP_STORE_CAN_SWAP, SKEP_STORE_CAN_SWAP);
    create.create = 1;
    assert_ok(skep_store_put(store, "k", skep_slice_str("one"), &create, &one));
    assert_fails(skep_store_put(store, "k", skep_slice_str("one"), &create, NULL), SKEP_EEXISTS);
    swap.if_etag = one.etag;
    assert_ok(skep_store_put(store, "k", skep_slice_str("two"), &swap, &two));
    assert_fails(skep_store_put(store, "k", skep_slice_str("three"), &swap, NULL), SKEP_ECONFLICT);
    assert_fails(skep_store_put(store, "none", skep_slice_str("x"), &swap, NULL), SKEP_ECONFLICT);
    s3_assert_content(store, "k", "two", 3);
    s3_end(store);
}

TEST(an_object_is_copied_with_its_hash)
{
    skep_store *store = s3_store(NULL, NULL);
    skep_object from = SKEP_OBJECT_INIT;
    skep_object to = SKEP_OBJECT_INIT;
    skep_object seen = SKEP_OBJECT_INIT;
    assert_ok(skep_store_put(store, "from/a b", skep_slice_str("text"), NULL, &from));
    assert_ok(skep_store_copy(store, "from/a b", "to", NULL, &to));
    assert_ok(skep_store_head(store, "to", NULL, &seen));
    ck_assert_str_eq(seen.etag, to.etag);
    ck_assert_mem_eq(seen.hash, from.hash, sizeof(seen.hash));
    s3_assert_content(store, "to", "text", 4);
    assert_fails(skep_store_copy(store, "none", "to", NULL, NULL), SKEP_ENOTFOUND);
    s3_end(store);
}

TEST(many_are_deleted_with_one_request)
{
    skep_store *store = s3_store(NULL, NULL);
    char names[30][32];
    const char *keys[30];
    int results[30];
    skep_object seen = SKEP_OBJECT_INIT;
    for (size_t i = 0; i < 30; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "many/<&\">' %zu", i);
        keys[i] = names[i];
        if (i % 2 == 0)
            s3_put(store, keys[i], "x", 1);
    }
    assert_ok(skep_store_delete_many(store, keys, 30, NULL, results));
    for (size_t i = 0; i < 30; i++) {
        ck_assert_int_eq(results[i], SKEP_OK);
        assert_fails(skep_store_head(store, keys[i], NULL, &seen), SKEP_ENOTFOUND);
    }
    s3_end(store);
}

TEST(the_bucket_may_stand_in_the_host_name)
{
    char endpoint[128];
    (void)snprintf(endpoint, sizeof(endpoint), "http://localhost%s", strrchr(s3_endpoint(), ':'));
    skep_store *store = s3_store(endpoint, "&path_style=host");
    skep_object out = SKEP_OBJECT_INIT;
    s3_put(store, "a b", "text", 4);
    s3_assert_content(store, "a b", "text", 4);
    assert_ok(skep_store_copy(store, "a b", "c", NULL, &out));
    s3_end(store);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_in_s3_is_got_listed_and_deleted),
    HARNESS_TEST(an_empty_object_is_an_object_in_s3),
    HARNESS_TEST(ranges_of_an_object_are_read_from_s3),
    HARNESS_TEST(a_large_object_goes_up_in_parts_and_leaves_no_upload_behind),
    HARNESS_TEST(a_stream_of_unknown_length_is_seen_only_once_it_is_committed),
    HARNESS_TEST(conditions_are_found_to_hold_and_hold),
    HARNESS_TEST(an_object_is_copied_with_its_hash),
    HARNESS_TEST(many_are_deleted_with_one_request),
    HARNESS_TEST(the_bucket_may_stand_in_the_host_name),
};
const harness_suite s3_suite = HARNESS_SUITE("s3", tests);
