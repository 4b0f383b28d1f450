/* SPDX-License-Identifier: MIT */
/* Values and rows: what goes in comes out, by index, by name, and all at once. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#include "harness/alloc.h"

#include "support.h"

#define HOUR_US INT64_C(3600000000)

static skep_db *open_table(void)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    return db;
}

static void assert_bytes(skep_slice have, const void *data, size_t len)
{
    ck_assert_uint_eq(have.len, len);
    ck_assert(have.data != NULL || len == 0);
    if (len > 0)
        ck_assert_int_eq(memcmp(have.data, data, len), 0);
}

/* Run one query in a read and hand its first row to a function. */
typedef struct look {
    const char *sql;
    void (*row)(skep_rows *rows);
} look;

static int look_fn(skep_tx *tx, void *arg)
{
    const look *l = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, l->sql));
    ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    l->row(rows);
    return 0;
}

static void look_at(skep_db *db, const char *sql, void (*row)(skep_rows *rows))
{
    look l = {sql, row};
    assert_ok(skep_read(db, look_fn, &l));
}

/* ---- values ---- */

static int put_each_type(skep_tx *tx, void *arg)
{
    (void)arg;
    SKEP__TRY(skep_exec(tx, "DELETE FROM t"));
    const bool yes = true;
    return skep_exec(tx, "INSERT INTO t(a) VALUES(?),(?),(?),(?),(?),(?),(?),(?)", SKEP_V(-7),
                     SKEP_V(2.5), SKEP_V("text"), skep_blob("\0b", 2), skep_null(), skep_bool(3),
                     skep_time(HOUR_US), SKEP_V(yes));
}

static int read_each_type(skep_tx *tx, void *arg)
{
    static const int types[] = {SKEP_INT,  SKEP_REAL, SKEP_TEXT, SKEP_BLOB,
                                SKEP_NULL, SKEP_INT,  SKEP_INT,  SKEP_INT};
    static const int64_t numbers[] = {-7, 2, 0, 0, 0, 1, HOUR_US, 1};
    (void)arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT a FROM t ORDER BY id"));
    for (size_t i = 0; i < LENGTH(types); i++) {
        ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
        ck_assert_int_eq(skep_column_type(rows, 0), types[i]);
        ck_assert_int_eq(skep_column_int(rows, 0), numbers[i]);
        ck_assert_int_eq(skep_column_value(rows, 0).type, types[i]);
        ck_assert_int_eq(skep_column_null(rows, 0), types[i] == SKEP_NULL);
    }
    return assert_ok(skep_next(rows));
}

TEST(each_type_comes_back_as_sql_stores_it)
{
    skep_db *db = open_table();
    assert_ok(skep_write(db, put_each_type, NULL));
    assert_ok(skep_read(db, read_each_type, NULL));
    db_close(db);
}

static void check_booleans(skep_rows *rows)
{
    static const int want[] = {1, 0, 1, 1, 0, 0, 1, 0, 0};
    ck_assert_int_eq(skep_columns(rows), LENGTH(want));
    for (size_t i = 0; i < LENGTH(want); i++)
        ck_assert_int_eq(skep_column_bool(rows, (int)i), want[i]);
    ck_assert_int_eq(skep_column_bool(rows, -1), 0);
    ck_assert_int_eq(skep_column_bool(rows, 99), 0);
}

TEST(a_boolean_is_what_sql_takes_for_true)
{
    skep_db *db = open_table();
    look_at(db, "SELECT 1, 0, -9223372036854775808, 0.25, 0.0, NULL, '1', 'true', ''",
            check_booleans);
    db_close(db);
}

