/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_VFS_DISK_H
#define HARNESS_VFS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A disk that loses power. While it is attached, files under its directory are real, so that all
 * readers see what was written, and every change to them is also noted: through SQLite's VFS and
 * through skep's `os` call table. A change is pending until its file is synced; a name that was
 * made, removed or renamed is pending until its directory is synced. At the crash each sector of
 * each pending write is kept, dropped or garbled by seed, and of the pending names a prefix is
 * kept. What is left is written to another directory and opened there as after a reboot: without
 * -shm, which lives in memory only.
 *
 *     vfs_install();
 *     disk *d = disk_new(harness_dir(), &(disk_promises)DISK_ORDINARY);
 *     disk_crash_at_sync(d, k);        the k-th sync from now fails, and everything after it
 *     … work, note what was acknowledged …
 *     disk_cut(d);                     in case there were fewer than k syncs
 *     disk_write_survivors(d, seed, harness_path("after"));
 *     disk_free(d);
 */
typedef struct disk disk;

/* What the device promises about a write that power loss interrupts. */
typedef struct disk_promises {
    uint32_t sector; /* bytes that are kept, dropped or garbled together: 512 or 4096 */
    uint32_t atomic; /* writes up to this size, aligned to it, are whole or absent; 0: none */
    bool powersafe_overwrite; /* bytes beside the written range of a sector stay as they were */
} disk_promises;
/* SQLite's own assumption about disks of today; and the worst that it claims to stand. */
/* clang-format off */
#define DISK_ORDINARY {.sector = 512, .atomic = 0, .powersafe_overwrite = true}
#define DISK_HOSTILE {.sector = 4096, .atomic = 0, .powersafe_overwrite = false}
/* clang-format on */

/* Attach to `dir`: what lies there now is durable. One disk at a time. */
disk *disk_new(const char *dir, const disk_promises *promises);
/* The same for the directory and all below it: for what goes through skep's `os` calls. Directories
 * that are there now are durable. */
disk *disk_new_tree(const char *dir, const disk_promises *promises);
void disk_free(disk *d); /* detach; accepts NULL */

/* The power goes at the k-th sync of a file from now (1 is the next), before it has any effect.
 * From then on every operation but closing and unlocking fails. */
void disk_crash_at_sync(disk *d, uint64_t k);
/* The power goes after `k` more writes: between two syncs, and in the middle of a transaction. */
void disk_crash_at_write(disk *d, uint64_t k);
/* The power goes now. */
void disk_cut(disk *d);
bool disk_is_cut(disk *d);
uint64_t disk_syncs(disk *d);  /* since disk_new() */
uint64_t disk_writes(disk *d); /* since disk_new() */

/* After the cut: write one possible image of what survived to `dir` (created; must not exist). May
 * be called many times with different seeds. Waits for no one: all work on the disk must have
 * ended. */
void disk_write_survivors(disk *d, uint64_t seed, const char *dir);

#endif
