/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "harness/front_http.h"
#include "harness/harness.h"

typedef struct rule {
    front_rule is;
    uint64_t met;
} rule;

typedef struct seen seen;
struct seen {
    front_request is; /* first: what others see */
    seen *next;
    bytes head; /* method and target end with a NUL in it */
    bytes body;
};

typedef struct conn conn;
struct conn {
    conn *next;
    front *f;
    pthread_t thread;
    wire wire;
    bool open;
    bool early; /* the client still sends what nobody wants */
};

enum { RULES_MAX = 64, BODY_MAX = 256 << 20 };

struct front {
    char url[40];
    const char *forward;
    front_handler *handler;
    void *ctx;
    struct sockaddr_in at;
    int listener;
    bool ending;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below, and of `open` of a connection */
    pthread_cond_t changed;
    pthread_mutex_t handling;
    rule rules[RULES_MAX];
    size_t rules_count;
    conn *conns;
    uint64_t conns_count;
    seen *first;
    seen **last;
    uint64_t held;
    bool released;
    bool refuses;
};

/* ---- answers ---- */

void front_status(front_answer *answer, int status)
{
    answer->status = status;
}

void front_say(front_answer *answer, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ck_assert(n > 0 && n < (int)sizeof(text));
    bytes_print(&answer->headers, "%s\r\n", text);
}

void front_body(front_answer *answer, const void *data, size_t len)
{
    bytes_add(&answer->body, data, len);
}

static void answer_free(front_answer *answer)
{
    bytes_free(&answer->headers);
    bytes_free(&answer->body);
    free(answer->length);
    *answer = (front_answer){.status = 200};
}

const char *front_header(const front_request *request, const char *name)
{
    char *value = lines_find(request->headers, name);
    return value == NULL ? NULL : harness_keep(value);
}

/* ---- rules ---- */

static bool matches(const char *method, const char *target, const front_request *r)
{
    return (method == NULL || strcmp(method, r->method) == 0) &&
           (target == NULL || fnmatch(target, r->target, 0) == 0);
}

static front_rule choose(front *f, const front_request *r)
{
    front_rule chosen = {0};
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->rules_count; i++) {
        rule *one = &f->rules[i];
        if (!matches(one->is.method, one->is.target, r))
            continue;
        uint64_t nth = one->met++;
        if (nth < one->is.after || (one->is.count != 0 && nth >= one->is.after + one->is.count))
            continue;
        chosen = one->is;
        break;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return chosen;
}

void front_rule_add(front *f, const front_rule *is)
{
    (void)pthread_mutex_lock(&f->lock);
    ck_assert_uint_lt(f->rules_count, RULES_MAX);
    f->rules[f->rules_count++] = (rule){.is = *is};
    (void)pthread_mutex_unlock(&f->lock);
}

void front_rules_clear(front *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->rules_count = 0;
    (void)pthread_mutex_unlock(&f->lock);
}

/* ---- one request ---- */

static seen *take_request(front *f, conn *c)
{
    seen *s = calloc(1, sizeof(*s));
    ck_assert_ptr_nonnull(s);
    char *space = NULL;
    char *second = NULL;
    if (wire_head(&c->wire, &s->head)) {
        space = strchr(s->head.data, ' ');
        second = space == NULL ? NULL : strchr(space + 1, ' ');
    }
    if (second == NULL) {
        bytes_free(&s->head);
        free(s);
        return NULL;
    }
    *space = *second = '\0';
    s->is.method = s->head.data;
    s->is.target = space + 1;
    s->is.headers = strstr(second + 1, "\r\n") + 2;
    (void)pthread_mutex_lock(&f->lock);
    *f->last = s;
    f->last = &s->next;
    (void)pthread_mutex_unlock(&f->lock);
    return s;
}

static bool take_body(front *f, conn *c, seen *s, uint64_t most)
{
    char *expect = lines_find(s->is.headers, "Expect");
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (expect != NULL)
        (void)wire_send(&c->wire, go_on, sizeof(go_on) - 1);
    free(expect);
    bytes body = {0};
    bool whole = wire_body(&c->wire, s->is.headers, false, most, &body);
    (void)pthread_mutex_lock(&f->lock);
    s->body = body;
    s->is.body = skep_slice_of(body.data, body.len);
    s->is.body_hash = skep__hash64(body.data, body.len, 0);
    (void)pthread_mutex_unlock(&f->lock);
    return whole;
}

static bool apply(front *f, const seen *s, front_answer *answer)
{
    answer_free(answer);
    if (f->forward != NULL)
        return front_forward(f->forward, &s->is, answer);
    (void)pthread_mutex_lock(&f->handling);
    f->handler(f->ctx, &s->is, answer);
    (void)pthread_mutex_unlock(&f->handling);
    return true;
}

static void by_rule(const front_rule *r, front_answer *answer)
{
    answer_free(answer);
    answer->status = r->status;
    if (r->headers != NULL)
        bytes_add(&answer->headers, r->headers, strlen(r->headers));
    if (r->body != NULL)
        bytes_add(&answer->body, r->body, strlen(r->body));
}

