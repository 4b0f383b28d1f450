/* SPDX-License-Identifier: MIT */
#include "cli/import/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/stop.h"
#include "cli/tempdir.h"

#define LOOK_EVERY_MS 100
#define PIECE_MAX ((size_t)1 << 30) /* of one system call */

int cli_source_open(cli_source *source, const char *path)
{
    struct stat st;
    bool standard = strcmp(path, "-") == 0;
    memset(source, 0, sizeof(*source));
    source->name = standard ? "standard input" : path;
    source->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    source->own = !standard;
    if (source->fd < 0 || fstat(source->fd, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    off_t at = S_ISREG(st.st_mode) ? lseek(source->fd, 0, SEEK_CUR) : -1;
    source->seekable = at >= 0;
    if (source->seekable) {
        source->begin = (uint64_t)at;
        source->size = st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
        (void)posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return 0;
    }
    source->kept = malloc(CLI_SOURCE_KEPT_MAX);
    return source->kept == NULL ? ENOMEM : 0;
}

/* Wait until something can be read, or until the user asked to stop. */
static int wait_for_data(const cli_source *source)
{
    while (!cli_stopping()) {
        struct pollfd ready = {.fd = source->fd, .events = POLLIN};
        int n = poll(&ready, 1, LOOK_EVERY_MS);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
    }
    return EINTR;
}

/* One system call's worth; `*got` 0 is the end. */
static int read_piece(const cli_source *source, char *data, size_t room, size_t *got)
{
    int rc = source->seekable ? 0 : wait_for_data(source);
    while (rc == 0) {
        size_t piece = room < PIECE_MAX ? room : PIECE_MAX;
        ssize_t n = source->seekable
                        ? pread(source->fd, data, piece, (off_t)(source->begin + source->offset))
                        : read(source->fd, data, piece);
        if (n >= 0) {
            *got = (size_t)n;
            return 0;
        }
        if (errno != EINTR && errno != EAGAIN)
            return errno;
        if (cli_stopping())
            return EINTR;
        rc = source->seekable ? 0 : wait_for_data(source);
    }
    return rc;
}

static void keep(cli_source *source, const char *data, size_t len)
{
    if (source->kept == NULL)
        return;
    if (len > CLI_SOURCE_KEPT_MAX - source->kept_len) {
        free(source->kept);
        source->kept = NULL;
        return;
    }
    memcpy(source->kept + source->kept_len, data, len);
    source->kept_len += len;
}

int cli_source_read(cli_source *source, char *data, size_t room, size_t *got)
{
    size_t have = 0;
    if (source->kept != NULL && source->offset < source->kept_len) {
        have = source->kept_len - (size_t)source->offset;
        have = have < room ? have : room;
        memcpy(data, source->kept + source->offset, have);
        source->offset += have;
    }
    while (have < room) {
        size_t piece = 0;
        int rc = read_piece(source, data + have, room - have, &piece);
        if (rc != 0)
            return rc;
        if (piece == 0)
            break;
        if (!source->seekable)
            keep(source, data + have, piece);
        have += piece;
        source->offset += piece;
    }
    *got = have;
    return 0;
}

bool cli_source_rewind(cli_source *source, uint64_t offset)
{
    if (!source->seekable && offset != source->offset && source->kept == NULL)
        return false;
    source->offset = offset;
    return true;
}

static int copy_all(cli_source *source, int to, char *piece, size_t room)
{
    size_t got = 0;
    int rc = cli_source_read(source, piece, room, &got);
    for (; rc == 0 && got > 0; rc = cli_source_read(source, piece, room, &got))
        for (size_t done = 0; done < got;) {
            ssize_t n = write(to, piece + done, got - done);
            if (n < 0 && errno != EINTR)
                return errno;
            done += n > 0 ? (size_t)n : 0;
        }
    return rc;
}

int cli_source_spool(cli_source *source, bool secret)
{
    if (source->seekable)
        return 0;
    char *piece = malloc(CLI_SOURCE_KEPT_MAX);
    int fd = piece != NULL ? cli_nameless_file(secret) : -1;
    int rc = fd >= 0 ? 0 : piece == NULL ? ENOMEM : errno;
    if (rc == 0)
        rc = copy_all(source, fd, piece, CLI_SOURCE_KEPT_MAX);
    free(piece);
    if (rc != 0) {
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    free(source->kept);
    source->kept = NULL;
    source->size = source->offset;
    source->offset = 0;
    source->begin = 0;
    source->seekable = true;
    source->fd = fd;
    source->own = true;
    return 0;
}

void cli_source_close(cli_source *source)
{
    if (source->own && source->fd >= 0)
        (void)close(source->fd);
    free(source->kept);
    source->kept = NULL;
}
