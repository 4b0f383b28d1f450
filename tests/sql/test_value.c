/* SPDX-License-Identifier: MIT */
/* Values go in and come out as they were. */
#include "suites.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static skep_value read_back(skep__stmt *stmt, int column)
{
    const skep__driver *d = stmt->conn->driver;
    skep_slice s;
    switch (d->column_type(stmt, column)) {
    case SKEP_INT:
        return skep_int(d->column_int(stmt, column));
    case SKEP_REAL:
        return skep_real(d->column_real(stmt, column));
    case SKEP_TEXT:
        return skep_text_slice(d->column_bytes(stmt, column, SKEP_TEXT));
    case SKEP_BLOB:
        s = d->column_bytes(stmt, column, SKEP_BLOB);
        return skep_blob(s.data, s.len);
    default:
        return skep_null();
    }
}

static uint64_t bits_of(double r)
{
    uint64_t bits = 0;
    memcpy(&bits, &r, sizeof(bits));
    return bits;
}

static void assert_same(const skep_value *have, const skep_value *want)
{
    ck_assert_int_eq(have->type, want->type == SKEP_BOOL ? SKEP_INT : want->type);
    if (have->type == SKEP_INT)
        ck_assert_int_eq(have->u.i, want->u.i);
    if (have->type == SKEP_REAL)
        ck_assert_uint_eq(bits_of(have->u.r), bits_of(want->u.r));
    if (have->type == SKEP_TEXT || have->type == SKEP_BLOB) {
        ck_assert_uint_eq(have->u.s.len, want->u.s.len);
        if (want->u.s.len > 0)
            ck_assert_int_eq(memcmp(have->u.s.data, want->u.s.data, want->u.s.len), 0);
    }
}

/* Through a parameter, and through a table. */
static void assert_round_trip(skep__conn *conn, skep_value v)
{
    skep__stmt *stmt = NULL;
    assert_ok(sql_run(conn, "DELETE FROM t"));
    assert_ok(sql_run_v(conn, "INSERT INTO t VALUES(?)", &v, 1));
    assert_ok(skep__stmt_borrow(conn, "SELECT a, ? FROM t", &v, 1, &stmt));
    ck_assert_int_eq(assert_ok(conn->driver->step(stmt)), 1);
    for (int column = 0; column < 2; column++) {
        skep_value have = read_back(stmt, column);
        assert_same(&have, &v);
    }
    skep__stmt_return(stmt);
}

/* At NORMAL: what the disk does is not what these tests are about, and a sync of each of hundreds
 * of values takes minutes on a busy one. */
static skep__conn *open_table(void)
{
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    opts.synchronous = SKEP_SYNC_NORMAL;
    assert_ok(skep__conn_open(&skep__sqlite_driver, &opts, &conn));
    assert_ok(sql_run(conn, "CREATE TABLE t(a)"));
    return conn;
}

TEST(integers_come_back_to_their_limits)
{
    skep__conn *conn = open_table();
    static const int64_t numbers[] = {0,         1,         -1,        127,       128,      -129,
                                      INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 47};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_round_trip(conn, skep_int(numbers[i]));
    assert_round_trip(conn, skep_uint(INT64_MAX));
    assert_round_trip(conn, skep_bool(1));
    assert_round_trip(conn, skep_bool(0));
    assert_round_trip(conn, skep_null());
    sql_close(conn);
}

TEST(reals_come_back_to_the_bit)
{
    skep__conn *conn = open_table();
    static const double numbers[] = {
        0.0,  0.1, -1.5, 1e300, DBL_MIN, DBL_MAX, DBL_TRUE_MIN, 1.0 / 3, 9007199254740993.0,
        1e15, 2.0};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_round_trip(conn, skep_real(numbers[i]));
        assert_round_trip(conn, skep_real(-numbers[i] - 1));
    }
    assert_round_trip(conn, skep_real((double)INFINITY));
    assert_round_trip(conn, skep_real(-(double)INFINITY));
    sql_close(conn);
}

TEST(not_a_number_is_stored_as_null)
{
    skep__conn *conn = open_table();
    const skep_value nan_value = skep_real((double)NAN);
    assert_ok(sql_run_v(conn, "INSERT INTO t VALUES(?)", &nan_value, 1));
    ck_assert_int_eq(sql_number(conn, "SELECT a IS NULL FROM t"), 1);
    sql_close(conn);
}

TEST(text_and_blobs_come_back_with_their_zero_bytes)
{
    skep__conn *conn = open_table();
    static const char zeros[] = "a\0b\0\0c";
    assert_round_trip(conn, skep_text_slice(skep_slice_of(zeros, 6)));
    assert_round_trip(conn, skep_text_slice(skep_slice_of("\0", 1)));
    assert_round_trip(conn, skep_blob(zeros, 6));
    assert_round_trip(conn, skep_blob("\0", 1));
    assert_round_trip(conn, skep_text("gr\xc3\xbc\xc3\x9f dich, \xf0\x9f\x90\x9d"));
    assert_round_trip(conn, skep_text(""));
    assert_round_trip(conn, skep_text_slice(skep_slice_of(NULL, 0)));
    assert_round_trip(conn, skep_blob("", 0));
    assert_round_trip(conn, skep_blob(NULL, 0));
    sql_close(conn);
}

