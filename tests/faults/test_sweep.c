/* SPDX-License-Identifier: MIT */
/* Each operation of a database, with each allocation, system call and file operation failed in it:
 * once alone, once with all that follow. */
#include "faults/faults.h"

#include <errno.h>

#include "sqlite3.h"

#include "harness/alloc.h"
#include "harness/syscalls.h"
#include "harness/vfs_fault.h"

#include "faults/ops.h"

/* ---- memory ---- */

static void sweep_allocations(const op *o)
{
    op_world w;
    ops_begin(&w, o);
    sweep s = ops_sweep(&w, NULL);
    sweep_result result = alloc_sweep(&s);
    ck_assert_uint_gt(result.hit, 0);
}

/* ---- SQLite's file operations ---- */

#define READING                                                                                    \
    (VFS_OPS(VFS_OPEN) | VFS_OPS(VFS_READ) | VFS_OPS(VFS_SIZE) | VFS_OPS(VFS_ACCESS) |             \
     VFS_OPS(VFS_SHM_MAP))
#define LOCKING (VFS_OPS(VFS_LOCK) | VFS_OPS(VFS_SHM_LOCK))
#define CHANGING (VFS_OPS(VFS_WRITE) | VFS_OPS(VFS_TRUNCATE) | VFS_OPS(VFS_DELETE))
#define GROWING (VFS_OPS(VFS_WRITE) | VFS_OPS(VFS_TRUNCATE))

static const int io_codes[] = {SKEP_EIO, SKEP_EPOISONED, 0};
static const int lock_codes[] = {SKEP_EIO, SKEP_EPOISONED, SKEP_EBUSY, 0};
static const int full_codes[] = {SKEP_EFULL, 0};

static const struct {
    vfs_fault fault;
    const int *codes;
} file_faults[] = {
    {{.ops = READING, .files = VFS_FILES_ALL}, io_codes},
    {{.ops = LOCKING, .files = VFS_FILES_ALL}, lock_codes},
    {{.ops = CHANGING, .files = VFS_FILES_ALL, .torn = true}, io_codes},
    {{.ops = VFS_OPS(VFS_SYNC), .files = VFS_FILES_ALL}, io_codes},
    {{.ops = GROWING, .files = VFS_FILES_ALL, .code = SQLITE_FULL, .torn = true}, full_codes},
};

/* Does the operation pass such points at all? */
static bool passes_file_operations(op_world *w, vfs_fault fault)
{
    fault.nth = 0;
    ops_before(w);
    vfs_arm(&fault);
    int rc = ops_run(w);
    uint64_t points = vfs_disarm(NULL);
    ops_after(w, rc);
    return points > 0;
}

static void sweep_file_operations(const op *o)
{
    op_world w;
    ops_begin(&w, o);
    for (size_t i = 0; i < sizeof(file_faults) / sizeof(file_faults[0]); i++) {
        vfs_fault fault = file_faults[i].fault;
        if (o->file_ops != 0)
            fault.ops &= o->file_ops;
        if (!passes_file_operations(&w, fault))
            continue;
        sweep s = ops_sweep(&w, file_faults[i].codes);
        (void)vfs_sweep(&s, &fault);
    }
}

/* ---- system calls ---- */

/* EIO of a read is SQLITE_CORRUPT, as the file system is taken for broken then; a file of which it
 * cannot be said whether it is still the same counts as read-only. */
/* Where a file cannot be opened for writing, SQLite tries to read it only; and that works, when one
 * call alone has failed. */
static const int call_codes[] = {SKEP_EIO,      SKEP_EPOISONED, SKEP_EBUSY,
                                 SKEP_ECORRUPT, SKEP_EREADONLY, 0};
/* VACUUM finds no directory for its temporary file when none can be looked at. */
static const int vacuum_codes[] = {SKEP_EIO,       SKEP_EPOISONED,    SKEP_EBUSY, SKEP_ECORRUPT,
                                   SKEP_EREADONLY, SKEP_EUNSUPPORTED, 0};
static const int space_codes[] = {SKEP_EFULL, 0};
static const int open_codes[] = {SKEP_ELIMIT,    SKEP_EIO,       SKEP_EDENIED,
                                 SKEP_EREADONLY, SKEP_ENOTFOUND, 0};

#define SYS_NO_LOCK (SYS_ALL & ~(unsigned)(SYS_LOCK | SYS_OPEN))

