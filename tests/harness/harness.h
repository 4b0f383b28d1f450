/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_HARNESS_H
#define HARNESS_HARNESS_H

/* What skep's tests add to Check: a temporary directory per test, a seed that is printed and taken
 * back, counted checks, skips with a reason from a closed list, roles for child processes, and
 * assert_fails(). Include this instead of <check.h>.
 *
 *     TEST(commit_survives_kill_after_ack)
 *     {
 *         ck_assert_int_eq(1 + 1, 2);
 *         assert_fails(skep_db_open("/", NULL, &db), SKEP_EINVALID);
 *     }
 *     static const harness_test tests[] = {HARNESS_TEST(commit_survives_kill_after_ack)};
 *     const harness_suite kill_suite = HARNESS_SUITE("kill", tests);
 *
 *     int main(int argc, char **argv)
 *     {
 *         static const harness_suite *const suites[] = {&kill_suite, NULL};
 *         return harness_main(argc, argv, suites, NULL);
 *     }
 *
 * Each test runs in a process of its own. Checks may be made in any of its threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>

#include <skep/status.h>

#include "harness/sizes.h"

#define TEST(name) static void name(void)

typedef struct harness_test {
    const char *name; /* a sentence, which is the function's name */
    void (*run)(void);
    const char *file;
    int line;
    int signal;      /* the signal that must end it, or 0 */
    const void *arg; /* harness_arg(): what one function does to many; or NULL */
} harness_test;

typedef struct harness_suite {
    const char *name;
    const harness_test *tests;
    size_t count;
} harness_suite;

/* clang-format off */
#define HARNESS_TEST(fn) {#fn, (fn), __FILE__, __LINE__, 0, NULL}
#define HARNESS_TEST_SIGNAL(fn, sig) {#fn, (fn), __FILE__, __LINE__, (sig), NULL}
#define HARNESS_SUITE(suite_name, table) \
    {(suite_name), (table), sizeof(table) / sizeof((table)[0])}
/* clang-format on */

/* What this binary does when it is started as a child of a test (harness/crash.h). */
typedef struct harness_role {
    const char *name; /* NULL ends the table */
    int (*run)(int argc, char **argv);
} harness_role;

/* main() of a test binary. `suites` ends with NULL; `roles` may be NULL. The last line of its
 * output is "harness: P passed, F failed, S skipped". Returns 0 if nothing failed.
 *
 * Arguments: [--list] [--no-fork] [PATTERN…]: only tests whose name, or SUITE.NAME, matches.
 * Environment: SKEP_TEST_SEED=N, SKEP_TEST_SIZE=quick|full|nightly, SKEP_TEST_DIR=where temporary
 * directories go, SKEP_TEST_KEEP=1 leaves them, SKEP_TEST_SKIPS=a,b: reasons that may skip. */
int harness_main(int argc, char **argv, const harness_suite *const *suites,
                 const harness_role *roles);

/* ---- checks ---- */

/* Check's macros all end in ck_assert_msg. This one counts, and does not write to Check's pipe
 * where it passes, so that it is cheap enough for a loop and safe in threads. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)                                                                   \
    ((harness__checked(), (expr))                                                                  \
         ? (void)0                                                                                 \
         : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", ##__VA_ARGS__))
void harness__checked(void);

/* `call` returns exactly `code`, and the thread's error detail says the same. */
#define assert_fails(call, code) harness__fails((call), (code), -1, #call, __FILE__, __LINE__)
/* The same, and the detail's outcome is `outcome`. */
#define assert_fails_with(call, code, outcome)                                                     \
    harness__fails((call), (code), (outcome), #call, __FILE__, __LINE__)
/* `call` returns zero or more; the failure message quotes the error detail. */
#define assert_ok(call) harness__ok((call), #call, __FILE__, __LINE__)
void harness__fails(int rc, int code, int outcome, const char *call, const char *file, int line);
int harness__ok(int rc, const char *call, const char *file, int line); /* returns rc */

/* ---- skips ---- */

typedef enum harness_skip {
    SKIP_NOT_ROOT = 1, /* "not-root": needs root */
    SKIP_TOOL,         /* "tool": a program of the machine is missing */
    SKIP_FILE_SYSTEM,  /* "file-system": this file system cannot do that */
    SKIP_SANITIZER,    /* "sanitizer": means nothing under this sanitizer */
    SKIP_RELEASE,      /* "release": needs the injection points of a test build */
    SKIP_SIZE,         /* "size": only in a larger SKEP_TEST_SIZE */
    SKIP_PEER,         /* "peer": needs a program that Debian does not have */
    SKIP_S3            /* "s3": no S3 server: eval "$(tests/services/s3-up DIR)" */
} harness_skip;

/* End this test as skipped; `detail` says what was missing. Where SKEP_TEST_SKIPS is set, any other
 * reason is a failure. */
_Noreturn void harness_skip_test(harness_skip reason, const char *detail);

/* ---- the world of one test ---- */

/* `arg` of the running test's row. */
const void *harness_arg(void);

/* This test's own directory: empty at the start, removed after a pass. No '/' at the end. */
const char *harness_dir(void);
/* A path in it. Lives until the test ends. */
const char *harness_path(const char *name);
/* Have `block`, which malloc gave, live until the test ends, without being a leak. Returns it. */
void *harness_keep(void *block);

/* If root runs the tests, root reads and writes everything: go on as nobody, who then owns the
 * test's directory. For the rest of this test. */
void harness_drop_root(void);

void harness_write_file(const char *path, const void *data, size_t size);
/* Lives until the test ends; `size` may be NULL. A NUL follows the contents. */
void *harness_read_file(const char *path, size_t *size);
bool harness_exists(const char *path);
/* Copy the plain files of one directory to another, which is created. */
void harness_copy_dir(const char *from, const char *to);
void harness_remove_tree(const char *path);

uint64_t harness_now_ns(void); /* CLOCK_MONOTONIC */

/* Run fn(0, ctx) … fn(count - 1, ctx), each in its own thread, at the same time; wait for all. */
void harness_threads(size_t count, void (*fn)(size_t index, void *ctx), void *ctx);

/* ---- chance ---- */

/* A small generator (splitmix64): the same seed gives the same numbers everywhere. */
typedef struct rng {
    uint64_t state;
} rng;
rng rng_of(uint64_t seed);
uint64_t rng_next(rng *r);
uint64_t rng_below(rng *r, uint64_t n); /* 0 … n-1; n is not 0 */
void rng_fill(rng *r, void *out, size_t size);

/* This test's seed: follows from SKEP_TEST_SEED and the test's name, so that running the test alone
 * repeats it. */
uint64_t harness_seed(void);

#endif
