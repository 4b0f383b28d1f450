/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"

#include <string.h>

#include "base/base_limits.h"
#include "base/err.h"
#include "base/mem.h"

/* Prometheus wants the same bounds at all times. Powers of four are exact in our histogram, and
 * reach from 16 ns to 69 s for times kept in nanoseconds, from 3 to beyond 10^10 for counts. */
#define FIRST_BOUND_LOG2 2
#define LAST_BOUND_LOG2 36
#define BOUND_STEP_LOG2 2

int skep__metrics_init(skep__metrics *m, const skep__metric *table, size_t count)
{
    ASSERT(count > 0);
    ASSERT(count <= SKEP__METRICS_MAX);
    skep__metrics made = {.table = table, .count = count};
    made.numbers = skep__calloc(count, sizeof(*made.numbers));
    made.hists = skep__calloc(count, sizeof(*made.hists));
    bool complete = made.numbers != NULL && made.hists != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        if (table[i].kind != SKEP__METRIC_HISTOGRAM)
            continue;
        made.hists[i] = skep__calloc(1, sizeof(skep__hist));
        complete = made.hists[i] != NULL;
    }
    if (!complete) {
        skep__metrics_dispose(&made);
        return skep__oom();
    }
    *m = made;
    return SKEP_OK;
}

void skep__metrics_dispose(skep__metrics *m)
{
    for (size_t i = 0; m->hists != NULL && i < m->count; i++)
        skep__free(m->hists[i]);
    skep__free(m->hists);
    skep__free(m->numbers);
    memset(m, 0, sizeof(*m));
}

static const skep__metric *metric_at(const skep__metrics *m, size_t row, skep__metric_kind kind)
{
    ASSERT(row < m->count);
    ASSERT(m->table[row].kind == kind);
    return &m->table[row];
}

void skep__metrics_add(skep__metrics *m, size_t row, int64_t by)
{
    ASSERT(row < m->count);
    DEBUG_ASSERT(m->table[row].kind != SKEP__METRIC_HISTOGRAM);
    DEBUG_ASSERT(by >= 0 || m->table[row].kind == SKEP__METRIC_GAUGE);
    atomic_fetch_add_explicit(&m->numbers[row], by, memory_order_relaxed);
}

void skep__metrics_set(skep__metrics *m, size_t row, int64_t to)
{
    (void)metric_at(m, row, SKEP__METRIC_GAUGE);
    atomic_store_explicit(&m->numbers[row], to, memory_order_relaxed);
}

skep__hist *skep__metrics_hist(skep__metrics *m, size_t row)
{
    (void)metric_at(m, row, SKEP__METRIC_HISTOGRAM);
    return m->hists[row];
}

void skep__metrics_observe(skep__metrics *m, size_t row, uint64_t v)
{
    skep__hist_add(skep__metrics_hist(m, row), v);
}

void skep__metrics_read(const skep__metrics *m, size_t row, skep__sample *out)
{
    ASSERT(row < m->count);
    memset(out, 0, sizeof(*out));
    out->metric = &m->table[row];
    const skep__hist *h = m->hists[row];
    if (h == NULL) {
        out->number = atomic_load_explicit(&m->numbers[row], memory_order_relaxed);
        return;
    }
    out->count = skep__hist_count(h);
    out->sum = skep__hist_sum(h);
    out->max = skep__hist_max(h);
    out->p50 = skep__hist_quantile(h, 0.5);
    out->p99 = skep__hist_quantile(h, 0.99);
    out->p999 = skep__hist_quantile(h, 0.999);
}

static double scale_of(const skep__metric *metric)
{
    return metric->scale != 0.0 ? metric->scale : 1.0;
}

/* Counters keep all their digits where nothing scales them: as a double they would lose some. */
static void text_of_number(const skep__metrics *m, size_t row, skep__buf *out)
{
    const skep__metric *metric = &m->table[row];
    int64_t v = atomic_load_explicit(&m->numbers[row], memory_order_relaxed);
    if (metric->scale != 0.0)
        (void)skep__buf_printf(out, "%s %.9g\n", metric->name, (double)v * metric->scale);
    else
        (void)skep__buf_printf(out, "%s %lld\n", metric->name, (long long)v);
}

/* A bound means "at most" there and "below" here; all values are whole numbers, so one less than
 * the power of four says the same. While others add, each bucket is read later than those below it
 * and the count last: so none is above the next, or Prometheus would think the source broken. */
static void text_of_hist(const skep__metric *metric, const skep__hist *h, skep__buf *out)
{
    double scale = scale_of(metric);
    double sum = (double)skep__hist_sum(h) * scale;
    for (unsigned log2 = FIRST_BOUND_LOG2; log2 <= LAST_BOUND_LOG2; log2 += BOUND_STEP_LOG2) {
        uint64_t bound = UINT64_C(1) << log2;
        unsigned long long below = skep__hist_below(h, bound);
        (void)skep__buf_printf(out, "%s_bucket{le=\"%.12g\"} %llu\n", metric->name,
                               (double)(bound - 1) * scale, below);
    }
    unsigned long long count = skep__hist_count(h);
    (void)skep__buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.12g\n%s_count %llu\n",
                           metric->name, count, metric->name, sum, metric->name, count);
}

int skep__metrics_text(const skep__metrics *m, skep__buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (size_t i = 0; i < m->count; i++) {
        const skep__metric *metric = &m->table[i];
        (void)skep__buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                               metric->name, kinds[metric->kind]);
        if (m->hists[i] != NULL)
            text_of_hist(metric, m->hists[i], out);
        else
            text_of_number(m, i, out);
    }
    return skep__buf_status(out);
}
