/* SPDX-License-Identifier: MIT */
#ifndef TESTS_NET_FIXTURE_H
#define TESTS_NET_FIXTURE_H

#include "harness/front.h"
#include "net/net.h"
#include "suites.h"

/* A front with a table of objects, and a net that talks to it. */
typedef struct fixture {
    front *f;
    front_table *table;
    skep__net *net;
} fixture;

fixture fixture_open(uint32_t connections);
void fixture_close(fixture *x);

/* A URL of the front; there are a few of them at a time. */
const char *fixture_url(const fixture *x, const char *path);

/* One small request; the text of the answer's body lives until the next one of this thread. */
int fixture_ask(const fixture *x, const char *method, const char *path, const char *body,
                int *status);
const char *fixture_said(void);

/* Like it, with headers. */
int fixture_ask_with(const fixture *x, const char *method, const char *path,
                     const char *const *headers, int *status);

/* `len` bytes that are not the same everywhere; malloc's. */
uint8_t *fixture_bytes(size_t len);

/* Store those under `path`, for the front to give out. */
void fixture_put(const fixture *x, const char *path, const uint8_t *data, size_t len);

#endif
