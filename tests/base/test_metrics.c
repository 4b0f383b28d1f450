/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <signal.h>
#include <string.h>

#include "base/metrics.h"

static const skep__metric commits = {
    .name = "skep_commits_total", .help = "Commits.", .kind = SKEP__METRIC_COUNTER};
static const skep__metric readers = {
    .name = "skep_readers", .help = "Open readers.", .kind = SKEP__METRIC_GAUGE};
static const skep__metric spent = {.name = "skep_spent_seconds_total",
                                   .help = "Time spent.",
                                   .divisor = 1e9,
                                   .kind = SKEP__METRIC_COUNTER};
static const skep__metric group = {.name = "skep_group_calls",
                                   .help = "Calls that share a commit.",
                                   .kind = SKEP__METRIC_HISTOGRAM};
static const skep__metric commit_time = {.name = "skep_commit_seconds",
                                         .help = "Time of a commit.",
                                         .divisor = 1e9,
                                         .kind = SKEP__METRIC_HISTOGRAM};
static skep__hist h;

static bool has_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    return at != NULL && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void assert_lines(const skep__buf *b, const char *const *lines)
{
    assert_ok(skep__buf_status(b));
    for (; *lines != NULL; lines++)
        ck_assert_msg(has_line(skep__buf_text(b), *lines), "no line '%s' in:\n%s", *lines,
                      skep__buf_text(b));
}

TEST(numbers_keep_their_digits_or_are_scaled)
{
    static const char *const lines[] = {
        "# HELP skep_commits_total Commits.",
        "# TYPE skep_commits_total counter",
        "skep_commits_total 9223372036854775807",
        "# TYPE skep_readers gauge",
        "skep_readers{db=\"a\"} -4",
        "skep_spent_seconds_total 1.5",
        NULL,
    };
    skep__buf b = SKEP__BUF_INIT(10000);
    skep__metric_text(&b, &commits, NULL, INT64_MAX);
    skep__metric_text(&b, &readers, "db=\"a\"", -4);
    skep__metric_text(&b, &spent, "", 1500000000);
    assert_lines(&b, lines);
    skep__buf_dispose(&b);
}

TEST(a_histogram_has_the_same_buckets_at_all_times)
{
    static const char *const lines[] = {
        "# TYPE skep_group_calls histogram",
        "skep_group_calls_bucket{db=\"a\",le=\"3\"} 1",
        "skep_group_calls_bucket{db=\"a\",le=\"15\"} 2",
        "skep_group_calls_bucket{db=\"a\",le=\"255\"} 3",
        "skep_group_calls_bucket{db=\"a\",le=\"+Inf\"} 3",
        "skep_group_calls_sum{db=\"a\"} 207",
        "skep_group_calls_count{db=\"a\"} 3",
        NULL,
    };
    skep__buf b = SKEP__BUF_INIT(10000);
    skep__hist_add(&h, 3);
    skep__hist_add(&h, 4);
    skep__hist_add(&h, 200);
    skep__metric_text_hist(&b, &group, "db=\"a\"", &h);
    assert_lines(&b, lines);
    skep__buf_dispose(&b);
}

TEST(the_times_of_a_histogram_are_in_seconds)
{
    static const char *const lines[] = {
        "skep_commit_seconds_bucket{le=\"0.000262143\"} 0",
        "skep_commit_seconds_bucket{le=\"0.001048575\"} 1",
        "skep_commit_seconds_sum 0.001",
        NULL,
    };
    skep__buf b = SKEP__BUF_INIT(10000);
    skep__hist_add(&h, 1000000);
    skep__metric_text_hist(&b, &commit_time, NULL, &h);
    assert_lines(&b, lines);
    skep__buf_dispose(&b);
}

TEST(a_label_is_escaped)
{
    skep__buf b = SKEP__BUF_INIT(1000);
    skep__metric_label(&b, "db", "/a \"b\"\\c\nd\xff");
    skep__metric_label(&b, "k", "");
    ck_assert_str_eq(skep__buf_text(&b), "db=\"/a \\\"b\\\"\\\\c\\nd\xef\xbf\xbd\",k=\"\"");
    skep__buf_dispose(&b);
}

TEST(as_json_a_metric_is_an_object_by_its_name)
{
    skep__buf b = SKEP__BUF_INIT(10000);
    skep__json j = SKEP__JSON_INIT(&b);
    skep__hist_add(&h, 5);
    skep__json_object(&j, NULL);
    skep__metric_json(&j, &readers, -4);
    skep__metric_json(&j, &spent, 1500000000);
    skep__metric_json_hist(&j, &group, &h);
    skep__json_end(&j);
    ck_assert_str_eq(
        skep__buf_text(&b),
        "{\"skep_readers\":{\"type\":\"gauge\",\"help\":\"Open readers.\",\"value\":-4},"
        "\"skep_spent_seconds_total\":{\"type\":\"counter\",\"help\":\"Time "
        "spent.\",\"value\":1.5},"
        "\"skep_group_calls\":{\"type\":\"histogram\",\"help\":\"Calls that share a commit.\","
        "\"count\":1,\"sum\":5,\"max\":5,\"p50\":5,\"p99\":5,\"p999\":5}}");
    skep__buf_dispose(&b);
}

TEST(the_wrong_kind_of_row_ends_the_process)
{
    skep__buf b = SKEP__BUF_INIT(1000);
    skep__metric_text(&b, &group, NULL, 1);
}

static const harness_test tests[] = {
    HARNESS_TEST(numbers_keep_their_digits_or_are_scaled),
    HARNESS_TEST(a_histogram_has_the_same_buckets_at_all_times),
    HARNESS_TEST(the_times_of_a_histogram_are_in_seconds),
    HARNESS_TEST(a_label_is_escaped),
    HARNESS_TEST(as_json_a_metric_is_an_object_by_its_name),
    HARNESS_TEST_SIGNAL(the_wrong_kind_of_row_ends_the_process, SIGABRT),
};
const harness_suite metrics_suite = HARNESS_SUITE("metrics", tests);
