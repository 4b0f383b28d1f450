/* SPDX-License-Identifier: MIT */
/* The engine remote, when all is well, and who may ask. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_server.h"
#include "store/store.h"
#include "tools.h"

TEST(what_is_put_remotely_is_got_listed_and_deleted)
{
    remote_world w = remote_open(NULL);
    static const char key[] = "a/b c+d&é%41?#";
    skep_object made = SKEP_OBJECT_INIT;
    skep_object seen = SKEP_OBJECT_INIT;
    assert_ok(skep_store_put(w.store, key, skep_slice_str("hello"), NULL, &made));
    store_holds(w.behind, key, "hello");
    store_holds(w.store, key, "hello");
    assert_ok(skep_store_head(w.store, key, NULL, &seen));
    ck_assert_str_eq(seen.key, key);
    ck_assert_uint_eq(seen.bytes, 5);
    ck_assert_uint_eq(seen.flags, SKEP_OBJECT_HASHED);
    ck_assert_str_eq(seen.etag, made.etag);
    ck_assert_mem_eq(seen.hash, made.hash, sizeof(made.hash));
    ck_assert_int_eq(seen.modified_us, made.modified_us);
    stores_alike(w.store, w.behind);
    assert_ok(skep_store_delete(w.store, key, NULL));
    assert_ok(skep_store_delete(w.store, key, NULL));
    assert_fails(skep_store_head(w.store, key, NULL, &seen), SKEP_ENOTFOUND);
    store_lacks(w.behind, key);
    remote_close(&w);
}

TEST(it_can_do_what_the_server_says)
{
    remote_world w = remote_open(NULL);
    uint32_t caps = 0;
    assert_ok(skep_store_caps(w.store, NULL, &caps));
    ck_assert_uint_eq(caps, SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP | SKEP_STORE_CAN_COPY |
                                SKEP_STORE_KEEPS_HASH | SKEP_STORE_LISTS_BYTES);
    assert_ok(skep_store_caps(w.store, NULL, &caps));
    ck_assert_uint_eq(front_count(w.f, NULL, "/v1/caps"), 1);
    remote_close(&w);
}

TEST(conditions_are_kept_remotely)
{
    remote_world w = remote_open(NULL);
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    skep_put_opts swap = SKEP_PUT_OPTS_INIT;
    skep_object made = SKEP_OBJECT_INIT;
    skep_object next = SKEP_OBJECT_INIT;
    create.create = 1;
    assert_ok(skep_store_put(w.store, "k", skep_slice_str("one"), &create, &made));
    assert_fails_with(skep_store_put(w.store, "k", skep_slice_str("two"), &create, NULL),
                      SKEP_EEXISTS, SKEP_OUTCOME_NONE);
    swap.if_etag = made.etag;
    assert_ok(skep_store_put(w.store, "k", skep_slice_str("three"), &swap, &next));
    assert_fails_with(skep_store_put(w.store, "k", skep_slice_str("four"), &swap, NULL),
                      SKEP_ECONFLICT, SKEP_OUTCOME_NONE);
    store_holds(w.behind, "k", "three");
    assert_ok(skep_store_copy(w.store, "k", "copy", &create, &made));
    ck_assert_str_eq(made.key, "copy");
    store_holds(w.behind, "copy", "three");
    assert_fails(skep_store_copy(w.store, "k", "copy", &create, NULL), SKEP_EEXISTS);
    assert_fails(skep_store_copy(w.store, "none", "copy", NULL, NULL), SKEP_ENOTFOUND);
    swap.if_etag = "other";
    assert_fails(skep_store_copy(w.store, "k", "copy", &swap, NULL), SKEP_ECONFLICT);
    remote_close(&w);
}

static void stream(bool known)
{
    enum { LARGE = 40000003, PIECE = 1 << 20 };
    remote_world w = remote_open(NULL);
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object made = SKEP_OBJECT_INIT;
    skep_get *get = NULL;
    skep_put *put = NULL;
    char *piece = malloc(PIECE);
    size_t got = 0;
    if (known)
        opts.bytes = LARGE;
    store_put_bytes(w.behind, "source", LARGE, 7);
    assert_ok(skep_get_open(w.behind, "source", NULL, &get, NULL));
    assert_ok(skep_put_begin(w.store, "copy", &opts, &put));
    do {
        assert_ok(skep_get_read(get, piece, PIECE, &got));
        assert_ok(skep_put_write(put, piece, got));
    } while (got > 0);
    assert_ok(skep_put_commit(put, &made));
    skep_get_close(get);
    ck_assert_uint_eq(made.bytes, LARGE);
    ck_assert_uint_eq(front_count(w.f, NULL, NULL), 1);
    const front_request *seen = front_seen(w.f, 0);
    ck_assert_int_eq(front_header(seen, "Content-Length") != NULL, known);
    ck_assert_int_eq(front_header(seen, "Transfer-Encoding") != NULL, !known);
    store_same(w.behind, w.store, "copy");
    free(piece);
    remote_close(&w);
}

TEST(large_objects_are_streamed_with_and_without_their_size)
{
    stream(false);
    stream(true);
}

TEST(a_range_is_what_lies_there_remotely)
{
    remote_world w = remote_open(NULL);
    store_put(w.store, "k", "0123456789");
    static const struct {
        uint64_t offset, bytes;
        const char *what;
    } all[] = {
        {0, 0, "0123456789"}, {3, 0, "3456789"}, {3, 4, "3456"}, {0, 1, "0"},
        {9, 5, "9"},          {10, 0, ""},       {10, 5, ""},    {2, UINT64_MAX, "23456789"}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char got[16] = {0};
        size_t len = 0;
        size_t n = 1;
        skep_get *get = NULL;
        skep_object info = SKEP_OBJECT_INIT;
        skep_get_opts opts = SKEP_GET_OPTS_INIT;
        opts.offset = all[i].offset;
        opts.bytes = all[i].bytes;
        assert_ok(skep_get_open(w.store, "k", &opts, &get, &info));
        ck_assert_uint_eq(info.bytes, 10);
        for (; n > 0; len += n)
            assert_ok(skep_get_read(get, got + len, sizeof(got) - len, &n));
        ck_assert_str_eq(got, all[i].what);
        skep_get_close(get);
    }
    skep_get *get = NULL;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.offset = 11;
    assert_fails(skep_get_open(w.store, "k", &opts, &get, NULL), SKEP_EINVALID);
    opts.offset = 10;
    opts.if_etag = "other";
    assert_fails(skep_get_open(w.store, "k", &opts, &get, NULL), SKEP_ECONFLICT);
    opts.offset = 0;
    assert_fails(skep_get_open(w.store, "k", &opts, &get, NULL), SKEP_ECONFLICT);
    remote_close(&w);
}

TEST(a20_a_list_of_many_pages_has_each_key_once_and_in_order)
{
    remote_world w = remote_open(NULL);
    char key[32];
    for (int i = 0; i < 33; i++) {
        (void)snprintf(key, sizeof(key), "d/%02d é&+", i);
        store_put(w.behind, key, "x");
    }
    store_put(w.behind, "c", "x");
    store_put(w.behind, "e", "x");
    ck_assert_uint_eq(store_count(w.store, ""), 35);
    ck_assert_uint_eq(store_count(w.store, "d/"), 33);
    ck_assert_uint_eq(store_count(w.store, "d/1"), 10);
    stores_alike(w.store, w.behind);
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object o = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    opts.after = "d/30 é&+";
    opts.limit = 3;
    assert_ok(skep_list_open(w.store, &opts, &list));
    ck_assert_int_eq(assert_ok(skep_list_next(list, &o)), 1);
    ck_assert_str_eq(o.key, "d/31 é&+");
    ck_assert_int_eq(assert_ok(skep_list_next(list, &o)), 1);
    ck_assert_int_eq(assert_ok(skep_list_next(list, &o)), 1);
    ck_assert_str_eq(o.key, "e");
    ck_assert_int_eq(assert_ok(skep_list_next(list, &o)), 0);
    skep_list_close(list);
    remote_close(&w);
}

#define ONE(k) "{\"key\":\"" k "\",\"bytes\":1,\"modified_us\":2,\"etag\":\"e\"}"

TEST(a20_pages_that_are_no_list_are_refused)
{
    static const struct {
        const char *page;
        int code;
    } all[] = {
        {"", SKEP_ENET},
        {"{}", SKEP_ENET},
        {"<html>", SKEP_ENET},
        {"{\"objects\":5,\"more\":false}", SKEP_ENET},
        {"{\"objects\":[5],\"more\":false}", SKEP_ENET},
        {"{\"objects\":[{\"key\":\"p/a\"}],\"more\":false}", SKEP_ENET},
        {"{\"objects\":[],\"more\":true}", SKEP_ENET},
        {"{\"objects\":[" ONE("p/a") "," ONE("p/a") "],\"more\":false}", SKEP_ECORRUPT},
        {"{\"objects\":[" ONE("p/b") "," ONE("p/a") "],\"more\":false}", SKEP_ECORRUPT},
        {"{\"objects\":[" ONE("q/a") "],\"more\":false}", SKEP_ECORRUPT},
        {"{\"objects\":[" ONE("p/a") "],\"more\":true}", SKEP_ECORRUPT}, /* again and again */
        {"{\"objects\":[" ONE("p/a") "],\"more\":false", SKEP_ENET},
    };
    remote_world w = remote_open(NULL);
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = "p/";
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        skep_object o = SKEP_OBJECT_INIT;
        skep_list *list = NULL;
        remote_says(&w, "GET", 200, NULL, all[i].page, 0);
        int rc = skep_list_open(w.store, &opts, &list);
        while (rc >= 0 && (rc = skep_list_next(list, &o)) > 0)
            ;
        ck_assert_msg(rc == all[i].code, "%s: %d", all[i].page, rc);
        ck_assert_int_eq(skep_last_error()->code, rc);
        skep_list_close(list);
    }
    remote_close(&w);
}

