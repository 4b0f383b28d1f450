/* SPDX-License-Identifier: MIT */
/* The clear part of a head. */
#include <string.h>

#include "base/codec.h"
#include "base/num.h"
#include "crypto/sealed_private.h"

static const uint8_t magic[8] = {'S', 'K', 'E', 'P', 'O', 'B', 'J', '\n'};

enum {
    AT_VERSION = 8,
    AT_BYTES = 12,
    AT_CHUNK = 16,
    AT_KIND = 20,
    AT_FLAGS = 21,
    AT_BOXES_COUNT = 22,
    AT_ZERO_1 = 23,
    AT_NAME_LEN = 24,
    AT_ZERO_2 = 26,
    AT_LINEAGE = 32,
    AT_KEY_ID = 48,
    AT_SALT = 64,
    AT_BOXES = 96
};
enum { PADDED = 1, UNKNOWN = 2 };
#define BOX_BYTES (SKEP__SECRET_BYTES + SKEP__WRAPPED_BYTES)

static size_t clear_bytes(const skep__sealed_head *h)
{
    return AT_BOXES + h->boxes_count * BOX_BYTES + h->name.len;
}

void skep__sealed_head_encode(const skep__sealed_head *h, skep__buf *out)
{
    uint8_t at[AT_BOXES] = {0};
    memcpy(at, magic, sizeof(magic));
    skep__put_le32(at + AT_VERSION, SKEP__SEALED_VERSION);
    skep__put_le32(at + AT_BYTES, skep__u32(clear_bytes(h) + SKEP__SEALED_PART_BYTES));
    skep__put_le32(at + AT_CHUNK, SKEP__SEALED_CHUNK);
    at[AT_KIND] = h->kind;
    at[AT_FLAGS] = (uint8_t)((h->padded ? PADDED : 0) | (h->unknown ? UNKNOWN : 0));
    at[AT_BOXES_COUNT] = (uint8_t)h->boxes_count;
    skep__put_le16(at + AT_NAME_LEN, (uint16_t)h->name.len);
    memcpy(at + AT_LINEAGE, h->lineage, sizeof(h->lineage));
    memcpy(at + AT_KEY_ID, h->key_id, sizeof(h->key_id));
    memcpy(at + AT_SALT, h->salt, sizeof(h->salt));
    (void)skep__buf_add(out, at, sizeof(at));
    for (size_t i = 0; i < h->boxes_count; i++) {
        (void)skep__buf_add(out, h->boxes[i].recipient.bytes, SKEP__SECRET_BYTES);
        (void)skep__buf_add(out, h->boxes[i].boxed, SKEP__WRAPPED_BYTES);
    }
    (void)skep__buf_add_slice(out, h->name);
}

/* All of the fixed part but the sizes. */
static int take_fixed(const uint8_t *at, skep__sealed_head *h)
{
    static const uint8_t zero[AT_LINEAGE - AT_ZERO_2] = {0};
    h->bytes = skep__get_le32(at + AT_BYTES);
    h->kind = at[AT_KIND];
    h->padded = (at[AT_FLAGS] & PADDED) != 0;
    h->unknown = (at[AT_FLAGS] & UNKNOWN) != 0;
    h->boxes_count = at[AT_BOXES_COUNT];
    h->name.len = skep__get_le16(at + AT_NAME_LEN);
    memcpy(h->lineage, at + AT_LINEAGE, sizeof(h->lineage));
    memcpy(h->key_id, at + AT_KEY_ID, sizeof(h->key_id));
    memcpy(h->salt, at + AT_SALT, sizeof(h->salt));
    bool right = skep__get_le32(at + AT_CHUNK) == SKEP__SEALED_CHUNK &&
                 (at[AT_FLAGS] & ~(PADDED | UNKNOWN)) == 0 && at[AT_ZERO_1] == 0 &&
                 memcmp(at + AT_ZERO_2, zero, sizeof(zero)) == 0 &&
                 (h->kind == SKEP__AEAD_AES256GCM || h->kind == SKEP__AEAD_XCHACHA20) &&
                 h->boxes_count <= SKEP__SEALED_BOXES_MAX && h->name.len > 0 &&
                 h->name.len <= SKEP__SEALED_NAME_MAX &&
                 h->bytes == clear_bytes(h) + SKEP__SEALED_PART_BYTES;
    return right ? SKEP_OK : SKEP__FAIL(SKEP_ECORRUPT, "the head of a sealed object is damaged");
}

int skep__sealed_look(skep_slice bytes, skep__sealed_head *out)
{
    const uint8_t *at = bytes.data;
    skep__sealed_head h = {0};
    if (bytes.len < sizeof(magic) || memcmp(at, magic, sizeof(magic)) != 0)
        return SKEP__FAIL(SKEP_EINVALID, "not a sealed object");
    uint32_t version = bytes.len < AT_BYTES ? 0 : skep__get_le32(at + AT_VERSION);
    if (version > SKEP__SEALED_VERSION)
        return SKEP__FAIL(SKEP_EVERSION, "a sealed object of format %u, this skep knows up to %d",
                          version, SKEP__SEALED_VERSION);
    if (version == 0 || bytes.len < AT_BOXES)
        return SKEP__FAIL(SKEP_ECORRUPT, "the head of a sealed object is cut short or damaged");
    SKEP__TRY(take_fixed(at, &h));
    if (bytes.len < h.bytes)
        return SKEP__FAIL(SKEP_ECORRUPT, "the head of a sealed object is cut short");
    at += AT_BOXES;
    for (size_t i = 0; i < h.boxes_count; i++, at += BOX_BYTES) {
        memcpy(h.boxes[i].recipient.bytes, at, SKEP__SECRET_BYTES);
        memcpy(h.boxes[i].boxed, at + SKEP__SECRET_BYTES, SKEP__WRAPPED_BYTES);
    }
    h.name.data = at;
    *out = h;
    return SKEP_OK;
}
