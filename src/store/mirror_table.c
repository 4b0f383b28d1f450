/* SPDX-License-Identifier: MIT */
/*
 * One entry a key, however often it was changed. It remembers what the primary held before each
 * change that is on its way (its bases): a replica may hold one of them, and anything else there
 * was written by somebody else.
 */
#include "store/mirror_table.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { SLOTS_FIRST = 64 };

int skep__mq_table_init(skep__mq_table *t, size_t replicas)
{
    *t = (skep__mq_table){.replicas = replicas, .slot_count = SLOTS_FIRST};
    t->slots = skep__calloc(SLOTS_FIRST, sizeof(skep__mq_entry *));
    return t->slots == NULL ? skep__oom() : SKEP_OK;
}

void skep__mq_table_dispose(skep__mq_table *t)
{
    for (size_t i = 0; t->slots != NULL && i < t->slot_count; i++) {
        while (t->slots[i] != NULL) {
            skep__mq_entry *e = t->slots[i];
            t->slots[i] = e->chain;
            skep__free(e);
        }
    }
    skep__free(t->slots);
    *t = (skep__mq_table){.slots = NULL};
}

static skep__mq_entry **slot_of(const skep__mq_table *t, uint64_t hash)
{
    return &t->slots[hash & (t->slot_count - 1)];
}

skep__mq_entry *skep__mq_find(const skep__mq_table *t, skep_slice key)
{
    const uint64_t hash = skep__hash64(key.data, key.len, 0);
    skep__mq_entry *e = *slot_of(t, hash);
    while (e != NULL &&
           (e->hash != hash || e->key_len != key.len || memcmp(e->key, key.data, key.len) != 0))
        e = e->chain;
    return e;
}

/* A table that cannot grow is slower, no more. */
static void grow(skep__mq_table *t)
{
    const size_t count = t->slot_count * 2;
    if (t->steady || t->count < t->slot_count)
        return;
    skep__mq_entry **slots = skep__calloc(count, sizeof(skep__mq_entry *));
    if (slots == NULL)
        return;
    for (size_t i = 0; i < t->slot_count; i++) {
        while (t->slots[i] != NULL) {
            skep__mq_entry *e = t->slots[i];
            t->slots[i] = e->chain;
            e->chain = slots[e->hash & (count - 1)];
            slots[e->hash & (count - 1)] = e;
        }
    }
    skep__free(t->slots);
    t->slots = slots;
    t->slot_count = count;
}

/* ---- the rings ---- */

static void ring_add(skep__mq_table *t, skep__mq_entry *e, size_t r, uint64_t since)
{
    skep__mq_link *head = &t->heads[r];
    e->links[r].next = NULL;
    e->links[r].prev = head->prev;
    e->links[r].since = since;
    if (head->prev != NULL)
        head->prev->links[r].next = e;
    else
        head->next = e;
    head->prev = e;
    e->waits |= 1u << r;
}

static void ring_remove(skep__mq_table *t, skep__mq_entry *e, size_t r)
{
    const skep__mq_link *link = &e->links[r];
    if (link->prev != NULL)
        link->prev->links[r].next = link->next;
    else
        t->heads[r].next = link->next;
    if (link->next != NULL)
        link->next->links[r].prev = link->prev;
    else
        t->heads[r].prev = link->prev;
    e->waits &= ~(1u << r);
}

void skep__mq_to_tail(skep__mq_table *t, skep__mq_entry *e, size_t replica)
{
    const uint64_t since = e->links[replica].since;
    ring_remove(t, e, replica);
    ring_add(t, e, replica, since);
}

/* ---- entries ---- */

static skep__mq_entry *make(skep__mq_table *t, skep_slice key)
{
    const size_t fixed = sizeof(skep__mq_entry) + t->replicas * sizeof(skep__mq_link);
    grow(t);
    skep__mq_entry *e = skep__calloc(1, fixed + key.len + 1);
    if (e == NULL)
        return NULL;
    e->key = (char *)e + fixed;
    e->key_len = key.len;
    memcpy(e->key, key.data, key.len);
    e->hash = skep__hash64(key.data, key.len, 0);
    e->chain = *slot_of(t, e->hash);
    *slot_of(t, e->hash) = e;
    t->count++;
    t->log_bytes += skep__mq_bytes(SKEP__MQ_INTENT, key.len);
    return e;
}

