/* SPDX-License-Identifier: MIT */
/* B13: no space left, at COMMIT, at a checkpoint and where -shm grows; simulated call by call, and
 * on a file system that is full indeed. Nothing acknowledged is lost, the answer is clear, and once
 * there is space again the same handle goes on. */
#include "faults/faults.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "sqlite3.h"

#include <skep/sys/db_hooks.h>

#include "harness/syscalls.h"
#include "harness/vfs_fault.h"

#include "faults/ledger.h"
#include "faults/ops.h"
#include "faults/tools.h"

static void no_space_in(unsigned files)
{
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE) | VFS_OPS(VFS_TRUNCATE),
                         .files = files,
                         .nth = 1,
                         .persistent = true,
                         .code = SQLITE_FULL,
                         .torn = true});
}

static void check_all(ledger *l, skep_db *db)
{
    ledger_image image = {0};
    assert_ok(ledger_read(db, &image));
    ledger_check(l, &image, "read");
    ledger_image_free(&image);
}

TEST(B13_no_space_at_commit_rolls_back_and_passes)
{
    ledger l = {0};
    skep_db *db = NULL;
    const char *path = harness_path("full.db");
    vfs_install();
    assert_ok(skep_db_open(path, NULL, &db));
    assert_ok(ledger_create(db));
    assert_ok(ledger_write(&l, db));
    no_space_in(VFS_WAL);
    for (int i = 0; i < 3; i++)
        assert_fails_with(ledger_write(&l, db), SKEP_EFULL, SKEP_OUTCOME_ROLLED_BACK);
    check_all(&l, db);
    (void)vfs_disarm(NULL);
    ledger_check_death(&l, path, harness_path("copy.db"));
    assert_ok(ledger_write(&l, db));
    check_all(&l, db);
    assert_ok(skep_db_close(db));
    ledger_check_file(&l, path, "at the end");
}

static void write_ten(size_t index, void *ctx)
{
    void **both = ctx;
    (void)index;
    for (int i = 0; i < 10; i++) {
        int rc = ledger_write(both[0], both[1]);
        ck_assert(rc == SKEP_OK || rc == SKEP_EFULL);
    }
}

TEST(B13_no_space_at_commit_of_groups)
{
    ledger l = {0};
    skep_db *db = NULL;
    const char *path = harness_path("full.db");
    vfs_install();
    assert_ok(skep_db_open(path, NULL, &db));
    assert_ok(ledger_create(db));
    for (uint64_t nth = 1; nth < 200; nth += 11) {
        vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_WRITE),
                             .files = VFS_WAL,
                             .nth = nth,
                             .code = SQLITE_FULL,
                             .torn = true});
        harness_threads(8, write_ten, (void *[]){&l, db});
        (void)vfs_disarm(NULL);
        check_all(&l, db);
    }
    ledger_check_death(&l, path, harness_path("copy.db"));
    assert_ok(skep_db_close(db));
    ledger_check_file(&l, path, "at the end");
}

TEST(B13_no_space_at_a_checkpoint_stops_no_write)
{
    ledger l = {0};
    skep_db *db = NULL;
    uint64_t left = 0;
    const char *path = harness_path("full.db");
    vfs_install();
    assert_ok(skep_db_open(path, NULL, &db));
    assert_ok(ledger_create(db));
    assert_ok(ledger_write(&l, db));
    no_space_in(VFS_DB);
    for (int i = 0; i < 3; i++) {
        assert_fails(skep_db_checkpoint_pass(db, i % 2, &left), SKEP_EFULL);
        assert_ok(ledger_write(&l, db));
    }
    check_all(&l, db);
    (void)vfs_disarm(NULL);
    ledger_check_death(&l, path, harness_path("copy.db"));
    assert_ok(skep_db_checkpoint_pass(db, 1, &left));
    ck_assert_uint_eq(left, 0);
    assert_ok(ledger_write(&l, db));
    check_all(&l, db);
    assert_ok(skep_db_close(db));
    ledger_check_file(&l, path, "at the end");
}

/* The commit's pages are in the WAL when its index cannot grow. The next commit overwrites them;
 * but a crash before that would find them, so the outcome is unknown. */
TEST(B13_no_space_for_shm_leaves_the_outcome_open)
{
    op_world w;
    const sys_fault fault = {.calls = SYS_WRITE, .how = SYS_FAIL, .err = ENOSPC};
    ops_begin(&w, &op_write_index);
    sys_install_os();
    sys_install_sqlite();
    ops_before(&w);
    sys_arm(&fault);
    assert_ok(ops_run(&w));
    uint64_t points = sys_disarm(NULL);
    ops_after(&w, SKEP_OK);

    sys_fault last = fault;
    last.nth = points;
    last.persistent = true;
    ops_before(&w);
    sys_arm(&last);
    assert_fails_with(ops_run(&w), SKEP_EFULL, SKEP_OUTCOME_UNKNOWN);
    (void)sys_disarm(NULL);
    ops_after(&w, SKEP_EFULL);
}

