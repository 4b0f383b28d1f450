/* SPDX-License-Identifier: MIT */
/*
 * The queue's file grows by frames, each with a checksum over all of it and its place. A crash
 * leaves the last ones in any state, and in any order: of two that were not synced the second may
 * have come through alone. So a frame that is not whole is no damage by itself. Each frame tells
 * how much of the file was durable when it was written: if a later one that is whole tells that the
 * bad one was, the bad one was damaged since, and that is what has to be said.
 *
 * A power cut may garble the whole sector that is being written, also what was durable in it. So a
 * frame that is synced fills its last sector with zeros.
 */
#include "store/mirror_record.h"

#include <string.h>

#include "base/codec.h"
#include "base/hash.h"

static const char head_mark[8] = {'S', 'K', 'E', 'P', 'M', 'I', 'R', 'Q'};
static const char frame_mark[4] = {'S', 'K', 'F', 'R'};

enum { VERSION = 1, INTENT_BYTES = 48, DONE_BYTES = 40, ALIGN = 8 };

/* Places behind a bad frame that look like one and are none; more is no crash. */
#define LOOKALIKES_MAX 64

static size_t padded(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

size_t skep__mq_bytes(skep__mq_kind kind, size_t key_len)
{
    return padded((kind == SKEP__MQ_INTENT ? INTENT_BYTES : DONE_BYTES) + key_len);
}

void skep__mq_head(uint8_t out[SKEP__MQ_HEAD_BYTES])
{
    memcpy(out, head_mark, sizeof(head_mark));
    skep__put_le32(out + 8, VERSION);
    skep__put_le32(out + 12, 0);
    skep__put_le64(out + 16, skep__hash64(out, 16, 0));
}

void skep__mq_encode(skep__buf *out, const skep__mq_record *r)
{
    uint8_t fixed[INTENT_BYTES] = {0};
    static const uint8_t zeros[ALIGN];
    const size_t len = r->kind == SKEP__MQ_INTENT ? INTENT_BYTES : DONE_BYTES;
    fixed[0] = (uint8_t)r->kind;
    fixed[1] = (uint8_t)r->flags;
    skep__put_le16(fixed + 2, (uint16_t)r->key.len);
    skep__put_le64(fixed + 8, r->seq);
    if (r->kind == SKEP__MQ_INTENT) {
        skep__put_le64(fixed + 16, (uint64_t)r->time_us);
        skep__put_le64(fixed + 24, r->bytes);
    } else {
        skep__put_le64(fixed + 16, r->replica);
    }
    if ((r->flags & SKEP__MQ_BASE) != 0)
        memcpy(fixed + len - sizeof(r->base), r->base, sizeof(r->base));
    (void)skep__buf_add(out, fixed, len);
    (void)skep__buf_add_slice(out, r->key);
    (void)skep__buf_add(out, zeros, skep__mq_bytes(r->kind, r->key.len) - len - r->key.len);
}

/* Zeros behind the records, up to the end of a sector. */
static size_t padding(uint64_t at, size_t records)
{
    const uint64_t past = (at + SKEP__MQ_FRAME_BYTES + records) % SKEP__MQ_SECTOR;
    return past == 0 ? 0 : (size_t)(SKEP__MQ_SECTOR - past);
}

void skep__mq_frame(skep__buf *out, skep_slice records, uint64_t at, uint64_t synced, bool last)
{
    static const uint8_t zeros[SKEP__MQ_SECTOR];
    const size_t pad = last ? padding(at, records.len) : 0;
    uint8_t fixed[16];
    uint8_t sum[8];
    const size_t begin = out->len;
    memcpy(fixed, frame_mark, sizeof(frame_mark));
    skep__put_le32(fixed + 4, (uint32_t)(records.len + pad));
    skep__put_le64(fixed + 8, synced);
    (void)skep__buf_add(out, fixed, sizeof(fixed));
    (void)skep__buf_add_slice(out, records);
    if (skep__buf_add(out, zeros, pad) < 0)
        return;
    skep__put_le64(sum, skep__hash64(out->data + begin, sizeof(fixed) + records.len + pad, at));
    (void)skep__buf_add(out, sum, sizeof(sum));
}

/* ---- reading ---- */

typedef struct frame {
    const uint8_t *records;
    size_t len;
    uint64_t synced;
} frame;

/* Is there a whole frame at `at`? */
static bool frame_at(skep_slice file, size_t at, frame *out)
{
    const uint8_t *bytes = (const uint8_t *)file.data + at;
    const size_t left = file.len - at;
    if (left < SKEP__MQ_FRAME_BYTES || memcmp(bytes, frame_mark, sizeof(frame_mark)) != 0)
        return false;
    out->len = skep__get_le32(bytes + 4);
    if (out->len > SKEP__MQ_FRAME_MAX || out->len > left - SKEP__MQ_FRAME_BYTES)
        return false;
    out->synced = skep__get_le64(bytes + 8);
    out->records = bytes + 16;
    return skep__get_le64(bytes + 16 + out->len) == skep__hash64(bytes, 16 + out->len, at);
}

static int damaged(const char *path, size_t at)
{
    return SKEP__FAIL(
        SKEP_ECORRUPT,
        "%s: damaged at byte %zu, so it is not known which objects the replicas lack; "
        "compare them with the primary (skep store sync), then remove this file",
        path, at);
}

/* Was the bad frame at `at` durable once? */
static int check_tail(skep_slice file, const char *path, size_t at)
{
    int lookalikes = 0;
    for (size_t i = at + ALIGN; i + SKEP__MQ_FRAME_BYTES <= file.len; i += ALIGN) {
        frame f;
        if (memcmp((const char *)file.data + i, frame_mark, sizeof(frame_mark)) != 0)
            continue;
        if (frame_at(file, i, &f) ? f.synced > at : ++lookalikes > LOOKALIKES_MAX)
            return damaged(path, at);
    }
    return SKEP_OK;
}

static bool record_at(const uint8_t *at, size_t left, skep__mq_record *out, size_t *bytes)
{
    if (left < DONE_BYTES || (at[0] != SKEP__MQ_INTENT && at[0] != SKEP__MQ_DONE))
        return false;
    *out = (skep__mq_record){.kind = (skep__mq_kind)at[0], .flags = at[1]};
    const bool intent = out->kind == SKEP__MQ_INTENT;
    const size_t fixed = intent ? INTENT_BYTES : DONE_BYTES;
    out->key.len = skep__get_le16(at + 2);
    *bytes = skep__mq_bytes(out->kind, out->key.len);
    if (*bytes > left || out->key.len == 0 || out->key.len > SKEP_STORE_KEY_MAX ||
        skep__get_le32(at + 4) != 0)
        return false;
    out->key.data = at + fixed;
    out->seq = skep__get_le64(at + 8);
    if (intent) {
        out->time_us = (int64_t)skep__get_le64(at + 16);
        out->bytes = skep__get_le64(at + 24);
    } else {
        out->replica = skep__get_le64(at + 16);
    }
    memcpy(out->base, at + fixed - sizeof(out->base), sizeof(out->base));
    return out->seq != 0 && memchr(out->key.data, 0, out->key.len) == NULL &&
           (out->flags & ~(uint32_t)(intent ? SKEP__MQ_DELETE | SKEP__MQ_BASE : SKEP__MQ_BASE)) ==
               0;
}

static bool all_zeros(const uint8_t *at, size_t len)
{
    return len == 0 || (at[0] == 0 && memcmp(at, at + 1, len - 1) == 0);
}

static int decode_frame(const frame *f, const char *path, size_t at, skep__mq_each_fn *each,
                        void *ctx)
{
    for (size_t i = 0; i < f->len;) {
        skep__mq_record record;
        size_t bytes = 0;
        if (all_zeros(f->records + i, f->len - i))
            break;
        if (!record_at(f->records + i, f->len - i, &record, &bytes))
            return damaged(path, at);
        SKEP__TRY(each(ctx, &record));
        i += bytes;
    }
    return SKEP_OK;
}

static int check_head(skep_slice file, const char *path)
{
    const uint8_t *bytes = file.data;
    if (file.len < SKEP__MQ_HEAD_BYTES || memcmp(bytes, head_mark, sizeof(head_mark)) != 0 ||
        skep__get_le64(bytes + 16) != skep__hash64(bytes, 16, 0))
        return damaged(path, 0);
    if (skep__get_le32(bytes + 8) > VERSION)
        return SKEP__FAIL(SKEP_EVERSION, "%s: the queue of a mirror in format %u; known: up to %d",
                          path, skep__get_le32(bytes + 8), VERSION);
    return SKEP_OK;
}

int skep__mq_decode(skep_slice file, const char *path, skep__mq_each_fn *each, void *ctx,
                    size_t *whole)
{
    size_t at = SKEP__MQ_HEAD_BYTES;
    frame f;
    SKEP__TRY(check_head(file, path));
    while (at < file.len && frame_at(file, at, &f)) {
        if (f.synced > at)
            return damaged(path, at);
        SKEP__TRY(decode_frame(&f, path, at, each, ctx));
        at += SKEP__MQ_FRAME_BYTES + f.len;
    }
    if (at < file.len)
        SKEP__TRY(check_tail(file, path, at));
    *whole = at;
    return SKEP_OK;
}
