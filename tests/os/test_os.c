/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "os/calls.h"
#include "os/os.h"
#include "os/os_limits.h"

#include "harness/alloc.h"
#include "harness/harness.h"
#include "harness/syscalls.h"
#include "harness/vfs_disk.h"

extern const harness_suite home_suite;

static bool detail_names(const char *text)
{
    return strstr(skep_last_error()->text, text) != NULL;
}

/* ---- stat ---- */

TEST(stat_tells_type_size_mode_and_time)
{
    const char *path = harness_path("a");
    harness_write_file(path, "12345", 5);
    const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0},
                                      {.tv_sec = 1700000000, .tv_nsec = 123456789}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    ck_assert_int_eq(chmod(path, 0640), 0);
    skep__file_info info;
    assert_ok(skep__os_stat(path, &info));
    ck_assert_int_eq(info.type, SKEP__FILE_REGULAR);
    ck_assert_uint_eq(info.size, 5);
    ck_assert_uint_eq(info.mode, 0640);
    ck_assert_int_eq(info.mtime_ns, 1700000000123456789);
    skep__file_info same;
    ck_assert_int_eq(symlink(path, harness_path("link")), 0);
    assert_ok(skep__os_stat(harness_path("link"), &same));
    ck_assert_uint_eq(same.inode, info.inode);
    ck_assert_uint_eq(same.device, info.device);
}

TEST(stat_tells_what_is_no_plain_file)
{
    skep__file_info info;
    assert_ok(skep__os_stat(harness_dir(), &info));
    ck_assert_int_eq(info.type, SKEP__FILE_DIRECTORY);
    ck_assert_int_eq(mkfifo(harness_path("fifo"), 0600), 0);
    assert_ok(skep__os_stat(harness_path("fifo"), &info));
    ck_assert_int_eq(info.type, SKEP__FILE_FIFO);
    assert_ok(skep__os_stat("/dev/null", &info));
    ck_assert_int_eq(info.type, SKEP__FILE_DEVICE);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(harness_path("socket")), sizeof(address.sun_path));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", harness_path("socket"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd);
    assert_ok(skep__os_stat(harness_path("socket"), &info));
    ck_assert_int_eq(info.type, SKEP__FILE_SOCKET);
}

TEST(failures_name_the_path_and_carry_errno)
{
    skep__file_info info = {.size = 77};
    assert_fails(skep__os_stat(harness_path("missing"), &info), SKEP_ENOTFOUND);
    ck_assert_int_eq(skep_last_error()->sys_errno, ENOENT);
    ck_assert_str_eq(skep_last_error()->room, "os");
    ck_assert(detail_names(harness_path("missing")));
    ck_assert_uint_eq(info.size, 77);
    ck_assert_int_eq(mkdir(harness_path("closed"), 0700), 0);
    harness_drop_root();
    ck_assert_int_eq(chmod(harness_dir(), 0), 0);
    assert_fails(skep__os_stat(harness_path("closed/x"), &info), SKEP_EDENIED);
}

/* ---- full path ---- */

static const char *full_path(const char *path)
{
    static char out[SKEP__PATH_MAX];
    assert_ok(skep__os_full_path(path, out, sizeof(out)));
    return out;
}

TEST(full_path_resolves_what_is_there_and_what_is_to_be_made)
{
    ck_assert_int_eq(mkdir(harness_path("d"), 0700), 0);
    ck_assert_int_eq(symlink("d", harness_path("l")), 0);
    ck_assert_int_eq(chdir(harness_dir()), 0);
    harness_write_file("d/a", "", 0);
    ck_assert_str_eq(full_path("l/a"), harness_path("d/a"));
    ck_assert_str_eq(full_path("l/../d/./new"), harness_path("d/new"));
    ck_assert_str_eq(full_path("new"), harness_path("new"));
    ck_assert_str_eq(full_path("/"), "/");
    ck_assert_str_eq(full_path("/skep-test-is-not-there"), "/skep-test-is-not-there");
    ck_assert_str_eq(full_path("."), harness_dir());
}

