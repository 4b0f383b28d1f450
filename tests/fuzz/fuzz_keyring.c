/* SPDX-License-Identifier: MIT */
/* Whatever lies in a key ring: it is refused, or it is what its meaning is written as. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "crypto/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const void *data, size_t size)
{
    static skep__keyring ring;
    if (skep__keyring_decode(skep_slice_of(data, size), &ring) < 0)
        return;
    skep__buf again = SKEP__BUF_INIT(1 << 20);
    if (skep__keyring_encode(&ring, &again) < 0 || again.len != size ||
        memcmp(again.data, data, size) != 0)
        abort();
    skep__buf_dispose(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode(data, size);
    if (size < 8)
        return 0;
    uint8_t *bytes = malloc(size); /* no fuzzer finds the checksum */
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    skep__put_le64(bytes + size - 8, skep__hash64(bytes, size - 8, 0));
    decode(bytes, size);
    free(bytes);
    return 0;
}
