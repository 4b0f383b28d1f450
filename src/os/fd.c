/* SPDX-License-Identifier: MIT */
/* What is done with an open file: short and interrupted calls are finished here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "os/calls.h"
#include "os/os.h"

int skep__os_open(const char *path, int flags, uint32_t mode, int *fd)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        int got = skep__os()->open(path, flags | O_CLOEXEC, mode);
        if (got >= 0) {
            *fd = got;
            return SKEP_OK;
        }
        if (errno != EINTR)
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "open %s", path);
}

int skep__os_open_beneath(int dir, const char *path, int flags, uint32_t mode, int *fd)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        int got = skep__os()->open_beneath(dir, path, flags | O_CLOEXEC, mode);
        if (got >= 0) {
            *fd = got;
            return SKEP_OK;
        }
        if (errno != EINTR && errno != EAGAIN) /* EAGAIN: renamed on the way */
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "open %s", path);
}

int skep__os_read(int fd, const char *path, void *data, size_t len, size_t *got)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        ssize_t n = skep__os()->read(fd, data, len);
        if (n >= 0) {
            *got = (size_t)n;
            return SKEP_OK;
        }
        if (errno != EINTR)
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "read %s", path);
}

int skep__os_pread(int fd, const char *path, void *data, size_t len, uint64_t offset, size_t *got)
{
    size_t done = 0;
    for (int i = 0; done < len && i < SKEP__EINTR_MAX; i++) {
        ssize_t n = skep__os()->pread(fd, (char *)data + done, len - done, (off_t)(offset + done));
        if (n == 0)
            break;
        if (n < 0 && (errno != EINTR || i == SKEP__EINTR_MAX - 1))
            return SKEP__FAIL_ERRNO(errno, "read %s", path);
        if (n > 0) {
            done += (size_t)n;
            i = 0;
        }
    }
    *got = done;
    return SKEP_OK;
}

int skep__os_write(int fd, const char *path, const void *data, size_t len)
{
    const char *at = data;
    int interrupted = 0;
    while (len > 0) {
        ssize_t n = skep__os()->write(fd, at, len);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            interrupted = 0;
        } else if (n == 0) {
            return SKEP__FAIL_ERRNO(EIO, "write %s: nothing written, %zu bytes left", path, len);
        } else if (errno != EINTR || ++interrupted == SKEP__EINTR_MAX) {
            return SKEP__FAIL_ERRNO(errno, "write %s", path);
        }
    }
    return SKEP_OK;
}

int skep__os_rewind(int fd, const char *path)
{
    if (skep__os()->lseek(fd, 0, SEEK_SET) != 0)
        return SKEP__FAIL_ERRNO(errno, "seek in %s", path);
    return SKEP_OK;
}

int skep__os_sync(int fd, const char *path)
{
    if (skep__os()->fsync(fd) != 0)
        return SKEP__FAIL_ERRNO(errno, "sync %s", path);
    return SKEP_OK;
}

int skep__os_close(int *fd, const char *path)
{
    int closing = *fd;
    *fd = -1;
    /* EINTR: Linux has closed it all the same. */
    if (closing >= 0 && skep__os()->close(closing) != 0 && errno != EINTR)
        return SKEP__FAIL_ERRNO(errno, "close %s", path);
    return SKEP_OK;
}

void skep__os_drop(int *fd)
{
    if (*fd >= 0)
        (void)skep__os()->close(*fd); /* read only, or failed already: nothing to learn from it */
    *fd = -1;
}

int skep__os_sync_directory_of(const char *path)
{
    char dir[SKEP__PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL)
        memcpy(dir, ".", 2);
    else if (len == 0)
        memcpy(dir, "/", 2);
    else
        (void)snprintf(dir, sizeof(dir), "%.*s", (int)len, path);
    return skep__os_sync_directory(dir);
}

int skep__os_sync_directory(const char *path)
{
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    SKEP__TRY(skep__os_open(path, O_RDONLY | O_DIRECTORY, 0, &fd));
    if (skep__os()->fsync(fd) != 0)
        return SKEP__FAIL_ERRNO(errno, "sync directory %s", path);
    return SKEP_OK;
}
