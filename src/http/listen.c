/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skep/sys/store_engine.h>

#include "http/server.h"

#define BACKLOG 512

typedef union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} endpoint;

static int bad(const char *address)
{
    return skep_fail(SKEP_EINVALID, "http",
                     "%.64s: not an address to listen on; give ADDR:PORT as numbers, such as "
                     "127.0.0.1:7420 or [::1]:7420",
                     address);
}

static int parse(const char *address, endpoint *out, socklen_t *size)
{
    char host[INET6_ADDRSTRLEN + 1];
    uint64_t port = 0;
    const char *colon = strrchr(address, ':');
    bool v6 = address[0] == '[';
    const char *from = v6 ? address + 1 : address;
    const char *to = v6 && colon != NULL ? colon - 1 : colon;
    if (colon == NULL || to <= from || (v6 && *to != ']') || (size_t)(to - from) >= sizeof(host) ||
        !http_number(colon + 1, &port) || port > UINT16_MAX)
        return bad(address);
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    memset(out, 0, sizeof(*out));
    if (v6) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        *size = sizeof(out->v6);
        return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1 ? SKEP_OK : bad(address);
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    *size = sizeof(out->v4);
    const char *number = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    return inet_pton(AF_INET, number, &out->v4.sin_addr) == 1 ? SKEP_OK : bad(address);
}

static bool is_local(const endpoint *at)
{
    return at->any.sa_family == AF_INET ? ntohl(at->v4.sin_addr.s_addr) >> 24 == 127
                                        : IN6_IS_ADDR_LOOPBACK(&at->v6.sin6_addr);
}

static int bind_to(int fd, const endpoint *at, socklen_t size, const char *address)
{
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &at->any, size) == 0 && listen(fd, BACKLOG) == 0)
        return SKEP_OK;
    if (errno == EADDRINUSE)
        return skep_fail(SKEP_EBUSY, "http",
                         "%s: another program listens there; choose another port, or 0 for any",
                         address);
    return skep_fail(errno == EACCES ? SKEP_EDENIED : SKEP_ENET, "http",
                     "%s: cannot listen there: %s", address, strerrordesc_np(errno));
}

static void name_it(skep_serve *serve, const endpoint *at, uint16_t port)
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool v6 = at->any.sa_family == AF_INET6;
    (void)inet_ntop(at->any.sa_family,
                    v6 ? (const void *)&at->v6.sin6_addr : (const void *)&at->v4.sin_addr, host,
                    sizeof(host));
    (void)snprintf(serve->url, sizeof(serve->url), "%s://%s%s%s:%u",
                   serve->pem[0] != NULL ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "",
                   port);
    serve->port = port;
}

int http_listen(const char *address, skep_serve *serve, bool *local)
{
    endpoint at = {0}, bound = {0};
    socklen_t size = 0, bound_size = sizeof(bound);
    int rc = parse(address, &at, &size);
    if (rc < 0)
        return rc;
    *local = is_local(&at);
    int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return skep_fail(SKEP_ENET, "http", "no socket: %s", strerrordesc_np(errno));
    rc = bind_to(fd, &at, size, address);
    if (rc >= 0 && getsockname(fd, &bound.any, &bound_size) != 0)
        rc = skep_fail(SKEP_ENET, "http", "%s: %s", address, strerrordesc_np(errno));
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    serve->listener = fd;
    name_it(serve, &at,
            ntohs(at.any.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port));
    return SKEP_OK;
}
