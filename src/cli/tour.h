/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_TOUR_H
#define SKEP__CLI_TOUR_H

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>

#include <jansson.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/tempdir.h"
#include "cli/text.h"

#define TOUR_THREADS 16
#define TOUR_DIR_MAX CLI_TEMPDIR_MAX
#define TOUR_FILES_MAX 1000000u /* files kept in memory; more are counted only */
#define TOUR_WALK_NS (12 * UINT64_C(1000000000))
#define TOUR_TAKE_NS (20 * UINT64_C(1000000000)) /* no new file is taken after that */
#define TOUR_POOL_SAMPLE 8000u
#define TOUR_POOL_NS (3 * UINT64_C(1000000000))
#define TOUR_CRASH_NS (4 * UINT64_C(1000000000))

/* One tour: where it works and where it prints. */
typedef struct tour {
    const cli_ui *ui;
    cli_out out;             /* stdout */
    const char *source;      /* as given */
    char dir[TOUR_DIR_MAX];  /* the temporary directory */
    const char *file_system; /* of it; "" if unknown */
    bool in_memory;          /* it is not on a disk: a sync costs nothing */
    uint64_t begun_ns;
} tour;

/* True once the user asked to stop (Ctrl-C): every loop of the tour ends then, and the temporary
 * directory goes as always. */
bool tour_stopping(void);

/* ---- the files ---- */

typedef struct tour_file {
    char *path; /* below the source */
    uint64_t size;
    int64_t mtime;
    uint32_t mode;
} tour_file;

typedef struct tour_files {
    tour_file *list;
    size_t count;
    size_t cap;
    uint64_t bytes;
    uint64_t uncounted; /* seen, but not kept */
    bool cut;           /* the walk ended before all were seen */
} tour_files;

/* Copies `file`, its path included. False: memory ran out. */
bool tour_files_add(tour_files *files, const tour_file *file);
void tour_files_dispose(tour_files *files);
/* All regular files below the source, not leaving its file system. */
cli_exit tour_walk(const tour *t, tour_files *files);
/* What stands after the last dot of the name, if it looks like an extension; else "". */
skep_slice tour_extension(const char *path);

/* ---- the crew: 16 threads that record files, each file in a transaction of its own ---- */

typedef struct tour_job {
    skep_db *const *dbs; /* one handle for all, or one for each thread */
    size_t db_count;
    const tour_files *files;
    size_t limit;      /* record the first so many */
    uint64_t take_ns;  /* take no new file after that */
    int ack_fd;        /* -1, or where each number (uint32_t) goes once it is acknowledged */
    const char *label; /* of the progress line */
} tour_job;

typedef struct tour_figures {
    uint64_t done;
    uint64_t took_ns;
    uint64_t commits; /* that those transactions shared */
    uint64_t p50_ns;
    uint64_t p999_ns;
    uint64_t max_ns;
} tour_figures;

int tour_create_table(skep_db *db);
cli_exit tour_crew(const cli_ui *ui, const tour_job *job, tour_figures *out);
double tour_rate(const tour_figures *figures);
double tour_group(const tour_figures *figures);

/* The same work, with one connection per thread. */
cli_exit tour_pool(const tour *t, const tour_files *files, tour_figures *out);

/* ---- the crash ---- */

typedef struct tour_crash {
    uint64_t acknowledged;
    uint64_t found;     /* rows after the kill */
    uint64_t missing;   /* acknowledged, but not there */
    uint64_t different; /* there, but not what was written */
    uint64_t ran_ns;    /* until the kill */
    uint64_t reopen_ns;
    char integrity[64]; /* what integrity_check says */
} tour_crash;

/* The child takes its work from the first database of the tour. */
cli_exit tour_crash_run(const tour *t, const tour_files *files, tour_crash *out);
/* The child's side: never returns before it is killed, unless it fails. */
cli_exit tour_crash_child(const cli_call *call, const char *dir);

/* ---- the questions ---- */

#define TOUR_ANSWERS 5
#define TOUR_QUESTIONS 3

typedef struct tour_answer {
    char text[256];
    uint64_t files;
    uint64_t bytes;
    int64_t mtime;
} tour_answer;

typedef struct tour_question {
    const char *name; /* in JSON */
    const char *text; /* for a person */
    uint64_t took_ns;
    size_t count;
    tour_answer answers[TOUR_ANSWERS];
} tour_question;

cli_exit tour_ask(const cli_ui *ui, skep_db *db, tour_question questions[TOUR_QUESTIONS]);

/* ---- drawing ---- */

int tour_columns(const tour *t);
void tour_heading(tour *t, const char *number, const char *text);
void tour_style(tour *t, cli_style style);
void tour_print(tour *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A bar of `share`, in a style, padded to `columns`. */
void tour_bar(tour *t, double share, int columns, cli_style style);
/* Text cut or padded to `columns`; of a path the end is kept. */
void tour_cell(tour *t, const char *text, int columns, bool path);
void tour_flush(tour *t);

/* ---- the story ---- */

typedef struct tour_inventory {
    tour_files files;
    uint64_t walk_ns;
    uint64_t left_out;
    tour_figures skep;
    tour_figures pool;
    tour_question questions[TOUR_QUESTIONS];
    tour_crash crash;
} tour_inventory;

cli_exit tour_chapter_inventory(tour *t);
void tour_show_record(tour *t, const tour_inventory *story);
void tour_show_questions(tour *t, const tour_inventory *story);
void tour_show_crash(tour *t, const tour_inventory *story);
void tour_show_end(tour *t, const tour_inventory *story);
json_t *tour_json(const tour *t, const tour_inventory *story);

#endif
