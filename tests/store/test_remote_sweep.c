/* SPDX-License-Identifier: MIT */
/* The engine remote without memory, and with many threads. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "harness/alloc.h"
#include "remote_server.h"
#include "tools.h"

static int read_all(skep_store *store, const char *key)
{
    skep_get *get = NULL;
    char some[64];
    size_t got = 1;
    SKEP__TRY(skep_get_open(store, key, NULL, &get, NULL));
    int rc = SKEP_OK;
    while (rc >= 0 && got > 0)
        rc = skep_get_read(get, some, sizeof(some), &got);
    skep_get_close(get);
    return rc;
}

static int list_all(skep_store *store)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    int rc;
    SKEP__TRY(skep_list_open(store, NULL, &list));
    do
        rc = skep_list_next(list, &object);
    while (rc > 0);
    skep_list_close(list);
    return rc;
}

static int stream(skep_store *store, const char *key)
{
    static const char piece[1 << 20];
    skep_put *put = NULL;
    int rc = SKEP_OK;
    SKEP__TRY(skep_put_begin(store, key, NULL, &put));
    for (int i = 0; i < 17 && rc >= 0; i++)
        rc = skep_put_write(put, piece, sizeof(piece));
    if (rc >= 0)
        return skep_put_commit(put, NULL);
    skep_put_abort(put);
    return rc;
}

static const char *const keys[] = {"a", "b", "c"};

static int use(skep_store *store)
{
    int results[3];
    skep_object object = SKEP_OBJECT_INIT;
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    create.create = 1;
    SKEP__TRY(skep_store_put(store, "a", skep_slice_str("x"), &create, &object));
    int rc = skep_store_put(store, "a", skep_slice_str("y"), &create, NULL);
    if (rc != SKEP_EEXISTS)
        return rc < 0 ? rc : SKEP_EINTERNAL;
    SKEP__TRY(skep_store_copy(store, "a", "b", NULL, NULL));
    SKEP__TRY(stream(store, "c"));
    SKEP__TRY(skep_store_head(store, "c", NULL, &object));
    SKEP__TRY(read_all(store, "b"));
    SKEP__TRY(list_all(store));
    return skep_store_delete_many(store, keys, 3, NULL, results);
}

static int run(void *ctx)
{
    remote_world *w = ctx;
    skep_store *store = NULL;
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.api_key = "xyzzy";
    SKEP__TRY(skep_store_open(front_url(w->f), &opts, &store));
    int rc = use(store);
    ck_assert_int_eq(skep_store_close(store), SKEP_OK);
    skep_err err;
    skep__err_save(&err);
    alloc_benign_begin();
    assert_ok(skep_store_delete_many(w->behind, keys, 3, NULL, NULL));
    alloc_benign_end();
    return rc < 0 ? skep__err_install(&err) : rc;
}

TEST(each_allocation_of_a_remote_store_may_fail)
{
    alloc_install();
    remote_world w = remote_open(NULL);
    const sweep s = {.run = run, .ctx = &w};
    const sweep_result result = alloc_sweep(&s);
    ck_assert_uint_gt(result.failed, 0);
    remote_close(&w);
}

enum { THREADS = 64 };

static void one_thread(size_t index, void *ctx)
{
    const remote_world *w = ctx;
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    char key[32];
    char text[32];
    create.create = 1;
    for (int i = 0; i < 4; i++) {
        (void)snprintf(key, sizeof(key), "own/%zu", index);
        (void)snprintf(text, sizeof(text), "%zu of %d", index, i);
        store_put(w->store, key, text);
        store_holds(w->store, key, text);
        int rc = skep_store_put(w->store, "shared", skep_slice_str(text), &create, NULL);
        ck_assert(rc == SKEP_OK || rc == SKEP_EEXISTS);
        assert_ok(skep_store_head(w->store, "shared", NULL, &object));
        ck_assert_uint_ge(store_count(w->store, key), 1);
    }
}

TEST(sixty_four_threads_share_a_remote_store)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.connections = 6;
    remote_world w = remote_open(&opts);
    harness_threads(THREADS, one_thread, &w);
    ck_assert_uint_eq(store_count(w.store, "own/"), THREADS);
    ck_assert_uint_le(front_connections(w.f), 6);
    remote_close(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(each_allocation_of_a_remote_store_may_fail),
    HARNESS_TEST(sixty_four_threads_share_a_remote_store),
};
const harness_suite remote_sweep_suite = HARNESS_SUITE("remote_sweep", tests);
