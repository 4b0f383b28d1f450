/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_DATA_COLUMN_H
#define SKEP__CLI_DATA_COLUMN_H

#include "cli/data/csv.h"
#include "cli/data/ndjson.h"

/* The columns that data goes into: what their declared types make of a value, or, for a table that
 * is to be created, which types the values ask for. */

/* SQLite's affinities; INTEGER and NUMERIC do the same to a value that is stored. */
typedef enum cli_affinity {
    CLI_AFFINITY_NONE,
    CLI_AFFINITY_TEXT,
    CLI_AFFINITY_NUMERIC,
    CLI_AFFINITY_REAL
} cli_affinity;

/* What values were seen, one bit each. */
typedef enum cli_seen {
    CLI_SEEN_INT = 1,
    CLI_SEEN_WIDE = 2, /* an integer that a double does not hold */
    CLI_SEEN_REAL = 4,
    CLI_SEEN_TEXT = 8, /* also a number with more digits than any type has */
    CLI_SEEN_BLOB = 16
} cli_seen;

/* The type that a column of a new table gets, from the narrowest to the widest. */
typedef enum cli_type {
    CLI_TYPE_NOTHING, /* no value was seen: TEXT */
    CLI_TYPE_INTEGER,
    CLI_TYPE_REAL,
    CLI_TYPE_TEXT,
    CLI_TYPE_BLOB
} cli_type;

typedef struct cli_column {
    char *name;
    size_t name_len;
    cli_affinity affinity;
    bool not_null;
    unsigned seen;        /* cli_seen: values without quotes, and all of NDJSON */
    unsigned seen_quoted; /* the same of what stood between quotes */
    cli_type type;        /* of a new table */
    uint64_t stamp;       /* the record that named it last */
} cli_column;

typedef struct cli_fields {
    cli_column *list;
    size_t count;
    size_t cap;
    size_t next; /* where the search for a name begins */
    uint64_t records;
} cli_fields;

/* False: memory ran out. */
bool cli_fields_add(cli_fields *columns, const char *name, size_t len);
void cli_fields_dispose(cli_fields *columns);
/* The column of that name: as it is written, else but for the case of its letters; -1: none. Names
 * that come in the columns' order are found at once. */
long cli_fields_find(cli_fields *columns, const char *name, size_t len);

/* The affinity that SQLite gives a declared type. */
cli_affinity cli_affinity_of(const char *type);
/* The type that what was seen asks for. `quotes`: quotes tell text from numbers. */
cli_type cli_column_type(const cli_column *column, bool quotes);
const char *cli_type_name(cli_type type);

/* How fields are to be taken. */
typedef struct cli_csv_rule {
    const char *null_text; /* --null; NULL: an empty field */
} cli_csv_rule;

/* Make a value of a field; bytes that it does not have as it stands go to `*side`, which moves on.
 */
skep_value cli_csv_value(const cli_column *column, const cli_csv_field *field,
                         const cli_csv_rule *rule, char **side);
skep_value cli_json_value_of(const cli_column *column, const cli_json_member *member, char **side);

/* Does a value stay within the type that its column got from a part of the data? */
bool cli_csv_fits(const cli_column *column, const cli_csv_field *field, const skep_value *value,
                  bool quotes);
bool cli_json_fits(const cli_column *column, const cli_json_member *member,
                   const skep_value *value);

void cli_csv_see(cli_column *column, const cli_csv_field *field, const cli_csv_rule *rule,
                 char *scratch);
void cli_json_see(cli_column *column, const cli_json_member *member, char *scratch);

#endif
