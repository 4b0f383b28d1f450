/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "crypto/sealed.h"
#include "harness/alloc.h"

#define NAME "l0/0000000000000001.seg"

static const int kinds[] = {SKEP__AEAD_AES256GCM, SKEP__AEAD_XCHACHA20};

/* A data key that is always the same. */
static skep__data_key *key_of(uint8_t lineage)
{
    uint8_t bytes[SKEP__LINEAGE_BYTES];
    skep__data_key *key = NULL;
    memset(bytes, lineage, sizeof(bytes));
    assert_ok(skep__data_key_new(bytes, &key));
    return key;
}

static uint8_t *content_of(uint64_t len)
{
    uint8_t *bytes = malloc(len + 1);
    ck_assert_ptr_nonnull(bytes);
    for (uint64_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 9));
    return bytes;
}

static void hash_of(const skep__data_key *key, const uint8_t *content, uint64_t len,
                    uint8_t out[SKEP__CONTENT_HASH_BYTES])
{
    uint64_t at = 0;
    memset(out, 0, SKEP__CONTENT_HASH_BYTES);
    do {
        uint64_t left = len - at < SKEP__SEALED_CHUNK ? len - at : SKEP__SEALED_CHUNK;
        skep__content_hash_fold(key, content + at, left, out);
        at += left;
    } while (at < len);
}

typedef struct object {
    uint8_t *bytes;
    uint64_t len;
    uint64_t head;
    uint64_t plain;
} object;

/* The plain run of a content, as sealed.h has it. */
static uint8_t *plain_of(const skep__sealed_opts *opts, const uint8_t *content, uint64_t len,
                         uint64_t *out)
{
    bool unknown = opts->content_bytes == SKEP__CONTENT_UNKNOWN;
    *out = skep__sealed_plain_bytes(len, opts->padded, unknown);
    uint8_t *plain = calloc(1, *out + 1);
    ck_assert_ptr_nonnull(plain);
    memcpy(plain, content, len);
    if (unknown) {
        uint8_t hash[SKEP__CONTENT_HASH_BYTES];
        hash_of(opts->key, content, len, hash);
        skep__sealed_put_trailer(len, hash, plain + *out - SKEP__TRAILER_BYTES);
    }
    return plain;
}

static object seal(skep__sealed_opts opts, const uint8_t *content, uint64_t len)
{
    object o = {0};
    uint8_t hash[SKEP__CONTENT_HASH_BYTES];
    skep__buf head = SKEP__BUF_INIT(SKEP__SEALED_HEAD_MAX);
    skep__sealed *s = NULL;
    hash_of(opts.key, content, len, hash);
    opts.hash = hash;
    opts.name = opts.name.data != NULL ? opts.name : skep_slice_str(NAME);
    if (opts.content_bytes == 0)
        opts.content_bytes = len;
    assert_ok(skep__sealed_make(&opts, &head, &s));
    uint8_t *plain = plain_of(&opts, content, len, &o.plain);
    o.head = head.len;
    o.len = o.head + skep__sealed_body_bytes(o.plain);
    o.bytes = malloc(o.len);
    ck_assert_ptr_nonnull(o.bytes);
    memcpy(o.bytes, head.data, head.len);
    uint64_t chunks = skep__sealed_chunks(o.plain);
    for (uint64_t i = 0; i < chunks; i++) {
        bool last = i + 1 == chunks;
        uint64_t at = i * SKEP__SEALED_CHUNK;
        assert_ok(skep__sealed_seal(
            s, i, last, skep_slice_of(plain + at, last ? o.plain - at : SKEP__SEALED_CHUNK),
            o.bytes + o.head + i * SKEP__SEALED_STRIDE));
    }
    free(plain);
    skep__buf_dispose(&head);
    skep__sealed_free(s);
    return o;
}

