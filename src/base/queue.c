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
 * Priorities. HIGH requests go first, then NORMAL ones; LOW ones form groups of their own (line.h).
 * The guess of a word does not know who will come and overtake, which costs what wrong guesses
 * cost.
 *
 * Asynchronous requests sleep on nothing. The leader that has them in its group hands them to
 * `answered`, all at once. When one of them is first in line, the lead goes to its deputy: a thread
 * that stands in for all of them, or the caller of a batch for the calls of that batch.
 *
 * Spinning is left out on purpose: on few cores it starves the kernel's I/O completion work, and
 * costs more than the sleep it saves.
 */
#include "base/queue_private.h"

#include <sched.h>
#include <string.h>

#include "base/point.h"

/* ---- leading ---- */

/* Fewer have queued than the last group had: most of them were woken just now and are on their way.
 * Giving up the processor once lets them arrive where there are more threads than cores. For small
 * groups, whose commit costs each of them much, sleep until they have, but not for long. */
static void lead_gather_locked(skep__queue *q) SKEP__REQUIRES(q->mutex)
{
    size_t need = (q->expected * 9 + 9) / 10;
    if (q->expected > 2 && skep__line_mates(&q->queued) + 1 < need && !q->closed) {
        skep__mutex_unlock(&q->mutex);
        (void)sched_yield();
        skep__mutex_lock(&q->mutex);
    }
    if (q->gather_max_ns == 0 || q->expected > SKEP__QUEUE_GATHER_MOST ||
        skep__line_mates(&q->queued) + 1 >= need || q->closed)
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

/* Do those that queue end the gather? */
static bool gather_full_locked(skep__queue *q) SKEP__REQUIRES(q->mutex)
{
    bool full = q->gather_need != 0 && skep__line_mates(&q->queued) >= q->gather_need;
    if (full)
        q->gather_need = 0;
    return full;
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
    uint64_t latest = own->arrival;
    while ((own->flags & SKEP__REQ_ALONE) == 0 && g->count < q->group_max) {
        skep__req *req = skep__line_mate(&q->queued, own->priority);
        if (req == NULL || (req->flags & SKEP__REQ_ALONE) != 0)
            break;
        skep__line_leave(&q->queued, req);
        if (!skep__req_async(req))
            g->words |= 1u << req->word;
        if (latest < req->arrival)
            latest = req->arrival;
        skep__req_set_state(req, SKEP__REQ_TAKEN);
        g->req[g->count++] = req;
    }
    skep__line_took(&q->queued, latest);
}

/* Answer and wake the followers, and let go of those that nobody sleeps for. A request is not to be
 * touched after its DONE: its owner may have returned, and its stack be gone. */
static void lead_wake(skep__queue *q, skep__group *g, const skep__req *own)
{
    skep__req *async = NULL;
    skep__req **tail = &async;
    for (size_t i = 0; i < g->count; i++) {
        skep__req *req = g->req[i];
        if (skep__req_async(req)) {
            req->next = NULL;
            *tail = req;
            tail = &req->next;
        } else if (req == own) {
            continue;
        }
        skep__req_set_state(req, SKEP__REQ_DONE);
    }
    for (uint32_t w = 0; g->words != 0; w++, g->words >>= 1)
        if ((g->words & 1) != 0)
            skep__word_bump(&q->words[w]);
    if (async != NULL)
        q->ops->answered(q->ctx, async);
}

/* Make the first in line the leader. What is to be woken for it after unlocking, or NULL. */
static skep__word *lead_appoint_locked(skep__queue *q) SKEP__REQUIRES(q->mutex)
{
    skep__req *req = skep__line_first(&q->queued);
    skep__line_leave(&q->queued, req);
    skep__req_set_state(req, SKEP__REQ_LEAD);
    if (!skep__req_async(req)) {
        atomic_fetch_add(&q->words[req->word], 1);
        return &q->words[req->word];
    }
    skep__word *word = req->deputy->word;
    req->deputy->lead = req;
    return (atomic_fetch_or(word, SKEP__WORD_LEAD) & SKEP__WORD_ASLEEP) != 0 ? word : NULL;
}

/* Give the lead to the first in line, or up. */
static void lead_hand_on(skep__queue *q, size_t done)
{
    skep__word *word = NULL;
    skep__mutex_lock(&q->mutex);
    q->expected = done + skep__line_mates(&q->queued);
    if (q->queued.count > 0) {
        word = lead_appoint_locked(q);
    } else {
        q->busy = false;
        if (q->closed) {
            atomic_fetch_add(&q->idle_word, 1);
            word = &q->idle_word;
        }
    }
    skep__mutex_unlock(&q->mutex);
    if (word != NULL)
        skep__word_wake(word, INT_MAX);
}

/* Called with the lock held and `busy` set for this thread; returns without it. Afterwards `own`
 * is DONE or HELD; if it is asynchronous, it may be gone. */
static void lead_locked(skep__queue *q, skep__req *own) SKEP__RELEASE(q->mutex)
{
    skep__group g;
    bool async = skep__req_async(own);
    bool low = own->priority == SKEP_PRIORITY_LOW;
    if ((own->flags & SKEP__REQ_ALONE) == 0 && !low)
        lead_gather_locked(q);
    lead_take_locked(q, &g, own);
    skep__mutex_unlock(&q->mutex);
    g.started_ns = skep__now_ns();
    size_t taken = g.count;
    skep__group_answer(q, &g);
    SKEP__POINT("queue.before_wake");
    lead_wake(q, &g, own);
    if (!async && skep__req_get_state(own) == SKEP__REQ_TAKEN)
        skep__req_set_state(own, SKEP__REQ_DONE);
    lead_hand_on(q, low ? 0 : taken);
}

/* ---- waiting ---- */

/* The word that a request which queues now should sleep on. */
static uint8_t word_for_locked(const skep__queue *q, int32_t priority) SKEP__REQUIRES(q->mutex)
{
    const skep__line *line = &q->queued;
    size_t like = line->of[priority].count; /* those that it may share a group with */
    size_t before = like;
    if (priority == SKEP_PRIORITY_NORMAL)
        like = before += line->of[SKEP_PRIORITY_HIGH].count;
    else if (priority == SKEP_PRIORITY_LOW)
        before = line->count;
    size_t ahead = before / q->group_max;
    if (ahead > SKEP__QUEUE_WORDS - 2)
        ahead = SKEP__QUEUE_WORDS - 2;
    size_t slot = (q->group + 1 + ahead) % SKEP__QUEUE_WORDS;
    return (uint8_t)(like % q->group_max == 0 ? SKEP__QUEUE_WORDS + slot : slot);
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
            if (skep__req_withdraw(q, req))
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
    req->arrival = 0;
    skep__mutex_lock(&q->mutex);
    if (q->closed) {
        skep__mutex_unlock(&q->mutex);
        return SKEP__FAIL(SKEP_ECLOSED, "the database is closing");
    }
    if (!q->busy) {
        q->busy = true;
        lead_locked(q, req);
    } else {
        req->word = word_for_locked(q, req->priority);
        skep__req_set_state(req, SKEP__REQ_QUEUED);
        skep__line_join(&q->queued, req);
        bool full = gather_full_locked(q);
        skep__mutex_unlock(&q->mutex);
        SKEP__POINT("queue.queued");
        if (full)
            skep__word_bump(&q->gather_word);
    }
    wait_turn(q, req);
    if (skep__req_get_state(req) == SKEP__REQ_LEAD) {
        skep__mutex_lock(&q->mutex);
        lead_locked(q, req);
        wait_turn(q, req); /* it may be held */
    }
    return req->rc < 0 ? skep__err_install(&req->err) : req->rc;
}

int skep__queue_post(skep__queue *q, skep__req *first, skep__deputy *deputy)
{
    skep__word *word = NULL;
    skep__mutex_lock(&q->mutex);
    if (q->closed) {
        skep__mutex_unlock(&q->mutex);
        return SKEP__FAIL(SKEP_ECLOSED, "the database is closing");
    }
    for (skep__req *req = first; req != NULL;) {
        skep__req *next = req->next;
        req->flags |= SKEP__REQ_ASYNC;
        req->deputy = deputy;
        skep__req_set_state(req, SKEP__REQ_QUEUED);
        skep__line_join(&q->queued, req);
        req = next;
    }
    bool full = gather_full_locked(q);
    if (!q->busy) {
        q->busy = true;
        word = lead_appoint_locked(q);
    }
    skep__mutex_unlock(&q->mutex);
    SKEP__POINT("queue.posted");
    if (full)
        skep__word_bump(&q->gather_word);
    if (word != NULL)
        skep__word_wake(word, INT_MAX);
    return SKEP_OK;
}

bool skep__queue_lead(skep__queue *q, skep__deputy *deputy)
{
    skep__mutex_lock(&q->mutex);
    skep__req *req = SKEP__TAKE(deputy->lead);
    if (req == NULL) {
        skep__mutex_unlock(&q->mutex);
        return false;
    }
    atomic_fetch_and(deputy->word, ~SKEP__WORD_LEAD);
    lead_locked(q, req);
    return true;
}
