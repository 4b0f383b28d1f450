/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base_limits.h"
#include "base/err.h"
#include "base/mem.h"

#define FIRST_CAP 64

void skep__buf_init(skep__buf *b, size_t max)
{
    ASSERT(max <= SKEP__BUF_CEILING);
    *b = SKEP__BUF_INIT(max);
}

void skep__buf_dispose(skep__buf *b)
{
    skep__free(b->data);
    skep__buf_init(b, b->max);
}

void skep__buf_clear(skep__buf *b)
{
    b->len = 0;
    b->failed = SKEP_OK;
    if (b->data != NULL)
        b->data[0] = '\0';
}

int skep__buf_status(const skep__buf *b)
{
    if (b->failed == SKEP_OK)
        return SKEP_OK;
    if (b->failed == SKEP_ENOMEM)
        return skep__oom();
    if (b->failed == SKEP_ELIMIT)
        return SKEP__FAIL(SKEP_ELIMIT, "text or bytes would pass their ceiling of %zu bytes",
                          b->max);
    return SKEP__FAIL(b->failed, "a text could not be printed");
}

static int empty(skep__buf *b, int code)
{
    skep__buf_dispose(b);
    b->failed = code;
    return skep__buf_status(b);
}

/* Memory for `more` bytes and the NUL. Doubled, so that many small appends cost few copies. */
static int grow(skep__buf *b, size_t more)
{
    if (b->failed != SKEP_OK)
        return skep__buf_status(b);
    if (more > b->max - b->len)
        return empty(b, SKEP_ELIMIT);
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return SKEP_OK;
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need)
        cap *= 2;
    char *data = skep__realloc(b->data, cap);
    if (data == NULL)
        return empty(b, SKEP_ENOMEM);
    b->data = data;
    b->cap = cap;
    return SKEP_OK;
}

int skep__buf_reserve(skep__buf *b, size_t len, void **at)
{
    SKEP__TRY(grow(b, len));
    *at = b->data + b->len;
    return SKEP_OK;
}

void skep__buf_commit(skep__buf *b, size_t len)
{
    if (b->failed != SKEP_OK)
        return;
    ASSERT(len < b->cap - b->len);
    b->len += len;
    b->data[b->len] = '\0';
}

int skep__buf_add(skep__buf *b, const void *data, size_t len)
{
    SKEP__TRY(grow(b, len));
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return SKEP_OK;
}

int skep__buf_add_slice(skep__buf *b, skep_slice s)
{
    return skep__buf_add(b, s.data, s.len);
}

int skep__buf_add_text(skep__buf *b, const char *text)
{
    return skep__buf_add(b, text, strlen(text));
}

int skep__buf_add_byte(skep__buf *b, uint8_t byte)
{
    return skep__buf_add(b, &byte, 1);
}

/* Printed a second time where the first try shows that memory is lacking. */
int skep__buf_vprintf(skep__buf *b, const char *fmt, va_list args)
{
    va_list again;
    SKEP__TRY(grow(b, 0));
    va_copy(again, args);
    size_t left = b->cap - b->len;
    int n = vsnprintf(b->data + b->len, left, fmt, args);
    int rc = n < 0 ? empty(b, SKEP_EINTERNAL) : grow(b, (size_t)n);
    if (rc >= 0 && (size_t)n >= left)
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    va_end(again);
    SKEP__TRY(rc);
    b->len += (size_t)n;
    return SKEP_OK;
}

int skep__buf_printf(skep__buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int rc = skep__buf_vprintf(b, fmt, args);
    va_end(args);
    return rc;
}

skep_slice skep__buf_slice(const skep__buf *b)
{
    return skep_slice_of(b->data, b->len);
}

const char *skep__buf_text(const skep__buf *b)
{
    return b->data != NULL ? b->data : "";
}

int skep__buf_take(skep__buf *b, char **out, size_t *len)
{
    SKEP__TRY(grow(b, 0));
    if (len != NULL)
        *len = b->len;
    if (b->len == 0)
        b->data[0] = '\0';
    *out = SKEP__TAKE(b->data);
    skep__buf_init(b, b->max);
    return SKEP_OK;
}
