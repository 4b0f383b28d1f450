/* SPDX-License-Identifier: MIT */
/*
 * What a crash may leave, and why that is enough. An intent is durable before the primary is
 * changed, so each change that the primary has is known here. One whose change never came costs a
 * look at the primary and at the replica, which are the same then. A done that was lost costs the
 * same. Nothing has to be in step.
 */
#include "store/mirror_queue.h"

#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "base/time.h"
#include "os/os.h"
#include "store/mirror_log.h"

#define FILE_MAX ((size_t)1 << 30)
#define LOOK_NS (20 * SKEP__NS_PER_MS) /* how often a wait looks at its cancel */

/* ---- opening ---- */

static void closep(skep__mq **q)
{
    skep__mq_close(*q);
}

void skep__mq_close(skep__mq *q)
{
    if (q == NULL)
        return;
    skep__mutex_lock(&q->mutex);
    if (q->fd >= 0 && q->out.len > 0) /* what is lost now is looked at once more, so it may fail */
        skep__mq_log_hint(q);
    skep__mutex_unlock(&q->mutex);
    skep__os_drop(&q->fd);
    skep__os_unlock(q->lock_path, &q->lock_fd);
    skep__mq_table_dispose(&q->table);
    skep__buf_dispose(&q->out);
    skep__cond_dispose(&q->change);
    skep__mutex_dispose(&q->mutex);
    skep__free(q);
}

static int load_record(void *ctx, const skep__mq_record *r)
{
    skep__mq *q = ctx;
    if (r->seq >= q->next_seq)
        q->next_seq = r->seq + 1;
    if (r->kind == SKEP__MQ_INTENT)
        return skep__mq_note(&q->table, r) == NULL ? skep__oom() : SKEP_OK;
    for (size_t i = 0; i < q->replicas; i++) {
        skep__mq_entry *e = skep__mq_find(&q->table, r->key);
        if (e == NULL || q->ids[i] != r->replica)
            continue;
        if ((r->flags & SKEP__MQ_BASE) != 0)
            skep__mq_put_there(e, i, SKEP__MQ_LAST, r->base);
        if (e->seq == r->seq)
            skep__mq_reached(&q->table, e, i, r->seq);
    }
    return SKEP_OK;
}

static int load(skep__mq *q)
{
    skep__buf file = SKEP__BUF_INIT(FILE_MAX);
    size_t whole = 0;
    int rc = skep__os_read_file(q->path, &file);
    if (rc >= 0)
        rc = skep__mq_decode(skep__buf_slice(&file), q->path, load_record, q, &whole);
    if (rc >= 0 && whole < file.len)
        SKEP__EVENT(SKEP_INFO, "store.mirror_queue_cut", {"path", skep_text(q->path)},
                    {"bytes", skep_uint(file.len - whole)});
    skep__buf_dispose(&file);
    return rc == SKEP_ENOTFOUND ? SKEP_OK : rc;
}

static int path_in(const char *dir, const char *name, char out[4096])
{
    int len = snprintf(out, 4096, "%s/%s", dir, name);
    if (len < 0 || len >= 4096)
        return SKEP__FAIL(SKEP_ELIMIT, "path of more than 4095 bytes: %s", dir);
    return SKEP_OK;
}

static int open_in(skep__mq *q, const char *dir)
{
    SKEP__TRY(path_in(dir, "queue", q->path));
    SKEP__TRY(path_in(dir, "lock", q->lock_path));
    SKEP__TRY(skep__os_make_directory(dir));
    int taken = skep__os_lock(q->lock_path, &q->lock_fd);
    SKEP__TRY(taken);
    if (taken == 0)
        return SKEP__FAIL(SKEP_EBUSY,
                          "the queue in %s is in use: one mirror at a time may have it, in one "
                          "process",
                          dir);
    SKEP__TRY(load(q));
    return skep__mq_log_begin(q);
}

