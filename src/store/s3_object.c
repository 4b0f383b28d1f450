/* SPDX-License-Identifier: MIT */
/* One object, or several: head, delete, copy. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "store/s3_private.h"

/* ---- head ---- */

/* The answer to HEAD has no body, so it does not say whether the key or the bucket is missing, nor
 * why something is not allowed. A GET of one byte does. */
static int ask_why(skep__s3 *s3, const char *key, const skep_io *io, int rc)
{
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    skep__s3_answer why;
    skep_err first;
    skep__err_save(&first);
    skep__s3_headers_init(&headers);
    skep__s3_header(&headers, "range", "bytes=0-0");
    const skep__s3_ask ask = {
        .method = "GET", .key = key, .query = "", .headers = &headers, .io = io};
    int told = skep__s3_try(s3, &ask, &why, NULL);
    if (told < 0 && why.status != 0 && why.status != 416)
        return told;
    (void)skep__err_install(&first);
    return rc;
}

int skep__s3_head_answer(skep__s3 *s3, const char *key, const skep_io *io, skep__s3_answer *answer)
{
    const skep__s3_ask ask = {.method = "HEAD", .key = key, .query = "", .io = io};
    int rc = skep__s3_do(s3, &ask, answer, NULL);
    if (rc < 0 && answer->status >= 300 && answer->status < 500 &&
        !(answer->status == 404 && skep__s3_has_learned(s3, SKEP__S3_BUCKET_SEEN)))
        return ask_why(s3, key, io, rc);
    SKEP__TRY(rc);
    if (answer->bytes == UINT64_MAX)
        return SKEP__FAIL(SKEP_ENET, "%s/%s: the server does not say how long it is", s3->name,
                          key);
    return SKEP_OK;
}

int skep__s3_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    skep__s3 *s3 = skep__s3_of(store);
    skep__s3_answer answer;
    SKEP__TRY(skep__s3_head_answer(s3, key, io, &answer));
    SKEP__TRY(skep__s3_object(s3, key, &answer, out));
    out->bytes = answer.bytes;
    return SKEP_OK;
}

/* ---- delete ---- */

static int remove_one(skep__s3 *s3, const char *key, const skep_io *io)
{
    const skep__s3_ask ask = {.method = "DELETE", .key = key, .query = "", .io = io};
    skep__s3_answer answer;
    int rc = skep__s3_do(s3, &ask, &answer, NULL);
    /* Most say 204 whether or not it was there. */
    bool gone = rc == SKEP_ENOTFOUND && strcmp(answer.error.code, "NoSuchKey") == 0;
    return gone ? SKEP_OK : rc;
}

typedef struct batch {
    skep__s3 *s3;
    const char *const *keys;
    size_t n;
    int *results; /* 1: to be deleted by itself */
} batch;

enum { BY_ITSELF = 1 };

static int undeleted(void *ctx, const char *key, const skep__s3_error *error)
{
    batch *b = ctx;
    size_t skip = strlen(b->s3->prefix);
    if (strncmp(key, b->s3->prefix, skip) != 0)
        return SKEP_OK;
    /* Whatever it is: a request of its own tells it better, and may well succeed. */
    for (size_t i = 0; i < b->n && strcmp(error->code, "NoSuchKey") != 0; i++)
        if (strcmp(b->keys[i], key + skip) == 0)
            b->results[i] = BY_ITSELF;
    return SKEP_OK;
}

static int batch_body(const batch *b, skep__buf *out)
{
    skep__buf name SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP_STORE_KEY_MAX);
    (void)skep__buf_add_text(out, "<Delete><Quiet>true</Quiet>");
    for (size_t i = 0; i < b->n; i++) {
        skep__buf_clear(&name);
        SKEP__TRY(skep__s3_object_name(b->s3, b->keys[i], &name));
        (void)skep__buf_add_text(out, "<Object><Key>");
        skep__xml_escape(out, skep__buf_slice(&name));
        (void)skep__buf_add_text(out, "</Key></Object>");
    }
    (void)skep__buf_add_text(out, "</Delete>");
    return skep__buf_status(out);
}

/* SKEP_EUNSUPPORTED: the server has no such call, or understands something else by it. */
static int remove_batch(batch *b, const skep_io *io)
{
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ANSWER_MAX);
    skep__buf answered SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ANSWER_MAX);
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    skep__s3_answer answer;
    char md5[SKEP__S3_DIGEST_TEXT];
    skep__s3_headers_init(&headers);
    SKEP__TRY(batch_body(b, &body));
    SKEP__TRY(skep__s3_md5(skep__buf_slice(&body), md5));
    skep__s3_header(&headers, "content-md5", md5);
    const skep__s3_ask ask = {.method = "POST",
                              .query = "delete=",
                              .headers = &headers,
                              .body = skep__buf_slice(&body),
                              .io = io};
    int rc = skep__s3_do(b->s3, &ask, &answer, &answered);
    if (rc < 0 &&
        (answer.status == 501 || answer.status == 405 || answer.status == 404 ||
         strcmp(answer.error.code, "MalformedXML") == 0 ||
         strcmp(answer.error.code, "InvalidRequest") == 0) &&
        strcmp(answer.error.code, "NoSuchBucket") != 0)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s: the server deletes one object at a time",
                          b->s3->name);
    SKEP__TRY(rc);
    return skep__s3_xml_deleted(skep__buf_slice(&answered), undeleted, b);
}

