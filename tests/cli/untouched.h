/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CLI_UNTOUCHED_H
#define TESTS_CLI_UNTOUCHED_H

#include <sys/stat.h>

#include "run.h"

/* What a command that only reads must leave as it is: bytes, mode and time of a database and of its
 * -wal, and which files there are in its directory (the test's). */
typedef struct untouched_file {
    bool there;
    struct stat st;
    void *bytes;
    size_t size;
} untouched_file;

typedef struct untouched {
    const char *path;
    untouched_file files[2]; /* the database, the -wal */
    char names[4096];
} untouched;

untouched untouched_take(const char *path);
void untouched_check(const untouched *before);
/* The same without the names: another process is at work there. */
void untouched_check_bytes(const untouched *before);

/* Stock sqlite3, as another program: run `sql` on `path`. Skips the test where it is missing. */
ran stock_sql(const char *path, const char *sql);
/* Leave a -wal beside `path`, as a crash does: what `sql` writes is in it only. */
void leave_wal(const char *path, const char *sql);
/* A table t (a, b) of 2,000 rows in a file with the rollback journal of a process that was killed
 * when it had begun to write the file itself: nobody can read it before that is undone. */
void leave_journal(const char *path);

#endif
