/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_CANCEL_H
#define SKEP__BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <skep/cancel.h>

#include "base/thread.h"

/* Told when a cancel is fired; the owner's storage, zeroed before its first use. */
typedef struct skep__watcher skep__watcher;
struct skep__watcher {
    skep__watcher *next;
    skep__watcher **back; /* what points to this one; NULL: it watches nothing */
    /* Runs in the thread that fires, under the cancel's lock: it may wake somebody, no more. */
    void (*fired)(skep__watcher *watcher);
};

struct skep_cancel {
    _Atomic uint32_t fired;
    skep_cancel *parent; /* fired counts as this one fired; may be NULL */
    skep__mutex mutex;
    skep__watcher *watchers SKEP__GUARDED_BY(mutex);
};

/* For one that lies in something larger; the API makes its own. `parent` must stay for as long as
 * anybody asks. */
int skep__cancel_init(skep_cancel *cancel, skep_cancel *parent);
void skep__cancel_dispose(skep_cancel *cancel);

/* Has it been fired? NULL never is. One relaxed load: cheap enough for a progress handler. */
bool skep__cancel_fired(const skep_cancel *cancel);

/* Watch until skep__cancel_unwatch(). True: it had been fired already, and nobody is told. */
bool skep__cancel_watch(skep_cancel *cancel, skep__watcher *watcher);
/* Afterwards `fired` does not run any more. Nothing happens if it does not watch. */
void skep__cancel_unwatch(skep_cancel *cancel, skep__watcher *watcher);

/* skep__word_wait() that a fired `cancel` (may be NULL) ends too, by adding 1 to the word. False
 * when the deadline passed. Threads that share the word are woken with it and find nothing to do.
 */
bool skep__cancel_wait(skep_cancel *cancel, skep__word *word, uint32_t seen, uint64_t deadline_ns);

#endif
