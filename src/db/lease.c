/* SPDX-License-Identifier: MIT */
/*
 * Leases: one snapshot over many reads.
 *
 * A lease has a slot of the readers with an open transaction. One word, `hold`, decides who may
 * touch the connection: its owner, who changes LEASE to LEASE_READ while a function runs; the
 * maintenance thread when the snapshot is too old, and the leader of the writers when it is in the
 * way of the WAL, who change LEASE to LEASE_TAKEN, end the transaction and leave LEASE_ENDED
 * behind. So the WAL is unpinned at once, whether or not the thread of the lease still lives. A
 * lease that is inside a read is told by a bit in the same word, and its owner ends the
 * transaction. A read takes no lock and asks no clock.
 */
#include <limits.h>

#include "base/event.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

struct skep_lease {
    skep_db *db;
    uint32_t slot;
    uint64_t number; /* its snapshot has the commit of this number */
};

static skep__reader *reader_of(const skep_lease *lease)
{
    return &lease->db->readers.slots[lease->slot];
}

/* ---- ending a snapshot ---- */

/* End the transaction of a connection that is the caller's alone; what cannot be ended is closed
 * with its connection. */
static void snapshot_end(skep_db *db, skep__reader *reader)
{
    skep__conn *conn = reader->conn;
    if (conn == NULL || conn->driver->quiet(conn))
        return;
    skep_err err; /* of what led here */
    skep__err_save(&err);
    conn->limit = NULL;
    if (skep__conn_control(conn, SKEP__COMMIT) < 0 || !conn->driver->quiet(conn)) {
        skep__reader_disconnect(db, reader);
        atomic_fetch_add_explicit(&db->readers.replaced, 1, memory_order_relaxed);
    }
    if (err.code < 0)
        (void)skep__err_install(&err);
}

/* Let go of a lease that was TAKEN or in a read. */
static void hold_set(skep__reader *reader, skep__hold kind, uint32_t why)
{
    uint32_t word = atomic_load_explicit(&reader->use.hold, memory_order_relaxed);
    atomic_store(&reader->use.hold, skep__hold_next(word, kind) | why);
    skep__word_wake(&reader->use.hold, INT_MAX);
}

static bool hold_change(skep__reader *reader, uint32_t seen, uint32_t to)
{
    return atomic_compare_exchange_strong(&reader->use.hold, &seen, to);
}

static void tell_ended(skep_db *db, skep__reader *reader, skep__cut why)
{
    atomic_fetch_add_explicit(&db->readers.cut, 1, memory_order_relaxed);
    SKEP__EVENT(SKEP_WARNING, "db.snapshot_ended", {"path", skep_text(db->path)},
                {"thread", skep_int(atomic_load(&reader->use.thread))},
                {"cause", skep_text(why == SKEP__CUT_WAL   ? "db.wal_ceiling"
                                    : why == SKEP__CUT_MAX ? "db.read_max"
                                                           : "max_age")});
}

bool skep__reader_cut(skep_db *db, skep__reader *reader, uint32_t seen, skep__cut why)
{
    switch (skep__hold_kind(seen)) {
    case SKEP__HOLD_CALL:
    case SKEP__HOLD_LEASE_READ:
        if ((seen & SKEP__CUT_ANY) != 0 || !hold_change(reader, seen, seen | (uint32_t)why))
            return false;
        break;
    case SKEP__HOLD_LEASE:
        if (!hold_change(reader, seen, skep__hold_next(seen, SKEP__HOLD_LEASE_TAKEN)))
            return false;
        SKEP__POINT("db.lease_taken");
        snapshot_end(db, reader);
        hold_set(reader, SKEP__HOLD_LEASE_ENDED, why);
        break;
    default:
        return false;
    }
    tell_ended(db, reader, why);
    return true;
}

void skep__lease_expire(skep_db *db, skep__reader *reader, uint64_t now_ns)
{
    uint32_t word = 0;
    uint64_t since_ns = skep__use_snapshot(&reader->use, &word);
    if (since_ns == 0 || skep__hold_kind(word) == SKEP__HOLD_CALL)
        return;
    uint64_t most_ns = atomic_load_explicit(&reader->use.lease_max_ns, memory_order_relaxed);
    if (now_ns >= since_ns && now_ns - since_ns >= most_ns)
        (void)skep__reader_cut(db, reader, word, SKEP__CUT_AGE);
}

