/* SPDX-License-Identifier: MIT */
#ifndef SKEP_BENCH_JSON_H
#define SKEP_BENCH_JSON_H

#include <jansson.h>
#include <stdio.h>

/* Write `line` (consumed) as one line, at once on the disk's side of the pipe. */
void bench_json_line(FILE *out, json_t *line);

/* All lines of a file, as an array that the caller owns; ends the bench if it cannot be read. */
json_t *bench_json_read(const char *path);

/* Text and number of a line; "" and 0 where there is none. */
const char *bench_json_text(const json_t *line, const char *key);
double bench_json_number(const json_t *line, const char *key);

#endif
