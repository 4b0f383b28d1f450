/* SPDX-License-Identifier: MIT */
/* The sealed store: what goes in comes out, and what it takes of the store below. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sealed.h"
#include "harness/alloc.h"
#include "store/memory.h"
#include "store/sealing.h"
#include "store/store.h"

static skep_store *memory_of(uint32_t caps)
{
    skep_store *store = NULL;
    assert_ok(memory_store_open(caps, &store));
    return store;
}

/* In pieces of `piece` bytes, the number of which is told or not. */
static void put_pieces(skep_store *store, const char *key, const uint8_t *content, size_t len,
                       size_t piece, bool told)
{
    skep_put *put = NULL;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.bytes = told ? len : SKEP_BYTES_UNKNOWN;
    assert_ok(skep_put_begin(store, key, &opts, &put));
    for (size_t at = 0; at < len; at += piece)
        assert_ok(skep_put_write(put, content + at, len - at < piece ? len - at : piece));
    assert_ok(skep_put_commit(put, NULL));
}

static void assert_range(skep_store *store, const char *key, const uint8_t *content, size_t len,
                         uint64_t offset, uint64_t bytes)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    uint8_t *into = malloc(len + 1);
    size_t got = 0;
    ck_assert_ptr_nonnull(into);
    opts.offset = offset;
    opts.bytes = bytes;
    assert_ok(sealing_try(store, key, &opts, into, len, &got));
    size_t want = len - (size_t)offset;
    want = bytes != 0 && bytes < want ? (size_t)bytes : want;
    ck_assert_uint_eq(got, want);
    ck_assert(memcmp(into, content + offset, want) == 0);
    opts.offset = len + 1;
    assert_fails(sealing_try(store, key, &opts, into, len, &got), SKEP_EINVALID);
    free(into);
}

static void assert_ranges(skep_store *store, const char *key, const uint8_t *content, size_t len)
{
    static const uint64_t marks[] = {0, 1, 65535, 65536, 65537, 131071, 131072, 131073, UINT64_MAX};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        for (size_t j = 0; j < sizeof(marks) / sizeof(marks[0]); j++) {
            uint64_t offset = marks[i] < len ? marks[i] : len;
            assert_range(store, key, content, len, offset, marks[j]);
        }
}

static void assert_head(skep_store *store, const char *key, size_t len, const uint8_t *hash)
{
    skep_object info = SKEP_OBJECT_INIT;
    assert_ok(skep_store_head(store, key, NULL, &info));
    ck_assert_uint_eq(info.bytes, len);
    ck_assert_uint_eq(info.flags, SKEP_OBJECT_SEALED | SKEP_OBJECT_HASHED);
    ck_assert_str_eq(info.key, key);
    ck_assert_mem_eq(info.hash, hash, sizeof(info.hash));
}

/* A content of that length, put in four ways, comes back whole and in parts. */
static void comes_back(skep_store *store, size_t len)
{
    skep_object info = SKEP_OBJECT_INIT;
    uint8_t *content = sealing_content(len, len);
    assert_ok(skep_store_put(store, "at/once", skep_slice_of(content, len), NULL, &info));
    ck_assert_uint_eq(info.bytes, len);
    put_pieces(store, "told", content, len, 10007, true);
    put_pieces(store, "untold", content, len, 65536, false);
    harness_write_file(harness_path("content"), content, len);
    assert_ok(skep_store_put_file(store, "file", harness_path("content"), NULL, NULL));
    static const char *const keys[] = {"at/once", "told", "untold", "file"};
    for (size_t i = 0; i < 4; i++) {
        assert_head(store, keys[i], len, info.hash);
        sealing_assert(store, keys[i], content, len);
        assert_ranges(store, keys[i], content, len);
    }
    free(content);
}

