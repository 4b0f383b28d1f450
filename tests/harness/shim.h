/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_SHIM_H
#define HARNESS_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/vfs_fault.h"

/* The VFS of ours, "skeptest", between SQLite3MC's and the unix one. It forwards; two layers may
 * step in: the disk (vfs_disk.c), which knows when the power is gone, and the faults
 * (vfs_fault.c). */

typedef struct shim_call {
    vfs_op op;
    unsigned file;    /* VFS_DB … */
    const char *path; /* "" for a temporary file without a name */
    int64_t offset;   /* of a read or write; the new size of a truncate */
    const void *data; /* of a write */
    int len;
    bool torn;       /* set by before(): do half of it, then fail */
    bool dir_synced; /* the directory was synced too */
    void **tag;      /* the disk's own mark on the open file; NULL where there is no file */
} shim_call;

typedef struct shim_layer {
    /* SQLITE_OK, or the code to fail with instead of doing it. */
    int (*before)(shim_call *call);
    /* The file of a sync is durable; its directory is synced next. May be NULL. */
    void (*between)(shim_call *call);
    /* It was done. SQLITE_OK, or the code to return all the same. May be NULL. */
    int (*after)(shim_call *call);
    /* A file is closed on which it left a mark. */
    void (*close)(void *tag);
    /* Of files under this layer's care: adapt what the real file says. May be NULL. */
    bool (*device)(const char *path, int *sector, int *characteristics);
} shim_layer;

typedef enum shim_place { SHIM_DISK, SHIM_FAULT, SHIM_PLACES } shim_place;
void shim_set(shim_place place, const shim_layer *layer); /* NULL takes it away */

int shim_natural_code(vfs_op op); /* SQLITE_IOERR_READ for VFS_READ, … */

#endif
