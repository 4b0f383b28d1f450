/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "beside.h"
#include "run.h"
#include "untouched.h"

#define ROWS                                                                                       \
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT 500)"                      \
    " INSERT INTO t SELECT x, 'text of row '||x FROM n;"

static const char *sound(void)
{
    const char *path = harness_path("sound.db");
    (void)stock_sql(path,
                    "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX ta ON t (a);" ROWS);
    return path;
}

/* A row that its index knows by another value: all pages are well, and as many. */
static const char *wrong_entry(void)
{
    const char *path = sound();
    (void)stock_sql(path,
                    "CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'ta';"
                    "PRAGMA writable_schema = on; DELETE FROM sqlite_schema WHERE name = 'ta'");
    (void)stock_sql(path,
                    "UPDATE t SET a = 'not in the index' WHERE id = 5;"
                    "PRAGMA writable_schema = on; INSERT INTO sqlite_schema SELECT * FROM kept");
    return path;
}

/* Page 3 is all noise. */
static const char *noise(void)
{
    const char *path = sound();
    size_t size = 0;
    char *bytes = harness_read_file(path, &size);
    rng r = rng_of(1);
    ck_assert_uint_ge(size, 3 * 4096);
    rng_fill(&r, bytes + 2 * 4096, 4096);
    harness_write_file(path, bytes, size);
    return path;
}

static json_t *check_of(const char *path, const char *option, int status)
{
    ran r = SKEP("db", "check", path, "--json", option);
    ck_assert_int_eq(r.status, status);
    return parse_json(r.out);
}

TEST(a_sound_file_is_ok)
{
    const char *path = sound();
    ran r = SKEP("db", "check", path);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "ok\n");
    assert_one_line(r.err, " pages in ", "--full");
    r = SKEP("db", "check", path, "--full");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "ok\n");
    r = SKEP("-q", "db", "check", path);
    ck_assert_str_eq(r.err, "");
}

TEST(json_says_what_was_checked)
{
    json_t *have = check_of(sound(), "--full", 0);
    ck_assert(json_is_true(json_object_get(have, "full")));
    ck_assert(json_is_true(json_object_get(have, "ok")));
    ck_assert_uint_eq(json_array_size(json_object_get(have, "findings")), 0);
    ck_assert_int_gt(json_integer_value(json_object_get(have, "pages")), 4);
    json_decref(have);
}

TEST(a_damaged_page_is_found)
{
    const char *path = noise();
    untouched before = untouched_take(path);
    ran r = SKEP("db", "check", path);
    ck_assert_int_eq(r.status, 1);
    ck_assert_uint_gt(r.out_len, 0);
    assert_one_line(r.err, "finding", "what to do");
    json_t *have = check_of(path, "-q", 1);
    ck_assert(json_is_false(json_object_get(have, "ok")));
    ck_assert_uint_gt(json_array_size(json_object_get(have, "findings")), 0);
    untouched_check(&before);
    json_decref(have);
}

TEST(only_a_full_check_compares_indexes_with_their_tables)
{
    const char *path = wrong_entry();
    json_t *quick = check_of(path, "-q", 0);
    json_t *full = check_of(path, "--full", 1);
    const json_t *findings = json_object_get(full, "findings");
    ck_assert_uint_gt(json_array_size(findings), 0);
    ck_assert(contains(json_string_value(json_array_get(findings, 0)), "ta"));
    json_decref(quick);
    json_decref(full);
}

TEST(a_full_check_finds_foreign_keys_without_a_parent)
{
    const char *path = harness_path("fk.db");
    (void)stock_sql(path, "CREATE TABLE p (id INTEGER PRIMARY KEY);"
                          "CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (7)");
    ck_assert_int_eq(SKEP("db", "check", path).status, 0);
    ran r = SKEP("db", "check", path, "--full");
    ck_assert_int_eq(r.status, 1);
    ck_assert(contains(r.out, "c"));
}

TEST(max_ends_the_list)
{
    const char *path = harness_path("fk.db");
    (void)stock_sql(path, "CREATE TABLE p (id INTEGER PRIMARY KEY);"
                          "CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (7), (8), (9)");
    ran r = SKEP("db", "check", path, "--full", "--max", "2");
    ck_assert_int_eq(r.status, 1);
    assert_one_line(r.err, "2 findings (--max N shows more)");
    r = SKEP("db", "check", path, "--max", "none");
    ck_assert_int_eq(r.status, 2);
}

TEST(what_is_no_database_is_a_finding_and_what_is_not_there_a_failure)
{
    const char *text = harness_path("text");
    harness_write_file(text, "no database at all, but long enough to look at", 46);
    ran r = SKEP("db", "check", text);
    ck_assert_int_eq(r.status, 1);
    ck_assert_uint_gt(r.out_len, 0);
    r = SKEP("db", "check", harness_path("missing"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "missing", "SKEP_ENOTFOUND");
}

TEST(checking_leaves_the_file_and_its_wal_as_they_are)
{
    const char *path = harness_path("wal.db");
    leave_wal(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, a);" ROWS);
    untouched before = untouched_take(path);
    ck_assert_int_eq(SKEP("db", "check", path, "--full").status, 0);
    untouched_check(&before);
    path = sound();
    before = untouched_take(path);
    ck_assert_int_eq(SKEP("db", "check", path, "--full").status, 0);
    untouched_check(&before);
}

TEST(a_file_that_is_written_all_the_time_can_be_checked)
{
    const char *path = harness_path("busy.db");
    crash_child child = beside_start(path, BESIDE_WRITE);
    ck_assert_int_eq(SKEP("db", "check", path, "--full").status, 0);
    beside_end(&child);
    ck_assert_int_eq(SKEP("db", "check", path, "--full").status, 0);
}

/* As in status and stats. */
TEST(json_names_the_file_by_its_absolute_path)
{
    static const char *const lines[][3] = {{"db", "check", "g.db"},
                                           {"db", "optimize", "g.db"},
                                           {"db", "checkpoint", "g.db"},
                                           {"db", "stats", "g.db"},
                                           {"db", "status", "g.db"}};
    (void)FIXTURE("g.db", "CREATE TABLE t (a)");
    char *whole = realpath(harness_path("g.db"), NULL);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ran r = SKEP("--json", "-C", harness_dir(), lines[i][0], lines[i][1], lines[i][2]);
        ck_assert_int_eq(r.status, 0);
        json_t *have = parse_json(r.out);
        ck_assert_str_eq(json_string_value(json_object_get(have, "path")), whole);
        json_decref(have);
    }
    free(whole);
}

static const harness_test tests[] = {
    HARNESS_TEST(json_names_the_file_by_its_absolute_path),
    HARNESS_TEST(a_sound_file_is_ok),
    HARNESS_TEST(json_says_what_was_checked),
    HARNESS_TEST(a_damaged_page_is_found),
    HARNESS_TEST(only_a_full_check_compares_indexes_with_their_tables),
    HARNESS_TEST(a_full_check_finds_foreign_keys_without_a_parent),
    HARNESS_TEST(max_ends_the_list),
    HARNESS_TEST(what_is_no_database_is_a_finding_and_what_is_not_there_a_failure),
    HARNESS_TEST(checking_leaves_the_file_and_its_wal_as_they_are),
    HARNESS_TEST(a_file_that_is_written_all_the_time_can_be_checked),
};
const harness_suite check_suite = HARNESS_SUITE("check", tests);
