/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "untouched.h"

#define IMPORT(db, data, ...) SKEP("db", "import", (db), (data), "--table", "t", __VA_ARGS__)
#define ROWS 30000 /* several batches of the reader */

static const char *data(const char *name, const char *text)
{
    const char *path = harness_path(name);
    harness_write_file(path, text, strlen(text));
    return path;
}

static const char *typed_db(void)
{
    return FIXTURE(
        "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, score REAL, any, n NUMERIC)");
}

/* What a query gives, as JSON lines. */
static const char *ask(const char *db, const char *sql)
{
    ran r = SKEP("db", "query", db, sql, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    return r.out;
}

static void assert_count(const char *db, long expected)
{
    char want[64];
    (void)snprintf(want, sizeof(want), "{\"n\":%ld}\n", expected);
    ck_assert_str_eq(ask(db, "SELECT count(*) AS n FROM t"), want);
}

TEST(csv_values_become_what_the_columns_declare)
{
    const char *db = typed_db();
    const char *csv = data("a.csv", "id,name,score,any,n\r\n"
                                    "1,007,2,007,1.0\r\n"
                                    "2,\"a \"\"b\"\"\n, c\",1e3,12,x\r\n"
                                    "3,,,,\r\n"
                                    "4,\"\",\"\",\"\",\"\"\r\n"
                                    "5,x'ff',0.1,x'00FF',9223372036854775808\r\n"
                                    "6,t,-Infinity,\"x'00'\",\"12\"\r\n");
    ran r = IMPORT(db, csv, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    json_t *have = parse_json(r.out);
    ck_assert_int_eq(json_integer_value(json_object_get(have, "rows")), 6);
    ck_assert_int_eq(json_integer_value(json_object_get(have, "rejected")), 0);
    json_decref(have);
    ck_assert_str_eq(
        ask(db, "SELECT * FROM t"),
        "{\"id\":1,\"name\":\"007\",\"score\":2.0,\"any\":\"007\",\"n\":1}\n"
        "{\"id\":2,\"name\":\"a \\\"b\\\"\\n, c\",\"score\":1000.0,\"any\":12,\"n\":\"x\"}\n"
        "{\"id\":3,\"name\":null,\"score\":null,\"any\":null,\"n\":null}\n"
        "{\"id\":4,\"name\":\"\",\"score\":null,\"any\":\"\",\"n\":null}\n"
        "{\"id\":5,\"name\":{\"base64\":\"/w==\"},\"score\":0.1,\"any\":{\"base64\":\"AP8=\"},"
        "\"n\":9.223372036854776e18}\n"
        "{\"id\":6,\"name\":\"t\",\"score\":{\"real\":\"-Infinity\"},\"any\":\"x'00'\",\"n\":12}"
        "\n");
}

TEST(the_header_names_columns_in_any_order_and_number)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a TEXT, \"B c\" INT, d DEFAULT 7)");
    ck_assert_int_eq(IMPORT(db,
                            data("a.csv", "\xef\xbb\xbf"
                                          "b C,A\n1,x\n"),
                            "-q")
                         .status,
                     0);
    ck_assert_str_eq(ask(db, "SELECT * FROM t"), "{\"a\":\"x\",\"B c\":1,\"d\":7}\n");
}

TEST(a_header_that_makes_no_sense_is_refused)
{
    static const char *const cases[][2] = {
        {"a,,b\n1,2,3\n", "a.csv:1:3: a column without a name"},
        {"a,A\n1,2\n", "a.csv:1:3: the header names the column \"A\" twice"},
        {"a,z\n1,2\n", "a.csv:1:1: t has no column \"z\""},
        {"a,\"b\n", "a.csv:1:3: a quote that is never closed"},
        {"", "a.csv:1:1: there is no data"},
    };
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a, b)");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ran r = IMPORT(db, data("a.csv", cases[i][0]), "-q");
        ck_assert_int_eq(r.status, 3);
        assert_one_line(r.err, cases[i][1], "nothing was imported");
    }
}

