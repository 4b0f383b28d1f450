/* SPDX-License-Identifier: MIT */
/*
 * Group commit by leader and followers.
 *
 *   submit        nobody leads: lead at once, in this thread, without sleeping
 *                 somebody leads: queue, sleep on a word of the queue
 *   lead          gather (maybe) -> take own request and the queued ones -> begin, run each, commit
 *                 -> answer and wake the followers -> hand the lead to the head of the queue
 *
 * The followers are woken before the lead is handed on. Otherwise callers in a closed loop fall
 * into two cohorts that take turns, and groups are half as large as they could be.
 *
 * Sleeping. A follower never sleeps on its own request: that lies on its stack and is gone as soon
 * as it is answered, while the leader still has to wake it. All words lie in the queue. Followers of
 * one group share a word, so one system call wakes them all; a request that will lead when its turn
 * comes has a word that only its like use. Which word that is, is a guess made when it queues: the
 * position tells how many groups are ahead. A wrong guess costs a needless wake-up, never a lost
 * one, because the leader wakes the word of each request that it took, whichever it is.
 *
 * Who dies with whom. A request that is UNDONE failed alone. One that is LOST took the transaction
 * of the group with it: those that had been kept are run again first and committed by themselves,
 * so that each request is run again at most once for each culprit, and the rest follows. A commit
 * that asks to SPLIT is repeated one by one. Each pass answers at least one request, so it ends.
 *
 * Spinning is left out on purpose: on few cores it starves the kernel's I/O completion work, and
 * costs more than the sleep it saves.
 */
#include "base/queue.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/point.h"
#include "base/time.h"

enum { PENDING, KEPT, FINAL };

/* A leader's group, on its stack. */
typedef struct group {
    skep__req *req[SKEP__QUEUE_GROUP_MAX];
    size_t count;
    size_t keep_limit; /* commit after so many; 0: no limit */
    bool split;        /* a shared commit failed for one of them: one by one from now on */
    uint64_t started_ns;
    uint32_t words; /* those that its requests sleep on, a bit each of 2 * SKEP__QUEUE_WORDS */
} group;

static void list_push(skep__req_list *list, skep__req *req)
{
    req->next = NULL;
    req->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = req;
    else
        list->head = req;
    list->tail = req;
    list->count++;
}

static void list_push_head(skep__req_list *list, skep__req *req)
{
    req->prev = NULL;
    req->next = list->head;
    if (list->head != NULL)
        list->head->prev = req;
    else
        list->tail = req;
    list->head = req;
    list->count++;
}

static void list_remove(skep__req_list *list, skep__req *req)
{
    if (req->prev != NULL)
        req->prev->next = req->next;
    else
        list->head = req->next;
    if (req->next != NULL)
        req->next->prev = req->prev;
    else
        list->tail = req->prev;
    list->count--;
}

static void word_bump(skep__word *word)
{
    atomic_fetch_add(word, 1);
    skep__word_wake(word, INT_MAX);
}

static uint32_t req_state(const skep__req *req)
{
    return atomic_load_explicit(&req->state, memory_order_acquire);
}

static void req_state_set(skep__req *req, skep__req_state state)
{
    atomic_store_explicit(&req->state, (uint32_t)state, memory_order_release);
}

static bool req_expired(const skep__req *req)
{
    return req->deadline_ns != 0 && skep__now_ns() >= req->deadline_ns;
}

/* The request's answer is a failure of this thread's making: take its detail along. */
static void req_fail_here(skep__req *req, int rc)
{
    req->rc = rc;
    skep__err_save(&req->err);
}

static int req_refused(const skep__req *req)
{
    const char *when = req->attempt > 0 ? "before the call could be run again" : "before the call began";
    bool cancelled = skep__cancel_fired(req->cancel);
    int rc = cancelled ? SKEP__FAIL(SKEP_ECANCELLED, "call cancelled %s", when)
                       : SKEP__FAIL(SKEP_ETIMEOUT, "deadline passed %s", when);
    if (req->attempt > 0) /* its work went with the transaction of the group */
        skep__err_outcome(SKEP_OUTCOME_ROLLED_BACK);
    return rc;
}

