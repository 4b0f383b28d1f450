/* SPDX-License-Identifier: MIT */
/* What a leader may do for others while it waits. */
#include "base/queue_private.h"

static bool is_bare(const skep__req *req)
{
    return (req->flags & SKEP__REQ_BARE) != 0 && !skep__req_async(req);
}

static skep__req *take_bare_locked(skep__queue *q) SKEP__REQUIRES(q->mutex)
{
    for (size_t i = 0; i < SKEP__LINE_CLASSES; i++) {
        skep__req *req = q->queued.of[i].head;
        while (req != NULL && !is_bare(req))
            req = req->next;
        if (req == NULL)
            continue;
        skep__line_leave(&q->queued, req);
        skep__req_set_state(req, SKEP__REQ_TAKEN);
        return req;
    }
    return NULL;
}

bool skep__queue_serve(skep__queue *q)
{
    skep__mutex_lock(&q->mutex);
    skep__req *req = take_bare_locked(q);
    skep__word *word = req != NULL ? &q->words[req->word] : NULL;
    skep__mutex_unlock(&q->mutex);
    if (req == NULL)
        return false;
    req->attempt++;
    (void)q->ops->run(q->ctx, req, true);
    skep__req_set_state(req, SKEP__REQ_DONE); /* from here on `req` may be gone */
    skep__word_bump(word);
    return true;
}