TEST(without_a_header_fields_are_columns_in_order)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a INT, b INT)");
    ck_assert_int_eq(IMPORT(db, data("a.csv", "1,2\n\n3,4"), "--no-header", "-q").status, 0);
    ck_assert_str_eq(ask(db, "SELECT * FROM t"), "{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n");
    ran r = IMPORT(db, data("a.csv", "1,2,3\n"), "--no-header", "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a.csv:1:1: 3 fields, but the table has 2 columns");
}

TEST(an_empty_field_is_null_unless_the_column_wants_text)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a TEXT, b TEXT NOT NULL)");
    ck_assert_int_eq(IMPORT(db, data("a.csv", "a,b\n,\n"), "-q").status, 0);
    ck_assert_int_eq(IMPORT(db, data("b.csv", "a,b\n,x\n-,\"-\"\n"), "--null", "-", "-q").status,
                     0);
    ck_assert_str_eq(ask(db, "SELECT * FROM t"), "{\"a\":null,\"b\":\"\"}\n"
                                                 "{\"a\":\"\",\"b\":\"x\"}\n"
                                                 "{\"a\":null,\"b\":\"-\"}\n");
}

TEST(tsv_keeps_quotes_within_fields)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a TEXT, b TEXT)");
    ck_assert_int_eq(IMPORT(db, data("a.tsv", "a\tb\n5\" disk\t\"x\ty\"\n"), "-q").status, 0);
    ck_assert_str_eq(ask(db, "SELECT * FROM t"), "{\"a\":\"5\\\" disk\",\"b\":\"x\\ty\"}\n");
}

TEST(ndjson_keeps_every_value)
{
    const char *db = typed_db();
    const char *lines = data(
        "a.ndjson", "{\"id\":1,\"name\":\"a\\u0000b\\ud83d\\udc1d\",\"score\":0.1,\"any\":{"
                    "\"base64\":\"AP8=\"}}\n"
                    "\n"
                    "{\"any\":[1, {\"x\":null}],\"NAME\":1.50,\"n\":9007199254740993}\r\n"
                    "{\"id\":3,\"any\":true,\"name\":null,\"score\":{\"real\":\"Infinity\"},"
                    "\"n\":18446744073709551616}\n"
                    "{\"id\":4,\"any\":18446744073709551616,\"name\":{\"text_base64\":\"/0E=\"}}");
    ran r = IMPORT(db, lines, "-q");
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(ask(db, "SELECT * FROM t"),
                     "{\"id\":1,\"name\":\"a\\u0000b\xf0\x9f\x90\x9d\",\"score\":0.1,"
                     "\"any\":{\"base64\":\"AP8=\"},\"n\":null}\n"
                     "{\"id\":2,\"name\":\"1.50\",\"score\":null,\"any\":\"[1, {\\\"x\\\":null}]\","
                     "\"n\":9007199254740993}\n"
                     "{\"id\":3,\"name\":null,\"score\":{\"real\":\"Infinity\"},\"any\":1,"
                     "\"n\":1.8446744073709552e19}\n"
                     "{\"id\":4,\"name\":{\"text_base64\":\"/0E=\"},\"score\":null,"
                     "\"any\":\"18446744073709551616\",\"n\":null}\n");
}

static void assert_bad(const char *db, const char *path, const char *expected)
{
    ran r = IMPORT(db, path, "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, expected, "; nothing was imported");
    assert_count(db, 1);
}

TEST(a_bad_record_is_told_with_line_and_column_and_nothing_is_imported)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)",
                             "INSERT INTO t VALUES (1, 'x')");
    assert_bad(db, data("a.csv", "a,b\n2,y\n3,z\"z\n"), "a.csv:3:4: a quote within a field");
    assert_bad(db, data("a.csv", "a,b\n2,y\n\"3\n"), "a.csv:3:1: a quote that is never closed");
    assert_bad(db, data("a.csv", "a,b\n2,\"y\ny\"\n3\n"),
               "a.csv:4:1: 1 field where 2 are expected");
    assert_bad(db, data("a.csv", "a,b\n2,gr\xc3\xbc\xff\n"), "a.csv:2:6: bytes that are not UTF-8");
    assert_bad(db, data("a.csv", "a,b\n2,y\n1,z\n"),
               "a.csv:3:1: UNIQUE constraint failed: t.a; nothing");
    assert_bad(db, data("a.csv", "a,b\nx,y\n"), "a.csv:2:1: datatype mismatch");
    assert_bad(db, data("a.ndjson", "{\"a\":2}\n{\"a\":3,\"c\":4}\n"),
               "a.ndjson:2:8: the key \"c\" is no column of t");
    assert_bad(db, data("a.ndjson", "{\"a\":2,\"A\":3}\n"),
               "a.ndjson:1:8: the key \"A\" stands twice");
    assert_bad(db, data("a.ndjson", "{\"a\":2}\n{\"a\":03}\n"),
               "a.ndjson:2:6: neither a JSON value");
}

