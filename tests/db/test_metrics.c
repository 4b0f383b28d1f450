/* SPDX-License-Identifier: MIT */
/* The metrics of a database, held to the grammar of Prometheus' text format 0.0.4 (G01). */
#include "suites.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <skep/inspect.h>

#include "harness/alloc.h"
#include "harness/points.h"
#include "support.h"

/* ---- a parser as strict as promtool ---- */

#define SAMPLES_MAX 1024

typedef struct sample {
    char series[512]; /* name and labels as they stand */
    double value;
    bool grows; /* a counter, or a part of a histogram */
} sample;

typedef struct page {
    sample *samples;
    size_t count;
    char name[128]; /* of the metric whose block this is */
    char type[16];
    bool sampled;     /* the block has samples */
    char seen[16384]; /* names of blocks, each after a blank */
    double le;        /* of the bucket before */
    double bucket;    /* its value */
    double inf;       /* the value of le="+Inf" */
} page;

static size_t name_len(const char *s)
{
    size_t n = 0;
    while (isalpha((unsigned char)s[n]) || s[n] == '_' || (n > 0 && isdigit((unsigned char)s[n])))
        n++;
    return n;
}

/* name="value",…} with the escapes that there are; returns behind the brace. `le` gets the bound,
 * if there is one. */
static const char *parse_labels(const char *s, double *le)
{
    while (*s != '}') {
        size_t n = name_len(s);
        ck_assert_msg(n > 0, "no label name: %s", s);
        bool is_le = n == 2 && memcmp(s, "le", 2) == 0;
        s += n;
        ck_assert_int_eq(*s++, '=');
        ck_assert_int_eq(*s++, '"');
        if (is_le)
            *le = strncmp(s, "+Inf\"", 5) == 0 ? (double)INFINITY : strtod(s, NULL);
        for (; *s != '"'; s++) {
            ck_assert_int_ne(*s, '\0');
            ck_assert_int_ne(*s, '\n');
            if (*s != '\\')
                continue;
            s++;
            ck_assert_msg(*s == '\\' || *s == '"' || *s == 'n', "escape %c", *s);
        }
        s++;
        if (*s == ',')
            s++;
        else
            ck_assert_int_eq(*s, '}');
    }
    return s + 1;
}

static void end_block(page *p)
{
    if (p->name[0] == '\0')
        return;
    ck_assert_msg(p->sampled, "%s has no sample", p->name);
    if (strcmp(p->type, "histogram") == 0)
        ck_assert_msg(!isnan(p->inf), "%s has no +Inf", p->name);
}

static void parse_comment(page *p, const char *line)
{
    char name[128];
    char rest[512];
    if (strncmp(line, "# HELP ", 7) == 0) {
        end_block(p);
        ck_assert_int_eq(sscanf(line + 7, "%127s %511[^\n]", name, rest), 2);
        char mark[140];
        (void)snprintf(mark, sizeof(mark), " %s ", name);
        ck_assert_msg(strstr(p->seen, mark) == NULL, "%s twice", name);
        size_t at = strlen(p->seen);
        (void)snprintf(p->seen + at, sizeof(p->seen) - at, "%s", mark);
        (void)snprintf(p->name, sizeof(p->name), "%s", name);
        ck_assert_uint_eq(name_len(name), strlen(name));
        ck_assert_ptr_null(strchr(rest, '\\'));
        p->type[0] = '\0';
        p->sampled = false;
        p->le = -(double)INFINITY;
        p->bucket = 0;
        p->inf = (double)NAN;
        return;
    }
    ck_assert_int_eq(sscanf(line, "# TYPE %127s %511[^\n]", name, rest), 2);
    ck_assert_str_eq(name, p->name); /* after its HELP */
    ck_assert(!p->sampled);
    ck_assert(p->type[0] == '\0');
    ck_assert(strcmp(rest, "counter") == 0 || strcmp(rest, "gauge") == 0 ||
              strcmp(rest, "histogram") == 0);
    (void)snprintf(p->type, sizeof(p->type), "%.15s", rest);
}

