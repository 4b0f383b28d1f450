/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_MIRROR_QUEUE_H
#define SKEP__STORE_MIRROR_QUEUE_H

#include <skep/mirror.h>

#include "base/thread.h"
#include "store/mirror_record.h"

/* Which keys the replicas of a mirror have still to be looked at for, in memory and in a file that
 * survives. It holds keys, not bytes: what to do about a key is decided by looking at the primary.
 *
 * Threads: shared. */

typedef struct skep__mq skep__mq;

#define SKEP__MQ_REPLICAS_MAX (SKEP_MIRROR_STORES_MAX - 1)
#define SKEP__MQ_BASES_MAX 4

enum { SKEP__MQ_LAST = 0, SKEP__MQ_TRIED = 1, SKEP__MQ_NOW = 2, SKEP__MQ_PUTS = 3 };

typedef struct skep__mq_opts {
    const char *dir;     /* made if it is not there */
    const uint64_t *ids; /* of the replicas: the same ones in each run */
    size_t replicas;
    uint64_t objects_max;
    uint64_t bytes_max;
} skep__mq_opts;

/* SKEP_EBUSY while another process, or another mirror in this one, has it. */
int skep__mq_open(const skep__mq_opts *opts, skep__mq **out) SKEP_CHECK;
void skep__mq_close(skep__mq *q); /* nobody is in it any more; accepts NULL */

/* Would an intent for `key` find room? SKEP_ELIMIT. */
int skep__mq_room(skep__mq *q, const char *key, uint64_t bytes) SKEP_CHECK;
/* Note durably that keys are about to be changed in the primary, all of them or none. Nobody takes
 * one up before skep__mq_settle(), which each of them needs, unless this failed. */
typedef struct skep__mq_intent {
    const char *key;
    uint64_t bytes;
    bool removes;
    bool forced;   /* there is room, whatever the bounds say */
    bool has_base; /* `base` is the hash of what is there now */
    uint8_t base[SKEP_STORE_HASH_BYTES];
} skep__mq_intent;
int skep__mq_intents(skep__mq *q, const skep__mq_intent *intents, size_t n) SKEP_CHECK;
void skep__mq_settle(skep__mq *q, const char *key);

/* What is to be done about a key for one replica. */
typedef struct skep__mq_task {
    uint64_t seq;
    int64_t time_us; /* of the last change */
    bool held;       /* the key is held by who asks (mirror_hold.c) */
    bool changed;    /* set: there was something to do */
    bool removed;    /* a delete is among what has not reached the replica */
    uint32_t bases;
    uint8_t base[SKEP__MQ_BASES_MAX][SKEP_STORE_HASH_BYTES]; /* what the replica may still hold */
    /* The same, of what was put there by a task: the last one that was done, the last one that
     * failed. The one at [SKEP__MQ_NOW] is set by who does this one. */
    uint32_t own; /* a bit for each that is known */
    uint8_t put[SKEP__MQ_PUTS][SKEP_STORE_HASH_BYTES];
    char key[SKEP_STORE_KEY_MAX + 1];
} skep__mq_task;

/* Wait for something to do, but not before `not_before_ns` (monotonic; 0: at once). False: the
 * queue is being closed. The task ends with one of the two below. */
bool skep__mq_next(skep__mq *q, size_t replica, uint64_t not_before_ns, skep__mq_task *out);
void skep__mq_done(skep__mq *q, size_t replica, const skep__mq_task *task);
/* The failure stands in this thread's detail. */
void skep__mq_failed(skep__mq *q, size_t replica, const skep__mq_task *task);
void skep__mq_stop(skep__mq *q); /* skep__mq_next() returns false from here on */

/* Is anything to be done for this replica: about `key`, or (NULL) at all? */
bool skep__mq_behind(skep__mq *q, size_t replica, const char *key);
void skep__mq_lag(skep__mq *q, skep_mirror_lag *out);
/* The same of a queue that another process may have open, from its file. */
int skep__mq_look(const skep__mq_opts *opts, skep_mirror_lag *out) SKEP_CHECK;
/* Wait for all that was there when it was called. */
int skep__mq_flush(skep__mq *q, const skep_io *io) SKEP_CHECK;

#endif
