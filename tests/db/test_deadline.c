/* SPDX-License-Identifier: MIT */
/* B08: deadlines and cancels while queued, while running and after the commit: the true answer each
 * time. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "harness/points.h"

#include "support.h"

#define ENDLESS                                                                                    \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

static skep_db *open_table(void)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

static skep_cancel *new_cancel(void)
{
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    return cancel;
}

static skep_call_opts with(int64_t timeout_ms, skep_cancel *cancel)
{
    return (skep_call_opts){
        .size = sizeof(skep_call_opts), .timeout_ms = timeout_ms, .cancel = cancel};
}

static void fire(void *ctx)
{
    skep_cancel_fire(ctx);
}

TEST(b08_a_cancel_while_queued_means_it_never_ran)
{
    skep_db *db = open_table();
    skep_cancel *cancel = new_cancel();
    script s[2] = {{.sql = {"INSERT INTO t VALUES(1)"}}, {.sql = {"INSERT INTO t VALUES(2)"}}};
    call c[2] = {WRITE(s[0]), WRITE(s[1])};
    c[0].opts = with(0, cancel);
    group_block(db);
    group_queue(db, c, 2);
    skep_cancel_fire(cancel);
    call_join(&c[0]); /* while the leader still stands */
    call_assert_fails(&c[0], SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    group_unblock();
    call_join(&c[1]);
    ck_assert_int_eq(s[0].runs, 0);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 2);
    skep_cancel_free(cancel);
    db_close(db);
}

