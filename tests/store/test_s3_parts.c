/* SPDX-License-Identifier: MIT */
/* Uploads in parts, with each step going wrong in each way. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_fake.h"

#define SIZE ((11u << 20) + 5) /* three parts */

static const struct {
    const char *name, *method, *target;
} steps[] = {
    {"begin", "POST", "/b/k[?]uploads=*"},
    {"first part", "PUT", "/b/k[?]partNumber=1&*"},
    {"last part", "PUT", "/b/k[?]partNumber=3&*"},
    {"complete", "POST", "/b/k[?]uploadId=*"},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void short_patience(skep_store_opts *opts)
{
    opts->retry_ms = 50;
}

static int put_large(s3_fake *f, const void *bytes, skep_object *out)
{
    return skep_store_put(f->store, "k", skep_slice_of(bytes, SIZE), NULL, out);
}

/* A21: among them an upload that was completed and whose answer is lost. */
TEST(an_upload_outlives_whatever_passes_by_at_each_step)
{
    static const front_fault faults[] = {FRONT_CLOSE, FRONT_CUT_REQUEST, FRONT_LOSE_ANSWER,
                                         FRONT_TWICE, FRONT_GARBAGE};
    static const int statuses[] = {429, 500, 503};
    void *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(NULL);
    skep_object out = SKEP_OBJECT_INIT;
    for (size_t s = 0; s < STEPS; s++) {
        for (size_t i = 0; i < 8; i++) {
            front_rules_clear(f->front);
            if (i < 5)
                s3_fake_rule(f, steps[s].method, steps[s].target, 1, faults[i]);
            else
                s3_fake_answer(f, steps[s].method, steps[s].target, 2, statuses[i - 5], "");
            int rc = put_large(f, bytes, &out);
            ck_assert_msg(rc == SKEP_OK, "%s, fault %zu: %s", steps[s].name, i,
                          skep_last_error()->text);
            ck_assert_uint_eq(out.bytes, SIZE);
            ck_assert_int_ne(out.etag[0], 0);
            s3_assert_content(f->store, "k", bytes, SIZE);
            ck_assert_int_eq(f->uploads, 0);
            assert_ok(skep_store_delete(f->store, "k", NULL));
        }
    }
    s3_fake_close(f);
    free(bytes);
}

TEST(an_upload_that_is_refused_at_any_step_leaves_nothing)
{
    void *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(NULL);
    skep_object out = SKEP_OBJECT_INIT;
    for (size_t s = 0; s < STEPS; s++) {
        front_rules_clear(f->front);
        s3_fake_answer(f, steps[s].method, steps[s].target, 0, 403, "AccessDenied");
        assert_fails_with(put_large(f, bytes, NULL), SKEP_EDENIED, SKEP_OUTCOME_NONE);
        ck_assert_int_eq(f->uploads, 0);
        assert_fails(skep_store_head(f->store, "k", NULL, &out), SKEP_ENOTFOUND);
    }
    s3_fake_close(f);
    free(bytes);
}

TEST(an_upload_that_somebody_has_aborted_fails)
{
    void *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(NULL);
    s3_fake_answer(f, "POST", "/b/k[?]uploadId=*", 0, 404, "NoSuchUpload");
    s3_put(f->store, "k", "old", 3);
    assert_fails_with(put_large(f, bytes, NULL), SKEP_ENOTFOUND, SKEP_OUTCOME_NONE);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "upload is gone"));
    s3_assert_content(f->store, "k", "old", 3);
    s3_fake_close(f);
    free(bytes);
}

TEST(success_with_an_error_in_it_is_none)
{
    void *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(short_patience);
    s3_fake_answer(f, "POST", "/b/k[?]uploadId=*", 2, 200, "InternalError");
    assert_ok(put_large(f, bytes, NULL));
    ck_assert_uint_eq(front_count(f->front, "POST", "/b/k[?]uploadId=*"), 3);
    s3_fake_answer(f, "POST", "/b/k[?]uploadId=*", 0, 200, "EntityTooSmall");
    assert_fails(put_large(f, bytes, NULL), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "part_bytes"));
    s3_fake_close(f);
    free(bytes);
}

