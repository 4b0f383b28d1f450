/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <skep/sys/store_engine.h>

#include "http/server.h"

/* What a client can do about it decides; whether the condition was its own. */
int http_status_of(const http_request *r, int code)
{
    switch (code) {
    case SKEP_EINVALID:
        return 400;
    case SKEP_ENOTFOUND:
        return 404;
    case SKEP_EEXISTS:
    case SKEP_ECONFLICT:
        return r->conditional ? 412 : 409;
    case SKEP_EREADONLY:
        return 403;
    case SKEP_ELIMIT:
        return 413;
    case SKEP_EFULL:
        return 507;
    case SKEP_EUNSUPPORTED:
        return 501;
    case SKEP_EBUSY:
    case SKEP_ETIMEOUT:
    case SKEP_ECANCELLED:
    case SKEP_ECLOSED:
    case SKEP_ENET:
    case SKEP_ENOMEM:
        return 503;
    default:
        return 500;
    }
}

/* The store's own words go into the log: they may name what lies behind the server. */
static const char *text_of(int status, const skep_err *err)
{
    if (strcmp(err->room, "http") == 0 || status == 400 || status == 413 || status == 501)
        return err->text;
    switch (status) {
    case 404:
        return "there is no such object";
    case 409:
        return "something else stands in the way in the store";
    case 412:
        return err->code == SKEP_EEXISTS ? "there is such an object already"
                                         : "it is another object by now, or none";
    case 403:
        return "the store behind the server changes nothing";
    case 507:
        return "no space is left in the store";
    case 503:
        return "the store behind the server does not answer in time; try again";
    default:
        return "the store behind the server has failed; the server's log says why";
    }
}

void http_add(struct MHD_Response *response, const char *name, const char *value)
{
    /* Fails for lack of memory only: an answer without one of its headers is no worse. */
    (void)MHD_add_response_header(response, name, value);
}

/* What may be done with this place, for 405. */
static void add_allow(const http_request *r, struct MHD_Response *response)
{
    char allow[64] = "";
    size_t used = 0;
    for (const http_route *route = http_routes; route->place != HTTP_NOWHERE; route++)
        if (route->place == r->target.place) {
            int n = snprintf(allow + used, sizeof(allow) - used, "%s%s", used > 0 ? ", " : "",
                             http_method_name(route->method));
            used += n > 0 ? (size_t)n : 0;
        }
    http_add(response, MHD_HTTP_HEADER_ALLOW, allow);
}

enum MHD_Result http_answer(http_request *r, int status, struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO;
    http_add(response, "X-Content-Type-Options", "nosniff");
    if (status == 401)
        http_add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (status == 405)
        add_allow(r, response);
    if (status == 429 || status == 503)
        http_add(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    /* Behind what was not understood, the next request cannot be found. */
    if (status == 400 || status == 431 || r->conn->refused != 0 || atomic_load(&r->serve->draining))
        http_add(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result queued = MHD_queue_response(r->mhd, (unsigned)status, response);
    MHD_destroy_response(response);
    if (queued == MHD_YES)
        r->answered = status;
    return queued;
}

enum MHD_Result http_answer_text(http_request *r, int status, const char *type, char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    struct MHD_Response *response =
        text != NULL ? MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    http_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    http_add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    r->bytes_out += r->method != HTTP_HEAD ? len : 0;
    return http_answer(r, status, response);
}

enum MHD_Result http_answer_json(http_request *r, int status, void *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return http_answer_text(r, status, "application/json", text);
}

/* A text may quote what a client has sent, which need not be UTF-8. */
static json_t *text_json(const char *text)
{
    char plain[SKEP_ERR_TEXT_MAX];
    json_t *json = json_string(text);
    if (json != NULL)
        return json;
    (void)snprintf(plain, sizeof(plain), "%s", text);
    for (char *c = plain; *c != '\0'; c++)
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    return json_string(plain);
}

enum MHD_Result http_answer_failure_with(http_request *r, int status, const skep_err *err,
                                         const char *name, const char *value)
{
    json_t *json =
        json_pack("{s:s, s:o, s:s}", "code", skep_code_name(err->code), "text",
                  text_json(text_of(status, err)), "outcome", skep_outcome_name(err->outcome));
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    size_t len = text != NULL ? strlen(text) : 0;
    struct MHD_Response *response =
        text != NULL ? MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE) : NULL;
    json_decref(json);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    r->bytes_out += r->method != HTTP_HEAD ? len : 0;
    if (status >= 500 || status == 409)
        (void)snprintf(r->why, sizeof(r->why), "%s: %s", skep_code_name(err->code), err->text);
    http_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    http_add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_add(response, "Skep-Code", skep_code_name(err->code));
    if (name != NULL)
        http_add(response, name, value);
    return http_answer(r, status, response);
}

enum MHD_Result http_answer_failure(http_request *r, int status, const skep_err *err)
{
    return http_answer_failure_with(r, status, err, NULL, NULL);
}

enum MHD_Result http_answer_failed(http_request *r)
{
    skep_err err = *skep_last_error();
    return http_answer_failure(r, http_status_of(r, err.code), &err);
}
