/* SPDX-License-Identifier: MIT */
/* Asynchronous calls in a loop of epoll: the descriptors of docs/guide/async.md.
 *
 *     async_epoll DATABASE
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <skep/async.h>
#include <skep/skep.h>

#define CALLS 100

static int store(skep_tx *tx, void *arg)
{
    const int64_t *n = arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS number (n INTEGER)");
    return rc < 0 ? rc : skep_exec(tx, "INSERT INTO number VALUES (?)", SKEP_V(*n));
}

/* One call more for the loop to wait for. */
static int submit(skep_db *db, int loop, int64_t *n)
{
    skep_future *future = NULL;
    struct epoll_event event = {.events = EPOLLIN};
    int fd = -1;
    int rc = skep_write_async(db, store, n, NULL, &future);
    if (rc < 0)
        return rc;
    rc = skep_future_fd(future, &fd);
    event.data.ptr = future;
    if (rc < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) {
        skep_future_free(future); /* the call goes on; nobody hears of it */
        return rc < 0 ? rc : SKEP_EIO;
    }
    return 0;
}

/* Its call is done. Freeing the future closes the descriptor, and epoll forgets it. */
static int collect(skep_future *future)
{
    int rc = skep_future_wait(future, 0);
    if (rc < 0)
        (void)fprintf(stderr, "%s: %s\n", skep_code_name(rc), skep_last_error()->text);
    skep_future_free(future);
    return rc;
}

static int run(skep_db *db, int loop)
{
    int64_t numbers[CALLS];
    struct epoll_event events[16];
    int done = 0;
    int failed = 0;
    for (int i = 0; i < CALLS; i++) {
        numbers[i] = i;
        if (submit(db, loop, &numbers[i]) < 0)
            failed++;
    }
    while (done + failed < CALLS) {
        int ready = epoll_wait(loop, events, 16, -1);
        for (int i = 0; i < ready; i++) {
            if (collect(events[i].data.ptr) < 0)
                failed++;
            else
                done++;
        }
    }
    (void)printf("%d calls done, %d failed\n", done, failed);
    return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "Usage: async_epoll DATABASE\n"), 2;
    skep_db *db = NULL;
    int loop = epoll_create1(EPOLL_CLOEXEC);
    int rc = skep_db_open(argv[1], NULL, &db);
    if (loop < 0 || rc < 0)
        return fprintf(stderr, "async_epoll: %s\n", skep_last_error()->text), 1;
    int status = run(db, loop);
    (void)close(loop);
    return skep_db_close(db) < 0 ? 1 : status;
}
