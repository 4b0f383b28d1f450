/* SPDX-License-Identifier: MIT */
/* F06: the change of a key, interrupted everywhere: the file opens with exactly one of the two keys
 * and is whole, what can be told without a key says which, and the same call finishes. */
#include "faults/faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skep/skep.h>

#include "harness/alloc.h"
#include "harness/crash.h"
#include "harness/harness.h"
#include "harness/syscalls.h"
#include "harness/vfs_disk.h"
#include "harness/vfs_fault.h"

#define ROWS 400
#define SUM 80200 /* 1 + … + ROWS */

typedef struct change {
    const char *from; /* passphrase; "=x": a raw key of x; NULL: plain */
    const char *to;
    int cipher;
    int to_cipher;
} change;

static const change changes[] = {
    {"=a", "=b", SKEP_CIPHER_AEGIS, 0}, /* in place */
    {NULL, "=b", 0, SKEP_CIPHER_AEGIS}, /* by VACUUM, like those below */
    {"=a", NULL, SKEP_CIPHER_AEGIS, 0},
    {"=a", "=b", SKEP_CIPHER_AEGIS, SKEP_CIPHER_CHACHA20},
    {"old words", "new words", SKEP_CIPHER_CHACHA20, 0},
    {"=a", "=b", SKEP_CIPHER_SQLCIPHER, SKEP_CIPHER_AEGIS},
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

typedef struct world {
    const change *c;
    skep_key *from;
    skep_key *to;
    char template[4096];
    char dir[4096];
    char path[4096];
} world;

static skep_key *key_of(const char *text)
{
    skep_key *key = NULL;
    uint8_t raw[SKEP_KEY_BYTES];
    if (text == NULL)
        return NULL;
    memset(raw, text[0] == '=' ? text[1] : 0, sizeof(raw));
    if (text[0] == '=')
        assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    else
        assert_ok(skep_key_passphrase(skep_slice_str(text), &key));
    return key;
}

static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
    return rc < 0 ? rc
                  : skep_exec(tx, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n "
                                  "WHERE i<400) INSERT INTO t SELECT i, randomblob(900) FROM n");
}

static int sum(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT sum(a), count(b) FROM t");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0)
        *(int64_t *)arg = skep_column_int(rows, 0) + skep_column_int(rows, 1);
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

static int whole(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "PRAGMA integrity_check");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    *(bool *)arg = rc > 0 && strcmp(skep_column_text(rows, 0).data, "ok") == 0;
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

static int open_with(const char *path, const skep_key *key, int cipher, uint32_t flags,
                     skep_db **out)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = key;
    opts.cipher = cipher;
    opts.flags = flags | SKEP_DB_UNATTENDED;
    return skep_db_open(path, &opts, out);
}

static void make_path(char out[4096], const char *dir, const char *name)
{
    int n = snprintf(out, 4096, "%s/%s", dir, name);
    ck_assert_int_lt(n, 4096);
}

static void world_make(world *w, const change *c)
{
    char path[4096];
    skep_db *db = NULL;
    *w = (world){.c = c, .from = key_of(c->from), .to = key_of(c->to)};
    make_path(w->template, harness_dir(), "template");
    make_path(w->dir, harness_dir(), "live");
    make_path(w->path, w->dir, "t.db");
    make_path(path, w->template, "t.db");
    ck_assert_int_eq(mkdir(w->template, 0700), 0);
    assert_ok(open_with(path, w->from, c->cipher, 0, &db));
    assert_ok(skep_write(db, fill, NULL));
    assert_ok(skep_db_close(db));
}

static void world_end(world *w)
{
    skep_key_free(w->from);
    skep_key_free(w->to);
    harness_remove_tree(w->template);
}

static int rekey(const world *w, const char *path)
{
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    opts.key = w->from;
    opts.to = w->to;
    opts.cipher = w->c->to_cipher;
    opts.timeout_ms = 100;
    return skep_db_rekey(path, &opts);
}

static void assert_whole(const char *path, const skep_key *key, uint32_t flags)
{
    int64_t got = 0;
    bool ok = false;
    skep_db *db = NULL;
    assert_ok(open_with(path, key, 0, flags, &db));
    assert_ok(skep_read(db, sum, &got));
    ck_assert_int_eq(got, SUM + ROWS);
    assert_ok(skep_read(db, whole, &ok));
    ck_assert(ok);
    assert_ok(skep_db_close(db));
}

