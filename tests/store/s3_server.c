/* SPDX-License-Identifier: MIT */
#include "store/s3_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skep/arena.h>

#include "harness/harness.h"

#define BUCKET "skep-tests"

const char *s3_endpoint(void)
{
    const char *endpoint = getenv("S3_ENDPOINT"); /* NOLINT(concurrency-mt-unsafe): set by nobody */
    if (endpoint == NULL || endpoint[0] == '\0')
        harness_skip_test(SKIP_S3, "eval \"$(tests/services/s3-up DIR)\"");
    return endpoint;
}

static const char *uri_at(const char *prefix, const char *endpoint, const char *params)
{
    static char uri[SKEP_STORE_URI_MAX];
    if (endpoint == NULL)
        endpoint = s3_endpoint();
    (void)snprintf(uri, sizeof(uri), "s3://" BUCKET "/%s?endpoint=%s%s", prefix, endpoint,
                   params == NULL ? "" : params);
    return uri;
}

/* Which no other test has, nor another run of this one. */
static const char *own_prefix(void)
{
    static char prefix[64];
    if (prefix[0] == '\0')
        (void)snprintf(prefix, sizeof(prefix), "%d-%llx", (int)getpid(),
                       (unsigned long long)harness_now_ns());
    return prefix;
}

const char *s3_uri(const char *endpoint, const char *params)
{
    return uri_at(own_prefix(), endpoint, params);
}

skep__s3 *s3_of(skep_store *store)
{
    return skep__s3_of(store);
}

static void make_bucket(skep_store *store)
{
    const skep_io io = {.deadline_ns = 0};
    const skep__s3_ask ask = {.method = "PUT", .query = "", .io = &io};
    skep__s3_answer answer;
    assert_ok(skep__s3_do(s3_of(store), &ask, &answer, NULL));
}

skep_store *s3_store_at(const char *prefix, const char *endpoint, const char *params)
{
    skep_store *store = NULL;
    skep_store *direct = NULL;
    assert_ok(skep_store_open(uri_at(prefix, NULL, NULL), NULL, &direct));
    make_bucket(direct);
    assert_ok(skep_store_close(direct));
    assert_ok(skep_store_open(uri_at(prefix, endpoint, params), NULL, &store));
    return store;
}

skep_store *s3_store(const char *endpoint, const char *params)
{
    return s3_store_at(own_prefix(), endpoint, params);
}

void s3_empty(skep_store *store)
{
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    assert_ok(skep_list_open(store, NULL, &list));
    while (assert_ok(skep_list_next(list, &object)) > 0)
        assert_ok(skep_store_delete(store, object.key, NULL));
    skep_list_close(list);
}

void s3_end(skep_store *store)
{
    skep_store *direct = NULL;
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_open(s3_uri(NULL, NULL), NULL, &direct));
    s3_empty(direct);
    assert_ok(skep_store_close(direct));
}

static int count_upload(void *ctx, const char *key, const char *upload_id, int64_t initiated_us)
{
    (void)key;
    (void)upload_id;
    (void)initiated_us;
    ++*(size_t *)ctx;
    return SKEP_OK;
}

size_t s3_uploads(skep_store *store)
{
    skep__s3 *s3 = s3_of(store);
    const skep_io io = {.deadline_ns = 0};
    char query[SKEP_STORE_KEY_MAX];
    size_t count = 0;
    skep__s3_answer answer;
    skep__buf body = SKEP__BUF_INIT(SKEP__S3_ANSWER_MAX);
    skep__s3_uploads_page *page = calloc(1, sizeof(*page));
    (void)snprintf(query, sizeof(query), "uploads=&encoding-type=url&prefix=%s", s3->prefix);
    char *slash = strrchr(query, '/');
    (void)snprintf(slash, sizeof(query) - (size_t)(slash - query), "%%2F");
    const skep__s3_ask ask = {.method = "GET", .query = query, .io = &io};
    assert_ok(skep__s3_do(s3, &ask, &answer, &body));
    assert_ok(skep__s3_xml_uploads(skep__buf_slice(&body), count_upload, &count, page));
    free(page);
    skep__buf_dispose(&body);
    return count;
}

front *s3_front(void)
{
    return front_start(s3_endpoint(), NULL, NULL);
}

void *s3_bytes(size_t size)
{
    rng r = rng_of(size);
    void *bytes = malloc(size + 1);
    ck_assert_ptr_nonnull(bytes);
    rng_fill(&r, bytes, size);
    return bytes;
}

void s3_put(skep_store *store, const char *key, const void *data, size_t len)
{
    assert_ok(skep_store_put(store, key, skep_slice_of(data, len), NULL, NULL));
}

void s3_assert_content(skep_store *store, const char *key, const void *data, size_t len)
{
    skep_arena *arena = NULL;
    skep_slice got;
    assert_ok(skep_arena_new(0, &arena));
    assert_ok(skep_store_get(store, key, NULL, arena, &got, NULL));
    ck_assert_uint_eq(got.len, len);
    ck_assert(len == 0 || memcmp(got.data, data, len) == 0);
    skep_arena_free(arena);
}