/* All of it; the content comes out, owned. */
static int unseal(const object *o, const skep__data_key *key, const char *name, uint8_t **content,
                  uint64_t *len)
{
    SKEP__CLEANUP(skep__sealed_freep) skep__sealed *s = NULL;
    skep__sealed_head head;
    uint64_t plain_bytes = 0;
    SKEP__TRY(skep__sealed_look(skep_slice_of(o->bytes, o->len), &head));
    SKEP__TRY(skep__sealed_open(skep_slice_of(o->bytes, o->len), key, skep_slice_str(name), &s));
    SKEP__TRY(skep__sealed_plain_of(o->len - head.bytes, &plain_bytes));
    uint8_t *plain = calloc(1, plain_bytes + SKEP__TRAILER_BYTES);
    ck_assert_ptr_nonnull(plain);
    uint64_t chunks = skep__sealed_chunks(plain_bytes);
    int rc = SKEP_OK;
    for (uint64_t i = 0; rc >= 0 && i < chunks; i++) {
        uint64_t at = head.bytes + i * SKEP__SEALED_STRIDE;
        bool last = i + 1 == chunks;
        rc = skep__sealed_unseal(
            s, i, last, skep_slice_of(o->bytes + at, last ? o->len - at : SKEP__SEALED_STRIDE),
            plain + i * SKEP__SEALED_CHUNK);
    }
    if (rc >= 0)
        rc = skep__sealed_end(
            s, plain_bytes,
            plain + (plain_bytes < SKEP__TRAILER_BYTES ? 0 : plain_bytes - SKEP__TRAILER_BYTES));
    if (rc < 0) {
        free(plain);
        return rc;
    }
    *len = skep__sealed_content_bytes(s);
    *content = plain;
    uint8_t hash[SKEP__CONTENT_HASH_BYTES];
    ck_assert_uint_le(*len, plain_bytes);
    hash_of(key, plain, *len, hash);
    ck_assert_mem_eq(hash, skep__sealed_content_hash(s), sizeof(hash));
    return SKEP_OK;
}

static void assert_refused(const object *o, const skep__data_key *key, const char *name, int code)
{
    uint8_t *content = NULL;
    uint64_t len = 0;
    assert_fails(unseal(o, key, name, &content, &len), code);
}

/* ---- what goes in comes out ---- */

static void round_trip(const skep__data_key *key, const skep__sealed_opts *opts, uint64_t len)
{
    uint8_t *content = content_of(len);
    uint8_t *got = NULL;
    uint64_t got_len = 0;
    object o = seal(*opts, content, len);
    assert_ok(unseal(&o, key, NAME, &got, &got_len));
    ck_assert_uint_eq(got_len, len);
    ck_assert_mem_eq(got, content, len);
    if (len >= 16)
        ck_assert_ptr_null(memmem(o.bytes, o.len, content, 16));
    free(got);
    free(content);
    free(o.bytes);
}

TEST(a_content_of_any_length_comes_back)
{
    static const uint64_t lens[] = {0,
                                    1,
                                    23,
                                    24,
                                    25,
                                    1000,
                                    SKEP__SEALED_CHUNK - 25,
                                    SKEP__SEALED_CHUNK - 24,
                                    SKEP__SEALED_CHUNK - 23,
                                    SKEP__SEALED_CHUNK - 1,
                                    SKEP__SEALED_CHUNK,
                                    SKEP__SEALED_CHUNK + 1,
                                    3 * SKEP__SEALED_CHUNK,
                                    3 * SKEP__SEALED_CHUNK + 17};
    skep__data_key *key = key_of(1);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        for (size_t way = 0; way < 8; way++) {
            skep__sealed_opts opts = {.key = key,
                                      .kind = kinds[way & 1],
                                      .padded = (way & 2) != 0,
                                      .content_bytes =
                                          (way & 4) != 0 ? SKEP__CONTENT_UNKNOWN : lens[i]};
            round_trip(key, &opts, lens[i]);
        }
    skep__data_key_free(key);
}

