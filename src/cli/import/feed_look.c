/* SPDX-License-Identifier: MIT */
/* Looking at data before it is taken: the header of a CSV file, and the types that a new table
 * needs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/import/feed.h"

/* ---- the header ---- */

static int bad_name(const cli_feed *feed, cli_header *out, const cli_csv_field *field,
                    const char *what)
{
    size_t at = (size_t)(field->data - feed->batches[0].raw) - field->quoted;
    out->place = cli_batch_place(&feed->batches[0], at);
    (void)snprintf(out->bad, sizeof(out->bad), "%s", what);
    return EINVAL;
}

static int add_name(const cli_feed *feed, cli_header *out, const cli_csv_field *field)
{
    char what[sizeof(out->bad)];
    char *name = malloc(field->len + 1);
    if (name == NULL)
        return ENOMEM;
    size_t len = field->doubled ? cli_csv_plain(field, name) : field->len;
    if (!field->doubled && len > 0)
        memcpy(name, field->data, len);
    int shown = len > 60 ? 60 : (int)len;
    int rc = 0;
    if (len == 0) {
        rc = bad_name(feed, out, field, "a column without a name in the header");
    } else if (memchr(name, '\0', len) != NULL) {
        rc = bad_name(feed, out, field, "a zero byte in the name of a column");
    } else if (cli_fields_find(out->columns, name, len) >= 0) {
        (void)snprintf(what, sizeof(what), "the header names the column \"%.*s\" twice", shown,
                       name);
        rc = bad_name(feed, out, field, what);
    } else if (!cli_fields_add(out->columns, name, len)) {
        rc = ENOMEM;
    }
    free(name);
    return rc;
}

static int number_columns(cli_fields *columns, size_t count)
{
    char name[16];
    for (size_t i = 0; i < count; i++) {
        int len = snprintf(name, sizeof(name), "c%zu", i + 1);
        if (!cli_fields_add(columns, name, (size_t)len))
            return ENOMEM;
    }
    return 0;
}

int cli_feed_header(cli_feed *feed, bool header, cli_header *out)
{
    cli_scanned s = {0};
    cli_scan got = CLI_SCAN_MORE;
    size_t begin = 0;
    int rc = cli_feed_first(feed, &begin, &got, &s);
    out->body = (cli_position){begin, 1};
    if (rc != 0 || feed->shape->format == CLI_FORMAT_NDJSON)
        return rc;
    const cli_csv_record *record = &feed->record->csv;
    if (got == CLI_SCAN_BAD) {
        out->place = cli_batch_place(&feed->batches[0], begin + s.bad_at);
        (void)snprintf(out->bad, sizeof(out->bad), "%s", s.bad);
        return EINVAL;
    }
    if (got == CLI_SCAN_MORE) {
        out->place = (cli_place){1, 1};
        (void)snprintf(out->bad, sizeof(out->bad), "there is no data, not even a header");
        return header ? EINVAL : 0;
    }
    if (!header)
        return number_columns(out->columns, record->count);
    for (size_t i = 0; i < record->count && rc == 0; i++)
        rc = add_name(feed, out, &record->fields[i]);
    out->body.offset += s.used;
    out->body.line += cli_count_lines(feed->batches[0].raw + begin, s.used);
    return rc;
}

/* ---- types ---- */

static bool see_member(cli_fields *columns, const cli_json_member *member, char *side)
{
    const char *name = member->key.data;
    size_t len = member->key.len;
    if (member->key.escaped) {
        len = cli_json_plain(&member->key, side);
        name = side;
    }
    long i = cli_fields_find(columns, name, len);
    if (i < 0) {
        if (len == 0 || memchr(name, '\0', len) != NULL || columns->count >= CLI_COLUMNS_MAX)
            return true; /* it has no column, and is told of when it is taken */
        if (!cli_fields_add(columns, name, len))
            return false;
        i = (long)columns->count - 1;
    }
    cli_json_see(&columns->list[i], member, side);
    return true;
}

static void see_csv(const cli_feed *feed, char *side)
{
    const cli_csv_record *record = &feed->record->csv;
    cli_fields *columns = feed->shape->columns;
    if (record->count != columns->count)
        return;
    for (size_t i = 0; i < record->count; i++) {
        feed->look->plain |= !record->fields[i].quoted && record->fields[i].len > 0;
        cli_csv_see(&columns->list[i], &record->fields[i], &feed->shape->rule, side);
    }
}

static void see_record(cli_feed *feed, cli_batch *batch, const cli_scanned *s, char **side)
{
    (void)batch;
    (void)s;
    if (feed->shape->format != CLI_FORMAT_NDJSON) {
        see_csv(feed, *side);
        return;
    }
    const cli_ndjson_record *record = &feed->record->json;
    feed->shape->columns->next = 0;
    for (size_t i = 0; i < record->count; i++)
        if (!see_member(feed->shape->columns, &record->members[i], *side))
            feed->error = ENOMEM;
}

int cli_feed_look(cli_feed *feed, cli_position from, cli_look *look)
{
    cli_batch *batch = &feed->batches[0];
    cli_take_fn *take = feed->take;
    int rc = cli_feed_begin(feed, from);
    feed->take = see_record;
    feed->look = look;
    batch->offset = from.offset;
    batch->used = 0;
    while (rc == 0 && batch->offset + batch->used < from.offset + look->most) {
        rc = cli_feed_fill(feed, batch);
        if (rc == 0 && batch->bad_count > 0 && !look->bad) {
            look->bad = true;
            look->first_bad = batch->bads[0];
            look->place = cli_batch_place(batch, batch->bads[0].at);
        }
        look->whole = rc == 0 && batch->raw_len == 0;
        if (rc != 0 || look->whole)
            break;
        rc = feed->error;
        look->progress(batch->offset + batch->used, look->ctx);
    }
    feed->take = take;
    feed->look = NULL;
    return rc;
}
