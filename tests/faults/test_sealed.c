/* SPDX-License-Identifier: MIT */
/* A sealed store in a directory, and its key ring: each system call fails, and the process is
 * killed at any moment. What was put is whole or not there, and the ring opens with exactly one of
 * the keys that it goes to and fro between. */
#include "faults/faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/skep.h>

#include "harness/alloc.h"
#include "harness/crash.h"
#include "harness/harness.h"
#include "harness/syscalls.h"

#define CONTENT_BYTES 150000 /* three chunks, in one put */
#define NAME "dir/object"

static skep_key *key_of(char letter)
{
    uint8_t raw[SKEP_KEY_BYTES];
    skep_key *key = NULL;
    memset(raw, letter, sizeof(raw));
    assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    return key;
}

static int open_plain(const char *dir, skep_store **out)
{
    char uri[4200];
    (void)snprintf(uri, sizeof(uri), "file:%s", dir);
    return skep_store_open(uri, NULL, out);
}

static int open_sealed(const char *dir, const skep_key *key, skep_store **out)
{
    skep_store *plain = NULL;
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    int rc = open_plain(dir, &plain);
    if (rc < 0)
        return rc;
    opts.key = key;
    rc = skep_store_sealed(plain, &opts, out);
    if (rc < 0)
        (void)skep_store_close(plain);
    return rc;
}

static int read_content(skep_store *store, const uint8_t *content)
{
    skep_arena *arena = NULL;
    skep_slice got;
    int rc = skep_arena_new(0, &arena);
    if (rc >= 0)
        rc = skep_store_get(store, NAME, NULL, arena, &got, NULL);
    if (rc >= 0) {
        ck_assert_uint_eq(got.len, CONTENT_BYTES);
        ck_assert(memcmp(got.data, content, got.len) == 0);
    }
    skep_arena_free(arena);
    return rc;
}

/* ---- each system call, each allocation ---- */

typedef struct work {
    char dir[4096];
    skep_key *key;
    skep_key *next;
    bool put; /* that was reported as done */
    uint8_t content[CONTENT_BYTES];
} work;

static void work_before(void *ctx)
{
    work *w = ctx;
    w->put = false;
    harness_remove_tree(w->dir);
}

static int rotate(const work *w)
{
    skep_store *plain = NULL;
    skep_rewrap_opts opts = SKEP_REWRAP_OPTS_INIT;
    int rc = open_plain(w->dir, &plain);
    if (rc < 0)
        return rc;
    opts.key = w->key;
    opts.to = w->next;
    rc = skep_keyring_rotate(plain, &opts);
    int closed = skep_store_close(plain);
    return rc < 0 ? rc : closed;
}

static int work_run(void *ctx)
{
    work *w = ctx;
    skep_store *store = NULL;
    int rc = open_sealed(w->dir, w->key, &store);
    if (rc < 0)
        return rc;
    rc = skep_store_put(store, NAME, skep_slice_of(w->content, CONTENT_BYTES), NULL, NULL);
    w->put = rc >= 0;
    if (rc >= 0)
        rc = read_content(store, w->content);
    int closed = skep_store_close(store);
    rc = rc < 0 ? rc : closed;
    return rc < 0 ? rc : rotate(w);
}

/* With the one key or the other: all that was reported is there. */
static void work_after(void *ctx, int rc)
{
    work *w = ctx;
    skep_store *store = NULL;
    int found = SKEP_ENOTFOUND;
    for (int i = 0; i < 2 && found < 0; i++) {
        assert_ok(open_sealed(w->dir, i == 0 ? w->next : w->key, &store));
        found = read_content(store, w->content);
        ck_assert_msg(found >= 0 || found == SKEP_ENOTFOUND || found == SKEP_EAUTH, "%d %s", found,
                      skep_last_error()->text);
        assert_ok(skep_store_close(store));
    }
    ck_assert(found >= 0 || !w->put);
    ck_assert(rc < 0 || found >= 0);
    if (found < 0) { /* and it can be put after all */
        assert_ok(open_sealed(w->dir, w->key, &store));
        assert_ok(
            skep_store_put(store, NAME, skep_slice_of(w->content, CONTENT_BYTES), NULL, NULL));
        assert_ok(read_content(store, w->content));
        assert_ok(skep_store_close(store));
    }
}

static work *work_of(void)
{
    static work w;
    rng r = rng_of(1);
    rng_fill(&r, w.content, sizeof(w.content));
    (void)snprintf(w.dir, sizeof(w.dir), "%s", harness_path("store"));
    w.key = key_of('a');
    w.next = key_of('b');
    return &w;
}

TEST(any_allocation_of_a_sealed_store_may_fail)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    alloc_install();
    work *w = work_of();
    sweep s = {
        .before = work_before, .run = work_run, .after = work_after, .ctx = w, .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
    skep_key_free(w->key);
    skep_key_free(w->next);
}