TEST(full_path_refuses_what_cannot_be_made)
{
    char out[SKEP__PATH_MAX] = "untouched";
    assert_fails(skep__os_full_path(harness_path("no/dir"), out, sizeof(out)), SKEP_ENOTFOUND);
    assert_fails(skep__os_full_path("", out, sizeof(out)), SKEP_ENOTFOUND);
    assert_fails(skep__os_full_path(harness_path("no/.."), out, sizeof(out)), SKEP_ENOTFOUND);
    assert_fails(skep__os_full_path(harness_path("no/"), out, sizeof(out)), SKEP_ENOTFOUND);
    assert_fails(skep__os_full_path(harness_path("a"), out, 5), SKEP_ELIMIT);
    ck_assert_str_eq(out, "untouched");
    char deep[2 * SKEP__PATH_MAX];
    memset(deep, 'a', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_fails(skep__os_full_path(deep, out, sizeof(out)), SKEP_EINVALID);
}

/* ---- space ---- */

TEST(free_bytes_are_those_of_the_file_system)
{
    uint64_t bytes = 0;
    assert_ok(skep__os_free_bytes(harness_dir(), &bytes));
    ck_assert_uint_gt(bytes, 0);
    assert_fails(skep__os_free_bytes(harness_path("missing"), &bytes), SKEP_ENOTFOUND);
}

/* ---- contents ---- */

static void check_contents(const char *path, const char *want, size_t size)
{
    skep__buf b = SKEP__BUF_INIT(1 << 20);
    assert_ok(skep__os_read_file(path, &b));
    ck_assert_uint_eq(b.len, size);
    if (size > 0)
        ck_assert_mem_eq(b.data, want, size);
    skep__buf_dispose(&b);
}

TEST(a_written_file_is_read_back_and_private)
{
    const char *path = harness_path("a");
    assert_ok(skep__os_write_file(path, skep_slice_of("one\0two", 7)));
    check_contents(path, "one\0two", 7);
    skep__file_info info;
    assert_ok(skep__os_stat(path, &info));
    ck_assert_uint_eq(info.mode, 0600);
    assert_ok(skep__os_write_file(path, skep_slice_of(NULL, 0)));
    check_contents(path, "", 0);
    ck_assert_int_eq(chdir(harness_dir()), 0);
    assert_ok(skep__os_write_file("b", skep_slice_str("beside")));
    check_contents(harness_path("b"), "beside", 6);
}

TEST(a_file_that_is_shown_is_replaced_without_a_sync_and_can_be_hidden)
{
    sys_install_os();
    const char *path = harness_path("a");
    mode_t before = umask(0777);
    sys_arm(&(sys_fault){.calls = SYS_SYNC});
    assert_ok(skep__os_show_file(path, skep_slice_str("one")));
    assert_ok(skep__os_show_file(path, skep_slice_str("two")));
    ck_assert_uint_eq(sys_disarm(NULL), 0);
    (void)umask(before);
    check_contents(path, "two", 3);
    skep__file_info info;
    assert_ok(skep__os_stat(path, &info));
    ck_assert_uint_eq(info.mode, 0600);
    assert_fails(skep__os_stat(harness_path("a.new"), &info), SKEP_ENOTFOUND);
    assert_ok(skep__os_hide_file(path));
    assert_fails(skep__os_stat(path, &info), SKEP_ENOTFOUND);
    assert_ok(skep__os_hide_file(path));
}

TEST(what_a_crash_left_of_a_file_to_be_shown_is_replaced)
{
    harness_write_file(harness_path("a.new"), "waste", 5);
    assert_ok(skep__os_show_file(harness_path("a"), skep_slice_str("one")));
    check_contents(harness_path("a"), "one", 3);
    skep__file_info info;
    assert_fails(skep__os_stat(harness_path("a.new"), &info), SKEP_ENOTFOUND);
}

TEST(a_file_may_be_as_long_as_the_ceiling_and_no_longer)
{
    const char *path = harness_path("a");
    static char data[100000];
    memset(data, 'x', sizeof(data));
    harness_write_file(path, data, sizeof(data));
    skep__buf b = SKEP__BUF_INIT(sizeof(data));
    assert_ok(skep__os_read_file(path, &b));
    ck_assert_uint_eq(b.len, sizeof(data));
    skep__buf_dispose(&b);
    b = SKEP__BUF_INIT(sizeof(data) - 1);
    assert_fails(skep__os_read_file(path, &b), SKEP_ELIMIT);
    ck_assert(detail_names(path));
    skep__buf_dispose(&b);
}

TEST(a_file_that_hides_its_size_is_read_to_its_end)
{
    skep__buf b = SKEP__BUF_INIT(1 << 20);
    assert_ok(skep__os_read_file("/proc/self/status", &b));
    ck_assert_uint_gt(b.len, 100);
    skep__buf_dispose(&b);
    b = SKEP__BUF_INIT(50);
    assert_fails(skep__os_read_file("/proc/self/status", &b), SKEP_ELIMIT);
    skep__buf_dispose(&b);
}

TEST(what_is_no_plain_file_is_not_read)
{
    skep__buf b = SKEP__BUF_INIT(100);
    assert_fails(skep__os_read_file(harness_dir(), &b), SKEP_EINVALID);
    assert_fails(skep__os_read_file("/dev/null", &b), SKEP_EINVALID);
    assert_fails(skep__os_read_file(harness_path("missing"), &b), SKEP_ENOTFOUND);
    skep__buf_dispose(&b);
}

TEST(a_path_without_room_for_the_temporary_name_is_refused)
{
    char path[SKEP__PATH_MAX];
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_fails(skep__os_write_file(path, skep_slice_str("x")), SKEP_ELIMIT);
    assert_fails(skep__os_show_file(path, skep_slice_str("x")), SKEP_ELIMIT);
}

/* ---- faults ---- */

static char old_text[] = "the old contents";
static char new_text[3000];

static void start_again(void *ctx)
{
    (void)ctx;
    harness_remove_tree(harness_path("d"));
    ck_assert_int_eq(mkdir(harness_path("d"), 0700), 0);
    harness_write_file(harness_path("d/a"), old_text, strlen(old_text));
    memset(new_text, 'n', sizeof(new_text));
}

static int replace(void *ctx)
{
    (void)ctx;
    return skep__os_write_file(harness_path("d/a"), skep_slice_of(new_text, sizeof(new_text)));
}

static int read_back(void *ctx)
{
    (void)ctx;
    skep__buf b = SKEP__BUF_INIT(1 << 20);
    int rc = skep__os_read_file(harness_path("d/a"), &b);
    if (rc >= 0)
        ck_assert_uint_eq(b.len, strlen(old_text));
    skep__buf_dispose(&b);
    return rc;
}

/* Old or new, whole; nothing beside it; and the next try works. */
static void old_or_new(void *ctx, int rc)
{
    (void)ctx;
    size_t size = 0;
    const char *data = harness_read_file(harness_path("d/a"), &size);
    bool fresh = data[0] == 'n';
    if (fresh)
        ck_assert_uint_eq(size, sizeof(new_text));
    else
        ck_assert_str_eq(data, old_text);
    ck_assert(rc < 0 || fresh);
    if (rc < 0 && fresh)
        ck_assert_int_eq(skep_last_error()->outcome, SKEP_OUTCOME_UNKNOWN);
    if (rc < 0)
        ck_assert(detail_names(harness_path("d")));
    ck_assert_int_ge(replace(NULL), 0);
}

static const int io_codes[] = {SKEP_EIO, SKEP_EFULL, 0};

TEST(every_system_call_of_a_replacement_can_fail)
{
    sys_install_os();
    static const struct {
        unsigned calls;
        int err;
    } kinds[] = {{SYS_ALL, EIO}, {SYS_WRITE, ENOSPC}, {SYS_SYNC, EIO}, {SYS_CLOSE, EIO}};
    const sweep s = {.before = start_again, .run = replace, .after = old_or_new, .codes = io_codes};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const sys_fault fault = {.calls = kinds[i].calls, .err = kinds[i].err};
        sweep_result r = sys_sweep(&s, &fault);
        ck_assert_uint_gt(r.failed, 0);
    }
}

