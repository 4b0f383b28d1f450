/* SPDX-License-Identifier: MIT */
/* A trivial question to each connection that nobody uses, and to the writer. */
#include <skep/health.h>

#include "db/db_private.h"

static int ask(skep__conn *conn)
{
    return conn->driver->execute(conn, "PRAGMA schema_version", NULL, NULL);
}

static int ask_writer(skep_db *db, void *arg)
{
    (void)arg;
    return ask(db->writer);
}

int skep__ping_run(skep_db *db, int64_t timeout_ms, skep_cancel *cancel)
{
    int rc = SKEP_OK;
    if (db->writer != NULL)
        rc = skep__writer_exclusive_with(db, ask_writer, NULL, skep__deadline_ns(timeout_ms),
                                         cancel);
    if (rc >= 0)
        rc = skep__db_check_poison(db);
    if (rc != SKEP_ETIMEOUT && rc != SKEP_ECANCELLED && rc != SKEP_EPOISONED)
        skep__noted(db, SKEP__NOTE_PING, rc);
    if (rc >= 0)
        atomic_store(&db->maintain.done_us[SKEP__JOB_PING], skep_now_us());
    return rc;
}

int skep_db_ping(skep_db *db)
{
    SKEP__REQUIRE(db != NULL);
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE,
                          "skep_db_ping on %s from inside its own transaction function", db->path);
    SKEP__TRY(skep__db_enter(db));
    int rc = skep__ping_run(db, db->opts.busy_timeout_ms, NULL);
    skep__db_leave(db);
    return rc;
}
