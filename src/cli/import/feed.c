/* SPDX-License-Identifier: MIT */
/*
 * Filling batches, and the thread that does it.
 *
 * A batch begins with what the one before it left over, is filled up from the source, and is then
 * scanned record by record until it has no more room or no whole record. Values point into the
 * bytes of their batch, so these move only while there are no values: a record that does not fit is
 * left for the next batch, and only one that fills a batch alone makes it grow.
 */
#include "cli/import/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show/text.h"
#include "cli/stop.h"

/* ---- records into values ---- */

/* False: `what` says why the record cannot be taken. */
static bool csv_row(cli_feed *feed, skep_value *row, char **side, char *what, size_t size)
{
    const cli_csv_record *record = &feed->record->csv;
    const cli_fields *columns = feed->shape->columns;
    if (record->count != columns->count) {
        (void)snprintf(what, size, "%zu field%s where %zu are expected", record->count,
                       record->count == 1 ? "" : "s", columns->count);
        return false;
    }
    for (size_t i = 0; i < columns->count; i++) {
        const cli_csv_field *field = &record->fields[i];
        row[i] = cli_csv_value(&columns->list[i], field, &feed->shape->rule, side);
        if (feed->shape->guessed &&
            !cli_csv_fits(&columns->list[i], field, &row[i], feed->shape->quotes))
            feed->misfit = true;
    }
    return true;
}

/* The column that a member goes into, or -1 with `what`. */
static long member_column(const cli_feed *feed, const cli_json_member *member, char *side,
                          char *what, size_t size)
{
    cli_fields *columns = feed->shape->columns;
    const char *name = member->key.data;
    size_t len = member->key.len;
    if (member->key.escaped) {
        len = cli_json_plain(&member->key, side);
        name = side;
    }
    long i = cli_fields_find(columns, name, len);
    if (i < 0)
        (void)snprintf(what, size,
                       cli_fields_find(feed->shape->computed, name, len) >= 0
                           ? "the key \"%.*s\" is a column that %s computes by itself; leave it out"
                           : "the key \"%.*s\" is no column of %s",
                       len > 60 ? 60 : (int)len, name, feed->shape->table);
    if (i >= 0 && columns->list[i].stamp == columns->records) {
        (void)snprintf(what, size, "the key \"%.*s\" stands twice", len > 60 ? 60 : (int)len, name);
        i = -1;
    }
    if (i >= 0)
        columns->list[i].stamp = columns->records;
    return i;
}

static bool json_row(cli_feed *feed, skep_value *row, char **side, cli_bad *bad)
{
    const cli_ndjson_record *record = &feed->record->json;
    cli_fields *columns = feed->shape->columns;
    memset(row, 0, columns->count * sizeof(*row)); /* all of them NULL */
    columns->records++;
    columns->next = 0;
    for (size_t i = 0; i < record->count; i++) {
        const cli_json_member *member = &record->members[i];
        long column = member_column(feed, member, *side, bad->what, sizeof(bad->what));
        if (column < 0) {
            feed->misfit |= feed->shape->guessed;
            bad->at = (uint32_t)i; /* the member; the caller makes a place of it */
            return false;
        }
        row[column] = cli_json_value_of(&columns->list[column], member, side);
        if (feed->shape->guessed && !cli_json_fits(&columns->list[column], member, &row[column]))
            feed->misfit = true;
    }
    return true;
}

/* ---- filling ---- */

static bool batch_grow(cli_batch *batch, size_t cap)
{
    char *raw = cli_resize(batch->raw, cap);
    if (raw != NULL)
        batch->raw = raw;
    char *side = raw != NULL ? cli_resize(batch->side, cap) : NULL;
    if (side == NULL)
        return false;
    batch->side = side;
    batch->raw_cap = cap;
    return true;
}

