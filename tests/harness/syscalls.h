/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_SYSCALLS_H
#define HARNESS_SYSCALLS_H

#include <stddef.h>

#include "harness/sweep.h"

/* System calls that fail on demand: those of skep's room `os`, through its call table, and those of
 * SQLite's unix VFS, through its own table of system calls. fsync and fdatasync of SQLite do not go
 * through that table: harness/vfs_fault.h fails them one floor up. */
enum {
    SYS_OPEN = 1u << 0,  /* open, opening a directory, eventfd */
    SYS_READ = 1u << 1,  /* read, pread */
    SYS_WRITE = 1u << 2, /* write, pwrite */
    SYS_SYNC = 1u << 3,  /* fsync: os only */
    SYS_STAT = 1u << 4,  /* stat, fstat, lstat, access, readlink, realpath, statvfs */
    SYS_LOCK = 1u << 5,  /* fcntl */
    SYS_MAP = 1u << 6,   /* mmap: the wal-index of SQLite, pages of our own */
    SYS_SIZE = 1u << 7,  /* ftruncate: SQLite only */
    SYS_NAME = 1u << 8,  /* rename, unlink, fchmod */
    SYS_CLOSE = 1u << 9, /* close: os only */
    SYS_ALL = (1u << 10) - 1
};
/* SQLite takes any failure to lock the wal-index for a busy lock, and tries again for 10 s. So
 * SYS_LOCK is for single faults, not for persistent sweeps. */

typedef enum sys_how {
    SYS_FAIL = 0,  /* the call is not made; -1 and `err` */
    SYS_SHORT = 1, /* reads and writes do half of what was asked for (one byte at least) */
    SYS_EINTR = 2  /* as SYS_FAIL with EINTR; skep and SQLite must try again */
} sys_how;

/* Which calls fail: of the kinds in `calls` the n-th from now, or (nth = 0) none, they are only
 * counted. Persistent: and all that follow; with SYS_EINTR every second one, or nothing would end.
 */
typedef struct sys_fault {
    unsigned calls; /* SYS_… */
    sys_how how;
    int err; /* errno for SYS_FAIL */
    uint64_t nth;
    bool persistent;
} sys_fault;

/* Put the two tables in place. */
void sys_install_os(void);
void sys_install_sqlite(void);

void sys_arm(const sys_fault *fault);
uint64_t sys_disarm(uint64_t *injected); /* returns the calls of that kind since sys_arm() */

/* Sweep over the calls of `fault`; its nth and persistent are set by the sweep. */
sweep_result sys_sweep(const sweep *s, const sys_fault *fault);

#endif
