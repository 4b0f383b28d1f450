/* SPDX-License-Identifier: MIT */
#include "store/around.h"

#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "store/front_private.h"

#define MOVE_MAX (64 * 1024) /* bytes that a hook hears of at a time, so that waits stay short */

const char *const skep__around_names[SKEP__AROUND_KINDS] = {
    [SKEP__AROUND_HEAD] = "head", [SKEP__AROUND_DELETE] = "delete", [SKEP__AROUND_COPY] = "copy",
    [SKEP__AROUND_PUT] = "put",   [SKEP__AROUND_GET] = "get",       [SKEP__AROUND_LIST] = "list",
};

/* A stream of the next store and the call that it is. */
typedef struct around_put {
    skep_put base;
    skep__around *around;
    skep_put *next;
    skep_io io;
    skep__around_call call;
    char key[SKEP_STORE_KEY_MAX + 1];
} around_put;

typedef struct around_get {
    skep_get base;
    skep__around *around;
    skep_get *next;
    skep_io io;
    skep__around_call call;
    char key[SKEP_STORE_KEY_MAX + 1];
} around_get;

typedef struct around_list {
    skep_list base;
    skep__around *around;
    skep_list *next;
    skep__around_call call;
    char prefix[SKEP_STORE_KEY_MAX + 1];
} around_list;

static int enter(skep__around *around, skep__around_kind kind, const char *key, const skep_io *io,
                 skep__around_call *call)
{
    *call = (skep__around_call){.kind = kind, .key = key, .count = 1, .begun_ns = skep__now_ns()};
    return around->hooks->enter(around, io);
}

/* Returns `rc`. */
static int leave(skep__around *around, skep__around_call *call, int rc)
{
    skep_err err;
    if (rc < 0)
        skep__err_save(&err);
    call->rc = rc;
    around->hooks->leave(around, call);
    return rc < 0 ? skep__err_install(&err) : rc;
}

static skep__around *around_at(skep_store *store)
{
    return (skep__around *)(void *)store;
}

static int around_close(skep_store *store)
{
    skep__around *around = around_at(store);
    int rc = skep_store_close(around->next);
    around->hooks->dispose(around);
    skep__free(around);
    return rc;
}

static const char *describe(const skep_store *store)
{
    return skep_store_name(((const skep__around *)(const void *)store)->next);
}

static int caps(skep_store *store, const skep_io *io, uint32_t *out, uint32_t *probe)
{
    skep_io_opts opts = skep__io_opts(io);
    *probe = 0;
    return skep_store_caps(around_at(store)->next, &opts, out);
}

/* ---- whole calls ---- */

static int around_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    skep__around *around = around_at(store);
    skep__around_call call;
    SKEP__TRY(enter(around, SKEP__AROUND_HEAD, key, io, &call));
    skep_io_opts opts = skep__io_opts(io);
    return leave(around, &call, skep_store_head(around->next, key, &opts, out));
}

static int around_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                         int *results)
{
    skep__around *around = around_at(store);
    skep__around_call call;
    SKEP__TRY(enter(around, SKEP__AROUND_DELETE, keys[0], io, &call));
    call.count = n;
    skep_io_opts opts = skep__io_opts(io);
    return leave(around, &call, skep_store_delete_many(around->next, keys, n, &opts, results));
}

static skep_put_opts put_opts(const skep_put_how *how)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = how->create;
    opts.if_etag = how->if_etag;
    opts.bytes = how->bytes;
    opts.io = skep__io_opts(&how->io);
    return opts;
}

/* As one call, also where the next store cannot: the front would otherwise get and put through here
 * at the same time, which a limit of one call never lets pass. */
static int around_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                       skep_object *out)
{
    skep__around *around = around_at(store);
    skep__around_call call;
    uint32_t can = 0;
    SKEP__TRY(enter(around, SKEP__AROUND_COPY, to, &how->io, &call));
    skep_put_opts opts = put_opts(how);
    int rc = skep_store_caps(around->next, &opts.io, &can);
    if (rc >= 0)
        rc = skep_store_copy(around->next, from, to, &opts, out);
    if (rc >= 0 && (can & SKEP_STORE_CAN_COPY) == 0) { /* it went through this process, both ways */
        call.bytes = 2 * out->bytes;
        rc = around->hooks->move(around, call.bytes, &how->io);
    }
    return leave(around, &call, rc);
}

/* ---- put ---- */

static int around_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                            skep_put **out)
{
    SKEP__CLEANUP(skep__freep) around_put *put = skep__calloc(1, sizeof(*put));
    if (put == NULL)
        return skep__oom();
    put->base.engine = store->engine;
    put->around = around_at(store);
    put->io = how->io;
    memcpy(put->key, key, strlen(key) + 1);
    SKEP__TRY(enter(put->around, SKEP__AROUND_PUT, put->key, &how->io, &put->call));
    skep_put_opts opts = put_opts(how);
    int rc = skep__front_put(put->around->next, key, &opts, how->hash, &put->next);
    if (rc < 0)
        return leave(put->around, &put->call, rc);
    *out = &SKEP__TAKE(put)->base;
    return SKEP_OK;
}

