/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "beside.h"
#include "run.h"
#include "untouched.h"

/* A file most of which is free. `before` stands before the first table. */
static const char *holey(const char *name, const char *before)
{
    char sql[1024];
    const char *path = harness_path(name);
    (void)snprintf(sql, sizeof(sql),
                   "%s; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE INDEX ta ON t (a);"
                   "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT 2000)"
                   " INSERT INTO t SELECT x, x %% 10, zeroblob(1000) FROM n;"
                   "DELETE FROM t WHERE id %% 10 > 0",
                   before);
    (void)stock_sql(path, sql);
    return path;
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s is no integer", key);
    return json_integer_value(value);
}

static json_int_t free_pages(const char *path)
{
    json_t *have = parse_json(SKEP("db", "stats", path, "--json").out);
    json_int_t n = number(have, "free_pages");
    json_decref(have);
    return n;
}

static void assert_sound(const char *path)
{
    ck_assert_str_eq(stock_sql(path, "PRAGMA integrity_check; SELECT count(*) FROM t").out,
                     "ok\n200\n");
}

TEST(vacuum_gives_the_free_pages_back)
{
    const char *path = holey("h.db", "PRAGMA journal_mode=delete");
    ck_assert_int_gt(free_pages(path), 100);
    ran r = SKEP("db", "optimize", path, "--vacuum", "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert(json_is_true(json_object_get(have, "vacuum")));
    ck_assert(json_is_false(json_object_get(have, "analyze")));
    ck_assert_int_lt(number(have, "bytes_after") * 4, number(have, "bytes_before"));
    ck_assert_int_eq(free_pages(path), 0);
    assert_sound(path);
    json_decref(have);
}

TEST(the_need_for_room_is_told_before)
{
    ran r = SKEP("db", "optimize", holey("h.db", "PRAGMA journal_mode=wal"), "--vacuum");
    ck_assert_int_eq(r.status, 0);
    assert_one_line(r.err, "rewriting ", " temporary file", " of disk for a while", " are free");
    ck_assert(contains(r.out, "file written anew") && contains(r.out, ", was "));
    const char *key = run_key_file("a.key");
    ck_assert_int_eq(SKEP("db", "rekey", harness_path("h.db"), "--new-key-file", key).status, 0);
    r = SKEP("db", "optimize", harness_path("h.db"), "--vacuum", "--key-file", key);
    ck_assert_int_eq(r.status, 0);
    assert_one_line(r.err, "rewriting ", " memory", " of disk for a while", " are free");
}

TEST(free_pages_of_an_incremental_file_are_given_back_without_vacuum)
{
    const char *path = holey("h.db", "PRAGMA auto_vacuum=incremental");
    ck_assert_int_gt(free_pages(path), 100);
    ran r = SKEP("db", "optimize", path);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "free pages given back"));
    ck_assert_int_eq(free_pages(path), 0);
    assert_sound(path);
}

TEST(without_vacuum_the_free_pages_of_another_file_stay)
{
    const char *path = holey("h.db", "PRAGMA journal_mode=delete");
    json_int_t before = free_pages(path);
    ck_assert_int_eq(SKEP("db", "optimize", path).status, 0);
    ck_assert_int_ge(free_pages(path) + 2, before); /* statistics may take one or two */
    assert_sound(path);
}

TEST(analyze_makes_the_statistics_of_every_table)
{
    const char *path = holey("h.db", "PRAGMA journal_mode=delete");
    ran r = SKEP("db", "optimize", path, "--analyze");
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "statistics of every table"));
    ck_assert_str_eq(stock_sql(path, "SELECT tbl, idx FROM sqlite_stat1").out, "t|ta\n");
}