TEST(b08_a_deadline_while_queued_means_it_never_ran)
{
    skep_db *db = open_table();
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    call c = WRITE(s);
    c.opts = with(10, NULL);
    group_block(db);
    group_queue(db, &c, 1);
    call_join(&c);
    call_assert_fails(&c, SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    group_unblock();
    ck_assert_int_eq(s.runs, 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(b08_a_cancel_before_the_call_means_it_never_ran)
{
    skep_db *db = open_table();
    skep_cancel *cancel = new_cancel();
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    skep_call_opts opts = with(0, cancel);
    skep_cancel_fire(cancel);
    assert_fails_with(skep_write_with(db, script_run, &s, &opts), SKEP_ECANCELLED,
                      SKEP_OUTCOME_NONE);
    ck_assert_int_eq(s.runs, 0);
    skep_cancel_free(cancel);
    db_close(db);
}

TEST(b08_a_cancel_while_running_rolls_back)
{
    skep_db *db = open_table();
    skep_cancel *cancel = new_cancel();
    script s = {.sql = {"INSERT INTO t VALUES(1)", ENDLESS}, .first = fire, .ctx = cancel};
    skep_call_opts opts = with(0, cancel);
    assert_fails_with(skep_write_with(db, script_run, &s, &opts), SKEP_ECANCELLED,
                      SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(s.runs, 1);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_must(db, "INSERT INTO t VALUES(2)");
    skep_cancel_free(cancel);
    db_close(db);
}

TEST(b08_a_deadline_while_running_rolls_back)
{
    skep_db *db = open_table();
    script s = {.sql = {"INSERT INTO t VALUES(1)", ENDLESS}};
    int rc = SKEP_OK;
    for (int64_t ms = 30; s.runs == 0; ms *= 4) { /* a busy machine may take longer to begin */
        skep_call_opts opts = with(ms, NULL);
        ck_assert_int_lt(ms, 60000);
        rc = skep_write_with(db, script_run, &s, &opts);
    }
    assert_fails_with(rc, SKEP_ETIMEOUT, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(b08_a_cancel_that_comes_too_late_to_stop_the_function_changes_nothing)
{
    skep_db *db = open_table();
    skep_cancel *cancel = new_cancel();
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .last = fire, .ctx = cancel, .ret = 4};
    skep_call_opts opts = with(0, cancel);
    ck_assert_int_eq(assert_ok(skep_write_with(db, script_run, &s, &opts)), 4);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    skep_cancel_free(cancel);
    db_close(db);
}

TEST(b08_a_cancel_after_the_commit_is_answered_with_success)
{
    static const char *const points[] = {"db.before_commit", "db.after_commit",
                                         "queue.before_wake"};
    skep_db *db = open_table();
    for (size_t i = 0; i < LENGTH(points); i++) {
        skep_cancel *cancel = new_cancel();
        script s[2] = {{.sql = {"INSERT INTO t VALUES(1)"}, .ret = 1},
                       {.sql = {"INSERT INTO t VALUES(1)"}, .ret = 2}};
        call c[2] = {WRITE(s[0]), WRITE(s[1])};
        c[0].opts = c[1].opts = with(0, cancel);
        point_run(points[i], 2, fire, cancel); /* the first is the blocker's */
        group_run(db, c, 2);
        point_clear();
        ck_assert_int_eq(c[0].rc, 1); /* the leader */
        ck_assert_int_eq(c[1].rc, 2); /* its follower */
        ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 2 * (int64_t)(i + 1));
        skep_cancel_free(cancel);
    }
    db_close(db);
}

TEST(one_cancel_ends_many_calls)
{
    skep_db *db = open_table();
    skep_cancel *cancel = new_cancel();
    script s[20];
    call c[20];
    memset(s, 0, sizeof(s));
    memset(c, 0, sizeof(c));
    for (int i = 0; i < 20; i++) {
        s[i].sql[0] = "INSERT INTO t VALUES(1)";
        c[i].fn = script_run;
        c[i].arg = &s[i];
        c[i].opts = with(0, cancel);
    }
    group_block(db);
    group_queue(db, c, 20);
    skep_cancel_fire(cancel);
    for (int i = 0; i < 20; i++) {
        call_join(&c[i]);
        call_assert_fails(&c[i], SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    }
    group_unblock();
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    skep_cancel_free(cancel);
    db_close(db);
}

/* One that waits for others longer than a test may take: only what is tested ends its wait. */
static skep_db *open_patient(void)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.busy_timeout_ms = 3600000;
    skep_db *db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

TEST(a_deadline_covers_the_wait_for_another_writer_of_the_file)
{
    skep_db *db = open_patient();
    skep_db *other = db_open_still(NULL);
    gate g = {0};
    script holds = {.sql = {"INSERT INTO t VALUES(1)"}, .last = gate_wait, .ctx = &g};
    call holder = WRITE(holds);
    call_start(other, &holder);
    gate_came(&g, 1);
    script s = {.sql = {"INSERT INTO t VALUES(2)"}};
    skep_call_opts opts = with(30, NULL);
    assert_fails_with(skep_write_with(db, script_run, &s, &opts), SKEP_ETIMEOUT, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(s.runs, 0);
    gate_open(&g);
    call_join(&holder);
    ck_assert_int_eq(holder.rc, 0);
    db_must(db, "INSERT INTO t VALUES(3)");
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 4);
    db_close(other);
    db_close(db);
}

TEST(a_cancel_covers_the_wait_for_another_writer_of_the_file)
{
    skep_db *db = open_patient();
    skep_db *other = db_open_still(NULL);
    skep_cancel *cancel = new_cancel();
    gate g = {0};
    script holds = {.last = gate_wait, .ctx = &g};
    call holder = WRITE(holds);
    call_start(other, &holder);
    gate_came(&g, 1);
    script s = {.sql = {"INSERT INTO t VALUES(2)"}};
    call c = WRITE(s);
    c.opts = with(0, cancel);
    point_watch("db.before_begin");
    call_start(db, &c);
    point_reached("db.before_begin", 1);
    skep_cancel_fire(cancel);
    call_join(&c);
    call_assert_fails(&c, SKEP_ECANCELLED, SKEP_OUTCOME_NONE);
    gate_open(&g);
    call_join(&holder);
    point_clear();
    skep_cancel_free(cancel);
    db_close(other);
    db_close(db);
}

TEST(a_busy_file_is_busy_after_the_busy_timeout)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *other = open_table();
    opts.busy_timeout_ms = 20;
    skep_db *db = db_open_still(&opts);
    gate g = {0};
    script holds = {.last = gate_wait, .ctx = &g};
    call holder = WRITE(holds);
    call_start(other, &holder);
    gate_came(&g, 1);
    assert_fails_with(db_exec(db, "INSERT INTO t VALUES(2)"), SKEP_EBUSY, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0); /* reads do not wait */
    gate_open(&g);
    call_join(&holder);
    db_close(db);
    db_close(other);
}

/* ---- budgets ---- */

TEST(a_budget_ends_the_sql_of_a_call_and_is_named)
{
    skep_db *db = open_table();
    script w = {.sql = {"INSERT INTO t VALUES(1)", ENDLESS}};
    script r = {.sql = {ENDLESS}};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.budget_ms = 20;
    assert_fails_with(skep_write_with(db, script_run, &w, &opts), SKEP_ETIMEOUT,
                      SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "budget_ms, 20 ms"));
    assert_fails(skep_read_with(db, script_run, &r, &opts), SKEP_ETIMEOUT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "budget_ms, 20 ms"));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    opts.budget_ms = -1;
    assert_fails(skep_write_with(db, script_run, &w, &opts), SKEP_EINVALID);
    db_close(db);
}

TEST(a_budget_cannot_exceed_that_of_the_database)
{
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.write_max_ms = 20;
    settings.read_max_ms = 30;
    skep_db *db = db_open_still(&settings);
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    script s = {.sql = {ENDLESS}};
    assert_fails(skep_write(db, script_run, &s), SKEP_ETIMEOUT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "write_max_ms, 20 ms"));
    opts.budget_ms = 3600000;
    assert_fails(skep_write_with(db, script_run, &s, &opts), SKEP_ETIMEOUT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "write_max_ms, 20 ms"));
    assert_fails(skep_read_with(db, script_run, &s, &opts), SKEP_ETIMEOUT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "read_max_ms, 30 ms"));
    db_close(db);
}

