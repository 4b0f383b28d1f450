/* SPDX-License-Identifier: MIT */
/* GET, HEAD and DELETE of one object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include <skep/sys/store_engine.h>

#include "http/server.h"

/* ---- what there is to know ---- */

void *http_object_json(const skep_object *object)
{
    char hash[33];
    json_t *json =
        json_pack("{s:s, s:I, s:I, s:s}", "key", object->key, "bytes", (json_int_t)object->bytes,
                  "modified_us", (json_int_t)object->modified_us, "etag", object->etag);
    bool fits = json != NULL;
    http_hash_text(object->hash, hash);
    if (fits && (object->flags & SKEP_OBJECT_HASHED) != 0)
        fits = json_object_set_new(json, "hash", json_string(hash)) == 0;
    if (fits && (object->flags & SKEP_OBJECT_SEALED) != 0)
        fits = json_object_set_new(json, "sealed", json_true()) == 0;
    if (fits)
        return json;
    json_decref(json);
    return NULL;
}

static void add_etag(struct MHD_Response *response, const skep_object *object)
{
    char etag[SKEP_STORE_ETAG_MAX + 3];
    (void)snprintf(etag, sizeof(etag), "\"%s\"", object->etag);
    http_add(response, MHD_HTTP_HEADER_ETAG, etag);
}

/* As RFC 9110 wants it, whatever the locale. */
static void add_modified(struct MHD_Response *response, int64_t us)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[96];
    struct tm tm;
    time_t seconds = (time_t)(us / 1000000);
    (void)snprintf(text, sizeof(text), "%" PRId64, us);
    http_add(response, "Skep-Modified", text);
    if (us < 0 || gmtime_r(&seconds, &tm) == NULL)
        return;
    (void)snprintf(text, sizeof(text), "%.3s, %02d %.3s %d %02d:%02d:%02d GMT",
                   days + (size_t)tm.tm_wday * 3, tm.tm_mday, months + (size_t)tm.tm_mon * 3,
                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    http_add(response, MHD_HTTP_HEADER_LAST_MODIFIED, text);
}

static void add_object(struct MHD_Response *response, const skep_object *object)
{
    char hash[33];
    add_etag(response, object);
    add_modified(response, object->modified_us);
    http_add(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    http_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    http_add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache");
    http_hash_text(object->hash, hash);
    if ((object->flags & SKEP_OBJECT_HASHED) != 0)
        http_add(response, "Skep-Hash", hash);
    if ((object->flags & SKEP_OBJECT_SEALED) != 0)
        http_add(response, "Skep-Sealed", "1");
}

enum MHD_Result http_answer_object(http_request *r, const skep_object *object)
{
    json_t *json = http_object_json(object);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    struct MHD_Response *response =
        text != NULL ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE)
                     : NULL;
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    r->bytes_out += strlen(text);
    add_etag(response, object);
    http_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    http_add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return http_answer(r, 200, response);
}

/* ---- conditions: 0, or the status that they make of it; negative: they make no sense ---- */

static int check_conditions(const http_request *r, const skep_object *object)
{
    const char *match = http_header(r, MHD_HTTP_HEADER_IF_MATCH);
    const char *none_match = http_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
    int is = match != NULL ? http_tags_match(match, object->etag, false) : 1;
    if (is < 0)
        return is;
    if (is == 0) {
        (void)skep_fail(SKEP_ECONFLICT, "http", "it is another object than If-Match says");
        return 412;
    }
    is = none_match != NULL ? http_tags_match(none_match, object->etag, true) : 0;
    return is < 0 ? is : is > 0 ? 304 : 0;
}

static enum MHD_Result answer_condition(http_request *r, int status, const skep_object *object)
{
    if (status != 304)
        return http_answer_failure(r, status < 0 ? 400 : status, skep_last_error());
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (response != NULL)
        add_etag(response, object);
    return http_answer(r, 304, response);
}

/* ---- HEAD, DELETE ---- */

static int head(http_request *r, skep_object *out)
{
    skep_io_opts io = http_io(r);
    *out = (skep_object)SKEP_OBJECT_INIT;
    http_ours(r, true);
    int rc = skep_store_head(r->serve->store, r->target.key, &io, out);
    http_ours(r, false);
    return rc;
}

