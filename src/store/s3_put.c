/* SPDX-License-Identifier: MIT */
/* One PUT, with or without a condition.
 *
 * A condition makes a repeat unsafe: the first one may have been applied although its answer was
 * lost, and then the second is refused by what the first has done. So each put with a condition
 * carries an id of its own, and whenever the answer leaves it open who has won, the object is asked
 * whose it is. Equal contents alone would not tell: of two who race with the same bytes exactly one
 * may win.
 *
 * If-Match wants the ETag in quotes, but Ceph compares them too and so never finds it. Where a
 * condition fails although the object is the one expected, the other form is taken; before that
 * it is made sure that the server heeds it at all. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/s3_private.h"

typedef struct whole {
    skep__s3 *s3;
    const char *key;
    const skep_put_how *how;
    const uint8_t *hash;
    skep_slice body;
    char sha256[SKEP__SHA256_HEX];
    char put_id[SKEP__HASH_TEXT]; /* "": without a condition */
} whole;

static bool conditional(const skep_put_how *how)
{
    return how->create != 0 || how->if_etag != NULL;
}

static void condition_header(const whole *w, skep__s3_headers *h)
{
    char text[SKEP_STORE_ETAG_MAX + 3];
    if (w->how->create != 0) {
        skep__s3_header(h, "if-none-match", "*");
    } else if (w->how->if_etag != NULL) {
        const char *quote = skep__s3_has_learned(w->s3, SKEP__S3_BARE_MATCH) ? "" : "\"";
        (void)snprintf(text, sizeof(text), "%s%s%s", quote, w->how->if_etag, quote);
        skep__s3_header(h, "if-match", text);
    }
}

static void checksum_header(const whole *w, skep__s3_headers *h)
{
    char digest[SKEP__S3_DIGEST_TEXT];
    if (w->s3->checksum == SKEP_CHECKSUM_DEFAULT)
        return;
    skep__s3_checksum(w->s3->checksum, w->body, w->sha256, digest);
    skep__s3_header(h,
                    w->s3->checksum == SKEP_CHECKSUM_CRC32C ? "x-amz-checksum-crc32c"
                                                            : "x-amz-checksum-sha256",
                    digest);
}

/* What was put has no answer of its own that says when. */
static int put_object(const whole *w, const skep__s3_answer *answer, skep_object *out)
{
    SKEP__TRY(skep__s3_object(w->s3, w->key, answer, out));
    out->bytes = w->body.len;
    out->flags = w->hash != NULL ? SKEP_OBJECT_HASHED : 0;
    if (w->hash != NULL)
        memcpy(out->hash, w->hash, sizeof(out->hash));
    return SKEP_OK;
}

static int send_once(const whole *w, skep__s3_answer *answer, bool until_done)
{
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    skep__s3_headers_init(&headers);
    skep__s3_object_headers(w->s3, w->hash, w->put_id[0] != '\0' ? w->put_id : NULL, &headers);
    condition_header(w, &headers);
    checksum_header(w, &headers);
    const skep__s3_ask ask = {.method = "PUT",
                              .key = w->key,
                              .query = "",
                              .headers = &headers,
                              .body = w->body,
                              .sha256 = w->sha256,
                              .io = &w->how->io};
    return until_done ? skep__s3_do(w->s3, &ask, answer, NULL)
                      : skep__s3_try(w->s3, &ask, answer, NULL);
}

static int lost(const whole *w)
{
    if (w->how->create != 0)
        return SKEP__FAIL(SKEP_EEXISTS, "%s/%s is there already", w->s3->name, w->key);
    return SKEP__FAIL(SKEP_ECONFLICT, "%s/%s is not what was to be replaced any more", w->s3->name,
                      w->key);
}

/* ---- how a server wants If-Match ---- */

/* An If-Match without quotes that cannot be fulfilled must be refused; a server that does not know
 * the form would take it for no condition at all. Tried on a key of our own. */
static int try_bare_match(const whole *w)
{
    char key[64];
    char id[SKEP__HASH_TEXT];
    const skep_put_how plain = {.io = w->how->io, .bytes = 1};
    const skep_slice byte = {"?", 1};
    skep_object made = SKEP_OBJECT_INIT;
    skep__s3_answer answer;
    int result;
    SKEP__TRY(skep__s3_put_id(id));
    (void)snprintf(key, sizeof(key), ".skep/probe-%s", id);
    SKEP__TRY(skep__s3_put_whole(w->s3, key, &plain, byte, NULL, &made));
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    skep__s3_headers_init(&headers);
    skep__s3_header(&headers, "if-match", "00000000000000000000000000000000");
    const skep__s3_ask ask = {.method = "PUT",
                              .key = key,
                              .query = "",
                              .headers = &headers,
                              .body = byte,
                              .io = &w->how->io};
    int rc = skep__s3_do(w->s3, &ask, &answer, NULL);
    atomic_fetch_or(&w->s3->learned, answer.status == 412 ? SKEP__S3_BARE_MATCH
                                     : rc == SKEP_OK      ? SKEP__S3_MATCH_BROKEN
                                                          : 0);
    const char *const keys[] = {key};
    skep_err detail;
    skep__err_save(&detail);
    SKEP__TRY(skep__s3_remove(&w->s3->base, keys, 1, &w->how->io, &result));
    return rc == SKEP_OK || answer.status == 412 ? SKEP_OK : skep__err_install(&detail);
}

