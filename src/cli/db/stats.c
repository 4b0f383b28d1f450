/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/db/open.h"
#include "cli/db/stats.h"
#include "cli/line/number.h"
#include "cli/show/json.h"
#include "cli/show/table.h"

#define BAR_MIN 6
#define BAR_MAX 24
#define OTHERS_COLUMNS 68 /* of the table without name and bar */
#define NAME_COLUMNS 16
#define ROOMY 110 /* columns from which on all figures are shown */

typedef struct stats {
    const cli_ui *ui;
    cli_objects objects;
    skep_db_info info;
    size_t shown; /* of the objects */
    bool roomy;
    int bar; /* columns; 0: none */
    cli_table table;
} stats;

static double share_of(const stats *s, uint64_t pages)
{
    return s->objects.pages == 0 ? 0 : (double)pages / (double)s->objects.pages;
}

/* ---- for a person ---- */

static void share_figure(cli_table *table, double share)
{
    char text[16] = "<0.1 %";
    if (share >= 0.0005)
        (void)snprintf(text, sizeof(text), share >= 0.0995 ? "%.0f %%" : "%.1f %%", share * 100);
    cli_table_figure(table, text);
}

static void fill_figure(cli_table *table, const cli_object *object)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%.0f %%", cli_object_fill(object) * 100);
    cli_table_figure(table, text);
}

static void blank(cli_table *table)
{
    cli_table_figure(table, "");
}

static void header(stats *s)
{
    cli_table *table = &s->table;
    size_t wide = (s->bar > 0 ? 7u : 6u) + (s->roomy ? 3u : 0u);
    cli_table_begin(table, s->ui, NULL, wide);
    cli_table_text(table, "name");
    cli_table_text(table, "kind");
    cli_table_text(table, "rows");
    cli_table_text(table, "size");
    cli_table_text(table, "share");
    if (s->bar > 0)
        cli_table_text(table, "");
    cli_table_text(table, "fill");
    if (s->roomy) {
        cli_table_text(table, "pages");
        cli_table_text(table, "overflow");
        cli_table_text(table, "row");
    }
}

static bool object_row(stats *s, const cli_object *object, const char *name, const char *kind)
{
    cli_table *table = &s->table;
    double share = share_of(s, object->pages);
    cli_table_text(table, name);
    cli_table_text(table, kind);
    cli_table_figure(table, cli_count(object->rows).s);
    cli_table_figure(table, cli_bytes(object->bytes).s);
    share_figure(table, share);
    if (s->bar > 0)
        cli_table_bar(table, share, s->bar);
    fill_figure(table, object);
    if (s->roomy) {
        cli_table_figure(table, cli_count(object->pages).s);
        cli_table_figure(table,
                         object->overflow_pages > 0 ? cli_count(object->overflow_pages).s : "");
        cli_table_figure(table,
                         object->rows > 0 ? cli_bytes(object->payload / object->rows).s : "");
    }
    return cli_table_end_row(table);
}

/* Pages that belong to no object, or bytes that lie beside the file (`pages` 0). */
static bool other_row(stats *s, const char *name, uint64_t bytes, uint64_t pages)
{
    cli_table *table = &s->table;
    if (bytes == 0)
        return true;
    cli_table_text(table, name);
    cli_table_text(table, "");
    blank(table);
    cli_table_figure(table, cli_bytes(bytes).s);
    if (pages > 0)
        share_figure(table, share_of(s, pages));
    else
        blank(table);
    if (s->bar > 0)
        cli_table_bar(table, share_of(s, pages), s->bar);
    blank(table);
    if (s->roomy) {
        cli_table_figure(table, pages > 0 ? cli_count(pages).s : "");
        blank(table);
        blank(table);
    }
    return cli_table_end_row(table);
}

/* What --limit leaves out, as one row. */
static bool rest_row(stats *s)
{
    cli_object rest = {0};
    char name[48];
    for (size_t i = s->shown; i < s->objects.count; i++) {
        const cli_object *object = &s->objects.list[i];
        rest.rows += object->rows;
        rest.pages += object->pages;
        rest.overflow_pages += object->overflow_pages;
        rest.bytes += object->bytes;
        rest.payload += object->payload;
        rest.unused += object->unused;
    }
    if (s->shown == s->objects.count)
        return true;
    (void)snprintf(name, sizeof(name), "(%zu others)", s->objects.count - s->shown);
    return object_row(s, &rest, name, "");
}

static bool all_rows(stats *s)
{
    const cli_objects *o = &s->objects;
    bool fits = cli_table_end_row(&s->table);
    for (size_t i = 0; fits && i < s->shown; i++)
        fits = object_row(s, &o->list[i], o->list[i].name, o->list[i].index ? "index" : "table");
    return fits && rest_row(s) &&
           other_row(s, "(free)", o->free_pages * o->page_size, o->free_pages) &&
           other_row(s, "(other)", o->other_pages * o->page_size, o->other_pages) &&
           other_row(s, "(wal)", s->info.wal_bytes, 0) && cli_table_end(&s->table);
}

