/* SPDX-License-Identifier: MIT */
#include "base/cancel.h"

#include <limits.h>

#include "base/err.h"
#include "base/mem.h"

int skep__cancel_init(skep_cancel *cancel, skep_cancel *parent)
{
    atomic_store(&cancel->fired, 0);
    cancel->parent = parent;
    cancel->watchers = NULL;
    return skep__mutex_init(&cancel->mutex);
}

void skep__cancel_dispose(skep_cancel *cancel)
{
    skep__mutex_dispose(&cancel->mutex);
}

int skep_cancel_new(skep_cancel **out)
{
    SKEP__REQUIRE(out != NULL);
    SKEP__CLEANUP(skep__freep) skep_cancel *cancel = skep__calloc(1, sizeof(*cancel));
    if (cancel == NULL)
        return skep__oom();
    SKEP__TRY(skep__cancel_init(cancel, NULL));
    *out = SKEP__TAKE(cancel);
    return SKEP_OK;
}

void skep_cancel_free(skep_cancel *cancel)
{
    if (cancel == NULL)
        return;
    skep__cancel_dispose(cancel);
    skep__free(cancel);
}

void skep_cancel_fire(skep_cancel *cancel)
{
    if (cancel == NULL)
        return;
    atomic_store(&cancel->fired, 1);
    /* What a watcher wakes outlives its place in the list, so waking under the lock is safe;
     * whoever is woken needs the lock to leave the list. */
    skep__mutex_lock(&cancel->mutex);
    for (skep__watcher *w = cancel->watchers; w != NULL; w = w->next)
        w->fired(w);
    skep__mutex_unlock(&cancel->mutex);
}

int skep_cancel_fired(const skep_cancel *cancel)
{
    return skep__cancel_fired(cancel);
}

bool skep__cancel_fired(const skep_cancel *cancel)
{
    for (; cancel != NULL; cancel = cancel->parent)
        if (atomic_load_explicit(&cancel->fired, memory_order_relaxed) != 0)
            return true;
    return false;
}

bool skep__cancel_watch(skep_cancel *cancel, skep__watcher *watcher)
{
    skep__mutex_lock(&cancel->mutex);
    watcher->next = cancel->watchers;
    watcher->back = &cancel->watchers;
    if (watcher->next != NULL)
        watcher->next->back = &watcher->next;
    cancel->watchers = watcher;
    bool fired = atomic_load(&cancel->fired) != 0;
    skep__mutex_unlock(&cancel->mutex);
    return fired;
}

void skep__cancel_unwatch(skep_cancel *cancel, skep__watcher *watcher)
{
    skep__mutex_lock(&cancel->mutex);
    if (watcher->back != NULL) {
        *watcher->back = watcher->next;
        if (watcher->next != NULL)
            watcher->next->back = watcher->back;
        watcher->back = NULL;
    }
    skep__mutex_unlock(&cancel->mutex);
}

/* A thread that sleeps on a word while it may be cancelled; lives on that thread's stack. */
typedef struct sleeper {
    skep__watcher base;
    skep__word *word;
} sleeper;

static void wake_sleeper(skep__watcher *watcher)
{
    skep__word *word = ((sleeper *)(void *)watcher)->word;
    atomic_fetch_add(word, 1);
    skep__word_wake(word, INT_MAX);
}

bool skep__cancel_wait(skep_cancel *cancel, skep__word *word, uint32_t seen, uint64_t deadline_ns)
{
    if (cancel == NULL)
        return skep__word_wait(word, seen, deadline_ns);
    sleeper self = {.base.fired = wake_sleeper, .word = word};
    sleeper above = self;
    bool fired = skep__cancel_watch(cancel, &self.base);
    if (cancel->parent != NULL)
        fired |= skep__cancel_watch(cancel->parent, &above.base);
    bool in_time = fired || skep__word_wait(word, seen, deadline_ns);
    if (cancel->parent != NULL)
        skep__cancel_unwatch(cancel->parent, &above.base);
    skep__cancel_unwatch(cancel, &self.base);
    return in_time;
}
