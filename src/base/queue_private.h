/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_QUEUE_PRIVATE_H
#define SKEP__BASE_QUEUE_PRIVATE_H

#include <limits.h>

#include "base/queue.h"
#include "base/time.h"

/* What queue.c (who leads, who waits) and queue_group.c (what a leader does with a group) share. */

/* A leader's group, on its stack. */
typedef struct skep__group {
    skep__req *req[SKEP__QUEUE_GROUP_MAX];
    size_t count;
    size_t keep_limit; /* commit after so many; 0: no limit */
    bool split;        /* a shared commit failed for one of them: one by one from now on */
    uint64_t started_ns;
    uint32_t words; /* those that its requests sleep on, a bit each of 2 * SKEP__QUEUE_WORDS */
} skep__group;

/* Run all requests of the group. Afterwards `g` holds those that are to be answered; others went
 * back to the queue, or are held. */
void skep__group_answer(skep__queue *q, skep__group *g);

static inline bool skep__req_async(const skep__req *req)
{
    return (req->flags & SKEP__REQ_ASYNC) != 0;
}

static inline void skep__word_bump(skep__word *word)
{
    atomic_fetch_add(word, 1);
    skep__word_wake(word, INT_MAX);
}

/* Take a request whose time is up out of the list that it is in, and write its answer. False when
 * it is in none: the true answer is to come. */
bool skep__req_withdraw(skep__queue *q, skep__req *req);

static inline uint32_t skep__req_get_state(const skep__req *req)
{
    return atomic_load_explicit(&req->state, memory_order_acquire);
}

static inline void skep__req_set_state(skep__req *req, skep__req_state state)
{
    atomic_store_explicit(&req->state, (uint32_t)state, memory_order_release);
}

static inline bool skep__req_expired(const skep__req *req)
{
    return req->deadline_ns != 0 && skep__now_ns() >= req->deadline_ns;
}

#endif
