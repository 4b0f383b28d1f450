/* SPDX-License-Identifier: MIT */
#include "base/event.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/time.h"

/* The sink can be changed while other threads send: `version` is odd during a change, and who saw
 * it change reads again, so that no function is ever called with another's ctx. */
static struct {
    atomic_uint version;
    atomic_int least; /* INT_MAX: no sink */
    _Atomic(skep_event_fn *) fn;
    _Atomic(void *) ctx;
} sink = {.least = INT_MAX};

bool skep__event_wanted(skep_level level)
{
    return (int)level >= atomic_load_explicit(&sink.least, memory_order_relaxed);
}

static skep_event_fn *current(void **ctx)
{
    for (;;) {
        unsigned before = atomic_load_explicit(&sink.version, memory_order_acquire);
        skep_event_fn *fn = atomic_load_explicit(&sink.fn, memory_order_acquire);
        *ctx = atomic_load_explicit(&sink.ctx, memory_order_acquire);
        unsigned after = atomic_load_explicit(&sink.version, memory_order_relaxed);
        if (before == after && (before & 1) == 0)
            return fn;
    }
}

void skep__event_send(skep_level level, const char *room, const char *name,
                      const skep_field *fields, size_t count)
{
    void *ctx = NULL;
    skep_event_fn *fn = current(&ctx);
    if (fn == NULL)
        return;
    skep_event event = {
        .size = (uint32_t)sizeof(event),
        .level = (int32_t)level,
        .at_us = skep_now_us(),
        .room = room,
        .name = name,
        .fields = fields,
        .field_count = count,
    };
    fn(&event, ctx);
}

bool skep__event_pass(skep__event_limit *limit, uint64_t most, uint64_t *dropped)
{
    uint64_t now = skep__now_ns() / SKEP__NS_PER_S;
    uint64_t second = atomic_load_explicit(&limit->second, memory_order_relaxed);
    /* Who moves the second starts the count anew; one that slips in between is no harm. */
    if (now != second &&
        atomic_compare_exchange_strong_explicit(&limit->second, &second, now, memory_order_relaxed,
                                                memory_order_relaxed))
        atomic_store_explicit(&limit->passed, 0, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&limit->passed, 1, memory_order_relaxed) >= most) {
        atomic_fetch_add_explicit(&limit->dropped, 1, memory_order_relaxed);
        return false;
    }
    *dropped = atomic_exchange_explicit(&limit->dropped, 0, memory_order_relaxed);
    return true;
}

void skep_set_event_sink(skep_event_fn *fn, void *ctx, skep_level least)
{
    unsigned version = atomic_load_explicit(&sink.version, memory_order_relaxed);
    atomic_store_explicit(&sink.version, version + 1, memory_order_relaxed);
    atomic_store_explicit(&sink.fn, fn, memory_order_release);
    atomic_store_explicit(&sink.ctx, ctx, memory_order_release);
    atomic_store_explicit(&sink.version, version + 2, memory_order_release);
    atomic_store_explicit(&sink.least, fn != NULL ? (int)least : INT_MAX, memory_order_relaxed);
}
