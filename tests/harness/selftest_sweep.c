/* SPDX-License-Identifier: MIT */
#include "harness/selftest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#include "base/err.h"
#include "base/mem.h"
#include "os/calls.h"

#include "harness/alloc.h"
#include "harness/syscalls.h"
#include "harness/vfs_fault.h"

/* ---- allocations ---- */

#define BLOCKS_MAX 64

/* Work that allocates `count` blocks, and notes which was refused. */
typedef struct hoard {
    size_t count;
    bool leaks; /* the second block is not freed when a later one fails */
    unsigned refused_first[BLOCKS_MAX];
    unsigned refused_last[BLOCKS_MAX];
} hoard;

static int gather_hoard(void *ctx)
{
    hoard *h = ctx;
    void *blocks[BLOCKS_MAX] = {0};
    size_t first = SIZE_MAX;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < h->count; i++) {
        blocks[i] = skep__alloc(16 + i);
        if (blocks[i] == NULL) {
            first = first == SIZE_MAX ? i : first;
            last = i;
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        if (!(h->leaks && i == 1 && first != SIZE_MAX && first > 1))
            skep__free(blocks[i]);
    }
    if (first == SIZE_MAX)
        return SKEP_OK;
    h->refused_first[first]++;
    h->refused_last[last]++;
    return skep__oom();
}

TEST(a_sweep_fails_every_allocation_once_and_for_good)
{
    alloc_install();
    hoard h = {.count = 20};
    sweep_result r = alloc_sweep(&(sweep){.run = gather_hoard, .ctx = &h});
    ck_assert_uint_eq(r.points, 20);
    ck_assert_uint_eq(r.steps, 40);
    ck_assert_uint_eq(r.hit, 40);
    ck_assert_uint_eq(r.failed, 40);
    for (size_t i = 0; i < h.count; i++) {
        ck_assert_uint_eq(h.refused_first[i], 2);
        /* Transient: the refused one is the last refused too. Persistent: the very last is. */
        ck_assert_uint_eq(h.refused_last[i], i + 1 < h.count ? 1 : 1 + h.count);
    }
}

TEST(a_shallow_sweep_spreads_its_steps_from_first_to_last)
{
    alloc_install();
    (void)setenv("SKEP_TEST_SIZE", "quick", 1);
    hoard h = {.count = 60};
    sweep_result r = alloc_sweep(&(sweep){.run = gather_hoard, .ctx = &h});
    ck_assert_uint_eq(r.points, 60);
    ck_assert_uint_eq(r.steps, 2 * harness_size(SIZE_SWEEP_STEPS));
    ck_assert_uint_eq(h.refused_first[0], 2);
    ck_assert_uint_eq(h.refused_first[59], 2);
    size_t gap = 0;
    for (size_t i = 0; i < h.count; i++) {
        gap = h.refused_first[i] > 0 ? 0 : gap + 1;
        ck_assert_uint_lt(gap, 6);
    }
}

static int gather_benign(void *ctx)
{
    alloc_benign_begin();
    alloc_benign_begin();
    void *a = skep__alloc(1);
    alloc_benign_end();
    void *b = skep__alloc(1);
    alloc_benign_end();
    ck_assert(a != NULL && b != NULL);
    skep__free(a);
    skep__free(b);
    return gather_hoard(ctx);
}

TEST(benign_allocations_are_neither_counted_nor_failed)
{
    alloc_install();
    hoard h = {.count = 3};
    sweep_result r = alloc_sweep(&(sweep){.run = gather_benign, .ctx = &h});
    ck_assert_uint_eq(r.points, 3);
    ck_assert_uint_eq(r.hit, 6);
}

TEST(living_blocks_and_bytes_are_counted)
{
    alloc_install();
    uint64_t blocks = alloc_living();
    uint64_t bytes = alloc_living_bytes();
    void *a = skep__alloc(1000);
    ck_assert_uint_eq(alloc_living(), blocks + 1);
    ck_assert_uint_ge(alloc_living_bytes(), bytes + 1000);
    a = skep__realloc(a, 5000);
    ck_assert_uint_eq(alloc_living(), blocks + 1);
    ck_assert_uint_ge(alloc_living_bytes(), bytes + 5000);
    skep__free(a);
    ck_assert_uint_eq(alloc_living(), blocks);
    ck_assert_uint_eq(alloc_living_bytes(), bytes);
}

TEST(inner_leaks_when_memory_runs_out)
{
    alloc_install();
    hoard h = {.count = 5, .leaks = true};
    (void)alloc_sweep(&(sweep){.run = gather_hoard, .ctx = &h});
}

static int always_busy(void *ctx)
{
    void *block = skep__alloc(1);
    bool failed = block == NULL;
    skep__free(block);
    (void)ctx;
    return failed ? SKEP__FAIL(SKEP_EBUSY, "the wrong code") : SKEP_OK;
}

