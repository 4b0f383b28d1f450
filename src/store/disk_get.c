/* SPDX-License-Identifier: MIT */
/* Reading: an open file stays the object that it was, whatever is put under its key. */
#include <fcntl.h>
#include <string.h>

#include "base/mem.h"
#include "store/disk_private.h"

typedef struct disk_get {
    skep_get base;
    int fd;
    uint64_t at;
    uint64_t end;
    char path[SKEP__PATH_MAX];
} disk_get;

static int read_tail(int fd, const char *path, const char *key, skep__foot *foot)
{
    uint8_t tail[SKEP__TAIL_MAX];
    skep__file_info info;
    size_t got = 0;
    SKEP__TRY(skep__os_info(fd, path, &info));
    if (info.type != SKEP__FILE_REGULAR)
        return SKEP__FAIL(SKEP_ECORRUPT, "the file of '%s' is none: %s", key, path);
    size_t len = info.size < sizeof(tail) ? (size_t)info.size : sizeof(tail);
    SKEP__TRY(skep__os_pread(fd, path, tail, len, info.size - len, &got));
    return skep__foot_decode(skep_slice_of(tail, got), info.size, key, foot);
}

int skep__disk_look(const skep__disk *disk, const char *key, int *fd, skep__foot *foot)
{
    char path[SKEP__PATH_MAX];
    SKEP__CLEANUP(skep__os_drop) int file = -1;
    SKEP__TRY(skep__disk_path(disk, key, path));
    int rc = skep__os_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &file);
    if (rc == SKEP_ENOTFOUND)
        return SKEP__FAIL(SKEP_ENOTFOUND, "there is no '%s' in %s", key, disk->name);
    SKEP__TRY(rc);
    SKEP__TRY(read_tail(file, path, key, foot));
    *fd = file;
    file = -1;
    return SKEP_OK;
}

void skep__disk_object(const skep__foot *foot, const char *key, skep_object *out)
{
    out->flags = SKEP_OBJECT_HASHED;
    out->bytes = foot->bytes;
    out->modified_us = foot->put_us;
    memcpy(out->hash, foot->hash, sizeof(out->hash));
    skep__hash_text(foot->hash, out->etag);
    memcpy(out->key, key, strlen(key) + 1);
}

int skep__disk_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    (void)io; /* nothing in here waits */
    skep__foot foot = {0};
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    SKEP__TRY(skep__disk_look((const skep__disk *)(const void *)store, key, &fd, &foot));
    skep__disk_object(&foot, key, out);
    return SKEP_OK;
}

static int open_get(const skep__disk *disk, const char *key, const skep_get_how *how, disk_get *get,
                    skep_object *info)
{
    skep__foot foot = {0};
    SKEP__TRY(skep__disk_look(disk, key, &get->fd, &foot));
    SKEP__TRY(skep__disk_path(disk, key, get->path));
    skep__disk_object(&foot, key, info);
    if (how->if_etag != NULL && strcmp(how->if_etag, info->etag) != 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "'%s' was replaced: its ETag is %s, not %s", key,
                          info->etag, how->if_etag);
    if (how->offset > foot.bytes)
        return SKEP__FAIL(SKEP_EINVALID, "'%s' has %llu bytes; offset %llu is beyond its end", key,
                          (unsigned long long)foot.bytes, (unsigned long long)how->offset);
    get->at = how->offset;
    get->end = foot.bytes;
    if (how->bytes != 0 && how->bytes < foot.bytes - how->offset)
        get->end = how->offset + how->bytes;
    return SKEP_OK;
}

static void get_freep(disk_get **get)
{
    if (*get == NULL)
        return;
    skep__os_drop(&(*get)->fd);
    skep__free(*get);
}

int skep__disk_get_open(skep_store *store, const char *key, const skep_get_how *how, skep_get **out,
                        skep_object *info)
{
    SKEP__CLEANUP(get_freep) disk_get *get = skep__calloc(1, sizeof(*get));
    if (get == NULL)
        return skep__oom();
    get->base.engine = store->engine;
    get->fd = -1;
    SKEP__TRY(open_get((const skep__disk *)(const void *)store, key, how, get, info));
    *out = &SKEP__TAKE(get)->base;
    return SKEP_OK;
}

int skep__disk_get_read(skep_get *base, void *data, size_t len, size_t *got)
{
    disk_get *get = (disk_get *)(void *)base;
    uint64_t left = get->end - get->at;
    size_t most = len < left ? len : (size_t)left;
    SKEP__TRY(skep__os_pread(get->fd, get->path, data, most, get->at, got));
    get->at += *got;
    return SKEP_OK;
}

void skep__disk_get_close(skep_get *base)
{
    disk_get *get = (disk_get *)(void *)base;
    get_freep(&get);
}
