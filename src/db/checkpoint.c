/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints, off the commit path: a thread of its own copies the WAL back into the database.
 *
 * It sleeps until a commit leaves the WAL longer than checkpoint_pages. Then it does some passes
 * while writers go on, each of which has less to copy than the one before. When few pages are left
 * it takes the writer for one last pass: everything is copied then, and the next commit starts the
 * WAL from its beginning, which keeps it short and warm. When the passes do not come close to the
 * end (a reader pins the WAL, or writers are faster) the writer is left alone until the WAL has
 * reached its ceiling.
 */
#include <limits.h>

#include "base/event.h"
#include "base/point.h"
#include "base/time.h"
#include "db/db_private.h"

/* A connection that failed is not used again: it may have been its fault. One whose sync failed is
 * kept, and tells all that come later. */
static int pass_failed_locked(skep_db *db, int rc) SKEP__REQUIRES(db->checkpointer.mutex)
{
    skep__checkpointer *c = &db->checkpointer;
    if (rc == SKEP_EBUSY || c->conn->sync_failed)
        return rc;
    skep_err err;
    skep__err_save(&err);
    skep__use_closed(&c->use);
    (void)skep__conn_close(SKEP__TAKE(c->conn));
    return skep__err_install(&err);
}

static int pass_locked(skep_db *db, uint64_t *pages, uint64_t *left, bool *clear)
    SKEP__REQUIRES(db->checkpointer.mutex)
{
    skep__checkpointer *c = &db->checkpointer;
    if (c->conn == NULL) {
        SKEP__TRY(skep__db_open_conn(db, SKEP__CONN_CHECKPOINTER, NULL, &c->conn));
        skep__use_opened(&c->use);
    }
    SKEP__POINT("db.before_checkpoint");
    SKEP__TRY(skep__db_check_poison(db));
    if (c->conn->sync_failed)
        return SKEP__FAIL(SKEP_EPOISONED, "the sync of an earlier checkpoint of %s failed",
                          db->path);
    uint64_t before = skep__now_ns();
    skep__use_begin(&c->use, before);
    int rc = clear != NULL
                 ? c->conn->driver->clear(c->conn, pages, left, clear)
                 : c->conn->driver->checkpoint(c->conn, SKEP__CHECKPOINT_PASSIVE, pages, left);
    skep__use_end(&c->use);
    skep__hist_add(&db->checkpoint_ns, skep__now_ns() - before);
    atomic_fetch_add_explicit(&c->passes, 1, memory_order_relaxed);
    if (rc >= 0 && *left > 0)
        atomic_fetch_add_explicit(&c->blocked, 1, memory_order_relaxed);
    if (rc >= 0)
        atomic_store(&c->left, *left);
    return rc < 0 ? pass_failed_locked(db, rc) : rc;
}

static int pass_or_clear(skep_db *db, uint64_t *pages, uint64_t *left, bool *clear)
{
    const skep__checkpointer *c = &db->checkpointer;
    skep__mutex_lock(&db->checkpointer.mutex);
    int rc = pass_locked(db, pages, left, clear);
    bool sync_failed = rc < 0 && c->conn != NULL && c->conn->sync_failed;
    skep__mutex_unlock(&db->checkpointer.mutex);
    /* What the sync was to make durable is the only copy of what the next commit overwrites. */
    if (sync_failed && rc != SKEP_EPOISONED)
        return skep__db_poison(db);
    return rc;
}

static int pass(skep_db *db, uint64_t *pages, uint64_t *left)
{
    return pass_or_clear(db, pages, left, NULL);
}

typedef struct pass_result {
    uint64_t pages;
    uint64_t left;
} pass_result;

static int pass_as_writer(skep_db *db, void *arg)
{
    pass_result *result = arg;
    return pass(db, &result->pages, &result->left);
}

