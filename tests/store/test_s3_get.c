/* SPDX-License-Identifier: MIT */
/* Reading from S3, listing and deleting, over a network that fails. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/arena.h>

#include "store/s3_fake.h"

static void short_patience(skep_store_opts *opts)
{
    opts->retry_ms = 50;
}

static int get(s3_fake *f, const skep_get_opts *opts)
{
    skep_arena *arena = NULL;
    skep_slice got;
    assert_ok(skep_arena_new(0, &arena));
    int rc = skep_store_get(f->store, "k", opts, arena, &got, NULL);
    skep_arena_free(arena);
    return rc;
}

/* A24: the connection is cut at every 64 KiB. */
TEST(a24_a_get_that_is_cut_at_every_64_kib_goes_on_by_range)
{
    size_t size = (1u << 20) + 77;
    char *bytes = s3_bytes(size);
    s3_fake *f = s3_fake_open(NULL);
    const front_rule cut = {.method = "GET", .fault = FRONT_CUT_BODY, .at = 65536};
    s3_put(f->store, "k", bytes, size);
    s3_fake_say(f, &cut);
    s3_assert_content(f->store, "k", bytes, size);
    ck_assert_uint_eq(front_count(f->front, "GET", NULL), 17);
    const front_request *second = front_seen(f->front, 2);
    ck_assert_str_eq(front_header(second, "range"), "bytes=65536-1048652");
    ck_assert_ptr_nonnull(front_header(second, "if-match"));
    s3_fake_close(f);
    free(bytes);
}

TEST(a24_a_range_that_is_cut_goes_on_too)
{
    size_t size = 300000;
    char *bytes = s3_bytes(size);
    char *got = malloc(size);
    s3_fake *f = s3_fake_open(NULL);
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    const front_rule cut = {.method = "GET", .fault = FRONT_CUT_BODY, .at = 65536};
    skep_get *reading = NULL;
    size_t total = 0;
    size_t n = 0;
    s3_put(f->store, "k", bytes, size);
    s3_fake_say(f, &cut);
    opts.offset = 1000;
    opts.bytes = 200000;
    assert_ok(skep_get_open(f->store, "k", &opts, &reading, NULL));
    do {
        assert_ok(skep_get_read(reading, got + total, size - total, &n));
        total += n;
    } while (n > 0);
    skep_get_close(reading);
    ck_assert_uint_eq(total, 200000);
    ck_assert_mem_eq(got, bytes + 1000, total);
    s3_fake_close(f);
    free(bytes);
    free(got);
}

TEST(a_get_outlives_whatever_passes_by)
{
    static const front_fault faults[] = {FRONT_CLOSE,    FRONT_CUT_HEAD, FRONT_LOSE_ANSWER,
                                         FRONT_CUT_BODY, FRONT_GARBAGE,  FRONT_CLOSE_AFTER};
    static const int statuses[] = {429, 500, 502, 503, 504};
    s3_fake *f = s3_fake_open(NULL);
    s3_put(f->store, "k", "some bytes", 10);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const front_rule rule = {.method = "GET", .count = 2, .fault = faults[i], .at = 5};
        front_rules_clear(f->front);
        s3_fake_say(f, &rule);
        s3_assert_content(f->store, "k", "some bytes", 10);
    }
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        front_rules_clear(f->front);
        s3_fake_answer(f, "GET", NULL, 2, statuses[i], "");
        s3_assert_content(f->store, "k", "some bytes", 10);
    }
    s3_fake_close(f);
}

