/* SPDX-License-Identifier: MIT */
/* `skep store cp`: one object or file; with -r all of them (sync.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/store/store.h"
#include "cli/store/sync.h"

typedef struct copying {
    store_session s;
    store_place from;
    store_place to;
    char *name; /* the key or path that DST comes to; owned */
} copying;

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static cli_exit join(copying *c, const char *head, const char *tail)
{
    size_t len = strlen(head);
    bool slash = len > 0 && head[len - 1] != '/' && tail[0] != '\0';
    c->name = malloc(len + strlen(tail) + 2);
    if (c->name == NULL)
        return cli_fail_memory(c->s.ui);
    memcpy(c->name, head, len);
    if (slash)
        c->name[len++] = '/';
    memcpy(c->name + len, tail, strlen(tail) + 1);
    return CLI_DONE;
}

/* The file or key that DST stands for: where it names a folder, SRC's own name in it. */
static cli_exit find_target(copying *c)
{
    const char *own = last_part(c->from.local ? c->from.text : c->from.key);
    struct stat st;
    if (c->to.local) {
        bool folder = stat(c->to.text, &st) == 0 && S_ISDIR(st.st_mode);
        return join(c, c->to.text, folder ? own : "");
    }
    size_t len = c->to.key == NULL ? 0 : strlen(c->to.key);
    bool folder = len == 0 || c->to.key[len - 1] == '/';
    return join(c, c->to.key == NULL ? "" : c->to.key, folder ? own : "");
}

static cli_exit check_places(const copying *c)
{
    const cli_call *call = c->s.call;
    struct stat st;
    if (c->from.local && c->to.local)
        return cli_usage(c->s.ui, call->page, "both are on this machine: use cp");
    if (!c->from.local && (c->from.key == NULL || c->from.key[0] == '\0'))
        return cli_usage(c->s.ui, call->page, "which object of %s? URI#KEY names one, -r means all",
                         c->from.text);
    if (c->from.local && stat(c->from.text, &st) != 0)
        return cli_fail_errno(c->s.ui, errno, "read", c->from.text);
    if (c->from.local && S_ISDIR(st.st_mode))
        return cli_usage(c->s.ui, call->page, "%s is a directory: add -r", c->from.text);
    return CLI_DONE;
}

static cli_exit upload(copying *c, skep_object *out)
{
    store_transfer t = {.key = c->name, .path = c->from.text};
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    cli_exit status =
        store_open(&c->s, c->to.text, STORE_MAKE, store_is_plain(&c->s, "dst"), &t.store);
    if (status == CLI_DONE)
        status = store_close(&c->s, t.store, store_send(&c->s, &t, &opts));
    *out = t.object;
    return status;
}

static cli_exit download(copying *c, skep_object *out)
{
    bool raw = cli_has(c->s.call, CLI_OPT_RAW);
    store_transfer t = {.key = c->from.key, .path = c->name, .replace = true, .raw = raw};
    cli_exit status =
        store_open(&c->s, c->from.text, STORE_LOOK, raw || store_is_plain(&c->s, "src"), &t.store);
    if (status == CLI_DONE)
        status = store_close(&c->s, t.store, store_fetch(&c->s, &t));
    *out = t.object;
    return status;
}

static cli_exit copy_within(copying *c, skep_object *out)
{
    skep_store *store = NULL;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.io = store_io(&c->s);
    *out = (skep_object)SKEP_OBJECT_INIT;
    cli_exit status =
        store_open(&c->s, c->to.text, STORE_CHANGE, store_is_plain(&c->s, "dst"), &store);
    if (status != CLI_DONE)
        return status;
    if (skep_store_copy(store, c->from.key, c->name, &opts, out) < 0)
        status = store_fail(&c->s);
    return store_close(&c->s, store, status);
}

/* From one store into another, piece by piece. */
static cli_exit pour(store_session *s, skep_get *get, skep_put *put)
{
    enum { PIECE = 1 << 18 };
    char *piece = malloc(PIECE);
    uint64_t done = 0;
    size_t got = 1;
    cli_exit status = piece == NULL ? cli_fail_memory(s->ui) : CLI_DONE;
    while (status == CLI_DONE && got > 0) {
        if (skep_get_read(get, piece, PIECE, &got) < 0 ||
            (got > 0 && skep_put_write(put, piece, got) < 0))
            status = store_fail(s);
        done += got;
        cli_progress_at(&s->progress, done);
    }
    free(piece);
    return status;
}

