/* SPDX-License-Identifier: MIT */
/* B14: another program, Debian's sqlite3, holds the write lock of the file for as long as it likes.
 * Our calls wait to their deadline and are told the truth; readers notice nothing. */
#include "faults/faults.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skep/db.h>

#include "db/db_private.h"

#include "harness/points.h"

#define STOCK "/usr/bin/sqlite3"

typedef struct neighbour {
    pid_t pid;
    int in;
    int out;
} neighbour;

static neighbour neighbour_start(const char *path)
{
    int in[2];
    int out[2];
    if (access(STOCK, X_OK) != 0)
        harness_skip_test(SKIP_TOOL, STOCK);
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)execl(STOCK, STOCK, "-batch", "-bail", path, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_gt(pid, 0);
    (void)close(in[0]);
    (void)close(out[1]);
    return (neighbour){pid, in[1], out[0]};
}

/* Its statements, and wait until it has done them: the answer of a dot command comes unbuffered. */
static void neighbour_does(neighbour *n, const char *sql)
{
    static const char done[] = "\n.shell echo done\n";
    char answer[8] = "";
    size_t len = 0;
    ck_assert_int_eq(write(n->in, sql, strlen(sql)), (ssize_t)strlen(sql));
    ck_assert_int_eq(write(n->in, done, sizeof(done) - 1), (ssize_t)sizeof(done) - 1);
    while (len < 5) {
        ssize_t got = read(n->out, answer + len, 5 - len);
        ck_assert_msg(got > 0, "sqlite3 has ended");
        len += (size_t)got;
    }
    ck_assert_str_eq(answer, "done\n");
}

static void neighbour_ends(neighbour *n)
{
    int status = 0;
    (void)close(n->in);
    (void)close(n->out);
    ck_assert_int_eq(waitpid(n->pid, &status, 0), n->pid);
    ck_assert_int_eq(status, 0);
}

static int add(skep_tx *tx, void *arg)
{
    return skep_exec(tx, "INSERT INTO t VALUES(?)", SKEP_V(*(const int *)arg));
}

static int total(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT sum(a) FROM t"));
    SKEP__TRY(skep_next(rows));
    *(int64_t *)arg = skep_column_int(rows, 0);
    return 0;
}

static int64_t total_of(skep_db *db)
{
    int64_t sum = 0;
    assert_ok(skep_read(db, total, &sum));
    return sum;
}

static int create(skep_tx *tx, void *arg)
{
    (void)arg;
    SKEP__TRY(skep_exec(tx, "CREATE TABLE t(a)"));
    return skep_exec(tx, "INSERT INTO t VALUES(1)");
}

static skep_db *open_with(int64_t busy_timeout_ms)
{
    skep_db *db = NULL;
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.busy_timeout_ms = busy_timeout_ms;
    opts.checkpoint_pages = 1000000;
    assert_ok(skep_db_open(harness_path("n.db"), &opts, &db));
    return db;
}

static neighbour open_held(int64_t busy_timeout_ms, skep_db **db)
{
    *db = open_with(busy_timeout_ms);
    assert_ok(skep_write(*db, create, NULL));
    neighbour n = neighbour_start(harness_path("n.db"));
    neighbour_does(&n, "BEGIN IMMEDIATE; INSERT INTO t VALUES(10);");
    return n;
}

TEST(b14_calls_wait_for_a_neighbour_to_their_deadline_and_readers_do_not)
{
    skep_db *db = NULL;
    neighbour n = open_held(100, &db);
    int hundred = 100;
    skep_call_opts soon = SKEP_CALL_OPTS_INIT;
    soon.timeout_ms = 20;
    for (int i = 0; i < 3; i++) {
        assert_fails_with(skep_write_with(db, add, &hundred, &soon), SKEP_ETIMEOUT,
                          SKEP_OUTCOME_NONE);
        assert_fails_with(skep_write(db, add, &hundred), SKEP_EBUSY, SKEP_OUTCOME_NONE);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "another"));
        ck_assert_int_eq(total_of(db), 1); /* the snapshot before theirs */
    }
    neighbour_does(&n, "COMMIT;");
    ck_assert_int_eq(total_of(db), 11);
    assert_ok(skep_write(db, add, &hundred));
    neighbour_ends(&n);
    ck_assert_int_eq(total_of(db), 111);
    assert_ok(skep_db_close(db));
}

