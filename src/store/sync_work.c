/* SPDX-License-Identifier: MIT */
/* The threads of a sync: is this one the same there? If not, make it so, and say it. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "store/sync.h"

/* One object in the hands of one thread. */
typedef struct job {
    skep__sync *s;
    skep__sync_item item;
    char from_key[SKEP_STORE_KEY_MAX + 1];
    char to_key[SKEP_STORE_KEY_MAX + 1];
    skep_sync_what what;
    const char *why;
    uint64_t bytes;   /* of the object */
    uint64_t counted; /* of them in the progress so far */
} job;

/* ---- the caller's functions: one at a time, outside of the lock ---- */

static void turn_begin(skep__sync *s)
{
    skep__mutex_lock(&s->mutex);
    while (s->calling)
        skep__cond_wait(&s->change, &s->mutex);
    s->calling = true;
    skep__mutex_unlock(&s->mutex);
}

static void turn_end(skep__sync *s)
{
    skep__mutex_lock(&s->mutex);
    s->calling = false;
    skep__cond_broadcast(&s->change);
    skep__mutex_unlock(&s->mutex);
}

void skep__sync_tell(skep__sync *s)
{
    if (s->opts.progress == NULL)
        return;
    turn_begin(s);
    skep__mutex_lock(&s->mutex);
    uint64_t objects = s->objects;
    uint64_t bytes = s->bytes;
    uint64_t of_objects = s->of_objects;
    uint64_t of_bytes = s->of_bytes;
    int all = s->all ? 1 : 0;
    skep__mutex_unlock(&s->mutex);
    s->opts.progress(objects, bytes, of_objects, of_bytes, all, s->opts.ctx);
    turn_end(s);
}

void skep__sync_stop(skep__sync *s)
{
    skep__mutex_lock(&s->mutex);
    if (!s->stopped && s->first.code >= 0)
        skep__err_save(&s->first);
    s->stopped = true;
    skep__cond_broadcast(&s->change);
    skep__mutex_unlock(&s->mutex);
    skep_cancel_fire(&s->stop);
}

static bool is_stopped(skep__sync *s)
{
    skep__mutex_lock(&s->mutex);
    bool stopped = s->stopped;
    skep__mutex_unlock(&s->mutex);
    return stopped;
}

/* What the caller's function returned: nothing, or a code of his own that ends it all. */
static int judge(int rc)
{
    if (rc >= 0)
        return SKEP_OK;
    if (rc <= SKEP_EUSER)
        return skep__fail(rc, "callback", "the step function of a sync returned %d", rc);
    return skep__fail(SKEP_EMISUSE, "callback",
                      "the step function of a sync returned %d, which is not SKEP_EUSER or below",
                      rc);
}

static void say(job *j, const skep_err *error)
{
    skep__sync *s = j->s;
    skep_sync_step step = {.size = (uint32_t)sizeof(step),
                           .what = (int32_t)j->what,
                           .key = j->item.tail,
                           .bytes = j->bytes,
                           .why = j->why,
                           .error = error};
    if (s->opts.step == NULL)
        return;
    turn_begin(s);
    int rc = is_stopped(s) ? SKEP_OK : judge(s->opts.step(&step, s->opts.ctx));
    if (rc < 0) /* within the turn: nobody else is told after that */
        skep__sync_stop(s);
    turn_end(s);
}

/* ---- the same? ---- */

static bool lists_bytes(const skep__sync *s)
{
    return (s->from_caps & s->to_caps & SKEP_STORE_LISTS_BYTES) != 0;
}

/* What a list leaves out. 0: the object has gone since. */
static int complete(const skep__sync *s, skep_store *store, uint32_t caps, const char *key,
                    skep_object *info)
{
    bool hashed = (info->flags & SKEP_OBJECT_HASHED) != 0 || (caps & SKEP_STORE_KEEPS_HASH) == 0 ||
                  s->opts.compare != SKEP_COMPARE_DEFAULT;
    if (hashed && (caps & SKEP_STORE_LISTS_BYTES) != 0)
        return 1;
    return skep__carry_head(store, key, &s->io, info);
}

/* A copy is younger than what it is of. A time in whole seconds may stand for any in that one. */
static bool copied_since(const skep_object *from, const skep_object *to)
{
    int64_t from_us = from->modified_us;
    if (from_us % 1000000 == 0)
        from_us += 999999;
    return to->modified_us >= from_us;
}

static const char newer[] = "newer than the copy";

