/* SPDX-License-Identifier: MIT */
/* What must hold whatever the store below does to sealed objects. */
#include "suites.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "crypto/keyring_private.h"
#include "crypto/sealed.h"
#include "store/memory.h"
#include "store/sealing.h"
#include "store/store.h"

enum { SALT = 64, SALT_BYTES = 32 }; /* in the head of an object: docs/format/sealed.md */

/* A store in memory with one sealed store over it. */
typedef struct world {
    skep_store *memory;
    skep_store *store;
    skep_key *key;
} world;

static world world_of(uint8_t key, uint32_t padded)
{
    world w = {.key = sealing_key(key)};
    assert_ok(memory_store_open(MEMORY_CAPS, &w.memory));
    w.store = sealing_open(w.memory, w.key, NULL, padded);
    return w;
}

static void world_end(world *w)
{
    assert_ok(skep_store_close(w->store));
    assert_ok(skep_store_close(w->memory));
    skep_key_free(w->key);
}

static void move(skep_store *from, const char *key, skep_store *to, const char *as)
{
    size_t len = 0;
    uint8_t *bytes = sealing_bytes(from, key, &len);
    sealing_put(to, as, bytes, len);
    free(bytes);
}

static void assert_told(skep_store *store, const char *key, int code, const char *word)
{
    static uint8_t into[100001];
    size_t got = 0;
    assert_fails(sealing_try(store, key, NULL, into, 100000, &got), code);
    ck_assert_msg(strstr(skep_last_error()->text, word) != NULL, "%s", skep_last_error()->text);
    ck_assert_msg(strstr(skep_last_error()->text, key) != NULL, "%s", skep_last_error()->text);
    assert_fails(skep_store_head(store, key, NULL, &(skep_object)SKEP_OBJECT_INIT), code);
}

TEST(F01_what_is_not_the_object_that_was_put_is_named)
{
    world w = world_of(1, 0);
    world other = world_of(1, 0); /* the same secret, another store */
    world stranger = world_of(2, 0);
    sealing_put(w.store, "a", "content of a", 12);
    sealing_put(w.store, "b", "content of b", 12);
    sealing_put(other.store, "a", "content of a", 12);
    sealing_put(stranger.store, "a", "content of a", 12);
    move(w.memory, "a", w.memory, "c");
    assert_told(w.store, "c", SKEP_ECORRUPT, "sealed as a, found as c: renamed or swapped");
    move(w.memory, "b", w.memory, "a");
    assert_told(w.store, "a", SKEP_ECORRUPT, "sealed as b, found as a: renamed or swapped");
    move(other.memory, "a", w.memory, "a");
    assert_told(w.store, "a", SKEP_ECORRUPT, "another lineage");
    sealing_put(w.memory, "a", "", 0);
    assert_told(w.store, "a", SKEP_ECORRUPT, "not sealed");
    sealing_put(w.memory, "a", "content of a", 12);
    assert_told(w.store, "a", SKEP_ECORRUPT, "not sealed");
    world_end(&w);
    world_end(&other);
    world_end(&stranger);
}

TEST(F01_a_branch_carries_the_name_of_what_it_is_a_branch_of)
{
    char longer[128];
    char hash[SKEP__HASH_TEXT];
    uint8_t bytes[SKEP_STORE_HASH_BYTES];
    world w = world_of(1, 0);
    sealing_put(w.store, "dir/a", "content of a", 12);
    move(w.memory, "dir/a", w.memory, "branches/dir/a/20261121T102718.123456Z-00ff");
    sealing_assert(w.store, "branches/dir/a/20261121T102718.123456Z-00ff", "content of a", 12);
    skep__hash128_plain("dir/a", 5, bytes);
    skep__hash_text(bytes, hash);
    (void)snprintf(longer, sizeof(longer), "branches/.long/%s/20261121T102718.123456Z-00ff", hash);
    move(w.memory, "dir/a", w.memory, longer);
    sealing_assert(w.store, longer, "content of a", 12);
    /* Nor is any other name one. */
    static const char *const others[] = {
        "branches/a/x",   "branches/dir/b/x",
        "branches/dir/a", "branches/dir/a/x/y",
        "branch/dir/a/x", "branches/.long/00112233445566778899aabbccddeeff/x"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        move(w.memory, "dir/a", w.memory, others[i]);
        assert_told(w.store, others[i], SKEP_ECORRUPT, "renamed or swapped");
    }
    /* One that was sealed under the name of a branch is what it says. */
    sealing_put(w.store, "branches/dir/a/x", "other", 5);
    sealing_assert(w.store, "branches/dir/a/x", "other", 5);
    world_end(&w);
}

