/* SPDX-License-Identifier: MIT */
/* docs/openapi.yaml against the server: the same routes, and every status that it names is
 * provoked. */
#include "suites.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../store/faulty.h"
#include "http/server.h"
#include "support.h"

/* ---- the document, as far as its own layout goes: two blanks a level ---- */

typedef struct operation {
    char path[64];
    char method[8];
    bool open;
    int statuses[32];
    bool seen[32];
    int count;
} operation;

enum { OPERATIONS_MAX = 32 };
typedef struct document {
    operation operations[OPERATIONS_MAX];
    int count;
} document;

static bool indented(const char *line, size_t blanks)
{
    return strspn(line, " ") == blanks && line[blanks] != '\0';
}

static void take_line(document *doc, const char *line, char path[64], bool *in_paths)
{
    operation *last = doc->count > 0 ? &doc->operations[doc->count - 1] : NULL;
    char word[64];
    int status = 0;
    if (indented(line, 0))
        *in_paths = strcmp(line, "paths:") == 0;
    if (!*in_paths)
        return;
    if (indented(line, 2) && sscanf(line, " %63[^:]:", path) == 1)
        return;
    if (indented(line, 4) && sscanf(line, " %7[a-z]:", word) == 1 && strlen(word) < 7) {
        ck_assert_int_lt(doc->count, OPERATIONS_MAX);
        last = &doc->operations[doc->count++];
        (void)snprintf(last->path, sizeof(last->path), "%s", path);
        for (size_t i = 0; word[i] != '\0'; i++)
            last->method[i] = (char)toupper((unsigned char)word[i]);
    } else if (last != NULL && indented(line, 8) && sscanf(line, " \"%d\":", &status) == 1)
        last->statuses[last->count++] = status;
    else if (last != NULL && strcmp(line, "      security: []") == 0)
        last->open = true;
}