/* ---- one group ---- */

static size_t group_pending(const group *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->count; i++)
        n += g->req[i]->progress == PENDING;
    return n;
}

static void group_each(group *g, uint8_t from, uint8_t to)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i]->progress == from)
            g->req[i]->progress = to;
}

/* Every request in state `from` gets the failure that this thread has just met. */
static void group_fail(group *g, uint8_t from, int rc)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->req[i]->progress != from)
            continue;
        req_fail_here(g->req[i], rc);
        g->req[i]->progress = FINAL;
    }
}

/* Over its time: the requests from index `first` on go back to the head of the queue. */
static void group_put_back(skep__queue *q, group *g, size_t first)
{
    skep__mutex_lock(&q->mutex);
    for (size_t i = g->count; i > first; i--) {
        if (g->req[i - 1]->progress != PENDING)
            continue;
        req_state_set(g->req[i - 1], SKEP__REQ_QUEUED);
        list_push_head(&q->queued, g->req[i - 1]);
        g->req[i - 1] = NULL;
    }
    size_t count = first;
    for (size_t i = first; i < g->count; i++)
        if (g->req[i] != NULL)
            g->req[count++] = g->req[i];
    g->count = count;
    skep__mutex_unlock(&q->mutex);
}

/* Run pending requests inside the open transaction. Returns how many are kept, or -1 when one of
 * them took the transaction away. */
static int group_run(skep__queue *q, group *g)
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
        if (skep__cancel_fired(req->cancel) || req_expired(req)) {
            req_fail_here(req, req_refused(req));
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

/* Committed requests that wait for a release leave the group for the list of the held. Once the
 * queue is closed nobody may come any more to release them. */
static size_t group_hold(skep__queue *q, group *g, uint64_t number)
{
    size_t held = 0;
    skep__mutex_lock(&q->mutex);
    for (size_t i = 0; i < g->count; i++) {
        skep__req *req = g->req[i];
        if (req->progress != KEPT || (req->flags & SKEP__REQ_HOLD) == 0 || number <= q->released)
            continue;
        if (q->closed) {
            req->rc = SKEP__FAIL(SKEP_EUNREPLICATED,
                                 "committed here; the database closed before it was acknowledged");
            skep__err_outcome(SKEP_OUTCOME_COMMITTED);
            skep__err_save(&req->err);
            continue;
        }
        req->number = number;
        req->progress = FINAL;
        list_push(&q->held, req);
        req_state_set(req, SKEP__REQ_HELD);
        g->req[i] = NULL;
        held++;
    }
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i] != NULL)
            g->req[count++] = g->req[i];
    g->count = count;
    skep__mutex_unlock(&q->mutex);
    return held;
}

/* The deadline that comes first among what is still to run; 0: none has one. */
static uint64_t group_deadline(const group *g)
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
static const skep_cancel *group_cancel(const group *g)
{
    const skep_cancel *cancel = NULL;
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i]->progress == PENDING)
            cancel = g->req[i]->cancel;
    return group_pending(g) == 1 ? cancel : NULL;
}

/* Answer those whose time is up; how many were they? */
static size_t group_expire(group *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->count; i++) {
        skep__req *req = g->req[i];
        if (req->progress != PENDING || !(skep__cancel_fired(req->cancel) || req_expired(req)))
            continue;
        req_fail_here(req, req_refused(req));
        req->progress = FINAL;
        n++;
    }
    return n;
}

