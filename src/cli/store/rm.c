/* SPDX-License-Identifier: MIT */
/* `skep store rm`: objects by name, or all below a prefix. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/show/ask.h"
#include "cli/show/json.h"
#include "cli/store/store.h"

#define BATCH 1000 /* keys; what one request to S3 takes */

typedef struct removal {
    store_session *s;
    skep_store *store;
    uint64_t removed;
    uint64_t failed;
} removal;

/* Each key that could not be deleted is told; the others are gone. */
static cli_exit remove_batch(removal *r, const char *const *keys, size_t n)
{
    int results[BATCH] = {0};
    skep_io_opts io = store_io(r->s);
    if (skep_store_delete_many(r->store, keys, n, &io, results) >= 0) {
        r->removed += n;
        return CLI_DONE;
    }
    skep_err err = *skep_last_error();
    if (err.code == SKEP_ECANCELLED)
        return store_fail_err(r->s, &err);
    for (size_t i = 0; i < n; i++) {
        r->removed += results[i] >= 0;
        r->failed += results[i] < 0;
        if (results[i] < 0)
            cli_say(r->s->ui, "%s stays (%s)", keys[i], skep_code_name(results[i]));
    }
    return store_fail_err(r->s, &err);
}

/* ---- all below a prefix ---- */

typedef struct walk {
    char *prefix; /* "" or with a slash at its end */
    uint64_t count;
    uint64_t bytes;
} walk;

static bool walk_init(walk *w, const char *text)
{
    size_t len = strlen(text);
    bool slash = len > 0 && text[len - 1] != '/';
    w->prefix = malloc(len + 2);
    if (w->prefix == NULL)
        return false;
    memcpy(w->prefix, text, len);
    memcpy(w->prefix + len, slash ? "/" : "", slash ? 2 : 1);
    return true;
}

static cli_exit walk_open(removal *r, const walk *w, skep_list **out)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = w->prefix;
    opts.io = store_io(r->s);
    return skep_list_open(r->store, &opts, out) < 0 ? store_fail(r->s) : CLI_DONE;
}

static cli_exit walk_count(removal *r, walk *w)
{
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    cli_exit status = walk_open(r, w, &list);
    if (status != CLI_DONE)
        return status;
    int rc = 0;
    while ((rc = skep_list_next(list, &object)) > 0) {
        w->count++;
        w->bytes += object.bytes;
    }
    skep_list_close(list);
    return rc < 0 ? store_fail(r->s) : CLI_DONE;
}

static cli_exit ask(const removal *r, const walk *w)
{
    char what[512];
    (void)snprintf(what, sizeof(what), "%s object%s (%s) below \"%s\" of %s will be gone for good",
                   cli_count(w->count).s, w->count == 1 ? "" : "s", cli_bytes(w->bytes).s,
                   w->prefix, skep_store_name(r->store));
    return cli_confirm(r->s->call, what);
}

/* Up to BATCH keys; 0 at the end, negative on failure. */
static int walk_keys(skep_list *list, char (*keys)[SKEP_STORE_KEY_MAX + 1], const char **names)
{
    skep_object object = SKEP_OBJECT_INIT;
    int n = 0;
    int rc = 1;
    while (n < BATCH && (rc = skep_list_next(list, &object)) > 0) {
        memcpy(keys[n], object.key, sizeof(object.key));
        names[n] = keys[n];
        n++;
    }
    return rc < 0 ? rc : n;
}

static cli_exit walk_remove(removal *r, const walk *w)
{
    const char *names[BATCH];
    char(*keys)[SKEP_STORE_KEY_MAX + 1] = malloc(BATCH * sizeof(*keys));
    skep_list *list = NULL;
    int n = 1;
    if (keys == NULL)
        return cli_fail_memory(r->s->ui);
    cli_exit status = walk_open(r, w, &list);
    cli_progress_begin(&r->s->progress, r->s->ui, "deleting", "objects", w->count);
    while (status == CLI_DONE && n > 0) {
        n = walk_keys(list, keys, names);
        if (n < 0)
            status = store_fail(r->s);
        else if (n > 0)
            status = remove_batch(r, names, (size_t)n);
        cli_progress_at(&r->s->progress, r->removed);
    }
    cli_progress_end(&r->s->progress);
    skep_list_close(list);
    free(keys);
    return status;
}

static cli_exit remove_below(removal *r, const char *prefix)
{
    walk w = {.prefix = NULL};
    if (!walk_init(&w, prefix))
        return cli_fail_memory(r->s->ui);
    cli_exit status = walk_count(r, &w);
    if (status == CLI_DONE && w.count > 0)
        status = ask(r, &w);
    if (status == CLI_DONE && w.count > 0)
        status = walk_remove(r, &w);
    free(w.prefix);
    return status;
}

/* ---- the command ---- */

static cli_exit remove_all(removal *r)
{
    const cli_call *call = r->s->call;
    const char *const *keys = (const char *const *)call->args + 1;
    size_t count = (size_t)call->arg_count - 1;
    cli_exit status = CLI_DONE;
    if (cli_has(call, CLI_OPT_RECURSIVE)) {
        for (size_t i = 0; i < count && status == CLI_DONE; i++)
            status = remove_below(r, keys[i]);
        return status;
    }
    for (size_t i = 0; i < count && status == CLI_DONE; i += BATCH)
        status = remove_batch(r, keys + i, count - i < BATCH ? count - i : BATCH);
    return status;
}

static cli_exit report(const removal *r, cli_exit status)
{
    const cli_ui *ui = r->s->ui;
    if (ui->json && (status == CLI_DONE || r->removed > 0))
        return cli_json_end(ui,
                            json_pack("{s:I, s:I}", "removed", (json_int_t)r->removed, "failed",
                                      (json_int_t)r->failed),
                            status);
    if (ui->loud >= 0 && status == CLI_DONE && cli_has(r->s->call, CLI_OPT_RECURSIVE))
        cli_say(ui, "%s object%s deleted", cli_count(r->removed).s, r->removed == 1 ? "" : "s");
    return status;
}

cli_exit cli_store_rm(const cli_call *call)
{
    store_session s;
    removal r = {.s = &s};
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE) /* what is sealed is deleted as it stands */
        status = store_open(&s, call->args[0], STORE_CHANGE, true, &r.store);
    if (status == CLI_DONE) {
        status = report(&r, remove_all(&r));
        status = store_close(&s, r.store, status);
    }
    return store_end(&s, status);
}
