/* SPDX-License-Identifier: MIT */
/*
 * A future: what stands for a call until it has its answer.
 *
 * Two hold it: its owner, and the database from the moment the call is submitted until its callback
 * has run. So whoever answers may touch it after it is done, and it may be waited on and freed when
 * the database is long gone.
 *
 * The state word says whether it is done, and whether somebody sleeps on it: answering costs a
 * system call only then, or where a descriptor was asked for.
 */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"
#include "os/os.h"

static void fired_own(skep__watcher *watcher)
{
    skep__async_fired((skep_future *)(void *)((char *)watcher - offsetof(skep_future, own_watch)));
}

static void fired_user(skep__watcher *watcher)
{
    skep__async_fired((skep_future *)(void *)((char *)watcher - offsetof(skep_future, user_watch)));
}

int skep__future_new(skep_db *db, const skep_call_opts *opts, bool owned, skep_future **out)
{
    skep_future *f = skep__alloc(sizeof(*f));
    if (f == NULL)
        return skep__oom();
    /* The detail of an error that may never come is left as it is. */
    memset(f, 0, offsetof(skep_future, call));
    int rc = skep__cancel_init(&f->cancel, opts->cancel);
    if (rc < 0) {
        skep__free(f);
        return rc;
    }
    atomic_store(&f->refs, owned ? 2 : 1);
    atomic_store(&f->fd, -1);
    f->db = db;
    f->home = db->home;
    f->own_watch.fired = fired_own;
    f->user_watch.fired = fired_user;
    f->user_cancel = opts->cancel;
    f->done = opts->done;
    f->done_ctx = opts->done_ctx;
    f->receipt = opts->receipt;
    f->began_ns = skep__now_ns();
    f->call.future = f;
    *out = f;
    return SKEP_OK;
}

static void leave(skep_future *f, uint32_t refs)
{
    if (atomic_fetch_sub(&f->refs, refs) != refs)
        return;
    int fd = atomic_load(&f->fd);
    if (fd >= 0 && (atomic_load(&f->state) & SKEP__FUTURE_FREED) == 0)
        skep__os_signal_close(fd); /* it had no owner, who closes it otherwise */
    skep__cancel_dispose(&f->cancel);
    skep__free(f->members);
    skep__free(f);
}

void skep__future_unref(skep_future *f)
{
    leave(f, 1);
}

void skep__future_drop(skep_future *f, bool owned)
{
    leave(f, owned ? 2 : 1);
}

void skep__future_watch(skep_future *f)
{
    bool fired = skep__cancel_watch(&f->cancel, &f->own_watch);
    if (f->user_cancel != NULL)
        fired |= skep__cancel_watch(f->user_cancel, &f->user_watch);
    if (fired)
        skep__async_fired(f);
}

void skep__future_unwatch(skep_future *f)
{
    if (!f->tended) /* its caller waits, and looks itself */
        return;
    skep__cancel_unwatch(&f->cancel, &f->own_watch);
    if (f->user_cancel != NULL)
        skep__cancel_unwatch(f->user_cancel, &f->user_watch);
}

/* ---- the answer ---- */

bool skep__future_answer(skep_future *f, const skep__write_call *call)
{
    if (f->members == NULL)
        return true;
    skep_call *c = &f->calls[call - f->members];
    c->rc = call->req.rc;
    c->outcome = c->rc < 0 ? call->req.err.outcome : SKEP_OUTCOME_NONE;
    return atomic_fetch_sub(&f->left, 1) == 1;
}

static void sum_up(skep_future *f)
{
    const skep__write_call *last = &f->call;
    f->rc = f->call.req.rc;
    f->err = &f->call.req.err;
    if (f->members != NULL) {
        f->rc = SKEP_OK;
        last = &f->members[0];
        for (size_t i = 0; i < f->n && f->rc == SKEP_OK; i++) {
            const skep__write_call *call = &f->members[i];
            f->rc = call->req.rc < 0 ? call->req.rc : SKEP_OK;
            f->err = &call->req.err;
            if (call->stamp.number > last->stamp.number)
                last = call;
        }
    }
    if (f->rc >= 0 && f->receipt != NULL)
        *f->receipt = last->stamp;
}

