/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SHOW_JSON_H
#define SKEP__CLI_SHOW_JSON_H

#include <jansson.h>

#include "cli/cli.h"

/* Print one object and end the output: in lines for a person at a terminal, else on one line. Takes
 * `object`; NULL means that memory ran out while it was made. */
cli_exit cli_json_end(const cli_ui *ui, json_t *object, cli_exit status);

/* JSON of text that may not be UTF-8: a string, or {"text_base64": "…"}. */
json_t *cli_json_text(skep_slice text);
/* The same of a file: its absolute name, where it leads to one. */
json_t *cli_json_path(const char *path);
/* {"base64": "…"} */
json_t *cli_json_blob(skep_slice blob);
/* Any value that a column can hold; +-infinity is {"real": "Infinity"}. */
json_t *cli_json_value(const skep_value *value);
/* A number rounded to so many decimals, so that figures read well. */
json_t *cli_json_rounded(double r, int decimals);
/* Print one value where it stands, a real with as few digits as read back the same. False: memory
 * ran out. */
bool cli_json_put(cli_out *out, const json_t *value);

#endif
