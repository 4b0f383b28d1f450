/* SPDX-License-Identifier: MIT */
/* Encrypted databases: opened with their key only, and harmed by no other. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sql/sqlite_private.h"

#include "support.h"

#define ROWS 50

static skep_key *raw_key(uint8_t fill)
{
    uint8_t bytes[SKEP_KEY_BYTES];
    skep_key *key = NULL;
    memset(bytes, fill, sizeof(bytes));
    assert_ok(skep_key_raw(bytes, sizeof(bytes), &key));
    return key;
}

static skep_key *passphrase(const char *text)
{
    skep_key *key = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str(text), &key));
    return key;
}

static int open_keyed(const char *name, const skep_key *key, int cipher, uint32_t flags,
                      skep_db **out)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = key;
    opts.cipher = cipher;
    opts.flags = flags | SKEP_DB_UNATTENDED;
    return skep_db_open(harness_path(name), &opts, out);
}

/* A file with ROWS rows, closed. */
static void make(const char *name, const skep_key *key, int cipher)
{
    skep_db *db = NULL;
    assert_ok(open_keyed(name, key, cipher, 0, &db));
    db_must(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
    db_must(db, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<50) "
                "INSERT INTO t SELECT i, 'a canary of some length ' || i FROM n");
    assert_ok(skep_db_close(db));
}

static void assert_opens(const char *name, const skep_key *key, int cipher, int64_t rows)
{
    skep_db *db = NULL;
    assert_ok(open_keyed(name, key, cipher, SKEP_DB_MUST_EXIST, &db));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t WHERE b LIKE '%canary%'"), rows);
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    assert_ok(skep_db_get_info(db, &info));
    ck_assert_uint_eq(info.encrypted, key != NULL);
    assert_ok(skep_db_close(db));
}

static void assert_refused(const char *name, const skep_key *key, int code, const char *why)
{
    static const uint32_t flags[] = {0, SKEP_DB_READONLY, SKEP_DB_FOREIGN};
    for (size_t i = 0; i < LENGTH(flags); i++) {
        skep_db *db = NULL;
        assert_fails(open_keyed(name, key, 0, flags[i], &db), code);
        ck_assert_msg(strstr(skep_last_error()->text, why) != NULL, "%s", skep_last_error()->text);
        ck_assert_msg(strstr(skep_last_error()->text, harness_path(name)) != NULL, "%s",
                      skep_last_error()->text);
    }
}

/* ---- files that are compared ---- */

typedef struct snapshot {
    const char *path;
    void *data; /* NULL: not there */
    size_t size;
} snapshot;

static snapshot take(const char *name)
{
    snapshot s = {.path = harness_path(name)};
    if (harness_exists(s.path))
        s.data = harness_read_file(s.path, &s.size);
    return s;
}

static void assert_same(const snapshot *s)
{
    size_t size = 0;
    ck_assert_msg(harness_exists(s->path) == (s->data != NULL), "%s", s->path);
    if (s->data == NULL)
        return;
    const void *now = harness_read_file(s->path, &size);
    ck_assert_uint_eq(size, s->size);
    ck_assert_msg(memcmp(now, s->data, size) == 0, "%s changed", s->path);
}

static void copy(const char *from, const char *to)
{
    size_t size = 0;
    const void *data = harness_read_file(harness_path(from), &size);
    harness_write_file(harness_path(to), data, size);
}

static bool holds(const char *name, const char *text)
{
    size_t size = 0;
    const void *data = harness_read_file(harness_path(name), &size);
    return memmem(data, size, text, strlen(text)) != NULL;
}

/* ---- keys ---- */