static cli_exit copy_streams(copying *c, skep_store *from, skep_store *to, skep_object *out)
{
    skep_get_opts get_opts = SKEP_GET_OPTS_INIT;
    skep_put_opts put_opts = SKEP_PUT_OPTS_INIT;
    skep_object source = SKEP_OBJECT_INIT;
    skep_get *get = NULL;
    skep_put *put = NULL;
    get_opts.io = store_io(&c->s);
    put_opts.io = get_opts.io;
    *out = (skep_object)SKEP_OBJECT_INIT;
    if (skep_get_open(from, c->from.key, &get_opts, &get, &source) < 0)
        return store_fail(&c->s);
    put_opts.bytes = source.bytes;
    cli_progress_begin(&c->s.progress, c->s.ui, "copying", "bytes", source.bytes);
    cli_exit status =
        skep_put_begin(to, c->name, &put_opts, &put) < 0 ? store_fail(&c->s) : CLI_DONE;
    if (status == CLI_DONE) {
        status = pour(&c->s, get, put);
        if (status != CLI_DONE)
            skep_put_abort(put);
        else if (skep_put_commit(put, out) < 0)
            status = store_fail(&c->s);
    }
    cli_progress_end(&c->s.progress);
    skep_get_close(get);
    return status;
}

static cli_exit copy_between(copying *c, skep_object *out)
{
    skep_store *from = NULL;
    skep_store *to = NULL;
    cli_exit status =
        store_open(&c->s, c->from.text, STORE_LOOK, store_is_plain(&c->s, "src"), &from);
    if (status == CLI_DONE)
        status = store_open(&c->s, c->to.text, STORE_MAKE, store_is_plain(&c->s, "dst"), &to);
    if (status == CLI_DONE)
        status = store_close(&c->s, to, copy_streams(c, from, to, out));
    return store_close(&c->s, from, status);
}

static cli_exit copy_one(copying *c)
{
    skep_object object = SKEP_OBJECT_INIT;
    uint64_t begun = cli_now_ns();
    cli_exit status = check_places(c);
    if (status == CLI_DONE)
        status = find_target(c);
    if (status != CLI_DONE)
        return status;
    if (c->from.local)
        status = upload(c, &object);
    else if (c->to.local)
        status = download(c, &object);
    else if (strcmp(c->from.text, c->to.text) == 0 && !cli_has(c->s.call, CLI_OPT_PLAIN))
        status = copy_within(c, &object);
    else
        status = copy_between(c, &object);
    if (status != CLI_DONE)
        return status;
    return store_report(&c->s, &object, c->to.local ? c->name : NULL, cli_now_ns() - begun);
}

static cli_exit copy_any(copying *c)
{
    const cli_call *call = c->s.call;
    cli_exit status = store_rate_read(&c->s);
    if (status == CLI_DONE)
        status = store_place_read(c->s.ui, call->args[0], &c->from);
    if (status == CLI_DONE)
        status = store_place_read(c->s.ui, call->args[1], &c->to);
    if (status != CLI_DONE)
        return status;
    if (cli_has(call, CLI_OPT_RECURSIVE))
        return store_sync_places(&c->s, &c->from, &c->to, SKEP_COMPARE_NEVER);
    if (cli_has(call, CLI_OPT_DRY_RUN))
        return cli_usage(c->s.ui, call->page, "--dry-run belongs to -r");
    return copy_one(c);
}

cli_exit cli_store_cp(const cli_call *call)
{
    copying c = {.from = {.text = NULL}, .to = {.text = NULL}};
    cli_exit status = store_begin(&c.s, call);
    if (status == CLI_DONE)
        status = copy_any(&c);
    store_place_dispose(&c.from);
    store_place_dispose(&c.to);
    free(c.name);
    return store_end(&c.s, status);
}
