/* SPDX-License-Identifier: MIT */
#include "harness/selftest.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/point.h"

#include "harness/points.h"

/* ---- the inner run ---- */

static int deny(int code)
{
    return SKEP__FAIL(code, "as asked");
}

/* Returns a code that its detail does not carry. */
static int lie(void)
{
    (void)deny(SKEP_EIO);
    return SKEP_EFULL;
}

static void *fail_here(void *arg)
{
    ck_assert_ptr_null(arg);
    return NULL;
}

TEST(inner_passes)
{
    ck_assert(true);
}
TEST(inner_checks_nothing) {}
TEST(inner_fails)
{
    ck_assert_int_eq(1, 2);
}
TEST(inner_fails_in_a_thread)
{
    pthread_t thread;
    char something;
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_here, &something), 0);
    (void)pthread_join(thread, NULL);
}
TEST(inner_expects_another_code)
{
    assert_fails(deny(SKEP_EIO), SKEP_EFULL);
}
TEST(inner_has_the_wrong_detail)
{
    assert_fails(lie(), SKEP_EFULL);
}
TEST(inner_has_the_wrong_outcome)
{
    assert_fails_with(deny(SKEP_EIO), SKEP_EIO, SKEP_OUTCOME_UNKNOWN);
}
TEST(inner_is_not_ok)
{
    assert_ok(deny(SKEP_EIO));
}
TEST(inner_skips)
{
    ck_assert(true);
    harness_skip_test(SKIP_TOOL, "no anvil");
}
TEST(inner_dies)
{
    ck_assert(true);
    abort();
}
TEST(inner_dies_as_expected)
{
    abort();
}
TEST(inner_survives_against_expectation)
{
    ck_assert(true);
}
TEST(inner_prints_seed)
{
    printf("seed is %llu\n", (unsigned long long)harness_seed());
    ck_assert(true);
}

static const harness_test inner_tests[] = {
    HARNESS_TEST(inner_passes),
    HARNESS_TEST(inner_checks_nothing),
    HARNESS_TEST(inner_fails),
    HARNESS_TEST(inner_fails_in_a_thread),
    HARNESS_TEST(inner_expects_another_code),
    HARNESS_TEST(inner_has_the_wrong_detail),
    HARNESS_TEST(inner_has_the_wrong_outcome),
    HARNESS_TEST(inner_is_not_ok),
    HARNESS_TEST(inner_skips),
    HARNESS_TEST(inner_dies),
    HARNESS_TEST_SIGNAL(inner_dies_as_expected, SIGABRT),
    HARNESS_TEST_SIGNAL(inner_survives_against_expectation, SIGABRT),
    HARNESS_TEST(inner_prints_seed),
};
const harness_suite inner_suite = HARNESS_SUITE("inner", inner_tests);

int selftest_inner(int argc, char **argv)
{
    static const harness_suite *const suites[] = {&inner_suite, &inner_sweep_suite, NULL};
    return harness_main(argc, argv, suites, NULL);
}

