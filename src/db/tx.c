/* SPDX-License-Identifier: MIT */
/* What a transaction function can do with its `tx`. */
#include "db/db_private.h"

static _Thread_local skep__frame *frames;

void skep__frame_push(skep__frame *frame, const skep_db *db)
{
    frame->db = db;
    frame->outer = frames;
    frames = frame;
}

void skep__frame_pop(skep__frame *frame)
{
    ASSERT(frames == frame);
    frames = frame->outer;
}

bool skep__frame_inside(const skep_db *db)
{
    const skep__frame *frame = frames;
    while (frame != NULL && frame->db != db)
        frame = frame->outer;
    return frame != NULL;
}

/* Every failure that a transaction function gets to see passes here: it may return the code, and
 * the engine may have ended the whole transaction with it. */
int skep__tx_fail(skep_tx *tx, int rc)
{
    tx->codes |= 1u << (uint32_t)-rc;
    if (tx->writing && !tx->lost && !tx->conn->driver->in_tx(tx->conn)) {
        tx->lost = true;
        skep__err_save(&tx->lost_err);
    }
    return rc;
}

static __attribute__((noinline)) int refuse(skep_tx *tx, const char *sql)
{
    SKEP__TRY(skep__db_here(tx->db));
    if (tx->lost)
        return skep__err_install(&tx->lost_err);
    if (skep__tx_cut(tx))
        return skep__cut_fail(atomic_load(tx->cut));
    return SKEP__FAIL(SKEP_EMISUSE, "a second statement in a SKEP_CALL_SINGLE read: %.80s", sql);
}

static int start(skep_tx *tx, const char *sql, const skep_value *v, size_t n, skep_rows **out)
{
    bool second = tx->single && tx->statements > 0;
    bool here = skep__home_here(&tx->db->home);
    if (__builtin_expect(!here || tx->lost || second || skep__tx_cut(tx), 0))
        return skep__tx_fail(tx, refuse(tx, sql));
    tx->statements++;
    int rc = skep__stmt_borrow(tx->conn, sql, v, n, out);
    return rc < 0 ? skep__tx_fail(tx, rc) : rc;
}

static void rows_own(skep_tx *tx, skep_rows *rows)
{
    ASSERT(rows != NULL);
    rows->owner = tx;
    rows->open_next = tx->open;
    rows->open_back = &tx->open;
    if (tx->open != NULL)
        tx->open->open_back = &rows->open_next;
    tx->open = rows;
}

int skep_query_v(skep_tx *tx, const char *sql, const skep_value *v, size_t n, skep_rows **out)
{
    SKEP__REQUIRE(tx != NULL);
    SKEP__REQUIRE(sql != NULL);
    SKEP__REQUIRE(v != NULL || n == 0);
    SKEP__REQUIRE(out != NULL);
    int rc = start(tx, sql, v, n, out);
    if (rc >= 0)
        rows_own(tx, *out);
    return rc;
}

int skep_exec_v(skep_tx *tx, const char *sql, const skep_value *v, size_t n)
{
    SKEP__REQUIRE(tx != NULL);
    SKEP__REQUIRE(sql != NULL);
    SKEP__REQUIRE(v != NULL || n == 0);
    skep_rows *rows = NULL;
    int rc = start(tx, sql, v, n, &rows);
    if (rc < 0)
        return rc;
    do
        rc = skep__stmt_step(rows);
    while (rc > 0);
    skep__stmt_return(rows);
    return rc < 0 ? skep__tx_fail(tx, rc) : SKEP_OK;
}

/* ---- one run of a transaction function ---- */

int skep_tx_attempt(const skep_tx *tx)
{
    SKEP__REQUIRE(tx != NULL);
    return (int)tx->attempt;
}

int64_t skep_tx_changes(const skep_tx *tx)
{
    SKEP__REQUIRE(tx != NULL);
    return tx->conn->driver->changes(tx->conn);
}

int64_t skep_tx_last_rowid(const skep_tx *tx)
{
    SKEP__REQUIRE(tx != NULL);
    return tx->conn->driver->last_rowid(tx->conn);
}

/* What belongs to one run is skep__tx_run()'s. */
void skep__tx_init(skep_tx *tx, skep_db *db, skep__conn *conn, const _Atomic uint32_t *cut)
{
    static const _Atomic uint32_t never;
    tx->db = db;
    tx->conn = conn;
    tx->writing = conn->role == SKEP__CONN_WRITER;
    tx->single = false;
    tx->cut = cut != NULL ? cut : &never;
    tx->attempt = 0;
    tx->open = NULL;
}

/* A negative value is either a code that skep gave to this function, by `tx` or by whatever else it
 * called in this thread since `serial`, or one of the application. */
static int judge(const skep_tx *tx, int rc, uint32_t serial)
{
    if (rc <= SKEP_EUSER)
        return skep__fail(rc, "callback", "the transaction function returned %d", rc);
    if (skep__err_serial() != serial && skep_last_error()->code == rc)
        return rc;
    if (rc >= SKEP_EINTERNAL && (tx->codes & (1u << (uint32_t)-rc)) != 0)
        return skep__fail(rc, "callback", "the transaction function returned %s",
                          skep_code_name(rc));
    return skep__fail(SKEP_EMISUSE, "callback",
                      "the transaction function returned %d, which is no code that skep gave it "
                      "and not SKEP_EUSER or below",
                      rc);
}

int skep__tx_run(skep_tx *tx, skep_tx_fn *fn, void *arg)
{
    tx->lost = false;
    tx->unread = false;
    tx->statements = 0;
    tx->codes = 0;
    tx->attempt++;
    tx->conn->driver->call_begin(tx->conn);
    skep__frame_push(&tx->frame, tx->db);
    uint32_t serial = skep__err_serial();
    int rc = fn(tx, arg);
    /* A child that was forked inside of it and comes back would go on to commit for its parent. */
    ASSERT(skep__home_here(&tx->db->home));
    skep__frame_pop(&tx->frame);
    if (rc < 0)
        rc = judge(tx, rc, serial);
    while (tx->open != NULL)
        skep_rows_close(tx->open);
    if (tx->lost && rc >= 0) /* it took a failure for a success: nothing of it is there */
        rc = skep__err_install(&tx->lost_err);
    if (tx->unread && rc >= 0)
        rc = skep__oom();
    return rc;
}