/* The answer to HEAD says how long a body would be, and has none. */
static ssize_t no_body(void *cls, uint64_t at, char *out, size_t max)
{
    (void)cls, (void)at, (void)out, (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

enum MHD_Result http_head(http_request *r)
{
    skep_object object;
    if (head(r, &object) < 0)
        return http_answer_failed(r);
    int status = check_conditions(r, &object);
    if (status != 0)
        return answer_condition(r, status, &object);
    struct MHD_Response *response =
        MHD_create_response_from_callback(object.bytes, 1024, no_body, NULL, NULL);
    if (response != NULL)
        add_object(response, &object);
    return http_answer(r, 200, response);
}

enum MHD_Result http_delete(http_request *r)
{
    skep_io_opts io = http_io(r);
    http_ours(r, true);
    int rc = skep_store_delete(r->serve->store, r->target.key, &io);
    http_ours(r, false);
    if (rc < 0)
        return http_answer_failed(r);
    return http_answer(
        r, 204, MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT));
}

/* ---- GET ---- */

/* A body on its way: it outlives the call that made it. */
typedef struct http_reading {
    http_request *r;
    skep_get *get;
    skep_object object;
    uint64_t first, bytes; /* what is answered */
} http_reading;

static void reading_free(void *cls)
{
    http_reading *reading = cls;
    skep_get_close(reading->get);
    free(reading);
}

static int read_piece(http_reading *reading, char *out, size_t max, size_t *got)
{
    http_ours(reading->r, true);
    int rc = skep_get_read(reading->get, out, max, got);
    http_ours(reading->r, false);
    if (rc < 0)
        (void)snprintf(reading->r->why, sizeof(reading->r->why), "%s: %s", skep_code_name(rc),
                       skep_last_error()->text);
    return rc;
}

/* What is wrong by now can only be shown by a body that ends too early. */
static ssize_t next_piece(void *cls, uint64_t at, char *out, size_t max)
{
    http_reading *reading = cls;
    size_t got = 0;
    uint64_t left = reading->bytes - at;
    max = left < max ? (size_t)left : max;
    if (read_piece(reading, out, max, &got) < 0 || got == 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    /* The store compares the whole with its hash where it ends. */
    char end = 0;
    size_t more = 0;
    if (at + got == reading->bytes && read_piece(reading, &end, 1, &more) < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    reading->r->bytes_out += got;
    return (ssize_t)got;
}

static int open_get(http_reading *reading, const http_range *range, const char *if_etag)
{
    http_request *r = reading->r;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.offset = range->kind == HTTP_WHOLE ? 0 : range->first;
    opts.bytes = range->kind == HTTP_WHOLE ? 0 : range->bytes;
    opts.if_etag = if_etag;
    opts.io = http_io(r);
    reading->object = (skep_object)SKEP_OBJECT_INIT;
    http_ours(r, true);
    int rc = skep_get_open(r->serve->store, r->target.key, &opts, &reading->get, &reading->object);
    http_ours(r, false);
    return rc;
}

/* The end of an object is known only where its length is: it must still be the same then. */
static int open_last(http_reading *reading, const http_range *last)
{
    http_range range = {.kind = HTTP_FROM};
    skep_object object;
    int rc = SKEP_OK;
    for (int i = 0; i < SKEP__HTTP_TRIES; i++) {
        rc = head(reading->r, &object);
        if (rc < 0)
            return rc;
        range.first = object.bytes > last->bytes ? object.bytes - last->bytes : 0;
        rc = open_get(reading, &range, object.etag);
        if (rc != SKEP_ECONFLICT)
            return rc;
    }
    return skep_fail(SKEP_EBUSY, "http", "the object keeps changing; try again");
}

static enum MHD_Result answer_beyond(http_request *r, uint64_t length)
{
    char range[48];
    (void)snprintf(range, sizeof(range), "bytes */%" PRIu64, length);
    (void)skep_fail(SKEP_EINVALID, "http", "the range begins at the end of the object, or behind");
    return http_answer_failure_with(r, 416, skep_last_error(), MHD_HTTP_HEADER_CONTENT_RANGE,
                                    range);
}

/* Small ones as a whole: they then have the status of their failure, and go in one piece. */
static struct MHD_Response *answer_small(http_reading *reading, int *rc)
{
    size_t size = (size_t)reading->bytes, len = 0;
    char *data = malloc(size + 1);
    *rc = data != NULL ? SKEP_OK : skep_fail(SKEP_ENOMEM, "http", "out of memory");
    for (size_t got = 1; *rc >= 0 && got > 0; len += got) {
        got = 0;
        *rc = read_piece(reading, data + len, size + 1 - len, &got);
        if (*rc >= 0 && len + got > size)
            *rc = skep_fail(SKEP_ECORRUPT, "http", "the store gives more than it said");
    }
    if (*rc >= 0 && len != size)
        *rc = skep_fail(SKEP_ECORRUPT, "http", "the store gives less than it said");
    struct MHD_Response *response =
        *rc >= 0 ? MHD_create_response_from_buffer(size, data, MHD_RESPMEM_MUST_FREE) : NULL;
    if (response == NULL)
        free(data);
    else
        reading->r->bytes_out += size;
    return response;
}

static enum MHD_Result answer_body(http_reading *reading, bool ranged)
{
    http_request *r = reading->r;
    char range[80];
    int rc = SKEP_OK;
    bool small = reading->bytes <= SKEP__HTTP_SMALL_MAX;
    skep_object object = reading->object;
    (void)snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, reading->first,
                   reading->first + reading->bytes - 1, object.bytes);
    struct MHD_Response *response =
        small ? answer_small(reading, &rc)
              : MHD_create_response_from_callback(reading->bytes, SKEP__HTTP_BLOCK, next_piece,
                                                  reading, reading_free);
    if (small || response == NULL) {
        skep_err err = *skep_last_error();
        reading_free(reading);
        if (rc < 0)
            return http_answer_failure(r, http_status_of(r, rc), &err);
    }
    if (response == NULL)
        return MHD_NO;
    add_object(response, &object);
    if (ranged)
        http_add(response, MHD_HTTP_HEADER_CONTENT_RANGE, range);
    return http_answer(r, ranged ? 206 : 200, response);
}

/* What is to be answered, once it is open: 0, or a status that makes an end of it. */
static int settle(http_reading *reading, const http_range *range)
{
    uint64_t size = reading->object.bytes;
    int status = check_conditions(reading->r, &reading->object);
    if (status != 0)
        return status;
    if (range->kind == HTTP_WHOLE) {
        reading->bytes = size;
        return 0;
    }
    reading->first = range->kind == HTTP_FROM ? range->first
                     : size > range->bytes    ? size - range->bytes
                                              : 0;
    if (reading->first >= size || (range->kind == HTTP_LAST && range->bytes == 0))
        return 416;
    uint64_t left = size - reading->first;
    reading->bytes = range->bytes == 0 || range->bytes > left ? left : range->bytes;
    return 0;
}

static enum MHD_Result answer_opened(http_reading *reading, const http_range *range)
{
    http_request *r = reading->r;
    int status = settle(reading, range);
    if (status == 0)
        return answer_body(reading, range->kind != HTTP_WHOLE);
    skep_object object = reading->object;
    skep_err err = *skep_last_error();
    reading_free(reading);
    if (status == 416)
        return answer_beyond(r, object.bytes);
    (void)skep_fail(err.code, err.room, "%s", err.text);
    return answer_condition(r, status, &object);
}

/* Opened at the range that is asked for: 1; 0 if it lies behind the end. */
static int open_range(http_reading *reading, http_range *range)
{
    const char *if_range = http_header(reading->r, MHD_HTTP_HEADER_IF_RANGE);
    int rc = range->kind == HTTP_LAST ? open_last(reading, range) : open_get(reading, range, NULL);
    if (range->kind == HTTP_FROM && range->first > 0 && rc == SKEP_EINVALID) {
        skep_err err = *skep_last_error();
        if (head(reading->r, &reading->object) >= 0 && reading->object.bytes < range->first)
            return 0;
        return skep_fail(err.code, err.room, "%s", err.text);
    }
    if (rc < 0 || range->kind == HTTP_WHOLE || if_range == NULL)
        return rc < 0 ? rc : 1;
    int same = http_tags_match(if_range, reading->object.etag, false);
    if (same != 0)
        return same;
    skep_get_close(reading->get);
    reading->get = NULL;
    *range = (http_range){.kind = HTTP_WHOLE};
    rc = open_get(reading, range, NULL);
    return rc < 0 ? rc : 1;
}

enum MHD_Result http_get(http_request *r)
{
    http_range range;
    http_reading *reading = calloc(1, sizeof(*reading));
    if (reading == NULL)
        return MHD_NO;
    reading->r = r;
    http_range_parse(http_header(r, MHD_HTTP_HEADER_RANGE), &range);
    int rc = open_range(reading, &range);
    if (rc > 0)
        return answer_opened(reading, &range);
    skep_err err = *skep_last_error();
    uint64_t length = reading->object.bytes;
    reading_free(reading);
    return rc == 0 ? answer_beyond(r, length)
                   : http_answer_failure(r, http_status_of(r, err.code), &err);
}