TEST(an_encrypted_database_opens_with_its_key_and_no_other)
{
    static const int ciphers[] = {SKEP_CIPHER_DEFAULT, SKEP_CIPHER_AEGIS, SKEP_CIPHER_CHACHA20,
                                  SKEP_CIPHER_SQLCIPHER};
    static const char *const names[] = {"d.db", "a.db", "c.db", "s.db"};
    skep_key *right = raw_key(1);
    skep_key *wrong = raw_key(2);
    skep_key *text = passphrase("wrong too");
    for (size_t i = 0; i < LENGTH(ciphers); i++) {
        make(names[i], right, ciphers[i]);
        ck_assert(!holds(names[i], "SQLite format 3"));
        ck_assert(!holds(names[i], "canary"));
        assert_refused(names[i], wrong, SKEP_EAUTH, "this key does not open");
        assert_refused(names[i], text, SKEP_EAUTH, "this key does not open");
        assert_refused(names[i], NULL, SKEP_EAUTH, "opens with its key only");
        assert_opens(names[i], right, 0, ROWS);
    }
    skep_key_free(right);
    skep_key_free(wrong);
    skep_key_free(text);
}

TEST(a_passphrase_opens_what_a_shell_on_sqlite3mc_opens_with_it)
{
    static const char *const pragmas[] = {
        "PRAGMA cipher='aegis'; PRAGMA key='it''s a secret'",
        "PRAGMA cipher='chacha20'; PRAGMA key='it''s a secret'",
        "PRAGMA cipher='sqlcipher'; PRAGMA legacy=4; PRAGMA key='it''s a secret'",
    };
    static const char *const names[] = {"a.db", "c.db", "s.db"};
    skep_key *key = passphrase("it's a secret");
    for (int i = 0; i < 3; i++) {
        sqlite3 *shell = NULL;
        make(names[i], key, SKEP_CIPHER_AEGIS + i);
        ck_assert_int_eq(sqlite3_open(harness_path(names[i]), &shell), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(shell, pragmas[i], 0, 0, 0), SQLITE_OK);
        ck_assert_int_eq(
            sqlite3_exec(shell, "INSERT INTO t VALUES(99, 'the shell''s canary')", 0, 0, 0),
            SQLITE_OK);
        ck_assert_int_eq(sqlite3_close(shell), SQLITE_OK);
        assert_opens(names[i], key, 0, ROWS + 1);
    }
    skep_key_free(key);
}

TEST(a_passphrase_that_looks_like_a_raw_key_is_a_passphrase)
{
    /* What SQLite3MC would take for the raw key of 32 times 'A' or '4', in its forms. */
    static const char *const texts[] = {
        "raw:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "raw:4141414141414141414141414141414141414141414141414141414141414141",
        "x'4141414141414141414141414141414141414141414141414141414141414141'",
    };
    skep_key *raw = raw_key('A');
    for (int cipher = SKEP_CIPHER_AEGIS; cipher <= SKEP_CIPHER_SQLCIPHER; cipher++)
        for (size_t i = 0; i < LENGTH(texts); i++) {
            char name[16];
            skep_key *key = passphrase(texts[i]);
            (void)snprintf(name, sizeof(name), "%d-%zu.db", cipher, i);
            make(name, key, cipher);
            assert_refused(name, raw, SKEP_EAUTH, "this key does not open");
            assert_opens(name, key, 0, ROWS);
            skep_key_free(key);
        }
    skep_key_free(raw);
}

TEST(all_connections_have_the_key)
{
    skep_key *key = passphrase("one stretching is enough");
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *db = NULL;
    opts.key = key;
    opts.checkpoint_pages = 10;
    assert_ok(skep_db_open(harness_path("t.db"), &opts, &db));
    skep_key_free(key); /* it was copied */
    db_must(db, "CREATE TABLE t(a)");
    for (int i = 0; i < 200; i++)
        db_must(db, "INSERT INTO t VALUES(randomblob(1000))");
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 200);
    assert_ok(skep_db_close(db));
}

TEST(a_key_for_a_plain_file_is_refused)
{
    skep_key *key = raw_key(1);
    make("t.db", NULL, 0);
    snapshot before = take("t.db");
    assert_refused("t.db", key, SKEP_EAUTH, "is not encrypted");
    ck_assert(strstr(skep_last_error()->text, "skep db rekey") != NULL);
    assert_same(&before);
    assert_opens("t.db", NULL, 0, ROWS);
    ck_assert(!harness_exists(harness_path("t.db-skep")));
    skep_key_free(key);
}

