/* SPDX-License-Identifier: MIT */
/* Asking. */
#include <string.h>

#include "base/mem.h"
#include "store/remote_private.h"

/* What a request is made of, while it is made. */
typedef struct made {
    skep__buf url;
    const char *headers[6];
    skep__net_request request;
} made;

static int make(const skep__remote *r, const skep__remote_ask *ask, made *m)
{
    size_t n = 0;
    m->url = SKEP__BUF_INIT(SKEP__NET_URL_MAX + 1);
    (void)skep__buf_add_text(&m->url, r->root);
    (void)skep__buf_add_text(&m->url, ask->route);
    if (ask->key != NULL)
        skep__url_encode(&m->url, skep_slice_str(ask->key), true);
    SKEP__TRY(skep__buf_status(&m->url));
    if (r->bearer != NULL)
        m->headers[n++] = r->bearer;
    for (size_t i = 0; i < sizeof(ask->headers) / sizeof(ask->headers[0]); i++)
        if (ask->headers[i] != NULL)
            m->headers[n++] = ask->headers[i];
    m->headers[n] = NULL;
    m->request = (skep__net_request){.method = ask->method,
                                     .url = skep__buf_text(&m->url),
                                     .headers = m->headers,
                                     .body = ask->body,
                                     .body_bytes = ask->body_bytes,
                                     .deadline_ns = ask->io->deadline_ns,
                                     .cancel = ask->io->cancel};
    return SKEP_OK;
}

static void take_answer(skep__remote_answer *answer, const skep__net_answer *from)
{
    answer->status = from->status;
    answer->bytes = from->body_bytes;
    answer->retry_after_ms = from->retry_after_ms;
}

int skep__remote_try(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                     skep__buf *body)
{
    made m;
    skep__net_answer from = {0};
    skep__remote_answer_init(answer);
    skep__buf_clear(body);
    int rc = make(r, ask, &m);
    if (rc >= 0) {
        rc = skep__net_do(r->net, &m.request, &from, body, skep__remote_header, answer);
        if (rc < 0)
            rc = skep__remote_no_answer(answer, rc);
        else
            take_answer(answer, &from);
    }
    skep__buf_dispose(&m.url);
    if (rc >= 0 && answer->status >= 300)
        rc = skep__remote_fail(r, ask, answer, skep__buf_slice(body));
    return rc;
}

int skep__remote_do(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                    skep__buf *body)
{
    skep__retry retry;
    bool unsure = false;
    skep__retry_init(&retry, r->retry_ms, ask->io->deadline_ns, ask->io->cancel);
    for (;;) {
        int rc = skep__remote_try(r, ask, answer, body);
        unsure |= answer->unsure;
        if (rc < 0 && answer->again)
            rc = skep__retry_again(&retry, answer->retry_after_ms);
        else if (rc >= 0)
            return rc;
        if (rc < 0) {
            if (unsure) /* an attempt before the last may have done it */
                skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
            return rc;
        }
    }
}

int skep__remote_begin(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                       skep__net_call **call)
{
    made m;
    skep__remote_answer_init(answer);
    int rc = make(r, ask, &m);
    if (rc >= 0) {
        rc = skep__net_begin(r->net, &m.request, skep__remote_header, answer, call);
        if (rc < 0)
            rc = skep__remote_no_answer(answer, rc);
    }
    skep__buf_dispose(&m.url);
    return rc;
}

/* All of a small body. */
static int read_rest(skep__net_call *call, skep__buf *body)
{
    size_t got = 0;
    do {
        void *at = NULL;
        SKEP__TRY(skep__buf_reserve(body, SKEP__REMOTE_STEP, &at));
        SKEP__TRY(skep__net_read(call, at, SKEP__REMOTE_STEP, &got));
        skep__buf_commit(body, got);
    } while (got > 0);
    return SKEP_OK;
}

static int await(skep__net_call *call, skep__remote_answer *answer)
{
    skep__net_answer from = {0};
    int rc = skep__net_await(call, &from);
    if (rc < 0)
        return skep__remote_no_answer(answer, rc);
    take_answer(answer, &from);
    return SKEP_OK;
}

int skep__remote_finish(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                        skep__net_call *call, skep__buf *body)
{
    SKEP__TRY(await(call, answer));
    skep__buf_clear(body);
    int rc = read_rest(call, body);
    if (rc < 0 && answer->status < 300)
        return skep__remote_no_answer(answer, rc);
    /* Of a refusal the status is enough. */
    if (answer->status >= 300)
        return skep__remote_fail(r, ask, answer, rc < 0 ? (skep_slice){0} : skep__buf_slice(body));
    return SKEP_OK;
}

int skep__remote_head_of(skep__remote *r, const skep__remote_ask *ask, skep__remote_answer *answer,
                         skep__net_call **call)
{
    SKEP__TRY(skep__remote_begin(r, ask, answer, call));
    int rc = await(*call, answer);
    if (rc >= 0 && answer->status < 300)
        return SKEP_OK;
    if (rc >= 0) {
        SKEP__CLEANUP(skep__buf_dispose) skep__buf body = SKEP__BUF_INIT(SKEP__REMOTE_ERROR_MAX);
        rc = read_rest(*call, &body);
        rc = skep__remote_fail(r, ask, answer, rc < 0 ? (skep_slice){0} : skep__buf_slice(&body));
    }
    skep__net_endp(call);
    *call = NULL;
    return rc;
}
