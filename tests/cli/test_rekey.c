/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beside.h"
#include "run.h"
#include "untouched.h"

#define REKEY(path, ...) SKEP("db", "rekey", (path), __VA_ARGS__)

static const char *plain(int rows)
{
    char sql[512];
    const char *path = harness_path("r.db");
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA journal_mode=delete; CREATE TABLE t (id INTEGER PRIMARY KEY, secret);"
                   "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT %d)"
                   " INSERT INTO t SELECT x, 'the plain secret '||hex(randomblob(400)) FROM n",
                   rows);
    (void)stock_sql(path, sql);
    return path;
}

static bool holds_plaintext(const char *path)
{
    size_t size = 0;
    char *bytes = harness_read_file(path, &size);
    return memmem(bytes, size, "the plain secret", 16) != NULL;
}

/* For writing: what a kill left half done can be undone then. */
static ran count_with(const char *path, const char *key)
{
    const char *sql = "SELECT count(*) AS n FROM t";
    return key == NULL ? SKEP("db", "query", path, sql, "--json", "--write")
                       : SKEP("db", "query", path, sql, "--json", "--write", "--key-file", key);
}

static bool opens_with(const char *path, const char *key, int rows)
{
    char want[32];
    ran r = count_with(path, key);
    (void)snprintf(want, sizeof(want), "{\"n\":%d}\n", rows);
    return r.status == 0 && strcmp(r.out, want) == 0;
}

static const char *seal_of(const char *path)
{
    static char word[32];
    json_t *have = parse_json(SKEP("db", "status", path, "--json").out);
    (void)snprintf(word, sizeof(word), "%s",
                   json_string_value(json_object_get(have, "encryption")));
    json_decref(have);
    return word;
}

TEST(a_plain_file_is_encrypted_gets_another_key_and_is_plain_again)
{
    const char *path = plain(100);
    const char *first = run_key_file("a.key");
    const char *second = run_key_file("b.key");
    ran r = REKEY(path, "--new-key-file", first, "--cipher", "chacha20", "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert_str_eq(json_string_value(json_object_get(have, "was")), "plain");
    ck_assert_str_eq(json_string_value(json_object_get(have, "state")), "encrypted");
    ck_assert_str_eq(json_string_value(json_object_get(have, "cipher")), "chacha20");
    json_decref(have);
    ck_assert(!holds_plaintext(path));
    ck_assert(opens_with(path, first, 100));

    r = REKEY(path, "--key-file", first, "--new-key-file", second);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, " pages in "));
    ck_assert(opens_with(path, second, 100));
    r = REKEY(path, "--key-file", first, "--new-key-file", second); /* once more */
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "no page was written"));
    ck_assert(!opens_with(path, first, 100));
    ck_assert_str_eq(seal_of(path), "encrypted");

    ck_assert_int_eq(REKEY(path, "--key-file", second, "--decrypt", "--yes").status, 0);
    ck_assert(opens_with(path, NULL, 100));
    ck_assert_str_eq(seal_of(path), "plain");
}

TEST(a_wrong_or_missing_key_changes_nothing)
{
    const char *path = plain(100);
    const char *right = run_key_file("a.key");
    const char *wrong = run_key_file("b.key");
    const char *next = run_key_file("c.key");
    ck_assert_int_eq(REKEY(path, "--new-key-file", right).status, 0);
    untouched before = untouched_take(path);
    ran r = REKEY(path, "--key-file", wrong, "--new-key-file", next);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EAUTH");
    r = REKEY(path, "--new-key-file", next);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EAUTH");
    untouched_check_bytes(&before);
    ck_assert(opens_with(path, right, 100));
}

TEST(the_present_key_may_come_from_the_environment)
{
    const char *path = plain(10);
    const char *key = run_key_file("a.key");
    ck_assert_int_eq(setenv("SKEP_KEY", "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=", 1), 0);
    ck_assert_int_eq(REKEY(path, "--new-key-file", key).status, 0); /* it is none of a plain file */
    ck_assert(opens_with(path, NULL, 10));
    ck_assert_int_eq(REKEY(path, "--decrypt", "--yes").status, 0);
    ck_assert_int_eq(unsetenv("SKEP_KEY"), 0);
    ck_assert(opens_with(path, NULL, 10));
}