TEST(what_cannot_be_found_out_about_an_upload_is_unknown)
{
    void *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(short_patience);
    s3_fake_rule(f, "POST", "/b/k[?]uploadId=*", 0, FRONT_LOSE_ANSWER);
    s3_fake_rule(f, "HEAD", NULL, 0, FRONT_CLOSE);
    assert_fails_with(put_large(f, bytes, NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    front_rules_clear(f->front);
    s3_assert_content(f->store, "k", bytes, SIZE); /* it was applied */
    s3_fake_close(f);
    free(bytes);
}

TEST(a_stream_that_fails_goes_on_failing_and_is_aborted)
{
    char *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(NULL);
    skep_put *put = NULL;
    int rc = SKEP_OK;
    s3_fake_answer(f, "PUT", NULL, 0, 403, "AccessDenied");
    assert_ok(skep_put_begin(f->store, "k", NULL, &put));
    for (int i = 0; i < 20 && rc == SKEP_OK; i++)
        rc = skep_put_write(put, bytes, SIZE);
    ck_assert_int_eq(rc, SKEP_EDENIED);
    assert_fails(skep_put_write(put, bytes, 1), SKEP_EDENIED);
    skep_put_abort(put);
    ck_assert_int_eq(f->uploads, 0);
    s3_fake_close(f);
    free(bytes);
}

TEST(an_abort_ends_parts_in_flight)
{
    char *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(NULL);
    skep_put *put = NULL;
    s3_fake_rule(f, "PUT", NULL, 0, FRONT_HOLD); /* answers that never come */
    assert_ok(skep_put_begin(f->store, "k", NULL, &put));
    assert_ok(skep_put_write(put, bytes, SIZE));
    front_held(f->front, 2);
    skep_put_abort(put);
    front_release(f->front);
    ck_assert_uint_eq(front_count(f->front, "DELETE", NULL), 1);
    s3_fake_close(f);
    free(bytes);
}

static void fire(skep_cancel *cancel, front *f)
{
    front_held(f, 2);
    skep_cancel_fire(cancel);
}

typedef struct firing {
    skep_cancel *cancel;
    s3_fake *fake;
    void *bytes;
} firing;

static void put_or_fire(size_t index, void *ctx)
{
    firing *x = ctx;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.io.cancel = x->cancel;
    if (index == 0)
        fire(x->cancel, x->fake->front);
    else
        assert_fails(
            skep_store_put(x->fake->store, "k", skep_slice_of(x->bytes, SIZE), &opts, NULL),
            SKEP_ECANCELLED);
}

TEST(a_cancel_ends_an_upload_in_its_threads)
{
    firing x = {.fake = s3_fake_open(NULL), .bytes = s3_bytes(SIZE)};
    assert_ok(skep_cancel_new(&x.cancel));
    s3_fake_rule(x.fake, "PUT", NULL, 0, FRONT_HOLD);
    harness_threads(2, put_or_fire, &x);
    front_release(x.fake->front);
    ck_assert_uint_eq(front_count(x.fake->front, "DELETE", NULL), 1);
    skep_cancel_free(x.cancel);
    s3_fake_close(x.fake);
    free(x.bytes);
}

static void crc_parts(skep_store_opts *opts)
{
    opts->checksum = SKEP_CHECKSUM_CRC32C;
}

TEST(parts_say_their_checksums)
{
    void *bytes = s3_bytes(SIZE);
    s3_fake *f = s3_fake_open(crc_parts);
    assert_ok(put_large(f, bytes, NULL));
    ck_assert_str_eq(front_header(front_seen(f->front, 0), "x-amz-checksum-algorithm"), "CRC32C");
    for (uint64_t i = 0; front_seen(f->front, i) != NULL; i++) {
        const front_request *r = front_seen(f->front, i);
        if (strstr(r->target, "partNumber=") != NULL)
            ck_assert_ptr_nonnull(front_header(r, "x-amz-checksum-crc32c"));
    }
    s3_fake_close(f);
    free(bytes);
}

/* ---- leftovers ---- */

static int begin_only(skep_store *store, const void *bytes)
{
    skep__s3 *s3 = s3_of(store);
    const skep_io io = {.deadline_ns = 0};
    const skep__s3_ask ask = {
        .method = "POST", .key = "left over", .query = "uploads=", .body = {"", 0}, .io = &io};
    skep__s3_answer answer;
    (void)bytes;
    return skep__s3_do(s3, &ask, &answer, NULL);
}

TEST(leftovers_are_aborted_once_they_are_old)
{
    skep_store *store = s3_store(NULL, NULL);
    const skep_io io = {.deadline_ns = 0};
    size_t aborted = 9;
    assert_ok(begin_only(store, NULL));
    assert_ok(begin_only(store, NULL));
    ck_assert_uint_eq(s3_uploads(store), 2);
    assert_ok(skep__s3_sweep(s3_of(store), SKEP__S3_STALE_US, &io, &aborted));
    ck_assert_uint_eq(aborted, 0);
    ck_assert_uint_eq(s3_uploads(store), 2);
    assert_ok(skep__s3_sweep(s3_of(store), -INT64_C(60000000), &io, &aborted));
    ck_assert_uint_eq(aborted, 2);
    ck_assert_uint_eq(s3_uploads(store), 0);
    s3_end(store);
}

static const harness_test tests[] = {
    HARNESS_TEST(an_upload_outlives_whatever_passes_by_at_each_step),
    HARNESS_TEST(an_upload_that_is_refused_at_any_step_leaves_nothing),
    HARNESS_TEST(an_upload_that_somebody_has_aborted_fails),
    HARNESS_TEST(success_with_an_error_in_it_is_none),
    HARNESS_TEST(what_cannot_be_found_out_about_an_upload_is_unknown),
    HARNESS_TEST(a_stream_that_fails_goes_on_failing_and_is_aborted),
    HARNESS_TEST(an_abort_ends_parts_in_flight),
    HARNESS_TEST(a_cancel_ends_an_upload_in_its_threads),
    HARNESS_TEST(parts_say_their_checksums),
    HARNESS_TEST(leftovers_are_aborted_once_they_are_old),
};
const harness_suite s3_parts_suite = HARNESS_SUITE("s3_parts", tests);
