/* SPDX-License-Identifier: MIT */
/* The key ring of a store: when it is made, who opens it, and two who change it at a time. */
#include "suites.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/mirror.h>

#include "crypto/sealed.h"
#include "harness/alloc.h"
#include "store/memory.h"
#include "store/sealing.h"
#include "store/store.h"

#define RING ".skep/keys"

static skep_store *memory_of(uint32_t caps)
{
    skep_store *store = NULL;
    assert_ok(memory_store_open(caps, &store));
    skep__store_allow_own(store);
    return store;
}

static size_t count_of(skep_store *store)
{
    skep_keyring *ring = NULL;
    assert_ok(skep_keyring_read(store, NULL, &ring));
    size_t count = skep_keyring_count(ring);
    skep_keyring_free(ring);
    return count;
}

/* How many wraps of the ring `key` opens. */
static size_t opened_by(skep_store *store, const skep_key *key)
{
    size_t opened = 0;
    skep_keyring *ring = NULL;
    assert_ok(skep_keyring_read(store, NULL, &ring));
    for (size_t i = 0; i < skep_keyring_count(ring); i++)
        opened += (size_t)assert_ok(skep_keyring_opens(ring, i, key));
    skep_keyring_free(ring);
    return opened;
}

static skep_rewrap_opts rewrap_of(const skep_key *key, const skep_key *to, const char *recipient)
{
    skep_rewrap_opts opts = SKEP_REWRAP_OPTS_INIT;
    opts.key = key;
    opts.to = to;
    opts.recipient = recipient;
    return opts;
}

static void reads(skep_store *memory, const skep_key *key, const char *name, const char *content)
{
    skep_store *store = sealing_open(memory, key, NULL, 0);
    sealing_assert(store, name, content, strlen(content));
    assert_ok(skep_store_close(store));
}

static void reads_not(skep_store *memory, const skep_key *key, const char *name)
{
    uint8_t into[100];
    size_t got = 0;
    skep_store *store = sealing_open(memory, key, NULL, 0);
    assert_fails(sealing_try(store, name, NULL, into, sizeof(into) - 1, &got), SKEP_EAUTH);
    assert_ok(skep_store_close(store));
}

/* ---- when it is made ---- */

TEST(the_first_put_makes_the_ring_and_nothing_else_does)
{
    uint32_t caps = 0;
    skep_list *list = NULL;
    skep_keyring *ring = NULL;
    skep_object info = SKEP_OBJECT_INIT;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    assert_ok(skep_store_caps(store, NULL, &caps));
    assert_fails(skep_store_head(store, "k", NULL, &info), SKEP_ENOTFOUND);
    assert_ok(skep_list_open(store, NULL, &list));
    ck_assert_int_eq(skep_list_next(list, &info), 0);
    skep_list_close(list);
    assert_ok(skep_store_delete(store, "k", NULL));
    assert_fails(skep_keyring_read(memory, NULL, &ring), SKEP_ENOTFOUND);
    sealing_put(store, "k", "v", 1);
    ck_assert_uint_eq(count_of(memory), 1);
    sealing_put(store, "l", "v", 1);
    ck_assert_uint_eq(count_of(memory), 1);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

typedef struct race {
    skep_store *memory;
    skep_key *key;
    skep_key *to; /* may be NULL */
} race;

static void race_end(race *r)
{
    assert_ok(skep_store_close(r->memory));
    skep_key_free(r->key);
    skep_key_free(r->to);
}

static void put_first(size_t index, void *ctx)
{
    char name[16];
    const race *r = ctx;
    skep_store *store = sealing_open(r->memory, r->key, NULL, 0);
    (void)snprintf(name, sizeof(name), "k%zu", index);
    sealing_put(store, name, name, strlen(name));
    assert_ok(skep_store_close(store));
}

TEST(of_many_who_put_first_one_makes_the_ring)
{
    enum { THREADS = 16 };
    race r = {.memory = memory_of(MEMORY_CAPS), .key = sealing_key(1)};
    harness_threads(THREADS, put_first, &r);
    ck_assert_uint_eq(count_of(r.memory), 1);
    for (int i = 0; i < THREADS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "k%d", i);
        reads(r.memory, r.key, name, name);
    }
    race_end(&r);
}