static void wait_for_release(front *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->held++;
    (void)pthread_cond_broadcast(&f->changed);
    while (!f->released && !f->ending)
        (void)pthread_cond_wait(&f->changed, &f->lock);
    (void)pthread_mutex_unlock(&f->lock);
}

/* What is to be done to the answer before it is written out. */
static void spoil(const front_rule *r, front_answer *answer)
{
    static const char *const etag[] = {"ETag", NULL};
    if (r->fault == FRONT_FLIP && (size_t)r->at < answer->body.len)
        answer->body.data[r->at] ^= 1;
    if (r->fault != FRONT_WRONG_ETAG)
        return;
    bytes other = {0};
    lines_without(answer->headers.data == NULL ? "" : answer->headers.data, etag, &other);
    bytes_print(&other, "ETag: \"0123456789abcdef\"\r\n");
    bytes_free(&answer->headers);
    answer->headers = other;
}

static void write_head(const front_rule *r, const front_answer *answer, bytes *head)
{
    bool bodiless = answer->status == 204 || answer->status == 304;
    int64_t more = r->fault == FRONT_WRONG_LENGTH ? r->at : 0;
    bytes_print(head, "HTTP/1.1 %d Said\r\n", answer->status);
    bytes_add(head, answer->headers.data, answer->headers.len);
    if (answer->length != NULL)
        bytes_print(head, "Content-Length: %s\r\n", answer->length);
    else if (!bodiless)
        bytes_print(head, "Content-Length: %lld\r\n",
                    (long long)answer->body.len + (long long)more);
    bytes_print(head, "\r\n");
}

static bool send_pieces(const wire *w, const bytes *b, size_t piece)
{
    for (size_t at = 0; at < b->len; at += piece) {
        size_t n = b->len - at < piece ? b->len - at : piece;
        if (!wire_send(w, b->data + at, n))
            return false;
    }
    return true;
}

/* False: the connection is over. */
static bool send_answer(conn *c, const front_rule *r, seen *s, front_answer *answer)
{
    static const char garbage[] = "\0\1\2 this is no HTTP\r\n\r\n";
    bytes out = {0};
    spoil(r, answer);
    write_head(r, answer, &out);
    size_t head = out.len;
    if (strcmp(s->is.method, "HEAD") != 0)
        bytes_add(&out, answer->body.data, answer->body.len);
    size_t len = out.len;
    bool over = r->fault == FRONT_WRONG_LENGTH || r->fault == FRONT_CLOSE_AFTER;
    if (r->fault == FRONT_CUT_HEAD || r->fault == FRONT_CUT_BODY) {
        size_t cut = (size_t)r->at + (r->fault == FRONT_CUT_BODY ? head : 0);
        over = cut < len;
        len = over ? cut : len;
    }
    bool sent;
    if (r->fault == FRONT_GARBAGE) {
        (void)wire_send(&c->wire, garbage, sizeof(garbage) - 1);
        sent = false;
    } else if (r->fault == FRONT_TRICKLE) {
        sent = send_pieces(&c->wire, &out, (size_t)r->at);
    } else {
        sent = wire_send(&c->wire, out.data, len);
    }
    bytes_free(&out);
    return sent && !over;
}

/* False: there is no answer to send, and the connection is over. */
static bool find_answer(front *f, conn *c, const front_rule *r, seen *s, front_answer *answer)
{
    bool cut = r->fault == FRONT_CUT_REQUEST;
    if (r->fault == FRONT_CLOSE)
        return false;
    if (r->fault == FRONT_ANSWER_EARLY) {
        by_rule(r, answer);
        return true;
    }
    if (!take_body(f, c, s, cut ? (uint64_t)r->at : BODY_MAX) || cut)
        return false;
    if (r->fault == FRONT_ANSWER) {
        by_rule(r, answer);
        return true;
    }
    if (!apply(f, s, answer))
        return false;
    if (r->fault == FRONT_TWICE && !apply(f, s, answer))
        return false;
    if (r->fault == FRONT_ANSWER_AFTER)
        by_rule(r, answer);
    if (r->fault == FRONT_HOLD)
        wait_for_release(f);
    return r->fault != FRONT_LOSE_ANSWER;
}

static bool serve(front *f, conn *c)
{
    front_answer answer = {.status = 200};
    seen *s = take_request(f, c);
    if (s == NULL)
        return false;
    front_rule r = choose(f, &s->is);
    bool more = find_answer(f, c, &r, s, &answer);
    if (more) {
        (void)pthread_mutex_lock(&f->lock);
        s->is.answer = (uint32_t)answer.status;
        (void)pthread_mutex_unlock(&f->lock);
        c->early = r.fault == FRONT_ANSWER_EARLY;
        more = send_answer(c, &r, s, &answer) && !c->early;
    }
    answer_free(&answer);
    return more;
}

/* ---- connections ---- */

