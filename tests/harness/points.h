/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_POINTS_H
#define HARNESS_POINTS_H

#include <stdint.h>

/* What happens at the named points of the code, SKEP__POINT("room.name"), which exist in test
 * builds only. A test attaches one action to a name; threads that pass there do it. Names are not
 * checked against the code: wait for point_reached(), which fails the test when nobody comes. */

/* Each thread that comes stops there until point_release(). */
void point_wait(const char *name);
/* The n-th thread that comes (1 is the next) kills the whole process with SIGKILL. */
void point_die(const char *name, uint64_t nth);
/* The n-th thread that comes calls fn; 0: every one. Here a test arms a fault: "the sync that
 * follows this point fails". */
void point_run(const char *name, uint64_t nth, void (*fn)(void *ctx), void *ctx);
/* Only count. */
void point_watch(const char *name);

/* Wait until `count` threads have come since the action was attached. Fails the test after 60 s. */
void point_reached(const char *name, uint64_t count);
uint64_t point_count(const char *name);

/* Let those that wait go on, and no longer stop those that come. */
void point_release(const char *name);
/* Release and forget everything. */
void point_clear(void);

#endif
