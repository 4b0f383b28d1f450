/* SPDX-License-Identifier: MIT */
/* Puts to S3 over a network that fails. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_fake.h"

#define PUTS(f) front_count((f)->front, "PUT", "/b/k")

static const skep_slice one = {"one", 3};
static const skep_slice two = {"two", 3};

static void short_patience(skep_store_opts *opts)
{
    opts->retry_ms = 50;
}

static void probe(s3_fake *f)
{
    uint32_t caps = 0;
    assert_ok(skep_store_caps(f->store, NULL, &caps));
    ck_assert_uint_eq(caps & (SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP),
                      SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP);
}

static int create(s3_fake *f, skep_slice data, skep_object *out)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = 1;
    return skep_store_put(f->store, "k", data, &opts, out);
}

static int swap(s3_fake *f, const char *etag, skep_slice data)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.if_etag = etag;
    return skep_store_put(f->store, "k", data, &opts, NULL);
}

/* ---- without a condition: repeated until it works ---- */

TEST(a_put_outlives_whatever_passes_by)
{
    static const front_fault faults[] = {FRONT_CLOSE,       FRONT_CUT_REQUEST, FRONT_CUT_HEAD,
                                         FRONT_LOSE_ANSWER, FRONT_TWICE,       FRONT_GARBAGE};
    static const struct {
        int status;
        const char *code;
    } answers[] = {{409, "OperationAborted"},
                   {429, "TooManyRequests"},
                   {500, "InternalError"},
                   {502, ""},
                   {503, "SlowDown"},
                   {503, "ServiceUnavailable"},
                   {504, ""},
                   {400, "RequestTimeout"},
                   {400, "BadDigest"}};
    s3_fake *f = s3_fake_open(NULL);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        front_rules_clear(f->front);
        s3_fake_rule(f, "PUT", "/b/k", 2, faults[i]);
        s3_put(f->store, "k", "some bytes", 10);
        s3_assert_content(f->store, "k", "some bytes", 10);
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        uint64_t before = PUTS(f);
        front_rules_clear(f->front);
        s3_fake_answer(f, "PUT", "/b/k", 2, answers[i].status, answers[i].code);
        s3_put(f->store, "k", "other bytes", 11);
        s3_assert_content(f->store, "k", "other bytes", 11);
        ck_assert_uint_eq(PUTS(f) - before, 3);
    }
    s3_fake_close(f);
}

TEST(a_put_fails_with_the_reason_and_what_to_do)
{
    static const struct {
        int status;
        const char *code;
        int rc;
        const char *says;
    } answers[] = {
        {403, "AccessDenied", SKEP_EDENIED, "policies"},
        {403, "InvalidAccessKeyId", SKEP_EAUTH, "does not know the access key"},
        {403, "SignatureDoesNotMatch", SKEP_EAUTH, "secret key is not the one"},
        {400, "ExpiredToken", SKEP_EAUTH, "get a new one"},
        {404, "NoSuchBucket", SKEP_EINVALID, "no such bucket"},
        {301, "PermanentRedirect", SKEP_EINVALID, "another region"},
        {403, "RequestTimeTooSkewed", SKEP_EAUTH, "set this machine's"},
        {405, "MethodNotAllowed", SKEP_EDENIED, "does not let"},
        {412, "PreconditionFailed", SKEP_ECONFLICT, "expected"},
        {400, "EntityTooLarge", SKEP_ELIMIT, "more than the server takes"},
        {501, "NotImplemented", SKEP_EUNSUPPORTED, "cannot do that"},
        {507, "", SKEP_EFULL, "full"},
        {403, "QuotaExceeded", SKEP_EFULL, "quota"},
        {403, "InvalidObjectState", SKEP_EUNSUPPORTED, "archived"},
        {400, "InvalidStorageClass", SKEP_EINVALID, "storage_class"},
        {418, "Unheard", SKEP_EINVALID, "does not take the request: told"},
        {302, "", SKEP_EINVALID, "no S3 server"},
    };
    s3_fake *f = s3_fake_open(NULL);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        front_rules_clear(f->front);
        s3_fake_answer(f, "PUT", "/b/k", 0, answers[i].status, answers[i].code);
        assert_fails_with(skep_store_put(f->store, "k", one, NULL, NULL), answers[i].rc,
                          SKEP_OUTCOME_NONE);
        const char *text = skep_last_error()->text;
        ck_assert_msg(strstr(text, answers[i].says) != NULL, "%s: %s", answers[i].code, text);
        ck_assert_msg(strstr(text, "s3://b/k") != NULL, "%s", text);
        ck_assert_msg(strstr(text, "canary-secret") == NULL, "%s", text);
    }
    ck_assert_uint_eq(PUTS(f), sizeof(answers) / sizeof(answers[0]));
    s3_fake_close(f);
}

