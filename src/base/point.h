/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_POINT_H
#define SKEP__BASE_POINT_H

/* Named places where a test can step in: wait for another thread, count, end the process. They are
 * nothing in release.
 *
 *   SKEP__POINT("db.before_commit");
 */
#ifdef SKEP_TEST_BUILD

/* NULL takes the hook away. It is called from any thread, several at a time, and perhaps once more
 * after it was taken away. Threads: one at a time. */
void skep__point_set(void (*hook)(const char *name, void *ctx), void *ctx);
void skep__point_hit(const char *name);
#define SKEP__POINT(name) skep__point_hit(name)

#else
#define SKEP__POINT(name) ((void)0)
#endif

#endif
