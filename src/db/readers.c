/* SPDX-License-Identifier: MIT */
/*
 * Lending of reading connections: a thread takes the one that it had last, else any idle one, else
 * opens a new one up to the limit, else waits in line.
 *
 * Lending is one compare-and-swap. Who finds none free joins a line under the mutex; who gives one
 * back looks whether somebody waits, and hands it over directly, so that nobody who comes later can
 * overtake. The two meet without a gap because each first writes (state, waiting), then reads the
 * other's word, in one total order.
 */
#include <limits.h>
#include <string.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

/* A thread in the line; on its stack. */
struct skep__reader_wait {
    _Atomic uint32_t slot; /* what it was handed; SKEP__NO_SLOT so far */
    _Atomic uint32_t refused;
    uint32_t word;
    skep__reader_wait *next;
    skep__reader_wait *prev;
};

/* Where this thread looks first. Any number is right for any database, some are just luckier. */
static _Thread_local uint32_t last_slot;

int skep__readers_init(skep_db *db)
{
    skep__readers *r = &db->readers;
    r->count = db->opts.readers;
    r->block = skep__calloc(r->count + 1, sizeof(skep__reader));
    if (r->block == NULL)
        return skep__oom();
    /* A reader fills cache lines of its own; the allocator knows nothing of them. */
    uintptr_t line = _Alignof(skep__reader);
    r->slots = (skep__reader *)(((uintptr_t)r->block + line - 1) / line * line);
    return skep__mutex_init(&r->mutex);
}

void skep__readers_dispose(skep_db *db)
{
    skep__readers *r = &db->readers;
    if (r->slots == NULL)
        return;
    for (uint32_t i = 0; i < r->count; i++)
        (void)skep__conn_close(r->slots[i].conn);
    skep__free(r->block);
    skep__mutex_dispose(&r->mutex);
}

/* ---- the line ---- */

static void line_leave(skep__readers *r, skep__reader_wait *w) SKEP__REQUIRES(r->mutex)
{
    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        r->first = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    else
        r->last = w->prev;
    atomic_fetch_sub(&r->waiting, 1);
}

static void line_join(skep__readers *r, skep__reader_wait *w) SKEP__REQUIRES(r->mutex)
{
    w->word = r->turn++ % SKEP__DB_READER_WORDS;
    w->next = NULL;
    w->prev = r->last;
    if (r->last != NULL)
        r->last->next = w;
    else
        r->first = w;
    r->last = w;
    atomic_fetch_add(&r->waiting, 1);
}

static void line_wake(skep__readers *r, uint32_t word)
{
    atomic_fetch_add(&r->words[word], 1);
    skep__word_wake(&r->words[word], INT_MAX);
}

/* Hand a BUSY slot to the first in the line; false when there is none. */
static bool line_serve(skep__readers *r, uint32_t slot)
{
    skep__mutex_lock(&r->mutex);
    skep__reader_wait *w = r->first;
    uint32_t word = 0;
    if (w != NULL) {
        line_leave(r, w);
        word = w->word;
        atomic_store(&w->slot, slot); /* from here on `w` may be gone */
    }
    skep__mutex_unlock(&r->mutex);
    if (w != NULL)
        line_wake(r, word);
    return w != NULL;
}

void skep__readers_refuse(skep_db *db)
{
    skep__readers *r = &db->readers;
    skep__mutex_lock(&r->mutex);
    uint32_t words = 0;
    while (r->first != NULL) {
        skep__reader_wait *w = r->first;
        line_leave(r, w);
        words |= 1u << w->word;
        atomic_store(&w->refused, 1);
    }
    skep__mutex_unlock(&r->mutex);
    for (uint32_t i = 0; i < SKEP__DB_READER_WORDS; i++)
        if ((words & (1u << i)) != 0)
            line_wake(r, i);
}

/* ---- taking and giving back ---- */

static bool slot_take(skep__readers *r, uint32_t i, uint32_t from)
{
    return atomic_load(&r->slots[i].state) == from &&
           atomic_compare_exchange_strong(&r->slots[i].state, &from, SKEP__READER_BUSY);
}

