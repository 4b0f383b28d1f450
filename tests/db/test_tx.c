/* SPDX-License-Identifier: MIT */
/* The contract of a transaction function. */
#include "suites.h"

#include <string.h>

#include "support.h"

static skep_db *open_table(void)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
    return db;
}

TEST(what_the_function_returns_comes_out_unchanged)
{
    static const int values[] = {0, 1, 7, INT32_MAX};
    skep_db *db = open_table();
    for (size_t i = 0; i < LENGTH(values); i++) {
        script s = {.sql = {"INSERT INTO t DEFAULT VALUES"}, .ret = values[i]};
        ck_assert_int_eq(assert_ok(skep_write(db, script_run, &s)), values[i]);
        script r = {.sql = {"SELECT 1"}, .ret = values[i]};
        ck_assert_int_eq(assert_ok(skep_read(db, script_run, &r)), values[i]);
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), LENGTH(values));
    db_close(db);
}

TEST(the_applications_own_codes_roll_back_and_come_out)
{
    static const int codes[] = {SKEP_EUSER, SKEP_EUSER - 1, -123456, INT32_MIN};
    skep_db *db = open_table();
    for (size_t i = 0; i < LENGTH(codes); i++) {
        script s = {.sql = {"INSERT INTO t DEFAULT VALUES"}, .ret = codes[i]};
        assert_fails_with(skep_write(db, script_run, &s), codes[i], SKEP_OUTCOME_ROLLED_BACK);
        ck_assert_str_eq(skep_last_error()->room, "callback");
        assert_fails(skep_read(db, script_run, &(script){.ret = codes[i]}), codes[i]);
        ck_assert_str_eq(skep_last_error()->room, "callback");
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(a_negative_value_that_skep_did_not_give_is_misuse)
{
    static const int codes[] = {-1, SKEP_EBUSY, SKEP_ECONSTRAINT, SKEP_EINTERNAL, -26, -999};
    skep_db *db = open_table();
    for (size_t i = 0; i < LENGTH(codes); i++) {
        script s = {.sql = {"INSERT INTO t DEFAULT VALUES"}, .ret = codes[i]};
        assert_fails_with(skep_write(db, script_run, &s), SKEP_EMISUSE, SKEP_OUTCOME_ROLLED_BACK);
        assert_fails(skep_read(db, script_run, &(script){.ret = codes[i]}), SKEP_EMISUSE);
    }
    /* A code that it gave, but of another failure. */
    script s = {.sql = {"INSERT INTO absent VALUES(1)"}, .swallow = true, .ret = SKEP_EEXISTS};
    assert_fails(skep_write(db, script_run, &s), SKEP_EMISUSE);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(a_code_that_skep_gave_comes_out_with_its_detail)
{
    skep_db *db = open_table();
    script s = {.sql = {"INSERT INTO t(a) VALUES(1)", "INSERT INTO t(a) VALUES(1)"}};
    assert_fails_with(skep_write(db, script_run, &s), SKEP_EEXISTS, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "t.a"));
    ck_assert_str_eq(skep_last_error()->room, "sql");
    ck_assert_int_ne(skep_last_error()->engine_code, 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    /* Returned later, after another failure: the code counts, the detail says whose it is. */
    script late = {.sql = {"INSERT INTO t(id) VALUES('x')",
                           "INSERT INTO t(id, a) VALUES(1,1),(1,1)", "SELECT absent"},
                   .swallow = true,
                   .ret = SKEP_EEXISTS};
    assert_fails(skep_write(db, script_run, &late), SKEP_EEXISTS);
    ck_assert_str_eq(skep_last_error()->room, "callback");
    db_close(db);
}

typedef struct elsewhere {
    skep_db *other;
    bool again; /* a success follows */
} elsewhere;

static int fail_elsewhere(skep_tx *tx, void *arg)
{
    const elsewhere *e = arg;
    SKEP__TRY(skep_exec(tx, "INSERT INTO t(a) VALUES(1)"));
    int rc = db_exec(e->other, "INSERT INTO u VALUES(1)");
    if (e->again)
        SKEP__TRY(skep_exec(tx, "INSERT INTO t(a) VALUES(2)"));
    return rc;
}

TEST(a_code_that_another_database_gave_comes_out_too)
{
    skep_db *db = open_table();
    elsewhere e = {0};
    assert_ok(skep_db_open(harness_path("other.db"), NULL, &e.other));
    db_must(e.other, "CREATE TABLE u(a UNIQUE)");
    db_must(e.other, "INSERT INTO u VALUES(1)");
    for (int i = 0; i < 2; i++) {
        e.again = i == 1;
        assert_fails_with(skep_write(db, fail_elsewhere, &e), SKEP_EEXISTS,
                          SKEP_OUTCOME_ROLLED_BACK);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "u.a"));
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(e.other);
    db_close(db);
}

TEST(a_failure_that_the_function_swallows_undoes_its_statement_only)
{
    skep_db *db = open_table();
    script s = {.sql = {"INSERT INTO t(a) VALUES(1)", "INSERT INTO t(a) VALUES(2),(1)",
                        "INSERT INTO t(a) VALUES(3)"},
                .swallow = true,
                .ret = 5};
    ck_assert_int_eq(assert_ok(skep_write(db, script_run, &s)), 5);
    ck_assert_int_eq(db_number(db, "SELECT group_concat(a) = '1,3' FROM t"), 1);
    db_close(db);
}

TEST(a_swallowed_failure_that_took_the_transaction_fails_the_call)
{
    skep_db *db = open_table();
    script s = {.sql = {"INSERT INTO t(a) VALUES(1)", "INSERT OR ROLLBACK INTO t(a) VALUES(1)",
                        "INSERT INTO t(a) VALUES(3)"},
                .swallow = true};
    assert_fails_with(skep_write(db, script_run, &s), SKEP_EEXISTS, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(s.failed, SKEP_EEXISTS); /* the statement after it was refused */
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

typedef struct steps_after_loss {
    int exec;
    int next;
    int second_next;
} steps_after_loss;

static int step_after_loss(skep_tx *tx, void *arg)
{
    steps_after_loss *s = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_exec(tx, "INSERT INTO t(a) VALUES(1)"));
    SKEP__TRY(skep_query(tx, &rows, "INSERT INTO t(a) VALUES(2) RETURNING a"));
    s->exec = skep_exec(tx, "INSERT OR ROLLBACK INTO t(a) VALUES(1)");
    s->next = skep_next(rows);
    s->second_next = skep_next(rows);
    return 0;
}

TEST(rows_of_a_lost_transaction_do_not_step_outside_of_it)
{
    skep_db *db = open_table();
    steps_after_loss s = {0};
    assert_fails_with(skep_write(db, step_after_loss, &s), SKEP_EEXISTS, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(s.exec, SKEP_EEXISTS);
    ck_assert_int_eq(s.next, SKEP_EEXISTS);
    ck_assert_int_eq(s.second_next, SKEP_EEXISTS);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(attempts_are_counted_from_one)
{
    skep_db *db = open_table();
    script s = {.sql = {"INSERT INTO t DEFAULT VALUES"}};
    assert_ok(skep_write(db, script_run, &s));
    ck_assert_int_eq(s.attempt, 1);
    ck_assert_int_eq(s.runs, 1);
    script r = {.sql = {"SELECT 1"}};
    assert_ok(skep_read(db, script_run, &r));
    ck_assert_int_eq(r.attempt, 1);
    db_close(db);
}

TEST(practice_reruns_count_attempts_and_leave_one_trace)
{
    skep_db *db = open_table();
    skep__db_set_rerun(db, 60);
    int again = 0;
    for (int i = 0; i < 50; i++) {
        script s = {.sql = {"INSERT INTO t DEFAULT VALUES", "UPDATE t SET a = id"}, .ret = 3};
        ck_assert_int_eq(assert_ok(skep_write(db, script_run, &s)), 3);
        ck_assert_int_eq(s.attempt, s.runs);
        ck_assert_int_eq(s.rowid, i + 1);
        ck_assert_int_eq(s.changes, i + 1);
        again += s.runs > 1;
    }
    ck_assert_int_gt(again, 5);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 50);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.reruns, 0); /* those have a reason */
    db_close(db);
}

typedef struct nested {
    skep_db *db;
    skep_db *other;
    int write;
    int read;
    int close;
    int hooks;
    int elsewhere;
    skep_err detail;
} nested;

static int nested_fn(skep_tx *tx, void *arg)
{
    nested *n = arg;
    (void)tx;
    script s = {0};
    n->write = skep_write(n->db, script_run, &s);
    n->detail = *skep_last_error();
    n->read = skep_read(n->db, script_run, &s);
    n->close = skep_db_close(n->db);
    n->hooks = skep_db_set_hooks(n->db, NULL);
    script there = {.sql = {"INSERT INTO t VALUES(1)"}};
    n->elsewhere = skep_write(n->other, script_run, &there);
    return 0;
}

TEST(b09_nested_calls_are_misuse_at_once_but_another_database_is_not)
{
    skep_db *db = open_table();
    nested n = {.db = db};
    assert_ok(skep_db_open(harness_path("other.db"), NULL, &n.other));
    db_must(n.other, "CREATE TABLE t(a)");
    for (int round = 0; round < 2; round++) {
        assert_ok(round == 0 ? skep_write(db, nested_fn, &n) : skep_read(db, nested_fn, &n));
        ck_assert_int_eq(n.write, SKEP_EMISUSE);
        ck_assert_int_eq(n.detail.code, SKEP_EMISUSE);
        ck_assert_int_eq(n.read, SKEP_EMISUSE);
        ck_assert_int_eq(n.close, SKEP_EMISUSE);
        ck_assert_int_eq(n.hooks, SKEP_EMISUSE);
        ck_assert_int_eq(n.elsewhere, 0);
    }
    ck_assert_int_eq(db_number(n.other, "SELECT count(*) FROM t"), 2);
    db_close(n.other);
    db_close(db);
}

/* ---- rows ---- */

static int leave_rows_open(skep_tx *tx, void *arg)
{
    skep_rows *rows[3] = {NULL, NULL, NULL};
    (void)arg;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        SKEP__TRY(skep_query(tx, &rows[i], "SELECT a FROM t WHERE a > ?", SKEP_V((int)i)));
        ck_assert_int_eq(skep_next(rows[i]), 1);
    }
    skep_rows_close(rows[1]);
    skep_rows_close(NULL);
    return 0;
}

TEST(rows_left_open_are_closed_with_the_function)
{
    skep_db *db = open_table();
    db_must(db, "INSERT INTO t(a) VALUES(5),(6),(7)");
    for (int i = 0; i < 3; i++) {
        assert_ok(skep_write(db, leave_rows_open, NULL));
        assert_ok(skep_read(db, leave_rows_open, NULL));
    }
    db_must(db, "DROP TABLE t"); /* nobody reads it any more */
    db_close(db);
}

static int look_at_columns(skep_tx *tx, void *arg)
{
    (void)arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT 1 AS one, 2.5, 'three', x'0405', NULL WHERE ?",
                         skep_bool(1)));
    ck_assert_int_eq(skep_columns(rows), 5);
    ck_assert_str_eq(skep_column_name(rows, 0), "one");
    ck_assert_int_eq(skep_column_int(rows, 0), 0); /* there is no row yet */
    ck_assert_int_eq(skep_column_type(rows, 0), SKEP_NULL);
    ck_assert_int_eq(skep_next(rows), 1);
    ck_assert_int_eq(skep_column_type(rows, 0), SKEP_INT);
    ck_assert_int_eq(skep_column_int(rows, 0), 1);
    ck_assert(skep_column_real(rows, 1) == 2.5);
    ck_assert_str_eq(skep_column_text(rows, 2).data, "three");
    ck_assert_uint_eq(skep_column_text(rows, 2).len, 5);
    ck_assert_uint_eq(skep_column_blob(rows, 3).len, 2);
    ck_assert_int_eq(skep_column_value(rows, 0).u.i, 1);
    ck_assert(skep_column_value(rows, 1).u.r == 2.5);
    ck_assert_uint_eq(skep_column_value(rows, 2).u.s.len, 5);
    ck_assert_int_eq(skep_column_value(rows, 3).type, SKEP_BLOB);
    ck_assert_int_eq(skep_column_type(rows, 4), SKEP_NULL);
    ck_assert_str_eq(skep_column_text(rows, 4).data, "");
    ck_assert_int_eq(skep_column_int(rows, 5), 0); /* beyond the last */
    ck_assert_int_eq(skep_column_int(rows, -1), 0);
    ck_assert_uint_eq(skep_column_blob(rows, 99).len, 0);
    ck_assert_int_eq(skep_column_value(rows, 99).type, SKEP_NULL);
    ck_assert_int_eq(skep_next(rows), 0);
    ck_assert_int_eq(skep_next(rows), 0); /* the end stays the end */
    ck_assert_int_eq(skep_column_int(rows, 0), 0);
    skep_rows_close(rows);
    return 0;
}