TEST(F01_a_wrong_key_is_named_and_neither_reads_nor_writes)
{
    world w = world_of(1, 0);
    skep_key *wrong = sealing_key(2);
    skep_key *phrase = sealing_phrase("wrong");
    const skep_key *const keys[] = {wrong, phrase};
    sealing_put(w.store, "a", "content of a", 12);
    for (size_t i = 0; i < 2; i++) {
        skep_store *store = sealing_open(w.memory, keys[i], NULL, 0);
        assert_told(store, "a", SKEP_EAUTH, ".skep/keys");
        assert_fails(skep_store_put(store, "b", skep_slice_str("b"), NULL, NULL), SKEP_EAUTH);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, ".skep/keys"));
        assert_fails(skep_store_head(w.memory, "b", NULL, &(skep_object)SKEP_OBJECT_INIT),
                     SKEP_ENOTFOUND);
        assert_ok(skep_store_close(store));
    }
    sealing_assert(w.store, "a", "content of a", 12);
    skep_key_free(wrong);
    skep_key_free(phrase);
    world_end(&w);
}

/* What is not to be seen in an object by itself: an older one, put back, is one that was put. */
TEST(F01_an_older_object_put_back_is_read_as_it_was_and_its_etag_tells)
{
    skep_object info = SKEP_OBJECT_INIT;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    uint8_t into[4];
    size_t got = 0;
    world w = world_of(1, 0);
    sealing_put(w.store, "a", "old", 3);
    size_t len = 0;
    uint8_t *old = sealing_bytes(w.memory, "a", &len);
    assert_ok(skep_store_put(w.store, "a", skep_slice_str("new"), NULL, &info));
    sealing_put(w.memory, "a", old, len);
    sealing_assert(w.store, "a", "old", 3);
    opts.if_etag = info.etag; /* who remembers that is not deceived */
    assert_fails(sealing_try(w.store, "a", &opts, into, 3, &got), SKEP_ECONFLICT);
    free(old);
    world_end(&w);
}

/* ---- A29: each region, each length ---- */

/* Whatever way it is read, what comes is the content or a failure, never anything else. */
static void read_all_ways(skep_store *store, const uint8_t *content, size_t len, bool must_fail)
{
    static uint8_t into[400001];
    static const uint64_t parts[][2] = {{0, 0}, {0, 10}, {10, 100}, {65536, 10}, {70000, 0}};
    bool failed = false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        skep_get_opts opts = SKEP_GET_OPTS_INIT;
        size_t got = 0;
        opts.offset = parts[i][0] < len ? parts[i][0] : len;
        opts.bytes = parts[i][1];
        int rc = sealing_try(store, "k", &opts, into, sizeof(into) - 1, &got);
        size_t whole = len - (size_t)opts.offset;
        whole = opts.bytes != 0 && opts.bytes < whole ? (size_t)opts.bytes : whole;
        ck_assert_msg(rc >= 0 || rc == SKEP_ECORRUPT || rc == SKEP_EAUTH || rc == SKEP_EVERSION,
                      "part %zu: %d, %s", i, rc, skep_last_error()->text);
        ck_assert(rc < 0 || got == whole);
        /* Before a failure a few bytes of the trailer may come where the length was a lie. */
        ck_assert(got <= whole + SKEP__TRAILER_BYTES);
        ck_assert(memcmp(into, content + opts.offset, got < whole ? got : whole) == 0);
        failed = failed || rc < 0;
    }
    ck_assert(failed || !must_fail);
}

/* Of the ways in which an object can be made. */
typedef struct form {
    uint32_t padded;
    size_t len;
    bool pieces; /* its length is told at its end */
} form;
static const form forms[] = {{0, 10, false},     {1, 10, false},    {0, 150000, false},
                             {1, 150000, false}, {0, 150000, true}, {1, 150000, true},
                             {0, 131060, true},  {0, 0, false}};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

static uint8_t *make(const world *w, const form *f)
{
    skep_put *put = NULL;
    uint8_t *content = sealing_content(f->len, f->len);
    assert_ok(skep_put_begin(w->store, "k", NULL, &put));
    if (!f->pieces) {
        skep_put_abort(put);
        sealing_put(w->store, "k", content, f->len);
        return content;
    }
    assert_ok(skep_put_write(put, content, f->len));
    assert_ok(skep_put_commit(put, NULL));
    return content;
}

