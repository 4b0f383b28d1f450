/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static void assert_open_fails(const char *path, const skep_db_opts *opts, int code)
{
    skep_db *db = (skep_db *)(uintptr_t)1;
    assert_fails(skep_db_open(path, opts, &db), code);
    ck_assert_ptr_eq(db, (skep_db *)(uintptr_t)1); /* outputs are untouched */
}

TEST(a_new_database_is_made_kept_and_opened_again)
{
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(42)");
    db_close(db);
    ck_assert(!harness_exists(harness_path("t.db-wal"))); /* written back */
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 42);
    db_close(db);
}

TEST(closing_nothing_is_fine)
{
    assert_ok(skep_db_close(NULL));
}

TEST(paths_that_cannot_be_databases_say_why)
{
    assert_open_fails("", NULL, SKEP_EINVALID);
    assert_open_fails(":memory:", NULL, SKEP_EUNSUPPORTED);
    assert_open_fails("postgres://host/db", NULL, SKEP_EUNSUPPORTED);
    assert_open_fails("postgresql://host/db", NULL, SKEP_EUNSUPPORTED);
    assert_open_fails(harness_dir(), NULL, SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "directory"));
    assert_open_fails("/dev/null", NULL, SKEP_EINVALID);
    assert_open_fails(harness_path("no/such/dir.db"), NULL, SKEP_ENOTFOUND);
    ck_assert_int_eq(mkfifo(harness_path("fifo"), 0600), 0);
    assert_open_fails(harness_path("fifo"), NULL, SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "FIFO"));
}

/* The descriptors of a database that has none yet are not number 0. */
TEST(an_open_that_fails_at_once_closes_nothing_of_the_program)
{
    const skep_db_opts wrong = {.size = sizeof(wrong), .readers = SKEP_DB_READERS_MAX + 1};
    skep_db *db = NULL;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(dup2(null, STDIN_FILENO), 0);
    assert_fails(skep_db_open("/", NULL, &db), SKEP_EINVALID);
    assert_fails(skep_db_open(harness_path("t.db"), &wrong, &db), SKEP_EINVALID);
    ck_assert_int_ne(fcntl(STDIN_FILENO, F_GETFD), -1);
    ck_assert_int_eq(close(null), 0);
}

TEST(a_file_that_is_no_database_is_corrupt)
{
    char text[4096];
    memset(text, 'x', sizeof(text));
    harness_write_file(harness_path("t.db"), text, sizeof(text));
    assert_open_fails(harness_path("t.db"), NULL, SKEP_ECORRUPT);
    size_t size = 0;
    const char *after = harness_read_file(harness_path("t.db"), &size);
    ck_assert_uint_eq(size, sizeof(text));
    ck_assert_int_eq(memcmp(after, text, size), 0);
}

TEST(a_path_that_is_too_long_is_refused)
{
    char name[600];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    skep_db *db = NULL;
    int rc = skep_db_open(harness_path(name), NULL, &db);
    ck_assert_int_lt(rc, 0);
    assert_fails(rc, rc);
    ck_assert_ptr_null(db);
}

TEST(a_file_of_one_byte_is_corrupt_and_stays_as_it_is)
{
    size_t size = 0;
    harness_write_file(harness_path("t.db"), "x", 1);
    assert_open_fails(harness_path("t.db"), NULL, SKEP_ECORRUPT);
    ck_assert_str_eq(harness_read_file(harness_path("t.db"), &size), "x");
    ck_assert_uint_eq(size, 1);
}

TEST(what_lies_in_the_place_of_the_wal_must_be_a_file)
{
    ck_assert_int_eq(mkdir(harness_path("t.db-wal"), 0700), 0);
    assert_open_fails(harness_path("t.db"), NULL, SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "t.db-wal"));
}

TEST(an_empty_file_becomes_a_database)
{
    harness_write_file(harness_path("t.db"), "", 0);
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a)");
    db_close(db);
}

