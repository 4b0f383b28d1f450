/* SPDX-License-Identifier: MIT */
/* The mirror as a store: what it is made of, and what is asked about it. */
#include "store/mirror.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/front_private.h"
#include "store/mirror_file.h"

static skep__mirror *mirror_of(skep_store *store)
{
    return (skep__mirror *)store;
}

/* ---- options ---- */

static int take_opts(const skep_mirror_opts *given, skep_mirror_opts *out)
{
    SKEP__TRY(skep__settings_take(&skep__mirror_settings, given, out));
    if (out->mode > SKEP_MIRROR_ASYNC)
        return SKEP__FAIL(SKEP_EINVALID,
                          "skep_mirror_opts.mode is %u; allowed: 0 (sync), 1 (async)", out->mode);
    if (out->conflict > SKEP_CONFLICT_REPLICA)
        return SKEP__FAIL(SKEP_EINVALID,
                          "skep_mirror_opts.conflict is %u; allowed: 0 (latest), 1 (primary), 2 "
                          "(replica)",
                          out->conflict);
    if (out->mode == SKEP_MIRROR_ASYNC && (out->queue == NULL || out->queue[0] == '\0'))
        return SKEP__FAIL(SKEP_EINVALID, "an asynchronous mirror needs a directory for its queue: "
                                         "skep_mirror_opts.queue");
    if (out->mode == SKEP_MIRROR_SYNC && out->queue != NULL && out->queue[0] != '\0')
        return SKEP__FAIL(SKEP_EINVALID,
                          "a synchronous mirror has no queue, and %s is named for one", out->queue);
    return SKEP_OK;
}

/* ---- closing ---- */

static void stop_workers(skep__mirror *m)
{
    if (m->queue == NULL)
        return;
    skep__mq_stop(m->queue);
    skep_cancel_fire(&m->stop);
    for (size_t i = 0; i + 1 < m->n; i++)
        skep__thread_join(&m->workers[i].thread);
    skep__mq_close(SKEP__TAKE(m->queue));
}

/* All but the stores. */
static void dispose(skep__mirror *m)
{
    stop_workers(m);
    skep__cancel_dispose(&m->stop);
    skep__cond_dispose(&m->change);
    skep__mutex_dispose(&m->mutex);
    skep__free(m->queue_dir);
    skep__free(m->name);
    skep__free(m);
}

static void disposep(skep__mirror **m)
{
    if (*m != NULL)
        dispose(*m);
}

/* What still waits is done when the mirror is opened the next time. */
static int empty_queue(skep__mirror *m)
{
    skep_mirror_lag lag = {.size = (uint32_t)sizeof(lag)};
    if (m->queue == NULL || m->opts.close_timeout_ms <= 0)
        return SKEP_OK;
    const skep_io io = {.deadline_ns = skep__deadline_ns(m->opts.close_timeout_ms)};
    if (skep__mq_flush(m->queue, &io) >= 0)
        return SKEP_OK;
    skep__mq_lag(m->queue, &lag);
    (void)SKEP__FAIL(SKEP_EUNREPLICATED,
                     "%llu objects wait for a replica of %s; they go there when it is opened again",
                     (unsigned long long)lag.objects, m->name);
    skep__err_outcome(SKEP_OUTCOME_COMMITTED);
    return SKEP_EUNREPLICATED;
}

static int mirror_close(skep_store *store)
{
    skep__mirror *m = mirror_of(store);
    skep_store *stores[SKEP_MIRROR_STORES_MAX];
    skep_err first = {.code = SKEP_OK};
    const size_t n = m->n;
    if (empty_queue(m) < 0)
        skep__err_save(&first);
    memcpy(stores, m->stores, sizeof(stores));
    dispose(m);
    for (size_t i = 0; i < n; i++) {
        if (skep_store_close(stores[i]) < 0 && first.code == SKEP_OK)
            skep__err_save(&first);
    }
    return first.code < 0 ? skep__err_install(&first) : SKEP_OK;
}

