/* SPDX-License-Identifier: MIT */
/*
 * The sealed store: a filter that seals what goes into the next store and opens what comes out.
 * crypto/sealed.h has the objects, sealed_keys.c the keys, sealed_put.c and sealed_get.c the
 * streams; here is what concerns neither.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/front_private.h"
#include "store/sealed_private.h"

typedef struct sealed_list {
    skep_list base;
    skep_list *inner;
} sealed_list;

int skep__sealed_named(const sealed_store *s, const char *key, int rc)
{
    skep_err err = *skep_last_error();
    (void)SKEP__FAIL(rc, "%.120s in %.80s: %.180s", key, skep_store_name(s->next), err.text);
    skep__err_outcome((skep_outcome)err.outcome);
    return rc;
}

/* ---- the store ---- */

static int sealed_close(skep_store *store)
{
    sealed_store *s = (sealed_store *)store;
    int rc = skep_store_close(s->next);
    skep__sealed_keys_dispose(s);
    skep__data_key_free(s->boxed);
    skep_key_free(s->key);
    skep__cond_dispose(&s->read);
    skep__mutex_dispose(&s->mutex);
    skep__free(s);
    return rc;
}

static const char *sealed_describe(const skep_store *store)
{
    return ((const sealed_store *)store)->name;
}

static int sealed_caps(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe)
{
    const sealed_store *s = (const sealed_store *)store;
    skep_io_opts opts = skep__io_opts(io);
    uint32_t next = 0;
    SKEP__TRY(skep_store_caps(s->next, &opts, &next));
    *caps = next & (SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP);
    if (s->key != NULL)
        *caps |= SKEP_STORE_KEEPS_HASH;
    *probe = 0;
    return SKEP_OK;
}

/* The ring is no object of this store, whoever may name it. */
static int is_no_ring(const char *key)
{
    if (strcmp(key, SKEP__RING_KEY) == 0)
        return SKEP__FAIL(SKEP_EINVALID, "%s is the key ring of the sealed store", SKEP__RING_KEY);
    return SKEP_OK;
}

static int sealed_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                         int *results)
{
    skep_io_opts opts = skep__io_opts(io);
    for (size_t i = 0; i < n; i++)
        SKEP__TRY(is_no_ring(keys[i]));
    return skep_store_delete_many(((sealed_store *)store)->next, keys, n, &opts, results);
}

/* An object is sealed under its name: the front moves the bytes through this process. */
static int sealed_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                       skep_object *out)
{
    (void)store;
    (void)from;
    (void)to;
    (void)how;
    (void)out;
    return SKEP__FAIL(SKEP_EUNSUPPORTED, "a sealed object is sealed anew to be copied");
}

static int sealed_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                            skep_put **out)
{
    SKEP__TRY(is_no_ring(key));
    return skep__sealed_put_begin(store, key, how, out);
}

/* ---- lists ---- */

static int sealed_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    sealed_list *list = skep__calloc(1, sizeof(*list));
    if (list == NULL)
        return skep__oom();
    opts.prefix = how->prefix;
    opts.after = how->after;
    opts.limit = how->limit;
    opts.io = skep__io_opts(&how->io);
    int rc = skep_list_open(((sealed_store *)store)->next, &opts, &list->inner);
    if (rc < 0) {
        skep__free(list);
        return rc;
    }
    list->base.engine = &skep__sealed_engine;
    *out = &list->base;
    return SKEP_OK;
}

/* The hash that the next store knows is one of sealed bytes. */
static int sealed_list_next(skep_list *base, skep_object *out)
{
    int rc = skep_list_next(((sealed_list *)base)->inner, out);
    out->flags = 0;
    memset(out->hash, 0, sizeof(out->hash));
    return rc;
}

static void sealed_list_close(skep_list *base)
{
    sealed_list *list = (sealed_list *)base;
    skep_list_close(list->inner);
    skep__free(list);
}

const skep_store_engine skep__sealed_engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .flags = SKEP_ENGINE_OWN_HASH,
    .name = "sealed",
    .close = sealed_close,
    .describe = sealed_describe,
    .caps = sealed_caps,
    .head = skep__sealed_get_info,
    .remove = sealed_remove,
    .copy = sealed_copy,
    .put_begin = sealed_put_begin,
    .put_write = skep__sealed_put_write,
    .put_commit = skep__sealed_put_commit,
    .put_abort = skep__sealed_put_abort,
    .get_open = skep__sealed_get_open,
    .get_read = skep__sealed_get_read,
    .get_close = skep__sealed_get_close,
    .list_open = sealed_list_open,
    .list_next = sealed_list_next,
    .list_close = sealed_list_close,
};

/* ---- opening ---- */

static int take_recipients(sealed_store *s, const char *const *texts)
{
    _Static_assert(SKEP_SEAL_RECIPIENTS_MAX == SKEP__SEALED_BOXES_MAX, "one box for each");
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) {
        if (i == SKEP__SEALED_BOXES_MAX)
            return SKEP__FAIL(SKEP_ELIMIT, "more than %d recipients", SKEP__SEALED_BOXES_MAX);
        SKEP__TRY(skep__recipient_parse(texts[i], &s->recipients[i]));
        s->recipients_count++;
    }
    return SKEP_OK;
}

/* What was asked for, in full or not at all. */
static int take_opts(sealed_store *s, const skep_seal_opts *opts)
{
    if (opts->padded > 1)
        return SKEP__FAIL(SKEP_EINVALID, "padded is %u; 0 and 1 are allowed", opts->padded);
    s->padded = opts->padded == 1;
    SKEP__TRY(take_recipients(s, opts->recipients));
    if (opts->key != NULL)
        return skep__key_copy(opts->key, &s->key);
    if (s->recipients_count == 0)
        return SKEP__FAIL(SKEP_EINVALID, "sealing needs a key or a recipient, neither is given");
    uint8_t lineage[SKEP__LINEAGE_BYTES];
    SKEP__TRY(skep__random(lineage, sizeof(lineage)));
    return skep__data_key_new(lineage, &s->boxed);
}

static void closep(skep_store **store)
{
    if (*store != NULL)
        (void)sealed_close(*store);
}

int skep_store_sealed(skep_store *next, const skep_seal_opts *opts, skep_store **out)
{
    skep_seal_opts taken = SKEP_SEAL_OPTS_INIT;
    SKEP__REQUIRE(next != NULL);
    SKEP__REQUIRE(opts != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_seal_opts"));
    if (next->engine == &skep__sealed_engine)
        return SKEP__FAIL(SKEP_EINVALID, "%.200s is a sealed store", skep_store_name(next));
    sealed_store *s = skep__calloc(1, sizeof(*s));
    if (s == NULL)
        return skep__oom();
    int rc = skep__mutex_init(&s->mutex);
    if (rc < 0) {
        skep__free(s);
        return rc;
    }
    rc = skep__cond_init(&s->read);
    if (rc < 0) {
        skep__mutex_dispose(&s->mutex);
        skep__free(s);
        return rc;
    }
    SKEP__CLEANUP(closep) skep_store *store = &s->base; /* whole enough to be closed from here on */
    s->base.engine = &skep__sealed_engine;
    (void)snprintf(s->name, sizeof(s->name), "%s, sealed", skep_store_name(next));
    SKEP__TRY(take_opts(s, &taken));
    SKEP__TRY(skep_store_adopt(SKEP__TAKE(store))); /* consumes it when it fails */
    skep__store_allow_own(next);
    s->next = next; /* not sooner: what fails leaves it to the caller */
    *out = &s->base;
    return SKEP_OK;
}
