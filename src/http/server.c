/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include <skep/sys/store_engine.h>

#define DEFAULT_LISTEN "127.0.0.1:7420"
#define KNOWN_FLAGS (SKEP_SERVE_READONLY | SKEP_SERVE_BEHIND_PROXY | SKEP_SERVE_INSECURE)

/* ---- options ---- */

static int out_of_range(const char *name)
{
    return skep_fail(SKEP_EINVALID, "http", "%s is out of its range (skep/serve.h)", name);
}

static int complete(skep_serve_opts *o)
{
    if ((o->flags & ~(uint32_t)KNOWN_FLAGS) != 0)
        return skep_fail(SKEP_EINVALID, "http", "there are flags that are not known");
    o->listen = o->listen != NULL ? o->listen : DEFAULT_LISTEN;
    o->object_bytes = o->object_bytes != 0 ? o->object_bytes : SKEP_STORE_BYTES_MAX;
    o->header_bytes = o->header_bytes != 0 ? o->header_bytes : 16384;
    o->connections = o->connections != 0 ? o->connections : 256;
    o->connections_per_address = o->connections_per_address != 0 ? o->connections_per_address : 64;
    o->min_bytes_per_second = o->min_bytes_per_second != 0 ? o->min_bytes_per_second : 1024;
    o->idle_ms = o->idle_ms != 0 ? o->idle_ms : 30000;
    if (o->object_bytes > SKEP_STORE_BYTES_MAX)
        return out_of_range("object_bytes");
    if (o->header_bytes < 512 || o->header_bytes > SKEP_SERVE_HEADER_MAX)
        return out_of_range("header_bytes");
    if (o->connections > SKEP_SERVE_CONNECTIONS_MAX)
        return out_of_range("connections");
    if (o->requests_per_second > 1000000000u)
        return out_of_range("requests_per_second");
    if (o->idle_ms < 0 || o->idle_ms > 86400000)
        return out_of_range("idle_ms");
    if ((o->tls_cert_file == NULL) != (o->tls_key_file == NULL))
        return skep_fail(SKEP_EINVALID, "http", "TLS needs a certificate and its key");
    return SKEP_OK;
}

static int take_files(skep_serve *serve)
{
    const skep_serve_opts *o = &serve->opts;
    size_t len = 0;
    int rc = SKEP_OK;
    if (o->api_key_file != NULL) {
        serve->key_file = strdup(o->api_key_file);
        rc = serve->key_file == NULL ? skep_fail(SKEP_ENOMEM, "http", "out of memory")
                                     : http_keys_read(serve->key_file, &serve->keys);
    }
    if (rc >= 0 && o->tls_cert_file != NULL)
        rc = http_read_secret(o->tls_cert_file, 0, SKEP__HTTP_PEM_MAX, &serve->pem[0], &len);
    if (rc >= 0 && o->tls_key_file != NULL)
        rc = http_read_secret(o->tls_key_file, 07, SKEP__HTTP_PEM_MAX, &serve->pem[1], &len);
    return rc;
}

static int check_exposure(const skep_serve *serve, bool local)
{
    const skep_serve_opts *o = &serve->opts;
    if (local)
        return SKEP_OK;
    if (serve->keys == NULL)
        return skep_fail(SKEP_EDENIED, "http",
                         "%s: other machines reach that address, so API keys are needed; give a "
                         "file of them, or listen on 127.0.0.1",
                         o->listen);
    if (serve->pem[0] == NULL && (o->flags & (SKEP_SERVE_BEHIND_PROXY | SKEP_SERVE_INSECURE)) == 0)
        return skep_fail(SKEP_EDENIED, "http",
                         "%s: other machines reach that address, so TLS is needed: API keys would "
                         "go over the network in the clear; give a certificate and its key, or say "
                         "that a proxy does TLS",
                         o->listen);
    return SKEP_OK;
}

/* ---- libmicrohttpd ---- */

