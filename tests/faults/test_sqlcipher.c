/* SPDX-License-Identifier: MIT */
/* Files that SQLCipher 4 itself wrote, read and written by skep, and the reverse. The program
 * `sqlcipher` is taken where it is one of version 4, else Python's module sqlcipher3. Files of
 * version 3 are made by the engine, which knows that format, and by the program where it is one. */
#include "faults/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skep/skep.h>

#include "sqlite3.h"

#include "faults/tools.h"

#define WORDS "it's a secret"
#define UNLOCK_WORDS "PRAGMA key='it''s a secret';\n"
#define RAW "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b" /* 32 times 'K' */
#define UNLOCK_RAW "PRAGMA key=\"x'" RAW "'\";\n"
#define ROWS 300
#define SUM 45150 /* 1 + … + ROWS */
#define FILL                                                                                       \
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b);\n"                                                  \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<300) "                  \
    "INSERT INTO t SELECT i, randomblob(500) FROM n;\n"

/* Statements on standard input, each with its line; rows on standard output. */
static const char python[] = "import sys, sqlcipher3\n"
                             "c = sqlcipher3.connect(sys.argv[1], isolation_level=None)\n"
                             "for s in sys.stdin.read().split(';\\n'):\n"
                             "    for row in c.execute(s): print(*row, sep='|')\n";

typedef enum other { NONE, PROGRAM, MODULE } other;

static char output[65536];

static int talk(other who, const char *path, const char *sql)
{
    const char *const argv[] = {
        "/bin/sh",
        "-c",
        who == PROGRAM ? "command -v sqlcipher >/dev/null || exit 9; exec sqlcipher -batch \"$1\""
                       : "command -v python3 >/dev/null || exit 9; exec python3 -c \"$2\" \"$1\"",
        "sh",
        path,
        python,
        NULL};
    return run_program(argv, sql, output, sizeof(output));
}

static bool is_version(other who, char major)
{
    int status = talk(who, ":memory:", "PRAGMA cipher_version;\n");
    return status == 0 && output[0] == major && output[1] == '.';
}

static other find_other(void)
{
    other who = is_version(PROGRAM, '4') ? PROGRAM : is_version(MODULE, '4') ? MODULE : NONE;
    if (who == NONE)
        harness_skip_test(SKIP_PEER, "SQLCipher 4: sqlcipher, or Python's sqlcipher3");
    return who;
}

/* What SQLCipher finds: so many rows, and nothing wrong. */
static void check_by_other(other who, const char *path, const char *unlock, int rows)
{
    char sql[512];
    char want[64];
    (void)snprintf(sql, sizeof(sql),
                   "%sSELECT 'rows', count(*) FROM t WHERE length(b) = 500;\n"
                   "PRAGMA cipher_integrity_check;\nPRAGMA integrity_check;\n",
                   unlock);
    (void)snprintf(want, sizeof(want), "rows|%d\nok\n", rows);
    int status = talk(who, path, sql);
    size_t len = strlen(output);
    ck_assert_msg(status == 0 && len >= strlen(want) &&
                      strcmp(output + len - strlen(want), want) == 0,
                  "%s: status %d, want %s, have %s", path, status, want, output);
}

static skep_key *words(void)
{
    skep_key *key = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str(WORDS), &key));
    return key;
}

static skep_key *raw(void)
{
    skep_key *key = NULL;
    char bytes[SKEP_KEY_BYTES];
    memset(bytes, 'K', sizeof(bytes));
    assert_ok(skep_key_raw(bytes, sizeof(bytes), &key));
    return key;
}

static int open_as(const char *path, const skep_key *key, int32_t cipher, skep_db **out)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = key;
    opts.cipher = cipher;
    opts.flags = SKEP_DB_UNATTENDED;
    return skep_db_open(path, &opts, out);
}

static int sum(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT sum(a) FROM t WHERE length(b) = 500");
    if (rc >= 0)
        rc = skep_next(rows);
    if (rc > 0)
        *(int64_t *)arg = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    return rc < 0 ? rc
                  : skep_exec(tx, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n "
                                  "WHERE i<300) INSERT INTO t SELECT i, randomblob(500) FROM n");
}

static int add_one(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "INSERT INTO t(b) VALUES(randomblob(500))");
}

/* skep finds all, and writes one row more. */
static void check_by_skep(const char *path, const skep_key *key, int32_t cipher, int64_t want)
{
    int64_t have = 0;
    skep_db *db = NULL;
    assert_ok(open_as(path, key, cipher, &db));
    assert_ok(skep_read(db, sum, &have));
    ck_assert_int_eq(have, want);
    assert_ok(skep_write(db, add_one, NULL));
    assert_ok(skep_db_check(db, NULL));
    assert_ok(skep_db_close(db));
}