TEST(what_is_no_database_is_told_from_what_may_be_encrypted)
{
    char junk[8192];
    rng r = rng_of(harness_seed());
    rng_fill(&r, junk, sizeof(junk));
    harness_write_file(harness_path("noise"), junk, sizeof(junk));
    assert_refused("noise", NULL, SKEP_EAUTH, "encrypted, or not a database");
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)('a' + i % 23);
    harness_write_file(harness_path("text"), junk, sizeof(junk));
    assert_refused("text", NULL, SKEP_ECORRUPT, "not a SQLite database");
    skep_seal seal = {.size = (uint32_t)sizeof(seal)};
    assert_ok(skep_db_seal(harness_path("noise"), &seal));
    ck_assert_int_eq(seal.state, SKEP_SEAL_ENCRYPTED);
    assert_fails(skep_db_seal(harness_path("text"), &seal), SKEP_ECORRUPT);
    assert_fails(skep_db_seal(harness_path("none"), &seal), SKEP_ENOTFOUND);
}

TEST(sql_can_neither_change_nor_ask_how_the_connection_encrypts)
{
    static const char *const statements[] = {
        "SELECT sqlite3mc_config('cipher', 'chacha20')",
        "SELECT sqlite3mc_codec_data('raw_key')",
        "SELECT sqlite3mc_codec_data('salt', 'main')",
        "PRAGMA key='x'",
        "PRAGMA rekey='x'",
        "PRAGMA hexkey='00'",
        "PRAGMA cipher='chacha20'",
        "PRAGMA cipher_salt",
        "PRAGMA hmac_check=0",
        "ATTACH 'file:x?key=y' AS x",
    };
    skep_key *key = raw_key(1);
    skep_db *db = NULL;
    assert_ok(open_keyed("t.db", key, 0, 0, &db));
    for (size_t i = 0; i < LENGTH(statements); i++)
        assert_fails(db_exec(db, statements[i]), SKEP_EMISUSE);
    assert_ok(skep_db_close(db));
    skep_key_free(key);
}

/* ---- what a key that is wrong must not do ---- */

/* A writer that was killed: its commits are in the WAL only. */
static void make_killed(const char *name, const skep_key *key)
{
    char wal[64];
    skep_db *db = NULL;
    (void)snprintf(wal, sizeof(wal), "%s-wal", name);
    make("live.db", key, 0);
    assert_ok(open_keyed("live.db", key, 0, 0, &db));
    db_must(db, "INSERT INTO t VALUES(1001, 'a canary in the WAL')");
    db_must(db, "INSERT INTO t VALUES(1002, 'another canary in the WAL')");
    copy("live.db", name);
    copy("live.db-wal", wal);
    assert_ok(skep_db_close(db));
}

TEST(a_wrong_key_or_none_leaves_commits_in_the_wal)
{
    skep_key *right = raw_key(1);
    skep_key *wrong = raw_key(2);
    make_killed("t.db", right);
    ck_assert(!holds("t.db-wal", "canary"));
    snapshot db = take("t.db");
    snapshot wal = take("t.db-wal");
    assert_refused("t.db", wrong, SKEP_EAUTH, "this key does not open");
    assert_same(&db);
    assert_same(&wal);
    ck_assert(!harness_exists(harness_path("t.db-shm")));
    assert_refused("t.db", NULL, SKEP_EAUTH, "encrypted");
    assert_same(&db);
    assert_same(&wal);
    ck_assert(!harness_exists(harness_path("t.db-shm")));
    skep_rekey_opts change = SKEP_REKEY_OPTS_INIT;
    change.key = wrong;
    assert_fails(skep_db_rekey(harness_path("t.db"), &change), SKEP_EAUTH);
    assert_same(&db);
    assert_same(&wal);
    ck_assert(!harness_exists(harness_path("t.db-shm")));
    assert_opens("t.db", right, 0, ROWS + 2);
    skep_key_free(right);
    skep_key_free(wrong);
}