/* One handle, many threads, a passphrase: it is stretched once. */
static void put_same(size_t index, void *ctx)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "k%zu", index % 7);
    for (int i = 0; i < 20; i++) {
        uint8_t into[16];
        size_t got = 0;
        sealing_put(ctx, name, name, strlen(name));
        assert_ok(sealing_try(ctx, name, NULL, into, sizeof(into) - 1, &got));
        ck_assert_uint_eq(got, 2);
        ck_assert(memcmp(into, name, 2) == 0);
    }
}

TEST(many_threads_share_a_sealed_store)
{
    skep_key *key = sealing_phrase("correct horse");
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    harness_threads(64, put_same, store);
    ck_assert_uint_eq(faulty_count(sealing_between(store), FAULTY_GET_OPEN),
                      64 * 20 + 2); /* the ring is looked for, and looked for again to be made */
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

TEST(a_store_without_create_gets_its_ring_by_hand)
{
    skep_key *key = sealing_key(1);
    skep_key *other = sealing_key(2);
    skep_store *memory = memory_of(0);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    assert_fails(skep_store_put(store, "k", skep_slice_str("v"), NULL, NULL), SKEP_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "skep key wrap"));
    skep_rewrap_opts opts = rewrap_of(NULL, key, NULL);
    ck_assert_int_eq(skep_keyring_wrap(memory, &opts), 1);
    sealing_put(store, "k", "v", 1);
    opts = rewrap_of(key, other, NULL);
    ck_assert_int_eq(skep_keyring_wrap(memory, &opts), 1);
    ck_assert_int_eq(skep_keyring_rotate(memory, &opts), 1);
    reads(memory, other, "k", "v");
    reads_not(memory, key, "k");
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
    skep_key_free(other);
}

/* ---- who opens it ---- */

TEST(a_ring_tells_who_opens_it_and_no_secret)
{
    char recipient[SKEP_RECIPIENT_TEXT_MAX + 1];
    skep_keyring *ring = NULL;
    skep_wrap wraps[3] = {SKEP_WRAP_INIT, SKEP_WRAP_INIT, SKEP_WRAP_INIT};
    skep_wrap none = SKEP_WRAP_INIT;
    skep_key *key = sealing_key(1);
    skep_key *phrase = sealing_phrase("correct horse");
    skep_key *far = sealing_key(2);
    skep_store *memory = memory_of(MEMORY_CAPS);
    assert_ok(skep_key_recipient(far, recipient, sizeof(recipient)));
    skep_rewrap_opts opts = rewrap_of(NULL, key, NULL);
    assert_ok(skep_keyring_wrap(memory, &opts));
    opts = rewrap_of(key, phrase, NULL);
    ck_assert_int_eq(skep_keyring_wrap(memory, &opts), 1);
    ck_assert_int_eq(skep_keyring_wrap(memory, &opts), 0); /* it is there */
    opts = rewrap_of(phrase, NULL, recipient);
    ck_assert_int_eq(skep_keyring_wrap(memory, &opts), 1);
    assert_ok(skep_keyring_read(memory, NULL, &ring));
    ck_assert_uint_eq(skep_keyring_count(ring), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(skep_keyring_get(ring, i, &wraps[i]));
        ck_assert_int_eq(wraps[i].kind, (int)i + 1);
        ck_assert_int_eq(wraps[i].use, SKEP_WRAP_DATA);
        ck_assert_mem_eq(wraps[i].id, wraps[0].id, sizeof(wraps[0].id));
        ck_assert_int_gt(wraps[i].created_us, 0);
        ck_assert_int_eq(assert_ok(skep_keyring_opens(ring, i, key)), i == 0);
        ck_assert_int_eq(assert_ok(skep_keyring_opens(ring, i, phrase)), i == 1);
        ck_assert_int_eq(assert_ok(skep_keyring_opens(ring, i, far)), i == 2);
    }
    ck_assert_uint_eq(strlen(wraps[0].by), 32);
    ck_assert_str_eq(wraps[1].by, "");
    ck_assert_str_eq(wraps[2].by, recipient);
    assert_fails(skep_keyring_get(ring, 3, &none), SKEP_ENOTFOUND);
    assert_fails(skep_keyring_opens(ring, 3, key), SKEP_ENOTFOUND);
    skep_keyring_free(ring);
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
    skep_key_free(phrase);
    skep_key_free(far);
}

