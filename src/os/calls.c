/* SPDX-License-Identifier: MIT */
#include "os/calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

const skep__os_calls skep__os_kernel = {
    .open = kernel_open,
    .read = read,
    .write = write,
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