TEST(what_is_put_comes_back_whole_and_in_parts)
{
    static const size_t lens[] = {0,     1,     23,    4096,   65511,  65512,  65513,  65535,
                                  65536, 65537, 70000, 131048, 131049, 131071, 131072, 200000};
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    for (uint32_t padded = 0; padded < 2; padded++) {
        skep_store *store = sealing_open(memory, key, NULL, padded);
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
            comes_back(store, lens[i]);
        assert_ok(skep_store_close(store));
    }
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

/* Read in bites of all sizes, over several chunks. */
TEST(a_get_gives_the_same_in_bites_of_any_size)
{
    static uint8_t into[300001];
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    uint8_t *content = sealing_content(1, 300000);
    rng r = rng_of(harness_seed());
    put_pieces(store, "k", content, 300000, 777, false);
    for (int round = 0; round < 20; round++) {
        skep_get *get = NULL;
        size_t got = 1;
        size_t all = 0;
        assert_ok(skep_get_open(store, "k", NULL, &get, NULL));
        for (; got > 0; all += got)
            assert_ok(skep_get_read(get, into + all, 1 + rng_below(&r, 300000 - all + 1), &got));
        ck_assert_uint_eq(all, 300000);
        ck_assert(memcmp(into, content, all) == 0);
        skep_get_close(get);
    }
    free(content);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

/* ---- what it takes of the store below ---- */

static uint64_t requests(skep_store *store, uint64_t *since)
{
    skep_store *between = sealing_between(store);
    uint64_t all = 0;
    for (int call = FAULTY_HEAD; call < FAULTY_CALLS; call++)
        if (call != FAULTY_PUT_WRITE && call != FAULTY_GET_READ && call != FAULTY_PUT_COMMIT)
            all += faulty_count(between, (faulty_call)call);
    uint64_t n = all - *since;
    *since = all;
    return n;
}

TEST(a_small_object_is_one_request_and_a_part_two)
{
    static uint8_t into[300001];
    size_t got = 0;
    uint64_t since = 0;
    skep_get_opts part = SKEP_GET_OPTS_INIT;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    uint8_t *content = sealing_content(1, 300000);
    sealing_put(store, "first", content, 10);
    (void)requests(store, &since);
    sealing_put(store, "small", content, 65536);
    ck_assert_uint_eq(requests(store, &since), 1);
    sealing_put(store, "large", content, 300000);
    ck_assert_uint_eq(requests(store, &since), 1);
    assert_ok(sealing_try(store, "small", NULL, into, 65536, &got));
    ck_assert_uint_eq(requests(store, &since), 1);
    assert_ok(sealing_try(store, "large", NULL, into, 300000, &got));
    ck_assert_uint_eq(requests(store, &since), 1);
    part.offset = 200000;
    part.bytes = 5;
    assert_ok(sealing_try(store, "large", &part, into, 5, &got));
    ck_assert_uint_eq(requests(store, &since), 2);
    assert_ok(skep_store_head(store, "large", NULL, &(skep_object)SKEP_OBJECT_INIT));
    ck_assert_uint_eq(requests(store, &since), 1);
    free(content);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

TEST(memory_does_not_grow_with_the_object)
{
    enum { PIECES = 512 };
    static uint8_t piece[65000];
    skep_put *put = NULL;
    skep_get *get = NULL;
    size_t got = 1;
    alloc_install();
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 1);
    sealing_put(store, "first", "", 0);
    alloc_ceiling(alloc_living_bytes() + 400000);
    assert_ok(skep_put_begin(store, "k", NULL, &put));
    for (int i = 0; i < PIECES; i++)
        assert_ok(skep_put_write(put, piece, sizeof(piece)));
    assert_ok(skep_put_commit(put, NULL));
    assert_ok(skep_get_open(store, "k", NULL, &get, NULL));
    uint64_t all = 0;
    for (; got > 0; all += got)
        assert_ok(skep_get_read(get, piece, sizeof(piece), &got));
    skep_get_close(get);
    alloc_ceiling(0);
    ck_assert_uint_eq(all, PIECES * sizeof(piece));
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

TEST(conditions_are_those_of_the_store_below)
{
    uint32_t caps = 0;
    skep_object info = SKEP_OBJECT_INIT;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    assert_ok(skep_store_caps(store, NULL, &caps));
    ck_assert_uint_eq(caps, SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP | SKEP_STORE_KEEPS_HASH);
    opts.create = 1;
    assert_ok(skep_store_put(store, "k", skep_slice_str("1"), &opts, &info));
    assert_fails(skep_store_put(store, "k", skep_slice_str("2"), &opts, NULL), SKEP_EEXISTS);
    opts.create = 0;
    opts.if_etag = info.etag;
    assert_ok(skep_store_put(store, "k", skep_slice_str("3"), &opts, NULL));
    assert_fails(skep_store_put(store, "k", skep_slice_str("4"), &opts, NULL), SKEP_ECONFLICT);
    skep_get_opts get = SKEP_GET_OPTS_INIT;
    uint8_t into[2];
    size_t got = 0;
    get.if_etag = info.etag;
    assert_fails(sealing_try(store, "k", &get, into, 1, &got), SKEP_ECONFLICT);
    assert_ok(skep_store_head(store, "k", NULL, &info));
    assert_ok(sealing_try(store, "k", &get, into, 1, &got));
    ck_assert_int_eq(into[0], '3');
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

/* ---- an object that is replaced meanwhile ---- */

typedef struct replacement {
    skep_store *store;
    const uint8_t *content;
    size_t len;
} replacement;

static void replace(void *ctx)
{
    const replacement *r = ctx;
    sealing_put(r->store, "k", r->content, r->len);
}

TEST(what_is_replaced_between_head_and_part_is_read_anew)
{
    enum { LEN = 200000 };
    static uint8_t into[LEN + 1];
    size_t got = 0;
    skep_get_opts part = SKEP_GET_OPTS_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    skep_store *other = sealing_open(memory, key, NULL, 0);
    uint8_t *old = sealing_content(1, LEN);
    uint8_t *new = sealing_content(2, LEN);
    replacement r = {other, new, LEN};
    sealing_put(store, "k", old, LEN);
    assert_ok(skep_store_head(store, "k", NULL, &info));
    faulty_step step = {
        .call = FAULTY_GET_OPEN, .what = FAULTY_PASS, .nth = 2, .run = replace, .ctx = &r};
    faulty_add(sealing_between(store), &step);
    part.offset = 150000;
    assert_ok(sealing_try(store, "k", &part, into, LEN - 150000, &got));
    ck_assert_uint_eq(got, LEN - 150000);
    ck_assert(memcmp(into, new + 150000, got) == 0);
    /* Who wants just that one is told. */
    part.if_etag = info.etag;
    assert_fails(sealing_try(store, "k", &part, into, LEN, &got), SKEP_ECONFLICT);
    /* And nobody goes on for ever. */
    step.nth = 0;
    faulty_clear(sealing_between(store));
    faulty_add(sealing_between(store), &step);
    part.if_etag = NULL;
    assert_fails(sealing_try(store, "k", &part, into, LEN, &got), SKEP_ECONFLICT);
    free(old);
    free(new);
    assert_ok(skep_store_close(other));
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

/* ---- names, lists, copies ---- */

TEST(a_list_gives_lengths_as_stored_and_no_hash)
{
    skep_list *list = NULL;
    skep_object info = SKEP_OBJECT_INIT;
    skep_object below = SKEP_OBJECT_INIT;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    sealing_put(store, "a/1", "x", 1);
    sealing_put(store, "a/2", "y", 1);
    sealing_put(store, "b", "z", 1);
    opts.prefix = "a/";
    opts.after = "a/1";
    assert_ok(skep_list_open(store, &opts, &list));
    ck_assert_int_eq(skep_list_next(list, &info), 1);
    ck_assert_str_eq(info.key, "a/2");
    assert_ok(skep_store_head(memory, "a/2", NULL, &below));
    ck_assert_uint_eq(info.bytes, below.bytes);
    ck_assert_str_eq(info.etag, below.etag);
    ck_assert_uint_eq(info.flags, 0);
    ck_assert_int_eq(skep_list_next(list, &info), 0);
    skep_list_close(list);
    /* The ring is not among them. */
    assert_ok(skep_list_open(store, NULL, &list));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(skep_list_next(list, &info), 1);
    ck_assert_int_eq(skep_list_next(list, &info), 0);
    skep_list_close(list);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

TEST(a_copy_opens_under_its_own_name)
{
    skep_object from = SKEP_OBJECT_INIT;
    skep_object to = SKEP_OBJECT_INIT;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    uint8_t *content = sealing_content(1, 100000);
    assert_ok(skep_store_put(store, "a", skep_slice_of(content, 100000), NULL, &from));
    assert_ok(skep_store_copy(store, "a", "b", NULL, &to));
    ck_assert_mem_eq(from.hash, to.hash, sizeof(to.hash));
    sealing_assert(store, "b", content, 100000);
    assert_ok(skep_store_delete(store, "a", NULL));
    assert_fails(skep_store_head(store, "a", NULL, &from), SKEP_ENOTFOUND);
    sealing_assert(store, "b", content, 100000);
    free(content);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

TEST(the_key_ring_is_no_object_of_the_sealed_store)
{
    static const char ring[] = ".skep/keys";
    const char *const keys[] = {"k", ring};
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    sealing_put(store, "k", "v", 1);
    skep__store_allow_own(store); /* as a filter over it would */
    assert_fails(skep_store_put(store, ring, skep_slice_str("v"), NULL, NULL), SKEP_EINVALID);
    assert_fails(skep_store_delete_many(store, keys, 2, NULL, NULL), SKEP_EINVALID);
    sealing_assert(store, "k", "v", 1);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

/* ---- what cannot be honoured ---- */

TEST(what_asks_for_sealing_and_cannot_be_honoured_is_refused)
{
    char own[SKEP_RECIPIENT_TEXT_MAX + 1];
    const char *many[SKEP_SEAL_RECIPIENTS_MAX + 2] = {NULL};
    const char *const phrase[] = {"correct horse battery staple", NULL};
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = NULL;
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    assert_ok(skep_key_recipient(key, own, sizeof(own)));
    assert_fails(skep_store_sealed(memory, &opts, &store), SKEP_EINVALID);
    opts.key = key;
    opts.padded = 2;
    assert_fails(skep_store_sealed(memory, &opts, &store), SKEP_EINVALID);
    opts.padded = 0;
    opts.recipients = phrase;
    assert_fails(skep_store_sealed(memory, &opts, &store), SKEP_EINVALID);
    ck_assert_ptr_null(strstr(skep_last_error()->text, "horse"));
    for (size_t i = 0; i <= SKEP_SEAL_RECIPIENTS_MAX; i++)
        many[i] = own;
    opts.recipients = many;
    assert_fails(skep_store_sealed(memory, &opts, &store), SKEP_ELIMIT);
    many[SKEP_SEAL_RECIPIENTS_MAX] = NULL;
    skep_store *lent = faulty_store_lend(memory);
    assert_ok(skep_store_sealed(lent, &opts, &store));
    skep_store *again = NULL;
    assert_fails(skep_store_sealed(store, &opts, &again), SKEP_EINVALID);
    sealing_put(store, "k", "v", 1);
    sealing_assert(store, "k", "v", 1);
    assert_ok(skep_store_close(store));
    sealing_put(memory, "still/ours", "v", 1);
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_comes_back_whole_and_in_parts),
    HARNESS_TEST(a_get_gives_the_same_in_bites_of_any_size),
    HARNESS_TEST(a_small_object_is_one_request_and_a_part_two),
    HARNESS_TEST(memory_does_not_grow_with_the_object),
    HARNESS_TEST(conditions_are_those_of_the_store_below),
    HARNESS_TEST(what_is_replaced_between_head_and_part_is_read_anew),
    HARNESS_TEST(a_list_gives_lengths_as_stored_and_no_hash),
    HARNESS_TEST(a_copy_opens_under_its_own_name),
    HARNESS_TEST(the_key_ring_is_no_object_of_the_sealed_store),
    HARNESS_TEST(what_asks_for_sealing_and_cannot_be_honoured_is_refused),
};
const harness_suite sealed_store_suite = HARNESS_SUITE("sealed", tests);
