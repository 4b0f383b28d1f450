/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "untouched.h"

#define EXPORT(db, ...) SKEP("db", "export", (db), __VA_ARGS__)

#define ALL_VALUES                                                                                 \
    "INSERT INTO t VALUES (9007199254740993), (-9223372036854775808), (0.1), (1e300), (-0.0),"     \
    " (9e999), (-9e999), ('a'||char(0)||'b'), (x'00ff10'), (x''), (NULL), (''), ('007'), ('12'),"  \
    " ('-1.5'), ('x''00'''), ('Infinity'), ('tab'||char(9)||'\"q\",'||char(13)||char(10)),"        \
    " ('gr\xc3\xbc\xc3\x9f'), (3.0), (1234567.125), (0.30000000000000004), ('\"'), (' 5'),"        \
    " (char(65279)||'mark'), ('null'), ('{}'), ('#'), (printf('%.20000c', '\"')),"                 \
    " (zeroblob(20000))"

static const char *values_db(const char *type)
{
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "CREATE TABLE t (v %s)", type);
    return FIXTURE("v.db", sql, ALL_VALUES);
}

static const char *dump(const char *db, const char *sql)
{
    ran r = SKEP("db", "query", db, sql, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    return r.out;
}

/* Out of one table and into another of the same making: the same values, bit by bit. */
static void assert_round_trip(const char *format, const char *type)
{
    static const char sql[] = "SELECT rowid, typeof(v) AS t, v FROM t ORDER BY rowid";
    char name[32];
    char create[64];
    (void)snprintf(name, sizeof(name), "all.%s", format);
    const char *from = values_db(type);
    const char *data = harness_path(name);
    ran r = EXPORT(from, "--table", "t", "-o", data, "-q", "--force");
    ck_assert_msg(r.status == 0, "%s: %s", format, r.err);
    (void)snprintf(create, sizeof(create), "CREATE TABLE t (v %s)", type);
    const char *to = FIXTURE("to.db", "DROP TABLE IF EXISTS t", create);
    r = SKEP("db", "import", to, data, "--table", "t", "-q");
    ck_assert_msg(r.status == 0, "%s: %s", format, r.err);
    ck_assert_str_eq(dump(to, sql), dump(from, sql));
    ck_assert_int_eq(unlink(from) | unlink(to), 0);
}

TEST(what_is_exported_comes_back_the_same)
{
    static const char *const formats[] = {"csv", "tsv", "ndjson"};
    static const char *const types[] = {"", "TEXT", "BLOB"};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            assert_round_trip(formats[i], types[k]);
}

/* In a numeric column empty text is the one value that CSV does not keep. */
TEST(numeric_columns_come_back_the_same)
{
    const char *from = FIXTURE(
        "a.db", "CREATE TABLE t (a INTEGER PRIMARY KEY, b REAL, \"c \"\"d\" NUMERIC, e AS (a + 1))",
        "INSERT INTO t VALUES (1, 2, 3.5), (2, 0.1, 'text'), (3, NULL, x'00'), (-7, 1e18, 2)");
    const char *to = FIXTURE(
        "b.db",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b REAL, \"c \"\"d\" NUMERIC, e AS (a + 1))");
    const char *csv = harness_path("t.csv");
    ck_assert_int_eq(EXPORT(from, "--table", "t", "-o", csv, "-q").status, 0);
    ran r = SKEP("db", "import", to, csv, "--table", "t", "-q");
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(dump(to, "SELECT * FROM t ORDER BY a"),
                     dump(from, "SELECT * FROM t ORDER BY a"));
}

TEST(csv_is_as_rfc_4180_has_it)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a, \"b,\"\"\")",
                             "INSERT INTO t VALUES (1, NULL), ('x,y', ''), (x'0aff', 'plain')");
    ran r = EXPORT(db, "--table", "t");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.err, "");
    ck_assert_str_eq(r.out, "a,\"b,\"\"\"\r\n1,\r\n\"x,y\",\"\"\r\nx'0aff',plain\r\n");
    ck_assert_str_eq(EXPORT(db, "--table", "t", "--format", "tsv").out,
                     "a\t\"b,\"\"\"\n1\t\n\"x,y\"\t\"\"\nx'0aff'\tplain\n");
}

TEST(a_query_is_exported_too)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (2)");
    ck_assert_str_eq(EXPORT(db, "--query", "SELECT a, a * 2 AS a FROM t", "--format", "ndjson").out,
                     "{\"a\":1,\"a:1\":2}\n{\"a\":2,\"a:1\":4}\n");
    ck_assert_str_eq(EXPORT(db, "--query", "SELECT a FROM t", "--json").out,
                     "{\"a\":1}\n{\"a\":2}\n");
    ran r = EXPORT(db, "--query", "DELETE FROM t");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EREADONLY");
    r = EXPORT(db, "--query", "SELEC");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EINVALID");
}

