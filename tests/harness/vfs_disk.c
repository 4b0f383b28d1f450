/* SPDX-License-Identifier: MIT */
/*
 * Where the model learns what happens: as a layer of the VFS shim, and in front of the system calls
 * of skep's room `os`. The operations go to the real files first; what succeeded is noted.
 */
#include "harness/vfs_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite3.h"

#include "os/calls.h"

#include "harness/disk_model.h"
#include "harness/harness.h"
#include "harness/shim.h"

#define FDS_MAX 64

struct disk {
    char dir[4096];
    bool tree; /* files and directories at any depth */
    disk_promises promises;
    pthread_mutex_t lock;
    disk_model *model;
    bool cut;
    uint64_t syncs;
    uint64_t writes;
    uint64_t cut_at_sync;  /* 0: never */
    uint64_t cut_at_write; /* 0: never */
    /* Files that the `os` room has open. */
    struct {
        int fd;
        bool directory;
        char name[DISK_NAME_MAX]; /* of a directory; "": the disk's own */
        disk_node *node;
    } fds[FDS_MAX];
    size_t fd_count;
    const skep__os_calls *below;
};

static disk *present; /* the one that is attached */

/* The name of a file that lies directly in the disk's directory, else NULL. What is only memory
 * (-shm) is none of them. */
static const char *name_on(const disk *d, const char *path)
{
    size_t len = strlen(d->dir);
    if (strncmp(path, d->dir, len) != 0 || path[len] != '/')
        return NULL;
    const char *name = path + len + 1;
    size_t name_len = strlen(name);
    if (d->tree)
        return name_len > 0 && name_len < DISK_NAME_MAX ? name : NULL;
    if (name_len == 0 || name_len > 255 || strchr(name, '/') != NULL)
        return NULL;
    return name_len > 4 && strcmp(name + name_len - 4, "-shm") == 0 ? NULL : name;
}

static void lock(disk *d)
{
    (void)pthread_mutex_lock(&d->lock);
}

static void unlock(disk *d)
{
    (void)pthread_mutex_unlock(&d->lock);
}

/* Count a sync; true when the power is gone now. */
static bool sync_cuts(disk *d)
{
    d->syncs++;
    if (d->cut_at_sync != 0 && d->syncs >= d->cut_at_sync)
        d->cut = true;
    return d->cut;
}

static bool write_cuts(disk *d)
{
    d->writes++;
    if (d->cut_at_write != 0 && d->writes >= d->cut_at_write)
        d->cut = true;
    return d->cut;
}

/* ---- SQLite ---- */

static int layer_before(shim_call *call)
{
    disk *d = present;
    if (name_on(d, call->path) == NULL)
        return SQLITE_OK;
    lock(d);
    bool gone = d->cut;
    if (!gone && call->op == VFS_SYNC)
        gone = sync_cuts(d);
    if (!gone && (call->op == VFS_WRITE || call->op == VFS_TRUNCATE))
        gone = write_cuts(d);
    unlock(d);
    return gone ? shim_natural_code(call->op) : SQLITE_OK;
}

/* A new file's own sync is through, or a delete is done; its directory is next. That is a sync of
 * its own, and the power may go before it. */
static void layer_between(shim_call *call)
{
    disk *d = present;
    const char *name = name_on(d, call->path);
    if (name == NULL)
        return;
    lock(d);
    if (call->op == VFS_SYNC && call->tag != NULL && *call->tag != NULL)
        model_sync(*call->tag);
    if (call->op == VFS_DELETE)
        model_unlink(d->model, name);
    if (sync_cuts(d))
        call->dir_synced = false;
    else
        model_sync_names(d->model, "");
    unlock(d);
}

static int layer_after(shim_call *call)
{
    disk *d = present;
    const char *name = name_on(d, call->path);
    if (name == NULL)
        return SQLITE_OK;
    lock(d);
    /* Cut while the real operation ran, by another thread or by the directory's sync: nobody may
     * hear that it was done. Whether it reached the disk is for the model: as pending. */
    bool gone = d->cut;
    disk_node *node = call->tag != NULL ? *call->tag : NULL;
    if (call->op == VFS_OPEN && call->tag != NULL && !gone)
        *call->tag = model_open(d->model, name);
    else if (call->op == VFS_WRITE && node != NULL)
        model_write(node, (uint64_t)call->offset, call->data, (size_t)call->len);
    else if (call->op == VFS_TRUNCATE && node != NULL)
        model_truncate(node, (uint64_t)call->offset);
    else if (call->op == VFS_SYNC && node != NULL && !gone)
        model_sync(node);
    else if (call->op == VFS_DELETE && !call->dir_synced && !gone)
        model_unlink(d->model, name);
    unlock(d);
    return gone ? shim_natural_code(call->op) : SQLITE_OK;
}