/* The database's own checkpoint. On return `*pages` is the WAL length that it left behind. */
static int checkpoint(skep_db *db, uint64_t *pages)
{
    uint64_t ceiling = (uint64_t)db->opts.checkpoint_pages * SKEP__DB_CHECKPOINT_CEILING;
    pass_result result = {0, 0};
    uint64_t now = 0;
    for (int i = 0; i < SKEP__DB_CHECKPOINT_PASSES; i++) {
        SKEP__TRY(pass(db, &result.pages, &result.left));
        now = atomic_load_explicit(&db->wal_pages, memory_order_relaxed);
        uint64_t copied = result.pages - result.left;
        result.left = now > copied ? now - copied : result.left;
        if (result.left < SKEP__DB_CHECKPOINT_TAIL || now >= ceiling)
            break;
    }
    if (result.left < SKEP__DB_CHECKPOINT_TAIL || now >= ceiling)
        SKEP__TRY(skep__writer_exclusive(db, pass_as_writer, &result));
    *pages = result.left == 0 ? 0 : result.pages;
    return SKEP_OK;
}

bool skep__checkpoint_owned(skep_db *db)
{
    skep__mutex_lock(&db->hooks_mutex);
    bool owned = db->hooked && db->hooks.checkpoint != NULL;
    skep__mutex_unlock(&db->hooks_mutex);
    return owned;
}

/* Let the owner of checkpoints do it, if there is one. False: there is none. */
static bool checkpoint_by_owner(skep_db *db, uint64_t pages, int *rc)
{
    skep__mutex_lock(&db->hooks_mutex);
    skep_db_hooks hooks = db->hooks;
    bool owned = db->hooked && hooks.checkpoint != NULL;
    db->hook_running += owned;
    skep__mutex_unlock(&db->hooks_mutex);
    if (!owned)
        return false;
    *rc = hooks.checkpoint(hooks.ctx, db, pages);
    skep__mutex_lock(&db->hooks_mutex);
    db->hook_running--;
    skep__mutex_unlock(&db->hooks_mutex);
    atomic_fetch_add(&db->hook_word, 1);
    skep__word_wake(&db->hook_word, INT_MAX);
    return true;
}

static void tell(skep_db *db, int rc, uint64_t pages, uint64_t left, uint64_t began_ns)
{
    uint64_t ms = (skep__now_ns() - began_ns) / SKEP__NS_PER_MS;
    if (rc == SKEP_ECLOSED || rc == SKEP_EBUSY)
        return;
    skep__noted(db, SKEP__NOTE_CHECKPOINT, rc);
    if (rc < 0)
        SKEP__EVENT(SKEP_WARNING, "db.checkpoint_failed", {"path", skep_text(db->path)},
                    {"cause", skep_text(skep_last_error()->text)});
    else
        SKEP__EVENT(SKEP_DEBUG, "db.checkpoint", {"path", skep_text(db->path)},
                    {"pages", skep_int((int64_t)pages)}, {"left", skep_int((int64_t)left)},
                    {"ms", skep_int((int64_t)ms)});
}

static void thread_main(void *arg)
{
    skep_db *db = arg;
    skep__checkpointer *c = &db->checkpointer;
    for (;;) {
        uint32_t seen = atomic_load(&c->word);
        if (atomic_load(&c->stop) != 0)
            return;
        /* First say that it sleeps, then look: a commit first tells its pages, then looks whether
         * anybody sleeps. One of the two sees the other. */
        atomic_store(&c->asleep, 1);
        uint64_t pages = atomic_load(&db->wal_pages);
        if (pages < atomic_load(&c->wake_at) || atomic_load(&db->poisoned) != 0) {
            (void)skep__word_wait(&c->word, seen, 0);
            continue;
        }
        atomic_store(&c->asleep, 0);
        if (!skep__may_checkpoint(db, pages)) {
            atomic_store(&c->wake_at, pages + db->opts.checkpoint_pages);
            continue;
        }
        int rc = SKEP_OK;
        uint64_t left = 0;
        uint64_t began_ns = skep__now_ns();
        if (checkpoint_by_owner(db, pages, &rc))
            left = atomic_load(&db->wal_pages);
        else
            rc = checkpoint(db, &left);
        tell(db, rc, pages, left, began_ns);
        /* All copied: the WAL starts anew, and its length is what the next commit says. Else try
         * again after as many pages more. */
        if (rc < 0)
            left = pages;
        atomic_store(&c->wake_at, left + db->opts.checkpoint_pages);
        if (left == 0)
            atomic_store(&db->wal_pages, 0);
    }
}

