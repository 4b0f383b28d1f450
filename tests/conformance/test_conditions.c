/* SPDX-License-Identifier: MIT */
/* Create-only and compare-and-swap: one at a time, and in races. */
#include "conformance.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define RACERS 16

static int put_if(world *w, const char *key, skep_slice data, const char *if_etag, skep_object *out)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = if_etag == NULL;
    opts.if_etag = if_etag;
    return skep_store_put(w->store, key, data, &opts, out);
}

static int create_by_stream(world *w, const char *key, skep_slice data)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_put *stream = NULL;
    opts.create = 1;
    int rc = skep_put_begin(w->store, key, &opts, &stream);
    if (rc < 0)
        return rc;
    rc = skep_put_write(stream, data.data, data.len);
    if (rc < 0) {
        skep_put_abort(stream);
        return rc;
    }
    return skep_put_commit(stream, NULL);
}

void create_succeeds_only_where_nothing_is(world *w)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    if (!world_can(w, SKEP_STORE_CAN_CREATE)) {
        assert_fails(put_if(w, "k", sample(1, 10), NULL, NULL), SKEP_EUNSUPPORTED);
        assert_fails(create_by_stream(w, "k", sample(1, 10)), SKEP_EUNSUPPORTED);
        assert_none(w->store, "k");
        return;
    }
    assert_ok(put_if(w, "d/k", sample(1, 1000), NULL, NULL));
    assert_fails(put_if(w, "d/k", sample(2, 1000), NULL, NULL), SKEP_EEXISTS);
    assert_fails(put_if(w, "d/k", sample(2, 0), NULL, NULL), SKEP_EEXISTS);
    assert_fails(create_by_stream(w, "d/k", sample(2, 1000)), SKEP_EEXISTS);
    assert_holds(w->store, "d/k", sample(1, 1000));
    assert_ok(skep_store_delete(w->store, "d/k", NULL));
    assert_ok(create_by_stream(w, "d/k", sample(3, 1000)));
    assert_holds(w->store, "d/k", sample(3, 1000));
    harness_write_file(harness_path("from"), "file", 4);
    opts.create = 1;
    assert_fails(skep_store_put_file(w->store, "d/k", harness_path("from"), &opts, NULL),
                 SKEP_EEXISTS);
    assert_ok(skep_store_put_file(w->store, "d/l", harness_path("from"), &opts, NULL));
    assert_holds(w->store, "d/l", skep_slice_str("file"));
    assert_ok(put_if(w, "empty", sample(1, 0), NULL, NULL));
    assert_fails(put_if(w, "empty", sample(1, 0), NULL, NULL), SKEP_EEXISTS);
}

typedef struct race {
    world *world;
    char key[16];
    _Atomic size_t winners;
    _Atomic size_t winner;
} race;

static void race_to_create(size_t index, void *ctx)
{
    race *r = ctx;
    int rc = index % 4 == 3 ? create_by_stream(r->world, r->key, sample(index, 5000))
                            : put_if(r->world, r->key, sample(index, 5000), NULL, NULL);
    if (rc == SKEP_OK) {
        atomic_fetch_add(&r->winners, 1);
        atomic_store(&r->winner, index);
        return;
    }
    assert_fails(rc, SKEP_EEXISTS);
}

/* A22. */
void of_16_that_create_one_wins(world *w)
{
    int rounds = world_is(w, TRAIT_SLOW) ? 3 : 20;
    if (!world_can(w, SKEP_STORE_CAN_CREATE)) {
        assert_fails(put_if(w, "k", sample(1, 10), NULL, NULL), SKEP_EUNSUPPORTED);
        return;
    }
    for (int i = 0; i < rounds; i++) {
        race r = {.world = w};
        (void)snprintf(r.key, sizeof(r.key), "r/%d", i);
        harness_threads(RACERS, race_to_create, &r);
        ck_assert_uint_eq(atomic_load(&r.winners), 1);
        assert_holds(w->store, r.key, sample(atomic_load(&r.winner), 5000));
    }
}

