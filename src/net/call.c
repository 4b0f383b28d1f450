/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "net/net_private.h"

/* Forget the last request; the handle, the connection and the lines set once stay. */
static void clear(skep__net_call *c)
{
    c->headers = NULL;
    c->begun = 0;
    c->left = 0;
    c->piece = NULL;
    c->piece_len = 0;
    c->body_ended = c->send_paused = c->receive_paused = false;
    c->taken = 0;
    c->head_bytes = 0;
    c->status = 0;
    c->head_done = c->done = c->added = false;
    c->sink = NULL;
    c->drop = false;
    c->dst = NULL;
    c->dst_len = c->dst_got = 0;
    c->carry_at = c->carry_len = 0;
    c->result = CURLE_OK;
    c->failed = SKEP_OK;
    c->error[0] = '\0';
}

/* Some of them are secrets. (What libcurl has written out of them is beyond our reach.) */
static void wipe_headers(skep__net_call *call)
{
    for (struct curl_slist *line = call->headers; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(call->headers);
    call->headers = NULL;
}

void skep__net_end(skep__net_call *call)
{
    if (call == NULL)
        return;
    if (call->added)
        (void)curl_multi_remove_handle(call->multi, call->easy);
    (void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, NULL);
    wipe_headers(call);
    skep__net_give_back(call);
}

void skep__net_endp(skep__net_call **call)
{
    skep__net_end(*call);
}

int skep__net_begin(skep__net *net, const skep__net_request *request, skep__net_header_fn *header,
                    void *ctx, skep__net_call **out)
{
    SKEP__CLEANUP(skep__net_endp) skep__net_call *call = NULL;
    SKEP__TRY(skep__net_take(net, request->cancel, request->deadline_ns, &call));
    clear(call);
    call->header = header;
    call->header_ctx = ctx;
    SKEP__TRY(skep__net_prepare(call, request));
    if (curl_multi_add_handle(call->multi, call->easy) != CURLM_OK)
        return skep__oom();
    call->added = true;
    *out = SKEP__TAKE(call);
    return SKEP_OK;
}

/* Let libcurl take, or give, what it was told to wait with. It may do so at once. */
static int go_on(skep__net_call *call)
{
    if (call->done || (!call->send_paused && !call->receive_paused))
        return SKEP_OK;
    call->send_paused = call->receive_paused = false;
    CURLcode rc = curl_easy_pause(call->easy, CURLPAUSE_CONT);
    if (rc == CURLE_OK)
        return SKEP_OK;
    call->result = rc;
    return skep__net_keep(call, skep__net_failure(call));
}

int skep__net_write(skep__net_call *call, const void *data, size_t len)
{
    if (len == 0)
        return SKEP_OK;
    ASSERT(len <= call->left);
    if (call->left != SKEP__NET_CHUNKED)
        call->left -= len;
    call->piece = data;
    call->piece_len = len;
    SKEP__TRY(go_on(call));
    SKEP__TRY(skep__net_drive(call, SKEP__NET_TAKEN));
    if (call->piece_len == 0 && (call->left == 0 || !call->head_done))
        return SKEP_OK;
    call->piece_len = 0;
    return SKEP__FAIL(SKEP_ECONFLICT, "%s has answered before all was sent", call->host);
}

static void fill_in(const skep__net_call *call, skep__net_answer *answer)
{
    curl_off_t bytes = -1;
    curl_off_t after = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes);
    (void)curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &after);
    answer->status = call->status;
    answer->body_bytes = bytes < 0 ? UINT64_MAX : (uint64_t)bytes;
    /* A day is for ever to everybody who waits. */
    answer->retry_after_ms = after <= 0 ? -1 : (after > 86400 ? 86400 : (int64_t)after) * 1000;
}

int skep__net_await(skep__net_call *call, skep__net_answer *answer)
{
    ASSERT(call->left == 0 || call->left == SKEP__NET_CHUNKED || call->head_done ||
           call->failed < 0);
    call->body_ended = true;
    int rc = call->head_done ? SKEP_OK : go_on(call);
    if (rc >= 0 && !call->head_done)
        rc = skep__net_drive(call, SKEP__NET_HEAD);
    /* Where the body was cut right behind it, that is for whoever reads the body. */
    if (!call->head_done)
        return rc < 0 ? rc : skep__net_ended(call, SKEP_ENET, "the answer has no head");
    fill_in(call, answer);
    return SKEP_OK;
}

static size_t from_carry(skep__net_call *call, uint8_t *to, size_t len)
{
    size_t n = call->carry_len - call->carry_at;
    n = len < n ? len : n;
    memcpy(to, call->carry + call->carry_at, n);
    call->carry_at += n;
    return n;
}

int skep__net_read(skep__net_call *call, void *data, size_t len, size_t *got)
{
    ASSERT(call->head_done && len > 0);
    size_t n = from_carry(call, data, len);
    if (n == 0) {
        call->dst = data;
        call->dst_len = len;
        call->dst_got = 0;
        int rc = go_on(call);
        if (rc == SKEP_OK && call->dst_got == 0)
            rc = skep__net_drive(call, SKEP__NET_SOME);
        n = call->dst_got;
        call->dst_len = call->dst_got = 0;
        /* What came before the cut is good: the failure is for the next call. */
        if (rc < 0 && n == 0)
            return rc;
    }
    *got = n;
    return SKEP_OK;
}

int skep__net_do(skep__net *net, const skep__net_request *request, skep__net_answer *answer,
                 skep__buf *body, skep__net_header_fn *header, void *ctx)
{
    ASSERT(request->body.data != NULL || request->body_bytes == 0);
    SKEP__CLEANUP(skep__net_endp) skep__net_call *call = NULL;
    SKEP__TRY(skep__net_begin(net, request, header, ctx, &call));
    ASSERT(call != NULL);
    call->sink = body;
    call->drop = body == NULL;
    SKEP__TRY(skep__net_drive(call, SKEP__NET_END));
    return skep__net_await(call, answer);
}