TEST(rejected_records_go_to_a_file_with_the_reason)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL)",
                             "INSERT INTO t VALUES (3, 'x')");
    const char *reject = harness_path("bad.csv");
    const char *csv = data("a.csv", "a,b\n1,y\n2,q\"q\n3,z\n4,\n\"5,open\n6,six\n7\n");
    ran r = IMPORT(db, csv, "--reject", reject, "--null", "", "-q");
    ck_assert_int_eq(r.status, 1);
    assert_one_line(r.err, "4 records were rejected: see", "bad.csv");
    ck_assert_str_eq(ask(db, "SELECT group_concat(a) AS a FROM t"), "{\"a\":\"1,3,4,6\"}\n");
    char *text = harness_read_file(reject, NULL);
    ck_assert(contains(text, "a,b\n# "));
    ck_assert(contains(text, "a.csv:3:4: a quote within a field; put the whole field in quotes\n"
                             "2,q\"q\n"));
    ck_assert(contains(text, "a.csv:4:1: UNIQUE constraint failed: t.a\n3,z\n"));
    ck_assert(contains(text, "a.csv:6:1: a quote that is never closed\n\"5,open\n"));
    ck_assert(contains(text, "a.csv:8:1: 1 field where 2 are expected\n7\n"));
    r = IMPORT(db, csv, "--reject", reject, "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "bad.csv is there already", "--force");
}

TEST(no_reject_file_stays_where_nothing_was_rejected)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a)");
    const char *reject = harness_path("bad.csv");
    ck_assert_int_eq(IMPORT(db, data("a.csv", "a\n1\n"), "--reject", reject, "-q").status, 0);
    ck_assert(!harness_exists(reject));
    assert_count(db, 1);
}

/* `rows` of them; `odd` stands instead of the row of that number, if that is one. */
static const char *many_rows(const char *name, long rows, long odd, const char *instead)
{
    const char *path = harness_path(name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs("id,name,score\n", file);
    for (long i = 1; i <= rows; i++)
        if (i == odd)
            (void)fprintf(file, "%s\n", instead);
        else
            (void)fprintf(file, "%ld,\"name, %ld\",%ld.5\n", i, i, i);
    (void)fclose(file);
    return path;
}

TEST(many_rows_arrive_whole_and_in_order)
{
    const char *db = typed_db();
    ran r = IMPORT(db, many_rows("a.csv", ROWS, 0, NULL), "-q");
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(ask(db, "SELECT count(*) AS n, sum(id) AS s, sum(rowid = score - 0.5) AS r,"
                             " sum(name = 'name, ' || id) AS m FROM t"),
                     "{\"n\":30000,\"s\":450015000,\"r\":30000,\"m\":30000}\n");
}

TEST(one_refused_row_among_many_is_found)
{
    const char *db = typed_db();
    const char *csv = many_rows("a.csv", ROWS, 20000, "19990,twice,1");
    ran r = IMPORT(db, csv, "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a.csv:20001:1: UNIQUE constraint failed: t.id");
    assert_count(db, 0);
    r = IMPORT(db, csv, "-q", "--reject", harness_path("bad.csv"));
    ck_assert_int_eq(r.status, 1);
    assert_count(db, ROWS - 1);
}

TEST(rows_have_their_own_insert_where_the_table_asks_for_more)
{
    static const char *const tables[] = {
        "CREATE TABLE t (a INTEGER PRIMARY KEY ON CONFLICT REPLACE, b)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b) STRICT",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b CHECK (abs(b) >= 0))",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b, c AS (b + 1))",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b REFERENCES t (a))",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b) WITHOUT ROWID",
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char name[32];
        char rows[4096];
        int at = snprintf(rows, sizeof(rows), "a,b\n");
        (void)snprintf(name, sizeof(name), "%zu.db", i);
        for (int n = 1; n <= 150; n++)
            at += snprintf(rows + at, sizeof(rows) - (size_t)at, "%d,%d\n", n == 100 ? 50 : n,
                           n == 100 ? 999 : 1);
        const char *db = harness_path(name);
        char sql[256];
        (void)snprintf(sql, sizeof(sql), "%s%s", tables[i], "");
        if (strstr(sql, "STRICT") != NULL)
            (void)snprintf(sql, sizeof(sql),
                           "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER) STRICT");
        (void)FIXTURE(name, sql);
        ran r =
            IMPORT(db, data("a.csv", rows), "-q", "--reject", harness_path("bad.csv"), "--force");
        ck_assert_msg(r.status == (i == 0 ? 0 : 1), "%s: %d %s", sql, r.status, r.err);
        assert_count(db, 149);
    }
}