TEST(columns_answer_for_what_is_there_and_nothing_else)
{
    skep_db *db = open_table();
    assert_ok(skep_read(db, look_at_columns, NULL));
    assert_ok(skep_write(db, look_at_columns, NULL));
    db_close(db);
}

static int same_statement_nested(skep_tx *tx, void *arg)
{
    static const char sql[] = "SELECT a FROM t ORDER BY a";
    int64_t *sum = arg;
    *sum = 0;
    skep_rows *outer = NULL;
    SKEP__TRY(skep_query(tx, &outer, sql));
    while (skep_next(outer) > 0) {
        skep_rows *inner = NULL;
        SKEP__TRY(skep_query(tx, &inner, sql));
        while (skep_next(inner) > 0)
            *sum += skep_column_int(outer, 0) * skep_column_int(inner, 0);
        skep_rows_close(inner);
    }
    return 0;
}

TEST(one_statement_can_be_used_inside_itself)
{
    skep_db *db = open_table();
    int64_t sum = 0;
    db_must(db, "INSERT INTO t(a) VALUES(1),(2),(3)");
    assert_ok(skep_read(db, same_statement_nested, &sum));
    ck_assert_int_eq(sum, 36);
    db_close(db);
}

static int insert_while_reading(skep_tx *tx, void *arg)
{
    (void)arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT a FROM t WHERE a < 100"));
    while (skep_next(rows) > 0)
        SKEP__TRY(
            skep_exec(tx, "INSERT INTO t(a) VALUES(?)", SKEP_V(skep_column_int(rows, 0) + 100)));
    return 0;
}

