/* SPDX-License-Identifier: MIT */
/* Mirrors, their queue and sync while memory runs out and system calls fail. */
#include "suites.h"

#include <errno.h>
#include <string.h>

#include <skep/mirror.h>

#include "harness/alloc.h"
#include "harness/sweep.h"
#include "harness/syscalls.h"
#include "store/memory.h"
#include "store/mirror_file.h"
#include "store/mirror_queue.h"
#include "store/tools.h"

/* ---- a synchronous mirror, which has no threads of its own ---- */

typedef struct mirrored {
    skep_store *mirror;
    skep_store *under[2];
} mirrored;

static void mirror_before(void *ctx)
{
    mirrored *w = ctx;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(memory_store_open(MEMORY_CAPS, &w->under[i]));
        store_put(w->under[i], "k", "old");
    }
    store_put(w->under[1], "other", "foreign");
    w->mirror = NULL;
}

static int use_mirror(mirrored *w)
{
    skep_object info = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    const char *keys[] = {"b", "a"};
    SKEP__TRY(skep_store_put(w->mirror, "k", skep_slice_str("new"), NULL, &info));
    SKEP__TRY(skep_store_copy(w->mirror, "k", "a", NULL, NULL));
    SKEP__TRY(skep_store_head(w->mirror, "a", NULL, &info));
    SKEP__TRY(skep_list_open(w->mirror, NULL, &list));
    int rc = skep_list_next(list, &info);
    skep_list_close(list);
    SKEP__TRY(rc);
    SKEP__TRY(skep_store_delete_many(w->mirror, keys, 2, NULL, NULL));
    return skep_mirror_repair(w->mirror, NULL, NULL);
}

static int mirror_run(void *ctx)
{
    mirrored *w = ctx;
    SKEP__TRY(skep_store_mirror(w->under, 2, NULL, &w->mirror));
    return use_mirror(w);
}

static void mirror_after(void *ctx, int rc)
{
    mirrored *w = ctx;
    if (w->mirror != NULL) { /* a retry works */
        assert_ok(use_mirror(w));
        stores_alike(w->under[0], w->under[1]);
        store_holds(w->mirror, "k", "new");
        store_holds(w->mirror, "other", "foreign");
        assert_ok(skep_store_close(w->mirror));
        return;
    }
    ck_assert_int_lt(rc, 0);
    for (size_t i = 0; i < 2; i++) /* they stayed ours */
        assert_ok(skep_store_close(w->under[i]));
}

TEST(a_mirror_survives_each_allocation_that_fails)
{
    static const int codes[] = {SKEP_EUNREPLICATED, 0};
    mirrored w;
    alloc_install();
    const sweep s = {.before = mirror_before,
                     .run = mirror_run,
                     .after = mirror_after,
                     .ctx = &w,
                     .codes = codes,
                     .keeps_memory = true};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

/* ---- the queue ---- */

static int queue_run(void *ctx)
{
    static const uint64_t ids[] = {1, 2};
    const skep__mq_opts opts = {
        .dir = ctx, .ids = ids, .replicas = 2, .objects_max = 100, .bytes_max = 1 << 20};
    skep__mq *q = NULL;
    SKEP__TRY(skep__mq_open(&opts, &q));
    int rc = SKEP_OK;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        const char key[] = {'k', (char)('0' + i), '\0'};
        const skep__mq_intent intent = {.key = key, .bytes = 1, .has_base = true};
        rc = skep__mq_intents(q, &intent, 1);
        if (rc >= 0)
            skep__mq_settle(q, key);
    }
    skep__mq_task task;
    for (size_t r = 0; r < 2; r++) {
        while (skep__mq_behind(q, r, NULL)) {
            ck_assert(skep__mq_next(q, r, 0, &task));
            skep__mq_done(q, r, &task); /* its record may be lost, no more */
        }
    }
    skep__mq_close(q);
    return rc;
}

static void queue_after(void *ctx, int rc)
{
    (void)rc;
    assert_ok(queue_run(ctx));
}

