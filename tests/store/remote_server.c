/* SPDX-License-Identifier: MIT */
#include "remote_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_in.h"
#include "harness/alloc.h"
#include "memory.h"
#include "net/net.h"
#include "store/store.h"
#include "suites.h"

enum { BODY_MAX = 256 << 20, PAGE = 5 }; /* small pages, so that lists have several */

static void say_failure(front_answer *answer, int status)
{
    const skep_err *err = skep_last_error();
    skep__buf out = SKEP__BUF_INIT(4096);
    skep__json j = SKEP__JSON_INIT(&out);
    skep__json_object(&j, NULL);
    skep__json_text(&j, "code", skep_code_name(err->code));
    skep__json_text(&j, "text", err->text);
    skep__json_text(&j, "outcome", skep_outcome_name(err->outcome));
    skep__json_end(&j);
    front_status(answer, status);
    front_say(answer, "Skep-Code: %s", skep_code_name(err->code));
    front_body(answer, out.data, out.len);
    skep__buf_dispose(&out);
}

static int status_of(int code)
{
    switch (code) {
    case SKEP_ENOTFOUND:
        return 404;
    case SKEP_EEXISTS:
    case SKEP_ECONFLICT:
        return 412;
    case SKEP_EINVALID:
        return 400;
    default:
        return 500;
    }
}

static void json_object(skep__json *j, const skep_object *o)
{
    char hash[SKEP__HASH_TEXT];
    skep__hash_text(o->hash, hash);
    skep__json_object(j, NULL);
    skep__json_text(j, "key", o->key);
    skep__json_uint(j, "bytes", o->bytes);
    skep__json_int(j, "modified_us", o->modified_us);
    skep__json_text(j, "etag", o->etag);
    if ((o->flags & SKEP_OBJECT_HASHED) != 0)
        skep__json_text(j, "hash", hash);
    skep__json_end(j);
}

static void say_object(front_answer *answer, const skep_object *o)
{
    skep__buf out = SKEP__BUF_INIT(4096);
    skep__json j = SKEP__JSON_INIT(&out);
    json_object(&j, o);
    front_body(answer, out.data, out.len);
    skep__buf_dispose(&out);
}

/* The ETag of a header without its quotes; NULL: there is no such header. Good until the next. */
static const char *etag_of(const front_request *r, const char *name)
{
    static char etag[SKEP_STORE_ETAG_MAX + 1];
    const char *value = front_header(r, name);
    if (value == NULL)
        return NULL;
    (void)snprintf(etag, sizeof(etag), "%.*s", (int)strlen(value) - 2, value + 1);
    return etag;
}

static void put(skep_store *store, const char *key, const front_request *r, front_answer *answer)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object made = SKEP_OBJECT_INIT;
    opts.create = front_header(r, "If-None-Match") != NULL;
    opts.if_etag = etag_of(r, "If-Match");
    int rc = skep_store_put(store, key, r->body, &opts, &made);
    if (rc < 0)
        say_failure(answer, status_of(rc));
    else
        say_object(answer, &made);
}

static void say_headers(front_answer *answer, const skep_object *o)
{
    char hash[SKEP__HASH_TEXT];
    skep__hash_text(o->hash, hash);
    front_say(answer, "ETag: \"%s\"", o->etag);
    front_say(answer, "Skep-Modified: %lld", (long long)o->modified_us);
    if ((o->flags & SKEP_OBJECT_HASHED) != 0)
        front_say(answer, "Skep-Hash: %s", hash);
}

