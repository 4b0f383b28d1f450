/* SPDX-License-Identifier: MIT */
/* What a URI says: scheme, host, path, and parameters, which are rows of the settings table. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "store/front_private.h"

/* Which parameters a scheme knows; all others would go unheard. */
typedef enum uri_kind { FILE_KIND, TREE_KIND, S3_KIND, HTTP_KIND, MIRROR_KIND } uri_kind;
static const struct {
    const char *name;
    uri_kind kind;
} schemes[] = {
    {"file", FILE_KIND}, {"tree", TREE_KIND},  {"s3", S3_KIND},
    {"http", HTTP_KIND}, {"https", HTTP_KIND}, {"mirror", MIRROR_KIND},
};

#define ON(kind_) (1u << (unsigned)(kind_))
static const struct {
    const char *name;
    unsigned kinds;
} params[] = {
    {"readonly", ~0u},
    {"must_exist", ON(FILE_KIND) | ON(TREE_KIND)},
    {"keep_free_bytes", ON(FILE_KIND) | ON(TREE_KIND)},
    {"stall", ON(S3_KIND) | ON(HTTP_KIND)},
    {"retry", ON(S3_KIND) | ON(HTTP_KIND)},
    {"connections", ON(S3_KIND) | ON(HTTP_KIND)},
    {"ca_file", ON(S3_KIND) | ON(HTTP_KIND)},
    {"insecure", ON(S3_KIND) | ON(HTTP_KIND)},
    {"endpoint", ON(S3_KIND)},
    {"region", ON(S3_KIND)},
    {"profile", ON(S3_KIND)},
    {"path_style", ON(S3_KIND)},
    {"storage_class", ON(S3_KIND)},
    {"sse", ON(S3_KIND)},
    {"sse_key_id", ON(S3_KIND)},
    {"checksum", ON(S3_KIND)},
    {"part_bytes", ON(S3_KIND)},
    {"parts_in_flight", ON(S3_KIND)},
};

/* Refused by name: an unknown parameter would be quoted, and whoever tries these has put a secret
 * where process lists and logs show it. */
static const char *const secrets[] = {
    "access_key_id", "secret_access_key", "session_token", "api_key",
    "key",           "password",          "secret",        "token"};

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `text` with each %XX as the byte it stands for, and a NUL behind it. */
static int decode(skep_slice text, const char *what, char *out, size_t size)
{
    const char *at = text.data;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int high = 0;
        int low = 0;
        bool code = at[i] == '%';
        if (code && i + 2 < text.len) {
            high = hex_of(at[i + 1]);
            low = hex_of(at[i + 2]);
        }
        if (code && (i + 2 >= text.len || high < 0 || low < 0 || high + low == 0))
            return SKEP__FAIL(SKEP_EINVALID,
                              "the %s of the URI has a %% that is no code; "
                              "a percent sign itself is written %%25",
                              what);
        if (n + 1 >= size)
            return SKEP__FAIL(SKEP_ELIMIT, "the %s of the URI has more than %zu bytes", what,
                              size - 1);
        out[n++] = (char)(code ? high << 4 | low : at[i]);
        i += code ? 2 : 0;
    }
    out[n] = '\0';
    return SKEP_OK;
}

/* Length of the scheme in front of a colon; 0: a plain path. */
static size_t scheme_len(const char *uri)
{
    size_t n = strcspn(uri, ":/?#");
    if (n == 0 || uri[n] != ':' || !isalpha((unsigned char)uri[0]))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)uri[i]) && strchr("+-.", uri[i]) == NULL)
            return 0;
    return n;
}

static int find_scheme(const char *uri, size_t len, skep__store_uri *out, uri_kind *found)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strlen(schemes[i].name) == len && strncasecmp(schemes[i].name, uri, len) == 0) {
            memcpy(out->scheme, schemes[i].name, len + 1);
            *found = schemes[i].kind;
            return SKEP_OK;
        }
    }
    return SKEP__FAIL(SKEP_EINVALID,
                      "no store is opened by '%.*s:'; there are file: tree: s3:// http:// https:// "
                      "and mirror:, and a plain path begins with / or ./",
                      (int)(len < 20 ? len : 20), uri);
}

