/* SPDX-License-Identifier: MIT */
#ifndef FAULTS_TOOLS_H
#define FAULTS_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

/* Files of a database, and programs beside us. */

/* Copy `path` with its -wal and -journal as they are now to `copy`; -shm stays behind, as with a
 * reboot. What is not there is removed at the target. */
void copy_database(const char *path, const char *copy);
void remove_database(const char *path); /* with -wal, -shm and -journal */

/* `path` with something behind it. Lives until the test ends. */
const char *path_with(const char *path, const char *suffix);

/* A small file system of its own, in memory, on a new directory of that name below the test's; it
 * goes with the test's process. Skips the test where that is not allowed. Returns its path. */
const char *small_fs(const char *name, const char *size);
void fs_make_readonly(const char *path);
/* Fill what is left of it but `spare` bytes with the file `path`. */
void fs_fill(const char *path, size_t spare);

/* Run a program of the machine; `input` goes to its standard input. Returns its exit status, and in
 * `output` (size bytes, NUL-terminated) what it wrote, errors too. Skips the test if it is missing.
 */
int run_program(const char *const *argv, const char *input, char *output, size_t size);
/* Debian's sqlite3 on `path`: the statements `sql`; fails the test if it says no. */
void stock_sqlite(const char *path, const char *sql, char *output, size_t size);

#endif
