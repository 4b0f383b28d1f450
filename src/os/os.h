/* SPDX-License-Identifier: MIT */
#ifndef SKEP__OS_OS_H
#define SKEP__OS_OS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "os/os_limits.h"

/* Files, with the discipline that a power cut asks for. Every failure names the path and carries
 * errno. Threads: shared, there is no state.
 *
 * The files of a database do not come through here: SQLite has its own VFS. */

typedef enum skep__file_type {
    SKEP__FILE_REGULAR = 0,
    SKEP__FILE_DIRECTORY = 1,
    SKEP__FILE_FIFO = 2,
    SKEP__FILE_SOCKET = 3,
    SKEP__FILE_DEVICE = 4
} skep__file_type;

typedef struct skep__file_info {
    skep__file_type type;
    uint32_t mode;    /* permission bits */
    uint64_t size;    /* bytes */
    int64_t mtime_ns; /* UTC, since 1970 */
    int64_t ctime_ns; /* that of its inode: whatever is done to the file changes it */
    uint64_t device;  /* with inode: which file it is, whatever its name */
    uint64_t inode;
} skep__file_info;

/* Follows symbolic links. SKEP_ENOTFOUND if there is no such file. */
int skep__os_stat(const char *path, skep__file_info *out) SKEP_CHECK;

/* The absolute path without symbolic links. The last part need not exist; its directory must.
 * SKEP_ELIMIT if it does not fit in `size` bytes. */
int skep__os_full_path(const char *path, char *out, size_t size) SKEP_CHECK;

/* Bytes that this process may still fill on the file system of `path`. */
int skep__os_free_bytes(const char *path, uint64_t *out) SKEP_CHECK;

/* Why `path` cannot be made, by trying it with another name in the same directory: what was made is
 * removed again, and under its own name somebody might have opened it meanwhile. */
int skep__os_try_create(const char *path) SKEP_CHECK;

/* Append the whole file to `out`; its ceiling is the file's. */
int skep__os_read_file(const char *path, skep__buf *out) SKEP_CHECK;

/* The file's first `size` bytes at most, straight into `data`, which may be memory for secrets: no
 * copy stays behind. `*mode` gets the permission bits of the file that was read. */
int skep__os_read_secret(const char *path, void *data, size_t size, size_t *len, uint32_t *mode)
    SKEP_CHECK;

/* Remove the file, durably. One that is not there is no failure. */
int skep__os_remove_file(const char *path) SKEP_CHECK;

/* Replace the file, mode 0600: after a crash at any time it has its old contents or `data`, whole.
 * When this returns success it is durable. A failure leaves the old contents, except that one of
 * the directory's sync (outcome unknown) may leave either. */
int skep__os_write_file(const char *path, skep_slice data) SKEP_CHECK;

/* The same without a sync, for what only matters as long as this process lives: others read the old
 * contents or `data`, whole, but a power cut may leave anything. One writer at a time. And take it
 * away again, as quickly; one that is not there is no failure. */
int skep__os_show_file(const char *path, skep_slice data) SKEP_CHECK;
int skep__os_hide_file(const char *path);

/* The same for what comes in pieces: begin, skep__os_write() to `fd`, then commit or abort, of
 * which a failed commit needs none. `path` is borrowed until then. One at a time in a thread. */
typedef struct skep__os_new {
    const char *path; /* NULL: nothing to abort */
    int fd;
    char temp[SKEP__PATH_MAX];
} skep__os_new;
int skep__os_new_begin(const char *path, skep__os_new *out) SKEP_CHECK;
int skep__os_new_commit(skep__os_new *file) SKEP_CHECK;
void skep__os_new_abort(skep__os_new *file);

/* Open files; `path` is for error texts. `flags` are those of open(2), and O_CLOEXEC is added. */
int skep__os_open(const char *path, int flags, uint32_t mode, int *fd) SKEP_CHECK;
/* Beneath the directory `dir`, and no symbolic link is followed on the way. */
int skep__os_open_beneath(int dir, const char *path, int flags, uint32_t mode, int *fd) SKEP_CHECK;
/* Up to `len` bytes; `*got` is 0 at the end. */
int skep__os_read(int fd, const char *path, void *data, size_t len, size_t *got) SKEP_CHECK;
int skep__os_write(int fd, const char *path, const void *data, size_t len) SKEP_CHECK;
int skep__os_rewind(int fd, const char *path) SKEP_CHECK; /* to its beginning */
int skep__os_info(int fd, const char *path, skep__file_info *out) SKEP_CHECK;
/* One that fails is not tried again: the kernel may have dropped the pages. */
int skep__os_sync(int fd, const char *path) SKEP_CHECK;
int skep__os_sync_directory_of(const char *path) SKEP_CHECK;
int skep__os_close(int *fd, const char *path) SKEP_CHECK; /* nothing is done if it is -1 */
void skep__os_drop(int *fd); /* the same where a failure tells nothing; for SKEP__CLEANUP */

/* `*got` is less than `len` at the end only. */
int skep__os_pread(int fd, const char *path, void *data, size_t len, uint64_t offset, size_t *got)
    SKEP_CHECK;

/* Make a directory, 0700 whatever the umask: 1, or 0 if it is there. Nothing is synced. */
int skep__os_make_directory(const char *path) SKEP_CHECK;
int skep__os_sync_directory(const char *path) SKEP_CHECK;
int skep__os_rename(const char *from, const char *to) SKEP_CHECK;
/* 1, or 0 if it was not there. */
int skep__os_unlink(const char *path) SKEP_CHECK;

/* What is in a directory, in no order, without `.` and `..`. */
typedef struct skep__os_dir skep__os_dir;
int skep__os_dir_open(const char *path, skep__os_dir **out) SKEP_CHECK;
/* `fd` is a directory, and it stays the caller's. `path` is for error texts. */
int skep__os_dir_of(int fd, const char *path, skep__os_dir **out) SKEP_CHECK;
/* 1: `*name` is the next one, borrowed until the one after; 0: the end. `*type` is a DT_… of
 * <dirent.h>, DT_UNKNOWN where the file system does not say. */
int skep__os_dir_next(skep__os_dir *dir, const char **name, unsigned char *type) SKEP_CHECK;
void skep__os_dir_close(skep__os_dir *dir); /* accepts NULL */

/* Byte `at` of the file for this open file description alone: 1, or 0 if somebody else has it.
 * Never waits. It is let go with skep__os_unlock_byte() or the last close. */
int skep__os_lock_byte(int fd, const char *path, uint64_t at) SKEP_CHECK;
void skep__os_unlock_byte(int fd, uint64_t at);

/* Take the lock that is the file at `path`, which is made (0600 whatever the umask) if it is not
 * there: 1 and a descriptor in `*fd`, 0 if somebody else has it, in this process or another. It is
 * let go when the process ends, however that happens; a child that was forked meanwhile keeps it
 * until it ends or executes a program. */
int skep__os_lock(const char *path, int *fd) SKEP_CHECK;
/* Remove the file (unless `path` is NULL), then let the lock go. `*fd` becomes -1; nothing is done
 * if it is. */
void skep__os_unlock(const char *path, int *fd);

/* A descriptor that becomes readable, for poll and its like, once it was raised. It never blocks.
 */
int skep__os_signal_new(int *fd) SKEP_CHECK;
void skep__os_signal_raise(int fd);
void skep__os_signal_close(int fd);

#endif
