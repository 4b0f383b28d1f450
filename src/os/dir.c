/* SPDX-License-Identifier: MIT */
/* Directories, names, and locks on single bytes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "os/calls.h"
#include "os/os.h"

#define BLOCK (32 * 1024)

int skep__os_make_directory(const char *path)
{
    if (skep__os()->mkdirat(AT_FDCWD, path, 0700) != 0)
        return errno == EEXIST ? 0 : SKEP__FAIL_ERRNO(errno, "make directory %s", path);
    /* A umask that takes the owner's bits too would lock us out. */
    if (skep__os()->fchmodat(AT_FDCWD, path, 0700, 0) != 0)
        return SKEP__FAIL_ERRNO(errno, "change the mode of %s", path);
    return 1;
}

int skep__os_rename(const char *from, const char *to)
{
    if (skep__os()->rename(from, to) != 0)
        return SKEP__FAIL_ERRNO(errno, "rename %s to %s", from, to);
    return SKEP_OK;
}

int skep__os_unlink(const char *path)
{
    if (skep__os()->unlink(path) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : SKEP__FAIL_ERRNO(errno, "remove %s", path);
}

/* ---- what is in a directory ---- */

struct skep__os_dir {
    int fd;
    bool owns;
    size_t at;
    size_t len;
    char path[SKEP__PATH_MAX];
    _Alignas(struct dirent64) char block[BLOCK];
};

static int dir_new(int fd, bool owns, const char *path, skep__os_dir **out)
{
    skep__os_dir *dir = skep__alloc(sizeof(*dir));
    if (dir == NULL)
        return skep__oom();
    dir->fd = fd;
    dir->owns = owns;
    dir->at = 0;
    dir->len = 0;
    (void)snprintf(dir->path, sizeof(dir->path), "%s", path);
    *out = dir;
    return SKEP_OK;
}

int skep__os_dir_open(const char *path, skep__os_dir **out)
{
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    SKEP__TRY(skep__os_open(path, O_RDONLY | O_DIRECTORY, 0, &fd));
    SKEP__TRY(dir_new(fd, true, path, out));
    fd = -1;
    return SKEP_OK;
}

int skep__os_dir_of(int fd, const char *path, skep__os_dir **out)
{
    return dir_new(fd, false, path, out);
}

static int read_block(skep__os_dir *dir)
{
    ssize_t n = -1;
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        n = skep__os()->getdents(dir->fd, dir->block, sizeof(dir->block));
        if (n >= 0 || errno != EINTR)
            break;
    }
    if (n < 0)
        return SKEP__FAIL_ERRNO(errno, "read directory %s", dir->path);
    dir->at = 0;
    dir->len = (size_t)n;
    return SKEP_OK;
}

int skep__os_dir_next(skep__os_dir *dir, const char **name, unsigned char *type)
{
    for (;;) {
        if (dir->at == dir->len)
            SKEP__TRY(read_block(dir));
        if (dir->len == 0)
            return 0;
        const struct dirent64 *entry = (const void *)(dir->block + dir->at);
        dir->at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *name = entry->d_name;
        *type = entry->d_type;
        return 1;
    }
}

void skep__os_dir_close(skep__os_dir *dir)
{
    if (dir != NULL && dir->owns)
        skep__os_drop(&dir->fd);
    skep__free(dir);
}

/* ---- locks on bytes ---- */

int skep__os_lock_byte(int fd, const char *path, uint64_t at)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        if (skep__os()->lock_byte(fd, (off_t)at, F_WRLCK) == 0)
            return 1;
        if (errno == EAGAIN || errno == EACCES)
            return 0;
        if (errno != EINTR)
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "lock %s", path);
}

void skep__os_unlock_byte(int fd, uint64_t at)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++)
        if (skep__os()->lock_byte(fd, (off_t)at, F_UNLCK) == 0 || errno != EINTR)
            return;
}
