/* SPDX-License-Identifier: MIT */
/* A store on disk while the power goes, while it is killed, and while calls fail. */
#include "faults/faults.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skep/arena.h>
#include <skep/store.h>

#include "harness/alloc.h"
#include "harness/syscalls.h"
#include "harness/vfs_disk.h"
#include "os/calls.h"

/* What is done, one after the other: each content follows from its step. */
typedef struct step {
    const char *key;
    size_t bytes; /* DELETE: delete it */
    bool create;
    bool swap; /* for the one that is there */
} step;

#define DELETE SIZE_MAX

static const step steps[] = {
    {"a/b", 10, false, false},   {"a/c/d", 9000, false, false},   {"a/b", 3000, false, false},
    {"e", 0, true, false},       {"a/c/d", DELETE, false, false}, {"a/b", 20, false, true},
    {"a/c/d", 100, true, false}, {"e", DELETE, false, false},     {"x/y/z", 70000, false, false},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))
static const char *const keys[] = {"a/b", "a/c/d", "e", "x/y/z"};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static char contents[STEPS][70000];

static void make_contents(void)
{
    for (size_t i = 0; i < STEPS; i++) {
        rng r = rng_of(i + 1);
        rng_fill(&r, contents[i], sizeof(contents[i]));
    }
}

static int open_store(const char *name, skep_store **out)
{
    char uri[4096];
    (void)snprintf(uri, sizeof(uri), "file:%s?keep_free_bytes=1", harness_path(name));
    return skep_store_open(uri, NULL, out);
}

static int take_step(skep_store *store, size_t i)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    if (steps[i].bytes == DELETE)
        return skep_store_delete(store, steps[i].key, NULL);
    opts.create = steps[i].create;
    if (steps[i].swap) {
        int rc = skep_store_head(store, steps[i].key, NULL, &object);
        if (rc < 0)
            return rc;
        opts.if_etag = object.etag;
    }
    return skep_store_put(store, steps[i].key, skep_slice_of(contents[i], steps[i].bytes), &opts,
                          NULL);
}

/* Open the store and take all steps; how many succeeded, `*rc` why the next did not. */
static size_t take_steps(const char *name, int *rc)
{
    skep_store *store = NULL;
    size_t done = 0;
    *rc = open_store(name, &store);
    while (*rc >= 0 && done < STEPS) {
        *rc = take_step(store, done);
        done += *rc >= 0;
    }
    (void)skep_store_close(store);
    return done;
}

/* Is what stands under the key what the first `done` steps leave there? */
static bool is_as_after(skep_store *store, const char *key, size_t done)
{
    size_t last = STEPS;
    for (size_t i = 0; i < done; i++)
        if (strcmp(steps[i].key, key) == 0)
            last = i;
    skep_arena *arena = NULL;
    skep_slice got = {NULL, 0};
    assert_ok(skep_arena_new(0, &arena));
    int rc = skep_store_get(store, key, NULL, arena, &got, NULL);
    ck_assert_msg(rc >= 0 || rc == SKEP_ENOTFOUND, "%s", skep_last_error()->text);
    bool none = last == STEPS || steps[last].bytes == DELETE;
    bool same = none ? rc == SKEP_ENOTFOUND
                     : rc >= 0 && got.len == steps[last].bytes &&
                           (got.len == 0 || memcmp(got.data, contents[last], got.len) == 0);
    skep_arena_free(arena);
    return same;
}

/* All that was acknowledged is there whole; of the step that was under way all or nothing; nothing
 * else, and no leftovers once it was opened. */
static void check_store(const char *name, size_t done)
{
    skep_store *store = NULL;
    skep_list *list = NULL;
    char path[4096];
    struct stat st;
    assert_ok(open_store(name, &store));
    for (size_t i = 0; i < KEYS; i++) {
        bool under_way = done < STEPS && strcmp(steps[done].key, keys[i]) == 0;
        ck_assert_msg(is_as_after(store, keys[i], done) ||
                          (under_way && is_as_after(store, keys[i], done + 1)),
                      "'%s' after %zu steps", keys[i], done);
    }
    assert_ok(skep_list_open(store, NULL, &list));
    skep_object object = SKEP_OBJECT_INIT;
    while (assert_ok(skep_list_next(list, &object)) > 0)
        ;
    skep_list_close(list);
    (void)snprintf(path, sizeof(path), "%s/t/0/0", harness_path(name));
    ck_assert(lstat(path, &st) != 0);
    assert_ok(skep_store_close(store));
}

/* ---- power ---- */

#define SURVIVORS 8

static const char *after(unsigned seed)
{
    static char name[32];
    (void)snprintf(name, sizeof(name), "after%u", seed);
    return harness_path(name);
}

