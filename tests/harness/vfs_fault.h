/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_VFS_FAULT_H
#define HARNESS_VFS_FAULT_H

#include "harness/sweep.h"

/* SQLite's file operations that fail on demand. A VFS of ours lies between SQLite3MC's (which
 * encrypts) and the real unix one, so that all of SQLite above works as it is, keys included. */
typedef enum vfs_op {
    VFS_OPEN,
    VFS_READ,
    VFS_WRITE,
    VFS_TRUNCATE,
    VFS_SYNC,
    VFS_SIZE,
    VFS_LOCK, /* of the database file; unlocking never fails */
    VFS_SHM_MAP,
    VFS_SHM_LOCK,
    VFS_DELETE,
    VFS_ACCESS,
    VFS_OP_COUNT
} vfs_op;
#define VFS_OPS(op) (1u << (op))
#define VFS_OPS_ALL ((1u << VFS_OP_COUNT) - 1)

/* What kind of file: by its name and by what SQLite opened it for. */
enum {
    VFS_DB = 1u << 0,
    VFS_WAL = 1u << 1,
    VFS_SHM = 1u << 2, /* the shm operations */
    VFS_JOURNAL = 1u << 3,
    VFS_OTHER = 1u << 4, /* temporary files */
    VFS_FILES_ALL = (1u << 5) - 1
};

typedef struct vfs_fault {
    unsigned ops;    /* VFS_OPS(…) | …: which are counted and failed */
    unsigned files;  /* VFS_DB | …, likewise */
    uint64_t nth;    /* the n-th of them from now; 0 only counts */
    bool persistent; /* and all that follow */
    int code;        /* SQLite result code; 0: SQLITE_IOERR_WRITE for a write, and so on */
    bool torn;       /* a failed write has done half of its work; a failed truncate all of it, as
                        a file system changes a size at once or not at all */
    void (*instead)(void *ctx); /* called instead of failing; may be NULL */
    void *ctx;
} vfs_fault;

/* Initialise SQLite as skep does, then put our VFS under its default. Once a process (further calls
 * do nothing), before the first database is opened. */
void vfs_install(void);

void vfs_arm(const vfs_fault *fault);
uint64_t vfs_disarm(uint64_t *injected); /* returns the operations of that kind since vfs_arm() */

/* Sweep over the operations of `fault`; its nth and persistent are set by the sweep. */
sweep_result vfs_sweep(const sweep *s, const vfs_fault *fault);

#endif