static void both_ways(const char *name, const char *unlock, skep_key *key)
{
    char sql[512];
    skep_db *db = NULL;
    other who = find_other();
    const char *path = harness_path(name);
    (void)snprintf(sql, sizeof(sql), "%s" FILL, unlock);
    ck_assert_int_eq(talk(who, path, sql), 0);
    check_by_skep(path, key, SKEP_CIPHER_SQLCIPHER, SUM);
    ck_assert(!harness_exists(path_with(path, "-skep"))); /* the file is SQLCipher's */
    check_by_other(who, path, unlock, ROWS + 1);

    path = path_with(path, "-ours");
    assert_ok(open_as(path, key, SKEP_CIPHER_SQLCIPHER, &db));
    assert_ok(skep_write(db, fill, NULL));
    assert_ok(skep_db_close(db));
    check_by_other(who, path, unlock, ROWS);
    (void)snprintf(sql, sizeof(sql), "%sINSERT INTO t(b) VALUES(randomblob(500));\n", unlock);
    ck_assert_int_eq(talk(who, path, sql), 0);
    check_by_skep(path, key, 0, SUM + ROWS + 1);
    skep_key_free(key);
}

TEST(sqlcipher_and_skep_share_a_file_by_passphrase)
{
    both_ways("words.db", UNLOCK_WORDS, words());
}

TEST(sqlcipher_and_skep_share_a_file_by_raw_key)
{
    both_ways("raw.db", UNLOCK_RAW, raw());
}

/* To a cipher of ours, and back. */
TEST(a_file_of_sqlcipher_is_changed_to_ours_and_back)
{
    other who = find_other();
    const char *path = harness_path("t.db");
    skep_key *first = words();
    skep_key *next = raw();
    skep_rekey_opts change = SKEP_REKEY_OPTS_INIT;
    ck_assert_int_eq(talk(who, path, UNLOCK_WORDS FILL), 0);
    change.key = first;
    change.to = next;
    change.cipher = SKEP_CIPHER_AEGIS;
    assert_ok(skep_db_rekey(path, &change));
    check_by_skep(path, next, 0, SUM);
    change.key = next;
    change.to = first;
    change.cipher = SKEP_CIPHER_SQLCIPHER;
    assert_ok(skep_db_rekey(path, &change));
    check_by_other(who, path, UNLOCK_WORDS, ROWS + 1);
    check_by_skep(path, first, 0, SUM + ROWS + 1);
    skep_key_free(first);
    skep_key_free(next);
}

static void assert_too_old(const char *path)
{
    size_t size = 0;
    size_t now = 0;
    skep_db *db = NULL;
    skep_key *key = words();
    const void *before = harness_read_file(path, &size);
    ck_assert_uint_gt(size, 0);
    assert_fails(open_as(path, key, SKEP_CIPHER_SQLCIPHER, &db), SKEP_EAUTH);
    ck_assert_msg(strstr(skep_last_error()->text, "SQLCipher before 4") != NULL, "%s",
                  skep_last_error()->text);
    ck_assert_mem_eq(harness_read_file(path, &now), before, size);
    ck_assert_uint_eq(now, size);
    skep_key_free(key);
}

TEST(a_file_of_sqlcipher_3_is_refused_and_its_age_suspected)
{
    sqlite3 *raw3 = NULL;
    const char *path = harness_path("three.db");
    ck_assert_int_eq(sqlite3_open(path, &raw3), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw3,
                                  "PRAGMA cipher='sqlcipher'; PRAGMA legacy=3;" UNLOCK_WORDS FILL,
                                  0, 0, 0),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw3), SQLITE_OK);
    assert_too_old(path);
    if (is_version(PROGRAM, '3')) {
        path = harness_path("real.db");
        ck_assert_int_eq(talk(PROGRAM, path, UNLOCK_WORDS FILL), 0);
        assert_too_old(path);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(sqlcipher_and_skep_share_a_file_by_passphrase),
    HARNESS_TEST(sqlcipher_and_skep_share_a_file_by_raw_key),
    HARNESS_TEST(a_file_of_sqlcipher_is_changed_to_ours_and_back),
    HARNESS_TEST(a_file_of_sqlcipher_3_is_refused_and_its_age_suspected),
};
const harness_suite sqlcipher_suite = HARNESS_SUITE("sqlcipher", tests);