/* ---- a full file system ---- */

typedef struct full_world {
    ledger ledger;
    skep_db *db;
    const char *path;
    const char *ballast;
} full_world;

static void full_begin(full_world *w, const char *size)
{
    const char *dir = small_fs("fs", size);
    char name[64];
    (void)snprintf(name, sizeof(name), "fs/full.db");
    w->path = harness_path(name);
    w->ballast = harness_path("fs/ballast");
    vfs_install();
    ck_assert_ptr_nonnull(dir);
    assert_ok(skep_db_open(w->path, NULL, &w->db));
    assert_ok(ledger_create(w->db));
}

static void write_until_full(size_t index, void *ctx)
{
    full_world *w = ctx;
    (void)index;
    for (int i = 0; i < 200; i++) {
        int rc = ledger_write(&w->ledger, w->db);
        if (rc < 0) {
            ck_assert_msg(rc == SKEP_EFULL, "%s: %s", skep_code_name(rc), skep_last_error()->text);
            return;
        }
    }
    ck_abort_msg("it never got full");
}

TEST(B13_a_full_file_system_and_then_space_again)
{
    full_world w = {0};
    uint64_t left = 0;
    full_begin(&w, "2m");
    fs_fill(w.ballast, 128 << 10);
    harness_threads(4, write_until_full, &w);
    check_all(&w.ledger, w.db);
    ledger_check_death(&w.ledger, w.path, harness_path("copy.db"));
    /* The database may have to grow for it; what is in the WAL stays there. */
    int rc = skep_db_checkpoint_pass(w.db, 1, &left);
    ck_assert_msg(rc == SKEP_OK || rc == SKEP_EFULL, "%s", skep_code_name(rc));
    ledger_check_death(&w.ledger, w.path, harness_path("copy.db"));
    check_all(&w.ledger, w.db);

    ck_assert_int_eq(unlink(w.ballast), 0);
    for (int i = 0; i < 20; i++)
        assert_ok(ledger_write(&w.ledger, w.db));
    assert_ok(skep_db_checkpoint_pass(w.db, 1, &left));
    ck_assert_uint_eq(left, 0);
    check_all(&w.ledger, w.db);
    assert_ok(skep_db_close(w.db));
    ledger_check_file(&w.ledger, w.path, "at the end");
}

TEST(B13_closing_on_a_full_file_system_keeps_the_wal)
{
    full_world w = {0};
    full_begin(&w, "2m");
    for (int i = 0; i < 50; i++)
        assert_ok(ledger_write(&w.ledger, w.db));
    fs_fill(w.ballast, 0);
    assert_fails(skep_db_close(w.db), SKEP_EFULL);
    ledger_check_death(&w.ledger, w.path, harness_path("copy.db"));
    /* Opening needs space for -shm, and -wal and -shm went or stayed with the close. */
    int rc = skep_db_open(w.path, NULL, &w.db);
    ck_assert_msg(rc == SKEP_OK || rc == SKEP_EFULL, "%s: %s", skep_code_name(rc),
                  skep_last_error()->text);
    ck_assert_int_eq(unlink(w.ballast), 0);
    if (rc < 0)
        assert_ok(skep_db_open(w.path, NULL, &w.db));
    assert_ok(ledger_write(&w.ledger, w.db));
    check_all(&w.ledger, w.db);
    assert_ok(skep_db_close(w.db));
    ledger_check_file(&w.ledger, w.path, "at the end");
}

TEST(B13_a_new_database_on_a_full_file_system)
{
    full_world w = {0};
    full_begin(&w, "1m");
    fs_fill(w.ballast, 0);
    skep_db *db = NULL;
    const char *path = harness_path("fs/new.db");
    assert_fails(skep_db_open(path, NULL, &db), SKEP_EFULL);
    ck_assert_ptr_null(db);
    ck_assert_int_eq(unlink(w.ballast), 0);
    assert_ok(skep_db_open(path, NULL, &db));
    assert_ok(ledger_create(db));
    assert_ok(skep_db_close(db));
    assert_ok(skep_db_close(w.db));
}

static const harness_test tests[] = {
    HARNESS_TEST(B13_no_space_at_commit_rolls_back_and_passes),
    HARNESS_TEST(B13_no_space_at_commit_of_groups),
    HARNESS_TEST(B13_no_space_at_a_checkpoint_stops_no_write),
    HARNESS_TEST(B13_no_space_for_shm_leaves_the_outcome_open),
    HARNESS_TEST(B13_a_full_file_system_and_then_space_again),
    HARNESS_TEST(B13_closing_on_a_full_file_system_keeps_the_wal),
    HARNESS_TEST(B13_a_new_database_on_a_full_file_system),
};
const harness_suite full_suite = HARNESS_SUITE("full", tests);
