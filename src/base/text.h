/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_TEXT_H
#define SKEP__BASE_TEXT_H

#include <stddef.h>

/* Copy what fits, without cutting a UTF-8 character in two; always terminated. Returns the length
 * of what was copied. `size` is at least 1. */
size_t skep__text_copy(char *out, size_t size, const char *text);

#endif
