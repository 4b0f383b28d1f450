/* SPDX-License-Identifier: MIT */
#include "harness/front_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

void bytes_add(bytes *b, const void *data, size_t len)
{
    if (b->len + len + 1 > b->cap) {
        b->cap = (b->len + len + 1) * 2;
        char *more = realloc(b->data, b->cap);
        ck_assert_ptr_nonnull(more);
        b->data = more;
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void bytes_print(bytes *b, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ck_assert(n >= 0 && n < (int)sizeof(text));
    bytes_add(b, text, (size_t)n);
}

void bytes_free(bytes *b)
{
    free(b->data);
    *b = (bytes){0};
}

bool wire_send(const wire *w, const void *data, size_t len)
{
    const char *from = data;
    while (len > 0) {
        ssize_t n = send(w->fd, from, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        from += n;
        len -= (size_t)n;
    }
    return true;
}

static bool fill(wire *w)
{
    ssize_t n = 0;
    if (w->at < w->len)
        return true;
    do
        n = recv(w->fd, w->data, sizeof(w->data), 0);
    while (n < 0 && errno == EINTR);
    w->at = 0;
    w->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool take_line(wire *w, bytes *line)
{
    line->len = 0;
    while (fill(w)) {
        char c = w->data[w->at++];
        bytes_add(line, &c, 1);
        if (c == '\n')
            return true;
    }
    return false;
}

static bool take(wire *w, uint64_t len, bytes *out)
{
    while (len > 0) {
        if (!fill(w))
            return false;
        size_t n = w->len - w->at < len ? w->len - w->at : (size_t)len;
        bytes_add(out, w->data + w->at, n);
        w->at += n;
        len -= n;
    }
    return true;
}

bool wire_head(wire *w, bytes *head)
{
    bytes line = {0};
    bool whole = false;
    if (!fill(w) || w->data[w->at] < 'A' || w->data[w->at] > 'Z') /* TLS, for one */
        return false;
    while (!whole && take_line(w, &line)) {
        whole = strcmp(line.data, "\r\n") == 0;
        if (!whole)
            bytes_add(head, line.data, line.len);
    }
    bytes_free(&line);
    return whole && head->len > 0;
}

static bool take_chunks(wire *w, uint64_t most, bytes *body)
{
    bytes line = {0};
    bool more = true;
    bool good = true;
    while (good && more) {
        good = take_line(w, &line);
        uint64_t n = good ? strtoull(line.data, NULL, 16) : 0;
        uint64_t left = most - body->len;
        more = n > 0;
        good = good && take(w, n < left ? n : left, body) && n <= left && take_line(w, &line);
    }
    bytes_free(&line);
    return good;
}

bool wire_body(wire *w, const char *headers, bool answer, uint64_t most, bytes *body)
{
    char *coding = lines_find(headers, "Transfer-Encoding");
    char *length = lines_find(headers, "Content-Length");
    bool good = true;
    bytes_add(body, "", 0);
    if (coding != NULL) {
        good = take_chunks(w, most, body);
    } else if (length != NULL) {
        uint64_t n = strtoull(length, NULL, 10);
        good = take(w, n < most ? n : most, body) && n <= most;
    } else if (answer) {
        while (fill(w))
            (void)take(w, w->len - w->at, body);
    }
    free(coding);
    free(length);
    return good;
}

/* The line of that name, and its end; NULL: none. */
static const char *find_line(const char *headers, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = headers; *line != '\0'; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line;
    }
    return NULL;
}

char *lines_find(const char *headers, const char *name)
{
    const char *line = find_line(headers, name);
    if (line == NULL)
        return NULL;
    line += strlen(name) + 1;
    line += strspn(line, " \t");
    char *value = strndup(line, strcspn(line, "\r\n"));
    ck_assert_ptr_nonnull(value);
    return value;
}

void lines_without(const char *headers, const char *const *names, bytes *out)
{
    for (const char *line = headers; *line != '\0';) {
        const char *end = strstr(line, "\r\n") + 2;
        bool left_out = false;
        for (size_t i = 0; names[i] != NULL; i++)
            left_out |= find_line(line, names[i]) == line;
        if (!left_out)
            bytes_add(out, line, (size_t)(end - line));
        line = end;
    }
}

static int dial(const char *url)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    char host[64];
    unsigned port = 0;
    ck_assert_int_eq(sscanf(url, "http://%63[0-9.]:%u", host, &port), 2);
    ck_assert_int_eq(inet_pton(AF_INET, host, &at.sin_addr), 1);
    at.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static bool ask(const wire *w, const front_request *r)
{
    static const char *const ours[] = {"Connection", "Expect", "Transfer-Encoding",
                                       "Content-Length", NULL};
    bytes head = {0};
    bytes_print(&head, "%s %s HTTP/1.1\r\n", r->method, r->target);
    lines_without(r->headers, ours, &head);
    if (r->body.len > 0 || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0)
        bytes_print(&head, "Content-Length: %zu\r\n", r->body.len);
    bytes_print(&head, "Connection: close\r\n\r\n");
    bool sent = wire_send(w, head.data, head.len) && wire_send(w, r->body.data, r->body.len);
    bytes_free(&head);
    return sent;
}

static bool take_answer(wire *w, const front_request *r, front_answer *answer)
{
    static const char *const ours[] = {"Connection", "Keep-Alive", "Transfer-Encoding",
                                       "Content-Length", NULL};
    bytes head = {0};
    bool good = wire_head(w, &head) && strncmp(head.data, "HTTP/1.", 7) == 0;
    if (good) {
        const char *lines = strstr(head.data, "\r\n") + 2;
        answer->status = (int)strtol(head.data + 9, NULL, 10);
        lines_without(lines, ours, &answer->headers);
        if (strcmp(r->method, "HEAD") == 0)
            answer->length = lines_find(lines, "Content-Length");
        else if (answer->status != 204 && answer->status != 304)
            good = wire_body(w, lines, true, UINT64_MAX, &answer->body);
    }
    bytes_free(&head);
    return good;
}

bool front_forward(const char *url, const front_request *request, front_answer *answer)
{
    wire *w = calloc(1, sizeof(*w));
    ck_assert_ptr_nonnull(w);
    w->fd = dial(url);
    bool good = w->fd >= 0 && ask(w, request) && take_answer(w, request, answer);
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w);
    return good;
}