TEST(many_are_deleted_with_one_request)
{
    remote_world w = remote_open(NULL);
    char names[1500][16];
    const char *keys[1500];
    int results[1500];
    for (size_t i = 0; i < 1500; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "\"k\"/%04zu", i);
        keys[i] = names[i];
        if (i % 3 == 0)
            store_put(w.behind, names[i], "x");
    }
    store_put(w.behind, "other", "x");
    assert_ok(skep_store_delete_many(w.store, keys, 1500, NULL, results));
    for (size_t i = 0; i < 1500; i++)
        ck_assert_int_eq(results[i], SKEP_OK);
    ck_assert_uint_eq(front_count(w.f, NULL, NULL), 2);
    ck_assert_uint_eq(store_count(w.behind, ""), 1);
    static const char *const bad[] = {
        "", "{\"results\":[]}", "{\"results\":[{\"key\":\"\\\"k\\\"/0000\",\"code\":\"SKEP_OK\"}]}",
        "{\"results\":[{\"key\":\"x\",\"code\":\"SKEP_OK\"},{\"key\":\"y\",\"code\":\"SKEP_OK\"}]"
        "}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        remote_says(&w, "POST", 200, NULL, bad[i], 0);
        assert_fails_with(skep_store_delete_many(w.store, keys, 2, NULL, NULL), SKEP_ENET,
                          SKEP_OUTCOME_UNKNOWN);
    }
    remote_says(&w, "POST", 200, NULL,
                "{\"results\":[{\"key\":\"\\\"k\\\"/0000\",\"code\":\"SKEP_OK\"},"
                "{\"key\":\"\\\"k\\\"/0001\",\"code\":\"SKEP_EDENIED\"}]}",
                0);
    assert_fails(skep_store_delete_many(w.store, keys, 2, NULL, results), SKEP_EDENIED);
    ck_assert_int_eq(results[0], SKEP_OK);
    ck_assert_int_eq(results[1], SKEP_EDENIED);
    remote_close(&w);
}

