/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_LIMITS_H
#define SKEP__SQL_LIMITS_H

#define SKEP__SQL_TEXT_MAX 1000000      /* bytes of one statement */
#define SKEP__SQL_CACHE_STATEMENTS 128  /* prepared statements kept by one connection */
#define SKEP__SQL_CACHE_BUCKETS 256     /* a power of two, for addresses and for texts */
#define SKEP__SQL_NAMES 16              /* a power of two: column names remembered in a run */
#define SKEP__SQL_PROGRESS_OPS 1000     /* engine steps between two looks at the deadline */
#define SKEP__SQL_CHECKPOINT_TRIES 20   /* where another checkpoint or a commit is in the way */
#define SKEP__SQL_ROW_COLUMNS 4         /* of a row of our own statements, as text */
#define SKEP__SQL_ANALYSIS_LIMIT 400    /* rows of an index that PRAGMA optimize looks at */
#define SKEP__SQL_DDL_MAX (1024 * 1024) /* bytes of composed SQL */
#define SKEP__SQL_CIPHERS 3             /* tried on one file */
#define SKEP__SQL_SUFFIX_MAX 8          /* "-journal": what SQLite puts behind a path */
#define SKEP__SQL_WAL_KEEP (64 * 1024 * 1024) /* bytes of a recycled -wal that are kept */

#define SKEP__SQL_COST_BUCKETS 2048 /* of the table of statement texts; a power of two */
#define SKEP__SQL_SLOW_VALUES 16    /* bound values of a slow run that are told of */
#define SKEP__SQL_SLOW_EVENTS 10    /* events of slow runs in a second; the rest are counted */
/* Slow runs are noticed by the kernel's tick, which is at most 10 ms long; where that is too rough
 * for db.slow_statement, by the exact clock. */
#define SKEP__SQL_COARSE_MIN_NS (UINT64_C(50) * 1000 * 1000)

#endif
