/* SPDX-License-Identifier: MIT */
#include "cli/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAGIC_TMPFS 0x01021994
#define MAGIC_RAMFS 0x858458f6

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

cli_exit cli_tempdir_make(const cli_ui *ui, const char *base, const char *name, cli_tempdir *out)
{
    struct statfs fs;
    if (base == NULL)
        base = base_directory();
    int len = snprintf(out->path, sizeof(out->path), "%s/%s-XXXXXX", base, name);
    if (len < 0 || (size_t)len >= sizeof(out->path))
        return cli_fail_errno(ui, ENAMETOOLONG, "make a directory in", base);
    if (mkdtemp(out->path) == NULL) {
        out->path[0] = '\0';
        return cli_fail_errno(ui, errno, "make a directory in", base);
    }
    out->file_system = statfs(out->path, &fs) == 0 ? file_system_name((long)fs.f_type) : "";
    out->in_memory = in_memory(out->path);
    return CLI_DONE;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) != 0 && errno != ENOENT ? errno : 0;
}

cli_exit cli_tempdir_remove(const cli_ui *ui, const cli_tempdir *dir)
{
    int why = nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return why != 0 ? cli_fail_errno(ui, why > 0 ? why : errno, "remove", dir->path) : CLI_DONE;
}

/* The name is gone before anything is in it, so that nothing stays whatever happens. */
int cli_nameless_file(bool secret)
{
    char path[CLI_TEMPDIR_MAX];
    const char *dir = getenv("TMPDIR");
    if (secret)
        return memfd_create("skep", MFD_CLOEXEC);
    int len = snprintf(path, sizeof(path), "%s/skep-XXXXXX",
                       dir != NULL && dir[0] != '\0' ? dir : "/tmp");
    if (len < 0 || (size_t)len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}