typedef struct waiter {
    skep_db *db;
    pthread_t thread;
    int64_t timeout_ms;
    int value;
    int rc;
    skep_err err;
} waiter;

static void *wait_in_line(void *arg)
{
    waiter *w = arg;
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.timeout_ms = w->timeout_ms;
    w->rc = skep_write_with(w->db, add, &w->value, &opts);
    w->err = *skep_last_error();
    return NULL;
}

static void waiter_start(waiter *w)
{
    ck_assert_int_eq(pthread_create(&w->thread, NULL, wait_in_line, w), 0);
}

static void waiter_join(waiter *w)
{
    ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
}

TEST(b14_those_who_queue_behind_one_who_waits_have_deadlines_of_their_own)
{
    skep_db *db = NULL;
    neighbour n = open_held(60000, &db);
    point_watch("db.before_begin");
    waiter first = {.db = db, .value = 100};
    waiter_start(&first);
    point_reached("db.before_begin", 1); /* it leads, and meets the lock */
    waiter late[4];
    for (size_t i = 0; i < 4; i++) {
        late[i] = (waiter){.db = db, .value = 1000, .timeout_ms = i < 2 ? 30 : 0};
        waiter_start(&late[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        waiter_join(&late[i]);
        ck_assert_int_eq(late[i].rc, SKEP_ETIMEOUT);
        ck_assert_int_eq(late[i].err.outcome, SKEP_OUTCOME_NONE);
    }
    ck_assert_int_eq(total_of(db), 1);
    neighbour_does(&n, "COMMIT;");
    waiter_join(&first);
    waiter_join(&late[2]);
    waiter_join(&late[3]);
    point_clear();
    ck_assert_int_eq(first.rc | late[2].rc | late[3].rc, 0);
    ck_assert_int_eq(total_of(db), 1 + 10 + 100 + 2000);
    neighbour_ends(&n);
    assert_ok(skep_db_close(db));
}

TEST(b14_a_neighbour_that_dies_with_the_lock_leaves_nothing_behind)
{
    skep_db *db = NULL;
    neighbour n = open_held(60000, &db);
    point_watch("db.before_begin");
    waiter w = {.db = db, .value = 100};
    waiter_start(&w);
    point_reached("db.before_begin", 1);
    ck_assert_int_eq(kill(n.pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(n.pid, NULL, 0), n.pid);
    waiter_join(&w);
    point_clear();
    ck_assert_int_eq(w.rc, 0);
    ck_assert_int_eq(total_of(db), 101);
    (void)close(n.in);
    (void)close(n.out);
    assert_ok(skep_db_close(db));
}

TEST(b14_closing_does_not_wait_for_a_neighbour)
{
    skep_db *db = NULL;
    neighbour n = open_held(60000, &db);
    assert_ok(skep_db_close(db));
    neighbour_does(&n, "COMMIT;");
    neighbour_ends(&n);
    db = open_with(100);
    ck_assert_int_eq(total_of(db), 11);
    assert_ok(skep_db_close(db));
}

static const harness_test tests[] = {
    HARNESS_TEST(b14_calls_wait_for_a_neighbour_to_their_deadline_and_readers_do_not),
    HARNESS_TEST(b14_those_who_queue_behind_one_who_waits_have_deadlines_of_their_own),
    HARNESS_TEST(b14_a_neighbour_that_dies_with_the_lock_leaves_nothing_behind),
    HARNESS_TEST(b14_closing_does_not_wait_for_a_neighbour),
};
const harness_suite neighbour_suite = HARNESS_SUITE("neighbour", tests);
