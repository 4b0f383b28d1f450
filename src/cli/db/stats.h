/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DB_STATS_H
#define SKEP__CLI_DB_STATS_H

#include "cli/cli.h"
#include "cli/show/progress.h"

/* What the pages of a database hold, told by SQLite's dbstat table: it is asked page by page, so
 * that rows are exact, memory does not grow with the file, and progress can be shown. */

/* A table or an index. */
typedef struct cli_object {
    char *name;
    char *table; /* of an index: the table it is on */
    bool index;
    bool keyed; /* an index, or a table WITHOUT ROWID: inner pages hold rows too */
    uint64_t rows;
    uint64_t pages;
    uint64_t leaf_pages;
    uint64_t inner_pages;
    uint64_t overflow_pages;
    uint64_t bytes;   /* of these pages */
    uint64_t payload; /* bytes of the rows themselves */
    uint64_t unused;  /* bytes of the pages that hold nothing */
    uint64_t largest; /* bytes of the largest row */
} cli_object;

typedef struct cli_objects {
    cli_object *list; /* the largest first */
    size_t count;
    size_t cap;
    uint64_t page_size;
    uint64_t pages; /* of the database, as the snapshot sees it */
    uint64_t free_pages;
    uint64_t other_pages;   /* neither free nor of an object: SQLite's own book-keeping */
    uint64_t damaged_pages; /* what dbstat could make nothing of */
} cli_objects;

/* Share of an object's bytes that hold something: 0 to 1. */
double cli_object_fill(const cli_object *object);

/* Read them on one snapshot. A code as skep_read() returns it. */
int cli_objects_read(cli_objects *objects, skep_db *db, cli_progress *progress);
void cli_objects_dispose(cli_objects *objects);

#endif