static void check_times(skep_rows *rows)
{
    static const int64_t want[] = {HOUR_US,   -1,        HOUR_US,   0,
                                   INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
    ck_assert_int_eq(skep_columns(rows), LENGTH(want));
    for (size_t i = 0; i < LENGTH(want); i++)
        ck_assert_int_eq(skep_column_time(rows, (int)i), want[i]);
    ck_assert_int_eq(skep_column_time(rows, 99), INT64_MIN);
}

TEST(a_time_is_an_integer_or_a_text_that_says_one)
{
    skep_db *db = open_table();
    look_at(db,
            "SELECT 3600000000, -1, '1970-01-01T02:00:00+01:00', '1970-01-01 00:00:00Z',"
            " 'noon', 1.5, NULL, CAST('1970-01-01T00:00:00Z' AS BLOB)",
            check_times);
    db_close(db);
}

static void check_nulls(skep_rows *rows)
{
    ck_assert_int_eq(skep_column_null(rows, 0), 1);
    ck_assert_int_eq(skep_column_null(rows, 1), 0);
    ck_assert_int_eq(skep_column_null(rows, 2), 0);
    ck_assert_int_eq(skep_column_null(rows, 3), 1);
    ck_assert_int_eq(skep_column_null(rows, -1), 1);
    ck_assert_str_eq(skep_column_text(rows, 0).data, "");
    ck_assert_uint_eq(skep_column_blob(rows, 0).len, 0);
    ck_assert_uint_eq(skep_column_blob(rows, 2).len, 0);
    ck_assert_int_eq(skep_column_type(rows, 2), SKEP_BLOB);
}

TEST(null_is_not_the_empty_text)
{
    skep_db *db = open_table();
    look_at(db, "SELECT NULL, '', x''", check_nulls);
    db_close(db);
}

static void check_conversions(skep_rows *rows)
{
    ck_assert_int_eq(skep_column_int(rows, 0), 12);
    ck_assert(skep_column_real(rows, 0) == 12.5);
    assert_bytes(skep_column_blob(rows, 0), "12.5abc", 7);
    ck_assert_int_eq(skep_column_int(rows, 1), -3);
    assert_bytes(skep_column_text(rows, 1), "-3.75", 5);
    assert_bytes(skep_column_blob(rows, 1), "-3.75", 5);
    ck_assert_int_eq(skep_column_type(rows, 1), SKEP_REAL); /* still */
    ck_assert(skep_column_real(rows, 2) == 7.0);
    assert_bytes(skep_column_text(rows, 2), "7", 1);
    ck_assert_int_eq(skep_column_type(rows, 2), SKEP_INT);
    assert_bytes(skep_column_text(rows, 3), "42", 2);
    ck_assert_int_eq(skep_column_int(rows, 4), INT64_MAX); /* 1e300: as CAST clamps it */
}

TEST(other_types_convert_as_cast_does)
{
    skep_db *db = open_table();
    look_at(db, "SELECT '12.5abc', -3.75, 7, x'3432', 1e300", check_conversions);
    db_close(db);
}

/* ---- zero bytes ---- */

static const char zeros[] = "\0one\0\0two\0";
#define ZEROS_LEN (sizeof(zeros) - 1)

static int put_zeros(skep_tx *tx, void *arg)
{
    (void)arg;
    SKEP__TRY(skep_exec(tx, "DELETE FROM t"));
    return skep_exec(tx, "INSERT INTO t(id, a) VALUES(1, ?), (2, ?)",
                     SKEP_V(skep_slice_of(zeros, ZEROS_LEN)), skep_blob(zeros, ZEROS_LEN));
}

static int read_zeros(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    (void)arg;
    SKEP__TRY(skep_query(tx, &rows, "SELECT a FROM t WHERE a = ? OR a = ? ORDER BY id",
                         SKEP_V(skep_slice_of(zeros, ZEROS_LEN)), skep_blob(zeros, ZEROS_LEN)));
    ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    assert_bytes(skep_column_text(rows, 0), zeros, ZEROS_LEN);
    ck_assert_int_eq(((const char *)skep_column_text(rows, 0).data)[ZEROS_LEN], '\0');
    assert_bytes(skep_column_value(rows, 0).u.s, zeros, ZEROS_LEN);
    ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    assert_bytes(skep_column_blob(rows, 0), zeros, ZEROS_LEN);
    assert_bytes(skep_column_value(rows, 0).u.s, zeros, ZEROS_LEN);
    return assert_ok(skep_next(rows));
}

TEST(text_and_blobs_keep_their_zero_bytes)
{
    skep_db *db = open_table();
    assert_ok(skep_write(db, put_zeros, NULL));
    assert_ok(skep_read(db, read_zeros, NULL));
    db_close(db);
}

/* ---- no copies ---- */

static void check_identity(skep_rows *rows)
{
    for (int column = 0; column < skep_columns(rows); column++) {
        bool blob = skep_column_type(rows, column) == SKEP_BLOB;
        skep_slice first = skep_column_blob(rows, column);
        ck_assert_uint_ge(first.len, 3);
        for (int i = 0; i < 3; i++) {
            ck_assert_ptr_eq(skep_column_blob(rows, column).data, first.data);
            ck_assert_ptr_eq(skep_column_value(rows, column).u.s.data, first.data);
            if (!blob)
                ck_assert_ptr_eq(skep_column_text(rows, column).data, first.data);
            (void)skep_column_int(rows, column);
            (void)skep_column_real(rows, column);
            (void)skep_column(rows, "absent");
        }
        ck_assert_int_eq(skep_column_type(rows, column), blob ? SKEP_BLOB : SKEP_TEXT);
    }
}

TEST(a_row_is_read_in_place_until_the_next_step)
{
    skep_db *db = open_table();
    db_must(db, "CREATE TABLE wide(a, b, c, d)");
    db_must(db, "INSERT INTO wide VALUES('short', x'010203', "
                "hex(randomblob(50000)), randomblob(50000))");
    look_at(db, "SELECT a, b, c, d FROM wide", check_identity);
    look_at(db, "SELECT 'lit', x'010203', a || 'er', zeroblob(9000) FROM wide", check_identity);
    look_at(db, "SELECT a, b, c, d FROM wide ORDER BY length(c) + random()", check_identity);
    db_close(db);
}

static void check_utf8(skep_rows *rows)
{
    static const char want[] = "na\xc3\xafve \xf0\x9f\x90\x9d";
    assert_bytes(skep_column_blob(rows, 0), want, sizeof(want) - 1);
    assert_bytes(skep_column_text(rows, 0), want, sizeof(want) - 1);
    ck_assert_ptr_eq(skep_column_blob(rows, 0).data, skep_column_text(rows, 0).data);
    ck_assert_int_eq(skep_column(rows, "na\xc3\xafve"), 0);
}

TEST(text_is_utf8_whatever_the_file_has)
{
    sqlite3 *raw = NULL;
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw,
                                  "PRAGMA encoding='UTF-16le'; CREATE TABLE t(a);"
                                  "INSERT INTO t VALUES('na\xc3\xafve \xf0\x9f\x90\x9d')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    skep_db *db = db_open(NULL);
    look_at(db, "SELECT a AS \"na\xc3\xafve\" FROM t", check_utf8);
    db_close(db);
}

/* A text of a UTF-16 file is converted when it is read, and there is no memory to do so. */
static int read_without_memory(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    uint64_t failed = 0;
    (void)arg;
    SKEP__TRY(skep_query(tx, &rows, "SELECT a FROM t"));
    ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    alloc_arm(1, false);
    skep_slice text = skep_column_text(rows, 0);
    (void)alloc_disarm(&failed);
    ck_assert_uint_eq(failed, 1);
    ck_assert_uint_eq(text.len, 0);
    ck_assert_str_eq(text.data, "");
    skep_rows_close(rows);
    return 7; /* it knows of nothing */
}

TEST(a_text_that_could_not_be_read_fails_its_call)
{
    sqlite3 *raw = NULL;
    alloc_install();
    skep__sqlite_configure();
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw,
                                  "PRAGMA encoding='UTF-16le'; CREATE TABLE t(a);"
                                  "INSERT INTO t VALUES(hex(zeroblob(50000)))",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    skep_db *db = db_open_still(NULL);
    assert_fails(skep_read(db, read_without_memory, NULL), SKEP_ENOMEM);
    assert_fails_with(skep_write(db, read_without_memory, NULL), SKEP_ENOMEM,
                      SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(db_number(db, "SELECT length(a) FROM t"), 100000);
    db_close(db);
}

/* ---- columns by name ---- */

static void check_names(skep_rows *rows)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(skep_column(rows, "a"), 0);
        ck_assert_int_eq(skep_column(rows, "b"), 1); /* the first of two */
        ck_assert_int_eq(skep_column(rows, "A"), 3);
        ck_assert_int_eq(skep_column(rows, "count(*)"), 4);
        ck_assert_int_eq(skep_column(rows, "c"), -1);
        ck_assert_int_eq(skep_column(rows, ""), -1);
        ck_assert_int_eq(skep_column(rows, NULL), -1);
    }
    ck_assert_int_eq(skep_column(NULL, "a"), -1);
    ck_assert_int_eq(skep_column_int(rows, skep_column(rows, "b")), 2);
    ck_assert_int_eq(skep_column_int(rows, skep_column(rows, "absent")), 0);
}

