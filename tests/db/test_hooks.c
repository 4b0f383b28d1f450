/* SPDX-License-Identifier: MIT */
/* Hooks, with a fake that stands for replication. */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "harness/points.h"
#include "harness/vfs_fault.h"

#include "support.h"

#define COMMITS_MAX 256

typedef struct fake {
    skep_db *db;
    skep__mutex mutex;
    skep_commit commit[COMMITS_MAX];
    size_t commits;
    int write_from_hook;
    int acknowledge; /* 1: acknowledge each commit from its own hook */

    _Atomic uint32_t checkpoints;
    uint64_t checkpoint_pages;
    int checkpoint_rc;
    gate *checkpoint_gate;

    char point[64];
    int point_rc;
    _Atomic int poisoned;
} fake;

static int nothing(skep_tx *tx, void *arg)
{
    (void)tx;
    (void)arg;
    return 0;
}

static void on_commit(void *ctx, const skep_commit *commit)
{
    fake *f = ctx;
    skep__mutex_lock(&f->mutex);
    if (f->commits < COMMITS_MAX)
        f->commit[f->commits++] = *commit;
    skep__mutex_unlock(&f->mutex);
    if (f->acknowledge != 0)
        assert_ok(skep_db_acknowledge(f->db, commit->number, SKEP_OK, NULL));
    if (f->write_from_hook == 1)
        f->write_from_hook = skep_write(f->db, nothing, NULL);
}

static int on_checkpoint(void *ctx, skep_db *db, uint64_t wal_pages)
{
    fake *f = ctx;
    uint64_t left = 0;
    f->checkpoint_pages = wal_pages;
    atomic_fetch_add(&f->checkpoints, 1);
    if (f->checkpoint_gate != NULL)
        gate_wait(f->checkpoint_gate);
    int rc = skep_db_checkpoint_pass(db, 1, &left);
    return f->checkpoint_rc != 0 ? f->checkpoint_rc : rc;
}

static int on_restore_point(void *ctx, skep_db *db, const char *name)
{
    fake *f = ctx;
    ck_assert_ptr_eq(db, f->db);
    (void)snprintf(f->point, sizeof(f->point), "%s", name);
    return f->point_rc;
}

static void on_poisoned(void *ctx, const skep_err *cause)
{
    fake *f = ctx;
    ck_assert_int_lt(cause->code, 0);
    atomic_fetch_add(&f->poisoned, 1);
}

static skep_db_hooks hooks_of(fake *f)
{
    return (skep_db_hooks){
        .size = sizeof(skep_db_hooks),
        .abi = SKEP_DB_HOOKS_ABI,
        .ctx = f,
        .after_commit = on_commit,
        .gate = 1,
        .restore_point = on_restore_point,
        .poisoned = on_poisoned,
    };
}

static skep_db *open_hooked(fake *f)
{
    memset(f, 0, sizeof(*f));
    assert_ok(skep__mutex_init(&f->mutex));
    f->db = db_open_still(NULL);
    db_must(f->db, "CREATE TABLE t(a)");
    skep_db_hooks hooks = hooks_of(f);
    assert_ok(skep_db_set_hooks(f->db, &hooks));
    return f->db;
}

static call remote_call(script *s)
{
    call c = WRITE(*s);
    c.opts = (skep_call_opts){.size = sizeof(skep_call_opts), .flags = SKEP_CALL_REMOTE};
    return c;
}

/* Returns once all calls so far are committed and, where they have to be, held. */
static void pass_by(skep_db *db)
{
    script s = {0};
    assert_ok(skep_write(db, script_run, &s));
}

/* ---- attaching ---- */

TEST(one_set_of_hooks_at_a_time)
{
    fake f;
    skep_db *db = open_hooked(&f);
    skep_db_hooks hooks = hooks_of(&f);
    assert_fails(skep_db_set_hooks(db, &hooks), SKEP_EEXISTS);
    assert_ok(skep_db_set_hooks(db, NULL));
    assert_ok(skep_db_set_hooks(db, NULL)); /* nothing is attached: fine */
    assert_ok(skep_db_set_hooks(db, &hooks));
    db_close(db);
}