TEST(A29_a_flipped_bit_in_any_region_of_a_sealed_object_is_detected)
{
    for (size_t i = 0; i < FORMS; i++) {
        world w = world_of(1, forms[i].padded);
        uint8_t *content = make(&w, &forms[i]);
        size_t len = 0;
        uint8_t *bytes = sealing_bytes(w.memory, "k", &len);
        rng r = rng_of(harness_seed() + i);
        /* All of the head and of the end, some of each chunk between them. */
        for (size_t at = 0; at < len; at += at < 200 || len - at < 80 ? 1 : 9973) {
            uint8_t bit = (uint8_t)(1u << rng_below(&r, 8));
            bytes[at] ^= bit;
            sealing_put(w.memory, "k", bytes, len);
            read_all_ways(w.store, content, forms[i].len, true);
            bytes[at] ^= bit;
        }
        sealing_put(w.memory, "k", bytes, len);
        read_all_ways(w.store, content, forms[i].len, false);
        sealing_assert(w.store, "k", content, forms[i].len);
        free(bytes);
        free(content);
        world_end(&w);
    }
}

TEST(A29_a_sealed_object_that_was_cut_anywhere_is_detected)
{
    for (size_t i = 0; i < FORMS; i++) {
        world w = world_of(1, forms[i].padded);
        uint8_t *content = make(&w, &forms[i]);
        size_t len = 0;
        uint8_t *bytes = sealing_bytes(w.memory, "k", &len);
        const size_t head = 96 + 1 + 40; /* docs/format/sealed.md: no recipients, a name of 1 */
        for (size_t cut = 0; cut < len; cut += cut < 200 || len - cut < 80 ? 1 : 9973) {
            sealing_put(w.memory, "k", bytes, cut);
            read_all_ways(w.store, content, forms[i].len, true);
        }
        for (size_t at = head; at < len; at += SKEP__SEALED_STRIDE) { /* exactly between chunks */
            sealing_put(w.memory, "k", bytes, at);
            read_all_ways(w.store, content, forms[i].len, true);
        }
        /* And one that grew. */
        uint8_t *longer = malloc(len + SKEP__SEALED_STRIDE);
        ck_assert_ptr_nonnull(longer);
        memcpy(longer, bytes, len);
        memset(longer + len, 0, SKEP__SEALED_STRIDE);
        sealing_put(w.memory, "k", longer, len + 1);
        read_all_ways(w.store, content, forms[i].len, true);
        sealing_put(w.memory, "k", longer, len + SKEP__SEALED_STRIDE);
        read_all_ways(w.store, content, forms[i].len, true);
        free(longer);
        free(bytes);
        free(content);
        world_end(&w);
    }
}

TEST(A29_chunks_that_changed_places_or_come_from_another_object_are_detected)
{
    enum { LEN = 250000 };
    const size_t head = 96 + 1 + 40;
    world w = world_of(1, 0);
    uint8_t *content = sealing_content(1, LEN);
    size_t len = 0;
    sealing_put(w.store, "k", content, LEN);
    uint8_t *first = sealing_bytes(w.memory, "k", &len);
    sealing_put(w.store, "k", content, LEN); /* the same name, content and data key */
    uint8_t *second = sealing_bytes(w.memory, "k", &len);
    memcpy(second + head, first + head, SKEP__SEALED_STRIDE);
    sealing_put(w.memory, "k", second, len);
    read_all_ways(w.store, content, LEN, true);
    memcpy(second, first, len);
    memcpy(second + head, first + head + SKEP__SEALED_STRIDE, SKEP__SEALED_STRIDE);
    memcpy(second + head + SKEP__SEALED_STRIDE, first + head, SKEP__SEALED_STRIDE);
    sealing_put(w.memory, "k", second, len);
    read_all_ways(w.store, content, LEN, true);
    free(first);
    free(second);
    free(content);
    world_end(&w);
}

/* ---- F07 ---- */

static void assert_hidden(const uint8_t *bytes, size_t len, const void *what, size_t what_len)
{
    ck_assert_ptr_null(memmem(bytes, len, what, what_len));
}

