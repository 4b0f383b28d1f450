/* SPDX-License-Identifier: MIT */
/* Requests: made, signed, sent, and sent again where that is safe. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "store/s3_private.h"

#define HEADERS_TEXT_MAX (64u << 10)
#define URL_MAX (16u << 10)
/* A clock that is off by less than the 15 minutes that servers allow is none of our business. */
#define SKEW_WORTH_US (INT64_C(300) * 1000000)

/* ---- headers ---- */

void skep__s3_headers_init(skep__s3_headers *h)
{
    skep__buf_init(&h->text, HEADERS_TEXT_MAX);
    h->count = 0;
}

void skep__s3_headers_dispose(skep__s3_headers *h)
{
    skep__buf_dispose(&h->text);
}

static void add_line(skep__s3_headers *h, const char *line)
{
    ASSERT(h->count < SKEP__S3_HEADERS_MAX);
    h->at[h->count++] = h->text.len;
    (void)skep__buf_add(&h->text, line, strlen(line) + 1);
}

void skep__s3_header(skep__s3_headers *h, const char *name, const char *value)
{
    ASSERT(h->count < SKEP__S3_HEADERS_MAX);
    h->at[h->count++] = h->text.len;
    (void)skep__buf_printf(&h->text, "%s: %s", name, value);
    (void)skep__buf_add_byte(&h->text, '\0');
}

int skep__s3_headers_list(skep__s3_headers *h, const char *const **out)
{
    SKEP__TRY(skep__buf_status(&h->text));
    for (size_t i = 0; i < h->count; i++)
        h->list[i] = h->text.data + h->at[i];
    h->list[h->count] = NULL;
    *out = h->list;
    return SKEP_OK;
}

/* ---- one request as it goes out ---- */

typedef struct wire {
    skep__buf url;
    skep__s3_headers headers;
    skep__net_request request;
} wire;

static void wire_dispose(wire *w)
{
    skep__buf_dispose(&w->url);
    skep__s3_headers_dispose(&w->headers);
}

int skep__s3_object_name(const skep__s3 *s3, const char *key, skep__buf *out)
{
    size_t len = strlen(s3->prefix) + strlen(key);
    if (len > SKEP_STORE_KEY_MAX)
        return SKEP__FAIL(SKEP_ELIMIT,
                          "%s/%s: with the prefix that is a key of %zu bytes, and S3 "
                          "takes %d",
                          s3->name, key, len, SKEP_STORE_KEY_MAX);
    (void)skep__buf_add_text(out, s3->prefix);
    return skep__buf_add_text(out, key);
}

static void region_now(skep__s3 *s3, char out[SKEP__S3_REGION_MAX + 1])
{
    skep__mutex_lock(&s3->mutex);
    (void)skep__text_copy(out, SKEP__S3_REGION_MAX + 1, s3->region);
    skep__mutex_unlock(&s3->mutex);
}

/* Where the request goes. Amazon's hosts follow from the region; China has a domain of its own. */
static int host_of(const skep__s3 *s3, const char *region, char *out, size_t size)
{
    char own[SKEP__S3_HOST_MAX];
    const char *host = s3->host;
    if (s3->amazon) {
        const char *end = strncmp(region, "cn-", 3) == 0 ? ".cn" : "";
        (void)snprintf(own, sizeof(own), "s3.%s.amazonaws.com%s", region, end);
        host = own;
    }
    int n = s3->path_style ? snprintf(out, size, "%s", host)
                           : snprintf(out, size, "%s.%s", s3->bucket, host);
    if (n < 0 || (size_t)n >= size)
        return SKEP__FAIL(SKEP_ELIMIT, "%s: the name of its host is too long", s3->name);
    return SKEP_OK;
}

/* The path, as it is sent and as it is signed. */
static int path_of(const skep__s3 *s3, const char *key, skep__buf *out)
{
    skep__buf name SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP_STORE_KEY_MAX);
    (void)skep__buf_add_text(out, s3->base_path);
    if (s3->path_style)
        (void)skep__buf_printf(out, "/%s", s3->bucket);
    if (key != NULL) {
        SKEP__TRY(skep__s3_object_name(s3, key, &name));
        (void)skep__buf_add_byte(out, '/');
        skep__url_encode(out, skep__buf_slice(&name), true);
    } else if (!s3->path_style) {
        (void)skep__buf_add_byte(out, '/');
    }
    return skep__buf_status(out);
}

/* Everything that is signed: what the request brings, and who, when and what. The host is the first
 * one; it is not sent, for libcurl does that by itself. */
static void signed_headers(const skep__s3 *s3, const skep__s3_ask *ask, const char *host,
                           const char *payload, int64_t now_us, skep__s3_headers *out)
{
    char when[SKEP__SIGN_TIME];
    const char *token = skep__s3_session_token(s3->who);
    skep__sign_time(now_us, when);
    skep__s3_header(out, "host", host);
    skep__s3_header(out, "x-amz-date", when);
    skep__s3_header(out, "x-amz-content-sha256", payload);
    if (token != NULL)
        skep__s3_header(out, "x-amz-security-token", token);
    if (ask->headers == NULL)
        return;
    for (size_t i = 0; i < ask->headers->count; i++)
        add_line(out, ask->headers->text.data + ask->headers->at[i]);
}

