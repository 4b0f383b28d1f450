/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous calls: how they come in, who answers them, and the two threads that stand in for the
 * ones that do not wait.
 *
 *   skep-write   leads where the first in the writer's line is asynchronous
 *   skep-tend    runs callbacks, and answers calls that are cancelled or late before they began
 *
 * Both are started by the first call that needs them. Whoever leads answers the asynchronous calls
 * of its group: it sets their state, and wakes skep-tend once if any of them has a callback.
 *
 * A call in flight counts as a call inside the database (refs), so closing waits for it and for its
 * callback. These threads count while they work only, and never leave as long as they touch
 * something: the last one out frees the database, which ends them too.
 */
#include <limits.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

bool skep__async_tends(const skep_db *db)
{
    const skep__async *a = &db->async;
    return (atomic_load(&a->ready) & SKEP__ASYNC_TEND) != 0 &&
           pthread_equal(a->tend_thread.os, pthread_self()) != 0;
}

static void wake_tender(skep__async *a)
{
    atomic_fetch_add(&a->tend_word, 1);
    if (atomic_exchange(&a->asleep, 0) != 0)
        skep__word_wake(&a->tend_word, 1);
}

/* ---- room ---- */

struct skep__room_wait {
    size_t need;
    uint32_t word;
    _Atomic uint32_t granted;
    skep__room_wait *next;
    skep__room_wait *prev;
};

static void room_leave(skep__async *a, skep__room_wait *w) SKEP__REQUIRES(a->mutex)
{
    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        a->first = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    else
        a->last = w->prev;
}

static void room_join(skep__async *a, skep__room_wait *w) SKEP__REQUIRES(a->mutex)
{
    w->word = a->turn++ % SKEP__DB_ROOM_WORDS;
    w->prev = a->last;
    if (a->last != NULL)
        a->last->next = w;
    else
        a->first = w;
    a->last = w;
}

/* Let in whom there is room for, in order. Returns the words to wake, a bit each. */
static uint32_t room_grant(skep_db *db) SKEP__REQUIRES(db->async.mutex)
{
    skep__async *a = &db->async;
    uint32_t words = 0;
    while (a->first != NULL && a->in_flight + a->first->need <= db->opts.async_max) {
        skep__room_wait *w = a->first;
        room_leave(&db->async, w);
        a->in_flight += w->need;
        words |= 1u << w->word;
        atomic_store(&w->granted, 1); /* from here on `w` may be gone */
    }
    return words;
}

static void room_wake(skep__async *a, uint32_t words)
{
    for (uint32_t i = 0; i < SKEP__DB_ROOM_WORDS; i++)
        if ((words & (1u << i)) != 0) {
            atomic_fetch_add(&a->room_words[i], 1);
            skep__word_wake(&a->room_words[i], INT_MAX);
        }
}

static int room_failed(const skep_db *db, const skep_cancel *cancel)
{
    if (atomic_load(&db->closing) != 0)
        return SKEP__FAIL(SKEP_ECLOSED, "%s is closing", db->path);
    if (skep__cancel_fired(cancel))
        return SKEP__FAIL(SKEP_ECANCELLED, "call cancelled before it was submitted");
    return SKEP__FAIL(SKEP_ELIMIT, "db.async_max, %u asynchronous calls, are in flight on %s",
                      db->opts.async_max, db->path);
}

static int room_wait(skep_db *db, skep__room_wait *w, uint64_t deadline_ns, skep_cancel *cancel)
{
    skep__async *a = &db->async;
    for (;;) {
        uint32_t seen = atomic_load(&a->room_words[w->word]);
        if (atomic_load(&w->granted) != 0)
            return SKEP_OK;
        bool over = atomic_load(&db->closing) != 0 || skep__cancel_fired(cancel) ||
                    (deadline_ns != 0 && skep__now_ns() >= deadline_ns);
        if (!over) {
            (void)skep__cancel_wait(cancel, &a->room_words[w->word], seen, deadline_ns);
            continue;
        }
        uint32_t words = 0;
        skep__mutex_lock(&db->async.mutex);
        bool granted = atomic_load(&w->granted) != 0;
        if (!granted) {
            room_leave(&db->async, w);
            words = room_grant(db); /* those behind may need less */
        }
        skep__mutex_unlock(&db->async.mutex);
        room_wake(a, words);
        return granted ? SKEP_OK : room_failed(db, cancel);
    }
}

int skep__async_room(skep_db *db, size_t n, const skep_call_opts *opts)
{
    skep__async *a = &db->async;
    skep__room_wait w = {.need = n};
    if (n > db->opts.async_max)
        return SKEP__FAIL(SKEP_ELIMIT, "a batch of %zu calls; db.async_max is %u", n,
                          db->opts.async_max);
    skep__mutex_lock(&a->mutex);
    bool fits = a->first == NULL && a->in_flight + n <= db->opts.async_max;
    if (fits)
        a->in_flight += n;
    else
        room_join(a, &w);
    skep__mutex_unlock(&a->mutex);
    if (fits)
        return SKEP_OK;
    SKEP__POINT("async.no_room");
    int64_t wait_ms = opts->timeout_ms != 0 ? opts->timeout_ms : db->opts.read_wait_ms;
    return room_wait(db, &w, skep__deadline_ns(wait_ms), opts->cancel);
}

