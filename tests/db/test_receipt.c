/* SPDX-License-Identifier: MIT */
/* Receipts, reads that ask for a commit (B21), and priorities in a database. */
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sqlite3.h"

#include <skep/async.h>
#include <skep/sys/db_hooks.h>

#include "base/codec.h"
#include "harness/points.h"

#include "support.h"

static skep_db *open_table(const skep_db_opts *opts)
{
    skep_db *db = db_open_still(opts);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

static uint64_t salts_of(const char *path)
{
    size_t size = 0;
    const uint8_t *wal = harness_read_file(path, &size);
    uint64_t salts = 0;
    ck_assert_uint_ge(size, 24);
    for (int i = 16; i < 24; i++)
        salts = salts << 8 | wal[i];
    return salts;
}

static skep_receipt write_one(skep_db *db)
{
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    skep_receipt receipt = {.size = sizeof(receipt)};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.receipt = &receipt;
    assert_ok(skep_write_with(db, script_run, &s, &opts));
    return receipt;
}

TEST(a_receipt_tells_commit_generation_and_frame)
{
    skep_db *db = open_table(NULL);
    skep_db_stats stats = {.size = sizeof(stats)};
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        skep_receipt r = write_one(db);
        assert_ok(skep_db_get_stats(db, &stats));
        ck_assert_uint_eq(r.number, skep__db_visible_commit(db));
        ck_assert_uint_eq(r.frame, stats.wal_pages);
        ck_assert_uint_gt(r.frame, last);
        ck_assert_uint_eq(r.generation, salts_of(harness_path("t.db-wal")));
        last = r.frame;
    }
    skep_receipt before = write_one(db);
    uint64_t left = 1;
    assert_ok(skep_db_checkpoint_pass(db, 1, &left));
    ck_assert_uint_eq(left, 0);
    skep_receipt after = write_one(db); /* the WAL is started anew */
    ck_assert_uint_lt(after.frame, before.frame);
    ck_assert_uint_ne(after.generation, before.generation);
    ck_assert_uint_eq(after.generation, salts_of(harness_path("t.db-wal")));
    ck_assert_uint_eq(after.number, before.number + 1);
    db_close(db);
}

TEST(a_generation_that_begins_with_a_long_commit_is_noticed)
{
    skep_db *db = open_table(NULL);
    skep_receipt before = write_one(db);
    uint64_t left = 1;
    assert_ok(skep_db_checkpoint_pass(db, 1, &left));
    script s = {.sql = {"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n LIMIT 500)"
                        " INSERT INTO t SELECT randomblob(4000) FROM n"}};
    skep_receipt after = {.size = sizeof(after)};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.receipt = &after;
    assert_ok(skep_write_with(db, script_run, &s, &opts));
    ck_assert_uint_gt(after.frame, before.frame); /* the count of frames did not fall */
    ck_assert_uint_ne(after.generation, before.generation);
    db_close(db);
}

TEST(a_call_that_fails_leaves_its_receipt_alone)
{
    skep_db *db = open_table(NULL);
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = SKEP_EUSER - 1};
    skep_receipt receipt = {.size = sizeof(receipt), .number = 77};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.receipt = &receipt;
    assert_fails(skep_write_with(db, script_run, &s, &opts), SKEP_EUSER - 1);
    ck_assert_uint_eq(receipt.number, 77);
    skep_future *f = NULL;
    assert_ok(skep_write_async(db, script_run, &s, &opts, &f));
    assert_fails(skep_future_wait(f, -1), SKEP_EUSER - 1);
    skep_future_free(f);
    ck_assert_uint_eq(receipt.number, 77);
    receipt.size = 8;
    assert_fails(skep_write_with(db, script_run, &s, &opts), SKEP_EINVALID);
    db_close(db);
}

TEST(calls_of_one_group_have_the_same_receipt_and_futures_have_one_too)
{
    skep_db *db = open_table(NULL);
    script s[3] = {{.sql = {"INSERT INTO t VALUES(1)"}},
                   {.sql = {"INSERT INTO t VALUES(2)"}},
                   {.sql = {"INSERT INTO t VALUES(3)"}}};
    skep_receipt r[3] = {{.size = sizeof(r[0])}, {.size = sizeof(r[0])}, {.size = sizeof(r[0])}};
    call c[2] = {WRITE(s[0]), WRITE(s[1])};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    for (int i = 0; i < 2; i++) {
        c[i].opts = opts;
        c[i].opts.receipt = &r[i];
    }
    group_block(db);
    group_queue(db, c, 2);
    skep_future *f = NULL;
    opts.receipt = &r[2];
    assert_ok(skep_write_async(db, script_run, &s[2], &opts, &f));
    group_unblock();
    call_join(&c[0]);
    call_join(&c[1]);
    assert_ok(skep_future_wait(f, -1));
    skep_future_free(f);
    for (int i = 1; i < 3; i++) {
        ck_assert_uint_eq(r[i].number, r[0].number);
        ck_assert_uint_eq(r[i].frame, r[0].frame);
        ck_assert_uint_eq(r[i].generation, r[0].generation);
    }
    db_close(db);
}

