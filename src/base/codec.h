/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_CODEC_H
#define SKEP__BASE_CODEC_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Integers as bytes. Any address will do. */

#define SKEP__CODEC(bits, order)                                                                   \
    static inline void skep__put_##order##bits(void *to, uint##bits##_t v)                         \
    {                                                                                              \
        v = hto##order##bits(v);                                                                   \
        memcpy(to, &v, sizeof(v));                                                                 \
    }                                                                                              \
    static inline uint##bits##_t skep__get_##order##bits(const void *from)                         \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, from, sizeof(v));                                                               \
        return order##bits##toh(v);                                                                \
    }
SKEP__CODEC(16, le)
SKEP__CODEC(32, le)
SKEP__CODEC(64, le)
SKEP__CODEC(16, be)
SKEP__CODEC(32, be)
SKEP__CODEC(64, be)
#undef SKEP__CODEC

/* Unsigned LEB128: seven bits a byte, lowest first, the top bit says that more follow. */
#define SKEP__VARINT_MAX 10 /* bytes */

/* Returns the number of bytes written. */
size_t skep__put_varint(uint8_t to[SKEP__VARINT_MAX], uint64_t v);

/* Returns the number of bytes read, or SKEP_ECORRUPT if they end too early, do not fit 64 bits, or
 * are not the shortest form: each value has exactly one encoding. */
int skep__get_varint(const void *from, size_t len, uint64_t *v);

#endif
