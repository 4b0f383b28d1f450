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

/* ---- rows ---- */

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

static void rows_release(skep_rows *rows)
{
    *rows->open_back = rows->open_next;
    if (rows->open_next != NULL)
        rows->open_next->open_back = rows->open_back;
    rows->owner = NULL;
    skep__stmt_return(rows);
}

/* Every failure that a transaction function gets to see passes here: it may return the code, and
 * the engine may have ended the whole transaction with it. */
static int tx_fail(skep_tx *tx, int rc)
{
    tx->codes |= 1u << (uint32_t)-rc;
    if (tx->writing && !tx->lost && !tx->conn->driver->in_tx(tx->conn)) {
        tx->lost = true;
        skep__err_save(&tx->lost_err);
    }
    return rc;
}

static int tx_start(skep_tx *tx, const char *sql, const skep_value *v, size_t n, skep_rows **out)
{
    if (tx->lost)
        return skep__err_install(&tx->lost_err);
    if (tx->single && tx->statements > 0)
        return SKEP__FAIL(SKEP_EMISUSE, "a second statement in a SKEP_CALL_SINGLE read: %.80s",
                          sql);
    tx->statements++;
    skep_rows *rows = NULL;
    SKEP__TRY(skep__stmt_borrow(tx->conn, sql, &rows));
    int rc = tx->conn->driver->bind(rows, v, n);
    if (rc < 0) {
        skep__stmt_return(rows);
        return rc;
    }
    *out = rows;
    return SKEP_OK;
}

int skep_exec_v(skep_tx *tx, const char *sql, const skep_value *v, size_t n)
{
    SKEP__REQUIRE(tx != NULL);
    SKEP__REQUIRE(sql != NULL);
    SKEP__REQUIRE(v != NULL || n == 0);
    skep_rows *rows = NULL;
    int rc = tx_start(tx, sql, v, n, &rows);
    if (rc < 0)
        return tx_fail(tx, rc);
    do
        rc = tx->conn->driver->step(rows);
    while (rc > 0);
    skep__stmt_return(rows);
    return rc < 0 ? tx_fail(tx, rc) : SKEP_OK;
}

int skep_query_v(skep_tx *tx, const char *sql, const skep_value *v, size_t n, skep_rows **out)
{
    SKEP__REQUIRE(tx != NULL);
    SKEP__REQUIRE(sql != NULL);
    SKEP__REQUIRE(v != NULL || n == 0);
    SKEP__REQUIRE(out != NULL);
    skep_rows *rows = NULL;
    int rc = tx_start(tx, sql, v, n, &rows);
    if (rc < 0)
        return tx_fail(tx, rc);
    rows_own(tx, rows);
    *out = rows;
    return SKEP_OK;
}

int skep_next(skep_rows *rows)
{
    SKEP__REQUIRE(rows != NULL);
    skep_tx *tx = rows->owner;
    SKEP__REQUIRE(tx != NULL);
    if (tx->lost) /* a step would now run outside any transaction */
        return tx_fail(tx, skep__err_install(&tx->lost_err));
    if (rows->ended)
        return 0;
    int rc = rows->conn->driver->step(rows);
    if (rc <= 0)
        rows->row_columns = 0;
    else if (rows->row_columns == 0)
        rows->row_columns = rows->conn->driver->columns(rows);
    rows->ended = rc <= 0;
    return rc < 0 ? tx_fail(tx, rc) : rc;
}

void skep_rows_close(skep_rows *rows)
{
    if (rows != NULL && rows->owner != NULL)
        rows_release(rows);
}

/* ---- columns ---- */

static bool column_there(const skep_rows *rows, int column)
{
    return rows != NULL && column >= 0 && column < rows->row_columns;
}

int skep_columns(const skep_rows *rows)
{
    return rows == NULL ? 0 : rows->conn->driver->columns(rows);
}

const char *skep_column_name(skep_rows *rows, int column)
{
    if (rows == NULL || column < 0 || column >= rows->conn->driver->columns(rows))
        return "";
    const char *name = rows->conn->driver->column_name(rows, column);
    return name != NULL ? name : "";
}

int skep_column_type(skep_rows *rows, int column)
{
    return column_there(rows, column) ? rows->conn->driver->column_type(rows, column)
                                      : (int)SKEP_NULL;
}

int64_t skep_column_int(skep_rows *rows, int column)
{
    return column_there(rows, column) ? rows->conn->driver->column_int(rows, column) : 0;
}

double skep_column_real(skep_rows *rows, int column)
{
    return column_there(rows, column) ? rows->conn->driver->column_real(rows, column) : 0.0;
}

skep_slice skep_column_text(skep_rows *rows, int column)
{
    skep_slice text = skep_slice_of(NULL, 0);
    if (column_there(rows, column))
        text = rows->conn->driver->column_bytes(rows, column, SKEP_TEXT);
    return text.data != NULL ? text : skep_slice_str("");
}

skep_slice skep_column_blob(skep_rows *rows, int column)
{
    return column_there(rows, column) ? rows->conn->driver->column_bytes(rows, column, SKEP_BLOB)
                                      : skep_slice_of(NULL, 0);
}

skep_value skep_column_value(skep_rows *rows, int column)
{
    skep_slice bytes;
    switch (skep_column_type(rows, column)) {
    case SKEP_INT:
        return skep_int(skep_column_int(rows, column));
    case SKEP_REAL:
        return skep_real(skep_column_real(rows, column));
    case SKEP_TEXT:
        return skep_text_slice(skep_column_text(rows, column));
    case SKEP_BLOB:
        bytes = skep_column_blob(rows, column);
        return skep_blob(bytes.data, bytes.len);
    default:
        return skep_null();
    }
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

void skep__tx_init(skep_tx *tx, skep_db *db, skep__conn *conn, bool writing)
{
    tx->db = db;
    tx->conn = conn;
    tx->writing = writing;
    tx->single = false;
    tx->lost = false;
    tx->statements = 0;
    tx->attempt = 0;
    tx->codes = 0;
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
    skep__frame frame;
    tx->lost = false;
    tx->statements = 0;
    tx->codes = 0;
    tx->attempt++;
    tx->conn->driver->call_begin(tx->conn);
    skep__frame_push(&frame, tx->db);
    uint32_t serial = skep__err_serial();
    int rc = fn(tx, arg);
    skep__frame_pop(&frame);
    if (rc < 0)
        rc = judge(tx, rc, serial);
    while (tx->open != NULL)
        rows_release(tx->open);
    if (tx->lost && rc >= 0) /* it took a failure for a success: nothing of it is there */
        rc = skep__err_install(&tx->lost_err);
    return rc;
}
