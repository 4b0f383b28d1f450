/* SPDX-License-Identifier: MIT */
/* Maintenance that somebody asks for: checkpoints, statistics. On any file, also one of
 * another program; where others are in the way it waits, and names them when it gives up. */
#include <skep/maintain.h>

#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/event.h"
#include "base/point.h"
#include "db/db_private.h"

typedef struct by_hand {
    const skep_maintain_opts *opts;
    skep_maintain_result *result;
    uint64_t began_ns;
    uint64_t wait_ns; /* what waits for others ends then */
    uint64_t work_ns; /* and the work then; 0: never */
    skep__checkpoint_mode mode;
    uint64_t pages;
    uint64_t left;
} by_hand;

static uint64_t all_bytes(const skep_db *db)
{
    int64_t bytes = skep__db_file_bytes(db, "");
    int64_t wal_bytes = skep__db_file_bytes(db, "-wal");
    return (bytes > 0 ? (uint64_t)bytes : 0) + (wal_bytes > 0 ? (uint64_t)wal_bytes : 0);
}

static void progress(by_hand *b, const char *step, uint64_t done, uint64_t total)
{
    if (b->opts->progress != NULL)
        b->opts->progress(step, done, total, b->opts->ctx);
}

/* ---- what both begin and end with ---- */

static int begin(skep_db *db, uint32_t allowed, by_hand *b)
{
    const skep_maintain_opts *opts = b->opts;
    if ((opts->flags & ~allowed) != 0)
        return SKEP__FAIL(SKEP_EINVALID, "maintenance flags 0x%x do not belong here",
                          opts->flags & ~allowed);
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE,
                          "maintenance of %s from inside its own transaction function", db->path);
    if (!skep__db_writes(db))
        return SKEP__FAIL(SKEP_EREADONLY, "%s is open for reading only", db->path);
    SKEP__TRY(skep__db_check_poison(db));
    b->began_ns = skep__now_ns();
    b->wait_ns =
        skep__deadline_ns(opts->timeout_ms > 0 ? opts->timeout_ms : db->opts.busy_timeout_ms);
    b->work_ns = opts->timeout_ms > 0 ? b->wait_ns : 0;
    if (b->result != NULL) {
        uint32_t size = b->result->size;
        memset(b->result, 0, sizeof(*b->result));
        b->result->size = size;
        b->result->bytes_before = all_bytes(db);
    }
    return SKEP_OK;
}

static void end(skep_db *db, by_hand *b)
{
    if (b->result == NULL)
        return;
    b->result->bytes_after = all_bytes(db);
    b->result->wal_pages = b->pages;
    b->result->pages_left = b->left;
    b->result->took_ns = skep__now_ns() - b->began_ns;
}

/* ---- checkpoints ---- */

int skep__writer_checkpoint(skep_db *db, skep__checkpoint_mode mode, uint64_t *pages,
                            uint64_t *left)
{
    SKEP__TRY(skep__db_check_poison(db));
    int rc = db->writer->driver->checkpoint(db->writer, mode, pages, left);
    if (rc < 0 && db->writer->sync_failed)
        return skep__db_poison(db);
    atomic_fetch_add_explicit(&db->checkpointer.passes, 1, memory_order_relaxed);
    if (rc >= 0 && *left == 0)
        atomic_store(&db->wal_pages, 0);
    return rc;
}

static int checkpoint_job(skep_db *db, void *arg)
{
    by_hand *b = arg;
    uint64_t pages = 0;
    uint64_t left = 0;
    int rc = skep__writer_checkpoint(db, b->mode, &pages, &left);
    if (rc >= 0 && (b->pages == 0 || pages > 0)) /* once it is cut it has none */
        b->pages = pages > b->pages ? pages : b->pages;
    if (rc >= 0)
        b->left = left;
    return rc;
}

static int in_the_way(skep_db *db, const by_hand *b)
{
    skep__pin pin;
    char what[80] = "the WAL is written back, but cannot be cut";
    char who[160] = "another process reads or writes the file";
    if (b->left > 0)
        (void)snprintf(what, sizeof(what), "%llu pages of the WAL are not written back",
                       (unsigned long long)b->left);
    if (skep__wal_pin(db, skep__now_ns(), &pin))
        skep__pin_text(&pin, who, sizeof(who));
    return SKEP__FAIL(SKEP_EBUSY, "%s: %s (%s)", what, who, db->path);
}

/* Passes until nothing is left. Who is in the way leaves without telling, so look again and again.
 */