void skep__future_finish(skep_future *f)
{
    sum_up(f);
    skep__future_unwatch(f);
    SKEP__POINT("future.before_done");
    if ((atomic_fetch_or(&f->state, SKEP__FUTURE_DONE) & SKEP__WORD_ASLEEP) != 0)
        skep__word_wake(&f->state, INT_MAX);
    int fd = atomic_load(&f->fd);
    if (fd < 0 || (atomic_fetch_or(&f->state, SKEP__FUTURE_RAISING) & SKEP__FUTURE_FREED) != 0)
        return;
    skep__os_signal_raise(fd);
    uint32_t before = atomic_fetch_and(&f->state, ~(uint32_t)SKEP__FUTURE_RAISING);
    if ((before & SKEP__FUTURE_FREED) != 0) /* its owner waits to close it */
        skep__word_wake(&f->state, INT_MAX);
}

/* ---- a child process ---- */

static int here(const skep_future *f)
{
    if (__builtin_expect(skep__home_here(&f->home), 1))
        return SKEP_OK;
    return SKEP__FAIL(SKEP_EMISUSE, "the asynchronous call was submitted before fork(): its answer "
                                    "is for the process that submitted it");
}

/* Who would answer it is not there, so nobody looks at it any more but its owner; except through a
 * cancel of the caller's that watches it yet. No lock is taken: it might never be given back. */
static void abandon(skep_future *f)
{
    int fd = atomic_load(&f->fd);
    if (fd >= 0)
        skep__os_signal_close(fd);
    if (f->user_watch.back != NULL)
        return;
    skep__free(f->members);
    skep__free(f);
}

/* ---- what its owner does ---- */

static bool is_done(const skep_future *f)
{
    return (atomic_load(&f->state) & SKEP__FUTURE_DONE) != 0;
}

int skep_future_done(const skep_future *future)
{
    SKEP__REQUIRE(future != NULL);
    SKEP__TRY(here(future));
    return is_done(future) ? 1 : 0;
}

int skep_future_wait(skep_future *future, int64_t timeout_ms)
{
    SKEP__REQUIRE(future != NULL);
    SKEP__TRY(here(future));
    uint64_t deadline_ns = skep__deadline_ns(timeout_ms);
    while (!is_done(future)) {
        if (timeout_ms != 0 && skep__frame_inside(future->db))
            return SKEP__FAIL(SKEP_EMISUSE, "waiting for a call inside a transaction function of "
                                            "the same database");
        if (timeout_ms >= 0 && skep__now_ns() >= deadline_ns)
            return SKEP__FAIL(SKEP_ETIMEOUT, "the asynchronous call has no answer yet");
        uint32_t seen = atomic_fetch_or(&future->state, SKEP__WORD_ASLEEP) | SKEP__WORD_ASLEEP;
        if ((seen & SKEP__FUTURE_DONE) == 0)
            (void)skep__word_wait(&future->state, seen, deadline_ns);
    }
    return future->rc < 0 ? skep__err_install(future->err) : future->rc;
}

void skep_future_cancel(skep_future *future)
{
    if (future != NULL && skep__home_here(&future->home))
        skep_cancel_fire(&future->cancel);
}

int skep_future_fd(skep_future *future, int *fd)
{
    SKEP__REQUIRE(future != NULL);
    SKEP__REQUIRE(fd != NULL);
    SKEP__TRY(here(future));
    int have = atomic_load(&future->fd);
    if (have < 0) {
        int made = -1;
        SKEP__TRY(skep__os_signal_new(&made));
        if (atomic_compare_exchange_strong(&future->fd, &have, made))
            have = made;
        else
            skep__os_signal_close(made);
        /* Whoever answered may not have seen it. */
        if (is_done(future))
            skep__os_signal_raise(have);
    }
    *fd = have;
    return SKEP_OK;
}

void skep_future_free(skep_future *future)
{
    if (future == NULL)
        return;
    if (!skep__home_here(&future->home)) {
        abandon(future);
        return;
    }
    atomic_fetch_or(&future->state, SKEP__FUTURE_FREED);
    int fd = atomic_load(&future->fd);
    for (uint32_t seen = 0; ((seen = atomic_load(&future->state)) & SKEP__FUTURE_RAISING) != 0;)
        (void)skep__word_wait(&future->state, seen, 0);
    if (fd >= 0)
        skep__os_signal_close(fd);
    skep__future_unref(future);
}
