/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_BUF_H
#define SKEP__BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/value.h>

/* A growing run of bytes with a ceiling given at birth. A NUL always follows the last byte.
 *
 * A failed append (SKEP_ENOMEM, or SKEP_ELIMIT at the ceiling) frees what was gathered, and every
 * later append fails in the same way until the buffer is cleared: a text with a hole in it can
 * never come out, and a caller may append many times and look once, at the end, with
 * skep__buf_status().
 *
 * Threads: one at a time.
 */
typedef struct skep__buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    int failed; /* SKEP_OK, or the code that emptied it */
} skep__buf;

#define SKEP__BUF_INIT(ceiling) ((skep__buf){.max = (ceiling)})
void skep__buf_init(skep__buf *b, size_t max); /* at most SKEP__BUF_CEILING */
void skep__buf_dispose(skep__buf *b);          /* usable again afterwards, empty */
void skep__buf_clear(skep__buf *b);            /* keeps the memory */

int skep__buf_add(skep__buf *b, const void *data, size_t len);
int skep__buf_add_slice(skep__buf *b, skep_slice s);
int skep__buf_add_text(skep__buf *b, const char *text);
int skep__buf_add_byte(skep__buf *b, uint8_t byte);
int skep__buf_printf(skep__buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int skep__buf_vprintf(skep__buf *b, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Room for `len` bytes at the end, not yet counted: write there, then skep__buf_commit(). */
int skep__buf_reserve(skep__buf *b, size_t len, void **at);
void skep__buf_commit(skep__buf *b, size_t len);

/* SKEP_OK, or the first failure again with its detail. */
int skep__buf_status(const skep__buf *b);

skep_slice skep__buf_slice(const skep__buf *b); /* borrowed until the next change */
const char *skep__buf_text(const skep__buf *b); /* the same, NUL-terminated; "" when empty */

/* The bytes leave the buffer, which is empty then. The caller owns `*out` (skep__free; never NULL
 * on success, NUL-terminated); `len` may be NULL. */
int skep__buf_take(skep__buf *b, char **out, size_t *len);

#endif