TEST(hooks_of_another_abi_are_refused)
{
    skep_db *db = db_open(NULL);
    fake f = {0};
    skep_db_hooks hooks = hooks_of(&f);
    hooks.abi = SKEP_DB_HOOKS_ABI + 1;
    assert_fails(skep_db_set_hooks(db, &hooks), SKEP_EVERSION);
    hooks.abi = SKEP_DB_HOOKS_ABI;
    hooks.size--;
    assert_fails(skep_db_set_hooks(db, &hooks), SKEP_EVERSION);
    db_close(db);
}

TEST(hooks_are_copied)
{
    fake f;
    memset(&f, 0, sizeof(f));
    assert_ok(skep__mutex_init(&f.mutex));
    skep_db *db = f.db = db_open_still(NULL);
    skep_db_hooks hooks = hooks_of(&f);
    assert_ok(skep_db_set_hooks(db, &hooks));
    memset(&hooks, 0xff, sizeof(hooks));
    db_must(db, "CREATE TABLE t(a)");
    ck_assert_uint_eq(f.commits, 1);
    db_close(db);
}

/* ---- commits ---- */

/* It may be the largest commit of all, and no call of a transaction function. */
TEST(vacuum_is_a_commit_that_is_told)
{
    fake f;
    skep_db *db = open_hooked(&f);
    skep_receipt receipt = {.size = sizeof(receipt)};
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep_call_opts counted = SKEP_CALL_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    db_must(db, "INSERT INTO t VALUES(zeroblob(100000))");
    size_t before = f.commits;
    assert_ok(skep_db_optimize(db, &opts, NULL));
    ck_assert_uint_eq(f.commits, before + 2); /* statistics, then VACUUM */
    ck_assert_uint_eq(f.commit[before + 1].calls, 0);
    ck_assert_uint_eq(f.commit[before + 1].remote, 0);
    ck_assert_uint_gt(f.commit[before + 1].wal_pages, 25);
    ck_assert_uint_eq(f.commit[before + 1].number, f.commit[before].number + 1);
    counted.receipt = &receipt;
    assert_ok(skep_write_with(db, nothing, NULL, &counted));
    ck_assert_uint_eq(receipt.number, f.commit[before + 1].number + 1);
    db_close(db);
}

TEST(commits_are_told_in_order_with_their_numbers)
{
    fake f;
    skep_db *db = open_hooked(&f);
    script s[5];
    call c[5];
    memset(s, 0, sizeof(s));
    for (int i = 0; i < 5; i++) {
        s[i].sql[0] = "INSERT INTO t VALUES(1)";
        c[i] = (call)WRITE(s[i]);
    }
    s[3].ret = SKEP_EUSER;
    group_run(db, c, 5);
    db_must(db, "INSERT INTO t VALUES(1)");
    assert_fails(skep_write(db, script_run, &s[3]), SKEP_EUSER); /* no commit */
    db_must(db, "INSERT INTO t VALUES(1)");
    ck_assert_uint_eq(f.commits, 4); /* the blocker, the group, two more */
    for (size_t i = 1; i < f.commits; i++) {
        ck_assert_uint_eq(f.commit[i].number, f.commit[i - 1].number + 1);
        ck_assert_uint_ge(f.commit[i].wal_pages, f.commit[i - 1].wal_pages);
        ck_assert_uint_eq(f.commit[i].remote, 0);
    }
    ck_assert_uint_eq(f.commit[0].number, 2); /* the table was the first */
    ck_assert_uint_eq(f.commit[1].calls, 4);
    ck_assert_uint_eq(f.commit[2].calls, 1);
    assert_ok(skep_db_set_hooks(db, NULL));
    db_must(db, "INSERT INTO t VALUES(1)");
    ck_assert_uint_eq(f.commits, 4); /* told no more */
    db_close(db);
}

TEST(a_write_from_the_commit_hook_is_misuse_and_no_deadlock)
{
    fake f;
    skep_db *db = open_hooked(&f);
    f.write_from_hook = 1;
    db_must(db, "INSERT INTO t VALUES(1)");
    ck_assert_int_eq(f.write_from_hook, SKEP_EMISUSE);
    db_close(db);
}

/* ---- the gate ---- */