TEST(inner_returns_another_code_when_memory_runs_out)
{
    alloc_install();
    (void)alloc_sweep(&(sweep){.run = always_busy});
}

static int allocate_nothing(void *ctx)
{
    (void)ctx;
    return SKEP_OK;
}

TEST(inner_sweeps_nothing)
{
    alloc_install();
    (void)alloc_sweep(&(sweep){.run = allocate_nothing});
}

static const harness_test inner_tests[] = {
    HARNESS_TEST(inner_leaks_when_memory_runs_out),
    HARNESS_TEST(inner_returns_another_code_when_memory_runs_out),
    HARNESS_TEST(inner_sweeps_nothing),
};
const harness_suite inner_sweep_suite = HARNESS_SUITE("inner-sweep", inner_tests);

TEST(a_sweep_notices_a_leak_a_wrong_code_and_an_empty_work)
{
    int status = 0;
    const char *output = selftest_run_inner("inner-sweep", NULL, &status);
    ck_assert_ptr_nonnull(strstr(output, "harness: 0 passed, 3 failed, 0 skipped\n"));
    ck_assert_ptr_nonnull(strstr(output, "1 blocks leaked"));
    ck_assert_ptr_nonnull(strstr(output, "SKEP_EBUSY"));
    ck_assert_ptr_nonnull(strstr(output, "passes no allocation at all"));
}

/* ---- SQLite ---- */

typedef struct lite {
    const char *path;
    int rc; /* of the last run */
} lite;

static int lite_fail(sqlite3 *db, int rc)
{
    (void)sqlite3_close(db);
    return SKEP__FAIL(rc == SQLITE_NOMEM ? SKEP_ENOMEM : SKEP_EIO, "sqlite: %d", rc);
}

/* Open, put a row in, close: in WAL mode, with a checkpoint at the end. */
static int put_row(void *ctx)
{
    lite *l = ctx;
    sqlite3 *db = NULL;
    l->rc = sqlite3_open_v2(l->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (l->rc == SQLITE_OK)
        l->rc = sqlite3_exec(db,
                             "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                             "CREATE TABLE IF NOT EXISTS t(a, b);"
                             "INSERT INTO t VALUES(1, zeroblob(6000));",
                             NULL, NULL, NULL);
    if (l->rc == SQLITE_OK)
        l->rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (l->rc != SQLITE_OK)
        return lite_fail(db, l->rc & 0xff);
    (void)sqlite3_close(db);
    return SKEP_OK;
}

static void is_whole(void *ctx, int rc)
{
    const lite *l = ctx;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    (void)rc;
    ck_assert_int_eq(
        sqlite3_open_v2(l->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), "ok");
    (void)sqlite3_finalize(stmt);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static void remove_files(void *ctx)
{
    const lite *l = ctx;
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s%s", l->path, ends[i]);
        (void)remove(path);
    }
}

static sweep lite_sweep(lite *l)
{
    static const int codes[] = {SKEP_EIO, 0};
    l->path = harness_path("a.db");
    return (sweep){
        .before = remove_files, .run = put_row, .after = is_whole, .ctx = l, .codes = codes};
}

TEST(sqlite_lives_on_the_same_memory)
{
    alloc_install();
    vfs_install();
    lite l;
    sweep s = lite_sweep(&l);
    sweep_result r = alloc_sweep(&s);
    ck_assert_uint_gt(r.points, 100);
    ck_assert_uint_eq(r.hit, r.steps);
    ck_assert_uint_gt(r.failed, r.steps / 4);
}

static sweep_result sweep_vfs(unsigned ops, unsigned files, int code)
{
    lite l;
    sweep s = lite_sweep(&l);
    return vfs_sweep(&s, &(vfs_fault){.ops = ops, .files = files, .code = code});
}

TEST(every_file_operation_of_sqlite_can_fail)
{
    for (int op = 0; op < VFS_OP_COUNT; op++) {
        sweep_result r = sweep_vfs(VFS_OPS(op), VFS_FILES_ALL, 0);
        ck_assert_msg(r.hit == r.steps && r.steps > 0, "operation %d was not hit", op);
    }
}

TEST(the_file_filter_tells_database_wal_and_shm_apart)
{
    ck_assert_uint_gt(sweep_vfs(VFS_OPS(VFS_WRITE), VFS_WAL, SQLITE_FULL).failed, 0);
    ck_assert_uint_gt(sweep_vfs(VFS_OPS(VFS_WRITE), VFS_DB, SQLITE_IOERR_WRITE).failed, 0);
    ck_assert_uint_gt(sweep_vfs(VFS_OPS(VFS_SHM_MAP), VFS_SHM, 0).failed, 0);
    lite l;
    sweep s = lite_sweep(&l);
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SHM_MAP), .files = VFS_DB | VFS_WAL});
    ck_assert_int_eq(s.run(s.ctx), SKEP_OK);
    ck_assert_uint_eq(vfs_disarm(NULL), 0);
}