void a_swap_replaces_just_that_one(world *w)
{
    skep_object first = SKEP_OBJECT_INIT;
    skep_object second = SKEP_OBJECT_INIT;
    assert_ok(skep_store_put(w->store, "k", sample(1, 1000), NULL, &first));
    if (!world_can(w, SKEP_STORE_CAN_SWAP)) {
        assert_fails(put_if(w, "k", sample(2, 10), first.etag, NULL), SKEP_EUNSUPPORTED);
        assert_holds(w->store, "k", sample(1, 1000));
        return;
    }
    assert_ok(put_if(w, "k", sample(2, 1000), first.etag, &second));
    assert_holds(w->store, "k", sample(2, 1000));
    assert_fails(put_if(w, "k", sample(3, 1000), first.etag, NULL), SKEP_ECONFLICT);
    assert_fails(put_if(w, "k", sample(3, 1000), "another", NULL), SKEP_ECONFLICT);
    assert_holds(w->store, "k", sample(2, 1000));
    assert_fails(put_if(w, "none", sample(3, 1000), first.etag, NULL), SKEP_ECONFLICT);
    assert_none(w->store, "none");
    skep_object head = SKEP_OBJECT_INIT;
    assert_ok(skep_store_head(w->store, "k", NULL, &head));
    assert_ok(put_if(w, "k", sample(3, 1000), head.etag, NULL));
    assert_holds(w->store, "k", sample(3, 1000));
    assert_ok(skep_store_delete(w->store, "k", NULL));
    assert_fails(put_if(w, "k", sample(4, 10), head.etag, NULL), SKEP_ECONFLICT);
    assert_none(w->store, "k");
}

/* The object says who has written it how often: each adds to it what it has read before. */
static void race_to_add(size_t index, void *ctx)
{
    race *r = ctx;
    world *w = r->world;
    int adds = world_is(w, TRAIT_SLOW) ? 1 : 4;
    while (adds > 0) {
        char tally[RACERS];
        skep_object info = SKEP_OBJECT_INIT;
        skep_get *get = NULL;
        size_t got = 0;
        assert_ok(skep_get_open(w->store, "tally", NULL, &get, &info));
        for (size_t n = 1; n > 0; got += n)
            assert_ok(skep_get_read(get, tally + got, sizeof(tally) - got, &n));
        skep_get_close(get);
        ck_assert_uint_eq(got, sizeof(tally));
        tally[index]++;
        int rc = put_if(w, "tally", skep_slice_of(tally, sizeof(tally)), info.etag, NULL);
        if (rc < 0)
            assert_fails(rc, SKEP_ECONFLICT);
        else
            adds--;
    }
}

void of_16_that_swap_none_is_lost(world *w)
{
    race r = {.world = w};
    char tally[RACERS] = {0};
    if (!world_can(w, SKEP_STORE_CAN_SWAP)) {
        assert_fails(put_if(w, "k", sample(2, 10), "etag", NULL), SKEP_EUNSUPPORTED);
        return;
    }
    put(w, "tally", skep_slice_of(tally, sizeof(tally)));
    harness_threads(RACERS, race_to_add, &r);
    memset(tally, world_is(w, TRAIT_SLOW) ? 1 : 4, sizeof(tally));
    assert_holds(w->store, "tally", skep_slice_of(tally, sizeof(tally)));
}

void conditions_have_their_limits(world *w)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_put *stream = NULL;
    opts.create = 1;
    opts.if_etag = "both";
    assert_fails(skep_put_begin(w->store, "k", &opts, &stream), SKEP_EINVALID);
    opts.if_etag = NULL;
    opts.bytes = SKEP_STORE_SINGLE_MAX + 1;
    assert_fails(skep_put_begin(w->store, "k", &opts, &stream), SKEP_EUNSUPPORTED);
    opts.create = 0;
    opts.if_etag = "etag";
    assert_fails(skep_put_begin(w->store, "k", &opts, &stream), SKEP_EUNSUPPORTED);
    opts.if_etag = NULL;
    opts.bytes = SKEP_STORE_BYTES_MAX + 1;
    ck_assert_int_lt(skep_put_begin(w->store, "k", &opts, &stream), 0);
    assert_none(w->store, "k");
}
