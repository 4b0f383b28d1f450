/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/rows.md: what a weather station measures.
 *
 *     rows DATABASE
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include <skep/skep.h>

struct measure {
    const char *station;
    int64_t at; /* microseconds since 1970, UTC */
    double celsius;
    bool checked;     /* by somebody who looked at the thermometer */
    skep_slice trace; /* what the instrument sent, as it came */
};

static int create(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "DROP TABLE IF EXISTS measure");
    return rc < 0 ? rc
                  : skep_exec(tx, "CREATE TABLE measure (station TEXT, at INTEGER, celsius REAL,"
                                  " checked INTEGER, trace BLOB)");
}

static int put(skep_tx *tx, void *arg)
{
    const struct measure *m = arg;
    return skep_exec(tx, "INSERT INTO measure VALUES (?, ?, ?, ?, ?)", SKEP_V(m->station),
                     skep_time(m->at), SKEP_V(m->celsius), SKEP_V(m->checked),
                     m->trace.len > 0 ? skep_blob(m->trace.data, m->trace.len) : skep_null());
}

static int show(skep_tx *tx, void *arg)
{
    (void)arg;
    skep_rows *rows = NULL;
    int rc =
        skep_query(tx, &rows, "SELECT * FROM measure WHERE celsius > ? ORDER BY at", SKEP_V(-40));
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0) {
        char at[SKEP_TIME_TEXT_SIZE] = "";
        rc = skep_time_text(skep_column_time(rows, skep_column(rows, "at")), at);
        if (rc < 0)
            return rc;
        skep_slice station = skep_column_text(rows, skep_column(rows, "station"));
        skep_slice trace = skep_column_blob(rows, skep_column(rows, "trace"));
        (void)printf("%s  %-8.*s %6.1f %s %zu bytes\n", at, (int)station.len,
                     (const char *)station.data, skep_column_real(rows, 2),
                     skep_column_bool(rows, 3) ? "checked" : "-", trace.len);
    }
    skep_rows_close(rows);
    return rc;
}

struct summary {
    skep_arena *arena;
    skep_table stations;
};

static int summarize(skep_tx *tx, void *arg)
{
    struct summary *s = arg;
    skep_arena_reset(s->arena); /* start over: this may not be the first run */
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows,
                        "SELECT station, count(*) AS n, avg(celsius) AS mean"
                        " FROM measure GROUP BY station ORDER BY station");
    return rc < 0 ? rc : skep_collect(rows, s->arena, &s->stations);
}

static int print_summary(skep_db *db)
{
    struct summary s = {NULL, {0}};
    int rc = skep_arena_new(0, &s.arena);
    if (rc >= 0)
        rc = skep_read(db, summarize, &s);
    for (size_t i = 0; rc >= 0 && i < s.stations.rows; i++)
        (void)printf("%-8s %" PRId64 " of mean %.2f\n",
                     (const char *)skep_table_at(&s.stations, i, "station")->u.s.data,
                     skep_table_at(&s.stations, i, "n")->u.i,
                     skep_table_at(&s.stations, i, "mean")->u.r);
    skep_arena_free(s.arena);
    return rc;
}

static int visit(skep_db *db)
{
    struct measure m = {"Brocken", 0, -3.5, true, skep_slice_of("\x01\0\x02", 3)};
    struct measure later = {"Zugspitze", 0, -11.25, false, skep_slice_of(NULL, 0)};
    int rc = skep_time_parse(skep_slice_str("2026-11-21T10:27:18+01:00"), &m.at);
    later.at = m.at + INT64_C(60000000);
    if (rc >= 0)
        rc = skep_write(db, create, NULL);
    if (rc >= 0)
        rc = skep_write(db, put, &m);
    if (rc >= 0)
        rc = skep_write(db, put, &later);
    if (rc >= 0)
        rc = skep_read(db, show, NULL);
    return rc < 0 ? rc : print_summary(db);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "Usage: rows DATABASE\n"), 2;
    skep_db *db = NULL;
    int rc = skep_db_open(argv[1], NULL, &db);
    if (rc >= 0)
        rc = visit(db);
    if (rc < 0)
        (void)fprintf(stderr, "rows: %s\n", skep_last_error()->text);
    return skep_db_close(db) < 0 || rc < 0;
}
