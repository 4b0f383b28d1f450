/* SPDX-License-Identifier: MIT */
#ifndef SKEP__NET_NET_H
#define SKEP__NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "net/net_limits.h"

/* HTTP, as a client: requests on connections that are kept, and the policy after which what may be
 * repeated is. libcurl moves the bytes.
 *
 * Threads: a skep__net is shared; each request in flight takes a connection of its own. A
 * skep__net_call is one at a time. */

typedef struct skep__net skep__net;

typedef struct skep__net_opts {
    const char *ca_file;  /* PEM; NULL: the system's */
    uint32_t connections; /* most in use at a time; further calls wait. 0: 16 */
    int64_t stall_ms;     /* no byte for so long ends a request with SKEP_ETIMEOUT. 0: 30000 */
} skep__net_opts;

int skep__net_new(const skep__net_opts *opts, skep__net **out) SKEP_CHECK;
void skep__net_free(skep__net *net); /* nothing may be in flight; accepts NULL */

typedef struct skep__net_request {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    /* http or https, without a user, encoded as it is to be sent. Redirects are not followed. */
    const char *url;
    const char *const *headers; /* "Name: value", copied; NULL at the end; NULL: none */
    /* The body of PUT and POST: in memory and there until the call ends, or (then `body.data` is
     * NULL) written piece by piece with skep__net_write(), `body_bytes` in all, or
     * SKEP__NET_CHUNKED. */
    skep_slice body;
    uint64_t body_bytes;
    uint64_t deadline_ns; /* monotonic; 0: none */
    skep_cancel *cancel;  /* may be NULL */
} skep__net_request;

#define SKEP__NET_CHUNKED UINT64_MAX

/* What came before the body of an answer. Header names count without case. */
typedef struct skep__net_answer {
    int status;
    uint64_t body_bytes;    /* UINT64_MAX where it does not say */
    int64_t retry_after_ms; /* -1: it does not say */
} skep__net_answer;

typedef struct skep__net_call skep__net_call;

/* A request whose answer is small: all of the body is appended to `body`, whose ceiling holds
 * (SKEP_ELIMIT; NULL: what comes is dropped). Returns SKEP_OK for every answer, whatever its
 * status: SKEP_ENET, SKEP_ETIMEOUT or SKEP_ECANCELLED where none came, SKEP_EAUTH where the
 * server's certificate is not trusted. The outcome is SKEP_OUTCOME_UNKNOWN once a request that may
 * change something, neither GET nor HEAD, has begun to be sent.
 *
 * A kept connection that turns out to be closed before anything of the answer came is replaced, and
 * the request sent again: but not one that may not be repeated blindly, POST and what has If-Match
 * or If-None-Match and may change something. `header` (may be NULL) is called with each one of the
 * answer; it must not call this room. */
typedef void skep__net_header_fn(void *ctx, skep_slice name, skep_slice value);
int skep__net_do(skep__net *net, const skep__net_request *request, skep__net_answer *answer,
                 skep__buf *body, skep__net_header_fn *header, void *ctx) SKEP_CHECK;

/* The same in steps, for large bodies. Begin; write the body, if it was said to come so; await the
 * answer; read its body to its end; end. A call that is ended before costs its connection. */
int skep__net_begin(skep__net *net, const skep__net_request *request, skep__net_header_fn *header,
                    void *ctx, skep__net_call **out) SKEP_CHECK;
/* Fails with SKEP_ECONFLICT and nothing else where the server has answered before all was sent: its
 * answer can be awaited then. */
int skep__net_write(skep__net_call *call, const void *data, size_t len) SKEP_CHECK;
int skep__net_await(skep__net_call *call, skep__net_answer *answer) SKEP_CHECK;
/* `*got` is 0 only at the end of a body that came whole; one that was cut is SKEP_ENET. */
int skep__net_read(skep__net_call *call, void *data, size_t len, size_t *got) SKEP_CHECK;
void skep__net_end(skep__net_call *call); /* accepts NULL */
void skep__net_endp(skep__net_call **call);

/* ---- trying again ---- */

/* Full jitter: before attempt n a random time up to 100 ms * 2^n, 20 s at most; never sooner than
 * the server asks for. */
typedef struct skep__retry {
    uint64_t until_ns;    /* monotonic: no attempt begins after this */
    uint64_t deadline_ns; /* of the call; 0: none */
    skep_cancel *cancel;
    uint32_t attempts; /* so far */
} skep__retry;

/* `budget_ms`: trying goes on for so long; negative: there is one attempt. */
void skep__retry_init(skep__retry *retry, int64_t budget_ms, uint64_t deadline_ns,
                      skep_cancel *cancel);
/* Sleep before the next attempt, or no sooner than `after_ms` (-1: no matter). The failure of the
 * attempt before stands in this thread's error detail: it is what is returned, with its detail,
 * when there is no further attempt. SKEP_OK: try again. */
int skep__retry_again(skep__retry *retry, int64_t after_ms) SKEP_CHECK;
/* Is that an answer after which the same request may succeed: 429, 500, 502, 503, 504? */
bool skep__retry_status(int status);

/* ---- URLs ---- */

/* Append `text` with all but unreserved characters (and `/`, if `slash`) as %XX. */
void skep__url_encode(skep__buf *out, skep_slice text, bool slash);
/* Append `text` with each %XX as the byte it stands for. SKEP_EINVALID if one is none. */
int skep__url_decode(skep__buf *out, skep_slice text) SKEP_CHECK;
/* Is the host of that http or https URL this machine: localhost, 127.0.0.0/8 or [::1]? */
bool skep__url_loopback(const char *url);

#ifdef SKEP_TEST_BUILD
/* Divide all waits of skep__retry_again() by so much, so that tests need not sleep; 1: do not. */
void skep__retry_hasten(uint32_t by);
#endif

#endif