static uint32_t slot_find(skep__readers *r)
{
    uint32_t first = last_slot < r->count ? last_slot : 0;
    for (uint32_t state = SKEP__READER_FREE;; state = SKEP__READER_NONE) {
        for (uint32_t i = 0; i < r->count; i++) {
            uint32_t slot = (first + i) % r->count;
            if (slot_take(r, slot, state))
                return slot;
        }
        if (state == SKEP__READER_NONE)
            return SKEP__NO_SLOT;
    }
}

static void slot_give(skep__readers *r, uint32_t slot)
{
    uint32_t state = r->slots[slot].conn != NULL ? SKEP__READER_FREE : SKEP__READER_NONE;
    for (;;) {
        if (atomic_load(&r->waiting) > 0 && line_serve(r, slot))
            return;
        atomic_store(&r->slots[slot].state, state);
        if (atomic_load(&r->waiting) == 0 || !slot_take(r, slot, state))
            return;
    }
}

static int line_failed(const skep_db *db, const skep_cancel *cancel)
{
    if (atomic_load(&db->closing) != 0)
        return SKEP__FAIL(SKEP_ECLOSED, "%s is closing", db->path);
    if (skep__cancel_fired(cancel))
        return SKEP__FAIL(SKEP_ECANCELLED, "call cancelled while it waited for a reader");
    return SKEP__FAIL(SKEP_ETIMEOUT, "all %u readers of %s stayed busy until the deadline",
                      db->readers.count, db->path);
}

/* Wait in line for a slot. */
static int line_wait(skep_db *db, skep__reader_wait *w, uint64_t deadline_ns, skep_cancel *cancel)
{
    skep__readers *r = &db->readers;
    for (;;) {
        uint32_t seen = atomic_load(&r->words[w->word]);
        if (atomic_load(&w->slot) != SKEP__NO_SLOT)
            return SKEP_OK;
        if (atomic_load(&w->refused) != 0)
            return line_failed(db, cancel);
        bool late =
            skep__cancel_fired(cancel) || (deadline_ns != 0 && skep__now_ns() >= deadline_ns);
        if (!late) {
            (void)skep__cancel_wait(cancel, &r->words[w->word], seen, deadline_ns);
            continue;
        }
        skep__mutex_lock(&r->mutex);
        bool served = atomic_load(&w->slot) != SKEP__NO_SLOT || atomic_load(&w->refused) != 0;
        if (!served)
            line_leave(r, w);
        skep__mutex_unlock(&r->mutex);
        if (!served)
            return line_failed(db, cancel);
    }
}

static int slot_wait(skep_db *db, uint64_t deadline_ns, skep_cancel *cancel, uint32_t *out)
{
    skep__readers *r = &db->readers;
    skep__reader_wait w = {.slot = SKEP__NO_SLOT};
    skep__mutex_lock(&r->mutex);
    line_join(r, &w);
    /* One may have come free before the line was seen. */
    uint32_t slot = r->first == &w ? slot_find(r) : SKEP__NO_SLOT;
    if (slot != SKEP__NO_SLOT)
        line_leave(r, &w);
    skep__mutex_unlock(&r->mutex);
    if (slot == SKEP__NO_SLOT) {
        SKEP__POINT("db.reader_waits");
        if (atomic_load(&db->closing) != 0)
            skep__readers_refuse(db);
        uint64_t before = skep__now_ns();
        int rc = line_wait(db, &w, deadline_ns, cancel);
        skep__hist_add(&db->pool_wait_ns, skep__now_ns() - before);
        SKEP__TRY(rc);
        slot = atomic_load(&w.slot);
    }
    *out = slot;
    return SKEP_OK;
}

/* ---- connections ---- */

void skep__reader_sql(skep_db *db, skep__reader *reader, char *out, size_t size)
{
    out[0] = '\0';
    skep__mutex_lock(&db->readers.mutex);
    if (reader->conn != NULL)
        skep__running_sql(reader->conn, out, size);
    skep__mutex_unlock(&db->readers.mutex);
}

static skep__conn *conn_swap(skep_db *db, skep__reader *reader, skep__conn *conn)
{
    skep__mutex_lock(&db->readers.mutex);
    skep__conn *old = reader->conn;
    reader->conn = conn;
    skep__mutex_unlock(&db->readers.mutex);
    return old;
}