TEST(any_system_call_of_a_sealed_store_may_fail)
{
    static const int codes[] = {SKEP_EIO, SKEP_EFULL, 0};
    static const sys_fault faults[] = {
        {.calls = SYS_OPEN | SYS_READ | SYS_WRITE | SYS_SYNC | SYS_STAT | SYS_NAME, .err = EIO},
        {.calls = SYS_WRITE | SYS_OPEN, .err = ENOSPC},
        {.calls = SYS_READ | SYS_WRITE, .how = SYS_SHORT},
        {.calls = SYS_READ | SYS_WRITE, .how = SYS_EINTR},
    };
    sys_install_os();
    work *w = work_of();
    sweep s = {.before = work_before,
               .run = work_run,
               .after = work_after,
               .ctx = w,
               .codes = codes,
               .keeps_memory = true};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        sweep_result r = sys_sweep(&s, &faults[i]);
        ck_assert_uint_gt(r.hit, 0);
        ck_assert(faults[i].how == SYS_FAIL ? r.failed > 0 : r.failed == 0);
    }
    skep_key_free(w->key);
    skep_key_free(w->next);
}

/* ---- kill -9 ---- */

/* Whose is the ring? Exactly one of the two opens a data key. */
static char owner_of(const char *dir)
{
    skep_store *plain = NULL;
    skep_keyring *ring = NULL;
    size_t opened[2] = {0, 0};
    skep_key *keys[2] = {key_of('a'), key_of('b')};
    assert_ok(open_plain(dir, &plain));
    assert_ok(skep_keyring_read(plain, NULL, &ring));
    for (size_t i = 0; i < skep_keyring_count(ring); i++)
        for (size_t k = 0; k < 2; k++)
            opened[k] += (size_t)assert_ok(skep_keyring_opens(ring, i, keys[k]));
    skep_keyring_free(ring);
    assert_ok(skep_store_close(plain));
    skep_key_free(keys[0]);
    skep_key_free(keys[1]);
    ck_assert_msg((opened[0] > 0) != (opened[1] > 0), "%zu, %zu", opened[0], opened[1]);
    return opened[0] > 0 ? 'a' : 'b';
}

/* Rotates to and fro until it is killed, and tells who has it. */
int role_sealed(int argc, char **argv)
{
    (void)argc;
    skep_store *plain = NULL;
    char owner = owner_of(argv[1]);
    assert_ok(open_plain(argv[1], &plain));
    for (;;) {
        char next = owner == 'a' ? 'b' : 'a';
        skep_rewrap_opts opts = SKEP_REWRAP_OPTS_INIT;
        skep_key *from = key_of(owner);
        skep_key *to = key_of(next);
        opts.key = from;
        opts.to = to;
        ck_assert_int_eq(assert_ok(skep_keyring_rotate(plain, &opts)), 1);
        skep_key_free(from);
        skep_key_free(to);
        owner = next;
        crash_ack(&owner, 1);
    }
}

static void check_ring(void *ctx, uint64_t round, const void *records, size_t count)
{
    const work *w = ctx;
    (void)round;
    skep_store *store = NULL;
    char owner = owner_of(w->dir);
    /* What was acknowledged last, or what came behind it: with two keys that is either. */
    ck_assert(count == 0 || owner == 'a' || owner == 'b');
    (void)records;
    skep_key *key = key_of(owner);
    assert_ok(open_sealed(w->dir, key, &store));
    assert_ok(read_content(store, w->content));
    assert_ok(skep_store_close(store));
    skep_key_free(key);
}

TEST(a_rotation_that_is_killed_leaves_a_ring_that_exactly_one_of_the_keys_opens)
{
    work *w = work_of();
    skep_store *store = NULL;
    assert_ok(open_sealed(w->dir, w->key, &store));
    assert_ok(skep_store_put(store, NAME, skep_slice_of(w->content, CONTENT_BYTES), NULL, NULL));
    assert_ok(skep_store_close(store));
    const crash_plan plan = {.role = "sealed",
                             .dir = w->dir,
                             .record_size = 1,
                             .rounds = harness_size(SIZE_KILLS),
                             .acks_max = 20,
                             .delay_max_us = 3000,
                             .check = check_ring,
                             .ctx = w};
    crash_result r = crash_run(&plan);
    ck_assert_uint_eq(r.kills, plan.rounds);
    ck_assert_uint_gt(r.acks, 0);
    skep_key_free(w->key);
    skep_key_free(w->next);
}

static const harness_test tests[] = {
    HARNESS_TEST(any_allocation_of_a_sealed_store_may_fail),
    HARNESS_TEST(any_system_call_of_a_sealed_store_may_fail),
    HARNESS_TEST(a_rotation_that_is_killed_leaves_a_ring_that_exactly_one_of_the_keys_opens),
};
const harness_suite sealed_faults_suite = HARNESS_SUITE("sealed", tests);
