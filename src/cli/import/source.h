/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_IMPORT_SOURCE_H
#define SKEP__CLI_IMPORT_SOURCE_H

#include "cli/cli.h"

/* Where data is read from: a file, or something that can be read only once. Of that the beginning
 * is kept, because a header is looked at first, and a transaction may run again. */

#define CLI_SOURCE_KEPT_MAX ((size_t)1 << 20)

typedef struct cli_source {
    const char *name; /* for messages */
    int fd;
    bool own; /* it is to be closed */
    bool seekable;
    uint64_t size;   /* bytes, if seekable */
    uint64_t offset; /* where the next read is */
    uint64_t begin;  /* position of the descriptor when it was taken over */
    char *kept;      /* not seekable: all that was read so far, NULL once that is too much */
    size_t kept_len;
} cli_source;

/* `path` "-" is standard input. Returns 0 or an errno. */
int cli_source_open(cli_source *source, const char *path);
/* Copy what cannot be read twice into a nameless temporary file, and read that; into memory if it
 * is secret. */
int cli_source_spool(cli_source *source, bool secret);
/* Fill `data`, unless the input ends before. Ends early, with EINTR, when the user asked to stop.
 */
int cli_source_read(cli_source *source, char *data, size_t room, size_t *got);
/* Go back to `offset`. False: that has been read already and is not kept. */
bool cli_source_rewind(cli_source *source, uint64_t offset);
void cli_source_close(cli_source *source);

#endif
