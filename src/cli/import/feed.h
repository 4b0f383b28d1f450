/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_IMPORT_FEED_H
#define SKEP__CLI_IMPORT_FEED_H

#include <pthread.h>

#include "cli/data/column.h"
#include "cli/import/source.h"

/* Data read, scanned and made into values by a thread of its own, in batches, while another thread
 * inserts what came before. Some batches go round between the two, so memory is bounded: by these,
 * and by the longest record. */

#define CLI_BATCH_BYTES ((size_t)1 << 18)  /* read at once, unless a record is longer */
#define CLI_RECORD_MAX ((size_t)1 << 30)   /* bytes of one record */
#define CLI_BATCH_VALUES ((size_t)1 << 15) /* or as many as one record has */
#define CLI_BATCH_ROWS ((size_t)1 << 14)
#define CLI_BATCH_BADS 64
#define CLI_BATCHES 4

typedef enum cli_format {
    CLI_FORMAT_NONE,
    CLI_FORMAT_CSV,
    CLI_FORMAT_TSV,
    CLI_FORMAT_NDJSON
} cli_format;

/* What --format says, else the end of `path` (may be NULL). */
cli_format cli_format_of(const cli_call *call, const char *path);

typedef struct cli_span {
    uint32_t at;
    uint32_t len;
} cli_span;

/* A record that cannot be taken. */
typedef struct cli_bad {
    size_t before; /* the row of the batch that comes after it */
    cli_span span;
    uint32_t at; /* the byte that is wrong */
    char what[160];
} cli_bad;

typedef struct cli_batch {
    char *raw; /* as it was read, from the beginning of a record */
    size_t raw_cap;
    size_t raw_len;
    size_t used;        /* bytes of `raw` that the records below take */
    char *side;         /* what is not in `raw` as it is meant; as large as that */
    uint64_t offset;    /* of `raw` in the input */
    uint64_t line;      /* that `raw` begins with, from 1 */
    skep_value *values; /* row by row */
    size_t values_cap;
    cli_span *spans; /* where each row stands */
    size_t rows;
    cli_bad bads[CLI_BATCH_BADS];
    size_t bad_count;
} cli_batch;

typedef struct cli_position {
    uint64_t offset;
    uint64_t line;
} cli_position;

/* What the records are taken as. */
typedef struct cli_shape {
    cli_format format;
    const cli_csv *csv;
    cli_csv_rule rule;
    cli_fields *columns;  /* of a row, in its order */
    cli_fields *computed; /* and those that the table makes of them, for messages */
    const char *table;    /* for messages */
    bool guessed; /* the types are from a part of the data: what does not fit ends the feed */
    bool quotes;  /* then: quotes tell text from numbers */
} cli_shape;

typedef union cli_record {
    cli_csv_record csv;
    cli_ndjson_record json;
} cli_record;

typedef struct cli_feed cli_feed;
struct cli_look;
/* What becomes of a record that was scanned; those bytes of the batch, from `used` on. */
typedef void cli_take_fn(cli_feed *feed, cli_batch *batch, const cli_scanned *s, char **side);

struct cli_feed {
    cli_take_fn *take;
    cli_source *source;
    const cli_shape *shape;
    cli_record *record; /* of the thread that scans */
    cli_position at;    /* of what is read next into a batch */
    char *tail;         /* read, but not yet scanned */
    size_t tail_len;
    size_t tail_cap;
    bool ended; /* the source has no more */
    cli_batch batches[CLI_BATCHES];

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    unsigned filled; /* batches filled and taken since the start, modulo CLI_BATCHES the next */
    unsigned taken;
    unsigned given;
    bool stop;
    bool done;             /* no batch comes any more */
    bool misfit;           /* done, because a value did not fit a type that was guessed */
    int error;             /* errno */
    struct cli_look *look; /* while it is only looked */
};

int cli_feed_init(cli_feed *feed, cli_source *source, const cli_shape *shape);
void cli_feed_dispose(cli_feed *feed);

/* Start the thread, which begins there. ESPIPE: that cannot be read again. */
int cli_feed_start(cli_feed *feed, cli_position from);
/* The next batch, or NULL at the end: then `error` tells whether it is one. */
cli_batch *cli_feed_take(cli_feed *feed);
void cli_feed_give(cli_feed *feed, const cli_batch *batch);
void cli_feed_stop(cli_feed *feed);

/* Where a byte of a batch stands in the input. */
cli_place cli_batch_place(const cli_batch *batch, size_t at);

/* ---- looking at the data before it is taken (feed_look.c), in the calling thread ---- */

/* The fields of the first record as names of columns, or, without a `header`, as many columns
 * named c1, c2 and so on. `body` is where the data begins. Returns an errno; EINVAL: `bad` says
 * what is wrong with it, at `place`. */
typedef struct cli_header {
    cli_fields *columns; /* out; empty for NDJSON */
    cli_position body;
    cli_place place;
    char bad[160];
} cli_header;
int cli_feed_header(cli_feed *feed, bool header, cli_header *out);

/* Look at the data: the columns of the shape get what was seen of them, and in NDJSON those
 * that are named are added. A record that is bad is passed over: it is told of when it is taken. */
typedef struct cli_look {
    uint64_t most; /* stop when so many bytes were seen */
    bool plain;    /* a field stands without quotes */
    bool whole;    /* all of the data was seen */
    bool bad;      /* a record is: the first such, and where */
    cli_bad first_bad;
    cli_place place;
    void (*progress)(uint64_t bytes, void *ctx);
    void *ctx;
} cli_look;
int cli_feed_look(cli_feed *feed, cli_position from, cli_look *look);

/* ---- what both have in common ---- */

int cli_feed_begin(cli_feed *feed, cli_position from);
/* Returns an errno. A batch without bytes is the end. */
int cli_feed_fill(cli_feed *feed, cli_batch *batch);
/* Only the first record, in the first batch, from `*begin` on; CLI_SCAN_MORE: there is none. */
int cli_feed_first(cli_feed *feed, size_t *begin, cli_scan *got, cli_scanned *s);

#endif