TEST(columns_are_found_by_name)
{
    skep_db *db = open_table();
    look_at(db, "SELECT 1 AS a, 2 AS b, 3 AS b, 4 AS A, count(*) FROM t", check_names);
    db_close(db);
}

static void check_buffer(skep_rows *rows)
{
    char name[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < skep_columns(rows); i++) {
            (void)snprintf(name, sizeof(name), "c%d", i);
            ck_assert_int_eq(skep_column(rows, name), i);
        }
        (void)snprintf(name, sizeof(name), "none");
        ck_assert_int_eq(skep_column(rows, name), -1);
    }
}

TEST(a_name_in_a_buffer_that_is_filled_anew_is_read_anew)
{
    skep_db *db = open_table();
    look_at(db, "SELECT 0 AS c0, 1 AS c1, 2 AS c2, 3 AS c3", check_buffer);
    db_close(db);
}

static void check_many(skep_rows *rows)
{
    static char names[60][16];
    for (int i = 0; i < 60; i++)
        (void)snprintf(names[i], sizeof(names[i]), "c%d", i);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 60; i++)
            ck_assert_int_eq(skep_column(rows, names[i]), i);
}

TEST(more_names_than_are_remembered_are_found_all_the_same)
{
    skep_db *db = open_table();
    char sql[1024] = "SELECT ";
    for (int i = 0; i < 60; i++) {
        size_t len = strlen(sql);
        (void)snprintf(sql + len, sizeof(sql) - len, "%s%d AS c%d", i > 0 ? ", " : "", i, i);
    }
    look_at(db, sql, check_many);
    db_close(db);
}

