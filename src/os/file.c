/* SPDX-License-Identifier: MIT */
/*
 * Replacing a file so that a power cut leaves the old one or the new one:
 *
 *   1. write the data under another name in the same directory, sync it, close it;
 *   2. rename it over the old name;
 *   3. sync the directory.
 *
 * Without the sync in 1 the new name can stand on an empty file after the cut, because the rename
 * may reach the disk first. Without 3 the old file can come back after success was reported. A sync
 * that fails is not tried again: the kernel may have dropped the pages, and the second try would
 * succeed.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "os/calls.h"
#include "os/os_limits.h"

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        (void)skep__os()->close(*fd); /* read only, or failed already: nothing to learn from it */
}

static int open_fd(const char *path, int flags, mode_t mode, int *out)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        int fd = skep__os()->open(path, flags | O_CLOEXEC, mode);
        if (fd >= 0) {
            *out = fd;
            return SKEP_OK;
        }
        if (errno != EINTR)
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "open %s", path);
}

/* Returns the bytes read, 0 at the end. */
static int read_some(int fd, const char *path, void *data, size_t len, size_t *out)
{
    for (int i = 0; i < SKEP__EINTR_MAX; i++) {
        ssize_t n = skep__os()->read(fd, data, len);
        if (n >= 0) {
            *out = (size_t)n;
            return SKEP_OK;
        }
        if (errno != EINTR)
            break;
    }
    return SKEP__FAIL_ERRNO(errno, "read %s", path);
}

static int write_all(int fd, const char *path, skep_slice data)
{
    const char *at = data.data;
    size_t left = data.len;
    int interrupted = 0;
    while (left > 0) {
        ssize_t n = skep__os()->write(fd, at, left);
        if (n > 0) {
            at += n;
            left -= (size_t)n;
            interrupted = 0;
        } else if (n == 0) {
            return SKEP__FAIL_ERRNO(EIO, "write %s: nothing written, %zu bytes left", path, left);
        } else if (errno != EINTR || ++interrupted == SKEP__EINTR_MAX) {
            return SKEP__FAIL_ERRNO(errno, "write %s", path);
        }
    }
    return SKEP_OK;
}

