/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

fixture fixture_open(uint32_t connections)
{
    fixture x = {.table = front_table_new()};
    const skep__net_opts opts = {.connections = connections};
    x.f = front_start(NULL, front_objects, x.table);
    assert_ok(skep__net_new(&opts, &x.net));
    return x;
}

void fixture_close(fixture *x)
{
    skep__net_free(x->net);
    front_stop(x->f);
    front_table_free(x->table);
}

const char *fixture_url(const fixture *x, const char *path)
{
    static _Thread_local char urls[4][128];
    static _Thread_local size_t next;
    char *url = urls[next++ % 4];
    (void)snprintf(url, sizeof(urls[0]), "%s%s", front_url(x->f), path);
    return url;
}

static _Thread_local char said[4096];

const char *fixture_said(void)
{
    return said;
}

static int ask(const fixture *x, const skep__net_request *r, int *status)
{
    skep__net_answer answer = {0};
    skep__buf body = SKEP__BUF_INIT(sizeof(said) - 1);
    int rc = skep__net_do(x->net, r, &answer, &body, NULL, NULL);
    if (rc == SKEP_OK) {
        memcpy(said, skep__buf_text(&body), body.len + 1);
        *status = answer.status;
    }
    skep__buf_dispose(&body);
    return rc;
}

int fixture_ask(const fixture *x, const char *method, const char *path, const char *body,
                int *status)
{
    const skep__net_request r = {
        .method = method, .url = fixture_url(x, path), .body = skep_slice_str(body)};
    return ask(x, &r, status);
}

int fixture_ask_with(const fixture *x, const char *method, const char *path,
                     const char *const *headers, int *status)
{
    const skep__net_request r = {.method = method,
                                 .url = fixture_url(x, path),
                                 .headers = headers,
                                 .body = skep_slice_str("body")};
    return ask(x, &r, status);
}

uint8_t *fixture_bytes(size_t len)
{
    uint8_t *bytes = malloc(len);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
    return bytes;
}

void fixture_put(const fixture *x, const char *path, const uint8_t *data, size_t len)
{
    const skep__net_request r = {
        .method = "PUT", .url = fixture_url(x, path), .body = skep_slice_of(data, len)};
    int status = 0;
    assert_ok(ask(x, &r, &status));
    ck_assert_int_eq(status, 200);
}