void skep__async_give_room(skep_db *db, size_t n)
{
    skep__async *a = &db->async;
    skep__mutex_lock(&db->async.mutex);
    a->in_flight -= n;
    uint32_t words = a->first != NULL ? room_grant(db) : 0;
    skep__mutex_unlock(&db->async.mutex);
    room_wake(a, words);
}

size_t skep__async_in_flight(skep_db *db)
{
    skep__mutex_lock(&db->async.mutex);
    size_t n = db->async.in_flight;
    skep__mutex_unlock(&db->async.mutex);
    return n;
}

void skep__async_close(skep_db *db)
{
    room_wake(&db->async, UINT32_MAX);
}

/* ---- answers ---- */

/* Futures, chained by `next_done`. */
typedef struct future_list {
    skep_future *first;
    skep_future *last;
} future_list;

static void list_add(future_list *list, skep_future *f)
{
    f->next_done = NULL;
    if (list->last != NULL)
        list->last->next_done = f;
    else
        list->first = f;
    list->last = f;
}

/* What is left to do with these is for skep-tend. */
static void hand_over(skep__async *a, const future_list *list)
{
    skep__mutex_lock(&a->mutex);
    if (a->done_last != NULL)
        a->done_last->next_done = list->first;
    else
        a->done_first = list->first;
    a->done_last = list->last;
    skep__mutex_unlock(&a->mutex);
    wake_tender(a);
}

/* Say of these futures that they are done. Returns how many need the database no more. */
static uint32_t finish(skep_db *db, skep_future *f)
{
    future_list rest = {NULL, NULL};
    uint32_t gone = 0;
    for (skep_future *next = NULL; f != NULL; f = next) {
        next = f->next_done;
        skep__future_finish(f);
        if (f->tended && (f->done != NULL || f->rc < 0)) {
            list_add(&rest, f);
        } else {
            skep__future_unref(f);
            gone++;
        }
    }
    if (rest.first != NULL)
        hand_over(&db->async, &rest);
    return gone;
}

void skep__async_answered(void *ctx, skep__req *first)
{
    skep_db *db = ctx;
    future_list whole = {NULL, NULL};
    size_t room = 0;
    uint64_t now = skep__now_ns();
    for (skep__req *next = NULL; first != NULL; first = next) {
        next = first->next;
        const skep__write_call *call = (const skep__write_call *)(const void *)first;
        skep_future *f = call->future;
        if (!f->reads)
            skep__hist_add(&db->write_ns, now - f->began_ns);
        if (first->rc < 0)
            atomic_fetch_add_explicit(f->reads ? &db->reads_failed : &db->writes_failed, 1,
                                      memory_order_relaxed);
        if (!skep__future_answer(f, call))
            continue;
        room += f->room;
        list_add(&whole, f);
    }
    if (room > 0) /* whoever hears of the answer finds room for the next call */
        skep__async_give_room(db, room);
    uint32_t gone = finish(db, whole.first);
    if (gone > 0)
        (void)skep__db_leave_n(db, gone);
}

void skep__async_deadline(skep_db *db, uint64_t deadline_ns)
{
    skep__async *a = &db->async;
    if (deadline_ns == 0 || deadline_ns >= atomic_load(&a->look_at))
        return;
    atomic_store(&a->look, 1);
    wake_tender(a);
}

void skep__async_again(void *ctx, uint64_t deadline_ns)
{
    skep__async_deadline(ctx, deadline_ns);
}

/* Under the lock of the cancel, which keeps the call from being answered meanwhile. */
void skep__async_fired(skep_future *f)
{
    skep__async *a = &f->db->async;
    if (atomic_exchange(&f->fired, 1) == 0) {
        atomic_fetch_add(&f->refs, 1);
        f->next_fired = atomic_load(&a->fired);
        while (!atomic_compare_exchange_weak(&a->fired, &f->next_fired, f))
            ;
    }
    wake_tender(a);
}

/* ---- the thread that tends ---- */

static void end_fired(skep_db *db)
{
    skep_future *f = atomic_exchange(&db->async.fired, NULL);
    for (skep_future *next = NULL; f != NULL; f = next) {
        next = f->next_fired;
        if (f->reads)
            skep__async_give_up_read(db, f);
        else if (f->members == NULL)
            skep__queue_give_up(&db->queue, &f->call.req);
        for (size_t i = 0; i < f->n; i++)
            skep__queue_give_up(&db->queue, &f->members[i].req);
        skep__future_unref(f);
    }
}

