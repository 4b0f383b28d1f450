/* SPDX-License-Identifier: MIT */
/*
 * A VFS that wraps the unix one. Everything is passed on: locks, shared memory and file controls
 * work on the real files, so that other processes and other connections see what they always see.
 * Only memory mapping of the database is refused, because reads through it cannot be failed.
 */
#include "harness/shim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#include "sql/sql.h"

#include "harness/harness.h"

typedef struct shim_file {
    sqlite3_file base;
    unsigned kind;
    const char *path; /* SQLite keeps it while the file is open */
    void *tag;
    void (*untag)(void *tag); /* outlives the layer, which may go before the file is closed */
    _Alignas(8) unsigned char real[]; /* what SQLite promises */
} shim_file;

static sqlite3_vfs *unix_vfs;
static const shim_layer *_Atomic layers[SHIM_PLACES];
static int (*real_open_directory)(const char *path, int *fd);
/* The sync or delete that this thread is in: tells openDirectory what it is for. */
static _Thread_local shim_call *under_way;

static shim_file *shim_of(sqlite3_file *file)
{
    return (shim_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)shim_of(file)->real;
}

void shim_set(shim_place place, const shim_layer *layer)
{
    atomic_store(&layers[place], layer);
}

int shim_natural_code(vfs_op op)
{
    static const int codes[VFS_OP_COUNT] = {
        [VFS_OPEN] = SQLITE_CANTOPEN,          [VFS_READ] = SQLITE_IOERR_READ,
        [VFS_WRITE] = SQLITE_IOERR_WRITE,      [VFS_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
        [VFS_SYNC] = SQLITE_IOERR_FSYNC,       [VFS_SIZE] = SQLITE_IOERR_FSTAT,
        [VFS_LOCK] = SQLITE_IOERR_LOCK,        [VFS_SHM_MAP] = SQLITE_IOERR_SHMMAP,
        [VFS_SHM_LOCK] = SQLITE_IOERR_SHMLOCK, [VFS_DELETE] = SQLITE_IOERR_DELETE,
        [VFS_ACCESS] = SQLITE_IOERR_ACCESS,
    };
    return codes[op];
}

static int before(shim_call *call)
{
    int rc = SQLITE_OK;
    for (int i = 0; i < SHIM_PLACES && rc == SQLITE_OK; i++) {
        const shim_layer *layer = atomic_load(&layers[i]);
        if (layer != NULL)
            rc = layer->before(call);
    }
    return rc;
}

static int after(shim_call *call)
{
    int rc = SQLITE_OK;
    for (int i = 0; i < SHIM_PLACES && rc == SQLITE_OK; i++) {
        const shim_layer *layer = atomic_load(&layers[i]);
        if (layer != NULL && layer->after != NULL)
            rc = layer->after(call);
    }
    return rc;
}

static shim_call call_on(sqlite3_file *file, vfs_op op)
{
    shim_file *f = shim_of(file);
    return (shim_call){.op = op, .file = f->kind, .path = f->path, .tag = &f->tag};
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t tail = strlen(end);
    return len >= tail && memcmp(text + len - tail, end, tail) == 0;
}

static unsigned kind_of(const char *path, int flags)
{
    if (flags & SQLITE_OPEN_MAIN_DB)
        return VFS_DB;
    if ((flags & SQLITE_OPEN_WAL) || ends_in(path, "-wal"))
        return VFS_WAL;
    if ((flags & SQLITE_OPEN_MAIN_JOURNAL) || ends_in(path, "-journal"))
        return VFS_JOURNAL;
    return VFS_OTHER;
}

/* ---- files ---- */

static int io_close(sqlite3_file *file)
{
    if (shim_of(file)->tag != NULL)
        shim_of(file)->untag(shim_of(file)->tag);
    int rc = real_of(file)->pMethods->xClose(real_of(file));
    file->pMethods = NULL;
    return rc;
}

static int io_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
    shim_call call = call_on(file, VFS_READ);
    call.offset = offset;
    call.len = len;
    int rc = before(&call);
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xRead(real_of(file), out, len, offset);
}

