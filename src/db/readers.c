/* SPDX-License-Identifier: MIT */
/*
 * Reading connections: a thread takes the one that it had last, else any idle one, else opens a new
 * one up to the limit, else waits in line.
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

#define NO_SLOT UINT32_MAX

/* A thread in the line; on its stack. */
struct skep__reader_wait {
    _Atomic uint32_t slot; /* what it was handed; NO_SLOT so far */
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
    uint32_t first = last_slot % r->count;
    for (uint32_t state = SKEP__READER_FREE;; state = SKEP__READER_NONE) {
        for (uint32_t i = 0; i < r->count; i++) {
            uint32_t slot = (first + i) % r->count;
            if (slot_take(r, slot, state))
                return slot;
        }
        if (state == SKEP__READER_NONE)
            return NO_SLOT;
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
        if (atomic_load(&w->slot) != NO_SLOT)
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
        bool served = atomic_load(&w->slot) != NO_SLOT || atomic_load(&w->refused) != 0;
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
    skep__reader_wait w = {.slot = NO_SLOT};
    skep__mutex_lock(&r->mutex);
    line_join(r, &w);
    /* One may have come free before the line was seen. */
    uint32_t slot = r->first == &w ? slot_find(r) : NO_SLOT;
    if (slot != NO_SLOT)
        line_leave(r, &w);
    skep__mutex_unlock(&r->mutex);
    if (slot == NO_SLOT) {
        SKEP__POINT("db.reader_waits");
        if (atomic_load(&db->closing) != 0)
            skep__readers_refuse(db);
        SKEP__TRY(line_wait(db, &w, deadline_ns, cancel));
        slot = atomic_load(&w.slot);
    }
    *out = slot;
    return SKEP_OK;
}

/* `deadline_ns` 0: the wait for a free one is bounded by read_wait_ms, unless the call is patient.
 */
static int reader_acquire(skep_db *db, const skep_call_opts *opts, uint64_t deadline_ns,
                          uint32_t *out)
{
    skep__readers *r = &db->readers;
    uint32_t slot = atomic_load(&r->waiting) == 0 ? slot_find(r) : NO_SLOT;
    if (slot == NO_SLOT) {
        if (deadline_ns == 0)
            deadline_ns = skep__deadline_ns(opts->timeout_ms < 0 ? -1 : db->opts.read_wait_ms);
        SKEP__TRY(slot_wait(db, deadline_ns, opts->cancel, &slot));
    }
    if (r->slots[slot].conn == NULL) {
        int rc = skep__db_open_conn(db, SKEP__CONN_READER, &r->slots[slot].conn);
        if (rc < 0) {
            slot_give(r, slot);
            return rc;
        }
    }
    last_slot = slot;
    *out = slot;
    return SKEP_OK;
}

/* A connection whose transaction did not end is of no use to the next caller. */
static void reader_release(skep_db *db, uint32_t slot)
{
    skep__reader *reader = &db->readers.slots[slot];
    if (reader->conn->driver->in_tx(reader->conn)) {
        (void)skep__conn_close(reader->conn);
        reader->conn = NULL;
    }
    slot_give(&db->readers, slot);
}

/* ---- reading ---- */

static int read_snapshot(skep_tx *tx, skep_tx_fn *fn, void *arg)
{
    SKEP__TRY(skep__conn_control(tx->conn, SKEP__BEGIN_READ));
    int rc = skep__tx_run(tx, fn, arg);
    skep_err err;
    if (rc < 0)
        skep__err_save(&err);
    /* Some failures end a reading transaction too. */
    if (tx->conn->driver->in_tx(tx->conn)) {
        int ended = skep__conn_control(tx->conn, SKEP__COMMIT);
        if (ended < 0 && rc >= 0)
            return ended;
    }
    return rc < 0 ? skep__err_install(&err) : rc;
}

static int read_inside(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE, "skep_read on %s from inside its own transaction function",
                          db->path);
    uint32_t other = opts->flags & ~(uint32_t)SKEP_CALL_SINGLE;
    if (other != 0)
        return SKEP__FAIL(SKEP_EINVALID, "call flags 0x%x are not for reads", other);
    SKEP__TRY(skep__call_check(db, opts));
    skep__limit limit = {.cancel = opts->cancel, .abort = &db->abort};
    skep__call_budget(&limit, opts, db->opts.read_max_ms, "read_max_ms");
    if (opts->timeout_ms > 0)
        limit.deadline_ns = skep__deadline_ns(opts->timeout_ms);
    uint32_t slot = NO_SLOT;
    SKEP__TRY(reader_acquire(db, opts, limit.deadline_ns, &slot));
    skep__reader *reader = &db->readers.slots[slot];
    skep_tx tx;
    skep__tx_init(&tx, db, reader->conn, false);
    tx.single = (opts->flags & SKEP_CALL_SINGLE) != 0;
    reader->conn->limit = &limit;
    int rc = tx.single ? skep__tx_run(&tx, fn, arg) : read_snapshot(&tx, fn, arg);
    reader->conn->limit = NULL;
    /* Nobody else counts here as long as the reader is ours. */
    uint64_t reads = atomic_load_explicit(&reader->reads, memory_order_relaxed);
    atomic_store_explicit(&reader->reads, reads + 1, memory_order_relaxed);
    reader_release(db, slot);
    return rc;
}

int skep_read_with(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    static const skep_call_opts none = SKEP_CALL_OPTS_INIT;
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(fn != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__TRY(skep__db_enter(db));
    int rc = read_inside(db, fn, arg, opts != NULL ? opts : &none);
    skep__note_call(db, rc);
    if (rc < 0)
        atomic_fetch_add_explicit(&db->reads_failed, 1, memory_order_relaxed);
    skep__db_leave(db);
    return rc;
}

int skep_read(skep_db *db, skep_tx_fn *fn, void *arg)
{
    return skep_read_with(db, fn, arg, NULL);
}
