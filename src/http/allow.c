/* SPDX-License-Identifier: MIT */
/* Who may do what: all that is looked at before a request has any effect. */
#include <string.h>
#include <strings.h>

#include <skep/sys/store_engine.h>

#include "http/server.h"

#define SECOND_NS UINT64_C(1000000000)

static int refuse(int status, int code, const char *text)
{
    (void)skep_fail(code, "http", "%s", text);
    return status;
}

/* ---- framing: where the request ends must be beyond doubt ---- */

typedef struct framing {
    unsigned lengths, encodings, hosts;
    const char *length, *encoding;
} framing;

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    framing *f = cls;
    (void)kind;
    if (strcasecmp(name, "Content-Length") == 0) {
        f->lengths++;
        f->length = value;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        f->encodings++;
        f->encoding = value;
    } else if (strcasecmp(name, "Host") == 0)
        f->hosts++;
    return MHD_YES;
}

/* Two servers that read a request differently are a way past the one in front. */
static int check_framing(http_request *r)
{
    framing f = {0};
    (void)MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, count_header, &f);
    if (f.lengths > 1 || f.encodings > 1 || f.hosts > 1 || (f.lengths > 0 && f.encodings > 0))
        return refuse(400, SKEP_EINVALID,
                      "Content-Length, Transfer-Encoding or Host stands there twice, or both of "
                      "the first two do");
    if (f.encodings > 0 && strcasecmp(f.encoding != NULL ? f.encoding : "", "chunked") != 0)
        return refuse(400, SKEP_EINVALID, "Transfer-Encoding is not chunked");
    if (f.lengths > 0 && !http_number(f.length != NULL ? f.length : "", &r->length))
        return refuse(400, SKEP_EINVALID, "Content-Length is no number");
    r->chunked = f.encodings > 0;
    r->has_length = f.lengths > 0;
    return 0;
}

static int check_head(http_request *r)
{
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (size != NULL && size->header_size > r->serve->opts.header_bytes)
        return refuse(431, SKEP_ELIMIT, "the head of the request is larger than the server reads");
    return check_framing(r);
}

/* ---- who ---- */

static int check_key(http_request *r)
{
    const char *host = http_header(r, "Host");
    (void)pthread_mutex_lock(&r->serve->lock);
    r->keys = r->serve->keys;
    if (r->keys != NULL)
        atomic_fetch_add(&r->keys->refs, 1);
    (void)pthread_mutex_unlock(&r->serve->lock);
    if (r->keys == NULL)
        return host == NULL || http_host_is_local(host)
                   ? 0
                   : refuse(
                         403, SKEP_EDENIED,
                         "this server has no keys and answers to localhost and its numbers only");
    const char *token = http_bearer(http_header(r, "Authorization"));
    r->who = token != NULL ? http_keys_find(r->keys, token) : NULL;
    return r->who != NULL ? 0
                          : refuse(401, SKEP_EAUTH,
                                   token == NULL ? "an API key is needed: Authorization: Bearer KEY"
                                                 : "the server does not know this API key");
}

/* A second's worth at once, then one after the other. */
static int check_rate(http_request *r)
{
    uint64_t rate = r->serve->opts.requests_per_second;
    if (rate == 0)
        return 0;
    uint64_t now = http_now_ns(), each = SECOND_NS / rate;
    http_key *who = r->who != NULL ? r->who : &r->serve->everybody;
    (void)pthread_mutex_lock(&r->serve->lock);
    uint64_t spent = who->spent_ns > now ? who->spent_ns : now;
    bool over = spent + each > now + SECOND_NS;
    if (!over)
        who->spent_ns = spent + each;
    (void)pthread_mutex_unlock(&r->serve->lock);
    if (!over)
        return 0;
    atomic_fetch_add(&r->serve->figures.limited, 1);
    return refuse(429, SKEP_EBUSY, "there are too many requests of this key in a second");
}

/* ---- what ---- */

static const http_route *find_route(const http_request *r, bool *place_is_known)
{
    *place_is_known = false;
    for (const http_route *route = http_routes; route->place != HTTP_NOWHERE; route++)
        if (route->place == r->target.place) {
            *place_is_known = true;
            if (route->method == r->method)
                return route;
        }
    return NULL;
}

