/* SPDX-License-Identifier: MIT */
/*
 * One process runs all tests of a binary (Check forks a child for each). What children have to tell
 * beyond "passed" lies in a table in shared memory: what a test was skipped for. The parent owns
 * one directory; each child makes its own below it.
 */
#include "harness/harness.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/world.h"

#define TESTS_MAX 4096

typedef struct shared_result {
    _Atomic int skipped; /* harness_skip, or 0 */
} shared_result;

static const harness_test *all_tests[TESTS_MAX];
static int test_count;
static shared_result *results; /* shared with the children */
static uint64_t run_seed;
static bool forking = true;

/* Of the running test. */
static _Atomic uint64_t checks;
static int present;
static jmp_buf skip_to;
static pthread_t test_thread;

static const struct {
    harness_skip reason;
    const char *name;
} skip_names[] = {
    {SKIP_NOT_ROOT, "not-root"},   {SKIP_TOOL, "tool"},       {SKIP_FILE_SYSTEM, "file-system"},
    {SKIP_SANITIZER, "sanitizer"}, {SKIP_RELEASE, "release"}, {SKIP_SIZE, "size"},
    {SKIP_PEER, "peer"},           {SKIP_S3, "s3"},
};

void harness__checked(void)
{
    atomic_fetch_add_explicit(&checks, 1, memory_order_relaxed);
}

const void *harness_arg(void)
{
    return all_tests[present]->arg;
}

uint64_t harness_seed(void)
{
    /* FNV-1a of the name, so that the order and choice of tests do not matter. */
    uint64_t hash = 14695981039346656037u;
    for (const char *c = all_tests[present]->name; *c != '\0'; c++)
        hash = (hash ^ (uint64_t)(unsigned char)*c) * 1099511628211u;
    rng r = rng_of(run_seed ^ hash);
    return rng_next(&r);
}

/* ---- skips ---- */

static const char *skip_name(int reason)
{
    for (size_t i = 0; i < sizeof(skip_names) / sizeof(skip_names[0]); i++) {
        if ((int)skip_names[i].reason == reason)
            return skip_names[i].name;
    }
    return "?";
}

static bool skip_allowed(const char *name)
{
    const char *allowed = getenv("SKEP_TEST_SKIPS");
    if (allowed == NULL)
        return true;
    size_t len = strlen(name);
    for (const char *at = allowed; *at != '\0';) {
        size_t word = strcspn(at, ",");
        if (word == len && memcmp(at, name, len) == 0)
            return true;
        at += word + (at[word] == ',');
    }
    return false;
}

_Noreturn void harness_skip_test(harness_skip reason, const char *detail)
{
    const char *name = skip_name((int)reason);
    if (!skip_allowed(name))
        ck_abort_msg("skipped for \"%s\" (%s), which SKEP_TEST_SKIPS does not allow", name, detail);
    if (!pthread_equal(pthread_self(), test_thread))
        ck_abort_msg("skipped for \"%s\" (%s), but not in the test's own thread", name, detail);
    printf("skip %s: %s (%s)\n", all_tests[present]->name, name, detail);
    (void)fflush(stdout);
    results[present].skipped = (int)reason;
    longjmp(skip_to, 1);
}

/* ---- one test ---- */

static void run_one(int index)
{
    present = index;
    test_thread = pthread_self();
    atomic_store(&checks, 0);
    const harness_test *test = all_tests[index];
    world_begin(test->name);
    if (setjmp(skip_to) == 0) {
        test->run();
        if (test->signal != 0)
            ck_abort_msg("went on, where signal %d was expected", test->signal);
        if (atomic_load(&checks) == 0)
            ck_abort_msg("the test made no check");
    }
    world_end();
    (void)fflush(stdout);
}

/* ---- all tests ---- */

static bool chosen(const char *suite, const char *name, char **patterns, int count)
{
    if (count == 0)
        return true;
    char full[512];
    (void)snprintf(full, sizeof(full), "%s.%s", suite, name);
    for (int i = 0; i < count; i++) {
        if (fnmatch(patterns[i], name, 0) == 0 || fnmatch(patterns[i], full, 0) == 0 ||
            strcmp(patterns[i], suite) == 0)
            return true;
    }
    return false;
}

static Suite *make_suite(const harness_suite *from, char **patterns, int count, bool list)
{
    Suite *suite = suite_create(from->name);
    TCase *tests = tcase_create(from->name);
    tcase_set_timeout(tests, (double)harness_size(SIZE_TIMEOUT_S));
    for (size_t i = 0; i < from->count; i++) {
        const harness_test *test = &from->tests[i];
        if (!chosen(from->name, test->name, patterns, count))
            continue;
        if (test_count == TESTS_MAX) {
            (void)fprintf(stderr, "harness: more than %d tests\n", TESTS_MAX);
            exit(2);
        }
        if (list)
            printf("%s.%s\n", from->name, test->name);
        /* Check keeps the pointer; the table of the process lives as long as it needs it. */
        static TTest entries[TESTS_MAX];
        TTest *entry = &entries[test_count];
        *entry = (TTest){.name = test->name, .fn = run_one, .file = test->file, .line = test->line};
        all_tests[test_count] = test;
        tcase_add_loop_test_raise_signal(tests, entry, test->signal, test_count, test_count + 1);
        test_count++;
    }
    suite_add_tcase(suite, tests);
    return suite;
}