/* ---- parameters ---- */

static int check_name(const char *name, uri_kind kind, const char *scheme)
{
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (strcasecmp(name, secrets[i]) == 0)
            return SKEP__FAIL(SKEP_EINVALID,
                              "a URI holds no secret, and this one has '%s': give it by the "
                              "environment, a file or the options",
                              secrets[i]);
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        if (strcmp(name, params[i].name) == 0 && (params[i].kinds & ON(kind)) != 0)
            return SKEP_OK;
    return SKEP__FAIL(SKEP_EINVALID, "'%.40s' is no parameter of %s: URIs", name, scheme);
}

static int set_param(skep__settings *set, const char *scheme, uri_kind kind, skep_slice text)
{
    char name[SKEP__SETTING_NAME_MAX + 1] = "store.";
    char value[SKEP_STORE_URI_MAX + 1];
    char shown[SKEP__SETTING_NAME_MAX + 16];
    size_t prefix = strlen(name);
    const char *equals = text.len > 0 ? memchr(text.data, '=', text.len) : NULL;
    size_t len = equals != NULL ? (size_t)(equals - (const char *)text.data) : text.len;
    if (len + prefix >= sizeof(name))
        return SKEP__FAIL(SKEP_EINVALID, "a parameter of the URI has a name of %zu bytes", len);
    SKEP__TRY(
        decode(skep_slice_of(text.data, len), "parameters", name + prefix, sizeof(name) - prefix));
    SKEP__TRY(check_name(name + prefix, kind, scheme));
    if (equals == NULL)
        return SKEP__FAIL(SKEP_EINVALID, "parameter '%s' of the URI has no value", name + prefix);
    SKEP__TRY(
        decode(skep_slice_of(equals + 1, text.len - len - 1), "parameters", value, sizeof(value)));
    (void)snprintf(shown, sizeof(shown), "%s in the URI", name + prefix);
    const skep__origin from = {.kind = SKEP__FROM_OPTION, .name = shown};
    return skep__settings_set(set, name, skep_slice_str(value), &from);
}

static int set_params(skep__settings *set, const char *scheme, uri_kind kind, const char *query)
{
    unsigned count = 0;
    while (*query != '\0') {
        size_t n = strcspn(query, "&");
        if (++count > SKEP__STORE_PARAMS_MAX)
            return SKEP__FAIL(SKEP_ELIMIT, "the URI has more than %d parameters",
                              SKEP__STORE_PARAMS_MAX);
        SKEP__TRY(set_param(set, scheme, kind, skep_slice_of(query, n)));
        query += n + (query[n] == '&' ? 1 : 0);
    }
    return SKEP_OK;
}

static int take_params(const skep__store_uri *uri, uri_kind kind, const char *query,
                       skep_store_opts *opts, skep__buf *texts)
{
    SKEP__CLEANUP(skep__settings_dispose) skep__settings set = {0};
    SKEP__TRY(skep__settings_init(&set, &skep__store_settings));
    SKEP__TRY(set_params(&set, uri->scheme, kind, query));
    return skep__settings_lay_over(&set, opts, texts);
}

/* ---- host and path ---- */

static int take_host(skep_slice host, skep__store_uri *out)
{
    const char *at = host.data;
    if (host.len == 0)
        return SKEP__FAIL(SKEP_EINVALID, "the %s: URI names no %s", out->scheme,
                          strcmp(out->scheme, "s3") == 0 ? "bucket" : "host");
    if (memchr(at, '@', host.len) != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "a URI holds no secret, and this one has a part before "
                                         "'@': give it by the environment, a file or the options");
    if (host.len >= sizeof(out->host))
        return SKEP__FAIL(SKEP_ELIMIT, "the host of the URI has %zu bytes, %zu are allowed",
                          host.len, sizeof(out->host) - 1);
    for (size_t i = 0; i < host.len; i++)
        if (!isalnum((unsigned char)at[i]) && strchr("-._:[]", at[i]) == NULL)
            return SKEP__FAIL(SKEP_EINVALID, "'%.*s' is no host or bucket", (int)host.len, at);
    memcpy(out->host, at, host.len);
    out->host[host.len] = '\0';
    return SKEP_OK;
}

