/* SPDX-License-Identifier: MIT */
#ifndef FAULTS_OPS_H
#define FAULTS_OPS_H

#include <pthread.h>

#include <skep/db.h>

#include "harness/sweep.h"

#include "faults/ledger.h"

/* The operations of a database that the sweeps disturb, and what must hold after each of them. */

#define OPS_GROUP 4 /* calls that share a commit, besides the one that lets them queue up */

typedef struct op_world op_world;

typedef struct op {
    void (*before)(op_world *w); /* the same start each time, not under fire */
    int (*run)(op_world *w);     /* under fire */
    bool opens;                  /* `run` opens the database */
    unsigned file_ops;           /* which to fail in sweeps; 0: all */
    unsigned sys_calls;          /* likewise */
} op;

struct op_world {
    const op *op;
    const char *template; /* a database with some calls, its WAL not written back */
    const char *live;     /* where it is made */
    const char *path;     /* the one that is worked on */
    const char *copy;
    ledger template_ledger;
    ledger ledger;
    skep_db *db;         /* NULL while it is closed */
    bool poison_allowed; /* `run` was answered SKEP_EPOISONED */
    unsigned runs;
    size_t files; /* open, and blocks of memory living, when all is closed */
    uint64_t blocks;
    struct {
        pthread_t thread;
        int rc;
    } calls[OPS_GROUP + 1];
};

extern const op op_open_new;
extern const op op_open_existing; /* with a WAL to recover */
extern const op op_write;
extern const op op_write_large;   /* more than the page cache: pages go to the WAL before COMMIT */
extern const op op_write_index;   /* its pages need more of the wal-index: -shm grows */
extern const op op_write_foreign; /* with a rollback journal instead of a WAL */
extern const op op_group;
extern const op op_async;      /* a future, a batch, a read that does not wait */
extern const op op_read;       /* a snapshot; opens the reading connection too */
extern const op op_read_texts; /* by column, and collected */
extern const op op_read_single;
extern const op op_lease;
extern const op
    op_checkpoint; /* skep_db_checkpoint_pass(), which then writes into a WAL started anew */
extern const op op_checkpoint_thread; /* calls that wake the thread, then close */
extern const op op_tick;     /* one tick of maintenance, and all long work that it may start */
extern const op op_optimize; /* statistics and VACUUM */
extern const op op_check;    /* a full one */
extern const op op_by_hand;  /* a checkpoint that cuts the WAL, and a ping */
extern const op op_close;

void ops_begin(op_world *w, const op *o); /* once a test */
void ops_before(void *world);
int ops_run(void *world);
/* Intact; usable or, after SKEP_EPOISONED only, poisoned; a retry works; reopened, all is right. */
void ops_after(void *world, int rc);

sweep ops_sweep(op_world *w, const int *codes);

#endif
