/* SPDX-License-Identifier: MIT */
/* What VACUUM needs of memory, disk and the directory for temporary files. That it gives space
 * back, waits and ends when it is told to is in test_maintain.c. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "sqlite3.h"

#include "harness/alloc.h"
#include "harness/vfs_fault.h"

#include "os/calls.h"

#include "support.h"

#define ROWS 6000 /* of 2 KiB */
#define CACHE_BYTES (1u << 20)
#define MEMORY_BYTES (4u << 20) /* a third of the file */

static skep_key *key_new(void)
{
    skep_key *key = NULL;
    assert_ok(skep_key_generate(&key));
    return key;
}

static skep_db *open_small(const skep_key *key)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = key;
    opts.cache_bytes = CACHE_BYTES;
    opts.readers = 1;
    opts.flags = SKEP_DB_UNATTENDED;
    return db_open_still(&opts);
}

static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    SKEP__TRY(skep_exec(tx, "CREATE TABLE t(a INTEGER PRIMARY KEY, b)"));
    return skep_exec(tx,
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) "
                     "INSERT INTO t SELECT i, zeroblob(2000) FROM n",
                     SKEP_V(ROWS));
}

static skep_db *filled(const skep_key *key)
{
    skep_db *db = open_small(key);
    assert_ok(skep_write(db, fill, NULL));
    db_must(db, "DELETE FROM t WHERE a % 20 = 0");
    assert_ok(skep_db_checkpoint(db, NULL, NULL));
    return db;
}

static int vacuum(skep_db *db)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    return skep_db_optimize(db, &opts, NULL);
}

static int vacuum_in_little_memory(skep_db *db)
{
    alloc_ceiling(alloc_living_bytes() + MEMORY_BYTES);
    int rc = vacuum(db);
    alloc_ceiling(0);
    return rc;
}

static void assert_goes_on(skep_db *db)
{
    db_must(db, "INSERT INTO t VALUES(NULL, 1)");
    db_must(db, "DELETE FROM t WHERE b = 1");
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), ROWS - ROWS / 20);
    db_assert_whole(db);
}

TEST(vacuum_of_a_plain_file_needs_less_memory_than_the_file_has_bytes)
{
    alloc_install();
    skep_db *db = filled(NULL);
    assert_ok(vacuum_in_little_memory(db));
    assert_goes_on(db);
    db_close(db);
}

/* It is gathered in memory. This also says that the ceiling above is one. */
TEST(vacuum_of_an_encrypted_file_without_memory_leaves_it_as_it_was)
{
    alloc_install();
    skep_key *key = key_new();
    skep_db *db = filled(key);
    assert_fails(vacuum_in_little_memory(db), SKEP_ENOMEM);
    assert_goes_on(db);
    assert_ok(vacuum(db));
    assert_goes_on(db);
    db_close(db);
    skep_key_free(key);
}

/* ---- temporary files ---- */

static void count_temporary(void)
{
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_OPEN) | VFS_OPS(VFS_WRITE), .files = VFS_OTHER});
}

TEST(F07_only_the_vacuum_of_a_plain_file_makes_a_temporary_file)
{
    vfs_install();
    skep_key *key = key_new();
    skep_rekey_opts change = SKEP_REKEY_OPTS_INIT;
    skep_db *db = filled(NULL);
    count_temporary();
    db_must(db, "CREATE INDEX i ON t(b, a)");
    ck_assert_uint_eq(vfs_disarm(NULL), 0);
    count_temporary();
    assert_ok(vacuum(db));
    ck_assert_uint_gt(vfs_disarm(NULL), 0);
    count_temporary(); /* and back in memory */
    ck_assert_int_gt(db_number(db, "SELECT count(*) FROM (SELECT b, a FROM t ORDER BY 1, -a)"), 0);
    db_must(db, "DROP INDEX i");
    db_must(db, "CREATE INDEX i ON t(b, a)");
    db_close(db);
    change.to = key;
    assert_ok(skep_db_rekey(harness_path("t.db"), &change));
    db = open_small(key);
    assert_ok(vacuum(db));
    db_close(db);
    ck_assert_uint_eq(vfs_disarm(NULL), 0);
    skep_key_free(key);
}

static const struct {
    vfs_op op;
    int engine;
    int code;
} failures[] = {
    {VFS_OPEN, SQLITE_CANTOPEN, SKEP_EIO},
    {VFS_OPEN, SQLITE_IOERR_GETTEMPPATH, SKEP_EIO},
    {VFS_WRITE, SQLITE_FULL, SKEP_EFULL},
};

