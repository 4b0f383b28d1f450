/* SPDX-License-Identifier: MIT */
/*
 * Two lists in the order of their keys are walked side by side, as in a merge: a key that only one
 * of them has is missing in the other, so nothing has to be remembered but where both are. The
 * calling thread walks; what it finds goes through a short ring to threads that compare and copy.
 *
 * Nothing is kept between runs. One that was broken off goes on by itself: what is the same by now
 * is passed over.
 */
#include "store/sync.h"

#include <string.h>

#include "base/mem.h"
#include "base/settings.h"
#include "base/time.h"
#include "store/front_private.h"
#include "store/ring.h"

static const skep__choice compare_choices[] = {{"size", SKEP_COMPARE_SIZE},
                                               {"bytes", SKEP_COMPARE_BYTES},
                                               {"never", SKEP_COMPARE_NEVER},
                                               {NULL, 0}};

static const skep__setting sync_rows[] = {
    {.name = "sync.jobs",
     SKEP__FIELD(skep_sync_opts, jobs),
     .type = SKEP__SETTING_INT,
     .unit = "objects",
     .initial = 8,
     .min = 1,
     .max = SKEP__SYNC_JOBS_MAX,
     .help = "Objects that a sync compares and copies at a time."},
    {.name = "sync.compare",
     SKEP__FIELD(skep_sync_opts, compare),
     .type = SKEP__SETTING_ENUM,
     .choices = compare_choices,
     .initial = SKEP_COMPARE_DEFAULT,
     .help = "How a sync tells whether two objects are the same."},
};
static const skep__settings_table sync_table =
    SKEP__SETTINGS_TABLE("skep_sync_opts", skep_sync_opts, sync_rows);

typedef struct side {
    skep_list *list;
    const char *prefix;
    skep_object at; /* the next one; size 0: the end */
} side;

typedef struct walk {
    side from;
    side to;
} walk;

static void walk_close(walk *w)
{
    skep_list_close(w->from.list);
    skep_list_close(w->to.list);
}

static int advance(side *s)
{
    s->at = (skep_object)SKEP_OBJECT_INIT;
    int rc = skep_list_next(s->list, &s->at);
    if (rc == 0)
        s->at.size = 0;
    return rc;
}

static int side_open(const skep__sync *s, skep_store *store, const char *prefix, side *out)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = prefix;
    opts.io = skep__io_opts(&s->io);
    out->prefix = prefix;
    SKEP__TRY(skep_list_open(store, &opts, &out->list));
    return advance(out);
}

static const char *tail_of(const side *s)
{
    return s->at.key + strlen(s->prefix);
}

/* Negative: the next key is in the first list only; positive: in the second; 0: in both. */
static int order(const walk *w)
{
    if (w->to.at.size == 0)
        return -1;
    if (w->from.at.size == 0)
        return 1;
    return strcmp(tail_of(&w->from), tail_of(&w->to));
}

static void item_of(const walk *w, int which, skep__sync_item *item)
{
    const char *tail = which <= 0 ? tail_of(&w->from) : tail_of(&w->to);
    memcpy(item->tail, tail, strlen(tail) + 1);
    item->from.size = 0;
    item->to.size = 0;
    if (which <= 0)
        item->from = w->from.at;
    if (which >= 0)
        item->to = w->to.at;
}

/* Wait for room in the ring. False: it was ended. */
static bool hand_out(skep__sync *s, const walk *w, int which)
{
    skep__mutex_lock(&s->mutex);
    while (s->count == s->room && !s->stopped)
        skep__cond_wait(&s->change, &s->mutex);
    bool going = !s->stopped;
    if (going) {
        skep__sync_item *item = &s->items[(s->head + s->count) % s->room];
        item_of(w, which, item);
        s->count++;
        s->of_objects++;
        s->of_bytes += item->from.size != 0 ? item->from.bytes : 0;
        skep__cond_broadcast(&s->change);
    }
    skep__mutex_unlock(&s->mutex);
    return going;
}

static int walk_both(skep__sync *s)
{
    SKEP__CLEANUP(walk_close) walk w = {.from = {.list = NULL}, .to = {.list = NULL}};
    SKEP__TRY(side_open(s, s->from, s->opts.from_prefix, &w.from));
    SKEP__TRY(side_open(s, s->to, s->opts.to_prefix, &w.to));
    while (w.from.at.size != 0 || w.to.at.size != 0) {
        SKEP__TRY(skep__io_check(&s->io));
        int which = order(&w);
        if ((which <= 0 || s->opts.remove != 0) && !hand_out(s, &w, which))
            return SKEP_OK;
        if (which <= 0)
            SKEP__TRY(advance(&w.from));
        if (which >= 0)
            SKEP__TRY(advance(&w.to));
    }
    return SKEP_OK;
}

/* ---- the call ---- */

