/* SPDX-License-Identifier: MIT */
/* What the headers of an answer say. */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "store/s3_private.h"

void skep__s3_answer_init(skep__s3_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    answer->bytes = UINT64_MAX;
    answer->first = UINT64_MAX;
    answer->total = UINT64_MAX;
    answer->retry_after_ms = -1;
}

static bool slice_is(skep_slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.data, text, s.len) == 0;
}

/* Digits from `*at` on, as far as they go. */
static bool number(skep_slice s, size_t *at, uint64_t *out)
{
    const char *text = s.data;
    uint64_t n = 0;
    size_t from = *at;
    for (; *at < s.len && text[*at] >= '0' && text[*at] <= '9'; (*at)++)
        if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
            __builtin_add_overflow(n, (uint64_t)(text[*at] - '0'), &n))
            return false;
    *out = n;
    return *at > from;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT": as RFC 3339 it can be read. */
bool skep__s3_date(skep_slice text, int64_t *us)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char *t = text.data;
    if (text.len != 29 || t[3] != ',' || t[4] != ' ' || t[7] != ' ' || t[11] != ' ' ||
        t[16] != ' ' || memcmp(t + 25, " GMT", 4) != 0)
        return false;
    for (int month = 0; month < 12; month++) {
        if (memcmp(months + 3 * (size_t)month, t + 8, 3) != 0)
            continue;
        char rfc[32];
        int n =
            snprintf(rfc, sizeof(rfc), "%.4s-%02d-%.2sT%.8sZ", t + 12, month + 1, t + 5, t + 17);
        return n > 0 && (size_t)n < sizeof(rfc) && skep__time_read(skep_slice_str(rfc), us);
    }
    return false;
}

/* "bytes 100-199/1000"; what cannot be read is as if it were not there. */
static void content_range(skep__s3_answer *answer, skep_slice v)
{
    static const char unit[] = "bytes ";
    size_t at = sizeof(unit) - 1;
    uint64_t first = UINT64_MAX;
    uint64_t last;
    uint64_t total;
    const char *text = v.data;
    if (v.len < at || memcmp(text, unit, at) != 0)
        return;
    if (at < v.len && text[at] == '*')
        at++;
    else if (!number(v, &at, &first) || at == v.len || text[at++] != '-' || !number(v, &at, &last))
        return;
    if (at == v.len || text[at++] != '/' || !number(v, &at, &total) || at != v.len)
        return;
    answer->first = first;
    answer->total = total;
}

static void copy(char *out, size_t size, skep_slice v)
{
    size_t len = v.len < size - 1 ? v.len : size - 1;
    if (len > 0)
        memcpy(out, v.data, len);
    out[len] = '\0';
}

/* Without its quotes and the mark of a weak one. One that does not fit is as if there were none:
 * cut it would pin nothing. */
static void etag(skep__s3_answer *answer, skep_slice v)
{
    const char *t = v.data;
    if (v.len >= 2 && t[0] == 'W' && t[1] == '/') {
        t += 2;
        v.len -= 2;
    }
    if (v.len >= 2 && t[0] == '"' && t[v.len - 1] == '"') {
        t++;
        v.len -= 2;
    }
    answer->etag[0] = '\0';
    if (v.len <= SKEP__S3_ETAG_MAX)
        copy(answer->etag, sizeof(answer->etag), skep_slice_of(t, v.len));
}

void skep__s3_answer_header(void *ctx, skep_slice name, skep_slice value)
{
    skep__s3_answer *answer = ctx;
    if (slice_is(name, "etag"))
        etag(answer, value);
    else if (slice_is(name, "last-modified"))
        (void)skep__s3_date(value, &answer->modified_us);
    else if (slice_is(name, "date"))
        (void)skep__s3_date(value, &answer->date_us);
    else if (slice_is(name, "content-range"))
        content_range(answer, value);
    else if (slice_is(name, "x-amz-meta-skep-hash"))
        answer->hashed = skep__hash_parse(value, answer->hash);
    else if (slice_is(name, "x-amz-meta-skep-put"))
        copy(answer->put_id, sizeof(answer->put_id), value);
    else if (slice_is(name, "x-amz-bucket-region"))
        copy(answer->region, sizeof(answer->region), value);
}

int skep__s3_object(const skep__s3 *s3, const char *key, const skep__s3_answer *answer,
                    skep_object *out)
{
    if (strlen(answer->etag) > SKEP_STORE_ETAG_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s/%s has an ETag of %zu bytes, more than %d", s3->name,
                          key, strlen(answer->etag), SKEP_STORE_ETAG_MAX);
    out->flags = answer->hashed ? SKEP_OBJECT_HASHED : 0;
    out->modified_us = answer->modified_us != 0 ? answer->modified_us : answer->date_us;
    memcpy(out->hash, answer->hash, sizeof(out->hash));
    (void)skep__text_copy(out->etag, sizeof(out->etag), answer->etag);
    (void)skep__text_copy(out->key, sizeof(out->key), key);
    return SKEP_OK;
}
