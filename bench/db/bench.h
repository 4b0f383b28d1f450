/* SPDX-License-Identifier: MIT */
#ifndef SKEP_BENCH_H
#define SKEP_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What the parts of the database bench share. A bench is a program that may give up: whatever goes
 * wrong ends it with a message, so nothing here returns an error. */

enum {
    BENCH_CLIENTS_MAX = 64,
    BENCH_ACCOUNTS = 10000, /* rows that the small transactions update, one each */
    BENCH_NOTE_BYTES = 100, /* what they insert */
    BENCH_ITEMS = 1000000,  /* rows that the point reads choose from */
    BENCH_WAL_PAGES = 4000, /* the length of the recycled WAL that every writing run starts with */
};

#define BENCH_SEALED_SUFFIX "-aegis"                 /* of sides whose files are encrypted */
#define BENCH_KEY "0123456789abcdef0123456789abcdef" /* of these files: 32 bytes */
#define BENCH_PASSPHRASE "correct horse battery staple"

#define BENCH_SQL_INSERT "INSERT INTO log(account, amount, note) VALUES (?, ?, ?)"
#define BENCH_SQL_UPDATE "UPDATE account SET balance = balance + ? WHERE id = ?"
#define BENCH_SQL_POINT "SELECT name, bytes FROM item WHERE id = ?"

/* One small transaction: both statements, in a durable transaction of their own. */
typedef struct bench_tx {
    int64_t account;
    int64_t amount;
    unsigned char note[BENCH_NOTE_BYTES];
} bench_tx;

/* What a child process is to run. */
typedef struct bench_job {
    const char *kind; /* "write", "read", "open" or "sync" */
    const char *side; /* "skep", with "-aegis", "-async" or "-batch"; or the name of a peer */
    const char *mode; /* write: "full", "normal"; read: "autocommit", "held", "lease", "scan"; … */
    int clients;
    int round;
    double seconds;
    const char *path; /* the database file */
} bench_job;

bool bench_sealed(const bench_job *job); /* files.c */

/* What came out of one run; times in microseconds. */
typedef struct bench_result {
    double per_s;  /* finished inside the window, divided by its length */
    uint64_t done; /* acknowledged in all, with those that finished after the window */
    int64_t sum;   /* of what was acknowledged, to be found again in the file */
    uint64_t busy; /* SQLITE_BUSY answers that were retried */
    double group;  /* transactions per commit */
    double cpu;    /* processor time of the process per operation */
    double p50;
    double p99;
    double p999;
    double max;
} bench_result;

/* Latencies: a histogram of 128 steps per power of two, so a value is kept within 0.8 %. */
enum { BENCH_HIST_BITS = 7, BENCH_HIST_SLOTS = (64 - BENCH_HIST_BITS + 1) << BENCH_HIST_BITS };
typedef struct bench_hist {
    uint64_t count;
    uint64_t max;
    uint32_t slot[BENCH_HIST_SLOTS];
} bench_hist;

void bench_hist_add(bench_hist *h, uint64_t ns);
void bench_hist_merge(bench_hist *into, const bench_hist *from);
uint64_t bench_hist_quantile(const bench_hist *h, double q);
void bench_hist_result(const bench_hist *h, bench_result *out);

/* stats.c: time, chance, order. */
uint64_t bench_now(void); /* CLOCK_MONOTONIC, ns */
uint64_t bench_cpu(void); /* user and system time of this process, ns */
uint64_t bench_random(uint64_t *state);
double bench_median(double *values, size_t count); /* sorts them */
void *bench_calloc(size_t count, size_t size);
void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A way to write: one of these per peer, and one for skep. `write` returns when the transaction is
 * acknowledged at the durability that the job asks for; it is called by `clients` threads at once,
 * each with its own number. */
typedef struct bench_writer {
    const char *name;
    void *(*open)(const bench_job *job);
    void (*write)(void *self, int client, bench_tx *tx);
    uint64_t (*commits)(void *self); /* commits made so far; 0: one for each transaction */
    uint64_t (*busy)(void *self);
    void (*close)(void *self);
} bench_writer;

extern const bench_writer bench_pool;      /* pool.c: with one client, a plain connection */
extern const bench_writer bench_dedicated; /* dedicated.c */
extern const bench_writer bench_skep;      /* skep.c */

/* A way to read points. `run` reads random items until bench_reading_goes_on() says no. */
typedef struct bench_reading {
    uint64_t end;
    uint64_t seed;
    uint64_t started; /* of the read that is being sampled, or 0 */
    uint64_t done;
    int64_t sum;
    bench_hist hist;
} bench_reading;

typedef struct bench_reader {
    const char *name;
    void *(*open)(const bench_job *job); /* with the whole table in its cache */
    void (*run)(void *self, bench_reading *reading);
    void (*close)(void *self);
} bench_reader;

extern const bench_reader bench_raw_autocommit; /* reads.c */
extern const bench_reader bench_raw_held;
extern const bench_reader bench_skep_single; /* skep.c */
extern const bench_reader bench_skep_held;
extern const bench_reader bench_skep_lease;
extern const bench_reader bench_skep_scan;

/* Call before each read: its key, or 0 when time is up. The clock is read at one in 32. */
int64_t bench_reading_next(bench_reading *reading);
/* What the row of `id` must hold in its column `bytes`. */
int64_t bench_item_bytes(int64_t id);
/* Call with what the read found. */
void bench_reading_found(bench_reading *reading, int64_t id, int64_t bytes);

/* Open and close once; return the time that opening took. */
struct skep_key;
uint64_t bench_skep_open_once(const char *path, const struct skep_key *key);
struct skep_key *bench_skep_key(const bench_job *job); /* NULL where the side is not encrypted */
uint64_t bench_raw_open_once(const char *path);

/* The work of a child: workload.c (write), reads.c (read, open), disk.c (sync). */
void bench_run_write(const bench_job *job, bench_result *out);
void bench_run_async(const bench_job *job,
                     bench_result *out); /* async.c: one thread, many writes */
void bench_run_read(const bench_job *job, bench_result *out);
void bench_run_open(const bench_job *job, bench_result *out);
void bench_run_sync(const bench_job *job, bench_result *out);

/* Says that everything is open, and returns when the parent says go. */
void bench_wait_for_go(void);

/* child.c: run a job in a process of its own. `prepare` is called when the child is ready and
 * before it may go. Where the run cannot be had, ends the bench. */
typedef struct bench_child {
    const char *program; /* this program, or "node" */
    const char *script;  /* NULL, or the script of the peer */
} bench_child;
void bench_child_run(const bench_child *child, const bench_job *job, void (*prepare)(void *ctx),
                     void *ctx, bench_result *out);
int bench_child_main(int argc, char **argv);

/* files.c: the databases, seen from the parent. */
typedef struct bench_files bench_files;
bench_files *bench_files_new(const char *dir);
void bench_files_free(bench_files *files); /* and removes them */
/* A fresh copy for a writing run; encrypted where the job says so. */
const char *bench_files_accounts(bench_files *files, const bench_job *job);
void bench_files_prepare(void *files); /* brings its WAL to the start line */
void bench_files_verify(bench_files *files, const bench_result *result, const bench_job *job);
const char *bench_files_items(bench_files *files, const bench_job *job);
const char *bench_files_scratch(bench_files *files);

/* report.c: print the tables that a file of results stands for, as Markdown, which reads well on a
 * terminal too. */
int bench_report(const char *jsonl, FILE *out);

/* machine.c: the facts that figures are worth nothing without, as one JSON line. */
void bench_machine_write(FILE *out, const char *dir, double seconds, int rounds);

#endif
