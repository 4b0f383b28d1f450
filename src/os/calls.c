/* SPDX-License-Identifier: MIT */
#include "os/calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* open() is variadic, so that its address has the wrong type. */
static int kernel_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
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