TEST(after_a_rotation_the_new_key_reads_what_the_old_one_wrote)
{
    skep_key *old = sealing_key(1);
    skep_key *new = sealing_phrase("new");
    skep_key *wrong = sealing_key(3);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *open = sealing_open(memory, old, NULL, 0);
    skep_rewrap_opts opts = rewrap_of(old, new, NULL);
    assert_fails(skep_keyring_rotate(memory, &opts), SKEP_ENOTFOUND); /* no ring yet */
    sealing_put(open, "before", "1", 1);
    size_t len = 0;
    uint8_t *bytes = sealing_bytes(memory, "before", &len);
    opts.key = wrong;
    assert_fails(skep_keyring_rotate(memory, &opts), SKEP_EAUTH);
    assert_fails(skep_keyring_wrap(memory, &opts), SKEP_EAUTH);
    opts.key = old;
    ck_assert_int_eq(skep_keyring_rotate(memory, &opts), 1);
    ck_assert_int_eq(skep_keyring_rotate(memory, &opts), 0); /* done */
    sealing_assert(memory, "before", bytes, len);            /* no object is touched */
    free(bytes);
    reads(memory, new, "before", "1");
    reads_not(memory, old, "before");
    sealing_put(open, "after", "2", 1); /* who has it open goes on */
    sealing_assert(open, "before", "1", 1);
    reads(memory, new, "after", "2");
    assert_ok(skep_store_close(open));
    assert_ok(skep_store_close(memory));
    skep_key_free(old);
    skep_key_free(new);
    skep_key_free(wrong);
}

TEST(what_is_to_be_done_with_a_ring_must_make_sense)
{
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_rewrap_opts opts = rewrap_of(key, NULL, NULL);
    assert_fails(skep_keyring_wrap(memory, &opts), SKEP_EINVALID);
    opts.to = key;
    opts.recipient = "x25519:";
    assert_fails(skep_keyring_wrap(memory, &opts), SKEP_EINVALID);
    opts.to = NULL;
    assert_fails(skep_keyring_wrap(memory, &opts), SKEP_EINVALID);
    opts = rewrap_of(NULL, key, NULL);
    assert_fails(skep_keyring_rotate(memory, &opts), SKEP_EINVALID);
    assert_ok(skep_keyring_wrap(memory, &opts));
    assert_fails(skep_keyring_wrap(memory, &opts), SKEP_EAUTH); /* there is one now */
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

TEST(a_damaged_ring_is_named)
{
    skep_keyring *ring = NULL;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_rewrap_opts opts = rewrap_of(NULL, key, NULL);
    assert_ok(skep_keyring_wrap(memory, &opts));
    size_t len = 0;
    uint8_t *bytes = sealing_bytes(memory, RING, &len);
    bytes[40] ^= 1;
    sealing_put(memory, RING, bytes, len);
    assert_fails(skep_keyring_read(memory, NULL, &ring), SKEP_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, RING));
    skep_store *store = sealing_open(memory, key, NULL, 0);
    assert_fails(skep_store_put(store, "k", skep_slice_str("v"), NULL, NULL), SKEP_ECORRUPT);
    sealing_put(memory, RING, bytes, 20);
    assert_fails(skep_store_put(store, "k", skep_slice_str("v"), NULL, NULL), SKEP_ECORRUPT);
    sealing_put(memory, RING, bytes, 0);
    assert_fails(skep_keyring_read(memory, NULL, &ring), SKEP_ECORRUPT);
    bytes[40] ^= 1;
    bytes[8] = 2;
    sealing_put(memory, RING, bytes, len);
    assert_fails(skep_keyring_read(memory, NULL, &ring), SKEP_EVERSION);
    uint8_t *huge = calloc(1, 100000);
    sealing_put(memory, RING, huge, 100000);
    assert_fails(skep_keyring_read(memory, NULL, &ring), SKEP_ELIMIT);
    free(huge);
    free(bytes);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

/* ---- hosts that write what they cannot read ---- */

typedef struct far {
    skep_key *key;
    char recipient[SKEP_RECIPIENT_TEXT_MAX + 1];
    skep_store *memory;
    skep_store *writer;
} far;

static far far_of(void)
{
    far f = {.key = sealing_key(7), .memory = memory_of(MEMORY_CAPS)};
    assert_ok(skep_key_recipient(f.key, f.recipient, sizeof(f.recipient)));
    f.writer = sealing_open(f.memory, NULL, f.recipient, 0);
    return f;
}

static void far_end(far *f)
{
    assert_ok(skep_store_close(f->writer));
    assert_ok(skep_store_close(f->memory));
    skep_key_free(f->key);
}

TEST(who_knows_a_recipient_only_writes_and_does_not_read)
{
    uint8_t into[2];
    size_t got = 0;
    uint32_t caps = 0;
    skep_keyring *ring = NULL;
    skep_object info = SKEP_OBJECT_INIT;
    far f = far_of();
    skep_key *stranger = sealing_key(8);
    assert_ok(skep_store_put(f.writer, "k", skep_slice_str("v"), NULL, &info));
    ck_assert_uint_eq(info.bytes, 1);
    assert_fails(sealing_try(f.writer, "k", NULL, into, 1, &got), SKEP_EAUTH);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "for writing"));
    assert_fails(skep_store_head(f.writer, "k", NULL, &info), SKEP_EAUTH);
    assert_ok(skep_store_caps(f.writer, NULL, &caps));
    ck_assert_uint_eq(caps, SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP);
    assert_fails(skep_keyring_read(f.memory, NULL, &ring), SKEP_ENOTFOUND);
    reads(f.memory, f.key, "k", "v"); /* without a ring */
    reads_not(f.memory, stranger, "k");
    skep_key_free(stranger);
    far_end(&f);
}

