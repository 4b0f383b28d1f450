/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <string.h>

#include "beside.h"
#include "run.h"
#include "untouched.h"

/* Two tables, one WITHOUT ROWID, an index, rows that overflow, free pages. */
static const char *mixed(void)
{
    const char *path = harness_path("mixed.db");
    (void)stock_sql(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);"
                          "CREATE INDEX ta ON t (a);"
                          "CREATE TABLE w (k PRIMARY KEY, v) WITHOUT ROWID;"
                          "CREATE VIEW seen AS SELECT a FROM t;"
                          "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT 3000)"
                          " INSERT INTO t SELECT x, x||'-'||x, zeroblob(x % 5 * 1500) FROM n;"
                          "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT 2000)"
                          " INSERT INTO w SELECT 'key number '||x, x FROM n;"
                          "DELETE FROM t WHERE id % 3 = 0;");
    return path;
}

static json_t *stats_of(const char *path)
{
    ran r = SKEP("db", "stats", path, "--json");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.err, "");
    return parse_json(r.out);
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s is no integer", key);
    return json_integer_value(value);
}

static const json_t *object_named(const json_t *stats, const char *name)
{
    const json_t *list = json_object_get(stats, "objects");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(object, "name")), name) == 0)
            return object;
    }
    ck_abort_msg("no object %s", name);
}

TEST(rows_are_exact_for_tables_indexes_and_without_rowid)
{
    json_t *stats = stats_of(mixed());
    ck_assert_int_eq(number(object_named(stats, "t"), "rows"), 2000);
    ck_assert_int_eq(number(object_named(stats, "ta"), "rows"), 2000);
    ck_assert_int_eq(number(object_named(stats, "w"), "rows"), 2000);
    ck_assert_int_eq(number(object_named(stats, "sqlite_schema"), "rows"), 4);
    ck_assert_int_gt(number(object_named(stats, "w"), "inner_pages"), 0);
    ck_assert(json_is_true(json_object_get(object_named(stats, "w"), "without_rowid")));
    ck_assert_str_eq(json_string_value(json_object_get(object_named(stats, "ta"), "type")),
                     "index");
    ck_assert_str_eq(json_string_value(json_object_get(object_named(stats, "ta"), "table")), "t");
    json_decref(stats);
}

TEST(every_page_is_accounted_for)
{
    const char *path = mixed();
    json_t *stats = stats_of(path);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    const json_t *list = json_object_get(stats, "objects");
    json_int_t pages = number(stats, "free_pages") + number(stats, "other_pages");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i);
        json_int_t kinds = number(object, "leaf_pages") + number(object, "inner_pages") +
                           number(object, "overflow_pages");
        ck_assert_int_eq(kinds, number(object, "pages"));
        ck_assert_int_eq(number(object, "pages") * 4096, number(object, "bytes"));
        pages += number(object, "pages");
    }
    ck_assert_int_eq(pages, number(stats, "pages"));
    ck_assert_int_eq(number(stats, "bytes"), st.st_size);
    ck_assert_int_gt(number(stats, "free_pages"), 0);
    ck_assert_int_eq(number(stats, "other_pages"), 0);
    ck_assert_int_gt(number(object_named(stats, "t"), "overflow_pages"), 0);
    json_decref(stats);
}

TEST(the_figures_are_those_of_sqlite_itself)
{
    const char *path = mixed();
    json_t *stats = stats_of(path);
    static const char sql[] =
        "SELECT pageno AS pages, payload AS payload_bytes, unused AS unused_bytes,"
        " mx_payload AS largest_row_bytes FROM dbstat WHERE aggregate = TRUE AND name = 't'";
    ran r = SKEP("db", "query", path, sql, "--json");
    json_t *sqlite = parse_json(r.out);
    const char *key;
    json_t *value;
    json_object_foreach(sqlite, key, value)
        ck_assert_int_eq(number(object_named(stats, "t"), key), json_integer_value(value));
    json_decref(sqlite);
    json_decref(stats);
}

TEST(what_an_auto_vacuum_file_keeps_for_itself_is_other)
{
    const char *path = harness_path("auto.db");
    (void)stock_sql(path, "PRAGMA auto_vacuum=full; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    json_t *stats = stats_of(path);
    ck_assert_int_eq(number(stats, "other_pages"), 1); /* the map of who points to which page */
    json_decref(stats);
}

TEST(the_largest_come_first_and_limit_sums_up_the_others)
{
    const char *path = mixed();
    ran r = SKEP("db", "stats", path, "--limit", "1", "--json");
    json_t *stats = parse_json(r.out);
    ck_assert_uint_eq(json_array_size(json_object_get(stats, "objects")), 1);
    ck_assert_int_gt(number(object_named(stats, "t"), "bytes"), 0);
    ck_assert_int_eq(number(stats, "objects_left_out"), 3);
    r = SKEP("db", "stats", path, "--limit", "1");
    ck_assert(contains(r.out, "(3 others)"));
    ck_assert(contains(r.out, "(free)"));
    r = SKEP("db", "stats", path, "--limit", "0");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "--limit 0", "whole number");
    json_decref(stats);
}

