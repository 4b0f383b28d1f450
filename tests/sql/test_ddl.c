/* SPDX-License-Identifier: MIT */
/* Composed SQL, tried on SQLite itself: what was meant is what it understands. */
#include "suites.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "sql/ddl.h"
#include "sql/sql_limits.h"

#include "support.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static skep__buf sql_buf(void)
{
    return SKEP__BUF_INIT(SKEP__SQL_DDL_MAX);
}

TEST(any_name_becomes_a_table_and_a_column_of_that_name)
{
    static const char *const names[] = {
        "plain",
        "select",
        "with blank",
        "a\"b",
        "\"",
        "\"\"",
        "a'b",
        "a;b--",
        "[x]",
        "`x`",
        "gr\xc3\xbc\xc3\x9f",
        "\xf0\x9f\x90\x9d",
        "1st",
        "a.b",
        "?",
        ":x",
        "\t",
        "\n",
        "%s",
    };
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    for (size_t i = 0; i < LENGTH(names); i++) {
        skep__buf sql = sql_buf();
        skep__stmt *stmt = NULL;
        const skep__column column = {.name = names[i]};
        assert_ok(skep__ddl_create_table(&sql, names[i], &column, 1));
        assert_ok(sql_run(conn, skep__buf_text(&sql)));
        skep__buf_clear(&sql);
        assert_ok(skep__buf_add_text(&sql, "SELECT * FROM "));
        assert_ok(skep__ddl_name(&sql, skep_slice_str(names[i])));
        assert_ok(skep__stmt_borrow(conn, skep__buf_text(&sql), NULL, 0, &stmt));
        ck_assert_str_eq(conn->driver->column_name(stmt, 0), names[i]);
        skep__stmt_return(stmt);
        skep__buf_dispose(&sql);
    }
    ck_assert_int_eq(sql_number(conn, "SELECT count(*) FROM sqlite_schema"), LENGTH(names));
    sql_close(conn);
}

TEST(a_name_is_utf8_without_zero_bytes_and_not_empty)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"", 0},
        {"a\0b", 3},
        {"\xff", 1},
        {"\xc3", 1},
        {"\xc0\x80", 2},
        {"\x80", 1},
        {"\xed\xa0\x80", 3},
        {"\xf4\x90\x80\x80", 4},
        {"\xe0\x80\xaf", 3},
        {"\xf0\x80\x80\xaf", 4},
        {"ok\xe2\x82", 4},
        {"\xc3\x28", 2},
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        skep__buf sql = sql_buf();
        assert_fails(skep__ddl_name(&sql, skep_slice_of(bad[i].bytes, bad[i].len)), SKEP_EINVALID);
        skep__buf_dispose(&sql);
    }
    skep__buf sql = sql_buf();
    static const char edge[] = "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    assert_ok(skep__ddl_name(&sql, skep_slice_str(edge)));
    skep__buf_dispose(&sql);
}

static void assert_literal(skep__conn *conn, const skep_value *v)
{
    skep__buf sql = sql_buf();
    const skep__driver *d = conn->driver;
    skep__stmt *stmt = NULL;
    skep_value kept = *v;
    assert_ok(skep__buf_add_text(&sql, "SELECT x IS ?1 AND typeof(x) = typeof(?1), x FROM "
                                       "(SELECT "));
    assert_ok(skep__ddl_literal(&sql, v));
    assert_ok(skep__buf_add_text(&sql, " AS x)"));
    assert_ok(skep__stmt_borrow(conn, skep__buf_text(&sql), &kept, 1, &stmt));
    ck_assert_int_eq(assert_ok(d->step(stmt)), 1);
    ck_assert_msg(d->column_int(stmt, 0) == 1, "%s", skep__buf_text(&sql));
    if (v->type == SKEP_TEXT || v->type == SKEP_BLOB)
        ck_assert_uint_eq(d->column_bytes(stmt, 1, (skep_type)v->type).len, v->u.s.len);
    skep__stmt_return(stmt);
    skep__buf_dispose(&sql);
}

TEST(a_literal_reads_back_as_the_value_that_it_was)
{
    const skep_value values[] = {
        skep_null(),
        skep_int(0),
        skep_int(-5),
        skep_int(INT64_MAX),
        skep_int(INT64_MIN),
        skep_bool(1),
        skep_real(0.1),
        skep_real(3.0),
        skep_real(-1e300),
        skep_real(DBL_MAX),
        skep_real(DBL_MIN),
        skep_real(DBL_TRUE_MIN),
        skep_real(9007199254740993.0),
        skep_real(1e15),
        skep_real(123456789012345680.0),
        skep_real((double)INFINITY),
        skep_real(-(double)INFINITY),
        skep_real((double)NAN),
        skep_text(""),
        skep_text("it's"),
        skep_text("''"),
        skep_text("a\\b\n--;"),
        skep_text("gr\xc3\xbc\xc3\x9f"),
        skep_text_slice(skep_slice_of("a\0b", 3)),
        skep_text_slice(skep_slice_of("\0", 1)),
        skep_blob("", 0),
        skep_blob("\x00\xff'\"", 4),
    };
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    for (size_t i = 0; i < LENGTH(values); i++)
        assert_literal(conn, &values[i]);
    sql_close(conn);
}

TEST(random_literals_read_back)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    rng r = rng_of(harness_seed());
    char bytes[40];
    for (int i = 0; i < 300; i++) {
        double real;
        rng_fill(&r, &real, sizeof(real));
        size_t len = (size_t)rng_below(&r, sizeof(bytes));
        rng_fill(&r, bytes, len);
        const skep_value values[] = {
            skep_int((int64_t)rng_next(&r)),
            skep_real(real),
            skep_blob(bytes, len),
        };
        for (size_t v = 0; v < LENGTH(values); v++)
            assert_literal(conn, &values[v]);
    }
    sql_close(conn);
}