static int io_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    shim_call call = call_on(file, VFS_WRITE);
    call.offset = offset;
    call.data = data;
    call.len = len;
    int failure = before(&call);
    if (failure != SQLITE_OK && !call.torn)
        return failure;
    if (failure != SQLITE_OK)
        call.len = len / 2;
    int rc = real_of(file)->pMethods->xWrite(real_of(file), data, call.len, offset);
    if (rc == SQLITE_OK)
        rc = after(&call);
    return failure != SQLITE_OK ? failure : rc;
}

static int io_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    shim_call call = call_on(file, VFS_TRUNCATE);
    call.offset = size;
    int failure = before(&call);
    if (failure != SQLITE_OK && !call.torn)
        return failure;
    int rc = real_of(file)->pMethods->xTruncate(real_of(file), size);
    if (rc == SQLITE_OK)
        rc = after(&call);
    return failure != SQLITE_OK ? failure : rc;
}

static int io_sync(sqlite3_file *file, int flags)
{
    shim_call call = call_on(file, VFS_SYNC);
    int rc = before(&call);
    if (rc != SQLITE_OK)
        return rc;
    under_way = &call;
    rc = real_of(file)->pMethods->xSync(real_of(file), flags);
    under_way = NULL;
    return rc != SQLITE_OK ? rc : after(&call);
}

static int io_size(sqlite3_file *file, sqlite3_int64 *size)
{
    shim_call call = call_on(file, VFS_SIZE);
    int rc = before(&call);
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int io_lock(sqlite3_file *file, int level)
{
    shim_call call = call_on(file, VFS_LOCK);
    int rc = before(&call);
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xLock(real_of(file), level);
}

static int io_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int io_check_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int io_control(sqlite3_file *file, int what, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, arg);
}

static bool device(sqlite3_file *file, int *sector, int *characteristics)
{
    const shim_layer *layer = atomic_load(&layers[SHIM_DISK]);
    return layer != NULL && layer->device != NULL &&
           layer->device(shim_of(file)->path, sector, characteristics);
}

static int io_sector_size(sqlite3_file *file)
{
    int sector = real_of(file)->pMethods->xSectorSize(real_of(file));
    int characteristics = 0;
    (void)device(file, &sector, &characteristics);
    return sector;
}

static int io_characteristics(sqlite3_file *file)
{
    int sector = 0;
    int characteristics = real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
    (void)device(file, &sector, &characteristics);
    return characteristics;
}

static int io_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    shim_call call = call_on(file, VFS_SHM_MAP);
    call.file = VFS_SHM;
    int rc = before(&call);
    return rc != SQLITE_OK
               ? rc
               : real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, out);
}

static int io_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    if (flags & SQLITE_SHM_LOCK) {
        shim_call call = call_on(file, VFS_SHM_LOCK);
        call.file = VFS_SHM;
        int rc = before(&call);
        if (rc != SQLITE_OK)
            return rc;
    }
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void io_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int io_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static int io_fetch(sqlite3_file *file, sqlite3_int64 offset, int len, void **out)
{
    (void)file;
    (void)offset;
    (void)len;
    *out = NULL; /* no mapping: SQLite then reads */
    return SQLITE_OK;
}

static int io_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page)
{
    return page != NULL ? SQLITE_OK
                        : real_of(file)->pMethods->xUnfetch(real_of(file), offset, NULL);
}

static const sqlite3_io_methods io_methods = {
    .iVersion = 3,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_check_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector_size,
    .xDeviceCharacteristics = io_characteristics,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
    .xFetch = io_fetch,
    .xUnfetch = io_unfetch,
};

