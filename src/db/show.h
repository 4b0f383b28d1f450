/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_SHOW_H
#define SKEP__DB_SHOW_H

#include <skep/db.h>

#include "base/buf.h"
#include "base/json.h"

/* What a database shows of itself, in pieces: for skep_db_metrics() and the status file. */

int skep__show_prometheus(skep_db *db, skep__buf *out);
/* "metrics": {…}, "connections": […], "statements": […] and "slow_statements": […], each a field of
 * an open object. */
int skep__show_metrics(skep_db *db, skep__json *out);
int skep__show_connections(skep_db *db, skep__json *out);
int skep__show_statements(skep_db *db, skep__json *out, size_t most);
int skep__show_slow(skep_db *db, skep__json *out, size_t most);

/* ---- the status file (status.c) ---- */

typedef struct skep__status {
    bool there;       /* this handle has written it */
    bool failed;      /* the last try did not succeed: told once */
    uint64_t seen;    /* of what it shows: changes when that does */
    int64_t since_us; /* UTC, when the database was opened */
    char boot_id[40];
} skep__status;

void skep__status_init(skep_db *db);
/* Write `X-skep-status` anew. Only who maintains the file may; one thread at a time. */
int skep__status_write(skep_db *db);
/* Of a tick: the same, if this handle maintains the file and something has changed. */
void skep__status_step(skep_db *db, uint64_t now_ns);
/* As the database closes, while it is still locked: take it away if it is ours. */
void skep__status_leave(skep_db *db);

#endif
