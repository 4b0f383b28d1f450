/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <skep/skep.h>

#include "run.h"
#include "untouched.h"

static void assert_number(const json_t *object, const char *key, json_int_t expected)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s is no integer", key);
    ck_assert_int_eq(json_integer_value(value), expected);
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_string(value), "%s is no text", key);
    ck_assert_str_eq(json_string_value(value), expected);
}

TEST(status_says_what_the_file_is)
{
    const char *path = FIXTURE("s.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ran r = SKEP("db", "status", path, "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    assert_text(have, "path", path);
    assert_number(have, "page_size", 4096);
    assert_number(have, "pages", st.st_size / 4096);
    assert_number(have, "bytes", st.st_size);
    assert_number(have, "wal_bytes", 0);
    assert_text(have, "journal_mode", "wal");
    assert_text(have, "synchronous", "full");
    ck_assert(json_is_false(json_object_get(have, "encrypted")));
    assert_text(have, "encryption", "plain");
    assert_text(have, "cipher", "none");
    assert_text(have, "sqlite_version", skep_sqlite_version());
    json_decref(have);
}

TEST(status_for_a_person_has_a_line_for_each_fact)
{
    const char *path = FIXTURE("s.db", "CREATE TABLE t (a)");
    ran r = SKEP("db", "status", path);
    static const char *const names[] = {"path",         "size",        "pages",     "wal",
                                        "journal mode", "synchronous", "encrypted", "SQLite"};
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.err, "");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert(contains(r.out, names[i]));
    ck_assert_ptr_null(strchr(r.out, '\t'));
}

TEST(status_tells_what_stands_in_the_head_of_the_file)
{
    const char *path = harness_path("h.db");
    (void)stock_sql(path, "PRAGMA encoding='UTF-16le'; PRAGMA auto_vacuum=incremental;"
                          "CREATE TABLE t (a); PRAGMA application_id=-7; PRAGMA user_version=42");
    ran r = SKEP("db", "status", path, "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    assert_text(have, "auto_vacuum", "incremental");
    assert_text(have, "encoding", "UTF-16le");
    assert_text(have, "journal_mode", "delete");
    assert_number(have, "application_id", -7);
    assert_number(have, "user_version", 42);
    json_decref(have);
}

/* Encrypted, with the passphrase "right". */
static const char *encrypted(void)
{
    const char *path = harness_path("e.db");
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_key *key = NULL;
    skep_db *db = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str("right"), &key));
    opts.key = key;
    opts.cipher = SKEP_CIPHER_CHACHA20;
    assert_ok(skep_db_open(path, &opts, &db));
    assert_ok(skep_db_close(db));
    skep_key_free(key);
    return path;
}

TEST(status_of_an_encrypted_file_needs_no_key)
{
    const char *path = encrypted();
    static const char *const keys[] = {NULL, "wrong"};
    for (size_t i = 0; i < 2; i++) {
        if (keys[i] != NULL)
            ck_assert_int_eq(setenv("SKEP_KEY", keys[i], 1), 0);
        ran r = SKEP("db", "status", path, "--json");
        ck_assert_int_eq(r.status, 0);
        json_t *have = parse_json(r.out);
        assert_text(have, "encryption", "encrypted");
        assert_text(have, "cipher", "chacha20");
        ck_assert(json_is_true(json_object_get(have, "encrypted")));
        ck_assert(json_is_false(json_object_get(have, "opened")));
        ck_assert(json_is_string(json_object_get(have, "why")));
        ck_assert_int_gt(json_integer_value(json_object_get(have, "bytes")), 0);
        ck_assert_ptr_null(json_object_get(have, "pages"));
        json_decref(have);
        r = SKEP("db", "status", path);
        ck_assert(contains(r.out, "yes, chacha20\n") && contains(r.out, "not opened"));
    }
}

TEST(status_of_an_encrypted_file_with_its_key_tells_all)
{
    const char *path = encrypted();
    untouched before = untouched_take(path);
    ck_assert_int_eq(setenv("SKEP_KEY", "right", 1), 0);
    ran r = SKEP("db", "status", path, "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert(json_is_true(json_object_get(have, "opened")));
    ck_assert_int_gt(json_integer_value(json_object_get(have, "pages")), 0);
    assert_text(have, "encoding", "UTF-8");
    untouched_check(&before);
    json_decref(have);
}

TEST(status_refuses_what_is_no_database)
{
    const char *text = harness_path("text");
    harness_write_file(text, "no database at all, but long enough to look at", 46);
    ran r = SKEP("db", "status", text);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_ECORRUPT");
    r = SKEP("db", "status", harness_dir());
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, harness_dir(), "directory", "SKEP_EINVALID");
    r = SKEP("db", "status", harness_path("missing"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "missing", "SKEP_ENOTFOUND");
}

TEST(status_and_query_leave_the_file_as_it_is)
{
    const char *path = FIXTURE("s.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    struct stat before;
    struct stat after;
    size_t size_before;
    size_t size_after;
    void *bytes_before = harness_read_file(path, &size_before);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_int_eq(SKEP("db", "status", path).status, 0);
    ck_assert_int_eq(SKEP("db", "query", path, "SELECT * FROM t").status, 0);
    void *bytes_after = harness_read_file(path, &size_after);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(size_before, size_after);
    ck_assert_int_eq(memcmp(bytes_before, bytes_after, size_before), 0);
    ck_assert_int_eq(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    ck_assert_uint_eq(before.st_mode, after.st_mode);
    ck_assert_msg(!harness_exists(harness_path("s.db-wal")), "reading left a -wal behind");
    ck_assert_msg(!harness_exists(harness_path("s.db-shm")), "reading left a -shm behind");
}

static const harness_test tests[] = {
    HARNESS_TEST(status_says_what_the_file_is),
    HARNESS_TEST(status_for_a_person_has_a_line_for_each_fact),
    HARNESS_TEST(status_tells_what_stands_in_the_head_of_the_file),
    HARNESS_TEST(status_of_an_encrypted_file_needs_no_key),
    HARNESS_TEST(status_of_an_encrypted_file_with_its_key_tells_all),
    HARNESS_TEST(status_refuses_what_is_no_database),
    HARNESS_TEST(status_and_query_leave_the_file_as_it_is),
};
const harness_suite status_suite = HARNESS_SUITE("status", tests);
