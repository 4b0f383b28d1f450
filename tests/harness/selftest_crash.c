/* SPDX-License-Identifier: MIT */
#include "harness/selftest.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/point.h"

#include "harness/crash.h"
#include "harness/points.h"

typedef struct count_record {
    uint64_t round;
    uint64_t n;
} count_record;

/* Acknowledges 1, 2, 3 … until it is killed; in round 0 it stops at 5. */
int selftest_counter(int argc, char **argv)
{
    if (argc != 4 || access(argv[1], W_OK) != 0)
        return 3;
    count_record r = {.round = strtoull(argv[3], NULL, 10)};
    for (r.n = 1; r.round > 0 || r.n <= 5; r.n++)
        crash_ack(&r, sizeof(r));
    return 0;
}

/* Starts a child of its own, says who that is, and waits. */
int selftest_loner(int argc, char **argv)
{
    pid_t pid = getpid();
    if (argc > 1 && strcmp(argv[1], "parent") == 0) {
        crash_child child = crash_start("loner", (const char *const[]){"child", NULL});
        if (!crash_next_ack(&child, &pid, sizeof(pid)))
            return 3;
    }
    crash_ack(&pid, sizeof(pid));
    for (;;)
        (void)pause();
}

int selftest_dier(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    point_die("harness.role", 1);
    SKEP__POINT("harness.role");
    return 0;
}

static void check_count(void *ctx, uint64_t round, const void *records, size_t count)
{
    const count_record *r = records;
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(r[i].round, round);
        ck_assert_uint_eq(r[i].n, i + 1);
    }
    *(uint64_t *)ctx += count;
}

TEST(acknowledgements_of_a_killed_child_arrive_whole_and_in_order)
{
    uint64_t seen = 0;
    const crash_plan plan = {
        .role = "counter",
        .dir = harness_dir(),
        .record_size = sizeof(count_record),
        .rounds = 10,
        .acks_max = 1000,
        .delay_max_us = 2000,
        .check = check_count,
        .ctx = &seen,
    };
    crash_result result = crash_run(&plan);
    ck_assert_uint_eq(result.acks, seen);
    ck_assert_uint_eq(result.kills + result.finished, 10);
    ck_assert_uint_ge(result.kills, 9);
    ck_assert_uint_gt(seen, 10);
}

TEST(a_child_that_ends_by_itself_is_told_apart)
{
    crash_child child =
        crash_start("counter", (const char *const[]){harness_dir(), "1", "0", NULL});
    count_record r = {0};
    for (uint64_t n = 1; n <= 5; n++) {
        ck_assert(crash_next_ack(&child, &r, sizeof(r)));
        ck_assert_uint_eq(r.n, n);
    }
    ck_assert(!crash_next_ack(&child, &r, sizeof(r)));
    ck_assert_int_eq(crash_wait(&child), 0);

    child = crash_start("counter", (const char *const[]){"/nowhere", "1", "0", NULL});
    ck_assert(!crash_next_ack(&child, &r, sizeof(r)));
    ck_assert_int_eq(crash_wait(&child), 3);

    child = crash_start("dier", (const char *const[]){NULL});
    ck_assert_int_eq(crash_wait(&child), 128 + SIGKILL);
}

TEST(children_do_not_outlive_their_parent)
{
    crash_child parent = crash_start("loner", (const char *const[]){"parent", NULL});
    pid_t grandchild = 0;
    ck_assert(crash_next_ack(&parent, &grandchild, sizeof(grandchild)));
    ck_assert_int_eq(kill(grandchild, 0), 0);
    crash_kill(&parent);
    ck_assert_int_eq(crash_wait(&parent), 128 + SIGKILL);
    /* Its end is the kernel's doing and takes a moment: until then it may be seen, dead or alive. A
     * zombie that nobody reaps is dead enough. */
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)grandchild);
    uint64_t until = harness_now_ns() + 10u * 1000000000u;
    char text[2] = "";
    do {
        FILE *f = fopen(path, "re");
        size_t n = f != NULL ? fread(text, 1, 1, f) : 0;
        if (f != NULL)
            (void)fclose(f);
        if (n == 0)
            break;
        (void)sched_yield();
        text[0] = '\0';
        ck_assert_uint_lt(harness_now_ns(), until);
    } while (true);
    ck_assert(kill(grandchild, 0) != 0 || text[0] == '\0');
}

static const harness_test tests[] = {
    HARNESS_TEST(acknowledgements_of_a_killed_child_arrive_whole_and_in_order),
    HARNESS_TEST(a_child_that_ends_by_itself_is_told_apart),
    HARNESS_TEST(children_do_not_outlive_their_parent),
};
const harness_suite selftest_crash_suite = HARNESS_SUITE("crash", tests);
