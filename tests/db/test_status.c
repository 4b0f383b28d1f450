/* SPDX-License-Identifier: MIT */
/* The status file: what a database tells other processes. */
#include "suites.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include <skep/event.h>
#include <skep/inspect.h>
#include <skep/time.h>

#include "harness/alloc.h"
#include "harness/syscalls.h"
#include "os/os.h"
#include "support.h"

/* No thread of its own: the test ticks. */
static skep_db *db_open_unattended(void)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_UNATTENDED;
    opts.slow_statement_ms = 1;
    skep_db *db = db_open_still(&opts);
    db->opts.flags &= ~(uint32_t)SKEP_DB_UNATTENDED;
    return db;
}

static void tick(skep_db *db)
{
    skep__maintain_tick(db, skep__now_ns());
}

static json_t *status_of(void)
{
    skep__buf text = SKEP__BUF_INIT(1 << 20);
    assert_ok(skep__os_read_file(harness_path("t.db-skep-status"), &text));
    json_error_t error;
    json_t *json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, text.data);
    skep__buf_dispose(&text);
    return json;
}

static bool status_there(void)
{
    struct stat st;
    return stat(harness_path("t.db-skep-status"), &st) == 0;
}

static const char *text_at(json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    ck_assert_msg(text != NULL, "no text %s", key);
    return text;
}

TEST(it_tells_who_runs_and_what)
{
    skep_db *db = db_open_unattended();
    db_must(db, "CREATE TABLE t(a)");
    tick(db);
    struct stat st;
    ck_assert_int_eq(stat(harness_path("t.db-skep-status"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777u, 0600);
    json_t *json = status_of();
    ck_assert_int_eq(json_integer_value(json_object_get(json, "format")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "pid")), getpid());
    ck_assert_uint_eq(strlen(text_at(json, "boot_id")), 36);
    ck_assert_str_eq(text_at(json, "path"), harness_path("t.db"));
    ck_assert_str_eq(text_at(json, "version"), skep_version());
    ck_assert_str_eq(text_at(json_object_get(json, "health"), "state"), "healthy");
    /* Nobody writes; but the first tick has set upkeep going, which asks the writer whether it
     * lives. */
    json_t *writer = json_object_get(json, "writer");
    ck_assert(json_is_null(writer) || json_is_object(writer));
    int64_t opened = 0;
    int64_t written = 0;
    assert_ok(skep_time_parse(skep_slice_str(text_at(json, "opened_at")), &opened));
    assert_ok(skep_time_parse(skep_slice_str(text_at(json, "written_at")), &written));
    ck_assert_int_le(opened, written);
    json_t *metrics = json_object_get(json, "metrics");
    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(metrics, "skep_txn_commit_total"), "value")),
                     1);
    ck_assert_ptr_nonnull(strstr(text_at(json, "prometheus"), "skep_txn_commit_total{db=\""));
    ck_assert_uint_gt(json_array_size(json_object_get(json, "statements")), 0);
    ck_assert(json_is_array(json_object_get(json, "slow_statements")));
    json_decref(json);
    db_close(db);
}

TEST(it_is_written_anew_only_when_something_changed)
{
    skep_db *db = db_open_unattended();
    db_must(db, "CREATE TABLE t(a)");
    struct stat first;
    struct stat second;
    const char *path = harness_path("t.db-skep-status");
    tick(db);
    ck_assert_int_eq(stat(path, &second), 0);
    /* What a tick does itself, or starts, may be news for the next; but that comes to an end. */
    int ticks = 0;
    do {
        first = second;
        tick(db);
        ck_assert_int_eq(stat(path, &second), 0);
    } while (first.st_ino != second.st_ino && ++ticks < 100);
    ck_assert_uint_eq(first.st_ino, second.st_ino);
    ck_assert_int_eq(db_number(db, "SELECT 1"), 1);
    /* The new file is made while the old one is still there, so it has another number. */
    tick(db);
    ck_assert_int_eq(stat(path, &second), 0);
    ck_assert_uint_ne(first.st_ino, second.st_ino);
    db_close(db);
}

TEST(what_runs_is_told_with_its_age)
{
    skep_db *db = db_open_unattended();
    gate g = {0};
    script held = {.first = gate_wait, .ctx = &g};
    call writing = WRITE(held);
    tick(db);
    call_start(db, &writing);
    gate_came(&g, 1);
    tick(db);
    json_t *json = status_of();
    json_t *connection = NULL;
    size_t i = 0;
    bool told = false;
    json_array_foreach(json_object_get(json, "connections"), i, connection)
    {
        told |= strcmp(text_at(connection, "role"), "writer") == 0 &&
                json_is_true(json_object_get(connection, "in_use"));
    }
    ck_assert(told);
    json_t *writer = json_object_get(json, "writer");
    ck_assert_int_gt(json_integer_value(json_object_get(writer, "thread")), 0);
    ck_assert_int_ge(json_integer_value(json_object_get(writer, "running_ms")), 0);
    json_decref(json);
    gate_open(&g);
    call_join(&writing);
    db_close(db);
}

TEST(it_goes_when_the_database_closes)
{
    skep_db *db = db_open_unattended();
    tick(db);
    ck_assert(status_there());
    db_close(db);
    ck_assert(!status_there());
}