static int report(SRunner *runner)
{
    int skipped = 0;
    for (int i = 0; i < test_count; i++)
        skipped += results[i].skipped != 0;
    int failed = srunner_ntests_failed(runner);
    int passed = srunner_ntests_run(runner) - failed - skipped;
    /* Nothing ran although something was asked for: a misspelt pattern must not look like success.
     */
    if (srunner_ntests_run(runner) == 0) {
        (void)fprintf(stderr, "harness: no test has that name\n");
        failed = 1;
    }
    printf("harness: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed == 0 ? 0 : 1;
}

static void read_seed(void)
{
    const char *text = getenv("SKEP_TEST_SEED");
    if (text == NULL || *text == '\0') {
        run_seed = harness_now_ns() ^ ((uint64_t)getpid() << 32);
        rng r = rng_of(run_seed);
        run_seed = rng_next(&r) >> 16; /* short enough to type */
        return;
    }
    char *end = NULL;
    errno = 0;
    run_seed = strtoull(text, &end, 0);
    if (errno != 0 || *end != '\0') {
        (void)fprintf(stderr, "harness: SKEP_TEST_SEED=%s is no number\n", text);
        exit(2);
    }
}

static int run_all(SRunner *runner)
{
    results = mmap(NULL, sizeof(*results) * TESTS_MAX, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED || !world_open()) {
        perror("harness");
        return 2;
    }
    printf("harness: SKEP_TEST_SEED=%llu SKEP_TEST_SIZE=%s\n", (unsigned long long)run_seed,
           harness_size_name());
    (void)fflush(stdout);
    srunner_set_fork_status(runner, forking ? CK_FORK : CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    (void)fflush(stdout);
    int rc = report(runner);
    world_close(rc == 0);
    return rc;
}

static int run_role(int argc, char **argv, const harness_role *roles)
{
    for (const harness_role *role = roles; argc > 2 && role != NULL && role->name != NULL; role++) {
        if (strcmp(role->name, argv[2]) == 0)
            return role->run(argc - 2, argv + 2);
    }
    (void)fprintf(stderr, "harness: no role %s\n", argc > 2 ? argv[2] : "");
    return 2;
}

int harness_main(int argc, char **argv, const harness_suite *const *suites,
                 const harness_role *roles)
{
    if (argc > 1 && strcmp(argv[1], "--role") == 0)
        return run_role(argc, argv, roles);
    bool list = false;
    int first = 1;
    for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++) {
        if (strcmp(argv[first], "--list") == 0) {
            list = true;
        } else if (strcmp(argv[first], "--no-fork") == 0) {
            forking = false;
        } else {
            (void)fprintf(stderr, "usage: %s [--list] [--no-fork] [PATTERN...]\n", argv[0]);
            return 2;
        }
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    read_seed();
    SRunner *runner = srunner_create(NULL);
    for (; *suites != NULL; suites++)
        srunner_add_suite(runner, make_suite(*suites, argv + first, argc - first, list));
    int rc = list ? 0 : run_all(runner);
    srunner_free(runner);
    return rc;
}

/* ---- checks on calls ---- */

void harness__fails(int rc, int code, int outcome, const char *call, const char *file, int line)
{
    harness__checked();
    const skep_err *err = skep_last_error();
    if (rc != code) {
        _ck_assert_failed(file, line, call, "%s: returned %d (%s), expected %s; detail: %s: %s",
                          call, rc, rc < 0 ? skep_code_name(rc) : "success", skep_code_name(code),
                          err->room, err->text);
    }
    if (err->code != code) {
        _ck_assert_failed(file, line, call, "%s: returned %s, but its detail says %s: %s: %s", call,
                          skep_code_name(rc), skep_code_name(err->code), err->room, err->text);
    }
    if (err->text[0] == '\0' || err->room[0] == '\0')
        _ck_assert_failed(file, line, call, "%s: its detail has no text", call);
    if (outcome >= 0 && err->outcome != outcome) {
        _ck_assert_failed(file, line, call, "%s: outcome %s, expected %s; detail: %s", call,
                          skep_outcome_name(err->outcome), skep_outcome_name(outcome), err->text);
    }
}

int harness__ok(int rc, const char *call, const char *file, int line)
{
    harness__checked();
    if (rc < 0) {
        const skep_err *err = skep_last_error();
        _ck_assert_failed(file, line, call, "%s: %s (outcome %s): %s: %s", call, skep_code_name(rc),
                          skep_outcome_name(err->outcome), err->room, err->text);
    }
    return rc;
}
