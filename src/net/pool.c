/* SPDX-License-Identifier: MIT */
/* Who may use which connection. A handle of libcurl keeps its connection between requests; the one
 * used last goes out first, so that few are kept warm and the others end of age. Who finds none
 * waits in line, and is handed one by whoever gives it back: nobody can come between. */
#include <curl/curl.h>

#include "base/mem.h"
#include "base/time.h"
#include "net/net_private.h"

static struct {
    pthread_once_t once;
    CURLcode result;
} process = {.once = PTHREAD_ONCE_INIT};

static void set_up(void)
{
    process.result = curl_global_init(CURL_GLOBAL_ALL);
}

static void dispose(skep__net *net)
{
    skep__mutex_dispose(&net->mutex);
    skep__free(net->ca_file);
    skep__free(net);
}

int skep__net_new(const skep__net_opts *opts, skep__net **out)
{
    (void)pthread_once(&process.once, set_up);
    if (process.result != CURLE_OK)
        return SKEP__FAIL(SKEP_ENOMEM, "libcurl cannot start: %s",
                          curl_easy_strerror(process.result));
    if (opts->connections > SKEP__NET_CONNECTIONS_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%u connections, %d are possible", opts->connections,
                          SKEP__NET_CONNECTIONS_MAX);
    skep__net *net = skep__calloc(1, sizeof(*net));
    if (net == NULL)
        return skep__oom();
    net->most = opts->connections == 0 ? 16 : opts->connections;
    net->stall_ns = (opts->stall_ms == 0 ? 30000 : (uint64_t)opts->stall_ms) * SKEP__NS_PER_MS;
    net->last = &net->first;
    int rc = skep__mutex_init(&net->mutex);
    if (rc < 0) {
        skep__free(net);
        return rc;
    }
    if (opts->ca_file != NULL && (net->ca_file = skep__strdup(opts->ca_file)) == NULL) {
        dispose(net);
        return skep__oom();
    }
    *out = net;
    return SKEP_OK;
}

static void call_free(skep__net_call *call)
{
    if (call == NULL)
        return;
    if (call->easy != NULL)
        curl_easy_cleanup(call->easy);
    if (call->multi != NULL)
        (void)curl_multi_cleanup(call->multi);
    skep__free(call);
}

void skep__net_free(skep__net *net)
{
    if (net == NULL)
        return;
    while (net->idle != NULL) {
        skep__net_call *call = net->idle;
        net->idle = call->next;
        net->made--;
        call_free(call);
    }
    ASSERT(net->made == 0);
    dispose(net);
}

static int call_new(skep__net *net, skep__net_call **out)
{
    skep__net_call *call = skep__calloc(1, sizeof(*call));
    if (call == NULL)
        return skep__oom();
    call->net = net;
    call->multi = curl_multi_init();
    call->easy = curl_easy_init();
    if (call->multi == NULL || call->easy == NULL || skep__net_hook(call) < 0) {
        call_free(call);
        return skep__oom();
    }
    *out = call;
    return SKEP_OK;
}

/* A handle, if there may be one more or one is idle. True: `*out` is it, or NULL where it is for
 * the caller to make. */
static bool take_now(skep__net *net, skep__net_call **out) SKEP__REQUIRES(net->mutex)
{
    *out = net->idle;
    if (net->idle != NULL)
        net->idle = net->idle->next;
    else if (net->made < net->most)
        net->made++;
    else
        return false;
    return true;
}

static void join(skep__net *net, skep__net_waiter *w) SKEP__REQUIRES(net->mutex)
{
    w->back = net->last;
    *net->last = w;
    net->last = &w->next;
}

static void leave(skep__net *net, skep__net_waiter *w) SKEP__REQUIRES(net->mutex)
{
    *w->back = w->next;
    if (w->next != NULL)
        w->next->back = w->back;
    else
        net->last = w->back;
    w->back = NULL;
}

/* The place of one that is no more. Whoever waits first may make one. */
static void give_place(skep__net *net)
{
    skep__mutex_lock(&net->mutex);
    skep__net_waiter *w = net->first;
    if (w == NULL) {
        net->made--;
    } else {
        leave(net, w);
        atomic_store(&w->word, 1);
        skep__word_wake(&w->word, 1);
    }
    skep__mutex_unlock(&net->mutex);
}

void skep__net_give_back(skep__net_call *call)
{
    skep__net *net = call->net;
    skep__mutex_lock(&net->mutex);
    skep__net_waiter *w = net->first;
    if (w == NULL) {
        call->next = net->idle;
        net->idle = call;
    } else {
        leave(net, w);
        w->given = call;
        /* Under the lock: `w` is gone as soon as its thread sees that it was served. */
        atomic_store(&w->word, 1);
        skep__word_wake(&w->word, 1);
    }
    skep__mutex_unlock(&net->mutex);
}

/* In line until served: SKEP_OK, with `w->given`, or NULL for a place. */
static int wait_in_line(skep__net *net, skep__net_waiter *w, skep_cancel *cancel,
                        uint64_t deadline_ns)
{
    bool in_time = true;
    uint32_t seen;
    /* A fired cancel adds to the word too, so `back` tells, under the lock, who was served. */
    while ((seen = atomic_load(&w->word)) == 0 && in_time && !skep__cancel_fired(cancel))
        in_time = skep__cancel_wait(cancel, &w->word, seen, deadline_ns);
    skep__mutex_lock(&net->mutex);
    bool served = w->back == NULL;
    if (!served)
        leave(net, w);
    skep__mutex_unlock(&net->mutex);
    if (served)
        return SKEP_OK;
    if (skep__cancel_fired(cancel))
        return SKEP__FAIL(SKEP_ECANCELLED, "cancelled while all %u connections were in use",
                          net->most);
    return SKEP__FAIL(SKEP_ETIMEOUT, "all %u connections were in use until the deadline",
                      net->most);
}

int skep__net_take(skep__net *net, skep_cancel *cancel, uint64_t deadline_ns, skep__net_call **out)
{
    skep__net_waiter w = {0};
    skep__net_call *call = NULL;
    skep__mutex_lock(&net->mutex);
    bool now = take_now(net, &call);
    if (!now)
        join(net, &w);
    skep__mutex_unlock(&net->mutex);
    if (!now) {
        SKEP__TRY(wait_in_line(net, &w, cancel, deadline_ns));
        call = w.given;
    }
    if (call == NULL) {
        int rc = call_new(net, &call);
        if (rc < 0) {
            give_place(net);
            return rc;
        }
    }
    *out = call;
    return SKEP_OK;
}
