/* SPDX-License-Identifier: MIT */
/*
 * The writer: what the leader/follower queue begins, runs, commits and rolls back.
 *
 * A call by itself is BEGIN IMMEDIATE, fn, COMMIT. In a group each call has a savepoint, so that
 * one that fails is undone alone. Three things reach beyond a savepoint, and each is caught:
 *   - the engine ended the whole transaction (ON CONFLICT ROLLBACK, RAISE(ROLLBACK), no space, no
 *     memory, an I/O error, an interrupt): seen by in_tx() after each call. The guilty call fails,
 *     its siblings are run again;
 *   - a deferred foreign key would fail the COMMIT of all: its counter is looked at after each
 * call;
 *   - statements that reach into the connection: refused by the authorizer (sql/sqlite_auth.c).
 *
 * COMMIT itself: no space or no memory rolls all of the group back. An I/O error may have left the
 * commit in the file or not, and a second sync would only say that there is nothing left to write,
 * so nothing is tried again: the handle is poisoned and the outcome is unknown.
 */
#include <stdlib.h>

#include "base/cancel.h"
#include "base/event.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

static skep__write_call *call_of(skep__req *req)
{
    return (skep__write_call *)(void *)req;
}

/* ---- poison ---- */

int skep__db_check_poison(skep_db *db)
{
    if (atomic_load_explicit(&db->poisoned, memory_order_acquire) == 0)
        return SKEP_OK;
    skep__mutex_lock(&db->poison_mutex);
    skep_err cause = db->poison;
    skep__mutex_unlock(&db->poison_mutex);
    int rc = SKEP__FAIL(SKEP_EPOISONED, "writes stopped after an earlier failure; reopen %s (%s)",
                        db->path, cause.text);
    skep__err_engine(cause.engine_code);
    skep__err_errno(cause.sys_errno);
    return rc;
}

