/* SPDX-License-Identifier: MIT */
#ifndef FAULTS_LEDGER_H
#define FAULTS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/db.h>

/* What the tests of faults write, and what must be left of it afterwards.
 *
 * Each call inserts two rows (call, half), each with a body that follows from both, and takes the
 * next number of a counter. So a file tells by itself whether a call is whole, whether its bytes
 * are the ones written, and whether the commits in it are a prefix of all: numbers 1 … n, each
 * once. */

typedef enum ledger_fate {
    FATE_NONE = 0, /* the call was not made */
    FATE_PRESENT,  /* acknowledged: it must be there */
    FATE_ABSENT,   /* refused or rolled back: it must not be there */
    FATE_EITHER    /* outcome unknown */
} ledger_fate;

#define LEDGER_CALLS_MAX 2048

typedef struct ledger {
    _Atomic uint32_t next;
    _Atomic uint8_t fates[LEDGER_CALLS_MAX];
    _Atomic bool poison_seen; /* some call was answered SKEP_EPOISONED */
    uint32_t body;            /* bytes of a body; 0: a size that follows from the call */
} ledger;

/* What a file holds. */
typedef struct ledger_image {
    int64_t *calls; /* in order of commit: calls[n - 1] has the number n */
    size_t count;
} ledger_image;

int ledger_create(skep_db *db); /* the tables */

/* Prepare all that a call needs, and roll it back. */
void ledger_write_nothing(skep_db *db);

/* One write call of its own number; its fate is noted, and the detail of a failure checked. */
int ledger_write(ledger *l, skep_db *db);
/* The same with options (may be NULL) and a number of the caller's choice, noted in `l` if that is
 * not NULL. */
int ledger_write_call(ledger *l, skep_db *db, int64_t call, const skep_call_opts *opts);

/* A future is waited for, with a receipt and a descriptor; a batch. */
#define LEDGER_BATCH 3
int ledger_write_async(ledger *l, skep_db *db);
int ledger_write_batch(ledger *l, skep_db *db);

/* A database with so many calls, some of them with bodies that overflow a page: closed, or with all
 * calls after the first LEDGER_FILE_BASE in its WAL, as a crash leaves it. */
#define LEDGER_FILE_CALLS 60
#define LEDGER_FILE_BASE 41
void ledger_make_file(ledger *l, const char *path, bool with_wal);

/* Read all through skep, in one snapshot. Every byte is checked. */
int ledger_read(skep_db *db, ledger_image *out);
/* Read one call's rows with one statement; 0 when they are not there, 1 when they are. */
int ledger_read_single(skep_db *db, int64_t call);

/* Open the file with SQLite itself, as a process would after a crash: integrity_check, every byte.
 */
void ledger_read_file(const char *path, ledger_image *out);
void ledger_image_free(ledger_image *image);

bool ledger_has(const ledger_image *image, int64_t call);
/* Each fate is met; `what` says where this image comes from. */
void ledger_check(const ledger *l, const ledger_image *image, const char *what);
/* Read the file and check it. */
void ledger_check_file(const ledger *l, const char *path, const char *what);
/* Copy `path` and its -wal, without -shm, to `copy`, and check that: what a new process would find
 * if this one died now. */
void ledger_check_death(const ledger *l, const char *path, const char *copy);

/* The same for programs other than skep: the tables, and one call as a transaction in SQL. Returns
 * the length of the text. */
extern const char *const ledger_schema;
size_t ledger_sql(int64_t call, char *out, size_t size);

#endif