static int make(const skep__mq_opts *opts, skep__mq **out)
{
    SKEP__CLEANUP(skep__freep) skep__mq *q = skep__calloc(1, sizeof(*q));
    if (q == NULL)
        return skep__oom();
    q->fd = -1;
    q->lock_fd = -1;
    q->replicas = opts->replicas;
    memcpy(q->ids, opts->ids, opts->replicas * sizeof(q->ids[0]));
    q->objects_max = opts->objects_max;
    q->bytes_max = opts->bytes_max;
    q->next_seq = 1;
    q->out = SKEP__BUF_INIT(SKEP__MQ_FRAME_MAX);
    SKEP__TRY(skep__mutex_init(&q->mutex));
    int rc = skep__cond_init(&q->change);
    if (rc < 0) {
        skep__mutex_dispose(&q->mutex);
        return rc;
    }
    *out = SKEP__TAKE(q);
    return skep__mq_table_init(&(*out)->table, opts->replicas);
}

int skep__mq_open(const skep__mq_opts *opts, skep__mq **out)
{
    SKEP__CLEANUP(closep) skep__mq *q = NULL;
    SKEP__TRY(make(opts, &q));
    SKEP__TRY(open_in(q, opts->dir));
    *out = SKEP__TAKE(q);
    return SKEP_OK;
}

int skep__mq_look(const skep__mq_opts *opts, skep_mirror_lag *out)
{
    SKEP__CLEANUP(closep) skep__mq *q = NULL;
    SKEP__TRY(make(opts, &q));
    ASSERT(q != NULL);
    SKEP__TRY(path_in(opts->dir, "queue", q->path));
    SKEP__TRY(load(q));
    skep__mq_lag(q, out);
    return SKEP_OK;
}

/* ---- intents ---- */

static int check_room(const skep__mq *q, const skep__mq_entry *e, uint64_t bytes)
{
    const uint64_t others = q->table.bytes - (e != NULL ? e->bytes : 0);
    if (e == NULL && q->table.count >= q->objects_max)
        return SKEP__FAIL(SKEP_ELIMIT,
                          "%zu objects wait for a replica of the mirror; allowed: %llu",
                          q->table.count, (unsigned long long)q->objects_max);
    /* One that is larger than the limit alone finds room where nothing else waits. */
    if (bytes > 0 && others > 0 && (others >= q->bytes_max || bytes > q->bytes_max - others))
        return SKEP__FAIL(
            SKEP_ELIMIT,
            "objects of %llu bytes wait for a replica of the mirror, and this one has "
            "%llu; allowed: %llu",
            (unsigned long long)others, (unsigned long long)bytes,
            (unsigned long long)q->bytes_max);
    return SKEP_OK;
}

int skep__mq_room(skep__mq *q, const char *key, uint64_t bytes)
{
    skep__mutex_lock(&q->mutex);
    int rc = check_room(q, skep__mq_find(&q->table, skep_slice_str(key)), bytes);
    skep__mutex_unlock(&q->mutex);
    return rc;
}

/* Entries that are being committed stay where they are. */
static int intents_locked(skep__mq *q, const skep__mq_intent *intents, size_t n)
    SKEP__REQUIRES(q->mutex)
{
    skep__mq_writer self;
    size_t noted = 0;
    int rc = SKEP_OK;
    const int64_t now_us = skep_now_us();
    for (; noted < n && rc >= 0; noted += rc >= 0 ? 1 : 0) {
        const skep__mq_intent *in = &intents[noted];
        skep__mq_record r = {.kind = SKEP__MQ_INTENT,
                             .flags = in->removes ? SKEP__MQ_DELETE : 0,
                             .time_us = now_us,
                             .bytes = in->bytes,
                             .key = skep_slice_str(in->key)};
        skep__mq_entry *e = skep__mq_find(&q->table, r.key);
        rc = in->forced ? SKEP_OK : check_room(q, e, in->bytes);
        if (rc < 0)
            break;
        if (in->has_base) {
            r.flags |= SKEP__MQ_BASE;
            memcpy(r.base, in->base, sizeof(r.base));
        }
        r.seq = q->next_seq++;
        e = skep__mq_note(&q->table, &r);
        rc = e == NULL ? skep__oom() : SKEP_OK;
        if (e != NULL) {
            e->committing++;
            skep__mq_encode(&q->out, &r);
        }
    }
    if (rc >= 0)
        rc = skep__mq_log_wait(q, &self);
    for (size_t i = 0; rc < 0 && i < noted; i++)
        skep__mq_find(&q->table, skep_slice_str(intents[i].key))->committing--;
    return rc;
}