static int batch_begin(cli_feed *feed, cli_batch *batch)
{
    size_t columns = feed->shape->columns->count;
    size_t values = columns > CLI_BATCH_VALUES ? columns : CLI_BATCH_VALUES;
    if (batch->values_cap < values) {
        skep_value *grown = cli_resize(batch->values, values * sizeof(*grown));
        if (grown == NULL)
            return ENOMEM;
        batch->values = grown;
        batch->values_cap = values;
    }
    if (batch->spans == NULL)
        batch->spans = cli_resize(NULL, CLI_BATCH_ROWS * sizeof(*batch->spans));
    size_t cap = feed->tail_len > CLI_BATCH_BYTES ? feed->tail_len : CLI_BATCH_BYTES;
    if (batch->spans == NULL || (batch->raw_cap < cap && !batch_grow(batch, cap)))
        return ENOMEM;
    if (feed->tail_len > 0)
        memcpy(batch->raw, feed->tail, feed->tail_len);
    batch->raw_len = feed->tail_len;
    feed->tail_len = 0;
    batch->used = 0;
    batch->offset = feed->at.offset;
    batch->line = feed->at.line;
    batch->rows = 0;
    batch->bad_count = 0;
    return 0;
}

static int batch_read(cli_feed *feed, cli_batch *batch)
{
    size_t got = 0;
    size_t room = batch->raw_cap - batch->raw_len;
    if (feed->ended || room == 0)
        return 0;
    int rc = cli_source_read(feed->source, batch->raw + batch->raw_len, room, &got);
    if (rc != 0)
        return rc;
    batch->raw_len += got;
    feed->ended = got < room;
    return 0;
}

static int batch_end(cli_feed *feed, const cli_batch *batch)
{
    size_t left = batch->raw_len - batch->used;
    if (left > feed->tail_cap) {
        char *grown = cli_resize(feed->tail, left);
        if (grown == NULL)
            return ENOMEM;
        feed->tail = grown;
        feed->tail_cap = left;
    }
    if (left > 0)
        memcpy(feed->tail, batch->raw + batch->used, left);
    feed->tail_len = left;
    feed->at.offset += batch->used;
    feed->at.line += cli_count_lines(batch->raw, batch->used);
    return 0;
}

static cli_scan scan_record(const cli_feed *feed, const char *data, size_t len, cli_scanned *out)
{
    cli_record *record = feed->record;
    bool json = feed->shape->format == CLI_FORMAT_NDJSON;
    cli_scan got = json ? cli_ndjson_scan(data, len, feed->ended, &record->json)
                        : cli_csv_scan(feed->shape->csv, data, len, feed->ended, &record->csv);
    *out = json ? record->json.s : record->csv.s;
    if (got != CLI_SCAN_RECORD)
        return got;
    size_t bad = cli_utf8_bad(data, out->used);
    if (bad == out->used)
        return CLI_SCAN_RECORD;
    out->bad = "bytes that are not UTF-8; iconv -t UTF-8 converts others";
    out->bad_at = bad;
    return CLI_SCAN_BAD;
}

/* A line without anything is no record, unless a record has one field, which may be empty. */
static bool is_blank(const cli_feed *feed)
{
    if (feed->shape->format == CLI_FORMAT_NDJSON)
        return feed->record->json.blank;
    return feed->shape->columns->count != 1 && cli_csv_blank(&feed->record->csv);
}

static void note_bad(cli_batch *batch, const cli_scanned *s, const char *what)
{
    cli_bad *bad = &batch->bads[batch->bad_count++];
    bad->before = batch->rows;
    bad->span = (cli_span){(uint32_t)batch->used, (uint32_t)s->used};
    bad->at = (uint32_t)(batch->used + s->bad_at);
    if (what != NULL)
        (void)snprintf(bad->what, sizeof(bad->what), "%s", what);
}