TEST(a_queue_survives_each_allocation_that_fails)
{
    alloc_install();
    char dir[1024];
    (void)strncpy(dir, harness_path("q"), sizeof(dir) - 1);
    dir[sizeof(dir) - 1] = '\0';
    const sweep s = {.run = queue_run, .after = queue_after, .ctx = dir};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

TEST(a_queue_survives_each_system_call_that_fails)
{
    static const int codes[] = {SKEP_EIO, SKEP_EFULL, 0};
    static const int errors[] = {EIO, ENOSPC};
    char dir[1024];
    (void)strncpy(dir, harness_path("q"), sizeof(dir) - 1);
    dir[sizeof(dir) - 1] = '\0';
    sys_install_os();
    const sweep s = {.run = queue_run, .after = queue_after, .ctx = dir, .codes = codes};
    uint64_t failed = 0;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        const sys_fault fault = {.calls = SYS_OPEN | SYS_READ | SYS_WRITE | SYS_SYNC | SYS_NAME,
                                 .err = errors[i]};
        failed += sys_sweep(&s, &fault).failed;
    }
    ck_assert_uint_gt(failed, 0);
    const sys_fault again = {.calls = SYS_OPEN | SYS_READ | SYS_WRITE, .how = SYS_EINTR};
    ck_assert_uint_eq(sys_sweep(&s, &again).failed, 0);
    const sys_fault cut = {.calls = SYS_READ | SYS_WRITE, .how = SYS_SHORT};
    ck_assert_uint_eq(sys_sweep(&s, &cut).failed, 0);
}

/* ---- the file that describes one, and sync ---- */

static int file_run(void *ctx)
{
    skep__mirror_file file;
    int rc = skep__mirror_file_parse(skep_slice_str(ctx), "m.conf", &file);
    skep__mirror_file_dispose(&file);
    return rc;
}

TEST(a_mirror_s_file_survives_each_allocation_that_fails)
{
    static char text[] = "[mirror]\nmode = async\nqueue = /q\n[primary]\nuri = file:/a\n"
                         "[replica b]\nuri = file:/b\nregion = x\n";
    alloc_install();
    const sweep s = {.run = file_run, .ctx = text};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

static void sync_before(void *ctx)
{
    mirrored *w = ctx;
    for (size_t i = 0; i < 2; i++)
        assert_ok(memory_store_open(MEMORY_CAPS, &w->under[i]));
    store_put(w->under[0], "a", "1");
    store_put(w->under[0], "b", "2");
    store_put(w->under[1], "b", "3");
    store_put(w->under[1], "c", "4");
}

static int sync_run(void *ctx)
{
    mirrored *w = ctx;
    skep_sync_opts opts = SKEP_SYNC_OPTS_INIT;
    opts.jobs = 1;
    opts.remove = 1;
    return skep_store_sync(w->under[0], w->under[1], &opts, NULL);
}

static void sync_after(void *ctx, int rc)
{
    mirrored *w = ctx;
    (void)rc;
    assert_ok(sync_run(ctx));
    stores_alike(w->under[0], w->under[1]);
    for (size_t i = 0; i < 2; i++)
        assert_ok(skep_store_close(w->under[i]));
}

TEST(a_sync_survives_each_allocation_that_fails)
{
    mirrored w;
    alloc_install();
    const sweep s = {.before = sync_before,
                     .run = sync_run,
                     .after = sync_after,
                     .ctx = &w,
                     .keeps_memory = true};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_mirror_survives_each_allocation_that_fails),
    HARNESS_TEST(a_queue_survives_each_allocation_that_fails),
    HARNESS_TEST(a_queue_survives_each_system_call_that_fails),
    HARNESS_TEST(a_mirror_s_file_survives_each_allocation_that_fails),
    HARNESS_TEST(a_sync_survives_each_allocation_that_fails),
};
const harness_suite mirror_sweep_suite = HARNESS_SUITE("mirror_sweep", tests);