/* HEAD too: the front leaves the body out, and tells its length. */
static void get(skep_store *store, const char *key, const front_request *r, front_answer *answer)
{
    skep_object o = SKEP_OBJECT_INIT;
    skep_arena *arena = NULL;
    skep_slice all;
    const char *match = etag_of(r, "If-Match");
    const char *range = front_header(r, "Range");
    assert_ok(skep_arena_new(BODY_MAX, &arena));
    int rc = skep_store_get(store, key, NULL, arena, &all, &o);
    if (rc >= 0 && match != NULL && strcmp(match, o.etag) != 0)
        rc = skep_fail(SKEP_ECONFLICT, "test", "another ETag");
    size_t from = 0;
    size_t end = all.len;
    if (rc >= 0 && range != NULL) {
        char *rest = NULL;
        from = strtoull(range + 6, &rest, 10);
        if (rest[1] != '\0' && strtoull(rest + 1, NULL, 10) < end)
            end = strtoull(rest + 1, NULL, 10) + 1;
    }
    if (rc < 0) {
        say_failure(answer, status_of(rc));
    } else if (range != NULL && from >= all.len) {
        (void)skep_fail(SKEP_EINVALID, "test", "behind the end");
        say_failure(answer, 416);
    } else {
        say_headers(answer, &o);
        front_status(answer, range != NULL ? 206 : 200);
        if (range != NULL)
            front_say(answer, "Content-Range: bytes %zu-%zu/%zu", from, end - 1, all.len);
        front_body(answer, (const char *)all.data + from, end - from);
    }
    skep_arena_free(arena);
}

static void param(const char *target, const char *name, skep__buf *out)
{
    char start[32];
    (void)snprintf(start, sizeof(start), "%s=", name);
    const char *at = strstr(target, start);
    if (at == NULL)
        return;
    at += strlen(start);
    assert_ok(skep__url_decode(out, skep_slice_of(at, strcspn(at, "&"))));
}

static void list(skep_store *store, const front_request *r, front_answer *answer)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object o = SKEP_OBJECT_INIT;
    skep_list *all = NULL;
    skep__buf out = SKEP__BUF_INIT(1 << 20);
    skep__json j = SKEP__JSON_INIT(&out);
    skep__buf params[3] = {SKEP__BUF_INIT(4096), SKEP__BUF_INIT(4096), SKEP__BUF_INIT(4096)};
    param(r->target, "prefix", &params[0]);
    param(r->target, "after", &params[1]);
    param(r->target, "limit", &params[2]);
    opts.prefix = skep__buf_text(&params[0]);
    opts.after = skep__buf_text(&params[1]);
    uint64_t most = strtoull(skep__buf_text(&params[2]), NULL, 10);
    uint64_t n = 0;
    assert_ok(skep_list_open(store, &opts, &all));
    skep__json_object(&j, NULL);
    skep__json_array(&j, "objects");
    bool more;
    while ((more = assert_ok(skep_list_next(all, &o)) > 0) && n++ < (most < PAGE ? most : PAGE))
        json_object(&j, &o);
    skep__json_end(&j);
    skep__json_bool(&j, "more", more);
    skep__json_end(&j);
    skep_list_close(all);
    front_body(answer, out.data, out.len);
    skep__buf_dispose(&out);
    for (size_t i = 0; i < 3; i++)
        skep__buf_dispose(&params[i]);
}

static void delete_many(skep_store *store, const front_request *r, front_answer *answer)
{
    char key[SKEP_STORE_KEY_MAX + 1];
    skep__buf out = SKEP__BUF_INIT(1 << 20);
    skep__json j = SKEP__JSON_INIT(&out);
    skep__json_in in = skep__json_in_of(r->body);
    skep__json_open(&in, '{');
    ck_assert(skep__json_member(&in, key, sizeof(key)));
    ck_assert_str_eq(key, "keys");
    skep__json_open(&in, '[');
    skep__json_object(&j, NULL);
    skep__json_array(&j, "results");
    while (skep__json_element(&in)) {
        (void)skep__json_read_text(&in, key, sizeof(key));
        int rc = skep_store_delete(store, key, NULL);
        skep__json_object(&j, NULL);
        skep__json_text(&j, "key", key);
        skep__json_text(&j, "code", rc < 0 ? skep_code_name(rc) : "SKEP_OK");
        skep__json_end(&j);
    }
    skep__json_end(&j);
    skep__json_end(&j);
    front_body(answer, out.data, out.len);
    skep__buf_dispose(&out);
}