int skep__mq_intents(skep__mq *q, const skep__mq_intent *intents, size_t n)
{
    skep__mutex_lock(&q->mutex);
    int rc = intents_locked(q, intents, n);
    if (rc < 0)
        skep__cond_broadcast(&q->change);
    skep__mutex_unlock(&q->mutex);
    return rc;
}

void skep__mq_settle(skep__mq *q, const char *key)
{
    skep__mutex_lock(&q->mutex);
    skep__mq_entry *e = skep__mq_find(&q->table, skep_slice_str(key));
    if (e != NULL && e->committing > 0)
        e->committing--;
    skep__cond_broadcast(&q->change);
    skep__mutex_unlock(&q->mutex);
}

/* ---- tasks ---- */

static skep__mq_entry *first_for(const skep__mq *q, size_t replica)
{
    skep__mq_entry *e = q->table.heads[replica].next;
    while (e != NULL && e->committing > 0)
        e = e->links[replica].next;
    return e;
}

static void task_of(const skep__mq_entry *e, size_t replica, skep__mq_task *out)
{
    out->own = e->links[replica].own;
    memcpy(out->put, e->links[replica].put, sizeof(e->links[replica].put));
    out->seq = e->seq;
    out->time_us = e->time_us;
    out->removed = e->removed;
    out->held = false;
    out->changed = false;
    out->bases = e->bases;
    memcpy(out->base, e->base, sizeof(out->base));
    memcpy(out->key, e->key, e->key_len + 1);
}

bool skep__mq_next(skep__mq *q, size_t replica, uint64_t not_before_ns, skep__mq_task *out)
{
    skep__mq_entry *e = NULL;
    skep__mutex_lock(&q->mutex);
    while (!q->stopping && e == NULL) {
        if (not_before_ns != 0 && skep__now_ns() < not_before_ns)
            (void)skep__cond_timedwait(&q->change, &q->mutex, not_before_ns);
        else if ((e = first_for(q, replica)) == NULL)
            skep__cond_wait(&q->change, &q->mutex);
    }
    if (e != NULL)
        task_of(e, replica, out);
    skep__mutex_unlock(&q->mutex);
    return e != NULL;
}

void skep__mq_done(skep__mq *q, size_t replica, const skep__mq_task *task)
{
    skep__mq_record r = {.kind = SKEP__MQ_DONE,
                         .seq = task->seq,
                         .replica = q->ids[replica],
                         .key = skep_slice_str(task->key)};
    const bool put = (task->own & (1u << SKEP__MQ_NOW)) != 0;
    if (put) {
        r.flags = SKEP__MQ_BASE;
        memcpy(r.base, task->put[SKEP__MQ_NOW], sizeof(r.base));
    }
    skep__mutex_lock(&q->mutex);
    skep__mq_entry *e = skep__mq_find(&q->table, r.key);
    q->failure[replica].code = SKEP_OK;
    q->steps++;
    if (e != NULL && put)
        skep__mq_put_there(e, replica, SKEP__MQ_LAST, r.base);
    if (e != NULL)
        skep__mq_reached(&q->table, e, replica, task->seq);
    skep__mq_encode(&q->out, &r);
    skep__cond_broadcast(&q->change);
    skep__mq_log_hint(q);
    skep__mutex_unlock(&q->mutex);
}

