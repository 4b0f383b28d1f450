/* SPDX-License-Identifier: MIT */
/* Changing keys; interruptions are in tests/faults/test_rekey.c. */
#include "suites.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <sqlite3.h>

#include "harness/points.h"
#include "harness/vfs_fault.h"

#include "support.h"

#define CANARY "canary-7f3a91-in-the-coal-mine"

static skep_key *key_of(const char *text)
{
    skep_key *key = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str(text), &key));
    return key;
}

static int open_keyed(const skep_key *key, int cipher, uint32_t flags, skep_db **out)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = key;
    opts.cipher = cipher;
    opts.flags = flags | SKEP_DB_UNATTENDED;
    return skep_db_open(harness_path("t.db"), &opts, out);
}

static void make(const skep_key *key, int cipher)
{
    skep_db *db = NULL;
    assert_ok(open_keyed(key, cipher, 0, &db));
    db_must(db, "CREATE TABLE t(a, b)");
    for (int i = 0; i < 20; i++)
        db_must(db, "INSERT INTO t VALUES('" CANARY "', randomblob(3000))");
    assert_ok(skep_db_close(db));
}

static void assert_opens(const skep_key *key, int64_t rows)
{
    skep_db *db = NULL;
    assert_ok(open_keyed(key, 0, SKEP_DB_MUST_EXIST, &db));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t WHERE a = '" CANARY "'"), rows);
    db_must(db, "INSERT INTO t VALUES('" CANARY "', 1)");
    assert_ok(skep_db_close(db));
}

static skep_seal seal_now(void)
{
    skep_seal seal = {.size = (uint32_t)sizeof(seal)};
    assert_ok(skep_db_seal(harness_path("t.db"), &seal));
    return seal;
}

static int rekey(const skep_key *key, const skep_key *to, int cipher)
{
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    opts.key = key;
    opts.to = to;
    opts.cipher = cipher;
    opts.timeout_ms = 50;
    return skep_db_rekey(harness_path("t.db"), &opts);
}

/* No file of the test's directory holds the canary. F07 */
static void assert_no_plain_text(void)
{
    struct dirent *entry;
    DIR *dir = opendir(harness_dir());
    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir)) != NULL) {
        size_t size = 0;
        if (entry->d_name[0] == '.')
            continue;
        const void *data = harness_read_file(harness_path(entry->d_name), &size);
        ck_assert_msg(memmem(data, size, CANARY, strlen(CANARY)) == NULL, "%s holds plain text",
                      entry->d_name);
    }
    (void)closedir(dir);
}

TEST(a_key_is_changed_and_taken_away)
{
    skep_key *a = key_of("first");
    skep_key *b = key_of("second");
    make(NULL, 0);
    assert_ok(rekey(NULL, a, SKEP_CIPHER_CHACHA20)); /* encrypt */
    assert_no_plain_text();
    ck_assert_int_eq(seal_now().cipher, SKEP_CIPHER_CHACHA20);
    assert_opens(a, 20);
    assert_ok(rekey(a, b, 0)); /* another key, the cipher as it was */
    ck_assert_int_eq(seal_now().cipher, SKEP_CIPHER_CHACHA20);
    assert_opens(b, 21);
    assert_ok(rekey(b, b, SKEP_CIPHER_AEGIS)); /* another cipher */
    ck_assert_int_eq(seal_now().cipher, SKEP_CIPHER_AEGIS);
    assert_opens(b, 22);
    assert_ok(rekey(b, a, SKEP_CIPHER_SQLCIPHER));
    ck_assert_int_eq(seal_now().cipher, SKEP_CIPHER_SQLCIPHER);
    assert_opens(a, 23);
    assert_no_plain_text();
    assert_ok(rekey(a, NULL, 0)); /* decrypt */
    ck_assert_int_eq(seal_now().state, SKEP_SEAL_PLAIN);
    ck_assert_uint_eq(seal_now().recorded, 0);
    assert_opens(NULL, 24);
    skep_key_free(a);
    skep_key_free(b);
}

