/* SPDX-License-Identifier: MIT */
/* Whatever lies in a mirror's queue: it is refused, or its records are such as are written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/hash.h"
#include "store/mirror_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int each(void *ctx, const skep__mq_record *record)
{
    skep__buf *again = ctx;
    if (record->key.len == 0 || record->key.len > SKEP_STORE_KEY_MAX || record->seq == 0)
        abort();
    const size_t before = again->len;
    skep__mq_encode(again, record);
    if (again->failed == SKEP_OK &&
        again->len - before != skep__mq_bytes(record->kind, record->key.len))
        abort();
    return SKEP_OK;
}

static void decode(const void *data, size_t size)
{
    skep__buf again = SKEP__BUF_INIT((size_t)1 << 20);
    size_t whole = 0;
    if (skep__mq_decode(skep_slice_of(data, size), "queue", each, &again, &whole) >= 0 &&
        (whole > size || whole < SKEP__MQ_HEAD_BYTES))
        abort();
    skep__buf_dispose(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skep__buf file = SKEP__BUF_INIT((size_t)2 << 20);
    uint8_t head[SKEP__MQ_HEAD_BYTES];
    decode(data, size);
    if (size > 65536)
        return 0;
    skep__mq_head(head); /* no fuzzer finds the checksums */
    (void)skep__buf_add(&file, head, sizeof(head));
    skep__mq_frame(&file, skep_slice_of(data, size), file.len, file.len, size % 2 == 0);
    skep__mq_frame(&file, skep_slice_of(data, size / 2), file.len, file.len, false);
    if (skep__buf_status(&file) >= 0)
        decode(file.data, file.len);
    skep__buf_dispose(&file);
    return 0;
}
