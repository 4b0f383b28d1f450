/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_FRONT_H
#define HARNESS_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/value.h>

/* A server of HTTP/1.1 on a free port of this machine that does by script what servers and networks
 * do by accident. What it is asked it passes on to a real server, or to a function of the test, or
 * to a table of objects in memory (front_objects). A thread for each connection; everything ends
 * with front_stop(), or with the test's process. Memory is malloc's, so that a sweep over
 * allocations does not see it.
 *
 *     front *f = front_start(NULL, front_objects, front_table_new());
 *     front_rule_add(f, &(front_rule){.method = "PUT", .fault = FRONT_LOSE_ANSWER, .count = 1});
 *     … skep_store_put() … ck_assert_uint_eq(front_count(f, "PUT", NULL), 2);
 */

typedef struct front front;

typedef struct front_request {
    const char *method;
    const char *target;  /* path and query, as sent */
    const char *headers; /* "Name: value\r\n" and so on, as sent */
    skep_slice body;
    uint64_t body_hash; /* skep__hash64(, 0) */
    uint32_t answer;    /* the status that was sent last; 0: none, or not yet */
} front_request;

/* The value of a header, without the blanks around it; NULL if it is not there. Lives until the
 * test ends. */
const char *front_header(const front_request *request, const char *name);

typedef struct front_answer front_answer;
/* An answer begins as 200 without headers and body. */
void front_status(front_answer *answer, int status);
void front_say(front_answer *answer, const char *format, ...) /* a header: "ETag: \"%s\"" */
    __attribute__((format(printf, 2, 3)));
void front_body(front_answer *answer, const void *data, size_t len); /* appends */

/* One at a time, in the thread of a connection. */
typedef void front_handler(void *ctx, const front_request *request, front_answer *answer);

/* Objects by path. PUT keeps the body, and the headers that begin with Skep- or x-amz-meta-, and
 * keeps to If-None-Match: * and If-Match; GET and HEAD know Range and If-Match; DELETE. Besides
 * ETag, the hash of the content, all say Last-Modified. For all else: 404. */
typedef struct front_table front_table;
front_table *front_table_new(void);
void front_table_free(front_table *table);
front_handler front_objects;

/* `forward`: "http://HOST:PORT" of a server to pass on to, in numbers; or NULL, and a handler. */
front *front_start(const char *forward, front_handler *handler, void *ctx);
void front_stop(front *f);
const char *front_url(const front *f); /* "http://127.0.0.1:PORT" */

typedef enum front_fault {
    FRONT_NOTHING = 0,  /* as it should be */
    FRONT_CLOSE,        /* close as soon as the head of the request is there */
    FRONT_CUT_REQUEST,  /* close when `at` bytes of its body are read; nothing is applied */
    FRONT_CUT_HEAD,     /* apply; close after `at` bytes of the head of the answer */
    FRONT_CUT_BODY,     /* the same of its body, whose length was told */
    FRONT_LOSE_ANSWER,  /* apply, and close */
    FRONT_TWICE,        /* apply twice; the second answer counts */
    FRONT_ANSWER,       /* answer with status, headers and body of the rule; nothing is applied */
    FRONT_ANSWER_EARLY, /* the same before the body of the request is read; then close */
    FRONT_ANSWER_AFTER, /* apply, then answer with those */
    FRONT_WRONG_LENGTH, /* tell a Content-Length that is `at` more; then close */
    FRONT_WRONG_ETAG,   /* tell another ETag */
    FRONT_FLIP,         /* turn a bit in byte `at` of the body of the answer */
    FRONT_GARBAGE,      /* answer with what is no HTTP; then close */
    FRONT_TRICKLE,      /* send the answer in pieces of `at` bytes */
    FRONT_HOLD,         /* apply; send the answer only after front_release() */
    FRONT_CLOSE_AFTER   /* answer, then close, without having said so */
} front_fault;

typedef struct front_rule {
    const char *method; /* NULL: any */
    const char *target; /* a shell pattern ("/b/k*"), for the target as sent; NULL: any */
    uint64_t after;     /* so many of those that match go by first */
    uint64_t count;     /* then it holds for so many; 0: for all */
    front_fault fault;
    int64_t at;
    int status;
    const char *headers; /* "Retry-After: 1\r\n" */
    const char *body;
} front_rule;

/* The first rule that holds counts. What a rule points to must live as long as the front. */
void front_rule_add(front *f, const front_rule *rule);
void front_rules_clear(front *f);

/* Wait until `count` answers in all were held; fails the test after 60 s. */
void front_held(front *f, uint64_t count);
void front_release(front *f); /* those, and all that a rule would hold later */

/* While it refuses, nobody can connect, and all connections are cut. The port stays its own. */
void front_refuse(front *f, bool on);

/* What was asked so far, in the order in which it was read; those that were cut too. `method` and
 * `target` as in a rule. What front_seen() gives lives as long as the front. */
uint64_t front_count(front *f, const char *method, const char *target);
const front_request *front_seen(front *f, uint64_t index); /* from 0; NULL: not so many */
uint64_t front_connections(front *f);

#endif
