/* SPDX-License-Identifier: MIT */
/*
 * What a leader does with a group: begin, run, commit, and who has to be run again.
 *
 * Who dies with whom. A request that is UNDONE failed alone. One that is LOST took the transaction
 * of the group with it: those that had been kept are run again first and committed by themselves,
 * so that each request is run again at most once for each culprit, and the rest follows. A commit
 * that asks to SPLIT is repeated one by one. Each pass answers at least one request, so it ends.
 */
#include "base/queue_private.h"

/* How far a request of the group is. */
enum { PENDING, KEPT, FINAL };

int skep__req_refused(const skep__req *req)
{
    const char *when =
        req->attempt > 0 ? "before the call could be run again" : "before the call began";
    bool cancelled = skep__cancel_fired(req->cancel);
    int rc = cancelled ? SKEP__FAIL(SKEP_ECANCELLED, "call cancelled %s", when)
                       : SKEP__FAIL(SKEP_ETIMEOUT, "deadline passed %s", when);
    if (req->attempt > 0) /* its work went with the transaction of the group */
        skep__err_outcome(SKEP_OUTCOME_ROLLED_BACK);
    return rc;
}

/* The request's answer is a failure of this thread's making: take its detail along. */
static void req_fail_here(skep__req *req, int rc)
{
    req->rc = rc;
    skep__err_save(&req->err);
}

static size_t group_pending(const skep__group *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->count; i++)
        n += g->req[i]->progress == PENDING;
    return n;
}

static void group_each(skep__group *g, uint8_t from, uint8_t to)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i]->progress == from)
            g->req[i]->progress = to;
}

/* Every request in state `from` gets the failure that this thread has just met. */
static void group_fail(skep__group *g, uint8_t from, int rc)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->req[i]->progress != from)
            continue;
        req_fail_here(g->req[i], rc);
        g->req[i]->progress = FINAL;
    }
}

/* The earlier of a deadline and that of a request whose owner does not look at the clock itself. */
static uint64_t earlier(uint64_t deadline_ns, const skep__req *req)
{
    if (!skep__req_async(req) || req->deadline_ns == 0)
        return deadline_ns;
    return deadline_ns == 0 || req->deadline_ns < deadline_ns ? req->deadline_ns : deadline_ns;
}

/* Over its time: the requests from index `first` on go back to the head of the queue. */
static void group_put_back(skep__queue *q, skep__group *g, size_t first)
{
    uint64_t deadline_ns = 0;
    skep__mutex_lock(&q->mutex);
    for (size_t i = g->count; i > first; i--) {
        if (g->req[i - 1]->progress != PENDING)
            continue;
        deadline_ns = earlier(deadline_ns, g->req[i - 1]);
        skep__req_set_state(g->req[i - 1], SKEP__REQ_QUEUED);
        skep__line_return(&q->queued, g->req[i - 1]);
        g->req[i - 1] = NULL;
    }
    size_t count = first;
    for (size_t i = first; i < g->count; i++)
        if (g->req[i] != NULL)
            g->req[count++] = g->req[i];
    g->count = count;
    skep__mutex_unlock(&q->mutex);
    if (deadline_ns != 0)
        q->ops->again(q->ctx, deadline_ns);
}

/* Run pending requests inside the open transaction. Returns how many are kept, or -1 when one of
 * them took the transaction away. */
static int group_run(skep__queue *q, skep__group *g)
{
    if (g->split)
        g->keep_limit = 1;
    bool alone = group_pending(g) == 1 || g->keep_limit == 1;
    size_t kept = 0;
    for (size_t i = 0; i < g->count; i++) {
        skep__req *req = g->req[i];
        if (req->progress != PENDING)
            continue;
        if (g->keep_limit != 0 && kept == g->keep_limit)
            break;
        if (i > 0 && kept > 0 && q->budget_ns != 0 && req->attempt == 0 &&
            skep__now_ns() - g->started_ns > q->budget_ns) {
            group_put_back(q, g, i);
            break;
        }
        if (skep__cancel_fired(req->cancel) || skep__req_expired(req)) {
            req_fail_here(req, skep__req_refused(req));
            req->progress = FINAL;
            continue;
        }
        req->attempt++;
        skep__verdict verdict = q->ops->run(q->ctx, req, alone);
        req->progress = verdict == SKEP__KEPT ? KEPT : FINAL;
        kept += verdict == SKEP__KEPT;
        if (verdict == SKEP__LOST) {
            group_each(g, KEPT, PENDING);
            g->keep_limit = kept;
            return -1;
        }
        if (alone && verdict != SKEP__KEPT)
            break; /* `run` left the undoing to `rollback` */
    }
    return (int)kept;
}

/* Why a committed request is not held, or NULL. Once the queue is closed nobody may come any more
 * to release it; and an owner who sleeps looks at cancel and clock himself. */
static const char *hold_refused_locked(const skep__queue *q, const skep__req *req)
    SKEP__REQUIRES(q->mutex)
{
    if (q->closed)
        return "committed here; the database closed before it was acknowledged";
    if (skep__req_async(req) && (skep__cancel_fired(req->cancel) || skep__req_expired(req)))
        return "committed here, but not acknowledged in time";
    return NULL;
}

