/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/time.h"
#include "store/mirror.h"

#define LOOK_NS (20 * SKEP__NS_PER_MS) /* how often a wait looks at its cancel */

static bool is_held(const skep__mirror *m, const char *key)
{
    const skep__held *h = m->held;
    while (h != NULL && strcmp(h->key, key) != 0)
        h = h->next;
    return h != NULL;
}

int skep__mirror_hold(skep__mirror *m, skep__held *held, const char *key, const skep_io *io)
{
    int rc = SKEP_OK;
    skep__mutex_lock(&m->mutex);
    while (is_held(m, key) && (rc = skep__io_check(io)) >= 0)
        (void)skep__cond_timedwait(&m->change, &m->mutex, skep__now_ns() + LOOK_NS);
    if (rc >= 0) {
        *held = (skep__held){.next = m->held, .key = key};
        m->held = held;
    }
    skep__mutex_unlock(&m->mutex);
    return rc;
}

void skep__mirror_release(skep__mirror *m, skep__held *held)
{
    skep__mutex_lock(&m->mutex);
    skep__held **at = &m->held;
    while (*at != held)
        at = &(*at)->next;
    *at = held->next;
    skep__cond_broadcast(&m->change);
    skep__mutex_unlock(&m->mutex);
}
