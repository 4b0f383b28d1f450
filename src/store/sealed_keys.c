/* SPDX-License-Identifier: MIT */
/*
 * Which key an object is sealed with. The ring is read when it is first needed, by one thread while
 * the others wait for it (stretching a passphrase takes 64 MiB and a tenth of a second), without
 * the lock. It is read again when an object names a key that it did not have.
 */
#include <string.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/sealed_private.h"

/* How often who waits looks whether his call was cancelled. */
#define LOOK_NS (50 * SKEP__NS_PER_MS)

static void unref(sealed_ring *ring)
{
    if (ring != NULL && atomic_fetch_sub(&ring->refs, 1) == 1)
        skep__free(ring);
}

static void unrefp(sealed_ring **ring)
{
    unref(*ring);
}

void skep__sealed_keys_dispose(sealed_store *s)
{
    while (s->keys != NULL) {
        sealed_key *first = s->keys;
        s->keys = first->next;
        skep__data_key_free(first->key);
        skep__free(first);
    }
    unref(s->ring);
}

/* ---- what is known; all under the mutex ---- */

static const skep__data_key *find_locked(const sealed_store *s, const uint8_t *id)
{
    for (const sealed_key *k = s->keys; k != NULL; k = k->next)
        if (memcmp(k->key->id, id, SKEP__KEY_ID_BYTES) == 0)
            return k->key;
    return NULL;
}

static const skep__data_key *find(sealed_store *s, const uint8_t *id)
{
    skep__mutex_lock(&s->mutex);
    const skep__data_key *key = find_locked(s, id);
    skep__mutex_unlock(&s->mutex);
    return key;
}

/* Take `key`, which another thread may have opened too. */
static int keep(sealed_store *s, skep__data_key *key, const skep__data_key **out)
{
    sealed_key *k = skep__calloc(1, sizeof(*k));
    if (k == NULL) {
        skep__data_key_free(key);
        return skep__oom();
    }
    skep__mutex_lock(&s->mutex);
    *out = find_locked(s, key->id);
    if (*out == NULL) {
        k->next = s->keys;
        k->key = key;
        s->keys = k;
        *out = key;
        k = NULL;
        key = NULL;
    }
    skep__mutex_unlock(&s->mutex);
    skep__data_key_free(key);
    skep__free(k);
    return SKEP_OK;
}

static sealed_ring *ref_locked(sealed_store *s)
{
    if (s->ring != NULL)
        (void)atomic_fetch_add(&s->ring->refs, 1);
    return s->ring;
}

/* ---- reading the ring ---- */

/* The first who writes makes the ring. */
static int make(skep__keyring *ring, bool there, void *ctx)
{
    const sealed_store *s = ctx;
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
    if (there)
        return 0;
    SKEP__TRY(skep__data_key_new(ring->lineage, &key));
    SKEP__TRY(skep__keyring_wrap(ring, key, s->key));
    return 1;
}

/* Two who make a ring at the same time would seal for two, of which one is lost. */
static int may_make(sealed_store *s, const skep_io *io)
{
    uint32_t caps = 0;
    skep_io_opts opts = skep__io_opts(io);
    SKEP__TRY(skep_store_caps(s->next, &opts, &caps));
    if ((caps & SKEP_STORE_CAN_CREATE) != 0)
        return SKEP_OK;
    return SKEP__FAIL(SKEP_EUNSUPPORTED,
                      "%.160s has no key ring and cannot put create-only, so that two could make "
                      "one at a time: make it first, alone (skep key wrap)",
                      skep_store_name(s->next));
}

/* NULL in `*out`: there is none. */
static int fetch(sealed_store *s, const skep_io *io, bool to_put, sealed_ring **out)
{
    SKEP__CLEANUP(unrefp) sealed_ring *ring = skep__calloc(1, sizeof(*ring));
    if (ring == NULL)
        return skep__oom();
    atomic_init(&ring->refs, 1);
    int rc = skep__ring_read(s->next, io, &ring->ring);
    if (rc == SKEP_ENOTFOUND && !to_put)
        return SKEP_OK;
    if (rc == SKEP_ENOTFOUND) {
        SKEP__TRY(may_make(s, io));
        rc = skep__ring_change(s->next, io, make, s, &ring->ring);
    }
    SKEP__TRY(rc);
    *out = SKEP__TAKE(ring);
    return SKEP_OK;
}

/* The newest data key of `ring` is what is sealed with from now on. */
static int open_newest(sealed_store *s, const sealed_ring *ring)
{
    skep__data_key *key = NULL;
    const skep__data_key *kept = NULL;
    int rc = skep__keyring_open(&ring->ring.keys, s->key, NULL, &key);
    if (rc == SKEP_EAUTH || rc == SKEP_ENOTFOUND)
        return SKEP__FAIL(SKEP_EAUTH,
                          "the key given opens none of the %zu wrapped keys of %.160s/%s: it is "
                          "another store's, or was rotated (skep key show)",
                          ring->ring.keys.count, skep_store_name(s->next), SKEP__RING_KEY);
    SKEP__TRY(rc);
    SKEP__TRY(keep(s, key, &kept));
    skep__mutex_lock(&s->mutex);
    s->newest = kept;
    skep__mutex_unlock(&s->mutex);
    return SKEP_OK;
}

