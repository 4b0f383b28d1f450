/* SPDX-License-Identifier: MIT */
/*
 * A lock that is a file, and a file only as long as somebody holds the lock.
 *
 * The lock belongs to the open file description: it works between handles of one process too, and
 * no other close() in the process takes it away, as it would with the locks of POSIX. The holder
 * removes the file before it lets go. So whoever got the lock has to look whether what it locked is
 * still what stands under the name; else two could hold "the" lock, each on a file of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "os/calls.h"
#include "os/os.h"
#include "os/os_limits.h"

enum { TAKEN = 1, HELD_BY_ANOTHER = 0, REMOVED = 2 };

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        (void)skep__os()->close(*fd); /* nothing was written */
}

/* O_NONBLOCK: a FIFO in its place must not hang. */
static int open_fd(const char *path, int *out)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        int fd =
            skep__os()->open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd >= 0) {
            *out = fd;
            return SKEP_OK;
        }
        if (errno != EINTR)
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "open %s", path);
}

static int lock_fd(int fd, const char *path)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        if (skep__os()->lock(fd) == 0)
            return TAKEN;
        if (errno == EAGAIN || errno == EACCES)
            return HELD_BY_ANOTHER;
        if (errno != EINTR)
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "lock %s", path);
}

static int try_lock(const char *path, int *out)
{
    SKEP__CLEANUP(close_fd) int fd = -1;
    struct stat own;
    struct stat there;
    SKEP__TRY(open_fd(path, &fd));
    if (skep__os()->fstat(fd, &own) != 0)
        return SKEP__FAIL_ERRNO(errno, "stat %s", path);
    if (!S_ISREG(own.st_mode))
        return SKEP__FAIL(SKEP_EINVALID, "%s is not a plain file", path);
    int rc = lock_fd(fd, path);
    if (rc != TAKEN)
        return rc;
    if (skep__os()->stat(path, &there) != 0) {
        if (errno == ENOENT)
            return REMOVED;
        return SKEP__FAIL_ERRNO(errno, "stat %s", path);
    }
    if (own.st_dev != there.st_dev || own.st_ino != there.st_ino)
        return REMOVED;
    if ((own.st_mode & 07777u) != 0600 && skep__os()->fchmod(fd, 0600) != 0)
        return SKEP__FAIL_ERRNO(errno, "change the mode of %s", path);
    *out = fd;
    fd = -1;
    return TAKEN;
}

int skep__os_lock(const char *path, int *fd)
{
    int rc = REMOVED;
    for (int i = 0; i < SKEP__LOCK_TRIES && rc == REMOVED; i++)
        rc = try_lock(path, fd);
    return rc == REMOVED ? HELD_BY_ANOTHER : rc;
}

void skep__os_unlock(const char *path, int *fd)
{
    if (*fd < 0)
        return;
    if (path != NULL)
        (void)skep__os()->unlink(path); /* an empty file that stays is no harm */
    (void)skep__os()->close(*fd);
    *fd = -1;
}
