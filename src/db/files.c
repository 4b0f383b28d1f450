/* SPDX-License-Identifier: MIT */
/* The files of a database as the file system sees them, before SQLite does and beside it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "db/db_private.h"
#include "os/os.h"

static int check_path(const char *path)
{
    if (path[0] == '\0')
        return SKEP__FAIL(SKEP_EINVALID, "the path of the database is empty");
    if (strcmp(path, ":memory:") == 0)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "a database in memory is not supported: give a path");
    if (strncmp(path, "postgres://", 11) == 0 || strncmp(path, "postgresql://", 13) == 0)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "this build has no PostgreSQL engine");
    return SKEP_OK;
}

/* SQLite would hang on a FIFO and say "unable to open" for most else, so look first. */
static int check_plain(const char *database, const char *suffix, bool *there)
{
    static const char *const kinds[] = {"file", "directory", "FIFO", "socket", "device"};
    char path[SKEP__DB_PATH_MAX + 16];
    skep__file_info info;
    int n = snprintf(path, sizeof(path), "%s%s", database, suffix);
    ASSERT(n > 0);
    ASSERT((size_t)n < sizeof(path));
    int rc = skep__os_stat(path, &info);
    *there = rc >= 0;
    if (rc == SKEP_ENOTFOUND)
        return SKEP_OK;
    SKEP__TRY(rc);
    if (info.type != SKEP__FILE_REGULAR)
        return SKEP__FAIL(SKEP_EINVALID, "%s is a %s, not a database file", path, kinds[info.type]);
    return SKEP_OK;
}

int skep__db_check_database(const char *path)
{
    bool there = false;
    SKEP__TRY(check_path(path));
    SKEP__TRY(check_plain(path, "", &there));
    return there ? SKEP_OK : SKEP__FAIL_ERRNO(ENOENT, "%s", path);
}

/* SQLite takes a file of one byte for an empty one, and would write over it. */
static int check_size(const skep_db *db)
{
    if (skep__db_file_bytes(db, "") == 1)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s has one byte, which makes no database", db->path);
    return SKEP_OK;
}

int skep__db_find_file(skep_db *db, const char *path)
{
    bool there = false;
    bool beside = false;
    SKEP__TRY(check_path(path));
    char full[SKEP__DB_PATH_MAX];
    SKEP__TRY(skep__os_full_path(path, full, sizeof(full)));
    db->path = skep__strdup(full);
    if (db->path == NULL)
        return skep__oom();
    SKEP__TRY(check_plain(db->path, "", &there));
    if (!there && (db->opts.flags & (SKEP_DB_MUST_EXIST | SKEP_DB_READONLY)) != 0)
        return SKEP__FAIL_ERRNO(ENOENT, "%s", db->path);
    SKEP__TRY(check_size(db));
    db->created = !there;
    SKEP__TRY(check_plain(db->path, "-shm", &db->had_shm));
    SKEP__TRY(check_plain(db->path, "-wal", &db->keep_beside));
    SKEP__TRY(check_plain(db->path, "-journal", &beside));
    db->keep_beside = db->keep_beside || beside;
    return SKEP_OK;
}

int skep__db_note_file(skep_db *db)
{
    skep__file_info info;
    SKEP__TRY(skep__os_stat(db->path, &info));
    db->device = info.device;
    db->inode = info.inode;
    return SKEP_OK;
}

int skep__db_check_same_file(const skep_db *db)
{
    skep__file_info info;
    if (db->inode == 0) /* the first connection: not known yet */
        return SKEP_OK;
    SKEP__TRY(skep__os_stat(db->path, &info));
    if (info.device != db->device || info.inode != db->inode)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s was replaced by another file while it was open",
                          db->path);
    return SKEP_OK;
}

int skep__db_explain_file(const skep_db *db, int rc)
{
    skep_err err;
    skep__err_save(&err);
    /* Where a file cannot be made, SQLite tries to read it, and tells of that. */
    if (rc == SKEP_ENOTFOUND || rc == SKEP_EREADONLY) {
        char path[SKEP__DB_PATH_MAX + 16];
        (void)snprintf(path, sizeof(path), "%s%s", db->path,
                       db->created       ? ""
                       : db->keep_beside ? "-shm"
                                         : "-wal");
        SKEP__TRY(skep__os_try_create(path));
    }
    if (strstr(err.text, db->path) != NULL)
        return skep__err_install(&err);
    rc = skep__fail(err.code, err.room, "%s: %s", err.text, db->path);
    skep__err_outcome((skep_outcome)err.outcome);
    skep__err_engine(err.engine_code);
    skep__err_errno(err.sys_errno);
    return rc;
}
