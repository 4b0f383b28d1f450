/* SPDX-License-Identifier: MIT */
/*
 * Locks are bytes of the file `lock`, which has no content and is never replaced. A lock belongs to
 * an open file description, so it holds between handles of one process too and goes with a process
 * that dies.
 *
 *   0 …          lanes: who changes a key holds the lane that its hash gives, so that a condition
 *                still holds when the object is replaced
 *   1000000 …    slots: who writes holds one for as long as his handle is open. His temporary files
 *                lie in the folder of that number; in one whose slot is free they are nobody's
 *
 * Threads of one handle share its description. Among them `taken` decides, before the file is
 * asked. Order: the mutex is not held while the file is asked, so there is no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/hash.h"
#include "base/time.h"
#include "store/disk_private.h"

#define FIRST_SLOT 1000000u
#define LOOK_NS (20 * SKEP__NS_PER_MS) /* how often a waiting thread looks for its cancel */

/* The lane among threads of this handle. */
static int take_lane(skep__disk *disk, unsigned lane, const skep_io *io)
{
    int rc = SKEP_OK;
    uint64_t bit = UINT64_C(1) << lane;
    skep__mutex_lock(&disk->mutex);
    while ((disk->taken & bit) != 0 && rc >= 0) {
        (void)skep__cond_timedwait(&disk->freed, &disk->mutex, skep__now_ns() + LOOK_NS);
        rc = skep__io_check(io);
    }
    if (rc >= 0)
        disk->taken |= bit;
    skep__mutex_unlock(&disk->mutex);
    return rc;
}

static void give_lane(skep__disk *disk, unsigned lane)
{
    skep__mutex_lock(&disk->mutex);
    disk->taken &= ~(UINT64_C(1) << lane);
    skep__cond_broadcast(&disk->freed);
    skep__mutex_unlock(&disk->mutex);
}

/* Among processes. Nobody tells when a lock of a file is let go, unless one waits in the kernel,
 * where no cancel and no deadline is heard: so it is asked for again, ever less often. */
static int lock_lane(skep__disk *disk, unsigned lane, const skep_io *io)
{
    uint64_t pause = SKEP__NS_PER_MS / 4;
    for (;;) {
        int rc = skep__os_lock_byte(disk->lock_fd, disk->name, lane);
        if (rc != 0)
            return rc < 0 ? rc : SKEP_OK;
        SKEP__TRY(skep__io_check(io));
        skep__word word = 0;
        (void)skep__cancel_wait(io->cancel, &word, 0, skep__now_ns() + pause);
        pause = pause < LOOK_NS ? 2 * pause : LOOK_NS;
    }
}

int skep__disk_lock(skep__disk *disk, const char *key, const skep_io *io, unsigned *lane)
{
    unsigned n = (unsigned)(skep__hash64(key, strlen(key), 1) % SKEP__DISK_LANES);
    SKEP__TRY(take_lane(disk, n, io));
    int rc = lock_lane(disk, n, io);
    if (rc < 0)
        give_lane(disk, n);
    else
        *lane = n;
    return rc;
}

void skep__disk_unlock(skep__disk *disk, unsigned lane)
{
    skep__os_unlock_byte(disk->lock_fd, lane);
    give_lane(disk, lane);
}

/* ---- temporary files ---- */

static int sweep_folder(const char *path)
{
    skep__os_dir *dir = NULL;
    const char *name = NULL;
    unsigned char type = 0;
    int rc = skep__os_dir_open(path, &dir);
    if (rc < 0)
        return rc == SKEP_ENOTFOUND ? SKEP_OK : rc;
    while ((rc = skep__os_dir_next(dir, &name, &type)) > 0) {
        char file[SKEP__PATH_MAX];
        int n = snprintf(file, sizeof(file), "%s/%s", path, name);
        rc = n < 0 || (size_t)n >= sizeof(file) ? SKEP_OK : skep__os_unlink(file);
        if (rc < 0)
            break;
    }
    skep__os_dir_close(dir);
    return rc;
}

static void slot_path(const skep__disk *disk, uint32_t slot, char out[SKEP__PATH_MAX])
{
    (void)snprintf(out, SKEP__PATH_MAX, "%s/t/%u", disk->root, slot);
}

/* What is in the folders of writers that are no more. */
static int sweep_others(skep__disk *disk)
{
    char path[SKEP__PATH_MAX];
    skep__os_dir *dir = NULL;
    const char *name = NULL;
    unsigned char type = 0;
    (void)snprintf(path, sizeof(path), "%s/t", disk->root);
    SKEP__TRY(skep__os_dir_open(path, &dir));
    int rc = SKEP_OK;
    while (rc >= 0 && (rc = skep__os_dir_next(dir, &name, &type)) > 0) {
        char *end = NULL;
        unsigned long slot = strtoul(name, &end, 10);
        if (*end != '\0' || end == name || slot >= SKEP__DISK_SLOTS || slot == disk->slot)
            continue;
        rc = skep__os_lock_byte(disk->lock_fd, disk->name, FIRST_SLOT + slot);
        if (rc <= 0)
            continue;
        slot_path(disk, (uint32_t)slot, path);
        rc = sweep_folder(path);
        skep__os_unlock_byte(disk->lock_fd, FIRST_SLOT + slot);
    }
    skep__os_dir_close(dir);
    return rc;
}

int skep__disk_take_slot(skep__disk *disk)
{
    char path[SKEP__PATH_MAX];
    int rc = 0;
    for (disk->slot = 0; disk->slot < SKEP__DISK_SLOTS; disk->slot++) {
        rc = skep__os_lock_byte(disk->lock_fd, disk->name, FIRST_SLOT + disk->slot);
        if (rc != 0)
            break;
    }
    SKEP__TRY(rc);
    if (rc == 0)
        return SKEP__FAIL(SKEP_ELIMIT, "%s has %d writers, and more are not allowed", disk->name,
                          SKEP__DISK_SLOTS);
    (void)snprintf(path, sizeof(path), "%s/t", disk->root);
    SKEP__TRY(skep__os_make_directory(path));
    slot_path(disk, disk->slot, path);
    SKEP__TRY(skep__os_make_directory(path));
    SKEP__TRY(sweep_folder(path));
    return sweep_others(disk);
}

void skep__disk_temp(skep__disk *disk, char out[SKEP__PATH_MAX])
{
    uint64_t n = atomic_fetch_add(&disk->temps, 1);
    (void)snprintf(out, SKEP__PATH_MAX, "%s/t/%u/%llu", disk->root, disk->slot,
                   (unsigned long long)n);
}

int skep__disk_space(const skep__disk *disk, uint64_t need)
{
    uint64_t bytes = 0;
    SKEP__TRY(skep__os_free_bytes(disk->root, &bytes));
    if (bytes < disk->keep_free || bytes - disk->keep_free < need)
        return SKEP__FAIL(SKEP_EFULL,
                          "%s has %llu bytes free, of which %llu are to stay so; %llu are needed",
                          disk->name, (unsigned long long)bytes,
                          (unsigned long long)disk->keep_free, (unsigned long long)need);
    return SKEP_OK;
}
