/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"

int skep__mutex_init(skep__mutex *m)
{
    pthread_mutexattr_t attr;
    int e = pthread_mutexattr_init(&attr);
    if (e != 0)
        return SKEP__FAIL_ERRNO(e, "mutex");
#ifdef SKEP_TEST_BUILD
    ASSERT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
#endif
    e = pthread_mutex_init(&m->os, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    return e == 0 ? SKEP_OK : SKEP__FAIL_ERRNO(e, "mutex");
}

void skep__mutex_dispose(skep__mutex *m)
{
    ASSERT(pthread_mutex_destroy(&m->os) == 0);
}

void skep__mutex_lock(skep__mutex *m) SKEP__NO_THREAD_SAFETY
{
    ASSERT(pthread_mutex_lock(&m->os) == 0);
}

bool skep__mutex_trylock(skep__mutex *m) SKEP__NO_THREAD_SAFETY
{
    int e = pthread_mutex_trylock(&m->os);
    ASSERT(e == 0 || e == EBUSY);
    return e == 0;
}

void skep__mutex_unlock(skep__mutex *m) SKEP__NO_THREAD_SAFETY
{
    ASSERT(pthread_mutex_unlock(&m->os) == 0);
}

int skep__cond_init(skep__cond *c)
{
    pthread_condattr_t attr;
    int e = pthread_condattr_init(&attr);
    if (e != 0)
        return SKEP__FAIL_ERRNO(e, "condition variable");
    ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    e = pthread_cond_init(&c->os, &attr);
    (void)pthread_condattr_destroy(&attr);
    return e == 0 ? SKEP_OK : SKEP__FAIL_ERRNO(e, "condition variable");
}

void skep__cond_dispose(skep__cond *c)
{
    ASSERT(pthread_cond_destroy(&c->os) == 0);
}

void skep__cond_signal(skep__cond *c)
{
    ASSERT(pthread_cond_signal(&c->os) == 0);
}

void skep__cond_broadcast(skep__cond *c)
{
    ASSERT(pthread_cond_broadcast(&c->os) == 0);
}

void skep__cond_wait(skep__cond *c, skep__mutex *m)
{
    ASSERT(pthread_cond_wait(&c->os, &m->os) == 0);
}

static struct timespec timespec_of(uint64_t ns)
{
    struct timespec t = {
        .tv_sec = (time_t)(ns / SKEP__NS_PER_S),
        .tv_nsec = (long)(ns % SKEP__NS_PER_S),
    };
    return t;
}

bool skep__cond_timedwait(skep__cond *c, skep__mutex *m, uint64_t deadline_ns)
{
    if (deadline_ns == 0) {
        skep__cond_wait(c, m);
        return false;
    }
    struct timespec t = timespec_of(deadline_ns);
    int e = pthread_cond_timedwait(&c->os, &m->os, &t);
    ASSERT(e == 0 || e == ETIMEDOUT);
    return e == ETIMEDOUT;
}

static void *thread_main(void *arg)
{
    skep__thread *t = arg;
    /* A name is a help for people who look at the process; without it all works. */
    (void)pthread_setname_np(pthread_self(), t->name);
    t->fn(t->arg);
    return NULL;
}

int skep__thread_start(skep__thread *t, const char *name, void (*fn)(void *arg), void *arg)
{
    sigset_t all;
    sigset_t before;
    DEBUG_ASSERT(!t->started);
    (void)snprintf(t->name, sizeof(t->name), "%s", name);
    t->fn = fn;
    t->arg = arg;
    /* Inherited at the start, so that no signal can slip in between. */
    (void)sigfillset(&all);
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int e = pthread_create(&t->os, NULL, thread_main, t);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (e == EAGAIN)
        return SKEP__FAIL(SKEP_ELIMIT, "thread %s: no more threads can be had", name);
    if (e != 0)
        return SKEP__FAIL_ERRNO(e, "thread %s", name);
    t->started = true;
    return SKEP_OK;
}

void skep__thread_join(skep__thread *t)
{
    if (!t->started)
        return;
    ASSERT(pthread_join(t->os, NULL) == 0);
    t->started = false;
}

uint32_t skep__thread_id(void)
{
    static _Thread_local uint32_t id;
    if (id == 0)
        id = (uint32_t)syscall(SYS_gettid);
    return id;
}

void skep__thread_release(skep__thread *t)
{
    if (!t->started || pthread_equal(t->os, pthread_self()) == 0) {
        skep__thread_join(t);
        return;
    }
    ASSERT(pthread_detach(t->os) == 0);
    t->started = false;
}

/* FUTEX_WAIT_BITSET is the one that takes an absolute time, on the monotonic clock. All users of a
 * word are in this process, hence the private forms. */
bool skep__word_wait(skep__word *word, uint32_t seen, uint64_t deadline_ns)
{
    struct timespec t = timespec_of(deadline_ns);
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen,
                      deadline_ns == 0 ? NULL : &t, NULL, FUTEX_BITSET_MATCH_ANY);
    ASSERT(rc == 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT);
    return rc == 0 || errno != ETIMEDOUT;
}

void skep__word_wake(skep__word *word, int count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
