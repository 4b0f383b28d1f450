/* SPDX-License-Identifier: MIT */
/* What a database tells about itself. */
#include <stdio.h>
#include <string.h>

#include <skep/version.h>

#include "base/num.h"
#include "db/db_private.h"
#include "os/os.h"

/* What the file system says; nothing is opened. What cannot be known is 0. */
static void read_files(const skep_db *db, skep_db_stats *out)
{
    int64_t wal_bytes = skep__db_file_bytes(db, "-wal");
    out->wal_bytes = wal_bytes > 0 ? (uint64_t)wal_bytes : 0;
    if (skep__os_free_bytes(db->path, &out->disk_free_bytes) < 0)
        out->disk_free_bytes = 0;
}

int skep_db_get_stats(skep_db *db, skep_db_stats *out)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__REQUIRE(out->size >= sizeof(*out));
    SKEP__TRY(skep__db_here(db));
    memset(out, 0, sizeof(*out));
    out->size = sizeof(*out);
    out->poisoned = atomic_load(&db->poisoned);
    out->corrupted = atomic_load(&db->corrupted) != 0;
    out->maintainer = atomic_load(&db->maintain.holds) != 0;
    out->writes = atomic_load(&db->writes);
    out->writes_failed = atomic_load(&db->writes_failed);
    out->groups = atomic_load(&db->groups);
    out->reruns = atomic_load(&db->reruns);
    out->checkpoints = atomic_load(&db->checkpointer.passes);
    out->wal_pages = atomic_load(&db->wal_pages);
    out->commit_p50_ns = skep__hist_quantile(&db->commit_ns, 0.5);
    out->commit_p999_ns = skep__hist_quantile(&db->commit_ns, 0.999);
    out->write_p50_ns = skep__hist_quantile(&db->write_ns, 0.5);
    out->write_p999_ns = skep__hist_quantile(&db->write_ns, 0.999);
    out->write_max_ns = skep__hist_max(&db->write_ns);
    skep__connection_stats(db, out);
    out->async_in_flight = skep__async_in_flight(db);
    skep__mutex_lock(&db->queue.mutex);
    out->writes_queued = db->queue.queued.count;
    skep__mutex_unlock(&db->queue.mutex);
    out->failed_transactions = out->writes_failed + atomic_load(&db->reads_failed);
    out->total_transactions = out->writes + out->writes_failed + out->reads;
    out->corrupted = atomic_load(&db->corrupted);
    out->maintainer = atomic_load(&db->maintain.holds);
    read_files(db, out);
    return SKEP_OK;
}

/* Looking opens nothing, so no lock of SQLite is lost by it. */
int64_t skep__db_file_bytes(const skep_db *db, const char *suffix)
{
    char path[SKEP__DB_PATH_MAX + 8];
    skep__file_info info;
    int n = snprintf(path, sizeof(path), "%s%s", db->path, suffix);
    if (n < 0 || (size_t)n >= sizeof(path) || skep__os_stat(path, &info) < 0)
        return -1;
    return skep__i64(info.size);
}

typedef struct info_call {
    skep__conn_info info;
} info_call;

static int ask(skep_tx *tx, void *arg)
{
    info_call *call = arg;
    return tx->conn->driver->info(tx->conn, &call->info);
}

int skep_db_get_info(skep_db *db, skep_db_info *out)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__REQUIRE(out->size >= sizeof(*out));
    info_call call;
    memset(&call, 0, sizeof(call));
    SKEP__TRY(skep_read(db, ask, &call));
    memset(out, 0, sizeof(*out));
    out->size = sizeof(*out);
    out->page_size = call.info.page_size;
    out->encrypted = db->key != NULL;
    out->pages = call.info.pages;
    out->free_pages = call.info.free_pages;
    int64_t bytes = skep__db_file_bytes(db, "");
    int64_t wal_bytes = skep__db_file_bytes(db, "-wal");
    out->bytes = bytes > 0 ? (uint64_t)bytes : 0;
    out->wal_bytes = wal_bytes > 0 ? (uint64_t)wal_bytes : 0;
    (void)snprintf(out->journal_mode, sizeof(out->journal_mode), "%s", call.info.journal_mode);
    (void)snprintf(out->synchronous, sizeof(out->synchronous), "%s", call.info.synchronous);
    (void)snprintf(out->sqlite_version, sizeof(out->sqlite_version), "%s", skep_sqlite_version());
    (void)snprintf(out->path, sizeof(out->path), "%s", db->path);
    return SKEP_OK;
}

const char *skep_sqlite_version(void)
{
    return skep__sqlite_version();
}

const char *skep_sqlite_mc_version(void)
{
    return skep__sqlite_mc_version();
}