void skep__mq_failed(skep__mq *q, size_t replica, const skep__mq_task *task)
{
    skep__mutex_lock(&q->mutex);
    skep__mq_entry *e = skep__mq_find(&q->table, skep_slice_str(task->key));
    skep__err_save(&q->failure[replica]);
    if (e != NULL && (e->waits & (1u << replica)) != 0)
        skep__mq_to_tail(&q->table, e, replica);
    if (e != NULL && (task->own & (1u << SKEP__MQ_LAST)) != 0)
        skep__mq_put_there(e, replica, SKEP__MQ_LAST, task->put[SKEP__MQ_LAST]);
    if (e != NULL && (task->own & (1u << SKEP__MQ_NOW)) != 0)
        skep__mq_put_there(e, replica, SKEP__MQ_TRIED, task->put[SKEP__MQ_NOW]);
    skep__mutex_unlock(&q->mutex);
}

void skep__mq_stop(skep__mq *q)
{
    skep__mutex_lock(&q->mutex);
    q->stopping = true;
    skep__cond_broadcast(&q->change);
    skep__mutex_unlock(&q->mutex);
}

/* ---- looking ---- */

bool skep__mq_behind(skep__mq *q, size_t replica, const char *key)
{
    skep__mutex_lock(&q->mutex);
    bool behind = q->table.heads[replica].next != NULL;
    if (behind && key != NULL) {
        const skep__mq_entry *e = skep__mq_find(&q->table, skep_slice_str(key));
        behind = e != NULL && (e->waits & (1u << replica)) != 0;
    }
    skep__mutex_unlock(&q->mutex);
    return behind;
}

static int64_t oldest_us(const skep__mq *q)
{
    int64_t oldest = INT64_MAX;
    for (size_t r = 0; r < q->replicas; r++) {
        for (const skep__mq_entry *e = q->table.heads[r].next; e != NULL; e = e->links[r].next)
            oldest = e->first_us < oldest ? e->first_us : oldest;
    }
    return oldest;
}

void skep__mq_lag(skep__mq *q, skep_mirror_lag *out)
{
    const int64_t now_us = skep_now_us();
    skep__mutex_lock(&q->mutex);
    out->objects = q->table.count;
    out->bytes = q->table.bytes;
    const int64_t oldest = oldest_us(q);
    for (size_t r = 0; r < q->replicas; r++) {
        if (q->failure[r].code < 0) {
            out->failing = 1;
            out->error = q->failure[r];
        }
    }
    skep__mutex_unlock(&q->mutex);
    if (oldest != INT64_MAX) /* begun seconds, so that 0 means none, whatever the clock does */
        out->seconds = oldest < now_us ? (now_us - oldest) / 1000000 + 1 : 1;
}

/* How many (entry, replica) pairs are as old as `seq`. */
static uint64_t old_pairs(const skep__mq *q, uint64_t seq)
{
    uint64_t count = 0;
    for (size_t r = 0; r < q->replicas; r++) {
        for (const skep__mq_entry *e = q->table.heads[r].next; e != NULL; e = e->links[r].next)
            count += e->links[r].since <= seq ? 1 : 0;
    }
    return count;
}

int skep__mq_flush(skep__mq *q, const skep_io *io)
{
    int rc = SKEP_OK;
    skep__mutex_lock(&q->mutex);
    const uint64_t seq = q->next_seq - 1;
    uint64_t left = old_pairs(q, seq);
    while (rc >= 0 && left > 0) {
        /* Each of them is at least one step: no need to count again before. */
        const uint64_t until = q->steps + left;
        while (rc >= 0 && q->steps < until) {
            (void)skep__cond_timedwait(&q->change, &q->mutex, skep__now_ns() + LOOK_NS);
            rc = q->stopping ? SKEP__FAIL(SKEP_ECLOSED, "the mirror is being closed")
                             : skep__io_check(io);
        }
        left = rc >= 0 ? old_pairs(q, seq) : 0;
    }
    skep__mutex_unlock(&q->mutex);
    return rc;
}
