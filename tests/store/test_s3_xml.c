/* SPDX-License-Identifier: MIT */
/* Answers in XML: in the form of Amazon, Ceph, MinIO, Cloudflare and Google, and in forms that no
 * honest server sends. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/s3_xml.h"
#include "store/store_limits.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define S3 " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

typedef struct seen {
    size_t count;
    skep_object objects[4];
    int answer; /* what the callback returns */
} seen;

static int on_object(void *ctx, const skep_object *object)
{
    seen *s = ctx;
    ck_assert_uint_lt(s->count, 4);
    ck_assert_uint_eq(object->size, sizeof(*object));
    s->objects[s->count++] = *object;
    return s->answer;
}

static skep__s3_page list_of(const char *xml, seen *s)
{
    skep__s3_page page = {.more = false};
    memset(s, 0, sizeof(*s));
    assert_ok(skep__s3_xml_list(skep_slice_str(xml), on_object, s, &page));
    return page;
}

static void check_object(const skep_object *o, const char *key, uint64_t bytes, const char *etag,
                         int64_t modified_us)
{
    ck_assert_str_eq(o->key, key);
    ck_assert_uint_eq(o->bytes, bytes);
    ck_assert_str_eq(o->etag, etag);
    ck_assert_int_eq(o->modified_us, modified_us);
}