static void pass_time(void *ctx)
{
    uint64_t until = skep__now_ns() + *(const uint64_t *)ctx;
    skep__word word = 0;
    while (skep__now_ns() < until)
        (void)skep__word_wait(&word, 0, until);
}

TEST(a_budget_does_not_count_the_time_in_the_queue)
{
    skep_db *db = open_table();
    script s = {.sql = {"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n LIMIT 999)"
                        " INSERT INTO t SELECT i FROM n"}};
    int rc = SKEP_ETIMEOUT; /* as long as a busy machine needs the budget for the SQL alone */
    for (int64_t ms = 20; ms < 10000 && rc == SKEP_ETIMEOUT; ms *= 4) {
        uint64_t longer = (uint64_t)(ms + 10) * SKEP__NS_PER_MS;
        call c = WRITE(s);
        c.opts = with(0, NULL);
        c.opts.budget_ms = ms;
        group_block(db);
        group_queue(db, &c, 1);
        pass_time(&longer);
        group_unblock();
        call_join(&c);
        rc = c.rc;
    }
    ck_assert_int_eq(rc, 0);
    db_close(db);
}

TEST(a_group_that_has_used_up_its_budget_leaves_the_rest_to_the_next)
{
    uint64_t longer = 2 * SKEP__NS_PER_MS;
    skep_db_opts settings = SKEP_DB_OPTS_INIT;
    settings.group_budget_ms = 1;
    skep_db *db = db_open(&settings);
    skep__db_set_rerun(db, 0);
    db_must(db, "CREATE TABLE t(a)");
    script s[3] = {{.last = pass_time, .ctx = &longer},
                   {.last = pass_time, .ctx = &longer},
                   {.last = pass_time, .ctx = &longer}};
    call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
    group_run(db, c, 3);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.groups, 5); /* the table, the blocker, and each by itself */
    db_close(db);
}

/* ---- cancels at random times ---- */

#define THREADS 8

typedef struct storm {
    skep_db *db;
    uint64_t each;
    uint64_t seed;
    _Atomic(skep_cancel *) target[THREADS];
    _Atomic bool stop;
    _Atomic uint64_t kept;
    _Atomic uint64_t cancelled;
} storm;