TEST(what_was_sealed_for_a_recipient_opens_before_and_after_there_is_a_ring_and_is_rotated)
{
    far f = far_of();
    skep_key *next = sealing_phrase("next");
    skep_store *reader = sealing_open(f.memory, f.key, NULL, 0);
    sealing_put(f.writer, "a", "1", 1);
    sealing_assert(reader, "a", "1", 1);
    sealing_put(reader, "b", "2", 1); /* makes the ring */
    sealing_put(f.writer, "c", "3", 1);
    sealing_assert(reader, "c", "3", 1);
    skep_rewrap_opts opts = rewrap_of(f.key, next, NULL);
    ck_assert_int_eq(skep_keyring_rotate(f.memory, &opts), 1);
    sealing_put(f.writer, "d", "4", 1); /* nobody has told the host */
    reads(f.memory, next, "a", "1");
    reads(f.memory, next, "b", "2");
    reads(f.memory, next, "c", "3");
    reads(f.memory, next, "d", "4");
    assert_ok(skep_store_close(reader));
    skep_key_free(next);
    far_end(&f);
}

TEST(a_key_and_recipients_seal_for_both)
{
    far f = far_of();
    skep_key *own = sealing_key(9);
    skep_store *store = sealing_open(f.memory, own, f.recipient, 0);
    sealing_put(store, "k", "v", 1);
    sealing_assert(store, "k", "v", 1);
    reads(f.memory, own, "k", "v");
    reads(f.memory, f.key, "k", "v");
    assert_ok(skep_store_close(store));
    skep_key_free(own);
    far_end(&f);
}

/* ---- two at a time ---- */

static void add_own(size_t index, void *ctx)
{
    const race *r = ctx;
    skep_key *own = sealing_key((uint8_t)(100 + index));
    skep_store *lent = faulty_store_lend(r->memory);
    skep_rewrap_opts opts = rewrap_of(r->key, own, NULL);
    ck_assert_int_eq(skep_keyring_wrap(lent, &opts), 1);
    assert_ok(skep_store_close(lent));
    skep_key_free(own);
}

