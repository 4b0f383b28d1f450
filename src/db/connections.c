/* SPDX-License-Identifier: MIT */
/* What onlookers are told about connections: who uses them, since when, who pins the WAL. */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "db/db_private.h"

/* ---- facts ---- */

void skep__use_opened(skep__use *use)
{
    atomic_store_explicit(&use->since_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&use->before, atomic_load(&use->transactions), memory_order_relaxed);
    atomic_store_explicit(&use->created_ns, skep__coarse_ns(), memory_order_relaxed);
    atomic_store_explicit(&use->created_us, skep_now_us(), memory_order_relaxed);
}

void skep__use_closed(skep__use *use)
{
    atomic_store_explicit(&use->created_us, 0, memory_order_relaxed);
}

uint64_t skep__use_snapshot(skep__use *use, uint32_t *word)
{
    *word = atomic_load_explicit(&use->hold, memory_order_acquire);
    switch (skep__hold_kind(*word)) {
    case SKEP__HOLD_CALL:
        return atomic_load_explicit(&use->since_ns, memory_order_relaxed);
    case SKEP__HOLD_LEASE:
    case SKEP__HOLD_LEASE_READ:
        return atomic_load_explicit(&use->snapshot_ns, memory_order_relaxed);
    default:
        return 0;
    }
}

static uint64_t age_ms(uint64_t now_ns, uint64_t since_ns)
{
    return now_ns > since_ns ? (now_ns - since_ns) / SKEP__NS_PER_MS : 0;
}

static bool is_lease(uint32_t word)
{
    return skep__hold_kind(word) >= SKEP__HOLD_LEASE;
}

/* ---- who pins the WAL ---- */

/* Is there anything in the WAL? A handle that only reads is not told, and looks at the file. */
static bool wal_used(const skep_db *db)
{
    if (!skep__db_writes(db))
        return skep__db_file_bytes(db, "-wal") > 0;
    return atomic_load_explicit(&db->wal_pages, memory_order_relaxed) > 0;
}

bool skep__wal_pin(skep_db *db, uint64_t now_ns, skep__pin *out)
{
    skep__reader *oldest = NULL;
    uint64_t since_ns = 0;
    if (!wal_used(db))
        return false;
    for (uint32_t i = 0; i < db->readers.count; i++) {
        uint32_t word = 0;
        uint64_t since = skep__use_snapshot(&db->readers.slots[i].use, &word);
        if (since == 0 || (oldest != NULL && since >= since_ns))
            continue;
        oldest = &db->readers.slots[i];
        since_ns = since;
        out->lease = is_lease(word);
    }
    if (oldest == NULL)
        return false;
    out->age_ms = age_ms(now_ns, since_ns);
    out->thread = atomic_load_explicit(&oldest->use.thread, memory_order_relaxed);
    skep__reader_sql(db, oldest, out->sql, sizeof(out->sql));
    return true;
}

void skep__pin_text(const skep__pin *pin, char *out, size_t size)
{
    (void)snprintf(out, size, "a %s of thread %u has held its snapshot for %llu ms%s%.120s",
                   pin->lease ? "lease" : "read", pin->thread, (unsigned long long)pin->age_ms,
                   pin->sql[0] != '\0' ? ": " : "", pin->sql);
}

/* ---- statistics ---- */

void skep__connection_stats(skep_db *db, skep_db_stats *out)
{
    skep__pin pin;
    for (uint32_t i = 0; i < db->readers.count; i++) {
        skep__reader *reader = &db->readers.slots[i];
        uint32_t state = atomic_load(&reader->state);
        out->reads += atomic_load_explicit(&reader->use.transactions, memory_order_relaxed);
        out->readers_open += state != SKEP__READER_NONE;
        out->readers_busy += state == SKEP__READER_BUSY;
        out->leases += is_lease(atomic_load(&reader->use.hold));
    }
    out->active_connections = out->readers_busy;
    out->total_connections = out->readers_open;
    skep__use *const others[] = {&db->writer_use, &db->checkpointer.use};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        out->total_connections += atomic_load(&others[i]->created_us) != 0;
        out->active_connections +=
            skep__hold_kind(atomic_load(&others[i]->hold)) != SKEP__HOLD_NONE;
    }
    out->utilisation = (double)out->readers_busy / db->readers.count;
    out->readers_waiting = atomic_load(&db->readers.waiting);
    out->readers_replaced = atomic_load(&db->readers.replaced);
    out->reads_cut = atomic_load(&db->readers.cut);
    if (skep__wal_pin(db, skep__coarse_ns(), &pin))
        out->wal_pin_age_ms = pin.age_ms > 0 ? pin.age_ms : 1;
}