static void check_histogram(page *p, const char *suffix, double le, double value)
{
    if (strcmp(suffix, "_bucket") == 0) {
        ck_assert_msg(le > p->le, "%s: bounds go down", p->name);
        ck_assert_msg(value >= p->bucket, "%s: not cumulative", p->name);
        p->le = le;
        p->bucket = value;
        if (isinf(le))
            p->inf = value;
    } else if (strcmp(suffix, "_count") == 0) {
        ck_assert_double_eq(value, p->inf);
    } else {
        ck_assert_str_eq(suffix, "_sum");
    }
}

static void parse_sample(page *p, const char *line)
{
    size_t n = name_len(line);
    size_t base = strlen(p->name);
    double le = (double)NAN;
    ck_assert_msg(n >= base && memcmp(line, p->name, base) == 0, "%s in the block of %s", line,
                  p->name);
    ck_assert(p->type[0] != '\0');
    const char *s = line + n;
    if (*s == '{')
        s = parse_labels(s + 1, &le);
    size_t series = (size_t)(s - line);
    ck_assert_int_eq(*s++, ' ');
    char *end = NULL;
    double value = strtod(s, &end);
    ck_assert_msg(end != s && *end == '\0' && isfinite(value), "value of %s", line);
    bool histogram = strcmp(p->type, "histogram") == 0;
    bool counter = strcmp(p->type, "counter") == 0;
    char suffix[16];
    (void)snprintf(suffix, sizeof(suffix), "%.*s", (int)(n - base), line + base);
    if (histogram)
        check_histogram(p, suffix, le, value);
    else
        ck_assert_str_eq(suffix, "");
    if (counter)
        ck_assert_msg(base > 6 && strcmp(p->name + base - 6, "_total") == 0, "%s", p->name);
    ck_assert(!(counter || histogram) || value >= 0);
    p->sampled = true;
    ck_assert_uint_lt(p->count, SAMPLES_MAX);
    sample *made = &p->samples[p->count++];
    (void)snprintf(made->series, sizeof(made->series), "%.*s", (int)series, line);
    made->value = value;
    made->grows = counter || histogram;
    for (size_t i = 0; i + 1 < p->count; i++)
        ck_assert_msg(strcmp(p->samples[i].series, made->series) != 0, "%s twice", made->series);
}

static page *parse_page(const char *text)
{
    page *p = calloc(1, sizeof(*p));
    ck_assert_ptr_nonnull(p);
    p->samples = calloc(SAMPLES_MAX, sizeof(*p->samples));
    ck_assert_ptr_nonnull(p->samples);
    size_t len = strlen(text);
    ck_assert_uint_gt(len, 0);
    ck_assert_int_eq(text[len - 1], '\n');
    for (const char *end = NULL; *text != '\0'; text = end + 1) {
        char line[4096];
        end = strchr(text, '\n');
        ck_assert_uint_lt((size_t)(end - text), sizeof(line));
        (void)snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
        if (line[0] == '#')
            parse_comment(p, line);
        else
            parse_sample(p, line);
    }
    end_block(p);
    return p;
}

static void page_free(page *p)
{
    free(p->samples);
    free(p);
}

static double value_of(const page *p, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < p->count; i++)
        if (strncmp(p->samples[i].series, name, n) == 0 && p->samples[i].series[n] == '{')
            return p->samples[i].value;
    ck_abort_msg("there is no %s", name);
}

static char *metrics_of(skep_db *db, skep_metrics_format format)
{
    char *text = NULL;
    size_t len = 0;
    assert_ok(skep_db_metrics(db, format, &text, &len));
    ck_assert_uint_eq(len, strlen(text));
    return text;
}

static page *scrape(skep_db *db)
{
    char *text = metrics_of(db, SKEP_METRICS_PROMETHEUS);
    page *p = parse_page(text);
    skep_free(text);
    return p;
}

/* ---- tests ---- */

static void work(skep_db *db, int times)
{
    for (int i = 0; i < times; i++) {
        db_must(db, "INSERT INTO t VALUES('canary')");
        assert_fails(db_exec(db, "INSERT INTO t VALUES(NULL)"), SKEP_ECONSTRAINT);
        ck_assert_int_gt(db_number(db, "SELECT count(*) FROM t"), 0);
    }
}

