/* SPDX-License-Identifier: MIT */
#ifndef SKEP__SQL_DDL_H
#define SKEP__SQL_DDL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/value.h>

#include "base/buf.h"

/* The one place outside `query` and `schema` that composes SQL. Names that come from outside go
 * through skep__ddl_name(), values never go into SQL but through skep__ddl_literal(), for the few
 * statements that take no parameters. All append to `out`; look at its status once, at the end. */

/* A column for skep__ddl_create_table(). */
typedef struct skep__column {
    const char *name;
    const char *type; /* one of INTEGER REAL TEXT BLOB ANY, or NULL for none */
    bool not_null;
    bool primary_key; /* several: a key of several columns, in their order */
} skep__column;

/* "name" in double quotes, those inside doubled. INVALID for an empty name or one with a zero byte
 * or broken UTF-8. */
int skep__ddl_name(skep__buf *out, skep_slice name);
/* 'text' in single quotes, X'…' for blobs, numbers so that they read back the same. */
int skep__ddl_literal(skep__buf *out, const skep_value *value);
/* "a", "b", "c" */
int skep__ddl_names(skep__buf *out, const char *const *names, size_t n);
/* ?, ?, ? */
int skep__ddl_parameters(skep__buf *out, size_t n);
int skep__ddl_create_table(skep__buf *out, const char *table, const skep__column *columns,
                           size_t n);
/* PRAGMA name=value; `name` is a literal of ours. */
int skep__ddl_pragma(skep__buf *out, const char *name, int64_t value);

#endif
