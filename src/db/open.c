/* SPDX-License-Identifier: MIT */
/* Opening and closing a database. */
#include <limits.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "base/time.h"
#include "db/db_private.h"
#include "os/os.h"

int skep__db_open_conn(skep_db *db, skep__conn_role role, const skep__limit *limit,
                       skep__conn **out)
{
    SKEP__TRY(skep__db_check_same_file(db));
    skep__conn_opts opts = {
        .path = db->path,
        .role = role,
        .create = role == SKEP__CONN_WRITER && (db->opts.flags & SKEP_DB_MUST_EXIST) == 0,
        .readonly = (db->opts.flags & SKEP_DB_READONLY) != 0,
        .foreign = (db->opts.flags & SKEP_DB_FOREIGN) != 0,
        .keep_beside = db->keep_beside,
        .tidy_shm = db->inode == 0 && !db->had_shm,
        .synchronous = (skep_sync)db->opts.synchronous,
        .connect_timeout_ms = db->opts.connect_timeout_ms,
        .busy_timeout_ms = db->opts.busy_timeout_ms,
        .cache_bytes = db->cache_share,
        .costs = db->costs,
        .corrupted = &db->corrupted,
        .incremental = db->created && db->opts.auto_vacuum == SKEP_VACUUM_INCREMENTAL,
        .key = db->key,
        .remember = db->inode == 0, /* the first connection: nobody else has the key yet */
        .sealed = skep__db_sealed_with(db),
        .limit = limit,
    };
    memcpy(opts.ciphers, db->ciphers, sizeof(opts.ciphers));
    return skep__conn_open(&skep__sqlite_driver, &opts, out);
}

/* ---- opening ---- */

static int init_writer(skep_db *db)
{
    skep__queue_opts opts = {
        .group_max = db->opts.group_max,
        .budget_ns = (uint64_t)db->opts.group_budget_ms * SKEP__NS_PER_MS,
        .gather_max_ns = db->opts.synchronous == SKEP_SYNC_FULL ? SKEP__DB_GATHER_NS : 0,
    };
    SKEP__TRY(skep__queue_init(&db->queue, &skep__writer_ops, db, &opts));
    if ((db->opts.flags & SKEP_DB_READONLY) != 0)
        return skep__reader_connect(db, &db->readers.slots[0], NULL);
    SKEP__TRY(skep__db_open_conn(db, SKEP__CONN_WRITER, NULL, &db->writer));
    skep__use_opened(&db->writer_use);
    return SKEP_OK;
}

/* What follows from what the file is. */
static int init_limits(skep_db *db, const skep_db_opts *opts)
{
    skep__conn_info info;
    if (db->writer == NULL)
        return SKEP_OK;
    db->frame_bytes = db->writer->page_size + SKEP__DB_FRAME_HEADER;
    db->ceiling_pages = db->opts.wal_ceiling_bytes / db->frame_bytes;
    if ((db->opts.flags & SKEP_DB_FOREIGN) == 0)
        return SKEP_OK;
    SKEP__TRY(db->writer->driver->info(db->writer, &info));
    db->in_turn = strcmp(info.journal_mode, "wal") != 0;
    if (!db->in_turn)
        return SKEP_OK;
    if (opts != NULL && opts->readers > 1)
        return SKEP__FAIL(
            SKEP_EUNSUPPORTED,
            "%s has the journal mode %s, in which reading and writing lock each other "
            "out: it opens with one reader, not %u",
            db->path, info.journal_mode, opts->readers);
    db->readers.count = 1;
    return SKEP_OK;
}

