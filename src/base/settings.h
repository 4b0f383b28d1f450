/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_SETTINGS_H
#define SKEP__BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/value.h>

#include "base/base_limits.h"
#include "base/buf.h"

/* Settings: what can be chosen, in one const table per room, from which everything that reads,
 * checks or explains a setting works.
 *
 * A row may name a field of an options struct; zero in that field then means the row's default, as
 * everywhere in the public API:
 *
 *   static const skep__setting rows[] = {
 *       {.name = "db.readers", SKEP__FIELD(skep_db_opts, readers), .type = SKEP__SETTING_INT,
 *        .initial = 10, .min = 1, .max = SKEP_DB_READERS_MAX, .help = "Most reading connections."},
 *       {.name = "db.busy_timeout", SKEP__FIELD(skep_db_opts, busy_timeout_ms),
 *        .type = SKEP__SETTING_DURATION, .unit = "ms", .initial = 5000, .max = 86400000, …},
 *       {.name = "db.synchronous", SKEP__FIELD(skep_db_opts, synchronous),
 *        .type = SKEP__SETTING_ENUM, .choices = sync_choices, .initial = SKEP_SYNC_FULL, …},
 *       {.name = "db.readonly", SKEP__FIELD(skep_db_opts, flags), .bit = SKEP_DB_READONLY,
 *        .type = SKEP__SETTING_BOOL, …},
 *   };
 *   static const skep__settings_table table =
 *       SKEP__SETTINGS_TABLE("skep_db_opts", skep_db_opts, rows);
 *
 * Threads: tables are const; a skep__settings is one at a time.
 */

typedef enum skep__setting_type {
    SKEP__SETTING_INT,      /* "-3"; unit is for people: "pages" */
    SKEP__SETTING_BOOL,     /* yes no true false on off 1 0 */
    SKEP__SETTING_BYTES,    /* "65536", "64 KiB", "1GB", "64M" (binary) */
    SKEP__SETTING_DURATION, /* kept in `unit` (ns us ms s); "5s", "2 min", "500" (in `unit`) */
    SKEP__SETTING_ENUM,     /* one of `choices` */
    SKEP__SETTING_TEXT      /* min and max bound its length in bytes */
} skep__setting_type;

typedef struct skep__choice { /* a list of these ends with a NULL name */
    const char *name;
    int64_t value; /* not 0 where the row has a field: 0 is the default there */
} skep__choice;

typedef struct skep__setting {
    const char *name; /* "section.key", lower case; SKEP_SECTION_KEY mirrors it */
    skep__setting_type type;
    const char *unit;
    int64_t initial;          /* the default; for BOOL 0 or 1; ENUM 0: the room decides */
    const char *initial_text; /* the default of TEXT; NULL: none */
    int64_t min;
    int64_t max;                 /* min = max = 0: no bound but the type's */
    const skep__choice *choices; /* ENUM */
    const char *help;            /* one line */

    /* Where it lives in the table's options struct; width 0: nowhere. Of TEXT a const char *, which
     * is borrowed. */
    const char *field;
    size_t offset;
    size_t width; /* 4 or 8 */
    uint32_t bit; /* BOOL: the flag of a 4-byte flags field */
} skep__setting;

#define SKEP__FIELD(type_, member)                                                                 \
    .field = #member, .offset = offsetof(type_, member), .width = sizeof(((type_ *)0)->member)

typedef struct skep__settings_table {
    const char *what; /* for error texts: "skep_db_opts" */
    size_t size;      /* of the options struct; 0: no row has a field */
    size_t count;
    const skep__setting *rows;
} skep__settings_table;
/* clang-format off */
#define SKEP__SETTINGS_TABLE(what_, type_, rows_)                                                  \
    {                                                                                              \
        (what_), sizeof(type_), sizeof(rows_) / sizeof((rows_)[0]), (rows_)                        \
    }
/* clang-format on */

/* Where a value comes from. A later one here beats an earlier one, whichever arrives first. */
typedef enum skep__origin_kind {
    SKEP__FROM_DEFAULT,
    SKEP__FROM_FILE,
    SKEP__FROM_ENV,
    SKEP__FROM_OPTION,
    SKEP__FROM_CODE /* a struct that the application filled */
} skep__origin_kind;

typedef struct skep__origin {
    skep__origin_kind kind;
    const char *name; /* the file, the variable, the option as typed, or the struct */
    unsigned line;    /* of a file; else 0 */
} skep__origin;

/* "skep.conf:12: db.readers", "SKEP_DB_READERS", "--db-readers", "skep_db_opts.readers": how an
 * error text names a setting. Returns `buf`. */
const char *skep__setting_subject(const skep__setting *row, const skep__origin *from, char *buf,
                                  size_t size);
/* One value against its row: SKEP_EINVALID with what, where and what is allowed. Not for TEXT. */
int skep__setting_check(const skep__setting *row, int64_t value, const skep__origin *from);
/* Text to a number, checked. Not for TEXT. */
int skep__setting_parse(const skep__setting *row, skep_slice text, const skep__origin *from,
                        int64_t *out);

/* Copy an application's options to `out` (table->size bytes), with every zero replaced by its
 * default and everything checked. `given` may be NULL; it starts with its uint32_t size: a shorter
 * one comes from an older header, a longer one is SKEP_EUNSUPPORTED unless its rest is zero. */
int skep__settings_take(const skep__settings_table *table, const void *given, void *out);

/* A set of values for a table, gathered from a file, the environment and the command line. */
typedef struct skep__setting_value {
    int64_t number;
    char *text;             /* TEXT: owned; NULL where none was set */
    skep__origin_kind kind; /* whose value this is */
    unsigned seen;          /* a bit for each kind that set it, heard or not */
    unsigned line;          /* where the file set it */
} skep__setting_value;

typedef struct skep__settings {
    const skep__settings_table *table; /* borrowed for good */
    skep__setting_value *values;       /* as many as the table has rows */
} skep__settings;

int skep__settings_init(skep__settings *s, const skep__settings_table *table);
void skep__settings_dispose(skep__settings *s);

/* Set by name. Unknown: SKEP_EINVALID with the nearest name. Twice from the same kind of origin:
 * SKEP_EINVALID. A value that a stronger origin has set is checked and dropped. */
int skep__settings_set(skep__settings *s, const char *name, skep_slice text,
                       const skep__origin *from);
/* The bytes of an INI file; `file` is for error texts. All or nothing is not promised: after a
 * failure dispose of the set. */
int skep__settings_load_ini(skep__settings *s, skep_slice text, const char *file);
/* `environ`-like list; other variables are left alone. */
int skep__settings_load_env(skep__settings *s, char *const *env);

int64_t skep__settings_number(const skep__settings *s, size_t row);
const char *skep__settings_text(const skep__settings *s, size_t row); /* borrowed; may be NULL */
skep__origin_kind skep__settings_origin(const skep__settings *s, size_t row);
/* The rows that have a field, written to an options struct (its size field included). */
void skep__settings_fill(const skep__settings *s, void *opts);
/* What was set, and nothing else, over an options struct that is filled in already. Texts are kept
 * in `texts`, which is empty, and stay where they are until it changes. */
int skep__settings_lay_over(const skep__settings *s, void *opts, skep__buf *texts);

#endif