TEST(a_change_that_is_done_already_is_done)
{
    skep_key *a = key_of("first");
    skep_key *b = key_of("second");
    make(a, 0);
    assert_ok(rekey(a, b, 0));
    assert_ok(rekey(a, b, 0));
    assert_opens(b, 20);
    skep_key_free(a);
    skep_key_free(b);
}

TEST(a_change_with_a_wrong_key_changes_nothing)
{
    size_t size = 0;
    skep_key *a = key_of("first");
    skep_key *b = key_of("second");
    skep_key *c = key_of("third");
    make(a, 0);
    void *before = harness_read_file(harness_path("t.db"), &size);
    assert_fails(rekey(b, c, 0), SKEP_EAUTH);
    assert_fails(rekey(NULL, c, 0), SKEP_EAUTH);
    size_t now = 0;
    ck_assert_mem_eq(harness_read_file(harness_path("t.db"), &now), before, size);
    ck_assert_uint_eq(now, size);
    ck_assert_int_eq(seal_now().state, SKEP_SEAL_ENCRYPTED);
    assert_opens(a, 20);
    skep_key_free(a);
    skep_key_free(b);
    skep_key_free(c);
}

TEST(a_change_while_others_have_the_file_open_is_busy)
{
    skep_key *a = key_of("first");
    skep_key *b = key_of("second");
    skep_db *db = NULL;
    make(a, 0);
    assert_ok(open_keyed(a, 0, 0, &db));
    assert_fails(rekey(a, b, 0), SKEP_EBUSY);
    db_must(db, "INSERT INTO t VALUES('" CANARY "', 1)");
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 21);
    assert_ok(skep_db_close(db));
    ck_assert_int_eq(seal_now().state, SKEP_SEAL_ENCRYPTED);
    assert_opens(a, 21);
    assert_ok(rekey(a, b, 0));
    assert_opens(b, 22);
    skep_key_free(a);
    skep_key_free(b);
}

/* Killed when the change had begun: it opens with the old key, says so, and opening ends it. */
TEST(an_interrupted_change_is_told_and_ended_by_opening)
{
    skep_db *db = NULL;
    skep_key *a = key_of("first");
    skep_key *b = key_of("second");
    make(a, SKEP_CIPHER_AEGIS);
    skep__seal seal = {.rekeying = true, .cipher = SKEP_CIPHER_AEGIS, .to = SKEP_CIPHER_CHACHA20};
    memcpy(seal.old_salt, harness_read_file(harness_path("t.db"), NULL), SKEP__SALT_BYTES);
    assert_ok(skep__seal_store(harness_path("t.db"), &seal));
    ck_assert_int_eq(seal_now().state, SKEP_SEAL_REKEY_OLD);
    assert_fails(open_keyed(b, 0, 0, &db), SKEP_EAUTH);
    ck_assert(strstr(skep_last_error()->text, "was interrupted") != NULL);
    assert_opens(a, 20);
    ck_assert_int_eq(seal_now().state, SKEP_SEAL_ENCRYPTED);
    seal.old_salt[0] ^= 1;
    assert_ok(skep__seal_store(harness_path("t.db"), &seal));
    ck_assert_int_eq(seal_now().state, SKEP_SEAL_REKEY_NEW);
    skep_key_free(a);
    skep_key_free(b);
}

typedef struct told {
    uint64_t least; /* at which the work may go on, in thousandths */
    gate stopped;
    unsigned calls;
    uint64_t done;
    uint64_t total;
} told;

static void on_progress(uint64_t done, uint64_t total, void *ctx)
{
    told *t = ctx;
    ck_assert_uint_ge(done, t->done);
    ck_assert_uint_le(done, total);
    t->calls++;
    t->done = done;
    t->total = total;
    if (done * 1000 > total * t->least && done < total)
        gate_open(&t->stopped);
}

