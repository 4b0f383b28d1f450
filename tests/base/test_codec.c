/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include "base/codec.h"
#include "base/hash.h"

TEST(integers_have_their_bytes_in_order)
{
    uint8_t b[9] = {0};
    skep__put_le16(b + 1, 0x1234);
    ck_assert_mem_eq(b + 1, "\x34\x12", 2);
    ck_assert_uint_eq(skep__get_le16(b + 1), 0x1234);
    skep__put_be16(b + 1, 0x1234);
    ck_assert_mem_eq(b + 1, "\x12\x34", 2);
    ck_assert_uint_eq(skep__get_be16(b + 1), 0x1234);
    skep__put_le32(b + 1, 0x12345678);
    ck_assert_mem_eq(b + 1, "\x78\x56\x34\x12", 4);
    ck_assert_uint_eq(skep__get_le32(b + 1), 0x12345678);
    skep__put_be32(b + 1, 0x12345678);
    ck_assert_mem_eq(b + 1, "\x12\x34\x56\x78", 4);
    ck_assert_uint_eq(skep__get_be32(b + 1), 0x12345678);
    skep__put_le64(b + 1, UINT64_C(0x123456789abcdef0));
    ck_assert_mem_eq(b + 1, "\xf0\xde\xbc\x9a\x78\x56\x34\x12", 8);
    ck_assert_uint_eq(skep__get_le64(b + 1), UINT64_C(0x123456789abcdef0));
    skep__put_be64(b + 1, UINT64_C(0x123456789abcdef0));
    ck_assert_mem_eq(b + 1, "\x12\x34\x56\x78\x9a\xbc\xde\xf0", 8);
    ck_assert_uint_eq(skep__get_be64(b + 1), UINT64_C(0x123456789abcdef0));
}

TEST(varints_come_back_from_any_length)
{
    for (unsigned bits = 0; bits <= 64; bits++) {
        for (uint64_t off = 0; off < 3; off++) {
            uint8_t b[SKEP__VARINT_MAX];
            uint64_t back = 0;
            uint64_t v = (bits == 64 ? 0 : UINT64_C(1) << bits) - off;
            size_t n = skep__put_varint(b, v);
            ck_assert_uint_le(n, SKEP__VARINT_MAX);
            ck_assert_int_eq(skep__get_varint(b, n, &back), (int)n);
            ck_assert_uint_eq(back, v);
            back = 42;
            for (size_t cut = 0; cut < n; cut++)
                assert_fails(skep__get_varint(b, cut, &back), SKEP_ECORRUPT);
            ck_assert_uint_eq(back, 42);
        }
    }
}

TEST(a_varint_has_one_form_only)
{
    static const uint8_t longer[] = {0x80, 0x00};
    static const uint8_t padded[] = {0xff, 0x80, 0x00};
    static const uint8_t too_large[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x80};
    uint64_t v = 42;
    assert_fails(skep__get_varint(longer, sizeof(longer), &v), SKEP_ECORRUPT);
    assert_fails(skep__get_varint(padded, sizeof(padded), &v), SKEP_ECORRUPT);
    assert_fails(skep__get_varint(too_large, sizeof(too_large), &v), SKEP_ECORRUPT);
    assert_fails(skep__get_varint(endless, sizeof(endless), &v), SKEP_ECORRUPT);
    ck_assert_uint_eq(v, 42);
}

TEST(the_hash_is_xxh3)
{
    /* From xxHash's own test vectors: the empty input, and its seed 0x9E3779B185EBCA8D. */
    ck_assert_uint_eq(skep__hash64(NULL, 0, 0), UINT64_C(0x2d06800538d394c2));
    ck_assert_uint_ne(skep__hash64("a", 1, 0), skep__hash64("a", 1, 1));
    ck_assert_uint_eq(skep__hash64("hive", 4, 7), skep__hash64("hive", 4, 7));
}

static const harness_test tests[] = {
    HARNESS_TEST(integers_have_their_bytes_in_order),
    HARNESS_TEST(varints_come_back_from_any_length),
    HARNESS_TEST(a_varint_has_one_form_only),
    HARNESS_TEST(the_hash_is_xxh3),
};
const harness_suite codec_suite = HARNESS_SUITE("codec", tests);