TEST(the_text_follows_the_grammar) /* G01 */
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a NOT NULL)");
    work(db, 20);
    page *p = scrape(db);
    ck_assert_double_eq(value_of(p, "skep_txn_commit_total"), 21);
    ck_assert_double_eq(value_of(p, "skep_txn_rollback_total"), 20);
    ck_assert_double_eq(value_of(p, "skep_transactions_total"), 61);
    ck_assert_double_eq(value_of(p, "skep_transactions_failed_total"), 20);
    ck_assert_double_eq(value_of(p, "skep_group_commit_size_sum"), 21);
    ck_assert_double_eq(value_of(p, "skep_commit_seconds_count"), 21);
    ck_assert_double_eq(value_of(p, "skep_write_seconds_count"), 41);
    ck_assert_double_eq(value_of(p, "skep_statement_failed_total"), 20);
    ck_assert_double_gt(value_of(p, "skep_statement_seconds_count"), 0);
    ck_assert_double_eq(value_of(p, "skep_pool_idle"), 1);
    ck_assert_double_eq(value_of(p, "skep_build_info"), 1);
    ck_assert_double_gt(value_of(p, "skep_wal_bytes"), 0);
    ck_assert_double_gt(value_of(p, "skep_disk_free_bytes"), 0);
    page_free(p);
    db_close(db);
}

TEST(what_counts_never_goes_down) /* G01 */
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a NOT NULL)");
    page *before = scrape(db);
    for (int round = 0; round < 4; round++) {
        work(db, 10);
        page *after = scrape(db);
        ck_assert_uint_eq(after->count, before->count);
        for (size_t i = 0; i < after->count; i++) {
            ck_assert_str_eq(after->samples[i].series, before->samples[i].series);
            if (after->samples[i].grows)
                ck_assert_msg(after->samples[i].value >= before->samples[i].value, "%s",
                              after->samples[i].series);
        }
        page_free(before);
        before = after;
    }
    page_free(before);
    db_close(db);
}

TEST(a_path_of_any_bytes_makes_a_label)
{
    skep_db *db = NULL;
    assert_ok(skep_db_open(harness_path("a\"b\\c\nd\xff.db"), NULL, &db));
    char *text = metrics_of(db, SKEP_METRICS_PROMETHEUS);
    ck_assert_ptr_nonnull(strstr(text, "a\\\"b\\\\c\\nd\xef\xbf\xbd.db\""));
    page_free(parse_page(text));
    skep_free(text);
    text = metrics_of(db, SKEP_METRICS_JSON);
    json_t *json = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(json);
    json_decref(json);
    skep_free(text);
    db_close(db);
}

TEST(a_scrape_reads_nothing_and_pins_nothing) /* G11 */
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a NOT NULL)");
    for (int i = 0; i < 10; i++) {
        db_must(db, "INSERT INTO t VALUES(1)");
        page_free(scrape(db));
        skep_free(metrics_of(db, SKEP_METRICS_JSON));
        uint64_t left = 1;
        assert_ok(skep_db_checkpoint_pass(db, 1, &left));
        ck_assert_uint_eq(left, 0);
    }
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.reads, 0);
    ck_assert_uint_eq(stats.readers_open, 0);
    db_close(db);
}

TEST(a_scrape_waits_for_no_reader_and_no_writer)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = 1;
    skep_db *db = db_open_still(&opts);
    gate g = {0};
    script reads = {.first = gate_wait, .ctx = &g};
    script writes = {.first = gate_wait, .ctx = &g};
    call reading = READ(reads);
    call writing = WRITE(writes);
    call_start(db, &reading);
    call_start(db, &writing);
    gate_came(&g, 2);
    page *p = scrape(db);
    ck_assert_double_eq(value_of(p, "skep_pool_in_use"), 1);
    ck_assert_double_eq(value_of(p, "skep_pool_idle"), 0);
    ck_assert_double_eq(value_of(p, "skep_pool_utilisation"), 1);
    ck_assert_double_eq(value_of(p, "skep_pool_wait_seconds_count"), 0);
    page_free(p);
    script empty = {.ret = 0};
    call waiting = READ(empty);
    point_watch("db.reader_waits");
    call_start(db, &waiting);
    point_reached("db.reader_waits", 1);
    p = scrape(db);
    ck_assert_double_eq(value_of(p, "skep_pool_waiting"), 1);
    page_free(p);
    gate_open(&g);
    call_join(&reading);
    call_join(&writing);
    call_join(&waiting);
    p = scrape(db);
    ck_assert_double_eq(value_of(p, "skep_pool_wait_seconds_count"), 1);
    ck_assert_double_eq(value_of(p, "skep_read_seconds_count"), 1);
    page_free(p);
    db_close(db);
}

