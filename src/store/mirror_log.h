/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_MIRROR_LOG_H
#define SKEP__STORE_MIRROR_LOG_H

#include "store/mirror_table.h"

/* The inside of a queue: mirror_queue.c says what is written, mirror_log.c writes it. */

/* One that waits for its record to be durable. */
typedef struct skep__mq_writer skep__mq_writer;
struct skep__mq_writer {
    skep__mq_writer *next;
    bool done;
    skep_err error; /* code 0: none */
};

struct skep__mq {
    char path[4096]; /* of the file */
    char lock_path[4096];
    int lock_fd;
    size_t replicas;
    uint64_t ids[SKEP__MQ_REPLICAS_MAX];
    uint64_t objects_max;
    uint64_t bytes_max;

    skep__mutex mutex;
    skep__cond change; /* of all below */
    skep__mq_table table SKEP__GUARDED_BY(mutex);
    uint64_t next_seq SKEP__GUARDED_BY(mutex);
    uint64_t steps SKEP__GUARDED_BY(mutex); /* (entry, replica) pairs that were finished */
    bool stopping SKEP__GUARDED_BY(mutex);
    skep_err failure[SKEP__MQ_REPLICAS_MAX] SKEP__GUARDED_BY(mutex); /* code 0: none */

    /* The file: one thread at a time writes, for all whose records are there by then. */
    bool writing SKEP__GUARDED_BY(mutex);
    skep__buf out SKEP__GUARDED_BY(mutex);            /* records that wait to be written */
    skep__mq_writer *writers SKEP__GUARDED_BY(mutex); /* who waits for them to be durable */
    bool broken SKEP__GUARDED_BY(mutex); /* a write failed: what the file ends with is unknown */
    int fd;                              /* of who writes; -1: none */
    uint64_t len;                        /* likewise, of the file */
    uint64_t synced;                     /* likewise: durable of it */
};

/* Write the file anew, from the table. Nobody else is in the queue yet. */
int skep__mq_log_begin(skep__mq *q) SKEP_CHECK;
/* Wait until what was added to `out` is durable. `self` is the caller's storage meanwhile. */
int skep__mq_log_wait(skep__mq *q, skep__mq_writer *self) SKEP__REQUIRES(q->mutex) SKEP_CHECK;
/* Let it be written some time: it is not waited for, and may be lost. */
void skep__mq_log_hint(skep__mq *q) SKEP__REQUIRES(q->mutex);

#endif
