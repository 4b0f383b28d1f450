/* SPDX-License-Identifier: MIT */
/* How the verbs of `skep store` begin and end, and how they open what they work on. */
#include "cli/store/store.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "cli/show/json.h"
#include "cli/stop.h"

#define LOOK_EVERY_NS 20000000

/* ---- Ctrl-C ---- */

/* A signal handler must not fire a cancel, and a call that waits for a server looks at nothing
 * else. */
static void *watch(void *arg)
{
    store_session *s = arg;
    const struct timespec pause = {0, LOOK_EVERY_NS};
    while (!atomic_load(&s->ended)) {
        if (cli_stopping()) {
            skep_cancel_fire(s->cancel);
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static cli_exit read_recipients(store_session *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->call->given_count; i++) {
        if (s->call->given[i].id != CLI_OPT_RECIPIENT)
            continue;
        if (count == SKEP_SEAL_RECIPIENTS_MAX)
            return cli_usage(s->ui, s->call->page, "--recipient: at most %d of them",
                             SKEP_SEAL_RECIPIENTS_MAX);
        s->recipients[count++] = s->call->given[i].value;
    }
    return CLI_DONE;
}

cli_exit store_begin(store_session *s, const cli_call *call)
{
    memset(s, 0, sizeof(*s));
    s->call = call;
    s->ui = call->ui;
    cli_exit status = read_recipients(s);
    if (status == CLI_DONE)
        status = cli_seal_keys_read(call, &s->keys); /* before there are threads */
    if (status != CLI_DONE)
        return status;
    if (!cli_stop_watch())
        return cli_fail_errno(s->ui, errno, "watch for", "signals");
    if (skep_cancel_new(&s->cancel) < 0)
        return cli_fail(s->ui);
    int rc = pthread_create(&s->watcher, NULL, watch, s);
    if (rc != 0)
        return cli_fail_errno(s->ui, rc, "start", "a thread");
    s->watching = true;
    return CLI_DONE;
}

cli_exit store_end(store_session *s, cli_exit status)
{
    atomic_store(&s->ended, true);
    if (s->watching)
        (void)pthread_join(s->watcher, NULL);
    skep_cancel_free(s->cancel);
    cli_keys_dispose(&s->keys);
    cli_stop_die();
    return status;
}

skep_io_opts store_io(store_session *s)
{
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    io.cancel = s->cancel;
    io.ctx = s;
    return io;
}

/* ---- failures ---- */

static const char *advice(int code)
{
    switch (code) {
    case SKEP_ENOTFOUND:
        return "check the name; skep store ls shows what is there";
    case SKEP_EEXISTS:
        return "choose another key, or replace it without --create";
    case SKEP_ECONFLICT:
        return "it is another object by now: look at it, then try again";
    case SKEP_EDENIED:
        return "check the permissions, of the directory or of these credentials";
    case SKEP_EAUTH:
        return "check the credentials; of what is sealed, the key (--key-file F)";
    case SKEP_EREADONLY:
        return "this store is for reading";
    case SKEP_EFULL:
        return "make room and try again";
    case SKEP_ENET:
        return "check the endpoint and the network, then try again";
    case SKEP_EBUSY:
    case SKEP_ETIMEOUT:
        return "try again later";
    case SKEP_ECORRUPT:
        return "do not overwrite other copies of it: restore it from one of them";
    case SKEP_EUNSUPPORTED:
        return "skep store test shows what this store can do";
    default:
        return NULL;
    }
}

cli_exit store_fail_err(const store_session *s, const skep_err *err)
{
    if (err->code == SKEP_ECANCELLED && cli_stopping()) {
        cli_say(s->ui, "stopped");
        return CLI_FAILED;
    }
    const char *todo = advice(err->code);
    return todo != NULL ? cli_fail_advised(s->ui, err, todo) : cli_fail_err(s->ui, err);
}

cli_exit store_fail(const store_session *s)
{
    return store_fail_err(s, skep_last_error());
}

/* ---- opening ---- */

bool store_is_sealed(const store_session *s)
{
    return s->keys.key != NULL || s->recipients[0] != NULL;
}

static cli_exit seal(const store_session *s, skep_store **store)
{
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    opts.key = s->keys.key;
    opts.recipients = s->recipients[0] != NULL ? s->recipients : NULL;
    return skep_store_sealed(*store, &opts, store) < 0 ? store_fail(s) : CLI_DONE;
}

static cli_exit limit(const store_session *s, skep_store **store)
{
    skep_limit_opts opts = SKEP_LIMIT_OPTS_INIT;
    opts.bytes_per_second = s->rate;
    return skep_store_limited(*store, &opts, store) < 0 ? store_fail(s) : CLI_DONE;
}

cli_exit store_open(store_session *s, const char *uri, store_how how, bool plain, skep_store **out)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    skep_store *store = NULL;
    if (strcmp(uri, "remote:") == 0) {
        uri = getenv("REMOTE_STORAGE_ENDPOINT");
        if (uri == NULL || uri[0] == '\0')
            return cli_usage(s->ui, s->call->page,
                             "remote: is what REMOTE_STORAGE_ENDPOINT names, and that is not set");
    }
    opts.flags = how == STORE_LOOK     ? SKEP_STORE_READONLY | SKEP_STORE_MUST_EXIST
                 : how == STORE_CHANGE ? SKEP_STORE_MUST_EXIST
                                       : 0;
    if (skep_store_open(uri, &opts, &store) < 0)
        return store_fail(s);
    cli_exit status = s->rate > 0 ? limit(s, &store) : CLI_DONE;
    if (status == CLI_DONE && !plain && store_is_sealed(s))
        status = seal(s, &store);
    if (status == CLI_DONE)
        *out = store;
    else
        (void)skep_store_close(store);
    return status;
}

cli_exit store_close(const store_session *s, skep_store *store, cli_exit status)
{
    if (skep_store_close(store) >= 0 || (status != CLI_DONE && status != CLI_WRONG))
        return status;
    if (skep_last_error()->code != SKEP_EUNREPLICATED)
        return store_fail(s);
    cli_say(s->ui, "%s", skep_last_error()->text); /* it is safe in the primary and the queue */
    return status;
}

/* ---- objects ---- */

bool store_looks_sealed(const void *data, size_t len)
{
    static const char magic[] = "SKEPOBJ\n";
    return len >= sizeof(magic) - 1 && memcmp(data, magic, sizeof(magic) - 1) == 0;
}

cli_exit store_refuse_sealed(const store_session *s, const char *key)
{
    skep_err err = {.code = SKEP_EAUTH};
    (void)snprintf(err.text, sizeof(err.text), "%s is sealed, and no key was given", key);
    return cli_fail_advised(s->ui, &err,
                            "give it by --key-file F or SKEP_KEY, or take it as it is with --raw");
}

json_t *store_object_json(const skep_object *object)
{
    char modified[SKEP_TIME_TEXT_SIZE] = "";
    json_t *key = cli_json_text(skep_slice_str(object->key));
    if (key == NULL || skep_time_text(object->modified_us, modified) < 0) {
        json_decref(key);
        return NULL;
    }
    return json_pack("{s:o, s:I, s:s, s:s}", "key", key, "bytes", (json_int_t)object->bytes,
                     "modified", modified, "etag", object->etag);
}

cli_exit store_report(const store_session *s, const skep_object *object, const char *path,
                      uint64_t took_ns)
{
    if (s->ui->json) {
        json_t *all = store_object_json(object);
        if (all != NULL && path != NULL)
            (void)json_object_set_new(all, "path", cli_json_path(path));
        if (all != NULL)
            (void)json_object_set_new(all, "seconds", cli_json_rounded((double)took_ns / 1e9, 3));
        return cli_json_end(s->ui, all, CLI_DONE);
    }
    if (s->ui->loud >= 0)
        cli_say(s->ui, "%s: %s in %s, etag %s", object->key, cli_bytes(object->bytes).s,
                cli_duration(took_ns).s, object->etag);
    return CLI_DONE;
}
