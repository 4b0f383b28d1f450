/* SPDX-License-Identifier: MIT */
/*
 * The pipe is the notebook outside the database: a record that is in it was written by the child
 * before it died, so what it acknowledges must be found afterwards. Records are at most 512 bytes
 * (_POSIX_PIPE_BUF), so that each write is whole or absent, whichever thread made it.
 */
#include "harness/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/harness.h"

#define ACK_FD 3 /* in the child */
#define ARGS_MAX 16
#define PATIENCE_MS 60000

/* ---- child ---- */

void crash_ack(const void *record, size_t size)
{
    if (size == 0 || size > CRASH_ACK_MAX) {
        (void)fprintf(stderr, "crash: a record of %zu bytes\n", size);
        abort();
    }
    ssize_t n;
    do {
        n = write(ACK_FD, record, size);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)size) {
        (void)fprintf(stderr, "crash: nobody takes acknowledgements: errno %d\n", errno);
        abort();
    }
}

/* ---- parent ---- */

/* Between fork and exec: only calls that are safe there, because the test may have threads. */
static _Noreturn void become(char *const *argv, int acks, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(120);
    if (acks == ACK_FD) {
        (void)fcntl(acks, F_SETFD, 0);
    } else if (dup2(acks, ACK_FD) != ACK_FD) {
        _exit(121);
    }
    (void)execv("/proc/self/exe", argv);
    _exit(122);
}

crash_child crash_start(const char *role, const char *const *args)
{
    static char program[] = "skep-test-child";
    static char flag[] = "--role";
    char *argv[ARGS_MAX + 1] = {program, flag};
    size_t n = 2;
    argv[n++] = strdup(role);
    for (; *args != NULL && n < ARGS_MAX; args++)
        argv[n++] = strdup(*args);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        ck_abort_msg("pipe: errno %d", errno);
    (void)fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(argv, ends[1], parent);
    if (pid < 0)
        ck_abort_msg("fork: errno %d", errno);
    (void)close(ends[1]);
    for (size_t i = 2; i < n; i++)
        free(argv[i]);
    return (crash_child){.pid = pid, .acks = ends[0]};
}

/* Bytes that are there, 0 at the end; -1 when `timeout_ms` passed before. */
static ssize_t read_acks(const crash_child *child, void *out, size_t size, int timeout_ms)
{
    struct pollfd p = {.fd = child->acks, .events = POLLIN};
    int ready;
    do {
        ready = poll(&p, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return -1;
    ssize_t n;
    do {
        n = read(child->acks, out, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        ck_abort_msg("reading acknowledgements: errno %d", errno);
    return n;
}

bool crash_next_ack(crash_child *child, void *record, size_t size)
{
    char *at = record;
    for (size_t have = 0; have < size;) {
        ssize_t n = read_acks(child, at + have, size - have, PATIENCE_MS);
        if (n < 0) {
            crash_kill(child);
            ck_abort_msg("the child acknowledged nothing for %d s", PATIENCE_MS / 1000);
        }
        if (n == 0) {
            ck_assert_msg(have == 0, "the child's last record is torn");
            return false;
        }
        have += (size_t)n;
    }
    return true;
}

void crash_kill(crash_child *child)
{
    (void)kill(child->pid, SIGKILL);
}

int crash_wait(crash_child *child)
{
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0) {
        if (errno != EINTR)
            ck_abort_msg("waitpid: errno %d", errno);
    }
    (void)close(child->acks);
    child->acks = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- rounds ---- */

typedef struct ack_list {
    unsigned char *data;
    size_t len; /* bytes */
    size_t cap;
} ack_list;

static void *more(ack_list *list, size_t size)
{
    if (list->cap - list->len < size) {
        list->cap = list->cap * 2 + size + 65536;
        list->data = realloc(list->data, list->cap);
        if (list->data == NULL)
            ck_abort_msg("the harness is out of memory");
    }
    return list->data + list->len;
}

/* Gather acks until there are `bytes` of them or the child has gone. */
static bool gather(const crash_child *child, ack_list *list, size_t bytes)
{
    while (list->len < bytes) {
        ssize_t n = read_acks(child, more(list, 4096), 4096, PATIENCE_MS);
        if (n < 0) {
            (void)kill(child->pid, SIGKILL);
            ck_abort_msg("the child acknowledged nothing for %d s", PATIENCE_MS / 1000);
        }
        if (n == 0)
            return false;
        list->len += (size_t)n;
    }
    return true;
}

static void pause_us(uint64_t us)
{
    struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* The time of death is the one thing here that is left to chance, and hence to a pause. */
static int one_round(const crash_plan *plan, uint64_t round, rng *r, ack_list *list)
{
    char seed[32];
    char number[32];
    (void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)rng_next(r));
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)round);
    crash_child child =
        crash_start(plan->role, (const char *const[]){plan->dir, seed, number, NULL});
    bool early = rng_below(r, 8) == 0;
    uint64_t acks = early ? 0 : 1 + rng_below(r, plan->acks_max > 0 ? plan->acks_max : 1);
    uint64_t delay = rng_below(r, plan->delay_max_us + 1);
    if (gather(&child, list, acks * plan->record_size))
        pause_us(delay);
    crash_kill(&child);
    while (gather(&child, list, SIZE_MAX)) {
    }
    return crash_wait(&child);
}

crash_result crash_run(const crash_plan *plan)
{
    crash_result result = {0};
    rng r = rng_of(harness_seed());
    ack_list list = {0};
    for (uint64_t round = 0; round < plan->rounds; round++) {
        list.len = 0;
        int status = one_round(plan, round, &r, &list);
        ck_assert_msg(status == 0 || status == 128 + SIGKILL,
                      "round %llu: the child ended with status %d", (unsigned long long)round,
                      status);
        ck_assert_msg(list.len % plan->record_size == 0, "round %llu: the last record is torn",
                      (unsigned long long)round);
        result.kills += status != 0;
        result.finished += status == 0;
        result.acks += list.len / plan->record_size;
        plan->check(plan->ctx, round, list.data, list.len / plan->record_size);
    }
    free(list.data);
    return result;
}
