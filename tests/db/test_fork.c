/* SPDX-License-Identifier: MIT */
/* B10: a handle does not survive fork(). The child is told so, and touches no file. */
#include "suites.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skep/health.h>
#include <skep/inspect.h>

#include "support.h"

/* What went wrong in the child; 0: nothing. Checks of the harness belong to the parent. */
#define CHILD_CHECK(cond)                                                                          \
    do {                                                                                           \
        if (!(cond))                                                                               \
            _exit(__LINE__ % 250 + 1);                                                             \
    } while (0)

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

static bool told(void)
{
    return strstr(skep_last_error()->text, "fork") != NULL;
}

static void use_in_child(skep_db *db, skep_lease *lease)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    skep_health health = {.size = sizeof(health)};
    skep_lease *another = NULL;
    uint64_t left = 0;
    size_t n = 0;
    CHILD_CHECK(skep_write(db, nothing, NULL) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_read(db, nothing, NULL) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_lease_open(db, NULL, &another) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_lease_read(lease, nothing, NULL) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_lease_renew(lease) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_lease_age_ms(lease) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_db_get_stats(db, &stats) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_db_health(db, &health) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_db_connections(db, NULL, &n) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_db_checkpoint_pass(db, 1, &left) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_db_set_hooks(db, NULL) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_db_acknowledge(db, 1, SKEP_OK, NULL) == SKEP_EMISUSE && told());
    CHILD_CHECK(skep_db_restore_point(db, "a") == SKEP_EMISUSE && told());
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

static const harness_test tests[] = {
    HARNESS_TEST(a_handle_in_a_child_process_is_misuse_and_the_parent_goes_on),
    HARNESS_TEST(closing_in_a_child_takes_no_lock_from_the_parent),
};
const harness_suite fork_suite = HARNESS_SUITE("fork", tests);
