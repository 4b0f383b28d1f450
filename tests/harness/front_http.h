/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_FRONT_HTTP_H
#define HARNESS_FRONT_HTTP_H

#include "harness/front.h"

/* Messages of HTTP/1.1 on a socket: for front.c alone. */

typedef struct bytes {
    char *data; /* NUL-terminated once something was added */
    size_t len;
    size_t cap;
} bytes;

void bytes_add(bytes *b, const void *data, size_t len);
void bytes_print(bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_free(bytes *b);

typedef struct wire {
    int fd;
    size_t at;
    size_t len;
    char data[64 * 1024];
} wire;

/* False: the other side has gone, or sent what makes no sense. */
bool wire_send(const wire *w, const void *data, size_t len);
/* All up to the empty line; `head` gets the lines without it. */
bool wire_head(wire *w, bytes *head);
/* As many bytes as `headers` tell, chunked or not; no more than `most`, false if that was not all.
 * `answer`: where they tell nothing, up to the end of the connection. */
bool wire_body(wire *w, const char *headers, bool answer, uint64_t most, bytes *body);

/* The value of a header in lines; NULL if it is not there. malloc's. */
char *lines_find(const char *headers, const char *name);
/* Append all but those of that name. */
void lines_without(const char *headers, const char *const *names, bytes *out);

struct front_answer {
    int status;
    bytes headers;
    bytes body;
    char *length; /* Content-Length where there is no body to count: of HEAD; NULL: none */
};

/* Ask the server at `url` ("http://HOST:PORT"). False: it does not answer. */
bool front_forward(const char *url, const front_request *request, front_answer *answer);

#endif