TEST(a24_an_object_that_is_replaced_while_it_is_read_is_a_conflict)
{
    size_t size = 200000;
    char *bytes = s3_bytes(size);
    s3_fake *f = s3_fake_open(NULL);
    const front_rule cut = {.method = "GET", .count = 1, .fault = FRONT_CUT_BODY, .at = 100000};
    char got[1000];
    for (int gone = 0; gone < 2; gone++) {
        skep_get *reading = NULL;
        size_t n = 0;
        int rc = SKEP_OK;
        s3_put(f->store, "k", bytes, size);
        s3_fake_say(f, &cut);
        assert_ok(skep_get_open(f->store, "k", NULL, &reading, NULL));
        assert_ok(skep_get_read(reading, got, sizeof(got), &n));
        if (gone)
            assert_ok(skep_store_delete(f->store, "k", NULL));
        else
            s3_put(f->store, "k", bytes + 1, size - 1);
        for (size_t at = n; rc == SKEP_OK && at <= 100000; at += n)
            rc = skep_get_read(reading, got, sizeof(got), &n);
        assert_fails_with(rc, SKEP_ECONFLICT, SKEP_OUTCOME_NONE);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, gone ? "deleted" : "replaced"));
        skep_get_close(reading);
    }
    s3_fake_close(f);
    free(bytes);
}

TEST(a_length_that_was_wrong_is_told)
{
    size_t size = 200000;
    char *bytes = s3_bytes(size);
    s3_fake *f = s3_fake_open(short_patience);
    const front_rule wrong = {.method = "GET", .fault = FRONT_WRONG_LENGTH, .at = 5};
    s3_put(f->store, "k", bytes, size);
    s3_fake_say(f, &wrong);
    assert_fails(get(f, NULL), SKEP_ENET);
    s3_fake_close(f);
    free(bytes);
}

/* A29: what comes is not what was put. */
TEST(a29_bits_that_turn_on_the_way_are_seen)
{
    s3_fake *f = s3_fake_open(NULL);
    s3_put(f->store, "k", "some bytes", 10);
    for (int at = 0; at < 10; at++) {
        const front_rule flip = {.method = "GET", .count = 1, .fault = FRONT_FLIP, .at = at};
        s3_fake_say(f, &flip);
        assert_fails(get(f, NULL), SKEP_ECORRUPT);
    }
    s3_assert_content(f->store, "k", "some bytes", 10);
    s3_fake_close(f);
}

TEST(another_range_than_was_asked_for_is_not_taken)
{
    s3_fake *f = s3_fake_open(short_patience);
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_get *reading = NULL;
    const front_rule other = {.method = "GET",
                              .fault = FRONT_ANSWER,
                              .status = 206,
                              .headers = "Content-Range: bytes 1-3/10\r\nETag: \"e\"\r\n",
                              .body = "ome"};
    const front_rule all = {.method = "GET",
                            .fault = FRONT_ANSWER,
                            .status = 200,
                            .headers = "ETag: \"e\"\r\n",
                            .body = "some bytes"};
    opts.offset = 2;
    s3_fake_say(f, &other);
    assert_fails(skep_get_open(f->store, "k", &opts, &reading, NULL), SKEP_ENET);
    front_rules_clear(f->front);
    s3_fake_say(f, &all);
    assert_fails(skep_get_open(f->store, "k", &opts, &reading, NULL), SKEP_ENET);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "something else than bytes 2"));
    s3_fake_close(f);
}

TEST(a_missing_bucket_is_no_missing_object)
{
    skep_object out = SKEP_OBJECT_INIT;
    s3_fake *f = s3_fake_open(NULL);
    s3_fake_answer(f, NULL, NULL, 0, 404, "NoSuchBucket");
    assert_fails(skep_store_head(f->store, "k", NULL, &out), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "no such bucket"));
    assert_fails(get(f, NULL), SKEP_EINVALID);
    assert_fails(skep_store_delete(f->store, "k", NULL), SKEP_EINVALID);
    front_rules_clear(f->front);
    assert_fails(skep_store_head(f->store, "k", NULL, &out), SKEP_ENOTFOUND);
    s3_put(f->store, "other", "x", 1);
    uint64_t gets = front_count(f->front, "GET", NULL);
    assert_fails(skep_store_head(f->store, "k", NULL, &out), SKEP_ENOTFOUND);
    ck_assert_uint_eq(front_count(f->front, "GET", NULL), gets); /* now it is known */
    s3_fake_close(f);
}