TEST(a_server_that_never_recovers_is_given_up_with_its_own_words)
{
    s3_fake *f = s3_fake_open(short_patience);
    s3_fake_answer(f, "PUT", "/b/k", 0, 503, "SlowDown");
    assert_fails_with(skep_store_put(f->store, "k", one, NULL, NULL), SKEP_ENET,
                      SKEP_OUTCOME_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "fewer requests"));
    ck_assert_uint_gt(PUTS(f), 1);
    s3_fake_close(f);
}

/* A25: a long burst is waited out, and nothing is missing afterwards. */
TEST(a25_bursts_of_errors_are_waited_out)
{
    s3_fake *f = s3_fake_open(NULL);
    s3_fake_answer(f, NULL, NULL, 20, 503, "SlowDown");
    s3_fake_answer(f, NULL, NULL, 20, 429, "TooManyRequests");
    s3_fake_answer(f, NULL, NULL, 20, 500, "InternalError");
    for (int i = 0; i < 10; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i);
        s3_put(f->store, key, key, strlen(key));
    }
    for (int i = 0; i < 10; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i);
        s3_assert_content(f->store, key, key, strlen(key));
    }
    ck_assert_uint_eq(front_count(f->front, "PUT", NULL), 70);
    s3_fake_close(f);
}

TEST(retry_after_is_waited_for)
{
    s3_fake *f = s3_fake_open(short_patience);
    const front_rule rule = {.method = "PUT",
                             .count = 1,
                             .fault = FRONT_ANSWER,
                             .status = 503,
                             .headers = "Retry-After: 3600\r\n"};
    s3_fake_say(f, &rule);
    /* Longer than the patience, so there is no further attempt. */
    skep__retry_hasten(1);
    assert_fails(skep_store_put(f->store, "k", one, NULL, NULL), SKEP_ENET);
    ck_assert_uint_eq(PUTS(f), 1);
    s3_fake_close(f);
}

/* ---- with a condition ---- */

/* A21: the answer to a put that was applied is lost. */
TEST(a21_a_create_whose_answer_is_lost_has_won)
{
    static const front_fault faults[] = {FRONT_LOSE_ANSWER, FRONT_CUT_HEAD, FRONT_TWICE};
    s3_fake *f = s3_fake_open(NULL);
    skep_object out = SKEP_OBJECT_INIT;
    probe(f);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        uint64_t before = PUTS(f);
        front_rules_clear(f->front);
        s3_fake_rule(f, "PUT", "/b/k", 1, faults[i]);
        assert_ok(create(f, one, &out));
        ck_assert_uint_eq(PUTS(f) - before, 1);
        ck_assert_uint_eq(out.bytes, 3);
        ck_assert_int_ne(out.etag[0], 0);
        assert_fails(create(f, one, NULL), SKEP_EEXISTS); /* not even with the same bytes */
        assert_ok(skep_store_delete(f->store, "k", NULL));
    }
    s3_fake_close(f);
}

TEST(a21_a_create_that_was_applied_but_answered_with_500_has_won)
{
    s3_fake *f = s3_fake_open(NULL);
    const front_rule rule = {
        .method = "PUT", .target = "/b/k", .count = 1, .fault = FRONT_ANSWER_AFTER, .status = 500};
    probe(f);
    s3_fake_say(f, &rule);
    assert_ok(create(f, one, NULL));
    ck_assert_uint_eq(PUTS(f), 1);
    s3_assert_content(f->store, "k", "one", 3);
    s3_fake_close(f);
}

TEST(a_create_that_was_not_applied_is_tried_again)
{
    s3_fake *f = s3_fake_open(NULL);
    probe(f);
    s3_fake_answer(f, "PUT", "/b/k", 1, 500, "InternalError");
    s3_fake_rule(f, "PUT", "/b/k", 1, FRONT_CUT_REQUEST);
    s3_fake_answer(f, "PUT", "/b/k", 1, 409, "ConditionalRequestConflict");
    assert_ok(create(f, one, NULL));
    ck_assert_uint_eq(PUTS(f), 4);
    s3_fake_close(f);
}

