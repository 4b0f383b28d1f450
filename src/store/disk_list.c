/* SPDX-License-Identifier: MIT */
/* Lists: the walk gives the keys, the footers what there is to say of the objects. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/disk_private.h"

typedef struct disk_list {
    skep_list base;
    const skep__disk *disk;
    skep_list_how how;
    skep__walk *walk;
} disk_list;

/* Names that are no parts of keys are not ours; they are told once a list. */
static bool is_part(const disk_list *list, const char *name)
{
    if (skep__store_key_check(name, true) >= 0)
        return true;
    skep__store_skipped(&list->disk->base, name, "it is no name of this store's");
    return false;
}

static int scan_directory(const disk_list *list, const char *path, bool folders,
                          skep__walk_names *into)
{
    skep__os_dir *dir = NULL;
    const char *name = NULL;
    unsigned char type = 0;
    int rc = skep__os_dir_open(path, &dir);
    if (rc < 0)
        return rc == SKEP_ENOTFOUND ? SKEP_OK : rc;
    while ((rc = skep__os_dir_next(dir, &name, &type)) > 0) {
        rc = is_part(list, name) ? skep__walk_add(into, name, folders) : SKEP_OK;
        if (rc >= 0)
            rc = skep__io_check(&list->how.io);
        if (rc < 0)
            break;
    }
    skep__os_dir_close(dir);
    return rc;
}

static int scan(void *ctx, const char *folder, skep__walk_names *into)
{
    const disk_list *list = ctx;
    char path[SKEP__PATH_MAX];
    SKEP__TRY(skep__disk_folder(list->disk, folder, path));
    size_t len = strlen(path);
    if (len + 4 > sizeof(path))
        return SKEP__FAIL(SKEP_ELIMIT, "path of more than %d bytes: %s", SKEP__PATH_MAX - 1, path);
    memcpy(path + len, "/d", 3);
    SKEP__TRY(scan_directory(list, path, true, into));
    for (unsigned shard = 0; shard < SKEP__DISK_SHARDS; shard++) {
        (void)snprintf(path + len, sizeof(path) - len, "/%02x", shard);
        SKEP__TRY(scan_directory(list, path, false, into));
    }
    return SKEP_OK;
}

int skep__disk_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    SKEP__CLEANUP(skep__freep) disk_list *list = skep__calloc(1, sizeof(*list));
    if (list == NULL)
        return skep__oom();
    list->base.engine = store->engine;
    list->disk = (const skep__disk *)(const void *)store;
    list->how = *how;
    SKEP__TRY(skep__walk_new(store, &list->how, scan, list, &list->walk));
    *out = &SKEP__TAKE(list)->base;
    return SKEP_OK;
}

/* An object that is damaged fails the call that comes to it; the next call goes on behind it. */
int skep__disk_list_next(skep_list *base, skep_object *out)
{
    disk_list *list = (disk_list *)(void *)base;
    char key[SKEP_STORE_KEY_MAX + 1];
    for (;;) {
        skep__foot foot;
        SKEP__CLEANUP(skep__os_drop) int fd = -1;
        int rc = skep__walk_next(list->walk, key);
        if (rc <= 0)
            return rc;
        rc = skep__disk_look(list->disk, key, &fd, &foot);
        if (rc == SKEP_ENOTFOUND) /* deleted meanwhile */
            continue;
        SKEP__TRY(rc);
        skep__disk_object(&foot, key, out);
        return 1;
    }
}

void skep__disk_list_close(skep_list *base)
{
    disk_list *list = (disk_list *)(void *)base;
    skep__walk_free(list->walk);
    skep__free(list);
}
