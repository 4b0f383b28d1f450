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

int skep__os_read_file(const char *path, skep__buf *out)
{
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    SKEP__TRY(skep__os_open(path, O_RDONLY, 0, &fd));
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
        SKEP__TRY(skep__os_read(fd, path, block, step < sizeof(block) ? step : sizeof(block), &n));
        if (n == 0)
            return skep__buf_status(out);
        SKEP__TRY(skep__buf_add(out, block, n));
        step = sizeof(block);
    }
}

int skep__os_read_secret(const char *path, void *data, size_t size, size_t *len, uint32_t *mode)
{
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    SKEP__TRY(
        skep__os_open(path, O_RDONLY | O_NONBLOCK, 0, &fd)); /* a FIFO would keep us waiting */
    struct stat st;
    if (skep__os()->fstat(fd, &st) != 0)
        return SKEP__FAIL_ERRNO(errno, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return SKEP__FAIL(SKEP_EINVALID, "%s is not a plain file", path);
    size_t done = 0;
    while (done < size) {
        size_t n = 0;
        SKEP__TRY(skep__os_read(fd, path, (char *)data + done, size - done, &n));
        if (n == 0)
            break;
        done += n;
    }
    *len = done;
    *mode = (uint32_t)(st.st_mode & 07777u);
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
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    char temp[SKEP__PATH_MAX];
    SKEP__TRY(temp_name(path, temp));
    if (skep__os_open(temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd) < 0)
        return SKEP__FAIL_ERRNO(skep_last_error()->sys_errno, "create %s", path);
    if (skep__os()->unlink(temp) != 0)
        return SKEP__FAIL_ERRNO(errno, "remove %s", temp);
    return SKEP_OK;
}

static int begin_as(const char *path, skep__os_new *out)
{
    /* One of a process that died with the same number is waste, and in the way. */
    if (skep__os()->unlink(out->temp) != 0 && errno != ENOENT)
        return SKEP__FAIL_ERRNO(errno, "remove %s", out->temp);
    out->path = path;
    out->fd = -1;
    SKEP__TRY(skep__os_open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &out->fd));
    if (skep__os()->fchmod(out->fd, 0600) != 0) { /* whatever the umask */
        int rc = SKEP__FAIL_ERRNO(errno, "change the mode of %s", out->temp);
        skep__os_new_abort(out);
        return rc;
    }
    return SKEP_OK;
}

int skep__os_new_begin(const char *path, skep__os_new *out)
{
    SKEP__TRY(temp_name(path, out->temp));
    return begin_as(path, out);
}

void skep__os_new_abort(skep__os_new *file)
{
    if (file->path == NULL)
        return;
    skep__os_drop(&file->fd);
    (void)skep__os()->unlink(file->temp); /* the first failure is the one to report */
    *file = (skep__os_new){.fd = -1};
}

/* Close it and give it its name. */
static int name_it(skep__os_new *file)
{
    SKEP__TRY(skep__os_close(&file->fd, file->temp));
    if (skep__os()->rename(file->temp, file->path) != 0)
        return SKEP__FAIL_ERRNO(errno, "rename %s to %s", file->temp, file->path);
    file->path = NULL;
    return SKEP_OK;
}

int skep__os_new_commit(skep__os_new *file)
{
    const char *path = file->path;
    int rc = skep__os_sync(file->fd, file->temp);
    if (rc >= 0)
        rc = name_it(file);
    if (rc < 0) {
        skep__os_new_abort(file);
        return rc;
    }
    rc = skep__os_sync_directory_of(path);
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__os_write_file(const char *path, skep_slice data)
{
    skep__os_new file;
    SKEP__TRY(skep__os_new_begin(path, &file));
    int rc = skep__os_write(file.fd, file.temp, data.data, data.len);
    if (rc >= 0)
        return skep__os_new_commit(&file);
    skep__os_new_abort(&file);
    return rc;
}

int skep__os_remove_file(const char *path)
{
    if (skep__os()->unlink(path) != 0)
        return errno == ENOENT ? SKEP_OK : SKEP__FAIL_ERRNO(errno, "remove %s", path);
    int rc = skep__os_sync_directory_of(path);
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__os_show_file(const char *path, skep_slice data)
{
    skep__os_new file;
    int len = snprintf(file.temp, sizeof(file.temp), "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof(file.temp))
        return SKEP__FAIL(SKEP_ELIMIT, "path of more than %d bytes: %s", SKEP__PATH_MAX - 1, path);
    SKEP__TRY(begin_as(path, &file));
    int rc = skep__os_write(file.fd, file.temp, data.data, data.len);
    if (rc >= 0)
        rc = name_it(&file);
    if (rc < 0)
        skep__os_new_abort(&file);
    return rc;
}

int skep__os_hide_file(const char *path)
{
    if (skep__os()->unlink(path) != 0 && errno != ENOENT)
        return SKEP__FAIL_ERRNO(errno, "remove %s", path);
    return SKEP_OK;
}
