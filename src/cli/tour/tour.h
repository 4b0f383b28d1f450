/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_TOUR_TOUR_H
#define SKEP__CLI_TOUR_TOUR_H

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>

#include <jansson.h>

#include <skep/health.h>

#include "cli/cli.h"
#include "cli/show/progress.h"
#include "cli/show/text.h"
#include "cli/tempdir.h"

#define TOUR_THREADS 16
#define TOUR_DIR_MAX CLI_TEMPDIR_MAX
#define TOUR_FILES_MAX 1000000u /* files kept in memory; more are counted only */
#define TOUR_WALK_NS (12 * UINT64_C(1000000000))
#define TOUR_TAKE_NS (20 * UINT64_C(1000000000)) /* no new file is taken after that */
#define TOUR_POOL_SAMPLE 8000u
#define TOUR_POOL_NS (3 * UINT64_C(1000000000))
#define TOUR_FLIGHT 4000u /* fewer than db.async_max: handing over never waits */
#define TOUR_SEAL_SAMPLE 8000u
#define TOUR_SEAL_NS (3 * UINT64_C(1000000000))
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

/* What every database of the tour is opened with. */
skep_db_opts tour_opts(void);
int tour_create_table(skep_db *db);
cli_exit tour_crew(const cli_ui *ui, const tour_job *job, tour_figures *out);
double tour_rate(const tour_figures *figures);
double tour_group(const tour_figures *figures);

/* The same work, with one connection per thread. */
cli_exit tour_pool(const tour *t, const tour_files *files, tour_figures *out);

/* ---- in flight: transactions that nobody waits for, yet ---- */

typedef struct tour_flight {
    uint64_t done;
    uint64_t submit_ns; /* until all were handed over */
    uint64_t took_ns;   /* until all had their answers */
    uint64_t commits;
    uint64_t in_flight; /* when the last had been handed over */
    uint64_t threads;   /* of this process then; 0: unknown */
} tour_flight;

double tour_flight_rate(const tour_flight *f);
cli_exit tour_flight_run(const tour *t, skep_db *db, size_t files, tour_flight *out);

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

/* ---- health ---- */

#define TOUR_METRICS 4

typedef struct tour_health {
    skep_health health;
    uint64_t connections;
    uint64_t transactions;
    uint64_t failed;
    uint64_t findings;
    uint64_t ping_ns;
    uint64_t check_ns;
    char metrics[TOUR_METRICS][96]; /* lines of the metrics, without labels */
} tour_health;

cli_exit tour_health_run(const tour *t, skep_db *db, tour_health *out);

/* ---- encryption ---- */

typedef struct tour_refusal {
    int code;
    char text[SKEP_ERR_TEXT_MAX];
} tour_refusal;

typedef struct tour_seal {
    char cipher[16];
    char needle[NAME_MAX + 1]; /* a file name that stands in the database */
    uint64_t plain;            /* how often it can be read in the first database's bytes */
    uint64_t sealed;           /* and in the encrypted one's */
    uint64_t bytes;
    tour_figures figures;
    tour_refusal without_key;
    tour_refusal wrong_key;
    uint64_t rows; /* with the key */
} tour_seal;

/* Records a part of the files into an encrypted database; the first one must be closed. */
cli_exit tour_seal_run(const tour *t, const tour_files *files, tour_seal *out);

/* ---- drawing ---- */

int tour_columns(const tour *t);
void tour_heading(tour *t, const char *number, const char *text);
void tour_style(tour *t, cli_style style);
void tour_print(tour *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A bar of `share`, in a style, padded to `columns`. */
void tour_bar(tour *t, double share, int columns, cli_style style);
/* Text cut or padded to `columns`; of a path the end is kept. */
void tour_cell(tour *t, const char *text, int columns, bool path);
void tour_rate_bar(tour *t, const char *name, double rate, double most, cli_style style);
/* A name, its value, and dimly what is to be said of it. */
void tour_fact(tour *t, const char *name, const char *value, const char *remark);
void tour_verdict(tour *t, bool good, const char *text);
void tour_flush(tour *t);

/* ---- the story ---- */

typedef struct tour_inventory {
    tour_files files;
    uint64_t walk_ns;
    uint64_t left_out;
    tour_figures skep;
    tour_figures pool;
    tour_flight flight;
    tour_question questions[TOUR_QUESTIONS];
    tour_health health;
    tour_crash crash;
    tour_seal seal;
} tour_inventory;

cli_exit tour_chapter_inventory(tour *t);
cli_exit tour_chapter_store(tour *t);
void tour_show_record(tour *t, const tour_inventory *story);
void tour_show_flight(tour *t, const tour_inventory *story);
json_t *tour_flight_json(const tour_flight *f);
void tour_show_questions(tour *t, const tour_inventory *story);
void tour_show_health(tour *t, const tour_inventory *story);
json_t *tour_health_json(const tour_health *h);
void tour_show_crash(tour *t, const tour_inventory *story);
void tour_show_seal(tour *t, const tour_inventory *story);
json_t *tour_seal_json(const tour_seal *s);
/* Nobody without the key got in, nothing can be read, and with the key all is there. */
bool tour_seal_holds(const tour_inventory *story);
void tour_show_end(tour *t, const tour_inventory *story);
json_t *tour_json(const tour *t, const tour_inventory *story);

#endif