static void drop(skep__mq_table *t, skep__mq_entry *e)
{
    skep__mq_entry **at = slot_of(t, e->hash);
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    t->count--;
    t->bytes -= e->bytes;
    t->log_bytes -= skep__mq_bytes(SKEP__MQ_INTENT, e->key_len);
    skep__free(e);
}

/* Where there are too many the oldest one stays, which a replica that was away for long holds, and
 * the newest ones. One that is forgotten is taken for foreign, and kept as a branch. */
static void add_base(skep__mq_entry *e, const uint8_t base[SKEP_STORE_HASH_BYTES])
{
    for (uint32_t i = 0; i < e->bases; i++) {
        if (memcmp(e->base[i], base, SKEP_STORE_HASH_BYTES) == 0)
            return;
    }
    if (e->bases == SKEP__MQ_BASES_MAX) {
        memmove(e->base[1], e->base[2], sizeof(e->base[0]) * (SKEP__MQ_BASES_MAX - 2));
        e->bases--;
    }
    memcpy(e->base[e->bases++], base, SKEP_STORE_HASH_BYTES);
}

skep__mq_entry *skep__mq_note(skep__mq_table *t, const skep__mq_record *intent)
{
    skep__mq_entry *e = skep__mq_find(t, intent->key);
    if (e == NULL) {
        e = make(t, intent->key);
        if (e == NULL)
            return NULL;
        e->first_us = intent->time_us;
    }
    if ((intent->flags & SKEP__MQ_BASE) != 0)
        add_base(e, intent->base);
    e->removed = e->removed || (intent->flags & SKEP__MQ_DELETE) != 0;
    if (intent->time_us > e->time_us || e->seq == 0)
        e->time_us = intent->time_us;
    if (intent->seq <= e->seq)
        return e; /* of a file that says it twice */
    e->seq = intent->seq;
    t->bytes += intent->bytes - e->bytes;
    e->bytes = intent->bytes;
    for (size_t r = 0; r < t->replicas; r++) {
        if ((e->waits & (1u << r)) == 0)
            ring_add(t, e, r, e->seq);
    }
    return e;
}

void skep__mq_put_there(skep__mq_entry *e, size_t replica, int which, const uint8_t *hash)
{
    memcpy(e->links[replica].put[which], hash, SKEP_STORE_HASH_BYTES);
    e->links[replica].own |= 1u << which;
}

void skep__mq_reached(skep__mq_table *t, skep__mq_entry *e, size_t replica, uint64_t seq)
{
    if ((e->waits & (1u << replica)) == 0)
        return;
    ring_remove(t, e, replica);
    if (e->seq > seq) { /* changed again meanwhile */
        ring_add(t, e, replica, seq + 1);
        return;
    }
    if (e->waits == 0 && e->committing == 0)
        drop(t, e);
}

void skep__mq_entry_encode(const skep__mq_table *t, const skep__mq_entry *e, const uint64_t *ids,
                           skep__buf *out)
{
    skep__mq_record r = {.kind = SKEP__MQ_INTENT,
                         .flags = e->removed ? SKEP__MQ_DELETE : 0,
                         .seq = e->seq,
                         .time_us = e->first_us,
                         .bytes = e->bytes,
                         .key = skep_slice_of(e->key, e->key_len)};
    for (uint32_t i = 0; i < e->bases; i++) {
        r.flags |= SKEP__MQ_BASE;
        memcpy(r.base, e->base[i], sizeof(r.base));
        skep__mq_encode(out, &r);
        r.time_us = e->time_us;
    }
    if (e->bases == 0 || (e->bases == 1 && e->first_us != e->time_us)) {
        skep__mq_encode(out, &r); /* once more, with the other time */
        r.time_us = e->time_us;
        if (e->bases == 0 && e->first_us != e->time_us)
            skep__mq_encode(out, &r);
    }
    r.kind = SKEP__MQ_DONE;
    r.flags = 0;
    for (size_t i = 0; i < t->replicas; i++) {
        const bool waits = (e->waits & (1u << i)) != 0;
        const bool known = (e->links[i].own & (1u << SKEP__MQ_LAST)) != 0;
        r.replica = ids[i];
        r.seq = waits ? e->seq - 1 : e->seq;
        r.flags = known ? SKEP__MQ_BASE : 0;
        memcpy(r.base, e->links[i].put[SKEP__MQ_LAST], sizeof(r.base));
        if (!waits || (known && r.seq > 0))
            skep__mq_encode(out, &r);
    }
}
