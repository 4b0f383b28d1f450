/* SPDX-License-Identifier: MIT */
/*
 * One transaction of an import.
 *
 * Its function may be run again, so it knows where it began: the feed, the reject file and the
 * counts are taken back there first. What can be read only once, and is longer than what is kept of
 * it, cannot be taken back; a call that runs alone in its commit is not run again in earnest.
 */
#include <errno.h>
#include <string.h>

#include "cli/import/import.h"
#include "cli/stop.h"

/* Extended result codes of SQLite, as skep_err shows them. */
#define ENGINE_TOOBIG 18
#define ENGINE_MISMATCH 20

/* ---- batches ---- */

/* There is no further batch. */
static int ended(import *m)
{
    if (m->feed.misfit)
        return IMPORT_MISFIT;
    if (m->feed.error == 0)
        return SKEP_OK;
    m->sys_errno = m->feed.error;
    return cli_stopping() ? IMPORT_STOPPED : IMPORT_SOURCE;
}

static int next_batch(import *m)
{
    cli_feed_give(&m->feed, m->batch);
    m->batch = cli_feed_take(&m->feed);
    m->next = 0;
    m->next_bad = 0;
    return m->batch == NULL ? ended(m) : SKEP_OK;
}

/* Where the first record stands that is not done yet. */
static cli_position position(const import *m)
{
    const cli_batch *batch = m->batch;
    if (batch == NULL)
        return m->feed.at;
    size_t at = batch->used;
    if (m->next < batch->rows)
        at = batch->spans[m->next].at;
    if (m->next_bad < batch->bad_count && batch->bads[m->next_bad].span.at < at)
        at = batch->bads[m->next_bad].span.at;
    return (cli_position){batch->offset + at, batch->line + cli_count_lines(batch->raw, at)};
}

/* Go back to where this transaction began. */
static int go_back(import *m)
{
    cli_feed_stop(&m->feed);
    m->batch = NULL;
    m->in_rows = 0;
    m->in_rejected = 0;
    if (!import_reject_back(&m->reject, m->from_reject)) {
        m->sys_errno = errno;
        return IMPORT_REJECT;
    }
    int rc = cli_feed_start(&m->feed, m->from);
    if (rc != 0) {
        m->sys_errno = rc;
        return IMPORT_SOURCE;
    }
    m->batch = cli_feed_take(&m->feed);
    m->next = 0;
    m->next_bad = 0;
    return m->batch == NULL ? ended(m) : SKEP_OK;
}

/* ---- bad records ---- */

static int bad_record(import *m, cli_span span, cli_place place, const char *what)
{
    if (m->reject.fd >= 0) {
        m->in_rejected++;
        return import_reject_add(m, span, place, what) ? SKEP_OK : IMPORT_REJECT;
    }
    m->place = place;
    (void)snprintf(m->what, sizeof(m->what), "%s", what);
    return IMPORT_BAD;
}

/* Those that stand before the next row. */
static int pass_bads(import *m)
{
    const cli_batch *batch = m->batch;
    int rc = SKEP_OK;
    while (rc >= 0 && m->next_bad < batch->bad_count &&
           batch->bads[m->next_bad].before <= m->next) {
        const cli_bad *bad = &batch->bads[m->next_bad++];
        rc = bad_record(m, bad->span, cli_batch_place(batch, bad->at), bad->what);
    }
    return rc;
}

/* ---- rows ---- */

/* Was it this row that was refused, and not the whole transaction that failed? */
static bool row_refused(int rc)
{
    int32_t engine = skep_last_error()->engine_code & 0xff;
    return rc == SKEP_EEXISTS || rc == SKEP_ECONSTRAINT || engine == ENGINE_TOOBIG ||
           engine == ENGINE_MISMATCH;
}

/* What SQLite says of a row, without the statement, which its user did not write. */
static const char *reason(char *room, size_t size)
{
    const char *text = skep_last_error()->text;
    const char *begin = strncmp(text, "running: ", 9) == 0 ? text + 9 : text;
    const char *end = strstr(begin, ", in: INSERT");
    size_t len = end != NULL ? (size_t)(end - begin) : strlen(begin);
    (void)snprintf(room, size, "%.*s", len < size ? (int)len : (int)size - 1, begin);
    return room;
}