TEST(must_exist_does_not_create)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_MUST_EXIST;
    assert_open_fails(harness_path("t.db"), &opts, SKEP_ENOTFOUND);
    ck_assert(!harness_exists(harness_path("t.db")));
    db_close(db_open(NULL));
    db_close(db_open(&opts));
}

TEST(readonly_reads_and_refuses_to_write)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_READONLY;
    assert_open_fails(harness_path("t.db"), &opts, SKEP_ENOTFOUND);
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(42)");
    db_close(db);
    db = db_open(&opts);
    ck_assert_int_eq(db_number(db, "SELECT a FROM t"), 42);
    assert_fails(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_EREADONLY);
    skep_db_hooks hooks = {.size = sizeof(hooks), .abi = SKEP_DB_HOOKS_ABI};
    assert_fails(skep_db_set_hooks(db, &hooks), SKEP_EREADONLY);
    uint64_t left = 0;
    assert_fails(skep_db_checkpoint_pass(db, 0, &left), SKEP_EREADONLY);
    assert_fails(skep_db_checkpoint_pass(db, 1, &left), SKEP_EREADONLY);
    db_close(db);
}

TEST(no_permission_is_denied)
{
    db_close(db_open(NULL));
    ck_assert_int_eq(chmod(harness_path("t.db"), 0000), 0);
    harness_drop_root();
    assert_open_fails(harness_path("t.db"), NULL, SKEP_EDENIED);
}

TEST(a_file_without_write_permission_is_denied_but_can_be_read)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a)");
    db_close(db);
    ck_assert_int_eq(chmod(harness_path("t.db"), 0444), 0);
    harness_drop_root();
    assert_open_fails(harness_path("t.db"), NULL, SKEP_EDENIED);
    opts.flags = SKEP_DB_READONLY;
    db = db_open(&opts);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(options_out_of_range_are_invalid_and_named)
{
    static const struct {
        skep_db_opts opts;
        const char *name;
    } bad[] = {
        {{.size = sizeof(skep_db_opts), .synchronous = 9}, "synchronous"},
        {{.size = sizeof(skep_db_opts), .flags = 1u << 30}, "flags"},
        {{.size = sizeof(skep_db_opts), .readers = SKEP_DB_READERS_MAX + 1}, "readers"},
        {{.size = sizeof(skep_db_opts), .read_wait_ms = -1}, "read_wait_ms"},
        {{.size = sizeof(skep_db_opts), .busy_timeout_ms = -5}, "busy_timeout_ms"},
        {{.size = sizeof(skep_db_opts), .close_timeout_ms = INT64_MAX}, "close_timeout_ms"},
        {{.size = sizeof(skep_db_opts), .cache_bytes = 1}, "cache_bytes"},
        {{.size = sizeof(skep_db_opts), .checkpoint_pages = 9}, "checkpoint_pages"},
        {{.size = sizeof(skep_db_opts), .group_max = 257}, "group_max"},
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_open_fails(harness_path("t.db"), &bad[i].opts, SKEP_EINVALID);
        ck_assert_msg(strstr(skep_last_error()->text, bad[i].name) != NULL, "%s: %s", bad[i].name,
                      skep_last_error()->text);
    }
    ck_assert(!harness_exists(harness_path("t.db")));
}

TEST(options_at_their_edges_are_taken)
{
    skep_db_opts opts = {
        .size = sizeof(opts),
        .synchronous = SKEP_SYNC_NORMAL,
        .readers = 1,
        .read_wait_ms = 1,
        .busy_timeout_ms = 1,
        .close_timeout_ms = 86400000,
        .cache_bytes = 1 << 20,
        .checkpoint_pages = 10,
        .group_max = 1,
    };
    skep_db *db = db_open(&opts);
    db_must(db, "CREATE TABLE t(a)");
    db_close(db);
    opts.readers = SKEP_DB_READERS_MAX;
    db = db_open(&opts);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(the_page_cache_is_shared_out_over_the_connections)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.cache_bytes = 64 << 20;
    opts.readers = 7;
    skep_db *db = db_open(&opts);
    ck_assert_int_eq(db_number(db, "PRAGMA cache_size"), -(64 << 10) / 8);
    db_close(db);
    opts.cache_bytes = 1 << 20;
    opts.readers = 1000;
    db = db_open(&opts);
    ck_assert_int_eq(db_number(db, "PRAGMA cache_size"), -64); /* no less */
    db_close(db);
}