static int scrape_inside(skep_tx *tx, void *arg)
{
    (void)tx;
    char *text = NULL;
    SKEP__TRY(skep_db_metrics(arg, SKEP_METRICS_PROMETHEUS, &text, NULL));
    skep_free(text);
    return 0;
}

TEST(metrics_may_be_asked_for_inside_a_transaction_function)
{
    skep_db *db = db_open(NULL);
    assert_ok(skep_write(db, scrape_inside, db));
    assert_ok(skep_read(db, scrape_inside, db));
    db_close(db);
}

TEST(as_json_they_are_the_same_and_statements_besides)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.slow_statement_ms = 1;
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a NOT NULL)");
    work(db, 3);
    db_must(db, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<200000) "
                "SELECT max(i), 'canary' FROM c");
    char *text = metrics_of(db, SKEP_METRICS_JSON);
    ck_assert_ptr_null(strstr(text, "canary"));
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, text);
    skep_free(text);
    json_t *metrics = json_object_get(json, "metrics");
    page *p = scrape(db);
    const char *name = NULL;
    json_t *metric = NULL;
    size_t plain = 0;
    json_object_foreach(metrics, name, metric)
    {
        const char *type = json_string_value(json_object_get(metric, "type"));
        if (strcmp(type, "counter") != 0)
            continue;
        ck_assert_double_eq(value_of(p, name), json_number_value(json_object_get(metric, "value")));
        plain++;
    }
    ck_assert_uint_gt(plain, 5);
    ck_assert_int_eq(json_integer_value(
                         json_object_get(json_object_get(metrics, "skep_commit_seconds"), "count")),
                     5);
    json_t *first = json_array_get(json_object_get(json, "statements"), 0);
    ck_assert_ptr_nonnull(json_object_get(first, "sql"));
    json_t *slow = json_array_get(json_object_get(json, "slow_statements"), 0);
    ck_assert_ptr_nonnull(json_object_get(slow, "took_ns"));
    json_decref(json);
    page_free(p);
    db_close(db);
}

TEST(an_unknown_format_is_refused)
{
    skep_db *db = db_open(NULL);
    char *text = NULL;
    assert_fails(skep_db_metrics(db, (skep_metrics_format)7, &text, NULL), SKEP_EINVALID);
    ck_assert_ptr_null(text);
    db_close(db);
}

static int scrape_both(void *ctx)
{
    for (int format = SKEP_METRICS_PROMETHEUS; format <= SKEP_METRICS_JSON; format++) {
        char *text = NULL;
        SKEP__TRY(skep_db_metrics(ctx, (skep_metrics_format)format, &text, NULL));
        skep_free(text);
    }
    return 0;
}

TEST(metrics_without_memory_fail_whole)
{
    alloc_install();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_UNATTENDED; /* nobody else takes memory meanwhile */
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a NOT NULL)");
    sweep s = {.run = scrape_both, .ctx = db};
    sweep_result r = alloc_sweep(&s);
    ck_assert_uint_gt(r.points, 4);
    ck_assert_uint_eq(r.failed, r.hit);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(the_text_follows_the_grammar),
    HARNESS_TEST(what_counts_never_goes_down),
    HARNESS_TEST(a_path_of_any_bytes_makes_a_label),
    HARNESS_TEST(a_scrape_reads_nothing_and_pins_nothing),
    HARNESS_TEST(a_scrape_waits_for_no_reader_and_no_writer),
    HARNESS_TEST(metrics_may_be_asked_for_inside_a_transaction_function),
    HARNESS_TEST(as_json_they_are_the_same_and_statements_besides),
    HARNESS_TEST(an_unknown_format_is_refused),
    HARNESS_TEST(metrics_without_memory_fail_whole),
};
const harness_suite metrics_suite = HARNESS_SUITE("metrics", tests);
