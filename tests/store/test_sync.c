/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <skep/mirror.h>

#include "store/faulty.h"
#include "store/memory.h"
#include "store/tools.h"

typedef struct steps {
    _Atomic int inside;
    uint64_t of[SKEP_SYNC_FAILED + 1];
    char last_key[64];
    char last_why[64];
    int last_code;
    int answer;          /* what the function returns */
    uint64_t progresses; /* calls */
    uint64_t objects;    /* of the last */
    uint64_t bytes;
    int all;
} steps;

static int on_step(const skep_sync_step *step, void *ctx)
{
    steps *s = ctx;
    ck_assert_int_eq(atomic_fetch_add(&s->inside, 1), 0); /* one at a time */
    ck_assert_int_ne(step->what, SKEP_SYNC_SAME);
    s->of[step->what]++;
    (void)snprintf(s->last_key, sizeof(s->last_key), "%s", step->key);
    (void)snprintf(s->last_why, sizeof(s->last_why), "%s", step->why != NULL ? step->why : "");
    s->last_code = step->error != NULL ? step->error->code : 0;
    (void)atomic_fetch_sub(&s->inside, 1);
    return s->answer;
}

static void on_progress(uint64_t objects, uint64_t bytes, uint64_t of_objects, uint64_t of_bytes,
                        int all, void *ctx)
{
    steps *s = ctx;
    ck_assert_int_eq(atomic_fetch_add(&s->inside, 1), 0);
    ck_assert_uint_ge(of_objects, objects);
    ck_assert_uint_ge(of_bytes, bytes);
    s->progresses++;
    s->objects = objects;
    s->bytes = bytes;
    s->all = all;
    (void)atomic_fetch_sub(&s->inside, 1);
}

typedef struct pair {
    skep_store *a;
    skep_store *b;
    steps steps;
    skep_sync_opts opts;
    skep_sync_sum sum;
} pair;

static void pair_open(pair *p, uint32_t caps_a, uint32_t caps_b)
{
    *p = (pair){.opts = SKEP_SYNC_OPTS_INIT, .sum = {.size = (uint32_t)sizeof(skep_sync_sum)}};
    assert_ok(memory_store_open(caps_a, &p->a));
    assert_ok(memory_store_open(caps_b, &p->b));
    p->opts.step = on_step;
    p->opts.progress = on_progress;
    p->opts.ctx = &p->steps;
}

static void pair_close(pair *p)
{
    assert_ok(skep_store_close(p->a));
    assert_ok(skep_store_close(p->b));
}

static int run(pair *p)
{
    memset(&p->steps, 0, sizeof(p->steps));
    return skep_store_sync(p->a, p->b, &p->opts, &p->sum);
}

static void check_sum(const pair *p, uint64_t same, uint64_t copied, uint64_t replaced,
                      uint64_t removed, uint64_t failed)
{
    ck_assert_uint_eq(p->sum.same, same);
    ck_assert_uint_eq(p->sum.copied, copied);
    ck_assert_uint_eq(p->sum.replaced, replaced);
    ck_assert_uint_eq(p->sum.removed, removed);
    ck_assert_uint_eq(p->sum.failed, failed);
}

TEST(sync_copies_replaces_and_leaves_what_is_the_same)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    store_put(p.a, "both/same", "1234");
    store_put(p.b, "both/same", "1234");
    store_put(p.a, "both/size", "12345");
    store_put(p.b, "both/size", "1");
    store_put(p.a, "both/text", "aaaa");
    store_put(p.b, "both/text", "bbbb");
    store_put(p.a, "from/only", "new");
    store_put(p.b, "to/only", "stays");
    assert_ok(run(&p));
    check_sum(&p, 1, 1, 2, 0, 0);
    ck_assert_uint_eq(p.sum.bytes, 5 + 4 + 3);
    ck_assert_uint_eq(p.steps.of[SKEP_SYNC_COPY], 1);
    ck_assert_uint_eq(p.steps.of[SKEP_SYNC_REPLACE], 2);
    ck_assert_int_eq(p.steps.all, 1);
    ck_assert_uint_eq(p.steps.objects, 4);
    ck_assert_uint_eq(p.steps.bytes, 4 + 5 + 4 + 3);
    store_holds(p.b, "both/size", "12345");
    store_holds(p.b, "both/text", "aaaa");
    store_holds(p.b, "from/only", "new");
    store_holds(p.b, "to/only", "stays");
    assert_ok(run(&p)); /* a second time there is nothing to do */
    check_sum(&p, 4, 0, 0, 0, 0);
    pair_close(&p);
}