static void cut(uint64_t k, bool at_write, const disk_promises *promises, bool *whole)
{
    int rc = SKEP_OK;
    harness_remove_tree(harness_path("d"));
    ck_assert_int_eq(mkdir(harness_path("d"), 0700), 0);
    disk *d = disk_new_tree(harness_path("d"), promises);
    if (at_write)
        disk_crash_at_write(d, k);
    else
        disk_crash_at_sync(d, k);
    size_t done = take_steps("d", &rc);
    *whole = !disk_is_cut(d);
    disk_cut(d);
    for (unsigned seed = 0; seed < SURVIVORS; seed++)
        disk_write_survivors(d, seed, after(seed));
    disk_free(d);
    for (unsigned seed = 0; seed < SURVIVORS; seed++) {
        check_store(strrchr(after(seed), '/') + 1, done);
        harness_remove_tree(after(seed));
    }
}

static void cut_everywhere(bool at_write)
{
    static const disk_promises promises[] = {DISK_ORDINARY, DISK_HOSTILE};
    make_contents();
    for (size_t i = 0; i < 2; i++) {
        bool whole = false;
        uint64_t k = at_write ? 0 : 1;
        for (; !whole; k++)
            cut(k, at_write, &promises[i], &whole);
        ck_assert_uint_gt(k, 8);
    }
}

TEST(a_store_stands_a_power_cut_at_each_sync)
{
    cut_everywhere(false);
}

TEST(a_store_stands_a_power_cut_after_each_write)
{
    cut_everywhere(true);
}

/* ---- kill -9 ---- */

static uint64_t calls_left;

static void count_down(void)
{
    if (--calls_left == 0)
        (void)kill(getpid(), SIGKILL);
}

static int killed_open(const char *path, int flags, mode_t mode)
{
    count_down();
    return skep__os_kernel.open(path, flags, mode);
}

static ssize_t killed_write(int fd, const void *data, size_t len)
{
    count_down();
    return skep__os_kernel.write(fd, data, len > 1 ? len / 2 : len); /* in the middle, too */
}

static int killed_fsync(int fd)
{
    count_down();
    return skep__os_kernel.fsync(fd);
}

static int killed_rename(const char *from, const char *to)
{
    count_down();
    return skep__os_kernel.rename(from, to);
}

static int killed_unlink(const char *path)
{
    count_down();
    return skep__os_kernel.unlink(path);
}

static int killed_mkdirat(int dir, const char *path, mode_t mode)
{
    count_down();
    return skep__os_kernel.mkdirat(dir, path, mode);
}

/* Tell each step that was acknowledged. */
static void child(int to, uint64_t calls)
{
    static skep__os_calls table;
    skep_store *store = NULL;
    table = skep__os_kernel;
    table.open = killed_open;
    table.write = killed_write;
    table.fsync = killed_fsync;
    table.rename = killed_rename;
    table.unlink = killed_unlink;
    table.mkdirat = killed_mkdirat;
    calls_left = calls;
    skep__os_set_calls(&table);
    if (open_store("d", &store) < 0)
        _exit(1);
    for (size_t i = 0; i < STEPS; i++)
        if (take_step(store, i) < 0 || write(to, "+", 1) != 1)
            _exit(1);
    _exit(0);
}