/* Exactly one of the keys, the one that is told; then once more to the end. */
static void check(const world *w, const char *path, int rc)
{
    skep_db *db = NULL;
    skep_seal seal = {.size = (uint32_t)sizeof(seal)};
    assert_ok(skep_db_seal(path, &seal));
    bool encrypted = seal.state == SKEP_SEAL_ENCRYPTED;
    int old = open_with(path, w->from, 0, SKEP_DB_MUST_EXIST, &db);
    if (old >= 0)
        assert_ok(skep_db_close(db));
    else
        ck_assert_int_eq(old, SKEP_EAUTH);
    if (rc >= 0)
        ck_assert_int_lt(old, 0);
    if (seal.state == SKEP_SEAL_REKEY_OLD || seal.state == SKEP_SEAL_REKEY_NEW)
        ck_assert_int_eq(seal.state == SKEP_SEAL_REKEY_OLD, old >= 0);
    else if (w->from == NULL || w->to == NULL)
        ck_assert_int_eq(encrypted == (w->from != NULL), old >= 0);
    int fresh = open_with(path, w->to, 0, SKEP_DB_MUST_EXIST, &db);
    if (fresh >= 0)
        assert_ok(skep_db_close(db));
    else
        ck_assert_int_eq(fresh, SKEP_EAUTH);
    ck_assert_msg((old >= 0) != (fresh >= 0), "old %d, new %d", old, fresh);
    assert_whole(path, old >= 0 ? w->from : w->to, 0);
    assert_ok(rekey(w, path));
    ck_assert_int_eq(open_with(path, w->from, 0, SKEP_DB_MUST_EXIST, &db), SKEP_EAUTH);
    assert_whole(path, w->to, 0);
    assert_ok(skep_db_seal(path, &seal));
    ck_assert_int_eq(seal.state, w->to != NULL ? SKEP_SEAL_ENCRYPTED : SKEP_SEAL_PLAIN);
    ck_assert_uint_eq(seal.recorded, w->to != NULL);
    assert_ok(rekey(w, path)); /* and when there is nothing left to do */
}

/* ---- the power ---- */

static void cut(const world *w, uint64_t n, bool at_sync, rng *r)
{
    static const disk_promises promises[] = {DISK_ORDINARY, DISK_HOSTILE};
    char after[4096];
    char path[4096];
    make_path(after, harness_dir(), "after");
    make_path(path, after, "t.db");
    harness_copy_dir(w->template, w->dir);
    disk *d = disk_new(w->dir, &promises[n % 2]);
    if (at_sync)
        disk_crash_at_sync(d, n);
    else
        disk_crash_at_write(d, n);
    int rc = rekey(w, w->path);
    disk_cut(d);
    for (uint64_t seeds = harness_size(SIZE_POWER_SEEDS); seeds > 0; seeds--) {
        disk_write_survivors(d, rng_next(r), after);
        check(w, path, rc);
        harness_remove_tree(after);
    }
    disk_free(d);
    harness_remove_tree(w->dir);
}

static void cut_everywhere(const change *c)
{
    world w;
    rng r = rng_of(harness_seed());
    static const disk_promises ordinary = DISK_ORDINARY;
    vfs_install();
    world_make(&w, c);
    harness_copy_dir(w.template, w.dir);
    disk *d = disk_new(w.dir, &ordinary);
    assert_ok(rekey(&w, w.path));
    uint64_t syncs = disk_syncs(d);
    uint64_t writes = disk_writes(d);
    disk_free(d);
    check(&w, w.path, 0);
    harness_remove_tree(w.dir);
    uint64_t most = harness_size(SIZE_POWER_CUTS) / 2;
    for (uint64_t i = 1; i <= syncs && i <= most; i++)
        cut(&w, most < syncs ? 1 + rng_below(&r, syncs) : i, true, &r);
    for (uint64_t i = 1; i <= writes && i <= most; i++)
        cut(&w, most < writes ? 1 + rng_below(&r, writes) : i, false, &r);
    world_end(&w);
}

TEST(F06_power_in_place)
{
    cut_everywhere(&changes[0]);
}
TEST(F06_power_while_encrypting)
{
    cut_everywhere(&changes[1]);
}
TEST(F06_power_while_decrypting)
{
    cut_everywhere(&changes[2]);
}
TEST(F06_power_to_another_cipher)
{
    cut_everywhere(&changes[3]);
}
TEST(F06_power_with_passphrases)
{
    cut_everywhere(&changes[4]);
}
TEST(F06_power_from_sqlcipher)
{
    cut_everywhere(&changes[5]);
}

/* ---- failures ---- */

static void sweep_before(void *ctx)
{
    world *w = ctx;
    harness_remove_tree(w->dir);
    harness_copy_dir(w->template, w->dir);
}