TEST(without_a_wal_a_receipt_has_a_number_only)
{
    skep_db *db = open_table(NULL);
    db_close(db);
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    sqlite3 *raw = NULL;
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    opts.flags = SKEP_DB_FOREIGN;
    db = db_open_still(&opts);
    skep_receipt r = write_one(db);
    ck_assert_uint_eq(r.number, 1);
    ck_assert_uint_eq(r.generation, 0);
    ck_assert_uint_eq(r.frame, 0);
    db_close(db);
}

/* ---- B21 ---- */

typedef struct follower {
    skep_db *db;
    skep_db *other; /* the same file by another handle: the hook may read there */
    _Atomic uint64_t checked;
} follower;

static void look_in_hook(void *ctx, const skep_commit *commit)
{
    follower *m = ctx;
    ck_assert_uint_ge(skep__db_visible_commit(m->db), commit->number);
    /* Each commit adds one row, and the first made the table. */
    ck_assert_int_ge(db_number(m->other, "SELECT count(*) FROM t") + 1, (int64_t)commit->number);
    atomic_fetch_add(&m->checked, 1);
}

TEST(b21_a_read_that_starts_in_the_hook_of_a_commit_sees_it)
{
    follower m = {.db = open_table(NULL)};
    m.other = db_open_still(NULL);
    const skep_db_hooks hooks = {
        .size = sizeof(hooks), .abi = SKEP_DB_HOOKS_ABI, .ctx = &m, .after_commit = look_in_hook};
    assert_ok(skep_db_set_hooks(m.db, &hooks));
    for (int i = 0; i < 50; i++)
        db_must(m.db, "INSERT INTO t VALUES(1)");
    assert_ok(skep_db_set_hooks(m.db, NULL));
    ck_assert_uint_eq(atomic_load(&m.checked), 50);
    db_close(m.other);
    db_close(m.db);
}

typedef struct seen {
    int64_t own;
    int64_t want;
} seen;

static int insert_own(skep_tx *tx, void *arg)
{
    const seen *s = arg;
    return skep_exec(tx, "INSERT INTO t VALUES(?)", SKEP_V(s->own * 1000000 + s->want));
}

static int see_own(skep_tx *tx, void *arg)
{
    const seen *s = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT count(*) FROM t WHERE a = ?",
                         SKEP_V(s->own * 1000000 + s->want)));
    SKEP__TRY(skep_next(rows));
    ck_assert_int_eq(skep_column_int(rows, 0), 1);
    skep_rows_close(rows);
    return SKEP_OK;
}

static void read_own_writes(size_t index, void *ctx)
{
    skep_db *db = ctx;
    for (int64_t i = 0; i < 40; i++) {
        seen s = {.own = (int64_t)index, .want = i};
        skep_receipt receipt = {.size = sizeof(receipt)};
        skep_call_opts w = SKEP_CALL_OPTS_INIT;
        skep_call_opts r = SKEP_CALL_OPTS_INIT;
        w.receipt = &receipt;
        r.at_least = &receipt;
        assert_ok(skep_write_with(db, insert_own, &s, &w));
        ck_assert_uint_ge(skep__db_visible_commit(db), receipt.number);
        if (i % 2 == 0) {
            assert_ok(skep_read_with(db, see_own, &s, &r));
            continue;
        }
        skep_future *f = NULL;
        assert_ok(skep_read_async(db, see_own, &s, &r, &f));
        assert_ok(skep_future_wait(f, -1));
        skep_future_free(f);
    }
}

TEST(b21_whoever_has_a_receipt_reads_what_it_stands_for)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.checkpoint_pages = 30;
    opts.readers = 4;
    opts.read_wait_ms = 60000;
    skep_db *db = open_table(&opts);
    harness_threads(8, read_own_writes, db);
    db_close(db);
}

/* ---- an encrypted WAL ---- */

/* The frame of the last commit in the WAL, by its own words: its headers are not encrypted. */
static uint64_t last_commit_frame(const char *path)
{
    size_t size = 0;
    uint64_t last = 0;
    const uint8_t *wal = harness_read_file(path, &size);
    ck_assert_uint_ge(size, 32);
    ck_assert_uint_eq(skep__get_be32(wal) & ~1u, 0x377f0682);
    size_t step = 24 + skep__get_be32(wal + 8);
    for (size_t at = 32, frame = 1; at + step <= size; at += step, frame++) {
        if (memcmp(wal + at + 8, wal + 16, 8) != 0)
            break; /* of the generation before: the WAL was longer once */
        if (skep__get_be32(wal + at + 4) != 0)
            last = frame;
    }
    return last;
}

