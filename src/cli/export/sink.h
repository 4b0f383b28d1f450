/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_EXPORT_SINK_H
#define SKEP__CLI_EXPORT_SINK_H

#include "cli/cli.h"

/* Where an export is written: a descriptor behind a large buffer. The first failure is remembered
 * and nothing is written after it. */
typedef struct cli_sink {
    int fd;
    int error; /* errno */
    char *data;
    size_t len;
    uint64_t written; /* bytes, those in the buffer too */
} cli_sink;

#define CLI_SINK_BYTES ((size_t)1 << 18)
#define CLI_SINK_ROOM ((size_t)1 << 16) /* the most that may be asked for at once */

int cli_sink_init(cli_sink *sink, int fd); /* errno */
/* Room for `bytes`; what was put there is told to cli_sink_put_room(). */
char *cli_sink_room(cli_sink *sink, size_t bytes);
void cli_sink_took(cli_sink *sink, size_t bytes);
void cli_sink_put(cli_sink *sink, const void *data, size_t len);
/* Write what is in the buffer. Returns the error. */
int cli_sink_flush(cli_sink *sink);
void cli_sink_dispose(cli_sink *sink);

/* A file that comes to be only when it is complete: written beside its place, synced, renamed. */
typedef struct cli_newfile {
    const char *path;
    char *target; /* what `path` names, behind links */
    char *beside; /* the file that is written; NULL: none */
    int fd;
    bool replace;
} cli_newfile;

/* Each returns an errno; EEXIST: it is there and may not be replaced. */
int cli_newfile_open(cli_newfile *file, const char *path, bool replace);
int cli_newfile_commit(cli_newfile *file);
/* Remove what is not committed. */
void cli_newfile_dispose(cli_newfile *file);

#endif