TEST(triggers_see_each_row)
{
    const char *db = FIXTURE(
        "t.db", "CREATE TABLE t (a INTEGER)", "CREATE TABLE log (a)",
        "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT RAISE(ABORT, 'no three') WHERE new.a = 3;"
        " INSERT INTO log VALUES (new.a); END");
    ran r = IMPORT(db, data("a.csv", "a\n1\n2\n3\n4\n"), "-q", "--reject", harness_path("bad.csv"));
    ck_assert_int_eq(r.status, 1);
    ck_assert_str_eq(ask(db, "SELECT group_concat(a) AS a FROM log"), "{\"a\":\"1,2,4\"}\n");
    ck_assert(contains(harness_read_file(harness_path("bad.csv"), NULL), ":4:1: no three\n3\n"));
}

TEST(batches_stand_when_a_later_one_fails)
{
    const char *db = typed_db();
    ran r = IMPORT(db, many_rows("a.csv", ROWS, 20000, "bad"), "-q", "--batch", "7000");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a.csv:20001:1: 1 field where 3 are expected",
                    "14,000 rows imported before stand");
    assert_count(db, 14000);
}

TEST(batches_take_all_rows)
{
    const char *db = typed_db();
    ran r = IMPORT(db, many_rows("a.csv", ROWS, 20000, "bad"), "-q", "--batch", "100", "--reject",
                   harness_path("bad.csv"));
    ck_assert_int_eq(r.status, 1);
    assert_count(db, ROWS - 1);
}

static void assert_schema(const char *db, const char *expected)
{
    char want[256];
    (void)snprintf(want, sizeof(want), "{\"s\":\"%s\"}\n", expected);
    ck_assert_str_eq(ask(db, "SELECT replace(sql, '\"', '''') AS s FROM sqlite_schema"), want);
}

TEST(create_makes_file_and_table_with_types_that_fit)
{
    const char *db = harness_path("new.db");
    const char *csv = data("a.csv", "i,r,t,e,b,zip,big,\"odd \"\"name\"\n"
                                    "1,1.5,x,,x'00',007,9007199254740993,\n"
                                    "-2,3,4,,,12345,0.5,a\n");
    ran r = IMPORT(db, csv, "--create", "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_schema(db, "CREATE TABLE 't' ('i' INTEGER, 'r' REAL, 't' TEXT, 'e' TEXT, 'b' BLOB,"
                      " 'zip' TEXT, 'big' TEXT, 'odd ''name' TEXT)");
    ran status = SKEP("db", "status", db, "--json");
    json_t *have = parse_json(status.out);
    ck_assert_str_eq(json_string_value(json_object_get(have, "journal_mode")), "wal");
    json_decref(have);
    r = IMPORT(db, csv, "--create");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "in ", "already", "SKEP_EEXISTS");
}