TEST(remote_calls_are_answered_in_order_as_they_are_acknowledged)
{
    fake f;
    skep_db *db = open_hooked(&f);
    script s[3] = {{.sql = {"INSERT INTO t VALUES(1)"}, .ret = 1},
                   {.sql = {"INSERT INTO t VALUES(2)"}, .ret = 2},
                   {.sql = {"INSERT INTO t VALUES(3)"}, .ret = 3}};
    call c[3] = {remote_call(&s[0]), remote_call(&s[1]), WRITE(s[2])};
    group_run(db, c + 2, 1);
    ck_assert_int_eq(c[2].rc, 3); /* local calls do not wait */
    for (int i = 0; i < 2; i++) {
        point_watch("db.after_commit");
        call_start(db, &c[i]);
        point_reached("db.after_commit", 1);
        pass_by(db);
        ck_assert(!atomic_load(&c[i].done));
    }
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 6); /* committed here they are */
    uint64_t first = 0;
    for (size_t i = 0; i < f.commits; i++)
        if (f.commit[i].remote == 1 && first == 0)
            first = f.commit[i].number;
    assert_ok(skep_db_acknowledge(db, first - 1, SKEP_OK, NULL));
    ck_assert(!atomic_load(&c[0].done));
    assert_ok(skep_db_acknowledge(db, first, SKEP_OK, NULL));
    call_join(&c[0]);
    ck_assert_int_eq(c[0].rc, 1);
    ck_assert(!atomic_load(&c[1].done));
    assert_ok(skep_db_acknowledge(db, UINT64_MAX, SKEP_EUNREPLICATED, "the store is away"));
    call_join(&c[1]);
    call_assert_fails(&c[1], SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    ck_assert_str_eq(c[1].err.text, "the store is away");
    point_clear();
    db_close(db);
}

TEST(a_remote_call_acknowledged_from_the_commit_hook_is_answered)
{
    fake f;
    skep_db *db = open_hooked(&f);
    f.acknowledge = 1;
    for (int i = 0; i < 20; i++) {
        script s = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = i};
        call c = remote_call(&s);
        ck_assert_int_eq(assert_ok(skep_write_with(db, script_run, &s, &c.opts)), i);
    }
    db_close(db);
}

TEST(a_commit_acknowledged_in_advance_holds_nobody)
{
    fake f;
    skep_db *db = open_hooked(&f);
    assert_ok(skep_db_acknowledge(db, 2, SKEP_OK, NULL));
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = 5};
    call c = remote_call(&s);
    ck_assert_int_eq(assert_ok(skep_write_with(db, script_run, &s, &c.opts)), 5);
    ck_assert_uint_eq(f.commit[0].remote, 0);
    db_close(db);
}

TEST(a_remote_call_that_fails_does_not_wait)
{
    fake f;
    skep_db *db = open_hooked(&f);
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .ret = SKEP_EUSER};
    call c = remote_call(&s);
    assert_fails_with(skep_write_with(db, script_run, &s, &c.opts), SKEP_EUSER,
                      SKEP_OUTCOME_ROLLED_BACK);
    db_close(db);
}

