/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_SHOW_H
#define SKEP__DB_SHOW_H

#include <skep/db.h>

#include "base/buf.h"
#include "base/json.h"

/* What a database shows of itself, in pieces: for skep_db_metrics() and the status file. */

int skep__show_prometheus(skep_db *db, skep__buf *out);
/* "metrics": {…}, "statements": […] and "slow_statements": […], each a field of an open object. */
int skep__show_metrics(skep_db *db, skep__json *out);
int skep__show_statements(skep_db *db, skep__json *out, size_t most);
int skep__show_slow(skep_db *db, skep__json *out, size_t most);

#endif
