/* SPDX-License-Identifier: MIT */
/* How requests leave the queue without a leader: released, too late, cancelled, refused. */
#include "base/queue_private.h"

/* Asynchronous requests that have their answer, and are to be told so without the lock. */
typedef struct answer_list {
    skep__req *first;
    skep__req *last;
} answer_list;

/* It is in no list any more, and has its answer. One that somebody sleeps for may be gone now. */
static void answer(answer_list *list, skep__req *req)
{
    bool async = skep__req_async(req);
    skep__req_set_state(req, SKEP__REQ_DONE);
    if (!async)
        return;
    req->next = NULL;
    if (list->last != NULL)
        list->last->next = req;
    else
        list->first = req;
    list->last = req;
}

static void tell(skep__queue *q, const answer_list *list)
{
    if (list->first != NULL)
        q->ops->answered(q->ctx, list->first);
}

/* ---- no more time ---- */

static bool leave_list_locked(skep__queue *q, skep__req *req, uint32_t state)
    SKEP__REQUIRES(q->mutex)
{
    if (state == SKEP__REQ_QUEUED)
        skep__line_leave(&q->queued, req);
    else if (state == SKEP__REQ_HELD)
        skep__req_remove(&q->held, req);
    else
        return false;
    return true;
}

/* What it is told that left the list it was in. */
static void write_refusal(skep__req *req, uint32_t state)
{
    if (state == SKEP__REQ_HELD) {
        req->rc = SKEP__FAIL(SKEP_EUNREPLICATED, "committed here, but not acknowledged in time");
        skep__err_outcome(SKEP_OUTCOME_COMMITTED);
    } else {
        req->rc = skep__req_refused(req);
    }
    skep__err_save(&req->err);
}

bool skep__req_withdraw(skep__queue *q, skep__req *req)
{
    skep__mutex_lock(&q->mutex);
    uint32_t state = skep__req_get_state(req);
    bool gone = leave_list_locked(q, req, state);
    if (gone) /* and whoever else would withdraw it finds nothing to */
        skep__req_set_state(req, SKEP__REQ_TAKEN);
    skep__mutex_unlock(&q->mutex);
    if (!gone)
        return false;
    write_refusal(req, state);
    skep__req_set_state(req, SKEP__REQ_DONE);
    return true;
}

void skep__queue_give_up(skep__queue *q, skep__req *req)
{
    if (!skep__req_withdraw(q, req))
        return;
    req->next = NULL;
    q->ops->answered(q->ctx, req);
}

/* Of one list: answer what is asynchronous and late. Returns the earlier of `next_ns` and the first
 * deadline among those that stay. */
static uint64_t expire_list_locked(skep__queue *q, skep__req *head, uint64_t next_ns,
                                   answer_list *late) SKEP__REQUIRES(q->mutex)
{
    uint64_t now = skep__now_ns();
    for (skep__req *req = head; req != NULL;) {
        skep__req *next = req->next;
        if (skep__req_async(req) && req->deadline_ns != 0 && req->deadline_ns <= now) {
            uint32_t state = skep__req_get_state(req);
            ASSERT(leave_list_locked(q, req, state));
            write_refusal(req, state);
            answer(late, req);
        } else if (skep__req_async(req) && req->deadline_ns != 0 &&
                   (next_ns == 0 || req->deadline_ns < next_ns)) {
            next_ns = req->deadline_ns;
        }
        req = next;
    }
    return next_ns;
}

uint64_t skep__queue_expire(skep__queue *q)
{
    answer_list late = {NULL, NULL};
    uint64_t next_ns = 0;
    skep__mutex_lock(&q->mutex);
    for (int i = 0; i < SKEP__LINE_CLASSES; i++)
        next_ns = expire_list_locked(q, q->queued.of[i].head, next_ns, &late);
    next_ns = expire_list_locked(q, q->held.head, next_ns, &late);
    skep__mutex_unlock(&q->mutex);
    tell(q, &late);
    return next_ns;
}

/* ---- released, refused ---- */

void skep__queue_release(skep__queue *q, uint64_t number, int code, const char *text)
{
    answer_list async = {NULL, NULL};
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
        answer(&async, req);
    }
    skep__mutex_unlock(&q->mutex);
    skep__word_bump(&q->held_word);
    tell(q, &async);
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
    answer_list async = {NULL, NULL};
    uint64_t words = 0;
    skep__mutex_lock(&q->mutex);
    while (q->queued.count > 0) {
        skep__req *req = skep__line_first(&q->queued);
        skep__line_leave(&q->queued, req);
        if (!skep__req_async(req))
            words |= 1ull << req->word;
        req->rc = SKEP__FAIL(SKEP_ECLOSED, "the database closed before the call began");
        skep__err_save(&req->err);
        answer(&async, req);
    }
    skep__mutex_unlock(&q->mutex);
    for (uint32_t w = 0; words != 0; w++, words >>= 1)
        if ((words & 1) != 0)
            skep__word_bump(&q->words[w]);
    tell(q, &async);
}