static int sweep_run(void *ctx)
{
    world *w = ctx;
    int rc = rekey(w, w->path);
    if (rc < 0)
        ck_assert_int_eq(skep_last_error()->code, rc);
    return rc;
}

static void sweep_after(void *ctx, int rc)
{
    world *w = ctx;
    check(w, w->path, rc);
}

static const int sweep_codes[] = {SKEP_EIO,
                                  SKEP_ENOMEM,
                                  SKEP_EFULL,
                                  SKEP_EBUSY,
                                  SKEP_EDENIED,
                                  SKEP_ECORRUPT,
                                  SKEP_ELIMIT,
                                  SKEP_ENOTFOUND,
                                  SKEP_EREADONLY,
                                  SKEP_EUNSUPPORTED,
                                  SKEP_EPOISONED, /* the sync of a checkpoint */
                                  0};

static void sweep_all(const change *c)
{
    world w;
    vfs_fault all = {.ops = VFS_OPS_ALL, .files = VFS_FILES_ALL};
    vfs_fault torn = {
        .ops = VFS_OPS(VFS_WRITE) | VFS_OPS(VFS_TRUNCATE), .files = VFS_FILES_ALL, .torn = true};
    alloc_install();
    vfs_install();
    world_make(&w, c);
    sweep s = {.before = sweep_before,
               .run = sweep_run,
               .after = sweep_after,
               .ctx = &w,
               .codes = sweep_codes,
               .keeps_memory = true};
    ck_assert_uint_gt(vfs_sweep(&s, &all).failed, 0);
    ck_assert_uint_gt(vfs_sweep(&s, &torn).failed, 0);
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
    world_end(&w);
}

TEST(F06_failures_in_place)
{
    sweep_all(&changes[0]);
}
TEST(F06_failures_while_encrypting)
{
    sweep_all(&changes[1]);
}
TEST(F06_failures_while_decrypting)
{
    sweep_all(&changes[2]);
}
TEST(F06_failures_to_another_cipher)
{
    sweep_all(&changes[3]);
}

/* ---- opening under fire ---- */

/* A database with commits in its WAL only, and no record of its cipher, so that opening has all to
 * do that it ever has. */
static void keyed_before(void *ctx)
{
    sweep_before(ctx);
}

static int keyed_run(void *ctx)
{
    const world *w = ctx;
    skep_db *db = NULL;
    int rc = open_with(w->path, w->from, 0, SKEP_DB_MUST_EXIST, &db);
    if (rc < 0) {
        ck_assert_int_eq(skep_last_error()->code, rc);
        return rc;
    }
    rc = skep_db_close(db);
    return rc;
}

static void keyed_after(void *ctx, int rc)
{
    const world *w = ctx;
    skep_db *db = NULL;
    (void)rc;
    ck_assert_int_eq(open_with(w->path, w->to, 0, SKEP_DB_MUST_EXIST, &db), SKEP_EAUTH);
    assert_whole(w->path, w->from, 0);
}

/* Its last rows are in the WAL: what a killed process leaves. */
static void make_killed(world *w)
{
    char path[4096];
    char killed[4096];
    skep_db *db = NULL;
    make_path(path, w->template, "t.db");
    make_path(killed, harness_dir(), "killed");
    harness_remove_tree(w->template);
    ck_assert_int_eq(mkdir(w->template, 0700), 0);
    assert_ok(open_with(path, w->from, w->c->cipher, 0, &db));
    assert_ok(skep_write(db, fill, NULL));
    harness_copy_dir(w->template, killed);
    assert_ok(skep_db_close(db));
    harness_remove_tree(w->template);
    ck_assert_int_eq(rename(killed, w->template), 0);
    make_path(path, w->template, "t.db-skep");
    ck_assert_int_eq(unlink(path), 0);
}

TEST(a_keyed_open_under_fire_loses_nothing_and_knows_its_key)
{
    world w;
    vfs_fault all = {.ops = VFS_OPS_ALL, .files = VFS_FILES_ALL};
    sys_fault calls = {.calls = SYS_ALL & ~SYS_LOCK, .err = EIO};
    alloc_install();
    vfs_install();
    sys_install_os();
    sys_install_sqlite();
    const change second = {"=a", "=b", SKEP_CIPHER_CHACHA20, 0}; /* not the cipher tried first */
    world_make(&w, &second);
    make_killed(&w);
    sweep s = {.before = keyed_before,
               .run = keyed_run,
               .after = keyed_after,
               .ctx = &w,
               .codes = sweep_codes,
               .keeps_memory = true};
    ck_assert_uint_gt(vfs_sweep(&s, &all).failed, 0);
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
    ck_assert_uint_gt(sys_sweep(&s, &calls).hit, 0);
    world_end(&w);
}

