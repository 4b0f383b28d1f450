/* SPDX-License-Identifier: MIT */
/* AWS Signature Version 4. Four steps: a canonical form of the request, its hash in a text that
 * names day, region and service, a key made for these three, and the HMAC of the one under the
 * other. The server does the same with what it has received: whatever a proxy changes of what is
 * signed is a refused request.
 *
 * S3 takes the path once encoded, as it is sent; other services would have it encoded twice. */
#include "store/s3_sign.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/time.h"
#include "crypto/crypto.h"
#include "store/store_limits.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define DAY_LEN 8 /* of "20130524" */

typedef struct pair {
    skep_slice name;
    skep_slice value;
    size_t at; /* where it stood: equal names stay in order */
} pair;

/* What of the request is signed, taken apart and in order. */
typedef struct signed_request {
    pair headers[SKEP__SIGN_HEADERS_MAX];
    size_t header_count;
    pair params[SKEP__SIGN_PARAMS_MAX];
    size_t param_count;
} signed_request;

static const char *text_of(skep_slice s)
{
    return s.data;
}

static void hex_of(const uint8_t digest[crypto_hash_sha256_BYTES], char out[SKEP__SHA256_HEX])
{
    (void)sodium_bin2hex(out, SKEP__SHA256_HEX, digest, crypto_hash_sha256_BYTES);
}

void skep__sha256_hex(skep_slice data, char out[SKEP__SHA256_HEX])
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    const void *bytes = data.len == 0 ? "" : data.data;
    /* libcrypto's allocates: where it cannot, libsodium's does as well, only slower. */
    if (EVP_Digest(bytes, data.len, digest, NULL, EVP_sha256(), NULL) != 1)
        (void)crypto_hash_sha256(digest, bytes, data.len);
    hex_of(digest, out);
}

void skep__sign_time(int64_t now_us, char out[SKEP__SIGN_TIME])
{
    char text[SKEP_TIME_TEXT_SIZE];
    int64_t us = now_us < 0 ? 0 : now_us > SKEP__TIME_MAX_US ? SKEP__TIME_MAX_US : now_us;
    ASSERT(skep_time_text(us, text) == SKEP_OK);
    size_t len = 0;
    for (const char *p = text; *p != '.'; p++) /* the second is whole */
        if (*p != '-' && *p != ':')
            out[len++] = *p;
    out[len++] = 'Z';
    out[len] = '\0';
    DEBUG_ASSERT(len == SKEP__SIGN_TIME - 1);
}

/* ---- taking the request apart ---- */

static int slice_cmp(skep_slice a, skep_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int c = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int param_cmp(const void *a, const void *b)
{
    const pair *x = a;
    const pair *y = b;
    int c = slice_cmp(x->name, y->name);
    return c != 0 ? c : slice_cmp(x->value, y->value);
}

static int header_cmp(const void *a, const void *b)
{
    const pair *x = a;
    const pair *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int c = strncasecmp(x->name.data, y->name.data, len);
    if (c == 0)
        c = (x->name.len > y->name.len) - (x->name.len < y->name.len);
    return c != 0 ? c : (x->at > y->at) - (x->at < y->at);
}

static int split_query(const char *query, signed_request *out)
{
    for (const char *at = query; *at != '\0';) {
        size_t len = strcspn(at, "&");
        size_t name = strcspn(at, "&=");
        if (out->param_count == SKEP__SIGN_PARAMS_MAX)
            return SKEP__FAIL(SKEP_ELIMIT, "a request with more than %d parameters is not signed",
                              SKEP__SIGN_PARAMS_MAX);
        bool valued = name < len;
        if (len > 0)
            out->params[out->param_count++] =
                (pair){.name = skep_slice_of(at, name),
                       .value = skep_slice_of(at + name + valued, len - name - valued)};
        at += at[len] == '&' ? len + 1 : len;
    }
    qsort(out->params, out->param_count, sizeof(pair), param_cmp);
    return SKEP_OK;
}

static skep_slice trimmed(const char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return skep_slice_of(text, len);
}

static int split_headers(const char *const *headers, signed_request *out)
{
    for (size_t i = 0; headers[i] != NULL; i++) {
        const char *colon = strchr(headers[i], ':');
        ASSERT(colon != NULL);
        if (i == SKEP__SIGN_HEADERS_MAX)
            return SKEP__FAIL(SKEP_ELIMIT, "a request with more than %d headers is not signed",
                              SKEP__SIGN_HEADERS_MAX);
        out->headers[i] = (pair){.name = skep_slice_of(headers[i], (size_t)(colon - headers[i])),
                                 .value = trimmed(colon + 1),
                                 .at = i};
        out->header_count = i + 1;
    }
    qsort(out->headers, out->header_count, sizeof(pair), header_cmp);
    return SKEP_OK;
}

/* ---- the canonical form ---- */

static void add_lower(skep__buf *out, skep_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = text_of(name)[i];
        (void)skep__buf_add_byte(out, (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
}

/* Runs of blanks count as one. */
static void add_value(skep__buf *out, skep_slice value)
{
    const char *text = value.data;
    for (size_t i = 0; i < value.len; i++) {
        bool blank = text[i] == ' ' || text[i] == '\t';
        if (blank && i > 0 && (text[i - 1] == ' ' || text[i - 1] == '\t'))
            continue;
        (void)skep__buf_add_byte(out, blank ? ' ' : (uint8_t)text[i]);
    }
}

static bool same_header(const signed_request *r, size_t i)
{
    return i > 0 && r->headers[i].name.len == r->headers[i - 1].name.len &&
           strncasecmp(r->headers[i].name.data, r->headers[i - 1].name.data,
                       r->headers[i].name.len) == 0;
}

static void add_signed_names(skep__buf *out, const signed_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (same_header(r, i))
            continue;
        if (i > 0)
            (void)skep__buf_add_byte(out, ';');
        add_lower(out, r->headers[i].name);
    }
}

static void add_headers(skep__buf *out, const signed_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (same_header(r, i)) {
            (void)skep__buf_add_byte(out, ',');
        } else {
            if (i > 0)
                (void)skep__buf_add_byte(out, '\n');
            add_lower(out, r->headers[i].name);
            (void)skep__buf_add_byte(out, ':');
        }
        add_value(out, r->headers[i].value);
    }
    (void)skep__buf_add_text(out, "\n\n");
}

static int canonical(const skep__sign_request *request, const signed_request *r, skep__buf *out)
{
    (void)skep__buf_printf(out, "%s\n%s\n", request->method, request->path);
    for (size_t i = 0; i < r->param_count; i++) {
        if (i > 0)
            (void)skep__buf_add_byte(out, '&');
        (void)skep__buf_add_slice(out, r->params[i].name);
        (void)skep__buf_add_byte(out, '=');
        (void)skep__buf_add_slice(out, r->params[i].value);
    }
    (void)skep__buf_add_byte(out, '\n');
    add_headers(out, r);
    add_signed_names(out, r);
    (void)skep__buf_printf(out, "\n%s", request->payload);
    return skep__buf_status(out);
}

/* ---- the key ---- */

typedef struct mac {
    uint8_t bytes[crypto_auth_hmacsha256_BYTES];
} mac;

static void mac_of(const void *key, size_t key_len, skep_slice text, mac *out)
{
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, key, key_len);
    (void)crypto_auth_hmacsha256_update(&state, text.data, text.len);
    (void)crypto_auth_hmacsha256_final(&state, out->bytes);
    skep__wipe(&state, sizeof(state));
}

