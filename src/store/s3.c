/* SPDX-License-Identifier: MIT */
/* The engine `s3`: a bucket, or what lies under a prefix in it. Opening makes no request. */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/s3_private.h"

static int s3_close(skep_store *store)
{
    skep__s3 *s3 = skep__s3_of(store);
    skep__net_free(s3->net);
    skep__s3_credentials_free(s3->who);
    skep__mutex_dispose(&s3->mutex);
    skep__free(s3->prefix);
    skep__free(s3->name);
    skep__free(s3->storage_class);
    skep__free(s3->sse);
    skep__free(s3->sse_key_id);
    skep__free(s3);
    return SKEP_OK;
}

static const char *s3_describe(const skep_store *store)
{
    return ((const skep__s3 *)(const void *)store)->name;
}

static int s3_caps(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe)
{
    (void)store;
    (void)io;
    *caps = SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP | SKEP_STORE_CAN_COPY |
            SKEP_STORE_KEEPS_HASH | SKEP_STORE_HASH_FIRST | SKEP_STORE_LISTS_BYTES;
    *probe = SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP;
    return SKEP_OK;
}

static const skep_store_engine s3_engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .name = "s3",
    .close = s3_close,
    .describe = s3_describe,
    .caps = s3_caps,
    .head = skep__s3_head,
    .remove = skep__s3_remove,
    .copy = skep__s3_copy,
    .put_begin = skep__s3_put_begin,
    .put_write = skep__s3_put_write,
    .put_commit = skep__s3_put_commit,
    .put_abort = skep__s3_put_abort,
    .get_open = skep__s3_get_open,
    .get_read = skep__s3_get_read,
    .get_close = skep__s3_get_close,
    .list_open = skep__s3_list_open,
    .list_next = skep__s3_list_next,
    .list_close = skep__s3_list_close,
};

static bool all_of(const char *text, size_t len, const char *also)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool usual = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!usual && strchr(also, c) == NULL)
            return false;
    }
    return true;
}

static int take_bucket(skep__s3 *s3, const char *bucket)
{
    size_t len = strlen(bucket);
    if (len == 0 || len >= sizeof(s3->bucket) || !all_of(bucket, len, "-._") || bucket[0] == '.')
        return SKEP__FAIL(SKEP_EINVALID, "\"%s\" is no name of a bucket: s3://BUCKET[/PREFIX]",
                          bucket);
    (void)skep__text_copy(s3->bucket, sizeof(s3->bucket), bucket);
    return SKEP_OK;
}

/* "https://s3.example.org:9000/base". The usual port is left out, as libcurl leaves it out of the
 * host that is signed. */
static int take_endpoint(skep__s3 *s3, const char *endpoint)
{
    static const char plain[] = "http://";
    static const char secure[] = "https://";
    const char *host = endpoint;
    if (strncasecmp(endpoint, secure, sizeof(secure) - 1) == 0) {
        s3->secure = true;
        host += sizeof(secure) - 1;
    } else if (strncasecmp(endpoint, plain, sizeof(plain) - 1) == 0) {
        host += sizeof(plain) - 1;
    }
    size_t len = strcspn(host, "/");
    size_t path = strlen(host + len);
    while (path > 0 && host[len + path - 1] == '/')
        path--;
    if (host == endpoint || len == 0 || len >= sizeof(s3->host) || path >= sizeof(s3->base_path) ||
        !all_of(host, len, "-._:[]") || !all_of(host + len, path, "-._/~"))
        return SKEP__FAIL(SKEP_EINVALID,
                          "the endpoint \"%s\" is none: https://HOST[:PORT][/PATH], or http://",
                          endpoint);
    const char *usual = s3->secure ? ":443" : ":80";
    size_t end = strlen(usual);
    memcpy(s3->base_path, host + len, path);
    if (len > end && memcmp(host + len - end, usual, end) == 0)
        len -= end;
    memcpy(s3->host, host, len);
    return SKEP_OK;
}

/* In the host name only where that can work: a certificate of Amazon's covers no dots in a bucket's
 * name, and an address has no subdomains. */
static bool wants_path_style(const skep__s3 *s3, uint32_t asked)
{
    if (asked != SKEP_PATH_STYLE_DEFAULT)
        return asked == SKEP_PATH_STYLE_PATH;
    return !s3->amazon || strchr(s3->bucket, '.') != NULL;
}