/* ---- taking one ---- */

/* Take a snapshot on a connection that is the caller's and has none. */
static int snapshot_begin(skep_db *db, skep__reader *reader, const skep__limit *limit,
                          uint64_t *number)
{
    /* What is visible now is in the snapshot that is taken after it. */
    *number = skep__db_visible_commit(db);
    uint64_t now_ns = skep__coarse_ns();
    skep__conn *conn = reader->conn;
    conn->limit = limit;
    int rc = skep__conn_control(conn, SKEP__BEGIN_READ);
    if (rc >= 0)
        rc = skep__conn_control(conn, SKEP__SNAPSHOT);
    conn->limit = NULL;
    if (rc < 0) {
        snapshot_end(db, reader);
        return rc;
    }
    atomic_store_explicit(&reader->use.snapshot_ns, now_ns, memory_order_relaxed);
    return SKEP_OK;
}

static int lease_begin(skep_lease *lease, const skep_lease_opts *opts, const skep__limit *limit)
{
    skep_db *db = lease->db;
    skep__reader *reader = reader_of(lease);
    int64_t ms = db->opts.lease_max_ms;
    if (opts->max_age_ms > 0 && opts->max_age_ms < ms)
        ms = opts->max_age_ms;
    atomic_store_explicit(&reader->use.lease_max_ns, (uint64_t)ms * SKEP__NS_PER_MS,
                          memory_order_relaxed);
    SKEP__TRY(snapshot_begin(db, reader, limit, &lease->number));
    skep__use_begin(&reader->use, skep__coarse_ns());
    hold_set(reader, SKEP__HOLD_LEASE, 0);
    return SKEP_OK;
}

static int lease_open(skep_lease *lease, const skep_lease_opts *opts)
{
    skep_db *db = lease->db;
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE,
                          "skep_lease_open on %s from inside its own transaction "
                          "function",
                          db->path);
    if (opts->max_age_ms < 0)
        return SKEP__FAIL(SKEP_EINVALID, "skep_lease_opts.max_age_ms is %lld",
                          (long long)opts->max_age_ms);
    if (db->in_turn)
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "%s has a rollback journal: a lease would keep it "
                          "from being written",
                          db->path);
    skep_call_opts call = SKEP_CALL_OPTS_INIT;
    call.timeout_ms = opts->timeout_ms;
    call.cancel = opts->cancel;
    call.at_least = opts->at_least;
    SKEP__TRY(skep__call_check(db, &call));
    skep__limit limit = {.cancel = opts->cancel, .abort = &db->abort};
    if (opts->timeout_ms > 0)
        limit.deadline_ns = skep__deadline_ns(opts->timeout_ms);
    SKEP__TRY(skep__reader_acquire(db, &call, limit.deadline_ns, &lease->slot));
    int rc = lease_begin(lease, opts, &limit);
    if (rc < 0)
        skep__reader_release(db, lease->slot, rc >= SKEP_EINTERNAL ? 1u << (uint32_t)-rc : 0);
    return rc;
}

int skep_lease_open(skep_db *db, const skep_lease_opts *opts, skep_lease **out)
{
    static const skep_lease_opts none = SKEP_LEASE_OPTS_INIT;
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__db_enter(db)); /* the lease is a call inside until it is closed */
    skep_lease *lease = skep__calloc(1, sizeof(*lease));
    int rc = SKEP_OK;
    if (lease != NULL) {
        lease->db = db;
        rc = lease_open(lease, opts != NULL ? opts : &none);
    } else {
        rc = skep__oom();
    }
    if (rc < 0) {
        skep__free(lease);
        skep__db_leave(db);
        return rc;
    }
    skep__maintain_leases(db);
    *out = lease;
    return SKEP_OK;
}

/* ---- using it ---- */

