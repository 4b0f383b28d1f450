/* SPDX-License-Identifier: MIT */
/* Asynchronous reads: a line, and a few threads that run what skep_read() runs. */
#include <limits.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

static skep_future *future_of(skep__req *req)
{
    return ((skep__write_call *)(void *)req)->future;
}

static void answer(skep_db *db, skep__req *req, int rc)
{
    req->rc = rc;
    if (rc < 0)
        skep__err_save(&req->err);
    req->next = NULL;
    skep__async_answered(db, req);
}

/* ---- the threads ---- */

/* Wait for one; NULL: no more. */
static skep_future *next_read(skep__async *a)
{
    skep__req *req = NULL;
    skep__mutex_lock(&a->mutex);
    while (atomic_load(&a->stop) == 0 && (req = skep__line_first(&a->reads)) == NULL) {
        uint32_t seen = atomic_load(&a->read_word);
        a->idle++;
        skep__mutex_unlock(&a->mutex);
        (void)skep__word_wait(&a->read_word, seen, 0);
        skep__mutex_lock(&a->mutex);
        a->idle--;
    }
    if (req != NULL) {
        skep__line_leave(&a->reads, req);
        skep__line_took(&a->reads, req->arrival);
        atomic_store(&req->state, SKEP__REQ_TAKEN);
    }
    skep__mutex_unlock(&a->mutex);
    return req != NULL ? future_of(req) : NULL;
}

static int run_read(skep_db *db, skep_future *f)
{
    const skep__req *req = &f->call.req;
    uint64_t now = skep__now_ns();
    if (skep__cancel_fired(&f->cancel) || (req->deadline_ns != 0 && now >= req->deadline_ns))
        return skep__req_refused(req);
    skep_call_opts opts = f->opts;
    if (req->deadline_ns != 0) /* what is left of it */
        opts.timeout_ms =
            (int64_t)((req->deadline_ns - now + SKEP__NS_PER_MS - 1) / SKEP__NS_PER_MS);
    opts.cancel = &f->cancel;
    opts.done = NULL;
    return skep__read_inside(db, f->call.fn, f->call.arg, &opts);
}

static void read_main(void *arg)
{
    skep_db *db = arg;
    for (;;) {
        skep_future *f = next_read(&db->async);
        if (f == NULL)
            return;
        ASSERT(skep__db_pin(db)); /* the call is inside */
        answer(db, &f->call.req, run_read(db, f));
        if (skep__db_leave_n(db, 1))
            return;
    }
}

/* More threads than connections would only wait for each other. */
static uint32_t most_threads(const skep_db *db)
{
    uint32_t readers = db->readers.count;
    return db->opts.async_threads < readers ? db->opts.async_threads : readers;
}

static int start_locked(skep_db *db) SKEP__REQUIRES(db->async.start_mutex)
{
    skep__async *a = &db->async;
    uint32_t count = atomic_load(&a->reader_count);
    char name[SKEP__THREAD_NAME_MAX];
    if (count == most_threads(db))
        return SKEP_OK;
    if (a->readers == NULL)
        a->readers = skep__calloc(most_threads(db), sizeof(*a->readers));
    if (a->readers == NULL)
        return skep__oom();
    (void)snprintf(name, sizeof(name), "skep-read-%u", count + 1);
    SKEP__TRY(skep__thread_start(&a->readers[count], name, read_main, db));
    atomic_store(&a->reader_count, count + 1);
    return SKEP_OK;
}

/* One thread more, if all are busy. That there is one at all is enough. */
static int prepare(skep_db *db)
{
    skep__async *a = &db->async;
    skep__mutex_lock(&a->mutex);
    bool enough = a->idle > a->reads.count;
    skep__mutex_unlock(&a->mutex);
    if (enough || atomic_load(&a->reader_count) == most_threads(db))
        return SKEP_OK;
    skep__mutex_lock(&db->async.start_mutex);
    int rc = start_locked(db);
    skep__mutex_unlock(&db->async.start_mutex);
    return rc < 0 && atomic_load(&a->reader_count) == 0 ? rc : SKEP_OK;
}

/* ---- ends without having begun ---- */

/* Take it out of the line; false: it has begun. */
static bool withdraw(skep__async *a, skep__req *req)
{
    skep__mutex_lock(&a->mutex);
    bool waits = atomic_load(&req->state) == SKEP__REQ_QUEUED;
    if (waits) {
        skep__line_leave(&a->reads, req);
        atomic_store(&req->state, SKEP__REQ_DONE);
    }
    skep__mutex_unlock(&a->mutex);
    return waits;
}

void skep__async_give_up_read(skep_db *db, skep_future *f)
{
    skep__req *req = &f->call.req;
    if (withdraw(&db->async, req))
        answer(db, req, skep__req_refused(req));
}