static int around_put_write(skep_put *base, const void *data, size_t len)
{
    around_put *put = (around_put *)(void *)base;
    const uint8_t *at = data;
    int rc = SKEP_OK;
    while (len > 0 && rc >= 0) {
        size_t n = len < MOVE_MAX ? len : MOVE_MAX;
        rc = put->around->hooks->move(put->around, n, &put->io);
        if (rc >= 0)
            rc = skep_put_write(put->next, at, n);
        if (rc >= 0)
            put->call.bytes += n;
        at += n;
        len -= n;
    }
    put->call.rc = rc;
    return rc;
}

static int around_put_commit(skep_put *base, const uint8_t *hash, skep_object *out)
{
    (void)hash; /* the next store takes its own */
    SKEP__CLEANUP(skep__freep) around_put *put = (around_put *)(void *)base;
    return leave(put->around, &put->call, skep_put_commit(put->next, out));
}

static void around_put_abort(skep_put *base)
{
    SKEP__CLEANUP(skep__freep) around_put *put = (around_put *)(void *)base;
    int rc = put->call.rc < 0 ? put->call.rc : SKEP_ECANCELLED;
    skep_put_abort(put->next);
    (void)leave(put->around, &put->call, rc);
}

/* ---- get ---- */

static int around_get_open(skep_store *store, const char *key, const skep_get_how *how,
                           skep_get **out, skep_object *info)
{
    SKEP__CLEANUP(skep__freep) around_get *get = skep__calloc(1, sizeof(*get));
    if (get == NULL)
        return skep__oom();
    get->base.engine = store->engine;
    get->around = around_at(store);
    get->io = how->io;
    memcpy(get->key, key, strlen(key) + 1);
    SKEP__TRY(enter(get->around, SKEP__AROUND_GET, get->key, &how->io, &get->call));
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.offset = how->offset;
    opts.bytes = how->bytes;
    opts.if_etag = how->if_etag;
    opts.io = skep__io_opts(&how->io);
    int rc = skep_get_open(get->around->next, key, &opts, &get->next, info);
    if (rc < 0)
        return leave(get->around, &get->call, rc);
    *out = &SKEP__TAKE(get)->base;
    return SKEP_OK;
}

static int around_get_read(skep_get *base, void *data, size_t len, size_t *got)
{
    around_get *get = (around_get *)(void *)base;
    int rc = skep_get_read(get->next, data, len < MOVE_MAX ? len : MOVE_MAX, got);
    if (rc >= 0 && *got > 0)
        rc = get->around->hooks->move(get->around, *got, &get->io);
    if (rc >= 0)
        get->call.bytes += *got;
    get->call.rc = rc;
    return rc;
}

static void around_get_close(skep_get *base)
{
    SKEP__CLEANUP(skep__freep) around_get *get = (around_get *)(void *)base;
    skep_get_close(get->next);
    (void)leave(get->around, &get->call, get->call.rc);
}

/* ---- list ---- */

static int around_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    SKEP__CLEANUP(skep__freep) around_list *list = skep__calloc(1, sizeof(*list));
    if (list == NULL)
        return skep__oom();
    list->base.engine = store->engine;
    list->around = around_at(store);
    memcpy(list->prefix, how->prefix, strlen(how->prefix) + 1);
    SKEP__TRY(enter(list->around, SKEP__AROUND_LIST, list->prefix, &how->io, &list->call));
    list->call.count = 0;
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = how->prefix;
    opts.after = how->after;
    opts.limit = how->limit;
    opts.io = skep__io_opts(&how->io);
    int rc = skep_list_open(list->around->next, &opts, &list->next);
    if (rc < 0)
        return leave(list->around, &list->call, rc);
    *out = &SKEP__TAKE(list)->base;
    return SKEP_OK;
}

static int around_list_next(skep_list *base, skep_object *out)
{
    around_list *list = (around_list *)(void *)base;
    int rc = skep_list_next(list->next, out);
    list->call.count += rc > 0 ? 1 : 0;
    list->call.rc = rc < 0 ? rc : SKEP_OK;
    return rc;
}

static void around_list_close(skep_list *base)
{
    SKEP__CLEANUP(skep__freep) around_list *list = (around_list *)(void *)base;
    skep_list_close(list->next);
    (void)leave(list->around, &list->call, list->call.rc);
}

static const skep_store_engine engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .name = "filter",
    .close = around_close,
    .describe = describe,
    .caps = caps,
    .head = around_head,
    .remove = around_remove,
    .copy = around_copy,
    .put_begin = around_put_begin,
    .put_write = around_put_write,
    .put_commit = around_put_commit,
    .put_abort = around_put_abort,
    .get_open = around_get_open,
    .get_read = around_get_read,
    .get_close = around_get_close,
    .list_open = around_list_open,
    .list_next = around_list_next,
    .list_close = around_list_close,
};

/* The next store comes in last: until then closing this one leaves it alone. */
int skep__around_adopt(skep__around *around, const skep__around_hooks *hooks, skep_store *next)
{
    around->base.engine = &engine;
    around->hooks = hooks;
    SKEP__TRY(skep_store_adopt(&around->base));
    skep__front_hand_copies(&around->base);
    skep__store_allow_own(next);
    around->next = next;
    return SKEP_OK;
}

skep__around *skep__around_of(skep_store *store, const skep__around_hooks *hooks)
{
    skep__around *around = around_at(store);
    return store->engine == &engine && around->hooks == hooks ? around : NULL;
}