/* Wait while somebody else ends its snapshot; that is one statement. */
static uint32_t hold_settled(skep__reader *reader)
{
    for (;;) {
        uint32_t word = atomic_load(&reader->use.hold);
        if (skep__hold_kind(word) != SKEP__HOLD_LEASE_TAKEN)
            return word;
        (void)skep__word_wait(&reader->use.hold, word, 0);
    }
}

/* Change from LEASE to `kind`; or from LEASE_ENDED too, if `ended`. */
static int lease_take(const skep_lease *lease, skep__hold kind, bool ended)
{
    skep__reader *reader = reader_of(lease);
    for (;;) {
        uint32_t word = hold_settled(reader);
        uint32_t now = skep__hold_kind(word);
        if (now == SKEP__HOLD_LEASE_ENDED && !ended)
            return skep__cut_fail(word);
        if (now != SKEP__HOLD_LEASE && now != SKEP__HOLD_LEASE_ENDED)
            return SKEP__FAIL(SKEP_EMISUSE, "the lease is in use by another call");
        if (hold_change(reader, word, skep__hold_next(word, kind)))
            return SKEP_OK;
    }
}

/* Its owner has done with it: keep the snapshot, unless it was told to end or has ended. */
static void lease_keep(const skep_lease *lease, uint32_t codes)
{
    skep__reader *reader = reader_of(lease);
    uint32_t word = atomic_load_explicit(&reader->use.hold, memory_order_relaxed);
    uint32_t lost = 0;
    if (skep__codes_dirty(codes) || !reader->conn->driver->in_tx(reader->conn))
        lost = SKEP__CUT_LOST;
    if (lost == 0 && (word & SKEP__CUT_ANY) == 0 &&
        hold_change(reader, word, skep__hold_next(word, SKEP__HOLD_LEASE)))
        return;
    word = atomic_load(&reader->use.hold);
    snapshot_end(lease->db, reader);
    if (skep__codes_dirty(codes))
        atomic_store_explicit(&reader->retire, 1, memory_order_relaxed);
    hold_set(reader, SKEP__HOLD_LEASE_ENDED, (word & SKEP__CUT_ANY) | lost);
}

static int lease_run(const skep_lease *lease, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    skep_db *db = lease->db;
    skep__reader *reader = reader_of(lease);
    skep__limit limit = {.cancel = opts->cancel, .abort = &db->abort, .cut = &reader->use.hold};
    if (opts->timeout_ms > 0)
        limit.deadline_ns = skep__deadline_ns(opts->timeout_ms);
    skep__call_budget(&limit, opts, db->opts.read_max_ms, "read_max_ms");
    skep_tx tx;
    skep__tx_init(&tx, db, reader->conn, &reader->use.hold);
    tx.single = (opts->flags & SKEP_CALL_SINGLE) != 0;
    atomic_store_explicit(&reader->use.thread, skep__thread_id(), memory_order_relaxed);
    reader->conn->limit = &limit;
    int rc = skep__tx_run(&tx, fn, arg);
    reader->conn->limit = NULL;
    skep__use_count(&reader->use);
    lease_keep(lease, tx.codes);
    return rc;
}

static int lease_check(const skep_lease *lease, const char *what)
{
    const skep_db *db = lease->db;
    SKEP__TRY(skep__db_here(db));
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE, "%s on %s from inside its own transaction function", what,
                          db->path);
    if (atomic_load_explicit(&db->closing, memory_order_relaxed) != 0)
        return SKEP__FAIL(SKEP_ECLOSED, "%s is closing", db->path);
    return SKEP_OK;
}