static bool layer_device(const char *path, int *sector, int *characteristics)
{
    const disk *d = present;
    if (name_on(d, path) == NULL)
        return false;
    const int all_promises = SQLITE_IOCAP_ATOMIC | SQLITE_IOCAP_ATOMIC512 | SQLITE_IOCAP_ATOMIC1K |
                             SQLITE_IOCAP_ATOMIC2K | SQLITE_IOCAP_ATOMIC4K | SQLITE_IOCAP_ATOMIC8K |
                             SQLITE_IOCAP_ATOMIC16K | SQLITE_IOCAP_ATOMIC32K |
                             SQLITE_IOCAP_ATOMIC64K | SQLITE_IOCAP_SAFE_APPEND |
                             SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE |
                             SQLITE_IOCAP_BATCH_ATOMIC;
    *sector = (int)d->promises.sector;
    *characteristics &= ~all_promises;
    /* SQLite's bits count up from 512 in powers of two. */
    for (uint32_t unit = 512, bit = SQLITE_IOCAP_ATOMIC512; unit <= 65536; unit *= 2, bit *= 2) {
        if (unit == d->promises.atomic)
            *characteristics |= (int)bit;
    }
    if (d->promises.powersafe_overwrite)
        *characteristics |= SQLITE_IOCAP_POWERSAFE_OVERWRITE;
    return true;
}

static void layer_close(void *tag)
{
    model_let_go(tag);
}

/* ---- the `os` room ---- */

static size_t fd_slot(const disk *d, int fd)
{
    size_t i = 0;
    while (i < d->fd_count && d->fds[i].fd != fd)
        i++;
    return i;
}

/* The power is gone, as the kernel would say it. */
static int dead(void)
{
    errno = EIO;
    return -1;
}

static int os_open(const char *path, int flags, mode_t mode)
{
    disk *d = present;
    const char *name = name_on(d, path);
    bool directory = strcmp(path, d->dir) == 0 || (d->tree && (flags & O_DIRECTORY) != 0);
    lock(d);
    int fd = d->cut && (name != NULL || directory) ? dead() : d->below->open(path, flags, mode);
    if (fd >= 0 && (name != NULL || directory)) {
        if (d->fd_count == FDS_MAX)
            ck_abort_msg("more than %d files of the simulated disk are open", FDS_MAX);
        disk_node *node = name != NULL && !directory ? model_open(d->model, name) : NULL;
        if (node != NULL && (flags & O_TRUNC) != 0)
            model_truncate(node, 0);
        d->fds[d->fd_count].fd = fd;
        d->fds[d->fd_count].directory = directory;
        (void)snprintf(d->fds[d->fd_count].name, DISK_NAME_MAX, "%s", name != NULL ? name : "");
        d->fds[d->fd_count].node = node;
        d->fd_count++;
    }
    unlock(d);
    return fd;
}

static int os_close(int fd)
{
    disk *d = present;
    lock(d);
    size_t i = fd_slot(d, fd);
    if (i < d->fd_count) {
        if (d->fds[i].node != NULL)
            model_let_go(d->fds[i].node);
        d->fds[i] = d->fds[--d->fd_count];
    }
    int rc = d->below->close(fd);
    unlock(d);
    return rc;
}

static ssize_t os_write(int fd, const void *data, size_t len)
{
    disk *d = present;
    lock(d);
    size_t i = fd_slot(d, fd);
    bool ours = i < d->fd_count && d->fds[i].node != NULL;
    off_t at = ours ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t n = ours && (d->cut || write_cuts(d)) ? dead() : d->below->write(fd, data, len);
    if (ours && n > 0)
        model_write(d->fds[i].node, (uint64_t)at, data, (size_t)n);
    unlock(d);
    return n;
}

static int os_fsync(int fd)
{
    disk *d = present;
    lock(d);
    size_t i = fd_slot(d, fd);
    bool ours = i < d->fd_count;
    int rc = ours && (d->cut || sync_cuts(d)) ? dead() : d->below->fsync(fd);
    if (ours && rc == 0 && d->fds[i].directory)
        model_sync_names(d->model, d->fds[i].name);
    else if (ours && rc == 0)
        model_sync(d->fds[i].node);
    unlock(d);
    return rc;
}

static int os_rename(const char *from, const char *to)
{
    disk *d = present;
    const char *from_name = name_on(d, from);
    const char *to_name = name_on(d, to);
    bool ours = from_name != NULL && to_name != NULL;
    lock(d);
    int rc = ours && d->cut ? dead() : d->below->rename(from, to);
    if (rc == 0 && ours)
        model_rename(d->model, from_name, to_name);
    unlock(d);
    return rc;
}

