/* SPDX-License-Identifier: MIT */
/*
 * Making a replica follow, and what to do where somebody else has written to it.
 *
 * The primary and the replica are both looked at; what was put, and how often, does not matter. A
 * replica that holds what the primary holds now is done. One that holds what the primary held
 * before one of the changes that are on their way (a base) is merely behind, and gets what the
 * primary has. Anything else was written there by somebody else: then the rule of the mirror says
 * which of the two counts, and the other is kept under a branch name before it is replaced.
 *
 * Between the look and the put somebody may write. Where the replica can, the put is tied to what
 * was seen; afterwards the primary is looked at again. Each surprise begins anew.
 */
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "base/hash.h"
#include "base/point.h"
#include "base/time.h"
#include "store/mirror.h"

typedef struct follow {
    skep__mirror *m;
    size_t i; /* of the replica */
    const char *key;
    skep__mq_task *task; /* NULL: nothing is foreign */
    const skep_io *io;
    int in_primary; /* 1: it is there */
    int in_replica;
    skep_object primary;
    skep_object replica;
    bool settled; /* `known` is the hash of what lost and is kept */
    uint8_t known[SKEP_STORE_HASH_BYTES];
} follow;

enum { AGAIN = 1 }; /* else SKEP_OK: done */

static bool same_hash(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, SKEP_STORE_HASH_BYTES) == 0;
}

static int look(follow *f)
{
    f->in_primary = skep__carry_head(f->m->stores[0], f->key, f->io, &f->primary);
    SKEP__TRY(f->in_primary);
    f->in_replica = skep__carry_head(f->m->stores[f->i], f->key, f->io, &f->replica);
    if (f->in_replica == SKEP_ECORRUPT) { /* nothing to keep: it is to be replaced */
        f->replica = (skep_object)SKEP_OBJECT_INIT;
        f->in_replica = f->in_primary == 0 ? 1 : 0;
        f->settled = true;
    }
    return f->in_replica < 0 ? f->in_replica : SKEP_OK;
}

static int hash_replica(follow *f)
{
    return skep__carry_hash(f->m->stores[f->i], f->key, f->io, &f->replica);
}

/* Do both hold the same? */
static int alike(follow *f)
{
    if (f->in_primary == 0 || f->in_replica == 0)
        return f->in_primary == f->in_replica;
    if (f->primary.bytes != f->replica.bytes)
        return 0;
    SKEP__TRY(skep__carry_hash(f->m->stores[0], f->key, f->io, &f->primary));
    int rc = hash_replica(f);
    if (rc == SKEP_ECORRUPT)
        return 0;
    SKEP__TRY(rc);
    return same_hash(f->primary.hash, f->replica.hash) ? 1 : 0;
}

/* Was what the replica holds put there by a task, or is it a base? */
static bool is_ours(const skep__mq_task *task, const uint8_t *hash)
{
    for (uint32_t i = 0; i < task->bases; i++) {
        if (same_hash(task->base[i], hash))
            return true;
    }
    for (uint32_t i = 0; i < SKEP__MQ_PUTS; i++) {
        if ((task->own & (1u << i)) != 0 && same_hash(task->put[i], hash))
            return true;
    }
    return false;
}

/* Did somebody else write what the replica holds? */
static int foreign(follow *f)
{
    if (f->task == NULL || f->in_replica == 0 || (f->settled && f->replica.etag[0] == '\0'))
        return 0;
    int rc = hash_replica(f);
    if (rc == SKEP_ECORRUPT) /* whatever it was, it is lost */
        return 0;
    SKEP__TRY(rc);
    if (f->settled && same_hash(f->known, f->replica.hash))
        return 0;
    if (!is_ours(f->task, f->replica.hash))
        return 1;
    memcpy(f->task->put[SKEP__MQ_LAST], f->replica.hash, sizeof(f->replica.hash));
    f->task->own |= 1u << SKEP__MQ_LAST;
    return 0;
}

/* ---- conflicts ---- */

