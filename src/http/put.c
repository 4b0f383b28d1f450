/* SPDX-License-Identifier: MIT */
/* PUT: begun before the body is asked for, written as it comes, committed at its end. */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <skep/sys/store_engine.h>

#include "http/server.h"

void http_put_drop(http_request *r)
{
    skep_put_abort(r->put);
    r->put = NULL;
    (void)XXH3_freeState(r->hashing);
    r->hashing = NULL;
}

static int bad(const char *text)
{
    (void)skep_fail(SKEP_EINVALID, "http", "%s", text);
    return 400;
}

static int take_condition(http_request *r, skep_put_opts *opts)
{
    const char *none_match = http_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
    const char *match = http_header(r, MHD_HTTP_HEADER_IF_MATCH);
    if (none_match != NULL && match != NULL)
        return bad("If-None-Match and If-Match exclude each other");
    if (none_match != NULL && strcmp(none_match, "*") != 0)
        return bad("If-None-Match of a PUT is * or nothing");
    if (match != NULL && http_tag_parse(match, r->if_etag) < 0)
        return 400;
    opts->create = none_match != NULL;
    opts->if_etag = match != NULL ? r->if_etag : NULL;
    r->conditional = none_match != NULL || match != NULL;
    return 0;
}

static int take_hash(http_request *r)
{
    const char *hash = http_header(r, "Skep-Hash");
    if (hash == NULL)
        return 0;
    if (!http_hash_parse(hash, r->hash))
        return bad("Skep-Hash is not 32 hex digits");
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL || XXH3_128bits_reset(state) != XXH_OK) {
        (void)XXH3_freeState(state);
        (void)skep_fail(SKEP_ENOMEM, "http", "out of memory");
        return 503;
    }
    r->hashing = state;
    return 0;
}

int http_put_begin(http_request *r)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    int status = take_condition(r, &opts);
    if (status == 0)
        status = take_hash(r);
    if (status != 0)
        return status;
    if (r->has_length)
        opts.bytes = r->length;
    opts.io = http_io(r);
    http_ours(r, true);
    int rc = skep_put_begin(r->serve->store, r->target.key, &opts, &r->put);
    http_ours(r, false);
    return rc < 0 ? http_status_of(r, rc) : 0;
}

int http_put_piece(http_request *r, const char *data, size_t len)
{
    if (r->bytes_in > r->serve->opts.object_bytes) {
        (void)skep_fail(SKEP_ELIMIT, "http", "the body is larger than this server takes");
        return 413;
    }
    if (r->hashing != NULL)
        (void)XXH3_128bits_update(r->hashing, data, len);
    http_ours(r, true);
    int rc = skep_put_write(r->put, data, len);
    http_ours(r, false);
    return rc < 0 ? http_status_of(r, rc) : 0;
}

static bool hash_is_right(const http_request *r)
{
    XXH128_canonical_t have;
    if (r->hashing == NULL)
        return true;
    XXH128_canonicalFromHash(&have, XXH3_128bits_digest(r->hashing));
    return memcmp(have.digest, r->hash, sizeof(r->hash)) == 0;
}

enum MHD_Result http_put_end(http_request *r)
{
    skep_object object = SKEP_OBJECT_INIT;
    if (!hash_is_right(r)) {
        http_put_drop(r);
        (void)skep_fail(SKEP_ECORRUPT, "http",
                        "the body is not what Skep-Hash says: it was changed on the way");
        return http_answer_failure(r, 400, skep_last_error());
    }
    skep_put *put = r->put;
    r->put = NULL;
    http_ours(r, true);
    int rc = skep_put_commit(put, &object);
    http_ours(r, false);
    return rc < 0 ? http_answer_failed(r) : http_answer_object(r, &object);
}