static _Noreturn void become_inner(const char *pattern, const char *setting, int out)
{
    char program[] = "inner";
    char flag[] = "--role";
    char role[] = "inner";
    char *argv[] = {program, flag, role, strdup(pattern), NULL};
    (void)unsetenv("SKEP_TEST_SKIPS"); /* CI's: an inner run has its own or none */
    if (setting != NULL)
        (void)putenv(strdup(setting));
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(out, STDERR_FILENO);
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

const char *selftest_run_inner(const char *pattern, const char *setting, int *status)
{
    const char *path = harness_path("inner-output");
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(out, 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_inner(pattern, setting, out);
    int ended = 0;
    ck_assert_int_eq(waitpid(pid, &ended, 0), pid);
    (void)close(out);
    *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    return harness_read_file(path, NULL);
}

static void check_inner(const char *pattern, const char *setting, const char *last, int exit_status)
{
    int status = 0;
    const char *output = selftest_run_inner(pattern, setting, &status);
    const char *found = strstr(output, last);
    ck_assert_msg(found != NULL && found[strlen(last)] == '\0', "no \"%s\" at the end of:\n%s",
                  last, output);
    ck_assert_int_eq(status, exit_status);
}

/* ---- the harness itself ---- */

TEST(a_test_that_checks_passes)
{
    check_inner("inner_passes", NULL, "harness: 1 passed, 0 failed, 0 skipped\n", 0);
}

TEST(a_test_without_a_check_fails)
{
    check_inner("inner_checks_nothing", NULL, "harness: 0 passed, 1 failed, 0 skipped\n", 1);
}

TEST(a_failed_check_fails_the_test_also_in_a_thread)
{
    check_inner("inner_fails*", NULL, "harness: 0 passed, 2 failed, 0 skipped\n", 1);
}

TEST(assert_fails_insists_on_code_detail_and_outcome)
{
    check_inner("inner_expects_another_code", NULL, "harness: 0 passed, 1 failed, 0 skipped\n", 1);
    check_inner("inner_has_the_wrong*", NULL, "harness: 0 passed, 2 failed, 0 skipped\n", 1);
    assert_fails(deny(SKEP_EIO), SKEP_EIO);
    assert_fails_with(deny(SKEP_EIO), SKEP_EIO, SKEP_OUTCOME_NONE);
}

TEST(assert_ok_says_why_not)
{
    int status = 0;
    const char *output = selftest_run_inner("inner_is_not_ok", NULL, &status);
    ck_assert_ptr_nonnull(strstr(output, "SKEP_EIO"));
    ck_assert_ptr_nonnull(strstr(output, "as asked"));
    ck_assert_int_eq(status, 1);
    ck_assert_int_eq(assert_ok(7), 7);
}

TEST(a_skip_is_counted_and_says_why)
{
    int status = 0;
    const char *output = selftest_run_inner("inner_skips", NULL, &status);
    ck_assert_ptr_nonnull(strstr(output, "skip inner_skips: tool (no anvil)\n"));
    check_inner("inner_skips", NULL, "harness: 0 passed, 0 failed, 1 skipped\n", 0);
}

TEST(a_skip_for_a_reason_that_is_not_allowed_fails)
{
    check_inner("inner_skips", "SKEP_TEST_SKIPS=size,tool",
                "harness: 0 passed, 0 failed, 1 skipped\n", 0);
    check_inner("inner_skips", "SKEP_TEST_SKIPS=size,tools",
                "harness: 0 passed, 1 failed, 0 skipped\n", 1);
    check_inner("inner_skips", "SKEP_TEST_SKIPS=", "harness: 0 passed, 1 failed, 0 skipped\n", 1);
}

TEST(a_death_fails_only_its_own_test)
{
    check_inner("inner_dies", NULL, "harness: 0 passed, 1 failed, 0 skipped\n", 1);
    check_inner("inner_dies_as_expected", NULL, "harness: 1 passed, 0 failed, 0 skipped\n", 0);
    check_inner("inner_survives_against_expectation", NULL,
                "harness: 0 passed, 1 failed, 0 skipped\n", 1);
    check_inner("inner", NULL, "harness: 3 passed, 9 failed, 1 skipped\n", 1);
}

TEST(a_pattern_that_matches_nothing_is_no_success)
{
    check_inner("inner_does_not_exist", NULL, "harness: 0 passed, 1 failed, 0 skipped\n", 1);
}

TEST(the_seed_is_printed_and_taken_back)
{
    int status = 0;
    const char *first = selftest_run_inner("inner_prints_seed", "SKEP_TEST_SEED=42", &status);
    const char *again = selftest_run_inner("inner_prints_seed", "SKEP_TEST_SEED=42", &status);
    const char *other = selftest_run_inner("inner_prints_seed", "SKEP_TEST_SEED=43", &status);
    ck_assert_ptr_nonnull(strstr(first, "SKEP_TEST_SEED=42 SKEP_TEST_SIZE="));
    ck_assert_str_eq(strstr(first, "seed is"), strstr(again, "seed is"));
    ck_assert_str_ne(strstr(first, "seed is"), strstr(other, "seed is"));
}

TEST(a_wrong_seed_or_size_is_refused)
{
    int status = 0;
    (void)selftest_run_inner("inner_passes", "SKEP_TEST_SEED=many", &status);
    ck_assert_int_eq(status, 2);
    (void)selftest_run_inner("inner_passes", "SKEP_TEST_SIZE=huge", &status);
    ck_assert_int_eq(status, 2);
}

TEST(sizes_grow_from_quick_to_nightly)
{
    for (int id = 0; id < SIZE_COUNT; id++) {
        (void)setenv("SKEP_TEST_SIZE", "quick", 1);
        uint64_t quick = harness_size((harness_size_id)id);
        (void)setenv("SKEP_TEST_SIZE", "full", 1);
        uint64_t full = harness_size((harness_size_id)id);
        (void)setenv("SKEP_TEST_SIZE", "nightly", 1);
        uint64_t nightly = harness_size((harness_size_id)id);
        ck_assert_msg(0 < quick && quick <= full && full <= nightly, "size %d", id);
    }
}

TEST(each_test_has_an_empty_directory_of_its_own)
{
    struct stat st;
    ck_assert_int_eq(stat(harness_dir(), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777u, 0700);
    ck_assert_ptr_nonnull(strstr(harness_dir(), __func__));
    harness_write_file(harness_path("a"), "one\0two", 7);
    size_t size = 0;
    ck_assert_mem_eq(harness_read_file(harness_path("a"), &size), "one\0two", 7);
    ck_assert_uint_eq(size, 7);
    harness_copy_dir(harness_dir(), harness_path("copy"));
    ck_assert(harness_exists(harness_path("copy/a")));
    harness_remove_tree(harness_path("copy"));
    ck_assert(!harness_exists(harness_path("copy")));
}

TEST(root_can_be_left_behind)
{
    if (geteuid() != 0)
        harness_skip_test(SKIP_NOT_ROOT, "is somebody already");
    harness_write_file(harness_path("roots"), "x", 1);
    harness_drop_root();
    ck_assert_uint_ne(geteuid(), 0);
    ck_assert_int_lt(open(harness_path("roots"), O_RDONLY | O_CLOEXEC), 0);
    harness_write_file(harness_path("mine"), "x", 1);
}

/* ---- points ---- */

static void pass_point(size_t index, void *ctx)
{
    (void)index;
    SKEP__POINT("harness.gate");
    (void)__atomic_add_fetch((uint64_t *)ctx, 1, __ATOMIC_SEQ_CST);
}

static void open_gate(size_t index, void *ctx)
{
    if (index < 3) {
        pass_point(index, ctx);
        return;
    }
    point_reached("harness.gate", 3);
    ck_assert_uint_eq(__atomic_load_n((uint64_t *)ctx, __ATOMIC_SEQ_CST), 0);
    point_release("harness.gate");
}

TEST(threads_wait_at_a_point_until_released)
{
    uint64_t passed = 0;
    point_wait("harness.gate");
    harness_threads(4, open_gate, &passed);
    ck_assert_uint_eq(passed, 3);
    pass_point(0, &passed);
    ck_assert_uint_eq(point_count("harness.gate"), 4);
    point_clear();
    pass_point(0, &passed);
    ck_assert_uint_eq(point_count("harness.gate"), 0);
}

static void count_up(void *ctx)
{
    (*(int *)ctx)++;
}

TEST(a_point_runs_what_is_attached_at_its_turn)
{
    int always = 0;
    int third = 0;
    point_run("harness.a", 0, count_up, &always);
    point_run("harness.b", 3, count_up, &third);
    point_watch("harness.c");
    for (int i = 0; i < 5; i++) {
        SKEP__POINT("harness.a");
        SKEP__POINT("harness.b");
        SKEP__POINT("harness.c");
        ck_assert_int_eq(third, i >= 2 ? 1 : 0);
    }
    ck_assert_int_eq(always, 5);
    ck_assert_uint_eq(point_count("harness.c"), 5);
    point_clear();
}

TEST(a_point_can_kill)
{
    point_die("harness.death", 2);
    SKEP__POINT("harness.death");
    ck_assert_uint_eq(point_count("harness.death"), 1);
    SKEP__POINT("harness.death");
}

static const harness_test tests[] = {
    HARNESS_TEST(a_test_that_checks_passes),
    HARNESS_TEST(a_test_without_a_check_fails),
    HARNESS_TEST(a_failed_check_fails_the_test_also_in_a_thread),
    HARNESS_TEST(assert_fails_insists_on_code_detail_and_outcome),
    HARNESS_TEST(assert_ok_says_why_not),
    HARNESS_TEST(a_skip_is_counted_and_says_why),
    HARNESS_TEST(a_skip_for_a_reason_that_is_not_allowed_fails),
    HARNESS_TEST(a_death_fails_only_its_own_test),
    HARNESS_TEST(a_pattern_that_matches_nothing_is_no_success),
    HARNESS_TEST(the_seed_is_printed_and_taken_back),
    HARNESS_TEST(a_wrong_seed_or_size_is_refused),
    HARNESS_TEST(sizes_grow_from_quick_to_nightly),
    HARNESS_TEST(each_test_has_an_empty_directory_of_its_own),
    HARNESS_TEST(root_can_be_left_behind),
    HARNESS_TEST(threads_wait_at_a_point_until_released),
    HARNESS_TEST(a_point_runs_what_is_attached_at_its_turn),
    HARNESS_TEST_SIGNAL(a_point_can_kill, SIGKILL),
};
const harness_suite selftest_harness_suite = HARNESS_SUITE("harness", tests);
