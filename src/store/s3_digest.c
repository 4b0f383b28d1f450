/* SPDX-License-Identifier: MIT */
/* Digests in the forms in which S3 asks for them. */
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "base/codec.h"
#include "store/s3_private.h"

static void base64(const uint8_t *bytes, size_t len, char out[SKEP__S3_DIGEST_TEXT])
{
    (void)sodium_bin2base64(out, SKEP__S3_DIGEST_TEXT, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}

int skep__s3_md5(skep_slice data, char out[SKEP__S3_DIGEST_TEXT])
{
    uint8_t digest[16];
    if (EVP_Digest(data.len == 0 ? "" : data.data, data.len, digest, NULL, EVP_md5(), NULL) != 1)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "this machine's libcrypto gives no MD5");
    base64(digest, sizeof(digest), out);
    return SKEP_OK;
}

static const uint32_t crc_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc_plain(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len > 0; len--, p++) {
        crc = (crc >> 4) ^ crc_table[(crc ^ *p) & 15];
        crc = (crc >> 4) ^ crc_table[(crc ^ (uint32_t)(*p >> 4)) & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t crc, const uint8_t *p,
                                                           size_t len)
{
    uint64_t wide = crc;
    for (; len >= 8; len -= 8, p += 8)
        wide = __builtin_ia32_crc32di(wide, skep__get_le64(p));
    crc = (uint32_t)wide;
    for (; len > 0; len--, p++)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}
#endif

uint32_t skep__crc32c(const void *data, size_t len)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_fast(~UINT32_C(0), data, len);
#endif
    return ~crc_plain(~UINT32_C(0), data, len);
}

const char *skep__s3_checksum_name(uint32_t kind)
{
    return kind == SKEP_CHECKSUM_CRC32C ? "CRC32C" : kind == SKEP_CHECKSUM_SHA256 ? "SHA256" : NULL;
}

void skep__s3_checksum(uint32_t kind, skep_slice data, const char *sha256,
                       char out[SKEP__S3_DIGEST_TEXT])
{
    uint8_t bytes[32];
    size_t len = 4;
    if (kind == SKEP_CHECKSUM_CRC32C)
        skep__put_be32(bytes, skep__crc32c(data.data, data.len));
    else
        (void)sodium_hex2bin(bytes, sizeof(bytes), sha256, SKEP__SHA256_HEX - 1, NULL, &len, NULL);
    base64(bytes, len, out);
}