static const char *differs_by_info(const skep__sync *s, const skep_object *from,
                                   const skep_object *to)
{
    const uint32_t both = from->flags & to->flags;
    const bool alike = ((from->flags ^ to->flags) & SKEP_OBJECT_SEALED) == 0;
    if (from->bytes != to->bytes)
        return "size differs";
    if (s->opts.compare == SKEP_COMPARE_SIZE)
        return NULL;
    if ((both & SKEP_OBJECT_HASHED) != 0 && alike)
        return memcmp(from->hash, to->hash, sizeof(from->hash)) != 0 ? "content differs" : NULL;
    return copied_since(from, to) ? NULL : newer;
}

/* Many stores tell times in whole seconds: what was copied at once after it was written looks newer
 * than its copy, for ever. Where one of the two keeps a hash the other is read for its own: a read
 * is the worst that it costs, and a copy what it saves. */
static int differs_by_reading(job *j, skep_object *from, skep_object *to)
{
    const skep__sync *s = j->s;
    if (((from->flags | to->flags) & SKEP_OBJECT_SEALED) != 0)
        return SKEP_OK;
    if ((from->flags & SKEP_OBJECT_HASHED) == 0 && (to->flags & SKEP_OBJECT_HASHED) != 0)
        SKEP__TRY(skep__carry_hash(s->from, j->from_key, &s->io, from));
    else if ((from->flags & SKEP_OBJECT_HASHED) != 0 && (to->flags & SKEP_OBJECT_HASHED) == 0)
        SKEP__TRY(skep__carry_hash(s->to, j->to_key, &s->io, to));
    else
        return SKEP_OK;
    j->why = differs_by_info(s, from, to);
    return SKEP_OK;
}

static int compare_bytes(job *j)
{
    skep__carry c = {.from = j->s->from,
                     .from_key = j->from_key,
                     .to = j->s->to,
                     .to_key = j->to_key,
                     .io = j->s->io};
    int rc = skep__carry_equal(&c);
    SKEP__TRY(rc);
    j->why = rc == 0 ? "content differs" : NULL;
    return SKEP_OK;
}

/* Both are there as far as the lists know: what is to be done? */
static int compare(job *j)
{
    const skep__sync *s = j->s;
    skep_object *from = &j->item.from;
    skep_object *to = &j->item.to;
    j->what = SKEP_SYNC_REPLACE;
    if (s->opts.compare == SKEP_COMPARE_NEVER) {
        j->why = "not compared";
        return SKEP_OK;
    }
    if (lists_bytes(s) && from->bytes != to->bytes) {
        j->why = "size differs";
        return SKEP_OK;
    }
    int there = complete(s, s->from, s->from_caps, j->from_key, from);
    SKEP__TRY(there);
    if (there == 0)
        from->size = 0;
    there = complete(s, s->to, s->to_caps, j->to_key, to);
    SKEP__TRY(there);
    if (there == 0)
        to->size = 0;
    if (from->size == 0 || to->size == 0)
        return SKEP_OK;
    j->bytes = from->bytes;
    if (s->opts.compare == SKEP_COMPARE_BYTES && from->bytes == to->bytes)
        SKEP__TRY(compare_bytes(j));
    else
        j->why = differs_by_info(s, from, to);
    if (j->why == newer)
        SKEP__TRY(differs_by_reading(j, from, to));
    if (j->why == NULL)
        j->what = SKEP_SYNC_SAME;
    return SKEP_OK;
}

static int decide(job *j)
{
    const skep__sync_item *item = &j->item;
    j->bytes = item->from.size != 0 ? item->from.bytes : item->to.bytes;
    if (item->from.size != 0 && item->to.size != 0)
        SKEP__TRY(compare(j));
    if (item->from.size == 0) { /* or it has gone since it was listed */
        j->what = j->s->opts.remove != 0 && item->to.size != 0 ? SKEP_SYNC_DELETE : SKEP_SYNC_SAME;
        j->why = "only there";
    } else if (item->to.size == 0) {
        j->what = SKEP_SYNC_COPY;
        j->why = "missing there";
    }
    return SKEP_OK;
}

/* ---- doing it ---- */

static void moved(void *ctx, uint64_t bytes)
{
    job *j = ctx;
    skep__mutex_lock(&j->s->mutex);
    j->s->sum.bytes += bytes;
    if (j->counted + bytes <= j->item.from.bytes) { /* of one that is read again: once */
        j->s->bytes += bytes;
        j->counted += bytes;
    }
    skep__mutex_unlock(&j->s->mutex);
    skep__sync_tell(j->s);
}