/* Until nobody else reads. */
static int wait_for_others(sealed_store *s, const skep_io *io) SKEP__REQUIRES(s->mutex)
{
    while (s->reading) {
        SKEP__TRY(skep__io_check(io));
        (void)skep__cond_timedwait(&s->read, &s->mutex, skep__now_ns() + LOOK_NS);
    }
    return SKEP_OK;
}

static int read_alone(sealed_store *s, const skep_io *io, bool to_put)
{
    SKEP__CLEANUP(unrefp) sealed_ring *ring = NULL;
    SKEP__TRY(fetch(s, io, to_put, &ring));
    int rc = ring == NULL ? SKEP_OK : open_newest(s, ring);
    if (rc < 0 && (to_put || rc != SKEP_EAUTH))
        return rc;
    skep__mutex_lock(&s->mutex);
    sealed_ring *old = s->ring;
    s->ring = SKEP__TAKE(ring);
    skep__mutex_unlock(&s->mutex);
    unref(old);
    return SKEP_OK;
}

/* Read the ring, unless somebody has done so since there were `seen` readings. */
static int read_ring(sealed_store *s, const skep_io *io, bool to_put, uint64_t seen)
{
    skep__mutex_lock(&s->mutex);
    int rc = wait_for_others(s, io);
    bool again = rc >= 0 && (to_put ? s->newest == NULL : s->readings == seen);
    s->reading = s->reading || again;
    skep__mutex_unlock(&s->mutex);
    if (rc < 0 || !again)
        return rc;
    rc = read_alone(s, io, to_put);
    skep__mutex_lock(&s->mutex);
    s->reading = false;
    s->readings += rc >= 0;
    skep__cond_broadcast(&s->read);
    skep__mutex_unlock(&s->mutex);
    return rc;
}

/* ---- to put, to get ---- */

int skep__sealed_key_to_put(sealed_store *s, const skep_io *io, const skep__data_key **out)
{
    if (s->key == NULL) {
        *out = s->boxed;
        return SKEP_OK;
    }
    skep__mutex_lock(&s->mutex);
    const skep__data_key *key = s->newest;
    skep__mutex_unlock(&s->mutex);
    if (key == NULL) {
        SKEP__TRY(read_ring(s, io, true, 0));
        skep__mutex_lock(&s->mutex);
        key = s->newest;
        skep__mutex_unlock(&s->mutex);
        ASSERT(key != NULL);
    }
    *out = key;
    return SKEP_OK;
}

/* With what is known now. SKEP_EAUTH: not with that. */
static int open_with(sealed_store *s, const sealed_ring *ring, const skep__sealed_head *head,
                     const skep__data_key **out, skep__data_key **owned)
{
    skep__data_key *key = NULL;
    const skep__keyring *keys = ring == NULL ? NULL : &ring->ring.keys;
    *out = find(s, head->key_id);
    if (*out != NULL)
        return SKEP_OK;
    int rc = keys == NULL ? SKEP_ENOTFOUND : skep__keyring_open(keys, s->key, head->key_id, &key);
    if (rc == SKEP_OK)
        return keep(s, key, out);
    if (rc != SKEP_ENOTFOUND && rc != SKEP_EAUTH)
        return rc;
    const skep__boxed boxed = {.lineage = head->lineage,
                               .id = head->key_id,
                               .boxes = head->boxes,
                               .count = head->boxes_count};
    SKEP__TRY(skep__keyring_unbox(keys, s->key, &boxed, &key));
    *out = *owned = key;
    return SKEP_OK;
}

/* Why none does. */
static int no_key(const sealed_store *s, const sealed_ring *ring, const skep__sealed_head *head)
{
    const char *store = skep_store_name(s->next);
    if (ring != NULL && memcmp(ring->ring.keys.lineage, head->lineage, SKEP__LINEAGE_BYTES) != 0 &&
        head->boxes_count == 0)
        return SKEP__FAIL(SKEP_ECORRUPT,
                          "sealed in another lineage than the key ring of %.160s: swapped or "
                          "replayed from elsewhere",
                          store);
    if (head->boxes_count > 0)
        return SKEP__FAIL(SKEP_EAUTH,
                          "sealed for %zu recipients and with a key that %.160s/%s does not let "
                          "the key given open",
                          head->boxes_count, store, SKEP__RING_KEY);
    if (ring == NULL)
        return SKEP__FAIL(SKEP_EAUTH, "sealed, and %.160s holds no key ring (%s) to open it with",
                          store, SKEP__RING_KEY);
    return SKEP__FAIL(SKEP_EAUTH,
                      "the key given does not open it: of the %zu wrapped keys of %.160s/%s none "
                      "is that for it",
                      ring->ring.keys.count, store, SKEP__RING_KEY);
}

int skep__sealed_key_of(sealed_store *s, const skep_io *io, const skep__sealed_head *head,
                        const skep__data_key **out, skep__data_key **owned)
{
    ASSERT(s->key != NULL);
    for (int round = 0;; round++) {
        skep__mutex_lock(&s->mutex);
        uint64_t seen = s->readings;
        SKEP__CLEANUP(unrefp) sealed_ring *ring = ref_locked(s);
        skep__mutex_unlock(&s->mutex);
        int rc = open_with(s, ring, head, out, owned);
        if (rc != SKEP_EAUTH)
            return rc;
        if (round == 1)
            return no_key(s, ring, head);
        SKEP__TRY(read_ring(s, io, false, seen));
    }
}
