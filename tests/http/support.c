/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "../store/faulty.h"
#include "../store/memory.h"
#include "harness/harness.h"

/* Freed by the end of the process, which is the test's; reachable for a leak checker until then. */
typedef struct kept {
    struct kept *next;
    max_align_t data[];
} kept;
static _Atomic(kept *) all_kept;

void *keep(size_t size)
{
    kept *block = calloc(1, sizeof(*block) + size);
    ck_assert_ptr_nonnull(block);
    block->next = all_kept;
    while (!atomic_compare_exchange_weak(&all_kept, &block->next, block))
        ;
    return block->data;
}

/* ---- the server ---- */

world world_start(const skep_serve_opts *opts)
{
    world w = {NULL, NULL, 0};
    skep_serve_opts all = SKEP_SERVE_OPTS_INIT;
    skep_store *memory = NULL;
    all = opts != NULL ? *opts : all;
    all.listen = "127.0.0.1:0";
    assert_ok(memory_store_open(MEMORY_CAPS, &memory));
    assert_ok(faulty_store_open(memory, &w.store));
    assert_ok(skep_serve_open(w.store, &all, &w.serve));
    w.port = skep_serve_port(w.serve);
    return w;
}

void world_stop(world *w)
{
    assert_ok(skep_serve_close(w->serve, 30000));
    assert_ok(skep_store_close(w->store));
}

void world_put(const world *w, const char *key, const char *text)
{
    assert_ok(skep_store_put(w->store, key, skep_slice_str(text), NULL, NULL));
}

const char *world_text(const world *w, const char *key)
{
    skep_get *get = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    size_t got = 0, len = 0;
    if (skep_get_open(w->store, key, NULL, &get, &object) < 0)
        return NULL;
    char *text = keep(object.bytes + 1);
    do {
        assert_ok(skep_get_read(get, text + len, object.bytes + 1 - len, &got));
        len += got;
    } while (got > 0);
    skep_get_close(get);
    ck_assert_uint_eq(len, object.bytes);
    return text;
}

size_t world_count(const world *w)
{
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    size_t n = 0;
    assert_ok(skep_list_open(w->store, NULL, &list));
    while (assert_ok(skep_list_next(list, &object)) > 0)
        n++;
    skep_list_close(list);
    return n;
}

void await(bool (*done)(void *ctx), void *ctx)
{
    while (!done(ctx))
        (void)sched_yield(); /* the harness has a limit */
}

const char *key_file(const char *name, const char *const lines[])
{
    const char *path = harness_path(name);
    char *text = keep(65536);
    size_t len = 0;
    for (size_t i = 0; lines[i] != NULL; i++) {
        char key[128], hex[65];
        unsigned char hash[32];
        (void)snprintf(key, sizeof(key), "%.*s-secret-of-this-test", (int)strcspn(lines[i], " "),
                       lines[i]);
        (void)crypto_hash_sha256(hash, (const unsigned char *)key, strlen(key));
        (void)sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
        const char *at = strstr(lines[i], "%s");
        int before = at != NULL ? (int)(at - lines[i]) : (int)strlen(lines[i]);
        len += (size_t)snprintf(text + len, 65536 - len, "%.*s%s%s\n", before, lines[i],
                                at != NULL ? hex : "", at != NULL ? at + 2 : "");
    }
    harness_write_file(path, text, len);
    ck_assert_int_eq(chmod(path, 0600), 0);
    return path;
}

/* ---- the client ---- */

int wire_open(const world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)w->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