static int show(void *ctx)
{
    (void)ctx;
    return skep__os_show_file(harness_path("d/a"), skep_slice_of(new_text, sizeof(new_text)));
}

TEST(every_system_call_of_showing_can_fail)
{
    sys_install_os();
    const sweep s = {.before = start_again, .run = show, .after = old_or_new, .codes = io_codes};
    sweep_result r = sys_sweep(&s, &(sys_fault){.calls = SYS_ALL, .err = EIO});
    ck_assert_uint_gt(r.failed, 0);
    r = sys_sweep(&s, &(sys_fault){.calls = SYS_WRITE, .err = ENOSPC});
    ck_assert_uint_gt(r.failed, 0);
}

TEST(short_and_interrupted_calls_are_finished)
{
    sys_install_os();
    sweep s = {.before = start_again, .run = replace, .after = old_or_new};
    sweep_result r = sys_sweep(&s, &(sys_fault){.calls = SYS_WRITE, .how = SYS_SHORT});
    ck_assert_uint_gt(r.hit, 0);
    r = sys_sweep(&s, &(sys_fault){.calls = SYS_OPEN | SYS_WRITE, .how = SYS_EINTR});
    ck_assert_uint_gt(r.hit, 0);
    s.run = read_back;
    s.after = NULL;
    r = sys_sweep(&s, &(sys_fault){.calls = SYS_READ, .how = SYS_SHORT});
    ck_assert_uint_gt(r.hit, 0);
    r = sys_sweep(&s, &(sys_fault){.calls = SYS_OPEN | SYS_READ, .how = SYS_EINTR});
    ck_assert_uint_gt(r.hit, 0);
}

