/* SPDX-License-Identifier: MIT */
/* One object: what goes in comes out, whole or in part, and all calls tell the same about it. */
#include "conformance.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

void it_can_do_what_it_is_said_to(world *w)
{
    uint32_t caps = 0;
    assert_ok(skep_store_caps(w->store, NULL, &caps));
    ck_assert_uint_eq(caps, w->subject->caps);
    /* Trying it out left nothing. */
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){NULL});
}

void it_has_a_name(world *w)
{
    const char *name = skep_store_name(w->store);
    ck_assert_ptr_nonnull(name);
    ck_assert_uint_gt(strlen(name), 0);
    ck_assert_ptr_null(strchr(name, '\n'));
}

/* By the call that takes all at once, read by the one that gives all at once. */
static void round_trip(world *w, const char *key, skep_slice data)
{
    skep_object told = SKEP_OBJECT_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    skep_arena *arena = NULL;
    skep_slice got = {0};
    assert_ok(skep_arena_new(0, &arena));
    assert_ok(skep_store_put(w->store, key, data, NULL, &told));
    ck_assert_uint_eq(told.bytes, data.len);
    ck_assert_str_eq(told.key, key);
    assert_ok(skep_store_get(w->store, key, NULL, arena, &got, &info));
    ck_assert_uint_eq(got.len, data.len);
    ck_assert(data.len == 0 || memcmp(got.data, data.data, data.len) == 0);
    ck_assert_uint_eq(info.bytes, data.len);
    skep_arena_free(arena);
}

void what_was_put_is_what_is_got(world *w)
{
    static const char zeros[3000];
    static const size_t sizes[] = {
        0, 1, 2, 4095, 4096, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 200 * KIB + 3};
    for (size_t i = 0; i < LENGTH(sizes); i++)
        round_trip(w, "object", sample(i, sizes[i]));
    round_trip(w, "zeros", skep_slice_of(zeros, sizeof(zeros)));
    round_trip(w, "text", skep_slice_str("a\r\nb\n\n"));
}

static void by_stream(world *w, const char *key, skep_slice data, size_t piece, uint64_t bytes)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object told = SKEP_OBJECT_INIT;
    skep_put *stream = NULL;
    opts.bytes = bytes;
    assert_ok(skep_put_begin(w->store, key, &opts, &stream));
    for (size_t at = 0; at < data.len; at += piece) {
        size_t n = data.len - at < piece ? data.len - at : piece;
        assert_ok(skep_put_write(stream, (const char *)data.data + at, n));
    }
    assert_ok(skep_put_commit(stream, &told));
    ck_assert_uint_eq(told.bytes, data.len);
}

void large_objects_come_back_whole(world *w)
{
    static const size_t sizes[] = {8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        skep_slice data = sample(i, sizes[i]);
        if (i % 2 == 0)
            put(w, "large", data);
        else
            by_stream(w, "large", data, 300 * KIB + 1, i == 1 ? SKEP_BYTES_UNKNOWN : data.len);
        assert_holds(w->store, "large", data);
        skep_object info = SKEP_OBJECT_INIT;
        assert_ok(skep_store_head(w->store, "large", NULL, &info));
        ck_assert_uint_eq(info.bytes, data.len);
        if (world_can(w, SKEP_STORE_KEEPS_HASH) && i % 2 == 0)
            assert_hash(&info, data);
    }
}

void a_stream_of_uneven_pieces_becomes_one_object(world *w)
{
    skep_slice data = sample(1, 150 * KIB);
    skep_put *stream = NULL;
    assert_ok(skep_put_begin(w->store, "uneven", NULL, &stream));
    for (size_t at = 0; at < data.len;) {
        size_t n = rng_below(&w->chance, 20000);
        if (n > data.len - at)
            n = data.len - at;
        assert_ok(skep_put_write(stream, (const char *)data.data + at, n)); /* also of 0 bytes */
        at += n;
    }
    assert_ok(skep_put_commit(stream, NULL));
    assert_holds(w->store, "uneven", data);
    by_stream(w, "even", data, 4096, data.len);
    assert_holds(w->store, "even", data);
    by_stream(w, "empty", sample(0, 0), 1, SKEP_BYTES_UNKNOWN);
    assert_holds(w->store, "empty", sample(0, 0));
}

static void one_range(world *w, skep_slice data, uint64_t offset, uint64_t bytes)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    skep_get *get = NULL;
    opts.offset = offset;
    opts.bytes = bytes;
    if (offset > data.len) {
        assert_fails(skep_get_open(w->store, "ranged", &opts, &get, &info), SKEP_EINVALID);
        return;
    }
    uint64_t rest = data.len - offset;
    uint64_t n = bytes == 0 || bytes > rest ? rest : bytes;
    assert_ok(skep_get_open(w->store, "ranged", &opts, &get, &info));
    ck_assert_uint_eq(info.bytes, data.len); /* of the object */
    assert_rest(get, skep_slice_of((const char *)data.data + offset, n));
    skep_get_close(get);
}