TEST(null_handles_and_places_are_misuse)
{
    skep_db *db = NULL;
    skep__misuse_aborts(false);
    assert_fails(skep_db_open(NULL, NULL, &db), SKEP_EMISUSE);
    assert_fails(skep_db_open("x.db", NULL, NULL), SKEP_EMISUSE);
    assert_fails(skep_write(NULL, script_run, NULL), SKEP_EMISUSE);
    assert_fails(skep_read(NULL, script_run, NULL), SKEP_EMISUSE);
    db = db_open(NULL);
    assert_fails(skep_write(db, NULL, NULL), SKEP_EMISUSE);
    assert_fails(skep_read(db, NULL, NULL), SKEP_EMISUSE);
    assert_fails(skep_db_get_stats(db, NULL), SKEP_EMISUSE);
    assert_fails(skep_db_get_info(NULL, NULL), SKEP_EMISUSE);
    assert_fails(skep_exec_v(NULL, "SELECT 1", NULL, 0), SKEP_EMISUSE);
    assert_fails(skep_next(NULL), SKEP_EMISUSE);
    db_close(db);
}

TEST(the_path_of_a_link_is_that_of_the_file)
{
    db_close(db_open(NULL));
    ck_assert_int_eq(symlink(harness_path("t.db"), harness_path("link.db")), 0);
    skep_db *db = NULL;
    assert_ok(skep_db_open(harness_path("link.db"), NULL, &db));
    skep_db_info info = {.size = sizeof(info)};
    assert_ok(skep_db_get_info(db, &info));
    ck_assert_str_eq(info.path, harness_path("t.db"));
    db_close(db);
    ck_assert(!harness_exists(harness_path("link.db-wal")));
}

TEST(a_file_can_be_open_twice_in_a_process)
{
    skep_db *a = db_open(NULL);
    skep_db *b = db_open(NULL);
    db_must(a, "CREATE TABLE t(a)");
    db_must(b, "INSERT INTO t VALUES(1)");
    db_must(a, "INSERT INTO t VALUES(2)");
    ck_assert_int_eq(db_number(b, "SELECT sum(a) FROM t"), 3);
    db_close(a);
    db_must(b, "INSERT INTO t VALUES(3)");
    ck_assert_int_eq(db_number(b, "SELECT sum(a) FROM t"), 6);
    db_close(b);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_new_database_is_made_kept_and_opened_again),
    HARNESS_TEST(closing_nothing_is_fine),
    HARNESS_TEST(paths_that_cannot_be_databases_say_why),
    HARNESS_TEST(an_open_that_fails_at_once_closes_nothing_of_the_program),
    HARNESS_TEST(a_file_that_is_no_database_is_corrupt),
    HARNESS_TEST(a_path_that_is_too_long_is_refused),
    HARNESS_TEST(a_file_of_one_byte_is_corrupt_and_stays_as_it_is),
    HARNESS_TEST(what_lies_in_the_place_of_the_wal_must_be_a_file),
    HARNESS_TEST(an_empty_file_becomes_a_database),
    HARNESS_TEST(must_exist_does_not_create),
    HARNESS_TEST(readonly_reads_and_refuses_to_write),
    HARNESS_TEST(no_permission_is_denied),
    HARNESS_TEST(a_file_without_write_permission_is_denied_but_can_be_read),
    HARNESS_TEST(options_out_of_range_are_invalid_and_named),
    HARNESS_TEST(options_at_their_edges_are_taken),
    HARNESS_TEST(the_page_cache_is_shared_out_over_the_connections),
    HARNESS_TEST(null_handles_and_places_are_misuse),
    HARNESS_TEST(the_path_of_a_link_is_that_of_the_file),
    HARNESS_TEST(a_file_can_be_open_twice_in_a_process),
};
const harness_suite open_suite = HARNESS_SUITE("open", tests);
