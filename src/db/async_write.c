/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous writes, and batches: many calls that queue at once.
 *
 * The caller of a batch who waits for it leads for its calls: where nobody else writes, nothing is
 * woken and nobody sleeps.
 */
#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

static const skep_call_opts none = SKEP_CALL_OPTS_INIT;

/* Between being filled in and queued it is nobody's to give up. */
static void fill(skep_future *f, skep__write_call *call, skep_tx_fn *fn, void *arg,
                 const skep_call_opts *opts)
{
    skep__write_fill(f->db, call, opts);
    call->fn = fn;
    call->arg = arg;
    call->future = f;
    atomic_store(&call->req.state, SKEP__REQ_TAKEN);
    call->req.next = NULL;
}

static int fill_batch(skep_future *f, skep_call *calls, size_t n, const skep_call_opts *opts)
{
    f->members = skep__alloc_array(n, sizeof(*f->members));
    if (f->members == NULL)
        return skep__oom();
    for (size_t i = 0; i < n; i++) {
        fill(f, &f->members[i], calls[i].fn, calls[i].arg, opts);
        if (i > 0)
            f->members[i - 1].req.next = &f->members[i].req;
    }
    f->calls = calls;
    f->n = n;
    atomic_store(&f->left, n);
    return SKEP_OK;
}

static void cancel_by(skep_future *f, skep_cancel *cancel)
{
    f->call.req.cancel = cancel;
    for (size_t i = 0; i < f->n; i++)
        f->members[i].req.cancel = cancel;
}

static void give_up(skep_db *db, skep_future *f)
{
    if (f->members == NULL)
        skep__queue_give_up(&db->queue, &f->call.req);
    for (size_t i = 0; i < f->n; i++)
        skep__queue_give_up(&db->queue, &f->members[i].req);
}

/* Queue what is in `f`. Afterwards the caller holds a reference of its own. */
static int post(skep_db *db, skep_future *f, skep__deputy *deputy)
{
    skep__req *first = f->members != NULL ? &f->members[0].req : &f->call.req;
    atomic_fetch_add(&f->refs, 1);
    skep__db_pin_n(db, 1);
    int rc = skep__queue_post(&db->queue, first, deputy);
    if (rc < 0) {
        (void)skep__db_leave_n(db, 1);
        skep__future_unref(f);
    }
    return rc;
}

/* ---- without waiting ---- */

static int submit(skep_db *db, skep_future *f, const skep_call_opts *opts, skep_future **out)
{
    skep_future *before = out != NULL ? *out : NULL;
    uint64_t deadline_ns = f->n > 0 ? f->members[0].req.deadline_ns : f->call.req.deadline_ns;
    f->tended = true;
    f->room = f->n > 0 ? f->n : 1;
    cancel_by(f, &f->cancel);
    SKEP__TRY(skep__async_room(db, f->room, opts));
    if (out != NULL)
        *out = f; /* its callback may run before this function returns */
    skep__future_watch(f);
    int rc = post(db, f, &db->async.deputy);
    if (rc < 0) {
        skep__future_unwatch(f);
        skep__async_give_room(db, f->room);
        if (out != NULL)
            *out = before;
        return rc;
    }
    skep__async_deadline(db, deadline_ns);
    if (skep__cancel_fired(&f->cancel)) /* it came before there was anything to take away */
        give_up(db, f);
    skep__future_unref(f);
    return SKEP_OK;
}

static int write_async(skep_db *db, const skep_call *one, const skep_call_opts *opts,
                       skep_future **out)
{
    skep_future *f = NULL;
    SKEP__TRY(skep__write_check(db, opts, SKEP_CALL_REMOTE));
    SKEP__TRY(skep__async_prepare(db, SKEP__ASYNC_TEND | SKEP__ASYNC_LEAD));
    SKEP__TRY(skep__future_new(db, opts, out != NULL, &f));
    fill(f, &f->call, one->fn, one->arg, opts);
    int rc = submit(db, f, opts, out);
    if (rc < 0)
        skep__future_drop(f, out != NULL);
    return rc;
}

int skep_write_async(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts,
                     skep_future **out)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(fn != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__REQUIRE(out != NULL || (opts != NULL && opts->done != NULL));
    const skep_call one = {.fn = fn, .arg = arg};
    SKEP__TRY(skep__db_enter(db));
    int rc = write_async(db, &one, opts != NULL ? opts : &none, out);
    skep__db_leave(db);
    return rc;
}