TEST(F07_nothing_of_content_key_or_hash_stands_in_what_is_stored)
{
    static const char canary[] = "canary: the quick brown fox jumps over the lazy dog";
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    uint8_t plain[SKEP_KEY_BYTES];
    skep_object info = SKEP_OBJECT_INIT;
    world w = world_of(0x5a, 0);
    skep__hash128_plain(canary, sizeof(canary), hash); /* what anybody could compute and compare */
    memset(plain, 0x5a, sizeof(plain));
    assert_ok(skep_store_put(w.store, "k", skep_slice_of(canary, sizeof(canary)), NULL, &info));
    skep__store_allow_own(w.memory);
    static const char *const keys[] = {"k", ".skep/keys"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = 0;
        skep_object below = SKEP_OBJECT_INIT;
        uint8_t *bytes = sealing_bytes(w.memory, keys[i], &len);
        assert_hidden(bytes, len, canary, 12);
        assert_hidden(bytes, len, hash, sizeof(hash));
        assert_hidden(bytes, len, info.hash, sizeof(info.hash));
        assert_hidden(bytes, len, plain, 16);
        assert_ok(skep_store_head(w.memory, keys[i], NULL, &below));
        ck_assert_mem_ne(below.hash, hash, sizeof(hash));
        ck_assert_mem_ne(below.hash, info.hash, sizeof(hash));
        free(bytes);
    }
    ck_assert_mem_ne(info.hash, hash, sizeof(hash));
    world_end(&w);
}

/* ---- F07: what a core dump of the host has ---- */

/* The same in parent and child. */
static void make_secret(uint8_t out[SKEP_KEY_BYTES])
{
    rng r = rng_of(harness_seed());
    rng_fill(&r, out, SKEP_KEY_BYTES);
}

static skep_store *open_folder(void)
{
    char uri[4200];
    skep_store *store = NULL;
    (void)snprintf(uri, sizeof(uri), "file:%s", harness_path("store"));
    assert_ok(skep_store_open(uri, NULL, &store));
    return store;
}

/* Put and get with a key, and die with the store open. */
static _Noreturn void die_with_a_core(void)
{
    const struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    uint8_t secret[SKEP_KEY_BYTES];
    skep_key *key = NULL;
    skep_store *store = NULL;
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    uint8_t *content = sealing_content(harness_seed() + 1, 100000);
    if (chdir(harness_dir()) != 0 || setrlimit(RLIMIT_CORE, &most) != 0)
        _exit(1);
    make_secret(secret);
    assert_ok(skep_key_raw(secret, sizeof(secret), &key));
    explicit_bzero(secret, sizeof(secret));
    opts.key = key;
    assert_ok(skep_store_sealed(open_folder(), &opts, &store));
    sealing_put(store, "k", content, 100000);
    sealing_assert(store, "k", content, 100000);
    (void)kill(getpid(), SIGQUIT); /* its default action, which nobody here has changed */
    _exit(2);
}

/* Does any core hold these bytes? -1: there is none. */
static int in_core(const void *bytes, size_t len)
{
    int found = -1;
    DIR *files = opendir(harness_dir());
    ck_assert_ptr_nonnull(files);
    for (const struct dirent *entry; (entry = readdir(files)) != NULL;) {
        size_t size = 0;
        if (strncmp(entry->d_name, "core", 4) != 0)
            continue;
        const void *data = harness_read_file(harness_path(entry->d_name), &size);
        found = found > 0 || memmem(data, size, bytes, len) != NULL;
    }
    (void)closedir(files);
    return found;
}

TEST(F07_the_core_of_a_host_with_a_sealed_store_holds_no_key)
{
    int status = 0;
    size_t len = 0;
    uint8_t secret[SKEP_KEY_BYTES];
    uint8_t own[SKEP__SECRET_BYTES];
    skep_key *key = NULL;
    skep__data_key *data_key = NULL;
    static skep__keyring ring;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        die_with_a_core();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    uint8_t *content = sealing_content(harness_seed() + 1, 100000);
    int there = WIFSIGNALED(status) && WCOREDUMP(status) ? in_core(content, 64) : -1;
    if (there < 0)
        harness_skip_test(SKIP_TOOL, "a core dump in the working directory (core_pattern)");
    ck_assert_int_eq(there, 1); /* its own, which is no secret of skep's */
    skep_store *folder = open_folder();
    skep__store_allow_own(folder);
    make_secret(secret);
    assert_ok(skep_key_raw(secret, sizeof(secret), &key));
    uint8_t *bytes = sealing_bytes(folder, ".skep/keys", &len);
    assert_ok(skep__keyring_decode(skep_slice_of(bytes, len), &ring));
    assert_ok(skep__keyring_open(&ring, key, NULL, &data_key));
    free(bytes);
    bytes = sealing_bytes(folder, "k", &len);
    skep__derive(data_key->bytes, "skep object", skep_slice_of(bytes + SALT, SALT_BYTES), own,
                 sizeof(own));
    ck_assert_int_eq(in_core(secret, sizeof(secret)), 0);
    ck_assert_int_eq(in_core(data_key->bytes, sizeof(data_key->bytes)), 0);
    ck_assert_int_eq(in_core(data_key->hash_secret, 32), 0);
    ck_assert_int_eq(in_core(own, sizeof(own)), 0); /* of the object, which was closed */
    free(bytes);
    free(content);
    assert_ok(skep_store_close(folder));
    skep__data_key_free(data_key);
    skep_key_free(key);
}

