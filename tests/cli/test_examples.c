/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdlib.h>

#include "run.h"

static ran example(const char *name, const char *first, const char *second)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/examples/%s", getenv("SKEP_BUILD_DIR"), name);
    return run_program(path, (const char *const[]){name, first, second, NULL}, 0);
}

TEST(the_first_program_keeps_what_it_writes)
{
    const char *db = harness_path("first.db");
    ck_assert_int_eq(example("first", db, NULL).status, 0);
    ck_assert_int_eq(example("first", db, NULL).status, 0);
    ran r = SKEP("db", "query", db, "SELECT name, count(*) AS n FROM greeted", "--json");
    assert_json(r.out, "{\"name\": \"world\", \"n\": 2}");
}

TEST(the_inventory_records_files_and_goes_on_where_it_was)
{
    const char *db = harness_path("inventory.db");
    const char *source = getenv("SKEP_SOURCE_DIR");
    char include[4096];
    (void)snprintf(include, sizeof(include), "%s/include", source);
    ran r = example("inventory", db, include);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "durable transactions/s"));
    ck_assert(contains(r.out, "/include/skep/")); /* the newest of them, whichever they are */
    r = example("inventory", db, include);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, " 0 of them new"));
}

TEST(the_transactions_of_the_guide_end_as_it_says)
{
    ran r = example("transactions", harness_path("bank.db"), NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "1000 in the bank, 1010 after 2 gifts of 5\n"));
    ck_assert(contains(r.err, "SKEP_EUSER: the transaction function returned -1001 (rolled back)"));
    ck_assert(contains(r.err, "SKEP_ECONSTRAINT: "));
    ck_assert(contains(r.err, "SKEP_ECANCELLED: call cancelled before the call began (none)"));
}

TEST(the_rows_of_the_guide_come_back_as_it_says)
{
    const char *db = harness_path("rows.db");
    ran r = example("rows", db, NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "2026-11-21T09:27:18.000000Z  Brocken    -3.5 checked 3 bytes\n"
                            "2026-11-21T09:28:18.000000Z  Zugspitze  -11.2 - 0 bytes\n"
                            "Brocken  1 of mean -3.50\n"
                            "Zugspitze 1 of mean -11.25\n");
}

TEST(the_leases_of_the_guide_see_what_it_says)
{
    ran r = example("leases", harness_path("leases.db"), NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "old old old \n"
                            "a lease: SELECT text FROM page WHERE n = ?\n"
                            "new\n");
}

TEST(the_settings_of_the_guide_take_effect)
{
    ran r = example("settings", harness_path("set.db"), NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "/set.db: wal, synchronous normal; 1 writes in 1 commits\n"));
}

TEST(the_server_of_the_guide_ends_with_its_input)
{
    ran r = example("serve", harness_path("objects"), NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "http://127.0.0.1:"));
    ck_assert(harness_exists(harness_path("objects")));
}

TEST(the_asynchronous_calls_of_the_guide_end_as_it_says)
{
    ran r = example("async", harness_path("async.db"), NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "62 readings\n");
    ck_assert_str_eq(r.err, "");
}

TEST(asynchronous_calls_live_in_a_loop_of_epoll)
{
    const char *db = harness_path("epoll.db");
    ran r = example("async_epoll", db, NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "100 calls done, 0 failed\n");
    r = SKEP("db", "query", db, "SELECT count(DISTINCT n) AS n FROM number", "--json");
    assert_json(r.out, "{\"n\": 100}");
}

TEST(asynchronous_calls_live_in_a_loop_of_libuv)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/examples/async_libuv", getenv("SKEP_BUILD_DIR"));
    if (!harness_exists(path))
        harness_skip_test(SKIP_TOOL, "libuv was not there when this was built");
    const char *db = harness_path("libuv.db");
    ran r = example("async_libuv", db, NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "100 calls done, 0 failed\n");
    r = SKEP("db", "query", db, "SELECT count(DISTINCT n) AS n FROM number", "--json");
    assert_json(r.out, "{\"n\": 100}");
}

TEST(the_operator_of_the_guide_finds_a_healthy_database)
{
    ran r = example("operating", harness_path("operating.db"), NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "healthy\n");
    ck_assert(!harness_exists(harness_path("operating.db-skep-lock")));
}

TEST(the_encrypted_database_changes_its_key)
{
    ran r = example("encryption", harness_path("secret.db"), NULL);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "without a key: SKEP_EAUTH\n"
                            "the new key opens it, the old one does not\n");
}

TEST(the_sealed_store_of_the_guide_opens_for_whom_it_says)
{
    ran r = example("sealed", harness_path("store"), NULL);
    ck_assert_str_eq(r.err, "");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "notes/1: nobody's business\n"
                            "notes/2: SKEP_EAUTH\n"
                            "notes/1: nobody's business\n"
                            "notes/2: nor this\n");
}

TEST(the_mirror_of_the_guide_is_in_both_and_an_archive)
{
    ran r = example("mirror", harness_path("m"), NULL);
    ck_assert_str_eq(r.err, "");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "behind: 0 objects, 0 bytes, 0 s\n"
                            "copy 1: missing there\n"
                            "1 copied, 0 failed\n");
}

TEST(the_store_of_the_guide_has_what_it_says)
{
    char uri[4096];
    (void)snprintf(uri, sizeof(uri), "file:%s", harness_path("objects"));
    ran r = example("store", uri, NULL);
    ck_assert_str_eq(r.err, "");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "turns/1: taken\n"
                            "turns/1: SKEP_EEXISTS\n"
                            "notes/today: 13 bytes\n"
                            "numbers: 3890 bytes\n"
                            "turns/1: 4 bytes\n"
                            "first\n"
                            "second\n");
}

static const harness_test tests[] = {
    HARNESS_TEST(the_store_of_the_guide_has_what_it_says),
    HARNESS_TEST(the_mirror_of_the_guide_is_in_both_and_an_archive),
    HARNESS_TEST(the_encrypted_database_changes_its_key),
    HARNESS_TEST(the_sealed_store_of_the_guide_opens_for_whom_it_says),
    HARNESS_TEST(the_first_program_keeps_what_it_writes),
    HARNESS_TEST(the_inventory_records_files_and_goes_on_where_it_was),
    HARNESS_TEST(the_transactions_of_the_guide_end_as_it_says),
    HARNESS_TEST(the_rows_of_the_guide_come_back_as_it_says),
    HARNESS_TEST(the_leases_of_the_guide_see_what_it_says),
    HARNESS_TEST(the_operator_of_the_guide_finds_a_healthy_database),
    HARNESS_TEST(the_settings_of_the_guide_take_effect),
    HARNESS_TEST(the_server_of_the_guide_ends_with_its_input),
    HARNESS_TEST(the_asynchronous_calls_of_the_guide_end_as_it_says),
    HARNESS_TEST(asynchronous_calls_live_in_a_loop_of_epoll),
    HARNESS_TEST(asynchronous_calls_live_in_a_loop_of_libuv),
};
const harness_suite examples_suite = HARNESS_SUITE("examples", tests);
