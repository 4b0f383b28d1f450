/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/err.h"
#include "os/calls.h"
#include "os/os_limits.h"

static skep__file_type type_of(mode_t mode)
{
    if (S_ISREG(mode))
        return SKEP__FILE_REGULAR;
    if (S_ISDIR(mode))
        return SKEP__FILE_DIRECTORY;
    if (S_ISFIFO(mode))
        return SKEP__FILE_FIFO;
    if (S_ISSOCK(mode))
        return SKEP__FILE_SOCKET;
    return SKEP__FILE_DEVICE;
}

static int64_t ns_of(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static skep__file_info info_of(const struct stat *st)
{
    return (skep__file_info){
        .type = type_of(st->st_mode),
        .mode = (uint32_t)(st->st_mode & 07777u),
        .size = (uint64_t)st->st_size,
        .mtime_ns = ns_of(st->st_mtim),
        .ctime_ns = ns_of(st->st_ctim),
        .device = (uint64_t)st->st_dev,
        .inode = (uint64_t)st->st_ino,
    };
}

int skep__os_stat(const char *path, skep__file_info *out)
{
    struct stat st;
    if (skep__os()->stat(path, &st) != 0)
        return SKEP__FAIL_ERRNO(errno, "stat %s", path);
    *out = info_of(&st);
    return SKEP_OK;
}

int skep__os_info(int fd, const char *path, skep__file_info *out)
{
    struct stat st;
    if (skep__os()->fstat(fd, &st) != 0)
        return SKEP__FAIL_ERRNO(errno, "stat %s", path);
    *out = info_of(&st);
    return SKEP_OK;
}

int skep__os_free_bytes(const char *path, uint64_t *out)
{
    struct statvfs st;
    if (skep__os()->statvfs(path, &st) != 0)
        return SKEP__FAIL_ERRNO(errno, "statvfs %s", path);
    uint64_t bytes = 0;
    /* File systems without a limit of their own answer with sizes that do not multiply. */
    if (__builtin_mul_overflow((uint64_t)st.f_bavail, (uint64_t)st.f_frsize, &bytes))
        bytes = UINT64_MAX;
    *out = bytes;
    return SKEP_OK;
}

/* `path` up to and without its last part, "." if it has one part only. */
static int directory_of(const char *path, const char *last, char out[SKEP__PATH_MAX])
{
    size_t len = (size_t)(last - path);
    if (len >= SKEP__PATH_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "path of more than %d bytes: %s", SKEP__PATH_MAX - 1, path);
    if (len == 0) {
        memcpy(out, ".", 2);
    } else {
        memcpy(out, path, len);
        out[len] = '\0';
    }
    return SKEP_OK;
}

/* A file that is still to be made: its directory is resolved, its name put behind it. */
static int full_path_of_new(const char *path, char full[SKEP__PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return SKEP__FAIL_ERRNO(ENOENT, "%s", path);
    char dir[SKEP__PATH_MAX];
    SKEP__TRY(directory_of(path, last, dir));
    if (skep__os()->realpath(dir, full) == NULL)
        return SKEP__FAIL_ERRNO(errno, "directory of %s", path);
    size_t len = strlen(full);
    size_t name = strlen(last);
    bool root = len == 1;
    if (len + name + 2 > SKEP__PATH_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "path of more than %d bytes: %s", SKEP__PATH_MAX - 1, path);
    if (!root)
        full[len++] = '/';
    memcpy(full + len, last, name + 1);
    return SKEP_OK;
}

int skep__os_full_path(const char *path, char *out, size_t size)
{
    char full[SKEP__PATH_MAX];
    if (skep__os()->realpath(path, full) == NULL) {
        if (errno != ENOENT)
            return SKEP__FAIL_ERRNO(errno, "%s", path);
        SKEP__TRY(full_path_of_new(path, full));
    }
    size_t len = strlen(full) + 1;
    if (len > size)
        return SKEP__FAIL(SKEP_ELIMIT, "path of %zu bytes, %zu fit: %s", len - 1, size - 1, full);
    memcpy(out, full, len);
    return SKEP_OK;
}

int skep__os_signal_new(int *fd)
{
    int new_fd = skep__os()->eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (new_fd < 0)
        return SKEP__FAIL_ERRNO(errno, "eventfd");
    *fd = new_fd;
    return SKEP_OK;
}

void skep__os_signal_raise(int fd)
{
    const uint64_t one = 1;
    /* It fails when the count is full, and then it is readable already. */
    for (int i = 0; i < SKEP__EINTR_MAX; i++)
        if (skep__os()->write(fd, &one, sizeof(one)) >= 0 || errno != EINTR)
            return;
}

void skep__os_signal_close(int fd)
{
    (void)skep__os()->close(fd);
}