static int change_between_runs(skep_tx *tx, void *arg)
{
    static const char all[] = "SELECT * FROM u";
    (void)arg;
    SKEP__TRY(skep_exec(tx, "CREATE TABLE u(x, y)"));
    SKEP__TRY(skep_exec(tx, "INSERT INTO u VALUES(1, 2)"));
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, all));
    ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    ck_assert_int_eq(skep_column(rows, "y"), 1);
    skep_rows_close(rows);
    SKEP__TRY(skep_exec(tx, "ALTER TABLE u DROP COLUMN x"));
    SKEP__TRY(skep_query(tx, &rows, all));
    (void)skep_column(rows, "y"); /* before the statement knows of the change */
    ck_assert_int_eq(assert_ok(skep_next(rows)), 1);
    ck_assert_int_eq(skep_column(rows, "y"), 0);
    ck_assert_int_eq(skep_column(rows, "x"), -1);
    ck_assert_int_eq(skep_column_int(rows, skep_column(rows, "y")), 2);
    return SKEP_EUSER;
}

TEST(a_name_is_looked_up_anew_when_the_schema_has_changed)
{
    skep_db *db = open_table();
    assert_fails(skep_write(db, change_between_runs, NULL), SKEP_EUSER);
    db_close(db);
}

/* ---- changes and rowids ---- */