static int checkpoint_until(skep_db *db, by_hand *b, skep__checkpoint_mode mode)
{
    skep__word pause = 0;
    b->mode = mode;
    for (;;) {
        int rc = skep__writer_exclusive_with(db, checkpoint_job, b, b->work_ns, b->opts->cancel);
        if (rc < 0 && rc != SKEP_EBUSY)
            return rc;
        progress(b, "checkpoint", b->pages - b->left, b->pages);
        if (rc >= 0 && b->left == 0)
            return SKEP_OK;
        uint64_t now = skep__now_ns();
        if (skep__cancel_fired(b->opts->cancel))
            return SKEP__FAIL(SKEP_ECANCELLED, "checkpoint of %s cancelled", db->path);
        if (atomic_load(&db->closing) != 0)
            return SKEP__FAIL(SKEP_ECLOSED, "the database is closing");
        if (now >= b->wait_ns)
            return in_the_way(db, b);
        SKEP__POINT("db.checkpoint_waits");
        uint64_t next = now + SKEP__DB_CHECKPOINT_PAUSE_NS;
        (void)skep__cancel_wait(b->opts->cancel, &pause, 0, next < b->wait_ns ? next : b->wait_ns);
    }
}

static int checkpoint(skep_db *db, by_hand *b)
{
    SKEP__TRY(begin(db, SKEP_MAINTAIN_TRUNCATE, b));
    bool cut = (b->opts->flags & SKEP_MAINTAIN_TRUNCATE) != 0;
    bool owned = skep__checkpoint_owned(db);
    if (owned)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "checkpoints of %s belong to what is attached to it",
                          db->path);
    int rc = checkpoint_until(db, b, SKEP__CHECKPOINT_PASSIVE);
    if (rc >= 0 && cut)
        rc = checkpoint_until(db, b, SKEP__CHECKPOINT_TRUNCATE);
    end(db, b);
    return rc;
}

/* ---- optimize ---- */

/* The packed file stands in the WAL; the old one shrinks when that is written back. Readers that
 * are in the way only put it off. */
static int vacuum(skep_db *db, by_hand *b)
{
    SKEP__TRY(skep__vacuum(db, b->opts, b->work_ns));
    b->wait_ns =
        skep__deadline_ns(b->opts->timeout_ms > 0 ? b->opts->timeout_ms : db->opts.busy_timeout_ms);
    bool owned = skep__checkpoint_owned(db);
    int rc = owned ? SKEP_OK : checkpoint_until(db, b, SKEP__CHECKPOINT_PASSIVE);
    return rc == SKEP_EBUSY ? SKEP_OK : rc;
}

static int optimize(skep_db *db, by_hand *b)
{
    uint32_t flags = b->opts->flags;
    skep_call_opts call = SKEP_CALL_OPTS_INIT;
    SKEP__TRY(begin(db, SKEP_MAINTAIN_ANALYZE | SKEP_MAINTAIN_VACUUM, b));
    call.priority = SKEP_PRIORITY_LOW;
    call.timeout_ms = b->opts->timeout_ms;
    call.cancel = b->opts->cancel;
    progress(b, "analyze", 0, 0);
    SKEP__TRY(skep__upkeep_analyze(
        db, (flags & SKEP_MAINTAIN_ANALYZE) != 0 ? "ANALYZE" : "PRAGMA optimize=0x10002", &call));
    if ((flags & SKEP_MAINTAIN_VACUUM) != 0)
        SKEP__TRY(vacuum(db, b));
    else
        SKEP__TRY(skep__upkeep_vacuum(db, 0, b->opts, &call));
    end(db, b);
    SKEP__EVENT(SKEP_DEBUG, "db.optimized", {"path", skep_text(db->path)},
                {"ms", skep_int((int64_t)((skep__now_ns() - b->began_ns) / SKEP__NS_PER_MS))});
    return SKEP_OK;
}

static int run(skep_db *db, const skep_maintain_opts *opts, skep_maintain_result *result,
               int (*what)(skep_db *db, by_hand *b))
{
    static const skep_maintain_opts none = SKEP_MAINTAIN_OPTS_INIT;
    by_hand b = {.opts = opts != NULL ? opts : &none, .result = result};
    SKEP__TRY(skep__db_enter(db));
    int rc = what(db, &b);
    skep__db_leave(db);
    return rc;
}

int skep_db_checkpoint(skep_db *db, const skep_maintain_opts *opts, skep_maintain_result *result)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__REQUIRE(result == NULL || result->size >= sizeof(*result));
    return run(db, opts, result, checkpoint);
}

int skep_db_optimize(skep_db *db, const skep_maintain_opts *opts, skep_maintain_result *result)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__REQUIRE(result == NULL || result->size >= sizeof(*result));
    return run(db, opts, result, optimize);
}
