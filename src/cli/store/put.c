/* SPDX-License-Identifier: MIT */
/* `skep store put`: a file, or what standard input gives, to an object. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/stop.h"
#include "cli/store/store.h"

#define PIECE ((size_t)1 << 20)
#define LOOK_EVERY_MS 50

static void progressed(uint64_t done, uint64_t total, void *ctx)
{
    store_session *s = ctx;
    s->progress.total = total == SKEP_BYTES_UNKNOWN ? 0 : total;
    cli_progress_at(&s->progress, done);
}

/* ---- streams ---- */

/* A signal may come to any thread, and would not wake one that waits for a pipe. Returns false when
 * there is no use in waiting. */
static bool wait_for(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (!cli_stopping() && poll(&ready, 1, LOOK_EVERY_MS) == 0)
        continue;
    return !cli_stopping();
}

static cli_exit copy_in(store_session *s, const store_transfer *t, int fd, char *piece,
                        skep_put *put)
{
    for (;;) {
        if (!wait_for(fd)) {
            cli_say(s->ui, "stopped; %s was not stored", t->key);
            return CLI_FAILED;
        }
        ssize_t n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_fail_errno(s->ui, errno, "read", t->path);
        if (n == 0)
            return CLI_DONE;
        if (skep_put_write(put, piece, (size_t)n) < 0)
            return store_fail(s);
    }
}

static cli_exit send_stream(store_session *s, store_transfer *t, const skep_put_opts *opts, int fd)
{
    skep_put *put = NULL;
    char *piece = malloc(PIECE);
    if (piece == NULL)
        return cli_fail_memory(s->ui);
    cli_exit status = skep_put_begin(t->store, t->key, opts, &put) < 0 ? store_fail(s) : CLI_DONE;
    if (status == CLI_DONE) {
        status = copy_in(s, t, fd, piece, put);
        if (status != CLI_DONE)
            skep_put_abort(put);
        else if (skep_put_commit(put, &t->object) < 0)
            status = store_fail(s);
    }
    free(piece);
    return status;
}

/* A pipe, a device: what cannot be read twice. */
static cli_exit send_special(store_session *s, store_transfer *t, const skep_put_opts *opts)
{
    int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail_errno(s->ui, errno, "read", t->path);
    cli_exit status = send_stream(s, t, opts, fd);
    (void)close(fd);
    return status;
}

cli_exit store_send(store_session *s, store_transfer *t, skep_put_opts *opts)
{
    struct stat st;
    cli_exit status = CLI_DONE;
    t->object = (skep_object)SKEP_OBJECT_INIT;
    opts->io = store_io(s);
    opts->io.progress = progressed;
    cli_progress_begin(&s->progress, s->ui, "sending", "bytes", 0);
    if (strcmp(t->path, "-") == 0)
        status = send_stream(s, t, opts, STDIN_FILENO);
    else if (stat(t->path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        status = send_special(s, t, opts);
    else if (skep_store_put_file(t->store, t->key, t->path, opts, &t->object) < 0)
        status = store_fail(s);
    cli_progress_end(&s->progress);
    return status;
}

cli_exit cli_store_put(const cli_call *call)
{
    store_session s;
    store_transfer t = {.key = call->args[1], .path = call->args[2]};
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = cli_has(call, CLI_OPT_CREATE);
    opts.if_etag = cli_value(call, CLI_OPT_IF_ETAG);
    uint64_t begun = cli_now_ns();
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE)
        status = store_open(&s, call->args[0], STORE_MAKE, false, &t.store);
    if (status == CLI_DONE)
        status = store_close(&s, t.store, store_send(&s, &t, &opts));
    if (status == CLI_DONE)
        status = store_report(&s, &t.object, NULL, cli_now_ns() - begun);
    return store_end(&s, status);
}