/* ---- the VFS ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    shim_file *f = shim_of(file);
    f->base.pMethods = NULL;
    f->path = name != NULL ? name : "";
    f->kind = kind_of(f->path, flags);
    f->tag = NULL;
    const shim_layer *disk = atomic_load(&layers[SHIM_DISK]);
    f->untag = disk != NULL ? disk->close : NULL;
    shim_call call = call_on(file, VFS_OPEN);
    int rc = before(&call);
    if (rc != SQLITE_OK)
        return rc;
    memset(f->real, 0, (size_t)unix_vfs->szOsFile);
    rc = unix_vfs->xOpen(unix_vfs, name, real_of(file), flags, out);
    if (rc == SQLITE_OK)
        rc = after(&call);
    if (rc == SQLITE_OK)
        f->base.pMethods = &io_methods;
    else if (real_of(file)->pMethods != NULL)
        (void)real_of(file)->pMethods->xClose(real_of(file));
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
    (void)vfs;
    shim_call call = {.op = VFS_DELETE, .file = kind_of(path, 0), .path = path};
    int rc = before(&call);
    if (rc != SQLITE_OK)
        return rc;
    under_way = &call;
    rc = unix_vfs->xDelete(unix_vfs, path, sync_dir);
    under_way = NULL;
    return rc != SQLITE_OK ? rc : after(&call);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    (void)vfs;
    shim_call call = {.op = VFS_ACCESS, .file = kind_of(path, 0), .path = path};
    int rc = before(&call);
    return rc != SQLITE_OK ? rc : unix_vfs->xAccess(unix_vfs, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int len, char *out)
{
    (void)vfs;
    return unix_vfs->xFullPathname(unix_vfs, path, len, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    return unix_vfs->xRandomness(unix_vfs, len, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return unix_vfs->xSleep(unix_vfs, us);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    return unix_vfs->xCurrentTime(unix_vfs, out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    return unix_vfs->xGetLastError(unix_vfs, len, out);
}

static int vfs_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    return unix_vfs->xCurrentTimeInt64(unix_vfs, out);
}

static int vfs_set_call(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr fn)
{
    (void)vfs;
    return unix_vfs->xSetSystemCall(unix_vfs, name, fn);
}

static sqlite3_syscall_ptr vfs_get_call(sqlite3_vfs *vfs, const char *name)
{
    (void)vfs;
    return unix_vfs->xGetSystemCall(unix_vfs, name);
}

static const char *vfs_next_call(sqlite3_vfs *vfs, const char *name)
{
    (void)vfs;
    return unix_vfs->xNextSystemCall(unix_vfs, name);
}

/* The unix VFS opens a directory for one purpose only, to sync it: after the first sync of a new
 * journal or WAL, and after a delete that asks for it. So this is how we learn of it, without
 * knowing its rules. The answer -1 keeps it from syncing; it does not look at the result. */
static int open_directory(const char *path, int *fd)
{
    shim_call *call = under_way;
    if (call != NULL) {
        call->dir_synced = true;
        const shim_layer *layer = atomic_load(&layers[SHIM_DISK]);
        if (layer != NULL && layer->between != NULL)
            layer->between(call);
        if (!call->dir_synced) {
            *fd = -1;
            return SQLITE_OK;
        }
    }
    return real_open_directory(path, fd);
}

/* ---- installation ---- */

static void install(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 3,
        .mxPathname = 512,
        .zName = "skeptest",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_int64,
        .xSetSystemCall = vfs_set_call,
        .xGetSystemCall = vfs_get_call,
        .xNextSystemCall = vfs_next_call,
    };
    /* A VFS can only be registered with a running SQLite, which takes no allocator any more. */
    skep__sqlite_configure();
    ck_assert_int_eq(sqlite3_initialize(), SQLITE_OK);
    unix_vfs = sqlite3_vfs_find("unix");
    ck_assert_ptr_nonnull(unix_vfs);
    vfs.mxPathname = unix_vfs->mxPathname;
    vfs.szOsFile = (int)sizeof(shim_file) + unix_vfs->szOsFile;
    real_open_directory = (int (*)(const char *, int *))(void (*)(void))unix_vfs->xGetSystemCall(
        unix_vfs, "openDirectory");
    ck_assert(real_open_directory != NULL);
    ck_assert_int_eq(unix_vfs->xSetSystemCall(unix_vfs, "openDirectory",
                                              (sqlite3_syscall_ptr)(void (*)(void))open_directory),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_vfs_register(&vfs, 0), SQLITE_OK);
    /* SQLite3MC's VFS, which encrypts, goes on top again. */
    ck_assert_int_eq(sqlite3mc_vfs_create(vfs.zName, 1), SQLITE_OK);
}

void vfs_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, install);
}
