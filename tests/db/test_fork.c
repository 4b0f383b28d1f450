/* SPDX-License-Identifier: MIT */
/* B10: a handle does not survive fork(), and a child of a process that has databases open opens
 * none. It is told so, and touches no file. */
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <skep/async.h>
#include <skep/health.h>
#include <skep/inspect.h>
#include <skep/maintain.h>

#include "futures.h"

#include "harness/alloc.h"
#include "harness/points.h"
#include "sqlite3.h"
#include "support.h"

#define CHILD_PATIENCE 60 /* seconds; then it hangs */

/* What went wrong in the child; 0: nothing. Checks of the harness belong to the parent. */
#define CHILD_CHECK(cond)                                                                          \
    do {                                                                                           \
        if (!(cond))                                                                               \
            _exit(__LINE__ % 250 + 1);                                                             \
    } while (0)

static pid_t child_begin(void)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        (void)alarm(CHILD_PATIENCE);
    return child;
}

static int nothing(skep_tx *tx, void *arg)
{
    (void)tx;
    (void)arg;
    return 0;
}

static int child_status(pid_t child)
{
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool told_so(void)
{
    return strstr(skep_last_error()->text, "fork") != NULL;
}

static void use_the_rest_in_child(skep_db *db)
{
    skep_db_info info = {.size = sizeof(info)};
    skep_call calls[1] = {{.fn = nothing}};
    skep_future *future = NULL;
    char *text = NULL;
    size_t n = 0;
    CHILD_CHECK(skep_db_get_info(db, &info) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_statements(db, NULL, &n) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_slow_statements(db, NULL, &n) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_metrics(db, SKEP_METRICS_JSON, &text, &n) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_ping(db) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_check(db, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_checkpoint(db, NULL, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_optimize(db, NULL, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_write_async(db, nothing, NULL, NULL, &future) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_read_async(db, nothing, NULL, NULL, &future) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_write_batch(db, calls, 1, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_write_batch_async(db, calls, 1, NULL, &future) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(future == NULL && text == NULL);
}

static void use_in_child(skep_db *db, skep_lease *lease)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    skep_health health = {.size = sizeof(health)};
    skep_lease *another = NULL;
    uint64_t left = 0;
    size_t n = 0;
    CHILD_CHECK(skep_write(db, nothing, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_read(db, nothing, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_lease_open(db, NULL, &another) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_lease_read(lease, nothing, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_lease_renew(lease) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_lease_age_ms(lease) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_get_stats(db, &stats) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_health(db, &health) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_connections(db, NULL, &n) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_checkpoint_pass(db, 1, &left) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_set_hooks(db, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_acknowledge(db, 1, SKEP_OK, NULL) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_db_restore_point(db, "a") == SKEP_EMISUSE && told_so());
    use_the_rest_in_child(db);
    skep_lease_close(lease);
    CHILD_CHECK(skep_db_close(db) == SKEP_OK);
}

TEST(a_handle_in_a_child_process_is_misuse_and_the_parent_goes_on)
{
    skep_db *db = db_open_still(NULL);
    skep_lease *lease = NULL;
    db_must(db, "CREATE TABLE t(a)");
    db_must(db, "INSERT INTO t VALUES(1)");
    assert_ok(skep_lease_open(db, NULL, &lease));
    pid_t child = fork();
    if (child == 0) {
        use_in_child(db, lease);
        _exit(0);
    }
    ck_assert_int_eq(child_status(child), 0);
    ck_assert(harness_exists(harness_path("t.db-wal")));
    script r = {.sql = {"SELECT a FROM t"}};
    assert_ok(skep_lease_read(lease, script_run, &r));
    db_must(db, "INSERT INTO t VALUES(2)");
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 3);
    skep_lease_close(lease);
    db_assert_whole(db);
    db_close(db);
}

/* The child closes its copy while the parent writes: neither a lock nor the WAL goes with it. */
TEST(closing_in_a_child_takes_no_lock_from_the_parent)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a)");
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) {
            CHILD_CHECK(skep_db_close(db) == SKEP_OK);
            _exit(0);
        }
        db_must(db, "INSERT INTO t VALUES(1)");
        ck_assert_int_eq(child_status(child), 0);
    }
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 5);
    db_assert_whole(db);
    db_close(db);
}

/* ---- opening in a child ---- */

static void child_opens_nothing(const char *path)
{
    const skep_db_opts readonly = {.size = sizeof(readonly), .flags = SKEP_DB_READONLY};
    skep_db *db = NULL;
    CHILD_CHECK(skep_db_open(path, NULL, &db) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(strstr(skep_last_error()->text, path) != NULL);
    CHILD_CHECK(strstr(skep_last_error()->text, "exec") != NULL);
    CHILD_CHECK(skep_db_open(path, &readonly, &db) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(db == NULL);
}

/* An open that works, and is used. */
static void child_opens(const char *path)
{
    skep_db *db = NULL;
    CHILD_CHECK(skep_db_open(path, NULL, &db) == SKEP_OK);
    CHILD_CHECK(db_exec(db, "CREATE TABLE IF NOT EXISTS t(a)") == SKEP_OK);
    CHILD_CHECK(db_exec(db, "INSERT INTO t VALUES(1)") == SKEP_OK);
    CHILD_CHECK(skep_db_close(db) == SKEP_OK);
}

static void assert_child_opens(const char *path)
{
    pid_t child = child_begin();
    if (child == 0) {
        child_opens(path);
        _exit(0);
    }
    ck_assert_int_eq(child_status(child), 0);
}

static void assert_child_opens_nothing(const char *path)
{
    pid_t child = child_begin();
    if (child == 0) {
        child_opens_nothing(path);
        _exit(0);
    }
    ck_assert_int_eq(child_status(child), 0);
}

TEST(a_child_of_a_process_with_a_database_open_opens_none)
{
    const char *other = harness_path("other.db");
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a)");
    pid_t child = child_begin();
    if (child == 0) {
        skep_seal seal = {.size = sizeof(seal)};
        const skep_rekey_opts rekey = {.size = sizeof(rekey)};
        skep_key *key = NULL;
        child_opens_nothing(harness_path("t.db"));
        child_opens_nothing(other);
        CHILD_CHECK(skep_db_seal(harness_path("t.db"), &seal) == SKEP_EMISUSE && told_so());
        CHILD_CHECK(skep_key_generate(&key) == SKEP_OK);
        skep_rekey_opts to = rekey;
        to.to = key;
        CHILD_CHECK(skep_db_rekey(harness_path("t.db"), &to) == SKEP_EMISUSE && told_so());
        skep_key_free(key);
        CHILD_CHECK(skep_db_close(db) == SKEP_OK);
        child_opens_nothing(other); /* what the parent had open is still in memory */
        pid_t grandchild = child_begin();
        if (grandchild == 0) {
            child_opens_nothing(other);
            _exit(0);
        }
        _exit(child_status(grandchild));
    }
    ck_assert_int_eq(child_status(child), 0);
    ck_assert(!harness_exists(other));
    db_must(db, "INSERT INTO t VALUES(1)");
    db_assert_whole(db);
    db_close(db);
}

TEST(a_child_opens_where_nothing_was_open_and_its_own_children_do_not)
{
    const char *path = harness_path("t.db");
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a)");
    db_close(db);
    pid_t child = child_begin();
    if (child == 0) {
        child_opens(path);
        CHILD_CHECK(skep_db_open(path, NULL, &db) == SKEP_OK);
        pid_t grandchild = child_begin();
        if (grandchild == 0) {
            child_opens_nothing(path);
            CHILD_CHECK(skep_db_close(db) == SKEP_OK);
            _exit(0);
        }
        CHILD_CHECK(child_status(grandchild) == 0);
        CHILD_CHECK(db_exec(db, "INSERT INTO t VALUES(2)") == SKEP_OK);
        CHILD_CHECK(skep_db_close(db) == SKEP_OK);
        _exit(0);
    }
    ck_assert_int_eq(child_status(child), 0);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 3);
    db_assert_whole(db);
    db_close(db);
}

static void *open_and_close(void *path)
{
    skep_db *db = NULL;
    assert_ok(skep_db_open(path, NULL, &db));
    db_close(db);
    return NULL;
}

TEST(a_child_that_is_forked_while_another_thread_opens_opens_nothing)
{
    char path[] = "opening.db";
    pthread_t opener;
    ck_assert_int_eq(chdir(harness_dir()), 0);
    point_wait("sql.opening");
    ck_assert_int_eq(pthread_create(&opener, NULL, open_and_close, path), 0);
    point_reached("sql.opening", 1);
    assert_child_opens_nothing("other.db");
    point_release("sql.opening");
    ck_assert_int_eq(pthread_join(opener, NULL), 0);
    assert_child_opens("other.db");
}

/* A lock that another thread has when the process forks is never given back in the child. */
static void *hold_mutex(void *word)
{
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_MAIN);
    sqlite3_mutex_enter(mutex);
    gate_wait(word);
    sqlite3_mutex_leave(mutex);
    return NULL;
}

TEST(a_child_is_refused_although_sqlite_was_locked_when_it_was_forked)
{
    gate held = {0};
    pthread_t holder;
    skep_db *db = db_open_still(NULL);
    ck_assert_int_eq(pthread_create(&holder, NULL, hold_mutex, &held), 0);
    gate_came(&held, 1);
    assert_child_opens_nothing(harness_path("other.db"));
    gate_open(&held);
    ck_assert_int_eq(pthread_join(holder, NULL), 0);
    db_close(db);
}

/* Called in the middle of a change of the key, whose connection is of no handle. */
static void fork_meanwhile(uint64_t done, uint64_t total, void *ctx)
{
    (void)done;
    (void)total;
    if ((*(int *)ctx)++ == 0)
        assert_child_opens_nothing(harness_path("other.db"));
}

TEST(every_kind_of_connection_counts_as_long_as_it_is_open_and_no_longer)
{
    const char *path = harness_path("t.db");
    skep_seal seal = {.size = sizeof(seal)};
    skep_key *key = NULL;
    skep_key *wrong = NULL;
    skep_lease *lease = NULL;
    int forks = 0;
    skep_db *db = db_open(NULL);
    db_must(db, "CREATE TABLE t(a)");
    assert_ok(skep_lease_open(db, NULL, &lease));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    assert_ok(skep_db_check(db, NULL));
    assert_ok(skep_db_checkpoint(db, NULL, NULL));
    assert_ok(skep_db_ping(db));
    skep_lease_close(lease);
    db_close(db);
    assert_child_opens(path);

    assert_ok(skep_key_generate(&key));
    assert_ok(skep_key_generate(&wrong));
    skep_rekey_opts rekey = SKEP_REKEY_OPTS_INIT;
    rekey.to = key;
    rekey.progress = fork_meanwhile;
    rekey.ctx = &forks;
    assert_ok(skep_db_rekey(path, &rekey));
    ck_assert_int_gt(forks, 0);
    assert_ok(skep_db_seal(path, &seal));
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = wrong;
    assert_fails(skep_db_open(path, &opts, &db), SKEP_EAUTH);
    assert_child_opens(harness_path("other.db"));
    skep_key_free(key);
    skep_key_free(wrong);
}

TEST(an_open_that_failed_anywhere_counts_no_longer)
{
    uint64_t injected = 1;
    alloc_install();
    db_close(db_open(NULL)); /* what SQLite does but once is no part of it */
    for (uint64_t n = 1; injected > 0; n++) {
        skep_db *db = NULL;
        alloc_arm(n, true);
        int rc = skep_db_open(harness_path("t.db"), NULL, &db);
        (void)alloc_disarm(&injected);
        ck_assert(rc == SKEP_OK || rc == SKEP_ENOMEM);
        if (rc == SKEP_OK)
            db_close(db);
    }
    assert_child_opens(harness_path("t.db"));
}

/* ---- futures in a child ---- */

static void child_is_refused(skep_future *f)
{
    int fd = -1;
    CHILD_CHECK(skep_future_wait(f, -1) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_future_wait(f, 0) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_future_done(f) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(skep_future_fd(f, &fd) == SKEP_EMISUSE && told_so());
    CHILD_CHECK(fd == -1);
    skep_future_cancel(f);
}

TEST(futures_of_the_parent_are_refused_in_a_child_and_can_be_freed_there)
{
    gate g = {0};
    script waits = {.sql = {"INSERT INTO t VALUES(1)"}, .first = gate_wait, .ctx = &g};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    skep_call members[2] = {{.fn = futures_insert}, {.fn = futures_insert}};
    enum { DONE, RUNS, QUEUED, WATCHED, BATCH, COUNT };
    skep_future *f[COUNT];
    int fd = -1;
    skep_db *db = futures_open(NULL);
    f[DONE] = futures_write(db, futures_insert, NULL, NULL);
    assert_ok(skep_future_wait(f[DONE], -1));
    f[RUNS] = futures_write(db, script_run, &waits, NULL);
    gate_came(&g, 1);
    f[QUEUED] = futures_write(db, futures_insert, NULL, NULL);
    assert_ok(skep_future_fd(f[QUEUED], &fd));
    assert_ok(skep_cancel_new(&opts.cancel));
    f[WATCHED] = futures_write(db, futures_insert, NULL, &opts);
    assert_ok(skep_write_batch_async(db, members, 2, NULL, &f[BATCH]));
    pid_t child = child_begin();
    if (child == 0) {
        for (int i = 0; i < COUNT; i++)
            child_is_refused(f[i]);
        skep_future_free(f[DONE]);
        skep_future_free(f[RUNS]);
        CHILD_CHECK(skep_db_close(db) == SKEP_OK);
        for (int i = 0; i < COUNT; i++) {
            if (i == DONE || i == RUNS)
                continue;
            child_is_refused(f[i]);
            skep_future_free(f[i]);
        }
        CHILD_CHECK(fcntl(fd, F_GETFD) == -1);
        skep_cancel_fire(opts.cancel); /* what it points to is still there */
        _exit(0);
    }
    ck_assert_int_eq(child_status(child), 0);
    gate_open(&g);
    for (int i = 0; i < COUNT; i++)
        futures_finish(f[i], SKEP_OK);
    skep_cancel_free(opts.cancel);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 6);
    db_close(db);
}

/* ---- what a child frees ---- */

static bool is_mapped(const void *at)
{
    uintptr_t page = (uintptr_t)at / 4096 * 4096;
    return msync((void *)page, 1, MS_ASYNC) == 0 || errno != ENOMEM;
}

typedef struct estate {
    skep_db *db;
    skep_lease *lease;
    skep_cancel *cancel;
    skep_future *written;
    skep_future *read;
    int64_t n;
} estate;

/* A database of which everything was used that takes memory, and that is quiet again. */
static void estate_begin(estate *e, const skep_key *key)
{
    const skep_db_opts opts = {.size = sizeof(opts), .flags = SKEP_DB_UNATTENDED, .key = key};
    skep_call_opts with = SKEP_CALL_OPTS_INIT;
    e->db = futures_open(&opts);
    assert_ok(skep_cancel_new(&e->cancel));
    with.cancel = e->cancel;
    assert_ok(skep_write_async(e->db, futures_insert, NULL, &with, &e->written));
    assert_ok(skep_read_async(e->db, futures_count, &e->n, &with, &e->read));
    assert_ok(skep_future_wait(e->written, -1));
    assert_ok(skep_future_wait(e->read, -1));
    assert_ok(skep_lease_open(e->db, NULL, &e->lease));
    while (atomic_load(&e->db->refs) != 2) /* the handle and the lease; who answered has left */
        (void)sched_yield();
}

static void estate_end(estate *e)
{
    (void)skep_db_close(e->db);
    skep_lease_close(e->lease);
    skep_future_free(e->written);
    skep_future_free(e->read);
    skep_cancel_free(e->cancel);
    *e = (estate){0};
}

static void child_loses_nothing(void)
{
#if defined(__SANITIZE_ADDRESS__)
    CHILD_CHECK(__lsan_do_recoverable_leak_check() == 0);
#endif
}

TEST(closing_in_a_child_frees_what_is_not_of_sqlite)
{
    estate e = {0};
    estate_begin(&e, NULL);
    pid_t child = child_begin();
    if (child == 0) {
        CHILD_CHECK(skep_db_close(SKEP__TAKE(e.db)) == SKEP_OK);
        CHILD_CHECK(skep_lease_read(e.lease, nothing, NULL) == SKEP_EMISUSE && told_so());
        estate_end(&e);
        child_loses_nothing();
        _exit(0);
    }
    ck_assert_int_eq(child_status(child), 0);
    skep_lease_close(SKEP__TAKE(e.lease));
    estate_end(&e);
}

TEST(closing_in_a_child_wipes_the_copy_of_the_key)
{
    estate e = {0};
    skep_key *key = NULL;
    assert_ok(skep_key_generate(&key));
    estate_begin(&e, key);
    const skep_key *copy = e.db->key;
    pid_t child = child_begin();
    if (child == 0) {
        CHILD_CHECK(is_mapped(copy));
        CHILD_CHECK(skep_db_close(SKEP__TAKE(e.db)) == SKEP_OK);
        CHILD_CHECK(!is_mapped(copy));
        estate_end(&e);
        skep_key_free(key);
        child_loses_nothing();
        _exit(0);
    }
    ck_assert_int_eq(child_status(child), 0);
    ck_assert(is_mapped(copy));
    skep_lease_close(SKEP__TAKE(e.lease));
    estate_end(&e);
    skep_key_free(key);
}

/* ---- a fork inside a transaction function ---- */

typedef struct inside {
    int status; /* of the child, which returned from the function */
} inside;

static int fork_inside(skep_tx *tx, void *arg)
{
    inside *in = arg;
    const struct rlimit no_core = {0, 0};
    if (skep_exec(tx, "SELECT 1") < 0)
        return SKEP_EUSER;
    pid_t child = child_begin();
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        CHILD_CHECK(skep_exec(tx, "SELECT 1") == SKEP_EMISUSE && told_so());
        return SKEP_OK; /* it must not get far */
    }
    ck_assert_int_eq(waitpid(child, &in->status, 0), child);
    return SKEP_OK;
}