TEST(a_head_that_is_refused_says_why)
{
    skep_object out = SKEP_OBJECT_INIT;
    s3_fake *f = s3_fake_open(NULL);
    s3_fake_answer(f, NULL, NULL, 0, 400, "ExpiredToken");
    assert_fails(skep_store_head(f->store, "k", NULL, &out), SKEP_EAUTH);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "session token has expired"));
    s3_fake_close(f);
}

/* ---- deletes ---- */

TEST(a_server_without_batches_deletes_one_by_one)
{
    static const struct {
        int status;
        const char *code;
    } answers[] = {{501, "NotImplemented"}, {400, "MalformedXML"}, {405, "MethodNotAllowed"}};
    const char *const keys[] = {"a", "b", "c"};
    int results[3];
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        s3_fake *f = s3_fake_open(NULL);
        s3_fake_answer(f, "POST", NULL, 0, answers[i].status, answers[i].code);
        for (int again = 0; again < 2; again++) {
            s3_put(f->store, "a", "x", 1);
            assert_ok(skep_store_delete_many(f->store, keys, 3, NULL, results));
            ck_assert_int_eq(results[2], SKEP_OK);
        }
        ck_assert_uint_eq(front_count(f->front, "POST", NULL), 1);
        ck_assert_uint_eq(front_count(f->front, "DELETE", NULL), 6);
        s3_fake_close(f);
    }
}

TEST(what_a_batch_did_not_delete_is_asked_for_by_itself)
{
    const char *const keys[] = {"a", "b", "c"};
    int results[3];
    s3_fake *f = s3_fake_open(NULL);
    const front_rule rule = {
        .method = "POST",
        .fault = FRONT_ANSWER,
        .status = 200,
        .body = "<DeleteResult><Error><Key>b</Key><Code>InternalError</Code></Error><Error>"
                "<Key>c</Key><Code>AccessDenied</Code></Error></DeleteResult>"};
    s3_fake_say(f, &rule);
    s3_fake_answer(f, "DELETE", "/b/c", 0, 403, "AccessDenied");
    s3_put(f->store, "b", "x", 1);
    assert_fails(skep_store_delete_many(f->store, keys, 3, NULL, results), SKEP_EDENIED);
    ck_assert_int_eq(results[0], SKEP_OK);
    ck_assert_int_eq(results[1], SKEP_OK);
    ck_assert_int_eq(results[2], SKEP_EDENIED);
    ck_assert_uint_eq(front_count(f->front, "DELETE", NULL), 2);
    s3_fake_close(f);
}

/* ---- lists ---- */

#define OBJECT(key) "<Contents><Key>" key "</Key><Size>1</Size><ETag>e</ETag></Contents>"
#define PAGE(more, token, objects)                                                                 \
    "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" more                         \
    "</IsTruncated>" token objects "</ListBucketResult>"
#define TOKEN(t) "<NextContinuationToken>" t "</NextContinuationToken>"

/* A20: pages that overlap, are empty, or name what is no key. */
TEST(a20_each_key_is_listed_once_whatever_the_pages_are_like)
{
    static const char *const pages[] = {
        PAGE("true", TOKEN("one"), OBJECT("a") OBJECT("b") OBJECT("b")),
        PAGE("true", TOKEN("two"), ""),
        PAGE("true", TOKEN("three/+"), OBJECT("b") OBJECT("b/") OBJECT("c%20d")),
        PAGE("false", "", OBJECT("e") OBJECT("e//f") OBJECT("g")), NULL};
    static const char *const keys[] = {"a", "b", "c d", "e", "g"};
    s3_fake *f = s3_fake_open(NULL);
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    f->listing = pages;
    assert_ok(skep_list_open(f->store, NULL, &list));
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(assert_ok(skep_list_next(list, &object)), 1);
        ck_assert_str_eq(object.key, keys[i]);
    }
    ck_assert_int_eq(assert_ok(skep_list_next(list, &object)), 0);
    skep_list_close(list);
    ck_assert_ptr_nonnull(
        strstr(front_seen(f->front, 3)->target, "continuation-token=three%2F%2B"));
    s3_fake_close(f);
}

