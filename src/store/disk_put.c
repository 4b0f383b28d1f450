/* SPDX-License-Identifier: MIT */
/*
 * A put, so that after a crash at any time the old object is there or the new one, whole:
 *
 *   1. write content and footer to a temporary file of our own, sync it, close it;
 *   2. make the directories above the object's place, each durable;
 *   3. under the lock of the key: look whether the condition holds, then rename;
 *   4. sync the directory.
 *
 * What fails before the rename has changed nothing. A failed sync in 4 leaves open what a crash
 * would leave: outcome unknown. No sync is tried twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <skep/time.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/point.h"
#include "os/calls.h"
#include "store/disk_private.h"

#define BLOCK (64 * 1024)

typedef struct disk_put {
    skep_put base;
    skep__disk *disk;
    skep_put_how how;
    int fd;
    size_t held; /* bytes in the block that are not written yet */
    uint64_t done;
    uint64_t look; /* at the free space, when so many are done */
    char key[SKEP_STORE_KEY_MAX + 1];
    char temp[SKEP__PATH_MAX];
    uint8_t block[BLOCK];
} disk_put;

static void put_free(disk_put *put)
{
    if (put->fd >= 0) {
        skep__os_drop(&put->fd);
        (void)skep__os()->unlink(put->temp); /* the first failure is the one to report */
    }
    skep__free(put);
}

static int begin(disk_put *put)
{
    uint64_t bytes = put->how.bytes != SKEP_BYTES_UNKNOWN ? put->how.bytes : 0;
    SKEP__TRY(skep__disk_space(put->disk, bytes));
    skep__disk_temp(put->disk, put->temp);
    SKEP__TRY(skep__os_open(put->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &put->fd));
    if (skep__os()->fchmod(put->fd, 0600) != 0) /* whatever the umask */
        return SKEP__FAIL_ERRNO(errno, "change the mode of %s", put->temp);
    return SKEP_OK;
}

int skep__disk_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                         skep_put **out)
{
    disk_put *put = skep__alloc(sizeof(*put));
    if (put == NULL)
        return skep__oom();
    memset(put, 0, offsetof(disk_put, block));
    put->base.engine = store->engine;
    put->disk = (skep__disk *)(void *)store;
    put->how = *how;
    put->fd = -1;
    put->look = SKEP__DISK_LOOK;
    memcpy(put->key, key, strlen(key) + 1);
    int rc = begin(put);
    if (rc < 0) {
        put_free(put);
        return rc;
    }
    *out = &put->base;
    return SKEP_OK;
}

static int flush(disk_put *put)
{
    size_t held = put->held;
    put->held = 0;
    return held == 0 ? SKEP_OK : skep__os_write(put->fd, put->temp, put->block, held);
}

/* Through the block, or past it. */
static int append(disk_put *put, const void *data, size_t len)
{
    if (len > BLOCK - put->held)
        SKEP__TRY(flush(put));
    if (len > BLOCK)
        return skep__os_write(put->fd, put->temp, data, len);
    if (len > 0)
        memcpy(put->block + put->held, data, len);
    put->held += len;
    return SKEP_OK;
}

int skep__disk_put_write(skep_put *base, const void *data, size_t len)
{
    disk_put *put = (disk_put *)(void *)base;
    SKEP__TRY(append(put, data, len));
    put->done += len;
    if (put->done < put->look)
        return SKEP_OK;
    put->look = put->done + SKEP__DISK_LOOK;
    return skep__disk_space(put->disk, 0);
}

/* ---- commit ---- */

/* The object's file, whole and durable under its temporary name. */
static int finish(disk_put *put, const skep__foot *foot)
{
    uint8_t tail[SKEP__TAIL_MAX];
    SKEP__TRY(append(put, tail, skep__foot_encode(foot, put->key, tail)));
    SKEP__TRY(flush(put));
    SKEP__POINT("store.disk_before_sync");
    return skep__os_sync(put->fd, put->temp);
}