TEST(sync_removes_only_if_it_is_asked_to)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    store_put(p.a, "k", "1");
    store_put(p.b, "gone", "2");
    store_put(p.b, "zone", "3");
    p.opts.remove = 1;
    p.opts.dry_run = 1;
    assert_ok(run(&p));
    check_sum(&p, 0, 1, 0, 2, 0);
    ck_assert_uint_eq(p.sum.bytes, 1);
    store_lacks(p.b, "k");
    store_holds(p.b, "gone", "2");
    p.opts.dry_run = 0;
    assert_ok(run(&p));
    check_sum(&p, 0, 1, 0, 2, 0);
    store_holds(p.b, "k", "1");
    store_lacks(p.b, "gone");
    store_lacks(p.b, "zone");
    pair_close(&p);
}

TEST(sync_moves_keys_to_another_prefix)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    store_put(p.a, "in/a", "1");
    store_put(p.a, "in/b/c", "2");
    store_put(p.a, "inner", "not below it");
    store_put(p.b, "out/a", "1");
    p.opts.from_prefix = "in/";
    p.opts.to_prefix = "out/";
    assert_ok(run(&p));
    check_sum(&p, 1, 1, 0, 0, 0);
    ck_assert_str_eq(p.steps.last_key, "b/c");
    store_holds(p.b, "out/b/c", "2");
    p.opts.to_prefix = "out";
    assert_fails(run(&p), SKEP_EINVALID);
    pair_close(&p);
}

TEST(sync_into_itself_is_refused_where_it_would_not_end)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    store_put(p.a, "a/k", "1");
    p.opts.to_prefix = "a/";
    assert_fails(skep_store_sync(p.a, p.a, &p.opts, NULL), SKEP_EINVALID);
    p.opts.from_prefix = "a/";
    p.opts.to_prefix = "b/";
    assert_ok(skep_store_sync(p.a, p.a, &p.opts, NULL));
    store_holds(p.a, "b/k", "1");
    pair_close(&p);
}

TEST(stores_without_hashes_are_compared_by_size_and_time)
{
    pair p;
    uint32_t caps = MEMORY_CAPS & ~(uint32_t)SKEP_STORE_KEEPS_HASH;
    pair_open(&p, caps, caps);
    store_put(p.b, "k", "bbbb");
    store_put(p.a, "k", "aaaa"); /* younger than what is there */
    assert_ok(run(&p));
    check_sum(&p, 0, 0, 1, 0, 0);
    store_holds(p.b, "k", "aaaa");
    assert_ok(run(&p));
    check_sum(&p, 1, 0, 0, 0, 0);
    pair_close(&p);
}

/* An ordinary directory keeps no hash, and a bucket tells whole seconds. */
TEST(what_only_looks_newer_is_read_where_one_keeps_a_hash)
{
    uint32_t none = MEMORY_CAPS & ~(uint32_t)SKEP_STORE_KEEPS_HASH;
    for (int side = 0; side < 2; side++) {
        pair p;
        pair_open(&p, side == 0 ? none : MEMORY_CAPS, side == 0 ? MEMORY_CAPS : none);
        store_put(p.b, "differs", "bbbb");
        store_put(p.b, "same", "1234");
        store_put(p.a, "differs", "aaaa");
        store_put(p.a, "same", "1234");
        assert_ok(run(&p));
        check_sum(&p, 1, 0, 1, 0, 0);
        ck_assert_str_eq(p.steps.last_why, "content differs");
        store_holds(p.b, "differs", "aaaa");
        pair_close(&p);
    }
}

TEST(sync_compares_as_it_is_told)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    store_put(p.a, "k", "aaaa");
    store_put(p.b, "k", "bbbb");
    p.opts.compare = SKEP_COMPARE_SIZE;
    assert_ok(run(&p));
    check_sum(&p, 1, 0, 0, 0, 0);
    p.opts.compare = SKEP_COMPARE_BYTES;
    assert_ok(run(&p));
    check_sum(&p, 0, 0, 1, 0, 0);
    assert_ok(run(&p));
    check_sum(&p, 1, 0, 0, 0, 0);
    p.opts.compare = SKEP_COMPARE_NEVER;
    assert_ok(run(&p));
    check_sum(&p, 0, 0, 1, 0, 0);
    p.opts.compare = 17;
    assert_fails(run(&p), SKEP_EINVALID);
    pair_close(&p);
}

