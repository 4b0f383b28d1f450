/* SPDX-License-Identifier: MIT */
#include "harness/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sqlite3.h"

#include "os/calls.h"

#include "harness/harness.h"
#include "harness/shim.h"

/* A thread that is under way may still look at the last fault while the next is armed. */
static sys_fault faults[64];
static _Atomic unsigned fault_next;
static const sys_fault *_Atomic present; /* NULL: not armed */
static _Atomic uint64_t counted;
static _Atomic uint64_t failed;

typedef enum verdict { LET_PASS, FAIL_IT, SHORTEN_IT } verdict;

/* What to do with one call of that kind. A failed call has its errno set. */
static verdict strikes(unsigned kind)
{
    const sys_fault *f = atomic_load(&present);
    if (f == NULL || (f->calls & kind) == 0)
        return LET_PASS;
    uint64_t n = atomic_fetch_add(&counted, 1) + 1;
    if (f->nth == 0 || n < f->nth || (n > f->nth && !f->persistent))
        return LET_PASS;
    /* A signal for every call for ever would be a hang by design. */
    if (f->how == SYS_EINTR && (n - f->nth) % 2 == 1)
        return LET_PASS;
    if (f->how == SYS_SHORT && (kind & (SYS_READ | SYS_WRITE)) == 0)
        return LET_PASS;
    atomic_fetch_add(&failed, 1);
    if (f->how == SYS_SHORT)
        return SHORTEN_IT;
    errno = f->how == SYS_EINTR ? EINTR : f->err;
    return FAIL_IT;
}

static size_t shortened(verdict v, size_t len)
{
    return v == SHORTEN_IT && len > 1 ? len / 2 : len;
}

void sys_arm(const sys_fault *fault)
{
    sys_fault *slot = &faults[atomic_fetch_add(&fault_next, 1) % 64];
    atomic_store(&present, NULL);
    *slot = *fault;
    atomic_store(&counted, 0);
    atomic_store(&failed, 0);
    atomic_store(&present, slot);
}

uint64_t sys_disarm(uint64_t *injected)
{
    atomic_store(&present, NULL);
    if (injected != NULL)
        *injected = atomic_load(&failed);
    return atomic_load(&counted);
}

/* ---- skep's room `os` ---- */

static const skep__os_calls *below;

static int os_open(const char *path, int flags, mode_t mode)
{
    return strikes(SYS_OPEN) == FAIL_IT ? -1 : below->open(path, flags, mode);
}

static ssize_t os_read(int fd, void *data, size_t len)
{
    verdict v = strikes(SYS_READ);
    return v == FAIL_IT ? -1 : below->read(fd, data, shortened(v, len));
}

static ssize_t os_pread(int fd, void *data, size_t len, off_t offset)
{
    verdict v = strikes(SYS_READ);
    return v == FAIL_IT ? -1 : below->pread(fd, data, shortened(v, len), offset);
}

static ssize_t os_write(int fd, const void *data, size_t len)
{
    verdict v = strikes(SYS_WRITE);
    return v == FAIL_IT ? -1 : below->write(fd, data, shortened(v, len));
}

static off_t os_lseek(int fd, off_t offset, int whence)
{
    return strikes(SYS_READ) == FAIL_IT ? -1 : below->lseek(fd, offset, whence);
}

static int os_fsync(int fd)
{
    return strikes(SYS_SYNC) == FAIL_IT ? -1 : below->fsync(fd);
}

/* The descriptor is gone in any case, as with the kernel's own failures. */
static int os_close(int fd)
{
    verdict v = strikes(SYS_CLOSE);
    int err = errno;
    int rc = below->close(fd);
    if (v == FAIL_IT)
        errno = err;
    return v == FAIL_IT ? -1 : rc;
}

static int os_stat(const char *path, struct stat *out)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : below->stat(path, out);
}

static int os_fstat(int fd, struct stat *out)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : below->fstat(fd, out);
}

static int os_statvfs(const char *path, struct statvfs *out)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : below->statvfs(path, out);
}

