/* SPDX-License-Identifier: MIT */
/* The rows of a query and what their columns hold. Queries begin in tx.c. */
#include <string.h>

#include "base/time.h"
#include "db/db_private.h"

/* ---- rows ---- */

static void rows_release(skep_rows *rows)
{
    *rows->open_back = rows->open_next;
    if (rows->open_next != NULL)
        rows->open_next->open_back = rows->open_back;
    rows->owner = NULL;
    skep__stmt_return(rows);
}

/* The first step may have compiled the statement anew, after a change of the schema. */
static void first_row(skep_rows *rows)
{
    rows->row_columns = rows->conn->driver->columns(rows);
    rows->asked = false;
}

static __attribute__((noinline)) int rows_stopped(skep_rows *rows)
{
    skep_tx *tx = rows->owner;
    if (tx->lost) /* a step would now run outside any transaction */
        return skep__tx_fail(tx, skep__err_install(&tx->lost_err));
    if (rows->ended)
        return 0;
    rows->row_columns = 0;
    rows->ended = true;
    return skep__tx_fail(tx, skep__cut_fail(atomic_load(tx->cut)));
}

static __attribute__((noinline)) int rows_end(skep_rows *rows, int rc)
{
    rows->row_columns = 0;
    rows->ended = true;
    return rc < 0 ? skep__tx_fail(rows->owner, rc) : rc;
}

int skep_next(skep_rows *rows)
{
    SKEP__REQUIRE(rows != NULL);
    const skep_tx *tx = rows->owner;
    SKEP__REQUIRE(tx != NULL);
    if (__builtin_expect(tx->lost || rows->ended || skep__tx_cut(tx), 0))
        return rows_stopped(rows);
    int rc = skep__stmt_step(rows);
    if (rc <= 0)
        return rows_end(rows, rc);
    if (rows->row_columns == 0)
        first_row(rows);
    return rc;
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

/* No memory to convert what is there: the function is told nothing of it, its call is. */
static void could_not_read(skep_rows *rows)
{
    skep_tx *tx = rows->owner;
    tx->unread = true;
}

skep_slice skep_column_text(skep_rows *rows, int column)
{
    if (!column_there(rows, column))
        return skep_slice_str("");
    const skep__driver *driver = rows->conn->driver;
    skep_slice text = driver->column_bytes(rows, column, SKEP_TEXT);
    if (text.data != NULL)
        return text;
    if (driver->column_type(rows, column) != SKEP_NULL)
        could_not_read(rows);
    return skep_slice_str("");
}

skep_slice skep_column_blob(skep_rows *rows, int column)
{
    if (!column_there(rows, column))
        return skep_slice_of(NULL, 0);
    const skep__driver *driver = rows->conn->driver;
    skep_slice blob = driver->column_bytes(rows, column, SKEP_BLOB);
    if (blob.data != NULL)
        return blob;
    int type = driver->column_type(rows, column);
    if (type != SKEP_NULL && (type != SKEP_BLOB || blob.len > 0))
        could_not_read(rows);
    return skep_slice_of(NULL, 0);
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

int skep_column_null(skep_rows *rows, int column)
{
    return skep_column_type(rows, column) == SKEP_NULL;
}

int skep_column_bool(skep_rows *rows, int column)
{
    return skep_column_real(rows, column) != 0.0;
}

int64_t skep_column_time(skep_rows *rows, int column)
{
    int64_t us = INT64_MIN;
    int type = skep_column_type(rows, column);
    if (type == SKEP_INT)
        return skep_column_int(rows, column);
    if (type == SKEP_TEXT)
        (void)skep__time_read(skep_column_text(rows, column), &us);
    return us;
}

/* ---- columns by name ---- */

static bool column_is(skep_rows *rows, int column, const char *name)
{
    const char *its = rows->conn->driver->column_name(rows, column);
    return its != NULL && strcmp(its, name) == 0;
}

/* A program asks by the same few literals in each row. Where one was found last is remembered by
 * its address; the names are still compared, since an address proves nothing. */
int skep_column(skep_rows *rows, const char *name)
{
    if (rows == NULL || name == NULL)
        return -1;
    int columns = rows->row_columns > 0 ? rows->row_columns : skep_columns(rows);
    size_t slot = ((uintptr_t)name ^ (uintptr_t)name >> 4) & (SKEP__SQL_NAMES - 1);
    if (!rows->asked) {
        memset(rows->by_name, 0, sizeof(rows->by_name));
        rows->asked = true;
    }
    int last = rows->by_name[slot].column;
    if (rows->by_name[slot].name == name && last < columns && column_is(rows, last, name))
        return last;
    for (int i = 0; i < columns; i++) {
        if (!column_is(rows, i, name))
            continue;
        rows->by_name[slot].name = name;
        rows->by_name[slot].column = i;
        return i;
    }
    return -1;
}
