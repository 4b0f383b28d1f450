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
 * as it is answered, while the leader still has to wake it. All words lie in the queue. Followers
 * of one group share a word, so one system call wakes them all; a request that will lead when its
 * turn comes has a word that only its like use. Which word that is, is a guess made when it queues:
 * the position tells how many groups are ahead. A wrong guess costs a needless wake-up, never a
 * lost one, because the leader wakes the word of each request that it took, whichever it is.
 *
 * Spinning is left out on purpose: on few cores it starves the kernel's I/O completion work, and
 * costs more than the sleep it saves.
 */
#include "base/queue_private.h"

#include <limits.h>
#include <sched.h>
#include <string.h>

#include "base/point.h"

static void word_bump(skep__word *word)
{
    atomic_fetch_add(word, 1);
    skep__word_wake(word, INT_MAX);
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

static void lead_take_locked(skep__queue *q, skep__group *g, skep__req *own)
    SKEP__REQUIRES(q->mutex)
{
    g->count = 0;
    g->keep_limit = 0;
    g->split = false;
    g->words = 0;
    q->group++;
    skep__req_set_state(own, SKEP__REQ_TAKEN);
    g->req[g->count++] = own;
    if ((own->flags & SKEP__REQ_ALONE) != 0)
        return;
    while (q->queued.head != NULL && g->count < q->group_max) {
        skep__req *req = q->queued.head;
        if ((req->flags & SKEP__REQ_ALONE) != 0)
            break;
        skep__req_remove(&q->queued, req);
        g->words |= 1u << req->word;
        skep__req_set_state(req, SKEP__REQ_TAKEN);
        g->req[g->count++] = req;
    }
}

/* Answer and wake the followers. A request is not to be touched after its DONE: its owner may have
 * returned, and its stack be gone. */
static void lead_wake(skep__queue *q, skep__group *g, const skep__req *own)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->req[i] != own)
            skep__req_set_state(g->req[i], SKEP__REQ_DONE);
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
        skep__req_remove(&q->queued, head);
        word = &q->words[head->word];
        skep__req_set_state(head, SKEP__REQ_LEAD);
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
    skep__group g;
    if ((own->flags & SKEP__REQ_ALONE) == 0)
        lead_gather_locked(q);
    lead_take_locked(q, &g, own);
    skep__mutex_unlock(&q->mutex);
    g.started_ns = skep__now_ns();
    size_t taken = g.count;
    skep__group_answer(q, &g);
    SKEP__POINT("queue.before_wake");
    lead_wake(q, &g, own);
    if (skep__req_get_state(own) == SKEP__REQ_TAKEN)
        skep__req_set_state(own, SKEP__REQ_DONE);
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
    uint32_t state = skep__req_get_state(req);
    if (state == SKEP__REQ_QUEUED)
        skep__req_remove(&q->queued, req);
    else if (state == SKEP__REQ_HELD)
        skep__req_remove(&q->held, req);
    else
        gone = false;
    skep__mutex_unlock(&q->mutex);
    if (!gone)
        return false;
    if (state == SKEP__REQ_HELD) {
        req->rc = SKEP__FAIL(SKEP_EUNREPLICATED, "committed here, but not acknowledged in time");
        skep__err_outcome(SKEP_OUTCOME_COMMITTED);
    } else {
        req->rc = skep__req_refused(req);
    }
    skep__err_save(&req->err);
    skep__req_set_state(req, SKEP__REQ_DONE);
    return true;
}

/* Sleep until the request is answered or to lead. */
static void wait_turn(skep__queue *q, skep__req *req)
{
    bool patient = false; /* it has begun: neither deadline nor cancel end the wait */
    for (;;) {
        uint32_t state = skep__req_get_state(req);
        skep__word *word = state == SKEP__REQ_HELD ? &q->held_word : &q->words[req->word];
        uint32_t seen = atomic_load(word);
        if (skep__req_get_state(req) != state)
            continue;
        if (state == SKEP__REQ_DONE || state == SKEP__REQ_LEAD)
            return;
        if (state != SKEP__REQ_TAKEN)
            patient = false;
        if (!patient && (skep__cancel_fired(req->cancel) || skep__req_expired(req))) {
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
        skep__req_set_state(req, SKEP__REQ_QUEUED);
        skep__req_push(&q->queued, req);
        bool full = q->gather_need != 0 && q->queued.count >= q->gather_need;
        if (full)
            q->gather_need = 0;
        skep__mutex_unlock(&q->mutex);
        SKEP__POINT("queue.queued");
        if (full)
            word_bump(&q->gather_word);
    }
    wait_turn(q, req);
    if (skep__req_get_state(req) == SKEP__REQ_LEAD) {
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
        skep__req_remove(&q->held, req);
        if (code < 0) {
            skep_err saved;
            skep__err_save(&saved);
            req->rc = SKEP__FAIL(code, "%s", text != NULL ? text : "not acknowledged");
            skep__err_outcome(SKEP_OUTCOME_COMMITTED);
            skep__err_save(&req->err);
            (void)skep__err_install(&saved);
        }
        skep__req_set_state(req, SKEP__REQ_DONE);
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
        skep__req_remove(&q->queued, req);
        words |= 1ull << req->word;
        req->rc = SKEP__FAIL(SKEP_ECLOSED, "the database closed before the call began");
        skep__err_save(&req->err);
        skep__req_set_state(req, SKEP__REQ_DONE);
    }
    skep__mutex_unlock(&q->mutex);
    for (uint32_t w = 0; words != 0; w++, words >>= 1)
        if ((words & 1) != 0)
            word_bump(&q->words[w]);
}
