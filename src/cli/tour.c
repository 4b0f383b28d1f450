/* SPDX-License-Identifier: MIT */
#include "cli/tour.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/stop.h"

#define SOURCE_DEFAULT "/usr/share"
#define MAGIC_TMPFS 0x01021994
#define MAGIC_RAMFS 0x858458f6

bool tour_stopping(void)
{
    return cli_stopping();
}

static const char *file_system_name(long magic)
{
    static const struct {
        long magic;
        const char *name;
    } known[] = {
        {0xef53, "ext4"},       {0x58465342, "xfs"},     {0x9123683e, "btrfs"},
        {0x2fc12fc1, "zfs"},    {0x794c7630, "overlay"}, {0x6969, "nfs"},
        {MAGIC_TMPFS, "tmpfs"}, {MAGIC_RAMFS, "ramfs"},  {0xf2f52010, "f2fs"},
        {0x65735546, "fuse"},   {0x01021997, "9p"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].magic == magic)
            return known[i].name;
    return "";
}

static bool in_memory(const char *dir)
{
    struct statfs fs;
    return statfs(dir, &fs) == 0 && (fs.f_type == MAGIC_TMPFS || fs.f_type == MAGIC_RAMFS);
}

/* A directory on a disk, where one is to be had: in memory a sync costs nothing, and the figures
 * would flatter. TMPDIR is the user's own word and stands. */
static const char *base_directory(void)
{
    const char *chosen = getenv("TMPDIR");
    if (chosen != NULL && chosen[0] != '\0')
        return chosen;
    if (in_memory("/tmp") && access("/var/tmp", W_OK | X_OK) == 0)
        return "/var/tmp";
    return "/tmp";
}

static cli_exit make_directory(tour *t)
{
    struct statfs fs;
    int len = snprintf(t->dir, sizeof(t->dir), "%s/skep-tour-XXXXXX", base_directory());
    if (len < 0 || (size_t)len >= sizeof(t->dir))
        return cli_fail_errno(t->ui, ENAMETOOLONG, "make a directory in", base_directory());
    if (mkdtemp(t->dir) == NULL) {
        t->dir[0] = '\0';
        return cli_fail_errno(t->ui, errno, "make a directory in", base_directory());
    }
    t->file_system = statfs(t->dir, &fs) == 0 ? file_system_name((long)fs.f_type) : "";
    t->in_memory = in_memory(t->dir);
    return CLI_DONE;
}

/* Nothing in it was made by anybody else, and it has no directories. */
static cli_exit remove_directory(const tour *t)
{
    DIR *dir = opendir(t->dir);
    if (dir == NULL)
        return cli_fail_errno(t->ui, errno, "remove", t->dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT) {
            int why = errno;
            (void)closedir(dir);
            return cli_fail_errno(t->ui, why, "empty", t->dir);
        }
    }
    (void)closedir(dir);
    if (rmdir(t->dir) != 0)
        return cli_fail_errno(t->ui, errno, "remove", t->dir);
    return CLI_DONE;
}

cli_exit cli_tour(const cli_call *call)
{
    tour t = {.ui = call->ui, .out = {stdout, 0}, .begun_ns = cli_now_ns()};
    if (cli_has(call, CLI_OPT_CHILD))
        return tour_crash_child(call, cli_value(call, CLI_OPT_CHILD));
    t.source = cli_has(call, CLI_OPT_SOURCE) ? cli_value(call, CLI_OPT_SOURCE) : SOURCE_DEFAULT;
    if (!cli_stop_watch())
        return cli_fail_errno(call->ui, errno, "watch for", "signals");
    cli_exit status = make_directory(&t);
    if (status != CLI_DONE)
        return status;
    status = tour_chapter_inventory(&t);
    cli_exit removed = remove_directory(&t);
    if (tour_stopping()) {
        cli_say(call->ui, "stopped; the temporary directory is gone");
        cli_stop_die();
        return CLI_FAILED;
    }
    if (removed != CLI_DONE)
        return removed;
    return cli_out_end(&t.out, call->ui, status);
}
