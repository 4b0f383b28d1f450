/* SPDX-License-Identifier: MIT */
/* Lists, and what is asked for as JSON: delete many, copy, caps. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <skep/sys/store_engine.h>

#include "http/server.h"

/* ---- a page ---- */

/* One more than is asked for: whether there are more is then known. */
static int fill_page(http_request *r, json_t *objects, bool *more)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_list *list = NULL;
    opts.prefix = r->target.prefix;
    opts.after = r->target.after;
    opts.limit = (uint64_t)r->target.limit + 1;
    opts.io = http_io(r);
    int rc = skep_list_open(r->serve->store, &opts, &list);
    while (rc >= 0 && (rc = skep_list_next(list, &object)) > 0) {
        if (json_array_size(objects) == r->target.limit) {
            *more = true;
            break;
        }
        if (json_array_append_new(objects, http_object_json(&object)) != 0)
            rc = skep_fail(SKEP_ENOMEM, "http", "out of memory");
    }
    skep_list_close(list);
    return rc;
}

enum MHD_Result http_list(http_request *r)
{
    bool more = false;
    json_t *objects = json_array();
    if (objects == NULL)
        return MHD_NO;
    http_ours(r, true);
    int rc = fill_page(r, objects, &more);
    http_ours(r, false);
    if (rc < 0) {
        json_decref(objects);
        return http_answer_failed(r);
    }
    return http_answer_json(r, 200, json_pack("{s:o, s:b}", "objects", objects, "more", more));
}

/* ---- delete many ---- */

static int check_names(http_request *r, const http_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        if (http_key_is_own(names->keys[i]))
            return SKEP_EINVALID;
        else if (!http_key_covers(r->who, names->keys[i]))
            return skep_fail(SKEP_EDENIED, "http",
                             "a key lies outside the prefix of this API key; nothing was deleted");
    return SKEP_OK;
}

static json_t *results_json(const http_names *names, const int *results)
{
    json_t *all = json_array();
    for (size_t i = 0; i < names->count; i++)
        if (json_array_append_new(all, json_pack("{s:s, s:s}", "key", names->keys[i], "code",
                                                 skep_code_name(results[i]))) != 0) {
            json_decref(all);
            return NULL;
        }
    return json_pack("{s:o}", "results", all);
}

static enum MHD_Result delete_names(http_request *r, const http_names *names)
{
    skep_io_opts io = http_io(r);
    int *results = calloc(names->count, sizeof(*results));
    if (results == NULL)
        return MHD_NO;
    for (size_t i = 0; i < names->count; i++)
        results[i] = SKEP_EINTERNAL;
    http_ours(r, true);
    int rc = skep_store_delete_many(r->serve->store, (const char *const *)names->keys, names->count,
                                    &io, results);
    http_ours(r, false);
    /* A key that makes no sense is a request that makes none: nothing was done then. */
    enum MHD_Result answered = rc == SKEP_EINVALID
                                   ? http_answer_failed(r)
                                   : http_answer_json(r, 200, results_json(names, results));
    free(results);
    return answered;
}

enum MHD_Result http_delete_many(http_request *r)
{
    http_names names;
    int rc = http_delete_parse(skep_slice_of(r->body, r->body_len), &names);
    if (rc < 0)
        return http_answer_failure(r, rc == SKEP_ENOMEM ? 503 : 400, skep_last_error());
    rc = check_names(r, &names);
    enum MHD_Result answered =
        rc < 0 ? http_answer_failure(r, rc == SKEP_EINVALID ? 400 : 403, skep_last_error())
               : delete_names(r, &names);
    http_names_dispose(&names);
    return answered;
}

/* ---- copy ---- */

enum MHD_Result http_copy_object(http_request *r)
{
    http_copy copy;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    if (http_copy_parse(skep_slice_of(r->body, r->body_len), &copy) < 0)
        return http_answer_failure(r, 400, skep_last_error());
    if (http_key_is_own(copy.from) || http_key_is_own(copy.to))
        return http_answer_failure(r, 400, skep_last_error());
    if (!http_key_covers(r->who, copy.from) || !http_key_covers(r->who, copy.to)) {
        (void)skep_fail(SKEP_EDENIED, "http", "a key lies outside the prefix of this API key");
        return http_answer_failure(r, 403, skep_last_error());
    }
    opts.create = copy.create;
    opts.if_etag = copy.if_etag[0] != '\0' ? copy.if_etag : NULL;
    opts.io = http_io(r);
    r->conditional = copy.create || opts.if_etag != NULL;
    http_ours(r, true);
    int rc = skep_store_copy(r->serve->store, copy.from, copy.to, &opts, &object);
    http_ours(r, false);
    return rc < 0 ? http_answer_failed(r) : http_answer_object(r, &object);
}

/* ---- what it can do, and how it is ---- */

enum MHD_Result http_caps(http_request *r)
{
    skep_io_opts io = http_io(r);
    uint32_t caps = 0;
    uint64_t single = SKEP_STORE_SINGLE_MAX, bytes = r->serve->opts.object_bytes;
    http_ours(r, true);
    int rc = skep_store_caps(r->serve->store, &io, &caps);
    http_ours(r, false);
    if (rc < 0)
        return http_answer_failed(r);
    return http_answer_json(
        r, 200,
        json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:I, s:I}", "create",
                  (caps & SKEP_STORE_CAN_CREATE) != 0, "swap", (caps & SKEP_STORE_CAN_SWAP) != 0,
                  "copy", 1, "keeps_hash", (caps & SKEP_STORE_KEEPS_HASH) != 0, "hash_first",
                  (caps & SKEP_STORE_HASH_FIRST) != 0, "lists_bytes",
                  (caps & SKEP_STORE_LISTS_BYTES) != 0, "bytes_max", (json_int_t)bytes,
                  "single_max", (json_int_t)(single < bytes ? single : bytes)));
}

enum MHD_Result http_live(http_request *r)
{
    return http_answer_text(r, 200, "text/plain", strdup("ok\n"));
}

static int ask_store(http_request *r)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep_io_opts io = http_io(r);
    io.timeout_ms = SKEP__HTTP_READY_MS;
    http_ours(r, true);
    int rc = skep_store_head(r->serve->store, "readyz", &io, &object);
    http_ours(r, false);
    return rc == SKEP_ENOTFOUND ? SKEP_OK : rc;
}

/* Nobody needs a key for this, so its answer is kept for a while: asking often costs the store
 * nothing. */
enum MHD_Result http_ready(http_request *r)
{
    skep_serve *serve = r->serve;
    (void)pthread_mutex_lock(&serve->lock);
    uint64_t now = http_now_ns();
    bool ask = serve->ready_ns == 0 || now > serve->ready_ns + SKEP__HTTP_READY_NS;
    int rc = serve->ready;
    if (ask)
        serve->ready_ns = now; /* others take the answer of before meanwhile */
    (void)pthread_mutex_unlock(&serve->lock);
    if (ask) {
        rc = ask_store(r);
        (void)pthread_mutex_lock(&serve->lock);
        serve->ready = rc;
        (void)pthread_mutex_unlock(&serve->lock);
    }
    if (rc >= 0)
        return http_answer_text(r, 200, "text/plain", strdup("ok\n"));
    if (!ask)
        (void)skep_fail(rc, "store", "the store has failed a moment ago");
    return http_answer_failure(r, 503, skep_last_error());
}
