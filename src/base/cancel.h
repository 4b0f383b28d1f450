/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_CANCEL_H
#define SKEP__BASE_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include <skep/db.h>

#include "base/thread.h"

/* Has it been fired? NULL never is. One relaxed load: cheap enough for a progress handler. */
bool skep__cancel_fired(const skep_cancel *cancel);

/* skep__word_wait() that a fired `cancel` (may be NULL) ends too. False when the deadline passed.
 * Threads that share the word are woken with it and find nothing to do. */
bool skep__cancel_wait(skep_cancel *cancel, skep__word *word, uint32_t seen, uint64_t deadline_ns);

#endif