TEST(options_of_a_change_are_checked_and_progress_is_told)
{
    told t = {0};
    skep_key *a = key_of("first");
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    make(NULL, 0);
    assert_fails(skep_db_rekey(harness_path("t.db"), &opts), SKEP_EINVALID);
    opts.to = a;
    opts.cipher = 9;
    assert_fails(skep_db_rekey(harness_path("t.db"), &opts), SKEP_EINVALID);
    opts.cipher = 0;
    opts.timeout_ms = -1;
    assert_fails(skep_db_rekey(harness_path("t.db"), &opts), SKEP_EINVALID);
    opts.timeout_ms = 0;
    assert_fails(skep_db_rekey(harness_path("none.db"), &opts), SKEP_ENOTFOUND);
    opts.progress = on_progress;
    opts.ctx = &t;
    assert_ok(skep_db_rekey(harness_path("t.db"), &opts));
    ck_assert_uint_ge(t.calls, 2);
    ck_assert_uint_gt(t.total, 0);
    ck_assert_uint_eq(t.done, t.total);
    assert_opens(a, 20);
    skep_key_free(a);
}

/* It stops in the middle of its journal until its progress has come so far. */
static void change_and_stop(skep_rekey_opts *opts, uint64_t least)
{
    told t = {.least = least};
    opts->progress = on_progress;
    opts->ctx = &t;
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE),
                         .files = VFS_JOURNAL,
                         .nth = 600, /* three a page */
                         .instead = gate_wait,
                         .ctx = &t.stopped});
    assert_ok(skep_db_rekey(harness_path("t.db"), opts));
    ck_assert_uint_gt(vfs_disarm(NULL), 600);
    ck_assert_uint_eq(t.done, t.total);
    ck_assert_uint_gt(t.total, 300);
    ck_assert_uint_ge(t.calls, 3);
}

TEST(the_progress_of_a_change_is_told_while_it_goes_on)
{
    skep_db *db = NULL;
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    skep_key *a = key_of("first");
    skep_key *b = key_of("second");
    vfs_install();
    make(NULL, 0);
    assert_ok(open_keyed(NULL, 0, 0, &db));
    db_must(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400) "
                "INSERT INTO t SELECT '" CANARY "', randomblob(3000) FROM n");
    assert_ok(skep_db_close(db));
    opts.to = a;
    change_and_stop(&opts, 500); /* by VACUUM: it has read all */
    opts.key = a;
    opts.to = b;
    change_and_stop(&opts, 0); /* in place */
    assert_opens(b, 420);
    skep_key_free(a);
    skep_key_free(b);
}

TEST(a_change_without_a_thread_for_it_is_made_all_the_same)
{
    told t = {0};
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    skep_key *a = key_of("first");
    struct rlimit before;
    harness_drop_root();
    make(NULL, 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &(struct rlimit){0, before.rlim_max}), 0);
    opts.to = a;
    opts.progress = on_progress;
    opts.ctx = &t;
    int rc = skep_db_rekey(harness_path("t.db"), &opts);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(t.calls, 2); /* nobody looked between */
    ck_assert_uint_eq(t.done, t.total);
    assert_opens(a, 20);
    skep_key_free(a);
}

/* ---- waiting, and what ends it ---- */

static void fire(void *cancel)
{
    skep_cancel_fire(cancel);
}

TEST(the_wait_for_others_can_be_cancelled)
{
    /* One waits for the lock of who maintains the file, the other for the lock of the file. */
    static const struct {
        uint32_t flags;
        const char *point;
    } waits[] = {{0, "db.rekey_waits"}, {SKEP_DB_UNATTENDED, "db.rekey_opened"}};
    skep_key *a = key_of("first");
    make(NULL, 0);
    for (size_t i = 0; i < LENGTH(waits); i++) {
        skep_db *db = NULL;
        skep_db_opts db_opts = SKEP_DB_OPTS_INIT;
        skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
        db_opts.flags = waits[i].flags;
        assert_ok(skep_db_open(harness_path("t.db"), &db_opts, &db));
        while (waits[i].flags == 0 && !harness_exists(harness_path("t.db-skep-lock")))
            (void)sched_yield();
        opts.to = a;
        opts.timeout_ms = 60 * 60 * 1000;
        assert_ok(skep_cancel_new(&opts.cancel));
        point_run(waits[i].point, 1, fire, opts.cancel);
        assert_fails(skep_db_rekey(harness_path("t.db"), &opts), SKEP_ECANCELLED);
        ck_assert_uint_eq(point_count(waits[i].point), 1);
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 20);
        assert_ok(skep_db_close(db));
        assert_fails(skep_db_rekey(harness_path("t.db"), &opts), SKEP_ECANCELLED);
        skep_cancel_free(opts.cancel);
        ck_assert_int_eq(seal_now().state, SKEP_SEAL_PLAIN);
    }
    assert_opens(NULL, 20);
    skep_key_free(a);
}

