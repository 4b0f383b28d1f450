/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "untouched.h"

#define QUERY(db, sql, ...) SKEP("db", "query", (db), (sql), __VA_ARGS__)

static const char *values_db(void)
{
    return FIXTURE("v.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
                   "INSERT INTO t VALUES (1, 9007199254740993), (2, -9223372036854775808),"
                   " (3, 9223372036854775807), (4, 0.1), (5, 1e300), (6, 9e999), (7, -9e999),"
                   " (8, 'a'||char(0)||'b'), (9, x'00ff10'), (10, x''), (11, NULL),"
                   " (12, CAST(x'ff41' AS TEXT)), (13, 'tab'||char(9)||'\"q\",'||char(10)),"
                   " (14, ''), (15, 'gr\xc3\xbc\xc3\x9f'), (16, 3.0)");
}

TEST(json_keeps_every_value)
{
    static const char *const expected[] = {
        "9007199254740993",
        "-9223372036854775808",
        "9223372036854775807",
        "0.1",
        "1e300",
        "{\"real\": \"Infinity\"}",
        "{\"real\": \"-Infinity\"}",
        "\"a\\u0000b\"",
        "{\"base64\": \"AP8Q\"}",
        "{\"base64\": \"\"}",
        "null",
        "{\"text_base64\": \"/0E=\"}",
        "\"tab\\t\\\"q\\\",\\n\"",
        "\"\"",
        "\"gr\xc3\xbc\xc3\x9f\"",
        "3.0",
    };
    ran r = QUERY(values_db(), "SELECT v FROM t ORDER BY id", "--json");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.err, "");
    char *rest = NULL;
    size_t row = 0;
    for (char *line = strtok_r(r.out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char want[128];
        ck_assert_uint_lt(row, sizeof(expected) / sizeof(expected[0]));
        (void)snprintf(want, sizeof(want), "{\"v\": %s}", expected[row++]);
        assert_json(line, want);
    }
    ck_assert_uint_eq(row, sizeof(expected) / sizeof(expected[0]));
}

TEST(json_reals_have_as_few_digits_as_read_back)
{
    ran r = QUERY(values_db(), "SELECT 0.1 AS a, 1/3.0 AS b, 1e22 AS c", "--json");
    ck_assert_str_eq(r.out, "{\"a\":0.1,\"b\":0.3333333333333333,\"c\":1e22}\n");
}

TEST(json_names_of_columns_are_distinct)
{
    ran r = QUERY(values_db(), "SELECT 1 AS a, 2 AS a, 3 AS b, 4 AS a", "--json");
    ck_assert_int_eq(r.status, 0);
    assert_json(r.out, "{\"a\": 1, \"a:1\": 2, \"b\": 3, \"a:2\": 4}");
}

TEST(no_rows_are_no_lines_of_json)
{
    ran r = QUERY(values_db(), "SELECT v FROM t WHERE id > 100", "--json");
    ck_assert_int_eq(r.status, 0);
    ck_assert_uint_eq(r.out_len, 0);
}

TEST(csv_follows_rfc_4180)
{
    static const char expected[] = "id,v\r\n"
                                   "1,9007199254740993\r\n"
                                   "4,0.1\r\n"
                                   "6,Infinity\r\n"
                                   "8,a\0b\r\n"
                                   "9,x'00ff10'\r\n"
                                   "11,\r\n"
                                   "13,\"tab\t\"\"q\"\",\n\"\r\n"
                                   "14,\"\"\r\n";
    ran r = QUERY(values_db(), "SELECT id, v FROM t WHERE id IN (1,4,6,8,9,11,13,14) ORDER BY id",
                  "--csv");
    ck_assert_int_eq(r.status, 0);
    ck_assert_uint_eq(r.out_len, sizeof(expected) - 1);
    ck_assert_int_eq(memcmp(r.out, expected, r.out_len), 0);
}