static int sign(const skep__s3 *s3, const skep__s3_ask *ask, const char *region, const char *path,
                int64_t now_us, wire *w)
{
    skep__buf value SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(HEADERS_TEXT_MAX);
    char digest[SKEP__SHA256_HEX];
    char host[SKEP__S3_HOST_MAX + 260];
    const char *payload = ask->sha256;
    const skep__sign_key key = {.access_key_id = skep__s3_access_key_id(s3->who),
                                .secret = skep__s3_secret(s3->who),
                                .region = region,
                                .service = "s3"};
    skep__sign_request request = {
        .method = ask->method, .path = path, .query = ask->query, .now_us = now_us};
    if (payload == NULL) {
        skep__sha256_hex(ask->body, digest);
        payload = digest;
    }
    request.payload = payload;
    SKEP__TRY(host_of(s3, region, host, sizeof(host)));
    signed_headers(s3, ask, host, payload, now_us, &w->headers);
    SKEP__TRY(skep__s3_headers_list(&w->headers, &request.headers));
    SKEP__TRY(skep__sign(&key, &request, &value));
    skep__s3_header(&w->headers, "authorization", skep__buf_text(&value));
    (void)skep__buf_printf(&w->url, "%s://%s%s%s%s", s3->secure ? "https" : "http", host, path,
                           ask->query[0] != '\0' ? "?" : "", ask->query);
    return skep__buf_status(&w->url);
}

static int prepare(skep__s3 *s3, const skep__s3_ask *ask, wire *w)
{
    skep__buf path SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(URL_MAX);
    char region[SKEP__S3_REGION_MAX + 1];
    int64_t now_us = skep_now_us() + atomic_load(&s3->skew_us);
    const char *const *all;
    skep__buf_init(&w->url, URL_MAX);
    skep__s3_headers_init(&w->headers);
    if (ask->headers != NULL)
        SKEP__TRY(skep__buf_status(&ask->headers->text));
    region_now(s3, region);
    SKEP__TRY(path_of(s3, ask->key, &path));
    SKEP__TRY(sign(s3, ask, region, skep__buf_text(&path), now_us, w));
    if (ask->body.data != NULL) /* else libcurl says that it is a form */
        skep__s3_header(&w->headers, "content-type",
                        ask->key == NULL || strcmp(ask->method, "POST") == 0
                            ? "application/xml"
                            : "application/octet-stream");
    SKEP__TRY(skep__s3_headers_list(&w->headers, &all));
    w->request = (skep__net_request){.method = ask->method,
                                     .url = skep__buf_text(&w->url),
                                     .headers = all + 1,
                                     .body = ask->body,
                                     .body_bytes = ask->body.len,
                                     .deadline_ns = ask->io->deadline_ns,
                                     .cancel = ask->io->cancel};
    return SKEP_OK;
}

/* ---- what can be put right at once ---- */

/* The server's clock is what counts. The answer to HEAD names no reason, so its date has to do. */
static bool correct_clock(skep__s3 *s3, const skep__s3_answer *answer)
{
    const char *code = answer->error.code;
    if (answer->date_us == 0 || (answer->status != 403 && answer->status != 400) ||
        (code[0] != '\0' && strcmp(code, "RequestTimeTooSkewed") != 0 &&
         strcmp(code, "RequestExpired") != 0 && strcmp(code, "AccessDenied") != 0))
        return false;
    int64_t skew = answer->date_us - skep_now_us();
    int64_t known = atomic_load(&s3->skew_us);
    if (skew - known < SKEW_WORTH_US && known - skew < SKEW_WORTH_US)
        return false;
    atomic_store(&s3->skew_us, skew);
    SKEP__EVENT(SKEP_WARNING, "store.s3_clock", {"store", skep_text(s3->name)},
                {"ahead_s", skep_int(-skew / 1000000)});
    return true;
}

static bool correct_region(skep__s3 *s3, const skep__s3_answer *answer)
{
    const char *right = answer->error.region[0] != '\0' ? answer->error.region : answer->region;
    if (right[0] == '\0' ||
        (answer->status != 301 && answer->status != 307 && answer->status != 400))
        return false;
    for (const char *p = right; *p != '\0'; p++) /* it becomes part of a host name */
        if ((*p < 'a' || *p > 'z') && (*p < '0' || *p > '9') && *p != '-')
            return false;
    skep__mutex_lock(&s3->mutex);
    bool news = strcmp(right, s3->region) != 0;
    if (news)
        (void)skep__text_copy(s3->region, sizeof(s3->region), right);
    skep__mutex_unlock(&s3->mutex);
    if (news)
        SKEP__EVENT(SKEP_WARNING, "store.s3_region", {"store", skep_text(s3->name)},
                    {"region", skep_text(right)});
    return news;
}

