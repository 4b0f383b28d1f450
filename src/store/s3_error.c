/* SPDX-License-Identifier: MIT */
/* What went wrong, and what to do. Servers say it with a code in XML; where there is none (an
 * answer to HEAD has no body) the status has to do. */
#include <string.h>

#include "base/time.h"
#include "store/s3_private.h"

/* What the text of a row goes on with. */
enum { NOTHING = 0, MESSAGE, SOURCE, REGION, CLOCKS };

typedef struct row {
    const char *code;
    int rc;
    bool again;
    int more;
    const char *text;
} row;

static const row rows[] = {
    {"NoSuchKey", SKEP_ENOTFOUND, false, NOTHING, "there is no such object"},
    {"NoSuchBucket", SKEP_EINVALID, false, NOTHING,
     "the server has no such bucket: create it, or correct its name, region or endpoint"},
    {"NoSuchUpload", SKEP_ENOTFOUND, false, NOTHING,
     "the multipart upload is gone: somebody has aborted it"},
    {"AccessDenied", SKEP_EDENIED, false, SOURCE,
     "the server does not allow it: see what the policies of bucket and user grant; the key is "
     "from"},
    {"AllAccessDisabled", SKEP_EDENIED, false, NOTHING, "the bucket is closed to all"},
    {"AccountProblem", SKEP_EDENIED, false, MESSAGE, "something is wrong with the account"},
    {"InvalidAccessKeyId", SKEP_EAUTH, false, SOURCE,
     "the server does not know the access key: correct it; it is from"},
    {"InvalidSecurity", SKEP_EAUTH, false, SOURCE,
     "the server does not take the credentials: correct them; they are from"},
    {"SignatureDoesNotMatch", SKEP_EAUTH, false, SOURCE,
     "the secret key is not the one of this access key, or a proxy changes requests: correct it; "
     "it is from"},
    {"ExpiredToken", SKEP_EAUTH, false, SOURCE,
     "the session token has expired: get a new one; the old one is from"},
    {"TokenRefreshRequired", SKEP_EAUTH, false, SOURCE,
     "the session token has expired: get a new one; the old one is from"},
    {"InvalidToken", SKEP_EAUTH, false, SOURCE,
     "the session token is not valid: get a new one; it is from"},
    {"RequestTimeTooSkewed", SKEP_EAUTH, false, CLOCKS,
     "the clocks are too far apart: set this machine's"},
    {"RequestExpired", SKEP_EAUTH, false, CLOCKS,
     "the clocks are too far apart: set this machine's"},
    {"AuthorizationHeaderMalformed", SKEP_EINVALID, false, REGION, "the region is wrong"},
    {"PermanentRedirect", SKEP_EINVALID, false, REGION, "the bucket is in another region"},
    {"TemporaryRedirect", SKEP_EINVALID, false, REGION, "the bucket is in another region"},
    {"IllegalLocationConstraintException", SKEP_EINVALID, false, REGION,
     "the bucket is in another region"},
    {"PreconditionFailed", SKEP_ECONFLICT, false, NOTHING, "it is not what was expected any more"},
    {"ConditionalRequestConflict", SKEP_ECONFLICT, true, NOTHING,
     "somebody else is changing it at the same time"},
    {"OperationAborted", SKEP_ECONFLICT, true, NOTHING,
     "somebody else is changing it at the same time"},
    {"SlowDown", SKEP_ENET, true, NOTHING, "the server asks for fewer requests"},
    {"ServiceUnavailable", SKEP_ENET, true, NOTHING, "the server asks to come back later"},
    {"TooManyRequests", SKEP_ENET, true, NOTHING, "the server asks for fewer requests"},
    {"InternalError", SKEP_ENET, true, NOTHING, "the server has failed"},
    {"RequestTimeout", SKEP_ENET, true, NOTHING, "the server has waited too long for the request"},
    {"BadDigest", SKEP_ENET, true, NOTHING, "what the server has received is not what was sent"},
    {"XAmzContentSHA256Mismatch", SKEP_ENET, true, NOTHING,
     "what the server has received is not what was sent"},
    {"IncompleteBody", SKEP_ENET, true, NOTHING, "the server has not received all of it"},
    {"EntityTooLarge", SKEP_ELIMIT, false, MESSAGE, "that is more than the server takes"},
    {"EntityTooSmall", SKEP_EINVALID, false, MESSAGE,
     "the parts are smaller than the server takes: raise part_bytes"},
    {"KeyTooLongError", SKEP_ELIMIT, false, NOTHING, "the key is longer than the server takes"},
    {"InvalidRange", SKEP_EINVALID, false, NOTHING, "the range begins behind the end"},
    {"InvalidObjectState", SKEP_EUNSUPPORTED, false, NOTHING,
     "the object is archived: have the server restore it first"},
    {"MethodNotAllowed", SKEP_EDENIED, false, MESSAGE,
     "the server does not let this object be changed, or not in this way"},
    {"ObjectLocked", SKEP_EDENIED, false, MESSAGE, "the object is locked"},
    {"NotImplemented", SKEP_EUNSUPPORTED, false, MESSAGE, "the server cannot do that"},
    {"QuotaExceeded", SKEP_EFULL, false, MESSAGE, "the quota is used up"},
    {"QuotaExceededException", SKEP_EFULL, false, MESSAGE, "the quota is used up"},
    {"InsufficientCapacity", SKEP_EFULL, false, MESSAGE, "the server is full"},
    {"XMinioStorageFull", SKEP_EFULL, false, MESSAGE, "the server is full"},
    {"InvalidStorageClass", SKEP_EINVALID, false, NOTHING,
     "the server does not know the storage class: correct storage_class"},
    {"InvalidBucketName", SKEP_EINVALID, false, NOTHING, "no bucket can have this name"},
};

