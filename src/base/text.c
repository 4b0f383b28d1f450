/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

#include "base/err.h"

size_t skep__text_copy(char *out, size_t size, const char *text)
{
    ASSERT(size > 0);
    size_t len = strnlen(text, size);
    if (len == size) {
        len--;
        while (len > 0 && ((unsigned char)text[len] & 0xc0u) == 0x80u)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return len;
}