int skep__s3_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                    int *results)
{
    batch b = {.s3 = skep__s3_of(store), .keys = keys, .n = n, .results = results};
    bool single = n == 1 || skep__s3_has_learned(b.s3, SKEP__S3_NO_BATCHES);
    int rc = SKEP_OK;
    for (size_t i = 0; i < n; i++)
        results[i] = single ? BY_ITSELF : SKEP_OK;
    if (!single) {
        rc = remove_batch(&b, io);
        if (rc == SKEP_EUNSUPPORTED)
            atomic_fetch_or(&b.s3->learned, SKEP__S3_NO_BATCHES);
        for (size_t i = 0; i < n && rc < 0; i++)
            results[i] = rc == SKEP_EUNSUPPORTED ? BY_ITSELF : rc;
        if (rc < 0 && rc != SKEP_EUNSUPPORTED)
            return rc;
    }
    skep_err first = {.code = SKEP_OK};
    for (size_t i = 0; i < n; i++) {
        if (results[i] != BY_ITSELF)
            continue;
        results[i] = remove_one(b.s3, keys[i], io);
        if (results[i] < 0 && first.code == SKEP_OK)
            skep__err_save(&first);
    }
    return first.code == SKEP_OK ? SKEP_OK : skep__err_install(&first);
}

/* ---- copy ---- */

static int copy_headers(const skep__s3 *s3, const char *from, const skep_object *source,
                        skep__s3_headers *h)
{
    skep__buf name SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP_STORE_KEY_MAX);
    skep__buf path SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(8192);
    skep__buf match SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(256);
    SKEP__TRY(skep__s3_object_name(s3, from, &name));
    (void)skep__buf_printf(&path, "/%s/", s3->bucket);
    skep__url_encode(&path, skep__buf_slice(&name), true);
    (void)skep__buf_printf(&match, "\"%s\"", source->etag);
    SKEP__TRY(skep__buf_status(&path));
    SKEP__TRY(skep__buf_status(&match));
    skep__s3_header(h, "x-amz-copy-source", skep__buf_text(&path));
    skep__s3_header(h, "x-amz-copy-source-if-match", skep__buf_text(&match));
    skep__s3_object_headers(s3, NULL, NULL, h);
    return SKEP_OK;
}

/* The server has begun to answer before it had copied, so 200 may still be a failure. */
static int copied(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer, skep_slice body)
{
    char modified[64];
    char etag[SKEP__S3_ETAG_MAX + 1];
    skep__s3_xml_error(body, &answer->error);
    if (answer->error.code[0] != '\0') {
        answer->status = 500;
        return skep__s3_fail(s3, ask, answer);
    }
    SKEP__TRY(skep__s3_xml_text(body, "ETag", etag, sizeof(etag)));
    skep__s3_answer_header(answer, skep_slice_str("ETag"), skep_slice_str(etag));
    if (skep__s3_xml_text(body, "LastModified", modified, sizeof(modified)) == SKEP_OK)
        (void)skep__time_read(skep_slice_str(modified), &answer->modified_us);
    return SKEP_OK;
}

int skep__s3_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                  skep_object *out)
{
    skep__s3 *s3 = skep__s3_of(store);
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ANSWER_MAX);
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    skep__s3_answer answer;
    skep_object source = SKEP_OBJECT_INIT;
    skep__s3_headers_init(&headers);
    SKEP__TRY(skep__s3_head(store, from, &how->io, &source));
    if (how->create != 0 || how->if_etag != NULL || source.bytes > SKEP__S3_PART_MAX ||
        strcmp(from, to) == 0)
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "%s/%s: S3 copies up to 5 GiB, without a condition, to another key",
                          s3->name, from);
    SKEP__TRY(copy_headers(s3, from, &source, &headers));
    const skep__s3_ask ask = {
        .method = "PUT", .key = to, .query = "", .headers = &headers, .io = &how->io};
    SKEP__TRY(skep__s3_do(s3, &ask, &answer, &body));
    SKEP__TRY(copied(s3, &ask, &answer, skep__buf_slice(&body)));
    SKEP__TRY(skep__s3_object(s3, to, &answer, out));
    out->bytes = source.bytes;
    out->flags = source.flags;
    memcpy(out->hash, source.hash, sizeof(out->hash));
    return SKEP_OK;
}

/* ---- what a new object gets along ---- */

int skep__s3_put_id(char out[SKEP__HASH_TEXT])
{
    uint8_t bits[SKEP_STORE_HASH_BYTES];
    SKEP__TRY(skep__random(bits, sizeof(bits)));
    skep__hash_text(bits, out);
    return SKEP_OK;
}

void skep__s3_object_headers(const skep__s3 *s3, const uint8_t *hash, const char *put_id,
                             skep__s3_headers *h)
{
    char text[SKEP__HASH_TEXT];
    if (s3->storage_class[0] != '\0')
        skep__s3_header(h, "x-amz-storage-class", s3->storage_class);
    if (s3->sse[0] != '\0')
        skep__s3_header(h, "x-amz-server-side-encryption", s3->sse);
    if (s3->sse_key_id[0] != '\0')
        skep__s3_header(h, "x-amz-server-side-encryption-aws-kms-key-id", s3->sse_key_id);
    if (hash != NULL) {
        skep__hash_text(hash, text);
        skep__s3_header(h, "x-amz-meta-skep-hash", text);
    }
    if (put_id != NULL)
        skep__s3_header(h, "x-amz-meta-skep-put", put_id);
}