bool wire_send(int fd, const void *data, size_t len)
{
    const char *bytes = data;
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

bool wire_say(int fd, const char *text)
{
    return wire_send(fd, text, strlen(text));
}

bool wire_is_closed(int fd)
{
    char byte = 0;
    return recv(fd, &byte, 1, 0) <= 0;
}

void wire_close(int fd)
{
    ck_assert_int_eq(close(fd), 0);
}

#define HEAD_MAX 65536

/* Byte by byte: nothing of what follows may be taken. */
static bool read_head(int fd, char *head)
{
    for (size_t len = 0; len < HEAD_MAX - 1; len++) {
        if (recv(fd, head + len, 1, 0) != 1)
            return false;
        if (len >= 3 && memcmp(head + len - 3, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static void read_body(int fd, answer *a, size_t want)
{
    size_t room = 4096;
    char *body = malloc(room + 1);
    ck_assert_ptr_nonnull(body);
    while (a->len < want) {
        if (a->len == room) {
            room *= 2;
            body = realloc(body, room + 1);
            ck_assert_ptr_nonnull(body);
        }
        size_t left = room - a->len < want - a->len ? room - a->len : want - a->len;
        ssize_t n = recv(fd, body + a->len, left, 0);
        if (n <= 0)
            break;
        a->len += (size_t)n;
    }
    a->cut = want != SIZE_MAX && a->len < want;
    a->body = keep(a->len + 1);
    memcpy(a->body, body, a->len);
    free(body);
}

answer wire_answer(int fd, bool has_no_body)
{
    answer a = {0, keep(HEAD_MAX), NULL, 0, false};
    a.body = keep(1);
    if (!read_head(fd, a.head))
        return (answer){0, a.head, a.body, 0, true};
    ck_assert_int_eq(sscanf(a.head, "HTTP/1.1 %d", &a.status), 1);
    if (a.status == 100)
        return a;
    const char *length = answer_header(&a, "Content-Length");
    if (!has_no_body && a.status != 204 && a.status != 304)
        read_body(fd, &a, length[0] != '\0' ? strtoull(length, NULL, 10) : SIZE_MAX);
    return a;
}

const char *answer_header(const answer *a, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = a->head; line != NULL; line = strstr(line, "\r\n")) {
        line += line[0] == '\r' ? 2 : 0;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *value = line + len + 1 + strspn(line + len + 1, " ");
        char *copy = keep(strcspn(value, "\r") + 1);
        memcpy(copy, value, strcspn(value, "\r"));
        return copy;
    }
    return "";
}

answer ask(const world *w, const char *method, const char *path, const char *headers,
           const void *body, size_t len)
{
    char *head = keep(HEAD_MAX);
    int fd = wire_open(w);
    int n =
        snprintf(head, HEAD_MAX, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path, headers);
    if (body != NULL)
        n += snprintf(head + n, HEAD_MAX - (size_t)n, "Content-Length: %zu\r\n", len);
    n += snprintf(head + n, HEAD_MAX - (size_t)n, "\r\n");
    (void)(wire_send(fd, head, (size_t)n) && (body == NULL || wire_send(fd, body, len)));
    answer a = wire_answer(fd, strcmp(method, "HEAD") == 0);
    wire_close(fd);
    return a;
}

answer ask_for(const world *w, const char *method, const char *path, const char *headers)
{
    return ask(w, method, path, headers, NULL, 0);
}

answer ask_with(const world *w, const char *method, const char *path, const char *headers,
                const char *body)
{
    return ask(w, method, path, headers, body, strlen(body));
}

const char *answer_member(const answer *a, const char *name)
{
    char *out = keep(4096);
    json_t *json = json_loadb(a->body, a->len, 0, NULL);
    ck_assert_msg(json != NULL, "no JSON: %s", a->body);
    const json_t *member = json_object_get(json, name);
    if (json_is_string(member))
        (void)snprintf(out, 4096, "%s", json_string_value(member));
    else if (json_is_integer(member))
        (void)snprintf(out, 4096, "%lld", (long long)json_integer_value(member));
    else if (json_is_boolean(member))
        (void)snprintf(out, 4096, "%s", json_is_true(member) ? "true" : "false");
    json_decref(json);
    return out;
}

void answer_fails(const answer *a, int status, const char *code)
{
    ck_assert_msg(a->status == status, "%d instead of %d: %s", a->status, status, a->body);
    ck_assert_str_eq(answer_header(a, "Skep-Code"), code);
    if (a->len > 0) {
        ck_assert_str_eq(answer_member(a, "code"), code);
        ck_assert_str_ne(answer_member(a, "text"), "");
    }
}
