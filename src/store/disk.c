/* SPDX-License-Identifier: MIT */
/* The store `file:DIR`: opening it, and its table. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "os/calls.h"
#include "store/disk_private.h"

#define MARKER_MAX 64
#define MARKER_TEXT "skep store "

static void disk_free(skep__disk *disk)
{
    skep__os_drop(&disk->lock_fd);
    skep__cond_dispose(&disk->freed);
    skep__mutex_dispose(&disk->mutex);
    skep__free(disk);
}

static void disk_freep(skep__disk **disk)
{
    if (*disk != NULL)
        disk_free(*disk);
}

static int disk_close(skep_store *store)
{
    disk_free((skep__disk *)(void *)store);
    return SKEP_OK;
}

static const char *describe(const skep_store *store)
{
    return ((const skep__disk *)(const void *)store)->name;
}

static int caps(skep_store *store, const skep_io *io, uint32_t *out, uint32_t *probe)
{
    (void)store;
    (void)io;
    *out = SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP | SKEP_STORE_KEEPS_HASH |
           SKEP_STORE_LISTS_BYTES;
    *probe = 0;
    return SKEP_OK;
}

static int no_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                   skep_object *out)
{
    (void)store, (void)from, (void)to, (void)how, (void)out;
    return SKEP__FAIL(SKEP_EUNSUPPORTED, "the object has its key in its file");
}

static const skep_store_engine engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .name = "file",
    .close = disk_close,
    .describe = describe,
    .caps = caps,
    .head = skep__disk_head,
    .remove = skep__disk_remove,
    .copy = no_copy,
    .put_begin = skep__disk_put_begin,
    .put_write = skep__disk_put_write,
    .put_commit = skep__disk_put_commit,
    .put_abort = skep__disk_put_abort,
    .get_open = skep__disk_get_open,
    .get_read = skep__disk_get_read,
    .get_close = skep__disk_get_close,
    .list_open = skep__disk_list_open,
    .list_next = skep__disk_list_next,
    .list_close = skep__disk_list_close,
};

/* ---- the marker ---- */

static int read_marker(const skep__disk *disk, const char *path)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf text = SKEP__BUF_INIT(MARKER_MAX);
    SKEP__TRY(skep__os_read_file(path, &text));
    char *end = NULL;
    const char *at = skep__buf_text(&text);
    unsigned long version = 0;
    if (strncmp(at, MARKER_TEXT, strlen(MARKER_TEXT)) == 0)
        version = strtoul(at + strlen(MARKER_TEXT), &end, 10);
    if (end == NULL || strcmp(end, "\n") != 0 || version == 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s is not what skep writes there", path);
    if (version > SKEP__DISK_FORMAT)
        return SKEP__FAIL(SKEP_EVERSION, "%s has format %lu, and this skep knows %d", disk->name,
                          version, SKEP__DISK_FORMAT);
    return SKEP_OK;
}

/* A directory with anything in it is somebody's, and not ours to fill. */
static int check_empty(const skep__disk *disk)
{
    skep__os_dir *dir = NULL;
    const char *name = NULL;
    unsigned char type = 0;
    SKEP__TRY(skep__os_dir_open(disk->root, &dir));
    int rc = SKEP_OK;
    while ((rc = skep__os_dir_next(dir, &name, &type)) > 0) {
        bool ours = strncmp(name, SKEP__DISK_MARKER, strlen(SKEP__DISK_MARKER)) == 0;
        if (ours || strcmp(name, "lost+found") == 0)
            continue; /* somebody else is making the store too; or a file system's own */
        rc = SKEP__FAIL(SKEP_EINVALID,
                        "%s is no store of skep and not empty ('%s'): name another directory, or "
                        "use tree:DIR for the files in it",
                        disk->root, name);
        break;
    }
    skep__os_dir_close(dir);
    return rc;
}

/* Is it a store, or to become one? */
static int take_marker(const skep__disk *disk)
{
    char path[SKEP__PATH_MAX];
    char text[MARKER_MAX];
    (void)snprintf(path, sizeof(path), "%s/" SKEP__DISK_MARKER, disk->root);
    int rc = read_marker(disk, path);
    if (rc != SKEP_ENOTFOUND)
        return rc;
    if (disk->readonly)
        return SKEP__FAIL(SKEP_ENOTFOUND, "%s is no store of skep", disk->root);
    SKEP__TRY(check_empty(disk));
    int n = snprintf(text, sizeof(text), MARKER_TEXT "%d\n", SKEP__DISK_FORMAT);
    return skep__os_write_file(path, skep_slice_of(text, (size_t)n));
}

/* ---- opening ---- */

static int take_directory(skep__disk *disk, const char *path, uint32_t flags)
{
    bool may_make = (flags & (SKEP_STORE_READONLY | SKEP_STORE_MUST_EXIST)) == 0;
    SKEP__TRY(skep__os_full_path(path, disk->root, sizeof(disk->root)));
    (void)snprintf(disk->name, sizeof(disk->name), "file:%s", disk->root);
    skep__file_info info;
    int rc = skep__os_stat(disk->root, &info);
    if (rc == SKEP_ENOTFOUND && may_make) {
        SKEP__TRY(skep__os_make_directory(disk->root));
        return skep__os_sync_directory_of(disk->root);
    }
    SKEP__TRY(rc);
    if (info.type != SKEP__FILE_DIRECTORY)
        return SKEP__FAIL(SKEP_EINVALID, "%s is no directory", disk->root);
    return SKEP_OK;
}

static int take_lock(skep__disk *disk)
{
    char path[SKEP__PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/lock", disk->root);
    SKEP__TRY(skep__os_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, &disk->lock_fd));
    if (skep__os()->fchmod(disk->lock_fd, 0600) != 0)
        return SKEP__FAIL_ERRNO(errno, "change the mode of %s", path);
    return skep__disk_take_slot(disk);
}

static int disk_new(skep__disk **out)
{
    SKEP__CLEANUP(skep__freep) skep__disk *disk = skep__calloc(1, sizeof(*disk));
    if (disk == NULL)
        return skep__oom();
    disk->base.engine = &engine;
    disk->lock_fd = -1;
    SKEP__TRY(skep__mutex_init(&disk->mutex));
    int rc = skep__cond_init(&disk->freed);
    if (rc < 0)
        skep__mutex_dispose(&disk->mutex);
    else
        *out = SKEP__TAKE(disk);
    return rc;
}

int skep__disk_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
{
    SKEP__CLEANUP(disk_freep) skep__disk *disk = NULL;
    SKEP__TRY(disk_new(&disk));
    ASSERT(disk != NULL);
    disk->readonly = (opts->flags & SKEP_STORE_READONLY) != 0;
    disk->keep_free = opts->keep_free_bytes;
    SKEP__TRY(skep__random(&disk->known.seed, sizeof(disk->known.seed)));
    SKEP__TRY(take_directory(disk, uri->path, opts->flags));
    SKEP__TRY(take_marker(disk));
    if (!disk->readonly)
        SKEP__TRY(take_lock(disk));
    *out = &SKEP__TAKE(disk)->base;
    return SKEP_OK;
}
