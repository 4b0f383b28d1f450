/* SPDX-License-Identifier: MIT */
/* A trivial question to each connection that nobody uses, and to the writer. */
#include <skep/health.h>

#include "base/cancel.h"
#include "base/event.h"
#include "db/db_private.h"

static int ask(skep__conn *conn)
{
    return conn->driver->execute(conn, "PRAGMA schema_version", NULL, NULL);
}

/* One that does not answer makes room for a new one; if there can be none, or that does not answer
 * either, it is the file's fault. */
static int ask_reader(skep_db *db, skep__reader *reader)
{
    skep__limit limit = {.abort = &db->closing};
    if (reader->conn == NULL || ask(reader->conn) >= 0)
        return SKEP_OK;
    skep__reader_disconnect(db, reader);
    atomic_fetch_add_explicit(&db->readers.replaced, 1, memory_order_relaxed);
    SKEP__TRY(skep__reader_connect(db, reader, &limit));
    return ask(reader->conn);
}

static int ask_readers(skep_db *db, const skep_cancel *cancel)
{
    int rc = SKEP_OK;
    for (uint32_t i = 0; i < db->readers.count && rc >= 0 && !skep__cancel_fired(cancel); i++) {
        if (atomic_load(&db->readers.slots[i].state) != SKEP__READER_FREE ||
            !skep__reader_take_idle(db, i))
            continue;
        rc = ask_reader(db, &db->readers.slots[i]);
        skep__reader_give(db, i);
    }
    return rc;
}

/* The same for the writer's, between two groups. The new one is opened first, so that the old one
 * is never the last to close: that would write the WAL back. A sync that failed is not forgotten
 * with it. */
static int ask_writer_itself(skep_db *db, const skep_cancel *cancel)
{
    skep__limit limit = {.cancel = cancel, .abort = &db->closing};
    skep__conn *conn = NULL;
    int rc = ask(db->writer);
    if (rc >= 0 || rc == SKEP_EBUSY) /* another process is in the way of any connection */
        return rc;
    skep_err err;
    skep__err_save(&err);
    SKEP__TRY(skep__db_check_poison(db));
    SKEP__TRY(skep__db_open_conn(db, SKEP__CONN_WRITER, &limit, &conn));
    skep__writer_replace(db, conn);
    SKEP__EVENT(SKEP_WARNING, "db.writer_replaced", {"path", skep_text(db->path)},
                {"cause", skep_text(err.text)});
    return ask(conn);
}

/* Where there is no WAL the reader takes its turn. */
static int ask_writer(skep_db *db, void *arg)
{
    SKEP__TRY(ask_writer_itself(db, arg));
    return db->in_turn ? ask_readers(db, arg) : SKEP_OK;
}

int skep__ping_run(skep_db *db, int64_t timeout_ms, skep_cancel *cancel)
{
    int rc = db->in_turn ? SKEP_OK : ask_readers(db, cancel);
    if (rc >= 0 && skep__db_writes(db))
        rc = skep__writer_exclusive_with(db, ask_writer, cancel, skep__deadline_ns(timeout_ms),
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
