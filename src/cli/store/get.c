/* SPDX-License-Identifier: MIT */
/* `skep store get`: an object to a file, which appears only when it is whole and verified, or to
 * standard output. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/export/sink.h"
#include "cli/store/store.h"

#define PIECE ((size_t)1 << 20)

typedef struct fetch {
    store_session *s;
    store_transfer *t;
    skep_get *get;
    char *piece;
    cli_newfile file;
    uint64_t done;
} fetch;

/* What would do something to a terminal but write on it. */
static bool is_binary(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)data[i] < ' ' && strchr("\n\r\t", data[i]) == NULL) ||
            data[i] == '\0' || data[i] == 0x7f)
            return true;
    return !cli_is_utf8(skep_slice_of(data, len)) && len < PIECE;
}

static int write_all(int fd, const char *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, data + done, len - done);
        if (n < 0 && errno != EINTR)
            return errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static cli_exit write_piece(fetch *f, size_t len)
{
    const store_transfer *t = f->t;
    bool terminal = t->path == NULL && f->s->ui->out_tty;
    if (f->done == 0 && !t->raw && store_looks_sealed(f->piece, len))
        return store_refuse_sealed(f->s, t->key);
    if (terminal && is_binary(f->piece, len)) {
        cli_say(f->s->ui, "%s is no text: write it to a file with -o FILE, or into a pipe", t->key);
        return CLI_FAILED;
    }
    int rc = write_all(t->path != NULL ? f->file.fd : STDOUT_FILENO, f->piece, len);
    if (rc == EPIPE)
        return CLI_FAILED;
    if (rc != 0)
        return cli_fail_errno(f->s->ui, rc, "write to",
                              t->path != NULL ? t->path : "standard output");
    f->done += len;
    cli_progress_at(&f->s->progress, f->done);
    return CLI_DONE;
}

/* A first piece that ends in the middle of a head would be taken for plain. */
static int fill(fetch *f, size_t *got)
{
    int rc = SKEP_OK;
    *got = 0;
    for (size_t n = 1; rc >= 0 && n > 0 && *got < PIECE; *got += n)
        if ((rc = skep_get_read(f->get, f->piece + *got, PIECE - *got, &n)) < 0)
            n = 0;
    return rc;
}

static cli_exit copy_out(fetch *f)
{
    cli_exit status = CLI_DONE;
    size_t got = 1;
    while (status == CLI_DONE && got > 0) {
        if (fill(f, &got) < 0)
            return store_fail(f->s);
        if (got > 0)
            status = write_piece(f, got);
    }
    return status;
}

static cli_exit fetch_opened(fetch *f)
{
    store_session *s = f->s;
    const store_transfer *t = f->t;
    cli_progress_begin(&s->progress, s->ui, "fetching", "bytes", t->object.bytes);
    if (t->path == NULL && s->ui->out_tty)
        s->progress.delay_ns = UINT64_MAX;
    cli_exit status = copy_out(f);
    cli_progress_end(&s->progress);
    if (status != CLI_DONE || t->path == NULL)
        return status;
    int rc = cli_newfile_commit(&f->file);
    return rc != 0 ? cli_fail_errno(s->ui, rc, "write to", t->path) : CLI_DONE;
}

static cli_exit open_file(fetch *f)
{
    const store_transfer *t = f->t;
    int rc = t->path == NULL ? 0 : cli_newfile_open(&f->file, t->path, t->replace);
    if (rc == EEXIST) {
        cli_say(f->s->ui, "%s is there already; --force replaces it (SKEP_EEXISTS)", t->path);
        return CLI_FAILED;
    }
    return rc != 0 ? cli_fail_errno(f->s->ui, rc, "create", t->path) : CLI_DONE;
}

cli_exit store_fetch(store_session *s, store_transfer *t)
{
    fetch f = {.s = s, .t = t, .file = {.fd = -1}};
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.io = store_io(s);
    t->object = (skep_object)SKEP_OBJECT_INIT;
    cli_exit status = CLI_DONE;
    f.piece = malloc(PIECE);
    if (f.piece == NULL)
        status = cli_fail_memory(s->ui);
    if (status == CLI_DONE)
        status = open_file(&f);
    if (status == CLI_DONE)
        status = skep_get_open(t->store, t->key, &opts, &f.get, &t->object) < 0 ? store_fail(s)
                                                                                : fetch_opened(&f);
    skep_get_close(f.get);
    cli_newfile_dispose(&f.file);
    free(f.piece);
    return status;
}

cli_exit cli_store_get(const cli_call *call)
{
    store_session s;
    const char *path = cli_value(call, CLI_OPT_OUT);
    store_transfer t = {.key = call->args[1],
                        .path = path != NULL && strcmp(path, "-") != 0 ? path : NULL,
                        .replace = cli_has(call, CLI_OPT_FORCE),
                        .raw = cli_has(call, CLI_OPT_RAW)};
    uint64_t begun = cli_now_ns();
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE)
        status = store_open(&s, call->args[0], STORE_LOOK, t.raw, &t.store);
    if (status == CLI_DONE)
        status = store_close(&s, t.store, store_fetch(&s, &t));
    if (status == CLI_DONE && t.path != NULL)
        status = store_report(&s, &t.object, t.path, cli_now_ns() - begun);
    return store_end(&s, status);
}
