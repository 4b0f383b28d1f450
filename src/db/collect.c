/* SPDX-License-Identifier: MIT */
/* All rows of a query, copied into an arena. */
#include <stdalign.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "db/db_private.h"

#define FIRST_ROWS 16

typedef struct collecting {
    skep_rows *rows;
    skep_arena *arena;
    size_t columns;
    size_t count; /* rows so far */
    size_t room;  /* rows that `cells` has room for */
    skep_value *cells;
} collecting;

/* The array is moved when it is full. What it leaves behind in the arena is less than it has. */
static int make_room(collecting *c)
{
    void *cells = NULL;
    size_t bytes = 0;
    size_t room = c->room > 0 ? 2 * c->room : FIRST_ROWS;
    if (c->count < c->room || c->columns == 0)
        return SKEP_OK;
    if (!skep__mul(room, c->columns * sizeof(skep_value), &bytes))
        return skep__oom();
    SKEP__TRY(skep__arena_take(c->arena, bytes, alignof(skep_value), &cells));
    if (c->cells != NULL)
        memcpy(cells, c->cells, c->count * c->columns * sizeof(skep_value));
    c->cells = cells;
    c->room = room;
    return SKEP_OK;
}

static int copy_row(collecting *c)
{
    SKEP__TRY(make_room(c));
    ASSERT(c->columns == 0 || c->cells != NULL);
    for (size_t i = 0; i < c->columns; i++) {
        skep_value v = skep_column_value(c->rows, (int)i);
        const char *bytes = NULL;
        if (v.type == SKEP_TEXT || v.type == SKEP_BLOB) {
            SKEP__TRY(skep__arena_copy(c->arena, v.u.s.data, v.u.s.len, &bytes));
            v.u.s.data = bytes;
        }
        c->cells[c->count * c->columns + i] = v;
    }
    c->count++;
    return SKEP_OK;
}

static int copy_names(collecting *c, const char ***out)
{
    void *names = NULL;
    SKEP__TRY(skep__arena_take(c->arena, c->columns * sizeof(char *), alignof(char *), &names));
    for (size_t i = 0; i < c->columns; i++) {
        const char *name = skep_column_name(c->rows, (int)i);
        SKEP__TRY(skep__arena_copy(c->arena, name, strlen(name), &((const char **)names)[i]));
    }
    *out = names;
    return SKEP_OK;
}

static int collect(collecting *c, skep_table *out)
{
    const char **names = NULL;
    int rc = skep_next(c->rows);
    c->columns = (size_t)skep_columns(c->rows); /* the first step may have changed it */
    for (; rc > 0; rc = skep_next(c->rows)) {
        int copied = copy_row(c);
        if (copied < 0)
            return skep__tx_fail(c->rows->owner, copied);
    }
    if (rc >= 0)
        rc = copy_names(c, &names);
    if (rc < 0)
        return skep__tx_fail(c->rows->owner, rc);
    *out = (skep_table){.columns = c->columns, .rows = c->count, .names = names, .cells = c->cells};
    return SKEP_OK;
}

int skep_collect(skep_rows *rows, skep_arena *arena, skep_table *out)
{
    SKEP__REQUIRE(rows != NULL);
    SKEP__REQUIRE(rows->owner != NULL);
    SKEP__REQUIRE(arena != NULL);
    SKEP__REQUIRE(out != NULL);
    collecting c = {.rows = rows, .arena = arena};
    int rc = collect(&c, out);
    skep_rows_close(rows);
    return rc;
}

const skep_value *skep_table_at(const skep_table *table, size_t row, const char *column)
{
    if (table == NULL || column == NULL || row >= table->rows)
        return NULL;
    for (size_t i = 0; i < table->columns; i++)
        if (strcmp(table->names[i], column) == 0)
            return &table->cells[row * table->columns + i];
    return NULL;
}
