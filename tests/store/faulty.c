/* SPDX-License-Identifier: MIT */
#include "store/faulty.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"

#include "store/store.h"

#define ROOM "faulty"

typedef struct faulty {
    skep_store base;
    skep_store *next;
    bool lent; /* `next` stays the caller's */
    pthread_mutex_t mutex;
    faulty_step steps[FAULTY_STEPS_MAX];
    uint64_t seen[FAULTY_STEPS_MAX]; /* calls since the step was added */
    size_t count;
    uint64_t calls[FAULTY_CALLS];
    uint64_t one_in;
    rng chance;
} faulty;

typedef struct faulty_put {
    skep_put base;
    faulty *store;
    skep_put *next;
    uint64_t at;
} faulty_put;

typedef struct faulty_get {
    skep_get base;
    faulty *store;
    skep_get *next;
    uint64_t at;
} faulty_get;

typedef struct faulty_list {
    skep_list base;
    faulty *store;
    skep_list *next;
} faulty_list;

static const char *const call_names[FAULTY_CALLS] = {
    "caps",       "head",     "remove",   "copy",      "put_begin", "put_write",
    "put_commit", "get_open", "get_read", "list_open", "list_next"};

/* ---- what happens to a call ---- */

static bool in_stream(faulty_what what)
{
    return what == FAULTY_CUT || what == FAULTY_FLIP;
}

static bool by_chance(faulty *f, faulty_step *out)
{
    if (f->one_in == 0 || rng_below(&f->chance, f->one_in) != 0)
        return false;
    out->what = rng_below(&f->chance, 2) == 0 ? FAULTY_BEFORE : FAULTY_AFTER;
    return true;
}

/* What is to happen to this call, which moves the bytes [at, at + len) of a stream, or none. */
static faulty_step decide(faulty *f, faulty_call call, uint64_t at, uint64_t len)
{
    faulty_step found = {.call = call, .what = FAULTY_PASS};
    (void)pthread_mutex_lock(&f->mutex);
    f->calls[call]++;
    bool done = false;
    for (size_t i = 0; i < f->count; i++) {
        const faulty_step *step = &f->steps[i];
        if (step->call != call)
            continue;
        f->seen[i]++;
        bool hit = in_stream(step->what) ? step->at >= at && step->at - at < len
                                         : step->nth == 0 || step->nth == f->seen[i];
        if (hit && !done) {
            found = *step;
            done = true;
        }
    }
    if (!done)
        (void)by_chance(f, &found);
    (void)pthread_mutex_unlock(&f->mutex);
    if (found.run != NULL)
        found.run(found.ctx);
    return found;
}

static int injected(const faulty_step *step)
{
    return skep_fail(step->code != 0 ? step->code : SKEP_ENET, ROOM, "%s failed by the script",
                     call_names[step->call]);
}

/* To be put around the call itself. SKEP_OK: go on. */
static int before(const faulty_step *step)
{
    return step->what == FAULTY_BEFORE ? injected(step) : SKEP_OK;
}

/* `out` may be NULL. */
static int after(const faulty_step *step, int rc, skep_object *out)
{
    if (step->what == FAULTY_AFTER) {
        rc = injected(step);
        skep_fail_outcome(SKEP_OUTCOME_UNKNOWN);
    }
    if (step->what == FAULTY_ETAG && rc >= 0 && out != NULL)
        (void)snprintf(out->etag, sizeof(out->etag), "wrong");
    return rc;
}

/* ---- the store ---- */

static int faulty_close(skep_store *store)
{
    faulty *f = (faulty *)store;
    int rc = f->lent ? SKEP_OK : skep_store_close(f->next);
    (void)pthread_mutex_destroy(&f->mutex);
    free(f);
    return rc;
}

static const char *faulty_describe(const skep_store *store)
{
    return skep_store_name(((const faulty *)store)->next);
}

static int faulty_caps(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe)
{
    faulty *f = (faulty *)store;
    skep_io_opts opts = skep__io_opts(io);
    faulty_step step = decide(f, FAULTY_CAPS, 0, 0);
    *probe = 0;
    int rc = before(&step);
    return rc < 0 ? rc : after(&step, skep_store_caps(f->next, &opts, caps), NULL);
}

static int faulty_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    faulty *f = (faulty *)store;
    skep_io_opts opts = skep__io_opts(io);
    faulty_step step = decide(f, FAULTY_HEAD, 0, 0);
    int rc = before(&step);
    return rc < 0 ? rc : after(&step, skep_store_head(f->next, key, &opts, out), out);
}

