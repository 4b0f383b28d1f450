/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DB_SUPPORT_H
#define TESTS_DB_SUPPORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <skep/skep.h>

#include "db/db_private.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* ---- a database ---- */

/* "t.db" in the test's directory; `opts` may be NULL. */
skep_db *db_open(const skep_db_opts *opts);
/* The same, in which functions run only as often as a test has reason to count: no practice reruns,
 * and no group is cut short by its time. */
skep_db *db_open_still(const skep_db_opts *opts);
void db_close(skep_db *db);

int db_exec(skep_db *db, const char *sql);       /* one statement in a write of its own */
int64_t db_number(skep_db *db, const char *sql); /* one number by a read */
void db_must(skep_db *db, const char *sql);      /* db_exec() that succeeds */
/* Is the database whole, as it stands in its file? */
void db_assert_whole(skep_db *db);
/* Run a pragma on the writer's connection that no transaction function may. */
void db_writer_pragma(skep_db *db, const char *sql);

/* ---- transaction functions by script ---- */

#define SCRIPT_MAX 6

typedef struct script {
    const char *sql[SCRIPT_MAX]; /* run in this order, up to the first NULL */
    int ret;                     /* what the function returns at its end */
    bool swallow;                /* go on after a failure */
    void (*first)(void *ctx);    /* called at the start of each run; may be NULL */
    void (*last)(void *ctx);     /* and at its end */
    void *ctx;

    int runs;
    int attempt; /* of the last run */
    int failed;  /* code of the last failed statement */
    int64_t changes;
    int64_t rowid;
    pthread_t ran_in;
} script;

int script_run(skep_tx *tx, void *arg); /* a skep_tx_fn with a script */

/* ---- calls in threads of their own, and groups of them ---- */

typedef struct call {
    skep_tx_fn *fn;
    void *arg;
    bool reads;
    skep_call_opts opts; /* size 0: none */

    skep_db *db;
    pthread_t caller;
    int rc;
    skep_err err; /* the caller's detail, when rc is negative */
    _Atomic bool done;
    skep__thread thread;
} call;

#define WRITE(script_)                                                                             \
    {                                                                                              \
        .fn = script_run, .arg = &(script_)                                                        \
    }
#define READ(script_)                                                                              \
    {                                                                                              \
        .fn = script_run, .arg = &(script_), .reads = true                                         \
    }

void call_start(skep_db *db, call *c);
void call_join(call *c);
void call_assert_fails(const call *c, int code, int outcome);

/* The leader stops before its BEGIN: it has an empty call, and whatever is queued meanwhile makes
 * the next group, in the order of queueing. */
void group_block(skep_db *db);
void group_queue(skep_db *db, call *calls, size_t n);
void group_unblock(void);
/* All of it, and wait for all. */
void group_run(skep_db *db, call *calls, size_t n);

/* ---- a gate: functions wait at it ---- */

typedef struct gate {
    _Atomic uint32_t came;
    skep__word open;
} gate;
void gate_wait(void *ctx); /* for script.first or script.last */
void gate_open(gate *g);
void gate_came(gate *g, uint32_t count); /* wait until so many stand at it */

/* ---- maintenance by the test's clock ---- */

/* As db_open(), but its maintenance thread stands before its first tick: the test ticks. */
skep_db *db_open_parked(const skep_db_opts *opts);
void db_close_parked(skep_db *db); /* from then on all threads tick by themselves */
/* One tick so many seconds after now, and the long work that it starts. */
void db_tick(skep_db *db, uint64_t seconds);
/* The health at that time; has it this reason? NULL: it has not. The answer lives to the next call.
 */
const skep_health_reason *db_reason(skep_db *db, uint64_t seconds, const char *what);
int db_health_state(skep_db *db);

/* ---- events ---- */

#define HEARD_MAX 64
typedef struct heard_event {
    char name[32];
    char text[512]; /* its fields, "key=value " each */
} heard_event;
/* Listen from now on, to the end of the test. */
void events_listen(skep_level least);
/* How many of that name there were; `text` (may be NULL): and in which it stands. */
int events_count(const char *name, const char *text);
void events_forget(void);

#endif
