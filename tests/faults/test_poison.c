/* SPDX-License-Identifier: MIT */
/* After a sync that failed nothing is known of what it was to make durable, and a second one would
 * succeed on nothing. So there is none: writes are refused, reads go on, closing touches no byte,
 * and opening again reads what the WAL has. */
#include "faults/faults.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "sqlite3.h"

#include <skep/sys/db_hooks.h>

#include "harness/vfs_fault.h"

#include "faults/ledger.h"
#include "faults/tools.h"

typedef struct poisoning {
    ledger ledger;
    skep_db *db;
    const char *path;
    uint32_t told; /* times that the hook was called */
} poisoning;

static void on_poison(void *ctx, const skep_err *cause)
{
    poisoning *p = ctx;
    ck_assert_int_eq(cause->code, SKEP_EIO);
    ck_assert_int_eq(cause->engine_code, SQLITE_IOERR_FSYNC);
    p->told++;
}

static void begin(poisoning *p)
{
    vfs_install();
    p->path = harness_path("poison.db");
    assert_ok(skep_db_open(p->path, NULL, &p->db));
    assert_ok(ledger_create(p->db));
    const skep_db_hooks hooks = {
        .size = (uint32_t)sizeof(hooks), .abi = SKEP_DB_HOOKS_ABI, .ctx = p, .poisoned = on_poison};
    assert_ok(skep_db_set_hooks(p->db, &hooks));
    for (int i = 0; i < 5; i++)
        assert_ok(ledger_write(&p->ledger, p->db));
}

static void fail_one_sync(unsigned files)
{
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC), .files = files, .nth = 1});
}

static void check_reading(poisoning *p)
{
    ledger_image image = {0};
    assert_ok(ledger_read(p->db, &image));
    ledger_check(&p->ledger, &image, "read");
    ledger_image_free(&image);
}

static void check_poisoned(poisoning *p)
{
    skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
    uint64_t left = 0;
    for (int i = 0; i < 2; i++) {
        assert_fails_with(ledger_write(&p->ledger, p->db), SKEP_EPOISONED, SKEP_OUTCOME_NONE);
        assert_fails(skep_db_checkpoint_pass(p->db, i, &left), SKEP_EPOISONED);
        ck_assert_int_eq(skep_last_error()->engine_code, SQLITE_IOERR_FSYNC);
        check_reading(p);
    }
    assert_ok(skep_db_get_stats(p->db, &stats));
    ck_assert_uint_eq(stats.poisoned, 1);
    ck_assert_uint_eq(p->told, 1);
}

static void close_and_recover(poisoning *p)
{
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE) | VFS_OPS(VFS_SYNC) | VFS_OPS(VFS_TRUNCATE) |
                                VFS_OPS(VFS_DELETE),
                         .files = VFS_FILES_ALL});
    assert_fails(skep_db_close(p->db), SKEP_EPOISONED);
    ck_assert_uint_eq(vfs_disarm(NULL), 0);
    ck_assert(harness_exists(path_with(p->path, "-wal")));
    ledger_check_death(&p->ledger, p->path, harness_path("copy.db"));
    assert_ok(skep_db_open(p->path, NULL, &p->db));
    check_reading(p);
    assert_ok(ledger_write(&p->ledger, p->db));
    assert_ok(skep_db_close(p->db));
    ledger_check_file(&p->ledger, p->path, "at the end");
}

TEST(a_failed_sync_at_commit_poisons)
{
    poisoning p = {0};
    begin(&p);
    fail_one_sync(VFS_WAL);
    assert_fails_with(ledger_write(&p.ledger, p.db), SKEP_EPOISONED, SKEP_OUTCOME_UNKNOWN);
    (void)vfs_disarm(NULL);
    check_poisoned(&p);
    close_and_recover(&p);
}

TEST(a_failed_sync_of_a_checkpoint_poisons)
{
    for (int of_database = 0; of_database < 2; of_database++) {
        poisoning p = {0};
        uint64_t left = 0;
        begin(&p);
        fail_one_sync(of_database ? VFS_DB : VFS_WAL);
        assert_fails(skep_db_checkpoint_pass(p.db, of_database, &left), SKEP_EPOISONED);
        (void)vfs_disarm(NULL);
        check_poisoned(&p);
        close_and_recover(&p);
        remove_database(p.path);
    }
}

TEST(a_failed_sync_at_close_is_told)
{
    poisoning p = {0};
    begin(&p);
    fail_one_sync(VFS_DB);
    assert_fails(skep_db_close(p.db), SKEP_EPOISONED);
    (void)vfs_disarm(NULL);
    ck_assert(harness_exists(path_with(p.path, "-wal")));
    assert_ok(skep_db_open(p.path, NULL, &p.db));
    check_reading(&p);
    assert_ok(skep_db_close(p.db));
    ledger_check_file(&p.ledger, p.path, "at the end");
}

static const harness_test tests[] = {
    HARNESS_TEST(a_failed_sync_at_commit_poisons),
    HARNESS_TEST(a_failed_sync_of_a_checkpoint_poisons),
    HARNESS_TEST(a_failed_sync_at_close_is_told),
};
const harness_suite poison_suite = HARNESS_SUITE("poison", tests);
