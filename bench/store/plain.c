/* SPDX-License-Identifier: MIT */
/* What a careful program does itself to store a file durably: write it beside, fsync, rename, fsync
 * the directory. What `cp` and `sync` do, without the cost of starting them. */
#include "store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../db/bench.h"

typedef struct plain {
    char dir[1024];
    int fd; /* of the directory */
    int number;
} plain;

static void *plain_begin(const store_job *job)
{
    plain *p = bench_calloc(1, sizeof(*p));
    (void)snprintf(p->dir, sizeof(p->dir), "%s", job->where);
    (void)mkdir(p->dir, 0700);
    p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->fd < 0)
        bench_die("%s: %m", p->dir);
    return p;
}

static void *plain_open(void *shared)
{
    plain *p = bench_calloc(1, sizeof(*p));
    *p = *(plain *)shared;
    p->number = ((plain *)shared)->number++;
    return p;
}

static void write_all(int fd, const char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t n = write(fd, data + at, bytes - at);
        if (n <= 0)
            bench_die("write: %m");
        at += (size_t)n;
    }
}

static void plain_put(void *self, const char *key, const void *data, size_t bytes)
{
    const plain *p = self;
    char name[64];
    (void)snprintf(name, sizeof(name), ".temp-%d", p->number);
    int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        bench_die("%s: %m", name);
    write_all(fd, data, bytes);
    if (fsync(fd) != 0 || close(fd) != 0 || renameat(p->fd, name, p->fd, key) != 0 ||
        fsync(p->fd) != 0)
        bench_die("%s: %m", key);
}

static void plain_get(void *self, const char *key, void *data, size_t bytes)
{
    const plain *p = self;
    size_t at = 0;
    int fd = openat(p->fd, key, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        bench_die("%s: %m", key);
    for (ssize_t n = 1; n > 0 && at < bytes; at += (size_t)n) {
        n = read(fd, (char *)data + at, bytes - at);
        if (n < 0)
            bench_die("read: %m");
    }
    if (at != bytes)
        bench_die("%s has another size", key);
    (void)close(fd);
}

static void plain_close(void *self)
{
    free(self);
}

static void plain_end(void *shared)
{
    (void)close(((plain *)shared)->fd);
    free(shared);
}

const store_side store_plain = {"plain",   plain_begin, plain_open, plain_put,
                                plain_get, plain_close, plain_end};
