/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <sodium.h>
#include <string.h>

#include "base/codec.h"
#include "crypto/aead.h"
#include "crypto/crypto.h"

static const int kinds[] = {SKEP__AEAD_AES256GCM, SKEP__AEAD_XCHACHA20};
static uint8_t key[SKEP__SECRET_BYTES];

static skep_slice some(size_t len)
{
    static uint8_t bytes[4096];
    ck_assert_uint_le(len, sizeof(bytes));
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    return skep_slice_of(bytes, len);
}

static void setup(void)
{
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(0x80 + i);
}

/* Test case 13 and 14 of the GCM specification (McGrew and Viega): a key of zeros. */
TEST(aes256gcm_gives_the_bytes_of_its_specification)
{
    static const uint8_t zero[32];
    static const uint8_t empty_tag[16] = {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9,
                                          0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b};
    static const uint8_t block[32] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
                                      0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
                                      0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
                                      0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};
    uint8_t out[32];
    skep__aead *a = NULL;
    assert_ok(skep__aead_new(SKEP__AEAD_AES256GCM, zero, &a));
    assert_ok(skep__aead_seal(a, 0, 0, skep_slice_of("", 0), skep_slice_of("", 0), out));
    ck_assert_mem_eq(out, empty_tag, sizeof(empty_tag));
    assert_ok(skep__aead_seal(a, 0, 0, skep_slice_of("", 0), skep_slice_of(zero, 16), out));
    ck_assert_mem_eq(out, block, sizeof(block));
    skep__aead_free(a);
}

/* libsodium's XChaCha20-Poly1305 is checked against the draft's vectors by its own tests. */
TEST(xchacha20_gives_the_bytes_of_libsodium)
{
    static const size_t lens[] = {0, 1, 15, 16, 17, 63, 64, 65, 1000, 4096};
    uint8_t nonce[24] = {0};
    uint8_t ours[4096 + SKEP__TAG_BYTES];
    uint8_t theirs[4096 + SKEP__TAG_BYTES];
    skep__aead *a = NULL;
    setup();
    assert_ok(skep__aead_new(SKEP__AEAD_XCHACHA20, key, &a));
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        uint64_t counter = i * UINT64_C(0x010203040506);
        skep_slice in = some(lens[i]);
        skep__put_le64(nonce + 16, counter | UINT64_C(2) << 56);
        (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
            theirs, NULL, in.data, in.len, (const uint8_t *)"bound", 5, NULL, nonce, key);
        assert_ok(skep__aead_seal(a, counter, 2, skep_slice_str("bound"), in, ours));
        ck_assert_mem_eq(ours, theirs, in.len + SKEP__TAG_BYTES);
    }
    skep__aead_free(a);
}

TEST(a_piece_opens_where_it_was_sealed_and_nowhere_else)
{
    uint8_t sealed[100 + SKEP__TAG_BYTES];
    uint8_t out[100];
    setup();
    for (size_t k = 0; k < 2; k++) {
        skep__aead *a = NULL;
        assert_ok(skep__aead_new(kinds[k], key, &a));
        skep_slice in = some(100);
        skep_slice whole = skep_slice_of(sealed, sizeof(sealed));
        assert_ok(skep__aead_seal(a, 7, 0, skep_slice_str("b"), in, sealed));
        assert_ok(skep__aead_open(a, 7, 0, skep_slice_str("b"), whole, out));
        ck_assert_mem_eq(out, in.data, in.len);
        assert_fails(skep__aead_open(a, 8, 0, skep_slice_str("b"), whole, out), SKEP_ECORRUPT);
        for (size_t i = 0; i < sizeof(out); i++)
            ck_assert_uint_eq(out[i], 0); /* nothing of it is to be seen */
        assert_fails(skep__aead_open(a, 7, 1, skep_slice_str("b"), whole, out), SKEP_ECORRUPT);
        assert_fails(skep__aead_open(a, 7, 0, skep_slice_str("c"), whole, out), SKEP_ECORRUPT);
        assert_fails(skep__aead_open(a, 7, 0, skep_slice_str("b"),
                                     skep_slice_of(sealed, sizeof(sealed) - 1), out),
                     SKEP_ECORRUPT);
        assert_fails(skep__aead_open(a, 7, 0, skep_slice_str("b"), skep_slice_of(sealed, 15), out),
                     SKEP_ECORRUPT);
        assert_ok(skep__aead_open(a, 7, 0, skep_slice_str("b"), whole, out));
        ck_assert_mem_eq(out, in.data, in.len);
        skep__aead_free(a);
    }
}

TEST(each_bit_of_a_piece_counts)
{
    uint8_t sealed[20 + SKEP__TAG_BYTES];
    uint8_t out[20];
    setup();
    for (size_t k = 0; k < 2; k++) {
        skep__aead *a = NULL;
        assert_ok(skep__aead_new(kinds[k], key, &a));
        assert_ok(skep__aead_seal(a, 1, 0, skep_slice_of("", 0), some(20), sealed));
        for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
            sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_fails(skep__aead_open(a, 1, 0, skep_slice_of("", 0),
                                         skep_slice_of(sealed, sizeof(sealed)), out),
                         SKEP_ECORRUPT);
            sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        skep__aead_free(a);
    }
}

TEST(a_cipher_that_is_not_known_is_refused)
{
    skep__aead *a = NULL;
    assert_fails(skep__aead_new(0, key, &a), SKEP_EUNSUPPORTED);
    assert_fails(skep__aead_new(3, key, &a), SKEP_EUNSUPPORTED);
    ck_assert_str_eq(skep__aead_name(SKEP__AEAD_AES256GCM), "aes256gcm");
    ck_assert_str_eq(skep__aead_name(SKEP__AEAD_XCHACHA20), "xchacha20");
    ck_assert_str_eq(skep__aead_name(3), "none");
    ck_assert_int_eq(skep__aead_best(),
                     skep__has_aes() ? SKEP__AEAD_AES256GCM : SKEP__AEAD_XCHACHA20);
}

static const harness_test tests[] = {
    HARNESS_TEST(aes256gcm_gives_the_bytes_of_its_specification),
    HARNESS_TEST(xchacha20_gives_the_bytes_of_libsodium),
    HARNESS_TEST(a_piece_opens_where_it_was_sealed_and_nowhere_else),
    HARNESS_TEST(each_bit_of_a_piece_counts),
    HARNESS_TEST(a_cipher_that_is_not_known_is_refused),
};
const harness_suite aead_suite = HARNESS_SUITE("aead", tests);
