/* SPDX-License-Identifier: MIT */
#include "harness/alloc.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <skep/alloc.h>

#include "harness/harness.h"

static _Atomic uint64_t counted;
static _Atomic uint64_t failed;
static _Atomic uint64_t fail_at; /* 0: never */
static _Atomic bool fail_rest;
static _Atomic bool armed;
static _Atomic uint64_t living;
static _Atomic uint64_t living_bytes;
static _Atomic uint64_t ceiling; /* 0: none */
static _Thread_local unsigned benign;

/* True when this allocation is to fail. */
static bool strikes(void)
{
    if (!atomic_load_explicit(&armed, memory_order_relaxed) || benign > 0)
        return false;
    uint64_t n = atomic_fetch_add(&counted, 1) + 1;
    uint64_t at = atomic_load(&fail_at);
    if (at == 0 || n < at || (n > at && !atomic_load(&fail_rest)))
        return false;
    atomic_fetch_add(&failed, 1);
    return true;
}

static bool too_much(size_t more)
{
    uint64_t most = atomic_load_explicit(&ceiling, memory_order_relaxed);
    return most > 0 && atomic_load(&living_bytes) + more > most;
}

static void *test_alloc(size_t bytes, void *ctx)
{
    (void)ctx;
    if (strikes() || too_much(bytes))
        return NULL;
    void *block = malloc(bytes);
    if (block != NULL) {
        atomic_fetch_add(&living, 1);
        atomic_fetch_add(&living_bytes, malloc_usable_size(block));
    }
    return block;
}

static void test_free(void *block, void *ctx)
{
    (void)ctx;
    if (block != NULL) {
        atomic_fetch_sub(&living, 1);
        atomic_fetch_sub(&living_bytes, malloc_usable_size(block));
    }
    free(block);
}

static void *test_realloc(void *block, size_t bytes, void *ctx)
{
    if (block == NULL)
        return test_alloc(bytes, ctx);
    size_t before = malloc_usable_size(block);
    if (strikes() || (bytes > before && too_much(bytes - before)))
        return NULL;
    void *moved = realloc(block, bytes);
    if (moved != NULL) {
        atomic_fetch_add(&living_bytes, malloc_usable_size(moved));
        atomic_fetch_sub(&living_bytes, before);
    }
    return moved;
}

static size_t test_usable(void *block, void *ctx)
{
    (void)ctx;
    return malloc_usable_size(block);
}

static void install(void)
{
    static const skep_allocator table = {
        .size = sizeof(table),
        .alloc = test_alloc,
        .realloc = test_realloc,
        .free = test_free,
        .usable = test_usable,
    };
    assert_ok(skep_set_allocator(&table));
}

void alloc_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, install);
}

void alloc_arm(uint64_t nth, bool persistent)
{
    atomic_store(&armed, false);
    atomic_store(&counted, 0);
    atomic_store(&failed, 0);
    atomic_store(&fail_at, nth);
    atomic_store(&fail_rest, persistent);
    atomic_store(&armed, true);
}

uint64_t alloc_disarm(uint64_t *injected)
{
    atomic_store(&armed, false);
    if (injected != NULL)
        *injected = atomic_load(&failed);
    return atomic_load(&counted);
}

void alloc_benign_begin(void)
{
    benign++;
}

void alloc_benign_end(void)
{
    benign--;
}

uint64_t alloc_living(void)
{
    return atomic_load(&living);
}

uint64_t alloc_living_bytes(void)
{
    return atomic_load(&living_bytes);
}

void alloc_ceiling(uint64_t bytes)
{
    atomic_store(&ceiling, bytes);
}

static void source_arm(void *self, uint64_t nth, bool persistent)
{
    (void)self;
    alloc_arm(nth, persistent);
}

static uint64_t source_disarm(void *self, uint64_t *injected)
{
    (void)self;
    return alloc_disarm(injected);
}

static uint64_t source_living(void *self)
{
    (void)self;
    return alloc_living();
}

sweep_result alloc_sweep(const sweep *s)
{
    int codes[32] = {SKEP_ENOMEM};
    size_t n = 1;
    for (const int *code = s->codes; code != NULL && *code != 0 && n < 31; code++)
        codes[n++] = *code;
    sweep widened = *s;
    widened.codes = codes;
    static const sweep_source source = {
        .what = "allocation",
        .arm = source_arm,
        .disarm = source_disarm,
        .living = source_living,
    };
    return sweep_over(&widened, &source);
}
