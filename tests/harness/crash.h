/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_CRASH_H
#define HARNESS_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Death of a process: a child works in a directory and acknowledges over a pipe what it was told is
 * durable; the parent kills it with SIGKILL at a random time, many rounds on the same directory.
 *
 * The child is this test binary, executed again in one of its roles (harness_main), so that nothing
 * of SQLite crosses a fork. It dies with its parent. */

#define CRASH_ACK_MAX 512 /* bytes of one record; a pipe takes that much in one piece */

/* ---- in the child ---- */

/* A role's main: argv[0] is the role, argv[1] the directory, argv[2] the seed of the round
 * (decimal), argv[3] the number of the round from 0. It works until it is killed, or returns 0 when
 * it has nothing more to do; any other end fails the test. */

/* Tell the parent. Records have the same size in all of one run. Callable from any thread. */
void crash_ack(const void *record, size_t size);

/* ---- in the parent ---- */

typedef struct crash_plan {
    const char *role;
    const char *dir;
    size_t record_size;
    uint64_t rounds;
    uint64_t acks_max;     /* a round is killed after a random count of acks up to this … */
    uint64_t delay_max_us; /* … and then a random time up to this; one round in eight is killed that
                              soon after its start, whatever it does then */
    /* After each death: `records` are the acks of this round, in the order they were written.
     * `round` counts from 0. */
    void (*check)(void *ctx, uint64_t round, const void *records, size_t count);
    void *ctx;
} crash_plan;

typedef struct crash_result {
    uint64_t kills;    /* rounds that ended by our signal */
    uint64_t finished; /* rounds in which the child was done before */
    uint64_t acks;
} crash_result;

crash_result crash_run(const crash_plan *plan);

/* ---- one child, by hand ---- */

typedef struct crash_child {
    pid_t pid;
    int acks; /* reading end of the pipe */
} crash_child;

/* Start a role with these arguments (ended by NULL; they follow the role's name in its argv). */
crash_child crash_start(const char *role, const char *const *args);
/* Wait for one record; false when the child has gone. Fails the test after 60 s of silence. */
bool crash_next_ack(crash_child *child, void *record, size_t size);
void crash_kill(crash_child *child);
/* Wait for its end, close the pipe: exit status, or 128 + signal. */
int crash_wait(crash_child *child);

#endif