/* Look at the deadlines if it is time to. Returns when it will be again; 0: when told. */
static uint64_t look_at_deadlines(skep_db *db, uint64_t look_at)
{
    skep__async *a = &db->async;
    uint64_t before = skep__now_ns();
    if (atomic_exchange(&a->look, 0) == 0 && (look_at == 0 || before < look_at))
        return look_at;
    atomic_store(&a->look_at, UINT64_MAX); /* whoever comes now says so */
    uint64_t next = skep__queue_expire(&db->queue);
    uint64_t reads = skep__async_expire_reads(db);
    if (reads != 0 && (next == 0 || reads < next))
        next = reads;
    /* Looking costs time for each call in flight: do not spend more than a ninth of it so. */
    uint64_t now = skep__now_ns();
    if (next != 0 && next < now + 8 * (now - before))
        next = now + 8 * (now - before);
    atomic_store(&a->look_at, next != 0 ? next : UINT64_MAX);
    return next;
}

static void run_callbacks(skep_db *db)
{
    skep__async *a = &db->async;
    skep__mutex_lock(&a->mutex);
    skep_future *f = SKEP__TAKE(a->done_first);
    a->done_last = NULL;
    skep__mutex_unlock(&a->mutex);
    uint32_t gone = 0;
    for (skep_future *next = NULL; f != NULL; f = next) {
        next = f->next_done;
        if (f->rc < 0) {
            (void)skep__err_install(f->err);
            skep__note_call(db);
        }
        if (f->done != NULL)
            f->done(f, f->done_ctx);
        skep__future_unref(f);
        gone++;
    }
    if (gone > 0)
        (void)skep__db_leave_n(db, gone);
}

static void tend_main(void *arg)
{
    skep_db *db = arg;
    skep__async *a = &db->async;
    uint64_t look_at = 0;
    while (atomic_load(&a->stop) == 0) {
        uint32_t seen = atomic_load(&a->tend_word);
        if (skep__db_pin(db)) { /* or else it is being closed: wait to be stopped */
            end_fired(db);
            look_at = look_at_deadlines(db, look_at);
            run_callbacks(db);
            if (skep__db_leave_n(db, 1))
                return;
        }
        atomic_store(&a->asleep, 1);
        if (atomic_load(&a->tend_word) == seen && atomic_load(&a->stop) == 0)
            (void)skep__word_wait(&a->tend_word, seen, look_at);
        atomic_store(&a->asleep, 0);
    }
}

/* ---- the thread that leads ---- */

static void lead_main(void *arg)
{
    skep_db *db = arg;
    skep__async *a = &db->async;
    while (atomic_load(&a->stop) == 0) {
        uint32_t seen = atomic_load(&a->lead_word);
        if ((seen & SKEP__WORD_LEAD) != 0) {
            bool inside = skep__db_pin(db);
            ASSERT(inside); /* as the call is that it is to lead */
            (void)skep__queue_lead(&db->queue, &a->deputy);
            if (skep__db_leave_n(db, 1))
                return;
            continue;
        }
        if (atomic_fetch_or(&a->lead_word, SKEP__WORD_ASLEEP) == seen)
            (void)skep__word_wait(&a->lead_word, seen | SKEP__WORD_ASLEEP, 0);
        atomic_fetch_and(&a->lead_word, ~SKEP__WORD_ASLEEP);
    }
}

/* ---- beginning and end ---- */

int skep__async_prepare(skep_db *db, uint32_t threads)
{
    skep__async *a = &db->async;
    if ((atomic_load(&a->ready) & threads) == threads)
        return SKEP_OK;
    int rc = SKEP_OK;
    skep__mutex_lock(&a->start_mutex);
    uint32_t ready = atomic_load(&a->ready);
    if ((threads & ~ready & SKEP__ASYNC_TEND) != 0) {
        rc = skep__thread_start(&a->tend_thread, "skep-tend", tend_main, db);
        ready |= rc >= 0 ? SKEP__ASYNC_TEND : 0u;
    }
    if (rc >= 0 && (threads & ~ready & SKEP__ASYNC_LEAD) != 0) {
        rc = skep__thread_start(&a->lead_thread, "skep-write", lead_main, db);
        ready |= rc >= 0 ? SKEP__ASYNC_LEAD : 0u;
    }
    atomic_store(&a->ready, ready);
    skep__mutex_unlock(&a->start_mutex);
    return rc;
}

int skep__async_init(skep_db *db)
{
    skep__async *a = &db->async;
    a->deputy.word = &a->lead_word;
    atomic_store(&a->look_at, UINT64_MAX);
    SKEP__TRY(skep__mutex_init(&a->mutex));
    return skep__mutex_init(&a->start_mutex);
}

void skep__async_stop(skep_db *db)
{
    skep__async *a = &db->async;
    atomic_store(&a->stop, 1);
    skep__word *const words[] = {&a->tend_word, &a->lead_word, &a->read_word};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        atomic_fetch_add(words[i], 1);
        skep__word_wake(words[i], INT_MAX);
    }
    skep__thread_release(&a->tend_thread);
    skep__thread_release(&a->lead_thread);
    for (uint32_t i = 0; i < atomic_load(&a->reader_count); i++)
        skep__thread_release(&a->readers[i]);
    atomic_store(&a->reader_count, 0);
}

void skep__async_dispose(skep_db *db)
{
    skep__async_stop(db);
    skep__free(db->async.readers);
    skep__mutex_dispose(&db->async.start_mutex);
    skep__mutex_dispose(&db->async.mutex);
}