TEST(a_temporary_file_that_fails_fails_the_vacuum_and_no_more)
{
    vfs_install();
    skep_db *db = filled(NULL);
    for (size_t i = 0; i < LENGTH(failures); i++) {
        uint64_t injected = 0;
        vfs_arm(&(vfs_fault){.ops = VFS_OPS(failures[i].op),
                             .files = VFS_OTHER,
                             .nth = 1,
                             .persistent = true,
                             .code = failures[i].engine});
        assert_fails(vacuum(db), failures[i].code);
        (void)vfs_disarm(&injected);
        ck_assert_uint_gt(injected, 0);
        assert_goes_on(db);
    }
    assert_ok(vacuum(db));
    assert_goes_on(db);
    db_close(db);
}

/* ---- where they lie ---- */

static bool is_temporary(const char *path)
{
    return strcmp(path, harness_path("elsewhere")) == 0;
}

static int stat_another_disk(const char *path, struct stat *out)
{
    int rc = skep__os_kernel.stat(path, out);
    if (rc == 0 && is_temporary(path))
        out->st_dev += 1;
    return rc;
}

static int statvfs_small_there(const char *path, struct statvfs *out)
{
    int rc = skep__os_kernel.statvfs(path, out);
    if (is_temporary(path)) {
        out->f_frsize = 1;
        out->f_bavail = 1000000;
    }
    return rc;
}

TEST(vacuum_without_room_for_its_temporary_file_is_not_begun)
{
    skep__os_calls calls = skep__os_kernel;
    const char *dir = harness_path("elsewhere");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    ck_assert_int_eq(setenv("SQLITE_TMPDIR", dir, 1), 0); /* before the first connection */
    skep_db *db = filled(NULL);
    calls.statvfs = statvfs_small_there;
    skep__os_set_calls(&calls);
    assert_ok(vacuum(db)); /* one disk, which is looked at once */
    calls.stat = stat_another_disk;
    assert_fails(vacuum(db), SKEP_EFULL);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, dir));
    skep__os_set_calls(NULL);
    assert_goes_on(db);
    db_close(db);
}

/* ---- progress ---- */

typedef struct told {
    uint64_t least; /* at which the work may go on, in thousandths */
    gate stopped;
    uint64_t done;
    uint64_t total;
    unsigned calls;
} told;

static void tell(const char *step, uint64_t done, uint64_t total, void *ctx)
{
    told *t = ctx;
    if (strcmp(step, "vacuum") != 0)
        return;
    ck_assert_uint_ge(done, t->done);
    ck_assert_uint_le(done, total);
    t->calls++;
    t->done = done;
    t->total = total;
    if (done * 1000 > total * t->least && done < total)
        gate_open(&t->stopped);
}

/* It stops in the middle of writing `files` until its progress has come so far. */
static void vacuum_and_stop(skep_db *db, unsigned files, uint64_t nth, uint64_t least)
{
    told t = {.least = least};
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    opts.progress = tell;
    opts.ctx = &t;
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE),
                         .files = files,
                         .nth = nth,
                         .instead = gate_wait,
                         .ctx = &t.stopped});
    assert_ok(skep_db_optimize(db, &opts, NULL));
    ck_assert_uint_gt(vfs_disarm(NULL), nth);
    ck_assert_uint_ge(t.calls, 2);
    ck_assert_uint_gt(t.total, 0);
    ck_assert_uint_eq(t.done, t.total);
}

TEST(the_progress_of_vacuum_is_told_while_it_reads_and_while_it_writes)
{
    vfs_install();
    skep_db *db = filled(NULL);
    vacuum_and_stop(db, VFS_OTHER, 1000, 0);
    db_close(db);
    db = open_small(NULL);                 /* with a WAL of its own */
    vacuum_and_stop(db, VFS_WAL, 60, 500); /* of many frames each */
    assert_goes_on(db);
    db_close(db);
}

/* A file of another program, with a rollback journal. */
TEST(the_progress_of_vacuum_is_told_without_a_wal)
{
    sqlite3 *raw = NULL;
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    vfs_install();
    db_close(filled(NULL));
    ck_assert_int_eq(sqlite3_open(harness_path("t.db"), &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    opts.flags = SKEP_DB_FOREIGN;
    skep_db *db = db_open(&opts);
    vacuum_and_stop(db, VFS_JOURNAL, 3000, 500);
    assert_goes_on(db);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(vacuum_of_a_plain_file_needs_less_memory_than_the_file_has_bytes),
    HARNESS_TEST(vacuum_of_an_encrypted_file_without_memory_leaves_it_as_it_was),
    HARNESS_TEST(F07_only_the_vacuum_of_a_plain_file_makes_a_temporary_file),
    HARNESS_TEST(a_temporary_file_that_fails_fails_the_vacuum_and_no_more),
    HARNESS_TEST(the_progress_of_vacuum_is_told_while_it_reads_and_while_it_writes),
    HARNESS_TEST(the_progress_of_vacuum_is_told_without_a_wal),
    HARNESS_TEST(vacuum_without_room_for_its_temporary_file_is_not_begun),
};
const harness_suite vacuum_suite = HARNESS_SUITE("vacuum", tests);
