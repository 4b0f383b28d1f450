/* SPDX-License-Identifier: MIT */
/* `skep store status`: what a store is, whether it answers, and what it can do. */
#include <string.h>
#include <sys/statvfs.h>

#include <jansson.h>

#include "cli/show/json.h"
#include "cli/store/store.h"

typedef struct standing {
    store_session *s;
    const char *name;
    skep_err error;   /* why it does not answer; code SKEP_OK if it does */
    uint64_t took_ns; /* to answer */
    bool empty;
    uint32_t caps;
    skep_err untried; /* why its abilities could not be tried */
    bool mirror;
    skep_mirror_lag lag;
    bool has_free;
    uint64_t free_bytes;
    bool keyed; /* a key ring lies in it */
    size_t wraps;
} standing;

const char *const store_cap_words[] = {"create",     "swap",       "copy",
                                       "keeps_hash", "hash_first", "lists_bytes"};

/* ---- looking ---- */

static int ask_list(standing *n, skep_store *store)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    opts.limit = 1;
    opts.io = store_io(n->s);
    int rc = skep_list_open(store, &opts, &list);
    if (rc >= 0)
        rc = skep_list_next(list, &object);
    n->empty = rc == 0;
    skep_list_close(list);
    return rc;
}

static int ask_all(standing *n, skep_store *store)
{
    skep_keyring *ring = NULL;
    skep_io_opts io = store_io(n->s);
    int rc = ask_list(n, store);
    if (rc < 0)
        return rc;
    if (skep_store_caps(store, &io, &n->caps) < 0)
        n->untried = *skep_last_error();
    rc = skep_keyring_read(store, &io, &ring);
    n->keyed = rc >= 0;
    n->wraps = n->keyed ? skep_keyring_count(ring) : 0;
    skep_keyring_free(ring);
    if (rc < 0 && rc != SKEP_ENOTFOUND)
        return rc;
    n->lag.size = (uint32_t)sizeof(n->lag);
    n->mirror = skep_mirror_lag_of(store, &n->lag) >= 0;
    return SKEP_OK;
}

/* Of a directory: what others leave free to us. */
static void ask_space(standing *n)
{
    const char *path = n->name;
    struct statvfs fs;
    if (strncmp(path, "file:", 5) == 0 || strncmp(path, "tree:", 5) == 0)
        path += 5;
    if ((path != n->name || path[0] == '/') && statvfs(path, &fs) == 0) {
        n->has_free = true;
        n->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    }
}

static void look(standing *n, skep_store *store)
{
    uint64_t begun = cli_now_ns();
    n->name = skep_store_name(store);
    if (ask_all(n, store) < 0)
        n->error = *skep_last_error();
    n->took_ns = cli_now_ns() - begun;
    ask_space(n);
}

static bool is_well(const standing *n)
{
    return n->error.code == SKEP_OK && !(n->mirror && n->lag.failing != 0);
}

/* ---- telling ---- */

static json_t *caps_json(uint32_t caps)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(store_cap_words) / sizeof(store_cap_words[0]); i++)
        if ((caps & 1u << i) != 0 && json_array_append_new(list, json_string(store_cap_words[i])))
            break;
    return list;
}

static json_t *lag_json(const standing *n)
{
    if (!n->mirror)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:b, s:s}", "objects", (json_int_t)n->lag.objects, "bytes",
                     (json_int_t)n->lag.bytes, "seconds", (json_int_t)n->lag.seconds, "failing",
                     (int)n->lag.failing, "error", n->lag.failing != 0 ? n->lag.error.text : "");
}

