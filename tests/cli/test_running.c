/* SPDX-License-Identifier: MIT */
/* What is told of the process that runs a database, through its status file. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"
#include "run.h"
#include "untouched.h"

static const char *plain(void)
{
    return FIXTURE("p.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
}

/* A status file by hand, for the database of plain(). */
static void show(const char *format, int pid, const char *boot_id)
{
    char text[1024];
    int len =
        snprintf(text, sizeof(text),
                 "{\"format\": %s, \"pid\": %d, \"boot_id\": \"%s\","
                 " \"opened_at\": \"2026-01-02T03:04:05Z\","
                 " \"written_at\": \"2026-01-02T03:04:06Z\", \"path\": \"x\","
                 " \"health\": {\"state\": \"degraded\", \"reasons\": [{\"what\": \"disk\","
                 " \"state\": \"degraded\", \"code\": \"SKEP_OK\", \"text\": \"nearly full\"}]},"
                 " \"metrics\": {}, \"statements\": [], \"slow_statements\": [],"
                 " \"prometheus\": \"skep_x 1\\n\"}",
                 format, pid, boot_id);
    harness_write_file(harness_path("p.db-skep-status"), text, (size_t)len);
}

static const char *boot_id(void)
{
    static char id[64];
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(id, sizeof(id), file));
    ck_assert_int_eq(fclose(file), 0);
    id[strcspn(id, "\n")] = '\0';
    return id;
}

/* A process id that was, and is no more. */
static int gone(void)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return pid;
}

static json_t *status_of(const char *path)
{
    ran r = SKEP("db", "status", path, "--json");
    ck_assert_int_eq(r.status, 0);
    return parse_json(r.out);
}

TEST(what_nobody_runs_is_not_running)
{
    const char *path = plain();
    json_t *have = status_of(path);
    ck_assert(json_is_false(json_object_get(have, "running")));
    ck_assert(json_is_null(json_object_get(have, "process")));
    ck_assert(contains(SKEP("db", "status", path).out, "running         not running\n"));
    json_decref(have);
}

TEST(the_process_of_a_status_file_is_told_with_its_health)
{
    const char *path = plain();
    show("1", getpid(), boot_id());
    json_t *have = status_of(path);
    const json_t *process = json_object_get(have, "process");
    ck_assert(json_is_true(json_object_get(have, "running")));
    ck_assert_int_eq(json_integer_value(json_object_get(process, "pid")), getpid());
    ck_assert_int_gt(json_integer_value(json_object_get(process, "age_ms")), 1000);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(process, "health"), "state")),
        "degraded");
    ck_assert_ptr_null(json_object_get(process, "prometheus"));
    ran r = SKEP("db", "status", path);
    ck_assert(contains(r.out, "health          degraded\n"));
    ck_assert(contains(r.out, "disk: nearly full\n"));
    json_decref(have);
}

TEST(a_stale_status_file_is_recognised)
{
    const char *path = plain();
    show("1", gone(), boot_id());
    ck_assert(contains(SKEP("db", "status", path).out, "not running: pid "));
    show("1", getpid(), "00000000-0000-0000-0000-000000000000");
    ck_assert(contains(SKEP("db", "status", path).out, "before the machine was started"));
    json_t *have = status_of(path);
    ck_assert(json_is_false(json_object_get(have, "running")));
    json_decref(have);
}

TEST(a_status_file_that_cannot_be_read_leaves_it_unknown)
{
    const char *path = plain();
    harness_write_file(harness_path("p.db-skep-status"), "{\"pid\": ", 8);
    ck_assert(contains(SKEP("db", "status", path).out, "not known: its status file cannot"));
    show("2", getpid(), boot_id());
    ck_assert(contains(SKEP("db", "status", path).out, "not known: a newer skep"));
    ck_assert_int_eq(unlink(harness_path("p.db-skep-status")), 0);
    ck_assert_int_eq(symlink("/etc/passwd", harness_path("p.db-skep-status")), 0);
    ck_assert(contains(SKEP("db", "status", path).out, "not known"));
    json_t *have = status_of(path);
    ck_assert(json_is_null(json_object_get(have, "running")));
    json_decref(have);
}

TEST(metrics_of_what_nobody_runs_are_those_of_the_file_and_exit_1)
{
    const char *path = plain();
    char want[4200];
    untouched before = untouched_take(path);
    long long bytes = (long long)before.files[0].size;
    ran r = SKEP("db", "stats", path, "--metrics");
    ck_assert_int_eq(r.status, 1);
    ck_assert_str_eq(r.err, "");
    (void)snprintf(want, sizeof(want),
                   "# TYPE skep_db_bytes gauge\nskep_db_bytes{db=\"%s\"} %lld\n", path, bytes);
    ck_assert_int_eq(strncmp(r.out, "# not running", 13), 0);
    ck_assert_msg(contains(r.out, want), "%s", r.out);
    untouched_check(&before);
    r = SKEP("db", "stats", path, "--metrics", "--json");
    ck_assert_int_eq(r.status, 1);
    json_t *have = parse_json(r.out);
    const json_t *metric = json_object_get(json_object_get(have, "metrics"), "skep_db_pages");
    ck_assert_int_eq(json_integer_value(json_object_get(metric, "value")), bytes / 4096);
    json_decref(have);
}

