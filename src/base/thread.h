/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_THREAD_H
#define SKEP__BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base_limits.h"

/* What Clang's -Wthread-safety checks. In C, Clang (up to 20) cannot name a lock that stands beside
 * a field, so SKEP__GUARDED_BY is for the reader there; the rules of functions are checked. */
#if defined(__clang__)
#define SKEP__TSA(x) __attribute__((x))
#else
#define SKEP__TSA(x)
#endif
#define SKEP__CAPABILITY SKEP__TSA(capability("mutex"))
#define SKEP__GUARDED_BY(m)
#define SKEP__REQUIRES(m) SKEP__TSA(requires_capability(m))
#define SKEP__EXCLUDES(m) SKEP__TSA(locks_excluded(m))
#define SKEP__ACQUIRE(m) SKEP__TSA(acquire_capability(m))
#define SKEP__TRY_ACQUIRE(m) SKEP__TSA(try_acquire_capability(true, m))
#define SKEP__RELEASE(m) SKEP__TSA(release_capability(m))
#define SKEP__NO_THREAD_SAFETY SKEP__TSA(no_thread_safety_analysis)

typedef struct SKEP__CAPABILITY skep__mutex {
    pthread_mutex_t os;
} skep__mutex;

/* Not recursive; test builds abort when a thread locks it twice. */
int skep__mutex_init(skep__mutex *m);
void skep__mutex_dispose(skep__mutex *m);
void skep__mutex_lock(skep__mutex *m) SKEP__ACQUIRE(*m);
bool skep__mutex_trylock(skep__mutex *m) SKEP__TRY_ACQUIRE(*m);
void skep__mutex_unlock(skep__mutex *m) SKEP__RELEASE(*m);

/* On the monotonic clock: setting the time of day moves no deadline. */
typedef struct skep__cond {
    pthread_cond_t os;
} skep__cond;

int skep__cond_init(skep__cond *c);
void skep__cond_dispose(skep__cond *c);
void skep__cond_signal(skep__cond *c);
void skep__cond_broadcast(skep__cond *c);
void skep__cond_wait(skep__cond *c, skep__mutex *m) SKEP__REQUIRES(*m);
/* True when the deadline (skep__now_ns(); 0: none) passed. Wakes for no reason are possible. */
bool skep__cond_timedwait(skep__cond *c, skep__mutex *m, uint64_t deadline_ns) SKEP__REQUIRES(*m);

/* The caller's storage; it stays where it is until the join. Zeroed means never started. */
typedef struct skep__thread {
    pthread_t os;
    bool started;
    char name[SKEP__THREAD_NAME_MAX];
    void (*fn)(void *arg);
    void *arg;
} skep__thread;

/* The new thread takes no signals: those are the application's. */
int skep__thread_start(skep__thread *t, const char *name, void (*fn)(void *arg), void *arg);
void skep__thread_join(skep__thread *t); /* accepts one that was never started */
/* The same; but a thread that ends itself is not waited for. */
void skep__thread_release(skep__thread *t);

/* What Linux calls this thread: what `top -H` and a debugger show. Remembered by the thread, so a
 * child process goes on with the number that its thread had in the parent. */
uint32_t skep__thread_id(void);

/* A futex word: sleep until it is no longer what was seen. */
typedef _Atomic uint32_t skep__word;

/* Sleep while *word is `seen`. False when the deadline (skep__now_ns(); 0: none) passed; true for
 * everything else, which includes no reason at all, so look again. */
bool skep__word_wait(skep__word *word, uint32_t seen, uint64_t deadline_ns);
void skep__word_wake(skep__word *word, int count); /* INT_MAX: all */

#endif