static int lease_renew(skep_lease *lease)
{
    skep_db *db = lease->db;
    skep__reader *reader = reader_of(lease);
    SKEP__TRY(lease_take(lease, SKEP__HOLD_LEASE_TAKEN, true));
    skep__limit limit = {.abort = &db->abort};
    int rc = SKEP_OK;
    snapshot_end(db, reader);
    if (reader->conn != NULL && atomic_load(&reader->retire) != 0) {
        skep__reader_disconnect(db, reader);
        atomic_fetch_add_explicit(&db->readers.replaced, 1, memory_order_relaxed);
    }
    if (reader->conn == NULL)
        rc = skep__reader_connect(db, reader, &limit);
    if (rc >= 0)
        rc = snapshot_begin(db, reader, &limit, &lease->number);
    if (rc < 0) {
        atomic_store_explicit(&reader->retire, 1, memory_order_relaxed);
        hold_set(reader, SKEP__HOLD_LEASE_ENDED, SKEP__CUT_LOST);
        return rc;
    }
    hold_set(reader, SKEP__HOLD_LEASE, 0);
    return SKEP_OK;
}

int skep_lease_renew(skep_lease *lease)
{
    SKEP__REQUIRE(lease != NULL);
    SKEP__TRY(lease_check(lease, "skep_lease_renew"));
    return lease_renew(lease);
}

/* Where no maintenance thread is sure to come by, the user of a lease has to look at the clock. */
static void expire_unattended(const skep_lease *lease)
{
    if (!skep__attended(lease->db))
        skep__lease_expire(lease->db, reader_of(lease), skep__coarse_ns());
}

static int lease_read_opts(skep_lease *lease, const skep_call_opts *opts)
{
    uint32_t other = opts->flags & ~(uint32_t)SKEP_CALL_SINGLE;
    if (other != 0)
        return SKEP__FAIL(SKEP_EINVALID, "call flags 0x%x are not for reads", other);
    SKEP__TRY(skep__call_check(lease->db, opts));
    if (opts->at_least != NULL && opts->at_least->number > lease->number)
        return lease_renew(lease);
    return SKEP_OK;
}

int skep_lease_read_with(skep_lease *lease, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    static const skep_call_opts none = SKEP_CALL_OPTS_INIT;
    SKEP__REQUIRE(lease != NULL);
    SKEP__REQUIRE(fn != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__TRY(lease_check(lease, "skep_lease_read"));
    if (opts != NULL)
        SKEP__TRY(lease_read_opts(lease, opts));
    else
        opts = &none;
    expire_unattended(lease);
    SKEP__TRY(lease_take(lease, SKEP__HOLD_LEASE_READ, false));
    int rc = lease_run(lease, fn, arg, opts);
    if (rc < 0) {
        skep__note_call(lease->db);
        atomic_fetch_add_explicit(&lease->db->reads_failed, 1, memory_order_relaxed);
    }
    return rc;
}

int skep_lease_read(skep_lease *lease, skep_tx_fn *fn, void *arg)
{
    return skep_lease_read_with(lease, fn, arg, NULL);
}

int64_t skep_lease_age_ms(const skep_lease *lease)
{
    SKEP__REQUIRE(lease != NULL);
    SKEP__TRY(skep__db_here(lease->db));
    skep__reader *reader = reader_of(lease);
    uint64_t now_ns = skep__coarse_ns();
    skep__lease_expire(lease->db, reader, now_ns);
    uint32_t word = hold_settled(reader);
    if (skep__hold_kind(word) == SKEP__HOLD_LEASE_ENDED)
        return skep__cut_fail(word);
    uint64_t since_ns = atomic_load_explicit(&reader->use.snapshot_ns, memory_order_relaxed);
    return now_ns > since_ns ? skep__i64((now_ns - since_ns) / SKEP__NS_PER_MS) : 0;
}

/* ---- giving it back ---- */

static void lease_return(const skep_lease *lease)
{
    skep__reader *reader = reader_of(lease);
    snapshot_end(lease->db, reader);
    hold_set(reader, SKEP__HOLD_NONE, 0);
    skep__reader_release(lease->db, lease->slot, 0);
}

void skep_lease_close(skep_lease *lease)
{
    if (lease == NULL)
        return;
    skep_db *db = lease->db;
    if (skep__db_here(db) >= 0) {
        if (lease_take(lease, SKEP__HOLD_LEASE_TAKEN, true) < 0) {
            (void)skep__misuse(SKEP__ROOM, "skep_lease_close of a lease that is in use");
            return;
        }
        lease_return(lease);
    }
    skep__free(lease);
    skep__db_leave(db);
}
