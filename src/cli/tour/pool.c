/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

/* What applications commonly do instead: every thread has a connection of its own, and all of them
 * contend for the file's one write lock. The handles are skep's, with the same durability, so what
 * differs is only that no transaction shares its commit with another. */

#define POOL_WAIT_MS 30000 /* for the lock: a thread can starve for seconds */

static void close_all(skep_db **dbs)
{
    for (int i = 0; i < TOUR_THREADS; i++)
        (void)skep_db_close(dbs[i]);
}

static int open_all(const char *path, skep_db **dbs)
{
    skep_db_opts opts = tour_opts();
    opts.busy_timeout_ms = POOL_WAIT_MS;
    opts.readers = 1;
    for (int i = 0; i < TOUR_THREADS; i++) {
        int rc = skep_db_open(path, &opts, &dbs[i]);
        if (rc < 0)
            return rc;
    }
    return tour_create_table(dbs[0]);
}

cli_exit tour_pool(const tour *t, const tour_files *files, tour_figures *out)
{
    char path[PATH_MAX];
    skep_db *dbs[TOUR_THREADS] = {NULL};
    tour_job job = {
        .dbs = dbs,
        .db_count = TOUR_THREADS,
        .files = files,
        .limit = files->count < TOUR_POOL_SAMPLE ? files->count : TOUR_POOL_SAMPLE,
        .take_ns = TOUR_POOL_NS,
        .ack_fd = -1,
        .label = "one connection per thread",
    };
    (void)snprintf(path, sizeof(path), "%s/pool.db", t->dir);
    cli_exit status = open_all(path, dbs) < 0 ? cli_fail(t->ui) : tour_crew(t->ui, &job, out);
    close_all(dbs);
    return status;
}