static int init(skep_db *db, const char *path, const skep_db_opts *opts)
{
    SKEP__TRY(skep__sqlite_allowed(path));
    SKEP__TRY(skep__settings_take(&skep__db_settings, opts, &db->opts));
    SKEP__TRY(skep__db_find_file(db, path));
    SKEP__TRY(skep__db_begin_seal(db));
    skep__costs_opts costs = {
        .profile = (skep_profile)db->opts.profile,
        .slow_ns = (uint64_t)db->opts.slow_statement_ms * SKEP__NS_PER_MS,
        .path = db->path,
    };
    SKEP__TRY(skep__costs_new(&costs, &db->costs));
    db->home = skep__sqlite_home();
    db->cache_share = db->opts.cache_bytes / (db->opts.readers + 1);
    SKEP__TRY(skep__mutex_init(&db->hooks_mutex));
    SKEP__TRY(skep__mutex_init(&db->poison_mutex));
    SKEP__TRY(skep__mutex_init(&db->checkpointer.mutex));
    SKEP__TRY(skep__async_init(db));
    SKEP__TRY(skep__maintain_init(db));
    skep__status_init(db);
    atomic_store(&db->refs, 1);
    atomic_store(&db->checkpointer.wake_at, db->opts.checkpoint_pages);
#ifdef SKEP_TEST_BUILD
    db->rerun_state = strlen(db->path);
    db->rerun_percent = 10;
#endif
    SKEP__TRY(skep__readers_init(db));
    int rc = init_writer(db);
    if (rc >= 0)
        rc = init_limits(db, opts);
    if (rc < 0)
        return skep__db_explain_seal(db, skep__db_explain_file(db, rc));
    SKEP__TRY(
        skep__db_settle_seal(db, db->writer != NULL ? db->writer : db->readers.slots[0].conn));
    SKEP__TRY(skep__db_note_file(db));
    if (db->readers.slots[0].conn != NULL)
        atomic_store(&db->readers.slots[0].state, SKEP__READER_FREE);
    return SKEP_OK;
}

/* Half-built databases too. Returns what the connections say as they close. */
static int dispose(skep_db *db)
{
    int rc = SKEP_OK;
    skep__async_stop(db);
    /* Poison may have come from a checkpoint, of which no call was told. */
    if (db->writer != NULL && atomic_load(&db->closing) != 0)
        rc = skep__db_check_poison(db);
    if (rc >= 0 && db->writer != NULL && (db->opts.flags & SKEP_DB_FOREIGN) == 0 &&
        atomic_load(&db->closing) != 0)
        rc = skep__checkpoint_last(db);
    skep_err err;
    if (rc < 0)
        skep__err_save(&err);
    skep__readers_dispose(db);
    (void)skep__conn_close(db->checkpointer.conn);
    if (db->writer != NULL && atomic_load(&db->poisoned) != 0)
        db->writer->sync_failed = true; /* it does not write the WAL back as it closes */
    int closed = skep__conn_close(db->writer);
    if (atomic_load(&db->closing) != 0)
        SKEP__EVENT(SKEP_INFO, "db.closed", {"path", skep_text(db->path)});
    skep__async_dispose(db);
    skep__queue_dispose(&db->queue);
    skep__mutex_dispose(&db->hooks_mutex);
    skep__mutex_dispose(&db->poison_mutex);
    skep__mutex_dispose(&db->checkpointer.mutex);
    skep__status_leave(db);
    skep__lock_leave(db);
    skep__maintain_dispose(db);
    skep__costs_free(db->costs);
    skep_key_free(db->key);
    skep__free(db->path);
    skep__free(db);
    return rc < 0 ? skep__err_install(&err) : closed;
}

int skep_db_open(const char *path, const skep_db_opts *opts, skep_db **out)
{
    SKEP__REQUIRE(path != NULL);
    SKEP__REQUIRE(out != NULL);
    skep_db *db = skep__calloc(1, sizeof(*db));
    if (db == NULL)
        return skep__oom();
    db->maintain.lock_fd = -1; /* 0 is a descriptor of the program's */
    int rc = init(db, path, opts);
    if (rc < 0) {
        skep_err err;
        skep__err_save(&err);
        (void)dispose(db);
        return skep__err_install(&err);
    }
    SKEP__EVENT(SKEP_INFO, "db.opened", {"path", skep_text(db->path)});
    if (db->writer != NULL && db->writer->recovered)
        SKEP__EVENT(SKEP_INFO, "db.recovered", {"path", skep_text(db->path)});
    skep__maintain_start(db);
    *out = db;
    return SKEP_OK;
}

/* ---- a child process ---- */

int skep__db_here(const skep_db *db)
{
    if (__builtin_expect(skep__home_here(&db->home), 1))
        return SKEP_OK;
    return SKEP__FAIL(SKEP_EMISUSE,
                      "%s was opened before fork(): a child process runs another program first",
                      db->path);
}

/* In a child the connections are left as they are: closing them would write to the files, and the
 * locks that SQLite believes to have are the parent's. Nor are there any threads to wait for. All
 * else that calls need goes, and no lock is waited for: who held it may not be there. */
static void abandon(skep_db *db)
{
    skep__os_unlock(NULL, &db->maintain.lock_fd); /* the parent holds it on */
    skep_key_free(SKEP__TAKE(db->key));           /* wiped: no memory of the child needs it */
    skep__costs_abandon(db->costs);
    skep__free(db->readers.block);
    skep__free(db->async.readers);
    skep__free(db->maintain.cancel);
}