TEST(text_that_is_not_utf8_is_refused_in_csv_and_kept_in_ndjson)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a, b)",
                             "INSERT INTO t VALUES (1, 'x'), (2, CAST(x'ff41' AS TEXT))");
    const char *out = harness_path("out.csv");
    ran r = EXPORT(db, "--table", "t", "-o", out, "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "row 2, column b", "--format ndjson");
    ck_assert(!harness_exists(out));
    ck_assert_str_eq(EXPORT(db, "--table", "t", "--json").out,
                     "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":{\"text_base64\":\"/0E=\"}}\n");
}

static size_t files_here(void)
{
    DIR *dir = opendir(harness_dir());
    size_t count = 0;
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        count += strstr(e->d_name, ".skep-") != NULL;
    (void)closedir(dir);
    return count;
}

TEST(a_file_appears_whole_or_not_at_all)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (2)");
    const char *out = harness_path("out.csv");
    ran r = EXPORT(db, "--query",
                   "SELECT abs(column1) AS a FROM (VALUES (1), (-9223372036854775808))", "-o", out);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "overflow");
    ck_assert(!harness_exists(out));
    ck_assert_uint_eq(files_here(), 0);
    r = EXPORT(db, "--table", "t", "-o", out, "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert_int_eq(json_integer_value(json_object_get(have, "rows")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(have, "bytes")), 9);
    json_decref(have);
    ck_assert_str_eq(harness_read_file(out, NULL), "a\r\n1\r\n2\r\n");
    struct stat st;
    ck_assert_int_eq(stat(out, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_uint_eq(files_here(), 0);
}

TEST(what_is_there_is_replaced_only_by_force)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    const char *out = harness_path("out.csv");
    harness_write_file(out, "mine", 4);
    ck_assert_int_eq(chmod(out, 0640), 0);
    ck_assert_int_eq(symlink("out.csv", harness_path("link.csv")), 0);
    ran r = EXPORT(db, "--table", "t", "-o", out);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "out.csv is there already", "--force");
    ck_assert_str_eq(harness_read_file(out, NULL), "mine");
    r = EXPORT(db, "--table", "t", "-o", harness_path("link.csv"), "--force", "-q");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(harness_read_file(out, NULL), "a\r\n1\r\n");
    struct stat st;
    ck_assert_int_eq(lstat(harness_path("link.csv"), &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(stat(out, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0640);
    r = EXPORT(db, "--table", "t", "-o", "/dev/null", "--force", "--format", "csv");
    ck_assert_int_eq(r.status, 3);
}

TEST(export_leaves_the_database_as_it_is)
{
    const char *db = harness_path("foreign.db");
    (void)stock_sql(db, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    untouched before = untouched_take(db);
    ck_assert_int_eq(EXPORT(db, "--table", "t").status, 0);
    untouched_check(&before);
}

TEST(export_that_makes_no_sense_is_refused)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a)");
    ran r = EXPORT(db, "--table", "u");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "no table u");
    ck_assert_int_eq(EXPORT(db, "-q").status, 2);
    ck_assert_int_eq(EXPORT(db, "--table", "t", "--query", "SELECT 1").status, 2);
    ck_assert_int_eq(EXPORT(db, "--table", "t", "-o", harness_path("x.dat")).status, 2);
    ck_assert_int_eq(EXPORT(db, "--table", "t", "--json", "--format", "csv").status, 2);
    r = EXPORT(harness_path("no.db"), "--table", "t");
    ck_assert_int_eq(r.status, 3);
    r = EXPORT(db, "--table", "t", "-o", harness_path("no/out.csv"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "no/out.csv", "SKEP_ENOTFOUND");
}

TEST(an_export_that_cannot_be_written_is_exit_3)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    const char *const argv[] = {"skep", "db", "export", db, "--table", "t", NULL};
    ran full = run_program(run_skep_path(), argv, RUN_FULL_OUT);
    ck_assert_int_eq(full.status, 3);
    assert_one_line(full.err, "standard output", "No space left", "SKEP_EFULL");
    ran gone = run_program(run_skep_path(), argv, RUN_GONE_OUT);
    ck_assert_int_eq(gone.status, 3);
    ck_assert_str_eq(gone.err, "");
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_exported_comes_back_the_same),
    HARNESS_TEST(numeric_columns_come_back_the_same),
    HARNESS_TEST(csv_is_as_rfc_4180_has_it),
    HARNESS_TEST(a_query_is_exported_too),
    HARNESS_TEST(text_that_is_not_utf8_is_refused_in_csv_and_kept_in_ndjson),
    HARNESS_TEST(a_file_appears_whole_or_not_at_all),
    HARNESS_TEST(what_is_there_is_replaced_only_by_force),
    HARNESS_TEST(export_leaves_the_database_as_it_is),
    HARNESS_TEST(export_that_makes_no_sense_is_refused),
    HARNESS_TEST(an_export_that_cannot_be_written_is_exit_3),
};
const harness_suite export_suite = HARNESS_SUITE("export", tests);