TEST(chunks_open_alone_and_in_any_order)
{
    skep__data_key *key = key_of(1);
    uint8_t *content = content_of(5 * SKEP__SEALED_CHUNK);
    object o = seal((skep__sealed_opts){.key = key}, content, 5 * SKEP__SEALED_CHUNK);
    static const uint64_t order[] = {3, 0, 4, 1, 3};
    static uint8_t out[SKEP__SEALED_CHUNK];
    skep__sealed *s = NULL;
    assert_ok(skep__sealed_open(skep_slice_of(o.bytes, o.len), key, skep_slice_str(NAME), &s));
    for (size_t i = 0; i < 5; i++) {
        const uint8_t *at = o.bytes + o.head + order[i] * SKEP__SEALED_STRIDE;
        assert_ok(skep__sealed_unseal(s, order[i], order[i] == 4,
                                      skep_slice_of(at, SKEP__SEALED_STRIDE), out));
        ck_assert_mem_eq(out, content + order[i] * SKEP__SEALED_CHUNK, sizeof(out));
    }
    skep__sealed_free(s);
    free(o.bytes);
    free(content);
    skep__data_key_free(key);
}

TEST(the_same_salt_gives_the_same_bytes_and_another_one_others)
{
    uint8_t salt[SKEP__SEALED_SALT_BYTES] = {1};
    skep__data_key *key = key_of(1);
    uint8_t *content = content_of(1000);
    object a = seal((skep__sealed_opts){.key = key, .salt = salt}, content, 1000);
    object b = seal((skep__sealed_opts){.key = key, .salt = salt}, content, 1000);
    object c = seal((skep__sealed_opts){.key = key}, content, 1000);
    ck_assert_uint_eq(a.len, b.len);
    ck_assert_mem_eq(a.bytes, b.bytes, a.len);
    ck_assert_mem_ne(a.bytes + a.head, c.bytes + c.head, 1000);
    free(a.bytes);
    free(b.bytes);
    free(c.bytes);
    free(content);
    skep__data_key_free(key);
}

/* Equal contents have equal hashes under one data key, whatever the salt, and under no other. */
TEST(the_hash_of_a_content_depends_on_it_and_on_the_data_key)
{
    uint8_t a[SKEP__CONTENT_HASH_BYTES];
    uint8_t b[SKEP__CONTENT_HASH_BYTES];
    skep__data_key *key = key_of(1);
    skep__data_key *other = key_of(1);
    uint8_t *content = content_of(200000);
    hash_of(key, content, 200000, a);
    hash_of(key, content, 200000, b);
    ck_assert_mem_eq(a, b, sizeof(a));
    hash_of(key, content, 199999, b);
    ck_assert_mem_ne(a, b, sizeof(a));
    content[70000] ^= 1;
    hash_of(key, content, 200000, b);
    ck_assert_mem_ne(a, b, sizeof(a));
    content[70000] ^= 1;
    hash_of(other, content, 200000, b);
    ck_assert_mem_ne(a, b, sizeof(a));
    free(content);
    skep__data_key_free(other);
    skep__data_key_free(key);
}

/* ---- what is wrong is named ---- */

TEST(F01_a_wrong_key_a_swap_and_a_new_name_are_told_apart)
{
    skep__data_key *key = key_of(1);
    skep__data_key *same_lineage = key_of(1);
    skep__data_key *other_lineage = key_of(2);
    uint8_t *content = content_of(100);
    object o = seal((skep__sealed_opts){.key = key}, content, 100);
    assert_refused(&o, same_lineage, NAME, SKEP_EAUTH);
    assert_refused(&o, other_lineage, NAME, SKEP_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "another lineage"));
    assert_refused(&o, key, "l0/0000000000000002.seg", SKEP_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "renamed"));
    assert_refused(&o, key, "l0/0000000000000001.se", SKEP_ECORRUPT);
    uint8_t *got = NULL;
    uint64_t len = 0;
    assert_ok(unseal(&o, key, NULL, &got, &len)); /* a branch: whatever it says */
    free(got);
    free(content);
    free(o.bytes);
    skep__data_key_free(key);
    skep__data_key_free(same_lineage);
    skep__data_key_free(other_lineage);
}

