/* SPDX-License-Identifier: MIT */
#include "cli/export/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_sink_init(cli_sink *sink, int fd)
{
    memset(sink, 0, sizeof(*sink));
    sink->fd = fd;
    sink->data = malloc(CLI_SINK_BYTES);
    return sink->data == NULL ? ENOMEM : 0;
}

int cli_sink_flush(cli_sink *sink)
{
    for (size_t done = 0; sink->error == 0 && done < sink->len;) {
        ssize_t n = write(sink->fd, sink->data + done, sink->len - done);
        if (n < 0 && errno != EINTR)
            sink->error = errno;
        done += n > 0 ? (size_t)n : 0;
    }
    sink->len = 0;
    return sink->error;
}

char *cli_sink_room(cli_sink *sink, size_t bytes)
{
    if (CLI_SINK_BYTES - sink->len < bytes)
        (void)cli_sink_flush(sink);
    return sink->data + sink->len;
}

void cli_sink_took(cli_sink *sink, size_t bytes)
{
    sink->len += bytes;
    sink->written += bytes;
}

void cli_sink_put(cli_sink *sink, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        size_t piece = len < CLI_SINK_ROOM ? len : CLI_SINK_ROOM;
        memcpy(cli_sink_room(sink, piece), at, piece);
        cli_sink_took(sink, piece);
        at += piece;
        len -= piece;
    }
}

void cli_sink_dispose(cli_sink *sink)
{
    free(sink->data);
    memset(sink, 0, sizeof(*sink));
}

/* ---- new files ---- */

static int check_target(cli_newfile *file, mode_t *mode)
{
    struct stat st;
    if (lstat(file->path, &st) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!file->replace)
        return EEXIST;
    free(file->target);
    file->target = realpath(file->path, NULL); /* a link stays one */
    if (file->target == NULL || stat(file->target, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    *mode = st.st_mode & 0777;
    return S_ISREG(st.st_mode) ? 0 : EINVAL; /* a device is not to be replaced by a file */
}

int cli_newfile_open(cli_newfile *file, const char *path, bool replace)
{
    static const char suffix[] = ".skep-XXXXXX";
    mode_t mode = 0600;
    *file = (cli_newfile){.path = path, .fd = -1, .replace = replace};
    file->target = strdup(path);
    int rc = file->target == NULL ? ENOMEM : check_target(file, &mode);
    if (rc != 0)
        return rc;
    file->beside = malloc(strlen(file->target) + sizeof(suffix));
    if (file->beside == NULL)
        return ENOMEM;
    memcpy(file->beside, file->target, strlen(file->target));
    memcpy(file->beside + strlen(file->target), suffix, sizeof(suffix));
    file->fd = mkostemp(file->beside, O_CLOEXEC);
    if (file->fd < 0) {
        rc = errno;
        free(file->beside);
        file->beside = NULL;
        return rc;
    }
    return fchmod(file->fd, mode) != 0 ? errno : 0;
}

/* The name must survive a power cut too. */
static int sync_directory(const cli_newfile *file)
{
    char *copy = strdup(file->target);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd < 0 || fsync(fd) != 0 ? errno : 0;
    free(copy);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* Without --force a file that came to be meanwhile is not replaced either. */
static int rename_beside(const cli_newfile *file)
{
    if (!file->replace) {
        if (renameat2(AT_FDCWD, file->beside, AT_FDCWD, file->target, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EINVAL && errno != ENOSYS)
            return errno;
        if (link(file->beside, file->target) != 0)
            return errno;
        return unlink(file->beside) != 0 ? errno : 0;
    }
    return rename(file->beside, file->target) != 0 ? errno : 0;
}

int cli_newfile_commit(cli_newfile *file)
{
    int rc = fsync(file->fd) != 0 ? errno : 0;
    if (close(file->fd) != 0 && rc == 0)
        rc = errno;
    file->fd = -1;
    if (rc == 0)
        rc = rename_beside(file);
    if (rc != 0)
        return rc;
    free(file->beside);
    file->beside = NULL;
    return sync_directory(file);
}

void cli_newfile_dispose(cli_newfile *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    if (file->beside != NULL)
        (void)unlink(file->beside);
    free(file->beside);
    free(file->target);
    *file = (cli_newfile){.fd = -1};
}