void skep__reader_adopt(skep_db *db, skep__reader *reader, skep__conn *conn)
{
    (void)conn_swap(db, reader, conn);
    atomic_store_explicit(&reader->retire, 0, memory_order_relaxed);
    skep__use_opened(&reader->use);
}

int skep__reader_connect(skep_db *db, skep__reader *reader, const skep__limit *limit)
{
    skep__conn *conn = NULL;
    SKEP__TRY(skep__db_open_conn(db, SKEP__CONN_READER, limit, &conn));
    skep__reader_adopt(db, reader, conn);
    return SKEP_OK;
}

void skep__reader_disconnect(skep_db *db, skep__reader *reader)
{
    skep_err err; /* the failure that led here is the one to report */
    skep__err_save(&err);
    skep__use_closed(&reader->use);
    (void)skep__conn_close(conn_swap(db, reader, NULL));
    if (err.code < 0)
        (void)skep__err_install(&err);
}

static __attribute__((noinline)) int acquire_other(skep_db *db, const skep_call_opts *opts,
                                                   uint64_t deadline_ns, uint32_t *out)
{
    skep__readers *r = &db->readers;
    uint32_t slot = atomic_load(&r->waiting) == 0 ? slot_find(r) : SKEP__NO_SLOT;
    if (slot == SKEP__NO_SLOT) {
        if (deadline_ns == 0)
            deadline_ns = skep__deadline_ns(opts->timeout_ms < 0 ? -1 : db->opts.read_wait_ms);
        SKEP__TRY(slot_wait(db, deadline_ns, opts->cancel, &slot));
    }
    if (r->slots[slot].conn == NULL) {
        skep__limit limit = {
            .deadline_ns = deadline_ns, .cancel = opts->cancel, .abort = &db->abort};
        int rc = skep__reader_connect(db, &r->slots[slot], &limit);
        if (rc < 0) {
            slot_give(r, slot);
            return rc;
        }
    }
    last_slot = slot;
    *out = slot;
    return SKEP_OK;
}

/* What follows is the way of nearly every read: its own reader is free, nobody waits, nothing
 * fails. It is apart from the rest, so that it needs few registers and lies in few cache lines. */
int skep__reader_acquire(skep_db *db, const skep_call_opts *opts, uint64_t deadline_ns,
                         uint32_t *out)
{
    skep__readers *r = &db->readers;
    uint32_t slot = last_slot;
    if (slot >= r->count || atomic_load(&r->waiting) != 0 || !slot_take(r, slot, SKEP__READER_FREE))
        return acquire_other(db, opts, deadline_ns, out);
    DEBUG_ASSERT(r->slots[slot].conn != NULL);
    *out = slot;
    return SKEP_OK;
}

static __attribute__((noinline)) void release_other(skep_db *db, uint32_t slot, uint32_t codes)
{
    skep__reader *reader = &db->readers.slots[slot];
    bool fit = !skep__codes_dirty(codes) &&
               atomic_load_explicit(&reader->retire, memory_order_relaxed) == 0;
    if (reader->conn != NULL && !(fit && reader->conn->driver->quiet(reader->conn))) {
        skep__reader_disconnect(db, reader);
        atomic_fetch_add_explicit(&db->readers.replaced, 1, memory_order_relaxed);
    }
    slot_give(&db->readers, slot);
}

void skep__reader_release(skep_db *db, uint32_t slot, uint32_t codes)
{
    skep__readers *r = &db->readers;
    skep__reader *reader = &r->slots[slot];
    const skep__conn *conn = reader->conn;
    /* A call that saw no failure has closed what it ran: then the cheaper question is enough. */
    if (codes != 0 || conn == NULL ||
        atomic_load_explicit(&reader->retire, memory_order_relaxed) != 0 ||
        atomic_load(&r->waiting) != 0 || conn->driver->in_tx(conn)) {
        release_other(db, slot, codes);
        return;
    }
    atomic_store(&reader->state, SKEP__READER_FREE);
    if (atomic_load(&r->waiting) != 0 && slot_take(r, slot, SKEP__READER_FREE))
        slot_give(r, slot);
}

bool skep__reader_take_idle(skep_db *db, uint32_t slot)
{
    return slot_take(&db->readers, slot, SKEP__READER_FREE);
}

void skep__reader_give(skep_db *db, uint32_t slot)
{
    slot_give(&db->readers, slot);
}