static int do_copy(job *j)
{
    skep__carry c = {.from = j->s->from,
                     .from_key = j->from_key,
                     .to = j->s->to,
                     .to_key = j->to_key,
                     .io = j->s->io,
                     .moved = moved,
                     .ctx = j};
    bool reading = false;
    int rc = skep__carry_object(&c, NULL, NULL, &reading);
    if (rc == SKEP_ENOTFOUND && reading) { /* deleted meanwhile: then there is nothing to copy */
        j->what = SKEP_SYNC_SAME;
        return SKEP_OK;
    }
    return rc;
}

static int do_delete(const job *j)
{
    skep_io_opts io = skep__io_opts(&j->s->io);
    return skep_store_delete(j->s->to, j->to_key, &io);
}

static int key_of(const char *prefix, const char *tail, char out[SKEP_STORE_KEY_MAX + 1])
{
    int len = snprintf(out, SKEP_STORE_KEY_MAX + 1, "%s%s", prefix, tail);
    if (len < 0 || len > SKEP_STORE_KEY_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "key %s%s: of more than %d bytes", prefix, tail,
                          SKEP_STORE_KEY_MAX);
    return SKEP_OK;
}

static int handle(job *j)
{
    const skep__sync *s = j->s;
    SKEP__TRY(key_of(s->opts.from_prefix, j->item.tail, j->from_key));
    SKEP__TRY(key_of(s->opts.to_prefix, j->item.tail, j->to_key));
    SKEP__TRY(decide(j));
    if (s->opts.dry_run != 0)
        return SKEP_OK;
    if (j->what == SKEP_SYNC_COPY || j->what == SKEP_SYNC_REPLACE)
        return do_copy(j);
    return j->what == SKEP_SYNC_DELETE ? do_delete(j) : SKEP_OK;
}

static void count(const job *j)
{
    skep_sync_sum *sum = &j->s->sum;
    switch (j->what) {
    case SKEP_SYNC_SAME:
        sum->same++;
        break;
    case SKEP_SYNC_COPY:
        sum->copied++;
        break;
    case SKEP_SYNC_REPLACE:
        sum->replaced++;
        break;
    case SKEP_SYNC_DELETE:
        sum->removed++;
        break;
    case SKEP_SYNC_FAILED:
        sum->failed++;
        break;
    }
}

/* Returns whether the object counts: one that fell over because all is ended is no finding. */
static bool note(job *j, int rc, const skep_err *error, bool over)
{
    skep__sync *s = j->s;
    skep__mutex_lock(&s->mutex);
    bool counts = rc >= 0 || !(s->stopped || over);
    if (rc < 0 && s->first.code >= 0)
        s->first = *error;
    if (counts) {
        count(j);
        if (s->opts.dry_run != 0 && (j->what == SKEP_SYNC_COPY || j->what == SKEP_SYNC_REPLACE))
            s->sum.bytes += j->bytes;
        s->objects++;
        if (j->item.from.size != 0 && j->item.from.bytes > j->counted)
            s->bytes += j->item.from.bytes - j->counted;
    }
    skep__mutex_unlock(&s->mutex);
    return counts;
}

static void finish(job *j, int rc)
{
    skep__sync *s = j->s;
    skep_err error = {0};
    if (rc < 0) {
        skep__err_save(&error);
        j->what = SKEP_SYNC_FAILED;
    }
    bool over = skep__io_check(&s->io) < 0;
    bool counts = note(j, rc, &error, over);
    if (counts && j->what != SKEP_SYNC_SAME)
        say(j, rc < 0 ? &error : NULL);
    if (counts)
        skep__sync_tell(s);
    if (over || rc == SKEP_ENOMEM || rc == SKEP_EFULL) /* the next ones would fare no better */
        skep__sync_stop(s);
}

static bool next(skep__sync *s, skep__sync_item *out)
{
    skep__mutex_lock(&s->mutex);
    while (s->count == 0 && !s->all && !s->stopped)
        skep__cond_wait(&s->change, &s->mutex);
    bool found = s->count > 0 && !s->stopped;
    if (found) {
        *out = s->items[s->head];
        s->head = (s->head + 1) % s->room;
        s->count--;
        skep__cond_broadcast(&s->change);
    }
    skep__mutex_unlock(&s->mutex);
    return found;
}

void skep__sync_work(void *sync)
{
    job j = {.s = sync};
    while (next(j.s, &j.item)) {
        j.what = SKEP_SYNC_SAME;
        j.why = NULL;
        j.counted = 0;
        finish(&j, handle(&j));
    }
}