static void group_commit(skep__queue *q, group *g, size_t kept)
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
    size_t held = 0;
    for (size_t i = 0; i < g->count; i++)
        held += g->req[i]->progress == KEPT && (g->req[i]->flags & SKEP__REQ_HOLD) != 0;
    if (held > 0)
        held = group_hold(q, g, number);
    group_each(g, KEPT, FINAL);
    if (q->ops->committed != NULL)
        q->ops->committed(q->ctx, kept, held, number);
}

/* One transaction: begin, run, commit. Answers at least one pending request. */
static void group_pass(skep__queue *q, group *g)
{
    int rc = q->ops->begin(q->ctx, group_deadline(g), group_cancel(g));
    if (rc < 0) {
        skep_err err;
        skep__err_save(&err);
        if (rc == SKEP_EBUSY && group_expire(g) > 0)
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

static void group_answer(skep__queue *q, group *g)
{
    skep__req *own = g->count > 0 ? g->req[0] : NULL;
    if (own != NULL && (own->flags & SKEP__REQ_BARE) != 0) {
        own->attempt++;
        (void)q->ops->run(q->ctx, own, true);
        return;
    }
    while (group_pending(g) > 0)
        group_pass(q, g);
}

/* ---- leading ---- */

/* Fewer have queued than the last group had: most of them were woken just now and are on their way.
 * Giving up the processor once lets them arrive where there are more threads than cores. For small
 * groups, whose commit costs each of them much, sleep until they have, but not for long. */
static void lead_gather_locked(skep__queue *q) SKEP__REQUIRES(q->mutex)
{
    size_t need = (q->expected * 9 + 9) / 10;
    if (q->expected > 2 && q->queued.count + 1 < need && !q->closed) {
        skep__mutex_unlock(&q->mutex);
        (void)sched_yield();
        skep__mutex_lock(&q->mutex);
    }
    if (q->gather_max_ns == 0 || q->expected > SKEP__QUEUE_GATHER_MOST ||
        q->queued.count + 1 >= need || q->closed)
        return;
    uint64_t limit = q->commit_avg_ns / 2;
    if (limit > q->gather_max_ns)
        limit = q->gather_max_ns;
    uint32_t seen = atomic_load(&q->gather_word);
    q->gather_need = need - 1;
    skep__mutex_unlock(&q->mutex);
    (void)skep__word_wait(&q->gather_word, seen, skep__now_ns() + limit);
    skep__mutex_lock(&q->mutex);
    q->gather_need = 0;
}

static void lead_take_locked(skep__queue *q, group *g, skep__req *own) SKEP__REQUIRES(q->mutex)
{
    g->count = 0;
    g->keep_limit = 0;
    g->split = false;
    g->words = 0;
    q->group++;
    own->progress = PENDING;
    req_state_set(own, SKEP__REQ_TAKEN);
    g->req[g->count++] = own;
    if ((own->flags & SKEP__REQ_ALONE) != 0)
        return;
    while (q->queued.head != NULL && g->count < q->group_max) {
        skep__req *req = q->queued.head;
        if ((req->flags & SKEP__REQ_ALONE) != 0)
            break;
        list_remove(&q->queued, req);
        req->progress = PENDING;
        g->words |= 1u << req->word;
        req_state_set(req, SKEP__REQ_TAKEN);
        g->req[g->count++] = req;
    }
}

/* Answer and wake the followers. A request is not to be touched after its DONE: its owner may have
 * returned, and its stack be gone. */
static void lead_wake(skep__queue *q, group *g, const skep__req *own)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i] != own)
            req_state_set(g->req[i], SKEP__REQ_DONE);
    for (uint32_t w = 0; g->words != 0; w++, g->words >>= 1)
        if ((g->words & 1) != 0)
            word_bump(&q->words[w]);
}

/* Give the lead to the head of the queue, or up. */
static void lead_hand_on(skep__queue *q, size_t done)
{
    skep__mutex_lock(&q->mutex);
    q->expected = done + q->queued.count;
    skep__req *head = q->queued.head;
    skep__word *word = &q->idle_word;
    if (head != NULL) {
        list_remove(&q->queued, head);
        word = &q->words[head->word];
        req_state_set(head, SKEP__REQ_LEAD);
    } else {
        q->busy = false;
    }
    bool wake = head != NULL || q->closed;
    skep__mutex_unlock(&q->mutex);
    if (wake)
        word_bump(word);
}

