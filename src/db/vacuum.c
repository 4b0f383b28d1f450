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

#include <string.h>

#include "base/point.h"
#include "db/db_private.h"
#include "os/os.h"

typedef struct vacuum {
    skep_db *db;
    const skep_maintain_opts *opts;
    uint64_t deadline_ns; /* 0: none */

    /* How far it has come: half of it is reading the pages, which the progress handler of SQLite
     * sees, half is writing them, which only the size of a file tells. */
    uint64_t read_before;
    bool wal;
    uint64_t page_size;
    uint64_t beside_before;      /* bytes of that file */
    _Atomic uint64_t pages;      /* all that are in use; 0: it waits for the writer */
    _Atomic uint64_t pages_read; /* of these */
    uint64_t told;
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
static int check_space(const skep_db *db, uint64_t bytes)
{
    char dir[SKEP__DB_PATH_MAX];
    skep__file_info temp;
    SKEP__TRY(check_free(db, db->path, 2 * bytes));
    if (db->writer->cipher != 0)
        return SKEP_OK;
    SKEP__TRY(db->writer->driver->temp_dir(db->writer, dir, sizeof(dir)));
    SKEP__TRY(skep__os_stat(dir, &temp));
    return temp.device == db->device ? SKEP_OK : check_free(db, dir, bytes);
}

/* ---- progress ---- */

/* In the thread that works. */
static bool read_more(void *ctx)
{
    vacuum *v = ctx;
    uint64_t read = v->db->writer->driver->pages_read(v->db->writer);
    atomic_store_explicit(&v->pages_read, read - v->read_before, memory_order_relaxed);
    return false;
}

static uint64_t beside_bytes(const vacuum *v)
{
    int64_t bytes = skep__db_file_bytes(v->db, v->wal ? "-wal" : "-journal");
    return bytes > 0 ? (uint64_t)bytes : 0;
}

static void begin_progress(vacuum *v, const skep__conn_info *info)
{
    v->read_before = v->db->writer->driver->pages_read(v->db->writer);
    v->wal = strcmp(info->journal_mode, "wal") == 0;
    v->page_size = info->page_size;
    v->beside_before = beside_bytes(v);
    atomic_store(&v->pages, info->pages - info->free_pages);
}

static void tell(vacuum *v, uint64_t done, uint64_t pages)
{
    v->told = done;
    v->opts->progress("vacuum", done, pages, v->opts->ctx);
}

/* In the thread that asked. A WAL that is written from its beginning again grows only when the old
 * one is overwritten; so it can stand still at the half. */
static void look(void *arg)
{
    vacuum *v = arg;
    uint64_t pages = atomic_load(&v->pages);
    if (pages == 0)
        return;
    uint64_t read = atomic_load_explicit(&v->pages_read, memory_order_relaxed);
    uint64_t bytes = beside_bytes(v);
    uint64_t written = bytes > v->beside_before ? (bytes - v->beside_before) / v->page_size : 0;
    uint64_t done = ((read < pages ? read : pages) + (written < pages ? written : pages)) / 2;
    if (done > v->told)
        tell(v, done, pages);
}

/* ---- the work ---- */

static int job(skep_db *db, void *arg)
{
    vacuum *v = arg;
    skep__conn_info info = {0};
    SKEP__TRY(skep__db_check_poison(db));
    if (db->writer->driver->in_tx(db->writer)) /* a rollback that found no memory */
        SKEP__TRY(skep__conn_control(db->writer, SKEP__ROLLBACK));
    SKEP__TRY(db->writer->driver->info(db->writer, &info));
    SKEP__TRY(check_space(db, (info.pages - info.free_pages) * info.page_size));
    begin_progress(v, &info);
    skep__limit limit = {.deadline_ns = v->deadline_ns,
                         .cancel = v->opts->cancel,
                         .abort = &db->abort,
                         .look = read_more,
                         .look_ctx = v};
    bool unsure = false;
    SKEP__POINT("db.before_vacuum");
    db->writer->limit = &limit;
    int rc = db->writer->driver->vacuum(db->writer, &unsure);
    db->writer->limit = NULL;
    if (rc < 0)
        return unsure ? skep__db_poison(db) : rc;
    skep__writer_committed(db);
    return SKEP_OK;
}

static int work(void *arg)
{
    vacuum *v = arg;
    return skep__writer_exclusive_with(v->db, job, v, v->deadline_ns, v->opts->cancel);
}

int skep__vacuum(skep_db *db, const skep_maintain_opts *opts, uint64_t deadline_ns)
{
    vacuum v = {.db = db, .opts = opts, .deadline_ns = deadline_ns};
    int rc = opts->progress != NULL ? skep__aside(work, look, &v) : work(&v);
    if (rc == SKEP_EBUSY)
        return SKEP__FAIL(SKEP_EBUSY, "VACUUM of %s: another process or a reader kept its lock",
                          db->path);
    SKEP__TRY(rc);
    if (opts->progress != NULL)
        tell(&v, atomic_load(&v.pages), atomic_load(&v.pages));
    return SKEP_OK;
}