TEST(the_key_ring_lies_where_it_lies_without_a_server)
{
    remote_world w = remote_open(NULL);
    skep_object o = SKEP_OBJECT_INIT;
    assert_fails(skep_store_put(w.store, ".skep/keys", skep_slice_str("x"), NULL, &o),
                 SKEP_EINVALID);
    skep__store_allow_own(w.store);
    skep__store_allow_own(w.behind);
    store_put(w.store, ".skep/keys", "mine");
    store_holds(w.behind, ".skep/keys", "mine");
    store_holds(w.store, ".skep/keys", "mine");
    ck_assert_uint_eq(store_count(w.store, ""), 0);
    remote_close(&w);
}

/* ---- who may ask ---- */

TEST(the_api_key_is_sent_and_never_told)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.api_key = "xyzzy-1";
    remote_world w = remote_open(&opts);
    store_put(w.store, "k", "x");
    ck_assert_str_eq(front_header(front_seen(w.f, 0), "Authorization"), "Bearer xyzzy-1");
    ck_assert_ptr_null(strstr(skep_store_name(w.store), "xyzzy"));
    remote_says(&w, "PUT", 401, NULL, NULL, 0);
    assert_fails(skep_store_put(w.store, "k", skep_slice_str("y"), NULL, NULL), SKEP_EAUTH);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "REMOTE_STORAGE_API_KEY"));
    ck_assert_ptr_null(strstr(skep_last_error()->text, "xyzzy"));
    remote_says(&w, "PUT", 403, NULL, NULL, 0);
    assert_fails(skep_store_put(w.store, "k", skep_slice_str("y"), NULL, NULL), SKEP_EDENIED);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "more rights"));
    ck_assert_uint_eq(front_count(w.f, "PUT", NULL), 3);
    remote_close(&w);

    ck_assert_int_eq(setenv("REMOTE_STORAGE_API_KEY", "xyzzy-2", 1), 0);
    w = remote_open(NULL);
    store_put(w.store, "k", "x");
    ck_assert_str_eq(front_header(front_seen(w.f, 0), "Authorization"), "Bearer xyzzy-2");
    remote_close(&w);
    ck_assert_int_eq(unsetenv("REMOTE_STORAGE_API_KEY"), 0);
    w = remote_open(NULL);
    store_put(w.store, "k", "x");
    ck_assert_ptr_null(front_header(front_seen(w.f, 0), "Authorization"));
    remote_says(&w, "PUT", 401, NULL, NULL, 0);
    assert_fails(skep_store_put(w.store, "k", skep_slice_str("y"), NULL, NULL), SKEP_EAUTH);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "wants an API key"));
    remote_close(&w);
}