static void storm_step(storm *m, size_t index, rng *r, uint64_t step)
{
    char sql[100];
    (void)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES(%llu)",
                   (unsigned long long)(index * 1000000 + step));
    skep_cancel *cancel = new_cancel();
    script s = {.sql = {sql, "SELECT count(*) FROM t, t"}};
    skep_call_opts opts = with(0, cancel);
    if (rng_below(r, 4) == 0)
        opts.timeout_ms = 1;
    atomic_store(&m->target[index], cancel);
    int rc = skep_write_with(m->db, script_run, &s, &opts);
    int outcome = skep_last_error()->outcome;
    /* Whoever takes it out of its place owns it. */
    while (atomic_exchange(&m->target[index], NULL) == NULL)
        ;
    skep_cancel_free(cancel);
    char look[100];
    (void)snprintf(look, sizeof(look), "SELECT count(*) FROM t WHERE a = %llu",
                   (unsigned long long)(index * 1000000 + step));
    ck_assert_int_eq(db_number(m->db, look), rc == 0);
    if (rc == 0) {
        atomic_fetch_add(&m->kept, 1);
        return;
    }
    ck_assert_msg(rc == SKEP_ECANCELLED || rc == SKEP_ETIMEOUT, "%s", skep_code_name(rc));
    ck_assert(outcome == SKEP_OUTCOME_NONE || outcome == SKEP_OUTCOME_ROLLED_BACK);
    atomic_fetch_add(&m->cancelled, 1);
}

static void storm_main(size_t index, void *ctx)
{
    storm *m = ctx;
    rng r = rng_of(m->seed + index);
    if (index < THREADS) {
        for (uint64_t i = 0; i < m->each; i++)
            storm_step(m, index, &r, i);
        if (index == 0)
            atomic_store(&m->stop, true);
        return;
    }
    skep__word pause = 0;
    while (!atomic_load(&m->stop)) {
        _Atomic(skep_cancel *) *slot = &m->target[rng_below(&r, THREADS)];
        skep_cancel *cancel = atomic_exchange(slot, NULL);
        if (cancel != NULL) {
            skep_cancel_fire(cancel);
            atomic_store(slot, cancel);
        }
        (void)skep__word_wait(&pause, 0, skep__now_ns() + rng_below(&r, 300 * SKEP__NS_PER_US));
    }
}

TEST(b08_cancels_at_random_times_get_true_answers)
{
    storm m;
    memset(&m, 0, sizeof(m));
    m.db = db_open(NULL);
    db_must(m.db, "CREATE TABLE t(a)");
    m.each = harness_size(SIZE_B08_CANCELS) / THREADS + 1;
    m.seed = harness_seed();
    harness_threads(THREADS + 1, storm_main, &m);
    ck_assert_int_eq(db_number(m.db, "SELECT count(*) FROM t"), (int64_t)atomic_load(&m.kept));
    ck_assert_int_eq(db_number(m.db, "SELECT count(DISTINCT a) FROM t"),
                     (int64_t)atomic_load(&m.kept));
    db_assert_whole(m.db);
    db_close(m.db);
}

static const harness_test tests[] = {
    HARNESS_TEST(b08_a_cancel_while_queued_means_it_never_ran),
    HARNESS_TEST(b08_a_deadline_while_queued_means_it_never_ran),
    HARNESS_TEST(b08_a_cancel_before_the_call_means_it_never_ran),
    HARNESS_TEST(b08_a_cancel_while_running_rolls_back),
    HARNESS_TEST(b08_a_deadline_while_running_rolls_back),
    HARNESS_TEST(b08_a_cancel_that_comes_too_late_to_stop_the_function_changes_nothing),
    HARNESS_TEST(b08_a_cancel_after_the_commit_is_answered_with_success),
    HARNESS_TEST(one_cancel_ends_many_calls),
    HARNESS_TEST(a_deadline_covers_the_wait_for_another_writer_of_the_file),
    HARNESS_TEST(a_cancel_covers_the_wait_for_another_writer_of_the_file),
    HARNESS_TEST(a_busy_file_is_busy_after_the_busy_timeout),
    HARNESS_TEST(a_budget_ends_the_sql_of_a_call_and_is_named),
    HARNESS_TEST(a_budget_cannot_exceed_that_of_the_database),
    HARNESS_TEST(a_budget_does_not_count_the_time_in_the_queue),
    HARNESS_TEST(a_group_that_has_used_up_its_budget_leaves_the_rest_to_the_next),
    HARNESS_TEST(b08_cancels_at_random_times_get_true_answers),
};
const harness_suite deadline_suite = HARNESS_SUITE("deadline", tests);