TEST(a_change_that_has_begun_is_not_ended_by_a_cancel_or_its_time)
{
    skep_key *a = key_of("first");
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    make(NULL, 0);
    opts.to = a;
    opts.timeout_ms = 1;
    assert_ok(skep_cancel_new(&opts.cancel));
    point_run("db.rekey_done", 1, fire, opts.cancel);
    assert_ok(skep_db_rekey(harness_path("t.db"), &opts));
    ck_assert_uint_eq(point_count("db.rekey_done"), 1);
    skep_cancel_free(opts.cancel);
    assert_opens(a, 20);
    skep_key_free(a);
}

/* ---- done already, or a wrong key ---- */

/* Nothing is kept of the old key, so these are the same: the call that came to its end and is made
 * again, and one with a wrong present key. Both leave a file that has the new key. */
TEST(a_file_that_has_the_new_key_is_done_whatever_the_present_key_is)
{
    size_t size = 0;
    size_t now = 0;
    told t = {.total = 1};
    skep_key *a = key_of("first");
    skep_key *b = key_of("second");
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    make(a, SKEP_CIPHER_AEGIS);
    const void *before = harness_read_file(harness_path("t.db"), &size);
    opts.key = b;
    opts.to = a;
    opts.progress = on_progress;
    opts.ctx = &t;
    assert_ok(skep_db_rekey(harness_path("t.db"), &opts));
    ck_assert_uint_eq(t.calls, 1);
    ck_assert_uint_eq(t.total, 0); /* which says that no page was written */
    opts.cipher = SKEP_CIPHER_AEGIS;
    assert_ok(skep_db_rekey(harness_path("t.db"), &opts));
    opts.cipher = SKEP_CIPHER_CHACHA20; /* no call before made this of it */
    assert_fails(skep_db_rekey(harness_path("t.db"), &opts), SKEP_EAUTH);
    ck_assert_int_eq(seal_now().state, SKEP_SEAL_ENCRYPTED);
    const void *after = harness_read_file(harness_path("t.db"), &now);
    ck_assert_uint_eq(now, size);
    /* But for the counters of page 1, of which changing the journal mode is a change. */
    ck_assert_mem_eq((const char *)after + 4096, (const char *)before + 4096, size - 4096);
    assert_opens(a, 20);
    skep_key_free(a);
    skep_key_free(b);
}

TEST(a_change_keeps_the_journal_mode)
{
    skep_key *a = key_of("first");
    skep_db *db = NULL;
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    sqlite3 *raw = NULL;
    make(NULL, 0);
    assert_ok(rekey(NULL, a, 0));
    assert_ok(open_keyed(a, 0, SKEP_DB_READONLY, &db));
    assert_ok(skep_db_get_info(db, &info));
    ck_assert_str_eq(info.journal_mode, "wal");
    assert_ok(skep_db_close(db));
    assert_ok(rekey(a, NULL, 0));
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", 0, 0, 0), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    assert_ok(rekey(NULL, a, 0));
    assert_ok(open_keyed(a, 0, SKEP_DB_READONLY, &db));
    assert_ok(skep_db_get_info(db, &info));
    ck_assert_str_eq(info.journal_mode, "delete");
    assert_ok(skep_db_close(db));
    ck_assert(!harness_exists(harness_path("t.db-journal")));
    skep_key_free(a);
}