int skep__db_poison(skep_db *db)
{
    skep_err cause;
    skep__err_save(&cause);
    skep__mutex_lock(&db->poison_mutex);
    bool first = atomic_load(&db->poisoned) == 0;
    if (first)
        db->poison = cause;
    atomic_store_explicit(&db->poisoned, 1, memory_order_release);
    skep__mutex_unlock(&db->poison_mutex);
    if (first) {
        SKEP__EVENT(SKEP_ERROR, "db.poisoned", {"path", skep_text(db->path)},
                    {"cause", skep_text(cause.text)});
        skep__mutex_lock(&db->hooks_mutex);
        skep_db_hooks hooks = db->hooks;
        bool hooked = db->hooked;
        skep__mutex_unlock(&db->hooks_mutex);
        if (hooked && hooks.poisoned != NULL)
            hooks.poisoned(hooks.ctx, &cause);
    }
    int rc =
        SKEP__FAIL(SKEP_EPOISONED, "%s; writes stop until %s is reopened", cause.text, db->path);
    skep__err_engine(cause.engine_code);
    skep__err_errno(cause.sys_errno);
    skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

/* ---- what the queue calls ---- */

static void rollback(void *ctx)
{
    skep_db *db = ctx;
    skep__use_end(&db->writer_use);
    if (!db->writer->driver->in_tx(db->writer))
        return;
    skep_err err; /* the failure that led here is the one to report */
    skep__err_save(&err);
    (void)skep__conn_control(db->writer, SKEP__ROLLBACK);
    if (err.code < 0)
        (void)skep__err_install(&err);
}

static int begin(void *ctx, uint64_t deadline_ns, const skep_cancel *cancel)
{
    skep_db *db = ctx;
    SKEP__TRY(skep__db_check_poison(db));
    SKEP__POINT("db.before_begin");
    SKEP__TRY(skep__ceiling_hold(db, deadline_ns, cancel));
    /* A rollback that found no memory has left its transaction open. */
    if (db->writer->driver->in_tx(db->writer))
        SKEP__TRY(skep__conn_control(db->writer, SKEP__ROLLBACK));
    skep__use_begin(&db->writer_use, skep__coarse_ns());
    /* Of the wait for other processes. */
    skep__limit limit = {.deadline_ns = deadline_ns, .cancel = cancel, .abort = &db->abort};
    db->writer->limit = &limit;
    int rc = skep__conn_control(db->writer, SKEP__BEGIN_WRITE);
    db->writer->limit = NULL;
    if (rc < 0)
        skep__use_end(&db->writer_use);
    return rc;
}

#ifdef SKEP_TEST_BUILD
/* Run it again for no reason? Keeps transaction functions honest about their contract. */
static bool rerun_for_practice(skep_db *db)
{
    db->rerun_state = db->rerun_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (db->rerun_state >> 33) % 100 < db->rerun_percent;
}
#endif

/* The call's work is undone to its savepoint, the settings that it was allowed to make too. */
static int undo(skep_db *db)
{
    SKEP__TRY(skep__conn_control(db->writer, SKEP__ROLLBACK_TO));
    return db->writer->driver->call_end(db->writer);
}

/* Run the call's function until its work stands or it has failed. */
static int run_function(skep_db *db, skep__write_call *call, skep_tx *tx)
{
    int rc = skep__tx_run(tx, call->fn, call->arg);
#ifdef SKEP_TEST_BUILD
    while (rc >= 0 && rerun_for_practice(db)) {
        SKEP__TRY(undo(db));
        rc = skep__tx_run(tx, call->fn, call->arg);
    }
#else
    (void)db;
#endif
    if (rc >= 0 && db->writer->driver->fk_pending(db->writer))
        return SKEP__FAIL(SKEP_ECONSTRAINT, "a deferred foreign key is violated at the end of the "
                                            "transaction function");
    return rc;
}

/* The call failed inside the savepoint: undo it alone, if there is a transaction left to keep. */
static skep__verdict undo_alone(skep_db *db, skep__req *req)
{
    skep__verdict verdict = SKEP__UNDONE;
    if (!db->writer->driver->in_tx(db->writer)) {
        verdict = SKEP__LOST;
    } else if (undo(db) < 0 || skep__conn_control(db->writer, SKEP__RELEASE_SAVEPOINT) < 0) {
        rollback(db);
        verdict = SKEP__LOST;
    }
    (void)skep__err_install(&req->err);
    return verdict;
}

static skep__verdict fail_call(skep_db *db, skep__req *req, int rc, bool nested)
{
    if (db->writer->sync_failed)
        rc = skep__db_poison(db);
    else
        skep__err_outcome(SKEP_OUTCOME_ROLLED_BACK);
    req->rc = rc;
    skep__err_save(&req->err);
    if (nested)
        return undo_alone(db, req);
    return db->writer->driver->in_tx(db->writer) ? SKEP__UNDONE : SKEP__LOST;
}

static int no_gate(const skep_db *db)
{
    return SKEP__FAIL(SKEP_EUNSUPPORTED, "SKEP_CALL_REMOTE, but nothing replicates %s", db->path);
}

static skep__verdict run_in_transaction(skep_db *db, skep__write_call *call, bool nested)
{
    skep__req *req = &call->req;
    skep_tx tx;
    skep__tx_init(&tx, db, db->writer, NULL);
    tx.attempt = req->attempt - 1;
    if (tx.attempt > 0)
        atomic_fetch_add_explicit(&db->reruns, 1, memory_order_relaxed);
    if (nested) {
        int rc = skep__conn_control(db->writer, SKEP__SAVEPOINT);
        if (rc < 0)
            return fail_call(db, req, rc, false);
    }
    skep__limit limit = {.deadline_ns = req->deadline_ns,
                         .cancel = req->cancel,
                         .abort = &db->abort,
                         .budget_ns = call->budget_ns,
                         .budget_name = call->budget_name};
    db->writer->limit = &limit;
    skep__watch_begin(&db->maintain);
    int rc = run_function(db, call, &tx);
    skep__watch_end(&db->maintain);
    db->writer->limit = NULL;
    req->attempt = tx.attempt;
    if (rc >= 0) {
        int ended = db->writer->driver->call_end(db->writer);
        if (ended >= 0 && nested)
            ended = skep__conn_control(db->writer, SKEP__RELEASE_SAVEPOINT);
        if (ended < 0)
            rc = ended;
    }
    if (rc < 0)
        return fail_call(db, req, rc, nested);
    req->rc = rc;
    return SKEP__KEPT;
}

static skep__verdict run(void *ctx, skep__req *req, bool alone)
{
    skep_db *db = ctx;
    skep__write_call *call = call_of(req);
    if (call->job != NULL) {
        req->rc = call->job(db, call->arg);
        if (req->rc < 0)
            skep__err_save(&req->err);
        return SKEP__KEPT;
    }
    /* Attaching and detaching happen in the queue too, so only here is it known for sure. */
    if ((req->flags & SKEP__REQ_HOLD) != 0 && atomic_load(&db->gate) == 0)
        return fail_call(db, req, no_gate(db), false);
#ifdef SKEP_TEST_BUILD
    alone = alone && db->rerun_percent == 0; /* running it again for practice takes a savepoint */
#endif
    skep__verdict verdict = run_in_transaction(db, call, !alone);
    if (verdict == SKEP__LOST)
        skep__use_end(&db->writer_use);
    return verdict;
}

/* COMMIT failed with this thread's error detail. */
static int commit_failed(skep_db *db, int rc)
{
    skep_err err = *skep_last_error();
    bool split = rc == SKEP_ECONSTRAINT;
    if (rc == SKEP_EIO || db->writer->sync_failed) {
        rc = skep__db_poison(db);
        skep__err_save(&err);
    }
    rollback(db);
    (void)skep__err_install(&err);
    if (rc != SKEP_EPOISONED)
        skep__err_outcome(db->writer->commit_unsure ? SKEP_OUTCOME_UNKNOWN
                                                    : SKEP_OUTCOME_ROLLED_BACK);
    return split ? SKEP__COMMIT_SPLIT : rc;
}

static int commit(void *ctx, size_t kept, uint64_t *number)
{
    skep_db *db = ctx;
    SKEP__POINT("db.before_commit");
    int poisoned = skep__db_check_poison(db);
    if (poisoned < 0) { /* a checkpoint met it, or a call of this very group */
        rollback(db);
        skep__err_outcome(SKEP_OUTCOME_ROLLED_BACK);
        return poisoned;
    }
    uint64_t before = skep__now_ns();
    int rc = skep__conn_control(db->writer, SKEP__COMMIT);
    if (rc < 0)
        return commit_failed(db, rc);
    skep__use_end(&db->writer_use);
    SKEP__POINT("db.after_commit");
    skep__hist_add(&db->commit_ns, skep__now_ns() - before);
    atomic_store(&db->wal_pages, db->writer->driver->wal_pages(db->writer));
    atomic_fetch_add_explicit(&db->groups, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&db->writes, kept, memory_order_relaxed);
    skep__hist_add(&db->group_calls, kept);
    *number = ++db->commits;
    atomic_store(&db->visible, *number);
    return SKEP_OK;
}

/* Other processes may have started the WAL anew at any time, so its header is asked each time. */
static void stamp(void *ctx, skep__req *req, uint64_t number)
{
    skep_db *db = ctx;
    skep_receipt *receipt = &call_of(req)->stamp;
    if (db->stamped != number) {
        db->stamped = number;
        db->generation = db->writer->driver->wal_generation(db->writer);
    }
    receipt->size = (uint32_t)sizeof(*receipt);
    receipt->reserved = 0;
    receipt->number = number;
    receipt->generation = db->generation;
    receipt->frame = db->writer->driver->wal_pages(db->writer);
}

static void committed(void *ctx, size_t kept, size_t held, uint64_t number)
{
    skep_db *db = ctx;
    uint64_t pages = atomic_load_explicit(&db->wal_pages, memory_order_relaxed);
    if (db->hooked && db->hooks.after_commit != NULL) {
        skep_commit info = {number, pages, (uint32_t)kept, (uint32_t)held};
        skep__frame frame; /* a call on this database from there would wait for itself */
        skep__frame_push(&frame, db);
        db->hooks.after_commit(db->hooks.ctx, &info);
        skep__frame_pop(&frame);
    }
    skep__checkpoint_notice(db, pages);
}

void skep__writer_committed(skep_db *db)
{
    atomic_store(&db->wal_pages, db->writer->driver->wal_pages(db->writer));
    atomic_store(&db->visible, ++db->commits);
    committed(db, 0, 0, db->commits);
}

const skep__group_ops skep__writer_ops = {
    .begin = begin,
    .run = run,
    .commit = commit,
    .rollback = rollback,
    .committed = committed,
    .stamp = stamp,
    .answered = skep__async_answered,
    .again = skep__async_again,
};

/* ---- its connection ---- */

void skep__writer_replace(skep_db *db, skep__conn *conn)
{
    skep__mutex_lock(&db->readers.mutex);
    skep__conn *old = db->writer;
    db->writer = conn;
    skep__mutex_unlock(&db->readers.mutex);
    skep__use_opened(&db->writer_use);
    (void)skep__conn_close(old); /* it did not answer: what it says now is no news */
}

void skep__writer_sql(skep_db *db, char *out, size_t size)
{
    skep__mutex_lock(&db->readers.mutex);
    skep__running_sql(db->writer, out, size);
    skep__mutex_unlock(&db->readers.mutex);
}

/* ---- what callers call ---- */

int skep__writer_exclusive(skep_db *db, int (*job)(skep_db *db, void *arg), void *arg)
{
    return skep__writer_exclusive_with(db, job, arg, 0, NULL);
}

int skep__writer_exclusive_with(skep_db *db, int (*job)(skep_db *db, void *arg), void *arg,
                                uint64_t deadline_ns, skep_cancel *cancel)
{
    skep__write_call call = {.job = job, .arg = arg};
    call.req.deadline_ns = deadline_ns;
    call.req.cancel = cancel;
    call.req.flags = SKEP__REQ_ALONE | SKEP__REQ_BARE;
    return skep__queue_submit(&db->queue, &call.req);
}

int skep__write_check(const skep_db *db, const skep_call_opts *opts, uint32_t flags)
{
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE, "a write on %s from inside its own transaction function",
                          db->path);
    SKEP__TRY(skep__call_check(db, opts));
    if (!skep__db_writes(db))
        return SKEP__FAIL(SKEP_EREADONLY, "%s is open for reading only", db->path);
    uint32_t other = opts->flags & ~flags;
    if (other != 0)
        return SKEP__FAIL(SKEP_EINVALID, "call flags 0x%x are not for such writes", other);
    if ((opts->flags & SKEP_CALL_REMOTE) != 0 && atomic_load(&db->gate) == 0)
        return no_gate(db);
    return SKEP_OK;
}