static char *os_realpath(const char *path, char *out)
{
    return strikes(SYS_STAT) == FAIL_IT ? NULL : below->realpath(path, out);
}

static int os_rename(const char *from, const char *to)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->rename(from, to);
}

static int os_unlink(const char *path)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->unlink(path);
}

static int os_fchmod(int fd, mode_t mode)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->fchmod(fd, mode);
}

static int os_openat(int dir, const char *path, int flags, mode_t mode)
{
    return strikes(SYS_OPEN) == FAIL_IT ? -1 : below->openat(dir, path, flags, mode);
}

static int os_open_beneath(int dir, const char *path, int flags, mode_t mode)
{
    return strikes(SYS_OPEN) == FAIL_IT ? -1 : below->open_beneath(dir, path, flags, mode);
}

static int os_fstatat(int dir, const char *path, struct stat *out, int flags)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : below->fstatat(dir, path, out, flags);
}

static int os_mkdirat(int dir, const char *path, mode_t mode)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->mkdirat(dir, path, mode);
}

static int os_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->linkat(from_dir, from, to_dir, to, flags);
}

static int os_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->renameat(from_dir, from, to_dir, to);
}

static int os_unlinkat(int dir, const char *path, int flags)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->unlinkat(dir, path, flags);
}

static int os_fchmodat(int dir, const char *path, mode_t mode, int flags)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : below->fchmodat(dir, path, mode, flags);
}

static ssize_t os_getdents(int fd, void *entries, size_t len)
{
    return strikes(SYS_READ) == FAIL_IT ? -1 : below->getdents(fd, entries, len);
}

static int os_lock_byte(int fd, off_t at, int type)
{
    return strikes(SYS_LOCK) == FAIL_IT ? -1 : below->lock_byte(fd, at, type);
}

static int os_lock(int fd)
{
    return strikes(SYS_LOCK) == FAIL_IT ? -1 : below->lock(fd);
}

static void *os_map(size_t bytes)
{
    return strikes(SYS_MAP) == FAIL_IT ? NULL : below->map(bytes);
}

static int os_unmap(void *memory, size_t bytes)
{
    return below->unmap(memory, bytes);
}

static int os_eventfd(unsigned count, int flags)
{
    return strikes(SYS_OPEN) == FAIL_IT ? -1 : below->eventfd(count, flags);
}

static void install_os(void)
{
    static const skep__os_calls calls = {
        .open = os_open,
        .read = os_read,
        .pread = os_pread,
        .write = os_write,
        .lseek = os_lseek,
        .fsync = os_fsync,
        .close = os_close,
        .stat = os_stat,
        .fstat = os_fstat,
        .statvfs = os_statvfs,
        .realpath = os_realpath,
        .rename = os_rename,
        .unlink = os_unlink,
        .fchmod = os_fchmod,
        .openat = os_openat,
        .open_beneath = os_open_beneath,
        .fstatat = os_fstatat,
        .mkdirat = os_mkdirat,
        .linkat = os_linkat,
        .renameat = os_renameat,
        .unlinkat = os_unlinkat,
        .fchmodat = os_fchmodat,
        .getdents = os_getdents,
        .lock_byte = os_lock_byte,
        .lock = os_lock,
        .map = os_map,
        .unmap = os_unmap,
        .eventfd = os_eventfd,
    };
    below = skep__os();
    skep__os_set_calls(&calls);
}

void sys_install_os(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, install_os);
}

/* ---- SQLite's unix VFS ---- */

static struct {
    int (*open)(const char *, int, int);
    int (*access)(const char *, int);
    int (*stat)(const char *, struct stat *);
    int (*fstat)(int, struct stat *);
    int (*ftruncate)(int, off_t);
    int (*fcntl)(int, int, ...);
    ssize_t (*pread)(int, void *, size_t, off_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    int (*unlink)(const char *);
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    ssize_t (*readlink)(const char *, char *, size_t);
    int (*lstat)(const char *, struct stat *);
} lite;

static int lite_open(const char *path, int flags, int mode)
{
    return strikes(SYS_OPEN) == FAIL_IT ? -1 : lite.open(path, flags, mode);
}

static int lite_access(const char *path, int mode)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : lite.access(path, mode);
}

