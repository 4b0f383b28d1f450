/* SPDX-License-Identifier: MIT */
/* B10: which process this is. A child of one that has users is refused, whatever becomes of it. */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/home.h"

#include "harness/harness.h"
#include "harness/syscalls.h"

extern const harness_suite home_suite;

/* The exit status of a child that does `what`. */
static int in_child(int (*what)(skep__process *process, const skep__home *home),
                    skep__process *process, const skep__home *home)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(what(process, home));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int is_here(skep__process *process, const skep__home *home)
{
    (void)process;
    return skep__home_here(home) ? 1 : 0;
}

/* A child that has become something of its own is still not where the thing was made. */
static int enters(skep__process *process, const skep__home *home)
{
    bool in = skep__process_enter(process);
    skep__home own = skep__process_home(process);
    if (skep__home_here(home) || !skep__home_here(&own))
        return 2;
    return in ? 1 : 0;
}

static int grandchild_enters(skep__process *process, const skep__home *home)
{
    return in_child(enters, process, home);
}

static int enters_and_forks(skep__process *process, const skep__home *home)
{
    if (!skep__process_enter(process))
        return 3;
    return in_child(enters, process, home);
}

static int enters_leaves_and_forks(skep__process *process, const skep__home *home)
{
    if (!skep__process_enter(process))
        return 3;
    skep__process_leave(process);
    return in_child(enters, process, home);
}

static void assert_tells_processes_apart(skep__process *process)
{
    skep__home nowhere = {0};
    skep__home home = skep__process_home(process);
    ck_assert(!skep__home_here(&nowhere));
    ck_assert(skep__home_here(&home));
    ck_assert_int_eq(in_child(is_here, process, &home), 0);
    ck_assert_int_eq(in_child(enters, process, &home), 1);
    ck_assert_int_eq(in_child(enters_and_forks, process, &home), 0);
    ck_assert_int_eq(in_child(enters_leaves_and_forks, process, &home), 1);
    ck_assert(skep__process_enter(process));
    ck_assert_int_eq(in_child(enters, process, &home), 0);
    ck_assert_int_eq(in_child(grandchild_enters, process, &home), 0);
    ck_assert_uint_eq(skep__process_users(process), 1);
    skep__process_leave(process);
    ck_assert_int_eq(in_child(enters, process, &home), 1);
    ck_assert(skep__home_here(&home));
}

TEST(a_child_process_is_not_where_a_thing_was_made)
{
    skep__process process = {0};
    skep__process_init(&process);
    ck_assert_ptr_ne(process.told, &process.own);
    assert_tells_processes_apart(&process);
}

TEST(without_a_page_that_is_emptied_the_id_tells_processes_apart)
{
    skep__process process = {0};
    sys_install_os();
    sys_arm(&(sys_fault){.calls = SYS_MAP, .how = SYS_FAIL, .err = ENOMEM, .nth = 1});
    skep__process_init(&process);
    sys_disarm(NULL);
    ck_assert_ptr_eq(process.told, &process.own);
    assert_tells_processes_apart(&process);
}

/* Who looks at what a process is while another thread makes it up, and has users at once. */
static void *enter_many(void *arg)
{
    skep__process *process = arg;
    for (int i = 0; i < 1000; i++) {
        if (!skep__process_enter(process))
            return process;
        skep__process_leave(process);
    }
    return NULL;
}

TEST(threads_that_enter_at_once_are_all_let_in)
{
    for (int round = 0; round < 50; round++) {
        skep__process process = {0};
        pthread_t threads[4];
        void *refused = NULL;
        skep__process_init(&process);
        for (size_t i = 0; i < 4; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, enter_many, &process), 0);
        for (size_t i = 0; i < 4; i++) {
            ck_assert_int_eq(pthread_join(threads[i], &refused), 0);
            ck_assert_ptr_null(refused);
        }
        ck_assert_uint_eq(skep__process_users(&process), 0);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(a_child_process_is_not_where_a_thing_was_made),
    HARNESS_TEST(without_a_page_that_is_emptied_the_id_tells_processes_apart),
    HARNESS_TEST(threads_that_enter_at_once_are_all_let_in),
};
const harness_suite home_suite = HARNESS_SUITE("home", tests);