/* Paths are decoded by us alone, where a zero byte or a second slash is seen as what it is. */
static size_t leave_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

static void say_nothing(void *cls, const char *format, va_list args)
{
    (void)cls, (void)format, (void)args;
}

static int start(skep_serve *serve)
{
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                     MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, serve->pem[0]},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, serve->pem[1]},
                                   {MHD_OPTION_END, 0, NULL}};
    flags |= serve->pem[0] != NULL ? MHD_USE_TLS : 0;
    serve->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, http_request_step, serve, MHD_OPTION_EXTERNAL_LOGGER, say_nothing,
        NULL, MHD_OPTION_LISTEN_SOCKET, serve->listener, MHD_OPTION_CONNECTION_LIMIT,
        serve->opts.connections + SKEP__HTTP_SPARE, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)SKEP__HTTP_POOL, MHD_OPTION_THREAD_STACK_SIZE, (size_t)SKEP__HTTP_STACK,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_URI_LOG_CALLBACK,
        http_request_new, serve, MHD_OPTION_NOTIFY_COMPLETED, http_request_done, serve,
        MHD_OPTION_NOTIFY_CONNECTION, http_conn_notify, serve, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, tls + (serve->pem[0] != NULL ? 0 : 2), MHD_OPTION_END);
    if (serve->daemon != NULL)
        return SKEP_OK;
    if (serve->pem[0] != NULL)
        return skep_fail(SKEP_EINVALID, "http",
                         "%s, %s: TLS cannot be done with these; both must be PEM, and the key the "
                         "certificate's",
                         serve->opts.tls_cert_file, serve->opts.tls_key_file);
    return skep_fail(SKEP_ENOMEM, "http", "the server cannot be started: no memory or no thread");
}

/* ---- open, close ---- */

