/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_LIMITS_H
#define SKEP__DB_LIMITS_H

#include "base/time.h"

/* The longest that a new leader sleeps for callers that are about to queue (FULL only). */
#define SKEP__DB_GATHER_NS (80 * SKEP__NS_PER_US)
/* What a close waits for after its deadline, when all SQL has been told to end. */
#define SKEP__DB_CLOSE_GRACE_NS SKEP__NS_PER_S

/* Checkpoints: passes while writers go on; so few pages left that holding the writer is short; so
 * many times checkpoint_pages in the WAL that it is held anyway. */
#define SKEP__DB_CHECKPOINT_PASSES 5
#define SKEP__DB_CHECKPOINT_TAIL 200
#define SKEP__DB_CHECKPOINT_CEILING 16

#define SKEP__DB_READER_WORDS 8 /* futex words that waiting readers share out */
#define SKEP__DB_PATH_MAX 4096

#endif