TEST(the_file_of_another_program_keeps_its_nature)
{
    static const char *const modes[] = {"delete", "wal"};
    for (size_t i = 0; i < 2; i++) {
        char before[64];
        char name[16];
        (void)snprintf(before, sizeof(before), "PRAGMA journal_mode=%s", modes[i]);
        (void)snprintf(name, sizeof(name), "%s.db", modes[i]);
        const char *path = holey(name, before);
        untouched was = untouched_take(path);
        ck_assert_int_eq(SKEP("db", "optimize", path, "--analyze", "--vacuum").status, 0);
        untouched is = untouched_take(path);
        ck_assert_str_eq(was.names, is.names);
        ck_assert_uint_eq(was.files[0].st.st_mode, is.files[0].st.st_mode);
        ran r = stock_sql(path, "PRAGMA journal_mode");
        ck_assert_int_eq(strncmp(r.out, modes[i], strlen(modes[i])), 0);
        assert_sound(path);
    }
}

TEST(a_process_beside_goes_on)
{
    const char *path = holey("h.db", "PRAGMA journal_mode=wal");
    crash_child child = beside_start(path, BESIDE_HOLD);
    ck_assert_int_eq(SKEP("db", "optimize", path, "--vacuum").status, 0);
    ck_assert_int_eq(SKEP("db", "optimize", path, "--analyze").status, 0);
    beside_end(&child);
    assert_sound(path);
}

TEST(a_file_that_is_not_there_is_not_made)
{
    const char *path = harness_path("none.db");
    ran r = SKEP("db", "optimize", path);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "none.db", "SKEP_ENOTFOUND");
    ck_assert(!harness_exists(path));
}

/* Kill the program once a file beside the database says that the new pages are on their way. */
static void vacuum_and_kill(const char *path, const char *suffix)
{
    char beside[4096];
    struct stat st;
    running child =
        run_start((const char *const[]){"skep", "-q", "db", "optimize", path, "--vacuum", NULL});
    (void)snprintf(beside, sizeof(beside), "%s%s", path, suffix);
    while ((stat(beside, &st) != 0 || st.st_size < 100000) && !run_ended(&child))
        continue;
    (void)kill(child.pid, SIGKILL);
    (void)run_wait(&child);
}

TEST(a_vacuum_that_is_killed_leaves_the_file_as_it_was_and_runs_again)
{
    static const char *const modes[][2] = {{"delete", "-journal"}, {"wal", "-wal"}};
    for (size_t i = 0; i < 2; i++) {
        char before[64];
        char name[16];
        (void)snprintf(before, sizeof(before), "PRAGMA journal_mode=%s", modes[i][0]);
        (void)snprintf(name, sizeof(name), "%s.db", modes[i][0]);
        const char *path = holey(name, before);
        for (int round = 0; round < 3; round++)
            vacuum_and_kill(path, modes[i][1]);
        assert_sound(path); /* stock sqlite3 undoes what was cut off, which skep db check may not */
        ran r = SKEP("db", "check", path, "--full");
        ck_assert_msg(r.status == 0, "%d: %s", r.status, r.err);
        ck_assert_int_eq(SKEP("-q", "db", "optimize", path, "--vacuum").status, 0);
        ck_assert_int_eq(free_pages(path), 0);
        assert_sound(path);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(vacuum_gives_the_free_pages_back),
    HARNESS_TEST(the_need_for_room_is_told_before),
    HARNESS_TEST(free_pages_of_an_incremental_file_are_given_back_without_vacuum),
    HARNESS_TEST(without_vacuum_the_free_pages_of_another_file_stay),
    HARNESS_TEST(analyze_makes_the_statistics_of_every_table),
    HARNESS_TEST(the_file_of_another_program_keeps_its_nature),
    HARNESS_TEST(a_process_beside_goes_on),
    HARNESS_TEST(a_vacuum_that_is_killed_leaves_the_file_as_it_was_and_runs_again),
    HARNESS_TEST(a_file_that_is_not_there_is_not_made),
};
const harness_suite optimize_suite = HARNESS_SUITE("optimize", tests);