void a_range_is_what_lies_there(world *w)
{
    skep_slice data = sample(3, 3 * 64 * KIB + 17);
    static const size_t odd[] = {0,
                                 1,
                                 16,
                                 64 * KIB - 1,
                                 64 * KIB,
                                 64 * KIB + 1,
                                 128 * KIB,
                                 3 * 64 * KIB + 16,
                                 3 * 64 * KIB + 17};
    put(w, "ranged", data);
    for (size_t i = 0; i < LENGTH(odd); i++) {
        static const size_t lengths[] = {0, 1, 64 * KIB, 64 * KIB + 1, 1000 * KIB};
        for (size_t k = 0; k < LENGTH(lengths); k++)
            one_range(w, data, odd[i], lengths[k]);
    }
    for (int i = 0; i < 10; i++)
        one_range(w, data, rng_below(&w->chance, data.len), rng_below(&w->chance, data.len) + 1);
    one_range(w, data, data.len + 1, 0);
    one_range(w, data, UINT64_MAX, UINT64_MAX);
    one_range(w, data, 1, UINT64_MAX);
    put(w, "ranged", sample(0, 0));
    one_range(w, sample(0, 0), 0, 0);
    one_range(w, sample(0, 0), 0, 1);
    one_range(w, sample(0, 0), 1, 0);
}

void a_read_gives_no_more_than_was_asked_for(world *w)
{
    skep_slice data = sample(4, 70000);
    skep_get *get = NULL;
    char piece[40];
    put(w, "pieces", data);
    assert_ok(skep_get_open(w->store, "pieces", NULL, &get, NULL));
    for (size_t at = 0, round = 0; at < 4000; round++) {
        size_t got = 0;
        size_t want = round % 33 + 1;
        memset(piece, '!', sizeof(piece));
        assert_ok(skep_get_read(get, piece, want, &got));
        ck_assert(got > 0 && got <= want);
        ck_assert(memcmp(piece, (const char *)data.data + at, got) == 0);
        ck_assert_int_eq(piece[want], '!');
        at += got;
    }
    skep_get_close(get); /* before its end */
    assert_holds(w->store, "pieces", data);
}

static void assert_same(const world *w, const skep_object *a, const skep_object *b, bool listed)
{
    ck_assert_str_eq(a->key, b->key);
    ck_assert_str_eq(a->etag, b->etag);
    if (!listed || world_can(w, SKEP_STORE_LISTS_BYTES))
        ck_assert_uint_eq(a->bytes, b->bytes);
    /* A list, or the answer to a put, may know whole seconds only. */
    ck_assert_int_gt(a->modified_us, 0);
    ck_assert_int_eq(a->modified_us / 1000000, b->modified_us / 1000000);
}

void head_get_and_list_tell_what_put_told(world *w)
{
    skep_slice data = sample(5, 12345);
    skep_object told = SKEP_OBJECT_INIT;
    skep_object head = SKEP_OBJECT_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    skep_object listed = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    skep_get *get = NULL;
    assert_ok(skep_store_put(w->store, "told", data, NULL, &told));
    assert_ok(skep_store_head(w->store, "told", NULL, &head));
    assert_ok(skep_get_open(w->store, "told", NULL, &get, &info));
    skep_get_close(get);
    assert_ok(skep_list_open(w->store, NULL, &list));
    ck_assert_int_eq(assert_ok(skep_list_next(list, &listed)), 1);
    skep_list_close(list);
    ck_assert_str_eq(told.etag, head.etag);
    ck_assert_uint_eq(told.bytes, data.len);
    ck_assert_uint_eq(head.bytes, data.len);
    ck_assert_str_eq(told.key, "told");
    ck_assert_uint_gt(strlen(head.etag), 0);
    ck_assert_ptr_null(strchr(head.etag, '"'));
    assert_same(w, &info, &head, false);
    assert_same(w, &listed, &head, true);
    if (world_can(w, SKEP_STORE_KEEPS_HASH)) {
        assert_hash(&told, data);
        assert_hash(&head, data);
        assert_hash(&info, data);
        ck_assert(memcmp(told.hash, head.hash, sizeof(told.hash)) == 0);
    }
}

void a_put_replaces_what_was_there(world *w)
{
    skep_object first = SKEP_OBJECT_INIT;
    skep_object second = SKEP_OBJECT_INIT;
    assert_ok(skep_store_put(w->store, "k", sample(1, 100000), NULL, &first));
    assert_ok(skep_store_put(w->store, "k", sample(2, 100000), NULL, &second));
    ck_assert_str_ne(first.etag, second.etag);
    assert_holds(w->store, "k", sample(2, 100000));
    put(w, "k", sample(3, 10));
    assert_holds(w->store, "k", sample(3, 10));
    put(w, "k", sample(3, 0));
    assert_holds(w->store, "k", sample(3, 0));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"k", NULL});
}

