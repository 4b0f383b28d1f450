/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_JSON_IN_H
#define SKEP__BASE_JSON_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/value.h>

/* JSON (RFC 8259) as it is read, step by step out of one piece of memory, without allocating. What
 * is no JSON, or not what was asked for, makes `bad` true; from then on every step gives nothing,
 * so a reader looks once, at its end.
 *
 *   skep__json_in in = skep__json_in_of(text);
 *   skep__json_open(&in, '{');
 *   while (skep__json_member(&in, name, sizeof(name)))
 *       if (strcmp(name, "bytes") == 0) bytes = skep__json_read_int(&in);
 *       else skep__json_skip(&in);
 *   if (!skep__json_over(&in)) …
 *
 * Threads: one at a time. */
typedef struct skep__json_in {
    const char *at;
    const char *end;
    bool bad;
    bool first; /* of the object or array that was opened or gone on with last */
} skep__json_in;

#define SKEP__JSON_IN_DEPTH_MAX 32 /* of what skep__json_skip() passes over */

skep__json_in skep__json_in_of(skep_slice text);

void skep__json_open(skep__json_in *in, char bracket); /* '{' or '[' */
/* The next member of the object; its value is for the caller to read. A longer name is cut. False:
 * the object is over, and was closed. */
bool skep__json_member(skep__json_in *in, char *name, size_t size);
/* Likewise of an array. */
bool skep__json_element(skep__json_in *in);

/* Text, with its NUL; returns its length. What does not fit, and U+0000, is bad. */
size_t skep__json_read_text(skep__json_in *in, char *out, size_t size);
int64_t skep__json_read_int(skep__json_in *in); /* one that has a fraction or does not fit is bad */
bool skep__json_read_bool(skep__json_in *in);
void skep__json_skip(skep__json_in *in); /* a value, whatever it is */

/* Was that all, and nothing bad? */
bool skep__json_over(skep__json_in *in);

#endif
