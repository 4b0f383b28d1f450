/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DB_OPEN_H
#define SKEP__CLI_DB_OPEN_H

#include "cli/cli.h"

/* The ways in which commands open a database. What fails has been said. */

/* For looking: the file and what lies beside it stay as they are. */
cli_exit cli_open_reading(const cli_call *call, const char *path, skep_db **out);
/* The same, but where the database itself cannot be opened nothing is said and `*out` is NULL: the
 * thread's error tells why. */
cli_exit cli_try_reading(const cli_call *call, const char *path, skep_db **out);
/* What that error was, said; where reading had to write first, also how to do that. */
cli_exit cli_fail_reading(const cli_call *call, const char *path);
/* For changing a file that may be another program's: its journal mode stays. */
cli_exit cli_open_writing(const cli_call *call, const char *path, skep_db **out);
/* Whether two names lead to one file; a name that leads nowhere, only if it is the same. */
bool cli_same_file(const char *one, const char *other);
/* Whether `path` is the database `db`, or what lies beside it and belongs to it: nothing that a
 * command may write its result over. */
bool cli_is_of_database(const char *db, const char *path);
/* The number that is the first column of the first row; `*out` stays as it is where there is none.
 * For transaction functions: a negative code is to be returned. */
int cli_read_number(skep_tx *tx, const char *sql, int64_t *out);
/* Close `db`; what fails now is said only if all went well before. */
cli_exit cli_close(const cli_call *call, skep_db *db, cli_exit status);

#endif