TEST(an_api_key_goes_in_clear_to_this_machine_only)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    skep_store *store = NULL;
    opts.api_key = "xyzzy";
    assert_fails(skep_store_open("http://store.example.org/x", &opts, &store), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "insecure"));
    assert_ok(skep_store_open("https://store.example.org/x", &opts, &store));
    ck_assert_str_eq(skep_store_name(store), "https://store.example.org/x");
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_open("http://localhost:1", &opts, &store));
    assert_ok(skep_store_close(store));
    opts.insecure = 1;
    assert_ok(skep_store_open("http://store.example.org/x", &opts, &store));
    assert_ok(skep_store_close(store));
    opts.api_key = NULL;
    opts.insecure = 0;
    assert_ok(skep_store_open("http://store.example.org/x", &opts, &store));
    assert_ok(skep_store_close(store));
}

TEST(what_is_no_api_key_is_refused_without_showing_it)
{
    static const char *const bad[] = {"xyzzy\n", "xy zzy", "xyzzy\x7f", "xyzzy\xc3\xa9"};
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    skep_store *store = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        opts.api_key = bad[i];
        assert_fails(skep_store_open("http://localhost:1", &opts, &store), SKEP_EINVALID);
        ck_assert_ptr_null(strstr(skep_last_error()->text, "xy"));
    }
    char long_one[1024];
    memset(long_one, 'x', sizeof(long_one));
    long_one[sizeof(long_one) - 1] = '\0';
    opts.api_key = long_one;
    assert_fails(skep_store_open("http://localhost:1", &opts, &store), SKEP_ELIMIT);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_remotely_is_got_listed_and_deleted),
    HARNESS_TEST(it_can_do_what_the_server_says),
    HARNESS_TEST(conditions_are_kept_remotely),
    HARNESS_TEST(large_objects_are_streamed_with_and_without_their_size),
    HARNESS_TEST(a_range_is_what_lies_there_remotely),
    HARNESS_TEST(a20_a_list_of_many_pages_has_each_key_once_and_in_order),
    HARNESS_TEST(a20_pages_that_are_no_list_are_refused),
    HARNESS_TEST(many_are_deleted_with_one_request),
    HARNESS_TEST(the_key_ring_lies_where_it_lies_without_a_server),
    HARNESS_TEST(the_api_key_is_sent_and_never_told),
    HARNESS_TEST(an_api_key_goes_in_clear_to_this_machine_only),
    HARNESS_TEST(what_is_no_api_key_is_refused_without_showing_it),
};
const harness_suite remote_suite = HARNESS_SUITE("remote", tests);
