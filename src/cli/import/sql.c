/* SPDX-License-Identifier: MIT */
/*
 * The table that data goes into, and the SQL of an import.
 *
 * One INSERT of many rows costs a third less than as many of one. It says OR FAIL: when a row is
 * refused, those before it stay and `changes` tells how many they are, so that the rest can be
 * tried one by one. That is only the same as many single INSERTs where nothing else is asked for:
 * not where the table has conflict clauses of its own, triggers, or expressions that can fail in
 * the middle of the statement. There each row has an INSERT of its own.
 */
#include <string.h>

#include "cli/import/import.h"

#define VALUES_AT_ONCE 256
#define ROWS_AT_ONCE 64

/* ---- the table ---- */

static int read_columns(skep_tx *tx, import_table *table)
{
    skep_rows *rows = NULL;
    int rc =
        skep_query(tx, &rows, "SELECT name, type, \"notnull\", hidden FROM pragma_table_xinfo(?)",
                   SKEP_V(table->name));
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0) {
        skep_slice name = skep_column_text(rows, 0);
        int64_t hidden = skep_column_int(rows, 3);
        if (hidden > 1) {
            table->plain = false;
            if (!cli_fields_add(&table->computed, name.data, name.len))
                return IMPORT_MEMORY;
        }
        if (hidden != 0)
            continue;
        if (!cli_fields_add(&table->columns, name.data, name.len))
            return IMPORT_MEMORY;
        cli_column *column = &table->columns.list[table->columns.count - 1];
        column->affinity = cli_affinity_of(skep_column_text(rows, 1).data);
        column->not_null = skep_column_int(rows, 2) != 0;
    }
    return rc;
}

/* One number of a query with the table's name. */
static int ask(skep_tx *tx, const char *sql, const char *name, int64_t *out)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, sql, SKEP_V(name));
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    *out = rc > 0 ? skep_column_int(rows, 0) : 0;
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

static bool is_plain(const char *sql)
{
    static const char *const words[] = {"CONFLICT", "CHECK", "STRICT", "VIRTUAL"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(sql, words[i]) != NULL)
            return false;
    return true;
}

static int read_kind(skep_tx *tx, import_table *table)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows,
                        "SELECT type = 'table', sql FROM sqlite_schema"
                        " WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE",
                        SKEP_V(table->name));
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    table->found = rc > 0;
    table->plain =
        rc > 0 && skep_column_int(rows, 0) != 0 && is_plain(skep_column_text(rows, 1).data);
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

static int find_table(skep_tx *tx, void *arg)
{
    import_table *table = arg;
    int64_t special = 0;
    cli_fields_dispose(&table->columns);
    cli_fields_dispose(&table->computed);
    int rc = ask(tx, "SELECT schema_version FROM pragma_schema_version WHERE ?1 IS NOT NULL",
                 table->name, &table->schema_version);
    if (rc >= 0)
        rc = read_kind(tx, table);
    if (rc >= 0 && table->found)
        rc = read_columns(tx, table);
    if (rc >= 0 && table->found)
        rc = ask(tx,
                 "SELECT count(*) FROM sqlite_schema"
                 " WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE",
                 table->name, &special);
    table->plain = table->plain && special == 0;
    if (rc >= 0 && table->plain)
        rc = ask(tx,
                 "SELECT count(*) FROM pragma_index_list(?) AS l"
                 " JOIN pragma_index_xinfo(l.name) AS x WHERE l.partial OR x.cid = -2",
                 table->name, &special);
    table->plain = table->plain && special == 0;
    return rc;
}

int import_find_table(skep_db *db, import_table *table)
{
    return skep_read(db, find_table, table);
}

/* ---- SQL ---- */

static void put_name(cli_buf *sql, const char *name)
{
    cli_buf_puts(sql, "\"");
    for (const char *quote; (quote = strchr(name, '"')) != NULL; name = quote + 1) {
        cli_buf_add(sql, name, (size_t)(quote - name));
        cli_buf_puts(sql, "\"\"");
    }
    cli_buf_puts(sql, name);
    cli_buf_puts(sql, "\"");
}

static void put_names(cli_buf *sql, const import *m, bool types)
{
    cli_buf_puts(sql, " (");
    for (size_t i = 0; i < m->columns.count; i++) {
        cli_buf_puts(sql, i > 0 ? ", " : "");
        put_name(sql, m->columns.list[i].name);
        if (types) {
            cli_buf_puts(sql, " ");
            cli_buf_puts(sql, cli_type_name(m->columns.list[i].type));
        }
    }
    cli_buf_puts(sql, ")");
}

static void put_insert(cli_buf *sql, const import *m, size_t rows)
{
    cli_buf_puts(sql, rows > 1 ? "INSERT OR FAIL INTO " : "INSERT INTO ");
    put_name(sql, m->table.name);
    put_names(sql, m, false);
    cli_buf_puts(sql, " VALUES ");
    for (size_t row = 0; row < rows; row++) {
        cli_buf_puts(sql, row > 0 ? ",(" : "(");
        for (size_t i = 0; i < m->columns.count; i++)
            cli_buf_puts(sql, i > 0 ? ",?" : "?");
        cli_buf_puts(sql, ")");
    }
}

void import_write_select(cli_buf *sql, const import_table *table)
{
    cli_buf_puts(sql, "SELECT ");
    for (size_t i = 0; i < table->columns.count; i++) {
        cli_buf_puts(sql, i > 0 ? ", " : "");
        put_name(sql, table->columns.list[i].name);
    }
    cli_buf_puts(sql, " FROM ");
    put_name(sql, table->name);
}

bool import_write_sql(import *m)
{
    size_t many = VALUES_AT_ONCE / m->columns.count;
    many = many > ROWS_AT_ONCE ? ROWS_AT_ONCE : many;
    m->many = m->create || m->table.plain ? many : 1;
    m->create_sql.len = m->one_sql.len = m->many_sql.len = 0;
    cli_buf_puts(&m->create_sql, "CREATE TABLE ");
    put_name(&m->create_sql, m->table.name);
    put_names(&m->create_sql, m, true);
    put_insert(&m->one_sql, m, 1);
    if (m->many > 1)
        put_insert(&m->many_sql, m, m->many);
    return !m->create_sql.failed && !m->one_sql.failed && !m->many_sql.failed;
}
