/* SPDX-License-Identifier: MIT */
/* All rows of a query at once, in an arena. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "support.h"

static const char zeros[] = "\0one\0\0two\0";
#define ZEROS_LEN (sizeof(zeros) - 1)

static skep_db *open_table(void)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    return db;
}

static int put_each_type(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "INSERT INTO t(a) VALUES(?),(?),(?),(?),(?)", SKEP_V(-7), SKEP_V(2.5),
                     SKEP_V("text"), skep_blob("\0b", 2), skep_null());
}

static int put_zeros(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "INSERT INTO t(id, a) VALUES(1, ?), (2, ?)",
                     SKEP_V(skep_slice_of(zeros, ZEROS_LEN)), skep_blob(zeros, ZEROS_LEN));
}

typedef struct gathering {
    const char *sql;
    skep_arena *arena;
    skep_table table;
    int skip; /* rows that are stepped over first */
} gathering;

static int gather(skep_tx *tx, void *arg)
{
    gathering *g = arg;
    skep_rows *rows = NULL;
    skep_arena_reset(g->arena);
    SKEP__TRY(skep_query(tx, &rows, g->sql));
    for (int i = 0; i < g->skip; i++)
        ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    return skep_collect(rows, g->arena, &g->table);
}

static skep_arena *new_arena(size_t max)
{
    skep_arena *arena = NULL;
    assert_ok(skep_arena_new(max, &arena));
    return arena;
}

TEST(a_collected_table_outlives_its_transaction)
{
    skep_db *db = open_table();
    gathering g = {.sql = "SELECT id, a AS what FROM t ORDER BY id", .arena = new_arena(0)};
    assert_ok(skep_write(db, put_each_type, NULL));
    assert_ok(skep_read(db, gather, &g));
    db_close(db);
    ck_assert_uint_eq(g.table.rows, 5);
    ck_assert_uint_eq(g.table.columns, 2);
    ck_assert_str_eq(g.table.names[0], "id");
    ck_assert_str_eq(g.table.names[1], "what");
    ck_assert_int_eq(skep_table_at(&g.table, 0, "what")->u.i, -7);
    ck_assert(skep_table_at(&g.table, 1, "what")->u.r == 2.5);
    ck_assert_str_eq(skep_table_at(&g.table, 2, "what")->u.s.data, "text");
    ck_assert_uint_eq(skep_table_at(&g.table, 3, "what")->u.s.len, 2);
    ck_assert_int_eq(memcmp(skep_table_at(&g.table, 3, "what")->u.s.data, "\0b", 3), 0);
    ck_assert_int_eq(skep_table_at(&g.table, 4, "what")->type, SKEP_NULL);
    ck_assert_int_eq(skep_table_at(&g.table, 4, "id")->u.i, 5);
    ck_assert_ptr_eq(skep_table_at(&g.table, 4, "id"), &g.table.cells[8]);
    ck_assert_ptr_null(skep_table_at(&g.table, 5, "id"));
    ck_assert_ptr_null(skep_table_at(&g.table, 0, "ID"));
    ck_assert_ptr_null(skep_table_at(&g.table, 0, NULL));
    ck_assert_ptr_null(skep_table_at(NULL, 0, "id"));
    skep_arena_free(g.arena);
}

TEST(collected_text_and_blobs_keep_their_zero_bytes)
{
    skep_db *db = open_table();
    gathering g = {.sql = "SELECT a FROM t ORDER BY id", .arena = new_arena(0)};
    assert_ok(skep_write(db, put_zeros, NULL));
    assert_ok(skep_read(db, gather, &g));
    for (size_t i = 0; i < 2; i++) {
        skep_slice s = skep_table_at(&g.table, i, "a")->u.s;
        ck_assert_uint_eq(s.len, ZEROS_LEN);
        ck_assert_int_eq(memcmp(s.data, zeros, ZEROS_LEN + 1), 0);
    }
    skep_arena_free(g.arena);
    db_close(db);
}