TEST(a_file_that_another_process_has_open_stays_as_it_is)
{
    const char *path = harness_path("held.db");
    crash_child child = beside_start(path, BESIDE_HOLD);
    ran r = REKEY(path, "--new-key-file", run_key_file("a.key"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "held.db", "SKEP_EBUSY");
    beside_end(&child);
    ck_assert_str_eq(seal_of(path), "plain");
}

TEST(decrypting_wants_to_be_confirmed)
{
    const char *path = plain(10);
    const char *key = run_key_file("a.key");
    ck_assert_int_eq(REKEY(path, "--new-key-file", key).status, 0);
    ran r = REKEY(path, "--key-file", key, "--decrypt");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "in the clear", "--yes");
    ck_assert(opens_with(path, key, 10));
}

TEST(options_of_rekey_that_make_no_sense_are_usage_errors)
{
    const char *path = plain(10);
    const char *key = run_key_file("a.key");
    ck_assert_int_eq(REKEY(path, "-q").status, 2);
    ck_assert_int_eq(REKEY(path, "--decrypt", "--new-key-file", key, "--yes").status, 2);
    ck_assert_int_eq(REKEY(path, "--decrypt", "--cipher", "aegis", "--yes").status, 2);
    ck_assert_int_eq(REKEY(path, "--new-key-file", key, "--cipher", "rot13").status, 2);
    ck_assert(opens_with(path, NULL, 10));
}

/* Kill `skep db rekey` once the file beside the database says that it has begun, and a random
 * number of looks after that. */
static void rekey_and_kill(const char *path, const char *old, const char *next, rng *chance)
{
    char seal[4096];
    const char *argv[] = {"skep",           "db", "rekey", path, "--key-file", old,
                          "--new-key-file", next, NULL};
    (void)snprintf(seal, sizeof(seal), "%s-skep", path);
    size_t before = 0;
    void *was = harness_read_file(seal, &before);
    running child = run_start(argv);
    for (;;) {
        size_t now = 0;
        const void *is = harness_exists(seal) ? harness_read_file(seal, &now) : NULL;
        if (is == NULL || now != before || memcmp(was, is, now) != 0)
            break;
        if (run_ended(&child))
            break;
    }
    for (uint64_t looks = rng_below(chance, 400); looks > 0; looks--)
        (void)harness_exists(seal);
    (void)kill(child.pid, SIGKILL);
    (void)run_wait(&child);
}

/* After a kill at any time it opens with exactly one of the keys, status tells which, and the same
 * command finishes. */
TEST(a_killed_rekey_leaves_one_key_and_the_same_command_finishes)
{
    const char *path = plain(5000);
    const char *keys[] = {run_key_file("a.key"), run_key_file("b.key")};
    rng chance = rng_of(harness_seed());
    ck_assert_int_eq(REKEY(path, "--new-key-file", keys[0]).status, 0);
    for (size_t round = 0; round < 6; round++) {
        const char *old = keys[round % 2];
        const char *next = keys[(round + 1) % 2];
        rekey_and_kill(path, old, next, &chance);
        char word[32];
        (void)snprintf(word, sizeof(word), "%s", seal_of(path));
        bool tries[2];
        for (size_t k = 0; k < 2; k++) /* each comes first in turn */
            tries[(k + round) % 2] = opens_with(path, (k + round) % 2 == 0 ? old : next, 5000);
        bool with_old = tries[0];
        bool with_next = tries[1];
        ck_assert_msg(with_old != with_next, "round %zu, %s: old %d, new %d", round, word, with_old,
                      with_next);
        if (strcmp(word, "rekey_old") == 0)
            ck_assert(with_old);
        if (strcmp(word, "rekey_new") == 0)
            ck_assert(with_next);
        if (strcmp(word, "encrypted") != 0 || with_old)
            ck_assert_int_eq(REKEY(path, "--key-file", old, "--new-key-file", next).status, 0);
        ck_assert(opens_with(path, next, 5000));
        ck_assert_str_eq(seal_of(path), "encrypted");
        ck_assert(!holds_plaintext(path));
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(a_plain_file_is_encrypted_gets_another_key_and_is_plain_again),
    HARNESS_TEST(a_wrong_or_missing_key_changes_nothing),
    HARNESS_TEST(the_present_key_may_come_from_the_environment),
    HARNESS_TEST(a_file_that_another_process_has_open_stays_as_it_is),
    HARNESS_TEST(decrypting_wants_to_be_confirmed),
    HARNESS_TEST(options_of_rekey_that_make_no_sense_are_usage_errors),
    HARNESS_TEST(a_killed_rekey_leaves_one_key_and_the_same_command_finishes),
};
const harness_suite rekey_suite = HARNESS_SUITE("rekey", tests);