/* A22: also where both put the same bytes. */
TEST(a21_who_lost_and_hears_500_is_told_that_he_lost)
{
    s3_fake *f = s3_fake_open(NULL);
    skep_object out = SKEP_OBJECT_INIT;
    probe(f);
    assert_ok(create(f, one, &out));
    s3_fake_answer(f, "PUT", "/b/k", 2, 500, "UnknownError");
    assert_fails(create(f, one, NULL), SKEP_EEXISTS);
    assert_fails(swap(f, "another", two), SKEP_ECONFLICT);
    s3_assert_content(f->store, "k", "one", 3);
    s3_fake_close(f);
}

TEST(a21_a_swap_whose_answer_is_lost_has_won)
{
    s3_fake *f = s3_fake_open(NULL);
    skep_object out = SKEP_OBJECT_INIT;
    probe(f);
    assert_ok(create(f, one, &out));
    s3_fake_rule(f, "PUT", "/b/k", 1, FRONT_LOSE_ANSWER);
    assert_ok(swap(f, out.etag, two));
    s3_assert_content(f->store, "k", "two", 3);
    assert_fails(swap(f, out.etag, one), SKEP_ECONFLICT);
    s3_fake_close(f);
}

TEST(a_swap_of_what_is_not_there_is_a_conflict)
{
    s3_fake *f = s3_fake_open(NULL);
    probe(f);
    assert_fails(swap(f, "anything", one), SKEP_ECONFLICT);
    s3_fake_answer(f, "PUT", "/b/k", 1, 404, "NoSuchKey"); /* as Amazon says it */
    assert_fails(swap(f, "anything", one), SKEP_ECONFLICT);
    s3_fake_close(f);
}

/* Refused with quotes although it is the right one: as Ceph does. */
TEST(if_match_goes_without_quotes_where_the_server_wants_that)
{
    s3_fake *f = s3_fake_open(NULL);
    skep_object out = SKEP_OBJECT_INIT;
    probe(f);
    assert_ok(create(f, one, &out));
    s3_fake_answer(f, "PUT", "/b/k", 1, 412, "PreconditionFailed");
    assert_ok(swap(f, out.etag, two));
    ck_assert_uint_eq(front_count(f->front, "PUT", "/b/k"), 3);
    s3_assert_content(f->store, "k", "two", 3);
    assert_fails(swap(f, out.etag, one), SKEP_ECONFLICT);
    s3_fake_close(f);
}

TEST(a_server_that_heeds_neither_form_of_if_match_is_not_trusted)
{
    s3_fake *f = s3_fake_open(NULL);
    skep_object out = SKEP_OBJECT_INIT;
    const front_rule heedless = {.method = "PUT",
                                 .target = "/b/.skep/*",
                                 .fault = FRONT_ANSWER,
                                 .status = 200,
                                 .headers = "ETag: \"e\"\r\n"};
    probe(f);
    assert_ok(create(f, one, &out));
    s3_fake_answer(f, "PUT", "/b/k", 1, 412, "PreconditionFailed");
    s3_fake_say(f, &heedless);
    assert_fails(swap(f, out.etag, two), SKEP_EUNSUPPORTED);
    assert_fails(swap(f, out.etag, two), SKEP_EUNSUPPORTED);
    s3_assert_content(f->store, "k", "one", 3);
    ck_assert_uint_eq(front_count(f->front, "PUT", "/b/k"), 2);
    s3_fake_close(f);
}

