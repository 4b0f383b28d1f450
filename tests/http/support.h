/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HTTP_SUPPORT_H
#define TESTS_HTTP_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/serve.h>

/* A server in this process, over a store in memory behind a filter that fails by script, and a
 * client that sends what it is told, byte for byte. */

typedef struct world {
    skep_store *store; /* faulty over memory */
    skep_serve *serve;
    uint32_t port;
} world;

/* `opts` may be NULL; its address is 127.0.0.1, any port. */
world world_start(const skep_serve_opts *opts);
void world_stop(world *w);
void world_put(const world *w, const char *key, const char *text);
/* The text of an object, or NULL. Lives until the test ends. */
const char *world_text(const world *w, const char *key);
size_t world_count(const world *w); /* objects in the store */

/* Wait until `done(ctx)`; what brings it about happens in other threads. */
void await(bool (*done)(void *ctx), void *ctx);

/* A file of API keys with these lines; `%s` in them stands for the hash of a key, which is the
 * line's own name with "-secret-of-this-test" behind it. */
const char *key_file(const char *name, const char *const lines[]);
#define KEY_FILE(name, ...) key_file((name), (const char *const[]){__VA_ARGS__, NULL})

/* ---- the client ---- */

typedef struct answer {
    int status; /* 0: the connection ended without one */
    char *head; /* status line and headers; lives until the test ends, as `body` */
    char *body;
    size_t len;
    bool cut; /* the body ended before its Content-Length */
} answer;

int wire_open(const world *w);
/* False: the other side has closed. */
bool wire_send(int fd, const void *data, size_t len);
bool wire_say(int fd, const char *text);
answer wire_answer(int fd, bool has_no_body);
bool wire_is_closed(int fd); /* waits for it; false: bytes came instead */
void wire_close(int fd);

/* One request on a connection of its own. `headers`: lines with \r\n, or "". */
answer ask(const world *w, const char *method, const char *path, const char *headers,
           const void *body, size_t len);
/* The same without a body; and of text. */
answer ask_for(const world *w, const char *method, const char *path, const char *headers);
answer ask_with(const world *w, const char *method, const char *path, const char *headers,
                const char *body);
/* The value of a header, or "". Lives until the test ends. */
const char *answer_header(const answer *a, const char *name);
/* It failed with that status, and its body and header say this code. */
void answer_fails(const answer *a, int status, const char *code);
/* A member of its JSON body as text; numbers in digits. */
const char *answer_member(const answer *a, const char *name);

void *keep(size_t size); /* zeroed memory that lives until the test ends */

#endif