/* ---- the list ---- */

typedef struct listing {
    skep_db_connection *list;
    size_t room;
    size_t count;
    uint64_t now_ns;
    int64_t now_us;
    bool wal; /* there is something in it */
} listing;

/* The next entry; NULL when it is only to be counted. */
static skep_db_connection *list_next(listing *l, const skep__use *use, skep_conn_role role)
{
    uint32_t word = atomic_load_explicit(&use->hold, memory_order_acquire);
    if (l->count++ >= l->room)
        return NULL;
    skep_db_connection *c = &l->list[l->count - 1];
    uint32_t size = c->size;
    memset(c, 0, sizeof(*c));
    c->size = size;
    c->role = role == SKEP_CONN_READER && is_lease(word) ? (int32_t)SKEP_CONN_LEASE : (int32_t)role;
    c->in_use = skep__hold_kind(word) != SKEP__HOLD_NONE;
    c->created_us = atomic_load_explicit(&use->created_us, memory_order_relaxed);
    uint64_t before = atomic_load_explicit(&use->before, memory_order_relaxed);
    c->transactions = atomic_load_explicit(&use->transactions, memory_order_relaxed) - before;
    uint64_t since_ns = atomic_load_explicit(&use->since_ns, memory_order_relaxed);
    uint64_t ago_ns = l->now_ns > since_ns ? l->now_ns - since_ns : 0;
    if (since_ns != 0)
        c->last_used_us = l->now_us - skep__i64(ago_ns / SKEP__NS_PER_US);
    if (c->in_use != 0) {
        c->held_ms = skep__i64(ago_ns / SKEP__NS_PER_MS);
        c->thread = atomic_load_explicit(&use->thread, memory_order_relaxed);
    }
    return c;
}

static void list_readers(skep_db *db, listing *l)
{
    for (uint32_t i = 0; i < db->readers.count; i++) {
        skep__reader *reader = &db->readers.slots[i];
        uint32_t word = 0;
        if (atomic_load(&reader->use.created_us) == 0)
            continue;
        bool pins = skep__use_snapshot(&reader->use, &word) != 0 && l->wal;
        skep_db_connection *c = list_next(l, &reader->use, SKEP_CONN_READER);
        if (c == NULL)
            continue;
        c->pins_wal = pins;
        skep__reader_sql(db, reader, c->sql, sizeof(c->sql));
    }
}

void skep__connections_list(skep_db *db, skep_db_connection *list, size_t *n)
{
    listing l = {
        .list = list,
        .room = *n,
        .now_ns = skep__coarse_ns(),
        .now_us = skep_now_us(),
        .wal = wal_used(db),
    };
    if (skep__db_writes(db)) {
        skep_db_connection *c = list_next(&l, &db->writer_use, SKEP_CONN_WRITER);
        if (c != NULL)
            skep__writer_sql(db, c->sql, sizeof(c->sql));
    }
    list_readers(db, &l);
    if (atomic_load(&db->checkpointer.use.created_us) != 0)
        (void)list_next(&l, &db->checkpointer.use, SKEP_CONN_SERVICE);
    *n = l.count;
}

int skep_db_connections(skep_db *db, skep_db_connection *list, size_t *n)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(n != NULL);
    SKEP__REQUIRE(list != NULL || *n == 0);
    for (size_t i = 0; i < *n; i++)
        SKEP__REQUIRE(list[i].size >= sizeof(*list));
    SKEP__TRY(skep__db_enter(db));
    skep__connections_list(db, list, n);
    skep__db_leave(db);
    return SKEP_OK;
}
