/* SPDX-License-Identifier: MIT */
/*
 * The file of a queue grows at its end, one frame for all records that have gathered while the
 * frame before was being written; so many threads share one sync. When it has grown too long, or
 * when a write failed and nobody knows what it ends with, a new one is written from the table
 * beside it and put in its place: after a failed sync nothing is tried again on the same file.
 *
 * The table goes on changing while a new file is written from it, in portions. Each change also
 * leaves its record for the next frame, and a record that says again what the table said already
 * changes nothing.
 */
#include "store/mirror_log.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/point.h"
#include "os/os.h"

enum {
    FILE_LEN_MIN = 4 << 20,   /* not written anew before it is so long */
    FILE_WASTE = 4,           /* and has so many times the bytes that it needs */
    PORTION_BYTES = 256 << 10 /* of the table that are put into one frame */
};

/* ---- a new file ---- */

typedef struct rewrite {
    char path[4096 + 8]; /* until it has its name; the lock is ours, so no other writes there */
    int fd;
    skep__buf records;
    skep__buf frame;
    uint64_t len;
} rewrite;

static void rewrite_end(rewrite *w)
{
    skep__os_drop(&w->fd);
    skep__buf_dispose(&w->records);
    skep__buf_dispose(&w->frame);
}

/* The next slots of the table as records; false: that were all. */
static bool portion(skep__mq *q, size_t *slot, skep__buf *records)
{
    bool more = false;
    skep__mutex_lock(&q->mutex);
    while (*slot < q->table.slot_count && records->len < PORTION_BYTES) {
        for (const skep__mq_entry *e = q->table.slots[*slot]; e != NULL; e = e->chain)
            skep__mq_entry_encode(&q->table, e, q->ids, records);
        (*slot)++;
    }
    more = *slot < q->table.slot_count;
    skep__mutex_unlock(&q->mutex);
    return more;
}

static int write_table(skep__mq *q, rewrite *w)
{
    uint8_t head[SKEP__MQ_HEAD_BYTES];
    size_t slot = 0;
    bool more = true;
    skep__mq_head(head);
    SKEP__TRY(skep__os_unlink(w->path)); /* of a process that died */
    SKEP__TRY(skep__os_open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &w->fd));
    SKEP__TRY(skep__os_write(w->fd, w->path, head, sizeof(head)));
    w->len = sizeof(head);
    while (more) {
        skep__buf_clear(&w->records);
        skep__buf_clear(&w->frame);
        more = portion(q, &slot, &w->records);
        SKEP__TRY(skep__buf_status(&w->records));
        if (w->records.len == 0 && more)
            continue;
        skep__mq_frame(&w->frame, skep__buf_slice(&w->records), w->len, 0, !more);
        SKEP__TRY(skep__buf_status(&w->frame));
        SKEP__TRY(skep__os_write(w->fd, w->path, w->frame.data, w->frame.len));
        w->len += w->frame.len;
    }
    return SKEP_OK;
}

static int replace_file(skep__mq *q)
{
    SKEP__CLEANUP(rewrite_end)
    rewrite w = {.fd = -1,
                 .records = SKEP__BUF_INIT(SKEP__MQ_FRAME_MAX),
                 .frame = SKEP__BUF_INIT(SKEP__MQ_FRAME_MAX + SKEP__MQ_FRAME_BYTES)};
    (void)snprintf(w.path, sizeof(w.path), "%s.new", q->path);
    SKEP__TRY(write_table(q, &w));
    SKEP__POINT("mirror.before_new_file");
    SKEP__TRY(skep__os_sync(w.fd, w.path));
    SKEP__TRY(skep__os_rename(w.path, q->path));
    SKEP__POINT("mirror.after_new_file");
    SKEP__TRY(skep__os_sync_directory_of(q->path));
    skep__os_drop(&q->fd);
    q->fd = w.fd;
    w.fd = -1;
    q->len = w.len;
    q->synced = w.len;
    return SKEP_OK;
}

int skep__mq_log_begin(skep__mq *q)
{
    return replace_file(q);
}

/* ---- one more frame ---- */

static int append(skep__mq *q, const skep__buf *records, bool durable)
{
    skep__buf frame = SKEP__BUF_INIT(SKEP__MQ_FRAME_MAX + SKEP__MQ_FRAME_BYTES);
    skep__mq_frame(&frame, skep__buf_slice(records), q->len, q->synced, durable);
    int rc = skep__buf_status(&frame);
    if (rc >= 0)
        rc = skep__os_write(q->fd, q->path, frame.data, frame.len);
    SKEP__POINT("mirror.before_sync");
    if (rc >= 0 && durable)
        rc = skep__os_sync(q->fd, q->path);
    SKEP__POINT("mirror.after_sync");
    if (rc >= 0) {
        q->len += frame.len;
        q->synced = durable ? q->len : q->synced;
    }
    skep__buf_dispose(&frame);
    return rc;
}

static bool too_long(const skep__mq *q)
{
    return q->len > FILE_LEN_MIN && q->len / FILE_WASTE > q->table.log_bytes;
}

/* Write what has gathered. The lock is let go meanwhile. */
static void lead(skep__mq *q) SKEP__REQUIRES(q->mutex)
{
    skep__buf records = q->out;
    skep__mq_writer *writers = q->writers;
    const bool anew = q->broken || too_long(q);
    skep_err error = {0};
    q->out = SKEP__BUF_INIT(SKEP__MQ_FRAME_MAX);
    q->writers = NULL;
    q->writing = true;
    q->table.steady = true;
    skep__mutex_unlock(&q->mutex);
    int rc = skep__buf_status(&records);
    if (rc >= 0) /* the table has what the records say */
        rc = anew ? replace_file(q) : append(q, &records, writers != NULL);
    if (rc < 0)
        skep__err_save(&error);
    skep__buf_dispose(&records);
    skep__mutex_lock(&q->mutex);
    q->broken = rc < 0;
    q->writing = false;
    q->table.steady = false;
    while (writers != NULL) {
        skep__mq_writer *w = writers;
        writers = w->next;
        w->error = error;
        w->done = true;
    }
    skep__cond_broadcast(&q->change);
}

int skep__mq_log_wait(skep__mq *q, skep__mq_writer *self)
{
    *self = (skep__mq_writer){.next = q->writers};
    q->writers = self;
    while (!self->done) {
        if (q->writing)
            skep__cond_wait(&q->change, &q->mutex);
        else
            lead(q);
    }
    return self->error.code < 0 ? skep__err_install(&self->error) : SKEP_OK;
}

void skep__mq_log_hint(skep__mq *q)
{
    if (!q->writing)
        lead(q);
}