static int insert_one(import *m, skep_tx *tx)
{
    const cli_batch *batch = m->batch;
    size_t columns = m->columns.count;
    char room[SKEP_ERR_TEXT_MAX];
    int rc = skep_exec_v(tx, m->one_sql.data, batch->values + m->next * columns, columns);
    size_t row = m->next++;
    if (rc >= 0) {
        m->in_rows++;
        return SKEP_OK;
    }
    if (!row_refused(rc))
        return rc;
    cli_span span = batch->spans[row];
    return bad_record(m, span, cli_batch_place(batch, span.at), reason(room, sizeof(room)));
}

static int insert_many(import *m, skep_tx *tx)
{
    const cli_batch *batch = m->batch;
    size_t columns = m->columns.count;
    size_t end = m->next + m->many;
    int rc =
        skep_exec_v(tx, m->many_sql.data, batch->values + m->next * columns, m->many * columns);
    if (rc >= 0) {
        m->next = end;
        m->in_rows += m->many;
        return SKEP_OK;
    }
    if (!row_refused(rc))
        return rc;
    size_t stand = (size_t)skep_tx_changes(tx);
    m->next += stand;
    m->in_rows += stand;
    for (rc = SKEP_OK; rc >= 0 && m->next < end;)
        rc = insert_one(m, tx);
    return rc;
}

/* The rows up to the next bad record, the end of the batch or that of the transaction. */
static int insert_rows(import *m, skep_tx *tx)
{
    const cli_batch *batch = m->batch;
    size_t end = m->next_bad < batch->bad_count ? batch->bads[m->next_bad].before : batch->rows;
    int rc = SKEP_OK;
    if (m->batch_rows > 0 && end - m->next > m->batch_rows - m->in_rows)
        end = m->next + (size_t)(m->batch_rows - m->in_rows);
    while (rc >= 0 && m->next < end) {
        bool many = m->many > 1 && end - m->next >= m->many;
        rc = many ? insert_many(m, tx) : insert_one(m, tx);
        if (cli_stopping())
            rc = IMPORT_STOPPED;
    }
    return rc;
}

static int check_table(import *m, skep_tx *tx)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "PRAGMA schema_version");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    bool same = rc > 0 && skep_column_int(rows, 0) == m->table.schema_version;
    skep_rows_close(rows);
    if (rc < 0)
        return rc;
    return same ? SKEP_OK : IMPORT_CHANGED;
}

static int prepare(import *m, skep_tx *tx)
{
    int rc = SKEP_OK;
    if (skep_tx_attempt(tx) > 1)
        rc = go_back(m);
    if (rc >= 0 && !m->created)
        rc = check_table(m, tx);
    if (rc >= 0 && m->create && !m->created)
        rc = skep_exec(tx, m->create_sql.data);
    return rc;
}

static int transaction(skep_tx *tx, void *arg)
{
    import *m = arg;
    int rc = prepare(m, tx);
    while (rc >= 0 && m->batch != NULL) {
        cli_progress_at(&m->progress, m->batch->offset + m->batch->used);
        rc = pass_bads(m);
        if (rc >= 0)
            rc = insert_rows(m, tx);
        if (rc >= 0 && m->batch_rows > 0 && m->in_rows >= m->batch_rows)
            break;
        if (rc >= 0 && m->next >= m->batch->rows && m->next_bad >= m->batch->bad_count)
            rc = next_batch(m);
    }
    return rc;
}

bool import_finished(const import *m)
{
    return m->batch == NULL;
}

int import_begin(import *m)
{
    int rc = cli_feed_start(&m->feed, m->body);
    m->from = m->body;
    if (rc != 0) {
        m->sys_errno = rc;
        return IMPORT_SOURCE;
    }
    return next_batch(m);
}

int import_commit(import *m)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.flags = SKEP_CALL_OWN_THREAD;
    m->from_reject = m->reject.len;
    m->in_rows = 0;
    m->in_rejected = 0;
    int rc = skep_write_with(m->db, transaction, m, &opts);
    if (rc < 0)
        return rc;
    m->created = true;
    m->rows += m->in_rows;
    m->rejected += m->in_rejected;
    m->from = position(m);
    m->bytes = m->from.offset;
    return SKEP_OK;
}