static const struct {
    sys_fault fault;
    const int *codes;
} call_faults[] = {
    {{.calls = SYS_NO_LOCK, .how = SYS_FAIL, .err = EIO}, call_codes},
    {{.calls = SYS_WRITE | SYS_SIZE, .how = SYS_FAIL, .err = ENOSPC}, space_codes},
    {{.calls = SYS_OPEN, .how = SYS_FAIL, .err = EMFILE}, open_codes},
    {{.calls = SYS_READ | SYS_WRITE, .how = SYS_SHORT}, call_codes},
    {{.calls = SYS_NO_LOCK | SYS_OPEN, .how = SYS_EINTR}, call_codes},
};

static bool passes_system_calls(op_world *w, sys_fault fault)
{
    fault.nth = 0;
    ops_before(w);
    sys_arm(&fault);
    int rc = ops_run(w);
    uint64_t points = sys_disarm(NULL);
    ops_after(w, rc);
    return points > 0;
}

/* Locks are failed alone only. When none can be had any more SQLite takes it for a neighbour that
 * is busy, and waits ten seconds at each. */
static void sweep_locks(op_world *w)
{
    sys_fault fault = {.calls = SYS_LOCK, .how = SYS_FAIL, .err = EIO};
    uint64_t injected = 1;
    for (uint64_t nth = 1; injected > 0 && nth <= harness_size(SIZE_SWEEP_STEPS); nth++) {
        fault.nth = nth;
        ops_before(w);
        sys_arm(&fault);
        int rc = ops_run(w);
        (void)sys_disarm(&injected);
        ck_assert_msg(rc >= 0 || rc == SKEP_EIO || rc == SKEP_EBUSY || rc == SKEP_EPOISONED,
                      "lock %llu failed: %s: %s", (unsigned long long)nth, skep_code_name(rc),
                      skep_last_error()->text);
        ops_after(w, rc);
    }
}

static void sweep_system_calls(const op *o)
{
    op_world w;
    ops_begin(&w, o);
    sys_install_os();
    sys_install_sqlite();
    for (size_t i = 0; i < sizeof(call_faults) / sizeof(call_faults[0]); i++) {
        sys_fault fault = call_faults[i].fault;
        if (o->sys_calls != 0)
            fault.calls &= o->sys_calls;
        if (!passes_system_calls(&w, fault))
            continue;
        const int *codes = call_faults[i].codes;
        sweep s = ops_sweep(&w, o == &op_optimize && codes == call_codes ? vacuum_codes : codes);
        (void)sys_sweep(&s, &fault);
    }
    if (o->sys_calls == 0)
        sweep_locks(&w);
}

#define SWEEPS(X)                                                                                  \
    X(opening_a_new_database, op_open_new)                                                         \
    X(opening_a_database_with_a_wal_to_recover, op_open_existing)                                  \
    X(a_write, op_write)                                                                           \
    X(a_write_larger_than_the_cache, op_write_large)                                               \
    X(a_write_that_grows_the_wal_index, op_write_index)                                            \
    X(a_write_with_a_rollback_journal, op_write_foreign)                                           \
    X(a_group_of_writes, op_group)                                                                 \
    X(asynchronous_calls, op_async)                                                                \
    X(a_snapshot_read, op_read)                                                                    \
    X(a_read_of_texts_and_a_table, op_read_texts)                                                  \
    X(a_single_statement_read, op_read_single)                                                     \
    X(a_lease, op_lease)                                                                           \
    X(a_checkpoint_pass, op_checkpoint)                                                            \
    X(the_checkpoint_thread, op_checkpoint_thread)                                                 \
    X(a_tick_of_maintenance, op_tick)                                                              \
    X(statistics_and_vacuum, op_optimize)                                                          \
    X(a_full_check, op_check)                                                                      \
    X(a_checkpoint_by_hand, op_by_hand)                                                            \
    X(closing, op_close)

#define DEFINE(what, which)                                                                        \
    TEST(what##_survives_failed_allocations)                                                       \
    {                                                                                              \
        sweep_allocations(&(which));                                                               \
    }                                                                                              \
    TEST(what##_survives_failed_file_operations)                                                   \
    {                                                                                              \
        sweep_file_operations(&(which));                                                           \
    }                                                                                              \
    TEST(what##_survives_failed_system_calls)                                                      \
    {                                                                                              \
        sweep_system_calls(&(which));                                                              \
    }
SWEEPS(DEFINE)

static const harness_test tests[] = {
#define LIST(what, which)                                                                          \
    HARNESS_TEST(what##_survives_failed_allocations),                                              \
        HARNESS_TEST(what##_survives_failed_file_operations),                                      \
        HARNESS_TEST(what##_survives_failed_system_calls),
    SWEEPS(LIST)};
const harness_suite sweep_suite = HARNESS_SUITE("sweep", tests);
