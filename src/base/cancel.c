/* SPDX-License-Identifier: MIT */
#include "base/cancel.h"

#include <limits.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/mem.h"

/* A thread that sleeps on a word while it may be cancelled; lives on that thread's stack. */
typedef struct watcher watcher;
struct watcher {
    watcher *next;
    watcher **back; /* what points to this one */
    skep__word *word;
};

struct skep_cancel {
    _Atomic uint32_t fired;
    skep__mutex mutex;
    watcher *watchers SKEP__GUARDED_BY(mutex);
};

int skep_cancel_new(skep_cancel **out)
{
    SKEP__REQUIRE(out != NULL);
    SKEP__CLEANUP(skep__freep) skep_cancel *cancel = skep__calloc(1, sizeof(*cancel));
    if (cancel == NULL)
        return skep__oom();
    SKEP__TRY(skep__mutex_init(&cancel->mutex));
    *out = SKEP__TAKE(cancel);
    return SKEP_OK;
}

void skep_cancel_free(skep_cancel *cancel)
{
    if (cancel == NULL)
        return;
    skep__mutex_dispose(&cancel->mutex);
    skep__free(cancel);
}

void skep_cancel_fire(skep_cancel *cancel)
{
    if (cancel == NULL)
        return;
    atomic_store(&cancel->fired, 1);
    /* The word of a watcher outlives its place in the list, so waking under the lock is safe; a
     * woken thread needs the lock to leave the list. */
    skep__mutex_lock(&cancel->mutex);
    for (watcher *w = cancel->watchers; w != NULL; w = w->next) {
        atomic_fetch_add(w->word, 1);
        skep__word_wake(w->word, INT_MAX);
    }
    skep__mutex_unlock(&cancel->mutex);
}

bool skep__cancel_fired(const skep_cancel *cancel)
{
    return cancel != NULL && atomic_load_explicit(&cancel->fired, memory_order_relaxed) != 0;
}

bool skep__cancel_wait(skep_cancel *cancel, skep__word *word, uint32_t seen, uint64_t deadline_ns)
{
    if (cancel == NULL)
        return skep__word_wait(word, seen, deadline_ns);
    watcher self = {.word = word};
    skep__mutex_lock(&cancel->mutex);
    self.next = cancel->watchers;
    self.back = &cancel->watchers;
    if (self.next != NULL)
        self.next->back = &self.next;
    cancel->watchers = &self;
    bool fired = atomic_load(&cancel->fired) != 0;
    skep__mutex_unlock(&cancel->mutex);

    bool in_time = fired || skep__word_wait(word, seen, deadline_ns);

    skep__mutex_lock(&cancel->mutex);
    *self.back = self.next;
    if (self.next != NULL)
        self.next->back = self.back;
    skep__mutex_unlock(&cancel->mutex);
    return in_time;
}