void a_get_of_another_etag_is_a_conflict(world *w)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_object first = SKEP_OBJECT_INIT;
    skep_get *get = NULL;
    assert_ok(skep_store_put(w->store, "k", sample(1, 1000), NULL, &first));
    opts.if_etag = first.etag;
    assert_ok(skep_get_open(w->store, "k", &opts, &get, NULL));
    assert_rest(get, sample(1, 1000));
    skep_get_close(get);
    put(w, "k", sample(2, 1000));
    assert_fails(skep_get_open(w->store, "k", &opts, &get, NULL), SKEP_ECONFLICT);
    opts.offset = 10;
    assert_fails(skep_get_open(w->store, "k", &opts, &get, NULL), SKEP_ECONFLICT);
}

/* ---- files ---- */

static void assert_file(const char *path, skep_slice data)
{
    size_t len = 0;
    const char *is = harness_read_file(path, &len);
    ck_assert_uint_eq(len, data.len);
    ck_assert(len == 0 || memcmp(is, data.data, len) == 0);
}

void a_file_is_put_and_got(world *w)
{
    static const size_t sizes[] = {0, 1, 70000, 3 * MIB + 1};
    const char *from = harness_path("from");
    const char *to = harness_path("to");
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        skep_slice data = sample(i, sizes[i]);
        skep_object told = SKEP_OBJECT_INIT;
        skep_object info = SKEP_OBJECT_INIT;
        struct stat st;
        harness_write_file(from, data.data, data.len);
        assert_ok(skep_store_put_file(w->store, "file", from, NULL, &told));
        ck_assert_uint_eq(told.bytes, data.len);
        assert_holds(w->store, "file", data);
        assert_ok(skep_store_get_file(w->store, "file", to, NULL, &info));
        assert_file(to, data);
        ck_assert_int_eq(stat(to, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
        if (world_can(w, SKEP_STORE_KEEPS_HASH)) {
            assert_ok(skep_store_head(w->store, "file", NULL, &info));
            assert_hash(&info, data);
        }
    }
    assert_fails(skep_store_put_file(w->store, "none", harness_path("none"), NULL, NULL),
                 SKEP_ENOTFOUND);
    ck_assert_int_lt(skep_store_put_file(w->store, "none", harness_dir(), NULL, NULL), 0);
    assert_none(w->store, "none");
}

void a_get_that_fails_leaves_the_file_as_it_was(world *w)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    const char *to = harness_path("to");
    harness_write_file(to, "old", 3);
    put(w, "k", sample(1, 5000));
    opts.if_etag = "another";
    assert_fails(skep_store_get_file(w->store, "none", to, NULL, NULL), SKEP_ENOTFOUND);
    assert_fails(skep_store_get_file(w->store, "k", to, &opts, NULL), SKEP_ECONFLICT);
    opts = (skep_get_opts)SKEP_GET_OPTS_INIT;
    opts.offset = 5001;
    assert_fails(skep_store_get_file(w->store, "k", to, &opts, NULL), SKEP_EINVALID);
    assert_file(to, skep_slice_str("old"));
    opts.offset = 4000;
    opts.bytes = 10;
    assert_ok(skep_store_get_file(w->store, "k", to, &opts, NULL));
    assert_file(to, skep_slice_of((const char *)sample(1, 5000).data + 4000, 10));
}

void what_does_not_fit_the_arena_is_a_limit(world *w)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_arena *arena = NULL;
    skep_slice got = {0};
    put(w, "k", sample(1, 300000));
    assert_ok(skep_arena_new(200000, &arena));
    assert_fails(skep_store_get(w->store, "k", NULL, arena, &got, NULL), SKEP_ELIMIT);
    opts.offset = 299000;
    skep_arena_reset(arena);
    assert_ok(skep_store_get(w->store, "k", &opts, arena, &got, NULL));
    ck_assert_uint_eq(got.len, 1000);
    ck_assert(memcmp(got.data, (const char *)sample(1, 300000).data + 299000, 1000) == 0);
    skep_arena_free(arena);
}

/* ---- not there ---- */

