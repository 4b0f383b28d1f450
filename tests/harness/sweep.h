/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_SWEEP_H
#define HARNESS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

/* A sweep runs a piece of work once undisturbed and counts the points at which it could fail
 * (allocations, system calls, VFS calls): N. Then it runs the work again for each n of 1 … N and
 * fails the n-th point: once alone ("transient"), once with all that follow ("persistent"). Quick
 * runs take SIZE_SWEEP_STEPS of them, spread by seed; the first and the last are always among them.
 *
 * Each step must end in success or one of `codes`; nothing may leak (allocation sweeps compare the
 * number of living blocks with that after the undisturbed run). */
typedef struct sweep {
    void (*before)(void *ctx); /* before each step, not under fire: the same start each time; may
                                  be NULL */
    int (*run)(void *ctx);     /* under fire: >= 0, or the negative code of what failed */
    void (*after)(void *ctx, int rc); /* after each step, not under fire: what must hold (intact,
                                         usable or poisoned, a retry works); may be NULL */
    void *ctx;
    const int *codes;  /* the negative codes that `run` may return; a 0 ends them */
    bool keeps_memory; /* `run` leaves things open for `after` or the next step: no leak check */
} sweep;

typedef struct sweep_result {
    uint64_t points; /* N of the undisturbed run */
    uint64_t steps;  /* runs under fire */
    uint64_t hit;    /* of these, the ones in which a point was failed */
    uint64_t failed; /* of these, the ones in which `run` returned a negative code */
} sweep_result;

/* What is failed. `arm` starts counting from 0 and fails the n-th point (n = 0: none); `disarm`
 * stops that, returns the points passed and how many were failed. */
typedef struct sweep_source {
    const char *what;
    void (*arm)(void *self, uint64_t nth, bool persistent);
    uint64_t (*disarm)(void *self, uint64_t *injected);
    uint64_t (*living)(void *self); /* blocks that must not grow in number, or NULL */
    void *self;
} sweep_source;

sweep_result sweep_over(const sweep *s, const sweep_source *source);

#endif