static void wipe(char **text)
{
    if (*text != NULL)
        sodium_memzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void stop_watching(skep_serve *serve)
{
    if (!serve->watching)
        return;
    (void)pthread_mutex_lock(&serve->lock);
    serve->ending = true;
    (void)pthread_cond_broadcast(&serve->wake);
    (void)pthread_mutex_unlock(&serve->lock);
    (void)pthread_join(serve->watcher, NULL);
    serve->watching = false;
}

static void dispose(skep_serve *serve)
{
    if (serve->daemon != NULL)
        MHD_stop_daemon(serve->daemon);
    /* Up to here there were connections to look after. */
    stop_watching(serve);
    if (serve->listener >= 0)
        (void)close(serve->listener);
    http_keys_unref(serve->keys);
    skep_cancel_free(serve->cancel);
    (void)pthread_cond_destroy(&serve->wake);
    (void)pthread_cond_destroy(&serve->changed);
    (void)pthread_mutex_destroy(&serve->lock);
    free(serve->key_file);
    wipe(&serve->pem[0]);
    wipe(&serve->pem[1]);
    free(serve);
}

static skep_serve *make(skep_store *store, const skep_serve_opts *opts)
{
    pthread_condattr_t clock;
    skep_serve *serve = calloc(1, sizeof(*serve));
    if (serve == NULL)
        return NULL;
    serve->store = store;
    serve->opts = *opts;
    serve->listener = -1;
    (void)pthread_mutex_init(&serve->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&serve->changed, &clock);
    (void)pthread_cond_init(&serve->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
    return serve;
}

static int set_up(skep_serve *serve)
{
    bool local = false;
    int rc = take_files(serve);
    if (rc >= 0)
        rc = skep_cancel_new(&serve->cancel);
    if (rc >= 0)
        rc = http_listen(serve->opts.listen, serve, &local);
    if (rc >= 0)
        rc = check_exposure(serve, local);
    if (rc >= 0 && pthread_create(&serve->watcher, NULL, http_watch, serve) != 0)
        rc = skep_fail(SKEP_ENOMEM, "http", "no thread can be made");
    if (rc < 0)
        return rc;
    serve->watching = true;
    return start(serve);
}

int skep_serve_open(skep_store *store, const skep_serve_opts *opts, skep_serve **out)
{
    skep_serve_opts all = SKEP_SERVE_OPTS_INIT;
    if (store == NULL || out == NULL)
        return skep_fail(SKEP_EMISUSE, "http", "a server needs a store and a place for its handle");
    if (opts != NULL && opts->size != sizeof(all))
        return skep_fail(SKEP_EMISUSE, "http",
                         "the options were not made with SKEP_SERVE_OPTS_INIT of this version");
    all = opts != NULL ? *opts : all;
    int rc = complete(&all);
    if (rc >= 0 && sodium_init() < 0)
        rc = skep_fail(SKEP_EINTERNAL, "http", "libsodium cannot be used");
    if (rc < 0)
        return rc;
    skep_store_allow_own(store); /* http_key_is_own() lets little of it through */
    skep_serve *serve = make(store, &all);
    if (serve == NULL)
        return skep_fail(SKEP_ENOMEM, "http", "out of memory");
    rc = set_up(serve);
    /* Text of the caller's is not looked at any more. */
    serve->opts.listen = serve->opts.api_key_file = NULL;
    serve->opts.tls_cert_file = serve->opts.tls_key_file = NULL;
    if (rc < 0) {
        skep_err err = *skep_last_error();
        dispose(serve);
        return skep_fail(err.code, err.room, "%s", err.text);
    }
    *out = serve;
    return SKEP_OK;
}

const char *skep_serve_url(const skep_serve *serve)
{
    return serve->url;
}

uint32_t skep_serve_port(const skep_serve *serve)
{
    return serve->port;
}

uint32_t skep_serve_connections(const skep_serve *serve)
{
    return atomic_load(&serve->conn_count);
}

int skep_serve_reload(skep_serve *serve)
{
    http_keys *keys = NULL;
    if (serve->key_file == NULL)
        return SKEP_OK;
    int rc = http_keys_read(serve->key_file, &keys);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&serve->lock);
    http_keys *before = serve->keys;
    serve->keys = keys;
    (void)pthread_mutex_unlock(&serve->lock);
    http_keys_unref(before);
    return SKEP_OK;
}

void skep_serve_drain(skep_serve *serve)
{
    if (atomic_exchange(&serve->draining, true))
        return;
    int listener = MHD_quiesce_daemon(serve->daemon);
    if (listener >= 0)
        (void)close(listener);
    serve->listener = -1;
    (void)pthread_mutex_lock(&serve->lock);
    (void)pthread_cond_broadcast(&serve->wake);
    (void)pthread_mutex_unlock(&serve->lock);
}

/* Until no connection is open, or the time is up: how many are left. */
static uint32_t wait_for_end(skep_serve *serve, int64_t timeout_ms)
{
    struct timespec until;
    uint64_t ns = http_now_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    until.tv_sec = (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    (void)pthread_mutex_lock(&serve->lock);
    while (atomic_load(&serve->conn_count) > 0 &&
           pthread_cond_timedwait(&serve->changed, &serve->lock, &until) != ETIMEDOUT)
        ;
    uint32_t left = atomic_load(&serve->in_flight);
    if (atomic_load(&serve->conn_count) > 0)
        http_conns_end_locked(serve, true);
    (void)pthread_mutex_unlock(&serve->lock);
    return left;
}

int skep_serve_close(skep_serve *serve, int64_t timeout_ms)
{
    if (serve == NULL)
        return SKEP_OK;
    skep_serve_drain(serve);
    uint32_t left = wait_for_end(serve, timeout_ms);
    skep_cancel_fire(serve->cancel);
    dispose(serve);
    if (left == 0)
        return SKEP_OK;
    return skep_fail(SKEP_ETIMEOUT, "http", "%u requests were still running and have been cut",
                     left);
}
