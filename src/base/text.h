/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_TEXT_H
#define SKEP__BASE_TEXT_H

#include <stddef.h>

/* Copy what fits, without cutting a UTF-8 character in two; always terminated. Returns the length
 * of what was copied. `size` is at least 1. */
size_t skep__text_copy(char *out, size_t size, const char *text);

/* Bytes of the UTF-8 character at `text`, of which `len` are there; 0 when they are none. */
size_t skep__utf8_len(const char *text, size_t len);

/* A finite number with as few digits as read back the same, and a point whatever the locale. */
#define SKEP__REAL_TEXT_SIZE 48
void skep__real_text(double v, char out[SKEP__REAL_TEXT_SIZE]);

#endif
