/* SPDX-License-Identifier: MIT */
/* skep serve: a store for other machines, until a signal ends it. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <skep/serve.h>

#include "cli/line/number.h"
#include "cli/serve/log.h"
#include "cli/show/json.h"

#define GRACE_MS 30000 /* what runs has so long when it is to end */
#define LOOK_MS 50     /* how often it is looked whether it has */

/* ---- what was asked for ---- */

static cli_exit take_numbers(const cli_call *call, skep_serve_opts *opts, uint64_t *grace_ms)
{
    uint64_t connections = 0, each = 0, rate = 0, speed = 0, idle = 0, grace = GRACE_MS / 1000;
    struct {
        cli_option_id id;
        uint64_t min, max;
        uint64_t *out;
    } numbers[] = {
        {CLI_OPT_MAX_OBJECT, 1, SKEP_STORE_BYTES_MAX, &opts->object_bytes},
        {CLI_OPT_MAX_CONNECTIONS, 1, SKEP_SERVE_CONNECTIONS_MAX, &connections},
        {CLI_OPT_MAX_PER_ADDRESS, 1, SKEP_SERVE_CONNECTIONS_MAX, &each},
        {CLI_OPT_MAX_RATE, 1, 1000000, &rate},
        {CLI_OPT_MIN_SPEED, 1, 1u << 30, &speed},
        {CLI_OPT_IDLE, 1, 86400, &idle},
        {CLI_OPT_GRACE, 0, 86400, &grace},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        cli_exit status =
            cli_number(call, numbers[i].id, numbers[i].min, numbers[i].max, numbers[i].out);
        if (status != CLI_DONE)
            return status;
    }
    opts->connections = (uint32_t)connections;
    opts->connections_per_address = (uint32_t)each;
    opts->requests_per_second = (uint32_t)rate;
    opts->min_bytes_per_second = (uint32_t)speed;
    opts->idle_ms = (int64_t)idle * 1000;
    *grace_ms = grace * 1000;
    return CLI_DONE;
}

static void take_options(const cli_call *call, skep_serve_opts *opts)
{
    opts->listen = cli_value(call, CLI_OPT_LISTEN);
    opts->api_key_file = cli_value(call, CLI_OPT_API_KEY_FILE);
    opts->tls_cert_file = cli_value(call, CLI_OPT_TLS_CERT);
    opts->tls_key_file = cli_value(call, CLI_OPT_TLS_KEY);
    opts->flags |= cli_has(call, CLI_OPT_READ_ONLY) ? SKEP_SERVE_READONLY : 0u;
    opts->flags |= cli_has(call, CLI_OPT_BEHIND_PROXY) ? SKEP_SERVE_BEHIND_PROXY : 0u;
    opts->flags |= cli_has(call, CLI_OPT_INSECURE) ? SKEP_SERVE_INSECURE : 0u;
}

/* ---- a new key ---- */

static cli_exit generate(const cli_call *call)
{
    const char *file = cli_value(call, CLI_OPT_API_KEY_FILE);
    const char *name = cli_value(call, CLI_OPT_GENERATE_KEY);
    cli_out out = {stdout, 0};
    char key[49];
    if (file == NULL)
        return cli_usage(call->ui, call->page,
                         "--generate-key needs --api-key-file F: the file that it is added to");
    if (skep_serve_make_key(file, name, cli_value(call, CLI_OPT_PREFIX),
                            cli_has(call, CLI_OPT_READ_ONLY) ? SKEP_SERVE_READONLY : 0, key) < 0)
        return cli_fail(call->ui);
    if (call->ui->json)
        return cli_json_end(call->ui, json_pack("{s:s, s:s}", "name", name, "key", key), CLI_DONE);
    cli_printf(&out, "%s\n", key);
    if (call->ui->loud >= 0)
        cli_say(call->ui,
                "this is shown once: %s has its hash only; a running server takes it on SIGHUP",
                file);
    return cli_out_end(&out, call->ui, CLI_DONE);
}

/* ---- serving ---- */

/* Blocked before a thread is started, so that all threads have them so; one that somebody wants to
 * be ignored (nohup) stays it. */
static bool block_signals(sigset_t *set)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    if (sigemptyset(set) != 0)
        return false;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) != 0)
            return false;
        if ((now.sa_handler != SIG_IGN || numbers[i] != SIGHUP) && sigaddset(set, numbers[i]) != 0)
            return false;
    }
    return pthread_sigmask(SIG_BLOCK, set, NULL) == 0;
}

