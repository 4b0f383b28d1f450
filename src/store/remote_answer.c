/* SPDX-License-Identifier: MIT */
/* What the server says: headers, objects, and why not. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "store/remote_private.h"

void skep__remote_answer_init(skep__remote_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    answer->bytes = UINT64_MAX;
    answer->first = UINT64_MAX;
    answer->total = UINT64_MAX;
    answer->retry_after_ms = -1;
}

int skep__remote_code(const char *name)
{
    for (int code = -1; strcmp(skep_code_name(code), "?") != 0 && code > SKEP_EUSER; code--)
        if (strcmp(skep_code_name(code), name) == 0)
            return code;
    return SKEP_OK;
}

/* ---- headers ---- */

static bool named(skep_slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.data, text, s.len) == 0;
}

/* Digits only. */
static bool number(const char *from, const char *to, uint64_t *out)
{
    uint64_t n = 0;
    for (const char *c = from; c < to; c++)
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(n, UINT64_C(10), &n) ||
            __builtin_add_overflow(n, (uint64_t)(*c - '0'), &n))
            return false;
    *out = n;
    return to > from;
}

/* "bytes 100-199/1000", or of a 416 "bytes *" and the rest. */
static void content_range(skep__remote_answer *answer, skep_slice v)
{
    const char *text = v.data;
    const char *end = text + v.len;
    const char *slash = v.len < 6 ? NULL : memchr(text, '/', v.len);
    const char *dash = slash == NULL ? NULL : memchr(text, '-', (size_t)(slash - text));
    if (slash == NULL || memcmp(text, "bytes ", 6) != 0)
        return;
    (void)number(slash + 1, end, &answer->total);
    if (dash != NULL && dash > text + 6)
        (void)number(text + 6, dash, &answer->first);
}

/* One that does not fit is as if there were none: cut it would pin nothing. */
static void etag(skep__remote_answer *answer, skep_slice v)
{
    const char *t = v.data;
    if (v.len < 2 || t[0] != '"' || t[v.len - 1] != '"' || v.len - 2 > SKEP_STORE_ETAG_MAX)
        return;
    memcpy(answer->etag, t + 1, v.len - 2);
    answer->etag[v.len - 2] = '\0';
}

void skep__remote_header(void *ctx, skep_slice name, skep_slice value)
{
    skep__remote_answer *answer = ctx;
    const char *text = value.data;
    uint64_t n = 0;
    char code[32] = {0};
    if (named(name, "etag"))
        etag(answer, value);
    else if (named(name, "content-range"))
        content_range(answer, value);
    else if (named(name, "skep-modified") && number(text, text + value.len, &n) && n <= INT64_MAX)
        answer->modified_us = (int64_t)n;
    else if (named(name, "skep-hash"))
        answer->hashed = skep__hash_parse(value, answer->hash);
    else if (named(name, "skep-sealed"))
        answer->sealed = value.len == 1 && text[0] == '1';
    else if (named(name, "skep-code") && value.len > 0 && value.len < sizeof(code)) {
        memcpy(code, text, value.len);
        answer->code = skep__remote_code(code);
    }
}

/* ---- failures ---- */

typedef struct said {
    int code;
    char text[256];
    bool told;    /* the outcome */
    bool unknown; /* it is that */
} said;

static void read_error(skep_slice body, said *out)
{
    char name[16];
    char text[32];
    said s = {0};
    skep__json_in in = skep__json_in_of(body);
    skep__json_open(&in, '{');
    while (skep__json_member(&in, name, sizeof(name))) {
        if (strcmp(name, "code") == 0) {
            (void)skep__json_read_text(&in, text, sizeof(text));
            s.code = skep__remote_code(text);
        } else if (strcmp(name, "outcome") == 0) {
            (void)skep__json_read_text(&in, text, sizeof(text));
            s.told = true;
            s.unknown = strcmp(text, "none") != 0 && strcmp(text, "rolled back") != 0;
        } else if (strcmp(name, "text") == 0) {
            skep__json_in before = in;
            (void)skep__json_read_text(&in, s.text, sizeof(s.text));
            if (in.bad) { /* longer than is of use here */
                in = before;
                skep__json_skip(&in);
            }
        } else {
            skep__json_skip(&in);
        }
    }
    if (skep__json_over(&in))
        *out = s;
}

static int code_of_status(int status)
{
    static const struct {
        int status;
        int code;
    } all[] = {{400, SKEP_EINVALID},  {401, SKEP_EAUTH},        {403, SKEP_EDENIED},
               {409, SKEP_ECONFLICT}, {412, SKEP_ECONFLICT},    {413, SKEP_ELIMIT},
               {414, SKEP_ELIMIT},    {416, SKEP_EINVALID},     {429, SKEP_EBUSY},
               {431, SKEP_ELIMIT},    {501, SKEP_EUNSUPPORTED}, {503, SKEP_EBUSY},
               {507, SKEP_EFULL}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].status == status)
            return all[i].code;
    return SKEP_ENET;
}