TEST(a_signal_that_never_ends_is_reported)
{
    sys_install_os();
    start_again(NULL);
    sys_arm(&(sys_fault){.calls = SYS_WRITE, .err = EINTR, .nth = 1, .persistent = true});
    int rc = replace(NULL);
    (void)sys_disarm(NULL);
    ck_assert_int_lt(rc, 0);
    ck_assert_int_eq(skep_last_error()->sys_errno, EINTR);
    old_or_new(NULL, rc);
}

TEST(every_system_call_of_reading_can_fail)
{
    sys_install_os();
    const sweep s = {.before = start_again, .run = read_back, .codes = io_codes};
    sweep_result r = sys_sweep(&s, &(sys_fault){.calls = SYS_ALL & ~SYS_CLOSE, .err = EIO});
    ck_assert_uint_eq(r.failed, r.hit);
}

TEST(memory_may_run_out_while_reading)
{
    alloc_install();
    const sweep s = {.before = start_again, .run = read_back};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

TEST(a_failed_directory_sync_leaves_the_outcome_open)
{
    sys_install_os();
    start_again(NULL);
    sys_arm(&(sys_fault){.calls = SYS_SYNC, .err = EIO, .nth = 2});
    int rc = replace(NULL);
    (void)sys_disarm(NULL);
    assert_fails_with(rc, SKEP_EIO, SKEP_OUTCOME_UNKNOWN);
    sys_arm(&(sys_fault){.calls = SYS_SYNC, .err = EIO, .nth = 1});
    rc = replace(NULL);
    (void)sys_disarm(NULL);
    assert_fails_with(rc, SKEP_EIO, SKEP_OUTCOME_NONE);
}

/* ---- power ---- */

TEST(a_replacement_stands_a_power_cut_at_each_sync)
{
    static const disk_promises promises[] = {DISK_ORDINARY, DISK_HOSTILE};
    for (uint64_t i = 0; i < 2 * 3; i++) {
        start_again(NULL);
        disk *d = disk_new(harness_path("d"), &promises[i % 2]);
        disk_crash_at_sync(d, 1 + i / 2);
        int rc = replace(NULL);
        ck_assert_int_eq(rc >= 0, i / 2 == 2); /* a replacement syncs twice */
        disk_cut(d);
        for (uint64_t seed = 0; seed < 30; seed++) {
            disk_write_survivors(d, seed, harness_path("after"));
            size_t size = 0;
            const char *data = harness_read_file(harness_path("after/a"), &size);
            bool fresh = size == sizeof(new_text) && memcmp(data, new_text, size) == 0;
            ck_assert(fresh || strcmp(data, old_text) == 0);
            ck_assert(fresh || rc < 0);
            harness_remove_tree(harness_path("after"));
        }
        disk_free(d);
    }
}

/* ---- the lock file ---- */

TEST(a_lock_is_had_by_one_and_gone_with_its_file)
{
    const char *path = harness_path("lock");
    int first = -1;
    int second = -1;
    mode_t before = umask(0777);
    ck_assert_int_eq(assert_ok(skep__os_lock(path, &first)), 1);
    (void)umask(before);
    skep__file_info info;
    assert_ok(skep__os_stat(path, &info));
    ck_assert_uint_eq(info.mode, 0600);
    /* In the same process too. */
    ck_assert_int_eq(assert_ok(skep__os_lock(path, &second)), 0);
    ck_assert_int_eq(second, -1);
    skep__os_unlock(path, &first);
    ck_assert_int_eq(first, -1);
    ck_assert(!harness_exists(path));
    ck_assert_int_eq(assert_ok(skep__os_lock(path, &second)), 1);
    skep__os_unlock(path, &second);
    skep__os_unlock(path, &second); /* nothing to do */
}

TEST(a_lock_that_others_left_behind_can_be_taken)
{
    const char *path = harness_path("lock");
    int fd = -1;
    harness_write_file(path, "", 0);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(assert_ok(skep__os_lock(path, &fd)), 1);
    skep__file_info info;
    assert_ok(skep__os_stat(path, &info));
    ck_assert_uint_eq(info.mode, 0600);
    skep__os_unlock(path, &fd);
}

TEST(what_is_no_plain_file_is_no_lock)
{
    int fd = -1;
    ck_assert_int_eq(mkfifo(harness_path("fifo"), 0600), 0);
    assert_fails(skep__os_lock(harness_path("fifo"), &fd), SKEP_EINVALID);
    ck_assert_int_eq(symlink("elsewhere", harness_path("link")), 0);
    ck_assert_int_lt(skep__os_lock(harness_path("link"), &fd), 0);
    ck_assert(!harness_exists(harness_path("elsewhere")));
    ck_assert_int_lt(skep__os_lock(harness_dir(), &fd), 0);
    assert_fails(skep__os_lock(harness_path("no/lock"), &fd), SKEP_ENOTFOUND);
    ck_assert_int_eq(fd, -1);
}

static const skep__os_calls *kernel = &skep__os_kernel;
static _Atomic int removals;

/* The holder removes the file and lets go between our open and our lock. */
static int lock_after_removal(int fd)
{
    if (removals > 0) {
        removals--;
        ck_assert_int_eq(unlink(harness_path("lock")), 0);
    }
    return kernel->lock(fd);
}

TEST(a_lock_on_a_file_that_was_removed_does_not_count)
{
    const char *path = harness_path("lock");
    skep__os_calls calls = skep__os_kernel;
    calls.lock = lock_after_removal;
    skep__os_set_calls(&calls);
    int fd = -1;
    int other = -1;
    removals = 3;
    ck_assert_int_eq(assert_ok(skep__os_lock(path, &fd)), 1);
    ck_assert(harness_exists(path));
    ck_assert_int_eq(assert_ok(skep__os_lock(path, &other)), 0);
    skep__os_unlock(path, &fd);
    removals = SKEP__LOCK_TRIES; /* for ever: it is taken for busy */
    ck_assert_int_eq(assert_ok(skep__os_lock(path, &fd)), 0);
    ck_assert_int_eq(fd, -1);
    skep__os_set_calls(NULL);
}

static int lock_and_unlock(void *ctx)
{
    int fd = -1;
    (void)ctx;
    SKEP__TRY(skep__os_lock(harness_path("lock"), &fd));
    skep__os_unlock(harness_path("lock"), &fd);
    return SKEP_OK;
}

TEST(every_system_call_of_locking_can_fail)
{
    sys_install_os();
    const sweep s = {.run = lock_and_unlock, .codes = io_codes};
    const unsigned counted = SYS_ALL & ~(unsigned)(SYS_CLOSE | SYS_NAME);
    ck_assert_uint_gt(sys_sweep(&s, &(sys_fault){.calls = counted, .err = EIO}).failed, 3);
    const sweep again = {.run = lock_and_unlock};
    sweep_result r =
        sys_sweep(&again, &(sys_fault){.calls = SYS_OPEN | SYS_LOCK, .how = SYS_EINTR});
    ck_assert_uint_eq(r.failed, 0);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

TEST(a_signal_is_readable_once_it_was_raised)
{
    int fd = -1;
    assert_ok(skep__os_signal_new(&fd));
    ck_assert(!readable(fd));
    skep__os_signal_raise(fd);
    ck_assert(readable(fd));
    skep__os_signal_close(fd);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    sys_install_os();
    sys_fault fault = {.calls = SYS_OPEN, .how = SYS_FAIL, .err = EMFILE, .nth = 1};
    sys_arm(&fault);
    assert_fails(skep__os_signal_new(&fd), SKEP_ELIMIT);
    (void)sys_disarm(NULL);
}

static const harness_test tests[] = {
    HARNESS_TEST(stat_tells_type_size_mode_and_time),
    HARNESS_TEST(stat_tells_what_is_no_plain_file),
    HARNESS_TEST(failures_name_the_path_and_carry_errno),
    HARNESS_TEST(full_path_resolves_what_is_there_and_what_is_to_be_made),
    HARNESS_TEST(full_path_refuses_what_cannot_be_made),
    HARNESS_TEST(free_bytes_are_those_of_the_file_system),
    HARNESS_TEST(a_written_file_is_read_back_and_private),
    HARNESS_TEST(a_file_that_is_shown_is_replaced_without_a_sync_and_can_be_hidden),
    HARNESS_TEST(what_a_crash_left_of_a_file_to_be_shown_is_replaced),
    HARNESS_TEST(a_file_may_be_as_long_as_the_ceiling_and_no_longer),
    HARNESS_TEST(a_file_that_hides_its_size_is_read_to_its_end),
    HARNESS_TEST(what_is_no_plain_file_is_not_read),
    HARNESS_TEST(a_path_without_room_for_the_temporary_name_is_refused),
    HARNESS_TEST(every_system_call_of_a_replacement_can_fail),
    HARNESS_TEST(every_system_call_of_showing_can_fail),
    HARNESS_TEST(short_and_interrupted_calls_are_finished),
    HARNESS_TEST(a_signal_that_never_ends_is_reported),
    HARNESS_TEST(every_system_call_of_reading_can_fail),
    HARNESS_TEST(memory_may_run_out_while_reading),
    HARNESS_TEST(a_failed_directory_sync_leaves_the_outcome_open),
    HARNESS_TEST(a_replacement_stands_a_power_cut_at_each_sync),
    HARNESS_TEST(a_lock_is_had_by_one_and_gone_with_its_file),
    HARNESS_TEST(a_lock_that_others_left_behind_can_be_taken),
    HARNESS_TEST(what_is_no_plain_file_is_no_lock),
    HARNESS_TEST(a_lock_on_a_file_that_was_removed_does_not_count),
    HARNESS_TEST(every_system_call_of_locking_can_fail),
    HARNESS_TEST(a_signal_is_readable_once_it_was_raised),
};

int main(int argc, char **argv)
{
    static const harness_suite os_suite = HARNESS_SUITE("os", tests);
    static const harness_suite *const suites[] = {&os_suite, &home_suite, NULL};
    return harness_main(argc, argv, suites, NULL);
}
