/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CLI_RUN_H
#define TESTS_CLI_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

/* The program as its user meets it: a process with arguments, exit status and output. */

typedef struct ran {
    int status; /* exit status, or 128 + signal */
    char *out;  /* NUL-terminated; lives until the test ends */
    size_t out_len;
    char *err;
    long max_rss_kb;
} ran;

/* The arguments that follow the program's name; the list ends with NULL. */
#define SKEP(...) run_program(run_skep_path(), (const char *const[]){"skep", __VA_ARGS__, NULL}, 0)

typedef enum run_how {
    RUN_FULL_OUT = 1,   /* stdout is a full disk */
    RUN_CLOSED_OUT = 2, /* stdout is closed */
    RUN_GONE_OUT = 4    /* stdout is a pipe that nobody reads */
} run_how;

const char *run_skep_path(void);
ran run_program(const char *path, const char *const argv[], unsigned how);

/* On a terminal of so many columns: everything that was written to it, stdout and stderr mixed, as
 * `out`; line ends are plain newlines. */
#define SKEP_ON_TERMINAL(columns, ...)                                                             \
    run_on_terminal((columns), (const char *const[]){"skep", __VA_ARGS__, NULL})
ran run_on_terminal(int columns, const char *const argv[]);

/* One that goes on by itself; its stdout is read from `out`. */
typedef struct running {
    pid_t pid;
    int out;
} running;

running run_start(const char *const argv[]);
/* Read its stdout until `text` was there; false at its end. */
bool run_read_until(running *r, const char *text);
/* Has it ended? run_wait() still tells how. */
bool run_ended(const running *r);
/* Wait for its end: exit status, or 128 + signal. */
int run_wait(running *r);

/* Check that the output is one JSON value equal to `expected`, or return it (owned by the caller).
 */
void assert_json(const char *text, const char *expected);
json_t *parse_json(const char *text);
/* One line on stderr, that contains each of these; the list ends with NULL. */
#define assert_one_line(text, ...) check_one_line((text), (const char *const[]){__VA_ARGS__, NULL})
void check_one_line(const char *text, const char *const parts[]);
bool contains(const char *text, const char *part);

/* ---- fixtures ---- */

/* A database in the test's directory, made with these statements (ended by NULL). Returns its path.
 */
#define FIXTURE(name, ...) fixture((name), (const char *const[]){__VA_ARGS__, NULL})
const char *fixture(const char *name, const char *const statements[]);

/* A key of 32 bytes, which the name decides, in a file that only its owner may read. */
const char *run_key_file(const char *name);

#endif