static int lite_stat(const char *path, struct stat *out)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : lite.stat(path, out);
}

static int lite_fstat(int fd, struct stat *out)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : lite.fstat(fd, out);
}

static int lite_ftruncate(int fd, off_t size)
{
    return strikes(SYS_SIZE) == FAIL_IT ? -1 : lite.ftruncate(fd, size);
}

/* Locks only, and never an unlock: a lock that stays would stop the test, not try the code. */
static int lite_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    bool locks = command == F_SETLK && ((const struct flock *)arg)->l_type != F_UNLCK;
    if (locks && strikes(SYS_LOCK) == FAIL_IT)
        return -1;
    return lite.fcntl(fd, command, arg);
}

static ssize_t lite_pread(int fd, void *data, size_t len, off_t at)
{
    verdict v = strikes(SYS_READ);
    return v == FAIL_IT ? -1 : lite.pread(fd, data, shortened(v, len), at);
}

static ssize_t lite_pwrite(int fd, const void *data, size_t len, off_t at)
{
    verdict v = strikes(SYS_WRITE);
    return v == FAIL_IT ? -1 : lite.pwrite(fd, data, shortened(v, len), at);
}

static int lite_unlink(const char *path)
{
    return strikes(SYS_NAME) == FAIL_IT ? -1 : lite.unlink(path);
}

static void *lite_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return strikes(SYS_MAP) == FAIL_IT ? MAP_FAILED
                                       : lite.mmap(at, len, protection, flags, fd, offset);
}

static ssize_t lite_readlink(const char *path, char *out, size_t size)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : lite.readlink(path, out, size);
}

static int lite_lstat(const char *path, struct stat *out)
{
    return strikes(SYS_STAT) == FAIL_IT ? -1 : lite.lstat(path, out);
}

typedef void any_call(void);

/* Put `mine` in the place of SQLite's call `name` and keep what was there. */
static void replace(const char *name, any_call *mine, any_call **was)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    sqlite3_syscall_ptr old = vfs->xGetSystemCall(vfs, name);
    ck_assert_msg(old != NULL, "SQLite has no system call %s", name);
    memcpy(was, &old, sizeof(old)); /* the table types them all alike */
    sqlite3_syscall_ptr replacement = NULL;
    memcpy(&replacement, &mine, sizeof(mine));
    ck_assert_int_eq(vfs->xSetSystemCall(vfs, name, replacement), SQLITE_OK);
}

#define REPLACE(call) replace(#call, (any_call *)lite_##call, (any_call **)(void *)&lite.call)

static void install_sqlite(void)
{
    vfs_install();
    REPLACE(open);
    REPLACE(access);
    REPLACE(stat);
    REPLACE(fstat);
    REPLACE(ftruncate);
    REPLACE(fcntl);
    REPLACE(pread);
    REPLACE(pwrite);
    REPLACE(unlink);
    REPLACE(mmap);
    REPLACE(readlink);
    REPLACE(lstat);
}

void sys_install_sqlite(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, install_sqlite);
}

/* ---- sweep ---- */

static void source_arm(void *self, uint64_t nth, bool persistent)
{
    sys_fault fault = *(const sys_fault *)self;
    fault.nth = nth;
    fault.persistent = persistent;
    sys_arm(&fault);
}

static uint64_t source_disarm(void *self, uint64_t *injected)
{
    (void)self;
    return sys_disarm(injected);
}

sweep_result sys_sweep(const sweep *s, const sys_fault *fault)
{
    sys_fault copy = *fault;
    const sweep_source source = {
        .what = "system call",
        .arm = source_arm,
        .disarm = source_disarm,
        .self = &copy,
    };
    return sweep_over(s, &source);
}