/* Every bit of a small object, with recipients, counts; only the kind of failure differs. */
TEST(F01_each_bit_of_an_object_counts)
{
    uint8_t *got = NULL;
    uint64_t len = 0;
    skep__recipient r;
    skep_key *identity = NULL;
    skep__data_key *key = key_of(1);
    assert_ok(skep_key_generate(&identity));
    assert_ok(skep__recipient_of(identity, &r));
    for (size_t way = 0; way < 2; way++) {
        uint8_t *content = content_of(40);
        object o = seal((skep__sealed_opts){.key = key,
                                            .recipients = &r,
                                            .recipients_count = 1,
                                            .content_bytes = way != 0 ? SKEP__CONTENT_UNKNOWN : 40},
                        content, 40);
        for (uint64_t i = 0; i < o.len * 8; i++) {
            o.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
            int rc = unseal(&o, key, NAME, &got, &len);
            ck_assert_msg(rc == SKEP_ECORRUPT || rc == SKEP_EINVALID || rc == SKEP_EVERSION ||
                              rc == SKEP_EAUTH,
                          "bit %llu: %d", (unsigned long long)i, rc);
            o.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        assert_ok(unseal(&o, key, NAME, &got, &len));
        free(got);
        free(o.bytes);
        free(content);
    }
    skep__data_key_free(key);
    skep_key_free(identity);
}

TEST(F01_an_object_that_was_cut_is_refused_at_every_length)
{
    skep__data_key *key = key_of(1);
    uint8_t *content = content_of(2 * SKEP__SEALED_CHUNK + 10);
    object o = seal((skep__sealed_opts){.key = key}, content, 2 * SKEP__SEALED_CHUNK + 10);
    uint64_t whole = o.len;
    for (o.len = 0; o.len < whole; o.len += o.len < o.head + 40 || whole - o.len < 40 ? 1 : 997)
        assert_refused(&o, key, NAME, o.len < 8 ? SKEP_EINVALID : SKEP_ECORRUPT);
    for (uint64_t chunks = 0; chunks < 3; chunks++) { /* exactly between two */
        o.len = o.head + chunks * SKEP__SEALED_STRIDE;
        assert_refused(&o, key, NAME, SKEP_ECORRUPT);
    }
    free(content);
    free(o.bytes);
    skep__data_key_free(key);
}

TEST(F01_chunks_that_changed_places_are_refused)
{
    skep__data_key *key = key_of(1);
    uint8_t *content = content_of(3 * SKEP__SEALED_CHUNK);
    object o = seal((skep__sealed_opts){.key = key}, content, 3 * SKEP__SEALED_CHUNK);
    object p = seal((skep__sealed_opts){.key = key}, content, 3 * SKEP__SEALED_CHUNK);
    uint8_t *first = o.bytes + o.head;
    uint8_t *spare = malloc(SKEP__SEALED_STRIDE);
    ck_assert_ptr_nonnull(spare);
    memcpy(spare, first, SKEP__SEALED_STRIDE);
    memcpy(first, first + SKEP__SEALED_STRIDE, SKEP__SEALED_STRIDE);
    memcpy(first + SKEP__SEALED_STRIDE, spare, SKEP__SEALED_STRIDE);
    assert_refused(&o, key, NAME, SKEP_ECORRUPT);
    /* From another object of the same name, content and key: the salt makes the difference. */
    memcpy(first, p.bytes + p.head, 3 * (size_t)SKEP__SEALED_STRIDE);
    assert_refused(&o, key, NAME, SKEP_ECORRUPT);
    free(spare);
    free(content);
    free(o.bytes);
    free(p.bytes);
    skep__data_key_free(key);
}

TEST(what_is_not_sealed_or_too_new_is_named)
{
    skep__sealed_head head;
    skep__data_key *key = key_of(1);
    uint8_t *content = content_of(1);
    object o = seal((skep__sealed_opts){.key = key}, content, 1);
    assert_fails(skep__sealed_look(skep_slice_str("SQLite format 3"), &head), SKEP_EINVALID);
    assert_fails(skep__sealed_look(skep_slice_str(""), &head), SKEP_EINVALID);
    skep__put_le32(o.bytes + 8, SKEP__SEALED_VERSION + 1);
    assert_refused(&o, key, NAME, SKEP_EVERSION);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "format 2"));
    free(content);
    free(o.bytes);
    skep__data_key_free(key);
}

