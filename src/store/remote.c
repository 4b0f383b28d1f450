/* SPDX-License-Identifier: MIT */
/* The engine `remote`: what `skep serve` offers, over HTTP. Opening makes no request. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "store/remote_private.h"

static void remote_free(skep__remote *r)
{
    skep__net_free(r->net);
    skep__secret_freep(&r->bearer);
    skep__free(r->name);
    skep__free(r->root);
    skep__free(r);
}

static int remote_close(skep_store *store)
{
    remote_free(skep__remote_of(store));
    return SKEP_OK;
}

static const char *remote_describe(const skep_store *store)
{
    return ((const skep__remote *)(const void *)store)->name;
}

/* ---- what it can do: the server has tried it ---- */

static bool read_caps(skep_slice body, uint32_t *caps)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } all[] = {{"create", SKEP_STORE_CAN_CREATE},     {"swap", SKEP_STORE_CAN_SWAP},
               {"copy", SKEP_STORE_CAN_COPY},         {"keeps_hash", SKEP_STORE_KEEPS_HASH},
               {"hash_first", SKEP_STORE_HASH_FIRST}, {"lists_bytes", SKEP_STORE_LISTS_BYTES}};
    char name[32];
    skep__json_in in = skep__json_in_of(body);
    skep__json_open(&in, '{');
    while (skep__json_member(&in, name, sizeof(name))) {
        uint32_t bit = 0;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            bit |= strcmp(name, all[i].name) == 0 ? all[i].bit : 0;
        if (bit == 0)
            skep__json_skip(&in);
        else if (skep__json_read_bool(&in))
            *caps |= bit;
    }
    return skep__json_over(&in);
}

static int remote_caps(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe)
{
    skep__remote *r = skep__remote_of(store);
    uint32_t known = atomic_load(&r->caps);
    if (known == 0) {
        const skep__remote_ask ask = {.method = "GET", .route = "caps", .io = io};
        skep__remote_answer answer;
        SKEP__CLEANUP(skep__buf_dispose) skep__buf body = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
        SKEP__TRY(skep__remote_do(r, &ask, &answer, &body));
        if (!read_caps(skep__buf_slice(&body), &known))
            return SKEP__FAIL(SKEP_ENET, "%s does not say what it can do: is it skep serve?",
                              r->name);
        known |= SKEP__REMOTE_CAPS_KNOWN;
        atomic_store(&r->caps, known);
    }
    *caps = known & ~SKEP__REMOTE_CAPS_KNOWN;
    *probe = 0;
    return SKEP_OK;
}

static const skep_store_engine remote_engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .name = "remote",
    .close = remote_close,
    .describe = remote_describe,
    .caps = remote_caps,
    .head = skep__remote_head,
    .remove = skep__remote_remove,
    .copy = skep__remote_copy,
    .put_begin = skep__remote_put_begin,
    .put_write = skep__remote_put_write,
    .put_commit = skep__remote_put_commit,
    .put_abort = skep__remote_put_abort,
    .get_open = skep__remote_get_open,
    .get_read = skep__remote_get_read,
    .get_close = skep__remote_get_close,
    .list_open = skep__remote_list_open,
    .list_next = skep__remote_list_next,
    .list_close = skep__remote_list_close,
};

/* ---- opening ---- */

static int take_names(skep__remote *r, const skep__store_uri *uri)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf text = SKEP__BUF_INIT(4 * SKEP_STORE_URI_MAX);
    (void)skep__buf_printf(&text, "%s://%s%s", uri->scheme, uri->host, uri->path);
    SKEP__TRY(skep__buf_take(&text, &r->name, NULL));
    (void)skep__buf_printf(&text, "%s://%s", uri->scheme, uri->host);
    skep__url_encode(&text, skep_slice_str(uri->path), true);
    (void)skep__buf_add_text(&text, "/v1/");
    return skep__buf_take(&text, &r->root, NULL);
}

static int check_key(const char *key)
{
    size_t len = strnlen(key, SKEP__REMOTE_KEY_MAX + 1);
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] >= 0x7f)
            return SKEP__FAIL(SKEP_EINVALID,
                              "the API key has a character, at byte %zu, that no "
                              "key has: is there a line break behind it?",
                              i);
    return len <= SKEP__REMOTE_KEY_MAX
               ? SKEP_OK
               : SKEP__FAIL(SKEP_ELIMIT, "the API key has more than %d bytes",
                            SKEP__REMOTE_KEY_MAX);
}

static int take_key(skep__remote *r, const skep_store_opts *opts)
{
    static const char bearer[] = "Authorization: Bearer ";
    const char *key = opts->api_key != NULL ? opts->api_key : getenv("REMOTE_STORAGE_API_KEY");
    if (key == NULL || key[0] == '\0')
        return SKEP_OK;
    SKEP__TRY(check_key(key));
    if (strncmp(r->root, "https:", 6) != 0 && !skep__url_loopback(r->root) && opts->insecure == 0)
        return SKEP__FAIL(SKEP_EINVALID,
                          "%s: over http:// everybody on the way could read the API key; use "
                          "https://, or allow it with the option insecure",
                          r->name);
    size_t len = strlen(key);
    r->bearer = skep__secret_new(sizeof(bearer) + len);
    if (r->bearer == NULL)
        return skep__oom();
    memcpy(r->bearer, bearer, sizeof(bearer) - 1);
    memcpy(r->bearer + sizeof(bearer) - 1, key, len + 1);
    return SKEP_OK;
}

static void remote_freep(skep__remote **r)
{
    if (*r != NULL)
        remote_free(*r);
}

int skep__remote_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
{
    SKEP__CLEANUP(remote_freep) skep__remote *r = skep__calloc(1, sizeof(*r));
    if (r == NULL)
        return skep__oom();
    r->base.engine = &remote_engine;
    r->retry_ms = opts->retry_ms;
    SKEP__TRY(take_names(r, uri));
    SKEP__TRY(take_key(r, opts));
    const skep__net_opts net = {
        .ca_file = opts->ca_file, .connections = opts->connections, .stall_ms = opts->stall_ms};
    SKEP__TRY(skep__net_new(&net, &r->net));
    *out = (skep_store *)(void *)SKEP__TAKE(r);
    return SKEP_OK;
}