/* ---- being asked ---- */

static const char *mirror_describe(const skep_store *store)
{
    return ((const skep__mirror *)store)->name;
}

static int mirror_caps(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe)
{
    skep_io_opts opts = skep__io_opts(io);
    *probe = 0;
    return skep_store_caps(mirror_of(store)->stores[0], &opts, caps);
}

const skep_store_engine skep__mirror_engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .flags = SKEP_ENGINE_OWN_HASH, /* each store takes one */
    .name = "mirror",
    .close = mirror_close,
    .describe = mirror_describe,
    .caps = mirror_caps,
    .head = skep__mirror_head,
    .remove = skep__mirror_remove,
    .copy = skep__mirror_copy,
    .put_begin = skep__mirror_put_begin,
    .put_write = skep__mirror_put_write,
    .put_commit = skep__mirror_put_commit,
    .put_abort = skep__mirror_put_abort,
    .get_open = skep__mirror_get_open,
    .get_read = skep__mirror_get_read,
    .get_close = skep__mirror_get_close,
    .list_open = skep__mirror_list_open,
    .list_next = skep__mirror_list_next,
    .list_close = skep__mirror_list_close,
};

/* By which the queue's file tells replicas apart: their names, and which one of that name. */
static void make_ids(const skep__mirror *m, uint64_t *ids)
{
    for (size_t i = 1; i < m->n; i++) {
        const char *name = skep_store_name(m->stores[i]);
        uint64_t before = 0;
        for (size_t k = 1; k < i; k++)
            before += strcmp(name, skep_store_name(m->stores[k])) == 0 ? 1 : 0;
        ids[i - 1] = skep__hash64(name, strlen(name), before);
    }
}

/* What the file says, which another process may be writing. */
static int look_up_lag(const skep__mirror *m, skep_mirror_lag *lag)
{
    uint64_t ids[SKEP__MQ_REPLICAS_MAX];
    make_ids(m, ids);
    const skep__mq_opts opts = {.dir = m->queue_dir, .ids = ids, .replicas = m->n - 1};
    return skep__mq_look(&opts, lag);
}

int skep_mirror_lag_of(skep_store *store, skep_mirror_lag *out)
{
    skep_mirror_lag lag = {.size = (uint32_t)sizeof(lag)};
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__REQUIRE(out->size >= sizeof(out->size));
    if (store->engine != &skep__mirror_engine)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s is no mirror", skep_store_name(store));
    if (mirror_of(store)->queue_dir != NULL)
        SKEP__TRY(look_up_lag(mirror_of(store), &lag));
    if (mirror_of(store)->queue != NULL)
        skep__mq_lag(mirror_of(store)->queue, &lag);
    lag.size = out->size;
    memcpy(out, &lag, lag.size < sizeof(lag) ? lag.size : sizeof(lag));
    return SKEP_OK;
}

int skep_mirror_flush(skep_store *store, const skep_io_opts *opts)
{
    skep_io io;
    SKEP__REQUIRE(store != NULL);
    SKEP__TRY(skep__front_io(opts, &io, NULL));
    if (store->engine != &skep__mirror_engine)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s is no mirror", skep_store_name(store));
    if (mirror_of(store)->reader)
        return SKEP__FAIL(SKEP_EREADONLY, "%s was opened for reading", skep_store_name(store));
    return mirror_of(store)->queue != NULL ? skep__mq_flush(mirror_of(store)->queue, &io) : SKEP_OK;
}

/* ---- making one ---- */

static int make_name(skep__mirror *m)
{
    skep__buf name = SKEP__BUF_INIT(SKEP_MIRROR_STORES_MAX * (SKEP_STORE_URI_MAX + 2) + 16);
    skep__buf_add_text(&name, "mirror of ");
    for (size_t i = 0; i < m->n; i++)
        skep__buf_printf(&name, "%s%s", i > 0 ? ", " : "", skep_store_name(m->stores[i]));
    int rc = skep__buf_take(&name, &m->name, NULL);
    skep__buf_dispose(&name);
    return rc;
}