static int os_unlink(const char *path)
{
    disk *d = present;
    const char *name = name_on(d, path);
    lock(d);
    int rc = name != NULL && d->cut ? dead() : d->below->unlink(path);
    if (rc == 0 && name != NULL)
        model_unlink(d->model, name);
    unlock(d);
    return rc;
}

static int os_mkdirat(int at, const char *path, mode_t mode)
{
    disk *d = present;
    const char *name = d->tree ? name_on(d, path) : NULL;
    lock(d);
    int rc = name != NULL && d->cut ? dead() : d->below->mkdirat(at, path, mode);
    if (rc == 0 && name != NULL)
        model_make_dir(d->model, name);
    unlock(d);
    return rc;
}

/* ---- API ---- */

static void load_file(disk *d, const char *path)
{
    struct stat st;
    size_t size = 0;
    const char *name = name_on(d, path);
    if (name == NULL || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    const void *data = harness_read_file(path, &size);
    model_add(d->model, name, data, size);
}

/* What lies in a directory; in a tree, also further below. */
static void load(disk *d, const char *from)
{
    DIR *dir = opendir(from);
    if (dir == NULL)
        ck_abort_msg("opendir %s: errno %d", from, errno);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char path[sizeof(d->dir) + 300];
        (void)snprintf(path, sizeof(path), "%s/%s", from, e->d_name);
        bool below = d->tree && e->d_type == DT_DIR && e->d_name[0] != '.';
        if (below) {
            model_make_dir(d->model, name_on(d, path));
            load(d, path);
        } else {
            load_file(d, path);
        }
    }
    (void)closedir(dir);
    const char *name = name_on(d, from);
    model_sync_names(d->model, name != NULL ? name : "");
}

static disk *attach(const char *dir, const disk_promises *promises, bool tree)
{
    static const shim_layer layer = {
        .before = layer_before,
        .between = layer_between,
        .after = layer_after,
        .close = layer_close,
        .device = layer_device,
    };
    static skep__os_calls calls;
    ck_assert_ptr_null(present);
    disk *d = calloc(1, sizeof(*d));
    if (d == NULL || pthread_mutex_init(&d->lock, NULL) != 0)
        ck_abort_msg("the simulated disk is out of memory");
    (void)snprintf(d->dir, sizeof(d->dir), "%s", dir);
    d->promises = *promises;
    d->tree = tree;
    d->model = model_new();
    load(d, d->dir);
    d->below = skep__os();
    calls = *d->below;
    calls.open = os_open;
    calls.close = os_close;
    calls.write = os_write;
    calls.fsync = os_fsync;
    calls.rename = os_rename;
    calls.unlink = os_unlink;
    calls.mkdirat = os_mkdirat;
    present = d;
    shim_set(SHIM_DISK, &layer);
    skep__os_set_calls(&calls);
    return d;
}

disk *disk_new(const char *dir, const disk_promises *promises)
{
    return attach(dir, promises, false);
}

disk *disk_new_tree(const char *dir, const disk_promises *promises)
{
    return attach(dir, promises, true);
}

void disk_free(disk *d)
{
    if (d == NULL)
        return;
    shim_set(SHIM_DISK, NULL);
    skep__os_set_calls(d->below);
    present = NULL;
    model_free(d->model);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

void disk_crash_at_sync(disk *d, uint64_t k)
{
    lock(d);
    d->cut_at_sync = d->syncs + k;
    unlock(d);
}

void disk_crash_at_write(disk *d, uint64_t k)
{
    lock(d);
    d->cut_at_write = d->writes + k + 1;
    unlock(d);
}

void disk_cut(disk *d)
{
    lock(d);
    d->cut = true;
    unlock(d);
}

bool disk_is_cut(disk *d)
{
    lock(d);
    bool cut = d->cut;
    unlock(d);
    return cut;
}

uint64_t disk_syncs(disk *d)
{
    lock(d);
    uint64_t syncs = d->syncs;
    unlock(d);
    return syncs;
}

uint64_t disk_writes(disk *d)
{
    lock(d);
    uint64_t writes = d->writes;
    unlock(d);
    return writes;
}

void disk_write_survivors(disk *d, uint64_t seed, const char *dir)
{
    ck_assert_msg(disk_is_cut(d), "the power is still on");
    if (mkdir(dir, 0700) != 0)
        ck_abort_msg("mkdir %s: errno %d", dir, errno);
    lock(d);
    model_survivors(d->model, &d->promises, seed, dir);
    unlock(d);
}
