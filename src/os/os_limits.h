/* SPDX-License-Identifier: MIT */
#ifndef SKEP__OS_LIMITS_H
#define SKEP__OS_LIMITS_H

#define SKEP__PATH_MAX 4096 /* bytes of a path with its NUL: the kernel's own limit */

/* System calls that a signal broke off are tried so often, then reported: a signal that comes back
 * each time would otherwise hold a thread for ever. */
#define SKEP__EINTR_MAX 1000

/* A lock file that was removed between opening and locking is made anew so often, then taken for
 * busy: others come and go at such a rate that a later try is better. */
#define SKEP__LOCK_TRIES 8

#endif
