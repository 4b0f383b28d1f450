/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SQL_SUPPORT_H
#define TESTS_SQL_SUPPORT_H

#include <skep/value.h>

#include "sql/sql.h"

/* What an application would get for these options from skep_db_open(), one connection of it. */
skep__conn_opts sql_opts(skep__conn_role role);
/* A connection to "t.db" in the test's directory. */
skep__conn *sql_open(skep__conn_role role);
void sql_close(skep__conn *conn);

/* Run one statement to its end, passing over rows. */
int sql_run_v(skep__conn *conn, const char *sql, const skep_value *v, size_t n);
int sql_run(skep__conn *conn, const char *sql);
/* First column of the first row. */
int64_t sql_number(skep__conn *conn, const char *sql);
/* The same, of a pragma that transaction functions may not even read. */
int64_t sql_pragma(skep__conn *conn, const char *sql);

#endif