TEST(a_function_may_write_while_its_rows_are_open)
{
    skep_db *db = open_table();
    db_must(db, "INSERT INTO t(a) VALUES(1),(2),(3)");
    assert_ok(skep_write(db, insert_while_reading, NULL));
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 312);
    db_close(db);
}

static int bad_values(skep_tx *tx, void *arg)
{
    int *codes = arg;
    skep_rows *rows = NULL;
    codes[0] = skep_exec(tx, "INSERT INTO t(a) VALUES(?)");
    codes[1] = skep_exec(tx, "INSERT INTO t(a) VALUES(?)", SKEP_V(1), SKEP_V(2));
    codes[2] = skep_exec(tx, "INSERT INTO t(a) VALUES(?)", SKEP_V((unsigned long)UINT64_MAX));
    codes[3] = skep_query(tx, &rows, "SELECT ?");
    codes[4] = skep_exec(tx, "INSERT INTO t(a) VALUES(1); INSERT INTO t(a) VALUES(2)");
    ck_assert_ptr_null(rows);
    return skep_exec(tx, "INSERT INTO t(a) VALUES(?)", SKEP_V("fine"));
}

TEST(wrong_values_are_invalid_and_change_nothing)
{
    skep_db *db = open_table();
    int codes[5] = {0};
    assert_ok(skep_write(db, bad_values, codes));
    for (size_t i = 0; i < LENGTH(codes); i++)
        ck_assert_int_eq(codes[i], SKEP_EINVALID);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
}