TEST(what_a_killed_process_left_is_replaced)
{
    harness_write_file(harness_path("t.db-skep-status"), "{}", 2);
    harness_write_file(harness_path("t.db-skep-status.new"), "{", 1);
    skep_db *db = db_open_unattended();
    tick(db);
    json_t *json = status_of();
    ck_assert_int_eq(json_integer_value(json_object_get(json, "pid")), getpid());
    json_decref(json);
    db_close(db);
    struct stat st;
    ck_assert_int_ne(stat(harness_path("t.db-skep-status.new"), &st), 0);
}

TEST(only_who_maintains_the_file_writes_it)
{
    skep_db *first = db_open_unattended();
    tick(first);
    skep_db *second = db_open_unattended();
    tick(second);
    ck_assert_uint_eq(atomic_load(&second->maintain.holds), 0);
    db_close(second);
    ck_assert(status_there());
    json_t *json = status_of();
    json_decref(json);
    db_close(first);
    ck_assert(!status_there());
}

TEST(an_unattended_database_has_none)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_UNATTENDED;
    skep_db *db = db_open(&opts);
    db_must(db, "CREATE TABLE t(a)");
    tick(db);
    ck_assert(!status_there());
    db_close(db);
}

/* G03: neither values nor literals nor what errors quote. */
TEST(nothing_that_was_stored_or_bound_is_in_it)
{
    skep_db *db = db_open_unattended();
    db_must(db, "CREATE TABLE t(a PRIMARY KEY)");
    db_must(db, "INSERT INTO t VALUES('canary')");
    assert_fails(db_exec(db, "INSERT INTO t VALUES('canary')"), SKEP_EEXISTS);
    assert_fails(db_exec(db, "SELECT 'canary' FROM nowhere WHERE x = 'canary'"), SKEP_EINVALID);
    db_must(db, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<200000) "
                "SELECT max(i) FROM c WHERE 'canary' <> x'63616e617279' /* canary */ -- canary");
    tick(db);
    skep__buf text = SKEP__BUF_INIT(1 << 20);
    assert_ok(skep__os_read_file(harness_path("t.db-skep-status"), &text));
    ck_assert_ptr_nonnull(strstr(text.data, "INSERT INTO t VALUES(?)"));
    ck_assert_ptr_null(strstr(text.data, "canary"));
    ck_assert_ptr_null(strstr(text.data, "63616e61"));
    skep__buf_dispose(&text);
    db_close(db);
}

/* ---- faults ---- */

static int write_it(void *ctx)
{
    return skep__status_write(ctx);
}

/* What stands there is whole, old or new. */
static void still_whole(void *ctx, int rc)
{
    (void)ctx;
    (void)rc;
    json_decref(status_of());
}

TEST(without_memory_the_old_one_stays)
{
    alloc_install();
    skep_db *db = db_open_unattended();
    db_must(db, "CREATE TABLE t(a)");
    assert_ok(skep__status_write(db)); /* a tick would start work in another thread */
    sweep s = {.run = write_it, .after = still_whole, .ctx = db};
    /* jansson allocates by itself. */
    sweep_result r = alloc_sweep(&s);
    ck_assert_uint_gt(r.failed, 0); /* how many depends on how long the figures are */
    db_close(db);
}

TEST(every_system_call_of_writing_it_can_fail)
{
    sys_install_os();
    skep_db *db = db_open_unattended();
    db_must(db, "CREATE TABLE t(a)");
    assert_ok(skep__status_write(db));
    static const int codes[] = {SKEP_EIO, SKEP_EFULL, 0};
    sweep s = {.run = write_it, .after = still_whole, .ctx = db, .codes = codes};
    sweep_result r = sys_sweep(&s, &(sys_fault){.calls = SYS_ALL, .err = EIO});
    ck_assert_uint_gt(r.failed, 0);
    r = sys_sweep(&s, &(sys_fault){.calls = SYS_WRITE, .err = ENOSPC});
    ck_assert_uint_gt(r.failed, 0);
    db_close(db);
}

static void hear(const skep_event *event, void *ctx)
{
    if (strcmp(event->name, "db.status_failed") == 0)
        atomic_fetch_add((_Atomic int *)ctx, 1);
}

TEST(a_failure_to_write_it_is_told_once)
{
    _Atomic int heard = 0;
    skep_db *db = db_open_unattended();
    ck_assert_int_eq(mkdir(harness_path("t.db-skep-status"), 0700), 0);
    skep_set_event_sink(hear, &heard, SKEP_WARNING);
    for (int i = 0; i < 3; i++)
        tick(db);
    ck_assert_int_eq(atomic_load(&heard), 1);
    ck_assert_int_eq(rmdir(harness_path("t.db-skep-status")), 0);
    tick(db);
    ck_assert(status_there());
    skep_set_event_sink(NULL, NULL, SKEP_WARNING);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(it_tells_who_runs_and_what),
    HARNESS_TEST(it_is_written_anew_only_when_something_changed),
    HARNESS_TEST(what_runs_is_told_with_its_age),
    HARNESS_TEST(it_goes_when_the_database_closes),
    HARNESS_TEST(what_a_killed_process_left_is_replaced),
    HARNESS_TEST(only_who_maintains_the_file_writes_it),
    HARNESS_TEST(an_unattended_database_has_none),
    HARNESS_TEST(nothing_that_was_stored_or_bound_is_in_it),
    HARNESS_TEST(without_memory_the_old_one_stays),
    HARNESS_TEST(every_system_call_of_writing_it_can_fail),
    HARNESS_TEST(a_failure_to_write_it_is_told_once),
};
const harness_suite status_suite = HARNESS_SUITE("status", tests);