void what_is_not_there_is_not_found(world *w)
{
    skep_object info = SKEP_OBJECT_INIT;
    skep_get_opts range = SKEP_GET_OPTS_INIT;
    skep_arena *arena = NULL;
    skep_slice got = {0};
    skep_get *get = NULL;
    range.offset = 7;
    assert_ok(skep_arena_new(0, &arena));
    assert_fails(skep_store_head(w->store, "none", NULL, &info), SKEP_ENOTFOUND);
    assert_fails(skep_get_open(w->store, "none", NULL, &get, NULL), SKEP_ENOTFOUND);
    assert_fails(skep_get_open(w->store, "none/below", &range, &get, NULL), SKEP_ENOTFOUND);
    assert_fails(skep_store_get(w->store, "none", NULL, arena, &got, NULL), SKEP_ENOTFOUND);
    assert_fails(skep_store_copy(w->store, "none", "to", NULL, NULL), SKEP_ENOTFOUND);
    assert_ok(skep_store_delete(w->store, "none", NULL));
    assert_ok(skep_store_delete(w->store, "none/below", NULL));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){NULL});
    assert_listed(w->store, "none", NULL, 0, (const char *const[]){NULL});
    skep_arena_free(arena);
}

void it_is_still_there_when_opened_again(world *w)
{
    put(w, "a/1", sample(1, 100000));
    put(w, "b", sample(2, 0));
    if (world_is(w, TRAIT_KEEPS))
        world_reopen(w);
    assert_holds(w->store, "a/1", sample(1, 100000));
    assert_holds(w->store, "b", sample(2, 0));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"a/1", "b", NULL});
}

void a_delete_is_seen_at_once(world *w)
{
    for (int i = 0; i < 3; i++) {
        put(w, "d/k", sample(1, 10));
        put(w, "d/l", sample(2, 10));
        assert_ok(skep_store_delete(w->store, "d/k", NULL));
        assert_none(w->store, "d/k");
        assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"d/l", NULL});
    }
    assert_ok(skep_store_delete(w->store, "d/l", NULL));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){NULL});
    if (world_is(w, TRAIT_TREE))
        return;                 /* its folders stay */
    put(w, "d", sample(3, 10)); /* where a folder was */
    assert_holds(w->store, "d", sample(3, 10));
}

/* ---- copies ---- */

void a_copy_is_the_same_object(world *w)
{
    skep_slice data = sample(1, 300000);
    skep_object from = SKEP_OBJECT_INIT;
    skep_object told = SKEP_OBJECT_INIT;
    skep_object head = SKEP_OBJECT_INIT;
    assert_ok(skep_store_put(w->store, "from", data, NULL, &from));
    assert_ok(skep_store_copy(w->store, "from", "d/to", NULL, &told));
    assert_holds(w->store, "d/to", data);
    assert_holds(w->store, "from", data);
    ck_assert_str_eq(told.key, "d/to");
    ck_assert_uint_eq(told.bytes, data.len);
    assert_ok(skep_store_head(w->store, "d/to", NULL, &head));
    ck_assert_str_eq(told.etag, head.etag);
    if (world_can(w, SKEP_STORE_KEEPS_HASH)) {
        assert_hash(&head, data);
        ck_assert(memcmp(from.hash, head.hash, sizeof(from.hash)) == 0);
    }
    put(w, "from", sample(2, 10)); /* what is done to one does not show in the other */
    assert_holds(w->store, "d/to", data);
    assert_ok(skep_store_copy(w->store, "from", "d/to", NULL, NULL));
    assert_holds(w->store, "d/to", sample(2, 10));
    assert_ok(skep_store_copy(w->store, "d/to", "odd +%&?#ü", NULL, NULL));
    assert_holds(w->store, "odd +%&?#ü", sample(2, 10));
    assert_ok(skep_store_copy(w->store, "odd +%&?#ü", "back", NULL, NULL));
    assert_holds(w->store, "back", sample(2, 10));
}

void a_copy_keeps_conditions(world *w)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object to = SKEP_OBJECT_INIT;
    put(w, "from", sample(1, 1000));
    opts.create = 1;
    if (!world_can(w, SKEP_STORE_CAN_CREATE)) {
        assert_fails(skep_store_copy(w->store, "from", "to", &opts, NULL), SKEP_EUNSUPPORTED);
        assert_none(w->store, "to");
        return;
    }
    assert_ok(skep_store_copy(w->store, "from", "to", &opts, &to));
    put(w, "from", sample(2, 1000));
    assert_fails(skep_store_copy(w->store, "from", "to", &opts, NULL), SKEP_EEXISTS);
    assert_holds(w->store, "to", sample(1, 1000));
    if (!world_can(w, SKEP_STORE_CAN_SWAP))
        return;
    opts = (skep_put_opts)SKEP_PUT_OPTS_INIT;
    opts.if_etag = "another";
    assert_fails(skep_store_copy(w->store, "from", "to", &opts, NULL), SKEP_ECONFLICT);
    assert_holds(w->store, "to", sample(1, 1000));
    opts.if_etag = to.etag;
    assert_ok(skep_store_copy(w->store, "from", "to", &opts, NULL));
    assert_holds(w->store, "to", sample(2, 1000));
}
