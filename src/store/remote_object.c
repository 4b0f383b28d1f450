/* SPDX-License-Identifier: MIT */
/* Head, delete, copy. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "store/remote_private.h"

int skep__remote_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    skep__remote *r = skep__remote_of(store);
    const skep__remote_ask ask = {.method = "HEAD", .route = "objects/", .key = key, .io = io};
    skep__remote_answer answer;
    SKEP__CLEANUP(skep__buf_dispose) skep__buf none = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
    SKEP__TRY(skep__remote_do(r, &ask, &answer, &none));
    if (answer.bytes == UINT64_MAX || answer.etag[0] == '\0')
        return SKEP__FAIL(SKEP_ENET, "%s: %s: it does not say size and ETag: is it skep serve?",
                          r->name, key);
    out->flags =
        (answer.hashed ? SKEP_OBJECT_HASHED : 0) | (answer.sealed ? SKEP_OBJECT_SEALED : 0);
    out->bytes = answer.bytes;
    out->modified_us = answer.modified_us;
    memcpy(out->hash, answer.hash, sizeof(out->hash));
    (void)skep__text_copy(out->etag, sizeof(out->etag), answer.etag);
    (void)skep__text_copy(out->key, sizeof(out->key), key);
    return SKEP_OK;
}

/* ---- delete ---- */

static int remove_one(skep__remote *r, const char *key, const skep_io *io)
{
    const skep__remote_ask ask = {.method = "DELETE", .route = "objects/", .key = key, .io = io};
    skep__remote_answer answer;
    SKEP__CLEANUP(skep__buf_dispose) skep__buf none = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
    return skep__remote_do(r, &ask, &answer, &none);
}

/* One element of the results: key and code, which belong to `key`. */
static bool read_result(skep__json_in *in, const char *key, int *result)
{
    char name[8];
    char text[SKEP_STORE_KEY_MAX + 1];
    bool same = false;
    bool coded = false;
    skep__json_open(in, '{');
    while (skep__json_member(in, name, sizeof(name))) {
        if (strcmp(name, "key") == 0) {
            (void)skep__json_read_text(in, text, sizeof(text));
            same = strcmp(text, key) == 0;
        } else if (strcmp(name, "code") == 0) {
            (void)skep__json_read_text(in, text, sizeof(text));
            *result = skep__remote_code(text);
            coded = *result != SKEP_OK || strcmp(text, "SKEP_OK") == 0;
        } else {
            skep__json_skip(in);
        }
    }
    return same && coded && !in->bad;
}

static bool read_results(skep_slice body, const char *const *keys, size_t n, int *results)
{
    char name[16];
    size_t read = 0;
    bool good = true;
    skep__json_in in = skep__json_in_of(body);
    skep__json_open(&in, '{');
    while (skep__json_member(&in, name, sizeof(name))) {
        if (strcmp(name, "results") != 0) {
            skep__json_skip(&in);
            continue;
        }
        skep__json_open(&in, '[');
        while (good && skep__json_element(&in)) {
            good = read < n && read_result(&in, keys[read], &results[read]);
            read++;
        }
        if (!good)
            return false;
    }
    return skep__json_over(&in) && read == n;
}

static int say_first(const skep__remote *r, const char *const *keys, size_t n, const int *results)
{
    for (size_t i = 0; i < n; i++)
        if (results[i] < 0)
            return SKEP__FAIL(results[i], "%s: %s: it could not be deleted (%s)", r->name, keys[i],
                              skep_code_name(results[i]));
    return SKEP_OK;
}

static int remove_body(const char *const *keys, size_t n, skep__buf *body)
{
    skep__json j = SKEP__JSON_INIT(body);
    skep__json_object(&j, NULL);
    skep__json_array(&j, "keys");
    for (size_t i = 0; i < n; i++)
        skep__json_text(&j, NULL, keys[i]);
    skep__json_end(&j);
    skep__json_end(&j);
    return skep__buf_status(body);
}

int skep__remote_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                        int *results)
{
    skep__remote *r = skep__remote_of(store);
    if (n == 1)
        return results[0] = remove_one(r, keys[0], io);
    SKEP__CLEANUP(skep__buf_dispose) skep__buf body = SKEP__BUF_INIT(SKEP__REMOTE_PAGE_MAX);
    SKEP__CLEANUP(skep__buf_dispose) skep__buf said = SKEP__BUF_INIT(SKEP__REMOTE_PAGE_MAX);
    SKEP__TRY(remove_body(keys, n, &body));
    const skep__remote_ask ask = {.method = "POST",
                                  .route = "delete",
                                  .headers = {"Content-Type: application/json"},
                                  .body = skep__buf_slice(&body),
                                  .io = io};
    skep__remote_answer answer;
    SKEP__TRY(skep__remote_do(r, &ask, &answer, &said));
    if (!read_results(skep__buf_slice(&said), keys, n, results)) {
        memset(results, 0, n * sizeof(*results));
        int rc = SKEP__FAIL(SKEP_ENET,
                            "%s: it does not say what became of %zu deletes: is it skep "
                            "serve?",
                            r->name, n);
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
        return rc;
    }
    return say_first(r, keys, n, results);
}

/* ---- copy ---- */

static int copy_body(const char *from, const char *to, const skep_put_how *how, skep__buf *body)
{
    skep__json j = SKEP__JSON_INIT(body);
    skep__json_object(&j, NULL);
    skep__json_text(&j, "from", from);
    skep__json_text(&j, "to", to);
    if (how->create != 0)
        skep__json_bool(&j, "create", true);
    if (how->if_etag != NULL)
        skep__json_text(&j, "if_etag", how->if_etag);
    skep__json_end(&j);
    return skep__buf_status(body);
}

/* As often as it takes. A condition that fails after an answer was lost may be the copy's own
 * doing: then what lies there decides. */
int skep__remote_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                      skep_object *out)
{
    skep__remote *r = skep__remote_of(store);
    skep__retry retry;
    bool unsure = false;
    int rc = SKEP_OK;
    SKEP__CLEANUP(skep__buf_dispose) skep__buf body = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
    SKEP__CLEANUP(skep__buf_dispose) skep__buf said = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
    SKEP__TRY(copy_body(from, to, how, &body));
    const skep__remote_ask ask = {.method = "POST",
                                  .route = "copy",
                                  .headers = {"Content-Type: application/json"},
                                  .body = skep__buf_slice(&body),
                                  .io = &how->io};
    skep__retry_init(&retry, r->retry_ms, how->io.deadline_ns, how->io.cancel);
    do {
        skep__remote_answer answer;
        rc = skep__remote_try(r, &ask, &answer, &said);
        if (rc >= 0)
            return skep__remote_object_of(r, to, skep__buf_slice(&said), out);
        unsure |= answer.unsure;
        rc = answer.again ? skep__retry_again(&retry, answer.retry_after_ms) : rc;
    } while (rc >= 0);
    if (!unsure)
        return rc;
    skep_err err;
    skep_object source = SKEP_OBJECT_INIT;
    skep__err_save(&err);
    if (skep__remote_head(store, from, &how->io, &source) >= 0 &&
        (source.flags & SKEP_OBJECT_HASHED) != 0) {
        (void)skep__err_install(&err);
        return skep__remote_settle(r, to, &how->io, source.hash, out);
    }
    (void)skep__err_install(&err);
    skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}