bool skep__mirror_primary_wins(skep_conflict rule, const skep_object *primary, int64_t deleted_us,
                               const skep_object *replica)
{
    const int64_t at = primary != NULL ? primary->modified_us : deleted_us;
    switch (rule) {
    case SKEP_CONFLICT_PRIMARY:
        return true;
    case SKEP_CONFLICT_REPLICA:
        return false;
    case SKEP_CONFLICT_LATEST:
        break;
    }
    if (at != replica->modified_us || primary == NULL)
        return at > replica->modified_us;
    return memcmp(primary->hash, replica->hash, sizeof(primary->hash)) > 0;
}

/* "2026-11-21T10:27:18.123456Z" becomes "20261121T102718.123456Z". */
static int time_part(int64_t us, char out[SKEP_TIME_TEXT_SIZE])
{
    char text[SKEP_TIME_TEXT_SIZE];
    size_t len = 0;
    SKEP__TRY(skep_time_text(us, text));
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '-' && *c != ':')
            out[len++] = *c;
    }
    out[len] = '\0';
    return SKEP_OK;
}

int skep__mirror_branch_key(const char *key, const skep_object *object, int digits,
                            char out[SKEP_STORE_KEY_MAX + 1])
{
    char hash[SKEP__HASH_TEXT];
    char of_key[SKEP__HASH_TEXT];
    char when[SKEP_TIME_TEXT_SIZE];
    uint8_t bytes[SKEP_STORE_HASH_BYTES];
    SKEP__TRY(time_part(object->modified_us, when));
    skep__hash_text(object->hash, hash);
    int len = snprintf(out, SKEP_STORE_KEY_MAX + 1, "branches/%s/%s-%.*s", key, when, digits, hash);
    if (len >= 0 && len <= SKEP_STORE_KEY_MAX)
        return SKEP_OK;
    skep__hash128_plain(key, strlen(key), bytes); /* there is no room for the key itself */
    skep__hash_text(bytes, of_key);
    (void)snprintf(out, SKEP_STORE_KEY_MAX + 1, "branches/.long/%s/%s-%.*s", of_key, when, digits,
                   hash);
    return SKEP_OK;
}

/* Put what stores[i] holds under `from` into the primary, by way of the queue if there is one. The
 * key there is held. */
static int to_primary_held(skep__mirror *m, size_t i, const char *from, const skep__carry *how,
                           uint64_t bytes)
{
    skep__carry carry = *how;
    skep__mq_intent intent = {.bytes = bytes, .forced = true};
    carry.from = m->stores[i];
    carry.from_key = from;
    carry.to = m->stores[0];
    if (m->queue != NULL) {
        SKEP__TRY(skep__mirror_intend(m, carry.to_key, &carry.io, &intent));
        SKEP__TRY(skep__mq_intents(m->queue, &intent, 1));
    }
    SKEP__POINT("mirror.before_primary");
    int rc = skep__carry_object(&carry, NULL, NULL, NULL);
    if (m->queue != NULL)
        skep__mq_settle(m->queue, carry.to_key);
    return rc;
}

static int to_primary(skep__mirror *m, size_t i, const char *from, const skep__carry *how,
                      uint64_t bytes)
{
    skep__held held;
    SKEP__TRY(skep__mirror_hold(m, &held, how->to_key, &how->io));
    int rc = to_primary_held(m, i, from, how, bytes);
    skep__mirror_release(m, &held);
    return rc;
}

/* Is it kept under this name already? 1; 0: the name is free; 2: something else has it. */
static int kept(skep__mirror *m, const char *branch, const skep_object *object, const skep_io *io)
{
    skep_object there = SKEP_OBJECT_INIT;
    int rc = skep__carry_head(m->stores[0], branch, io, &there);
    if (rc <= 0)
        return rc;
    SKEP__TRY(skep__carry_hash(m->stores[0], branch, io, &there));
    return same_hash(there.hash, object->hash) ? 1 : 2;
}