TEST(a_page_of_amazon_is_read)
{
    static const char xml[] =
        HEAD "<ListBucketResult" S3 "><Name>examplebucket</Name><Prefix></Prefix>"
             "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</"
             "NextContinuationToken>"
             "<KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><EncodingType>url</EncodingType>"
             "<IsTruncated>true</IsTruncated>"
             "<Contents><Key>a+b/%C3%A4%2B%25.jpg</Key><LastModified>2009-10-12T17:50:30.000Z</"
             "LastModified>"
             "<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size>"
             "<StorageClass>STANDARD</StorageClass></Contents>"
             "<Contents><Key>c</Key><LastModified>2026-11-21T10:27:18.000Z</LastModified>"
             "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e-3&quot;</ETag>"
             "<ChecksumAlgorithm>CRC32C</ChecksumAlgorithm><Size>5497558138880</Size>"
             "<StorageClass>GLACIER</StorageClass></Contents></ListBucketResult>";
    seen s;
    skep__s3_page page = list_of(xml, &s);
    ck_assert(page.more);
    ck_assert_str_eq(page.token, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=");
    ck_assert_uint_eq(s.count, 2);
    check_object(&s.objects[0], "a b/\xC3\xA4+%.jpg", 434234, "fba9dede5f27731c9771645a39863328",
                 INT64_C(1255369830000000));
    check_object(&s.objects[1], "c", UINT64_C(5497558138880), "d41d8cd98f00b204e9800998ecf8427e-3",
                 INT64_C(1795256838000000));
}

TEST(a_page_of_ceph_is_read)
{
    static const char xml[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult" S3 "><Name>b</Name>"
        "<Prefix>p/</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
        "<EncodingType>url</EncodingType><Contents><Key>p/one%20two</Key>"
        "<LastModified>2026-11-21T20:00:00.123Z</LastModified>"
        "<ETag>&quot;900150983cd24fb0d6963f7d28e17f72&quot;</ETag><Size>3</Size>"
        "<StorageClass>STANDARD</StorageClass><Owner><ID>skep</ID>"
        "<DisplayName>skep</DisplayName></Owner><Type>Normal</Type></Contents>"
        "<KeyCount>1</KeyCount></ListBucketResult>";
    seen s;
    skep__s3_page page = list_of(xml, &s);
    ck_assert(!page.more);
    ck_assert_uint_eq(s.count, 1);
    check_object(&s.objects[0], "p/one two", 3, "900150983cd24fb0d6963f7d28e17f72",
                 INT64_C(1795291200123000));
}

TEST(a_page_whose_encoding_is_said_at_its_end_is_decoded)
{
    static const char xml[] =
        HEAD "<ListBucketResult" S3 "><Name>b</Name><Prefix/><Delimiter/><Contents>"
             "<Key>a%25b</Key><Size>0</Size><ETag>\"x\"</ETag>"
             "<LastModified>2026-11-21T20:00:00.000Z</LastModified></Contents>"
             "<EncodingType>url</EncodingType><MaxKeys>1000</MaxKeys></ListBucketResult>";
    seen s;
    (void)list_of(xml, &s);
    ck_assert_str_eq(s.objects[0].key, "a%b");
    ck_assert_str_eq(s.objects[0].etag, "x");
}

/* Cloudflare writes no namespace, Google does not know encoding-type. */
TEST(keys_that_are_not_said_to_be_encoded_stay_as_they_are)
{
    static const char xml[] =
        "\n <ListBucketResult><Contents><Key>100%+1 &amp; &#x3c;2&gt;</Key>"
        "<Generation>1790000000000000</Generation><MetaGeneration>1</MetaGeneration>"
        "<LastModified>2026-11-21T20:00:00.123Z</LastModified><ETag>W/\"y\"</ETag>"
        "<Size>18446744073709551615</Size></Contents></ListBucketResult>";
    seen s;
    (void)list_of(xml, &s);
    ck_assert_str_eq(s.objects[0].key, "100%+1 & <2>");
    ck_assert_str_eq(s.objects[0].etag, "y");
    ck_assert_uint_eq(s.objects[0].bytes, UINT64_MAX);
}

TEST(prefixes_of_namespaces_do_not_count)
{
    seen s;
    (void)list_of("<s3:ListBucketResult xmlns:s3=\"http://x\"><s3:Contents><s3:Key>k</s3:Key>"
                  "</s3:Contents></s3:ListBucketResult>",
                  &s);
    ck_assert_uint_eq(s.count, 1);
    ck_assert_str_eq(s.objects[0].key, "k");
}

#define CONTENTS(inner) "<ListBucketResult><Contents>" inner "</Contents></ListBucketResult>"

TEST(what_is_no_list_is_refused)
{
    static const char *const bad[] = {
        "",
        " \n",
        "not found",
        "<html><body>502 Bad Gateway</body></html>",
        "<ListBucketResult>",
        "<ListBucketResult></ListBucketResult>x",
        "<Error><Code>NoSuchBucket</Code></Error>",
        CONTENTS("<Size>1</Size>"),
        CONTENTS("<Key>k</Key><Size></Size>"),
        CONTENTS("<Key>k</Key><Size>-1</Size>"),
        CONTENTS("<Key>k</Key><Size>18446744073709551616</Size>"),
        CONTENTS("<Key>k</Key><LastModified>yesterday</LastModified>"),
        CONTENTS("<Key>\xff\xfe</Key>"),
        "<ListBucketResult><EncodingType>url</EncodingType>"
        "<Contents><Key>a%</Key></Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType>"
        "<Contents><Key>a%2</Key></Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType>"
        "<Contents><Key>a%00b</Key></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult><Contents><Key>&a;</Key></Contents>"
        "</ListBucketResult>",
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><ListBucketResult></ListBucketResult>",
        CONTENTS("<Key>&undeclared;</Key>"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        seen s = {.count = 0};
        skep__s3_page page = {.more = false, .token = "kept"};
        assert_fails(skep__s3_xml_list(skep_slice_str(bad[i]), on_object, &s, &page),
                     SKEP_ECORRUPT);
        ck_assert_msg(s.count == 0, "%s", bad[i]);
        ck_assert_str_eq(page.token, "kept");
    }
}

static void nest(skep__buf *xml, size_t depth)
{
    skep__buf_clear(xml);
    assert_ok(skep__buf_add_text(xml, "<ListBucketResult>"));
    for (size_t i = 1; i < depth; i++)
        assert_ok(skep__buf_add_text(xml, "<a>"));
    for (size_t i = 1; i < depth; i++)
        assert_ok(skep__buf_add_text(xml, "</a>"));
    assert_ok(skep__buf_add_text(xml, "</ListBucketResult>"));
}

static int list_of_key(skep__buf *xml, size_t len)
{
    seen s = {.count = 0};
    skep__s3_page page;
    skep__buf_clear(xml);
    assert_ok(skep__buf_add_text(xml, "<ListBucketResult><Contents><Key>"));
    for (size_t i = 0; i < len; i++)
        assert_ok(skep__buf_add_byte(xml, 'k'));
    assert_ok(skep__buf_add_text(xml, "</Key></Contents></ListBucketResult>"));
    return skep__s3_xml_list(skep__buf_slice(xml), on_object, &s, &page);
}

TEST(depth_and_lengths_have_their_ceilings)
{
    skep__buf xml = SKEP__BUF_INIT(SKEP__XML_BYTES_MAX + 1024);
    seen s = {.count = 0};
    skep__s3_page page;
    nest(&xml, SKEP__XML_DEPTH_MAX);
    assert_ok(skep__s3_xml_list(skep__buf_slice(&xml), on_object, &s, &page));
    nest(&xml, SKEP__XML_DEPTH_MAX + 1);
    assert_fails(skep__s3_xml_list(skep__buf_slice(&xml), on_object, &s, &page), SKEP_ECORRUPT);

    assert_ok(list_of_key(&xml, SKEP_STORE_KEY_MAX));
    assert_fails(list_of_key(&xml, SKEP_STORE_KEY_MAX + 1), SKEP_ELIMIT);
    assert_fails(list_of_key(&xml, SKEP__XML_TEXT_MAX + 1), SKEP_ECORRUPT);

    skep__buf_clear(&xml);
    while (xml.len <= SKEP__XML_BYTES_MAX)
        assert_ok(skep__buf_add_text(&xml, "<ListBucketResult>"));
    assert_fails(skep__s3_xml_list(skep__buf_slice(&xml), on_object, &s, &page), SKEP_ELIMIT);
    skep__buf_dispose(&xml);

    char name[SKEP__XML_PATH_MAX + 8] = "<";
    memset(name + 1, 'n', SKEP__XML_PATH_MAX + 1);
    memcpy(name + SKEP__XML_PATH_MAX + 2, "/>", 3);
    assert_fails(skep__s3_xml_list(skep_slice_str(name), on_object, &s, &page), SKEP_ECORRUPT);
}

TEST(a_callback_that_fails_ends_the_list_with_its_code)
{
    seen s = {.answer = SKEP_EUSER - 7};
    skep__s3_page page;
    ck_assert_int_eq(skep__s3_xml_list(skep_slice_str("<ListBucketResult><Contents><Key>a</Key>"
                                                      "</Contents><Contents><Key>b</Key>"
                                                      "</Contents></ListBucketResult>"),
                                       on_object, &s, &page),
                     SKEP_EUSER - 7);
    ck_assert_uint_eq(s.count, 1);
}

/* ---- errors ---- */

TEST(errors_of_five_servers_are_read)
{
    skep__s3_error e;
    skep__s3_xml_error(
        skep_slice_str(HEAD "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The "
                            "authorization header is malformed; the region 'us-east-1' is wrong; "
                            "expecting 'eu-central-1'</Message><Region>eu-central-1</Region>"
                            "<RequestId>1</RequestId><HostId>2</HostId></Error>"),
        &e);
    ck_assert_str_eq(e.code, "AuthorizationHeaderMalformed");
    ck_assert_str_eq(e.region, "eu-central-1");
    skep__s3_xml_error(
        skep_slice_str(HEAD "<Error><Code>PermanentRedirect</Code><Message>m</Message>"
                            "<Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint><Bucket>b</Bucket>"
                            "</Error>"),
        &e);
    ck_assert_str_eq(e.endpoint, "b.s3.eu-west-1.amazonaws.com");
    skep__s3_xml_error(
        skep_slice_str(HEAD "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference\n"
                            "between</Message><RequestTime>20260101T000000Z</RequestTime>"
                            "<ServerTime>2026-11-21T20:00:00Z</ServerTime></Error>"),
        &e);
    ck_assert_str_eq(e.server_time, "2026-11-21T20:00:00Z");
    ck_assert_str_eq(e.message, "The difference between");
    /* Ceph */
    skep__s3_xml_error(skep_slice_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>"
                                      "NoSuchKey</Code><BucketName>b</BucketName><RequestId>tx0"
                                      "</RequestId><HostId>1-default-default</HostId></Error>"),
                       &e);
    ck_assert_str_eq(e.code, "NoSuchKey");
    ck_assert_str_eq(e.message, "");
    /* MinIO */
    skep__s3_xml_error(
        skep_slice_str(HEAD "<Error><Code>XMinioStorageFull</Code><Message>Storage backend has "
                            "reached its minimum free drive threshold.</Message><Key>k</Key>"
                            "<BucketName>b</BucketName><Resource>/b/k</Resource></Error>"),
        &e);
    ck_assert_str_eq(e.code, "XMinioStorageFull");
    /* Google */
    skep__s3_xml_error(skep_slice_str("<?xml version='1.0' encoding='UTF-8'?><Error><Code>"
                                      "NoSuchBucket</Code><Message>The specified bucket does not "
                                      "exist.</Message></Error>"),
                       &e);
    ck_assert_str_eq(e.message, "The specified bucket does not exist.");
    /* Amazon's token service, and proxies that copy its form */
    skep__s3_xml_error(skep_slice_str("<ErrorResponse><Error><Type>Sender</Type><Code>"
                                      "ExpiredToken</Code></Error></ErrorResponse>"),
                       &e);
    ck_assert_str_eq(e.code, "ExpiredToken");
}

TEST(an_error_that_cannot_be_read_is_empty)
{
    static const skep__s3_error empty;
    static const char *const bad[] = {"", "<html>502</html>", "<Error><Code>NoSuchKey</Code>",
                                      "{\"error\":1}",
                                      "<!DOCTYPE html><Error><Code>A</Code></Error>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        skep__s3_error e;
        memset(&e, 'x', sizeof(e));
        skep__s3_xml_error(skep_slice_str(bad[i]), &e);
        ck_assert_mem_eq(&e, &empty, sizeof(e));
    }
}

TEST(a_long_message_is_cut)
{
    skep__s3_error e;
    skep__buf xml = SKEP__BUF_INIT(1 << 16);
    assert_ok(skep__buf_add_text(&xml, "<Error><Message>"));
    for (size_t i = 0; i < 20000; i++)
        assert_ok(skep__buf_add_byte(&xml, 'm'));
    assert_ok(skep__buf_add_text(&xml, "</Message><Code>SlowDown</Code></Error>"));
    skep__s3_xml_error(skep__buf_slice(&xml), &e);
    ck_assert_uint_eq(strlen(e.message), sizeof(e.message) - 1);
    ck_assert_str_eq(e.code, "SlowDown");
    skep__buf_dispose(&xml);
}

/* ---- deletions, uploads, single elements ---- */

static int on_undeleted(void *ctx, const char *key, const skep__s3_error *error)
{
    char *out = ctx;
    size_t len = strlen(out);
    (void)snprintf(out + len, 256 - len, "[%s %s %s]", key, error->code, error->message);
    return SKEP_OK;
}

TEST(what_could_not_be_deleted_is_told_one_by_one)
{
    char out[256] = "";
    assert_ok(skep__s3_xml_deleted(
        skep_slice_str(HEAD "<DeleteResult" S3 "><Deleted><Key>a</Key></Deleted><Error>"
                            "<Key>b &amp; c</Key><Code>AccessDenied</Code><Message>Access Denied"
                            "</Message></Error><Error><Key>d%2Be</Key><Code>InternalError</Code>"
                            "</Error></DeleteResult>"),
        on_undeleted, out));
    ck_assert_str_eq(out, "[b & c AccessDenied Access Denied][d%2Be InternalError ]");
    assert_ok(skep__s3_xml_deleted(skep_slice_str("<DeleteResult/>"), on_undeleted, out));
    assert_fails(skep__s3_xml_deleted(skep_slice_str("<Error><Code>MalformedXML</Code></Error>"),
                                      on_undeleted, out),
                 SKEP_ECORRUPT);
}

static int on_upload(void *ctx, const char *key, const char *id, int64_t initiated_us)
{
    char *out = ctx;
    size_t len = strlen(out);
    (void)snprintf(out + len, 256 - len, "[%s %s %lld]", key, id, (long long)initiated_us);
    return SKEP_OK;
}

TEST(uploads_that_never_ended_are_told_page_by_page)
{
    char out[256] = "";
    skep__s3_uploads_page page = {.more = false};
    assert_ok(skep__s3_xml_uploads(
        skep_slice_str(
            HEAD "<ListMultipartUploadsResult" S3 "><Bucket>b</Bucket><KeyMarker/>"
                 "<UploadIdMarker/><NextKeyMarker>my+movie</NextKeyMarker><NextUploadIdMarker>"
                 "YW55IGlkZWE</NextUploadIdMarker><EncodingType>url</EncodingType>"
                 "<MaxUploads>1</MaxUploads><IsTruncated>true</IsTruncated><Upload>"
                 "<Key>my+movie</Key><UploadId>XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5n</UploadId>"
                 "<Initiator><ID>i</ID></Initiator><Owner><ID>o</ID></Owner>"
                 "<Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>"
                 "</ListMultipartUploadsResult>"),
        on_upload, out, &page));
    ck_assert_str_eq(out, "[my movie XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5n 1289422113000000]");
    ck_assert(page.more);
    ck_assert_str_eq(page.key, "my movie");
    ck_assert_str_eq(page.upload_id, "YW55IGlkZWE");
}

TEST(lists_of_uploads_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "<ListBucketResult/>",
        "<ListMultipartUploadsResult><Upload><Key>k</Key></Upload></ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><Upload><UploadId>i</UploadId></Upload>"
        "</ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>i</UploadId>"
        "<Initiated>never</Initiated></Upload></ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
        "</ListMultipartUploadsResult>",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char out[256] = "";
        skep__s3_uploads_page page;
        assert_fails(skep__s3_xml_uploads(skep_slice_str(bad[i]), on_upload, out, &page),
                     SKEP_ECORRUPT);
        ck_assert_str_eq(out, "");
    }
}

TEST(a_single_element_is_found_right_below_the_root)
{
    static const char xml[] =
        HEAD "<InitiateMultipartUploadResult" S3 "><Bucket>b</Bucket><Inner><UploadId>no"
             "</UploadId></Inner><UploadId>2~abc</UploadId></InitiateMultipartUploadResult>";
    char out[16] = "kept";
    assert_ok(skep__s3_xml_text(skep_slice_str(xml), "UploadId", out, sizeof(out)));
    ck_assert_str_eq(out, "2~abc");
    assert_fails(skep__s3_xml_text(skep_slice_str(xml), "ETag", out, sizeof(out)), SKEP_ENOTFOUND);
    assert_fails(skep__s3_xml_text(skep_slice_str(xml), "UploadId", out, 5), SKEP_ELIMIT);
    assert_fails(skep__s3_xml_text(skep_slice_str("x"), "ETag", out, sizeof(out)), SKEP_ECORRUPT);
    ck_assert_str_eq(out, "2~abc");
}

TEST(what_is_escaped_is_read_back)
{
    static const char key[] = "a&b<c>d\"e'f\tg\rh\xC3\xA4";
    char back[64] = "";
    skep__buf xml = SKEP__BUF_INIT(1024);
    assert_ok(skep__buf_add_text(&xml, "<R><Key>"));
    skep__xml_escape(&xml, skep_slice_str(key));
    assert_ok(skep__buf_add_text(&xml, "</Key></R>"));
    assert_ok(skep__s3_xml_text(skep__buf_slice(&xml), "Key", back, sizeof(back)));
    ck_assert_str_eq(back, key);
    skep__buf_dispose(&xml);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_page_of_amazon_is_read),
    HARNESS_TEST(a_page_of_ceph_is_read),
    HARNESS_TEST(a_page_whose_encoding_is_said_at_its_end_is_decoded),
    HARNESS_TEST(keys_that_are_not_said_to_be_encoded_stay_as_they_are),
    HARNESS_TEST(prefixes_of_namespaces_do_not_count),
    HARNESS_TEST(what_is_no_list_is_refused),
    HARNESS_TEST(depth_and_lengths_have_their_ceilings),
    HARNESS_TEST(a_callback_that_fails_ends_the_list_with_its_code),
    HARNESS_TEST(errors_of_five_servers_are_read),
    HARNESS_TEST(an_error_that_cannot_be_read_is_empty),
    HARNESS_TEST(a_long_message_is_cut),
    HARNESS_TEST(what_could_not_be_deleted_is_told_one_by_one),
    HARNESS_TEST(uploads_that_never_ended_are_told_page_by_page),
    HARNESS_TEST(lists_of_uploads_that_are_none_are_refused),
    HARNESS_TEST(a_single_element_is_found_right_below_the_root),
    HARNESS_TEST(what_is_escaped_is_read_back),
};
const harness_suite s3_xml_suite = HARNESS_SUITE("s3_xml", tests);
