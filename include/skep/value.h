/* SPDX-License-Identifier: MIT */
#ifndef SKEP_VALUE_H
#define SKEP_VALUE_H

#include <string.h>

#include <skep/status.h>

/** Bytes, and values that SQL takes and gives.
 *
 *  A slice or value never owns what it points to. Text is UTF-8 and may contain zero bytes.
 *  Threads: plain data, no rule of its own.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_slice {
    const void *data; /**< may be NULL when len is 0 */
    size_t len;       /**< bytes */
} skep_slice;

typedef enum skep_type {
    SKEP_NULL = 0,
    SKEP_INT = 1,  /**< signed 64 bit */
    SKEP_REAL = 2, /**< double */
    SKEP_TEXT = 3,
    SKEP_BLOB = 4,
    SKEP_BOOL = 5,         /**< stored as integer 0 or 1 */
    SKEP_OUT_OF_RANGE = 6, /**< an unsigned integer above INT64_MAX; binding it is SKEP_EINVALID */
    SKEP_TIME = 7          /**< stored as integer: microseconds since 1970, UTC (skep/time.h) */
} skep_type;

typedef struct skep_value {
    int32_t type; /**< skep_type */
    int32_t reserved;
    union {
        int64_t i;
        double r;
        skep_slice s;
    } u;
} skep_value;

static inline skep_slice skep_slice_of(const void *data, size_t len)
{
    skep_slice s;
    s.data = data;
    s.len = len;
    return s;
}
static inline skep_slice skep_slice_str(const char *text)
{
    return skep_slice_of(text, text ? strlen(text) : 0);
}

static inline skep_value skep_null(void)
{
    skep_value v;
    memset(&v, 0, sizeof(v));
    return v;
}
static inline skep_value skep_int(int64_t i)
{
    skep_value v = skep_null();
    v.type = SKEP_INT;
    v.u.i = i;
    return v;
}
static inline skep_value skep_uint(uint64_t i)
{
    skep_value v = skep_int((int64_t)(i & (uint64_t)INT64_MAX));
    v.type = i <= (uint64_t)INT64_MAX ? SKEP_INT : SKEP_OUT_OF_RANGE;
    return v;
}
static inline skep_value skep_real(double r)
{
    skep_value v = skep_null();
    v.type = SKEP_REAL;
    v.u.r = r;
    return v;
}
static inline skep_value skep_text_slice(skep_slice s)
{
    skep_value v = skep_null();
    v.type = SKEP_TEXT;
    v.u.s = s;
    return v;
}
/** NUL-terminated text; NULL becomes SQL NULL. */
static inline skep_value skep_text(const char *text)
{
    return text ? skep_text_slice(skep_slice_str(text)) : skep_null();
}
static inline skep_value skep_blob(const void *data, size_t len)
{
    skep_value v = skep_null();
    v.type = SKEP_BLOB;
    v.u.s = skep_slice_of(data, len);
    return v;
}
static inline skep_value skep_bool(int truth)
{
    skep_value v = skep_null();
    v.type = SKEP_BOOL;
    v.u.i = truth ? 1 : 0;
    return v;
}
/** A point in time: microseconds since 1970, UTC. */
static inline skep_value skep_time(int64_t us)
{
    skep_value v = skep_int(us);
    v.type = SKEP_TIME;
    return v;
}

#ifdef __cplusplus
}
#endif

/** SKEP_V(x): a value of an integer, a boolean, a real, NUL-terminated text or a slice (as text).
 *  Blobs, times and NULL are explicit: skep_blob(), skep_time(), skep_null(). No other pointer is
 *  taken, so none becomes a number or a boolean by mistake. */
#ifdef __cplusplus
/* clang-format off */
inline skep_value SKEP_V(short x) { return skep_int(x); }
inline skep_value SKEP_V(unsigned short x) { return skep_int(x); }
inline skep_value SKEP_V(int x) { return skep_int(x); }
inline skep_value SKEP_V(unsigned int x) { return skep_int(static_cast<int64_t>(x)); }
inline skep_value SKEP_V(long x) { return skep_int(x); }
inline skep_value SKEP_V(unsigned long x) { return skep_uint(x); }
inline skep_value SKEP_V(long long x) { return skep_int(x); }
inline skep_value SKEP_V(unsigned long long x) { return skep_uint(x); }
inline skep_value SKEP_V(float x) { return skep_real(static_cast<double>(x)); }
inline skep_value SKEP_V(double x) { return skep_real(x); }
inline skep_value SKEP_V(const char *x) { return skep_text(x); }
inline skep_value SKEP_V(skep_slice x) { return skep_text_slice(x); }
inline skep_value SKEP_V(skep_value x) { return x; }
/* A boolean and nothing that merely converts to one, as every pointer does. */
template <class T> struct skep__only_bool {};
template <> struct skep__only_bool<bool> { typedef skep_value type; };
template <class T> inline typename skep__only_bool<T>::type SKEP_V(T x) { return skep_bool(x); }
/* clang-format on */
#else
static inline skep_value skep__value_self(skep_value v)
{
    return v;
}
static inline skep_value skep__value_float(float r)
{
    return skep_real((double)r);
}
/* clang-format off */
#define SKEP_V(x)                                                                                  \
    _Generic((x),                                                                                  \
        _Bool: skep_bool,                                                                          \
        signed char: skep_int, unsigned char: skep_int,                                            \
        short: skep_int, unsigned short: skep_int,                                                 \
        int: skep_int, unsigned int: skep_int,                                                     \
        long: skep_int, unsigned long: skep_uint,                                                  \
        long long: skep_int, unsigned long long: skep_uint,                                        \
        float: skep__value_float, double: skep_real,                                               \
        char *: skep_text, const char *: skep_text,                                                \
        skep_slice: skep_text_slice, skep_value: skep__value_self)(x)
/* clang-format on */
#endif

#ifdef SKEP_SHORT_NAMES
#define V(x) SKEP_V(x)
#endif

#endif