/* Called with the lock held and `busy` set for this thread; returns without it. Afterwards `own`
 * is DONE or HELD. */
static void lead_locked(skep__queue *q, skep__req *own) SKEP__RELEASE(q->mutex)
{
    group g;
    if ((own->flags & SKEP__REQ_ALONE) == 0)
        lead_gather_locked(q);
    lead_take_locked(q, &g, own);
    skep__mutex_unlock(&q->mutex);
    g.started_ns = skep__now_ns();
    size_t taken = g.count;
    group_answer(q, &g);
    SKEP__POINT("queue.before_wake");
    lead_wake(q, &g, own);
    if (req_state(own) == SKEP__REQ_TAKEN)
        req_state_set(own, SKEP__REQ_DONE);
    lead_hand_on(q, taken);
}

/* ---- waiting ---- */

/* The word that a request which queues now should sleep on. */
static uint8_t word_for_locked(const skep__queue *q) SKEP__REQUIRES(q->mutex)
{
    size_t ahead = q->queued.count / q->group_max;
    if (ahead > SKEP__QUEUE_WORDS - 2)
        ahead = SKEP__QUEUE_WORDS - 2;
    size_t slot = (q->group + 1 + ahead) % SKEP__QUEUE_WORDS;
    bool leads = q->queued.count % q->group_max == 0;
    return (uint8_t)(leads ? SKEP__QUEUE_WORDS + slot : slot);
}

/* The deadline passed or the cancel was fired: leave the list that the request is in. False when
 * there is nothing to leave, and the true answer is to come. */
static bool wait_give_up(skep__queue *q, skep__req *req)
{
    bool gone = true;
    skep__mutex_lock(&q->mutex);
    uint32_t state = req_state(req);
    if (state == SKEP__REQ_QUEUED)
        list_remove(&q->queued, req);
    else if (state == SKEP__REQ_HELD)
        list_remove(&q->held, req);
    else
        gone = false;
    skep__mutex_unlock(&q->mutex);
    if (!gone)
        return false;
    if (state == SKEP__REQ_HELD) {
        req->rc = SKEP__FAIL(SKEP_EUNREPLICATED, "committed here, but not acknowledged in time");
        skep__err_outcome(SKEP_OUTCOME_COMMITTED);
    } else {
        req->rc = req_refused(req);
    }
    skep__err_save(&req->err);
    req_state_set(req, SKEP__REQ_DONE);
    return true;
}

/* Sleep until the request is answered or to lead. */
static void wait_turn(skep__queue *q, skep__req *req)
{
    bool patient = false; /* it has begun: neither deadline nor cancel end the wait */
    for (;;) {
        uint32_t state = req_state(req);
        skep__word *word = state == SKEP__REQ_HELD ? &q->held_word : &q->words[req->word];
        uint32_t seen = atomic_load(word);
        if (req_state(req) != state)
            continue;
        if (state == SKEP__REQ_DONE || state == SKEP__REQ_LEAD)
            return;
        if (state != SKEP__REQ_TAKEN)
            patient = false;
        if (!patient && (skep__cancel_fired(req->cancel) || req_expired(req))) {
            patient = true;
            if (wait_give_up(q, req))
                return;
            continue;
        }
        (void)skep__cancel_wait(patient ? NULL : req->cancel, word, seen,
                                patient ? 0 : req->deadline_ns);
    }
}

/* ---- what others call ---- */