TEST(a_piped_table_is_aligned_whole_and_free_of_tabs)
{
    ran r =
        QUERY(values_db(), "SELECT id, v FROM t WHERE id IN (1, 8, 11, 13, 15) ORDER BY id", "-q");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "id  v\n"
                            " 1  9007199254740993\n"
                            " 8  a\\x00b\n"
                            "11  NULL\n"
                            "13  tab\\t\"q\",\\n\n"
                            "15  gr\xc3\xbc\xc3\x9f\n");
}

TEST(a_piped_table_cuts_nothing)
{
    ran r = QUERY(values_db(), "SELECT printf('%.*c', 3000, 'x') AS long, 1 AS one", "-q");
    ck_assert_int_eq(r.status, 0);
    ck_assert_uint_eq(r.out_len, 2 * (3000 + 2 + 3 + 1));
}

TEST(wide_text_is_aligned_by_what_it_takes_on_the_screen)
{
    ran r = QUERY(values_db(),
                  "SELECT '\xe6\x97\xa5\xe6\x9c\xac' AS a, 1 AS b UNION ALL"
                  " SELECT 'abcd', 2 UNION ALL SELECT 'e\xcc\x81', 3",
                  "-q");
    ck_assert_str_eq(r.out, "a     b\n"
                            "\xe6\x97\xa5\xe6\x9c\xac  1\n"
                            "abcd  2\n"
                            "e\xcc\x81     3\n");
}

TEST(params_are_bound_as_they_are_written)
{
    ran r = QUERY(values_db(),
                  "SELECT typeof(?1) AS a, typeof(?2) AS b, typeof(?3) AS c, typeof(?4) AS d,"
                  " typeof(?5) AS e, ?6 AS f, ?7 AS g, hex(?8) AS h, ?9 AS i, ?10 AS j",
                  "-p", "42", "-p", "007", "--param", "-1.5", "--param=1e3", "-p",
                  "9223372036854775808", "-p", "text:42", "-p", "null:", "-p", "blob:00fF", "-p",
                  "real:1e3", "-p", "int:+7", "--json");
    ck_assert_int_eq(r.status, 0);
    assert_json(r.out, "{\"a\": \"integer\", \"b\": \"text\", \"c\": \"real\", \"d\": \"text\","
                       " \"e\": \"text\", \"f\": \"42\", \"g\": null, \"h\": \"00FF\","
                       " \"i\": 1000.0, \"j\": 7}");
}

TEST(params_that_contradict_their_prefix_are_usage_errors)
{
    static const char *const wrong[] = {
        "int:x", "int:9223372036854775808", "real:", "blob:0", "blob:0g0", "real:1,5"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ran r = QUERY("unused.db", "SELECT ?", "-p", wrong[i]);
        ck_assert_int_eq(r.status, 2);
        assert_one_line(r.err, wrong[i]);
    }
}

TEST(the_count_of_params_must_fit)
{
    ran r = QUERY(values_db(), "SELECT ?, ?", "-p", "1");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EINVALID");
}

TEST(wrong_sql_is_exit_3_with_the_reason)
{
    const char *db = values_db();
    ran r = QUERY(db, "SELEC 1", "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SELEC", "syntax error", "SKEP_EINVALID");
    r = QUERY(db, "SELECT 1; SELECT 2", "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EINVALID");
    ck_assert_uint_eq(r.out_len, 0);
}