/* F07: while it works, and where another program writes it with a rollback journal. */
TEST(F07_nothing_of_the_plain_text_reaches_the_disk)
{
    skep_key *a = key_of("first");
    skep_db *db = NULL;
    sqlite3 *raw = NULL;
    make(a, SKEP_CIPHER_AEGIS);
    assert_ok(open_keyed(a, 0, 0, &db));
    for (int i = 0; i < 5; i++)
        db_must(db, "INSERT INTO t SELECT a || ' " CANARY "', b FROM t");
    ck_assert_int_ge(db_number(db, "SELECT count(*) FROM (SELECT a, b FROM t ORDER BY b, a)"), 640);
    db_must(db, "CREATE INDEX i ON t(a, b)");
    ck_assert(harness_exists(harness_path("t.db-wal")));
    assert_no_plain_text();
    assert_ok(skep_db_close(db));
    assert_no_plain_text();

    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA cipher='aegis'; PRAGMA key='first'", 0, 0, 0),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw,
                                  "PRAGMA journal_mode=DELETE; PRAGMA cache_size=1; BEGIN;"
                                  "UPDATE t SET a = a || 'x';"
                                  "SAVEPOINT s; UPDATE t SET a = '" CANARY "' || a; ROLLBACK TO s",
                                  0, 0, 0),
                     SQLITE_OK);
    ck_assert(harness_exists(harness_path("t.db-journal")));
    assert_no_plain_text();
    ck_assert_int_eq(sqlite3_exec(raw, "ROLLBACK; VACUUM", 0, 0, 0), SQLITE_OK);
    assert_no_plain_text();
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    skep_key_free(a);
}

/* The engine took the headers inside a journal for pages where a sector is as large as a page. */
TEST(a_journal_of_small_pages_is_rolled_back)
{
    size_t size = 0;
    sqlite3 *raw = NULL;
    sqlite3_stmt *stmt = NULL;
    static const char *const unlock = "PRAGMA cipher='aegis'; PRAGMA key='first'";
    ck_assert_int_eq(sqlite3_open(harness_path("live.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, unlock, 0, 0, 0), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(raw,
                     "PRAGMA page_size=512; CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
                     "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<500) "
                     "INSERT INTO t SELECT i, zeroblob(300) FROM n;"
                     "PRAGMA cache_size=5; BEGIN; UPDATE t SET b = randomblob(300)",
                     0, 0, 0),
        SQLITE_OK);
    void *data = harness_read_file(harness_path("live.db"), &size);
    harness_write_file(harness_path("t.db"), data, size);
    data = harness_read_file(harness_path("live.db-journal"), &size);
    harness_write_file(harness_path("t.db-journal"), data, size);
    ck_assert_int_eq(sqlite3_exec(raw, "ROLLBACK", 0, 0, 0), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);

    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, unlock, 0, 0, 0), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_prepare_v2(raw, "SELECT count(*) FROM t WHERE b = zeroblob(300)", -1, &stmt, NULL),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(stmt, 0), 500);
    ck_assert_int_eq(sqlite3_finalize(stmt), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_key_is_changed_and_taken_away),
    HARNESS_TEST(a_change_that_is_done_already_is_done),
    HARNESS_TEST(a_change_with_a_wrong_key_changes_nothing),
    HARNESS_TEST(a_change_while_others_have_the_file_open_is_busy),
    HARNESS_TEST(an_interrupted_change_is_told_and_ended_by_opening),
    HARNESS_TEST(options_of_a_change_are_checked_and_progress_is_told),
    HARNESS_TEST(the_progress_of_a_change_is_told_while_it_goes_on),
    HARNESS_TEST(a_change_without_a_thread_for_it_is_made_all_the_same),
    HARNESS_TEST(the_wait_for_others_can_be_cancelled),
    HARNESS_TEST(a_change_that_has_begun_is_not_ended_by_a_cancel_or_its_time),
    HARNESS_TEST(a_file_that_has_the_new_key_is_done_whatever_the_present_key_is),
    HARNESS_TEST(a_change_keeps_the_journal_mode),
    HARNESS_TEST(F07_nothing_of_the_plain_text_reaches_the_disk),
    HARNESS_TEST(a_journal_of_small_pages_is_rolled_back),
};
const harness_suite rekey_suite = HARNESS_SUITE("rekey", tests);