TEST(quotes_tell_text_from_numbers_unless_everything_is_quoted)
{
    ran r =
        IMPORT(harness_path("1.db"), data("a.csv", "a,b\n\"1\",2\n\"3\",4\n"), "--create", "-q");
    ck_assert_int_eq(r.status, 0);
    assert_schema(harness_path("1.db"), "CREATE TABLE 't' ('a' TEXT, 'b' INTEGER)");
    r = IMPORT(harness_path("2.db"), data("b.csv", "a,b\n\"1\",\"2\"\n\"x\",\"\"\n"), "--create",
               "-q");
    ck_assert_int_eq(r.status, 0);
    assert_schema(harness_path("2.db"), "CREATE TABLE 't' ('a' TEXT, 'b' INTEGER)");
}

/* Far behind the part of the data that the types are guessed from. */
TEST(a_late_value_widens_its_column)
{
    const char *db = harness_path("new.db");
    const char *csv = many_rows("a.csv", 100000, 99000, "99000.5,\"x\",late");
    ran r = IMPORT(db, csv, "--create", "-q");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_schema(db, "CREATE TABLE 't' ('id' REAL, 'name' TEXT, 'score' TEXT)");
    assert_count(db, 100000);
    ck_assert_str_eq(ask(db, "SELECT score FROM t WHERE id IN (1, 99000.5)"),
                     "{\"score\":\"1.5\"}\n{\"score\":\"late\"}\n");
}

TEST(create_takes_the_keys_of_all_objects)
{
    const char *db = harness_path("new.db");
    const char *lines = data("a.ndjson", "{\"a\":1,\"b\":true}\n{\"c\":[1],\"a\":2.5}\n{}\n");
    ran r = IMPORT(db, lines, "--create", "-q");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_schema(db, "CREATE TABLE 't' ('a' REAL, 'b' INTEGER, 'c' TEXT)");
    assert_count(db, 3);
}

TEST(a_failed_create_leaves_no_file)
{
    const char *db = harness_path("new.db");
    ran r = IMPORT(db, data("a.csv", "a,b\n1,2\n3\n"), "--create", "-q");
    ck_assert_int_eq(r.status, 3);
    ck_assert(!harness_exists(db));
}

static ran piped(const char *db, const char *csv, const char *options)
{
    char script[8192];
    (void)snprintf(script, sizeof(script), "cat '%s' | \"$0\" db import '%s' - --table t -q %s",
                   csv, db, options);
    return run_program("/bin/sh", (const char *const[]){"sh", "-c", script, run_skep_path(), NULL},
                       0);
}

TEST(data_comes_from_a_pipe)
{
    const char *db = typed_db();
    ran r = piped(db, data("a.csv", "id,name\n1,x\n2,y\n"), "--format csv");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_count(db, 2);
    r = piped(harness_path("new.db"), many_rows("b.csv", 100000, 90000, "x,x,x"),
              "--format csv --create");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_count(harness_path("new.db"), 100000);
    r = piped(db, data("a.csv", "id,name\n3,x\n"), "");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "--format");
    r = piped(db, data("a.csv", "id\n3\nx\"\n"), "--format csv");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "standard input:3:2:");
}

TEST(what_cannot_be_is_refused)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a)");
    const char *csv = data("a.csv", "a\n1\n");
    assert_one_line(IMPORT(harness_path("no.db"), csv, "-q").err, "no.db", "SKEP_ENOTFOUND");
    assert_one_line(IMPORT(db, harness_path("no.csv"), "-q").err, "no.csv", "SKEP_ENOTFOUND");
    assert_one_line(IMPORT(db, harness_dir(), "-q", "--format", "csv").err, "s a directory");
    ran r = SKEP("db", "import", db, csv, "--table", "u");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "no table u", "--create");
    assert_one_line(SKEP("db", "import", db, csv).err, "--table");
    assert_one_line(IMPORT(db, csv, "--batch", "0").err, "--batch");
    assert_one_line(IMPORT(db, csv, "--format", "ndjson", "--null", "x").err, "--null");
}

