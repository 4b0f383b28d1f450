/* SPDX-License-Identifier: MIT */
#include "cli/db/stats.h"

#include <stdlib.h>
#include <string.h>

#include "cli/db/open.h"

/* What the transaction function returns when memory runs out. */
enum { STOP_MEMORY = SKEP_EUSER };

#define LOOK_EVERY 256 /* pages between two looks at the clock */

static void object_dispose(cli_object *object)
{
    free(object->name);
    free(object->table);
}

void cli_objects_dispose(cli_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        object_dispose(&objects->list[i]);
    free(objects->list);
    memset(objects, 0, sizeof(*objects));
}

double cli_object_fill(const cli_object *object)
{
    return object->bytes == 0 ? 0 : 1 - (double)object->unused / (double)object->bytes;
}

static bool add(cli_objects *objects, cli_object object)
{
    if (objects->count == objects->cap) {
        size_t cap = objects->cap == 0 ? 64 : 2 * objects->cap;
        cli_object *grown = realloc(objects->list, cap * sizeof(*grown));
        if (grown == NULL) {
            object_dispose(&object);
            return false;
        }
        objects->list = grown;
        objects->cap = cap;
    }
    objects->list[objects->count++] = object;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const cli_object *)a)->name, ((const cli_object *)b)->name);
}

static int by_size(const void *a, const void *b)
{
    const cli_object *left = a;
    const cli_object *right = b;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    return by_name(a, b);
}

static int name_is(const void *name, const void *object)
{
    return strcmp(name, ((const cli_object *)object)->name);
}

static cli_object *find(cli_objects *objects, const char *name)
{
    if (objects->count == 0)
        return NULL;
    return bsearch(name, objects->list, objects->count, sizeof(*objects->list), name_is);
}

/* Never NULL: a file that somebody made by hand may have objects without a name. */
static const char *name_in(skep_rows *rows, int column)
{
    const char *name = skep_column_text(rows, column).data;
    return name != NULL ? name : "";
}

/* All that has pages: what the schema names, and the schema itself. */
static int read_names(skep_tx *tx, cli_objects *objects)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows,
                        "SELECT name, tbl_name, type = 'index' FROM sqlite_schema"
                        " WHERE rootpage > 0"
                        " UNION ALL SELECT 'sqlite_schema', 'sqlite_schema', 0");
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0) {
        bool index = skep_column_int(rows, 2) != 0;
        cli_object object = {
            .name = strdup(name_in(rows, 0)),
            .table = strdup(name_in(rows, 1)),
            .index = index,
            .keyed = index,
        };
        if (!add(objects, object) || object.name == NULL || object.table == NULL) {
            skep_rows_close(rows);
            return STOP_MEMORY;
        }
    }
    skep_rows_close(rows);
    if (rc >= 0 && objects->count > 0)
        qsort(objects->list, objects->count, sizeof(*objects->list), by_name);
    return rc;
}

/* The inner pages of a table WITHOUT ROWID hold rows, those of another only numbers of rows. */
static int read_keyed(skep_tx *tx, cli_objects *objects)
{
    skep_rows *rows = NULL;
    int rc =
        skep_query(tx, &rows, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND wr");
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0) {
        cli_object *object = find(objects, name_in(rows, 0));
        if (object != NULL)
            object->keyed = true;
    }
    skep_rows_close(rows);
    return rc;
}

/* One page: its kind, the rows on it, and its bytes. */
static void count_page(cli_objects *objects, cli_object *object, skep_rows *rows)
{
    skep_slice kind = skep_column_text(rows, 1);
    uint64_t cells = (uint64_t)skep_column_int(rows, 2);
    uint64_t largest = (uint64_t)skep_column_int(rows, 5);
    char first = kind.len > 0 ? *(const char *)kind.data : 'c';
    object->pages++;
    object->bytes += objects->page_size;
    object->payload += (uint64_t)skep_column_int(rows, 3);
    object->unused += (uint64_t)skep_column_int(rows, 4);
    object->largest = largest > object->largest ? largest : object->largest;
    if (first == 'o') { /* overflow */
        object->overflow_pages++;
    } else if (first == 'l') { /* leaf */
        object->leaf_pages++;
        object->rows += cells;
    } else if (first == 'i') { /* internal */
        object->inner_pages++;
        object->rows += object->keyed ? cells : 0;
    } else { /* corrupted */
        objects->damaged_pages++;
    }
}

/* The pages of one object follow each other, so it is looked for once. */
static int read_pages(skep_tx *tx, cli_objects *objects, cli_progress *progress)
{
    skep_rows *rows = NULL;
    cli_object *object = NULL;
    uint64_t seen = 0;
    int rc = skep_query(tx, &rows,
                        "SELECT name, pagetype, ncell, payload, unused, mx_payload FROM dbstat");
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0) {
        const char *name = name_in(rows, 0);
        if (object == NULL || strcmp(object->name, name) != 0)
            object = find(objects, name);
        if (object != NULL)
            count_page(objects, object, rows);
        if (++seen % LOOK_EVERY == 0)
            cli_progress_at(progress, seen);
    }
    skep_rows_close(rows);
    return rc;
}

typedef struct job {
    cli_objects *objects;
    cli_progress *progress;
} job;

static int read_all(skep_tx *tx, void *arg)
{
    const job *j = arg;
    cli_objects *objects = j->objects;
    int64_t page_size = 0;
    int64_t pages = 0;
    int64_t free_pages = 0;
    int rc;
    cli_objects_dispose(objects);
    if ((rc = cli_read_number(tx, "PRAGMA page_size", &page_size)) < 0 ||
        (rc = cli_read_number(tx, "PRAGMA page_count", &pages)) < 0 ||
        (rc = cli_read_number(tx, "PRAGMA freelist_count", &free_pages)) < 0 ||
        (rc = read_names(tx, objects)) < 0 || (rc = read_keyed(tx, objects)) < 0)
        return rc;
    objects->page_size = (uint64_t)page_size;
    objects->pages = (uint64_t)pages;
    objects->free_pages = (uint64_t)free_pages;
    j->progress->total = objects->pages - objects->free_pages;
    return read_pages(tx, objects, j->progress);
}

int cli_objects_read(cli_objects *objects, skep_db *db, cli_progress *progress)
{
    job j = {objects, progress};
    int rc = skep_read(db, read_all, &j);
    if (rc < 0)
        return rc;
    uint64_t used = objects->free_pages;
    for (size_t i = 0; i < objects->count; i++)
        used += objects->list[i].pages;
    objects->other_pages = used < objects->pages ? objects->pages - used : 0;
    if (objects->count > 0)
        qsort(objects->list, objects->count, sizeof(*objects->list), by_size);
    return SKEP_OK;
}
