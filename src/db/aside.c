/* SPDX-License-Identifier: MIT */
/* Long work that calls nobody back while it goes on, as the copying of pages inside SQLite does: it
 * runs in a thread of its own, and the one that waits for it looks how far it has come. */
#include <limits.h>

#include "base/time.h"
#include "db/db_private.h"

typedef struct aside {
    int (*work)(void *arg);
    void *arg;
    int rc;
    skep_err err; /* of a failure, from its thread to the one that asked */
    skep__word ended;
} aside;

static void aside_main(void *arg)
{
    aside *a = arg;
    a->rc = a->work(a->arg);
    if (a->rc < 0)
        skep__err_save(&a->err);
    atomic_store(&a->ended, 1);
    skep__word_wake(&a->ended, INT_MAX);
}

int skep__aside(int (*work)(void *arg), void (*look)(void *arg), void *arg)
{
    aside a = {.work = work, .arg = arg};
    skep__thread thread = {0};
    /* Without a thread it is done here, and nobody looks. */
    if (skep__thread_start(&thread, "skep-aside", aside_main, &a) < 0)
        return work(arg);
    while (atomic_load(&a.ended) == 0) {
        (void)skep__word_wait(&a.ended, 0, skep__now_ns() + SKEP__DB_PROGRESS_NS);
        look(arg);
    }
    skep__thread_join(&thread);
    return a.rc < 0 ? skep__err_install(&a.err) : a.rc;
}