TEST(a21_what_cannot_be_found_out_is_said_to_be_unknown)
{
    s3_fake *f = s3_fake_open(short_patience);
    probe(f);
    s3_fake_rule(f, "PUT", "/b/k", 1, FRONT_LOSE_ANSWER);
    s3_fake_rule(f, "HEAD", "/b/k", 0, FRONT_CLOSE);
    assert_fails_with(create(f, one, NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    front_rules_clear(f->front);
    s3_fake_rule(f, "HEAD", "/b/k", 0, FRONT_CLOSE);
    assert_fails_with(create(f, one, NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    front_rules_clear(f->front);
    s3_fake_answer(f, "HEAD", "/b/k", 0, 403, "");
    s3_fake_answer(f, "GET", "/b/k", 0, 403, "AccessDenied");
    assert_fails(create(f, one, NULL), SKEP_EEXISTS); /* the server has said 412 */
    s3_fake_close(f);
}

/* ---- what can be put right at once ---- */

/* A23: the clock. */
TEST(a_wrong_clock_is_corrected_once_by_the_servers)
{
    s3_fake *f = s3_fake_open(NULL);
    const front_rule rule = {.method = "PUT",
                             .count = 1,
                             .fault = FRONT_ANSWER,
                             .status = 403,
                             .headers = "Date: Sun, 06 Nov 2050 08:49:37 GMT\r\n",
                             .body = "<Error><Code>RequestTimeTooSkewed</Code></Error>"};
    s3_fake_say(f, &rule);
    s3_put(f->store, "k", "one", 3);
    ck_assert_int_eq(
        strncmp(front_header(front_seen(f->front, 1), "x-amz-date"), "20501106T08", 11), 0);
    s3_fake_close(f);
}

TEST(a_wrong_region_is_corrected_once)
{
    s3_fake *f = s3_fake_open(NULL);
    const front_rule rule = {.method = "PUT",
                             .count = 1,
                             .fault = FRONT_ANSWER,
                             .status = 400,
                             .body = "<Error><Code>AuthorizationHeaderMalformed</Code>"
                                     "<Region>eu-central-1</Region></Error>"};
    s3_fake_say(f, &rule);
    s3_put(f->store, "k", "one", 3);
    ck_assert_ptr_nonnull(
        strstr(front_header(front_seen(f->front, 0), "authorization"), "/us-east-1/s3/"));
    ck_assert_ptr_nonnull(
        strstr(front_header(front_seen(f->front, 1), "authorization"), "/eu-central-1/s3/"));
    s3_put(f->store, "k", "one", 3);
    ck_assert_uint_eq(PUTS(f), 3);
    s3_fake_close(f);
}

TEST(a_region_that_is_no_part_of_a_host_is_not_taken)
{
    s3_fake *f = s3_fake_open(NULL);
    const front_rule rule = {.method = "PUT",
                             .fault = FRONT_ANSWER,
                             .status = 301,
                             .headers = "x-amz-bucket-region: evil.example.org/\r\n"};
    s3_fake_say(f, &rule);
    assert_fails(skep_store_put(f->store, "k", one, NULL, NULL), SKEP_EINVALID);
    ck_assert_uint_eq(PUTS(f), 1);
    s3_fake_close(f);
}

/* ---- what goes along ---- */

static void all_headers(skep_store_opts *opts)
{
    opts->storage_class = "STANDARD_IA";
    opts->sse = "aws:kms";
    opts->sse_key_id = "arn:aws:kms:eu-west-1:1:key/2";
    opts->session_token = "a-token";
    opts->checksum = SKEP_CHECKSUM_CRC32C;
}

TEST(a_put_says_class_encryption_checksum_and_token)
{
    s3_fake *f = s3_fake_open(all_headers);
    s3_put(f->store, "k", "123456789", 9);
    const front_request *seen = front_seen(f->front, 0);
    ck_assert_str_eq(front_header(seen, "x-amz-storage-class"), "STANDARD_IA");
    ck_assert_str_eq(front_header(seen, "x-amz-server-side-encryption"), "aws:kms");
    ck_assert_str_eq(front_header(seen, "x-amz-server-side-encryption-aws-kms-key-id"),
                     "arn:aws:kms:eu-west-1:1:key/2");
    ck_assert_str_eq(front_header(seen, "x-amz-security-token"), "a-token");
    ck_assert_str_eq(front_header(seen, "x-amz-checksum-crc32c"), "4waSgw=="); /* 0xe3069283 */
    s3_fake_close(f);
}

static void sha256_checksum(skep_store_opts *opts)
{
    opts->checksum = SKEP_CHECKSUM_SHA256;
}

TEST(a_put_says_its_sha256)
{
    s3_fake *f = s3_fake_open(sha256_checksum);
    s3_put(f->store, "k", "", 0);
    ck_assert_str_eq(front_header(front_seen(f->front, 0), "x-amz-checksum-sha256"),
                     "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    s3_fake_close(f);
}

TEST(crc32c_is_the_standard_one)
{
    char zeros[32] = {0};
    ck_assert_uint_eq(skep__crc32c("123456789", 9), 0xe3069283u);
    ck_assert_uint_eq(skep__crc32c(zeros, 32), 0x8a9136aau);
    ck_assert_uint_eq(skep__crc32c("", 0), 0);
}

/* ---- where it goes ---- */

static void refused(const char *uri, const char *endpoint, const char *says)
{
    skep_store *store = NULL;
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.access_key_id = "AKIDEXAMPLE";
    opts.secret_access_key = "canary-secret";
    opts.endpoint = endpoint;
    assert_fails(skep_store_open(uri, &opts, &store), SKEP_EINVALID);
    ck_assert_msg(strstr(skep_last_error()->text, says) != NULL, "%s", skep_last_error()->text);
}

TEST(what_is_no_bucket_endpoint_or_part_is_refused)
{
    refused("s3://b", "s3.example.org", "is none");
    refused("s3://b", "ftp://s3.example.org", "is none");
    refused("s3://b", "https://", "is none");
    refused("s3://b", "https://user@host", "is none");
    refused("s3://b/../c", "https://host", "");
    refused("s3://.b", "https://host", "no name of a bucket");
    refused("s3://b?parts_in_flight=65", "https://host", "");
    refused("s3://b?part_bytes=1MiB", "https://host", "");
    refused("s3://b?storage_class=A%26B", "https://host", "does not belong");
}

/* By what a request was signed for, without sending one. */
static void assert_url(const char *uri, const char *endpoint, const char *region, const char *host)
{
    skep_store *store = NULL;
    skep_object out = SKEP_OBJECT_INIT;
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    opts.access_key_id = "AKIDEXAMPLE";
    opts.secret_access_key = "canary-secret";
    opts.endpoint = endpoint;
    opts.region = region;
    opts.retry_ms = -1;
    io.timeout_ms = 5000;
    assert_ok(skep_store_open(uri, &opts, &store));
    ck_assert_int_lt(skep_store_head(store, "k", &io, &out), 0);
    ck_assert_msg(strstr(skep_last_error()->text, host) != NULL, "%s", skep_last_error()->text);
    assert_ok(skep_store_close(store));
}

TEST(the_host_follows_from_endpoint_region_and_style)
{
    assert_url("s3://b", "http://none.invalid:9000", NULL, " none.invalid:9000");
    assert_url("s3://b?path_style=host", "http://none.invalid:80", NULL, " b.none.invalid");
    assert_url("s3://b", "https://none.invalid:443/base/", NULL, " none.invalid");
}

static const harness_test tests[] = {
    HARNESS_TEST(a_put_outlives_whatever_passes_by),
    HARNESS_TEST(a_put_fails_with_the_reason_and_what_to_do),
    HARNESS_TEST(a_server_that_never_recovers_is_given_up_with_its_own_words),
    HARNESS_TEST(a25_bursts_of_errors_are_waited_out),
    HARNESS_TEST(retry_after_is_waited_for),
    HARNESS_TEST(a21_a_create_whose_answer_is_lost_has_won),
    HARNESS_TEST(a21_a_create_that_was_applied_but_answered_with_500_has_won),
    HARNESS_TEST(a_create_that_was_not_applied_is_tried_again),
    HARNESS_TEST(a21_who_lost_and_hears_500_is_told_that_he_lost),
    HARNESS_TEST(a21_a_swap_whose_answer_is_lost_has_won),
    HARNESS_TEST(a_swap_of_what_is_not_there_is_a_conflict),
    HARNESS_TEST(if_match_goes_without_quotes_where_the_server_wants_that),
    HARNESS_TEST(a_server_that_heeds_neither_form_of_if_match_is_not_trusted),
    HARNESS_TEST(a21_what_cannot_be_found_out_is_said_to_be_unknown),
    HARNESS_TEST(a_wrong_clock_is_corrected_once_by_the_servers),
    HARNESS_TEST(a_wrong_region_is_corrected_once),
    HARNESS_TEST(a_region_that_is_no_part_of_a_host_is_not_taken),
    HARNESS_TEST(a_put_says_class_encryption_checksum_and_token),
    HARNESS_TEST(a_put_says_its_sha256),
    HARNESS_TEST(crc32c_is_the_standard_one),
    HARNESS_TEST(what_is_no_bucket_endpoint_or_part_is_refused),
    HARNESS_TEST(the_host_follows_from_endpoint_region_and_style),
};
const harness_suite s3_put_suite = HARNESS_SUITE("s3_put", tests);
