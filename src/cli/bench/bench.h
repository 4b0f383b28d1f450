/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_BENCH_BENCH_H
#define SKEP__CLI_BENCH_BENCH_H

#include "cli/cli.h"
#include "cli/tempdir.h"

/* `skep bench db`: what this machine does at this moment. Everything is measured in short slices,
 * in rounds: what is compared lay seconds apart, and what drifts is seen. */

#define BENCH_ROUNDS 5
#define BENCH_THREADS 16
#define BENCH_ITEMS 50000 /* rows that are read and changed */

typedef enum bench_work { BENCH_SYNC, BENCH_WRITE, BENCH_READ, BENCH_READ_HELD } bench_work;

/* The databases: each of the rows works on one of them. */
typedef enum bench_file {
    BENCH_FULL,
    BENCH_NORMAL,
    BENCH_FULL_KEY,
    BENCH_NORMAL_KEY,
    BENCH_FILES,
    BENCH_NO_FILE = BENCH_FILES
} bench_file;

typedef struct bench_row {
    const char *name; /* in JSON */
    const char *text;
    const char *group; /* rows with one scale of bars */
    bench_work work;
    bench_file file;
    int threads;
} bench_row;

extern const bench_row bench_rows[];
extern const size_t bench_row_count;
#define BENCH_ROWS_MAX 16

typedef struct bench_figures {
    double rate[BENCH_ROUNDS]; /* a second; sorted once all are there */
    int rounds;
} bench_figures;

typedef struct bench {
    const cli_ui *ui;
    cli_tempdir dir;
    skep_db *dbs[BENCH_FILES];
    skep_key *key;
    bool no_key; /* this build cannot encrypt */
    int sync_fd;
    uint64_t slice_ns;
    char cipher[16];
    bench_figures figures[BENCH_ROWS_MAX];
} bench;

cli_exit bench_open(bench *b);
void bench_close(bench *b);
/* Measure one row for one slice. */
cli_exit bench_slice(bench *b, size_t row);

/* What the figures are true of. Cut to fit. */
typedef struct bench_machine {
    char cpu[96];
    char kernel[96];
    char device[96];
    char file_system[32];
    char path[256];
    long cpus;
} bench_machine;

void bench_look_at_machine(const bench *b, bench_machine *out);
cli_exit bench_show(const bench *b, uint64_t took_ns);

#endif