static void take_record(cli_feed *feed, cli_batch *batch, const cli_scanned *s, char **side)
{
    skep_value *row = batch->values + batch->rows * feed->shape->columns->count;
    cli_scanned place = *s;
    cli_bad *bad = &batch->bads[batch->bad_count];
    bool good = false;
    if (feed->shape->format == CLI_FORMAT_NDJSON) {
        good = json_row(feed, row, side, bad);
        if (!good)
            place.bad_at = (size_t)(feed->record->json.members[bad->at].key.data - 1 -
                                    (batch->raw + batch->used));
    } else {
        good = csv_row(feed, row, side, bad->what, sizeof(bad->what));
        place.bad_at = 0;
    }
    if (!good) {
        note_bad(batch, &place, NULL);
        return;
    }
    batch->spans[batch->rows] = (cli_span){(uint32_t)batch->used, (uint32_t)s->used};
    batch->rows++;
}

/* Scan what was read. False: not one record is whole. */
static bool batch_scan(cli_feed *feed, cli_batch *batch)
{
    size_t most = batch->values_cap / (feed->shape->columns->count + 1);
    most = most < CLI_BATCH_ROWS ? most : CLI_BATCH_ROWS;
    most = most > 0 ? most : 1;
    char *side = batch->side;
    while (batch->used < batch->raw_len && batch->rows < most &&
           batch->bad_count < CLI_BATCH_BADS) {
        cli_scanned s;
        const char *data = batch->raw + batch->used;
        cli_scan got = scan_record(feed, data, batch->raw_len - batch->used, &s);
        if (got == CLI_SCAN_MORE)
            break;
        if (got == CLI_SCAN_BAD)
            note_bad(batch, &s, s.bad);
        else if (!is_blank(feed))
            feed->take(feed, batch, &s, &side);
        batch->used += s.used;
    }
    return batch->used > 0;
}

/* A record longer than there may be one: its first line is bad. */
static void pass_long(cli_batch *batch)
{
    cli_scanned s = {.used = cli_line_end(batch->raw, batch->raw_len, 0)};
    note_bad(batch, &s, "a record of more than 1 GiB; is a quote not closed?");
    batch->used += s.used;
}

int cli_feed_fill(cli_feed *feed, cli_batch *batch)
{
    int rc = batch_begin(feed, batch);
    while (rc == 0) {
        rc = batch_read(feed, batch);
        if (rc != 0 || batch_scan(feed, batch) || batch->raw_len == 0)
            break;
        if (batch->raw_cap >= CLI_RECORD_MAX)
            pass_long(batch);
        else if (!batch_grow(batch, 2 * batch->raw_cap))
            rc = ENOMEM;
        if (batch->used > 0)
            break;
    }
    return rc == 0 ? batch_end(feed, batch) : rc;
}

int cli_feed_first(cli_feed *feed, size_t *begin, cli_scan *got, cli_scanned *s)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some programs write it */
    cli_batch *batch = &feed->batches[0];
    *begin = 0;
    *got = CLI_SCAN_MORE;
    int rc = cli_feed_begin(feed, (cli_position){0, 1});
    if (rc == 0)
        rc = batch_begin(feed, batch);
    while (rc == 0 && *got == CLI_SCAN_MORE) {
        rc = batch_read(feed, batch);
        if (batch->raw_len >= 3 && memcmp(batch->raw, mark, 3) == 0)
            *begin = 3;
        if (rc != 0 || batch->raw_len == *begin)
            break;
        *got = scan_record(feed, batch->raw + *begin, batch->raw_len - *begin, s);
        if (*got == CLI_SCAN_MORE && !batch_grow(batch, 2 * batch->raw_cap))
            rc = ENOMEM;
    }
    return rc;
}

cli_place cli_batch_place(const cli_batch *batch, size_t at)
{
    return cli_place_of(batch->raw, at, batch->line);
}

/* ---- the thread ---- */

static void finish(cli_feed *feed, int error)
{
    (void)pthread_mutex_lock(&feed->lock);
    feed->done = true;
    feed->error = error;
    (void)pthread_cond_broadcast(&feed->changed);
    (void)pthread_mutex_unlock(&feed->lock);
}

