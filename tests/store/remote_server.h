/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_REMOTE_SERVER_H
#define TESTS_STORE_REMOTE_SERVER_H

#include <skep/store.h>

#include "harness/front.h"

/* The API of docs/openapi.yaml over a store in memory, behind a front: as little as the client
 * needs, so that the client can be tried by script. What `skep serve` makes of it is tried in
 * tests/http, and the two together in tests/conformance. */

typedef struct remote_world {
    front *f;
    skep_store *behind; /* in memory; for looking at what has arrived */
    skep_store *store;  /* the remote one, by way of the front */
} remote_world;

/* `opts` may be NULL: a retry budget of a minute of hastened time. */
remote_world remote_open(const skep_store_opts *opts);
void remote_close(remote_world *w);

/* One more rule of the front. */
void remote_rule(remote_world *w, const char *method, front_fault fault, int64_t at,
                 uint64_t count);
/* An answer with a status of its own, like a proxy's. */
void remote_says(remote_world *w, const char *method, int status, const char *headers,
                 const char *body, uint64_t count);

#endif
