/* SPDX-License-Identifier: MIT */
/* A request from its first line to its end. libmicrohttpd takes an answer before the body or behind
 * it, never in the middle. So what is refused is answered at once where the client waits for that
 * (Expect) or much would come, and else behind its body, which is read and dropped: an answer to a
 * client that is still sending is often lost with the connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <skep/sys/store_engine.h>
#include <skep/time.h>

#include "http/server.h"

const http_route http_routes[] = {
    {HTTP_OBJECT, "/v1/objects/{key}", HTTP_GET, false, false, false, http_get},
    {HTTP_OBJECT, "/v1/objects/{key}", HTTP_HEAD, false, false, false, http_head},
    {HTTP_OBJECT, "/v1/objects/{key}", HTTP_PUT, false, true, false, http_put_end},
    {HTTP_OBJECT, "/v1/objects/{key}", HTTP_DEL, false, true, false, http_delete},
    {HTTP_LIST, "/v1/objects", HTTP_GET, false, false, false, http_list},
    {HTTP_DELETE, "/v1/delete", HTTP_POST, false, true, true, http_delete_many},
    {HTTP_COPY, "/v1/copy", HTTP_POST, false, true, true, http_copy_object},
    {HTTP_CAPS, "/v1/caps", HTTP_GET, false, false, false, http_caps},
    {HTTP_METRICS, "/metrics", HTTP_GET, false, false, false, http_metrics},
    {HTTP_LIVE, "/livez", HTTP_GET, true, false, false, http_live},
    {HTTP_READY, "/readyz", HTTP_GET, true, false, false, http_ready},
    {HTTP_NOWHERE, NULL, HTTP_OTHER, false, false, false, NULL},
};

static const char *const method_names[HTTP_METHODS] = {"other", "GET",  "HEAD",
                                                       "PUT",   "POST", "DELETE"};

const char *http_method_name(http_method method)
{
    return method_names[method];
}

const char *http_header(const http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

skep_io_opts http_io(const http_request *r)
{
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    io.cancel = r->serve->cancel;
    return io;
}

void *http_request_new(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    skep_serve *serve = cls;
    const union MHD_ConnectionInfo *context =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    http_request *r = calloc(1, sizeof(*r));
    char *raw = strdup(uri);
    if (r == NULL || raw == NULL || context == NULL || context->socket_context == NULL) {
        free(r);
        free(raw);
        return NULL; /* its first step ends the connection */
    }
    r->serve = serve;
    r->conn = context->socket_context;
    r->mhd = mhd;
    r->raw = raw;
    r->at_us = skep_now_us();
    r->began_ns = http_now_ns();
    atomic_fetch_add(&serve->in_flight, 1);
    atomic_fetch_add(&r->conn->requests, 1);
    http_phase_set(r->conn, HTTP_MOVING);
    return r;
}

/* ---- the body ---- */

static void fail_later(http_request *r, int status, uint64_t may_drain)
{
    r->status = status;
    r->err = *skep_last_error();
    r->may_drain = may_drain;
    http_put_drop(r);
}

static int take_json(http_request *r, const char *data, size_t len)
{
    if (r->body_len + len > SKEP__HTTP_JSON_MAX) {
        (void)skep_fail(SKEP_ELIMIT, "http", "the body is larger than this server takes");
        return 413;
    }
    if (r->body_len + len > r->body_room) {
        size_t room = 2 * (r->body_len + len);
        char *body = realloc(r->body, room);
        if (body == NULL) {
            (void)skep_fail(SKEP_ENOMEM, "http", "out of memory");
            return 503;
        }
        r->body = body;
        r->body_room = room;
    }
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
    return 0;
}

/* MHD_NO ends the connection: too much would have to be read to be heard. */
static enum MHD_Result drain(http_request *r, size_t len)
{
    if (len > r->may_drain)
        return MHD_NO;
    r->may_drain -= len;
    return MHD_YES;
}

static enum MHD_Result take_piece(http_request *r, const char *data, size_t len)
{
    int status = 0;
    r->bytes_in += len;
    if (r->status != 0 || (r->method != HTTP_PUT && r->method != HTTP_POST))
        return drain(r, len);
    status = r->method == HTTP_PUT ? http_put_piece(r, data, len) : take_json(r, data, len);
    if (status != 0)
        fail_later(r, status, SKEP__HTTP_DRAIN_FAILED);
    return MHD_YES;
}

/* ---- steps ---- */