TEST(a_file_that_may_not_be_written_is_refused)
{
    harness_drop_root();
    const char *db = FIXTURE("t.db", "CREATE TABLE t (a)");
    ck_assert_int_eq(chmod(db, 0444), 0);
    ran r = IMPORT(db, data("a.csv", "a\n1\n"), "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "t.db", "SKEP_EDENIED");
    assert_count(db, 0);
}

TEST(a_foreign_file_keeps_its_journal_mode_and_nothing_is_put_beside_it)
{
    const char *db = harness_path("foreign.db");
    (void)stock_sql(db, "CREATE TABLE t (a)");
    ck_assert_int_eq(IMPORT(db, data("a.csv", "a\n1\n"), "-q").status, 0);
    ran r = stock_sql(db, "PRAGMA journal_mode; SELECT a FROM t; PRAGMA integrity_check");
    ck_assert_str_eq(r.out, "delete\n1\nok\n");
    ck_assert(!harness_exists(harness_path("foreign.db-wal")));
    ck_assert(!harness_exists(harness_path("foreign.db-skep")));
}

/* An import that waits for more data on a pipe, in the middle of its transaction. */
typedef struct held {
    pid_t pid;
    int in;
} held;

static held hold_import(const char *db, const char *const *more)
{
    int ends[2];
    held h;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    h.pid = fork();
    ck_assert_int_ge(h.pid, 0);
    if (h.pid == 0) {
        const char *argv[16] = {"skep", "-q",      "db", "import",   db,
                                "-",    "--table", "t",  "--format", "csv"};
        for (size_t i = 0; more != NULL && more[i] != NULL; i++)
            argv[10 + i] = more[i];
        union {
            const char **in;
            char *const *out;
        } args = {argv};
        (void)dup2(ends[0], STDIN_FILENO);
        (void)execv(run_skep_path(), args.out);
        _exit(127);
    }
    (void)close(ends[0]);
    h.in = ends[1];
    static char rows[65536];
    int at = snprintf(rows, sizeof(rows), "id,name\n");
    for (int i = 0; i < 3000; i++)
        at += snprintf(rows + at, sizeof(rows) - (size_t)at, "%d,row %d\n", i, i);
    /* More than the pipe and a batch hold: when the last write returns, rows have been taken. */
    for (int k = 0; k < 40; k++)
        for (ssize_t done = 0, n = 0; done<at; done += n> 0 ? n : 0)
            n = write(h.in, rows + done, (size_t)(at - done));
    return h;
}

TEST(a_killed_import_leaves_nothing)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (id, name)", "INSERT INTO t VALUES (1, 2)");
    held h = hold_import(db, NULL);
    int how = 0;
    ck_assert_int_eq(kill(h.pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(h.pid, &how, 0), h.pid);
    (void)close(h.in);
    assert_count(db, 1);
    ck_assert_str_eq(ask(db, "PRAGMA integrity_check"), "{\"integrity_check\":\"ok\"}\n");
}

TEST(ctrl_c_rolls_back)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (id, name)");
    held h = hold_import(db, NULL);
    int how = 0;
    ck_assert_int_eq(kill(h.pid, SIGINT), 0);
    ck_assert_int_eq(waitpid(h.pid, &how, 0), h.pid);
    (void)close(h.in);
    ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGINT);
    assert_count(db, 0);
}

TEST(a_database_that_another_program_writes_is_waited_for_and_then_told)
{
    const char *db = FIXTURE("t.db", "CREATE TABLE t (id, name)");
    held h = hold_import(db, NULL);
    ran r = IMPORT(db, data("a.csv", "id,name\n1,2\n"), "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EBUSY");
    ck_assert_int_eq(kill(h.pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(h.pid, NULL, 0), h.pid);
    (void)close(h.in);
    assert_count(db, 0);
}

TEST(import_memory_does_not_grow_with_the_rows)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    harness_skip_test(SKIP_SANITIZER, "it keeps freed memory");
#else
    ran few = IMPORT(FIXTURE("a.db", "CREATE TABLE t (id, name, score)"),
                     many_rows("a.csv", 200000, 0, NULL), "-q", "--batch", "50000");
    ran many = IMPORT(FIXTURE("b.db", "CREATE TABLE t (id, name, score)"),
                      many_rows("b.csv", 600000, 0, NULL), "-q", "--batch", "50000");
    ck_assert_int_eq(few.status | many.status, 0);
    ck_assert_int_lt(many.max_rss_kb, few.max_rss_kb + 90 * 1024);
#endif
}