static void copy(skep_store *store, const front_request *r, front_answer *answer)
{
    char name[16];
    char texts[3][SKEP_STORE_KEY_MAX + 1] = {{0}};
    static const char *const names[] = {"from", "to", "if_etag"};
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object made = SKEP_OBJECT_INIT;
    skep__json_in in = skep__json_in_of(r->body);
    skep__json_open(&in, '{');
    while (skep__json_member(&in, name, sizeof(name))) {
        if (strcmp(name, "create") == 0)
            opts.create = skep__json_read_bool(&in);
        for (size_t i = 0; i < 3; i++)
            if (strcmp(name, names[i]) == 0)
                (void)skep__json_read_text(&in, texts[i], sizeof(texts[i]));
    }
    ck_assert(skep__json_over(&in));
    opts.if_etag = texts[2][0] != '\0' ? texts[2] : NULL;
    int rc = skep_store_copy(store, texts[0], texts[1], &opts, &made);
    if (rc < 0)
        say_failure(answer, status_of(rc));
    else
        say_object(answer, &made);
}

static void answer_it(void *ctx, const front_request *r, front_answer *answer)
{
    skep_store *store = ctx;
    static const char objects[] = "/v1/objects/";
    static const char caps[] =
        "{\"create\":true,\"swap\":true,\"copy\":true,\"keeps_hash\":true,"
        "\"hash_first\":false,\"lists_bytes\":true,\"bytes_max\":1,\"x\":[]}";
    if (strcmp(r->target, "/v1/caps") == 0) {
        front_body(answer, caps, sizeof(caps) - 1);
    } else if (strcmp(r->target, "/v1/delete") == 0) {
        delete_many(store, r, answer);
    } else if (strcmp(r->target, "/v1/copy") == 0) {
        copy(store, r, answer);
    } else if (strncmp(r->target, "/v1/objects?", 12) == 0) {
        list(store, r, answer);
    } else if (strncmp(r->target, objects, sizeof(objects) - 1) == 0) {
        skep__buf key = SKEP__BUF_INIT(4096);
        const char *path = r->target + sizeof(objects) - 1;
        assert_ok(skep__url_decode(&key, skep_slice_str(path)));
        if (strcmp(r->method, "PUT") == 0)
            put(store, skep__buf_text(&key), r, answer);
        else if (strcmp(r->method, "DELETE") != 0)
            get(store, skep__buf_text(&key), r, answer);
        else if (assert_ok(skep_store_delete(store, skep__buf_text(&key), NULL)) == SKEP_OK)
            front_status(answer, 204);
        skep__buf_dispose(&key);
    } else {
        front_status(answer, 404);
    }
}

/* What the server allocates is none of a sweep's business. */
static void handle(void *ctx, const front_request *r, front_answer *answer)
{
    alloc_benign_begin();
    answer_it(ctx, r, answer);
    alloc_benign_end();
}

remote_world remote_open(const skep_store_opts *opts)
{
    remote_world w = {0};
    skep__retry_hasten(1000);
    assert_ok(memory_store_open(MEMORY_CAPS, &w.behind));
    w.f = front_start(NULL, handle, w.behind);
    assert_ok(skep_store_open(front_url(w.f), opts, &w.store));
    return w;
}

void remote_close(remote_world *w)
{
    assert_ok(skep_store_close(w->store));
    front_stop(w->f);
    assert_ok(skep_store_close(w->behind));
}

void remote_rule(remote_world *w, const char *method, front_fault fault, int64_t at, uint64_t count)
{
    const front_rule rule = {.method = method, .fault = fault, .at = at, .count = count};
    front_rules_clear(w->f);
    front_rule_add(w->f, &rule);
}

void remote_says(remote_world *w, const char *method, int status, const char *headers,
                 const char *body, uint64_t count)
{
    const front_rule rule = {.method = method,
                             .fault = FRONT_ANSWER,
                             .status = status,
                             .headers = headers,
                             .body = body,
                             .count = count};
    front_rules_clear(w->f);
    front_rule_add(w->f, &rule);
}