/* What to do about it, where the server cannot know. */
static const char *advice(const skep__remote *r, const skep__remote_answer *answer, bool ours)
{
    if (answer->status == 401)
        return r->bearer == NULL ? "; it wants an API key: set REMOTE_STORAGE_API_KEY"
                                 : "; it does not know the API key that it was given: look at "
                                   "REMOTE_STORAGE_API_KEY";
    if (answer->status == 403 && r->bearer != NULL)
        return "; that takes an API key with more rights";
    if (answer->status >= 300 && answer->status < 400)
        return "; it sends elsewhere, which is not followed: name that address";
    if (!ours && answer->status == 404)
        return "; it is not skep serve that answers: look at the URI";
    return "";
}

/* Nothing will change that by itself. */
static bool lasting(int code)
{
    return code == SKEP_ECORRUPT || code == SKEP_EPOISONED || code == SKEP_EVERSION ||
           code == SKEP_EUNSUPPORTED || code == SKEP_EAUTH || code == SKEP_EDENIED;
}

int skep__remote_fail(const skep__remote *r, const skep__remote_ask *ask,
                      skep__remote_answer *answer, skep_slice body)
{
    said s = {0};
    read_error(body, &s);
    bool ours = answer->code != SKEP_OK || s.code != SKEP_OK;
    int code = answer->code != SKEP_OK ? answer->code : s.code;
    if (!ours)
        code = code_of_status(answer->status);
    bool changes = strcmp(ask->method, "GET") != 0 && strcmp(ask->method, "HEAD") != 0;
    answer->again = skep__retry_status(answer->status) && !lasting(code);
    answer->unsure = changes && (s.told ? s.unknown : answer->status >= 500 && !ours);
    const char *what = ask->key != NULL ? ask->key : ask->route;
    (void)SKEP__FAIL(code, "%s: %.80s%s: %s%sHTTP %d%s", r->name, what,
                     strlen(what) > 80 ? "..." : "", s.text, s.text[0] != '\0' ? "; " : "",
                     answer->status, advice(r, answer, ours));
    if (answer->unsure)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return code;
}

int skep__remote_no_answer(skep__remote_answer *answer, int rc)
{
    answer->again = rc == SKEP_ENET || rc == SKEP_ETIMEOUT;
    answer->unsure = skep_last_error()->outcome == SKEP_OUTCOME_UNKNOWN;
    answer->status = 0;
    return rc;
}

/* ---- objects ---- */

bool skep__remote_object(skep__json_in *in, skep_object *out)
{
    char name[16];
    char hash[SKEP__HASH_TEXT];
    int64_t bytes = -1;
    skep__json_open(in, '{');
    while (skep__json_member(in, name, sizeof(name))) {
        if (strcmp(name, "key") == 0) {
            (void)skep__json_read_text(in, out->key, sizeof(out->key));
        } else if (strcmp(name, "etag") == 0) {
            (void)skep__json_read_text(in, out->etag, sizeof(out->etag));
        } else if (strcmp(name, "bytes") == 0) {
            bytes = skep__json_read_int(in);
        } else if (strcmp(name, "modified_us") == 0) {
            out->modified_us = skep__json_read_int(in);
        } else if (strcmp(name, "hash") == 0) {
            size_t len = skep__json_read_text(in, hash, sizeof(hash));
            if (skep__hash_parse(skep_slice_of(hash, len), out->hash))
                out->flags |= SKEP_OBJECT_HASHED;
        } else if (strcmp(name, "sealed") == 0) {
            out->flags |= skep__json_read_bool(in) ? SKEP_OBJECT_SEALED : 0;
        } else {
            skep__json_skip(in);
        }
    }
    out->bytes = bytes < 0 ? 0 : (uint64_t)bytes;
    return !in->bad && bytes >= 0 && out->key[0] != '\0' && out->etag[0] != '\0';
}

int skep__remote_object_of(const skep__remote *r, const char *key, skep_slice body,
                           skep_object *out)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep__json_in in = skep__json_in_of(body);
    bool read = skep__remote_object(&in, &object) && skep__json_over(&in);
    if (!read || strcmp(object.key, key) != 0)
        return SKEP__FAIL(SKEP_ENET,
                          "%s: %s: it answers with what is not that object: is it skep "
                          "serve?",
                          r->name, key);
    *out = object;
    return SKEP_OK;
}
