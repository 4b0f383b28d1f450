/* SPDX-License-Identifier: MIT */
/* Connections, and the watcher that ends them.
 *
 * A thread of libmicrohttpd sits in poll() or in the store for its one client, so a client that
 * does nothing has to be ended from outside: the watcher shuts its socket down, whereupon that
 * thread finds it closed, and the request ends as one that was cut. It looks at what has moved over
 * a time, not at when anything moved last: a byte every now and then is as slow as none. Time that
 * the store takes is taken off. */
#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/server.h"

uint64_t http_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void http_phase_set(http_conn *conn, http_phase phase)
{
    atomic_store(&conn->phase, (int)phase);
}

void http_ours(http_request *r, bool begin)
{
    http_conn *conn = r->conn;
    uint64_t now = http_now_ns();
    if (conn == NULL)
        return;
    if (begin) {
        atomic_store(&conn->ours_since, now);
        return;
    }
    atomic_fetch_add(&conn->ours_ns, now - atomic_load(&conn->ours_since));
    atomic_store(&conn->ours_since, 0);
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    /* Who has one address of IPv6 has a /64 of them. */
    return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, 8) == 0;
}

static uint32_t count_same_locked(const skep_serve *serve, const http_conn *conn)
{
    uint32_t n = 0;
    for (const http_conn *c = serve->conns; c != NULL; c = c->next)
        n += same_address(&c->address, &conn->address);
    return n;
}

static void add(skep_serve *serve, http_conn *conn)
{
    (void)pthread_mutex_lock(&serve->lock);
    if (atomic_load(&serve->conn_count) >= serve->opts.connections)
        conn->refused = 503;
    else if ((serve->opts.flags & SKEP_SERVE_BEHIND_PROXY) == 0 &&
             count_same_locked(serve, conn) >= serve->opts.connections_per_address)
        conn->refused = 429;
    conn->next = serve->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    serve->conns = conn;
    atomic_fetch_add(&serve->conn_count, 1);
    (void)pthread_mutex_unlock(&serve->lock);
}

static void take(skep_serve *serve, http_conn *conn)
{
    (void)pthread_mutex_lock(&serve->lock);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        serve->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    atomic_fetch_sub(&serve->conn_count, 1);
    (void)pthread_cond_broadcast(&serve->changed);
    (void)pthread_mutex_unlock(&serve->lock);
}

static void name_address(http_conn *conn, const struct sockaddr *address)
{
    bool v6 = address->sa_family == AF_INET6;
    memcpy(&conn->address, address, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    /* Ours is aligned for any family. */
    const void *from = v6 ? (const void *)&((const struct sockaddr_in6 *)&conn->address)->sin6_addr
                          : (const void *)&((const struct sockaddr_in *)&conn->address)->sin_addr;
    (void)inet_ntop(address->sa_family, from, conn->text, sizeof(conn->text));
}

static http_conn *conn_new(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    http_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL || fd == NULL || address == NULL) {
        free(conn);
        return NULL;
    }
    conn->fd = fd->connect_fd;
    conn->since_ns = http_now_ns();
    name_address(conn, address->client_addr);
    return conn;
}

void http_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code)
{
    skep_serve *serve = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        http_conn *conn = conn_new(mhd);
        *context = conn;
        if (conn != NULL) /* without: its requests are refused */
            add(serve, conn);
        atomic_fetch_add(&serve->figures.accepted, 1);
        return;
    }
    if (*context != NULL) {
        take(serve, *context);
        free(*context);
        *context = NULL;
    }
}

/* ---- the watcher ---- */

/* What has gone over the wire, in both directions, as far as the other side has confirmed it. What
 * was handed to the kernel is not gone. */
static uint64_t moved_bytes(const http_conn *conn)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return 0;
    return info.tcpi_bytes_acked + info.tcpi_bytes_received;
}

static void begin_look(http_conn *conn, uint64_t now)
{
    conn->since_ns = now;
    conn->seen_phase = atomic_load(&conn->phase);
    conn->seen_requests = atomic_load(&conn->requests);
    conn->seen_moved = moved_bytes(conn);
    conn->seen_ours_ns = atomic_load(&conn->ours_ns);
}

static bool too_slow(const skep_serve *serve, http_conn *conn, uint64_t now)
{
    uint64_t idle_ns = (uint64_t)serve->opts.idle_ms * 1000000u;
    uint64_t ours = atomic_load(&conn->ours_ns) - conn->seen_ours_ns;
    if (atomic_load(&conn->ours_since) != 0 || conn->cut)
        return false;
    if (conn->seen_phase != atomic_load(&conn->phase) ||
        conn->seen_requests != atomic_load(&conn->requests)) {
        begin_look(conn, now);
        return false;
    }
    if (now < conn->since_ns + idle_ns + ours)
        return false;
    uint64_t moved = moved_bytes(conn) - conn->seen_moved;
    uint64_t least =
        (uint64_t)serve->opts.min_bytes_per_second * (uint64_t)serve->opts.idle_ms / 1000u;
    if (conn->seen_phase == HTTP_WAITING || moved < least || moved == 0)
        return true;
    begin_look(conn, now);
    return false;
}

static void end_locked(http_conn *conn)
{
    conn->cut = true;
    (void)shutdown(conn->fd, SHUT_RDWR);
}

void http_conns_end_locked(skep_serve *serve, bool all)
{
    for (http_conn *conn = serve->conns; conn != NULL; conn = conn->next)
        if (all || atomic_load(&conn->phase) == HTTP_WAITING)
            end_locked(conn);
}

static void look_locked(skep_serve *serve, uint64_t now)
{
    if (atomic_load(&serve->draining))
        http_conns_end_locked(serve, false);
    for (http_conn *conn = serve->conns; conn != NULL; conn = conn->next)
        if (too_slow(serve, conn, now)) {
            atomic_fetch_add(&serve->figures.slow, 1);
            end_locked(conn);
        }
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

void *http_watch(void *arg)
{
    skep_serve *serve = arg;
    (void)pthread_mutex_lock(&serve->lock);
    while (!serve->ending) {
        int64_t tick = serve->opts.idle_ms / 8;
        tick = atomic_load(&serve->draining) || tick < 10 ? 10 : tick > 250 ? 250 : tick;
        struct timespec until = after_ms(tick);
        (void)pthread_cond_timedwait(&serve->wake, &serve->lock, &until);
        look_locked(serve, http_now_ns());
    }
    (void)pthread_mutex_unlock(&serve->lock);
    return NULL;
}