static int take_text(const char *text, const char *what, char **out)
{
    size_t len = text == NULL ? 0 : strlen(text);
    if (len > 1024 || !all_of(text, len, "-._:/ "))
        return SKEP__FAIL(SKEP_EINVALID, "%s has a character that does not belong there", what);
    *out = skep__strndup(text == NULL ? "" : text, len);
    return *out == NULL ? skep__oom() : SKEP_OK;
}

static int take_names(skep__s3 *s3, const char *prefix)
{
    skep__buf text SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(2 * SKEP_STORE_URI_MAX);
    if (prefix[0] != '\0') {
        SKEP__TRY(skep__store_key_check(prefix, true));
        (void)skep__buf_printf(&text, "%s/", prefix);
        SKEP__TRY(skep__buf_take(&text, &s3->prefix, NULL));
    } else {
        s3->prefix = skep__strdup("");
        if (s3->prefix == NULL)
            return skep__oom();
    }
    (void)skep__buf_printf(&text, "s3://%s%s%s", s3->bucket, prefix[0] != '\0' ? "/" : "", prefix);
    return skep__buf_take(&text, &s3->name, NULL);
}

static int take_parts(skep__s3 *s3, const skep_store_opts *opts)
{
    s3->part_bytes = opts->part_bytes != 0 ? opts->part_bytes : UINT64_C(16) << 20;
    s3->parts_in_flight = opts->parts_in_flight != 0 ? opts->parts_in_flight : 4;
    if (s3->part_bytes < SKEP__S3_PART_MIN || s3->part_bytes > SKEP__S3_PART_MAX)
        return SKEP__FAIL(SKEP_EINVALID,
                          "part_bytes is %llu: S3 takes parts of 5 MiB (5242880) to 5 GiB",
                          (unsigned long long)s3->part_bytes);
    if (s3->parts_in_flight > SKEP__S3_IN_FLIGHT_MAX)
        return SKEP__FAIL(SKEP_EINVALID, "parts_in_flight is %u, and %u is the most",
                          s3->parts_in_flight, SKEP__S3_IN_FLIGHT_MAX);
    return SKEP_OK;
}

static int take_opts(skep__s3 *s3, const skep__store_uri *uri, const skep_store_opts *opts)
{
    SKEP__TRY(take_bucket(s3, uri->host));
    SKEP__TRY(take_names(s3, uri->path));
    SKEP__TRY(skep__s3_credentials_load(opts, &s3->who));
    const char *endpoint = skep__s3_endpoint(s3->who);
    s3->amazon = endpoint == NULL;
    s3->secure = endpoint == NULL;
    if (endpoint != NULL)
        SKEP__TRY(take_endpoint(s3, endpoint));
    s3->path_style = wants_path_style(s3, opts->path_style);
    if (!all_of(skep__s3_region(s3->who), strlen(skep__s3_region(s3->who)), "-_") ||
        strlen(skep__s3_region(s3->who)) >= sizeof(s3->region))
        return SKEP__FAIL(SKEP_EINVALID, "\"%.64s\" is no region", skep__s3_region(s3->who));
    (void)skep__text_copy(s3->region, sizeof(s3->region), skep__s3_region(s3->who));
    SKEP__TRY(take_text(opts->storage_class, "storage_class", &s3->storage_class));
    SKEP__TRY(take_text(opts->sse, "sse", &s3->sse));
    SKEP__TRY(take_text(opts->sse_key_id, "sse_key_id", &s3->sse_key_id));
    s3->checksum = opts->checksum;
    s3->retry_ms = opts->retry_ms != 0 ? opts->retry_ms : 60000;
    return take_parts(s3, opts);
}

static void s3_freep(skep__s3 **s3)
{
    if (*s3 != NULL)
        (void)s3_close(&(*s3)->base);
}

int skep__s3_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
{
    SKEP__CLEANUP(skep__freep) skep__s3 *raw = skep__calloc(1, sizeof(*raw));
    if (raw == NULL)
        return skep__oom();
    raw->base.engine = &s3_engine;
    SKEP__TRY(skep__mutex_init(&raw->mutex));
    SKEP__CLEANUP(s3_freep) skep__s3 *s3 = SKEP__TAKE(raw);
    SKEP__TRY(take_opts(s3, uri, opts));
    const skep__net_opts net = {.ca_file = skep__s3_ca_file(s3->who),
                                .connections = opts->connections,
                                .stall_ms = opts->stall_ms};
    SKEP__TRY(skep__net_new(&net, &s3->net));
    *out = &SKEP__TAKE(s3)->base;
    return SKEP_OK;
}