/* Where there is no code, or one that nobody knows. */
static const row by_status[] = {
    {"301", SKEP_EINVALID, false, REGION, "the bucket is in another region"},
    {"307", SKEP_EINVALID, false, REGION, "the bucket is in another region"},
    {"400", SKEP_EINVALID, false, MESSAGE, "the server does not take the request"},
    {"401", SKEP_EAUTH, false, SOURCE, "the server does not take the credentials; they are from"},
    {"403", SKEP_EDENIED, false, SOURCE,
     "the server does not allow it: see what the policies of bucket and user grant; the key is "
     "from"},
    {"404", SKEP_ENOTFOUND, false, NOTHING, "there is no such object"},
    {"405", SKEP_EDENIED, false, MESSAGE,
     "the server does not let this object be changed, or not in this way"},
    {"409", SKEP_ECONFLICT, true, MESSAGE, "somebody else is changing it at the same time"},
    {"412", SKEP_ECONFLICT, false, NOTHING, "it is not what was expected any more"},
    {"413", SKEP_ELIMIT, false, MESSAGE, "that is more than the server takes"},
    {"416", SKEP_EINVALID, false, NOTHING, "the range begins behind the end"},
    {"429", SKEP_ENET, true, NOTHING, "the server asks for fewer requests"},
    {"501", SKEP_EUNSUPPORTED, false, MESSAGE, "the server cannot do that"},
    {"507", SKEP_EFULL, false, MESSAGE, "the server is full"},
};

static const row other_client = {NULL, SKEP_EINVALID, false, MESSAGE,
                                 "the server does not take the request"};
static const row other_server = {NULL, SKEP_ENET, true, MESSAGE, "the server has failed"};
static const row no_http = {NULL, SKEP_EINVALID, false, NOTHING,
                            "what answers there is no S3 server: correct the endpoint"};

static const row *find(const row *table, size_t count, const char *code)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].code, code) == 0)
            return &table[i];
    return NULL;
}

static const row *row_of(int status, const char *code)
{
    char digits[16];
    const row *r = find(rows, sizeof(rows) / sizeof(rows[0]), code);
    if (r != NULL)
        return r;
    (void)snprintf(digits, sizeof(digits), "%d", status);
    r = find(by_status, sizeof(by_status) / sizeof(by_status[0]), digits);
    if (r != NULL)
        return r;
    return status >= 500 ? &other_server : status >= 400 ? &other_client : &no_http;
}

bool skep__s3_passing(const char *code)
{
    const row *r = find(rows, sizeof(rows) / sizeof(rows[0]), code);
    return r != NULL && r->again;
}

/* One line, whatever the server has put into it. */
static void plain(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; text[n] != '\0' && n < size - 1; n++)
        out[n] = (unsigned char)text[n] < ' ' || text[n] == 127 ? ' ' : text[n];
    out[n] = '\0';
}

static void clocks(const skep__s3_answer *answer, char *out, size_t size)
{
    char ours[SKEP_TIME_TEXT_SIZE];
    char theirs[SKEP_TIME_TEXT_SIZE];
    const char *server = answer->error.server_time;
    if (skep_time_text(skep_now_us(), ours) < 0)
        ours[0] = '\0';
    if (server[0] == '\0' && answer->date_us != 0 && skep_time_text(answer->date_us, theirs) == 0)
        server = theirs;
    (void)snprintf(out, size, ", it is %s here and %s there", ours, server[0] ? server : "another");
}

static void more_of(const skep__s3 *s3, const skep__s3_answer *answer, int more, char *out,
                    size_t size)
{
    const char *region = answer->error.region[0] != '\0' ? answer->error.region : answer->region;
    char text[128];
    out[0] = '\0';
    if (more == SOURCE) {
        (void)snprintf(out, size, " %s", skep__s3_source(s3->who));
    } else if (more == REGION && region[0] != '\0') {
        plain(region, text, sizeof(text));
        (void)snprintf(out, size, ": set region=%s", text);
    } else if (more == REGION) {
        (void)snprintf(out, size, ": set region or endpoint");
    } else if (more == CLOCKS) {
        clocks(answer, out, size);
    } else if (more == MESSAGE && answer->error.message[0] != '\0') {
        plain(answer->error.message, text, sizeof(text));
        (void)snprintf(out, size, ": %s", text);
    }
}

int skep__s3_fail(skep__s3 *s3, const skep__s3_ask *ask, skep__s3_answer *answer)
{
    const char *code = answer->error.code;
    const row *r = row_of(answer->status, code);
    char more[192];
    char shown[64];
    bool looks = strcmp(ask->method, "GET") == 0 || strcmp(ask->method, "HEAD") == 0;
    more_of(s3, answer, r->more, more, sizeof(more));
    plain(code, shown, sizeof(shown));
    answer->again = r->again || skep__retry_status(answer->status);
    answer->unsure = !looks && r->rc == SKEP_ENET &&
                     (answer->status >= 500 || strcmp(code, "RequestTimeout") == 0);
    /* What to do comes first: a long key would cut it off. */
    int rc = SKEP__FAIL(r->rc, "%s%s (%d%s%s of %s %s%s%s)", r->text, more, answer->status,
                        shown[0] != '\0' ? " " : "", shown, ask->method, s3->name,
                        ask->key != NULL ? "/" : "", ask->key != NULL ? ask->key : "");
    skep__err_engine(answer->status);
    if (answer->unsure)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}