TEST(large_objects_are_streamed)
{
    pair p;
    enum { BYTES = (3 << 20) + 17 };
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    store_put_bytes(p.a, "large", BYTES, 1);
    store_put_bytes(p.a, "block", 1 << 20, 2);
    store_put_bytes(p.a, "empty", 0, 3);
    assert_ok(run(&p));
    check_sum(&p, 0, 3, 0, 0, 0);
    store_same(p.a, p.b, "large");
    store_same(p.a, p.b, "block");
    store_same(p.a, p.b, "empty");
    ck_assert_uint_eq(p.steps.bytes, BYTES + (1 << 20));
    pair_close(&p);
}

TEST(one_that_cannot_be_copied_does_not_end_a_sync)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    assert_ok(faulty_store_open(p.b, &p.b));
    for (int i = 0; i < 50; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%02d", i);
        store_put(p.a, key, key);
    }
    faulty_add(
        p.b, &(faulty_step){
                 .call = FAULTY_PUT_COMMIT, .what = FAULTY_BEFORE, .nth = 7, .code = SKEP_EDENIED});
    assert_fails(run(&p), SKEP_EDENIED);
    check_sum(&p, 0, 49, 0, 0, 1);
    ck_assert_uint_eq(p.steps.of[SKEP_SYNC_FAILED], 1);
    faulty_clear(p.b);
    assert_ok(run(&p)); /* and the next one does the rest */
    check_sum(&p, 49, 1, 0, 0, 0);
    pair_close(&p);
}

TEST(A29_a_damaged_object_is_reported_and_not_copied)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    assert_ok(faulty_store_open(p.a, &p.a));
    store_put(p.a, "bad", "0123456789");
    store_put_bytes(p.a, "large", 2 << 20, 5);
    faulty_add(p.a, &(faulty_step){.call = FAULTY_GET_READ, .what = FAULTY_FLIP, .at = 4});
    assert_fails(run(&p), SKEP_ECORRUPT);
    check_sum(&p, 0, 0, 0, 0, 2);
    ck_assert_int_eq(p.steps.last_code, SKEP_ECORRUPT);
    store_lacks(p.b, "bad");
    store_lacks(p.b, "large");
    pair_close(&p);
}

static void replace_source(void *ctx)
{
    store_put_bytes(ctx, "k", 2 << 20, 78);
}

TEST(an_object_that_is_replaced_meanwhile_is_copied_whole)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    assert_ok(faulty_store_open(p.a, &p.a));
    store_put_bytes(p.a, "k", 2 << 20, 77);
    /* What a store says that cannot go on with the object it has begun. */
    faulty_add(p.a, &(faulty_step){.call = FAULTY_GET_READ,
                                   .what = FAULTY_CUT,
                                   .nth = 1,
                                   .at = 1 << 20,
                                   .code = SKEP_ECONFLICT,
                                   .run = replace_source,
                                   .ctx = faulty_next(p.a)});
    int rc = run(&p);
    if (rc >= 0)
        store_same(faulty_next(p.a), p.b, "k");
    else
        ck_assert_int_eq(rc, SKEP_ECONFLICT); /* it was cut each time: nothing is there */
    ck_assert_uint_eq(p.sum.copied + p.sum.failed, 1);
    if (rc < 0)
        store_lacks(p.b, "k");
    pair_close(&p);
}

static void delete_source(void *ctx)
{
    assert_ok(skep_store_delete(ctx, "k", NULL));
}

TEST(an_object_that_is_deleted_meanwhile_is_no_failure)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    assert_ok(faulty_store_open(p.a, &p.a));
    store_put(p.a, "k", "1");
    faulty_add(/* the first one looks for a key ring */
               p.a, &(faulty_step){.call = FAULTY_GET_OPEN,
                                   .nth = 2,
                                   .run = delete_source,
                                   .ctx = faulty_next(p.a)});
    assert_ok(run(&p));
    check_sum(&p, 1, 0, 0, 0, 0);
    store_lacks(p.b, "k");
    pair_close(&p);
}

TEST(the_step_function_ends_a_sync)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    for (int i = 0; i < 200; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%03d", i);
        store_put(p.a, key, key);
    }
    memset(&p.steps, 0, sizeof(p.steps));
    p.steps.answer = SKEP_EUSER - 3;
    assert_fails(skep_store_sync(p.a, p.b, &p.opts, &p.sum), SKEP_EUSER - 3);
    ck_assert_str_eq(skep_last_error()->room, "callback");
    ck_assert_uint_eq(p.steps.of[SKEP_SYNC_COPY], 1);
    memset(&p.steps, 0, sizeof(p.steps));
    p.steps.answer = -5;
    assert_fails(skep_store_sync(p.a, p.b, &p.opts, &p.sum), SKEP_EMISUSE);
    pair_close(&p);
}