/* ---- sending ---- */

/* No answer came: the detail is there. May it be tried again, and may it have been applied? */
static int unanswered(const skep__s3_ask *ask, skep__s3_answer *answer, int rc)
{
    bool looks = strcmp(ask->method, "GET") == 0 || strcmp(ask->method, "HEAD") == 0;
    answer->again = rc == SKEP_ENET || rc == SKEP_ETIMEOUT;
    answer->unsure = !looks && skep_last_error()->outcome == SKEP_OUTCOME_UNKNOWN;
    if (looks)
        skep__err_outcome(SKEP_OUTCOME_NONE);
    return rc;
}

static int judge(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer, skep_slice body)
{
    if (answer->status >= 200 && answer->status < 300) {
        atomic_fetch_or_explicit(&s3->learned, SKEP__S3_BUCKET_SEEN, memory_order_relaxed);
        return SKEP_OK;
    }
    skep__s3_xml_error(body, &answer->error);
    if (strcmp(answer->error.code, "NoSuchKey") == 0)
        atomic_fetch_or_explicit(&s3->learned, SKEP__S3_BUCKET_SEEN, memory_order_relaxed);
    return skep__s3_fail(s3, ask, answer);
}

static int once(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer, skep__buf *body)
{
    wire w SKEP__CLEANUP(wire_dispose);
    skep__buf own SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ERROR_MAX);
    skep__net_answer got = {0};
    skep__s3_answer_init(answer);
    if (body == NULL)
        body = &own;
    skep__buf_clear(body);
    SKEP__TRY(prepare(s3, ask, &w));
    SKEP__TRY(skep__io_check(ask->io));
    int rc = skep__net_do(s3->net, &w.request, &got, body, skep__s3_answer_header, answer);
    if (rc < 0)
        return unanswered(ask, answer, rc);
    answer->status = got.status;
    answer->bytes = got.body_bytes;
    answer->retry_after_ms = got.retry_after_ms;
    return judge(s3, ask, answer, skep__buf_slice(body));
}

/* Both corrections stay with the store: each is made once, and a request that fails again after it
 * fails. */
static bool corrected(skep__s3 *s3, const skep__s3_answer *answer)
{
    return correct_clock(s3, answer) || correct_region(s3, answer);
}

int skep__s3_try(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer, skep__buf *body)
{
    for (int left = 2;; left--) {
        int rc = once(s3, ask, answer, body);
        if (rc == SKEP_OK || left == 0 || answer->status == 0 || !corrected(s3, answer))
            return rc;
    }
}

int skep__s3_do(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer, skep__buf *body)
{
    skep__retry retry;
    bool unsure = false;
    skep__retry_init(&retry, s3->retry_ms, ask->io->deadline_ns, ask->io->cancel);
    for (;;) {
        int rc = skep__s3_try(s3, ask, answer, body);
        if (rc == SKEP_OK)
            return SKEP_OK;
        unsure |= answer->unsure;
        answer->unsure = unsure;
        if (answer->again)
            rc = skep__retry_again(&retry, answer->retry_after_ms);
        if (rc < 0) {
            if (unsure)
                skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
            return rc;
        }
    }
}

/* ---- large answers ---- */

/* The body of an answer that tells of an error. One that is cut tells less. */
static void error_body(skep__net_call *call, skep__buf *out)
{
    void *at;
    size_t got = 1;
    while (got > 0 && out->len + 1024 < SKEP__S3_ERROR_MAX &&
           skep__buf_reserve(out, 1024, &at) == SKEP_OK &&
           skep__net_read(call, at, 1024, &got) == SKEP_OK)
        skep__buf_commit(out, got);
}

static int begin_once(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer,
                      skep__net_call **out)
{
    wire w SKEP__CLEANUP(wire_dispose);
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ERROR_MAX);
    SKEP__CLEANUP(skep__net_endp) skep__net_call *call = NULL;
    skep__net_answer got = {0};
    skep__s3_answer_init(answer);
    SKEP__TRY(prepare(s3, ask, &w));
    SKEP__TRY(skep__io_check(ask->io));
    int rc = skep__net_begin(s3->net, &w.request, skep__s3_answer_header, answer, &call);
    if (rc == SKEP_OK)
        rc = skep__net_await(call, &got);
    if (rc < 0)
        return unanswered(ask, answer, rc);
    answer->status = got.status;
    answer->bytes = got.body_bytes;
    answer->retry_after_ms = got.retry_after_ms;
    if (got.status < 200 || got.status >= 300)
        error_body(call, &body);
    SKEP__TRY(judge(s3, ask, answer, skep__buf_slice(&body)));
    *out = SKEP__TAKE(call);
    return SKEP_OK;
}

int skep__s3_begin(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer,
                   skep__net_call **call)
{
    for (int left = 2;; left--) {
        int rc = begin_once(s3, ask, answer, call);
        if (rc == SKEP_OK || left == 0 || answer->status == 0 || !corrected(s3, answer))
            return rc;
    }
}
