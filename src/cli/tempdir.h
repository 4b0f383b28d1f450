/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_TEMPDIR_H
#define SKEP__CLI_TEMPDIR_H

#include "cli/cli.h"

#define CLI_TEMPDIR_MAX 2048 /* bytes of its path: room is left for the names in it */

/* A directory of a command's own, which is gone when the command ends. */
typedef struct cli_tempdir {
    char path[CLI_TEMPDIR_MAX];
    const char *file_system; /* "" if unknown */
    bool in_memory;          /* it is not on a disk: a sync costs nothing */
} cli_tempdir;

/* In `base`; NULL: in TMPDIR, else in /tmp, or in /var/tmp where /tmp is in memory. `name` is what
 * its name begins with. */
cli_exit cli_tempdir_make(const cli_ui *ui, const char *base, const char *name, cli_tempdir *out);
/* Remove it and all that is in it; nobody else made any. */
cli_exit cli_tempdir_remove(const cli_ui *ui, const cli_tempdir *dir);

/* A file for reading and writing that has no name, in TMPDIR, else in /tmp; -1 and errno. A secret
 * one is in memory: what is in an encrypted database, or on its way there, lies on no disk in the
 * clear. */
int cli_nameless_file(bool secret);

#endif