TEST(a_refused_key_takes_no_shm_away_that_somebody_uses)
{
    skep_key *right = raw_key(1);
    skep_key *wrong = raw_key(2);
    skep_db *db = NULL;
    make("t.db", right, 0);
    assert_ok(open_keyed("t.db", right, 0, 0, &db));
    db_must(db, "INSERT INTO t VALUES(1001, 'a canary in the WAL')");
    assert_refused("t.db", wrong, SKEP_EAUTH, "this key does not open");
    ck_assert(harness_exists(harness_path("t.db-shm")));
    /* Not even if it came after the refused one had looked for it. */
    const skep__conn_opts late = {.path = harness_path("t.db"), .tidy_shm = true};
    skep__sqlite_tidy_shm(&late);
    ck_assert(harness_exists(harness_path("t.db-shm")));
    db_must(db, "INSERT INTO t VALUES(1002, 'another canary in the WAL')");
    assert_ok(skep_db_close(db));
    assert_opens("t.db", right, 0, ROWS + 2);
    skep_key_free(right);
    skep_key_free(wrong);
}

/* A power cut in the middle of a checkpoint: the first page is torn, the whole one is in the WAL.
 */
TEST(a_torn_first_page_is_found_in_the_wal)
{
    size_t size = 0;
    skep_key *right = raw_key(1);
    skep_key *wrong = raw_key(2);
    skep_db *live = NULL;
    make("live.db", right, 0);
    assert_ok(open_keyed("live.db", right, 0, 0, &live));
    db_must(live, "CREATE TABLE u(a)"); /* changes the first page */
    copy("live.db", "t.db");
    copy("live.db-wal", "t.db-wal");
    assert_ok(skep_db_close(live));
    uint8_t *torn = harness_read_file(harness_path("t.db"), &size);
    memset(torn + 512, 0xee, 512);
    harness_write_file(harness_path("t.db"), torn, size);
    snapshot db = take("t.db");
    snapshot wal = take("t.db-wal");
    assert_refused("t.db", wrong, SKEP_EAUTH, "this key does not open");
    assert_same(&db);
    assert_same(&wal);
    assert_opens("t.db", right, 0, ROWS);
    skep_key_free(right);
    skep_key_free(wrong);
}

