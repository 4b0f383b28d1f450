/* SPDX-License-Identifier: MIT */
/*
 * The care of reading connections, in the maintenance thread of every process that has the file
 * open: idle ones are closed, old ones replaced, slow users named, and those that hold a snapshot
 * for too long are told to end.
 */
#include "base/event.h"
#include "base/time.h"
#include "db/db_private.h"

static uint64_t ns_of(int64_t ms)
{
    return (uint64_t)ms * SKEP__NS_PER_MS;
}

static uint64_t age(uint64_t now_ns, uint64_t since_ns)
{
    return now_ns > since_ns ? now_ns - since_ns : 0;
}

/* ---- idle and old ones ---- */

static bool is_old(const skep_db *db, skep__reader *reader, uint64_t now_ns)
{
    return age(now_ns, atomic_load(&reader->use.created_ns)) >= ns_of(db->opts.reader_max_age_ms);
}

/* For how long has nobody used it? As the looks of this thread tell: so giving back costs nothing.
 */
static uint64_t idle_for(skep__reader *reader, uint64_t now_ns)
{
    uint64_t done = atomic_load_explicit(&reader->use.transactions, memory_order_relaxed);
    if (reader->idle_ns == 0 || done != reader->seen) {
        reader->seen = done;
        reader->idle_ns = now_ns;
    }
    return age(now_ns, reader->idle_ns);
}

/* Open the new one first: where that is not possible the old one is better than none. */
static void replace(skep_db *db, skep__reader *reader)
{
    skep__limit limit = {.abort = &db->closing};
    skep__conn *conn = NULL;
    if (skep__db_open_conn(db, SKEP__CONN_READER, &limit, &conn) < 0)
        return;
    skep__reader_disconnect(db, reader);
    skep__reader_adopt(db, reader, conn);
    atomic_fetch_add_explicit(&db->readers.replaced, 1, memory_order_relaxed);
}

static uint32_t count_open(const skep__readers *r)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < r->count; i++)
        open += atomic_load(&r->slots[i].state) != SKEP__READER_NONE;
    return open;
}

void skep__readers_tend(skep_db *db, uint64_t now_ns)
{
    skep__readers *r = &db->readers;
    uint32_t open = count_open(r);
    /* Those that threads look at last come first. */
    for (uint32_t i = r->count; i-- > 0 && atomic_load(&db->closing) == 0;) {
        skep__reader *reader = &r->slots[i];
        uint32_t state = atomic_load(&reader->state);
        if (state != SKEP__READER_FREE) {
            reader->idle_ns = 0;
            if (state == SKEP__READER_BUSY && is_old(db, reader, now_ns))
                atomic_store_explicit(&reader->retire, 1, memory_order_relaxed);
            continue;
        }
        bool idle = idle_for(reader, now_ns) >= ns_of(db->opts.reader_idle_ms);
        bool surplus = idle && open > db->opts.readers_min;
        if (!(surplus || is_old(db, reader, now_ns)) || !skep__reader_take_idle(db, i))
            continue;
        if (surplus)
            skep__reader_disconnect(db, reader);
        else
            replace(db, reader);
        open -= surplus;
        skep__reader_give(db, i);
    }
}

/* ---- slow users ---- */

static void name_slow(skep_db *db, skep__reader *reader, uint32_t word, uint64_t age_ns)
{
    char sql[SKEP_INSPECT_SQL_MAX];
    skep__reader_sql(db, reader, sql, sizeof(sql));
    SKEP__EVENT(SKEP_WARNING, "db.slow_read", {"path", skep_text(db->path)},
                {"holder", skep_text(skep__hold_kind(word) == SKEP__HOLD_CALL ? "read" : "lease")},
                {"thread", skep_int(atomic_load(&reader->use.thread))},
                {"age_ms", skep_int((int64_t)(age_ns / SKEP__NS_PER_MS))}, {"sql", skep_text(sql)});
}

void skep__readers_watch(skep_db *db, uint64_t now_ns)
{
    for (uint32_t i = 0; i < db->readers.count; i++) {
        skep__reader *reader = &db->readers.slots[i];
        uint32_t word = 0;
        uint64_t since_ns = skep__use_snapshot(&reader->use, &word);
        if (since_ns == 0)
            continue;
        uint64_t held_ns = age(now_ns, since_ns);
        bool lease = skep__hold_kind(word) != SKEP__HOLD_CALL;
        bool named = since_ns == reader->named_ns && lease == reader->named_lease;
        if (held_ns >= ns_of(db->opts.read_slow_ms) && !named) {
            reader->named_ns = since_ns;
            reader->named_lease = lease;
            name_slow(db, reader, word, held_ns);
        }
        if (lease)
            skep__lease_expire(db, reader, now_ns);
        else if (held_ns >= ns_of(db->opts.read_max_ms))
            (void)skep__reader_cut(db, reader, word, SKEP__CUT_MAX);
    }
}