TEST(a_result_is_never_written_over_the_database_or_the_data)
{
    const char *db = typed_db();
    const char *csv = data("a.csv", "id,name\n1,x\n2\n");
    ck_assert_int_eq(symlink("a.csv", harness_path("link.csv")), 0);
    untouched before = untouched_take(db);
    untouched data_before = untouched_take(csv);
    static const char *const over[][2] = {{"a.csv", "that is the data"},
                                          {"link.csv", "that is the data"},
                                          {"t.db", "that is the database"},
                                          {"t.db-wal", "that is the database"},
                                          {"t.db-journal", "that is the database"}};
    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        ran r = IMPORT(db, csv, "--reject", harness_path(over[i][0]), "--force");
        ck_assert_int_eq(r.status, 2);
        assert_one_line(r.err, over[i][0], over[i][1]);
        if (i < 2)
            continue;
        r = SKEP("db", "export", db, "--table", "t", "-o", harness_path(over[i][0]), "--force",
                 "--format", "csv");
        ck_assert_int_eq(r.status, 2);
        assert_one_line(r.err, over[i][0], over[i][1]);
    }
    untouched_check(&before);
    untouched_check_bytes(&data_before);
}

TEST(an_old_reject_file_is_replaced_only_when_the_import_begins)
{
    const char *csv = data("a.csv", "id,name\n1,x\n2\n");
    const char *reject = data("bad.csv", "kept\n");
    ran r = IMPORT(harness_path("none.db"), csv, "--reject", reject, "--force");
    ck_assert_int_eq(r.status, 3);
    ck_assert_str_eq(harness_read_file(reject, NULL), "kept\n");
    r = IMPORT(harness_path("new.db"), csv, "--reject", reject, "--create");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "bad.csv is there already; --force replaces it");
    ck_assert(!harness_exists(harness_path("new.db")));
    ck_assert_str_eq(harness_read_file(reject, NULL), "kept\n");
    ck_assert_int_eq(IMPORT(typed_db(), csv, "--reject", reject, "--force").status, 1);
    ck_assert(contains(harness_read_file(reject, NULL), "a.csv:3:1: 1 field where 2"));
}

/* Root could remove it: nothing else may be at that name then. */
TEST(bad_records_may_go_to_a_device_which_stays)
{
    struct stat st;
    harness_drop_root();
    const char *db = typed_db();
    const char *csv = data("a.csv", "id,name\n1,x\n2\n");
    ran r = IMPORT(db, csv, "--reject", "/dev/null");
    ck_assert_int_eq(r.status, 1);
    r = IMPORT(db, data("b.csv", "id,name\n3,x\n"), "--reject", "/dev/null", "--force", "-q");
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    ck_assert_int_eq(mkfifo(harness_path("pipe"), 0600), 0);
    int fd = open(harness_path("pipe"), O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    r = IMPORT(db, csv, "--reject", harness_path("pipe"), "--force");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "no file that can be cut back");
    ck_assert(harness_exists(harness_path("pipe")));
    ck_assert_int_eq(close(fd), 0);
}

TEST(what_a_beginner_meets_first_is_told_with_a_way_out)
{
    const char *db = typed_db();
    ran r = IMPORT(db, data("a.csv", "1,x\n2,y\n"), "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err,
                    "a.csv:1:1: t has no column \"1\" (if the first line is data: --no-header)");
    r = IMPORT(db, data("a.ndjson", "[{\"id\":1},\n {\"id\":2}]\n"), "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a.ndjson:1:1: an array; make a line of each object", "jq -c '.[]'");
    r = IMPORT(harness_path("new.db"), harness_path("a.ndjson"), "--create");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a.ndjson:1:1: an array; make a line of each object");
    r = IMPORT(harness_path("new.db"), data("b.ndjson", "\n{\"a\":1,}\n"), "--create");
    assert_one_line(r.err, "b.ndjson:2:8: a key in quotes is expected; nothing was imported");
    r = IMPORT(harness_path("new.db"), data("c.ndjson", "{}\n"), "--create");
    assert_one_line(r.err, "no record names a column");
    r = IMPORT(db, data("l.csv", "name\nM\xfcller\n"), "-q");
    assert_one_line(r.err, "l.csv:2:2: bytes that are not UTF-8; iconv -t UTF-8 converts others");
}