TEST(F07_lengths_are_hidden_where_that_was_asked_for)
{
    uint64_t distinct = 0;
    uint64_t before = 0;
    world w = world_of(1, 1);
    uint8_t *content = sealing_content(1, 100000);
    for (size_t len = 66000; len < 70000; len += 111) {
        skep_object info = SKEP_OBJECT_INIT;
        sealing_put(w.store, "k", content, len);
        assert_ok(skep_store_head(w.memory, "k", NULL, &info));
        distinct += info.bytes != before;
        before = info.bytes;
    }
    ck_assert_uint_le(distinct, 3);
    free(content);
    world_end(&w);
}

/* ---- F08: no nonce twice, as no two objects have the same salt, and so none the same key ---- */

static int compare_salts(const void *a, const void *b)
{
    return memcmp(a, b, SALT_BYTES);
}

static void take_salt(skep_store *memory, const char *key, uint8_t out[SALT_BYTES])
{
    size_t len = 0;
    uint8_t *bytes = sealing_bytes(memory, key, &len);
    memcpy(out, bytes + SALT, SALT_BYTES);
    free(bytes);
}

TEST(F08_of_many_objects_no_two_are_sealed_with_the_same_key)
{
    enum { OBJECTS = 4000 };
    static uint8_t salts[OBJECTS][SALT_BYTES];
    world w = world_of(1, 0);
    for (size_t i = 0; i < OBJECTS; i++) {
        sealing_put(w.store, "k", "the same", 8); /* the same name, content and data key */
        take_salt(w.memory, "k", salts[i]);
    }
    qsort(salts, OBJECTS, SALT_BYTES, compare_salts);
    for (size_t i = 1; i < OBJECTS; i++)
        ck_assert(memcmp(salts[i - 1], salts[i], SALT_BYTES) != 0);
    world_end(&w);
}

/* Two machines of one image begin with the same memory: as near as a test comes to that is a child
 * by fork(), with all of the generator's state. */
TEST(F08_a_clone_of_the_machine_goes_on_with_other_salts)
{
    uint8_t ours[SALT_BYTES];
    uint8_t theirs[SALT_BYTES];
    int pipes[2];
    int status = 0;
    world w = world_of(1, 0);
    sealing_put(w.store, "k", "v", 1); /* the generator is in use */
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    sealing_put(w.store, "k", "v", 1);
    take_salt(w.memory, "k", ours);
    if (child == 0)
        _exit(write(pipes[1], ours, sizeof(ours)) == sizeof(ours) ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(pipes[0], theirs, sizeof(theirs)), sizeof(theirs));
    ck_assert_mem_ne(ours, theirs, sizeof(ours));
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    world_end(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(F01_what_is_not_the_object_that_was_put_is_named),
    HARNESS_TEST(F01_a_branch_carries_the_name_of_what_it_is_a_branch_of),
    HARNESS_TEST(F01_a_wrong_key_is_named_and_neither_reads_nor_writes),
    HARNESS_TEST(F01_an_older_object_put_back_is_read_as_it_was_and_its_etag_tells),
    HARNESS_TEST(A29_a_flipped_bit_in_any_region_of_a_sealed_object_is_detected),
    HARNESS_TEST(A29_a_sealed_object_that_was_cut_anywhere_is_detected),
    HARNESS_TEST(A29_chunks_that_changed_places_or_come_from_another_object_are_detected),
    HARNESS_TEST(F07_nothing_of_content_key_or_hash_stands_in_what_is_stored),
    HARNESS_TEST(F07_the_core_of_a_host_with_a_sealed_store_holds_no_key),
    HARNESS_TEST(F07_lengths_are_hidden_where_that_was_asked_for),
    HARNESS_TEST(F08_of_many_objects_no_two_are_sealed_with_the_same_key),
    HARNESS_TEST(F08_a_clone_of_the_machine_goes_on_with_other_salts),
};
const harness_suite sealed_proofs_suite = HARNESS_SUITE("sealed_proofs", tests);