static void check_receipts(skep_db *db)
{
    const char *path = harness_path("t.db-wal");
    skep_receipt before = write_one(db);
    for (int i = 0; i < 6; i++) {
        uint64_t left = 1;
        bool anew = i % 3 == 2; /* all of it was checkpointed, so it begins again */
        if (anew)
            assert_ok(skep_db_checkpoint_pass(db, 1, &left));
        ck_assert_uint_eq(left, anew ? 0 : 1);
        skep_receipt r = write_one(db);
        ck_assert_uint_eq(r.number, before.number + 1);
        ck_assert_uint_eq(r.generation, salts_of(path));
        ck_assert_uint_eq(r.frame, last_commit_frame(path));
        ck_assert_uint_eq(r.generation != before.generation, anew);
        ck_assert_uint_eq(r.frame < before.frame, anew);
        before = r;
    }
}

TEST(receipts_of_an_encrypted_file_agree_with_its_wal_and_are_read)
{
    static const int ciphers[] = {SKEP_CIPHER_AEGIS, SKEP_CIPHER_CHACHA20, SKEP_CIPHER_SQLCIPHER};
    uint8_t bytes[SKEP_KEY_BYTES] = {7};
    skep_key *key = NULL;
    assert_ok(skep_key_raw(bytes, sizeof(bytes), &key));
    for (size_t i = 0; i < LENGTH(ciphers); i++) {
        skep_db_opts opts = SKEP_DB_OPTS_INIT;
        opts.key = key;
        opts.cipher = ciphers[i];
        opts.readers = 4;
        opts.read_wait_ms = 60000;
        skep_db *db = open_table(&opts);
        harness_threads(4, read_own_writes, db);
        check_receipts(db);
        db_close(db);
        ck_assert_int_eq(unlink(harness_path("t.db")), 0);
        ck_assert_int_eq(unlink(harness_path("t.db-skep")), 0);
    }
    skep_key_free(key);
}

TEST(a_read_cannot_ask_for_a_commit_of_the_future)
{
    skep_db *db = open_table(NULL);
    skep_receipt receipt = write_one(db);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    script s = {0};
    opts.at_least = &receipt;
    assert_ok(skep_read_with(db, script_run, &s, &opts));
    receipt.number++;
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_EINVALID);
    skep_future *f = NULL;
    assert_fails(skep_read_async(db, script_run, &s, &opts, &f), SKEP_EINVALID);
    receipt.size = 0;
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_EINVALID);
    db_close(db);
}

/* ---- priorities: B15 ---- */

typedef struct runs {
    _Atomic uint32_t next;
} runs;

typedef struct place {
    runs *of;
    uint32_t at;
} place;

static int note_place(skep_tx *tx, void *arg)
{
    place *p = arg;
    p->at = atomic_fetch_add(&p->of->next, 1);
    return skep_exec(tx, "INSERT INTO t VALUES(1)");
}

TEST(b15_a_heavy_low_call_is_passed_by_eight_groups_and_holds_up_none_of_them)
{
    enum { N = 1000 };
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.group_max = 20;
    skep_db *db = open_table(&settings);
    runs all = {0};
    static place places[N + 2];
    static skep_future *f[N + 2];
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    group_block(db);
    for (int i = 0; i < N + 2; i++) {
        places[i].of = &all;
        opts.priority = i == 0       ? SKEP_PRIORITY_LOW
                        : i == N + 1 ? SKEP_PRIORITY_HIGH
                                     : SKEP_PRIORITY_NORMAL;
        assert_ok(skep_write_async(db, note_place, &places[i], &opts, &f[i]));
    }
    group_unblock();
    for (int i = 0; i < N + 2; i++) {
        assert_ok(skep_future_wait(f[i], -1));
        skep_future_free(f[i]);
    }
    ck_assert_uint_eq(places[N + 1].at, 0); /* the last to come, and HIGH */
    ck_assert_uint_eq(places[0].at, 8 * settings.group_max);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_receipt_tells_commit_generation_and_frame),
    HARNESS_TEST(a_generation_that_begins_with_a_long_commit_is_noticed),
    HARNESS_TEST(a_call_that_fails_leaves_its_receipt_alone),
    HARNESS_TEST(calls_of_one_group_have_the_same_receipt_and_futures_have_one_too),
    HARNESS_TEST(without_a_wal_a_receipt_has_a_number_only),
    HARNESS_TEST(b21_a_read_that_starts_in_the_hook_of_a_commit_sees_it),
    HARNESS_TEST(b21_whoever_has_a_receipt_reads_what_it_stands_for),
    HARNESS_TEST(receipts_of_an_encrypted_file_agree_with_its_wal_and_are_read),
    HARNESS_TEST(a_read_cannot_ask_for_a_commit_of_the_future),
    HARNESS_TEST(b15_a_heavy_low_call_is_passed_by_eight_groups_and_holds_up_none_of_them),
};
const harness_suite receipt_suite = HARNESS_SUITE("receipt", tests);
