/* SPDX-License-Identifier: MIT */
/* Decoding and encoding are each other's reverse: each accepted run of bytes is what its value
 * encodes to, and each value comes back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[SKEP__VARINT_MAX];
    uint64_t v = 0;
    int n = skep__get_varint(data, size, &v);
    if (n > 0 && ((size_t)n > size || skep__put_varint(bytes, v) != (size_t)n ||
                  memcmp(bytes, data, (size_t)n) != 0))
        abort();

    uint64_t given = 0;
    memcpy(&given, data, size < sizeof(given) ? size : sizeof(given));
    size_t len = skep__put_varint(bytes, given);
    if (skep__get_varint(bytes, len, &v) != (int)len || v != given)
        abort();
    return 0;
}