TEST(a_deadline_or_a_cancel_while_held_says_committed)
{
    fake f;
    skep_db *db = open_hooked(&f);
    skep_cancel *cancel = NULL;
    assert_ok(skep_cancel_new(&cancel));
    script s[2] = {{.sql = {"INSERT INTO t VALUES(1)"}}, {.sql = {"INSERT INTO t VALUES(2)"}}};
    call late = remote_call(&s[0]);
    int rc = SKEP_ETIMEOUT; /* as long as the machine took longer to begin */
    for (int64_t ms = 50; ms < 60000 && rc == SKEP_ETIMEOUT; ms *= 4) {
        late.opts.timeout_ms = ms;
        rc = skep_write_with(db, script_run, &s[0], &late.opts);
    }
    assert_fails_with(rc, SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    call cancelled = remote_call(&s[1]);
    cancelled.opts.cancel = cancel;
    point_watch("db.after_commit");
    call_start(db, &cancelled);
    point_reached("db.after_commit", 1);
    pass_by(db);
    skep_cancel_fire(cancel);
    call_join(&cancelled);
    call_assert_fails(&cancelled, SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 3);
    skep_cancel_free(cancel);
    point_clear();
    db_close(db);
}

TEST(detaching_answers_the_held_calls_and_ends_the_gate)
{
    fake f;
    skep_db *db = open_hooked(&f);
    script s[2] = {{.sql = {"INSERT INTO t VALUES(1)"}}, {.sql = {"INSERT INTO t VALUES(2)"}}};
    call c = remote_call(&s[0]);
    point_watch("db.after_commit");
    call_start(db, &c);
    point_reached("db.after_commit", 1);
    pass_by(db);
    assert_ok(skep_db_set_hooks(db, NULL));
    call_join(&c);
    call_assert_fails(&c, SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    assert_fails(skep_write_with(db, script_run, &s[1], &c.opts), SKEP_EUNSUPPORTED);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 1);
    point_clear();
    db_close(db);
}

static void detach_main(void *arg)
{
    assert_ok(skep_db_set_hooks(arg, NULL));
}

TEST(a_remote_call_that_queues_behind_the_detaching_is_refused)
{
    fake f;
    skep_db *db = open_hooked(&f);
    skep__thread detacher = {0};
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    call c = remote_call(&s);
    group_block(db);
    assert_ok(skep__thread_start(&detacher, "detacher", detach_main, db));
    point_reached("queue.queued", 1);
    group_queue(db, &c, 1); /* the gate is there still */
    group_unblock();
    skep__thread_join(&detacher);
    call_join(&c);
    call_assert_fails(&c, SKEP_EUNSUPPORTED, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(s.runs, 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(closing_answers_the_held_calls)
{
    fake f;
    skep_db *db = open_hooked(&f);
    script s = {.sql = {"INSERT INTO t VALUES(1)"}};
    call c = remote_call(&s);
    point_watch("db.after_commit");
    call_start(db, &c);
    point_reached("db.after_commit", 1);
    pass_by(db);
    db_close(db);
    call_join(&c);
    call_assert_fails(&c, SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
    point_clear();
}

TEST(a_remote_call_that_outlasts_the_close_is_answered_too)
{
    fake f;
    gate g = {0};
    memset(&f, 0, sizeof(f));
    assert_ok(skep__mutex_init(&f.mutex));
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.close_timeout_ms = 20;
    skep_db *db = f.db = db_open_still(&opts);
    db_must(db, "CREATE TABLE t(a)");
    skep_db_hooks hooks = hooks_of(&f);
    assert_ok(skep_db_set_hooks(db, &hooks));
    script s = {.sql = {"INSERT INTO t VALUES(1)"}, .last = gate_wait, .ctx = &g};
    call c = remote_call(&s);
    call_start(db, &c);
    gate_came(&g, 1);
    assert_fails(skep_db_close(db), SKEP_ETIMEOUT);
    gate_open(&g);
    call_join(&c);
    call_assert_fails(&c, SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    db = db_open(NULL);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
}

TEST(an_acknowledgement_is_success_or_a_failure)
{
    fake f;
    skep_db *db = open_hooked(&f);
    assert_fails(skep_db_acknowledge(db, 1, 1, NULL), SKEP_EINVALID);
    assert_ok(skep_db_acknowledge(db, 1, SKEP_EFENCED, NULL)); /* nobody is held: fine */
    db_close(db);
}

/* ---- the owner of checkpoints ---- */

static skep_db *open_owned(fake *f)
{
    memset(f, 0, sizeof(*f));
    assert_ok(skep__mutex_init(&f->mutex));
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.checkpoint_pages = 10;
    f->db = db_open_still(&opts);
    db_must(f->db, "CREATE TABLE t(a)");
    return f->db;
}

static void attach_owner(fake *f)
{
    skep_db_hooks hooks = hooks_of(f);
    hooks.checkpoint = on_checkpoint;
    assert_ok(skep_db_set_hooks(f->db, &hooks));
}

TEST(the_owner_of_checkpoints_is_called_instead_of_our_own)
{
    fake f;
    gate g = {0};
    skep_db *db = open_owned(&f);
    f.checkpoint_gate = &g;
    attach_owner(&f);
    db_must(db, "INSERT INTO t VALUES(zeroblob(100000))");
    gate_came(&g, 1);
    ck_assert_uint_ge(f.checkpoint_pages, 24);
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.checkpoints, 0); /* he has not done his yet */
    gate_open(&g);
    assert_ok(skep_db_set_hooks(db, NULL)); /* waits for him */
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_eq(stats.checkpoints, 1);
    db_must(db, "INSERT INTO t VALUES(1)");
    assert_ok(skep_db_get_stats(db, &stats));
    ck_assert_uint_le(stats.wal_pages, 3); /* his pass was complete */
    db_close(db);
}

static void on_event(const skep_event *event, void *ctx)
{
    if (strcmp(event->name, "db.checkpoint_failed") == 0)
        atomic_fetch_add((_Atomic int *)ctx, 1);
}

TEST(an_owner_that_fails_is_told_as_an_event_and_called_again_later)
{
    fake f;
    _Atomic int events = 0;
    skep__word pause = 0;
    skep_db *db = open_owned(&f);
    f.checkpoint_rc = SKEP_EBUSY - 1000;
    skep_set_event_sink(on_event, &events, SKEP_WARNING);
    attach_owner(&f);
    uint64_t deadline = skep__deadline_ns(60000);
    while (atomic_load(&f.checkpoints) < 2) {
        ck_assert_uint_lt(skep__now_ns(), deadline);
        db_must(db, "INSERT INTO t VALUES(zeroblob(50000))");
        (void)skep__word_wait(&pause, 0, skep__now_ns() + SKEP__NS_PER_MS);
    }
    db_close(db);
    ck_assert_int_ge(atomic_load(&events), 2);
    skep_set_event_sink(NULL, NULL, SKEP_WARNING);
}

/* ---- the others ---- */

TEST(a_restore_point_is_made_by_whoever_is_attached)
{
    fake f;
    skep_db *db = open_hooked(&f);
    assert_ok(skep_db_restore_point(db, "before the migration"));
    ck_assert_str_eq(f.point, "before the migration");
    f.point_rc = SKEP__FAIL(SKEP_ENET, "the store is away");
    assert_fails(skep_db_restore_point(db, "x"), SKEP_ENET);
    assert_ok(skep_db_set_hooks(db, NULL));
    assert_fails(skep_db_restore_point(db, "x"), SKEP_EUNSUPPORTED);
    db_close(db);
}

TEST(poison_is_told_once)
{
    vfs_install();
    fake f;
    skep_db *db = open_hooked(&f);
    vfs_arm(&(vfs_fault){.ops = VFS_OPS(VFS_SYNC), .files = VFS_WAL, .nth = 1, .persistent = true});
    assert_fails_with(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_EPOISONED, SKEP_OUTCOME_UNKNOWN);
    (void)vfs_disarm(NULL);
    assert_fails(db_exec(db, "INSERT INTO t VALUES(1)"), SKEP_EPOISONED);
    ck_assert_int_eq(atomic_load(&f.poisoned), 1);
    assert_ok(skep_db_set_hooks(db, NULL)); /* attaching and detaching still work */
    assert_fails(skep_db_close(db), SKEP_EPOISONED);
}

static const harness_test tests[] = {
    HARNESS_TEST(one_set_of_hooks_at_a_time),
    HARNESS_TEST(hooks_of_another_abi_are_refused),
    HARNESS_TEST(hooks_are_copied),
    HARNESS_TEST(vacuum_is_a_commit_that_is_told),
    HARNESS_TEST(commits_are_told_in_order_with_their_numbers),
    HARNESS_TEST(a_write_from_the_commit_hook_is_misuse_and_no_deadlock),
    HARNESS_TEST(remote_calls_are_answered_in_order_as_they_are_acknowledged),
    HARNESS_TEST(a_remote_call_acknowledged_from_the_commit_hook_is_answered),
    HARNESS_TEST(a_commit_acknowledged_in_advance_holds_nobody),
    HARNESS_TEST(a_remote_call_that_fails_does_not_wait),
    HARNESS_TEST(a_deadline_or_a_cancel_while_held_says_committed),
    HARNESS_TEST(detaching_answers_the_held_calls_and_ends_the_gate),
    HARNESS_TEST(a_remote_call_that_queues_behind_the_detaching_is_refused),
    HARNESS_TEST(closing_answers_the_held_calls),
    HARNESS_TEST(a_remote_call_that_outlasts_the_close_is_answered_too),
    HARNESS_TEST(an_acknowledgement_is_success_or_a_failure),
    HARNESS_TEST(the_owner_of_checkpoints_is_called_instead_of_our_own),
    HARNESS_TEST(an_owner_that_fails_is_told_as_an_event_and_called_again_later),
    HARNESS_TEST(a_restore_point_is_made_by_whoever_is_attached),
    HARNESS_TEST(poison_is_told_once),
};
const harness_suite hooks_suite = HARNESS_SUITE("hooks", tests);
