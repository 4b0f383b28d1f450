/* SPDX-License-Identifier: MIT */
/* S3 by libcurl and nothing else: an easy handle for each client, which keeps its connection, with
 * libcurl's defaults. Requests are signed by the same code as skep's, so that what differs is what
 * skep does around the transfer. */
#include "store.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "store/s3_sign.h"

#include "../db/bench.h"

typedef struct easy {
    CURL *curl;
    char bucket[1024]; /* "bucket/prefix" */
    char host[256];
    const char *from; /* of a put */
    char *to;         /* of a get */
    size_t bytes;
    size_t at;
} easy;

static void *curl_begin(const store_job *job)
{
    easy *e = bench_calloc(1, sizeof(*e));
    const char *endpoint = getenv("S3_ENDPOINT");
    const char *host = endpoint == NULL ? NULL : strstr(endpoint, "://");
    if (host == NULL || strncmp(job->where, "s3://", 5) != 0)
        bench_die("S3_ENDPOINT has to be set, and %s an s3 URI", job->where);
    (void)curl_global_init(CURL_GLOBAL_ALL);
    (void)snprintf(e->host, sizeof(e->host), "%s", host + 3);
    (void)snprintf(e->bucket, sizeof(e->bucket), "%s", job->where + 5);
    return e;
}

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
    easy *e = ctx;
    if (size * n > e->bytes - e->at)
        return 0;
    memcpy(e->to + e->at, data, size * n);
    e->at += size * n;
    return size * n;
}

static size_t give(char *data, size_t size, size_t n, void *ctx)
{
    easy *e = ctx;
    size_t len = size * n < e->bytes - e->at ? size * n : e->bytes - e->at;
    memcpy(data, e->from + e->at, len);
    e->at += len;
    return len;
}

static void *curl_open(void *shared)
{
    easy *e = bench_calloc(1, sizeof(*e));
    *e = *(const easy *)shared;
    e->curl = curl_easy_init();
    if (e->curl == NULL)
        bench_die("libcurl does not start");
    return e;
}

static struct curl_slist *signed_headers(const easy *e, const char *method, const char *path,
                                         const char *payload)
{
    char host[300];
    char date[64];
    char stamp[SKEP__SIGN_TIME];
    char sum[128];
    int64_t now = skep_now_us();
    skep__sign_time(now, stamp);
    (void)snprintf(host, sizeof(host), "host: %s", e->host);
    (void)snprintf(date, sizeof(date), "x-amz-date: %s", stamp);
    (void)snprintf(sum, sizeof(sum), "x-amz-content-sha256: %s", payload);
    const char *const headers[] = {host, date, sum, NULL};
    const char *region = getenv("S3_REGION");
    const skep__sign_key key = {.access_key_id = getenv("S3_ACCESS_KEY"),
                                .secret = skep_slice_str(getenv("S3_SECRET_KEY")),
                                .region = region != NULL ? region : "us-east-1",
                                .service = "s3"};
    const skep__sign_request request = {.method = method,
                                        .path = path,
                                        .query = "",
                                        .headers = headers,
                                        .payload = payload,
                                        .now_us = now};
    skep__buf value = SKEP__BUF_INIT(4096);
    (void)skep__buf_add_text(&value, "Authorization: ");
    if (skep__sign(&key, &request, &value) < 0)
        bench_die("%s", skep_last_error()->text);
    struct curl_slist *list = curl_slist_append(NULL, skep__buf_text(&value));
    list = curl_slist_append(list, date);
    list = curl_slist_append(list, sum);
    list = curl_slist_append(list, "Expect:");
    skep__buf_dispose(&value);
    return list;
}

static void transfer(easy *e, const char *method, const char *key, const char *payload)
{
    char path[1200];
    char url[1600];
    long status = 0;
    (void)snprintf(path, sizeof(path), "/%s%s%s", e->bucket, *key == '\0' ? "" : "/", key);
    (void)snprintf(url, sizeof(url), "http://%s%s", e->host, path);
    struct curl_slist *headers = signed_headers(e, method, path, payload);
    e->at = 0;
    curl_easy_setopt(e->curl, CURLOPT_URL, url);
    curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode rc = curl_easy_perform(e->curl);
    curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (rc != CURLE_OK || status != 200)
        bench_die("%s %s: %s, status %ld", method, url, curl_easy_strerror(rc), status);
}

static void curl_put(void *self, const char *key, const void *data, size_t bytes)
{
    easy *e = self;
    char payload[SKEP__SHA256_HEX];
    skep__sha256_hex(skep_slice_of(data, bytes), payload);
    curl_easy_reset(e->curl);
    curl_easy_setopt(e->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(e->curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(e->curl, CURLOPT_READDATA, e);
    curl_easy_setopt(e->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)bytes);
    e->from = data;
    e->bytes = bytes;
    transfer(e, "PUT", key, payload);
}

static void curl_get(void *self, const char *key, void *data, size_t bytes)
{
    easy *e = self;
    char payload[SKEP__SHA256_HEX];
    skep__sha256_hex(skep_slice_of("", 0), payload);
    curl_easy_reset(e->curl);
    curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, e);
    e->to = data;
    e->bytes = bytes;
    transfer(e, "GET", key, payload);
    if (e->at != bytes)
        bench_die("%s has another size", key);
}

static void curl_close(void *self)
{
    easy *e = self;
    curl_easy_cleanup(e->curl);
    free(e);
}

static void curl_end(void *shared)
{
    free(shared);
}

void store_make_bucket(const store_job *job)
{
    easy *shared = curl_begin(job);
    easy *e = curl_open(shared);
    e->bucket[strcspn(e->bucket, "/")] = '\0';
    curl_put(e, "", "", 0);
    curl_close(e);
    curl_end(shared);
}

const store_side store_curl = {"curl",   curl_begin, curl_open, curl_put,
                               curl_get, curl_close, curl_end};
