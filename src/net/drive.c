/* SPDX-License-Identifier: MIT */
/* Moving bytes in the thread of the call, until it has what it came for. The thread sleeps in
 * libcurl's poll; a fired cancel wakes it there. */
#include "base/cancel.h"
#include "base/time.h"
#include "net/net_private.h"

typedef struct alarm {
    skep__watcher base;
    CURLM *multi;
} alarm;

static void ring(skep__watcher *watcher)
{
    (void)curl_multi_wakeup(((alarm *)(void *)watcher)->multi);
}

static bool reached(const skep__net_call *call, skep__net_goal goal)
{
    if (call->done)
        return true;
    switch (goal) {
    case SKEP__NET_TAKEN:
        return call->piece_len == 0 || call->head_done;
    case SKEP__NET_HEAD:
        return call->head_done;
    case SKEP__NET_SOME:
        return call->dst_got > 0;
    case SKEP__NET_END:
        break;
    }
    return false;
}

/* Moved so far, in both directions: when that stands still, the transfer does. */
static uint64_t moved(const skep__net_call *call)
{
    curl_off_t up = 0;
    curl_off_t down = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    (void)curl_easy_getinfo(call->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    return (uint64_t)up + (uint64_t)down + call->head_bytes;
}

static int perform(skep__net_call *call)
{
    int running = 0;
    CURLMcode rc = curl_multi_perform(call->multi, &running);
    if (rc != CURLM_OK)
        return rc == CURLM_OUT_OF_MEMORY
                   ? skep__oom()
                   : SKEP__FAIL(SKEP_EINTERNAL, "libcurl: %s", curl_multi_strerror(rc));
    int left = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(call->multi, &left)) != NULL;) {
        if (m->msg == CURLMSG_DONE) {
            call->done = true;
            call->result = m->data.result;
        }
    }
    return SKEP_OK;
}

/* Sleep until something can move, or the time of the call or of a stall is over. */
static int sleep_on(skep__net_call *call, uint64_t stall_at)
{
    if (skep__cancel_fired(call->cancel))
        return skep__net_ended(call, SKEP_ECANCELLED, "cancelled");
    uint64_t now = skep__now_ns();
    uint64_t until = stall_at;
    if (call->deadline_ns != 0 && call->deadline_ns < until)
        until = call->deadline_ns;
    if (now >= until)
        return until == call->deadline_ns
                   ? skep__net_ended(call, SKEP_ETIMEOUT, "the time of the call is over")
                   : skep__net_ended(call, SKEP_ETIMEOUT, "no byte has moved for too long");
    uint64_t ms = (until - now) / SKEP__NS_PER_MS + 1;
    CURLMcode rc = curl_multi_poll(call->multi, NULL, 0, ms > 60000 ? 60000 : (int)ms, NULL);
    return rc == CURLM_OK ? SKEP_OK
                          : SKEP__FAIL(SKEP_EINTERNAL, "libcurl: %s", curl_multi_strerror(rc));
}

static int run(skep__net_call *call, skep__net_goal goal)
{
    uint64_t bytes = moved(call);
    uint64_t stall_at = skep__now_ns() + call->net->stall_ns;
    if (skep__cancel_fired(call->cancel))
        return skep__net_ended(call, SKEP_ECANCELLED, "cancelled");
    if (call->deadline_ns != 0 && skep__now_ns() >= call->deadline_ns)
        return skep__net_ended(call, SKEP_ETIMEOUT, "the time of the call is over");
    while (true) {
        SKEP__TRY(perform(call));
        if (reached(call, goal))
            return SKEP_OK;
        uint64_t now_bytes = moved(call);
        if (now_bytes != bytes)
            stall_at = skep__now_ns() + call->net->stall_ns;
        bytes = now_bytes;
        SKEP__TRY(sleep_on(call, stall_at));
    }
}

int skep__net_keep(skep__net_call *call, int rc)
{
    if (rc < 0) {
        call->failed = rc;
        skep__err_save(&call->err);
    }
    return rc;
}

int skep__net_drive(skep__net_call *call, skep__net_goal goal)
{
    skep_cancel *cancel = call->cancel;
    skep_cancel *parent = cancel == NULL ? NULL : cancel->parent;
    alarm one = {.base.fired = ring, .multi = call->multi};
    alarm two = one;
    if (call->failed < 0)
        return skep__err_install(&call->err);
    if (call->done)
        return SKEP_OK;
    if (cancel != NULL)
        (void)skep__cancel_watch(cancel, &one.base);
    if (parent != NULL)
        (void)skep__cancel_watch(parent, &two.base);
    int rc = run(call, goal);
    if (parent != NULL)
        skep__cancel_unwatch(parent, &two.base);
    if (cancel != NULL)
        skep__cancel_unwatch(cancel, &one.base);
    return skep__net_keep(call, rc == SKEP_OK && call->done ? skep__net_failure(call) : rc);
}