static cli_exit as_table(stats *s, cli_exit status)
{
    cli_out out = {stdout, 0};
    cli_buf path CLI_CLEANUP(cli_buf_dispose) = {0};
    int columns = s->ui->out_tty ? cli_columns(STDOUT_FILENO) : 0;
    s->roomy = columns == 0 || columns >= ROOMY;
    s->bar = columns - (s->roomy ? OTHERS_COLUMNS : OTHERS_COLUMNS - 26) - NAME_COLUMNS;
    s->bar = s->bar > BAR_MAX ? BAR_MAX : s->bar < BAR_MIN ? 0 : s->bar;
    (void)cli_show(&path, skep_slice_str(s->info.path), CLI_NO_LIMIT, s->ui->utf8);
    cli_printf(&out, "%s: %s in %s pages of %" PRIu64 " bytes\n\n",
               path.data != NULL ? path.data : "",
               cli_bytes(s->objects.pages * s->objects.page_size).s, cli_count(s->objects.pages).s,
               s->objects.page_size);
    header(s);
    s->table.out = &out;
    bool fits = all_rows(s);
    cli_table_dispose(&s->table);
    return fits ? cli_out_end(&out, s->ui, status) : cli_fail_memory(s->ui);
}

/* ---- for a program ---- */

static json_t *object_json(const stats *s, const cli_object *object)
{
    return json_pack(
        "{s:o, s:s, s:o, s:b, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
        cli_json_text(skep_slice_str(object->name)), "type", object->index ? "index" : "table",
        "table", cli_json_text(skep_slice_str(object->table)), "without_rowid",
        !object->index && object->keyed, "rows", (json_int_t)object->rows, "bytes",
        (json_int_t)object->bytes, "share", cli_json_rounded(share_of(s, object->pages), 6),
        "pages", (json_int_t)object->pages, "leaf_pages", (json_int_t)object->leaf_pages,
        "inner_pages", (json_int_t)object->inner_pages, "overflow_pages",
        (json_int_t)object->overflow_pages, "payload_bytes", (json_int_t)object->payload,
        "unused_bytes", (json_int_t)object->unused, "largest_row_bytes",
        (json_int_t)object->largest, "fill", cli_json_rounded(cli_object_fill(object), 6));
}

static json_t *as_json(const stats *s)
{
    const cli_objects *o = &s->objects;
    uint64_t bytes = o->pages * o->page_size;
    size_t left_out = o->count - s->shown;
    json_t *list = json_array();
    for (size_t i = 0; i < s->shown; i++)
        if (json_array_append_new(list, object_json(s, &o->list[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I}", "path",
        cli_json_text(skep_slice_str(s->info.path)), "page_size", (json_int_t)o->page_size, "pages",
        (json_int_t)o->pages, "free_pages", (json_int_t)o->free_pages, "other_pages",
        (json_int_t)o->other_pages, "damaged_pages", (json_int_t)o->damaged_pages, "bytes",
        (json_int_t)bytes, "file_bytes", (json_int_t)s->info.bytes, "wal_bytes",
        (json_int_t)s->info.wal_bytes, "objects", list, "objects_left_out", (json_int_t)left_out);
}

/* ---- both ---- */

static cli_exit read_stats(stats *s, skep_db *db)
{
    cli_progress progress;
    s->info.size = (uint32_t)sizeof(s->info);
    if (skep_db_get_info(db, &s->info) < 0)
        return cli_fail(s->ui);
    cli_progress_begin(&progress, s->ui, "looking through", "pages", 0);
    int rc = cli_objects_read(&s->objects, db, &progress);
    cli_progress_end(&progress);
    return rc < 0 ? cli_fail(s->ui) : CLI_DONE;
}

static cli_exit print_stats(stats *s, uint64_t limit)
{
    s->shown = limit < s->objects.count ? (size_t)limit : s->objects.count;
    cli_exit status = s->objects.damaged_pages > 0 ? CLI_WRONG : CLI_DONE;
    status = s->ui->json ? cli_json_end(s->ui, as_json(s), status) : as_table(s, status);
    if (s->objects.damaged_pages > 0)
        cli_say(s->ui, "%s pages are damaged: skep db check tells more",
                cli_count(s->objects.damaged_pages).s);
    return status;
}

cli_exit cli_db_stats(const cli_call *call)
{
    stats s = {.ui = call->ui};
    skep_db *db = NULL;
    uint64_t limit = SIZE_MAX;
    if (cli_has(call, CLI_OPT_METRICS) || cli_has(call, CLI_OPT_STATEMENTS) ||
        cli_has(call, CLI_OPT_SLOW))
        return cli_stats_running(call);
    cli_exit status = cli_number(call, CLI_OPT_LIMIT, 1, SIZE_MAX, &limit);
    if (status == CLI_DONE)
        status = cli_open_reading(call, call->args[0], &db);
    if (status != CLI_DONE)
        return status;
    status = cli_close(call, db, read_stats(&s, db));
    if (status == CLI_DONE)
        status = print_stats(&s, limit);
    cli_objects_dispose(&s.objects);
    return status;
}