int skep__mirror_keep(skep__mirror *m, size_t i, const char *key, const skep_object *object,
                      const skep_io *io)
{
    char branch[SKEP_STORE_KEY_MAX + 1];
    int digits = 8;
    int rc = 2;
    for (; digits <= 32 && rc == 2; digits += 24) {
        SKEP__TRY(skep__mirror_branch_key(key, object, digits, branch));
        rc = kept(m, branch, object, io);
        SKEP__TRY(rc);
    }
    if (rc == 2)
        return SKEP__FAIL(SKEP_EEXISTS, "%s holds something else already", branch);
    if (rc == 0) {
        const skep__carry how = {.to_key = branch, .if_etag = NULL, .io = *io};
        SKEP__TRY(to_primary(m, i, key, &how, object->bytes));
    }
    for (size_t r = 1; r < m->n && m->queue == NULL; r++)
        SKEP__TRY(skep__mirror_follow(m, r, branch, NULL, io));
    SKEP__EVENT(SKEP_WARNING, "store.mirror_conflict", {"store", skep_text(m->name)},
                {"key", skep_text(key)}, {"loser", skep_text(skep_store_name(m->stores[i]))},
                {"branch", skep_text(branch)});
    return SKEP_OK;
}

static bool can(skep_store *store, uint32_t cap, uint64_t bytes, const skep_io *io)
{
    uint32_t caps = 0;
    skep_io_opts opts = skep__io_opts(io);
    return bytes <= SKEP_STORE_SINGLE_MAX && skep_store_caps(store, &opts, &caps) >= 0 &&
           (caps & cap) != 0;
}

/* Without a queue: the other replicas follow what the primary has become, as far as they hold what
 * it was. Each version that is promoted is one less, so this ends. */
static int tell_others(const follow *f)
{
    for (size_t i = 1; i < f->m->n && f->m->queue == NULL; i++) {
        skep__mq_task task = {.held = f->task->held, .removed = true};
        if (i == f->i)
            continue;
        if (f->in_primary != 0) {
            task.bases = 1;
            memcpy(task.base[0], f->primary.hash, sizeof(task.base[0]));
        }
        SKEP__TRY(skep__mirror_follow(f->m, i, f->key, &task, f->io));
    }
    return SKEP_OK;
}

/* The replica's object becomes that of the primary. */
static int promote(follow *f)
{
    f->task->changed = true;
    skep_store *primary = f->m->stores[0];
    skep__carry how = {.to_key = f->key, .io = *f->io};
    if (f->in_primary != 0) {
        SKEP__TRY(skep__mirror_keep(f->m, 0, f->key, &f->primary, f->io));
        if (can(primary, SKEP_STORE_CAN_SWAP, f->replica.bytes, f->io))
            how.if_etag = f->primary.etag;
    } else {
        how.create = can(primary, SKEP_STORE_CAN_CREATE, f->replica.bytes, f->io);
    }
    int rc = f->task->held ? to_primary_held(f->m, f->i, f->key, &how, f->replica.bytes)
                           : to_primary(f->m, f->i, f->key, &how, f->replica.bytes);
    if (rc >= 0)
        rc = tell_others(f);
    return rc == SKEP_ECONFLICT || rc == SKEP_EEXISTS || rc == SKEP_ENOTFOUND || rc >= 0 ? AGAIN
                                                                                         : rc;
}

static int resolve(follow *f)
{
    if (f->in_primary != 0)
        SKEP__TRY(skep__carry_hash(f->m->stores[0], f->key, f->io, &f->primary));
    if (!skep__mirror_primary_wins((skep_conflict)f->m->opts.conflict,
                                   f->in_primary != 0 ? &f->primary : NULL, f->task->time_us,
                                   &f->replica))
        return promote(f);
    SKEP__TRY(skep__mirror_keep(f->m, f->i, f->key, &f->replica, f->io));
    memcpy(f->known, f->replica.hash, sizeof(f->known));
    f->settled = true;
    return SKEP_OK;
}

/* ---- following ---- */

static int remove_there(const follow *f)
{
    skep_io_opts io = skep__io_opts(f->io);
    return skep_store_delete(f->m->stores[f->i], f->key, &io);
}

