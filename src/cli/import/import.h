/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_IMPORT_IMPORT_H
#define SKEP__CLI_IMPORT_IMPORT_H

#include "cli/import/feed.h"
#include "cli/key.h"
#include "cli/show/progress.h"
#include "cli/show/text.h"

/* `skep db import`. One thread reads, scans and makes values (feed.c); this one inserts them, in
 * one transaction, or in one for every --batch rows. */

/* What a transaction function returns for a failure that is not the database's. */
enum {
    IMPORT_BAD = SKEP_EUSER,         /* a record is bad, and there is no --reject */
    IMPORT_STOPPED = SKEP_EUSER - 1, /* Ctrl-C */
    IMPORT_SOURCE = SKEP_EUSER - 2,  /* the data cannot be read */
    IMPORT_REJECT = SKEP_EUSER - 3,  /* the reject file cannot be written */
    IMPORT_CHANGED = SKEP_EUSER - 4, /* the table is not what it was when it was looked at */
    IMPORT_MEMORY = SKEP_EUSER - 5,
    IMPORT_MISFIT = SKEP_EUSER - 6 /* a value does not fit the type that was guessed */
};

/* Where bad records go: the line as it stood, below a comment that says what is wrong. */
typedef struct import_reject {
    const char *path; /* NULL: nowhere, the first one ends the import */
    int fd;
    bool device;  /* /dev/null, say: nothing of it is replaced, cut or removed */
    uint64_t len; /* written so far */
} import_reject;

/* The table, as it was found or as it is to be created. */
typedef struct import_table {
    const char *name;
    bool found;
    bool plain; /* rows may be inserted many at a time, see sql.c */
    int64_t schema_version;
    cli_fields columns;  /* all that can be inserted into */
    cli_fields computed; /* those that the table makes of the others */
} import_table;

typedef struct import {
    const cli_call *call;
    const cli_ui *ui;
    const char *path;
    cli_keys keys;
    bool create;
    bool header;
    uint64_t batch_rows; /* 0: all in one transaction */
    import_table table;
    cli_fields columns; /* that the data has, in its order */
    cli_shape shape;
    cli_source source;
    cli_feed feed;
    cli_position body; /* where the data begins */
    import_reject reject;
    cli_progress progress;
    skep_db *db;
    bool made_file; /* the database file was not there before */

    cli_buf create_sql;
    cli_buf one_sql;  /* INSERT of one row */
    cli_buf many_sql; /* of `many` rows */
    size_t many;

    /* The work, from one transaction to the next. */
    cli_batch *batch; /* in hand; NULL at the end */
    size_t next;      /* its row to be inserted */
    size_t next_bad;
    bool created;  /* committed */
    uint64_t rows; /* committed */
    uint64_t rejected;
    uint64_t bytes;

    /* Of the transaction that runs. */
    cli_position from; /* where it began */
    uint64_t from_reject;
    uint64_t in_rows;
    uint64_t in_rejected;

    cli_place place; /* of the bad record that ends the import */
    char what[SKEP_ERR_TEXT_MAX];
    int sys_errno;
    skep_err err; /* of the transaction that failed */
} import;

/* Read the table's columns; `found` stays false where there is no such table. */
int import_find_table(skep_db *db, import_table *table);
/* A SELECT of all its columns. */
void import_write_select(cli_buf *sql, const import_table *table);
/* The SQL of the import. False: memory ran out. */
bool import_write_sql(import *m);
/* Start to read the data, and wait for its first batch. */
int import_begin(import *m);
/* One transaction: all that is left, or --batch rows. */
int import_commit(import *m);
/* True once all is done. */
bool import_finished(const import *m);

/* Returns an errno. */
int import_reject_open(import_reject *reject, bool force);
bool import_reject_back(import_reject *reject, uint64_t len);
bool import_reject_add(import *m, cli_span span, cli_place place, const char *what);
/* Close it; one that nothing was written to is removed. */
int import_reject_close(import_reject *reject, bool keep);

#endif