/* Chain up those that are late, out of the line; `*next_ns` is the first deadline to come. */
static skep__req *take_late_locked(skep__async *a, uint64_t *next_ns) SKEP__REQUIRES(a->mutex)
{
    skep__req *late = NULL;
    uint64_t now = skep__now_ns();
    for (int i = 0; i < SKEP__LINE_CLASSES; i++) {
        skep__req *next = NULL;
        for (skep__req *req = a->reads.of[i].head; req != NULL; req = next) {
            next = req->next;
            if (req->deadline_ns == 0)
                continue;
            if (req->deadline_ns > now) {
                *next_ns =
                    *next_ns == 0 || req->deadline_ns < *next_ns ? req->deadline_ns : *next_ns;
                continue;
            }
            skep__line_leave(&a->reads, req);
            atomic_store(&req->state, SKEP__REQ_DONE);
            req->next = late;
            late = req;
        }
    }
    return late;
}

uint64_t skep__async_expire_reads(skep_db *db)
{
    uint64_t next_ns = 0;
    skep__mutex_lock(&db->async.mutex);
    skep__req *req = take_late_locked(&db->async, &next_ns);
    skep__mutex_unlock(&db->async.mutex);
    for (skep__req *next = NULL; req != NULL; req = next) {
        next = req->next;
        answer(db, req, skep__req_refused(req));
    }
    return next_ns;
}

void skep__async_refuse(skep_db *db)
{
    skep__async *a = &db->async;
    for (;;) {
        skep__mutex_lock(&a->mutex);
        skep__req *req = skep__line_first(&a->reads);
        if (req != NULL) {
            skep__line_leave(&a->reads, req);
            atomic_store(&req->state, SKEP__REQ_DONE);
        }
        skep__mutex_unlock(&a->mutex);
        if (req == NULL)
            return;
        answer(db, req, SKEP__FAIL(SKEP_ECLOSED, "the database closed before the call began"));
    }
}

/* ---- submitting ---- */

static void post(skep_db *db, skep_future *f)
{
    skep__async *a = &db->async;
    skep__req *req = &f->call.req;
    uint64_t deadline_ns = req->deadline_ns;
    skep__mutex_lock(&a->mutex);
    atomic_store(&req->state, SKEP__REQ_QUEUED);
    skep__line_join(&a->reads, req);
    bool wake = a->idle > 0;
    skep__mutex_unlock(&a->mutex);
    if (wake) {
        atomic_fetch_add(&a->read_word, 1);
        skep__word_wake(&a->read_word, 1);
    }
    skep__async_deadline(db, deadline_ns);
}

static void fill(skep_future *f, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    skep__req *req = &f->call.req;
    f->tended = true;
    f->reads = true;
    f->receipt = NULL; /* reads make no commits */
    f->opts = *opts;
    f->room = 1;
    f->call.fn = fn;
    f->call.arg = arg;
    req->priority = opts->priority;
    req->cancel = &f->cancel;
    req->deadline_ns = opts->timeout_ms > 0 ? skep__deadline_ns(opts->timeout_ms) : 0;
    req->attempt = 0;
    req->flags = SKEP__REQ_ASYNC;
    atomic_store(&req->state, SKEP__REQ_TAKEN);
}

static int check(const skep_db *db, const skep_call_opts *opts)
{
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE,
                          "skep_read_async on %s from inside its own transaction "
                          "function",
                          db->path);
    uint32_t other = opts->flags & ~(uint32_t)SKEP_CALL_SINGLE;
    if (other != 0)
        return SKEP__FAIL(SKEP_EINVALID, "call flags 0x%x are not for reads", other);
    return skep__call_check(db, opts);
}

static int submit(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts,
                  skep_future **out)
{
    skep_future *f = NULL;
    SKEP__TRY(check(db, opts));
    SKEP__TRY(skep__async_prepare(db, SKEP__ASYNC_TEND));
    SKEP__TRY(prepare(db));
    SKEP__TRY(skep__future_new(db, opts, out != NULL, &f));
    fill(f, fn, arg, opts);
    int rc = skep__async_room(db, 1, opts);
    if (rc < 0) {
        skep__future_drop(f, out != NULL);
        return rc;
    }
    if (out != NULL)
        *out = f;
    atomic_fetch_add(&f->refs, 1); /* for this function: the call may be done at once */
    skep__db_pin_n(db, 1);
    skep__future_watch(f);
    post(db, f);
    if (skep__cancel_fired(&f->cancel)) /* it came before there was anything to take away */
        skep__async_give_up_read(db, f);
    skep__future_unref(f);
    return SKEP_OK;
}

int skep_read_async(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts,
                    skep_future **out)
{
    static const skep_call_opts none = SKEP_CALL_OPTS_INIT;
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(fn != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__REQUIRE(out != NULL || (opts != NULL && opts->done != NULL));
    SKEP__TRY(skep__db_enter(db));
    int rc = submit(db, fn, arg, opts != NULL ? opts : &none, out);
    skep__db_leave(db);
    return rc;
}
