/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_MASK_H
#define SKEP__SQL_MASK_H

#include <stddef.h>

/* What a statement does, without the values in it, so that it may be shown and so that texts which
 * differ in their values only are one statement: each string, blob and number becomes `?`, several
 * in a row become `?, ...`, comments and blanks become one blank. Names, keywords and parameters
 * stay as they are, except behind the `=` or `(` of a PRAGMA, where a word may be a secret. What is
 * no SQL is masked too; masking twice changes nothing more.
 *
 * Ends at the first zero byte. `out` needs SKEP__SQL_MASK_SIZE(len) bytes and gets a terminator;
 * the length without it is returned. */
#define SKEP__SQL_MASK_SIZE(len) (2 * (len) + 1)
size_t skep__sql_mask(const char *sql, size_t len, char *out);

#endif
