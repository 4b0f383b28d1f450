/* SPDX-License-Identifier: MIT */

#include "bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    _exit(1); /* other threads may be at work */
}

void *bench_calloc(size_t count, size_t size)
{
    void *block = calloc(count, size);
    if (block == NULL)
        bench_die("out of memory");
    return block;
}

uint64_t bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t ns_of(struct timeval t)
{
    return ((uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec) * 1000u;
}

uint64_t bench_cpu(void)
{
    struct rusage usage;
    memset(&usage, 0, sizeof(usage));
    getrusage(RUSAGE_SELF, &usage);
    return ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
}

/* SplitMix64: a generator that costs next to nothing beside what is measured. */
uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    if (count == 0)
        return 0.0;
    qsort(values, count, sizeof(*values), compare);
    if (count % 2 == 1)
        return values[count / 2];
    return (values[count / 2 - 1] + values[count / 2]) / 2.0;
}

/* Values below 128 have a slot each. Above, the highest bit chooses a row of 128 slots and the
 * seven bits after it the slot in that row. */
static size_t slot_of(uint64_t value)
{
    const size_t row = (size_t)1 << BENCH_HIST_BITS;
    if (value < row)
        return (size_t)value;
    size_t high = 63 - (size_t)__builtin_clzll(value);
    size_t shift = high - BENCH_HIST_BITS;
    return (shift + 1) * row + (size_t)((value >> shift) - row);
}

static uint64_t value_of(size_t slot)
{
    const size_t row = (size_t)1 << BENCH_HIST_BITS;
    if (slot < row)
        return slot;
    size_t shift = slot / row - 1;
    return ((uint64_t)(row + slot % row) << shift) + (((uint64_t)1 << shift) >> 1);
}

void bench_hist_add(bench_hist *h, uint64_t ns)
{
    h->count++;
    h->slot[slot_of(ns)]++;
    if (ns > h->max)
        h->max = ns;
}

void bench_hist_merge(bench_hist *into, const bench_hist *from)
{
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
    for (size_t i = 0; i < BENCH_HIST_SLOTS; i++)
        into->slot[i] += from->slot[i];
}

uint64_t bench_hist_quantile(const bench_hist *h, double q)
{
    uint64_t rank = (uint64_t)(q * (double)h->count);
    uint64_t seen = 0;
    for (size_t i = 0; i < BENCH_HIST_SLOTS; i++) {
        seen += h->slot[i];
        if (seen > rank)
            return value_of(i) < h->max ? value_of(i) : h->max;
    }
    return h->max;
}

void bench_hist_result(const bench_hist *h, bench_result *out)
{
    out->p50 = (double)bench_hist_quantile(h, 0.5) / 1e3;
    out->p99 = (double)bench_hist_quantile(h, 0.99) / 1e3;
    out->p999 = (double)bench_hist_quantile(h, 0.999) / 1e3;
    out->max = (double)h->max / 1e3;
}