TEST(statements_of_what_nobody_runs_are_none_and_exit_1)
{
    const char *path = plain();
    ran r = SKEP("db", "stats", path, "--statements");
    ck_assert_int_eq(r.status, 1);
    ck_assert_uint_eq(r.out_len, 0);
    assert_one_line(r.err, "not running");
    ck_assert_int_eq(SKEP("db", "stats", path, "--slow", "--json").status, 1);
    ck_assert_int_eq(SKEP("db", "stats", path, "--slow", "--metrics").status, 2);
    r = SKEP("db", "stats", harness_path("missing"), "--slow");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "missing", "SKEP_ENOTFOUND");
}

static const json_t *in_use(const json_t *process)
{
    const json_t *list = json_object_get(process, "connections");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_true(json_object_get(json_array_get(list, i), "in_use")))
            return json_array_get(list, i);
    ck_abort_msg("no connection is in use");
}

TEST(a_running_process_shows_its_health_and_connections)
{
    const char *path = harness_path("shown.db");
    crash_child child = beside_start(path, BESIDE_SHOW);
    untouched before = untouched_take(path);
    json_t *have = status_of(path);
    const json_t *process = json_object_get(have, "process");
    const json_t *reader = in_use(process);
    ck_assert_int_eq(json_integer_value(json_object_get(process, "pid")), child.pid);
    ck_assert_str_eq(json_string_value(json_object_get(reader, "role")), "reader");
    ck_assert(json_is_true(json_object_get(reader, "pins_wal")));
    ck_assert(contains(json_string_value(json_object_get(reader, "sql")), "FROM beside"));
    ck_assert(!contains(json_string_value(json_object_get(reader, "sql")), "secret"));
    ran r = SKEP("db", "status", path);
    ck_assert(contains(r.out, "health          healthy\n"));
    ck_assert(contains(r.out, "in use, pins WAL"));
    untouched_check_bytes(&before);
    beside_end(&child);
    ck_assert(contains(SKEP("db", "status", path).out, " is gone"));
    json_decref(have);
}

TEST(a_running_process_shows_its_metrics)
{
    const char *path = harness_path("shown.db");
    crash_child child = beside_start(path, BESIDE_SHOW);
    ran r = SKEP("db", "stats", path, "--metrics");
    ck_assert_int_eq(r.status, 0);
    ck_assert_int_eq(strncmp(r.out, "# pid ", 6), 0);
    ck_assert(contains(r.out, "\n# TYPE skep_commit_seconds histogram\n"));
    ck_assert(contains(r.out, "\nskep_txn_commit_total{db=\""));
    r = SKEP("db", "stats", path, "--metrics", "--json");
    json_t *have = parse_json(r.out);
    const json_t *metric =
        json_object_get(json_object_get(have, "metrics"), "skep_txn_commit_total");
    ck_assert_int_eq(json_integer_value(json_object_get(metric, "value")), 1);
    beside_end(&child);
    ck_assert_int_eq(SKEP("db", "stats", path, "--metrics").status, 1);
    json_decref(have);
}

TEST(a_running_process_shows_what_its_statements_cost)
{
    const char *path = harness_path("shown.db");
    crash_child child = beside_start(path, BESIDE_SHOW);
    ran r = SKEP("db", "stats", path, "--statements", "--limit", "1", "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert(contains(json_string_value(json_object_get(have, "sql")), "WITH RECURSIVE"));
    ck_assert_int_ge(json_integer_value(json_object_get(have, "runs")), 1);
    json_decref(have);
    r = SKEP("db", "stats", path, "--slow", "--limit", "1", "--json");
    ck_assert_int_eq(r.status, 0);
    have = parse_json(r.out);
    ck_assert(contains(json_string_value(json_object_get(have, "sql")), "WITH RECURSIVE"));
    ck_assert_str_eq(json_string_value(json_object_get(have, "values")), "int");
    json_decref(have);
    r = SKEP("db", "stats", path, "--slow");
    ck_assert(contains(r.out, "took") && contains(r.out, "WITH RECURSIVE"));
    assert_one_line(r.err, "pid ", "told ", " ago");
    r = SKEP("-q", "db", "stats", path, "--statements");
    ck_assert(contains(r.out, "worst") && contains(r.out, "WITH RECURSIVE"));
    ck_assert_str_eq(r.err, "");
    beside_end(&child);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_nobody_runs_is_not_running),
    HARNESS_TEST(the_process_of_a_status_file_is_told_with_its_health),
    HARNESS_TEST(a_stale_status_file_is_recognised),
    HARNESS_TEST(a_status_file_that_cannot_be_read_leaves_it_unknown),
    HARNESS_TEST(metrics_of_what_nobody_runs_are_those_of_the_file_and_exit_1),
    HARNESS_TEST(statements_of_what_nobody_runs_are_none_and_exit_1),
    HARNESS_TEST(a_running_process_shows_its_health_and_connections),
    HARNESS_TEST(a_running_process_shows_its_metrics),
    HARNESS_TEST(a_running_process_shows_what_its_statements_cost),
};
const harness_suite running_suite = HARNESS_SUITE("running", tests);