static int batch(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    (void)arg;
    ck_assert_int_eq(skep_tx_changes(tx), 0);
    ck_assert_int_eq(skep_tx_last_rowid(tx), 0);
    SKEP__TRY(skep_exec(tx, "INSERT INTO t(id, a) VALUES(10, 1), (11, 1), (12, 1)"));
    ck_assert_int_eq(skep_tx_changes(tx), 3);
    ck_assert_int_eq(skep_tx_last_rowid(tx), 12);
    SKEP__TRY(skep_exec(tx, "SELECT count(*) FROM t")); /* changes nothing, tells nothing */
    SKEP__TRY(skep_exec(tx, "CREATE TABLE other(a)"));
    ck_assert_int_eq(skep_tx_changes(tx), 3);
    SKEP__TRY(skep_exec(tx, "UPDATE t SET a = 2 WHERE id > 10"));
    ck_assert_int_eq(skep_tx_changes(tx), 2);
    SKEP__TRY(skep_exec(tx, "UPDATE t SET a = 2 WHERE id = 0"));
    ck_assert_int_eq(skep_tx_changes(tx), 0);
    ck_assert_int_eq(skep_tx_last_rowid(tx), 12);
    SKEP__TRY(skep_query(tx, &rows, "DELETE FROM t RETURNING id"));
    while (skep_next(rows) > 0)
        continue;
    ck_assert_int_eq(skep_tx_changes(tx), 3);
    int rc = skep_exec(tx, "INSERT INTO t(id) VALUES(20), (20)"); /* undone by itself */
    ck_assert_int_eq(rc, SKEP_EEXISTS);
    SKEP__TRY(skep_exec(tx, "INSERT INTO t(id) VALUES(30)"));
    ck_assert_int_eq(skep_tx_changes(tx), 1);
    ck_assert_int_eq(skep_tx_last_rowid(tx), 30);
    return SKEP_EUSER; /* and the next call starts from zero all the same */
}

TEST(b05_changes_and_rowids_follow_each_statement_of_a_call)
{
    skep_db *db = open_table();
    for (int i = 0; i < 3; i++)
        assert_fails(skep_write(db, batch, NULL), SKEP_EUSER);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(each_type_comes_back_as_sql_stores_it),
    HARNESS_TEST(a_boolean_is_what_sql_takes_for_true),
    HARNESS_TEST(a_time_is_an_integer_or_a_text_that_says_one),
    HARNESS_TEST(null_is_not_the_empty_text),
    HARNESS_TEST(other_types_convert_as_cast_does),
    HARNESS_TEST(text_and_blobs_keep_their_zero_bytes),
    HARNESS_TEST(a_row_is_read_in_place_until_the_next_step),
    HARNESS_TEST(text_is_utf8_whatever_the_file_has),
    HARNESS_TEST(a_text_that_could_not_be_read_fails_its_call),
    HARNESS_TEST(columns_are_found_by_name),
    HARNESS_TEST(a_name_in_a_buffer_that_is_filled_anew_is_read_anew),
    HARNESS_TEST(more_names_than_are_remembered_are_found_all_the_same),
    HARNESS_TEST(a_name_is_looked_up_anew_when_the_schema_has_changed),
    HARNESS_TEST(b05_changes_and_rowids_follow_each_statement_of_a_call),
};
const harness_suite rows_suite = HARNESS_SUITE("rows", tests);
