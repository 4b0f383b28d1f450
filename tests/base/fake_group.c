/* SPDX-License-Identifier: MIT */
#include "fake_group.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/point.h"

#include "harness/harness.h"
#include "harness/points.h"

static void forget(fake *f)
{
    f->open = false;
    f->dirty = false;
    f->tx_count = 0;
}

static int fake_begin(void *ctx, uint64_t deadline_ns, const skep_cancel *cancel)
{
    fake *f = ctx;
    (void)deadline_ns;
    (void)cancel;
    ck_assert_msg(!f->open, "begin inside a transaction");
    f->begins++;
    int rc = f->begin_rc;
    f->begin_rc = 0;
    if (rc < 0)
        return SKEP__FAIL(rc, "begin failed");
    f->open = true;
    return SKEP_OK;
}

static skep__verdict fake_fail(fake_call *call, bool alone)
{
    fake *f = call->fake;
    call->req.rc = SKEP__FAIL(SKEP_ECONSTRAINT, "call %d failed", call->id);
    skep__err_save(&call->req.err);
    if (call->plan == FAKE_UNDO) {
        f->dirty = alone; /* left to the rollback */
        return SKEP__UNDONE;
    }
    forget(f);
    return SKEP__LOST;
}

static skep__verdict fake_run(void *ctx, skep__req *req, bool alone)
{
    fake *f = ctx;
    fake_call *call = (fake_call *)(void *)req;
    ck_assert_msg(f->open == ((req->flags & SKEP__REQ_BARE) == 0), "run outside a transaction");
    ck_assert_msg(!f->dirty, "run after a call that left its undoing to the rollback");
    call->runs++;
    call->alone = alone;
    call->ran_in = pthread_self();
    if (call->in_run != NULL)
        call->in_run(call);
    bool fails = call->plan == FAKE_UNDO || call->plan == FAKE_LOSE ||
                 (call->plan == FAKE_LOSE_ONCE && call->runs == 1);
    if (fails)
        return fake_fail(call, alone);
    if (f->open) {
        f->tx_bad[f->tx_count] = call->plan == FAKE_BAD_COMMIT;
        f->tx[f->tx_count++] = call->id;
    }
    req->rc = call->id;
    return SKEP__KEPT;
}

static int fake_commit(void *ctx, size_t kept, uint64_t *number)
{
    fake *f = ctx;
    ck_assert_msg(f->open && !f->dirty, "commit without a clean transaction");
    ck_assert_uint_eq(kept, f->tx_count);
    bool bad = false;
    for (size_t i = 0; i < kept; i++)
        bad |= f->tx_bad[i];
    int rc = f->commit_rc;
    f->commit_rc = 0;
    if (bad || rc < 0) {
        forget(f);
        return bad ? ((void)SKEP__FAIL(SKEP_ECONSTRAINT, "the commit found it"), SKEP__COMMIT_SPLIT)
                   : SKEP__FAIL(rc, "commit failed");
    }
    *number = ++f->commits;
    for (size_t i = 0; i < kept; i++) {
        ck_assert_uint_lt(f->count, FAKE_KEPT_MAX);
        f->of[f->count] = f->commits;
        f->ids[f->count++] = f->tx[i];
    }
    forget(f);
    return SKEP_OK;
}

static void fake_rollback(void *ctx)
{
    fake *f = ctx;
    ck_assert_msg(f->open, "rollback without a transaction");
    f->rollbacks++;
    forget(f);
}

static void fake_committed(void *ctx, size_t kept, size_t held, uint64_t number)
{
    fake *f = ctx;
    ck_assert_uint_eq(number, f->commits);
    ck_assert_uint_ge(kept, held);
    f->held += held;
}

static void fake_stamp(void *ctx, skep__req *req, uint64_t number)
{
    const fake *f = ctx;
    ck_assert_uint_eq(number, f->commits);
    ((fake_call *)(void *)req)->stamp = number;
}

static void fake_answered(void *ctx, skep__req *first)
{
    (void)ctx;
    for (skep__req *next = NULL; first != NULL; first = next) {
        next = first->next;
        fake_call *call = (fake_call *)(void *)first;
        call->answer = first->rc;
        call->err = first->err;
        atomic_store(&call->answered, 1);
        skep__word_wake(&call->answered, INT_MAX);
    }
}

static void fake_again(void *ctx, uint64_t deadline_ns)
{
    fake *f = ctx;
    ck_assert_uint_ne(deadline_ns, 0);
    atomic_fetch_add(&f->again, 1);
}