/* Committed requests that wait for a release leave the group for the list of the held. */
static size_t group_hold(skep__queue *q, skep__group *g, uint64_t number)
{
    size_t held = 0;
    uint64_t deadline_ns = 0;
    skep__mutex_lock(&q->mutex);
    for (size_t i = 0; i < g->count; i++) {
        skep__req *req = g->req[i];
        if (req->progress != KEPT || (req->flags & SKEP__REQ_HOLD) == 0 || number <= q->released)
            continue;
        const char *refused = hold_refused_locked(q, req);
        if (refused != NULL) {
            req->rc = SKEP__FAIL(SKEP_EUNREPLICATED, "%s", refused);
            skep__err_outcome(SKEP_OUTCOME_COMMITTED);
            skep__err_save(&req->err);
            continue;
        }
        deadline_ns = earlier(deadline_ns, req);
        req->number = number;
        req->progress = FINAL;
        skep__req_push(&q->held, req);
        skep__req_set_state(req, SKEP__REQ_HELD);
        g->req[i] = NULL;
        held++;
    }
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i] != NULL)
            g->req[count++] = g->req[i];
    g->count = count;
    skep__mutex_unlock(&q->mutex);
    if (deadline_ns != 0)
        q->ops->again(q->ctx, deadline_ns);
    return held;
}

/* The deadline that comes first among what is still to run; 0: none has one. */
static uint64_t group_deadline(const skep__group *g)
{
    uint64_t first = 0;
    for (size_t i = 0; i < g->count; i++) {
        const skep__req *req = g->req[i];
        if (req->progress == PENDING && req->deadline_ns != 0 &&
            (first == 0 || req->deadline_ns < first))
            first = req->deadline_ns;
    }
    return first;
}

/* The cancel of the only one that is still to run; NULL where several would have to be watched. */
static const skep_cancel *group_cancel(const skep__group *g)
{
    const skep_cancel *cancel = NULL;
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i]->progress == PENDING)
            cancel = g->req[i]->cancel;
    return group_pending(g) == 1 ? cancel : NULL;
}

/* Answer those whose time is up, with `why` if waiting had a reason (NULL: none that is worth
 * telling); how many were they? */
static size_t group_expire(skep__group *g, const skep_err *why)
{
    size_t n = 0;
    for (size_t i = 0; i < g->count; i++) {
        skep__req *req = g->req[i];
        if (req->progress != PENDING ||
            !(skep__cancel_fired(req->cancel) || skep__req_expired(req)))
            continue;
        bool told = why != NULL && !skep__cancel_fired(req->cancel);
        req_fail_here(req, told ? skep__err_install(why) : skep__req_refused(req));
        req->progress = FINAL;
        n++;
    }
    return n;
}

/* They stand in commit `number`. Returns all the flags that they have. */
static uint32_t group_stamp(skep__queue *q, skep__group *g, uint64_t number)
{
    uint32_t flags = 0;
    for (size_t i = 0; i < g->count; i++) {
        skep__req *req = g->req[i];
        if (req->progress != KEPT)
            continue;
        flags |= req->flags;
        if ((req->flags & SKEP__REQ_STAMP) != 0)
            q->ops->stamp(q->ctx, req, number);
    }
    return flags;
}

static void group_commit(skep__queue *q, skep__group *g, size_t kept)
{
    uint64_t number = 0;
    uint64_t before = skep__now_ns();
    int rc = q->ops->commit(q->ctx, kept, &number);
    g->keep_limit = 0;
    if (rc == SKEP__COMMIT_SPLIT && kept > 1) {
        group_each(g, KEPT, PENDING);
        g->split = true;
        return;
    }
    if (rc != SKEP_OK) {
        group_fail(g, KEPT, rc == SKEP__COMMIT_SPLIT ? skep_last_error()->code : rc);
        return;
    }
    uint64_t took = skep__now_ns() - before;
    q->commit_avg_ns = q->commit_avg_ns == 0 ? took : (7 * q->commit_avg_ns + took) / 8;
    uint32_t flags = group_stamp(q, g, number);
    size_t held = (flags & SKEP__REQ_HOLD) != 0 ? group_hold(q, g, number) : 0;
    group_each(g, KEPT, FINAL);
    if (q->ops->committed != NULL)
        q->ops->committed(q->ctx, kept, held, number);
}

/* One transaction: begin, run, commit. Answers at least one pending request. */
static void group_pass(skep__queue *q, skep__group *g)
{
    int rc = q->ops->begin(q->ctx, group_deadline(g), group_cancel(g));
    if (rc < 0) {
        skep_err err;
        skep__err_save(&err);
        if ((rc == SKEP_EBUSY && group_expire(g, NULL) > 0) ||
            (rc == SKEP_ELIMIT && group_expire(g, &err) > 0))
            return;
        group_fail(g, PENDING, skep__err_install(&err));
        return;
    }
    int kept = group_run(q, g);
    if (kept < 0)
        return; /* the transaction is gone already */
    if (kept == 0)
        q->ops->rollback(q->ctx);
    else
        group_commit(q, g, (size_t)kept);
}

void skep__group_answer(skep__queue *q, skep__group *g)
{
    skep__req *first = g->req[0];
    if ((first->flags & SKEP__REQ_BARE) != 0) {
        first->attempt++;
        (void)q->ops->run(q->ctx, first, true);
        return;
    }
    for (size_t i = 0; i < g->count; i++)
        g->req[i]->progress = PENDING;
    while (group_pending(g) > 0)
        group_pass(q, g);
}