TEST(what_only_reads_says_how_to_undo_what_was_cut_off)
{
    const char *path = harness_path("cut.db");
    leave_journal(path);
    static const char *const lines[][6] = {
        {"db", "check"}, {"db", "stats"}, {"db", "query"}, {"db", "export"}};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *argv[8] = {"skep", lines[i][0], lines[i][1], path};
        if (i == 2)
            argv[4] = "SELECT count(*) FROM t";
        if (i == 3)
            argv[4] = "--table=t";
        ran r = run_program(run_skep_path(), argv, 0);
        ck_assert_int_eq(r.status, 3);
        ck_assert_uint_eq(r.out_len, 0);
        assert_one_line(r.err, "cut.db: a transaction was interrupted",
                        "; skep db query FILE \"SELECT 1\" --write does that (SKEP_EREADONLY)");
    }
    ck_assert_int_eq(SKEP("db", "query", path, "SELECT 1", "--write").status, 0);
    ck_assert_str_eq(SKEP("db", "check", path, "-q").out, "ok\n");
    assert_json(SKEP("db", "query", path, "SELECT sum(a) AS n FROM t", "--json").out,
                "{\"n\": 2001000}");
}

TEST(a_statement_that_changes_is_refused_with_what_allows_it)
{
    const char *path = FIXTURE("t.db", "CREATE TABLE t (a)");
    ran r = SKEP("db", "query", path, "DELETE FROM t");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "; add --write if it may be changed (SKEP_EREADONLY)");
    r = SKEP("db", "export", path, "--query", "DELETE FROM t");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "; use a statement that only reads (SKEP_EREADONLY)");
}

TEST(json_and_csv_contradict_each_other)
{
    ran r = QUERY(values_db(), "SELECT 1", "--json", "--csv");
    ck_assert_int_eq(r.status, 2);
}

TEST(rows_before_an_error_are_printed_and_the_exit_is_3)
{
    ran r = QUERY(values_db(),
                  "SELECT abs(column1) AS a FROM (VALUES (1), (2),"
                  " (-9223372036854775808))",
                  "--json");
    ck_assert_int_eq(r.status, 3);
    ck_assert_str_eq(r.out, "{\"a\":1}\n{\"a\":2}\n");
    assert_one_line(r.err, "overflow");
}

#define SERIES                                                                                     \
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT ?)"                      \
    " SELECT x, hex(x) AS h FROM c"

TEST(memory_does_not_grow_with_the_rows)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    harness_skip_test(SKIP_SANITIZER, "it keeps freed memory");
#else
    static const char *const forms[] = {"-q", "--json", "--csv"};
    const char *db = values_db();
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        ran few = QUERY(db, SERIES, "-p", "1000", forms[i]);
        ran many = QUERY(db, SERIES, "-p", "100000", forms[i]);
        ck_assert_int_eq(few.status | many.status, 0);
        ck_assert_uint_gt(many.out_len, 50 * few.out_len);
        ck_assert_int_lt(many.max_rss_kb, few.max_rss_kb + 4096);
    }
#endif
}

static const harness_test tests[] = {
    HARNESS_TEST(json_keeps_every_value),
    HARNESS_TEST(json_reals_have_as_few_digits_as_read_back),
    HARNESS_TEST(json_names_of_columns_are_distinct),
    HARNESS_TEST(no_rows_are_no_lines_of_json),
    HARNESS_TEST(csv_follows_rfc_4180),
    HARNESS_TEST(a_piped_table_is_aligned_whole_and_free_of_tabs),
    HARNESS_TEST(a_piped_table_cuts_nothing),
    HARNESS_TEST(wide_text_is_aligned_by_what_it_takes_on_the_screen),
    HARNESS_TEST(params_are_bound_as_they_are_written),
    HARNESS_TEST(params_that_contradict_their_prefix_are_usage_errors),
    HARNESS_TEST(the_count_of_params_must_fit),
    HARNESS_TEST(wrong_sql_is_exit_3_with_the_reason),
    HARNESS_TEST(what_only_reads_says_how_to_undo_what_was_cut_off),
    HARNESS_TEST(a_statement_that_changes_is_refused_with_what_allows_it),
    HARNESS_TEST(json_and_csv_contradict_each_other),
    HARNESS_TEST(rows_before_an_error_are_printed_and_the_exit_is_3),
    HARNESS_TEST(memory_does_not_grow_with_the_rows),
};
const harness_suite query_suite = HARNESS_SUITE("query", tests);