TEST(a_child_that_returns_from_a_function_of_its_parent_ends_before_it_commits)
{
    inside in = {0};
    skep_db *db = futures_open(NULL);
    assert_ok(skep_write(db, fork_inside, &in));
    ck_assert(WIFSIGNALED(in.status));
    ck_assert_int_eq(WTERMSIG(in.status), SIGABRT);
    in.status = 0;
    assert_ok(skep_read(db, fork_inside, &in));
    ck_assert(WIFSIGNALED(in.status));
    ck_assert_int_eq(WTERMSIG(in.status), SIGABRT);
    db_must(db, "INSERT INTO t VALUES(1)");
    db_assert_whole(db);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_handle_in_a_child_process_is_misuse_and_the_parent_goes_on),
    HARNESS_TEST(closing_in_a_child_takes_no_lock_from_the_parent),
    HARNESS_TEST(a_child_of_a_process_with_a_database_open_opens_none),
    HARNESS_TEST(a_child_opens_where_nothing_was_open_and_its_own_children_do_not),
    HARNESS_TEST(a_child_that_is_forked_while_another_thread_opens_opens_nothing),
    HARNESS_TEST(a_child_is_refused_although_sqlite_was_locked_when_it_was_forked),
    HARNESS_TEST(every_kind_of_connection_counts_as_long_as_it_is_open_and_no_longer),
    HARNESS_TEST(an_open_that_failed_anywhere_counts_no_longer),
    HARNESS_TEST(futures_of_the_parent_are_refused_in_a_child_and_can_be_freed_there),
    HARNESS_TEST(closing_in_a_child_frees_what_is_not_of_sqlite),
    HARNESS_TEST(closing_in_a_child_wipes_the_copy_of_the_key),
    HARNESS_TEST(a_child_that_returns_from_a_function_of_its_parent_ends_before_it_commits),
};
const harness_suite fork_suite = HARNESS_SUITE("fork", tests);