int skep__os_read_file(const char *path, skep__buf *out)
{
    SKEP__CLEANUP(close_fd) int fd = -1;
    SKEP__TRY(open_fd(path, O_RDONLY, 0, &fd));
    struct stat st;
    if (skep__os()->fstat(fd, &st) != 0)
        return SKEP__FAIL_ERRNO(errno, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return SKEP__FAIL(SKEP_EINVALID, "%s is not a plain file", path);
    /* The size is a guess only: files of /proc say 0, others grow meanwhile. One byte more than the
     * guess lets the usual file end in two reads. */
    size_t step = (size_t)st.st_size + 1;
    if ((uint64_t)st.st_size > out->max)
        return SKEP__FAIL(SKEP_ELIMIT, "%s has %lld bytes, %zu are allowed", path,
                          (long long)st.st_size, out->max);
    for (;;) {
        char block[4096];
        size_t n = 0;
        SKEP__TRY(read_some(fd, path, block, step < sizeof(block) ? step : sizeof(block), &n));
        if (n == 0)
            return skep__buf_status(out);
        SKEP__TRY(skep__buf_add(out, block, n));
        step = sizeof(block);
    }
}

int skep__os_read_secret(const char *path, void *data, size_t size, size_t *len, uint32_t *mode)
{
    SKEP__CLEANUP(close_fd) int fd = -1;
    SKEP__TRY(open_fd(path, O_RDONLY | O_NONBLOCK, 0, &fd)); /* a FIFO would keep us waiting */
    struct stat st;
    if (skep__os()->fstat(fd, &st) != 0)
        return SKEP__FAIL_ERRNO(errno, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return SKEP__FAIL(SKEP_EINVALID, "%s is not a plain file", path);
    size_t done = 0;
    while (done < size) {
        size_t n = 0;
        SKEP__TRY(read_some(fd, path, (char *)data + done, size - done, &n));
        if (n == 0)
            break;
        done += n;
    }
    *len = done;
    *mode = (uint32_t)(st.st_mode & 07777u);
    return SKEP_OK;
}

/* Make `temp`, write and close it; `durable`: sync it before that. */
static int write_temp(const char *temp, skep_slice data, bool durable)
{
    SKEP__CLEANUP(close_fd) int fd = -1;
    SKEP__TRY(open_fd(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd));
    if (skep__os()->fchmod(fd, 0600) != 0) /* whatever the umask */
        return SKEP__FAIL_ERRNO(errno, "change the mode of %s", temp);
    SKEP__TRY(write_all(fd, temp, data));
    if (durable && skep__os()->fsync(fd) != 0)
        return SKEP__FAIL_ERRNO(errno, "sync %s", temp);
    int closing = fd;
    fd = -1;
    /* EINTR: Linux has closed it all the same. */
    if (skep__os()->close(closing) != 0 && errno != EINTR)
        return SKEP__FAIL_ERRNO(errno, "close %s", temp);
    return SKEP_OK;
}

static int sync_directory_of(const char *path)
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
    SKEP__CLEANUP(close_fd) int fd = -1;
    SKEP__TRY(open_fd(dir, O_RDONLY | O_DIRECTORY, 0, &fd));
    if (skep__os()->fsync(fd) != 0)
        return SKEP__FAIL_ERRNO(errno, "sync directory %s", dir);
    return SKEP_OK;
}

/* A name that no other running thread can use. */
static int temp_name(const char *path, char temp[SKEP__PATH_MAX])
{
    int len = snprintf(temp, SKEP__PATH_MAX, "%s.%ld.tmp", path, (long)gettid());
    if (len < 0 || (size_t)len >= SKEP__PATH_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "path of more than %d bytes: %s", SKEP__PATH_MAX - 1, path);
    return SKEP_OK;
}

int skep__os_try_create(const char *path)
{
    SKEP__CLEANUP(close_fd) int fd = -1;
    char temp[SKEP__PATH_MAX];
    SKEP__TRY(temp_name(path, temp));
    if (open_fd(temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd) < 0)
        return SKEP__FAIL_ERRNO(skep_last_error()->sys_errno, "create %s", path);
    if (skep__os()->unlink(temp) != 0)
        return SKEP__FAIL_ERRNO(errno, "remove %s", temp);
    return SKEP_OK;
}

static int replace(const char *path, const char *temp, skep_slice data, bool durable)
{
    if (skep__os()->unlink(temp) != 0 && errno != ENOENT)
        return SKEP__FAIL_ERRNO(errno, "remove %s", temp);
    int rc = write_temp(temp, data, durable);
    if (rc >= 0 && skep__os()->rename(temp, path) != 0)
        rc = SKEP__FAIL_ERRNO(errno, "rename %s to %s", temp, path);
    if (rc < 0)
        (void)skep__os()->unlink(temp); /* the first failure is the one to report */
    return rc;
}

int skep__os_write_file(const char *path, skep_slice data)
{
    /* One of a process that died with the same number is waste, and in the way. */
    char temp[SKEP__PATH_MAX];
    SKEP__TRY(temp_name(path, temp));
    SKEP__TRY(replace(path, temp, data, true));
    int rc = sync_directory_of(path);
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__os_remove_file(const char *path)
{
    if (skep__os()->unlink(path) != 0)
        return errno == ENOENT ? SKEP_OK : SKEP__FAIL_ERRNO(errno, "remove %s", path);
    int rc = sync_directory_of(path);
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__os_show_file(const char *path, skep_slice data)
{
    char temp[SKEP__PATH_MAX];
    int len = snprintf(temp, sizeof(temp), "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof(temp))
        return SKEP__FAIL(SKEP_ELIMIT, "path of more than %d bytes: %s", SKEP__PATH_MAX - 1, path);
    return replace(path, temp, data, false);
}

int skep__os_hide_file(const char *path)
{
    if (skep__os()->unlink(path) != 0 && errno != ENOENT)
        return SKEP__FAIL_ERRNO(errno, "remove %s", path);
    return SKEP_OK;
}