static int faulty_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                         int *results)
{
    faulty *f = (faulty *)store;
    skep_io_opts opts = skep__io_opts(io);
    faulty_step step = decide(f, FAULTY_REMOVE, 0, 0);
    int rc = before(&step);
    if (rc == SKEP_OK)
        rc = after(&step, skep_store_delete_many(f->next, keys, n, &opts, results), NULL);
    for (size_t i = 0; i < n && (step.what == FAULTY_BEFORE || step.what == FAULTY_AFTER); i++)
        results[i] = rc;
    return rc;
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

static int faulty_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                       skep_object *out)
{
    faulty *f = (faulty *)store;
    skep_put_opts opts = put_opts(how);
    faulty_step step = decide(f, FAULTY_COPY, 0, 0);
    int rc = before(&step);
    return rc < 0 ? rc : after(&step, skep_store_copy(f->next, from, to, &opts, out), out);
}

/* ---- put ---- */

static int faulty_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                            skep_put **out)
{
    faulty *f = (faulty *)store;
    skep_put_opts opts = put_opts(how);
    faulty_step step = decide(f, FAULTY_PUT_BEGIN, 0, 0);
    faulty_put *put = calloc(1, sizeof(*put));
    if (put == NULL)
        return skep_fail(SKEP_ENOMEM, ROOM, "no memory left");
    int rc = before(&step);
    if (rc == SKEP_OK)
        rc = skep_put_begin(f->next, key, &opts, &put->next);
    if (rc == SKEP_OK && step.what == FAULTY_AFTER) {
        skep_put_abort(put->next);
        rc = injected(&step);
    }
    if (rc < 0) {
        free(put);
        return rc;
    }
    put->base.engine = store->engine;
    put->store = f;
    *out = &put->base;
    return SKEP_OK;
}

static int write_flipped(faulty_put *put, const void *data, size_t len, uint64_t at)
{
    char *copy = malloc(len);
    if (copy == NULL)
        return skep_fail(SKEP_ENOMEM, ROOM, "no memory left");
    memcpy(copy, data, len);
    copy[at - put->at] ^= 1;
    int rc = skep_put_write(put->next, copy, len);
    free(copy);
    return rc;
}

static int faulty_put_write(skep_put *base, const void *data, size_t len)
{
    faulty_put *put = (faulty_put *)base;
    faulty_step step = decide(put->store, FAULTY_PUT_WRITE, put->at, len);
    int rc = before(&step);
    if (rc < 0)
        return rc;
    if (step.what == FAULTY_CUT) {
        rc = skep_put_write(put->next, data, (size_t)(step.at - put->at));
        return rc < 0 ? rc : injected(&step);
    }
    if (step.what == FAULTY_FLIP)
        rc = write_flipped(put, data, len, step.at);
    else
        rc = skep_put_write(put->next, data, len);
    put->at += len;
    return step.what == FAULTY_AFTER ? injected(&step) : rc;
}

static int faulty_put_commit(skep_put *base, const uint8_t *hash, skep_object *out)
{
    faulty_put *put = (faulty_put *)base;
    (void)hash;
    faulty_step step = decide(put->store, FAULTY_PUT_COMMIT, 0, 0);
    int rc = before(&step);
    if (rc < 0)
        skep_put_abort(put->next);
    else
        rc = after(&step, skep_put_commit(put->next, out), out);
    free(put);
    return rc;
}

static void faulty_put_abort(skep_put *base)
{
    faulty_put *put = (faulty_put *)base;
    skep_put_abort(put->next);
    free(put);
}

/* ---- get ---- */

static int faulty_get_open(skep_store *store, const char *key, const skep_get_how *how,
                           skep_get **out, skep_object *info)
{
    faulty *f = (faulty *)store;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.offset = how->offset;
    opts.bytes = how->bytes;
    opts.if_etag = how->if_etag;
    opts.io = skep__io_opts(&how->io);
    faulty_step step = decide(f, FAULTY_GET_OPEN, 0, 0);
    faulty_get *get = calloc(1, sizeof(*get));
    if (get == NULL)
        return skep_fail(SKEP_ENOMEM, ROOM, "no memory left");
    int rc = before(&step);
    if (rc == SKEP_OK)
        rc = skep_get_open(f->next, key, &opts, &get->next, info);
    if (rc == SKEP_OK && step.what == FAULTY_AFTER) {
        skep_get_close(get->next);
        rc = injected(&step);
    }
    if (rc < 0) {
        free(get);
        return rc;
    }
    get->base.engine = store->engine;
    get->store = f;
    *out = &get->base;
    return after(&step, SKEP_OK, info);
}