/* Each of day, region, service is hashed under what the one before came to. */
static int derive(const skep__sign_key *key, skep_slice day, mac *out)
{
    char secret[4 + SKEP__S3_SECRET_MAX] = "AWS4";
    if (key->secret.len > SKEP__S3_SECRET_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "a secret access key of %zu bytes, %d are allowed",
                          key->secret.len, SKEP__S3_SECRET_MAX);
    if (key->secret.len > 0)
        memcpy(secret + 4, key->secret.data, key->secret.len);
    mac_of(secret, 4 + key->secret.len, day, out);
    skep__wipe(secret, sizeof(secret));
    mac_of(out, sizeof(*out), skep_slice_str(key->region), out);
    mac_of(out, sizeof(*out), skep_slice_str(key->service), out);
    mac_of(out, sizeof(*out), skep_slice_str("aws4_request"), out);
    return SKEP_OK;
}

static int sign_text(const skep__sign_key *key, skep_slice day, skep_slice text,
                     char out[SKEP__SHA256_HEX])
{
    mac m;
    SKEP__TRY(derive(key, day, &m));
    mac_of(&m, sizeof(m), text, &m);
    hex_of(m.bytes, out);
    skep__wipe(&m, sizeof(m));
    return SKEP_OK;
}

static int sign_into(const skep__sign_key *key, const skep__sign_request *request, skep__buf *text,
                     skep__buf *out)
{
    char time[SKEP__SIGN_TIME];
    char hex[SKEP__SHA256_HEX];
    signed_request r = {.header_count = 0};
    SKEP__TRY(split_query(request->query, &r));
    SKEP__TRY(split_headers(request->headers, &r));
    SKEP__TRY(canonical(request, &r, text));
    skep__sha256_hex(skep__buf_slice(text), hex);
    skep__sign_time(request->now_us, time);

    skep__buf_clear(text);
    SKEP__TRY(skep__buf_printf(text, ALGORITHM "\n%s\n%.*s/%s/%s/aws4_request\n%s", time, DAY_LEN,
                               time, key->region, key->service, hex));
    SKEP__TRY(sign_text(key, skep_slice_of(time, DAY_LEN), skep__buf_slice(text), hex));

    (void)skep__buf_printf(out, ALGORITHM " Credential=%s/%.*s/%s/%s/aws4_request, SignedHeaders=",
                           key->access_key_id, DAY_LEN, time, key->region, key->service);
    add_signed_names(out, &r);
    (void)skep__buf_printf(out, ", Signature=%s", hex);
    return skep__buf_status(out);
}

int skep__sign(const skep__sign_key *key, const skep__sign_request *request, skep__buf *out)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf text = SKEP__BUF_INIT(SKEP__SIGN_TEXT_MAX);
    return sign_into(key, request, &text, out);
}