static void assert_no_list(const char *const *pages, const char *says)
{
    s3_fake *f = s3_fake_open(short_patience);
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    int rc = 1;
    f->listing = pages;
    assert_ok(skep_list_open(f->store, NULL, &list));
    while (rc > 0)
        rc = skep_list_next(list, &object);
    ck_assert_int_eq(rc, SKEP_ECORRUPT);
    ck_assert_msg(strstr(skep_last_error()->text, says) != NULL, "%s", skep_last_error()->text);
    skep_list_close(list);
    s3_fake_close(f);
}

TEST(a20_lists_that_cannot_be_trusted_fail)
{
    static const char *const disorder[] = {PAGE("false", "", OBJECT("b") OBJECT("a")), NULL};
    static const char *const backwards[] = {PAGE("true", TOKEN("t"), OBJECT("b")),
                                            PAGE("false", "", OBJECT("a")), NULL};
    static const char *const circle[] = {PAGE("true", TOKEN("t"), OBJECT("a")),
                                         PAGE("true", TOKEN("t"), OBJECT("a")), NULL};
    static const char *const endless[] = {PAGE("true", "", ""), NULL};
    assert_no_list(disorder, "order");
    assert_no_list(backwards, "order");
    assert_no_list(circle, "repeats");
    assert_no_list(endless, "not said where");
}

TEST(a_page_is_asked_for_again_until_it_comes)
{
    static const char *const pages[] = {PAGE("false", "", OBJECT("a")), NULL};
    s3_fake *f = s3_fake_open(NULL);
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    const front_rule close = {.method = "GET", .count = 1, .fault = FRONT_CLOSE};
    f->listing = pages;
    s3_fake_answer(f, "GET", NULL, 2, 503, "SlowDown");
    s3_fake_say(f, &close);
    assert_ok(skep_list_open(f->store, NULL, &list));
    ck_assert_int_eq(assert_ok(skep_list_next(list, &object)), 1);
    ck_assert_int_eq(assert_ok(skep_list_next(list, &object)), 0);
    skep_list_close(list);
    s3_fake_close(f);
}

static const harness_test tests[] = {
    HARNESS_TEST(a24_a_get_that_is_cut_at_every_64_kib_goes_on_by_range),
    HARNESS_TEST(a24_a_range_that_is_cut_goes_on_too),
    HARNESS_TEST(a_get_outlives_whatever_passes_by),
    HARNESS_TEST(a24_an_object_that_is_replaced_while_it_is_read_is_a_conflict),
    HARNESS_TEST(a_length_that_was_wrong_is_told),
    HARNESS_TEST(a29_bits_that_turn_on_the_way_are_seen),
    HARNESS_TEST(another_range_than_was_asked_for_is_not_taken),
    HARNESS_TEST(a_missing_bucket_is_no_missing_object),
    HARNESS_TEST(a_head_that_is_refused_says_why),
    HARNESS_TEST(a_server_without_batches_deletes_one_by_one),
    HARNESS_TEST(what_a_batch_did_not_delete_is_asked_for_by_itself),
    HARNESS_TEST(a20_each_key_is_listed_once_whatever_the_pages_are_like),
    HARNESS_TEST(a20_lists_that_cannot_be_trusted_fail),
    HARNESS_TEST(a_page_is_asked_for_again_until_it_comes),
};
const harness_suite s3_get_suite = HARNESS_SUITE("s3_get", tests);
