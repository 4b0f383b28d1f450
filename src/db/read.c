/* SPDX-License-Identifier: MIT */
/*
 * Read calls: a function on the snapshot of a reading connection.
 *
 * A file with a rollback journal has no snapshots: who reads it keeps the writer from committing,
 * and who commits keeps readers out. There reading waits for the role of the writer, so that two
 * connections of one process never meet each other's locks.
 */
#include "base/time.h"
#include "db/db_private.h"

typedef struct read_call {
    skep_tx_fn *fn;
    void *arg;
    const skep_call_opts *opts;
    uint64_t deadline_ns;
    uint32_t slot;  /* of the reader that it got */
    uint32_t codes; /* failures that it met there, a bit each */
} read_call;

static int read_snapshot(skep_tx *tx, skep_tx_fn *fn, void *arg)
{
    SKEP__TRY(skep__conn_control(tx->conn, SKEP__BEGIN_READ));
    int rc = skep__tx_run(tx, fn, arg);
    skep_err err;
    if (rc < 0)
        skep__err_save(&err);
    /* Some failures end a reading transaction too. */
    if (tx->conn->driver->in_tx(tx->conn)) {
        int ended = skep__conn_control(tx->conn, SKEP__COMMIT);
        if (ended < 0 && rc >= 0)
            return ended;
    }
    return rc < 0 ? skep__err_install(&err) : rc;
}

/* On a reader that is ours for this call. */
static int read_on(skep_db *db, skep__reader *reader, read_call *call)
{
    skep__limit limit = {.deadline_ns = call->deadline_ns,
                         .cancel = call->opts->cancel,
                         .abort = &db->abort,
                         .cut = &reader->use.hold};
    skep__call_budget(&limit, call->opts, db->opts.read_max_ms, "read_max_ms");
    skep_tx tx;
    skep__tx_init(&tx, db, reader->conn, &reader->use.hold);
    tx.single = (call->opts->flags & SKEP_CALL_SINGLE) != 0;
    reader->conn->limit = &limit;
    skep__use_begin(&reader->use, skep__coarse_ns());
    int rc = tx.single ? skep__tx_run(&tx, call->fn, call->arg)
                       : read_snapshot(&tx, call->fn, call->arg);
    skep__use_end(&reader->use);
    reader->conn->limit = NULL;
    call->codes = tx.codes;
    if (rc < 0 && rc >= SKEP_EINTERNAL)
        call->codes |= 1u << (uint32_t)-rc;
    return rc;
}

static __attribute__((noinline)) int read_timed(skep_db *db, skep__reader *reader, read_call *call)
{
    uint64_t began_ns = skep__now_ns();
    int rc = read_on(db, reader, call);
    skep__hist_add(&db->read_ns, skep__now_ns() - began_ns);
    return rc;
}

static int read_now(skep_db *db, void *arg)
{
    read_call *call = arg;
    SKEP__TRY(skep__reader_acquire(db, call->opts, call->deadline_ns, &call->slot));
    skep__reader *reader = &db->readers.slots[call->slot];
    uint64_t done = atomic_load_explicit(&reader->use.transactions, memory_order_relaxed);
    int rc =
        done % SKEP__DB_READ_SAMPLE == 0 ? read_timed(db, reader, call) : read_on(db, reader, call);
    skep__reader_release(db, call->slot, call->codes);
    return rc;
}

static int read_in_turn(skep_db *db, read_call *call)
{
    uint64_t deadline_ns = call->deadline_ns;
    if (deadline_ns == 0)
        deadline_ns = skep__deadline_ns(call->opts->timeout_ms < 0 ? -1 : db->opts.read_wait_ms);
    return skep__writer_exclusive_with(db, read_now, call, deadline_ns, call->opts->cancel);
}

int skep__read_inside(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE, "skep_read on %s from inside its own transaction function",
                          db->path);
    uint32_t other = opts->flags & ~(uint32_t)SKEP_CALL_SINGLE;
    if (other != 0)
        return SKEP__FAIL(SKEP_EINVALID, "call flags 0x%x are not for reads", other);
    SKEP__TRY(skep__call_check(db, opts));
    read_call call = {.fn = fn, .arg = arg, .opts = opts};
    if (opts->timeout_ms > 0)
        call.deadline_ns = skep__deadline_ns(opts->timeout_ms);
    return db->in_turn ? read_in_turn(db, &call) : read_now(db, &call);
}

int skep_read_with(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    static const skep_call_opts none = SKEP_CALL_OPTS_INIT;
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(fn != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__TRY(skep__db_enter(db));
    int rc = skep__read_inside(db, fn, arg, opts != NULL ? opts : &none);
    if (rc < 0) {
        skep__note_call(db);
        atomic_fetch_add_explicit(&db->reads_failed, 1, memory_order_relaxed);
    }
    skep__db_leave(db);
    return rc;
}

int skep_read(skep_db *db, skep_tx_fn *fn, void *arg)
{
    return skep_read_with(db, fn, arg, NULL);
}