/* Of what the child has of a database only this is left, which leases may still need, and calls
 * that were inside at the fork. */
static void forget(skep_db *db)
{
    skep__free(db->path);
    skep__free(db);
}

/* ---- calls inside, and closing ---- */

int skep__db_enter(skep_db *db)
{
    SKEP__TRY(skep__db_here(db));
    if ((atomic_fetch_add(&db->refs, 1) & SKEP__DB_CLOSING) == 0)
        return SKEP_OK;
    skep__db_leave(db);
    return SKEP__FAIL(SKEP_ECLOSED, "the database is closing");
}

void skep__db_pin_n(skep_db *db, uint32_t n)
{
    atomic_fetch_add(&db->refs, n);
}

bool skep__db_pin(skep_db *db)
{
    uint32_t refs = atomic_load(&db->refs);
    while ((refs & ~SKEP__DB_CLOSING) != 0)
        if (atomic_compare_exchange_weak(&db->refs, &refs, refs + 1))
            return true;
    return false;
}

/* The last one out frees the database: usually skep_db_close(), but a transaction function that
 * outlasted its patience otherwise. Nothing of `db` may be touched after the count went down,
 * except its address: waking sleepers at an address that is gone wakes nobody. */
static bool leave(skep_db *db, uint32_t n)
{
    uint32_t left = atomic_fetch_sub(&db->refs, n) - n;
    if (left == (SKEP__DB_CLOSING | 1))
        skep__word_wake(&db->refs, INT_MAX);
    return (left & ~SKEP__DB_CLOSING) == 0;
}

bool skep__db_leave_n(skep_db *db, uint32_t n)
{
    if (!leave(db, n))
        return false;
    skep_err err; /* the answer of the call that leaves */
    skep__err_save(&err);
    if (skep__db_here(db) >= 0)
        (void)dispose(db);
    else
        forget(db);
    if (err.code < 0)
        (void)skep__err_install(&err);
    return true;
}

void skep__db_leave(skep_db *db)
{
    (void)skep__db_leave_n(db, 1);
}

/* Wait until no call is inside any more. */
static bool wait_for_calls(skep_db *db, uint64_t deadline_ns)
{
    for (;;) {
        uint32_t refs = atomic_load(&db->refs);
        if (refs == (SKEP__DB_CLOSING | 1))
            return true;
        if (skep__now_ns() >= deadline_ns)
            return false;
        (void)skep__word_wait(&db->refs, refs, deadline_ns);
    }
}

/* Let what runs and queues come to its end; past the deadline, end it. True: all of it ended. */
static bool close_calls(skep_db *db)
{
    uint64_t deadline_ns = skep__deadline_ns(db->opts.close_timeout_ms);
    skep__queue_close(&db->queue);
    skep__readers_refuse(db);
    skep__async_close(db);
    (void)skep__queue_drain(&db->queue, deadline_ns);
    skep__queue_release(&db->queue, UINT64_MAX, SKEP_EUNREPLICATED,
                        "committed here; the database closed before it was acknowledged");
    if (wait_for_calls(db, deadline_ns))
        return true;
    atomic_store(&db->abort, 1);
    skep__queue_refuse(&db->queue);
    skep__async_refuse(db);
    return wait_for_calls(db, skep__now_ns() + SKEP__DB_CLOSE_GRACE_NS);
}

int skep_db_close(skep_db *db)
{
    if (db == NULL)
        return SKEP_OK;
    if (!skep__home_here(&db->home)) {
        abandon(db);
        skep__db_leave(db);
        return SKEP_OK;
    }
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE,
                          "skep_db_close on %s from inside its own transaction function", db->path);
    if (skep__async_tends(db))
        return SKEP__FAIL(SKEP_EMISUSE, "skep_db_close on %s from a callback of it", db->path);
    skep__maintain_stop(db);
    skep__upkeep_last(db);
    atomic_store(&db->closing, 1);
    atomic_fetch_or(&db->refs, SKEP__DB_CLOSING);
    bool empty = close_calls(db);
    skep__checkpoint_stop(db);
    if (empty) /* or else the last call that leaves ends them */
        skep__async_stop(db);
    if (leave(db, 1))
        return dispose(db);
    return SKEP__FAIL(SKEP_ETIMEOUT,
                      "a transaction function still runs; the database is closed when "
                      "it returns");
}