TEST(a_name_has_a_greatest_length)
{
    char name[SKEP__SEALED_NAME_MAX + 1];
    uint8_t hash[SKEP__CONTENT_HASH_BYTES] = {0};
    skep__buf head = SKEP__BUF_INIT(SKEP__SEALED_HEAD_MAX);
    skep__sealed *s = NULL;
    skep__data_key *key = key_of(1);
    memset(name, 'n', sizeof(name));
    skep__sealed_opts opts = {.key = key, .name = skep_slice_of(name, sizeof(name)), .hash = hash};
    assert_fails(skep__sealed_make(&opts, &head, &s), SKEP_ELIMIT);
    opts.name.len--;
    assert_ok(skep__sealed_make(&opts, &head, &s));
    ck_assert_uint_le(head.len, SKEP__SEALED_HEAD_MAX);
    skep__sealed_free(s);
    opts.content_bytes = SKEP__CONTENT_BYTES_MAX + 1;
    skep__buf_clear(&head);
    assert_fails(skep__sealed_make(&opts, &head, &s), SKEP_ELIMIT);
    skep__buf_dispose(&head);
    skep__data_key_free(key);
}

/* ---- lengths ---- */

TEST(padding_hides_lengths_and_costs_an_eighth_at_most)
{
    uint64_t before = 0;
    uint64_t distinct = 0;
    for (uint64_t len = 0; len < 300000; len++) {
        uint64_t padded = skep__sealed_plain_bytes(len, true, false);
        ck_assert_uint_ge(padded, len);
        ck_assert_uint_ge(padded, before); /* it grows with the length */
        ck_assert_uint_le(padded, len + len / 8 + 1);
        ck_assert_uint_eq(skep__sealed_plain_bytes(padded, true, false), padded);
        distinct += padded != before;
        before = padded;
    }
    ck_assert_uint_lt(distinct, 300);
    ck_assert_uint_ge(skep__sealed_plain_bytes(SKEP__CONTENT_BYTES_MAX, true, true),
                      SKEP__CONTENT_BYTES_MAX);
}

TEST(a_length_goes_to_an_object_and_back)
{
    uint64_t back = 0;
    for (uint64_t len = 0; len < 4 * SKEP__SEALED_CHUNK; len += len % 4096 < 2 ? 1 : 509) {
        assert_ok(skep__sealed_plain_of(skep__sealed_body_bytes(len), &back));
        ck_assert_uint_eq(back, len);
    }
    assert_fails(skep__sealed_plain_of(0, &back), SKEP_ECORRUPT);
    assert_fails(skep__sealed_plain_of(15, &back), SKEP_ECORRUPT);
    for (uint64_t i = 1; i <= SKEP__TAG_BYTES; i++) /* a chunk of nothing after a whole one */
        assert_fails(skep__sealed_plain_of(SKEP__SEALED_STRIDE + i, &back), SKEP_ECORRUPT);
}

/* ---- memory ---- */