TEST(the_chosen_code_reaches_sqlite)
{
    vfs_install();
    lite l;
    sweep s = lite_sweep(&l);
    s.before(s.ctx);
    vfs_arm(
        &(vfs_fault){.ops = VFS_OPS(VFS_WRITE), .files = VFS_WAL, .nth = 1, .code = SQLITE_FULL});
    ck_assert_int_eq(s.run(s.ctx), SKEP_EIO);
    uint64_t injected = 0;
    ck_assert_uint_gt(vfs_disarm(&injected), 0);
    ck_assert_uint_eq(injected, 1);
    ck_assert_int_eq(l.rc, SQLITE_FULL);
    s.before(s.ctx);
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC), .files = VFS_WAL, .nth = 1, .persistent = true});
    ck_assert_int_eq(s.run(s.ctx), SKEP_EIO);
    (void)vfs_disarm(NULL);
    ck_assert_int_eq(l.rc & 0xff, SQLITE_IOERR);
    s.before(s.ctx);
    ck_assert_int_eq(s.run(s.ctx), SKEP_OK);
}

TEST(a_torn_write_leaves_half)
{
    vfs_install();
    lite l;
    sweep s = lite_sweep(&l);
    sweep_result r = vfs_sweep(
        &s, &(vfs_fault){.ops = VFS_OPS(VFS_WRITE), .files = VFS_FILES_ALL, .torn = true});
    ck_assert_uint_gt(r.failed, 0);
}

TEST(sqlite_system_calls_can_fail)
{
    sys_install_sqlite();
    static const struct {
        unsigned call;
        int err;
    } kinds[] = {
        {SYS_OPEN, EMFILE}, {SYS_READ, EIO},   {SYS_WRITE, ENOSPC},
        {SYS_STAT, EIO},    {SYS_MAP, ENOMEM}, {SYS_NAME, EIO},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        lite l;
        sweep s = lite_sweep(&l);
        sweep_result r = sys_sweep(&s, &(sys_fault){.calls = kinds[i].call, .err = kinds[i].err});
        ck_assert_msg(r.hit == r.steps && r.steps > 0, "call kind %zu was not hit", i);
    }
}

TEST(a_lock_of_sqlite_can_fail)
{
    sys_install_sqlite();
    lite l;
    sweep s = lite_sweep(&l);
    for (uint64_t nth = 1; nth <= 5; nth++) {
        s.before(s.ctx);
        sys_arm(&(sys_fault){.calls = SYS_LOCK, .err = ENOLCK, .nth = nth});
        int rc = s.run(s.ctx);
        uint64_t injected = 0;
        (void)sys_disarm(&injected);
        ck_assert_uint_eq(injected, 1);
        s.after(s.ctx, rc);
    }
}

TEST(sqlite_goes_on_after_short_and_interrupted_calls)
{
    sys_install_sqlite();
    lite l;
    sweep s = lite_sweep(&l);
    sweep_result r = sys_sweep(&s, &(sys_fault){.calls = SYS_WRITE, .how = SYS_SHORT});
    ck_assert_uint_gt(r.hit, 0);
    ck_assert_uint_eq(r.failed, 0);
    r = sys_sweep(&s, &(sys_fault){.calls = SYS_OPEN | SYS_READ | SYS_WRITE, .how = SYS_EINTR});
    ck_assert_uint_gt(r.hit, 0);
    ck_assert_uint_eq(r.failed, 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_sweep_fails_every_allocation_once_and_for_good),
    HARNESS_TEST(a_shallow_sweep_spreads_its_steps_from_first_to_last),
    HARNESS_TEST(benign_allocations_are_neither_counted_nor_failed),
    HARNESS_TEST(living_blocks_and_bytes_are_counted),
    HARNESS_TEST(a_sweep_notices_a_leak_a_wrong_code_and_an_empty_work),
    HARNESS_TEST(sqlite_lives_on_the_same_memory),
    HARNESS_TEST(every_file_operation_of_sqlite_can_fail),
    HARNESS_TEST(the_file_filter_tells_database_wal_and_shm_apart),
    HARNESS_TEST(the_chosen_code_reaches_sqlite),
    HARNESS_TEST(a_torn_write_leaves_half),
    HARNESS_TEST(sqlite_system_calls_can_fail),
    HARNESS_TEST(a_lock_of_sqlite_can_fail),
    HARNESS_TEST(sqlite_goes_on_after_short_and_interrupted_calls),
};
const harness_suite selftest_sweep_suite = HARNESS_SUITE("sweep", tests);
