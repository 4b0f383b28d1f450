/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_LIMITS_H
#define SKEP__SQL_LIMITS_H

#define SKEP__SQL_TEXT_MAX 1000000      /* bytes of one statement */
#define SKEP__SQL_CACHE_STATEMENTS 128  /* prepared statements kept by one connection */
#define SKEP__SQL_CACHE_BUCKETS 256     /* a power of two, for addresses and for texts */
#define SKEP__SQL_PROGRESS_OPS 1000     /* engine steps between two looks at the deadline */
#define SKEP__SQL_CHECKPOINT_TRIES 20   /* where another checkpoint or a commit is in the way */
#define SKEP__SQL_DDL_MAX (1024 * 1024) /* bytes of composed SQL */
#define SKEP__SQL_SUFFIX_MAX 8          /* "-journal": what SQLite puts behind a path */
#define SKEP__SQL_WAL_KEEP (64 * 1024 * 1024) /* bytes of a recycled -wal that are kept */

#endif