TEST(a_column_that_the_table_computes_is_to_be_left_out)
{
    const char *db =
        FIXTURE("t.db", "CREATE TABLE t (a INT, b INT AS (a * 2), c INT AS (a) STORED)");
    ran r = IMPORT(db, data("a.csv", "a,B\n1,2\n"), "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a.csv:1:1: t computes the column \"B\" by itself; leave it out");
    r = IMPORT(db, data("a.ndjson", "{\"a\":1,\"c\":1}\n"), "-q");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a.ndjson:1:8: the key \"c\" is a column that t computes by itself");
    ck_assert_int_eq(IMPORT(db, data("b.csv", "a\n4\n"), "-q").status, 0);
    ck_assert_str_eq(ask(db, "SELECT * FROM t"), "{\"a\":4,\"b\":8,\"c\":4}\n");
}

TEST(data_that_is_a_directory_is_told_so)
{
    ran r = IMPORT(typed_db(), harness_dir(), "--format", "csv");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "Is a directory; correct it and try again (SKEP_EINVALID)");
}

static const harness_test tests[] = {
    HARNESS_TEST(a_result_is_never_written_over_the_database_or_the_data),
    HARNESS_TEST(an_old_reject_file_is_replaced_only_when_the_import_begins),
    HARNESS_TEST(bad_records_may_go_to_a_device_which_stays),
    HARNESS_TEST(what_a_beginner_meets_first_is_told_with_a_way_out),
    HARNESS_TEST(a_column_that_the_table_computes_is_to_be_left_out),
    HARNESS_TEST(data_that_is_a_directory_is_told_so),
    HARNESS_TEST(csv_values_become_what_the_columns_declare),
    HARNESS_TEST(the_header_names_columns_in_any_order_and_number),
    HARNESS_TEST(a_header_that_makes_no_sense_is_refused),
    HARNESS_TEST(without_a_header_fields_are_columns_in_order),
    HARNESS_TEST(an_empty_field_is_null_unless_the_column_wants_text),
    HARNESS_TEST(tsv_keeps_quotes_within_fields),
    HARNESS_TEST(ndjson_keeps_every_value),
    HARNESS_TEST(a_bad_record_is_told_with_line_and_column_and_nothing_is_imported),
    HARNESS_TEST(rejected_records_go_to_a_file_with_the_reason),
    HARNESS_TEST(no_reject_file_stays_where_nothing_was_rejected),
    HARNESS_TEST(many_rows_arrive_whole_and_in_order),
    HARNESS_TEST(one_refused_row_among_many_is_found),
    HARNESS_TEST(rows_have_their_own_insert_where_the_table_asks_for_more),
    HARNESS_TEST(triggers_see_each_row),
    HARNESS_TEST(batches_stand_when_a_later_one_fails),
    HARNESS_TEST(batches_take_all_rows),
    HARNESS_TEST(create_makes_file_and_table_with_types_that_fit),
    HARNESS_TEST(quotes_tell_text_from_numbers_unless_everything_is_quoted),
    HARNESS_TEST(a_late_value_widens_its_column),
    HARNESS_TEST(create_takes_the_keys_of_all_objects),
    HARNESS_TEST(a_failed_create_leaves_no_file),
    HARNESS_TEST(data_comes_from_a_pipe),
    HARNESS_TEST(what_cannot_be_is_refused),
    HARNESS_TEST(a_file_that_may_not_be_written_is_refused),
    HARNESS_TEST(a_foreign_file_keeps_its_journal_mode_and_nothing_is_put_beside_it),
    HARNESS_TEST(a_killed_import_leaves_nothing),
    HARNESS_TEST(ctrl_c_rolls_back),
    HARNESS_TEST(a_database_that_another_program_writes_is_waited_for_and_then_told),
    HARNESS_TEST(import_memory_does_not_grow_with_the_rows),
};
const harness_suite import_suite = HARNESS_SUITE("import", tests);
