/* SPDX-License-Identifier: MIT */

#include "json.h"

#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bench_json_line(FILE *out, json_t *line)
{
    if (json_dumpf(line, out, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0 ||
        fputc('\n', out) == EOF || fflush(out) != 0)
        bench_die("the results cannot be written: %m");
    json_decref(line);
}

json_t *bench_json_read(const char *path)
{
    FILE *in = fopen(path, "re");
    if (in == NULL)
        bench_die("%s: %m; run `make bench` first", path);
    json_t *lines = json_array();
    char *text = NULL;
    size_t size = 0;
    for (int number = 1; getline(&text, &size, in) > 0; number++) {
        json_error_t error;
        json_t *line = json_loads(text, 0, &error);
        if (line == NULL)
            bench_die("%s:%d: %s", path, number, error.text);
        json_array_append_new(lines, line);
    }
    free(text);
    (void)fclose(in);
    return lines;
}

const char *bench_json_text(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "";
}

double bench_json_number(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}