static document *read_document(void)
{
    document *doc = keep(sizeof(*doc));
    char path[64] = "", file[512];
    bool in_paths = false;
    (void)snprintf(file, sizeof(file), "%s/docs/openapi.yaml", getenv("SKEP_SOURCE_DIR"));
    char *save = NULL;
    for (char *line = strtok_r(harness_read_file(file, NULL), "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save))
        take_line(doc, line, path, &in_paths);
    return doc;
}

static operation *find(document *doc, const char *path, const char *method)
{
    for (int i = 0; i < doc->count; i++)
        if (strcmp(doc->operations[i].path, path) == 0 &&
            strcmp(doc->operations[i].method, method) == 0)
            return &doc->operations[i];
    return NULL;
}

TEST(the_document_and_the_server_have_the_same_routes)
{
    document *doc = read_document();
    int routes = 0;
    for (const http_route *r = http_routes; r->place != HTTP_NOWHERE; r++, routes++) {
        const operation *o = find(doc, r->path, http_method_name(r->method));
        ck_assert_msg(o != NULL, "%s %s is not in docs/openapi.yaml", http_method_name(r->method),
                      r->path);
        ck_assert_int_eq(o->open, r->open);
    }
    ck_assert_int_eq(routes, doc->count);
}

/* ---- every status ---- */

/* A request for each of them that succeeds. */
static answer ask_usual(const world *w, const operation *o, const char *headers)
{
    const char *body = NULL, *path = o->path, *at = headers;
    char all[40000];
    if (strchr(path, '{') != NULL)
        path = "/v1/objects/k";
    if (strcmp(o->method, "PUT") == 0)
        body = "content";
    else if (strcmp(path, "/v1/delete") == 0)
        body = "{\"keys\":[\"gone\"]}";
    else if (strcmp(path, "/v1/copy") == 0)
        body = "{\"from\":\"k\",\"to\":\"copy\"}";
    if (strcmp(o->method, "POST") == 0 && strstr(headers, "Content-Type") == NULL) {
        (void)snprintf(all, sizeof(all), "%sContent-Type: application/json\r\n", headers);
        at = all;
    }
    return body != NULL ? ask_with(w, o->method, path, at, body) : ask_for(w, o->method, path, at);
}

static void see(operation *o, const answer *a)
{
    bool known = false;
    if (o == NULL)
        ck_abort_msg("there is no such operation");
    for (int i = 0; i < o->count; i++)
        if (o->statuses[i] == a->status)
            o->seen[i] = known = true;
    ck_assert_msg(known, "%s %s answers %d, which docs/openapi.yaml does not have: %s", o->method,
                  o->path, a->status, a->body);
}

typedef struct given {
    const skep_serve_opts *opts;
    const char *headers;
    int fail;  /* the store fails with it */
    bool fill; /* the server has as many connections as it takes */
} given;

static void fail_all(const world *w, int code)
{
    for (int call = 0; call < FAULTY_CALLS; call++) {
        faulty_step step = {
            .call = (faulty_call)call, .what = FAULTY_BEFORE, .nth = 0, .code = code};
        if (call != FAULTY_CAPS || code == SKEP_EIO || code == SKEP_ENET)
            faulty_add(w->store, &step);
    }
}

static void ask_each(document *doc, const given *g)
{
    for (int i = 0; i < doc->count; i++) {
        world w = world_start(g->opts);
        world_put(&w, "k", "content");
        int fd = wire_open(&w);
        if (g->fill) {
            ck_assert(wire_say(fd, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            ck_assert_int_eq(wire_answer(fd, false).status, 200);
        }
        if (g->fail != 0)
            fail_all(&w, g->fail);
        answer a = ask_usual(&w, &doc->operations[i], g->headers);
        see(&doc->operations[i], &a);
        wire_close(fd);
        world_stop(&w);
    }
}

#define ALL "Authorization: Bearer all-secret-of-this-test\r\n"

/* As a browser does that takes the server for another one. */
static answer ask_as_other(const world *w, const operation *o)
{
    char head[256];
    int fd = wire_open(w);
    (void)snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: example.org\r\n\r\n", o->method,
                   strchr(o->path, '{') != NULL ? "/v1/objects/k" : o->path);
    ck_assert(wire_say(fd, head));
    answer a = wire_answer(fd, strcmp(o->method, "HEAD") == 0);
    wire_close(fd);
    return a;
}

static void ask_what_holds_for_all(document *doc)
{
    skep_serve_opts keyed = SKEP_SERVE_OPTS_INIT, full = SKEP_SERVE_OPTS_INIT;
    char *large = keep(20000);
    (void)snprintf(large, 20000, "X: %017000d\r\n", 1);
    keyed.api_key_file = KEY_FILE("keys", "all rw %s", "peek ro %s other/");
    full.connections = 1;
    const given cases[] = {
        {NULL, "", 0, false},
        {&keyed, "", 0, false},
        {&keyed, "Authorization: Bearer peek-secret-of-this-test\r\n", 0, false},
        {&keyed, ALL, SKEP_EIO, false},
        {NULL, "", SKEP_ENET, false},
        {&full, "", 0, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ask_each(doc, &cases[i]);
    for (int i = 0; i < doc->count; i++) {
        operation *o = &doc->operations[i];
        world w = world_start(NULL);
        answer a = ask_usual(&w, o, large);
        if (!o->open)
            see(o, &a);
        a = ask_as_other(&w, o);
        see(o, &a);
        world_stop(&w);
    }
}

static void ask_too_often(document *doc)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.requests_per_second = 1;
    for (int i = 0; i < doc->count; i++) {
        world w = world_start(&opts);
        answer a = {0};
        for (int n = 0; n < 100 && a.status != 429 && !doc->operations[i].open; n++)
            a = ask_usual(&w, &doc->operations[i], "");
        if (!doc->operations[i].open)
            see(&doc->operations[i], &a);
        world_stop(&w);
    }
}

/* One of each that only some have. */
static const struct {
    const char *route, *method, *path, *headers, *body;
    int fail;
} single[] = {
#define OBJECT "/v1/objects/{key}"
#define JSON "Content-Type: application/json\r\n"
    {OBJECT, "GET", "/v1/objects/k", "Range: bytes=1-2\r\n", NULL, 0},
    {OBJECT, "GET", "/v1/objects/k", "Range: bytes=100-\r\n", NULL, 0},
    {OBJECT, "GET", "/v1/objects/k", "If-None-Match: *\r\n", NULL, 0},
    {OBJECT, "GET", "/v1/objects/k", "If-Match: \"no\"\r\n", NULL, 0},
    {OBJECT, "GET", "/v1/objects/none", "", NULL, 0},
    {OBJECT, "GET", "/v1/objects/..", "", NULL, 0},
    {OBJECT, "HEAD", "/v1/objects/k", "If-None-Match: *\r\n", NULL, 0},
    {OBJECT, "HEAD", "/v1/objects/k", "If-Match: \"no\"\r\n", NULL, 0},
    {OBJECT, "HEAD", "/v1/objects/none", "", NULL, 0},
    {OBJECT, "HEAD", "/v1/objects/..", "", NULL, 0},
    {OBJECT, "PUT", "/v1/objects/..", "", "x", 0},
    {OBJECT, "PUT", "/v1/objects/k", "", NULL, 0},
    {OBJECT, "PUT", "/v1/objects/k", "If-None-Match: *\r\n", "x", 0},
    {OBJECT, "PUT", "/v1/objects/k", "", "x", SKEP_ECONFLICT},
    {OBJECT, "PUT", "/v1/objects/k", "", "x", SKEP_EUNSUPPORTED},
    {OBJECT, "PUT", "/v1/objects/k", "", "x", SKEP_EFULL},
    {OBJECT, "PUT", "/v1/objects/k", "", "x", SKEP_ELIMIT},
    {OBJECT, "DELETE", "/v1/objects/..", "", NULL, 0},
    {"/v1/objects", "GET", "/v1/objects?limit=x", "", NULL, 0},
    {"/v1/objects", "GET", "/v1/objects?prefix=q", "Authorization: Bearer x\r\n", NULL, 0},
    {"/v1/delete", "POST", "/v1/delete", JSON, "{}", 0},
    {"/v1/delete", "POST", "/v1/delete", JSON, NULL, 0},
    {"/v1/delete", "POST", "/v1/delete", "", "{}", 0},
    {"/v1/copy", "POST", "/v1/copy", JSON, "{}", 0},
    {"/v1/copy", "POST", "/v1/copy", JSON, NULL, 0},
    {"/v1/copy", "POST", "/v1/copy", "", "{}", 0},
    {"/v1/copy", "POST", "/v1/copy", JSON, "{\"from\":\"none\",\"to\":\"c\"}", 0},
    {"/v1/copy", "POST", "/v1/copy", JSON, "{\"from\":\"k\",\"to\":\"c\",\"if_etag\":\"no\"}", 0},
    {"/v1/copy", "POST", "/v1/copy", JSON, "{\"from\":\"k\",\"to\":\"c\"}", SKEP_ECONFLICT},
    {"/v1/copy", "POST", "/v1/copy", JSON, "{\"from\":\"k\",\"to\":\"c\"}", SKEP_EUNSUPPORTED},
    {"/v1/copy", "POST", "/v1/copy", JSON, "{\"from\":\"k\",\"to\":\"c\"}", SKEP_EFULL},
};

static void ask_singles(document *doc)
{
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        world w = world_start(NULL);
        world_put(&w, "k", "content");
        if (single[i].fail != 0)
            fail_all(&w, single[i].fail);
        answer a =
            single[i].body != NULL
                ? ask_with(&w, single[i].method, single[i].path, single[i].headers, single[i].body)
                : ask_for(&w, single[i].method, single[i].path, single[i].headers);
        see(find(doc, single[i].route, single[i].method), &a);
        world_stop(&w);
    }
}

static void ask_too_long(document *doc)
{
    world w = world_start(NULL);
    char *path = keep(2000);
    (void)snprintf(path, 2000, "/v1/objects/%01800d", 0);
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE"};
    for (size_t i = 0; i < 4; i++) {
        answer a = ask_for(&w, methods[i], path, "");
        see(find(doc, OBJECT, methods[i]), &a);
    }
    static const char *const posts[] = {"/v1/delete", "/v1/copy"};
    size_t len = SKEP__HTTP_JSON_MAX + 1;
    char *body = keep(len);
    for (size_t i = 0; i < 2; i++) {
        answer a = ask(&w, "POST", posts[i], JSON, body, len);
        see(find(doc, posts[i], "POST"), &a);
    }
    world_stop(&w);
}

TEST(every_status_of_the_document_is_provoked)
{
    document *doc = read_document();
    ask_what_holds_for_all(doc);
    ask_too_often(doc);
    ask_singles(doc);
    ask_too_long(doc);
    for (int i = 0; i < doc->count; i++)
        for (int s = 0; s < doc->operations[i].count; s++)
            ck_assert_msg(doc->operations[i].seen[s], "%s %s: no %d was seen",
                          doc->operations[i].method, doc->operations[i].path,
                          doc->operations[i].statuses[s]);
}

static const harness_test tests[] = {
    HARNESS_TEST(the_document_and_the_server_have_the_same_routes),
    HARNESS_TEST(every_status_of_the_document_is_provoked),
};
const harness_suite document_suite = HARNESS_SUITE("document", tests);
