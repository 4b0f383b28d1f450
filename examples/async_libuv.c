/* SPDX-License-Identifier: MIT */
/* Asynchronous calls in a loop of libuv: a callback hands each answer to the loop's own thread.
 *
 *     async_libuv DATABASE
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include <uv.h>

#include <skep/async.h>
#include <skep/skep.h>

#define CALLS 100

struct app {
    uv_async_t wake;
    _Atomic(struct job *) answered; /* a stack: pushed by skep's thread, taken by the loop's */
    int done;
    int failed;
};

struct job {
    struct app *app;
    int64_t n;
    int rc;
    struct job *next;
};

static int store(skep_tx *tx, void *arg)
{
    const struct job *job = arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS number (n INTEGER)");
    return rc < 0 ? rc : skep_exec(tx, "INSERT INTO number VALUES (?)", SKEP_V(job->n));
}

/* In a thread of the database: note the answer, wake the loop, no more. */
static void on_done(skep_future *future, void *ctx)
{
    struct job *job = ctx;
    job->rc = skep_future_wait(future, 0);
    job->next = atomic_load(&job->app->answered);
    while (!atomic_compare_exchange_weak(&job->app->answered, &job->next, job))
        ;
    (void)uv_async_send(&job->app->wake);
}

/* In the loop's thread. */
static void on_wake(uv_async_t *wake)
{
    struct app *app = wake->data;
    for (struct job *job = atomic_exchange(&app->answered, NULL); job != NULL; job = job->next) {
        app->done++;
        app->failed += job->rc < 0;
    }
    if (app->done == CALLS)
        uv_close((uv_handle_t *)wake, NULL); /* nothing is left to wait for: the loop ends */
}

static int submit(skep_db *db, struct job *job)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.done = on_done;
    opts.done_ctx = job;
    return skep_write_async(db, store, job, &opts, NULL);
}

static int run(skep_db *db, uv_loop_t *loop)
{
    static struct job jobs[CALLS];
    static struct app app;
    if (uv_async_init(loop, &app.wake, on_wake) != 0)
        return 1;
    app.wake.data = &app;
    for (int i = 0; i < CALLS; i++) {
        jobs[i] = (struct job){.app = &app, .n = i};
        if (submit(db, &jobs[i]) < 0) {
            (void)fprintf(stderr, "async_libuv: %s\n", skep_last_error()->text);
            return 1;
        }
    }
    (void)uv_run(loop, UV_RUN_DEFAULT);
    (void)printf("%d calls done, %d failed\n", app.done - app.failed, app.failed);
    return app.failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "Usage: async_libuv DATABASE\n"), 2;
    skep_db *db = NULL;
    if (skep_db_open(argv[1], NULL, &db) < 0)
        return fprintf(stderr, "async_libuv: %s\n", skep_last_error()->text), 1;
    int status = run(db, uv_default_loop());
    if (skep_db_close(db) < 0)
        status = 1;
    (void)uv_loop_close(uv_default_loop());
    return status;
}
