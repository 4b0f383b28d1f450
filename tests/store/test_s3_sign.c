/* SPDX-License-Identifier: MIT */
/* Signatures against the vectors that Amazon has published: the examples of the S3 API reference
 * ("Signature Calculations for the Authorization Header") and the requests of its Signature Version
 * 4 test suite that come to a header. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "store/s3_sign.h"
#include "store/store_limits.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEADERS_MAX 8

typedef struct vector {
    const char *name;
    const char *method;
    const char *path;
    const char *query;
    const char *headers[HEADERS_MAX];
    const char *body;
    const char *names; /* of the signed headers */
    const char *signature;
} vector;

#define S3_HOST "Host: examplebucket.s3.amazonaws.com"
#define S3_DATE "x-amz-date: 20130524T000000Z"
#define S3_EMPTY "x-amz-content-sha256: " EMPTY_HASH

static const vector s3_vectors[] = {
    {"get object",
     "GET",
     "/test.txt",
     "",
     {S3_HOST, "Range: bytes=0-9", S3_EMPTY, S3_DATE},
     "",
     "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"put object",
     "PUT",
     "/test%24file.text",
     "",
     {"Date: Fri, 24 May 2013 00:00:00 GMT", S3_HOST,
      "x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      S3_DATE, "x-amz-storage-class: REDUCED_REDUNDANCY"},
     "Welcome to Amazon S3.",
     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"get lifecycle",
     "GET",
     "/",
     "lifecycle",
     {S3_HOST, S3_EMPTY, S3_DATE},
     "",
     "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list objects",
     "GET",
     "/",
     "max-keys=2&prefix=J",
     {S3_HOST, S3_EMPTY, S3_DATE},
     "",
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    {"list objects, asked for in another order",
     "GET",
     "/",
     "prefix=J&max-keys=2",
     {S3_DATE, S3_EMPTY, S3_HOST},
     "",
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

#define HOST "Host:example.amazonaws.com"
#define DATE "X-Amz-Date:20150830T123600Z"
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const vector suite_vectors[] = {
    {"get-vanilla",
     "GET",
     "/",
     "",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     "Param1=value1",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     UNRESERVED "=" UNRESERVED,
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     "%E1%88%B4=bar",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-unreserved",
     "GET",
     "/" UNRESERVED,
     "",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8",
     "GET",
     "/%E1%88%B4",
     "",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-header-key-duplicate",
     "GET",
     "/",
     "",
     {HOST, "My-Header1:value2", "My-Header1:value2", "My-Header1:value1", DATE},
     "",
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order",
     "GET",
     "/",
     "",
     {HOST, "My-Header1:value4", "My-Header1:value1", "My-Header1:value3", "My-Header1:value2",
      DATE},
     "",
     "host;my-header1;x-amz-date",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     {HOST, "My-Header1: value1", "My-Header2: \"a   b   c\"", DATE},
     "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "/",
     "",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-vanilla-query",
     "POST",
     "/",
     "Param1=value1",
     {HOST, DATE},
     "",
     "host;x-amz-date",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-header-key-sort",
     "POST",
     "/",
     "",
     {HOST, "My-Header1:value1", DATE},
     "",
     "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-header-value-case",
     "POST",
     "/",
     "",
     {HOST, "My-Header1:VALUE1", DATE},
     "",
     "host;my-header1;x-amz-date",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     "",
     {"Content-Type:application/x-www-form-urlencoded", HOST, DATE},
     "Param1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

static void check_vector(const vector *v, const skep__sign_key *key, int64_t now_us)
{
    char payload[SKEP__SHA256_HEX];
    char time[SKEP__SIGN_TIME];
    char want[512];
    skep__buf out = SKEP__BUF_INIT(1024);
    skep__sha256_hex(skep_slice_str(v->body), payload);
    skep__sign_time(now_us, time);
    skep__sign_request request = {.method = v->method,
                                  .path = v->path,
                                  .query = v->query,
                                  .headers = v->headers,
                                  .payload = payload,
                                  .now_us = now_us};
    assert_ok(skep__sign(key, &request, &out));
    (void)snprintf(want, sizeof(want),
                   "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, "
                   "SignedHeaders=%s, Signature=%s",
                   key->access_key_id, time, key->service, v->names, v->signature);
    ck_assert_msg(strcmp(skep__buf_text(&out), want) == 0, "%s:\n%s\n%s", v->name,
                  skep__buf_text(&out), want);
    skep__buf_dispose(&out);
}

static const skep__sign_key s3_key = {
    .access_key_id = "AKIAIOSFODNN7EXAMPLE",
    .secret = {"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40},
    .region = "us-east-1",
    .service = "s3",
};
#define S3_NOW INT64_C(1369353600000000) /* 2013-05-24T00:00:00Z */

TEST(the_examples_of_the_s3_reference_come_out)
{
    for (size_t i = 0; i < sizeof(s3_vectors) / sizeof(s3_vectors[0]); i++)
        check_vector(&s3_vectors[i], &s3_key, S3_NOW);
}

TEST(the_requests_of_amazons_suite_come_out)
{
    static const skep__sign_key key = {
        .access_key_id = "AKIDEXAMPLE",
        .secret = {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40},
        .region = "us-east-1",
        .service = "service",
    };
    for (size_t i = 0; i < sizeof(suite_vectors) / sizeof(suite_vectors[0]); i++)
        check_vector(&suite_vectors[i], &key, INT64_C(1440938160000000));
}

TEST(sha256_gives_the_bytes_of_its_standard)
{
    char hex[SKEP__SHA256_HEX];
    skep__sha256_hex(skep_slice_of(NULL, 0), hex);
    ck_assert_str_eq(hex, EMPTY_HASH);
    skep__sha256_hex(skep_slice_str("abc"), hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(the_time_is_that_of_the_second_it_lies_in)
{
    char time[SKEP__SIGN_TIME];
    skep__sign_time(S3_NOW, time);
    ck_assert_str_eq(time, "20130524T000000Z");
    skep__sign_time(S3_NOW + 86399999999, time);
    ck_assert_str_eq(time, "20130524T235959Z");
    skep__sign_time(-1, time); /* a clock before all time is still a time */
    ck_assert_str_eq(time, "19700101T000000Z");
    skep__sign_time(INT64_MAX, time);
    ck_assert_str_eq(time, "99991231T235959Z");
}

TEST(too_many_headers_parameters_or_too_long_a_secret_are_refused)
{
    const char *many[SKEP__SIGN_HEADERS_MAX + 2];
    char query[2 * SKEP__SIGN_PARAMS_MAX + 3];
    skep__buf out = SKEP__BUF_INIT(1024);
    skep__sign_request request = {
        .method = "GET", .path = "/", .query = "", .headers = many, .payload = EMPTY_HASH};
    for (size_t i = 0; i <= SKEP__SIGN_HEADERS_MAX; i++)
        many[i] = "A: b";
    many[SKEP__SIGN_HEADERS_MAX + 1] = NULL;
    assert_fails(skep__sign(&s3_key, &request, &out), SKEP_ELIMIT);
    many[SKEP__SIGN_HEADERS_MAX] = NULL;
    assert_ok(skep__sign(&s3_key, &request, &out));

    for (size_t i = 0; i <= SKEP__SIGN_PARAMS_MAX; i++)
        memcpy(query + 2 * i, "a&", 3);
    request.query = query;
    assert_fails(skep__sign(&s3_key, &request, &out), SKEP_ELIMIT);
    query[2 * SKEP__SIGN_PARAMS_MAX] = '\0';
    assert_ok(skep__sign(&s3_key, &request, &out));

    char secret[SKEP__S3_SECRET_MAX + 1] = "";
    skep__sign_key key = s3_key;
    key.secret = skep_slice_of(secret, sizeof(secret));
    assert_fails(skep__sign(&key, &request, &out), SKEP_ELIMIT);
    ck_assert_ptr_null(strstr(skep_last_error()->text, "wJalr"));
    key.secret.len--;
    assert_ok(skep__sign(&key, &request, &out));
    skep__buf_dispose(&out);
}

static const harness_test tests[] = {
    HARNESS_TEST(the_examples_of_the_s3_reference_come_out),
    HARNESS_TEST(the_requests_of_amazons_suite_come_out),
    HARNESS_TEST(sha256_gives_the_bytes_of_its_standard),
    HARNESS_TEST(the_time_is_that_of_the_second_it_lies_in),
    HARNESS_TEST(too_many_headers_parameters_or_too_long_a_secret_are_refused),
};
const harness_suite s3_sign_suite = HARNESS_SUITE("s3_sign", tests);
