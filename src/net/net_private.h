/* SPDX-License-Identifier: MIT */
#ifndef SKEP__NET_PRIVATE_H
#define SKEP__NET_PRIVATE_H

#include <curl/curl.h>

#include "base/err.h"
#include "base/thread.h"
#include "net/net.h"

/* A thread that waits for a connection; lives on its stack. */
typedef struct skep__net_waiter skep__net_waiter;
struct skep__net_waiter {
    skep__net_waiter *next;
    skep__net_waiter **back; /* what points to this one; NULL: it was served, or has left */
    skep__net_call *given;
    skep__word word;
};

struct skep__net {
    char *ca_file;
    uint64_t stall_ns;
    uint32_t most;
    skep__mutex mutex;
    uint32_t made SKEP__GUARDED_BY(mutex);
    skep__net_call *idle SKEP__GUARDED_BY(mutex); /* used last first: its connection is warm */
    skep__net_waiter *first SKEP__GUARDED_BY(mutex);
    skep__net_waiter **last SKEP__GUARDED_BY(mutex);
};

/* What the engine of a call is asked to come to. */
typedef enum skep__net_goal {
    SKEP__NET_TAKEN = 1, /* the piece that is being written was taken */
    SKEP__NET_HEAD,      /* the head of the answer is there */
    SKEP__NET_SOME,      /* some of its body */
    SKEP__NET_END        /* all of it */
} skep__net_goal;

/* One request on one connection; kept for the next. */
struct skep__net_call {
    skep__net *net;
    skep__net_call *next; /* in `idle` */
    CURLM *multi;
    CURL *easy;

    /* the request */
    struct curl_slist *headers;
    skep_cancel *cancel;
    uint64_t deadline_ns;
    bool added;      /* it is in `multi` */
    bool changes;    /* something, on the server: neither GET nor HEAD */
    bool repeatable; /* to send it twice does no harm */
    uint32_t begun;  /* how often it has begun to be sent */
    uint64_t left;   /* of a body that is written in pieces; SKEP__NET_CHUNKED */
    const uint8_t *piece;
    size_t piece_len;
    bool body_ended;
    bool send_paused;
    uint64_t taken; /* bytes of pieces */

    /* the answer */
    skep__net_header_fn *header;
    void *header_ctx;
    size_t head_bytes;
    int status;
    bool head_done;
    skep__buf *sink; /* where the body goes; NULL: to `dst`, then to `carry` */
    bool drop;       /* nowhere */
    uint8_t *dst;
    size_t dst_len;
    size_t dst_got;
    size_t carry_at;
    size_t carry_len;
    bool receive_paused;
    bool done;
    CURLcode result;
    int failed; /* what ended it early; SKEP_OK: nothing. Its detail is in `err` */
    skep_err err;

    char host[256]; /* HOST[:PORT], for errors */
    char error[CURL_ERROR_SIZE];
    uint8_t carry[CURL_MAX_WRITE_SIZE];
};

/* pool.c: a connection, or the reason why there is none. */
int skep__net_take(skep__net *net, skep_cancel *cancel, uint64_t deadline_ns, skep__net_call **out);
void skep__net_give_back(skep__net_call *call);

/* request.c: set everything that differs from one request to the next. */
int skep__net_prepare(skep__net_call *call, const skep__net_request *request);

/* drive.c: move bytes until the goal, or the end of the transfer, is reached. What failed once
 * fails again in the same way. */
int skep__net_drive(skep__net_call *call, skep__net_goal goal) SKEP_CHECK;
int skep__net_keep(skep__net_call *call, int rc) SKEP_CHECK; /* so that it does */

/* answer.c: libcurl's callbacks, and what is set on a handle once. */
int skep__net_hook(skep__net_call *call) SKEP_CHECK;

/* error.c: the failure that ended a transfer, in skep's words. */
int skep__net_failure(const skep__net_call *call);
int skep__net_ended(const skep__net_call *call, int code, const char *why);

/* url.c: HOST[:PORT] of an http or https URL; empty: it is none. */
skep_slice skep__url_host(const char *url);

#endif
