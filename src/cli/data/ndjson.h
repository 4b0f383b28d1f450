/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DATA_NDJSON_H
#define SKEP__CLI_DATA_NDJSON_H

#include "cli/data/scan.h"

/* NDJSON: one JSON object a line (RFC 8259). */

#define CLI_JSON_DEPTH_MAX 128 /* of objects and arrays within a value */

typedef enum cli_json_kind {
    CLI_JSON_NULL,
    CLI_JSON_FALSE,
    CLI_JSON_TRUE,
    CLI_JSON_NUMBER,
    CLI_JSON_STRING, /* `data` and `len` are what stands between the quotes */
    CLI_JSON_NESTED  /* an object or array, as it stands */
} cli_json_kind;

typedef struct cli_json_span {
    const char *data; /* in the range that was scanned */
    size_t len;
    bool escaped; /* cli_json_plain() makes text of it */
} cli_json_span;

typedef struct cli_json_member {
    cli_json_span key;
    cli_json_kind kind;
    cli_json_span value;
} cli_json_member;

typedef struct cli_ndjson_record {
    cli_scanned s;
    bool blank; /* a line without an object */
    size_t count;
    cli_json_member members[CLI_COLUMNS_MAX];
} cli_ndjson_record;

/* Scan the line at the beginning of `data`, which is not empty. `last`: the input ends with it. */
cli_scan cli_ndjson_scan(const char *data, size_t len, bool last, cli_ndjson_record *out);

/* A string as it was meant; `out` has room for `len` bytes. Returns how many it took. */
size_t cli_json_plain(const cli_json_span *text, char *out);

/* What JSON has no form for, as skep writes it: {"base64":"…"}, {"text_base64":"…"} and
 * {"real":"Infinity"}. SKEP_NULL: it is none of these. Bytes go to `out`, which has room for
 * `member->value.len`. */
skep_value cli_json_special(const cli_json_member *member, char *out);

/* Text between quotes, as a JSON string; `out` has room for 6 * len + 2. The text is UTF-8. */
size_t cli_json_quote(const char *text, size_t len, char *out);

#endif