static int copy_there(follow *f)
{
    skep_store *to = f->m->stores[f->i];
    bool reading = false;
    skep_object read = SKEP_OBJECT_INIT;
    skep__carry c = {
        .from = f->m->stores[0], .from_key = f->key, .to = to, .to_key = f->key, .io = *f->io};
    if (f->in_replica == 0)
        c.create = !f->settled && can(to, SKEP_STORE_CAN_CREATE, f->primary.bytes, f->io);
    else if (can(to, SKEP_STORE_CAN_SWAP, f->primary.bytes, f->io))
        c.if_etag = f->replica.etag;
    int rc = skep__carry_object(&c, &read, NULL, &reading);
    if (f->task != NULL &&
        (read.flags & SKEP_OBJECT_HASHED) != 0) { /* also if it failed: perhaps */
        memcpy(f->task->put[SKEP__MQ_NOW], read.hash, sizeof(read.hash));
        f->task->own |= 1u << SKEP__MQ_NOW;
    }
    if ((rc == SKEP_ENOTFOUND && reading) ||
        (!reading && (rc == SKEP_ECONFLICT || rc == SKEP_EEXISTS || rc == SKEP_EUNSUPPORTED)))
        return AGAIN; /* one of them changed meanwhile */
    return rc;
}

/* Has the primary changed while the replica was made to follow? */
static int check_primary(const follow *f)
{
    skep_object now = SKEP_OBJECT_INIT;
    int there = skep__carry_head(f->m->stores[0], f->key, f->io, &now);
    SKEP__TRY(there);
    return there != f->in_primary || (there > 0 && strcmp(now.etag, f->primary.etag) != 0)
               ? AGAIN
               : SKEP_OK;
}

static int once(follow *f)
{
    SKEP__TRY(look(f));
    int rc = alike(f);
    SKEP__TRY(rc);
    if (rc != 0)
        return SKEP_OK;
    if (f->in_primary == 0 && f->task != NULL && !f->task->removed)
        return SKEP_OK; /* a put that never happened: no reason to delete */
    rc = foreign(f);
    if (rc > 0)
        rc = resolve(f);
    if (rc != SKEP_OK)
        return rc;
    if (f->task != NULL)
        f->task->changed = true;
    SKEP__POINT("mirror.before_replica");
    rc = f->in_primary == 0 ? remove_there(f) : copy_there(f);
    SKEP__POINT("mirror.after_replica");
    return rc == SKEP_OK ? check_primary(f) : rc;
}

int skep__mirror_follow(skep__mirror *m, size_t i, const char *key, skep__mq_task *task,
                        const skep_io *io)
{
    follow f = {.m = m, .i = i, .key = key, .task = task, .io = io};
    int rc = AGAIN;
    for (int tries = 0; tries < SKEP__MIRROR_TRIES && rc == AGAIN; tries++)
        rc = once(&f);
    if (rc == AGAIN)
        return SKEP__FAIL(SKEP_ECONFLICT, "%s: it keeps changing in %s and %s", key,
                          skep_store_name(m->stores[0]), skep_store_name(m->stores[i]));
    return rc;
}

/* ---- the thread of a replica ---- */

static uint64_t backoff_ns(uint32_t failures)
{
    const uint32_t shift = failures < 8 ? failures : 8;
    const uint64_t ms = (uint64_t)SKEP__MIRROR_BACKOFF_MS << shift;
    return skep__now_ns() +
           (ms < SKEP__MIRROR_BACKOFF_MAX_MS ? ms : SKEP__MIRROR_BACKOFF_MAX_MS) * SKEP__NS_PER_MS;
}

static void tell_failed(const skep__mirror *m, size_t i, const char *key)
{
    SKEP__EVENT(SKEP_WARNING, "store.mirror_behind", {"store", skep_text(m->name)},
                {"replica", skep_text(skep_store_name(m->stores[i]))}, {"key", skep_text(key)},
                {"error", skep_text(skep_last_error()->text)});
}

void skep__mirror_work(void *worker)
{
    const skep__mirror_worker *w = worker;
    skep__mirror *m = w->m;
    const skep_io io = {.cancel = &m->stop};
    skep__mq_task task;
    uint32_t failures = 0;
    uint64_t not_before = 0;
    while (skep__mq_next(m->queue, w->replica, not_before, &task)) {
        not_before = 0;
        if (skep__mirror_follow(m, w->replica + 1, task.key, &task, &io) >= 0) {
            skep__mq_done(m->queue, w->replica, &task);
            failures = 0;
            continue;
        }
        skep__mq_failed(m->queue, w->replica, &task);
        if (failures == 0 && !skep__cancel_fired(&m->stop))
            tell_failed(m, w->replica + 1, task.key); /* once for each time that it goes down */
        not_before = backoff_ns(failures++);
    }
}
