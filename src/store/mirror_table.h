/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_MIRROR_TABLE_H
#define SKEP__STORE_MIRROR_TABLE_H

#include "store/mirror_queue.h"

/* The keys of a queue in memory. Threads: one at a time (the queue's mutex). */

typedef struct skep__mq_entry skep__mq_entry;

typedef struct skep__mq_link {
    skep__mq_entry *next;
    skep__mq_entry *prev;
    uint64_t since; /* the oldest intent that the replica may lack */
    uint32_t own;   /* as in a task */
    uint8_t put[2][SKEP_STORE_HASH_BYTES];
} skep__mq_link;

struct skep__mq_entry {
    skep__mq_entry *chain;
    uint64_t hash;
    uint64_t seq; /* of the newest intent */
    int64_t first_us;
    int64_t time_us;
    uint64_t bytes;
    uint32_t waits;      /* a bit for each replica that it waits for */
    uint32_t committing; /* intents that are not settled */
    bool removed;
    uint32_t bases;
    uint8_t base[SKEP__MQ_BASES_MAX][SKEP_STORE_HASH_BYTES];
    char *key; /* behind the links */
    size_t key_len;
    skep__mq_link links[]; /* for each replica */
};

typedef struct skep__mq_table {
    size_t replicas;
    skep__mq_entry **slots;
    size_t slot_count; /* a power of two */
    size_t count;
    uint64_t bytes;                             /* of the objects */
    uint64_t log_bytes;                         /* that the entries take in the file */
    bool steady;                                /* do not grow: somebody goes over the slots */
    skep__mq_link heads[SKEP__MQ_REPLICAS_MAX]; /* rings of what waits; next: first, prev: last */
} skep__mq_table;

int skep__mq_table_init(skep__mq_table *t, size_t replicas) SKEP_CHECK;
void skep__mq_table_dispose(skep__mq_table *t);
skep__mq_entry *skep__mq_find(const skep__mq_table *t, skep_slice key); /* or NULL */
/* What an intent says: a new entry, or one that is newer now. NULL: memory ran out. */
skep__mq_entry *skep__mq_note(skep__mq_table *t, const skep__mq_record *intent);
/* A task has put that there (SKEP__MQ_LAST), or perhaps (SKEP__MQ_TRIED). */
void skep__mq_put_there(skep__mq_entry *e, size_t replica, int which, const uint8_t *hash);
/* The replica has what intent `seq` was about. The entry may be freed. */
void skep__mq_reached(skep__mq_table *t, skep__mq_entry *e, size_t replica, uint64_t seq);
void skep__mq_to_tail(skep__mq_table *t, skep__mq_entry *e, size_t replica);
/* The records that make the entry again. */
void skep__mq_entry_encode(const skep__mq_table *t, const skep__mq_entry *e, const uint64_t *ids,
                           skep__buf *out);

#endif