int skep__queue_init(skep__queue *q, const skep__group_ops *ops, void *ctx,
                     const skep__queue_opts *opts)
{
    ASSERT(opts->group_max >= 1);
    ASSERT(opts->group_max <= SKEP__QUEUE_GROUP_MAX);
    memset(q, 0, sizeof(*q));
    q->ops = ops;
    q->ctx = ctx;
    q->group_max = opts->group_max;
    q->budget_ns = opts->budget_ns;
    q->gather_max_ns = opts->gather_max_ns;
    return skep__mutex_init(&q->mutex);
}

void skep__queue_dispose(skep__queue *q)
{
    skep__mutex_dispose(&q->mutex);
}

int skep__queue_submit(skep__queue *q, skep__req *req)
{
    req->word = 0; /* for one that leads at once: it looks at its word, but never sleeps on it */
    skep__mutex_lock(&q->mutex);
    if (q->closed) {
        skep__mutex_unlock(&q->mutex);
        return SKEP__FAIL(SKEP_ECLOSED, "the database is closing");
    }
    if (!q->busy) {
        q->busy = true;
        lead_locked(q, req);
    } else {
        req->word = word_for_locked(q);
        req_state_set(req, SKEP__REQ_QUEUED);
        list_push(&q->queued, req);
        bool full = q->gather_need != 0 && q->queued.count >= q->gather_need;
        if (full)
            q->gather_need = 0;
        skep__mutex_unlock(&q->mutex);
        SKEP__POINT("queue.queued");
        if (full)
            word_bump(&q->gather_word);
    }
    wait_turn(q, req);
    if (req_state(req) == SKEP__REQ_LEAD) {
        skep__mutex_lock(&q->mutex);
        lead_locked(q, req);
        wait_turn(q, req); /* it may be held */
    }
    return req->rc < 0 ? skep__err_install(&req->err) : req->rc;
}

void skep__queue_release(skep__queue *q, uint64_t number, int code, const char *text)
{
    skep__mutex_lock(&q->mutex);
    if (code == SKEP_OK && number > q->released)
        q->released = number;
    while (q->held.head != NULL && q->held.head->number <= number) {
        skep__req *req = q->held.head;
        list_remove(&q->held, req);
        if (code < 0) {
            skep_err saved;
            skep__err_save(&saved);
            req->rc = SKEP__FAIL(code, "%s", text != NULL ? text : "not acknowledged");
            skep__err_outcome(SKEP_OUTCOME_COMMITTED);
            skep__err_save(&req->err);
            (void)skep__err_install(&saved);
        }
        req_state_set(req, SKEP__REQ_DONE);
    }
    skep__mutex_unlock(&q->mutex);
    word_bump(&q->held_word);
}

void skep__queue_close(skep__queue *q)
{
    skep__mutex_lock(&q->mutex);
    q->closed = true;
    skep__mutex_unlock(&q->mutex);
}

bool skep__queue_drain(skep__queue *q, uint64_t deadline_ns)
{
    for (;;) {
        uint32_t seen = atomic_load(&q->idle_word);
        skep__mutex_lock(&q->mutex);
        bool idle = !q->busy && q->queued.count == 0;
        skep__mutex_unlock(&q->mutex);
        if (idle)
            return true;
        if (!skep__word_wait(&q->idle_word, seen, deadline_ns) && skep__now_ns() >= deadline_ns)
            return false;
    }
}

void skep__queue_refuse(skep__queue *q)
{
    skep__mutex_lock(&q->mutex);
    uint64_t words = 0;
    for (skep__req *req = q->queued.head; req != NULL; req = q->queued.head) {
        list_remove(&q->queued, req);
        words |= 1ull << req->word;
        req->rc = SKEP__FAIL(SKEP_ECLOSED, "the database closed before the call began");
        skep__err_save(&req->err);
        req_state_set(req, SKEP__REQ_DONE);
    }
    skep__mutex_unlock(&q->mutex);
    for (uint32_t w = 0; words != 0; w++, words >>= 1)
        if ((words & 1) != 0)
            word_bump(&q->words[w]);
}