static cli_exit announce(const cli_call *call, const skep_store *store, const skep_serve *serve)
{
    bool keys = cli_has(call, CLI_OPT_API_KEY_FILE), read_only = cli_has(call, CLI_OPT_READ_ONLY);
    if (call->ui->loud >= 0) {
        cli_say(call->ui, "serving %s at %s%s", skep_store_name(store), skep_serve_url(serve),
                read_only ? ", for reading" : "");
        if (!keys)
            cli_say(call->ui, "every user of this machine may use it: there are no API keys");
    }
    if (!call->ui->json)
        return CLI_DONE;
    return cli_json_end(call->ui,
                        json_pack("{s:s, s:s, s:b, s:b, s:b}", "url", skep_serve_url(serve),
                                  "store", skep_store_name(store), "api_keys", keys, "read_only",
                                  read_only, "tls", cli_has(call, CLI_OPT_TLS_CERT)),
                        CLI_DONE);
}

static void reload(const cli_call *call, skep_serve *serve, cli_log *log)
{
    (void)cli_log_open(call->ui, log);
    if (skep_serve_reload(serve) < 0)
        (void)cli_fail(call->ui);
    else if (call->ui->loud >= 0)
        cli_say(call->ui, "the API keys were read again");
}

static int next_signal(const sigset_t *set, int64_t timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    for (;;) {
        int number = timeout_ms < 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &timeout);
        if (number > 0)
            return number;
        if (errno != EINTR)
            return 0;
    }
}

/* Until a signal asks for the end, and what ran has ended, or the time is up, or another signal
 * came. */
static void wait_for_end(const cli_call *call, const sigset_t *set, skep_serve *serve, cli_log *log,
                         uint64_t grace_ms)
{
    while (next_signal(set, -1) == SIGHUP)
        reload(call, serve, log);
    skep_serve_drain(serve);
    if (call->ui->loud >= 0 && skep_serve_connections(serve) > 0)
        cli_say(call->ui, "ending: what runs has %llu s; another signal cuts it",
                (unsigned long long)(grace_ms / 1000));
    for (uint64_t ms = 0; ms < grace_ms && skep_serve_connections(serve) > 0; ms += LOOK_MS) {
        int number = next_signal(set, LOOK_MS);
        if (number == SIGINT || number == SIGTERM)
            return;
    }
}

static cli_exit serve_store(const cli_call *call, skep_store *store, skep_serve_opts *opts,
                            uint64_t grace_ms)
{
    skep_serve *serve = NULL;
    sigset_t set;
    cli_log log = {.path = cli_value(call, CLI_OPT_ACCESS_LOG),
                   .fd = -1,
                   .json = call->ui->json,
                   .failures_only = call->ui->loud < 0 && !cli_has(call, CLI_OPT_ACCESS_LOG)};
    cli_exit status = cli_log_open(call->ui, &log);
    if (status != CLI_DONE)
        return status;
    opts->access = cli_log_request;
    opts->ctx = &log;
    if (!block_signals(&set))
        status = cli_fail_errno(call->ui, errno, "block", "signals");
    else if (skep_serve_open(store, opts, &serve) < 0)
        status = cli_fail(call->ui);
    else
        status = announce(call, store, serve);
    if (serve != NULL) {
        if (status == CLI_DONE)
            wait_for_end(call, &set, serve, &log, grace_ms);
        if (skep_serve_close(serve, 0) < 0 && status == CLI_DONE) {
            cli_say(call->ui, "%s", skep_last_error()->text);
            status = CLI_WRONG;
        }
    }
    cli_log_close(&log);
    opts->access = NULL;
    opts->ctx = NULL;
    return status;
}

cli_exit cli_serve(const cli_call *call)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    skep_store_opts how = SKEP_STORE_OPTS_INIT;
    skep_store *store = NULL, *counted = NULL;
    uint64_t grace_ms = GRACE_MS;
    if (cli_has(call, CLI_OPT_GENERATE_KEY))
        return generate(call);
    if (cli_has(call, CLI_OPT_PREFIX))
        return cli_usage(call->ui, call->page, "--prefix is of a new key: --generate-key NAME");
    cli_exit status = take_numbers(call, &opts, &grace_ms);
    if (status != CLI_DONE)
        return status;
    take_options(call, &opts);
    how.flags = cli_has(call, CLI_OPT_READ_ONLY) ? SKEP_STORE_READONLY : 0u;
    if (skep_store_open(cli_value(call, CLI_OPT_STORE), &how, &store) < 0)
        return cli_fail(call->ui);
    /* For /metrics. */
    status = skep_store_counted(store, &counted) < 0 ? cli_fail(call->ui)
                                                     : serve_store(call, counted, &opts, grace_ms);
    if (skep_store_close(counted != NULL ? counted : store) < 0 && status == CLI_DONE)
        status = cli_fail(call->ui);
    return status;
}
