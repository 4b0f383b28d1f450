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

/* Above the ceiling of the WAL: reads that are in the way get so long to end by themselves; the
 * leader looks again so often, since readers of other processes tell nobody when they go. */
#define SKEP__DB_CEILING_GRACE_NS (100 * SKEP__NS_PER_MS)
#define SKEP__DB_CEILING_PAUSE_NS (2 * SKEP__NS_PER_MS)
#define SKEP__DB_FRAME_HEADER 24 /* bytes before each page in the WAL */

#define SKEP__DB_ROOM_WORDS 8   /* and those that callers share who wait to submit */
#define SKEP__DB_READER_WORDS 8 /* futex words that waiting readers share out */
#define SKEP__DB_PATH_MAX 4096
#define SKEP__DB_LOCK_SUFFIX "-skep-lock" /* of the maintainer's lock beside a database */

/* Maintenance: time between two ticks, and from the opening to the first one; a tick that is so
 * late is told in the health. */
#define SKEP__DB_TICK_NS SKEP__NS_PER_S
#define SKEP__DB_FIRST_TICK_NS (10 * SKEP__NS_PER_MS)
#define SKEP__DB_TICK_LATE_NS (30 * SKEP__NS_PER_S)
#define SKEP__DB_RETRY_NS (600 * SKEP__NS_PER_S) /* until long work that failed is tried again */
/* Statistics before a database closes take so long at most. */
#define SKEP__DB_LAST_OPTIMIZE_MS 200
/* Free pages that are given back: when there are more than these, and more than this share. */
#define SKEP__DB_FREE_PAGES 1000
#define SKEP__DB_FREE_SHARE 20  /* one in so many */
#define SKEP__DB_FREE_SLICE 200 /* so many in one write call */
/* A checkpoint by hand looks so often whether those in the way have gone. */
#define SKEP__DB_CHECKPOINT_PAUSE_NS (5 * SKEP__NS_PER_MS)
#define SKEP__DB_PROGRESS_NS                                                                       \
    (100 * SKEP__NS_PER_MS)     /* between two calls of a progress function                        \
                                 */
#define SKEP__DB_FINDINGS 100   /* of a check, unless it is told otherwise */
#define SKEP__DB_PAGE_LEAST 512 /* bytes: SQLite's smallest page */

/* Health: so many failed calls are remembered, and count for so long. Readers are all but used up
 * when so much of them is in use for so long. */
#define SKEP__DB_FAILURES 8
#define SKEP__DB_FAILURE_RECENT_NS (60 * SKEP__NS_PER_S)
#define SKEP__DB_CROWDED_PERCENT 80
#define SKEP__DB_CROWDED_NS (10 * SKEP__NS_PER_S)
#define SKEP__DB_FAILED_EVENTS 10 /* db.call_failed in one second; the rest is counted */

#define SKEP__DB_READ_SAMPLE 16 /* one read in so many is timed */

#define SKEP__DB_LABELS_MAX (16 * 1024)     /* bytes of the labels of a metric */
#define SKEP__DB_SHOW_MAX (8 * 1024 * 1024) /* bytes of all metrics, or of a status file */
#define SKEP__DB_SHOW_STATEMENTS 20         /* the most expensive that are shown */
#define SKEP__DB_SHOW_SLOW 20               /* the newest slow runs that are shown */

#define SKEP__DB_REKEY_WAIT_MS 5000 /* for others to close the file */
/* until the lock of a maintainer is tried again */
#define SKEP__DB_REKEY_PAUSE_NS (10 * SKEP__NS_PER_MS)
#define SKEP__DB_REKEY_SPARE (1 << 20) /* bytes of disk beyond what is reckoned */

/* Bytes of pages in memory while the key changes: few in tests, so that pages reach the file before
 * the change is done. */
#ifdef SKEP_TEST_BUILD
#define SKEP__DB_REKEY_CACHE (128 << 10)
#else
#define SKEP__DB_REKEY_CACHE (64 << 20)
#endif

#endif