TEST(no_change_of_a_ring_is_lost_where_many_change_it)
{
    enum { THREADS = 16 };
    race r = {.memory = memory_of(MEMORY_CAPS), .key = sealing_key(1)};
    skep_store *store = sealing_open(r.memory, r.key, NULL, 0);
    sealing_put(store, "k", "v", 1);
    harness_threads(THREADS, add_own, &r);
    ck_assert_uint_eq(count_of(r.memory), 1 + THREADS);
    for (int i = 0; i < THREADS; i++) {
        skep_key *own = sealing_key((uint8_t)(100 + i));
        reads(r.memory, own, "k", "v");
        skep_key_free(own);
    }
    assert_ok(skep_store_close(store));
    race_end(&r);
}

/* Each wants another key; one gets what it wants, the others are told; the data key stays. */
static atomic_int rotated;
static void rotate_to_own(size_t index, void *ctx)
{
    const race *r = ctx;
    skep_key *own = sealing_key((uint8_t)(100 + index));
    skep_store *lent = faulty_store_lend(r->memory);
    skep_rewrap_opts opts = rewrap_of(r->key, own, NULL);
    int rc = skep_keyring_rotate(lent, &opts);
    if (rc >= 0) {
        ck_assert_int_eq(rc, 1);
        (void)atomic_fetch_add(&rotated, 1);
        reads(r->memory, own, "k", "v");
    } else {
        ck_assert_int_eq(rc, SKEP_EAUTH);
    }
    assert_ok(skep_store_close(lent));
    skep_key_free(own);
}

TEST(of_many_rotations_one_wins_and_no_data_key_is_lost)
{
    race r = {.memory = memory_of(MEMORY_CAPS), .key = sealing_key(1)};
    skep_store *store = sealing_open(r.memory, r.key, NULL, 0);
    sealing_put(store, "k", "v", 1);
    harness_threads(16, rotate_to_own, &r);
    ck_assert_int_eq(atomic_load(&rotated), 1);
    ck_assert_uint_eq(opened_by(r.memory, r.key), 0);
    sealing_assert(store, "k", "v", 1);
    assert_ok(skep_store_close(store));
    race_end(&r);
}

/* The same rotation by many: it is done once, and well for all. */
static void rotate_to_same(size_t index, void *ctx)
{
    (void)index;
    const race *r = ctx;
    skep_store *lent = faulty_store_lend(r->memory);
    skep_rewrap_opts opts = rewrap_of(r->key, r->to, NULL);
    assert_ok(skep_keyring_rotate(lent, &opts));
    assert_ok(skep_store_close(lent));
}

TEST(the_same_rotation_by_many_is_done_once)
{
    race r = {.memory = memory_of(MEMORY_CAPS), .key = sealing_key(1), .to = sealing_key(2)};
    skep_store *store = sealing_open(r.memory, r.key, NULL, 0);
    sealing_put(store, "k", "v", 1);
    harness_threads(16, rotate_to_same, &r);
    ck_assert_uint_eq(count_of(r.memory), 2); /* the data key, and the identity of the old one */
    reads(r.memory, r.to, "k", "v");
    assert_ok(skep_store_close(store));
    race_end(&r);
}

static void touch(void *ctx)
{
    size_t len = 0;
    uint8_t *bytes = sealing_bytes(ctx, RING, &len);
    sealing_put(ctx, RING, bytes, len); /* another ETag */
    free(bytes);
}

TEST(a_ring_that_changes_all_the_time_is_given_up)
{
    skep_key *key = sealing_key(1);
    skep_key *other = sealing_key(2);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *lent = faulty_store_lend(memory);
    const faulty_step step = {
        .call = FAULTY_PUT_BEGIN, .what = FAULTY_PASS, .run = touch, .ctx = memory};
    skep_rewrap_opts opts = rewrap_of(NULL, key, NULL);
    assert_ok(skep_keyring_wrap(lent, &opts));
    opts = rewrap_of(key, other, NULL);
    faulty_add(lent, &step);
    assert_fails(skep_keyring_rotate(lent, &opts), SKEP_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "256 times"));
    faulty_clear(lent);
    ck_assert_int_eq(skep_keyring_rotate(lent, &opts), 1);
    assert_ok(skep_store_close(lent));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
    skep_key_free(other);
}

/* ---- copies of what is sealed, as it is ---- */