/* Under the lock of the key. */
static int check_condition(const disk_put *put)
{
    skep__foot foot;
    char etag[SKEP__HASH_TEXT];
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    if (put->how.create == 0 && put->how.if_etag == NULL)
        return SKEP_OK;
    int rc = skep__disk_look(put->disk, put->key, &fd, &foot);
    if (put->how.create != 0) {
        if (rc == SKEP_ENOTFOUND)
            return SKEP_OK;
        /* One that is damaged is there all the same. */
        if (rc >= 0 || rc == SKEP_ECORRUPT)
            rc = SKEP__FAIL(SKEP_EEXISTS, "'%s' is there already", put->key);
        return rc;
    }
    if (rc == SKEP_ENOTFOUND)
        return SKEP__FAIL(SKEP_ECONFLICT, "'%s' is not there any more", put->key);
    SKEP__TRY(rc);
    skep__hash_text(foot.hash, etag);
    if (strcmp(etag, put->how.if_etag) != 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "'%s' was replaced: its ETag is %s, not %s", put->key,
                          etag, put->how.if_etag);
    return SKEP_OK;
}

static int name_it(disk_put *put, const char *path)
{
    unsigned lane = 0;
    SKEP__TRY(skep__disk_lock(put->disk, put->key, &put->how.io, &lane));
    int rc = check_condition(put);
    if (rc >= 0) {
        SKEP__POINT("store.disk_before_rename");
        rc = skep__os_rename(put->temp, path);
    }
    skep__disk_unlock(put->disk, lane);
    return rc;
}

static int commit(disk_put *put, const skep__foot *foot)
{
    char path[SKEP__PATH_MAX];
    SKEP__TRY(finish(put, foot));
    SKEP__TRY(skep__disk_path(put->disk, put->key, path));
    SKEP__TRY(skep__disk_make_parents(put->disk, path));
    SKEP__TRY(name_it(put, path));
    SKEP__POINT("store.disk_after_rename");
    int closed = skep__os_close(&put->fd, path); /* it has its name: there is nothing to remove */
    int rc = skep__os_sync_directory_of(path);
    if (rc >= 0)
        rc = closed;
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__disk_put_commit(skep_put *base, const uint8_t *hash, skep_object *out)
{
    disk_put *put = (disk_put *)(void *)base;
    skep__foot foot = {.bytes = put->done, .put_us = skep_now_us()};
    memcpy(foot.hash, hash, sizeof(foot.hash));
    int rc = commit(put, &foot);
    if (rc >= 0)
        skep__disk_object(&foot, put->key, out);
    put_free(put);
    return rc;
}

void skep__disk_put_abort(skep_put *put)
{
    put_free((disk_put *)(void *)put);
}

/* ---- delete ---- */

/* 1: it was there, and its directory has to be synced. */
static int remove_one(skep__disk *disk, const char *key, const skep_io *io)
{
    char path[SKEP__PATH_MAX];
    unsigned lane = 0;
    SKEP__TRY(skep__io_check(io));
    SKEP__TRY(skep__disk_path(disk, key, path));
    SKEP__TRY(skep__disk_lock(disk, key, io, &lane));
    int rc = skep__os_unlink(path);
    skep__disk_unlock(disk, lane);
    return rc;
}

static int sync_one(const char *directory)
{
    int rc = skep__os_sync_directory(directory);
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

/* Sync the directories of those that were there, whose result is 1, each once. */
static void sync_all(const skep__disk *disk, const char *const *keys, size_t n, int *results,
                     uint64_t *marks)
{
    for (size_t i = 0; i < n; i++) {
        char path[SKEP__PATH_MAX];
        size_t same = 0;
        marks[i] = 0;
        if (results[i] <= 0 || skep__disk_path(disk, keys[i], path) < 0)
            continue;
        *strrchr(path, '/') = '\0';
        marks[i] = skep__hash64(path, strlen(path), disk->known.seed) | 1;
        while (marks[same] != marks[i])
            same++;
        results[i] = same < i ? results[same] : sync_one(path);
    }
}

int skep__disk_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                      int *results)
{
    skep__disk *disk = (skep__disk *)(void *)store;
    skep_err first = {.code = SKEP_OK};
    SKEP__CLEANUP(skep__freep) uint64_t *marks = skep__alloc_array(n, sizeof(*marks));
    if (marks == NULL)
        return skep__oom();
    for (size_t i = 0; i < n; i++) {
        results[i] = remove_one(disk, keys[i], io);
        if (results[i] < 0 && first.code == SKEP_OK)
            skep__err_save(&first);
    }
    uint32_t before = skep__err_serial();
    sync_all(disk, keys, n, results, marks);
    if (first.code != SKEP_OK)
        return skep__err_install(&first);
    return skep__err_serial() != before ? skep_last_error()->code : SKEP_OK;
}