static int faulty_get_read(skep_get *base, void *data, size_t len, size_t *got)
{
    faulty_get *get = (faulty_get *)base;
    size_t n = 0;
    faulty_step step = decide(get->store, FAULTY_GET_READ, get->at, len);
    int rc = before(&step);
    if (rc < 0)
        return rc;
    if (step.what == FAULTY_CUT && step.at == get->at)
        return injected(&step);
    if (step.what == FAULTY_CUT)
        len = (size_t)(step.at - get->at);
    rc = skep_get_read(get->next, data, len, &n);
    if (rc < 0 || step.what == FAULTY_AFTER)
        return rc < 0 ? rc : injected(&step);
    if (step.what == FAULTY_FLIP && step.at - get->at < n)
        ((char *)data)[step.at - get->at] ^= 1;
    get->at += n;
    *got = n;
    return SKEP_OK;
}

static void faulty_get_close(skep_get *base)
{
    faulty_get *get = (faulty_get *)base;
    skep_get_close(get->next);
    free(get);
}

/* ---- list ---- */

static int faulty_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    faulty *f = (faulty *)store;
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = how->prefix;
    opts.after = how->after;
    opts.limit = how->limit;
    opts.io = skep__io_opts(&how->io);
    faulty_step step = decide(f, FAULTY_LIST_OPEN, 0, 0);
    faulty_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return skep_fail(SKEP_ENOMEM, ROOM, "no memory left");
    int rc = before(&step);
    if (rc == SKEP_OK)
        rc = skep_list_open(f->next, &opts, &list->next);
    if (rc == SKEP_OK && step.what == FAULTY_AFTER) {
        skep_list_close(list->next);
        rc = injected(&step);
    }
    if (rc < 0) {
        free(list);
        return rc;
    }
    list->base.engine = store->engine;
    list->store = f;
    *out = &list->base;
    return SKEP_OK;
}

static int faulty_list_next(skep_list *base, skep_object *out)
{
    faulty_list *list = (faulty_list *)base;
    faulty_step step = decide(list->store, FAULTY_LIST_NEXT, 0, 0);
    int rc = before(&step);
    if (rc < 0)
        return rc;
    rc = skep_list_next(list->next, out);
    return step.what == FAULTY_AFTER ? injected(&step) : after(&step, rc, out);
}

static void faulty_list_close(skep_list *base)
{
    faulty_list *list = (faulty_list *)base;
    skep_list_close(list->next);
    free(list);
}

static const skep_store_engine faulty_engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .name = "faulty",
    .close = faulty_close,
    .describe = faulty_describe,
    .caps = faulty_caps,
    .head = faulty_head,
    .remove = faulty_remove,
    .copy = faulty_copy,
    .put_begin = faulty_put_begin,
    .put_write = faulty_put_write,
    .put_commit = faulty_put_commit,
    .put_abort = faulty_put_abort,
    .get_open = faulty_get_open,
    .get_read = faulty_get_read,
    .get_close = faulty_get_close,
    .list_open = faulty_list_open,
    .list_next = faulty_list_next,
    .list_close = faulty_list_close,
};

int faulty_store_open(skep_store *next, skep_store **out)
{
    faulty *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        (void)skep_store_close(next);
        return skep_fail(SKEP_ENOMEM, ROOM, "no memory left");
    }
    f->base.engine = &faulty_engine;
    f->next = next;
    (void)pthread_mutex_init(&f->mutex, NULL);
    skep__store_allow_own(next);
    int rc = skep_store_adopt(&f->base);
    if (rc == SKEP_OK)
        *out = &f->base;
    return rc;
}

skep_store *faulty_store_lend(skep_store *next)
{
    skep_store *store = NULL;
    assert_ok(faulty_store_open(next, &store));
    ck_assert_ptr_nonnull(store);
    ((faulty *)store)->lent = true;
    return store;
}

/* ---- the script ---- */

void faulty_add(skep_store *store, const faulty_step *step)
{
    faulty *f = (faulty *)store;
    (void)pthread_mutex_lock(&f->mutex);
    ck_assert_uint_lt(f->count, FAULTY_STEPS_MAX);
    f->steps[f->count] = *step;
    f->seen[f->count++] = 0;
    (void)pthread_mutex_unlock(&f->mutex);
}

void faulty_odds(skep_store *store, uint64_t seed, uint64_t one_in)
{
    faulty *f = (faulty *)store;
    (void)pthread_mutex_lock(&f->mutex);
    f->chance = rng_of(seed);
    f->one_in = one_in;
    (void)pthread_mutex_unlock(&f->mutex);
}

void faulty_clear(skep_store *store)
{
    faulty *f = (faulty *)store;
    (void)pthread_mutex_lock(&f->mutex);
    f->count = 0;
    f->one_in = 0;
    (void)pthread_mutex_unlock(&f->mutex);
}

uint64_t faulty_count(skep_store *store, faulty_call call)
{
    faulty *f = (faulty *)store;
    (void)pthread_mutex_lock(&f->mutex);
    uint64_t n = f->calls[call];
    (void)pthread_mutex_unlock(&f->mutex);
    return n;
}

skep_store *faulty_next(skep_store *store)
{
    return ((faulty *)store)->next;
}