/* 1: it came to its end. */
static bool kill_at(uint64_t calls)
{
    int ends[2];
    int status = 0;
    char plus[STEPS + 1];
    size_t done = 0;
    harness_remove_tree(harness_path("d"));
    ck_assert_int_eq(pipe2(ends, 0), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        child(ends[1], calls);
    (void)close(ends[1]);
    for (ssize_t n = 0; (n = read(ends[0], plus, sizeof(plus))) > 0;)
        done += (size_t)n;
    (void)close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    check_store("d", done);
    return WIFEXITED(status);
}

TEST(a_store_stands_a_kill_before_each_call)
{
    uint64_t calls = 1;
    make_contents();
    while (!kill_at(calls))
        calls++;
    ck_assert_uint_gt(calls, 50);
}

/* ---- calls that fail ---- */

static void begin_again(void *ctx)
{
    skep_store *store = NULL;
    (void)ctx;
    harness_remove_tree(harness_path("d"));
    assert_ok(open_store("d", &store));
    assert_ok(take_step(store, 0));
    assert_ok(skep_store_close(store));
}

/* One of each call. */
static int use(void *ctx)
{
    (void)ctx;
    char data[64];
    size_t got = 0;
    skep_store *store = NULL;
    skep_get *get = NULL;
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    int rc = open_store("d", &store);
    if (rc >= 0)
        rc = take_step(store, 2); /* a/b again */
    if (rc >= 0)
        rc = take_step(store, 3); /* e, made */
    if (rc >= 0)
        rc = take_step(store, 5); /* a/b swapped */
    if (rc >= 0)
        rc = skep_get_open(store, "a/b", NULL, &get, NULL);
    while (rc >= 0 && (rc = skep_get_read(get, data, sizeof(data), &got)) >= 0 && got > 0)
        ;
    skep_get_close(get);
    if (rc >= 0)
        rc = skep_store_copy(store, "a/b", "a/copy", NULL, NULL);
    if (rc >= 0)
        rc = skep_list_open(store, NULL, &list);
    while (rc >= 0 && (rc = skep_list_next(list, &object)) > 0)
        ;
    skep_list_close(list);
    if (rc >= 0)
        rc = skep_store_delete(store, "a/copy", NULL);
    (void)skep_store_close(store);
    return rc;
}

/* Whole objects only, nothing left over, and all of it works the next time. */
static void still_sound(void *ctx, int rc)
{
    skep_store *store = NULL;
    (void)rc;
    assert_ok(open_store("d", &store));
    ck_assert(is_as_after(store, "a/b", 1) || is_as_after(store, "a/b", 3) ||
              is_as_after(store, "a/b", 6));
    ck_assert(is_as_after(store, "e", 3) || is_as_after(store, "e", 4));
    ck_assert(!harness_exists(harness_path("d/t/0/0")));
    assert_ok(skep_store_delete(store, "e", NULL));
    assert_ok(skep_store_close(store));
    ck_assert_int_ge(use(ctx), 0);
}

TEST(every_system_call_of_a_store_can_fail)
{
    static const int codes[] = {SKEP_EIO, SKEP_EFULL, 0};
    static const struct {
        unsigned calls;
        int err;
    } kinds[] = {{SYS_ALL, EIO}, {SYS_WRITE | SYS_OPEN | SYS_NAME, ENOSPC}, {SYS_SYNC, EIO}};
    make_contents();
    sys_install_os();
    const sweep s = {.before = begin_again, .run = use, .after = still_sound, .codes = codes};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const sys_fault fault = {.calls = kinds[i].calls, .err = kinds[i].err};
        ck_assert_uint_gt(sys_sweep(&s, &fault).failed, 0);
    }
}

TEST(short_and_interrupted_calls_of_a_store_are_finished)
{
    make_contents();
    sys_install_os();
    const sweep s = {.before = begin_again, .run = use, .after = still_sound};
    sys_fault fault = {.calls = SYS_WRITE | SYS_READ, .how = SYS_SHORT};
    ck_assert_uint_gt(sys_sweep(&s, &fault).hit, 0);
    fault = (sys_fault){.calls = SYS_OPEN | SYS_WRITE | SYS_READ, .how = SYS_EINTR};
    ck_assert_uint_gt(sys_sweep(&s, &fault).hit, 0);
}

TEST(memory_may_run_out_anywhere_in_a_store)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    alloc_install();
    make_contents();
    const sweep s = {.before = begin_again, .run = use, .after = still_sound, .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

/* The sync of the directory is the last: what stands there then is the new one, for now. */
TEST(a_failed_sync_of_a_directory_leaves_the_outcome_open)
{
    skep_store *store = NULL;
    make_contents();
    sys_install_os();
    begin_again(NULL);
    assert_ok(open_store("d", &store));
    assert_ok(take_step(store, 2)); /* its directories are known now */
    sys_arm(&(sys_fault){.calls = SYS_SYNC, .err = EIO, .nth = 2});
    int rc = take_step(store, 5);
    (void)sys_disarm(NULL);
    assert_fails_with(rc, SKEP_EIO, SKEP_OUTCOME_UNKNOWN);
    sys_arm(&(sys_fault){.calls = SYS_SYNC, .err = EIO, .nth = 1});
    rc = take_step(store, 0);
    (void)sys_disarm(NULL);
    assert_fails_with(rc, SKEP_EIO, SKEP_OUTCOME_NONE);
    ck_assert(is_as_after(store, "a/b", 6));
    assert_ok(skep_store_close(store));
}

static const harness_test tests[] = {
    HARNESS_TEST(a_store_stands_a_power_cut_at_each_sync),
    HARNESS_TEST(a_store_stands_a_power_cut_after_each_write),
    HARNESS_TEST(a_store_stands_a_kill_before_each_call),
    HARNESS_TEST(every_system_call_of_a_store_can_fail),
    HARNESS_TEST(short_and_interrupted_calls_of_a_store_are_finished),
    HARNESS_TEST(memory_may_run_out_anywhere_in_a_store),
    HARNESS_TEST(a_failed_sync_of_a_directory_leaves_the_outcome_open),
};
const harness_suite store_suite = HARNESS_SUITE("store", tests);