void skep__checkpoint_notice(skep_db *db, uint64_t wal_pages)
{
    skep__checkpointer *c = &db->checkpointer;
    /* A WAL shorter than the last mark was started anew. */
    if (wal_pages < db->opts.checkpoint_pages &&
        atomic_load_explicit(&c->wake_at, memory_order_relaxed) > 2 * db->opts.checkpoint_pages)
        atomic_store(&c->wake_at, db->opts.checkpoint_pages);
    if (wal_pages < atomic_load_explicit(&c->wake_at, memory_order_relaxed) ||
        (db->opts.flags & SKEP_DB_FOREIGN) != 0 || atomic_load(&c->stop) != 0)
        return;
    if (!c->thread.started) { /* only a leader gets here, and there is one at a time */
        /* A leader may outlast the close, which must find the thread that it joins, or none ever.
         */
        skep__mutex_lock(&db->hooks_mutex);
        int rc = atomic_load(&c->stop) != 0
                     ? SKEP_OK
                     : skep__thread_start(&c->thread, "skep-checkpoint", thread_main, db);
        skep__mutex_unlock(&db->hooks_mutex);
        if (rc < 0) {
            atomic_store(&c->wake_at, wal_pages + db->opts.checkpoint_pages);
            SKEP__EVENT(SKEP_WARNING, "db.no_thread", {"path", skep_text(db->path)});
        }
        return;
    }
    if (atomic_exchange(&c->asleep, 0) == 0)
        return;
    atomic_fetch_add(&c->word, 1);
    skep__word_wake(&c->word, 1);
}

void skep__checkpoint_stop(skep_db *db)
{
    skep__checkpointer *c = &db->checkpointer;
    skep__mutex_lock(&db->hooks_mutex);
    atomic_store(&c->stop, 1);
    skep__mutex_unlock(&db->hooks_mutex);
    atomic_fetch_add(&c->word, 1);
    skep__word_wake(&c->word, INT_MAX);
    skep__thread_join(&c->thread);
}

/* Has the owner of checkpoints, who may have reasons to leave pages in the WAL, written all back?
 * He is asked in the maintenance thread. */
static bool ask_owner(skep_db *db)
{
    skep__checkpointer *c = &db->checkpointer;
    if (atomic_load(&c->left) == 0)
        return true;
    atomic_store(&c->wake_at, 0);
    skep__checkpoint_notice(db, atomic_load(&db->wal_pages));
    return false;
}

void skep__checkpoint_forget(skep_db *db)
{
    skep__mutex_lock(&db->checkpointer.mutex);
    atomic_store(&db->checkpointer.left, UINT64_MAX);
    skep__mutex_unlock(&db->checkpointer.mutex);
}

int skep__checkpoint_clear(skep_db *db, bool *clear)
{
    uint64_t pages = 0;
    uint64_t left = 0;
    bool owned = skep__checkpoint_owned(db);
    if (owned && !ask_owner(db))
        return SKEP_OK;
    int rc = pass_or_clear(db, &pages, &left, clear);
    return rc == SKEP_EBUSY ? SKEP_OK : rc;
}

int skep__checkpoint_last(skep_db *db)
{
    uint64_t pages = 0;
    uint64_t left = 0;
    int rc = pass(db, &pages, &left);
    /* Another process uses the file: the rest is its business. */
    return rc == SKEP_EBUSY ? SKEP_OK : rc;
}

int skep_db_checkpoint_pass(skep_db *db, int exclusive, uint64_t *left)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(left != NULL);
    SKEP__TRY(skep__db_here(db));
    if (!skep__db_writes(db))
        return SKEP__FAIL(SKEP_EREADONLY, "%s is open for reading only", db->path);
    SKEP__TRY(skep__db_check_poison(db));
    pass_result result = {0, 0};
    if (exclusive != 0)
        SKEP__TRY(skep__writer_exclusive(db, pass_as_writer, &result));
    else
        SKEP__TRY(pass(db, &result.pages, &result.left));
    *left = result.left;
    return SKEP_OK;
}
