/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

#include "base/err.h"

size_t skep__put_varint(uint8_t to[SKEP__VARINT_MAX], uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        to[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    to[n++] = (uint8_t)v;
    return n;
}

int skep__get_varint(const void *from, size_t len, uint64_t *v)
{
    const uint8_t *bytes = from;
    uint64_t value = 0;
    for (size_t n = 0; n < len && n < SKEP__VARINT_MAX; n++) {
        uint64_t part = bytes[n] & 0x7f;
        if (n == SKEP__VARINT_MAX - 1 && bytes[n] > 1)
            return SKEP__FAIL(SKEP_ECORRUPT, "varint does not fit 64 bits");
        value |= part << (7 * n);
        if ((bytes[n] & 0x80) != 0)
            continue;
        if (n > 0 && bytes[n] == 0)
            return SKEP__FAIL(SKEP_ECORRUPT, "varint is longer than needed");
        *v = value;
        return (int)n + 1;
    }
    return SKEP__FAIL(SKEP_ECORRUPT, "varint ends too early");
}
