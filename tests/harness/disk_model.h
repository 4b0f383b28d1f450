/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_DISK_MODEL_H
#define HARNESS_DISK_MODEL_H

#include "harness/vfs_disk.h"

/* What a disk has, and what it would still have after a power cut: the model alone, fed by
 * vfs_disk.c. Not locked. Names are paths below the disk's directory, of files and (in a tree) of
 * directories. */

#define DISK_NAME_MAX 512

typedef struct disk_node disk_node; /* a file, whatever its name is now */
typedef struct disk_model disk_model;

disk_model *model_new(void);
void model_free(disk_model *m);

/* A file that is durable, as are its contents and its name. */
void model_add(disk_model *m, const char *name, const void *data, size_t size);

/* The file of that name, made if it is not there; the node is held until model_let_go(). */
disk_node *model_open(disk_model *m, const char *name);
void model_let_go(disk_node *node);

void model_write(disk_node *node, uint64_t offset, const void *data, size_t size);
void model_truncate(disk_node *node, uint64_t size);
void model_sync(disk_node *node);
void model_unlink(disk_model *m, const char *name);
void model_rename(disk_model *m, const char *from, const char *to);
void model_make_dir(disk_model *m, const char *name);
/* The directory `dir` was synced; "" is the disk's own. */
void model_sync_names(disk_model *m, const char *dir);

/* One image of what survives, as files in `dir`, which exists. */
void model_survivors(const disk_model *m, const disk_promises *promises, uint64_t seed,
                     const char *dir);

#endif