void skep__write_fill(const skep_db *db, skep__write_call *call, const skep_call_opts *opts)
{
    call->req.flags = (opts->flags & SKEP_CALL_OWN_THREAD) != 0 ? SKEP__REQ_ALONE : 0;
    call->req.flags |= (opts->flags & SKEP_CALL_REMOTE) != 0 ? SKEP__REQ_HOLD : 0;
    call->req.flags |= opts->receipt != NULL ? SKEP__REQ_STAMP : 0;
    call->req.priority = opts->priority;
    call->req.deadline_ns = opts->timeout_ms > 0 ? skep__deadline_ns(opts->timeout_ms) : 0;
    call->req.cancel = opts->cancel;
    call->req.attempt = 0;
    skep__limit limit;
    skep__call_budget(&limit, opts, db->opts.write_max_ms, "write_max_ms");
    call->budget_ns = limit.budget_ns;
    call->budget_name = limit.budget_name;
    call->job = NULL;
    call->stamp.number = 0;
}

static int write_counted(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    SKEP__TRY(skep__write_check(db, opts, SKEP_CALL_OWN_THREAD | SKEP_CALL_REMOTE));
    if (opts->done != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "opts->done belongs to asynchronous calls");
    uint64_t began = skep__now_ns();
    skep__write_call call;
    skep__write_fill(db, &call, opts);
    call.fn = fn;
    call.arg = arg;
    int rc = skep__queue_submit(&db->queue, &call.req);
    skep__hist_add(&db->write_ns, skep__now_ns() - began);
    if (rc >= 0 && opts->receipt != NULL)
        *opts->receipt = call.stamp;
    return rc;
}

int skep_write_with(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    static const skep_call_opts none = SKEP_CALL_OPTS_INIT;
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(fn != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    SKEP__TRY(skep__db_enter(db));
    int rc = write_counted(db, fn, arg, opts != NULL ? opts : &none);
    if (rc < 0) {
        atomic_fetch_add_explicit(&db->writes_failed, 1, memory_order_relaxed);
        skep__note_call(db);
    }
    skep__db_leave(db);
    return rc;
}

int skep_write(skep_db *db, skep_tx_fn *fn, void *arg)
{
    return skep_write_with(db, fn, arg, NULL);
}

#ifdef SKEP_TEST_BUILD
void skep__db_set_rerun(skep_db *db, uint32_t percent)
{
    db->rerun_percent = percent;
}
#endif