/* A program that was killed in a transaction of a file with a rollback journal. */
static void make_hot(const char *name, const skep_key *key)
{
    char journal[64];
    sqlite3 *raw = NULL;
    char text[4 + SKEP_KEY_BYTES] = {'r', 'a', 'w', ':'};
    memset(text + 4, 1, SKEP_KEY_BYTES);
    (void)snprintf(journal, sizeof(journal), "%s-journal", name);
    make("live.db", key, SKEP_CIPHER_AEGIS);
    ck_assert_int_eq(sqlite3_open(harness_path("live.db"), &raw), SQLITE_OK);
    if (key != NULL) {
        (void)sqlite3mc_config(raw, "cipher", CODEC_TYPE_AEGIS);
        ck_assert_int_eq(sqlite3_key_v2(raw, "main", text, sizeof(text)), SQLITE_OK);
    }
    ck_assert_int_eq(sqlite3_exec(raw,
                                  "PRAGMA journal_mode=DELETE; PRAGMA cache_size=1;"
                                  "CREATE TABLE big(a); BEGIN; PRAGMA user_version=7;"
                                  "UPDATE t SET b = 'lost';"
                                  "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n "
                                  "WHERE i<500) INSERT INTO big SELECT randomblob(900) FROM n",
                                  0, 0, 0),
                     SQLITE_OK);
    copy("live.db", name);
    copy("live.db-journal", journal);
    ck_assert_int_eq(sqlite3_exec(raw, "ROLLBACK", 0, 0, 0), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
}

TEST(a_wrong_key_or_none_rolls_no_journal_back)
{
    skep_key *right = raw_key(1);
    skep_key *wrong = raw_key(2);
    make_hot("t.db", right);
    snapshot db = take("t.db");
    snapshot journal = take("t.db-journal");
    assert_refused("t.db", wrong, SKEP_EAUTH, "this key does not open");
    assert_refused("t.db", NULL, SKEP_EAUTH, "encrypted");
    assert_same(&db);
    assert_same(&journal);
    ck_assert(!holds("t.db-journal", "canary"));
    assert_opens("t.db", right, 0, ROWS);
    ck_assert(!harness_exists(harness_path("t.db-journal")));
    skep_key_free(right);
    skep_key_free(wrong);
}

TEST(a_key_rolls_no_journal_of_a_plain_file_back)
{
    skep_key *key = raw_key(1);
    make_hot("t.db", NULL);
    snapshot db = take("t.db");
    snapshot journal = take("t.db-journal");
    assert_refused("t.db", key, SKEP_EAUTH, "not encrypted");
    assert_same(&db);
    assert_same(&journal);
    assert_opens("t.db", NULL, 0, ROWS);
    skep_key_free(key);
}

/* The first page may be torn then, and its old contents are in the journal. */
TEST(a_torn_first_page_is_found_in_the_journal)
{
    size_t size = 0;
    skep_key *right = raw_key(1);
    skep_key *wrong = raw_key(2);
    make_hot("t.db", right);
    uint8_t *torn = harness_read_file(harness_path("t.db"), &size);
    memset(torn, 0xee, 512); /* its salt too */
    harness_write_file(harness_path("t.db"), torn, size);
    snapshot db = take("t.db");
    assert_refused("t.db", wrong, SKEP_EAUTH, "this key does not open");
    assert_same(&db);
    assert_opens("t.db", right, 0, ROWS);
    assert_opens("t.db", right, 0, ROWS);
    skep_key_free(right);
    skep_key_free(wrong);
}

/* ---- X-skep ---- */

TEST(the_cipher_is_recorded_beside_the_file)
{
    struct stat st;
    skep_key *key = raw_key(1);
    skep_seal seal = {.size = (uint32_t)sizeof(seal)};
    make("t.db", key, SKEP_CIPHER_CHACHA20);
    ck_assert_int_eq(stat(harness_path("t.db-skep"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    assert_ok(skep_db_seal(harness_path("t.db"), &seal));
    ck_assert_int_eq(seal.state, SKEP_SEAL_ENCRYPTED);
    ck_assert_int_eq(seal.cipher, SKEP_CIPHER_CHACHA20);
    ck_assert_uint_eq(seal.recorded, 1);
    assert_opens("t.db", key, SKEP_CIPHER_AEGIS, ROWS); /* what is recorded counts */
    make("p.db", NULL, 0);
    assert_ok(skep_db_seal(harness_path("p.db"), &seal));
    ck_assert_int_eq(seal.state, SKEP_SEAL_PLAIN);
    ck_assert_int_eq(seal.cipher, SKEP_CIPHER_DEFAULT);
    ck_assert_uint_eq(seal.recorded, 0);
    skep_key_free(key);
}

TEST(a_lost_record_is_written_anew)
{
    skep_key *key = passphrase("secret");
    for (int cipher = SKEP_CIPHER_AEGIS; cipher <= SKEP_CIPHER_CHACHA20; cipher++) {
        const char *name = cipher == SKEP_CIPHER_AEGIS ? "a.db" : "c.db";
        char beside[16];
        (void)snprintf(beside, sizeof(beside), "%s-skep", name);
        make(name, key, cipher);
        snapshot record = take(beside);
        ck_assert_int_eq(unlink(harness_path(beside)), 0);
        assert_opens(name, key, 0, ROWS);
        assert_same(&record);
        harness_write_file(harness_path(beside), "SKEPSEAL\1\0\0\0 damaged", 20);
        assert_opens(name, key, 0, ROWS);
        assert_same(&record);
    }
    skep_key_free(key);
}

TEST(a_sqlcipher_file_is_recorded_only_if_we_made_it)
{
    skep_key *key = raw_key(1);
    make("t.db", key, SKEP_CIPHER_SQLCIPHER);
    ck_assert(harness_exists(harness_path("t.db-skep")));
    ck_assert_int_eq(unlink(harness_path("t.db-skep")), 0);
    assert_refused("t.db", key, SKEP_EAUTH, "this key does not open");
    assert_opens("t.db", key, SKEP_CIPHER_SQLCIPHER, ROWS);
    ck_assert(!harness_exists(harness_path("t.db-skep")));
    skep_key_free(key);
}

TEST(readers_and_guests_put_nothing_beside_the_file)
{
    static const uint32_t flags[] = {SKEP_DB_READONLY, SKEP_DB_FOREIGN};
    skep_key *key = raw_key(1);
    make("t.db", key, 0);
    ck_assert_int_eq(unlink(harness_path("t.db-skep")), 0);
    for (size_t i = 0; i < LENGTH(flags); i++) {
        skep_db *db = NULL;
        assert_ok(open_keyed("t.db", key, 0, flags[i], &db));
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), ROWS);
        assert_ok(skep_db_close(db));
        ck_assert(!harness_exists(harness_path("t.db-skep")));
    }
    skep_key_free(key);
}

TEST(a_newer_record_is_refused_and_a_strange_file_left_alone)
{
    uint8_t newer[SKEP__SEAL_BYTES];
    skep_key *key = raw_key(1);
    skep_db *db = NULL;
    make("t.db", key, 0);
    snapshot record = take("t.db-skep");
    ck_assert_uint_eq(record.size, sizeof(newer));
    ck_assert_ptr_nonnull(record.data);
    memcpy(newer, record.data, sizeof(newer));
    newer[8] = 2;
    harness_write_file(harness_path("t.db-skep"), newer, sizeof(newer));
    assert_fails(open_keyed("t.db", key, 0, 0, &db), SKEP_EVERSION);
    ck_assert(strstr(skep_last_error()->text, "format 2") != NULL);
    ck_assert(strstr(skep_last_error()->text, "up to 1") != NULL);
    harness_write_file(harness_path("t.db-skep"), "notes of somebody else's", 24);
    snapshot strange = take("t.db-skep");
    assert_opens("t.db", key, 0, ROWS);
    assert_same(&strange);
    make("p.db", NULL, 0);
    harness_write_file(harness_path("p.db-skep"), "notes of somebody else's", 24);
    assert_opens("p.db", NULL, 0, ROWS);
    assert_same(&strange);
    skep_key_free(key);
}

TEST(the_record_of_a_file_that_is_gone_says_nothing_of_a_new_one)
{
    skep_key *key = raw_key(1);
    make("t.db", key, SKEP_CIPHER_CHACHA20);
    ck_assert_int_eq(unlink(harness_path("t.db")), 0);
    make("t.db", NULL, 0);
    ck_assert(!harness_exists(harness_path("t.db-skep")));
    ck_assert(holds("t.db", "canary"));
    skep_key_free(key);
}

TEST(a_record_is_read_back_as_it_was_written)
{
    uint8_t bytes[SKEP__SEAL_BYTES];
    skep__seal out;
    skep__seal seal = {.rekeying = true, .cipher = 0, .to = SKEP_CIPHER_AEGIS, .wal = true};
    memcpy(seal.old_salt, "SQLite format 3", 16);
    memset(seal.new_salt, 7, 16);
    skep__seal_encode(&seal, bytes);
    assert_ok(skep__seal_decode(bytes, sizeof(bytes), &out));
    ck_assert(out.there);
    ck_assert(out.wal);
    ck_assert(out.rekeying);
    ck_assert_int_eq(out.cipher, 0);
    ck_assert_int_eq(out.to, SKEP_CIPHER_AEGIS);
    ck_assert_mem_eq(out.old_salt, seal.old_salt, 16);
    ck_assert_mem_eq(out.new_salt, seal.new_salt, 16);
    for (size_t i = 0; i < sizeof(bytes); i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] = (uint8_t)(bytes[i] ^ (1u << bit));
            int rc = skep__seal_decode(bytes, sizeof(bytes), &out);
            ck_assert(rc == SKEP_ECORRUPT || rc == SKEP_EVERSION);
            bytes[i] = (uint8_t)(bytes[i] ^ (1u << bit));
        }
    for (size_t len = 0; len < sizeof(bytes); len++)
        assert_fails(skep__seal_decode(bytes, len, &out), SKEP_ECORRUPT);
}

/* The example on the page that describes the format. */
TEST(the_example_of_the_format_page_is_read)
{
    char page[4096];
    uint8_t bytes[SKEP__SEAL_BYTES];
    skep__seal seal;
    (void)snprintf(page, sizeof(page), "%s/docs/format/seal.md", getenv("SKEP_SOURCE_DIR"));
    const char *at = strstr(harness_read_file(page, NULL), "```\n53 4b");
    ck_assert_ptr_nonnull(at);
    at += 4;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        char *end = NULL;
        bytes[i] = (uint8_t)strtoul(at, &end, 16);
        ck_assert_int_eq(end - at, i == 0 || i % 16 == 0 ? 2 + (i != 0) : 3);
        at = end;
    }
    assert_ok(skep__seal_decode(bytes, sizeof(bytes), &seal));
    ck_assert(seal.rekeying);
    ck_assert(seal.wal);
    ck_assert_int_eq(seal.cipher, 0);
    ck_assert_int_eq(seal.to, SKEP_CIPHER_AEGIS);
    ck_assert_str_eq((const char *)seal.old_salt, "SQLite format 3");
    ck_assert_int_eq(seal.new_salt[15], 7);
}

