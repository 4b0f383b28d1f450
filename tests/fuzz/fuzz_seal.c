/* SPDX-License-Identifier: MIT */
/* Whatever lies in X-skep: it is refused, or it is what its meaning is written as. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/hash.h"
#include "db/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const uint8_t *data, size_t size)
{
    uint8_t again[SKEP__SEAL_BYTES];
    skep__seal seal;
    if (skep__seal_decode(data, size, &seal) < 0)
        return;
    skep__seal_encode(&seal, again);
    if (size != sizeof(again) || memcmp(again, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[SKEP__SEAL_BYTES];
    decode(data, size);
    if (size == sizeof(bytes)) { /* no fuzzer finds the checksum */
        memcpy(bytes, data, size);
        skep__put_le64(bytes + 56, skep__hash64(bytes, 56, 0));
        decode(bytes, size);
    }
    return 0;
}