TEST(a_large_value_comes_back_whole)
{
    skep__conn *conn = open_table();
    size_t size = 3 * 1024 * 1024 + 17;
    char *data = malloc(size);
    ck_assert_ptr_nonnull(data);
    rng r = rng_of(harness_seed());
    rng_fill(&r, data, size);
    assert_round_trip(conn, skep_blob(data, size));
    free(data);
    sql_close(conn);
}

TEST(random_bytes_come_back)
{
    skep__conn *conn = open_table();
    rng r = rng_of(harness_seed());
    char data[300];
    for (int i = 0; i < 200; i++) {
        size_t len = (size_t)rng_below(&r, sizeof(data));
        rng_fill(&r, data, len);
        assert_round_trip(conn, skep_blob(data, len));
        assert_round_trip(conn, skep_text_slice(skep_slice_of(data, len)));
        assert_round_trip(conn, skep_int((int64_t)rng_next(&r)));
    }
    sql_close(conn);
}

TEST(an_unsigned_value_above_the_signed_limit_is_refused)
{
    skep__conn *conn = open_table();
    const skep_value v[2] = {skep_int(1), skep_uint((uint64_t)INT64_MAX + 1)};
    assert_fails(sql_run_v(conn, "INSERT INTO t SELECT ? + ?", v, 2), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "value 2"));
    const skep_value most = skep_uint(UINT64_MAX);
    assert_fails(sql_run_v(conn, "INSERT INTO t VALUES(?)", &most, 1), SKEP_EINVALID);
    ck_assert_int_eq(sql_number(conn, "SELECT count(*) FROM t"), 0);
    sql_close(conn);
}

TEST(a_value_of_an_unknown_type_is_refused)
{
    skep__conn *conn = open_table();
    skep_value v = skep_int(1);
    v.type = 77;
    assert_fails(sql_run_v(conn, "INSERT INTO t VALUES(?)", &v, 1), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "77"));
    v.type = -1;
    assert_fails(sql_run_v(conn, "INSERT INTO t VALUES(?)", &v, 1), SKEP_EINVALID);
    sql_close(conn);
}

TEST(a_value_over_one_gigabyte_is_over_the_limit)
{
    skep__conn *conn = open_table();
    const skep_value blob = skep_blob("x", 1000000001); /* its length is looked at first */
    assert_fails(sql_run_v(conn, "INSERT INTO t VALUES(?)", &blob, 1), SKEP_ELIMIT);
    const skep_value text = skep_text_slice(skep_slice_of("x", (size_t)1 << 40));
    assert_fails(sql_run_v(conn, "INSERT INTO t VALUES(?)", &text, 1), SKEP_ELIMIT);
    assert_fails(sql_run(conn, "INSERT INTO t VALUES(zeroblob(1000000001))"), SKEP_ELIMIT);
    sql_close(conn);
}

TEST(columns_convert_as_cast_does)
{
    skep__conn *conn = open_table();
    skep__stmt *stmt = NULL;
    const skep__driver *d = conn->driver;
    assert_ok(skep__stmt_borrow(conn, "SELECT '12abc', 3.9, x'3432', NULL, 7", NULL, 0, &stmt));
    ck_assert_int_eq(assert_ok(d->step(stmt)), 1);
    ck_assert_int_eq(d->columns(stmt), 5);
    ck_assert_int_eq(d->column_int(stmt, 0), 12);
    ck_assert_int_eq(d->column_int(stmt, 1), 3);
    ck_assert_int_eq(d->column_int(stmt, 2), 42);
    ck_assert_int_eq(d->column_int(stmt, 3), 0);
    ck_assert(d->column_real(stmt, 4) == 7.0);
    skep_slice text = d->column_bytes(stmt, 4, SKEP_TEXT);
    ck_assert_uint_eq(text.len, 1);
    ck_assert_str_eq(text.data, "7");
    ck_assert_uint_eq(d->column_bytes(stmt, 3, SKEP_TEXT).len, 0);
    skep__stmt_return(stmt);
    sql_close(conn);
}

static const harness_test tests[] = {
    HARNESS_TEST(integers_come_back_to_their_limits),
    HARNESS_TEST(reals_come_back_to_the_bit),
    HARNESS_TEST(not_a_number_is_stored_as_null),
    HARNESS_TEST(text_and_blobs_come_back_with_their_zero_bytes),
    HARNESS_TEST(a_large_value_comes_back_whole),
    HARNESS_TEST(random_bytes_come_back),
    HARNESS_TEST(an_unsigned_value_above_the_signed_limit_is_refused),
    HARNESS_TEST(a_value_of_an_unknown_type_is_refused),
    HARNESS_TEST(a_value_over_one_gigabyte_is_over_the_limit),
    HARNESS_TEST(columns_convert_as_cast_does),
};
const harness_suite value_suite = HARNESS_SUITE("value", tests);
