/* SPDX-License-Identifier: MIT */
#ifndef SKEP__OS_CALLS_H
#define SKEP__OS_CALLS_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

/* The system calls of this room in one table, so that tests can stand in front of the kernel: fail
 * a call, shorten a write, keep what a power cut would lose. As in the manual pages: -1 (or NULL)
 * and errno. */
typedef struct skep__os_calls {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int fd, void *data, size_t len);
    ssize_t (*pread)(int fd, void *data, size_t len, off_t offset);
    ssize_t (*write)(int fd, const void *data, size_t len);
    off_t (*lseek)(int fd, off_t offset, int whence);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*stat)(const char *path, struct stat *out);
    int (*fstat)(int fd, struct stat *out);
    int (*statvfs)(const char *path, struct statvfs *out);
    char *(*realpath)(const char *path, char *out);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*fchmod)(int fd, mode_t mode);
    /* As in <fcntl.h>, beneath an open directory or (AT_FDCWD) anywhere. */
    int (*openat)(int dir, const char *path, int flags, mode_t mode);
    /* The same without leaving `dir`, by a symbolic link or otherwise. */
    int (*open_beneath)(int dir, const char *path, int flags, mode_t mode);
    int (*fstatat)(int dir, const char *path, struct stat *out, int flags);
    int (*mkdirat)(int dir, const char *path, mode_t mode);
    int (*linkat)(int from_dir, const char *from, int to_dir, const char *to, int flags);
    int (*renameat)(int from_dir, const char *from, int to_dir, const char *to);
    int (*unlinkat)(int dir, const char *path, int flags);
    int (*fchmodat)(int dir, const char *path, mode_t mode, int flags);
    ssize_t (*getdents)(int fd, void *entries, size_t len);
    /* One byte for this open file description alone, or (F_UNLCK) no longer; never waits. */
    int (*lock_byte)(int fd, off_t at, int type);
    int (*lock)(int fd); /* the whole file, for this open file description alone; never waits */
    void *(*map)(size_t bytes); /* zeroed memory of this process; NULL and errno */
    int (*unmap)(void *memory, size_t bytes);
    int (*eventfd)(unsigned count, int flags);
} skep__os_calls;

extern const skep__os_calls skep__os_kernel; /* the calls themselves */

#ifdef SKEP_TEST_BUILD
/* What the room uses from now on; NULL: skep__os_kernel. Borrowed. Threads: one at a time. */
void skep__os_set_calls(const skep__os_calls *calls);
const skep__os_calls *skep__os(void);
#else
#define skep__os() (&skep__os_kernel)
#endif

#endif