static int make_run(void *ctx)
{
    uint8_t hash[SKEP__CONTENT_HASH_BYTES] = {0};
    skep__buf head = SKEP__BUF_INIT(SKEP__SEALED_HEAD_MAX);
    skep__sealed *s = NULL;
    skep__sealed *again = NULL;
    skep__sealed_opts opts = {.key = ctx, .name = skep_slice_str(NAME), .hash = hash};
    int rc = skep__sealed_make(&opts, &head, &s);
    if (rc >= 0)
        rc = skep__sealed_open(skep__buf_slice(&head), ctx, skep_slice_str(NAME), &again);
    skep__sealed_free(s);
    skep__sealed_free(again);
    skep__buf_dispose(&head);
    return rc;
}

TEST(no_memory_for_an_object_is_told)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    alloc_install();
    skep__data_key *key = key_of(1);
    sweep s = {.run = make_run, .ctx = key, .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
    skep__data_key_free(key);
}

/* ---- the example of the format's page ---- */

/* Hexadecimal bytes of the n-th block of code. */
static size_t read_example(unsigned block, uint8_t *out, size_t size)
{
    char page[4096];
    size_t n = 0;
    (void)snprintf(page, sizeof(page), "%s/docs/format/sealed.md", getenv("SKEP_SOURCE_DIR"));
    const char *at = (const char *)harness_read_file(page, NULL);
    for (unsigned i = 0; i < 2 * block + 1; i++) {
        at = strstr(at, "```");
        ck_assert_ptr_nonnull(at);
        at += 3;
    }
    for (unsigned byte = 0; n < size && sscanf(at, " %2x", &byte) == 1; n++) {
        out[n] = (uint8_t)byte;
        at += strspn(at, " \n") + 2;
    }
    return n;
}

TEST(the_examples_of_the_format_open)
{
    static uint8_t ring_bytes[4096];
    static uint8_t object_bytes[4096];
    static skep__keyring ring;
    skep_key *secret = NULL;
    skep__data_key *key = NULL;
    skep__sealed_head head;
    uint8_t *content = NULL;
    uint64_t len = 0;
    size_t n = read_example(0, ring_bytes, sizeof(ring_bytes));
    assert_ok(skep__keyring_decode(skep_slice_of(ring_bytes, n), &ring));
    assert_ok(skep_key_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &secret));
    object o = {.bytes = object_bytes, .len = read_example(1, object_bytes, sizeof(object_bytes))};
    assert_ok(skep__sealed_look(skep_slice_of(o.bytes, o.len), &head));
    assert_ok(skep__keyring_open(&ring, secret, head.key_id, &key));
    assert_ok(unseal(&o, key, "greetings/hello", &content, &len));
    ck_assert_uint_eq(len, 6);
    ck_assert_mem_eq(content, "hello\n", 6);
    free(content);
    skep__data_key_free(key);
    skep_key_free(secret);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_content_of_any_length_comes_back),
    HARNESS_TEST(chunks_open_alone_and_in_any_order),
    HARNESS_TEST(the_same_salt_gives_the_same_bytes_and_another_one_others),
    HARNESS_TEST(the_hash_of_a_content_depends_on_it_and_on_the_data_key),
    HARNESS_TEST(F01_a_wrong_key_a_swap_and_a_new_name_are_told_apart),
    HARNESS_TEST(F01_each_bit_of_an_object_counts),
    HARNESS_TEST(F01_an_object_that_was_cut_is_refused_at_every_length),
    HARNESS_TEST(F01_chunks_that_changed_places_are_refused),
    HARNESS_TEST(what_is_not_sealed_or_too_new_is_named),
    HARNESS_TEST(a_name_has_a_greatest_length),
    HARNESS_TEST(padding_hides_lengths_and_costs_an_eighth_at_most),
    HARNESS_TEST(a_length_goes_to_an_object_and_back),
    HARNESS_TEST(no_memory_for_an_object_is_told),
    HARNESS_TEST(the_examples_of_the_format_open),
};
const harness_suite sealed_suite = HARNESS_SUITE("sealed", tests);
