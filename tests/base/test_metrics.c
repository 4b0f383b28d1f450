/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <signal.h>
#include <string.h>

#include "base/base_limits.h"
#include "base/metrics.h"
#include "harness/alloc.h"

enum { COMMITS, READERS, COMMIT_TIME, GROUP, SPENT, ROWS };

static const skep__metric rows[ROWS] = {
    [COMMITS] = {.name = "skep_commits_total", .help = "Commits.", .kind = SKEP__METRIC_COUNTER},
    [READERS] = {.name = "skep_readers", .help = "Open readers.", .kind = SKEP__METRIC_GAUGE},
    [COMMIT_TIME] = {.name = "skep_commit_seconds",
                     .help = "Time of a commit.",
                     .unit = "s",
                     .scale = 1e-9,
                     .kind = SKEP__METRIC_HISTOGRAM},
    [GROUP] = {.name = "skep_group_calls",
               .help = "Calls that share a commit.",
               .kind = SKEP__METRIC_HISTOGRAM},
    [SPENT] = {.name = "skep_spent_seconds_total",
               .help = "Time spent.",
               .unit = "s",
               .scale = 1e-9,
               .kind = SKEP__METRIC_COUNTER},
};

TEST(values_are_kept_by_row)
{
    skep__metrics m;
    skep__sample s;
    assert_ok(skep__metrics_init(&m, rows, ROWS));
    skep__metrics_add(&m, COMMITS, 2);
    skep__metrics_add(&m, COMMITS, 3);
    skep__metrics_set(&m, READERS, 7);
    skep__metrics_add(&m, READERS, -3);
    for (uint64_t i = 1; i <= 10; i++)
        skep__metrics_observe(&m, GROUP, i);

    skep__metrics_read(&m, COMMITS, &s);
    ck_assert_int_eq(s.number, 5);
    ck_assert_str_eq(s.metric->name, "skep_commits_total");
    skep__metrics_read(&m, READERS, &s);
    ck_assert_int_eq(s.number, 4);
    skep__metrics_read(&m, GROUP, &s);
    ck_assert_uint_eq(s.count, 10);
    ck_assert_uint_eq(s.sum, 55);
    ck_assert_uint_eq(s.max, 10);
    ck_assert_uint_eq(s.p50, 5);
    ck_assert_uint_eq(s.p99, 10);
    ck_assert_uint_eq(skep__hist_count(skep__metrics_hist(&m, COMMIT_TIME)), 0);
    skep__metrics_dispose(&m);
    skep__metrics_dispose(&m);
}

static bool has_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    return at != NULL && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

TEST(the_text_is_what_prometheus_reads)
{
    skep__metrics m;
    skep__buf b = SKEP__BUF_INIT(100000);
    assert_ok(skep__metrics_init(&m, rows, ROWS));
    skep__metrics_add(&m, COMMITS, INT64_MAX);
    skep__metrics_set(&m, READERS, -4);
    skep__metrics_add(&m, SPENT, 1500000000);
    skep__metrics_observe(&m, GROUP, 3);
    skep__metrics_observe(&m, GROUP, 4);
    skep__metrics_observe(&m, GROUP, 200);
    skep__metrics_observe(&m, COMMIT_TIME, 1000000);
    assert_ok(skep__metrics_text(&m, &b));
    const char *text = skep__buf_text(&b);
    static const char *const lines[] = {
        "# HELP skep_commits_total Commits.",
        "# TYPE skep_commits_total counter",
        "skep_commits_total 9223372036854775807",
        "# TYPE skep_readers gauge",
        "skep_readers -4",
        "skep_spent_seconds_total 1.5",
        "# TYPE skep_group_calls histogram",
        "skep_group_calls_bucket{le=\"3\"} 1",
        "skep_group_calls_bucket{le=\"15\"} 2",
        "skep_group_calls_bucket{le=\"255\"} 3",
        "skep_group_calls_bucket{le=\"+Inf\"} 3",
        "skep_group_calls_sum 207",
        "skep_group_calls_count 3",
        "skep_commit_seconds_bucket{le=\"0.000262143\"} 0",
        "skep_commit_seconds_bucket{le=\"0.001048575\"} 1",
        "skep_commit_seconds_sum 0.001",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ck_assert_msg(has_line(text, lines[i]), "no line '%s' in:\n%s", lines[i], text);
    skep__buf_dispose(&b);
    skep__metrics_dispose(&m);
}

TEST(a_text_that_does_not_fit_is_refused)
{
    skep__metrics m;
    skep__buf b = SKEP__BUF_INIT(100);
    assert_ok(skep__metrics_init(&m, rows, ROWS));
    assert_fails(skep__metrics_text(&m, &b), SKEP_ELIMIT);
    skep__buf_dispose(&b);
    skep__metrics_dispose(&m);
}

TEST(a_metrics_table_with_too_many_rows_ends_the_process)
{
    static skep__metric many[SKEP__METRICS_MAX + 1];
    skep__metrics m;
    assert_ok(skep__metrics_init(&m, many, SKEP__METRICS_MAX));
    skep__metrics_dispose(&m);
    (void)skep__metrics_init(&m, many, SKEP__METRICS_MAX + 1);
}

TEST(the_wrong_kind_of_row_ends_the_process)
{
    skep__metrics m;
    assert_ok(skep__metrics_init(&m, rows, ROWS));
    skep__metrics_observe(&m, COMMITS, 1);
}

static int make(void *ctx)
{
    (void)ctx;
    skep__metrics m;
    int rc = skep__metrics_init(&m, rows, ROWS);
    if (rc >= 0)
        skep__metrics_dispose(&m);
    return rc;
}

TEST(metrics_without_memory_leave_nothing_behind)
{
    static const sweep s = {.run = make};
    alloc_install();
    sweep_result r = alloc_sweep(&s);
    ck_assert_uint_eq(r.points, 4);
    ck_assert_uint_eq(r.failed, r.hit);
}

static const harness_test tests[] = {
    HARNESS_TEST(values_are_kept_by_row),
    HARNESS_TEST(the_text_is_what_prometheus_reads),
    HARNESS_TEST(a_text_that_does_not_fit_is_refused),
    HARNESS_TEST_SIGNAL(a_metrics_table_with_too_many_rows_ends_the_process, SIGABRT),
    HARNESS_TEST_SIGNAL(the_wrong_kind_of_row_ends_the_process, SIGABRT),
    HARNESS_TEST(metrics_without_memory_leave_nothing_behind),
};
const harness_suite metrics_suite = HARNESS_SUITE("metrics", tests);
