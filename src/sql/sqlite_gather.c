/* SPDX-License-Identifier: MIT */
/*
 * The frames of a commit go to the -wal in a few large writes.
 *
 * SQLite writes each frame with two system calls, its header and its page. A group of sixty
 * transactions is some sixty frames, and half of the time of its COMMIT that is not the disk's went
 * into these calls. So a VFS of ours lies under SQLite3MC's, which encrypts, and over the real one.
 * It gathers what is appended to a -wal and writes it when the frame that ends a commit is whole
 * (its header tells), before SQLite is told that this frame is written. So whatever SQLite does
 * next, be it the sync or the word to others that there is a new commit, it does after the bytes
 * are in the file; and a failure is that of the write of the last frame, as it could have been
 * anyway.
 *
 * Whatever is not the next frame in line (the header of the file, frames that are written over,
 * checksums that are mended) goes through as it is, after what was gathered. A write that fails
 * takes what was gathered along: SQLite then gives the transaction up. One that is rolled back may
 * leave frames here, which are written with the next one, or never: nobody reads them.
 *
 * Only the writer's connection is opened through it; all others write no frames.
 */
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "sql/sqlite_private.h"

#define ABOVE "multipleciphers-" /* SQLite3MC puts this before the name of the VFS under it */
#define OURS "skep-"
#define NAME_MAX_BYTES 64
#define FILE_HEADER 32
#define FRAME_HEADER 24
/* The unix VFS writes up to 128 KiB less one byte at once. */
#define RUN_BYTES (128u * 1024 - 1)

typedef struct gather_vfs {
    sqlite3_vfs base; /* pAppData: the real one */
    char name[NAME_MAX_BYTES];
} gather_vfs;

typedef struct gather_file {
    sqlite3_file base;
    sqlite3_int64 next; /* where the next frame in line begins, or its page; -1: not known */
    bool in_frame;      /* its header was written: the page is to come */
    bool ends_commit;   /* that frame does */
    size_t len;         /* gathered; it ends at `next` */
    uint8_t *run; /* RUN_BYTES; NULL: nothing was gathered yet, or there is no memory for it */
    _Alignas(16) uint8_t real[];
} gather_file;

static gather_file *gather_of(sqlite3_file *file)
{
    return (gather_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)gather_of(file)->real;
}

/* ---- gathering ---- */

static int through(gather_file *f, const void *data, int len, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(&f->base);
    return real->pMethods->xWrite(real, data, len, at);
}

/* Write what was gathered. It stays on failure. */
static int flush(gather_file *f)
{
    int rc =
        f->len == 0 ? SQLITE_OK : through(f, f->run, (int)f->len, f->next - (sqlite3_int64)f->len);
    if (rc == SQLITE_OK)
        f->len = 0;
    return rc;
}

/* At the end of the run, or straight to the file where there is no room. */
static int append(gather_file *f, const void *data, int len)
{
    if (f->run == NULL)
        f->run = skep__alloc(RUN_BYTES);
    int rc = f->len + (size_t)len > RUN_BYTES ? flush(f) : SQLITE_OK;
    if (rc == SQLITE_OK && (f->run == NULL || (size_t)len > RUN_BYTES)) {
        rc = through(f, data, len, f->next);
    } else if (rc == SQLITE_OK) {
        memcpy(f->run + f->len, data, (size_t)len);
        f->len += (size_t)len;
    }
    f->next += len;
    return rc;
}

/* Bytes 4 to 7 of a frame's header: pages of the database after the commit, or 0. */
static bool ends_commit(const void *header)
{
    return skep__get_be32((const uint8_t *)header + 4) != 0;
}

/* Not the next in line: it goes through. What follows the header of the file, or of a frame, is the
 * next. */
static int write_apart(gather_file *f, const void *data, int len, sqlite3_int64 at)
{
    int rc = flush(f);
    f->in_frame = len == FRAME_HEADER;
    f->ends_commit = f->in_frame && ends_commit(data);
    f->next = f->in_frame || (at == 0 && len == FILE_HEADER) ? at + len : -1;
    return rc == SQLITE_OK ? through(f, data, len, at) : rc;
}

static int write_next(gather_file *f, const void *data, int len)
{
    f->in_frame = len == FRAME_HEADER;
    if (f->in_frame)
        f->ends_commit = ends_commit(data);
    int rc = append(f, data, len);
    return rc == SQLITE_OK && !f->in_frame && f->ends_commit ? flush(f) : rc;
}

