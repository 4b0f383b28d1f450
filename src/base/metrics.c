/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

/* Prometheus wants the same bounds at all times. Powers of four are exact in our histogram, and
 * reach from 16 ns to 69 s for times kept in nanoseconds, from 3 to beyond 10^10 for counts. */
#define FIRST_BOUND_LOG2 2
#define LAST_BOUND_LOG2 36
#define BOUND_STEP_LOG2 2

static double shown(const skep__metric *metric, double kept)
{
    return metric->divisor != 0.0 ? kept / metric->divisor : kept;
}

const char *skep__metric_kind_name(skep__metric_kind kind)
{
    static const char *const names[] = {"counter", "gauge", "histogram"};
    return names[kind];
}

/* ---- Prometheus ---- */

void skep__metric_label(skep__buf *labels, const char *name, const char *value)
{
    (void)skep__buf_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
    size_t len = strlen(value);
    for (size_t at = 0; at < len;) {
        size_t n = skep__utf8_len(value + at, len - at);
        if (n == 0)
            (void)skep__buf_add_text(labels, "\xef\xbf\xbd");
        else if (value[at] == '\n')
            (void)skep__buf_add_text(labels, "\\n");
        else if (value[at] == '"' || value[at] == '\\')
            (void)skep__buf_printf(labels, "\\%c", value[at]);
        else
            (void)skep__buf_add(labels, value + at, n);
        at += n > 0 ? n : 1;
    }
    (void)skep__buf_add_byte(labels, '"');
}

static void text_head(skep__buf *out, const skep__metric *metric)
{
    (void)skep__buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                           metric->name, skep__metric_kind_name(metric->kind));
}

/* `le`: the upper bound of a bucket, or NULL. */
static void text_name(skep__buf *out, const skep__metric *metric, const char *suffix,
                      const char *labels, const char *le)
{
    bool labelled = labels != NULL && labels[0] != '\0';
    (void)skep__buf_printf(out, "%s%s", metric->name, suffix);
    if (!labelled && le == NULL)
        return;
    (void)skep__buf_printf(out, "{%s%s", labelled ? labels : "", labelled && le != NULL ? "," : "");
    if (le != NULL)
        (void)skep__buf_printf(out, "le=\"%s\"", le);
    (void)skep__buf_add_byte(out, '}');
}

/* Whole numbers keep all their digits where nothing scales them: as a double they would lose some.
 */
void skep__metric_text(skep__buf *out, const skep__metric *metric, const char *labels,
                       int64_t number)
{
    ASSERT(metric->kind != SKEP__METRIC_HISTOGRAM);
    text_head(out, metric);
    text_name(out, metric, "", labels, NULL);
    if (metric->divisor == 0.0) {
        (void)skep__buf_printf(out, " %lld\n", (long long)number);
        return;
    }
    char real[SKEP__REAL_TEXT_SIZE];
    skep__real_text(shown(metric, (double)number), real);
    (void)skep__buf_printf(out, " %s\n", real);
}

/* A bound means "at most" there and "below" here; all values are whole numbers, so one less than
 * the power of four says the same. While others add, each bucket is read later than those below it
 * and the count last: so none is above the next, or Prometheus would think the source broken. */
void skep__metric_text_hist(skep__buf *out, const skep__metric *metric, const char *labels,
                            const skep__hist *h)
{
    ASSERT(metric->kind == SKEP__METRIC_HISTOGRAM);
    char real[SKEP__REAL_TEXT_SIZE];
    double sum = shown(metric, (double)skep__hist_sum(h));
    text_head(out, metric);
    for (unsigned log2 = FIRST_BOUND_LOG2; log2 <= LAST_BOUND_LOG2; log2 += BOUND_STEP_LOG2) {
        uint64_t bound = UINT64_C(1) << log2;
        skep__real_text(shown(metric, (double)(bound - 1)), real);
        text_name(out, metric, "_bucket", labels, real);
        (void)skep__buf_printf(out, " %llu\n", (unsigned long long)skep__hist_below(h, bound));
    }
    unsigned long long count = skep__hist_count(h);
    text_name(out, metric, "_bucket", labels, "+Inf");
    skep__real_text(sum, real);
    (void)skep__buf_printf(out, " %llu\n", count);
    text_name(out, metric, "_sum", labels, NULL);
    (void)skep__buf_printf(out, " %s\n", real);
    text_name(out, metric, "_count", labels, NULL);
    (void)skep__buf_printf(out, " %llu\n", count);
}

/* ---- JSON ---- */

static void json_head(skep__json *out, const skep__metric *metric)
{
    skep__json_object(out, metric->name);
    skep__json_text(out, "type", skep__metric_kind_name(metric->kind));
    skep__json_text(out, "help", metric->help);
}

static void json_scaled(skep__json *out, const char *key, const skep__metric *metric,
                        uint64_t number)
{
    if (metric->divisor == 0.0)
        skep__json_uint(out, key, number);
    else
        skep__json_real(out, key, shown(metric, (double)number));
}

void skep__metric_json(skep__json *out, const skep__metric *metric, int64_t number)
{
    ASSERT(metric->kind != SKEP__METRIC_HISTOGRAM);
    json_head(out, metric);
    if (metric->divisor == 0.0)
        skep__json_int(out, "value", number);
    else
        skep__json_real(out, "value", shown(metric, (double)number));
    skep__json_end(out);
}

void skep__metric_json_hist(skep__json *out, const skep__metric *metric, const skep__hist *h)
{
    ASSERT(metric->kind == SKEP__METRIC_HISTOGRAM);
    json_head(out, metric);
    skep__json_uint(out, "count", skep__hist_count(h));
    json_scaled(out, "sum", metric, skep__hist_sum(h));
    json_scaled(out, "max", metric, skep__hist_max(h));
    json_scaled(out, "p50", metric, skep__hist_quantile(h, 0.5));
    json_scaled(out, "p99", metric, skep__hist_quantile(h, 0.99));
    json_scaled(out, "p999", metric, skep__hist_quantile(h, 0.999));
    skep__json_end(out);
}