/* ---- batches ---- */

static int check_batch(const skep_call *calls, size_t n)
{
    if (n == 0 || n > SKEP_BATCH_MAX)
        return SKEP__FAIL(n == 0 ? SKEP_EINVALID : SKEP_ELIMIT,
                          "a batch of %zu calls; allowed: 1 to %d", n, SKEP_BATCH_MAX);
    for (size_t i = 0; i < n; i++)
        if (calls[i].fn == NULL)
            return SKEP__FAIL(SKEP_EINVALID, "call %zu of the batch has no function", i);
    return SKEP_OK;
}

static int batch_async(skep_db *db, skep_call *calls, size_t n, const skep_call_opts *opts,
                       skep_future **out)
{
    skep_future *f = NULL;
    SKEP__TRY(check_batch(calls, n));
    SKEP__TRY(skep__write_check(db, opts, SKEP_CALL_REMOTE));
    SKEP__TRY(skep__async_prepare(db, SKEP__ASYNC_TEND | SKEP__ASYNC_LEAD));
    SKEP__TRY(skep__future_new(db, opts, out != NULL, &f));
    int rc = fill_batch(f, calls, n, opts);
    if (rc >= 0)
        rc = submit(db, f, opts, out);
    if (rc < 0)
        skep__future_drop(f, out != NULL);
    return rc;
}

int skep_write_batch_async(skep_db *db, skep_call *calls, size_t n, const skep_call_opts *opts,
                           skep_future **out)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(calls != NULL || n == 0);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__REQUIRE(out != NULL || (opts != NULL && opts->done != NULL));
    SKEP__TRY(skep__db_enter(db));
    int rc = batch_async(db, calls, n, opts != NULL ? opts : &none, out);
    skep__db_leave(db);
    return rc;
}

/* Lead for the calls of the batch, or sleep, until all have their answer. */
static void batch_wait(skep_db *db, skep_future *f, skep__deputy *deputy,
                       const skep_call_opts *opts)
{
    uint64_t deadline_ns = f->members[0].req.deadline_ns;
    bool patient = false; /* what has not begun was given up */
    for (;;) {
        uint32_t seen = atomic_load(&f->state);
        if ((seen & SKEP__WORD_LEAD) != 0) {
            (void)skep__queue_lead(&db->queue, deputy);
            continue;
        }
        if ((seen & SKEP__FUTURE_DONE) != 0)
            return;
        if (!patient && (skep__cancel_fired(opts->cancel) ||
                         (deadline_ns != 0 && skep__now_ns() >= deadline_ns))) {
            patient = true;
            give_up(db, f);
            continue;
        }
        if (atomic_fetch_or(&f->state, SKEP__WORD_ASLEEP) == seen)
            (void)skep__cancel_wait(patient ? NULL : opts->cancel, &f->state,
                                    seen | SKEP__WORD_ASLEEP, patient ? 0 : deadline_ns);
        atomic_fetch_and(&f->state, ~SKEP__WORD_ASLEEP);
    }
}

static int batch(skep_db *db, skep_call *calls, size_t n, const skep_call_opts *opts)
{
    skep_future *f = NULL;
    SKEP__TRY(check_batch(calls, n));
    SKEP__TRY(skep__write_check(db, opts, SKEP_CALL_OWN_THREAD | SKEP_CALL_REMOTE));
    if (opts->done != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "opts->done belongs to asynchronous calls");
    SKEP__TRY(skep__future_new(db, opts, false, &f));
    skep__deputy self = {.word = &f->state};
    int rc = fill_batch(f, calls, n, opts);
    if (rc >= 0) {
        cancel_by(f, opts->cancel);
        rc = post(db, f, &self);
    }
    if (rc < 0) {
        skep__future_drop(f, false);
        return rc;
    }
    batch_wait(db, f, &self, opts);
    rc = f->rc < 0 ? skep__err_install(f->err) : f->rc;
    skep__future_unref(f);
    return rc;
}

int skep_write_batch(skep_db *db, skep_call *calls, size_t n, const skep_call_opts *opts)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(calls != NULL || n == 0);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__TRY(skep__db_enter(db));
    int rc = batch(db, calls, n, opts != NULL ? opts : &none);
    if (rc < 0)
        skep__note_call(db);
    skep__db_leave(db);
    return rc;
}