TEST(a_store_that_is_copied_as_it_is_opens_with_the_same_keys)
{
    skep_key *key = sealing_key(1);
    skep_key *next = sealing_key(2);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *copy = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    skep_sync_opts opts = SKEP_SYNC_OPTS_INIT;
    sealing_put(store, "k", "v", 1);
    opts.dry_run = 1;
    assert_ok(skep_store_sync(memory, copy, &opts, NULL));
    opts.dry_run = 0;
    skep_keyring *ring = NULL;
    assert_fails(skep_keyring_read(copy, NULL, &ring), SKEP_ENOTFOUND);
    assert_ok(skep_store_sync(memory, copy, &opts, NULL));
    reads(copy, key, "k", "v");
    skep_object first = SKEP_OBJECT_INIT;
    skep_object again = SKEP_OBJECT_INIT;
    assert_ok(skep_store_head(copy, RING, NULL, &first));
    assert_ok(skep_store_sync(memory, copy, &opts, NULL));
    assert_ok(skep_store_head(copy, RING, NULL, &again));
    ck_assert_str_eq(first.etag, again.etag); /* it is not put again */
    skep_rewrap_opts change = rewrap_of(key, next, NULL);
    assert_ok(skep_keyring_rotate(memory, &change));
    assert_ok(skep_store_sync(memory, copy, &opts, NULL));
    reads(copy, next, "k", "v");
    reads_not(copy, key, "k");
    /* Into one that has a ring of its own nothing is copied that would not open there. */
    skep_store *other = memory_of(MEMORY_CAPS);
    skep_store *sealed = sealing_open(other, key, NULL, 0);
    sealing_put(sealed, "l", "w", 1);
    assert_fails(skep_store_sync(memory, other, &opts, NULL), SKEP_EEXISTS);
    assert_fails(skep_store_head(other, "k", NULL, &(skep_object)SKEP_OBJECT_INIT), SKEP_ENOTFOUND);
    /* From sealed to sealed each keeps its own. */
    assert_ok(skep_store_sync(store, sealed, &opts, NULL));
    reads(other, key, "k", "v");
    reads(other, key, "l", "w");
    assert_ok(skep_store_close(sealed));
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(other));
    assert_ok(skep_store_close(copy));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
    skep_key_free(next);
}

/* ---- answers that are lost, and failures at each step ---- */

TEST(a_ring_that_was_put_though_the_answer_was_lost_is_taken_as_it_is)
{
    skep_key *key = sealing_key(1);
    skep_key *other = sealing_key(2);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *lent = faulty_store_lend(memory);
    const faulty_step lost = {.call = FAULTY_PUT_COMMIT, .what = FAULTY_AFTER, .nth = 1};
    const faulty_step failed = {.call = FAULTY_PUT_COMMIT, .what = FAULTY_BEFORE, .nth = 1};
    skep_rewrap_opts opts = rewrap_of(NULL, key, NULL);
    faulty_add(lent, &failed);
    assert_fails(skep_keyring_wrap(lent, &opts), SKEP_ENET);
    faulty_clear(lent);
    faulty_add(lent, &lost);
    ck_assert_int_eq(skep_keyring_wrap(lent, &opts), 1);
    opts = rewrap_of(key, other, NULL);
    faulty_clear(lent);
    faulty_add(lent, &lost);
    ck_assert_int_eq(skep_keyring_rotate(lent, &opts), 1);
    ck_assert_uint_eq(opened_by(memory, other), 2);
    ck_assert_uint_eq(opened_by(memory, key), 0);
    assert_ok(skep_store_close(lent));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
    skep_key_free(other);
}

/* Any call below may fail, by chance and with its answer lost: what was reported as done is there
 * in the end, and the ring opens whatever happened. */
TEST(over_a_store_that_fails_by_chance_nothing_that_was_reported_is_lost)
{
    enum { ROUNDS = 400 };
    int kept = 0;
    skep_key *key = sealing_key(1);
    skep_store *memory = memory_of(MEMORY_CAPS);
    skep_store *store = sealing_open(memory, key, NULL, 0);
    faulty_odds(sealing_between(store), harness_seed(), 5);
    for (int i = 0; i < ROUNDS; i++) {
        char name[16];
        uint8_t into[17];
        size_t got = 0;
        (void)snprintf(name, sizeof(name), "k%d", i);
        if (skep_store_put(store, name, skep_slice_str(name), NULL, NULL) < 0)
            continue;
        kept++;
        int rc = sealing_try(store, name, NULL, into, 16, &got);
        ck_assert_msg(rc >= 0 || rc == SKEP_ENET, "%d %s", rc, skep_last_error()->text);
        reads(memory, key, name, name);
    }
    ck_assert_int_gt(kept, ROUNDS / 4);
    ck_assert_int_lt(kept, ROUNDS);
    assert_ok(skep_store_close(store));
    assert_ok(skep_store_close(memory));
    skep_key_free(key);
}

