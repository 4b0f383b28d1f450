/* SPDX-License-Identifier: MIT */
#include "base/hist.h"

#include "base/err.h"

/* Bucket of a value: below 16 the value itself; above, the place of its highest bit selects a row
 * of 16 buckets, the four bits below it one of these. A bucket is 1/16 of its lower bound wide, and
 * stands for its middle. */
static size_t bucket_of(uint64_t v)
{
    if (v < SKEP__HIST_STEPS)
        return (size_t)v;
    unsigned high = 63u - (unsigned)__builtin_clzll(v);
    unsigned step = (unsigned)(v >> (high - 4)) & (SKEP__HIST_STEPS - 1);
    return (size_t)(high - 3) * SKEP__HIST_STEPS + step;
}

static uint64_t middle_of(size_t bucket)
{
    if (bucket < SKEP__HIST_STEPS)
        return bucket;
    unsigned shift = (unsigned)(bucket / SKEP__HIST_STEPS) - 1;
    uint64_t low = (SKEP__HIST_STEPS + (uint64_t)(bucket % SKEP__HIST_STEPS)) << shift;
    return low + ((UINT64_C(1) << shift) >> 1);
}

static uint64_t get(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *max, uint64_t v)
{
    uint64_t seen = get(max);
    while (seen < v && !atomic_compare_exchange_weak_explicit(max, &seen, v, memory_order_relaxed,
                                                              memory_order_relaxed)) {
    }
}

void skep__hist_reset(skep__hist *h)
{
    atomic_store_explicit(&h->sum, 0, memory_order_relaxed);
    atomic_store_explicit(&h->max, 0, memory_order_relaxed);
    for (size_t i = 0; i < SKEP__HIST_BUCKETS; i++)
        atomic_store_explicit(&h->buckets[i], 0, memory_order_relaxed);
}

void skep__hist_add(skep__hist *h, uint64_t v)
{
    atomic_fetch_add_explicit(&h->buckets[bucket_of(v)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, v, memory_order_relaxed);
    raise_to(&h->max, v);
}

static uint64_t count_up_to(const skep__hist *h, size_t buckets)
{
    uint64_t n = 0;
    for (size_t i = 0; i < buckets; i++)
        n += get(&h->buckets[i]);
    return n;
}

uint64_t skep__hist_count(const skep__hist *h)
{
    return count_up_to(h, SKEP__HIST_BUCKETS);
}

uint64_t skep__hist_sum(const skep__hist *h)
{
    return get(&h->sum);
}

uint64_t skep__hist_max(const skep__hist *h)
{
    return get(&h->max);
}

uint64_t skep__hist_below(const skep__hist *h, uint64_t power_of_two)
{
    ASSERT(power_of_two != 0 && (power_of_two & (power_of_two - 1)) == 0);
    return count_up_to(h, bucket_of(power_of_two));
}

uint64_t skep__hist_quantile(const skep__hist *h, double q)
{
    uint64_t max = skep__hist_max(h);
    uint64_t count = skep__hist_count(h);
    ASSERT(q >= 0.0 && q <= 1.0);
    if (count == 0)
        return 0;
    /* The rank, counted from 1, of the first value that has a share q at or below it. */
    double exact = q * (double)count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact || rank == 0)
        rank++;
    if (rank >= count)
        return max;
    uint64_t seen = 0;
    for (size_t i = 0; i < SKEP__HIST_BUCKETS; i++) {
        seen += get(&h->buckets[i]);
        if (seen >= rank) {
            uint64_t v = middle_of(i);
            return v < max ? v : max;
        }
    }
    return max;
}

void skep__hist_merge(skep__hist *into, const skep__hist *from)
{
    for (size_t i = 0; i < SKEP__HIST_BUCKETS; i++)
        atomic_fetch_add_explicit(&into->buckets[i], get(&from->buckets[i]), memory_order_relaxed);
    atomic_fetch_add_explicit(&into->sum, get(&from->sum), memory_order_relaxed);
    raise_to(&into->max, get(&from->max));
}
