/* SPDX-License-Identifier: MIT */
/*
 * Who maintains the file: the handle that has the lock on X-skep-lock, of all handles in all
 * processes. It checkpoints, checks and optimizes; writing is for anybody. The others try again at
 * each tick, and take over when the lock is free, which it is as soon as its process has died.
 */
#include <stdio.h>

#include "base/event.h"
#include "db/db_private.h"
#include "os/os.h"

static void lock_path(const skep_db *db, char out[SKEP__DB_PATH_MAX + 16])
{
    (void)snprintf(out, SKEP__DB_PATH_MAX + 16, "%s" SKEP__DB_LOCK_SUFFIX, db->path);
}

static void lost(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    atomic_store(&m->holds, 0);
    skep__os_unlock(NULL, &m->lock_fd); /* what stands under the name is another's */
    SKEP__EVENT(SKEP_WARNING, "db.maintainer", {"path", skep_text(db->path)},
                {"state", skep_text("lost")});
}

/* Somebody removed the file from under us, or put another there: then a second handle may hold the
 * lock too. */
static bool still_ours(const skep__maintain *m, const char *path)
{
    skep__file_info info;
    return skep__os_stat(path, &info) >= 0 && info.device == m->lock_device &&
           info.inode == m->lock_inode;
}

static int take(skep_db *db, const char *path)
{
    skep__maintain *m = &db->maintain;
    skep__file_info info;
    SKEP__TRY(skep__db_check_same_file(db));
    int taken = skep__os_lock(path, &m->lock_fd);
    SKEP__TRY(taken);
    atomic_store(&m->other, taken == 0);
    if (taken == 0)
        return SKEP_OK;
    int rc = skep__os_stat(path, &info);
    if (rc < 0) {
        skep__os_unlock(NULL, &m->lock_fd);
        return rc;
    }
    m->lock_device = info.device;
    m->lock_inode = info.inode;
    atomic_store(&m->holds, 1);
    SKEP__EVENT(SKEP_INFO, "db.maintainer", {"path", skep_text(db->path)},
                {"state", skep_text("taken")});
    return SKEP_OK;
}

void skep__lock_step(skep_db *db, uint64_t now_ns)
{
    (void)now_ns;
    char path[SKEP__DB_PATH_MAX + 16];
    if (!skep__attended(db))
        return;
    lock_path(db, path);
    if (db->maintain.lock_fd >= 0 && still_ours(&db->maintain, path))
        return;
    if (db->maintain.lock_fd >= 0)
        lost(db);
    skep__noted(db, SKEP__NOTE_LOCK, take(db, path));
}

void skep__lock_leave(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    char path[SKEP__DB_PATH_MAX + 16];
    if (m->lock_fd < 0)
        return;
    lock_path(db, path);
    skep__os_unlock(still_ours(m, path) ? path : NULL, &m->lock_fd);
}

/* As long as it is not known who maintains the file, everybody may: passes do not hurt each other.
 */
bool skep__may_checkpoint(skep_db *db, uint64_t wal_pages)
{
    return atomic_load(&db->maintain.holds) != 0 || atomic_load(&db->maintain.other) == 0 ||
           wal_pages >= (uint64_t)db->opts.checkpoint_pages * SKEP__DB_CHECKPOINT_CEILING;
}
