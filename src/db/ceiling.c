/* SPDX-License-Identifier: MIT */
/*
 * The ceiling of the WAL: what is written must not outgrow what can be written back.
 *
 * A WAL grows without end while some snapshot keeps it from starting anew. When it is larger than
 * wal_ceiling_bytes, the leader holds its group back, before BEGIN: nobody writes then, so a pass
 * copies all that readers let it, and when none of them is in the way the next commit starts the
 * WAL anew. Leases are in the way by their nature and lose their snapshot at once; reads get a
 * moment to end by themselves. What is left then is another process, or the owner of checkpoints:
 * the calls get SKEP_ELIMIT, with a text that says who it is. None ever gets SKEP_EBUSY for it.
 *
 * Jobs that ask for the writer (a checkpoint, for one: the owner of checkpoints may need it to make
 * room) are served meanwhile.
 */
#include <stdio.h>

#include "base/cancel.h"
#include "base/event.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

static uint64_t wal_bytes(const skep_db *db)
{
    return atomic_load(&db->wal_pages) * db->frame_bytes;
}

/* Who is in the way? */
static void blame(skep_db *db, char *out, size_t size)
{
    skep__pin pin;
    bool owned = skep__checkpoint_owned(db);
    if (skep__wal_pin(db, skep__coarse_ns(), &pin))
        skep__pin_text(&pin, out, size);
    else
        (void)snprintf(out, size, "%s",
                       atomic_load(&db->maintain.checks) > 0
                           ? "a check of the file holds a snapshot"
                       : owned ? "the owner of checkpoints has not written it back"
                               : "another process reads it, writes or checkpoints");
}

static int hold_failed(skep_db *db, const skep_cancel *cancel)
{
    char why[SKEP_INSPECT_SQL_MAX];
    if (skep__cancel_fired(cancel))
        return SKEP__FAIL(SKEP_ECANCELLED, "call cancelled before it began");
    if (atomic_load(&db->abort) != 0)
        return SKEP__FAIL(SKEP_ECLOSED, "%s is closing", db->path);
    blame(db, why, sizeof(why));
    return SKEP__FAIL(SKEP_ELIMIT,
                      "the WAL has %llu bytes, more than db.wal_ceiling (%llu), and cannot start "
                      "anew: %s",
                      (unsigned long long)wal_bytes(db),
                      (unsigned long long)db->opts.wal_ceiling_bytes, why);
}

static void announce(skep_db *db)
{
    char why[SKEP_INSPECT_SQL_MAX];
    blame(db, why, sizeof(why));
    SKEP__EVENT(SKEP_WARNING, "db.wal_ceiling", {"path", skep_text(db->path)},
                {"bytes", skep_int((int64_t)wal_bytes(db))}, {"cause", skep_text(why)});
}

/* End the snapshots that are in the way: those of leases, and of reads that have had their moment.
 */
static void make_room(skep_db *db, uint64_t began_ns)
{
    uint64_t now_ns = skep__now_ns();
    if (atomic_load(&db->maintain.checks) > 0)
        atomic_store(&db->maintain.check_cut, 1);
    for (uint32_t i = 0; i < db->readers.count; i++) {
        skep__reader *reader = &db->readers.slots[i];
        uint32_t word = 0;
        uint64_t since_ns = skep__use_snapshot(&reader->use, &word);
        if (since_ns == 0 || since_ns > began_ns) /* it came after the WAL was written back */
            continue;
        bool moment = now_ns - began_ns < SKEP__DB_CEILING_GRACE_NS;
        if (skep__hold_kind(word) != SKEP__HOLD_CALL || !moment)
            (void)skep__reader_cut(db, reader, word, SKEP__CUT_WAL);
    }
}

static int hold(skep_db *db, uint64_t deadline_ns, const skep_cancel *cancel)
{
    skep__word pause = 0;
    uint64_t began_ns = skep__now_ns();
    skep__checkpoint_forget(db);
    if (deadline_ns == 0)
        deadline_ns = skep__deadline_ns(db->opts.busy_timeout_ms);
    for (bool first = true;; first = false) {
        bool clear = false;
        SKEP__TRY(skep__checkpoint_clear(db, &clear));
        if (clear) {
            atomic_store(&db->wal_pages, 0);
            return SKEP_OK;
        }
        if (first)
            announce(db);
        SKEP__POINT("db.held_back");
        if (skep__cancel_fired(cancel) || atomic_load(&db->abort) != 0 ||
            skep__now_ns() >= deadline_ns)
            return hold_failed(db, cancel);
        make_room(db, began_ns);
        while (skep__queue_serve(&db->queue))
            continue;
        (void)skep__word_wait(&pause, 0, skep__now_ns() + SKEP__DB_CEILING_PAUSE_NS);
    }
}

int skep__ceiling_hold(skep_db *db, uint64_t deadline_ns, const skep_cancel *cancel)
{
    if (atomic_load_explicit(&db->wal_pages, memory_order_relaxed) <= db->ceiling_pages)
        return SKEP_OK;
    return hold(db, deadline_ns, cancel);
}