static void *run_conn(void *arg)
{
    conn *c = arg;
    while (serve(c->f, c))
        ;
    /* To close with something unread would take the answer back. */
    (void)shutdown(c->wire.fd, SHUT_WR);
    while (c->early && recv(c->wire.fd, c->wire.data, sizeof(c->wire.data), 0) > 0)
        ;
    (void)pthread_mutex_lock(&c->f->lock);
    c->open = false;
    (void)close(c->wire.fd);
    (void)pthread_mutex_unlock(&c->f->lock);
    return NULL;
}

static void add_conn(front *f, int fd)
{
    conn *c = calloc(1, sizeof(*c));
    ck_assert_ptr_nonnull(c);
    static const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->f = f;
    c->wire.fd = fd;
    c->open = true;
    (void)pthread_mutex_lock(&f->lock);
    bool takes = !f->refuses && !f->ending;
    if (takes) {
        c->next = f->conns;
        f->conns = c;
        f->conns_count++;
        ck_assert_int_eq(pthread_create(&c->thread, NULL, run_conn, c), 0);
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (!takes) {
        (void)close(fd);
        free(c);
    }
}

static void *run_listener(void *arg)
{
    front *f = arg;
    while (true) {
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            add_conn(f, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return NULL;
    }
}

/* Listen at f->at, whose port is chosen the first time. */
static void listen_again(front *f)
{
    static const int on = 1;
    socklen_t len = sizeof(f->at);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(f->listener, 0);
    (void)setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    ck_assert_int_eq(bind(f->listener, (const struct sockaddr *)&f->at, len), 0);
    ck_assert_int_eq(listen(f->listener, 128), 0);
    ck_assert_int_eq(getsockname(f->listener, (struct sockaddr *)&f->at, &len), 0);
    ck_assert_int_eq(pthread_create(&f->thread, NULL, run_listener, f), 0);
}

static void stop_listening(front *f)
{
    (void)shutdown(f->listener, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->listener);
}

static void cut_all(front *f)
{
    (void)pthread_mutex_lock(&f->lock);
    for (conn *c = f->conns; c != NULL; c = c->next) {
        if (c->open)
            (void)shutdown(c->wire.fd, SHUT_RDWR);
    }
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

front *front_start(const char *forward, front_handler *handler, void *ctx)
{
    front *f = calloc(1, sizeof(*f));
    ck_assert_ptr_nonnull(f);
    ck_assert((forward == NULL) != (handler == NULL));
    f->forward = forward;
    f->handler = handler;
    f->ctx = ctx;
    f->last = &f->first;
    f->at.sin_family = AF_INET;
    f->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_mutex_init(&f->handling, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    listen_again(f);
    (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u", ntohs(f->at.sin_port));
    return f;
}

void front_refuse(front *f, bool on)
{
    (void)pthread_mutex_lock(&f->lock);
    bool was = f->refuses;
    f->refuses = on;
    (void)pthread_mutex_unlock(&f->lock);
    if (on == was)
        return;
    if (!on) {
        listen_again(f);
        return;
    }
    stop_listening(f);
    cut_all(f);
}

void front_stop(front *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->ending = true;
    bool listens = !f->refuses;
    (void)pthread_mutex_unlock(&f->lock);
    if (listens)
        stop_listening(f);
    cut_all(f);
    while (f->conns != NULL) {
        conn *c = f->conns;
        f->conns = c->next;
        (void)pthread_join(c->thread, NULL);
        free(c);
    }
    while (f->first != NULL) {
        seen *s = f->first;
        f->first = s->next;
        bytes_free(&s->head);
        bytes_free(&s->body);
        free(s);
    }
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->handling);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

const char *front_url(const front *f)
{
    return f->url;
}

/* ---- for the test ---- */

void front_held(front *f, uint64_t count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    (void)pthread_mutex_lock(&f->lock);
    int rc = 0;
    while (f->held < count && rc == 0)
        rc = pthread_cond_timedwait(&f->changed, &f->lock, &until);
    (void)pthread_mutex_unlock(&f->lock);
    ck_assert_msg(rc == 0, "no answer was held within 60 s");
}

void front_release(front *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->released = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

uint64_t front_count(front *f, const char *method, const char *target)
{
    uint64_t n = 0;
    (void)pthread_mutex_lock(&f->lock);
    for (const seen *s = f->first; s != NULL; s = s->next)
        n += matches(method, target, &s->is);
    (void)pthread_mutex_unlock(&f->lock);
    return n;
}

const front_request *front_seen(front *f, uint64_t index)
{
    (void)pthread_mutex_lock(&f->lock);
    const seen *s = f->first;
    for (; s != NULL && index > 0; index--)
        s = s->next;
    (void)pthread_mutex_unlock(&f->lock);
    return s == NULL ? NULL : &s->is;
}

uint64_t front_connections(front *f)
{
    (void)pthread_mutex_lock(&f->lock);
    uint64_t n = f->conns_count;
    (void)pthread_mutex_unlock(&f->lock);
    return n;
}