static int check_prefix(const char *prefix, const char *which)
{
    size_t len = strlen(prefix);
    if (len > SKEP_STORE_KEY_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s: of %zu bytes; allowed: at most %d", which, len,
                          SKEP_STORE_KEY_MAX);
    if (len > 0 && prefix[len - 1] != '/')
        return SKEP__FAIL(SKEP_EINVALID, "%s %s: it has to be empty or end with a slash", which,
                          prefix);
    return SKEP_OK;
}

/* What is written must not turn up in the list that is read. */
static int check_apart(const skep__sync *s)
{
    size_t from = strlen(s->opts.from_prefix);
    size_t to = strlen(s->opts.to_prefix);
    if (s->from == s->to &&
        strncmp(s->opts.from_prefix, s->opts.to_prefix, from < to ? from : to) == 0)
        return SKEP__FAIL(SKEP_EINVALID,
                          "sync within %s from \"%s\" to \"%s\": one holds the other; choose "
                          "prefixes beside each other",
                          skep_store_name(s->from), s->opts.from_prefix, s->opts.to_prefix);
    return SKEP_OK;
}

static int take_opts(skep__sync *s, const skep_sync_opts *opts)
{
    SKEP__TRY(skep__settings_take(&sync_table, opts, &s->opts));
    if (s->opts.from_prefix == NULL)
        s->opts.from_prefix = "";
    if (s->opts.to_prefix == NULL)
        s->opts.to_prefix = "";
    SKEP__TRY(check_prefix(s->opts.from_prefix, "skep_sync_opts.from_prefix"));
    SKEP__TRY(check_prefix(s->opts.to_prefix, "skep_sync_opts.to_prefix"));
    SKEP__TRY(check_apart(s));
    if (s->opts.io.timeout_ms > 0)
        s->io.deadline_ns = skep__deadline_ns(s->opts.io.timeout_ms);
    s->io.cancel = s->opts.io.cancel;
    skep_io_opts io = skep__io_opts(&s->io);
    SKEP__TRY(skep_store_caps(s->from, &io, &s->from_caps));
    return skep_store_caps(s->to, &io, &s->to_caps);
}

static void run(skep__sync *s, skep__thread *threads)
{
    uint32_t started = 0;
    int rc = SKEP_OK;
    while (started < s->opts.jobs && rc >= 0) {
        rc = skep__thread_start(&threads[started], "skep-sync", skep__sync_work, s);
        started += rc >= 0 ? 1 : 0;
    }
    if (started > 0) /* fewer threads are slower, no more */
        rc = walk_both(s);
    if (rc < 0)
        skep__sync_stop(s);
    skep__mutex_lock(&s->mutex);
    s->all = true;
    skep__cond_broadcast(&s->change);
    skep__mutex_unlock(&s->mutex);
    for (uint32_t i = 0; i < started; i++)
        skep__thread_join(&threads[i]);
    skep__sync_tell(s);
}

static int run_with_room(skep__sync *s)
{
    SKEP__CLEANUP(skep__freep) skep__thread *threads = NULL;
    SKEP__CLEANUP(skep__freep) skep__sync_item *items = NULL;
    s->room = (size_t)s->opts.jobs * SKEP__SYNC_AHEAD;
    threads = skep__calloc(s->opts.jobs, sizeof(*threads));
    items = skep__alloc_array(s->room, sizeof(*items));
    if (threads == NULL || items == NULL)
        return skep__oom();
    s->items = items;
    run(s, threads);
    s->items = NULL;
    return s->first.code < 0 ? skep__err_install(&s->first) : SKEP_OK;
}

static int run_with_locks(skep__sync *s)
{
    SKEP__TRY(skep__mutex_init(&s->mutex));
    int rc = skep__cond_init(&s->change);
    if (rc >= 0) {
        rc = skep__cancel_init(&s->stop, s->opts.io.cancel);
        if (rc >= 0) {
            s->io.cancel = &s->stop;
            rc = run_with_room(s);
            skep__cancel_dispose(&s->stop);
        }
        skep__cond_dispose(&s->change);
    }
    skep__mutex_dispose(&s->mutex);
    return rc;
}

/* Before the first object that it opens. Under another name none would open. */
static int carry_ring(const skep__sync *s)
{
    skep_io io;
    if (s->opts.dry_run != 0 || s->opts.from_prefix[0] != '\0' || s->opts.to_prefix[0] != '\0')
        return SKEP_OK;
    SKEP__TRY(skep__front_io(&s->opts.io, &io, NULL));
    return skep__ring_carry(s->from, s->to, &io);
}

int skep_store_sync(skep_store *from, skep_store *to, const skep_sync_opts *opts,
                    skep_sync_sum *out)
{
    SKEP__REQUIRE(from != NULL);
    SKEP__REQUIRE(to != NULL);
    skep__sync s = {.from = from, .to = to};
    SKEP__TRY(take_opts(&s, opts));
    SKEP__TRY(carry_ring(&s));
    int rc = run_with_locks(&s);
    if (out != NULL) {
        s.sum.size = out->size;
        *out = s.sum;
    }
    return rc;
}
