/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/settings.md: a database opened with settings of its own, and what it tells
 * of itself.
 *
 *     settings DATABASE
 */
#include <inttypes.h>
#include <stdio.h>

#include <skep/skep.h>

static int open_small(const char *path, skep_db **db)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.synchronous = SKEP_SYNC_NORMAL;
    opts.readers = 2;
    opts.cache_bytes = 4 << 20;
    return skep_db_open(path, &opts, db); /* every other field is zero: its default */
}

static int add(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS seen (at TEXT)");
    return rc < 0 ? rc : skep_exec(tx, "INSERT INTO seen VALUES (datetime())");
}

static int tell(skep_db *db)
{
    skep_db_info info = {.size = sizeof(info)};
    skep_db_stats stats = {.size = sizeof(stats)};
    int rc = skep_db_get_info(db, &info);
    if (rc >= 0)
        rc = skep_db_get_stats(db, &stats);
    if (rc >= 0)
        (void)printf("%s: %s, synchronous %s; %" PRIu64 " writes in %" PRIu64 " commits\n",
                     info.path, info.journal_mode, info.synchronous, stats.writes, stats.groups);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "Usage: settings DATABASE\n"), 2;
    skep_db *db = NULL;
    int rc = open_small(argv[1], &db);
    if (rc >= 0)
        rc = skep_write(db, add, NULL);
    if (rc >= 0)
        rc = tell(db);
    if (rc < 0)
        (void)fprintf(stderr, "settings: %s\n", skep_last_error()->text);
    return skep_db_close(db) < 0 || rc < 0;
}