TEST(bars_are_for_terminals)
{
    const char *path = mixed();
    ran r = SKEP_ON_TERMINAL(40, "db", "stats", path);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "share") && !contains(r.out, "\xe2\x96\x88"));
    r = SKEP_ON_TERMINAL(80, "db", "stats", path);
    ck_assert(contains(r.out, "\xe2\x96\x88") && !contains(r.out, "overflow"));
    r = SKEP_ON_TERMINAL(160, "db", "stats", path);
    ck_assert(contains(r.out, "\xe2\x96\x88") && contains(r.out, "overflow"));
    ck_assert(!contains(SKEP("db", "stats", path).out, "\xe2\x96\x88"));
}

TEST(stats_see_what_is_only_in_the_wal_and_leave_it_there)
{
    const char *path = harness_path("wal.db");
    leave_wal(path, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    untouched before = untouched_take(path);
    json_t *stats = stats_of(path);
    ck_assert_int_eq(number(object_named(stats, "t"), "rows"), 2);
    ck_assert_int_gt(number(stats, "wal_bytes"), 0);
    ck_assert(contains(SKEP("db", "stats", path).out, "(wal)"));
    untouched_check(&before);
    json_decref(stats);
}

TEST(stats_leave_a_closed_file_as_it_is)
{
    const char *path = mixed();
    untouched before = untouched_take(path);
    ck_assert_int_eq(SKEP("db", "stats", path).status, 0);
    untouched_check(&before);
}

TEST(names_that_would_move_the_cursor_are_shown_as_escapes)
{
    const char *path = FIXTURE("n.db", "CREATE TABLE \"a\x1b[2Jb\" (x)");
    ran r = SKEP("db", "stats", path);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "a\\x1b[2Jb"));
    ck_assert_ptr_null(strchr(r.out, '\x1b'));
}

TEST(stats_beside_a_process_that_writes_are_of_one_commit)
{
    const char *path = harness_path("busy.db");
    crash_child child = beside_start(path, BESIDE_WRITE);
    for (int i = 0; i < 5; i++) {
        json_t *stats = stats_of(path);
        const json_t *list = json_object_get(stats, "objects");
        json_int_t pages = number(stats, "free_pages");
        for (size_t k = 0; k < json_array_size(list); k++)
            pages += number(json_array_get(list, k), "pages");
        ck_assert_int_eq(pages, number(stats, "pages"));
        ck_assert_int_gt(number(object_named(stats, "beside"), "rows"), 0);
        json_decref(stats);
    }
    beside_end(&child);
}

TEST(stats_leave_what_another_process_has_open_as_it_is)
{
    const char *path = harness_path("held.db");
    crash_child child = beside_start(path, BESIDE_HOLD);
    untouched before = untouched_take(path);
    json_t *stats = stats_of(path);
    ck_assert_int_eq(number(object_named(stats, "beside"), "rows"), 1);
    untouched_check_bytes(&before);
    beside_end(&child);
    json_decref(stats);
}

static const harness_test tests[] = {
    HARNESS_TEST(rows_are_exact_for_tables_indexes_and_without_rowid),
    HARNESS_TEST(every_page_is_accounted_for),
    HARNESS_TEST(the_figures_are_those_of_sqlite_itself),
    HARNESS_TEST(what_an_auto_vacuum_file_keeps_for_itself_is_other),
    HARNESS_TEST(the_largest_come_first_and_limit_sums_up_the_others),
    HARNESS_TEST(bars_are_for_terminals),
    HARNESS_TEST(stats_see_what_is_only_in_the_wal_and_leave_it_there),
    HARNESS_TEST(stats_leave_a_closed_file_as_it_is),
    HARNESS_TEST(stats_beside_a_process_that_writes_are_of_one_commit),
    HARNESS_TEST(stats_leave_what_another_process_has_open_as_it_is),
    HARNESS_TEST(names_that_would_move_the_cursor_are_shown_as_escapes),
};
const harness_suite stats_suite = HARNESS_SUITE("stats", tests);