/* In a process that has not used SQLite: what is set up with the first connection is set up under
 * fire, then by the next one. 0: done, 1: nothing was left to fail, else a failure. */
static int first_open(const char *path, const skep_key *key, uint64_t nth)
{
    skep_db *db = NULL;
    uint64_t injected = 0;
    int64_t got = 0;
    alloc_arm(nth, false);
    int rc = open_with(path, key, SKEP_CIPHER_AEGIS, nth == 0 ? 0 : SKEP_DB_MUST_EXIST, &db);
    (void)alloc_disarm(&injected);
    if (rc < 0 && (injected == 0 || open_with(path, key, 0, SKEP_DB_MUST_EXIST, &db) < 0))
        return 2;
    rc = nth == 0 ? skep_write(db, fill, NULL) : skep_read(db, sum, &got);
    if (skep_db_close(db) < 0 || rc < 0 || (nth != 0 && got != SUM + ROWS))
        return 3;
    return nth != 0 && injected == 0;
}

TEST(the_first_open_of_a_process_may_find_no_memory)
{
    skep_key *key = key_of("=a");
    const char *path = harness_path("t.db");
    int status = 0;
    alloc_install();
    uint64_t nth = 0;
    for (; status == 0; nth++) {
        (void)fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            _exit(first_open(path, key, nth));
        ck_assert_int_gt(pid, 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= 1, "allocation %llu: %x",
                      (unsigned long long)nth, (unsigned)status);
    }
    ck_assert_uint_gt(nth, 100);
    skep_key_free(key);
}

/* ---- kills ---- */

/* Changes the key back and forth until it is killed. */
int role_rekey(int argc, char **argv)
{
    world w = {.c = &changes[0]};
    ck_assert_int_ge(argc, 4);
    uint64_t round = strtoull(argv[3], NULL, 10);
    w.c = &changes[round % 4];
    w.from = key_of(w.c->from);
    w.to = key_of(w.c->to);
    make_path(w.path, argv[1], "t.db");
    assert_ok(rekey(&w, w.path));
    crash_ack("done", 4);
    return 0;
}

static void check_kill(void *ctx, uint64_t round, const void *records, size_t count)
{
    world *kinds = ctx;
    (void)records;
    check(&kinds[round % 4], kinds[round % 4].path, count > 0 ? 0 : -1);
    harness_remove_tree(kinds[0].dir);
    harness_copy_dir(kinds[(round + 1) % 4].template, kinds[0].dir);
}

TEST(F06_kills)
{
    world kinds[4];
    for (size_t i = 0; i < 4; i++) {
        char name[16];
        world_make(&kinds[i], &changes[i]);
        (void)snprintf(name, sizeof(name), "template%zu", i);
        char moved[4096];
        make_path(moved, harness_dir(), name);
        ck_assert_int_eq(rename(kinds[i].template, moved), 0);
        memcpy(kinds[i].template, moved, sizeof(moved));
    }
    harness_copy_dir(kinds[0].template, kinds[0].dir);
    crash_plan plan = {.role = "rekey",
                       .dir = kinds[0].dir,
                       .record_size = 4,
                       .rounds = harness_size(SIZE_KILLS),
                       .acks_max = 1,
                       .delay_max_us = 20000,
                       .check = check_kill,
                       .ctx = kinds};
    crash_result result = crash_run(&plan);
    ck_assert_uint_gt(result.kills + result.finished, 0);
    for (size_t i = 0; i < 4; i++)
        world_end(&kinds[i]);
}

static const harness_test tests[] = {
    HARNESS_TEST(F06_power_in_place),
    HARNESS_TEST(F06_power_while_encrypting),
    HARNESS_TEST(F06_power_while_decrypting),
    HARNESS_TEST(F06_power_to_another_cipher),
    HARNESS_TEST(F06_power_with_passphrases),
    HARNESS_TEST(F06_power_from_sqlcipher),
    HARNESS_TEST(F06_failures_in_place),
    HARNESS_TEST(F06_failures_while_encrypting),
    HARNESS_TEST(F06_failures_while_decrypting),
    HARNESS_TEST(F06_failures_to_another_cipher),
    HARNESS_TEST(F06_kills),
    HARNESS_TEST(a_keyed_open_under_fire_loses_nothing_and_knows_its_key),
    HARNESS_TEST(the_first_open_of_a_process_may_find_no_memory),
};
const harness_suite rekey_suite = HARNESS_SUITE("rekey", tests);