/* libmicrohttpd takes the first line apart where it lies, into texts that end at a zero byte: one
 * within the path would make another path of it. */
static bool line_is_whole(const http_request *r, const char *url, const char *version)
{
    return (uintptr_t)version == (uintptr_t)url + strlen(r->raw) + 1;
}

static enum MHD_Result begin(http_request *r, const char *method, bool whole)
{
    const char *expect = http_header(r, "Expect");
    (void)snprintf(r->method_text, sizeof(r->method_text), "%s", method);
    for (int m = HTTP_GET; m < HTTP_METHODS; m++)
        if (strcmp(method, method_names[m]) == 0)
            r->method = (http_method)m;
    r->may_drain = SKEP__HTTP_DRAIN_MAX;
    int status = 400;
    if (whole)
        status = http_allow(r);
    else
        (void)skep_fail(SKEP_EINVALID, "http", "the first line holds a zero byte or more blanks");
    if (status == 0 && r->method == HTTP_PUT)
        status = http_put_begin(r);
    if (status == 0)
        return MHD_YES;
    fail_later(r, status, SKEP__HTTP_DRAIN_MAX);
    bool sends = r->chunked || (r->has_length && r->length > 0);
    if (!sends)
        return MHD_YES;
    if (expect != NULL || r->length > SKEP__HTTP_DRAIN_MAX || (r->chunked && r->has_length))
        return http_answer_failure(r, r->status, &r->err);
    return MHD_YES;
}

static enum MHD_Result finish(http_request *r)
{
    if (r->status != 0)
        return http_answer_failure(r, r->status, &r->err);
    for (const http_route *route = http_routes; route->place != HTTP_NOWHERE; route++)
        if (route->place == r->target.place && route->method == r->method)
            return route->run(r);
    return MHD_NO; /* http_allow() has refused it */
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd decides what it is called with */
enum MHD_Result http_request_step(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **request)
{
    http_request *r = *request;
    (void)cls, (void)mhd;
    if (r == NULL)
        return MHD_NO;
    if (!r->begun) {
        r->begun = true;
        return begin(r, method, line_is_whole(r, url, version));
    }
    if (*len > 0) {
        enum MHD_Result go_on = take_piece(r, data, *len);
        *len = 0;
        return go_on;
    }
    return finish(r);
}

/* ---- its end ---- */

static const char *who_asks(const http_request *r, char out[64])
{
    const char *forwarded = (r->serve->opts.flags & SKEP_SERVE_BEHIND_PROXY) != 0
                                ? http_header(r, "X-Forwarded-For")
                                : NULL;
    const char *last = forwarded != NULL ? strrchr(forwarded, ',') : NULL;
    last = last != NULL ? last + 1 + strspn(last + 1, " ") : forwarded;
    (void)snprintf(out, 64, "%s", last != NULL ? last : r->conn->text);
    return out;
}

static void tell(http_request *r, bool cut, uint64_t took_us)
{
    char address[64];
    skep_serve_access access = {.size = (uint32_t)sizeof(access),
                                .status = r->answered,
                                .at_us = r->at_us,
                                .took_us = (int64_t)took_us,
                                .bytes_in = r->bytes_in,
                                .bytes_out = r->bytes_out,
                                .address = who_asks(r, address),
                                .key = r->who != NULL ? r->who->name : "",
                                .method = r->method_text,
                                .path = r->raw,
                                .why = r->why,
                                .cut = cut};
    if (r->serve->opts.access == NULL)
        return;
    r->raw[strcspn(r->raw, "?")] = '\0';
    r->serve->opts.access(&access, r->serve->opts.ctx);
}

void http_request_done(void *cls, struct MHD_Connection *mhd, void **request,
                       enum MHD_RequestTerminationCode code)
{
    http_request *r = *request;
    (void)cls, (void)mhd;
    if (r == NULL)
        return;
    *request = NULL;
    bool cut = code != MHD_REQUEST_TERMINATED_COMPLETED_OK;
    uint64_t took_us = (http_now_ns() - r->began_ns) / 1000u;
    http_put_drop(r);
    if (cut)
        atomic_fetch_add(&r->serve->figures.cut, 1);
    http_count(r->serve, r, took_us);
    tell(r, cut, took_us);
    atomic_fetch_add(&r->conn->requests, 1);
    http_phase_set(r->conn, HTTP_WAITING);
    atomic_fetch_sub(&r->serve->in_flight, 1);
    http_keys_unref(r->keys);
    free(r->body);
    free(r->raw);
    free(r);
}