bool http_changes(const http_request *r)
{
    bool known = false;
    const http_route *route = find_route(r, &known);
    return route != NULL && route->write;
}

static int check_scope(http_request *r, const http_route *route)
{
    const char *scope = r->who != NULL ? r->who->prefix : "";
    http_target *t = &r->target;
    if (route->write && (r->serve->opts.flags & SKEP_SERVE_READONLY) != 0)
        return refuse(403, SKEP_EREADONLY, "this server changes nothing");
    if (route->write && r->who != NULL && !r->who->write)
        return refuse(403, SKEP_EDENIED, "this API key may read only");
    bool ring = r->method != HTTP_DEL && strcmp(t->key, HTTP_KEY_RING) == 0;
    if (route->place == HTTP_OBJECT && !ring && http_key_is_own(t->key))
        return 400;
    if (route->place == HTTP_OBJECT && !http_key_covers(r->who, t->key))
        return refuse(403, SKEP_EDENIED, "the key lies outside the prefix of this API key");
    if (route->place == HTTP_METRICS && scope[0] != '\0')
        return refuse(403, SKEP_EDENIED, "metrics are for API keys without a prefix");
    if (route->place != HTTP_LIST || http_key_covers(r->who, t->prefix))
        return 0;
    if (strncmp(scope, t->prefix, strlen(t->prefix)) != 0)
        return refuse(403, SKEP_EDENIED, "the prefix lies outside the one of this API key");
    memcpy(t->prefix, scope, strlen(scope) + 1);
    return 0;
}

/* "application/json", with parameters or without. */
static bool is_json(const char *type)
{
    size_t len = type != NULL ? strcspn(type, "; \t") : 0;
    return len == 16 && strncasecmp(type, "application/json", 16) == 0;
}

static int check_body(const http_request *r, const http_route *route)
{
    uint64_t most = route->json ? SKEP__HTTP_JSON_MAX : r->serve->opts.object_bytes;
    if (r->method != HTTP_PUT && r->method != HTTP_POST)
        return 0;
    /* A browser asks before it sends JSON to another site, and is refused. */
    if (route->json && !is_json(http_header(r, "Content-Type")))
        return refuse(415, SKEP_EINVALID, "the body must come as Content-Type: application/json");
    if (!r->chunked && !r->has_length)
        return refuse(411, SKEP_EINVALID,
                      "a body needs a Content-Length, or Transfer-Encoding: chunked");
    if (r->has_length && r->length > most)
        return refuse(413, SKEP_ELIMIT, "the body is larger than this server takes");
    return 0;
}

static int check_call(http_request *r, int parsed)
{
    bool known = false;
    const http_route *route = find_route(r, &known);
    if (parsed < 0)
        return parsed == SKEP_ELIMIT ? 414 : 400;
    if (!known)
        return refuse(404, SKEP_ENOTFOUND, "there is nothing under this path; the API is at /v1/");
    if (route == NULL)
        return refuse(405, SKEP_EINVALID, "this path does not take this method");
    int status = check_scope(r, route);
    if (status == 0)
        status = check_body(r, route);
    return status;
}

static bool is_open(http_place place)
{
    return place == HTTP_LIVE || place == HTTP_READY;
}

static int check_turn(const http_request *r)
{
    if (r->conn->refused != 0) {
        atomic_fetch_add(&r->serve->figures.refused, 1);
        return refuse(r->conn->refused, SKEP_EBUSY,
                      r->conn->refused == 503 ? "the server has as many connections as it takes"
                                              : "there are too many connections from this address");
    }
    if (atomic_load(&r->serve->draining))
        return refuse(503, SKEP_ECLOSED, "the server is ending");
    return 0;
}

int http_allow(http_request *r)
{
    int status = check_head(r);
    if (status == 0)
        status = check_turn(r);
    if (status != 0)
        return status;
    int parsed = http_target_parse(r->raw, &r->target);
    if (!is_open(r->target.place)) {
        skep_err err = *skep_last_error();
        status = check_key(r);
        if (status == 0)
            status = check_rate(r);
        if (status != 0)
            return status;
        if (parsed < 0)
            (void)skep_fail(err.code, "http", "%s", err.text);
    }
    return check_call(r, parsed);
}
