/* SPDX-License-Identifier: MIT */
/*
 * VACUUM. SQLite gathers the pages that are in use in a temporary database, then writes them over
 * the old ones, in one transaction through the WAL or a rollback journal.
 *
 * The temporary database of a plain file is a file, without a name from the moment it is open, so
 * its memory is bounded by the page cache. Nothing of an encrypted file may be in such a file, so
 * there it is memory, as large as what the file holds.
 */
#include <skep/maintain.h>

#include "base/point.h"
#include "db/db_private.h"
#include "os/os.h"

typedef struct vacuum {
    const skep_maintain_opts *opts;
    uint64_t deadline_ns; /* 0: none */
    uint64_t told_ns;
} vacuum;

static int check_free(const skep_db *db, const char *dir, uint64_t need)
{
    uint64_t bytes_free = 0;
    SKEP__TRY(skep__os_free_bytes(dir, &bytes_free));
    if (bytes_free < need)
        return SKEP__FAIL(SKEP_EFULL,
                          "VACUUM of %s needs %llu bytes on the disk of %s, %llu are "
                          "free",
                          db->path, (unsigned long long)need, dir, (unsigned long long)bytes_free);
    return SKEP_OK;
}

/* On the disk of the database what goes through the WAL or a journal, and as much again for the
 * temporary file, which may be there too. */
static int check_space(const skep_db *db)
{
    char dir[SKEP__DB_PATH_MAX];
    skep__file_info temp;
    skep__conn_info info = {0};
    SKEP__TRY(db->writer->driver->info(db->writer, &info));
    uint64_t bytes = (info.pages - info.free_pages) * info.page_size;
    SKEP__TRY(check_free(db, db->path, 2 * bytes));
    if (db->writer->cipher != 0)
        return SKEP_OK;
    SKEP__TRY(db->writer->driver->temp_dir(db->writer, dir, sizeof(dir)));
    SKEP__TRY(skep__os_stat(dir, &temp));
    return temp.device == db->device ? SKEP_OK : check_free(db, dir, bytes);
}

static bool look(void *ctx)
{
    vacuum *v = ctx;
    uint64_t now = skep__coarse_ns();
    if (v->opts->progress != NULL && now >= v->told_ns + SKEP__DB_PROGRESS_NS) {
        v->told_ns = now;
        v->opts->progress("vacuum", 0, 0, v->opts->ctx);
    }
    return false;
}

static int job(skep_db *db, void *arg)
{
    vacuum *v = arg;
    SKEP__TRY(skep__db_check_poison(db));
    if (db->writer->driver->in_tx(db->writer)) /* a rollback that found no memory */
        SKEP__TRY(skep__conn_control(db->writer, SKEP__ROLLBACK));
    SKEP__TRY(check_space(db));
    skep__limit limit = {.deadline_ns = v->deadline_ns,
                         .cancel = v->opts->cancel,
                         .abort = &db->abort,
                         .look = look,
                         .look_ctx = v};
    bool unsure = false;
    SKEP__POINT("db.before_vacuum");
    db->writer->limit = &limit;
    int rc = db->writer->driver->vacuum(db->writer, &unsure);
    db->writer->limit = NULL;
    if (rc < 0)
        return unsure ? skep__db_poison(db) : rc;
    atomic_store(&db->wal_pages, db->writer->driver->wal_pages(db->writer));
    return SKEP_OK;
}

int skep__vacuum(skep_db *db, const skep_maintain_opts *opts, uint64_t deadline_ns)
{
    vacuum v = {.opts = opts, .deadline_ns = deadline_ns};
    int rc = skep__writer_exclusive_with(db, job, &v, deadline_ns, opts->cancel);
    if (rc == SKEP_EBUSY)
        return SKEP__FAIL(SKEP_EBUSY, "VACUUM of %s: another process or a reader kept its lock",
                          db->path);
    return rc;
}