typedef struct work {
    skep_store *memory;
    skep_key *key;
    skep_key *other;
    uint8_t content[100000];
} work;

static int whole_work(skep_store *lent, work *w)
{
    static uint8_t into[100001];
    size_t got = 0;
    skep_store *store = NULL;
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    opts.key = w->key;
    int rc = skep_store_sealed(lent, &opts, &store);
    if (rc < 0) {
        (void)skep_store_close(lent);
        return rc;
    }
    rc = skep_store_put(store, "k", skep_slice_of(w->content, sizeof(w->content)), NULL, NULL);
    if (rc >= 0)
        rc = sealing_try(store, "k", NULL, into, sizeof(w->content), &got);
    if (rc >= 0)
        ck_assert(got == sizeof(w->content) && memcmp(into, w->content, got) == 0);
    skep_rewrap_opts to = rewrap_of(w->key, w->other, NULL);
    skep_rewrap_opts back = rewrap_of(w->other, w->key, NULL);
    if (rc >= 0)
        rc = skep_keyring_wrap(lent, &to);
    if (rc >= 0)
        rc = skep_keyring_rotate(lent, &back);
    (void)skep_store_close(store);
    return rc;
}

static int work_run(void *ctx)
{
    work *w = ctx;
    alloc_benign_begin();
    skep_store *lent = NULL;
    assert_ok(memory_store_open(MEMORY_CAPS, &lent));
    alloc_benign_end();
    return whole_work(lent, w);
}

TEST(no_memory_for_a_sealed_store_is_told_at_each_step)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    static work w;
    alloc_install();
    w.key = sealing_key(1);
    w.other = sealing_key(2);
    sweep s = {.run = work_run, .ctx = &w, .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
    skep_key_free(w.key);
    skep_key_free(w.other);
}

static const harness_test tests[] = {
    HARNESS_TEST(the_first_put_makes_the_ring_and_nothing_else_does),
    HARNESS_TEST(of_many_who_put_first_one_makes_the_ring),
    HARNESS_TEST(many_threads_share_a_sealed_store),
    HARNESS_TEST(a_store_without_create_gets_its_ring_by_hand),
    HARNESS_TEST(a_ring_tells_who_opens_it_and_no_secret),
    HARNESS_TEST(after_a_rotation_the_new_key_reads_what_the_old_one_wrote),
    HARNESS_TEST(what_is_to_be_done_with_a_ring_must_make_sense),
    HARNESS_TEST(a_damaged_ring_is_named),
    HARNESS_TEST(who_knows_a_recipient_only_writes_and_does_not_read),
    HARNESS_TEST(
        what_was_sealed_for_a_recipient_opens_before_and_after_there_is_a_ring_and_is_rotated),
    HARNESS_TEST(a_key_and_recipients_seal_for_both),
    HARNESS_TEST(no_change_of_a_ring_is_lost_where_many_change_it),
    HARNESS_TEST(of_many_rotations_one_wins_and_no_data_key_is_lost),
    HARNESS_TEST(the_same_rotation_by_many_is_done_once),
    HARNESS_TEST(a_ring_that_changes_all_the_time_is_given_up),
    HARNESS_TEST(a_store_that_is_copied_as_it_is_opens_with_the_same_keys),
    HARNESS_TEST(a_ring_that_was_put_though_the_answer_was_lost_is_taken_as_it_is),
    HARNESS_TEST(over_a_store_that_fails_by_chance_nothing_that_was_reported_is_lost),
    HARNESS_TEST(no_memory_for_a_sealed_store_is_told_at_each_step),
};
const harness_suite ring_suite = HARNESS_SUITE("ring", tests);
