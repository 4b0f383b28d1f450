/* SPDX-License-Identifier: MIT */
/* What libcurl calls while bytes move, always in the thread that drives the call. */
#include <string.h>
#include <strings.h>

#include <skep/version.h>

#include "base/mem.h"
#include "base/time.h"
#include "net/net_private.h"

/* A kept connection may have been closed meanwhile; libcurl then begins anew on another. Whether
 * the first one reached the server nobody knows, so what may not be repeated ends here. */
static int on_begin(void *ctx, char *to, char *from, int to_port, int from_port)
{
    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    skep__net_call *call = ctx;
    call->begun++;
    return call->begun == 1 || call->repeatable ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_read(char *to, size_t size, size_t count, void *ctx)
{
    skep__net_call *call = ctx;
    size_t n = size * count < call->piece_len ? size * count : call->piece_len;
    if (n == 0 && !call->body_ended) {
        call->send_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (n > 0) /* or `piece` may be NULL */
        memcpy(to, call->piece, n);
    call->piece += n;
    call->piece_len -= n;
    call->taken += n;
    return n;
}

/* Begin the body anew: possible as long as nothing of it was taken, as pieces are not kept. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    const skep__net_call *call = ctx;
    return offset == 0 && origin == SEEK_SET && call->taken == 0 ? CURL_SEEKFUNC_OK
                                                                 : CURL_SEEKFUNC_FAIL;
}

/* "HTTP/1.1 200 OK": a head begins, perhaps after that of a 100. */
static void begin_head(skep__net_call *call, const char *line, size_t len)
{
    const char *c = memchr(line, ' ', len);
    call->status = 0;
    for (size_t i = 1; c != NULL && i <= 3 && c + i < line + len; i++)
        call->status = call->status * 10 + (c[i] >= '0' && c[i] <= '9' ? c[i] - '0' : 0);
}

static skep_slice trim(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r' || to[-1] == '\n'))
        to--;
    return skep_slice_of(from, (size_t)(to - from));
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    skep__net_call *call = ctx;
    size_t len = size * count;
    call->head_bytes += len;
    if (call->head_bytes > SKEP__NET_HEAD_MAX) {
        call->failed = SKEP__FAIL(SKEP_ELIMIT, "%s answers with a head of more than %d bytes",
                                  call->host, SKEP__NET_HEAD_MAX);
        return 0;
    }
    if (call->head_done) /* what follows the body */
        return len;
    if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        begin_head(call, line, len);
        return len;
    }
    bool interim = call->status >= 100 && call->status < 200;
    skep_slice rest = trim(line, line + len);
    if (rest.len == 0) {
        call->head_done = !interim;
        return len;
    }
    const char *colon = memchr(line, ':', len);
    if (colon != NULL && !interim && call->header != NULL)
        call->header(call->header_ctx, trim(line, colon), trim(colon + 1, line + len));
    return len;
}

/* To whoever reads, then to the carry. */
static size_t deliver(skep__net_call *call, const uint8_t *data, size_t len)
{
    size_t n = call->dst_len - call->dst_got;
    if (len > 0 && n == 0 && call->carry_len > call->carry_at) {
        call->receive_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    n = len < n ? len : n;
    if (n > 0)
        memcpy(call->dst + call->dst_got, data, n);
    call->dst_got += n;
    if (len > n) {
        ASSERT(call->carry_at == call->carry_len && len - n <= sizeof(call->carry));
        memcpy(call->carry, data + n, len - n);
        call->carry_at = 0;
        call->carry_len = len - n;
    }
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    skep__net_call *call = ctx;
    if (call->drop)
        return size * count;
    if (call->sink == NULL)
        return deliver(call, (const uint8_t *)data, size * count);
    int rc = skep__buf_add(call->sink, data, size * count);
    if (rc == SKEP_OK)
        return size * count;
    call->failed = rc;
    return 0;
}

/* What is the same for all requests is set once. libcurl's only failure here is memory. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(e, (option), (value)) != CURLE_OK)                                    \
            return SKEP_ENOMEM;                                                                    \
    } while (0)

static int hook_bytes(CURL *e, skep__net_call *call)
{
    SET(CURLOPT_PREREQFUNCTION, on_begin);
    SET(CURLOPT_PREREQDATA, call);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, call);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_ERRORBUFFER, call->error);
    return SKEP_OK;
}

int skep__net_hook(skep__net_call *call)
{
    CURL *e = call->easy;
    SKEP__TRY(hook_bytes(e, call));
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)SKEP__NET_RECEIVE);
    SET(CURLOPT_EXPECT_100_TIMEOUT_MS, (long)SKEP__NET_EXPECT_MS);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(call->net->stall_ns / SKEP__NS_PER_MS));
    /* A name that is being looked up must not hold up a call that was cancelled. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_USERAGENT, "skep/" SKEP_VERSION);
    if (call->net->ca_file != NULL)
        SET(CURLOPT_CAINFO, call->net->ca_file);
    return curl_multi_setopt(call->multi, CURLMOPT_MAXCONNECTS, 2L) == CURLM_OK ? SKEP_OK
                                                                                : SKEP_ENOMEM;
}