static int gather_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    gather_file *f = gather_of(file);
    /* A header, then its page. */
    bool in_line = at == f->next && f->in_frame != (len == FRAME_HEADER);
    int rc = in_line ? write_next(f, data, len) : write_apart(f, data, len, at);
    if (rc != SQLITE_OK) { /* which ends the transaction: nothing of it may reach the file later */
        f->len = 0;
        f->next = -1;
        f->in_frame = false;
    }
    return rc;
}

/* ---- everything else, after what was gathered ---- */

static int gather_close(sqlite3_file *file)
{
    skep__free(SKEP__TAKE(gather_of(file)->run)); /* of a transaction that was given up */
    return real_of(file)->pMethods->xClose(real_of(file));
}

/* A page that the cache had no room for is read again. What was gathered is not written for that:
 * to fail there would not end the transaction. */
static int gather_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    gather_file *f = gather_of(file);
    sqlite3_int64 from = f->next - (sqlite3_int64)f->len;
    if (f->len > 0 && at >= from && at + len <= f->next) {
        memcpy(out, f->run + (at - from), (size_t)len);
        return SQLITE_OK;
    }
    int rc = f->len > 0 && at < f->next && at + len > from ? flush(f) : SQLITE_OK;
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xRead(real_of(file), out, len, at);
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = flush(gather_of(file));
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int gather_sync(sqlite3_file *file, int flags)
{
    int rc = flush(gather_of(file));
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int rc = flush(gather_of(file));
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int gather_control(sqlite3_file *file, int op, void *arg)
{
    int rc = flush(gather_of(file));
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int gather_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int gather_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int gather_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int gather_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int gather_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_size,
    .xLock = gather_lock,
    .xUnlock = gather_unlock,
    .xCheckReservedLock = gather_reserved,
    .xFileControl = gather_control,
    .xSectorSize = gather_sector,
    .xDeviceCharacteristics = gather_device,
};

/* ---- the VFS ---- */

static int gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    sqlite3_vfs *real = vfs->pAppData;
    if ((flags & SQLITE_OPEN_WAL) == 0) /* its own file object, with nothing of ours */
        return real->xOpen(real, name, file, flags, out);
    gather_file *f = gather_of(file);
    memset(f, 0, sizeof(*f));
    f->next = -1;
    int rc = real->xOpen(real, name, real_of(file), flags, out);
    if (real_of(file)->pMethods != NULL)
        f->base.pMethods = &methods;
    return rc;
}

/* All but opening is the real one's, whose methods do not look at the VFS that they are called
 * with. */
static int install(sqlite3_vfs *real)
{
    gather_vfs *vfs = skep__calloc(1, sizeof(*vfs));
    if (vfs == NULL)
        return SQLITE_NOMEM;
    vfs->base = *real;
    (void)snprintf(vfs->name, sizeof(vfs->name), OURS "%s", real->zName);
    vfs->base.zName = vfs->name;
    vfs->base.pNext = NULL;
    vfs->base.pAppData = real;
    vfs->base.szOsFile = (int)sizeof(gather_file) + real->szOsFile;
    vfs->base.xOpen = gather_open;
    int rc = sqlite3_vfs_register(&vfs->base, 0);
    if (rc == SQLITE_OK)
        rc = sqlite3mc_vfs_create(vfs->name, 0);
    if (rc != SQLITE_OK) {
        (void)sqlite3_vfs_unregister(&vfs->base);
        skep__free(vfs);
    }
    return rc;
}

/* SQLite's list of VFSs keeps ours for the process. Where it cannot be made, for want of memory
 * say, it is done without. */
const char *skep__sqlite_gather(void)
{
    char name[NAME_MAX_BYTES];
    const sqlite3_vfs *present = sqlite3_vfs_find(NULL);
    if (present == NULL || strncmp(present->zName, ABOVE, strlen(ABOVE)) != 0)
        return NULL;
    const char *real = present->zName + strlen(ABOVE);
    if (strlen(real) + sizeof(ABOVE OURS) > sizeof(name))
        return NULL;
    (void)snprintf(name, sizeof(name), ABOVE OURS "%s", real);
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
    sqlite3_mutex_enter(mutex);
    const sqlite3_vfs *found = sqlite3_vfs_find(name);
    sqlite3_vfs *under = sqlite3_vfs_find(real);
    if (found == NULL && under != NULL && install(under) == SQLITE_OK)
        found = sqlite3_vfs_find(name);
    sqlite3_mutex_leave(mutex);
    return found != NULL ? found->zName : NULL;
}
