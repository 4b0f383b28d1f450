/* SPDX-License-Identifier: MIT */
#include "store/s3_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "net/net.h"

static uint64_t number_of(const char *target, const char *param)
{
    const char *at = strstr(target, param);
    return at == NULL ? 0 : strtoull(at + strlen(param), NULL, 10);
}

static void say_xml(front_answer *answer, const char *xml)
{
    front_say(answer, "Content-Type: application/xml");
    front_body(answer, xml, strlen(xml));
}

static void drop_parts(s3_fake *f)
{
    for (size_t i = 0; i < 64; i++) {
        free(f->parts.at[i]);
        f->parts.at[i] = NULL;
        f->parts.len[i] = 0;
    }
    f->uploads = 0;
}

static void no_upload(front_answer *answer)
{
    front_status(answer, 404);
    say_xml(answer, "<Error><Code>NoSuchUpload</Code></Error>");
}

static void take_part(s3_fake *f, const front_request *r, front_answer *answer)
{
    uint64_t n = number_of(r->target, "partNumber=") % 64;
    if (f->uploads == 0) {
        no_upload(answer);
        return;
    }
    free(f->parts.at[n]);
    f->parts.at[n] = malloc(r->body.len + 1);
    ck_assert_ptr_nonnull(f->parts.at[n]);
    if (r->body.len > 0)
        memcpy(f->parts.at[n], r->body.data, r->body.len);
    f->parts.len[n] = r->body.len;
    front_say(answer, "ETag: \"part-%u\"", (unsigned)n);
}

static void begin_upload(s3_fake *f, const front_request *r, front_answer *answer)
{
    const char *hash = front_header(r, "x-amz-meta-skep-hash");
    const char *id = front_header(r, "x-amz-meta-skep-put");
    drop_parts(f);
    f->uploads = 1;
    (void)snprintf(f->upload_headers, sizeof(f->upload_headers),
                   "x-amz-meta-skep-put: %s\r\n%s%s%s", id, hash ? "x-amz-meta-skep-hash: " : "",
                   hash ? hash : "", hash ? "\r\n" : "");
    say_xml(answer, "<InitiateMultipartUploadResult><UploadId>u/1+</UploadId>"
                    "</InitiateMultipartUploadResult>");
}

/* The parts, one after the other, as if they had been put at once. */
static void complete(s3_fake *f, const front_request *r, front_answer *answer)
{
    size_t len = 0;
    char path[512];
    if (f->uploads == 0) {
        no_upload(answer);
        return;
    }
    for (size_t i = 0; i < 64; i++)
        len += f->parts.len[i];
    char *all = malloc(len + 1);
    ck_assert_ptr_nonnull(all);
    len = 0;
    for (size_t i = 0; i < 64; i++) {
        if (f->parts.len[i] > 0)
            memcpy(all + len, f->parts.at[i], f->parts.len[i]);
        len += f->parts.len[i];
    }
    (void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(r->target, "?"), r->target);
    const front_request whole = {.method = "PUT",
                                 .target = path,
                                 .headers = f->upload_headers,
                                 .body = skep_slice_of(all, len),
                                 .body_hash = r->body_hash};
    front_objects(f->table, &whole, answer);
    free(all);
    drop_parts(f);
    say_xml(answer, "<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>");
}

static void answer_for(void *ctx, const front_request *r, front_answer *answer)
{
    s3_fake *f = ctx;
    bool post = strcmp(r->method, "POST") == 0;
    if (post && strstr(r->target, "?uploads=") != NULL) {
        begin_upload(f, r, answer);
    } else if (post && strstr(r->target, "?uploadId=u%2F1%2B") != NULL) {
        complete(f, r, answer);
    } else if (strstr(r->target, "?partNumber=") != NULL) {
        take_part(f, r, answer);
    } else if (strcmp(r->method, "DELETE") == 0 && strstr(r->target, "?uploadId=") != NULL) {
        if (f->uploads == 0)
            no_upload(answer);
        drop_parts(f);
    } else if (strstr(r->target, "/b?uploads=") != NULL) {
        say_xml(answer, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>"
                        "</ListMultipartUploadsResult>");
    } else if (strstr(r->target, "list-type=2") != NULL && f->listing != NULL) {
        ck_assert_ptr_nonnull(f->listing[f->page]);
        say_xml(answer, f->listing[f->page++]);
    } else {
        front_objects(f->table, r, answer);
    }
}

s3_fake *s3_fake_open(void (*more)(skep_store_opts *opts))
{
    s3_fake *f = calloc(1, sizeof(*f));
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    ck_assert_ptr_nonnull(f);
    f->table = front_table_new();
    f->front = front_start(NULL, answer_for, f);
    opts.endpoint = front_url(f->front);
    opts.access_key_id = "AKIDEXAMPLE";
    opts.secret_access_key = "canary-secret";
    opts.region = "us-east-1";
    opts.part_bytes = 5u << 20;
    if (more != NULL)
        more(&opts);
    assert_ok(skep_store_open("s3://b", &opts, &f->store));
    skep__retry_hasten(1000);
    return f;
}

void s3_fake_close(s3_fake *f)
{
    assert_ok(skep_store_close(f->store));
    front_stop(f->front);
    front_table_free(f->table);
    drop_parts(f);
    while (f->said_count > 0)
        free(f->said[--f->said_count]);
    free(f);
}

void s3_fake_rule(s3_fake *f, const char *method, const char *target, uint64_t count,
                  front_fault fault)
{
    const front_rule rule = {.method = method, .target = target, .count = count, .fault = fault};
    front_rule_add(f->front, &rule);
}

void s3_fake_say(s3_fake *f, const front_rule *rule)
{
    front_rule_add(f->front, rule);
}

void s3_fake_answer(s3_fake *f, const char *method, const char *target, uint64_t count, int status,
                    const char *code)
{
    char *body = malloc(256);
    ck_assert_ptr_nonnull(body);
    ck_assert_uint_lt(f->said_count, 64);
    f->said[f->said_count++] = body;
    (void)snprintf(body, 256, "<Error><Code>%s</Code><Message>told</Message></Error>", code);
    const front_rule rule = {.method = method,
                             .target = target,
                             .count = count,
                             .fault = FRONT_ANSWER,
                             .status = status,
                             .body = body};
    front_rule_add(f->front, &rule);
}
