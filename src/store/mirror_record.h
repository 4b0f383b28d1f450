/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_MIRROR_RECORD_H
#define SKEP__STORE_MIRROR_RECORD_H

#include "store/store.h"

/* The file of a mirror's queue as bytes: docs/format/mirror-queue.md. */

typedef enum skep__mq_kind { SKEP__MQ_INTENT = 1, SKEP__MQ_DONE = 2 } skep__mq_kind;

enum {
    SKEP__MQ_DELETE = 1u, /* the key is to be deleted */
    SKEP__MQ_BASE = 2u    /* `base` is known: what the primary held before */
};

typedef struct skep__mq_record {
    skep__mq_kind kind;
    uint32_t flags;
    uint64_t seq;
    int64_t time_us;                     /* of an intent */
    uint64_t bytes;                      /* likewise: what the put was of */
    uint64_t replica;                    /* of a done: which one */
    uint8_t base[SKEP_STORE_HASH_BYTES]; /* of a done: what the replica holds */
    skep_slice key;
} skep__mq_record;

#define SKEP__MQ_HEAD_BYTES 24
#define SKEP__MQ_FRAME_BYTES 24 /* without its records */
#define SKEP__MQ_SECTOR 4096    /* bytes that a power cut may damage while one of them is written */
#define SKEP__MQ_FRAME_MAX ((size_t)16 << 20)

void skep__mq_head(uint8_t out[SKEP__MQ_HEAD_BYTES]);
/* Append a record; its failure is the buffer's. */
void skep__mq_encode(skep__buf *out, const skep__mq_record *record);
/* Bytes of a record. */
size_t skep__mq_bytes(skep__mq_kind kind, size_t key_len);
/* Append a frame around `records`, to stand at `at` of a file of which `synced` bytes are durable.
 * `last`: nothing is written to its last sector any more, because it is to be durable. */
void skep__mq_frame(skep__buf *out, skep_slice records, uint64_t at, uint64_t synced, bool last);

/* Go through the bytes of a file, which `path` names in errors. What was being written when all
 * went down is left out: `*whole` is where it begins. What was durable once and is not as it was is
 * SKEP_ECORRUPT. A negative code of `each` ends it. */
typedef int skep__mq_each_fn(void *ctx, const skep__mq_record *record);
int skep__mq_decode(skep_slice file, const char *path, skep__mq_each_fn *each, void *ctx,
                    size_t *whole) SKEP_CHECK;

#endif
