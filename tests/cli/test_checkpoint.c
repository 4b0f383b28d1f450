/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <string.h>

#include <skep/skep.h>

#include "beside.h"
#include "run.h"
#include "untouched.h"

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s is no integer", key);
    return json_integer_value(value);
}

TEST(a_wal_that_was_left_behind_is_written_back)
{
    const char *path = harness_path("left.db");
    leave_wal(path, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    ran r = SKEP("db", "checkpoint", path, "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert_int_gt(number(have, "wal_pages"), 0);
    ck_assert_int_eq(number(have, "pages_left"), 0);
    ck_assert_int_gt(number(have, "wal_bytes_before"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(have, "journal_mode")), "wal");
    ck_assert_str_eq(stock_sql(path, "SELECT count(*) FROM t").out, "2\n");
    json_decref(have);
}

TEST(truncate_cuts_the_wal_that_another_process_has_open)
{
    const char *path = harness_path("held.db");
    crash_child child = beside_start(path, BESIDE_HOLD);
    ran r = SKEP("db", "checkpoint", path, "--truncate", "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert_int_gt(number(have, "wal_bytes_before"), 0);
    ck_assert_int_eq(number(have, "wal_bytes_after"), 0);
    ck_assert_int_eq(number(have, "pages_left"), 0);
    beside_end(&child);
    json_decref(have);
}

TEST(for_a_person_it_says_what_was_written_back)
{
    const char *path = harness_path("held.db");
    crash_child child = beside_start(path, BESIDE_HOLD);
    ran r = SKEP("db", "checkpoint", path);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, " pages written back, 0 left"));
    beside_end(&child);
}

TEST(without_a_wal_there_is_nothing_to_do)
{
    const char *path = harness_path("d.db");
    (void)stock_sql(path, "CREATE TABLE t (a)");
    ran r = SKEP("db", "checkpoint", path);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "nothing to do: the journal mode is delete, so there is no WAL\n");
}

TEST(a_reader_in_the_way_is_named)
{
    const char *path = harness_path("pinned.db");
    crash_child child = beside_start(path, BESIDE_PIN);
    ran r = SKEP("db", "checkpoint", path, "--truncate");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EBUSY");
    beside_end(&child);
    ck_assert_int_eq(SKEP("db", "checkpoint", path, "--truncate").status, 0);
}

static int insert(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "INSERT INTO t VALUES (2)");
}

TEST(a_reader_of_the_newest_keeps_the_wal_from_being_cut_and_no_more)
{
    const char *path = FIXTURE("read.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    skep_db *db = NULL;
    skep_lease *lease = NULL;
    ck_assert_int_eq(skep_db_open(path, NULL, &db), 0);
    ck_assert_int_eq(skep_write(db, insert, NULL), 0);
    ck_assert_int_eq(skep_lease_open(db, NULL, &lease), 0);
    ck_assert_int_eq(SKEP("db", "checkpoint", path).status, 0);
    ran r = SKEP("db", "checkpoint", path, "--truncate");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "the WAL is written back, but cannot be cut: ", "read.db", "SKEP_EBUSY");
    skep_lease_close(lease);
    ck_assert_int_eq(skep_db_close(db), 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_reader_of_the_newest_keeps_the_wal_from_being_cut_and_no_more),
    HARNESS_TEST(a_wal_that_was_left_behind_is_written_back),
    HARNESS_TEST(truncate_cuts_the_wal_that_another_process_has_open),
    HARNESS_TEST(for_a_person_it_says_what_was_written_back),
    HARNESS_TEST(without_a_wal_there_is_nothing_to_do),
    HARNESS_TEST(a_reader_in_the_way_is_named),
};
const harness_suite checkpoint_suite = HARNESS_SUITE("checkpoint", tests);
