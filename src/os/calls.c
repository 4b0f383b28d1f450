/* SPDX-License-Identifier: MIT */
#include "os/calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* open() is variadic, so that its address has the wrong type. */
static int kernel_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int kernel_openat(int dir, const char *path, int flags, mode_t mode)
{
    return openat(dir, path, flags, mode);
}

/* glibc has no function for it. */
static int kernel_open_beneath(int dir, const char *path, int flags, mode_t mode)
{
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)flags,
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static ssize_t kernel_getdents(int fd, void *entries, size_t len)
{
    return getdents64(fd, entries, len);
}

static int kernel_lock_byte(int fd, off_t at, int type)
{
    struct flock lock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock);
}

static int kernel_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &lock);
}

static void *kernel_map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

const skep__os_calls skep__os_kernel = {
    .open = kernel_open,
    .read = read,
    .pread = pread,
    .write = write,
    .lseek = lseek,
    .fsync = fsync,
    .close = close,
    .stat = stat,
    .fstat = fstat,
    .statvfs = statvfs,
    .realpath = realpath,
    .rename = rename,
    .unlink = unlink,
    .fchmod = fchmod,
    .openat = kernel_openat,
    .open_beneath = kernel_open_beneath,
    .fstatat = fstatat,
    .mkdirat = mkdirat,
    .linkat = linkat,
    .renameat = renameat,
    .unlinkat = unlinkat,
    .fchmodat = fchmodat,
    .getdents = kernel_getdents,
    .lock_byte = kernel_lock_byte,
    .lock = kernel_lock,
    .eventfd = eventfd,
    .map = kernel_map,
    .unmap = munmap,
};

#ifdef SKEP_TEST_BUILD
static const skep__os_calls *_Atomic present = &skep__os_kernel;

void skep__os_set_calls(const skep__os_calls *calls)
{
    present = calls != NULL ? calls : &skep__os_kernel;
}

const skep__os_calls *skep__os(void)
{
    return present;
}
#endif