TEST(what_has_no_literal_is_refused)
{
    skep__buf sql = sql_buf();
    skep_value v = skep_uint(UINT64_MAX);
    assert_fails(skep__ddl_literal(&sql, &v), SKEP_EINVALID);
    v.type = 55;
    assert_fails(skep__ddl_literal(&sql, &v), SKEP_EINVALID);
    skep__buf_dispose(&sql);
}

TEST(names_and_parameters_are_listed)
{
    static const char *const names[] = {"a", "b c", "d\"e"};
    skep__buf sql = sql_buf();
    assert_ok(skep__ddl_names(&sql, names, 3));
    ck_assert_str_eq(skep__buf_text(&sql), "\"a\", \"b c\", \"d\"\"e\"");
    skep__buf_clear(&sql);
    assert_ok(skep__ddl_names(&sql, names, 0));
    assert_ok(skep__ddl_parameters(&sql, 0));
    ck_assert_str_eq(skep__buf_text(&sql), "");
    assert_ok(skep__ddl_parameters(&sql, 3));
    ck_assert_str_eq(skep__buf_text(&sql), "?, ?, ?");
    skep__buf_clear(&sql);
    assert_ok(skep__ddl_pragma(&sql, "cache_size", -7));
    ck_assert_str_eq(skep__buf_text(&sql), "PRAGMA cache_size=-7");
    skep__buf_dispose(&sql);
}

TEST(a_table_has_the_columns_that_were_asked_for)
{
    static const skep__column columns[] = {
        {.name = "id", .type = "INTEGER", .primary_key = true},
        {.name = "at", .type = "REAL", .not_null = true},
        {.name = "select", .type = "TEXT", .primary_key = true},
        {.name = "bytes", .type = "BLOB"},
        {.name = "any", .type = "ANY"},
        {.name = "none"},
    };
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    const skep__driver *d = conn->driver;
    skep__buf sql = sql_buf();
    assert_ok(skep__ddl_create_table(&sql, "t", columns, LENGTH(columns)));
    assert_ok(sql_run(conn, skep__buf_text(&sql)));
    skep__stmt *stmt = NULL;
    assert_ok(skep__stmt_borrow(conn, "PRAGMA table_info(t)", NULL, 0, &stmt));
    int64_t key = 0;
    for (size_t i = 0; i < LENGTH(columns); i++) {
        ck_assert_int_eq(assert_ok(d->step(stmt)), 1);
        ck_assert_str_eq(d->column_bytes(stmt, 1, SKEP_TEXT).data, columns[i].name);
        ck_assert_str_eq(d->column_bytes(stmt, 2, SKEP_TEXT).data,
                         columns[i].type != NULL ? columns[i].type : "");
        ck_assert_int_eq(d->column_int(stmt, 3), columns[i].not_null);
        ck_assert_int_eq(d->column_int(stmt, 5), columns[i].primary_key ? ++key : 0);
    }
    ck_assert_int_eq(assert_ok(d->step(stmt)), 0);
    skep__stmt_return(stmt);
    skep__buf_dispose(&sql);
    sql_close(conn);
}

TEST(one_integer_key_is_the_rowid)
{
    static const skep__column columns[] = {
        {.name = "id", .type = "INTEGER", .primary_key = true},
        {.name = "a"},
    };
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    skep__buf sql = sql_buf();
    assert_ok(skep__ddl_create_table(&sql, "t", columns, 2));
    assert_ok(sql_run(conn, skep__buf_text(&sql)));
    assert_ok(sql_run(conn, "INSERT INTO t(a) VALUES('x')"));
    ck_assert_int_eq(sql_number(conn, "SELECT id = rowid FROM t"), 1);
    skep__buf_dispose(&sql);
    sql_close(conn);
}

TEST(a_table_without_columns_or_with_an_unknown_type_is_refused)
{
    skep__buf sql = sql_buf();
    const skep__column evil = {.name = "a", .type = "TEXT); DROP TABLE t; --"};
    const skep__column nameless = {.name = ""};
    assert_fails(skep__ddl_create_table(&sql, "t", NULL, 0), SKEP_EINVALID);
    assert_fails(skep__ddl_create_table(&sql, "t", &evil, 1), SKEP_EINVALID);
    assert_fails(skep__ddl_create_table(&sql, "t", &nameless, 1), SKEP_EINVALID);
    assert_fails(skep__ddl_create_table(&sql, "", &evil, 1), SKEP_EINVALID);
    skep__buf_dispose(&sql);
}

TEST(composed_sql_has_a_ceiling)
{
    skep__buf sql = SKEP__BUF_INIT(16);
    const skep_value v = skep_text("much longer than sixteen bytes");
    assert_fails(skep__ddl_literal(&sql, &v), SKEP_ELIMIT);
    skep__buf_dispose(&sql);
}

static const harness_test tests[] = {
    HARNESS_TEST(any_name_becomes_a_table_and_a_column_of_that_name),
    HARNESS_TEST(a_name_is_utf8_without_zero_bytes_and_not_empty),
    HARNESS_TEST(a_literal_reads_back_as_the_value_that_it_was),
    HARNESS_TEST(random_literals_read_back),
    HARNESS_TEST(what_has_no_literal_is_refused),
    HARNESS_TEST(names_and_parameters_are_listed),
    HARNESS_TEST(a_table_has_the_columns_that_were_asked_for),
    HARNESS_TEST(one_integer_key_is_the_rowid),
    HARNESS_TEST(a_table_without_columns_or_with_an_unknown_type_is_refused),
    HARNESS_TEST(composed_sql_has_a_ceiling),
};
const harness_suite ddl_suite = HARNESS_SUITE("ddl", tests);