TEST(own_thread_runs_in_the_callers_thread)
{
    skep_db *db = open_table();
    script s[3] = {{.ret = 0}, {.ret = 1}, {.ret = 2}};
    call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
    c[1].opts = (skep_call_opts){.size = sizeof(skep_call_opts), .flags = SKEP_CALL_OWN_THREAD};
    c[2].opts = c[1].opts;
    group_run(db, c, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(c[i].rc, i);
    ck_assert(pthread_equal(s[1].ran_in, c[1].caller));
    ck_assert(pthread_equal(s[2].ran_in, c[2].caller));
    db_close(db);
}

TEST(flags_of_the_other_kind_of_call_are_invalid)
{
    skep_db *db = open_table();
    script s = {0};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.flags = SKEP_CALL_SINGLE;
    assert_fails(skep_write_with(db, script_run, &s, &opts), SKEP_EINVALID);
    opts.flags = SKEP_CALL_OWN_THREAD;
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_EINVALID);
    opts.flags = SKEP_CALL_REMOTE;
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_EINVALID);
    assert_fails(skep_write_with(db, script_run, &s, &opts), SKEP_EUNSUPPORTED);
    opts.flags = 1u << 20; /* of a later version */
    assert_fails(skep_write_with(db, script_run, &s, &opts), SKEP_EINVALID);
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_EINVALID);
    ck_assert_int_eq(s.runs, 0);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_the_function_returns_comes_out_unchanged),
    HARNESS_TEST(the_applications_own_codes_roll_back_and_come_out),
    HARNESS_TEST(a_negative_value_that_skep_did_not_give_is_misuse),
    HARNESS_TEST(a_code_that_skep_gave_comes_out_with_its_detail),
    HARNESS_TEST(a_code_that_another_database_gave_comes_out_too),
    HARNESS_TEST(a_failure_that_the_function_swallows_undoes_its_statement_only),
    HARNESS_TEST(a_swallowed_failure_that_took_the_transaction_fails_the_call),
    HARNESS_TEST(rows_of_a_lost_transaction_do_not_step_outside_of_it),
    HARNESS_TEST(attempts_are_counted_from_one),
    HARNESS_TEST(practice_reruns_count_attempts_and_leave_one_trace),
    HARNESS_TEST(b09_nested_calls_are_misuse_at_once_but_another_database_is_not),
    HARNESS_TEST(rows_left_open_are_closed_with_the_function),
    HARNESS_TEST(columns_answer_for_what_is_there_and_nothing_else),
    HARNESS_TEST(one_statement_can_be_used_inside_itself),
    HARNESS_TEST(a_function_may_write_while_its_rows_are_open),
    HARNESS_TEST(wrong_values_are_invalid_and_change_nothing),
    HARNESS_TEST(own_thread_runs_in_the_callers_thread),
    HARNESS_TEST(flags_of_the_other_kind_of_call_are_invalid),
};
const harness_suite tx_suite = HARNESS_SUITE("tx", tests);
