/* SPDX-License-Identifier: MIT */
/* Each allocation of the engine s3 fails once, and for good; and many threads share one store. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/arena.h>

#include "harness/alloc.h"
#include "store/s3_fake.h"

#define OBJECT(key) "<Contents><Key>" key "</Key><Size>1</Size><ETag>e</ETag></Contents>"

static const char *const pages[] = {
    "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
    "<NextContinuationToken>t</NextContinuationToken>" OBJECT("p%2Fa")
        OBJECT("p%2Fb%20c") "</ListBucketResult>",
    "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>" OBJECT(
        "p%2Fd") "</ListBucketResult>",
    NULL};

typedef struct work {
    s3_fake *fake;
    char *bytes; /* two parts */
    size_t size;
} work;

static int list_all(skep_store *store)
{
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    SKEP__TRY(skep_list_open(store, NULL, &list));
    int rc = 1;
    for (int n = 0; rc > 0; n++) {
        rc = skep_list_next(list, &object);
        ck_assert(rc != 0 || n == 3);
    }
    skep_list_close(list);
    return rc;
}

static int read_all(const work *w, skep_store *store)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_get *get = NULL;
    static char got[65536];
    size_t n = 1;
    int rc = SKEP_OK;
    opts.offset = 1;
    SKEP__TRY(skep_get_open(store, "large", &opts, &get, NULL));
    for (size_t at = 1; rc == SKEP_OK && n > 0; at += n) {
        rc = skep_get_read(get, got, sizeof(got), &n);
        ck_assert(rc < 0 || memcmp(got, w->bytes + at, n) == 0);
    }
    skep_get_close(get);
    return rc;
}

static int use(const work *w, skep_store *store)
{
    const char *const keys[] = {"small", "large", "none"};
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    int results[3];
    int rc;
    create.create = 1;
    SKEP__TRY(skep_store_put(store, "small", skep_slice_str("x"), NULL, NULL));
    rc = skep_store_put(store, "small", skep_slice_str("y"), &create, NULL);
    if (rc != SKEP_EEXISTS)
        return rc < 0 ? rc : SKEP_EINTERNAL;
    SKEP__TRY(skep_store_put(store, "large", skep_slice_of(w->bytes, w->size), NULL, &object));
    SKEP__TRY(skep_store_head(store, "large", NULL, &object));
    SKEP__TRY(read_all(w, store));
    SKEP__TRY(list_all(store));
    return skep_store_delete_many(store, keys, 3, NULL, results);
}

static int run(void *ctx)
{
    work *w = ctx;
    skep_store *store = NULL;
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.endpoint = front_url(w->fake->front);
    opts.access_key_id = "AKIDEXAMPLE";
    opts.secret_access_key = "canary-secret";
    opts.part_bytes = 5u << 20;
    w->fake->page = 0;
    SKEP__TRY(skep_store_open("s3://b/p", &opts, &store));
    int rc = use(w, store);
    ck_assert_int_eq(skep_store_close(store), SKEP_OK);
    return rc;
}

TEST(each_allocation_of_s3_may_fail)
{
    alloc_install();
    work w = {.size = (5u << 20) + 10};
    w.bytes = s3_bytes(w.size);
    w.fake = s3_fake_open(NULL);
    w.fake->listing = pages;
    const sweep s = {.run = run, .ctx = &w};
    const sweep_result result = alloc_sweep(&s);
    ck_assert_uint_gt(result.failed, 0);
    s3_fake_close(w.fake);
    free(w.bytes);
}

/* ---- many threads ---- */

#define THREADS 64

static void one_thread(size_t index, void *ctx)
{
    s3_fake *f = ctx;
    char key[32];
    char text[32];
    skep_object object = SKEP_OBJECT_INIT;
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    create.create = 1;
    for (int i = 0; i < 4; i++) {
        (void)snprintf(key, sizeof(key), "own/%zu", index);
        (void)snprintf(text, sizeof(text), "%zu of %d", index, i);
        s3_put(f->store, key, text, strlen(text));
        s3_assert_content(f->store, key, text, strlen(text));
        int rc = skep_store_put(f->store, "shared", skep_slice_str(text), &create, NULL);
        ck_assert(rc == SKEP_OK || rc == SKEP_EEXISTS);
        rc = skep_store_head(f->store, "shared", NULL, &object);
        ck_assert(rc == SKEP_OK || rc == SKEP_ENOTFOUND);
        if (index == 0)
            assert_ok(skep_store_delete(f->store, "shared", NULL));
        assert_ok(skep_store_delete(f->store, key, NULL));
    }
}

TEST(threads_64_share_a_store_and_its_16_connections)
{
    s3_fake *f = s3_fake_open(NULL);
    s3_fake_answer(f, NULL, NULL, 30, 503, "SlowDown");
    harness_threads(THREADS, one_thread, f);
    ck_assert_uint_le(front_connections(f->front), 16 + 31); /* one that was cut is made again */
    s3_fake_close(f);
}

static void one_upload(size_t index, void *ctx)
{
    work *w = ctx;
    skep_store *store = w->fake->store;
    char key[32];
    skep_put *put = NULL;
    (void)snprintf(key, sizeof(key), "large/%zu", index);
    assert_ok(skep_put_begin(store, key, NULL, &put));
    for (size_t at = 0; at < w->size; at += 999999)
        assert_ok(
            skep_put_write(put, w->bytes + at, w->size - at < 999999 ? w->size - at : 999999));
    if (index % 2 == 0)
        assert_ok(skep_put_commit(put, NULL));
    else
        skep_put_abort(put);
}

TEST(uploads_in_parts_go_up_side_by_side)
{
    work w = {.size = (12u << 20) + 10};
    s3_fake holder = {.store = s3_store(NULL, "&part_bytes=5MiB&parts_in_flight=3")};
    w.bytes = s3_bytes(w.size);
    w.fake = &holder;
    harness_threads(6, one_upload, &w);
    for (int i = 0; i < 6; i += 2) {
        char key[32];
        (void)snprintf(key, sizeof(key), "large/%d", i);
        s3_assert_content(holder.store, key, w.bytes, w.size);
    }
    ck_assert_uint_eq(s3_uploads(holder.store), 0);
    s3_end(holder.store);
    free(w.bytes);
}

static const harness_test tests[] = {
    HARNESS_TEST(each_allocation_of_s3_may_fail),
    HARNESS_TEST(threads_64_share_a_store_and_its_16_connections),
    HARNESS_TEST(uploads_in_parts_go_up_side_by_side),
};
const harness_suite s3_sweep_suite = HARNESS_SUITE("s3_sweep", tests);