/* Wait for a batch that is free; NULL: stop. */
static cli_batch *wait_for_room(cli_feed *feed)
{
    (void)pthread_mutex_lock(&feed->lock);
    while (!feed->stop && feed->filled - feed->given >= CLI_BATCHES)
        (void)pthread_cond_wait(&feed->changed, &feed->lock);
    cli_batch *batch = feed->stop ? NULL : &feed->batches[feed->filled % CLI_BATCHES];
    (void)pthread_mutex_unlock(&feed->lock);
    return batch;
}

static void *run(void *arg)
{
    cli_feed *feed = arg;
    for (;;) {
        cli_batch *batch = wait_for_room(feed);
        if (batch == NULL || cli_stopping()) {
            finish(feed, EINTR);
            return NULL;
        }
        int rc = cli_feed_fill(feed, batch);
        if (rc != 0 || batch->raw_len == 0 || feed->misfit) {
            finish(feed, rc);
            return NULL;
        }
        (void)pthread_mutex_lock(&feed->lock);
        feed->filled++;
        (void)pthread_cond_broadcast(&feed->changed);
        (void)pthread_mutex_unlock(&feed->lock);
    }
}

int cli_feed_begin(cli_feed *feed, cli_position from)
{
    if (!cli_source_rewind(feed->source, from.offset))
        return ESPIPE;
    feed->at = from;
    feed->tail_len = 0;
    feed->ended = false;
    return 0;
}

int cli_feed_start(cli_feed *feed, cli_position from)
{
    int rc = cli_feed_begin(feed, from);
    if (rc != 0)
        return rc;
    feed->filled = feed->taken = feed->given = 0;
    feed->stop = feed->done = feed->misfit = false;
    feed->error = 0;
    rc = pthread_create(&feed->thread, NULL, run, feed);
    feed->started = rc == 0;
    return rc;
}

cli_batch *cli_feed_take(cli_feed *feed)
{
    cli_batch *batch = NULL;
    (void)pthread_mutex_lock(&feed->lock);
    while (feed->filled == feed->taken && !feed->done)
        (void)pthread_cond_wait(&feed->changed, &feed->lock);
    if (feed->filled != feed->taken)
        batch = &feed->batches[feed->taken++ % CLI_BATCHES];
    (void)pthread_mutex_unlock(&feed->lock);
    return batch;
}

void cli_feed_give(cli_feed *feed, const cli_batch *batch)
{
    if (batch == NULL)
        return;
    (void)pthread_mutex_lock(&feed->lock);
    feed->given++;
    (void)pthread_cond_broadcast(&feed->changed);
    (void)pthread_mutex_unlock(&feed->lock);
}

void cli_feed_stop(cli_feed *feed)
{
    if (!feed->started)
        return;
    (void)pthread_mutex_lock(&feed->lock);
    feed->stop = true;
    (void)pthread_cond_broadcast(&feed->changed);
    (void)pthread_mutex_unlock(&feed->lock);
    (void)pthread_join(feed->thread, NULL);
    feed->started = false;
}

int cli_feed_init(cli_feed *feed, cli_source *source, const cli_shape *shape)
{
    memset(feed, 0, sizeof(*feed));
    feed->source = source;
    feed->shape = shape;
    feed->take = take_record;
    feed->record = cli_resize(NULL, sizeof(*feed->record));
    if (feed->record == NULL)
        return ENOMEM;
    (void)pthread_cond_init(&feed->changed, NULL);
    return pthread_mutex_init(&feed->lock, NULL);
}

void cli_feed_dispose(cli_feed *feed)
{
    cli_feed_stop(feed);
    for (size_t i = 0; i < CLI_BATCHES; i++) {
        free(feed->batches[i].raw);
        free(feed->batches[i].side);
        free(feed->batches[i].values);
        free(feed->batches[i].spans);
    }
    free(feed->tail);
    free(feed->record);
}