TEST(a_fired_cancel_and_a_deadline_end_a_sync)
{
    pair p;
    skep_cancel *cancel = NULL;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    store_put(p.a, "k", "1");
    assert_ok(skep_cancel_new(&cancel));
    p.opts.io.cancel = cancel;
    skep_cancel_fire(cancel);
    assert_fails(run(&p), SKEP_ECANCELLED);
    check_sum(&p, 0, 0, 0, 0, 0);
    store_lacks(p.b, "k");
    skep_cancel_free(cancel);
    pair_close(&p);
}

TEST(a_list_that_fails_ends_a_sync)
{
    pair p;
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    assert_ok(faulty_store_open(p.b, &p.b));
    store_put(p.a, "k", "1");
    store_put(p.a, "m", "1");
    faulty_add(p.b, &(faulty_step){.call = FAULTY_LIST_OPEN, .what = FAULTY_BEFORE, .nth = 1});
    assert_fails(run(&p), SKEP_ENET);
    check_sum(&p, 0, 0, 0, 0, 0);
    pair_close(&p);
}

TEST(keys_that_get_too_long_are_reported)
{
    pair p;
    char key[SKEP_STORE_KEY_MAX + 1];
    pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
    memset(key, 'x', sizeof(key));
    for (size_t i = 200; i < sizeof(key); i += 201)
        key[i] = '/';
    key[SKEP_STORE_KEY_MAX] = '\0';
    store_put(p.a, key, "1");
    p.opts.to_prefix = "below/";
    assert_fails(run(&p), SKEP_ELIMIT);
    check_sum(&p, 0, 0, 0, 0, 1);
    pair_close(&p);
}

/* Two stores with random keys, some of them alike; whatever fails, the next run mends it. */
TEST(after_faults_a_sync_makes_them_alike)
{
    rng r = rng_of(harness_seed());
    for (uint64_t round = 0; round < 5 + harness_size(SIZE_MODEL_STEPS) / 2000; round++) {
        pair p;
        pair_open(&p, MEMORY_CAPS, MEMORY_CAPS);
        assert_ok(faulty_store_open(p.a, &p.a));
        assert_ok(faulty_store_open(p.b, &p.b));
        for (int i = 0; i < 120; i++) {
            char key[32];
            (void)snprintf(key, sizeof(key), "%c/%02d", 'a' + (int)rng_below(&r, 3),
                           (int)rng_below(&r, 40));
            store_put_bytes(rng_below(&r, 2) == 0 ? p.a : p.b, key, rng_below(&r, 9),
                            rng_below(&r, 3));
        }
        p.opts.remove = 1;
        p.opts.jobs = 1 + (uint32_t)rng_below(&r, 5);
        faulty_odds(p.a, rng_next(&r), 20);
        faulty_odds(p.b, rng_next(&r), 20);
        (void)run(&p);
        faulty_clear(p.a);
        faulty_clear(p.b);
        assert_ok(run(&p));
        stores_alike(p.a, p.b);
        pair_close(&p);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(sync_copies_replaces_and_leaves_what_is_the_same),
    HARNESS_TEST(sync_removes_only_if_it_is_asked_to),
    HARNESS_TEST(sync_moves_keys_to_another_prefix),
    HARNESS_TEST(sync_into_itself_is_refused_where_it_would_not_end),
    HARNESS_TEST(stores_without_hashes_are_compared_by_size_and_time),
    HARNESS_TEST(what_only_looks_newer_is_read_where_one_keeps_a_hash),
    HARNESS_TEST(sync_compares_as_it_is_told),
    HARNESS_TEST(large_objects_are_streamed),
    HARNESS_TEST(one_that_cannot_be_copied_does_not_end_a_sync),
    HARNESS_TEST(A29_a_damaged_object_is_reported_and_not_copied),
    HARNESS_TEST(an_object_that_is_replaced_meanwhile_is_copied_whole),
    HARNESS_TEST(an_object_that_is_deleted_meanwhile_is_no_failure),
    HARNESS_TEST(the_step_function_ends_a_sync),
    HARNESS_TEST(a_fired_cancel_and_a_deadline_end_a_sync),
    HARNESS_TEST(a_list_that_fails_ends_a_sync),
    HARNESS_TEST(keys_that_get_too_long_are_reported),
    HARNESS_TEST(after_faults_a_sync_makes_them_alike),
};
const harness_suite sync_suite = HARNESS_SUITE("sync", tests);
