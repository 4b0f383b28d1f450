/* SPDX-License-Identifier: MIT */
/* Masking SQL: any bytes are masked without reading or writing too far, masking twice changes
 * nothing more, and what stands in a literal does not come out. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_any(const char *text, size_t len)
{
    char *once = malloc(SKEP__SQL_MASK_SIZE(len));
    if (once == NULL)
        abort();
    size_t n = skep__sql_mask(text, len, once);
    if (n != strlen(once) || n >= SKEP__SQL_MASK_SIZE(len))
        abort();
    char *twice = malloc(SKEP__SQL_MASK_SIZE(n));
    if (twice == NULL)
        abort();
    if (skep__sql_mask(once, n, twice) != n || strcmp(once, twice) != 0)
        abort();
    free(twice);
    free(once);
}

/* A statement made of pieces that the input picks. Only literals and comments have a 'Q' in them,
 * and each ends before the next piece begins, so no 'Q' may come out. */
static void check_made(const uint8_t *data, size_t size)
{
    static const char *const pieces[] = {
        "SELECT ", "a",     ",",      "(",    ")",    "=",    "\n",       " -- Q'\"\n",
        "/*Q*/",   "'Q'",   "'Q''Q'", "x'Q'", "X'Q'", " 1Q ", " .5Q ",    " 0xQ ",
        " 1e+5Q ", "?",     "?12",    ":n",   "@m ",  "$k ",  "\"c\"",    "[d]",
        "`e`",     " t.f ", ";",      " || ", " IN ", "-",    "\xc3\xa4", ", 'Q', 'Q'",
    };
    enum { PIECES = sizeof(pieces) / sizeof(pieces[0]), LONGEST = 16 };
    size_t used = size < 200 ? size : 200;
    char text[200 * LONGEST + 1];
    size_t len = 0;
    for (size_t i = 0; i < used; i++) {
        const char *piece = pieces[data[i] % PIECES];
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", piece);
    }
    char out[SKEP__SQL_MASK_SIZE(sizeof(text))];
    (void)skep__sql_mask(text, len, out);
    if (strchr(out, 'Q') != NULL)
        abort();
    check_any(text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_any((const char *)data, size);
    check_made(data, size);
    return 0;
}
