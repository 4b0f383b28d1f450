/* SPDX-License-Identifier: MIT */
#include "harness/points.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/point.h"

#include "harness/harness.h"

#define POINTS_MAX 32
#define PATIENCE_S 60

typedef enum action { ACTION_WATCH, ACTION_WAIT, ACTION_DIE, ACTION_RUN } action;

typedef struct point {
    const char *name;
    action action;
    uint64_t nth; /* 0: every time */
    void (*fn)(void *ctx);
    void *ctx;
    uint64_t count;
    bool open; /* ACTION_WAIT: released */
} point;

static point points[POINTS_MAX];
static size_t point_total;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

static point *find(const char *name)
{
    for (size_t i = 0; i < point_total; i++) {
        if (strcmp(points[i].name, name) == 0)
            return &points[i];
    }
    return NULL;
}

static void hit(const char *name, void *ctx)
{
    (void)ctx;
    void (*fn)(void *) = NULL;
    void *fn_ctx = NULL;
    (void)pthread_mutex_lock(&lock);
    point *p = find(name);
    if (p != NULL) {
        p->count++;
        (void)pthread_cond_broadcast(&moved);
        bool mine = p->nth == 0 || p->count == p->nth;
        if (p->action == ACTION_DIE && mine)
            (void)kill(getpid(), SIGKILL);
        if (p->action == ACTION_RUN && mine) {
            fn = p->fn;
            fn_ctx = p->ctx;
        }
        /* Looked up again each time: point_clear() may have taken it away meanwhile. */
        while (p != NULL && p->action == ACTION_WAIT && !p->open) {
            (void)pthread_cond_wait(&moved, &lock);
            p = find(name);
        }
    }
    (void)pthread_mutex_unlock(&lock);
    if (fn != NULL)
        fn(fn_ctx);
}

static void attach(const point *wanted)
{
    (void)pthread_mutex_lock(&lock);
    point *p = find(wanted->name);
    if (p == NULL) {
        if (point_total == POINTS_MAX)
            ck_abort_msg("more than %d points", POINTS_MAX);
        p = &points[point_total++];
    }
    *p = *wanted;
    (void)pthread_cond_broadcast(&moved);
    (void)pthread_mutex_unlock(&lock);
    skep__point_set(hit, NULL);
}

void point_wait(const char *name)
{
    attach(&(point){.name = name, .action = ACTION_WAIT});
}

void point_die(const char *name, uint64_t nth)
{
    attach(&(point){.name = name, .action = ACTION_DIE, .nth = nth});
}

void point_run(const char *name, uint64_t nth, void (*fn)(void *ctx), void *ctx)
{
    attach(&(point){.name = name, .action = ACTION_RUN, .nth = nth, .fn = fn, .ctx = ctx});
}

void point_watch(const char *name)
{
    attach(&(point){.name = name, .action = ACTION_WATCH});
}

void point_reached(const char *name, uint64_t count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    (void)pthread_mutex_lock(&lock);
    const point *p = find(name);
    int err = p == NULL ? EINVAL : 0;
    while (err == 0 && p != NULL && p->count < count) {
        err = pthread_cond_timedwait(&moved, &lock, &until);
        p = find(name);
    }
    uint64_t came = p != NULL ? p->count : 0;
    (void)pthread_mutex_unlock(&lock);
    ck_assert_msg(came >= count, "point %s: %llu of %llu came in %d s", name,
                  (unsigned long long)came, (unsigned long long)count, PATIENCE_S);
}

uint64_t point_count(const char *name)
{
    (void)pthread_mutex_lock(&lock);
    const point *p = find(name);
    uint64_t count = p != NULL ? p->count : 0;
    (void)pthread_mutex_unlock(&lock);
    return count;
}

void point_release(const char *name)
{
    (void)pthread_mutex_lock(&lock);
    point *p = find(name);
    if (p != NULL)
        p->open = true;
    (void)pthread_cond_broadcast(&moved);
    (void)pthread_mutex_unlock(&lock);
}

void point_clear(void)
{
    skep__point_set(NULL, NULL);
    (void)pthread_mutex_lock(&lock);
    point_total = 0;
    (void)pthread_cond_broadcast(&moved);
    (void)pthread_mutex_unlock(&lock);
}