TEST(collecting_takes_the_rows_that_are_still_to_come)
{
    skep_db *db = open_table();
    gathering g = {.sql = "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3",
                   .arena = new_arena(0),
                   .skip = 2};
    assert_ok(skep_read(db, gather, &g));
    ck_assert_uint_eq(g.table.rows, 1);
    ck_assert_int_eq(skep_table_at(&g.table, 0, "n")->u.i, 3);
    g.skip = 3;
    assert_ok(skep_read(db, gather, &g));
    ck_assert_uint_eq(g.table.rows, 0);
    ck_assert_uint_eq(g.table.columns, 1);
    ck_assert_str_eq(g.table.names[0], "n");
    g = (gathering){.sql = "INSERT INTO t(a) VALUES(1)", .arena = g.arena};
    assert_ok(skep_write(db, gather, &g));
    ck_assert_uint_eq(g.table.rows, 0);
    ck_assert_uint_eq(g.table.columns, 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    skep_arena_free(g.arena);
    db_close(db);
}

#define MANY_ROWS                                                                                  \
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "              \
    "SELECT i, 'row ' || i AS t FROM n"

TEST(many_rows_are_collected_in_their_order)
{
    skep_db *db = open_table();
    gathering g = {.sql = MANY_ROWS, .arena = new_arena(0)};
    skep__db_set_rerun(db, 50);
    assert_ok(skep_write(db, gather, &g));
    ck_assert_uint_eq(g.table.rows, 10000);
    for (size_t i = 0; i < g.table.rows; i++) {
        char want[32];
        (void)snprintf(want, sizeof(want), "row %zu", i);
        ck_assert_int_eq(g.table.cells[2 * i].u.i, (int64_t)i);
        ck_assert_str_eq(skep_table_at(&g.table, i, "t")->u.s.data, want);
    }
    skep_arena_free(g.arena);
    db_close(db);
}

static int gather_and_go_on(skep_tx *tx, void *arg)
{
    gathering *g = arg;
    int rc = gather(tx, g);
    ck_assert_int_lt(rc, 0);
    SKEP__TRY(skep_exec(tx, "DROP TABLE t")); /* the rows are closed: nobody reads it */
    return rc;
}

TEST(an_arena_that_is_full_fails_the_collecting_and_closes_the_rows)
{
    skep_db *db = open_table();
    gathering g = {.sql = MANY_ROWS " CROSS JOIN (SELECT count(*) FROM t)",
                   .arena = new_arena(100000)};
    assert_fails(skep_read(db, gather, &g), SKEP_ELIMIT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "100000 bytes"));
    ck_assert_ptr_null(g.table.cells);
    assert_fails(skep_write(db, gather_and_go_on, &g), SKEP_ELIMIT);
    skep_arena_free(g.arena);
    db_close(db);
}

TEST(a_query_that_breaks_off_leaves_no_table)
{
    skep_db *db = open_table();
    db_must(db, "INSERT INTO t(a) VALUES(1),(2),(-9223372036854775808)");
    gathering g = {.sql = "SELECT abs(a) FROM t", .arena = new_arena(0)};
    assert_fails(skep_write(db, gather_and_go_on, &g), SKEP_EINVALID);
    ck_assert_uint_eq(g.table.rows, 0);
    ck_assert_ptr_null(g.table.names);
    skep_arena_free(g.arena);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_collected_table_outlives_its_transaction),
    HARNESS_TEST(collected_text_and_blobs_keep_their_zero_bytes),
    HARNESS_TEST(collecting_takes_the_rows_that_are_still_to_come),
    HARNESS_TEST(many_rows_are_collected_in_their_order),
    HARNESS_TEST(an_arena_that_is_full_fails_the_collecting_and_closes_the_rows),
    HARNESS_TEST(a_query_that_breaks_off_leaves_no_table),
};
const harness_suite collect_suite = HARNESS_SUITE("collect", tests);
