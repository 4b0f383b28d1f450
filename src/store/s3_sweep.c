/* SPDX-License-Identifier: MIT */
/* Multipart uploads that were begun and never ended: their parts are stored and paid for, and no
 * list shows them. Those under the prefix that began long enough ago are aborted. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "store/s3_private.h"

typedef struct sweep {
    skep__s3 *s3;
    const skep_io *io;
    int64_t before_us;
    size_t aborted;
} sweep;

static int abort_one(const sweep *s, const char *key, const char *upload_id)
{
    skep__buf query SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__NET_URL_MAX);
    skep__s3_answer answer;
    (void)skep__buf_add_text(&query, "uploadId=");
    skep__url_encode(&query, skep_slice_str(upload_id), false);
    SKEP__TRY(skep__buf_status(&query));
    const skep__s3_ask ask = {
        .method = "DELETE", .key = key, .query = skep__buf_text(&query), .io = s->io};
    return skep__s3_do(s->s3, &ask, &answer, NULL);
}

/* Ceph encodes the keys of uploads as it was asked to, but does not say that it has. */
static int abort_encoded(const sweep *s, const char *key, const char *upload_id)
{
    skep__buf plain SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP_STORE_KEY_MAX);
    if (strchr(key, '%') == NULL || skep__url_decode(&plain, skep_slice_str(key)) < 0)
        return SKEP_ENOTFOUND;
    return abort_one(s, skep__buf_text(&plain), upload_id);
}

static int abort_old(void *ctx, const char *key, const char *upload_id, int64_t initiated_us)
{
    sweep *s = ctx;
    size_t skip = strlen(s->s3->prefix);
    if (initiated_us > s->before_us || strncmp(key, s->s3->prefix, skip) != 0 ||
        skep__store_key_check(key + skip, true) < 0)
        return SKEP_OK;
    int rc = abort_one(s, key + skip, upload_id);
    if (rc == SKEP_ENOTFOUND)
        rc = abort_encoded(s, key + skip, upload_id);
    if (rc < 0) /* gone meanwhile */
        return rc == SKEP_ENOTFOUND ? SKEP_OK : rc;
    s->aborted++;
    SKEP__EVENT(SKEP_INFO, "store.s3_aborted", {"store", skep_text(s->s3->name)},
                {"key", skep_text(key + skip)});
    return SKEP_OK;
}

static int page_query(const skep__s3 *s3, const skep__s3_uploads_page *page, skep__buf *out)
{
    skep__buf_clear(out);
    (void)skep__buf_add_text(out, "uploads=&encoding-type=url&max-uploads=1000");
    if (s3->prefix[0] != '\0') {
        (void)skep__buf_add_text(out, "&prefix=");
        skep__url_encode(out, skep_slice_str(s3->prefix), false);
    }
    if (page->key[0] != '\0') {
        (void)skep__buf_add_text(out, "&key-marker=");
        skep__url_encode(out, skep_slice_str(page->key), false);
        (void)skep__buf_add_text(out, "&upload-id-marker=");
        skep__url_encode(out, skep_slice_str(page->upload_id), false);
    }
    return skep__buf_status(out);
}

int skep__s3_sweep(skep__s3 *s3, int64_t older_us, const skep_io *io, size_t *aborted)
{
    skep__buf query SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__NET_URL_MAX);
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ANSWER_MAX);
    SKEP__CLEANUP(skep__freep) skep__s3_uploads_page *page = skep__calloc(1, sizeof(*page));
    skep__s3_answer answer;
    sweep s = {.s3 = s3, .io = io};
    if (page == NULL)
        return skep__oom();
    do {
        char key[SKEP_STORE_KEY_MAX + 1];
        SKEP__TRY(page_query(s3, page, &query));
        const skep__s3_ask ask = {.method = "GET", .query = skep__buf_text(&query), .io = io};
        SKEP__TRY(skep__s3_do(s3, &ask, &answer, &body));
        /* By the server's clock, which has told when each began. */
        s.before_us = (answer.date_us != 0 ? answer.date_us : skep_now_us()) - older_us;
        (void)skep__text_copy(key, sizeof(key), page->key);
        size_t before = s.aborted;
        SKEP__TRY(skep__s3_xml_uploads(skep__buf_slice(&body), abort_old, &s, page));
        if (page->more && strcmp(key, page->key) == 0 && s.aborted == before)
            break; /* a server that repeats itself */
    } while (page->more);
    *aborted = s.aborted;
    return SKEP_OK;
}
