/* SPDX-License-Identifier: MIT */
/* Whole or not at all: before the commit, after an abort, and while others write. */
#include "conformance.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define READERS 4

static skep_put *begin(world *w, const char *key, uint64_t bytes)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_put *stream = NULL;
    opts.bytes = bytes;
    assert_ok(skep_put_begin(w->store, key, &opts, &stream));
    return stream;
}

static void write_all(skep_put *stream, skep_slice data)
{
    assert_ok(skep_put_write(stream, data.data, data.len));
}

void nobody_sees_a_put_before_its_commit(world *w)
{
    put(w, "old", sample(1, 10));
    skep_put *over = begin(w, "old", SKEP_BYTES_UNKNOWN);
    skep_put *fresh = begin(w, "d/new", 300000);
    write_all(over, sample(2, 300000));
    write_all(fresh, sample(3, 300000));
    assert_holds(w->store, "old", sample(1, 10));
    assert_none(w->store, "d/new");
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"old", NULL});
    assert_ok(skep_put_commit(over, NULL));
    assert_none(w->store, "d/new");
    assert_ok(skep_put_commit(fresh, NULL));
    assert_holds(w->store, "old", sample(2, 300000));
    assert_holds(w->store, "d/new", sample(3, 300000));
}

void an_abort_leaves_nothing(world *w)
{
    put(w, "old", sample(1, 10));
    skep_put_abort(begin(w, "none", SKEP_BYTES_UNKNOWN)); /* of nothing written */
    skep_put *over = begin(w, "old", 1000);
    write_all(over, sample(2, 1000));
    skep_put_abort(over);
    skep_put *large = begin(w, "large", SKEP_BYTES_UNKNOWN);
    write_all(large, sample(2, 9u << 20));
    skep_put_abort(large);
    skep_put_abort(NULL);
    assert_holds(w->store, "old", sample(1, 10));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"old", NULL});
    if (world_is(w, TRAIT_KEEPS))
        world_reopen(w);
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"old", NULL});
    put(w, "large", sample(3, 10));
    assert_holds(w->store, "large", sample(3, 10));
}

void a_wrong_number_of_bytes_is_refused(world *w)
{
    put(w, "k", sample(1, 10));
    skep_put *less = begin(w, "k", 1000);
    write_all(less, sample(2, 999));
    assert_fails(skep_put_commit(less, NULL), SKEP_EINVALID);
    skep_put *none = begin(w, "k", 1);
    assert_fails(skep_put_commit(none, NULL), SKEP_EINVALID);
    skep_put *more = begin(w, "k", 1000);
    int rc = skep_put_write(more, sample(2, 1001).data, 1001);
    if (rc < 0) {
        assert_fails(rc, SKEP_EINVALID);
        skep_put_abort(more);
    } else {
        assert_fails(skep_put_commit(more, NULL), SKEP_EINVALID);
    }
    assert_holds(w->store, "k", sample(1, 10));
    skep_put *empty = begin(w, "k", 0);
    assert_ok(skep_put_commit(empty, NULL));
    assert_holds(w->store, "k", sample(1, 0));
}

/* ---- while it is replaced ---- */

static const size_t versions[] = {300000, 70001, 5, 0, 65536};

typedef struct replacing {
    world *world;
    int rounds;
    _Atomic bool done;
    _Atomic size_t reads;
} replacing;

static bool is_version(skep_slice is, size_t version)
{
    return is.len == versions[version] &&
           (is.len == 0 || memcmp(is.data, sample(version, is.len).data, is.len) == 0);
}

static void read_versions(replacing *r)
{
    skep_arena *arena = NULL;
    assert_ok(skep_arena_new(0, &arena));
    while (!atomic_load(&r->done)) {
        skep_object info = SKEP_OBJECT_INIT;
        skep_slice is = {0};
        skep_arena_reset(arena);
        assert_ok(skep_store_get(r->world->store, "k", NULL, arena, &is, &info));
        bool whole = false;
        for (size_t i = 0; i < LENGTH(versions) && !whole; i++)
            whole = is_version(is, i);
        ck_assert_msg(whole, "%zu bytes that nobody has put", is.len);
        ck_assert_uint_eq(info.bytes, is.len);
        atomic_fetch_add(&r->reads, 1);
    }
    skep_arena_free(arena);
}

static void replace_or_read(size_t index, void *ctx)
{
    replacing *r = ctx;
    if (index > 0) {
        read_versions(r);
        return;
    }
    /* On until each of those who read had its chance. */
    for (int i = 0; i < r->rounds || atomic_load(&r->reads) < READERS; i++) {
        size_t version = (size_t)i % LENGTH(versions);
        put(r->world, "k", sample(version, versions[version]));
    }
    atomic_store(&r->done, true);
}

void readers_get_all_of_the_old_or_all_of_the_new(world *w)
{
    replacing r = {.world = w, .rounds = world_is(w, TRAIT_SLOW) ? 8 : 60};
    put(w, "k", sample(0, versions[0]));
    harness_threads(1 + READERS, replace_or_read, &r);
    ck_assert_uint_ge(atomic_load(&r.reads), READERS);
}

/* The rest comes from the same object, or not at all. */
void a_get_stays_with_the_object_it_began_with(world *w)
{
    static char piece[1u << 20];
    skep_slice data = sample(1, 3u << 20);
    for (int how = 0; how < 2; how++) {
        skep_get *get = NULL;
        size_t at = 0;
        size_t got = 0;
        put(w, "k", data);
        assert_ok(skep_get_open(w->store, "k", NULL, &get, NULL));
        assert_ok(skep_get_read(get, piece, 1000, &at));
        if (how == 0)
            put(w, "k", sample(2, 3u << 20));
        else
            assert_ok(skep_store_delete(w->store, "k", NULL));
        int rc = 0;
        for (rc = skep_get_read(get, piece, sizeof(piece), &got); rc == 0 && got > 0;
             rc = skep_get_read(get, piece, sizeof(piece), &got)) {
            ck_assert_uint_le(at + got, data.len);
            ck_assert(memcmp(piece, (const char *)data.data + at, got) == 0);
            at += got;
        }
        if (rc < 0)
            ck_assert_msg(rc == SKEP_ECONFLICT || (how == 1 && rc == SKEP_ENOTFOUND), "%s: %s",
                          skep_code_name(rc), skep_last_error()->text);
        else
            ck_assert_uint_eq(at, data.len);
        skep_get_close(get);
    }
}

/* ---- threads ---- */

static void live_alone(size_t index, void *ctx)
{
    world *w = ctx;
    int rounds = world_is(w, TRAIT_SLOW) ? 3 : 12;
    char key[32];
    for (int i = 0; i < rounds; i++) {
        size_t which = index * 100 + (size_t)i;
        (void)snprintf(key, sizeof(key), "t%zu/%d", index, i % 3);
        put(w, key, sample(which, which * 97 % 70000));
        assert_holds(w->store, key, sample(which, which * 97 % 70000));
        if (i % 3 == 2) {
            char prefix[32];
            (void)snprintf(prefix, sizeof(prefix), "t%zu/", index);
            names mine = list_names(w->store, prefix, NULL, 0);
            ck_assert_uint_eq(mine.count, 3);
            names_free(&mine);
            assert_ok(skep_store_delete(w->store, key, NULL));
            assert_none(w->store, key);
        }
    }
}

void threads_do_not_disturb_each_other(world *w)
{
    harness_threads(16, live_alone, w);
    names left = list_names(w->store, NULL, NULL, 0);
    ck_assert_uint_eq(left.count, 32);
    names_free(&left);
}