static json_t *as_json(const standing *n)
{
    bool answers = n->error.code == SKEP_OK;
    return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "store",
                     cli_json_text(skep_slice_str(n->name)), "ok", is_well(n), "answers", answers,
                     "error", answers ? json_null() : cli_json_text(skep_slice_str(n->error.text)),
                     "took_ms", cli_json_rounded((double)n->took_ns / 1e6, 3), "empty",
                     answers ? json_boolean(n->empty) : json_null(), "can",
                     answers && n->untried.code == SKEP_OK ? caps_json(n->caps) : json_null(),
                     "key_ring", answers ? json_boolean(n->keyed) : json_null(), "free_bytes",
                     n->has_free ? json_integer((json_int_t)n->free_bytes) : json_null(), "lag",
                     lag_json(n));
}

static void row(const standing *n, cli_out *out, const char *name, const char *text)
{
    const cli_ui *ui = n->s->ui;
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    (void)cli_show(&line, skep_slice_str(text), CLI_NO_LIMIT, ui->utf8);
    cli_printf(out, "%s%-10s%s  %s\n", cli_sgr(ui->out_colour, CLI_DIM), name,
               cli_sgr(ui->out_colour, CLI_PLAIN), line.data != NULL ? line.data : "");
}

static void lag_row(const standing *n, cli_out *out)
{
    char text[SKEP_ERR_TEXT_MAX + 128];
    if (!n->mirror)
        return;
    if (n->lag.objects == 0)
        (void)snprintf(text, sizeof(text), "the replicas have everything");
    else
        (void)snprintf(text, sizeof(text), "%s objects, %s, the oldest %s old",
                       cli_count(n->lag.objects).s, cli_bytes(n->lag.bytes).s,
                       cli_age(n->lag.seconds * 1000000).s);
    row(n, out, "lag", text);
    if (n->lag.failing != 0)
        row(n, out, "failing", n->lag.error.text);
}

static void caps_row(const standing *n, cli_out *out)
{
    char text[SKEP_ERR_TEXT_MAX + 32] = "";
    size_t len = 0;
    if (n->untried.code != SKEP_OK) {
        (void)snprintf(text, sizeof(text), "it may not be tried: %s", n->untried.text);
        row(n, out, "can", text);
        return;
    }
    for (size_t i = 0; i < sizeof(store_cap_words) / sizeof(store_cap_words[0]); i++)
        if ((n->caps & 1u << i) != 0 && len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "",
                                    store_cap_words[i]);
    row(n, out, "can", text[0] != '\0' ? text : "put, get, list and delete, no more");
}

static cli_exit as_lines(const standing *n, cli_exit status)
{
    char text[SKEP_ERR_TEXT_MAX + 64];
    cli_out out = {stdout, 0};
    row(n, &out, "store", n->name);
    if (n->error.code != SKEP_OK)
        (void)snprintf(text, sizeof(text), "no: %s (%s)", n->error.text,
                       skep_code_name(n->error.code));
    else
        (void)snprintf(text, sizeof(text), "yes, in %s", cli_duration(n->took_ns).s);
    row(n, &out, "answers", text);
    if (n->error.code == SKEP_OK) {
        row(n, &out, "holds", n->empty ? "nothing" : "objects");
        caps_row(n, &out);
        (void)snprintf(text, sizeof(text), "yes, with %zu wrapped key%s (skep key show)", n->wraps,
                       n->wraps == 1 ? "" : "s");
        row(n, &out, "key ring", n->keyed ? text : "none");
        lag_row(n, &out);
    }
    if (n->has_free)
        row(n, &out, "free", cli_bytes(n->free_bytes).s);
    return cli_out_end(&out, n->s->ui, status);
}

cli_exit cli_store_status(const cli_call *call)
{
    store_session s;
    standing n = {.s = &s};
    skep_store *store = NULL;
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE) /* as it stands: no key is needed to look */
        status = store_open(&s, call->args[0], STORE_CHANGE, true, &store);
    if (status != CLI_DONE)
        return store_end(&s, status);
    look(&n, store);
    status = is_well(&n) ? CLI_DONE : CLI_WRONG;
    status = s.ui->json ? cli_json_end(s.ui, as_json(&n), status) : as_lines(&n, status);
    status = store_close(&s, store, status);
    return store_end(&s, status);
}