static int start(skep__mirror *m)
{
    uint64_t ids[SKEP__MQ_REPLICAS_MAX];
    make_ids(m, ids);
    const skep__mq_opts opts = {.dir = m->opts.queue,
                                .ids = ids,
                                .replicas = m->n - 1,
                                .objects_max = m->opts.queue_objects,
                                .bytes_max = m->opts.queue_bytes};
    SKEP__TRY(skep__mq_open(&opts, &m->queue));
    m->opts.queue = NULL; /* the caller's */
    for (size_t i = 0; i + 1 < m->n; i++) {
        m->workers[i].m = m;
        m->workers[i].replica = i;
        SKEP__TRY(skep__thread_start(&m->workers[i].thread, "skep-mirror", skep__mirror_work,
                                     &m->workers[i]));
    }
    return SKEP_OK;
}

/* Beside the mirror that has the queue. */
static int watch(skep__mirror *m)
{
    m->queue_dir = skep__strdup(m->opts.queue);
    m->opts.queue = NULL;
    return m->queue_dir == NULL ? skep__oom() : SKEP_OK;
}

static int locks_init(skep__mirror *m)
{
    SKEP__TRY(skep__mutex_init(&m->mutex));
    int rc = skep__cond_init(&m->change);
    if (rc >= 0) {
        rc = skep__cancel_init(&m->stop, NULL);
        if (rc < 0)
            skep__cond_dispose(&m->change);
    }
    if (rc < 0)
        skep__mutex_dispose(&m->mutex);
    return rc;
}

static int check_stores(skep_store *const *stores, size_t n)
{
    if (n < 2 || n > SKEP_MIRROR_STORES_MAX)
        return SKEP__FAIL(SKEP_EINVALID, "a mirror of %zu stores; allowed: 2 to %d", n,
                          SKEP_MIRROR_STORES_MAX);
    for (size_t i = 0; i < n; i++) {
        SKEP__REQUIRE(stores[i] != NULL);
        for (size_t k = 0; k < i; k++) {
            if (stores[i] == stores[k])
                return SKEP__FAIL(SKEP_EINVALID, "%s is in the mirror twice",
                                  skep_store_name(stores[i]));
        }
    }
    return SKEP_OK;
}

int skep__mirror_make(skep_store *const *stores, size_t n, const skep_mirror_opts *opts,
                      bool reader, skep_store **out)
{
    skep_mirror_opts complete;
    SKEP__TRY(take_opts(opts, &complete));
    SKEP__TRY(check_stores(stores, n));
    skep__mirror *made = skep__calloc(1, sizeof(*made));
    if (made == NULL)
        return skep__oom();
    int rc = locks_init(made);
    if (rc < 0) {
        skep__free(made);
        return rc;
    }
    SKEP__CLEANUP(disposep) skep__mirror *m = made;
    m->base.engine = &skep__mirror_engine;
    m->opts = complete;
    m->n = n;
    memcpy(m->stores, stores, n * sizeof(m->stores[0]));
    SKEP__TRY(make_name(m));
    for (size_t i = 0; i < n; i++)
        skep__store_allow_own(stores[i]);
    m->reader = reader;
    if (complete.mode == SKEP_MIRROR_ASYNC)
        SKEP__TRY(reader ? watch(m) : start(m));
    *out = &SKEP__TAKE(m)->base;
    return SKEP_OK;
}

int skep_store_mirror(skep_store *const *stores, size_t n, const skep_mirror_opts *opts,
                      skep_store **out)
{
    skep_store *store = NULL;
    SKEP__REQUIRE(stores != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__mirror_make(stores, n, opts, false, &store));
    skep__mirror *m = mirror_of(store);
    m->n = 0; /* until it is a store they are the caller's */
    int rc = skep_store_adopt(store);
    if (rc < 0)
        return rc;
    m->n = n;
    *out = store;
    return SKEP_OK;
}