/* Without slashes at the ends; what is left is a key, or nothing. */
static int trim_prefix(skep__store_uri *out)
{
    size_t first = strspn(out->path, "/");
    size_t len = strlen(out->path + first);
    while (len > 0 && out->path[first + len - 1] == '/')
        len--;
    memmove(out->path, out->path + first, len);
    out->path[len] = '\0';
    return len == 0 ? SKEP_OK : skep__store_key_check(out->path, true);
}

static int take_server(const char *rest, size_t len, uri_kind kind, skep__store_uri *out)
{
    if (len < 2 || strncmp(rest, "//", 2) != 0)
        return SKEP__FAIL(SKEP_EINVALID, "write %s://%s", out->scheme,
                          kind == S3_KIND ? "BUCKET[/PREFIX]" : "HOST[:PORT][/PATH]");
    size_t host = 0;
    while (2 + host < len && rest[2 + host] != '/')
        host++;
    SKEP__TRY(take_host(skep_slice_of(rest + 2, host), out));
    SKEP__TRY(decode(skep_slice_of(rest + 2 + host, len - 2 - host), "path", out->path,
                     sizeof(out->path)));
    if (kind == S3_KIND)
        return trim_prefix(out);
    size_t n = strlen(out->path);
    while (n > 0 && out->path[n - 1] == '/')
        out->path[--n] = '\0';
    return SKEP_OK;
}

static int take_file(const char *rest, size_t len, skep__store_uri *out)
{
    if (len >= 2 && strncmp(rest, "//", 2) == 0) {
        if (len < 3 || rest[2] != '/')
            return SKEP__FAIL(SKEP_EINVALID,
                              "write %s:DIR; only http://, https:// and s3:// name "
                              "another machine",
                              out->scheme);
        rest += 2;
        len -= 2;
    }
    SKEP__TRY(decode(skep_slice_of(rest, len), "path", out->path, sizeof(out->path)));
    if (out->path[0] == '\0')
        return SKEP__FAIL(SKEP_EINVALID, "the %s: URI names no path", out->scheme);
    return SKEP_OK;
}

static int take_uri(const char *uri, skep__store_uri *out, skep_store_opts *opts, skep__buf *texts)
{
    uri_kind kind = TREE_KIND;
    size_t scheme = scheme_len(uri);
    if (scheme == 0) { /* a name as it is: it may have a `?` or a `%` in it */
        memcpy(out->scheme, "tree", sizeof("tree"));
        memcpy(out->path, uri, strlen(uri) + 1);
        return SKEP_OK;
    }
    SKEP__TRY(find_scheme(uri, scheme, out, &kind));
    const char *rest = uri + scheme + 1;
    size_t len = strcspn(rest, "?#");
    if (strchr(rest, '#') != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "a URI of a store has no '#'; write %%23 where it belongs "
                                         "to a name");
    if (kind == S3_KIND || kind == HTTP_KIND)
        SKEP__TRY(take_server(rest, len, kind, out));
    else
        SKEP__TRY(take_file(rest, len, out));
    return rest[len] == '?' ? take_params(out, kind, rest + len + 1, opts, texts) : SKEP_OK;
}

int skep__store_uri_parse(const char *uri, skep__store_uri *out, skep_store_opts *opts,
                          skep__buf *texts)
{
    skep__store_uri parsed = {0};
    size_t len = strnlen(uri, SKEP_STORE_URI_MAX + 1);
    if (len == 0)
        return SKEP__FAIL(SKEP_EINVALID, "the URI of the store is empty");
    if (len > SKEP_STORE_URI_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "the URI of the store has more than %d bytes",
                          SKEP_STORE_URI_MAX);
    SKEP__TRY(take_uri(uri, &parsed, opts, texts));
    *out = parsed;
    return SKEP_OK;
}
