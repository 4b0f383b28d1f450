/* SPDX-License-Identifier: MIT */
/*
 * An object's file is its content, its key, and 64 bytes that say what both are:
 *
 *    0   8  "skepobj" and a zero
 *    8   4  version of the format, 1
 *   12   4  bytes of the key
 *   16   8  bytes of the content
 *   24  16  XXH3-128 of the content, canonical form
 *   40   8  when it was put, microseconds since 1970, UTC
 *   48   8  zero
 *   56   8  XXH3-64 of the key and of the 56 bytes before
 *
 * Numbers are little-endian. They stand at the end because a stream's length and hash are known
 * there; and so the content begins where the file does, and can be saved without skep. The key
 * tells a file that was moved, and a file system that takes two names for one.
 */
#include <string.h>

#include "base/codec.h"
#include "base/hash.h"
#include "store/disk_private.h"

static const char magic[8] = "skepobj";

enum { AT_VERSION = 8, AT_KEY = 12, AT_BYTES = 16, AT_HASH = 24, AT_TIME = 40, AT_SUM = 56 };

/* Of the key and the footer without this sum. */
static uint64_t sum_of(const uint8_t *tail, size_t len)
{
    return skep__hash64(tail, len - (SKEP__FOOT_BYTES - AT_SUM), 0);
}

size_t skep__foot_encode(const skep__foot *foot, const char *key, uint8_t out[SKEP__TAIL_MAX])
{
    size_t key_len = strlen(key);
    uint8_t *at = out + key_len;
    memcpy(out, key, key_len); /* NOLINT(bugprone-not-null-terminated-result): as bytes */
    memset(at, 0, SKEP__FOOT_BYTES);
    memcpy(at, magic, sizeof(magic));
    skep__put_le32(at + AT_VERSION, SKEP__DISK_FORMAT);
    skep__put_le32(at + AT_KEY, (uint32_t)key_len);
    skep__put_le64(at + AT_BYTES, foot->bytes);
    memcpy(at + AT_HASH, foot->hash, sizeof(foot->hash));
    skep__put_le64(at + AT_TIME, (uint64_t)foot->put_us);
    skep__put_le64(at + AT_SUM, sum_of(out, key_len + SKEP__FOOT_BYTES));
    return key_len + SKEP__FOOT_BYTES;
}

static int damaged(const char *key, const char *why)
{
    return SKEP__FAIL(SKEP_ECORRUPT, "the file of '%s' is damaged: %s", key, why);
}

int skep__foot_decode(skep_slice tail, uint64_t size, const char *key, skep__foot *out)
{
    const uint8_t *at = tail.data;
    if (tail.len < SKEP__FOOT_BYTES)
        return damaged(key, size == 0 ? "it is empty" : "it is shorter than its footer");
    at += tail.len - SKEP__FOOT_BYTES;
    if (memcmp(at, magic, sizeof(magic)) != 0)
        return damaged(key, "it has no footer at its end");
    uint32_t version = skep__get_le32(at + AT_VERSION);
    uint32_t key_len = skep__get_le32(at + AT_KEY);
    if (version > SKEP__DISK_FORMAT && version < 1000)
        return SKEP__FAIL(SKEP_EVERSION, "the file of '%s' has format %u, and this skep knows %d",
                          key, version, SKEP__DISK_FORMAT);
    if (key_len > tail.len - SKEP__FOOT_BYTES ||
        skep__get_le64(at + AT_SUM) != sum_of(at - key_len, key_len + SKEP__FOOT_BYTES))
        return damaged(key, "its footer does not have the checksum it says");
    if (strlen(key) != key_len || memcmp(at - key_len, key, key_len) != 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "the file of '%s' holds the object '%.*s'", key,
                          (int)key_len, (const char *)(at - key_len));
    out->bytes = skep__get_le64(at + AT_BYTES);
    if (out->bytes + key_len + SKEP__FOOT_BYTES != size)
        return damaged(key, "its content does not have the length it had");
    memcpy(out->hash, at + AT_HASH, sizeof(out->hash));
    out->put_us = (int64_t)skep__get_le64(at + AT_TIME);
    return SKEP_OK;
}