static const harness_test tests[] = {
    HARNESS_TEST(the_example_of_the_format_page_is_read),
    HARNESS_TEST(an_encrypted_database_opens_with_its_key_and_no_other),
    HARNESS_TEST(a_passphrase_opens_what_a_shell_on_sqlite3mc_opens_with_it),
    HARNESS_TEST(a_passphrase_that_looks_like_a_raw_key_is_a_passphrase),
    HARNESS_TEST(all_connections_have_the_key),
    HARNESS_TEST(a_key_for_a_plain_file_is_refused),
    HARNESS_TEST(what_is_no_database_is_told_from_what_may_be_encrypted),
    HARNESS_TEST(sql_can_neither_change_nor_ask_how_the_connection_encrypts),
    HARNESS_TEST(a_wrong_key_or_none_leaves_commits_in_the_wal),
    HARNESS_TEST(a_refused_key_takes_no_shm_away_that_somebody_uses),
    HARNESS_TEST(a_torn_first_page_is_found_in_the_wal),
    HARNESS_TEST(a_wrong_key_or_none_rolls_no_journal_back),
    HARNESS_TEST(a_key_rolls_no_journal_of_a_plain_file_back),
    HARNESS_TEST(a_torn_first_page_is_found_in_the_journal),
    HARNESS_TEST(the_cipher_is_recorded_beside_the_file),
    HARNESS_TEST(a_lost_record_is_written_anew),
    HARNESS_TEST(a_sqlcipher_file_is_recorded_only_if_we_made_it),
    HARNESS_TEST(readers_and_guests_put_nothing_beside_the_file),
    HARNESS_TEST(a_newer_record_is_refused_and_a_strange_file_left_alone),
    HARNESS_TEST(the_record_of_a_file_that_is_gone_says_nothing_of_a_new_one),
    HARNESS_TEST(a_record_is_read_back_as_it_was_written),
};
const harness_suite seal_suite = HARNESS_SUITE("seal", tests);