/* Refused although the object is the one to be replaced. 0: try again, in another form. */
static int other_form(const whole *w, bool *tried)
{
    if (!*tried && !skep__s3_has_learned(w->s3, SKEP__S3_BARE_MATCH | SKEP__S3_MATCH_BROKEN))
        SKEP__TRY(try_bare_match(w));
    if (skep__s3_has_learned(w->s3, SKEP__S3_MATCH_BROKEN))
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s: the server does not keep to If-Match",
                          w->s3->name);
    bool first = !*tried;
    *tried = true;
    return first ? SKEP_OK : lost(w);
}

/* ---- who has won? ---- */

/* 1: this put was applied, and `*answer` tells of its object; 0: it was not; negative: it has lost,
 * or that cannot be found out. */
static int settle(const whole *w, int rc, skep__s3_answer *answer)
{
    skep_err failed;
    bool refused = answer->status == 412;
    skep__err_save(&failed);
    int looked = skep__s3_head_answer(w->s3, w->key, &w->how->io, answer);
    if (looked == SKEP_OK && strcmp(answer->put_id, w->put_id) == 0)
        return 1;
    if (looked == SKEP_OK && w->how->if_etag != NULL && strcmp(answer->etag, w->how->if_etag) == 0)
        return 0;
    if (looked == SKEP_ENOTFOUND)
        return w->how->create != 0 ? 0 : lost(w);
    if (looked == SKEP_OK || (refused && looked == SKEP_EDENIED))
        return lost(w);
    if (!refused)
        (void)skep__err_install(&failed);
    else
        rc = looked != SKEP_ENET ? looked
                                 : SKEP__FAIL(SKEP_ENET,
                                              "%s/%s: a condition failed, and it cannot be found "
                                              "out whether that was by an earlier attempt of the "
                                              "same put: read it again",
                                              w->s3->name, w->key);
    skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

static int put_on_condition(const whole *w, skep__s3_answer *answer)
{
    skep__retry retry;
    bool form_tried = false;
    skep__retry_init(&retry, w->s3->retry_ms, w->how->io.deadline_ns, w->how->io.cancel);
    for (;;) {
        skep_err failed;
        int rc = send_once(w, answer, false);
        if (rc == SKEP_OK)
            return SKEP_OK;
        int64_t after_ms = answer->retry_after_ms;
        bool refused = answer->status == 412;
        bool again = answer->again;
        bool unsure = answer->unsure;
        if (rc == SKEP_ENOTFOUND && w->how->if_etag != NULL)
            return lost(w); /* Amazon: there is none to be replaced */
        skep__err_save(&failed);
        if (refused || unsure) {
            SKEP__POINT("store.s3_before_settle");
            int won = settle(w, rc, answer);
            if (won != 0)
                return won > 0 ? SKEP_OK : won;
            (void)skep__err_install(&failed);
        }
        if (refused && w->how->if_etag != NULL) {
            SKEP__TRY(other_form(w, &form_tried));
            continue;
        }
        if (!again && !refused)
            return rc;
        SKEP__TRY(skep__retry_again(&retry, after_ms));
    }
}

int skep__s3_put_whole(skep__s3 *s3, const char *key, const skep_put_how *how, skep_slice body,
                       const uint8_t *hash, skep_object *out)
{
    whole w = {.s3 = s3, .key = key, .how = how, .hash = hash, .body = body};
    skep__s3_answer answer;
    if (body.data == NULL)
        w.body.data = "";
    skep__sha256_hex(w.body, w.sha256);
    if (conditional(how)) {
        if (how->if_etag != NULL && skep__s3_has_learned(s3, SKEP__S3_MATCH_BROKEN))
            return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s: the server does not keep to If-Match",
                              s3->name);
        SKEP__TRY(skep__s3_put_id(w.put_id));
        SKEP__TRY(put_on_condition(&w, &answer));
    } else {
        SKEP__TRY(send_once(&w, &answer, true));
    }
    /* The object is there: what is still missing is asked for. */
    if (answer.etag[0] == '\0')
        SKEP__TRY(skep__s3_head_answer(s3, key, &how->io, &answer));
    return put_object(&w, &answer, out);
}