const skep__group_ops fake_ops = {
    .begin = fake_begin,
    .run = fake_run,
    .commit = fake_commit,
    .rollback = fake_rollback,
    .committed = fake_committed,
    .stamp = fake_stamp,
    .answered = fake_answered,
    .again = fake_again,
};

void fake_init(fake *f, size_t group_max)
{
    memset(f, 0, sizeof(*f));
    skep__queue_opts opts = {.group_max = group_max};
    assert_ok(skep__queue_init(&f->queue, &fake_ops, f, &opts));
}

void fake_dispose(fake *f)
{
    atomic_store(&f->stop, true);
    atomic_fetch_add(&f->deputy_word, 1);
    skep__word_wake(&f->deputy_word, INT_MAX);
    skep__thread_join(&f->thread);
    skep__queue_dispose(&f->queue);
    point_clear();
}

int fake_submit(fake *f, fake_call *call)
{
    call->fake = f;
    call->caller = pthread_self();
    int rc = skep__queue_submit(&f->queue, &call->req);
    call->err = *skep_last_error();
    call->answer = rc;
    return rc;
}

static void thread_main(void *arg)
{
    fake_call *call = arg;
    (void)fake_submit(call->fake, call);
}

void fake_start(fake *f, fake_call *call)
{
    call->fake = f;
    assert_ok(skep__thread_start(&call->thread, "call", thread_main, call));
}

void fake_join(fake_call *call)
{
    skep__thread_join(&call->thread);
    if (call->answer < 0)
        ck_assert_int_eq(call->err.code, call->answer);
}

static void deputy_main(void *arg)
{
    fake *f = arg;
    while (!atomic_load(&f->stop)) {
        uint32_t seen = atomic_load(&f->deputy_word) | SKEP__WORD_ASLEEP;
        if (skep__queue_lead(&f->queue, &f->deputy))
            continue;
        (void)atomic_fetch_or(&f->deputy_word, SKEP__WORD_ASLEEP);
        (void)skep__word_wait(&f->deputy_word, seen, 0);
        (void)atomic_fetch_and(&f->deputy_word, ~SKEP__WORD_ASLEEP);
    }
}

void fake_deputize(fake *f)
{
    if (f->thread.started)
        return;
    f->deputy.word = &f->deputy_word;
    assert_ok(skep__thread_start(&f->thread, "deputy", deputy_main, f));
}

void fake_post(fake *f, fake_call *calls, size_t n)
{
    fake_deputize(f);
    for (size_t i = 0; i < n; i++) {
        calls[i].fake = f;
        calls[i].req.next = i + 1 < n ? &calls[i + 1].req : NULL;
    }
    int rc = skep__queue_post(&f->queue, &calls[0].req, &f->deputy);
    if (rc >= 0)
        return;
    for (size_t i = 0; i < n; i++) {
        calls[i].answer = rc;
        atomic_store(&calls[i].answered, 1);
    }
}

void fake_wait(fake_call *call)
{
    while (atomic_load(&call->answered) == 0)
        (void)skep__word_wait(&call->answered, 0, 0);
    if (call->answer < 0)
        ck_assert_int_eq(call->err.code, call->answer);
}

static void block(fake_call *call)
{
    SKEP__POINT("test.blocked");
    while (!atomic_load(&call->fake->go))
        (void)sched_yield();
}

void fake_block(fake *f, fake_call *blocker)
{
    atomic_store(&f->go, false);
    point_watch("test.blocked");
    point_watch("queue.queued");
    blocker->in_run = block;
    fake_start(f, blocker);
    point_reached("test.blocked", 1);
}

void fake_queue(fake *f, fake_call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t before = point_count("queue.queued");
        fake_start(f, &calls[i]);
        point_reached("queue.queued", before + 1);
    }
}

void fake_unblock(fake *f)
{
    atomic_store(&f->go, true);
}

void fake_group(fake *f, fake_call *calls, size_t n)
{
    fake_call blocker = {.id = 999999};
    fake_block(f, &blocker);
    fake_queue(f, calls, n);
    fake_unblock(f);
    fake_join(&blocker);
    for (size_t i = 0; i < n; i++)
        fake_join(&calls[i]);
    ck_assert_int_eq(blocker.answer, blocker.id);
}

uint64_t fake_commit_of(const fake *f, int id)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->ids[i] == id)
            return f->of[i];
    return 0;
}

size_t fake_times(const fake *f, int id)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += f->ids[i] == id;
    return n;
}
